//! What the header of a message says (RFC 9051 section 7.5.2, `ENVELOPE`).

use super::token::Token;
use crate::encode::Encoder;
use crate::lex::{Cursor, Parsed};
use crate::quirks::Quirks;
use crate::string::Octets;

/// The parsed header of a message.
///
/// Values stand as they do in the message, unfolded but not decoded (RFC 2047). `None` is a field that is not
/// there; one that is there and empty is an empty string.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Envelope {
    /// `Date`, as it was written.
    pub date: Option<Octets>,
    /// `Subject`
    pub subject: Option<Octets>,
    /// `From`
    pub from: Vec<Address>,
    /// `Sender`; servers repeat `From` here if there is none.
    pub sender: Vec<Address>,
    /// `Reply-To`; servers repeat `From` here if there is none.
    pub reply_to: Vec<Address>,
    /// `To`
    pub to: Vec<Address>,
    /// `Cc`
    pub cc: Vec<Address>,
    /// `Bcc`
    pub bcc: Vec<Address>,
    /// `In-Reply-To`
    pub in_reply_to: Option<Octets>,
    /// `Message-ID`
    pub message_id: Option<Octets>,
}

/// An address of a header, or the beginning or end of a group of them.
///
/// A group is its [beginning](Self::group), its addresses, and its [end](Self::group_end).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Address {
    /// The name of a person.
    pub name: Option<Octets>,
    /// The source route of old (RFC 822).
    pub route: Option<Octets>,
    /// What stands before the `@`; of the beginning of a group its name, of its end `None`.
    pub mailbox: Option<Octets>,
    /// What stands behind the `@`; `None` for the beginning and end of a group.
    pub host: Option<Octets>,
}

impl Address {
    /// An address.
    ///
    /// ```
    /// use imap_proto::response::Address;
    ///
    /// let address = Address::new(Some("Alice".into()), "alice", "example.org");
    /// assert_eq!(address.host, Some("example.org".into()));
    /// ```
    pub fn new(name: Option<Octets>, mailbox: impl Into<Octets>, host: impl Into<Octets>) -> Self {
        Self {
            name,
            route: None,
            mailbox: Some(mailbox.into()),
            host: Some(host.into()),
        }
    }

    /// The beginning of a group.
    pub fn group(name: impl Into<Octets>) -> Self {
        Self {
            mailbox: Some(name.into()),
            ..Self::default()
        }
    }

    /// The end of a group.
    pub fn group_end() -> Self {
        Self::default()
    }

    /// The name of the group that begins here.
    pub fn as_group(&self) -> Option<&Octets> {
        match self.host {
            None => self.mailbox.as_ref(),
            Some(_) => None,
        }
    }

    /// Whether a group ends here.
    pub fn is_group_end(&self) -> bool {
        self.host.is_none() && self.mailbox.is_none()
    }

    /// `address`
    fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        cursor.expect(b'(', "an address")?;
        let name = cursor.nstring()?;
        cursor.space()?;
        let route = cursor.nstring()?;
        cursor.space()?;
        let mailbox = cursor.nstring()?;
        cursor.space()?;
        let host = cursor.nstring()?;
        while cursor.eat_space() && cursor.forgives(Quirks::LONG_ADDRESS) {
            Token::read(cursor)?;
        }
        cursor.expect(b')', "the end of an address")?;
        Ok(Self {
            name,
            route,
            mailbox,
            host,
        })
    }

    fn write(&self, to: &mut Encoder) {
        to.raw(b"(").nstring(self.name.as_ref());
        to.space().nstring(self.route.as_ref());
        to.space().nstring(self.mailbox.as_ref());
        to.space().nstring(self.host.as_ref()).raw(b")");
    }
}

impl Envelope {
    /// `envelope`
    pub(in crate::response) fn read(cursor: &mut Cursor<'_>) -> Parsed<Box<Self>> {
        cursor.expect(b'(', "an envelope")?;
        let mut envelope = Box::<Self>::default();
        envelope.date = cursor.nstring()?;
        // Of a short one the fields behind stay empty.
        let _whole = envelope.read_behind_date(cursor)?;
        cursor.expect(b')', "the end of an envelope")?;
        Ok(envelope)
    }

    /// Up to the last field, or `None` if it ends before that, where that is forgiven.
    fn read_behind_date(&mut self, cursor: &mut Cursor<'_>) -> Parsed<Option<()>> {
        if !next_field(cursor)? {
            return Ok(None);
        }
        self.subject = cursor.nstring()?;
        for addresses in [
            &mut self.from,
            &mut self.sender,
            &mut self.reply_to,
            &mut self.to,
            &mut self.cc,
            &mut self.bcc,
        ] {
            if !next_field(cursor)? {
                return Ok(None);
            }
            *addresses = read_addresses(cursor)?;
        }
        for value in [&mut self.in_reply_to, &mut self.message_id] {
            if !next_field(cursor)? {
                return Ok(None);
            }
            *value = cursor.nstring()?;
        }
        Ok(Some(()))
    }

    pub(in crate::response) fn write(&self, to: &mut Encoder) {
        to.raw(b"(").nstring(self.date.as_ref());
        to.space().nstring(self.subject.as_ref());
        for addresses in [
            &self.from,
            &self.sender,
            &self.reply_to,
            &self.to,
            &self.cc,
            &self.bcc,
        ] {
            write_addresses(addresses, to.space());
        }
        to.space().nstring(self.in_reply_to.as_ref());
        to.space().nstring(self.message_id.as_ref()).raw(b")");
    }
}

/// Whether there is another field, behind a space.
#[inline]
fn next_field(cursor: &mut Cursor<'_>) -> Parsed<bool> {
    if cursor.peek() == Some(b')') && cursor.forgives(Quirks::SHORT_ENVELOPE) {
        return Ok(false);
    }
    cursor.space()?;
    Ok(true)
}

/// `"(" 1*address ")" / nil`
fn read_addresses(cursor: &mut Cursor<'_>) -> Parsed<Vec<Address>> {
    if !cursor.eat(b'(') {
        return match cursor.eat_word(b"NIL") {
            true => Ok(Vec::new()),
            false => cursor.fail("addresses or NIL"),
        };
    }
    let mut addresses = Vec::new();
    loop {
        match cursor.peek() {
            // Mostly there is one.
            Some(b'(') if addresses.is_empty() => addresses = vec![Address::read(cursor)?],
            Some(b'(') => addresses.push(Address::read(cursor)?),
            Some(b' ') if cursor.forgives(Quirks::EXTRA_SPACES) => {
                cursor.eat(b' ');
            }
            Some(b')') if !addresses.is_empty() || cursor.forgives(Quirks::EMPTY_LIST) => break,
            // `(NIL)`
            Some(b'N' | b'n') if cursor.eat_word(b"NIL") => {
                if !cursor.forgives(Quirks::EMPTY_LIST) {
                    return cursor.fail("an address");
                }
            }
            _ => return cursor.fail("an address"),
        }
    }
    cursor.eat(b')');
    Ok(addresses)
}

fn write_addresses(addresses: &[Address], to: &mut Encoder) {
    if addresses.is_empty() {
        to.raw(b"NIL");
        return;
    }
    to.raw(b"(");
    for address in addresses {
        address.write(to);
    }
    to.raw(b")");
}
