//! What is said of mailboxes: STATUS (RFC 9051 section 7.3.4) and NAMESPACE (section 7.3.3).

use std::num::NonZeroU32;

use super::list::{read_delimiter, write_delimiter};
use super::token::Token;
use crate::encode::Encoder;
use crate::lex::{Cursor, FOLDED, Parsed};
use crate::mailbox::MailboxName;
use crate::number::ModSeqOrZero;
use crate::quirks::Quirks;
use crate::string::{Atom, Octets};

/// `STATUS`
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MailboxStatus {
    /// Of which mailbox.
    pub mailbox: MailboxName,
    /// What is said of it.
    pub values: Vec<StatusValue>,
}

/// Something about a mailbox; what is meant is told at [`StatusItem`](crate::StatusItem).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StatusValue {
    /// `MESSAGES`
    Messages(u32),
    /// `RECENT`
    Recent(u32),
    /// `UIDNEXT`; `None` if it was 0.
    UidNext(Option<NonZeroU32>),
    /// `UIDVALIDITY`; `None` if it was 0.
    UidValidity(Option<NonZeroU32>),
    /// `UNSEEN`
    Unseen(u32),
    /// `DELETED`
    Deleted(u32),
    /// `SIZE`, in octets.
    Size(u64),
    /// `HIGHESTMODSEQ`, 0 if the mailbox has no mod-sequences.
    HighestModSeq(ModSeqOrZero),
    /// `APPENDLIMIT`, in octets; `None` if there is no limit.
    AppendLimit(Option<u64>),
    /// `MAILBOXID`
    MailboxId(Atom),
    /// `DELETED-STORAGE`, in octets.
    DeletedStorage(u64),
    /// Something that is not known here.
    Other(Atom, Token),
}

impl MailboxStatus {
    /// What is said of a mailbox.
    pub fn new(mailbox: MailboxName, values: Vec<StatusValue>) -> Self {
        Self { mailbox, values }
    }

    pub(super) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        cursor.space()?;
        let mailbox = MailboxName::read(cursor)?;
        cursor.space()?;
        let values = cursor.list(StatusValue::read)?;
        Ok(Self { mailbox, values })
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        self.mailbox.write(to.raw(b"STATUS "));
        to.space().list(&self.values, |to, value| value.write(to));
    }
}

impl StatusValue {
    fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let start = cursor.at();
        let mut word = FOLDED;
        let name = cursor.item(&mut word, "something about a mailbox")?;
        Ok(match name {
            b"MESSAGES" => Self::Messages(cursor.number()?),
            b"RECENT" => Self::Recent(cursor.number()?),
            b"UIDNEXT" => Self::UidNext(read_number(cursor)?),
            b"UIDVALIDITY" => Self::UidValidity(read_number(cursor)?),
            b"UNSEEN" => Self::Unseen(cursor.number()?),
            b"DELETED" => Self::Deleted(cursor.number()?),
            b"SIZE" => Self::Size(cursor.number64()?),
            b"HIGHESTMODSEQ" => Self::HighestModSeq(ModSeqOrZero::read(cursor)?),
            b"APPENDLIMIT" if cursor.eat_word(b"NIL") => Self::AppendLimit(None),
            b"APPENDLIMIT" => Self::AppendLimit(Some(cursor.number64()?)),
            b"MAILBOXID" => Self::MailboxId(cursor.parenthesised(Cursor::atom)?),
            b"DELETED-STORAGE" => Self::DeletedStorage(cursor.number64()?),
            _ => {
                cursor.reset(start);
                let name = cursor.atom()?;
                cursor.space()?;
                Self::Other(name, Token::read(cursor)?)
            }
        })
    }

    fn write(&self, to: &mut Encoder) {
        match self {
            Self::Messages(count) => to.raw(b"MESSAGES ").number(*count),
            Self::Recent(count) => to.raw(b"RECENT ").number(*count),
            Self::UidNext(uid) => to.raw(b"UIDNEXT ").number(uid.map_or(0, NonZeroU32::get)),
            Self::UidValidity(value) => to
                .raw(b"UIDVALIDITY ")
                .number(value.map_or(0, NonZeroU32::get)),
            Self::Unseen(count) => to.raw(b"UNSEEN ").number(*count),
            Self::Deleted(count) => to.raw(b"DELETED ").number(*count),
            Self::Size(size) => to.raw(b"SIZE ").number(*size),
            Self::HighestModSeq(value) => to.raw(b"HIGHESTMODSEQ ").number(value.value()),
            Self::AppendLimit(None) => to.raw(b"APPENDLIMIT NIL"),
            Self::AppendLimit(Some(limit)) => to.raw(b"APPENDLIMIT ").number(*limit),
            Self::MailboxId(id) => to.raw(b"MAILBOXID (").word(id.as_str()).raw(b")"),
            Self::DeletedStorage(size) => to.raw(b"DELETED-STORAGE ").number(*size),
            Self::Other(name, value) => {
                value.write(to.word(name.as_str()).space());
                to
            }
        };
    }
}

