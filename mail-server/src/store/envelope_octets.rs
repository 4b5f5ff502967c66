//! Envelopes as octets, for a file of ours.
//!
//! Each string is its length in two octets, the lower one first, and then its octets; `FF FF` is one that is not there.
//! A list of addresses is their number in two octets, and then four strings for each. The fields of an envelope come
//! one after the other, and nothing behind them.

use bytes::{Buf, Bytes};
use imap_proto::Octets;
use imap_proto::response::{Address, Envelope};

/// Writes an envelope; `false` if one of its fields is too long.
#[must_use]
pub(super) fn write(envelope: &Envelope, to: &mut Vec<u8>) -> bool {
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
pub(super) fn read(mut octets: Bytes) -> Option<Envelope> {
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
            assert!(write(&envelope, &mut octets));
            assert_eq!(read(Bytes::from(octets.clone())), Some(envelope));
            for end in 0..octets.len() {
                assert_eq!(read(Bytes::copy_from_slice(&octets[..end])), None, "{end}");
            }
            octets.push(0);
            assert_eq!(read(octets.into()), None);
        }
    }

    #[test]
    fn what_is_too_long_is_not_written() {
        let mut envelope = sample();
        envelope.subject = Some("x".repeat(usize::from(NONE) - 1).into());
        assert!(write(&envelope, &mut Vec::new()));
        envelope.subject = Some("x".repeat(usize::from(NONE)).into());
        assert!(!write(&envelope, &mut Vec::new()));
        envelope = sample();
        envelope.cc = vec![Address::group_end(); usize::from(NONE)];
        assert!(!write(&envelope, &mut Vec::new()));
    }
}
