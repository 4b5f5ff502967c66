//! Names of Maildir++ folders, as they stand in the directory.

/// The name of a folder: its parts, from the outermost inwards.
///
/// In a Maildir++ the folder `Work/Züge` is the directory `.Work.Z&APw-ge` of the Maildir:
/// the parts in modified UTF-7 (RFC 3501 section 5.1.3), each behind a dot. A dot or a slash
/// in a part is encoded as well. Some servers write UTF-8 instead, and then a part cannot
/// have these two.
///
/// ```
/// use mailbox_formats::maildir::{FolderName, NameEncoding};
///
/// let name = FolderName::new(["Work", "Z\u{fc}ge", "v1.0"]).unwrap();
/// let directory = name.directory(NameEncoding::ModifiedUtf7).unwrap();
/// assert_eq!(directory, ".Work.Z&APw-ge.v1&AC4-0");
/// assert_eq!(FolderName::parse(&directory, NameEncoding::ModifiedUtf7), Some(name));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FolderName(Vec<String>);

/// How parts of a name are written.
///
/// The list is complete: servers use one or the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NameEncoding {
    /// As IMAP4rev1 has it on the wire, and most servers on the disk.
    #[default]
    ModifiedUtf7,
    /// As it is: Dovecot with `UTF-8` in its mail location.
    Utf8,
}

impl FolderName {
    /// A name of parts; `None` if there is none, or one is empty or has a control in it.
    #[must_use]
    pub fn new<'a>(parts: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let parts: Vec<String> = parts.into_iter().map(str::to_owned).collect();
        let is_legal = |part: &String| !part.is_empty() && !part.contains(char::is_control);
        (!parts.is_empty() && parts.iter().all(is_legal)).then_some(Self(parts))
    }

    /// Reads the name of a directory; `None` if it is none of a folder. That an encoder would
    /// have written it another way does not matter, but nothing is guessed.
    #[must_use]
    pub fn parse(directory: &str, encoding: NameEncoding) -> Option<Self> {
        let parts = directory.strip_prefix('.')?.split('.');
        let parts: Option<Vec<String>> = match encoding {
            NameEncoding::ModifiedUtf7 => parts.map(decode).collect(),
            NameEncoding::Utf8 => Some(parts.map(str::to_owned).collect()),
        };
        Self::new(parts?.iter().map(String::as_str))
    }

    /// The name of the directory; `None` if a part cannot be written in this encoding, or the
    /// name is longer than a file system takes.
    #[must_use]
    pub fn directory(&self, encoding: NameEncoding) -> Option<String> {
        let mut name = String::new();
        for part in &self.0 {
            name.push('.');
            match encoding {
                NameEncoding::ModifiedUtf7 => encode(part, &mut name),
                NameEncoding::Utf8 if part.contains(['.', '/']) => return None,
                NameEncoding::Utf8 => name.push_str(part),
            }
        }
        (name.len() <= crate::limits::FILE_NAME).then_some(name)
    }

    /// The parts.
    #[must_use]
    pub fn parts(&self) -> &[String] {
        &self.0
    }
}

fn encode(part: &str, out: &mut String) {
    let mut units: Vec<u16> = Vec::new();
    for letter in part.chars() {
        if is_direct(letter) {
            shift(&mut units, out);
            out.push(letter);
            if letter == '&' {
                out.push('-');
            }
        } else {
            units.extend_from_slice(letter.encode_utf16(&mut [0; 2]));
        }
    }
    shift(&mut units, out);
}

/// Writes what has gathered as Base64 of UTF-16.
fn shift(units: &mut Vec<u16>, out: &mut String) {
    if units.is_empty() {
        return;
    }
    out.push('&');
    let (mut bits, mut count) = (0_u32, 0);
    for unit in units.drain(..) {
        bits = bits << 16 | u32::from(unit);
        count += 16;
        while count >= 6 {
            count -= 6;
            out.push(char::from(BASE64[(bits >> count & 63) as usize]));
        }
    }
    if count > 0 {
        out.push(char::from(BASE64[(bits << (6 - count) & 63) as usize]));
    }
    out.push('-');
}

