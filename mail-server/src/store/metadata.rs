//! What people and programs note about folders (RFC 5464).

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;

use super::StoreError;
use super::lists::read_octets;
use super::replace::replace;
use crate::limits::{METADATA_ENTRIES, METADATA_OCTETS};

/// Entries with their values, by names in lower case such as `/private/comment`.
pub type Metadata = BTreeMap<String, Bytes>;

/// What is noted about a folder, and about the account: files of ours.
pub(super) const OF_A_FOLDER: &str = "mailwire-metadata";
pub(super) const OF_THE_SERVER: &str = "mailwire-server-metadata";

/// What a file says; nothing if it is not there. Blocks.
pub(super) fn read(path: &Path) -> Result<Metadata, StoreError> {
    Ok(parse(&read_octets(path)?))
}

/// Changes what a file says, which nobody else does meanwhile. Blocks.
pub(super) fn write(path: &Path, changes: Vec<(String, Option<Bytes>)>) -> Result<(), StoreError> {
    let mut noted = read(path)?;
    change(&mut noted, changes)?;
    Ok(replace(path, written(&noted))?)
}

/// Sets entries, and removes those without a value; all or none.
pub(super) fn change(
    metadata: &mut Metadata,
    changes: Vec<(String, Option<Bytes>)>,
) -> Result<(), StoreError> {
    let mut changed = metadata.clone();
    for (name, value) in changes {
        match value {
            Some(value) if value.len() > METADATA_OCTETS => return Err(StoreError::TooLarge),
            Some(value) => changed.insert(name, value),
            None => changed.remove(&name),
        };
    }
    if changed.len() > METADATA_ENTRIES.max(metadata.len()) {
        return Err(StoreError::TooMany);
    }
    *metadata = changed;
    Ok(())
}

/// Entries as they stand in a file of ours: a line that tells the format, then for each a line with its name and
/// the number of its octets, and these octets with a line end.
///
/// ```text
/// mailwire-metadata 1
/// /private/comment 5
/// hello
/// ```
fn written(metadata: &Metadata) -> Vec<u8> {
    let mut content = format!("{HEAD}\n").into_bytes();
    for (name, value) in metadata {
        content.extend_from_slice(format!("{name} {}\n", value.len()).as_bytes());
        content.extend_from_slice(value);
        content.push(b'\n');
    }
    content
}

/// Reads such a file. What stands behind a fault is lost.
fn parse(content: &[u8]) -> Metadata {
    let mut metadata = Metadata::new();
    let Some(mut rest) = content
        .strip_prefix(HEAD.as_bytes())
        .and_then(|rest| rest.strip_prefix(b"\n"))
    else {
        return metadata;
    };
    while let Some((name, value, behind)) = entry(rest) {
        metadata.insert(name, Bytes::copy_from_slice(value));
        rest = behind;
    }
    metadata
}

fn entry(content: &[u8]) -> Option<(String, &[u8], &[u8])> {
    let end = memchr::memchr(b'\n', content)?;
    let line = std::str::from_utf8(&content[..end]).ok()?;
    let (name, length) = line.rsplit_once(' ')?;
    let (value, rest) = content[end + 1..].split_at_checked(length.parse().ok()?)?;
    Some((name.to_owned(), value, rest.strip_prefix(b"\n")?))
}

const HEAD: &str = "mailwire-metadata 1";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut metadata = Metadata::new();
        let changes = vec![
            (
                "/private/a b".to_owned(),
                Some(Bytes::from_static(b"1\n2 3\n")),
            ),
            ("/shared/none".to_owned(), Some(Bytes::new())),
            ("/shared/gone".to_owned(), None),
        ];
        change(&mut metadata, changes).expect("few and small");
        assert_eq!(metadata.len(), 2);
        let content = written(&metadata);
        assert_eq!(parse(&content), metadata);
        for cut in 0..content.len() {
            let some = parse(&content[..cut]);
            assert!(
                some.iter()
                    .all(|(name, value)| metadata.get(name) == Some(value))
            );
        }
        assert_eq!(parse(b"mailwire-metadata 2\n/a 1\nx\n"), Metadata::new());
        assert_eq!(
            parse(b"mailwire-metadata 1\n/a 99999999999999999999\nx\n"),
            Metadata::new()
        );
    }

    #[test]
    fn there_are_no_more_than_the_limits_allow() {
        let mut metadata = Metadata::new();
        let entry = |number: usize, octets: usize| {
            (
                format!("/shared/{number}"),
                Some(Bytes::from(vec![b'x'; octets])),
            )
        };
        let large = change(&mut metadata, vec![entry(1, METADATA_OCTETS + 1)]);
        assert!(matches!(large, Err(StoreError::TooLarge)));
        let all = (0..METADATA_ENTRIES)
            .map(|number| entry(number, 1))
            .collect();
        change(&mut metadata, all).expect("as many as may be");
        let more = change(&mut metadata, vec![entry(METADATA_ENTRIES, 1)]);
        assert!(matches!(more, Err(StoreError::TooMany)));
        change(&mut metadata, vec![entry(1, METADATA_OCTETS)]).expect("no more than before");
    }
}
