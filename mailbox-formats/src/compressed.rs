//! Compressed archives, unpacked while they are read.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, Write};
use std::path::Path;

/// Opens a file to be read as it was before it was compressed, if its first bytes say that it
/// is and the feature for the format is on: `gzip`, `zstd`, `bzip2` or `xz`. Any other file
/// is read as it is.
///
/// A file of several compressed parts is read to its end.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("archive.mbox.gz");
/// # std::fs::write(&path, "From a@b Thu Jan  1 00:00:00 1970\n\n")?;
/// use mailbox_formats::mbox::{Reader, Rules};
///
/// let mut reader = Reader::new(mailbox_formats::compressed::open(&path)?, Rules::STRICT);
/// while let Some(message) = reader.next_message()? {
///     println!("{}", message.offset());
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The file cannot be opened, or it is compressed in a way of which the feature is off
/// ([`io::ErrorKind::Unsupported`]).
pub fn open(path: impl AsRef<Path>) -> io::Result<Box<dyn Read + Send>> {
    let mut file = BufReader::with_capacity(crate::limits::READ_BUFFER, File::open(path)?);
    let kind = Kind::of(file.fill_buf()?);
    match kind {
        Kind::Plain => Ok(Box::new(file)),
        #[cfg(feature = "gzip")]
        Kind::Gzip => Ok(Box::new(flate2::bufread::MultiGzDecoder::new(file))),
        #[cfg(feature = "zstd")]
        Kind::Zstd => Ok(Box::new(zstd::Decoder::with_buffer(file)?)),
        #[cfg(feature = "bzip2")]
        Kind::Bzip2 => Ok(Box::new(bzip2::bufread::MultiBzDecoder::new(file))),
        #[cfg(feature = "xz")]
        Kind::Xz => Ok(Box::new(liblzma::bufread::XzDecoder::new_multi_decoder(
            file,
        ))),
        #[allow(unreachable_patterns, reason = "with all features there is no other")]
        _ => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            format!(
                "compressed with {}, for which the feature is off",
                kind.name()
            ),
        )),
    }
}

/// The same as a file, which can be read from anywhere.
pub(crate) fn unpacked(path: &Path) -> io::Result<File> {
    let mut file = File::open(path)?;
    let mut start = Vec::new();
    (&file).take(8).read_to_end(&mut start)?;
    if Kind::of(&start) == Kind::Plain {
        file.rewind()?;
        return Ok(file);
    }
    let mut unpacked = tempfile::tempfile()?;
    io::copy(&mut open(path)?, &mut unpacked)?;
    unpacked.flush()?;
    unpacked.rewind()?;
    Ok(unpacked)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Plain,
    Gzip,
    Zstd,
    Bzip2,
    Xz,
}

impl Kind {
    /// What the first bytes of a file say.
    fn of(start: &[u8]) -> Self {
        let found = MAGIC.iter().find(|(magic, _)| start.starts_with(magic));
        found.map_or(Self::Plain, |(_, kind)| *kind)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Plain => "nothing",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
        }
    }
}

const MAGIC: [(&[u8], Kind); 4] = [
    (b"\x1f\x8b", Kind::Gzip),
    (b"\x28\xb5\x2f\xfd", Kind::Zstd),
    (b"BZh", Kind::Bzip2),
    (b"\xfd7zXZ\0", Kind::Xz),
];

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"From a@b Thu Jan  1 00:00:00 1970\nA: b\n\nHello.\n\n";

    fn read(compressed: &[u8]) -> io::Result<Vec<u8>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mbox");
        std::fs::write(&path, compressed).unwrap();
        let mut text = Vec::new();
        open(&path)?.read_to_end(&mut text)?;
        let mut again = Vec::new();
        unpacked(&path)?.read_to_end(&mut again)?;
        assert_eq!(text, again);
        Ok(text)
    }

    #[test]
    fn what_is_not_compressed_is_read_as_it_is() {
        for text in [TEXT, b"", b"B", b"\x1f"] {
            assert_eq!(read(text).unwrap(), text);
        }
    }

    #[cfg(not(feature = "gzip"))]
    #[test]
    fn a_feature_that_is_off_is_named() {
        let error = read(b"\x1f\x8b\x08").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
        assert!(error.to_string().contains("gzip"));
    }

    #[cfg(feature = "gzip")]
    #[test]
    fn gzip_is_unpacked() {
        let pack = || {
            let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            packed.write_all(TEXT).unwrap();
            packed.finish().unwrap()
        };
        assert_eq!(
            read(&[pack(), pack()].concat()).unwrap(),
            [TEXT, TEXT].concat()
        );
        assert!(read(&pack()[..20]).is_err());
    }

    #[cfg(feature = "zstd")]
    #[test]
    fn zstd_is_unpacked() {
        let packed = zstd::encode_all(TEXT, 1).unwrap();
        assert_eq!(
            read(&[&packed[..], &packed].concat()).unwrap(),
            [TEXT, TEXT].concat()
        );
    }

    #[cfg(feature = "bzip2")]
    #[test]
    fn bzip2_is_unpacked() {
        let mut packed = Vec::new();
        let level = bzip2::Compression::fast();
        bzip2::read::BzEncoder::new(TEXT, level)
            .read_to_end(&mut packed)
            .unwrap();
        assert_eq!(
            read(&[&packed[..], &packed].concat()).unwrap(),
            [TEXT, TEXT].concat()
        );
    }

    #[cfg(feature = "xz")]
    #[test]
    fn xz_is_unpacked() {
        let mut packed = Vec::new();
        liblzma::read::XzEncoder::new(TEXT, 1)
            .read_to_end(&mut packed)
            .unwrap();
        assert_eq!(
            read(&[&packed[..], &packed].concat()).unwrap(),
            [TEXT, TEXT].concat()
        );
    }
}