/// A number that has to be there, or 0 where that is forgiven.
fn read_number(cursor: &mut Cursor<'_>) -> Parsed<Option<NonZeroU32>> {
    let start = cursor.at();
    let number = NonZeroU32::new(cursor.number()?);
    if number.is_none() && !cursor.forgives(Quirks::ZERO_NUMBER) {
        cursor.reset(start);
        return cursor.fail("a number other than 0");
    }
    Ok(number)
}

/// `NAMESPACE` (RFC 2342). Each is `None` if there is no such namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Namespaces {
    /// The user's own mailboxes.
    pub personal: Option<Vec<Namespace>>,
    /// Mailboxes of other users.
    pub others: Option<Vec<Namespace>>,
    /// Mailboxes that belong to nobody.
    pub shared: Option<Vec<Namespace>>,
}

/// Where some mailboxes are.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Namespace {
    /// What their names begin with.
    pub prefix: MailboxName,
    /// What stands between the levels of a name.
    pub delimiter: Option<char>,
    /// What extensions say, such as `TRANSLATION` (RFC 5255).
    pub extensions: Vec<(Octets, Vec<Octets>)>,
}

impl Namespace {
    /// Mailboxes whose names begin like this.
    pub fn new(prefix: MailboxName, delimiter: Option<char>) -> Self {
        Self {
            prefix,
            delimiter,
            extensions: Vec::new(),
        }
    }

    fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        cursor.expect(b'(', "a namespace")?;
        let prefix = MailboxName::read(cursor)?;
        cursor.space()?;
        let delimiter = read_delimiter(cursor)?;
        let extensions = cursor.spaced(|cursor| {
            let name = cursor.string()?;
            cursor.space()?;
            Ok((name, cursor.nonempty_list(|cursor| cursor.string())?))
        })?;
        cursor.expect(b')', "a closing parenthesis")?;
        Ok(Self {
            prefix,
            delimiter,
            extensions,
        })
    }

    fn write(&self, to: &mut Encoder) {
        to.raw(b"(");
        // The grammar has a string here, not any notation of a mailbox name.
        match to.encoding().utf8 {
            true => to.string(self.prefix.to_text().as_bytes()),
            false => to.string(self.prefix.to_utf7().as_bytes()),
        };
        write_delimiter(self.delimiter, to.space());
        for (name, values) in &self.extensions {
            to.space().string(name).space().list(values, |to, value| {
                to.string(value);
            });
        }
        to.raw(b")");
    }
}

impl Namespaces {
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let mut kind = || {
            cursor.space()?;
            if cursor.eat_word(b"NIL") {
                return Ok(None);
            }
            cursor.expect(b'(', "namespaces")?;
            let mut namespaces = vec![Namespace::read(cursor)?];
            while cursor.peek() == Some(b'(') {
                namespaces.push(Namespace::read(cursor)?);
            }
            cursor.expect(b')', "a closing parenthesis")?;
            Ok(Some(namespaces))
        };
        Ok(Self {
            personal: kind()?,
            others: kind()?,
            shared: kind()?,
        })
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        to.raw(b"NAMESPACE");
        for kind in [&self.personal, &self.others, &self.shared] {
            match kind.as_deref() {
                None | Some([]) => {
                    to.raw(b" NIL");
                }
                Some(namespaces) => {
                    to.raw(b" (");
                    for namespace in namespaces {
                        namespace.write(to);
                    }
                    to.raw(b")");
                }
            }
        }
    }
}
