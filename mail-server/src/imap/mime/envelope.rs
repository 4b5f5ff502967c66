//! `ENVELOPE`: the header as IMAP tells it (RFC 9051 section 7.5.2).

use std::borrow::Cow;

use imap_proto::Octets;
use imap_proto::response::{Address, Envelope};
use mail_parser::parsers::MessageStream;
use mail_parser::{Addr, HeaderValue};
use memchr::memmem;

use super::field::{Field, Header};

pub(super) fn of(header: &Header) -> Envelope {
    let addresses = |name| {
        header
            .field(name)
            .map_or_else(Vec::new, |field| addresses(&field))
    };
    let from = addresses("From");
    // As the RFC has servers do it.
    let or_from = |addresses: Vec<Address>| match addresses.is_empty() {
        true => from.clone(),
        false => addresses,
    };
    let mut envelope = Envelope::default();
    envelope.date = header.value("Date");
    envelope.subject = header.value("Subject");
    envelope.sender = or_from(addresses("Sender"));
    envelope.reply_to = or_from(addresses("Reply-To"));
    envelope.to = addresses("To");
    envelope.cc = addresses("Cc");
    envelope.bcc = addresses("Bcc");
    envelope.in_reply_to = header.value("In-Reply-To");
    envelope.message_id = header.value("Message-ID");
    envelope.from = from;
    envelope
}

/// The names of the fields that it is made of.
pub(super) fn fields() -> [Octets; 10] {
    [
        "Date",
        "Subject",
        "From",
        "Sender",
        "Reply-To",
        "To",
        "Cc",
        "Bcc",
        "In-Reply-To",
        "Message-ID",
    ]
    .map(Octets::fixed)
}

/// The addresses of a field. Names stay encoded (RFC 2047).
fn addresses(field: &Field) -> Vec<Address> {
    let masked = mask(field.octets());
    let HeaderValue::Address(found) = MessageStream::new(&masked).parse_address() else {
        return Vec::new();
    };
    let mut told = Vec::new();
    match found {
        mail_parser::Address::List(list) => told.extend(list.iter().map(address)),
        mail_parser::Address::Group(groups) => {
            for group in groups {
                // Those before and behind groups are in groups without a name.
                if let Some(name) = &group.name {
                    told.push(Address::group(unmask(name)));
                }
                told.extend(group.addresses.iter().map(address));
                if group.name.is_some() {
                    told.push(Address::group_end());
                }
            }
        }
    }
    told
}

fn address(address: &Addr<'_>) -> Address {
    let (name, whole) = match (address.name.as_deref(), address.address.as_deref()) {
        // A lone word is somebody on the same host.
        (Some(word), None) if !word.contains(' ') => (None, word),
        (name, whole) => (name, whole.unwrap_or_default()),
    };
    let (mailbox, host) = whole.rsplit_once('@').unwrap_or((whole, ""));
    Address::new(name.map(unmask), unmask(mailbox), unmask(host))
}

/// Encoded words begin `=?`. Begun otherwise they pass through mail-parser as they are.
const MASK: u8 = 0x1a;

fn mask(value: &[u8]) -> Cow<'_, [u8]> {
    let mut words = memmem::find_iter(value, b"=?").peekable();
    if words.peek().is_none() {
        return Cow::Borrowed(value);
    }
    let mut masked = value.to_vec();
    for word in words {
        masked[word] = MASK;
    }
    Cow::Owned(masked)
}

fn unmask(value: &str) -> Octets {
    let kept = value
        .bytes()
        .filter(|octet| !matches!(octet, b'\r' | b'\n' | 0));
    let octets = kept.map(|octet| if octet == MASK { b'=' } else { octet });
    octets.collect::<Vec<u8>>().into()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use imap_proto::response::{Address, Envelope};

    use super::super::field::Header;

    fn envelope(header: &'static str) -> Envelope {
        super::of(&Header::new(Bytes::from_static(header.as_bytes())))
    }

    #[test]
    fn addresses_keep_their_encoding() {
        let told = envelope(
            "From: =?utf-8?q?J=C3=B6rg?= Example <joerg@example.org>\r\n\
             To: \"Quoted, name\" <a@example.org>,\r\n b@example.org (Comment)\r\n\r\n",
        );
        let from = Address::new(
            Some("=?utf-8?q?J=C3=B6rg?= Example".into()),
            "joerg",
            "example.org",
        );
        assert_eq!(told.from, std::slice::from_ref(&from));
        assert_eq!(
            (&told.sender[..], &told.reply_to[..]),
            (&[from.clone()][..], &[from][..])
        );
        assert_eq!(
            told.to,
            [
                Address::new(Some("Quoted, name".into()), "a", "example.org"),
                Address::new(Some("Comment".into()), "b", "example.org"),
            ]
        );
        assert_eq!((told.subject, told.date), (None, None));
    }

    #[test]
    fn groups_are_opened_and_closed() {
        let told = envelope("To: x@example.org, The group: a@example.org, b@example.org;\r\n\r\n");
        assert_eq!(
            told.to,
            [
                Address::new(None, "x", "example.org"),
                Address::group("The group"),
                Address::new(None, "a", "example.org"),
                Address::new(None, "b", "example.org"),
                Address::group_end(),
            ]
        );
        let none = envelope("To: undisclosed-recipients:;\r\n\r\n");
        assert_eq!(
            none.to,
            [
                Address::group("undisclosed-recipients"),
                Address::group_end()
            ]
        );
    }

    #[test]
    fn texts_are_unfolded_and_not_decoded() {
        let told = envelope(
            "Date: Mon, 7 Feb 1994 21:52:25 -0800 (PST)\r\nSubject: =?utf-8?q?a?=\r\n  b \r\n\
             Message-ID: <B27397-0100000@example.org>\r\nIn-Reply-To:\r\n\r\n",
        );
        assert_eq!(
            told.date,
            Some("Mon, 7 Feb 1994 21:52:25 -0800 (PST)".into())
        );
        assert_eq!(told.subject, Some("=?utf-8?q?a?=  b".into()));
        assert_eq!(told.in_reply_to, Some("".into()));
    }

    #[test]
    fn what_is_no_address_is_still_told() {
        let told = envelope("From: root\r\nTo: <>\r\nSubject: a\0b\r\n\r\n");
        assert_eq!(told.from, [Address::new(None, "root", "")]);
        assert_eq!(told.subject, Some("ab".into()));
    }
}
