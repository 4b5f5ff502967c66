//! An envelope on disk, as a record of [a file of them](super::envelope_file).
//!
//! It begins with the length of the envelope (4 octets), the UID of the message (4), its size (8) and a checksum of all
//! that and of the folder's UIDVALIDITY (8). The lowest octet of a number comes first.
//!
//! Then come the fields of the envelope. Each string is its length (2) and its octets; `FF FF` is one that is not there.
//! A list of addresses is their number (2), and four strings for each.

use std::fs::File;
use std::hash::Hasher as _;
use std::num::NonZeroU32;
use std::os::unix::fs::FileExt;

use bytes::{Buf, Bytes};
use imap_proto::Octets;
use imap_proto::response::{Address, Envelope};
use siphasher::sip::SipHasher13;

use crate::limits::ENVELOPE_OCTETS;

/// What a record begins with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    length: u32,
    uid: NonZeroU32,
    /// The octets of the message.
    size: u64,
    checksum: u64,
}

/// The record of a message with this UID and size; `None` if its envelope is too large.
pub(super) fn of(
    uid_validity: NonZeroU32,
    (uid, size): (NonZeroU32, u64),
    envelope: &Envelope,
) -> Option<Vec<u8>> {
    let mut record = vec![0; Head::LENGTH];
    let fits = write_envelope(envelope, &mut record);
    let (head, octets) = record.split_at_mut(Head::LENGTH);
    let length = u32::try_from(octets.len()).ok();
    let length = length.filter(|length| fits && *length <= ENVELOPE_OCTETS)?;
    let checksum = sum(uid_validity, (uid, size), octets);
    head[..4].copy_from_slice(&length.to_le_bytes());
    head[4..8].copy_from_slice(&uid.get().to_le_bytes());
    head[8..16].copy_from_slice(&size.to_le_bytes());
    head[16..].copy_from_slice(&checksum.to_le_bytes());
    Some(record)
}

/// Reads a record, with its head, that is as it should be.
pub(super) fn read_at(file: &File, place: u64, uid_validity: NonZeroU32) -> Option<(Head, Bytes)> {
    let mut octets = [0; Head::LENGTH];
    file.read_exact_at(&mut octets, place).ok()?;
    let head = Head::read(&octets)?;
    let mut record = octets.to_vec();
    record.resize(usize::try_from(head.record_length()).ok()?, 0);
    let (_, envelope) = record.split_at_mut(Head::LENGTH);
    file.read_exact_at(envelope, place + Head::LENGTH as u64)
        .ok()?;
    let is_whole = sum(uid_validity, head.message(), envelope) == head.checksum;
    is_whole.then(|| (head, record.into()))
}

/// The envelope of a record, which shares its octets.
pub(super) fn envelope(record: &Bytes) -> Option<Envelope> {
    read_envelope(record.slice(Head::LENGTH.min(record.len())..))
}

impl Head {
    /// Its octets.
    pub(super) const LENGTH: usize = 24;

    /// Reads it; `None` if no record begins like this.
    pub(super) fn read(mut octets: &[u8]) -> Option<Self> {
        let length = octets.try_get_u32_le().ok();
        Some(Self {
            length: length.filter(|length| *length <= ENVELOPE_OCTETS)?,
            uid: NonZeroU32::new(octets.try_get_u32_le().ok()?)?,
            size: octets.try_get_u64_le().ok()?,
            checksum: octets.try_get_u64_le().ok()?,
        })
    }

    /// The UID and the size of the message.
    pub(super) fn message(&self) -> (NonZeroU32, u64) {
        (self.uid, self.size)
    }

    /// The octets of the record.
    pub(super) fn record_length(&self) -> u64 {
        Self::LENGTH as u64 + u64::from(self.length)
    }
}

/// The checksum of a record.
fn sum(uid_validity: NonZeroU32, (uid, size): (NonZeroU32, u64), envelope: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(&uid_validity.get().to_le_bytes());
    hasher.write(&uid.get().to_le_bytes());
    hasher.write(&size.to_le_bytes());
    hasher.write(envelope);
    hasher.finish()
}

/// Writes an envelope; `false` if one of its fields is too long.
#[must_use]
fn write_envelope(envelope: &Envelope, to: &mut Vec<u8>) -> bool {
    let texts = [&envelope.date, &envelope.subject];
    let lists = [
        &envelope.from,
        &envelope.sender,
        &envelope.reply_to,
        &envelope.to,
        &envelope.cc,
        &envelope.bcc,
    ];
    let ids = [&envelope.in_reply_to, &envelope.message_id];
    texts.iter().all(|text| write_string(text, to))
        && lists.iter().all(|list| write_addresses(list, to))
        && ids.iter().all(|id| write_string(id, to))
}