fn decode(part: &str) -> Option<String> {
    let mut text = String::new();
    let mut rest = part;
    while let Some((direct, shifted)) = rest.split_once('&') {
        text.push_str(direct);
        let (code, behind) = shifted.split_once('-')?;
        rest = behind;
        match code {
            "" => text.push('&'),
            code => text.push_str(&unshift(code)?),
        }
    }
    text.push_str(rest);
    // What is not ASCII has to be encoded: else it is another encoding.
    text_is_legal(part).then_some(text)
}

fn unshift(code: &str) -> Option<String> {
    let mut units = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for letter in code.bytes() {
        let value = BASE64.iter().position(|known| *known == letter)?;
        bits = (bits << 6 | value as u32) & 0xff_ffff;
        count += 6;
        if count >= 16 {
            count -= 16;
            units.push((bits >> count) as u16);
        }
    }
    // What is left over is padding.
    let is_padded = count < 6 && bits & ((1 << count) - 1) == 0;
    is_padded.then(|| String::from_utf16(&units).ok())?
}

fn text_is_legal(part: &str) -> bool {
    part.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

/// A dot would be read as the start of a part, and a slash end the name of the file.
fn is_direct(letter: char) -> bool {
    (' '..='~').contains(&letter) && letter != '.' && letter != '/'
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_read_as_they_are_printed() {
        let table: &[(&[&str], &str)] = &[
            (&["Sent"], ".Sent"),
            (&["A", "B c"], ".A.B c"),
            (&["R&D"], ".R&-D"),
            (
                &[
                    "~peter",
                    "mail",
                    "\u{53f0}\u{5317}",
                    "\u{65e5}\u{672c}\u{8a9e}",
                ],
                ".~peter.mail.&U,BTFw-.&ZeVnLIqe-",
            ),
            (&["Entw\u{fc}rfe"], ".Entw&APw-rfe"),
            (&["\u{1f4ec}"], ".&2D3c7A-"),
            (&["a/b.c"], ".a&AC8-b&AC4-c"),
        ];
        for (parts, directory) in table {
            let name = FolderName::new(parts.iter().copied()).unwrap();
            let written = name.directory(NameEncoding::ModifiedUtf7).unwrap();
            assert_eq!(written, *directory);
            let read = FolderName::parse(directory, NameEncoding::ModifiedUtf7);
            assert_eq!(read, Some(name));
        }
        for odd in [
            "", ".", "A", "..A", ".A.", ".A..B", ".&", ".&AC4", ".&A-", ".&AP-", ".&2D0-",
            ".\u{fc}", ".&+-", ".a\u{1}",
        ] {
            assert_eq!(
                FolderName::parse(odd, NameEncoding::ModifiedUtf7),
                None,
                "{odd:?}"
            );
        }
        let utf8 = FolderName::parse(".\u{fc}.&", NameEncoding::Utf8).unwrap();
        assert_eq!(utf8.parts(), ["\u{fc}", "&"]);
        assert_eq!(utf8.directory(NameEncoding::Utf8).unwrap(), ".\u{fc}.&");
        assert_eq!(
            FolderName::new(["a.b"])
                .unwrap()
                .directory(NameEncoding::Utf8),
            None
        );
        assert_eq!(
            FolderName::new([&*"x".repeat(300)])
                .unwrap()
                .directory(NameEncoding::Utf8),
            None
        );
        assert_eq!(FolderName::new([]), None);
    }

    proptest! {
        #[test]
        fn every_name_survives(parts in prop::collection::vec("[^\\x00-\\x1f\\x7f-\\u{9f}]{1,8}", 1..4)) {
            let name = FolderName::new(parts.iter().map(String::as_str)).unwrap();
            let directory = name.directory(NameEncoding::ModifiedUtf7).unwrap();
            prop_assert!(!directory.contains('/') && directory.is_ascii());
            prop_assert_eq!(FolderName::parse(&directory, NameEncoding::ModifiedUtf7), Some(name));
        }
    }
}
