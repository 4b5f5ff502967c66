//! Changing and copying messages (RFC 9051 sections 6.4.6 to 6.4.8).

use super::By;
use crate::annotation::Annotation;
use crate::encode::Encoder;
use crate::flag::{Flag, Flags};
use crate::keyword::keywords;
use crate::lex::{Cursor, FOLDED, Parsed};
use crate::mailbox::MailboxName;
use crate::number::ModSeqOrZero;
use crate::set::SequenceSet;
use crate::string::Octets;

/// `STORE`
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Store {
    /// How messages are named.
    pub by: By,
    /// Which messages.
    pub set: SequenceSet,
    /// Only those that have not changed since (RFC 7162 section 3.1.3).
    pub unchanged_since: Option<ModSeqOrZero>,
    /// Whether the client does not want to hear what it has done.
    pub silent: bool,
    /// How.
    pub how: StoreHow,
    /// What.
    pub what: StoreWhat,
}

keywords! {
    /// How flags are changed.
    pub enum StoreHow {
        /// These and no others.
        Replace = "",
        /// These too.
        Add = "+",
        /// These no more.
        Remove = "-",
    }
}

/// What is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreWhat {
    /// `FLAGS`
    Flags(Flags),
    /// `X-GM-LABELS`
    GmailLabels(Vec<Octets>),
    /// `ANNOTATION` (RFC 5257); it has no other ways to store than to replace.
    Annotations(Vec<Annotation>),
}

impl Store {
    /// A change of flags.
    pub fn new(by: By, set: SequenceSet, how: StoreHow, flags: Flags) -> Self {
        Self {
            by,
            set,
            unchanged_since: None,
            silent: false,
            how,
            what: StoreWhat::Flags(flags),
        }
    }

    pub(super) fn read(cursor: &mut Cursor<'_>, by: By) -> Parsed<Box<Self>> {
        cursor.space()?;
        let set = SequenceSet::read(cursor)?;
        cursor.space()?;
        let mut unchanged_since = None;
        if cursor.eat(b'(') {
            cursor.expect_word("UNCHANGEDSINCE")?;
            cursor.space()?;
            unchanged_since = Some(ModSeqOrZero::read(cursor)?);
            cursor.expect(b')', "a closing parenthesis")?;
            cursor.space()?;
        }
        let how = match cursor.peek() {
            Some(b'+') => StoreHow::Add,
            Some(b'-') => StoreHow::Remove,
            _ => StoreHow::Replace,
        };
        cursor.reset(cursor.at() + how.as_str().len());
        let start = cursor.at();
        let mut word = FOLDED;
        let (silent, what) = match cursor.keyword(&mut word, "what to store")? {
            b"FLAGS" => (false, read_flags(cursor)?),
            b"FLAGS.SILENT" => (true, read_flags(cursor)?),
            b"X-GM-LABELS" => (false, read_labels(cursor)?),
            b"X-GM-LABELS.SILENT" => (true, read_labels(cursor)?),
            b"ANNOTATION" if how == StoreHow::Replace => {
                cursor.space()?;
                (
                    false,
                    StoreWhat::Annotations(Annotation::read_list(cursor)?),
                )
            }
            _ => {
                cursor.reset(start);
                return cursor.fail("what can be stored");
            }
        };
        Ok(Box::new(Self {
            by,
            set,
            unchanged_since,
            silent,
            how,
            what,
        }))
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        to.space().display(&self.set);
        if let Some(since) = self.unchanged_since {
            to.raw(b" (UNCHANGEDSINCE ").number(since.value()).raw(b")");
        }
        to.space().word(self.how.as_str());
        let silent: &[u8] = if self.silent { b".SILENT " } else { b" " };
        match &self.what {
            StoreWhat::Flags(flags) => flags.write(to.raw(b"FLAGS").raw(silent)),
            StoreWhat::GmailLabels(labels) => {
                to.raw(b"X-GM-LABELS")
                    .raw(silent)
                    .list(labels, |to, label| {
                        to.astring(label);
                    });
            }
            StoreWhat::Annotations(annotations) => {
                Annotation::write_list(annotations, to.raw(b"ANNOTATION "));
            }
        }
    }
}

/// ` flag-list` or ` flag flag`
fn read_flags(cursor: &mut Cursor<'_>) -> Parsed<StoreWhat> {
    cursor.space()?;
    if cursor.peek() == Some(b'(') {
        return Flags::read(cursor).map(StoreWhat::Flags);
    }
    let mut flags = Flags::new();
    flags.insert(Flag::read(cursor)?);
    flags.extend(cursor.spaced(Flag::read)?);
    Ok(StoreWhat::Flags(flags))
}

fn read_labels(cursor: &mut Cursor<'_>) -> Parsed<StoreWhat> {
    cursor.space()?;
    match cursor.peek() {
        Some(b'(') => cursor.list(read_label).map(StoreWhat::GmailLabels),
        _ => Ok(StoreWhat::GmailLabels(vec![read_label(cursor)?])),
    }
}

/// One of Gmail's labels: an `astring`, or a system label with its backslash.
pub(crate) fn read_label(cursor: &mut Cursor<'_>) -> Parsed<Octets> {
    let start = cursor.at();
    if cursor.eat(b'\\') {
        cursor.atom()?;
        return Ok(cursor.slice(start, cursor.at()).into());
    }
    cursor.astring()
}

/// `COPY` and `MOVE`
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Copy {
    /// How messages are named.
    pub by: By,
    /// Which messages.
    pub set: SequenceSet,
    /// Where to.
    pub mailbox: MailboxName,
}

impl Copy {
    /// Which messages go where.
    pub fn new(by: By, set: SequenceSet, mailbox: MailboxName) -> Self {
        Self { by, set, mailbox }
    }

    pub(super) fn read(cursor: &mut Cursor<'_>, by: By) -> Parsed<Box<Self>> {
        cursor.space()?;
        let set = SequenceSet::read(cursor)?;
        cursor.space()?;
        let mailbox = MailboxName::read(cursor)?;
        Ok(Box::new(Self { by, set, mailbox }))
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        self.mailbox.write(to.space().display(&self.set).space());
    }
}
