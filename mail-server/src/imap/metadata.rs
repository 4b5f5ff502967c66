//! METADATA (RFC 5464): what is noted about folders, and about the account as a whole.

use std::collections::BTreeMap;

use bytes::Bytes;
use imap_proto::command::{Depth, GetMetadata, MetadataEntry, SetMetadata};
use imap_proto::response::{Code, Data, Metadata, MetadataCode, MetadataEntries};
use imap_proto::server::Refusal;
use imap_proto::{MailboxName, Octets, Text};

use super::refusals;
use crate::limits::{METADATA_NAME, METADATA_OCTETS};
use crate::store::{Folders, StoreError};

/// What was asked for, and whether something was left out because it is too long.
pub(super) async fn get(
    folders: &dyn Folders,
    get: GetMetadata,
) -> Result<(Option<Data>, Option<Code>), Refusal> {
    let names = get.entries.iter().map(entry_name);
    let names = names.collect::<Result<Vec<_>, _>>()?;
    let noted = folders.metadata(folder(&get.mailbox)).await;
    let noted = noted.map_err(refusals::of_store)?;
    let depth = get.depth.unwrap_or(Depth::Zero);
    let mut told = BTreeMap::new();
    for name in names {
        // Of what is not there it is told that it is not.
        told.insert(name.clone(), None);
        for (found, value) in &noted {
            if is_within(found, &name, depth) {
                told.insert(found.clone(), Some(value));
            }
        }
    }
    let most = get.max_size.map_or(usize::MAX, |size| size as usize);
    let is_long = |value: &Option<&Bytes>| value.is_some_and(|value| value.len() > most);
    let long = told.values().filter(|value| is_long(value));
    let longest = long.flatten().map(|value| value.len() as u64).max();
    told.retain(|_, value| !is_long(value));
    let entries = told.into_iter().map(|(name, value)| {
        MetadataEntry::new(name, value.map(|value| Octets::from(value.clone())))
    });
    let entries: Vec<_> = entries.collect();
    let data = (!entries.is_empty()).then(|| {
        let entries = MetadataEntries::Values(entries);
        Data::Metadata(Box::new(Metadata::new(get.mailbox, entries)))
    });
    let code = longest.map(|octets| Code::Metadata(MetadataCode::LongEntries(octets)));
    Ok((data, code))
}

/// Entries of a folder that is in a list (RFC 9590).
pub(super) async fn of_listed(
    folders: &dyn Folders,
    name: &MailboxName,
    entries: &[Octets],
) -> Result<Option<Data>, Refusal> {
    let wanted = GetMetadata::new(name.clone(), entries.to_vec());
    Ok(get(folders, wanted).await?.0)
}

/// Notes something.
pub(super) async fn set(folders: &dyn Folders, set: SetMetadata) -> Result<(), Refusal> {
    let changes = set.entries.into_iter().map(|entry| {
        let value = entry.value.map(|value| Bytes::copy_from_slice(&value));
        Ok((entry_name(&entry.name)?, value))
    });
    let changes = changes.collect::<Result<Vec<_>, Refusal>>()?;
    let noted = folders.annotate(folder(&set.mailbox), changes).await;
    noted.map_err(|error| match error {
        StoreError::TooLarge => {
            let refusal = Refusal::new(Text::fixed("The value is too long"));
            let most = METADATA_OCTETS as u64;
            refusal.with_code(Code::Metadata(MetadataCode::MaxSize(most)))
        }
        StoreError::TooMany => {
            let refusal = Refusal::new(Text::fixed("There are too many entries"));
            refusal.with_code(Code::Metadata(MetadataCode::TooMany))
        }
        error => refusals::of_store(error),
    })
}

/// The folder of this name; none means the account.
fn folder(name: &MailboxName) -> Option<&MailboxName> {
    (!name.to_text().is_empty()).then_some(name)
}

/// A name in lower case (RFC 5464 section 3.1: case does not matter, and neither are there empty levels nor wildcards).
fn entry_name(name: &Octets) -> Result<String, Refusal> {
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    let is_in = |root| name.strip_prefix(root).is_some_and(|rest| !rest.is_empty());
    let is_plain = |octet: u8| (b' '..=b'~').contains(&octet) && !matches!(octet, b'*' | b'%');
    let is_good = (is_in("/private/") || is_in("/shared/"))
        && name.bytes().all(is_plain)
        && !name.contains("//")
        && !name.ends_with('/')
        && name.len() <= METADATA_NAME;
    match is_good {
        true => Ok(name),
        false => Err(Refusal::new(Text::fixed("That is no name of an entry"))),
    }
}

/// Whether an entry is the one that is named, or so far below it.
fn is_within(name: &str, top: &str, depth: Depth) -> bool {
    let Some(below) = name.strip_prefix(top) else {
        return false;
    };
    match (below.strip_prefix('/'), depth) {
        (None, _) => below.is_empty(),
        (Some(_), Depth::Zero) => false,
        (Some(rest), Depth::One) => !rest.contains('/'),
        (Some(_), _) => true,
    }
}