fn write_addresses(addresses: &[Address], to: &mut Vec<u8>) -> bool {
    let strings = |address: &Address, to: &mut Vec<u8>| {
        [
            &address.name,
            &address.route,
            &address.mailbox,
            &address.host,
        ]
        .iter()
        .all(|string| write_string(string, to))
    };
    write_number(addresses.len(), to) && addresses.iter().all(|address| strings(address, to))
}

fn write_string(string: &Option<Octets>, to: &mut Vec<u8>) -> bool {
    let Some(string) = string else {
        to.extend(NONE.to_le_bytes());
        return true;
    };
    let written = write_number(string.len(), to);
    to.extend_from_slice(string);
    written
}

fn write_number(number: usize, to: &mut Vec<u8>) -> bool {
    match u16::try_from(number) {
        Ok(number) if number < NONE => {
            to.extend(number.to_le_bytes());
            true
        }
        _ => false,
    }
}

/// Reads an envelope, which shares these octets; `None` if they are not one.
fn read_envelope(mut octets: Bytes) -> Option<Envelope> {
    let from = &mut octets;
    let mut envelope = Envelope::default();
    for text in [&mut envelope.date, &mut envelope.subject] {
        *text = read_string(from)?;
    }
    for list in [
        &mut envelope.from,
        &mut envelope.sender,
        &mut envelope.reply_to,
        &mut envelope.to,
        &mut envelope.cc,
        &mut envelope.bcc,
    ] {
        *list = read_addresses(from)?;
    }
    for id in [&mut envelope.in_reply_to, &mut envelope.message_id] {
        *id = read_string(from)?;
    }
    octets.is_empty().then_some(envelope)
}

fn read_addresses(from: &mut Bytes) -> Option<Vec<Address>> {
    let count = from.try_get_u16_le().ok()?;
    let address = |_| {
        let mut address = Address::default();
        for string in [
            &mut address.name,
            &mut address.route,
            &mut address.mailbox,
            &mut address.host,
        ] {
            *string = read_string(from)?;
        }
        Some(address)
    };
    (0..count).map(address).collect()
}

#[expect(
    clippy::option_option,
    reason = "a string that is not there is there to be read"
)]
fn read_string(from: &mut Bytes) -> Option<Option<Octets>> {
    match from.try_get_u16_le().ok()? {
        NONE => Some(None),
        length if usize::from(length) <= from.len() => {
            Some(Some(from.split_to(length.into()).into()))
        }
        _ => None,
    }
}

const NONE: u16 = u16::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Envelope {
        let mut envelope = Envelope::default();
        envelope.date = Some("Mon, 7 Feb 1994 21:52:25 -0800".into());
        envelope.subject = Some(Octets::from(&b"\xff\x00 \r\n"[..]));
        envelope.from = vec![Address::new(Some("Alice".into()), "alice", "example.org")];
        envelope.to = vec![
            Address::group("friends"),
            Address::new(None, "", "example.net"),
            Address::group_end(),
        ];
        envelope.in_reply_to = Some("".into());
        envelope
    }

    #[test]
    fn what_is_written_is_read() {
        for envelope in [Envelope::default(), sample()] {
            let mut octets = Vec::new();
            assert!(write_envelope(&envelope, &mut octets));
            assert_eq!(read_envelope(Bytes::from(octets.clone())), Some(envelope));
            for end in 0..octets.len() {
                assert_eq!(
                    read_envelope(Bytes::copy_from_slice(&octets[..end])),
                    None,
                    "{end}"
                );
            }
            octets.push(0);
            assert_eq!(read_envelope(octets.into()), None);
        }
    }

    #[test]
    fn what_is_too_long_is_not_written() {
        let mut envelope = sample();
        envelope.subject = Some("x".repeat(usize::from(NONE) - 1).into());
        assert!(write_envelope(&envelope, &mut Vec::new()));
        envelope.subject = Some("x".repeat(usize::from(NONE)).into());
        assert!(!write_envelope(&envelope, &mut Vec::new()));
        envelope = sample();
        envelope.cc = vec![Address::group_end(); usize::from(NONE)];
        assert!(!write_envelope(&envelope, &mut Vec::new()));
    }
}
