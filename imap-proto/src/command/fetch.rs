//! What is wanted of messages (RFC 9051 section 6.4.5, and what was added to it).

use std::num::NonZeroU32;

use super::By;
use crate::annotation::{read_one_or_list, read_pattern};
use crate::encode::Encoder;
use crate::keyword::keywords;
use crate::lex::{Cursor, FOLDED, Parsed};
use crate::number::ModSeqOrZero;
use crate::section::{Partial, Section, write_part};
use crate::set::{ResultRange, SequenceSet};
use crate::string::Octets;

/// `FETCH`
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fetch {
    /// How messages are named.
    pub by: By,
    /// Of which messages.
    pub set: SequenceSet,
    /// What.
    pub attributes: FetchAttributes,
    /// Under which conditions.
    pub modifiers: FetchModifiers,
}

/// What is wanted of each message.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FetchAttributes {
    /// What a word stands for.
    Macro(FetchMacro),
    /// These.
    These(Vec<FetchAttribute>),
}

keywords! {
    /// A word that stands for attributes.
    pub enum FetchMacro {
        /// `FLAGS INTERNALDATE RFC822.SIZE ENVELOPE`
        All = "ALL",
        /// `FLAGS INTERNALDATE RFC822.SIZE`
        Fast = "FAST",
        /// `FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY`
        Full = "FULL",
    }
}

impl FetchAttributes {
    /// The attributes, those of a macro one by one.
    pub fn expand(&self) -> &[FetchAttribute] {
        const FULL: &[FetchAttribute] = &[
            FetchAttribute::Flags,
            FetchAttribute::InternalDate,
            FetchAttribute::Rfc822Size,
            FetchAttribute::Envelope,
            FetchAttribute::Body,
        ];
        match self {
            Self::Macro(FetchMacro::Fast) => &FULL[..3],
            Self::Macro(FetchMacro::All) => &FULL[..4],
            Self::Macro(FetchMacro::Full) => FULL,
            Self::These(attributes) => attributes,
        }
    }
}

/// Something that is wanted of a message.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FetchAttribute {
    /// `ENVELOPE`
    Envelope,
    /// `FLAGS`
    Flags,
    /// `INTERNALDATE`
    InternalDate,
    /// `RFC822.SIZE`
    Rfc822Size,
    /// `RFC822`: like `BODY[]`.
    Rfc822,
    /// `RFC822.PEEK`, of the time before IMAP4, for which Outlook asks: like `BODY.PEEK[]`.
    Rfc822Peek,
    /// `RFC822.HEADER`: like `BODY.PEEK[HEADER]`.
    Rfc822Header,
    /// `RFC822.TEXT`: like `BODY[TEXT]`.
    Rfc822Text,
    /// `BODY`: the structure without extension data.
    Body,
    /// `BODYSTRUCTURE`
    BodyStructure,
    /// `UID`
    Uid,
    /// `BODY[]`, or if the message shall not become `\Seen`, `BODY.PEEK[]`.
    Section {
        /// Which part.
        section: Section,
        /// Which octets of it.
        partial: Option<Partial>,
        /// Whether the message stays as it is.
        peek: bool,
    },
    /// `BINARY[]` or `BINARY.PEEK[]` (RFC 3516): a part decoded.
    Binary {
        /// Which part.
        part: Vec<NonZeroU32>,
        /// Which octets of it.
        partial: Option<Partial>,
        /// Whether the message stays as it is.
        peek: bool,
    },
    /// `BINARY.SIZE[]`: how long a part is, decoded.
    BinarySize(Vec<NonZeroU32>),
    /// `MODSEQ` (RFC 7162)
    ModSeq,
    /// `EMAILID` (RFC 8474)
    EmailId,
    /// `THREADID` (RFC 8474)
    ThreadId,
    /// `SAVEDATE` (RFC 8514)
    SaveDate,
    /// `PREVIEW` (RFC 8970), or if it need not be made for this `PREVIEW (LAZY)`.
    Preview {
        /// Whether only what is at hand is wanted.
        lazy: bool,
    },
    /// `ANNOTATION` (RFC 5257): of these entries these attributes.
    Annotation {
        /// Names of entries, with wildcards.
        entries: Vec<Octets>,
        /// Names of attributes, with wildcards.
        attributes: Vec<Octets>,
    },
    /// `X-GM-MSGID`
    GmailMessageId,
    /// `X-GM-THRID`
    GmailThreadId,
    /// `X-GM-LABELS`
    GmailLabels,
}

impl FetchAttribute {
    /// `BODY.PEEK[]`, all or a part.
    pub fn peek(section: Section) -> Self {
        Self::Section {
            section,
            partial: None,
            peek: true,
        }
    }

    /// `fetch-att`
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let start = cursor.at();
        let mut word = FOLDED;
        // A bracket belongs to atoms in the grammar, but not to these words.
        Ok(
            match cursor.keyword_before(b'[', &mut word, "an attribute")? {
                b"FLAGS" => Self::Flags,
                b"UID" => Self::Uid,
                b"ENVELOPE" => Self::Envelope,
                b"INTERNALDATE" => Self::InternalDate,
                b"RFC822.SIZE" => Self::Rfc822Size,
                b"BODYSTRUCTURE" => Self::BodyStructure,
                b"BODY" if cursor.peek() == Some(b'[') => read_section(cursor, false)?,
                b"BODY" => Self::Body,
                b"BODY.PEEK" => read_section(cursor, true)?,
                b"MODSEQ" => Self::ModSeq,
                b"RFC822" => Self::Rfc822,
                b"RFC822.PEEK" => Self::Rfc822Peek,
                b"RFC822.HEADER" => Self::Rfc822Header,
                b"RFC822.TEXT" => Self::Rfc822Text,
                b"BINARY" => read_binary(cursor, false)?,
                b"BINARY.PEEK" => read_binary(cursor, true)?,
                b"BINARY.SIZE" => Self::BinarySize(read_binary_part(cursor)?),
                b"EMAILID" => Self::EmailId,
                b"THREADID" => Self::ThreadId,
                b"SAVEDATE" => Self::SaveDate,
                b"PREVIEW" => Self::Preview {
                    lazy: read_lazy(cursor),
                },
                b"ANNOTATION" => {
                    cursor.space()?;
                    cursor.parenthesised(|cursor| {
                        let entries = read_one_or_list(cursor, read_pattern)?;
                        cursor.space()?;
                        let attributes = read_one_or_list(cursor, read_pattern)?;
                        Ok(Self::Annotation {
                            entries,
                            attributes,
                        })
                    })?
                }
                b"X-GM-MSGID" => Self::GmailMessageId,
                b"X-GM-THRID" => Self::GmailThreadId,
                b"X-GM-LABELS" => Self::GmailLabels,
                _ => {
                    cursor.reset(start);
                    return cursor.fail("an attribute of a message");
                }
            },
        )
    }

    pub(crate) fn write(&self, to: &mut Encoder) {
        match self {
            Self::Envelope => to.raw(b"ENVELOPE"),
            Self::Flags => to.raw(b"FLAGS"),
            Self::InternalDate => to.raw(b"INTERNALDATE"),
            Self::Rfc822Size => to.raw(b"RFC822.SIZE"),
            Self::Rfc822 => to.raw(b"RFC822"),
            Self::Rfc822Peek => to.raw(b"RFC822.PEEK"),
            Self::Rfc822Header => to.raw(b"RFC822.HEADER"),
            Self::Rfc822Text => to.raw(b"RFC822.TEXT"),
            Self::Body => to.raw(b"BODY"),
            Self::BodyStructure => to.raw(b"BODYSTRUCTURE"),
            Self::Uid => to.raw(b"UID"),
            Self::Section {
                section,
                partial,
                peek,
            } => {
                to.raw(if *peek { b"BODY.PEEK" } else { b"BODY" });
                section.write(to);
                write_partial(*partial, to);
                to
            }
            Self::Binary {
                part,
                partial,
                peek,
            } => {
                to.raw(if *peek { b"BINARY.PEEK[" } else { b"BINARY[" });
                write_part(part, to);
                write_partial(*partial, to.raw(b"]"));
                to
            }
            Self::BinarySize(part) => {
                to.raw(b"BINARY.SIZE[");
                write_part(part, to);
                to.raw(b"]")
            }
            Self::ModSeq => to.raw(b"MODSEQ"),
            Self::EmailId => to.raw(b"EMAILID"),
            Self::ThreadId => to.raw(b"THREADID"),
            Self::SaveDate => to.raw(b"SAVEDATE"),
            Self::Preview { lazy: false } => to.raw(b"PREVIEW"),
            Self::Preview { lazy: true } => to.raw(b"PREVIEW (LAZY)"),
            Self::Annotation {
                entries,
                attributes,
            } => {
                to.raw(b"ANNOTATION (").list(entries, |to, entry| {
                    to.string(entry);
                });
                to.space().list(attributes, |to, attribute| {
                    to.string(attribute);
                });
                to.raw(b")")
            }
            Self::GmailMessageId => to.raw(b"X-GM-MSGID"),
            Self::GmailThreadId => to.raw(b"X-GM-THRID"),
            Self::GmailLabels => to.raw(b"X-GM-LABELS"),
        };
    }
}

fn read_section(cursor: &mut Cursor<'_>, peek: bool) -> Parsed<FetchAttribute> {
    Ok(FetchAttribute::Section {
        section: Section::read(cursor)?,
        partial: read_partial(cursor)?,
        peek,
    })
}

fn read_binary(cursor: &mut Cursor<'_>, peek: bool) -> Parsed<FetchAttribute> {
    Ok(FetchAttribute::Binary {
        part: read_binary_part(cursor)?,
        partial: read_partial(cursor)?,
        peek,
    })
}

/// `section-binary`
pub(crate) fn read_binary_part(cursor: &mut Cursor<'_>) -> Parsed<Vec<NonZeroU32>> {
    cursor.expect(b'[', "a section")?;
    let part = Section::read_part(cursor)?;
    cursor.expect(b']', "a closing bracket")?;
    Ok(part)
}

fn read_partial(cursor: &mut Cursor<'_>) -> Parsed<Option<Partial>> {
    match cursor.peek() {
        Some(b'<') => Partial::read(cursor).map(Some),
        _ => Ok(None),
    }
}

fn write_partial(partial: Option<Partial>, to: &mut Encoder) {
    if let Some(partial) = partial {
        partial.write(to);
    }
}

/// ` (LAZY)`, if it is there: what else follows may be another attribute.
fn read_lazy(cursor: &mut Cursor<'_>) -> bool {
    let start = cursor.at();
    let lazy = cursor.eat(b' ') && cursor.eat(b'(') && cursor.eat_word(b"LAZY") && cursor.eat(b')');
    if !lazy {
        cursor.reset(start);
    }
    lazy
}

/// Under which conditions something is told of a message (RFC 4466 section 2.4).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FetchModifiers {
    /// `CHANGEDSINCE`: only if it has changed since (RFC 7162 section 3.1.4.1).
    pub changed_since: Option<ModSeqOrZero>,
    /// `VANISHED`: and tell which are gone since (RFC 7162 section 3.2.6).
    pub vanished: bool,
    /// `PARTIAL`: only these of the messages (RFC 9394).
    pub partial: Option<ResultRange>,
}

impl Fetch {
    /// What is wanted of which messages.
    pub fn new(by: By, set: SequenceSet, attributes: Vec<FetchAttribute>) -> Self {
        Self {
            by,
            set,
            attributes: FetchAttributes::These(attributes),
            modifiers: FetchModifiers::default(),
        }
    }

    pub(super) fn read(cursor: &mut Cursor<'_>, by: By) -> Parsed<Box<Self>> {
        cursor.space()?;
        let set = SequenceSet::read(cursor)?;
        cursor.space()?;
        let attributes = match cursor.peek() {
            Some(b'(') => FetchAttributes::These(cursor.nonempty_list(FetchAttribute::read)?),
            _ => {
                let known = [FetchMacro::All, FetchMacro::Fast, FetchMacro::Full];
                let found = known
                    .into_iter()
                    .find(|word| cursor.eat_word(word.as_str().as_bytes()));
                match found {
                    Some(word) => FetchAttributes::Macro(word),
                    None => FetchAttributes::These(vec![FetchAttribute::read(cursor)?]),
                }
            }
        };
        let mut modifiers = FetchModifiers::default();
        if cursor.eat_space() {
            modifiers = FetchModifiers::read(cursor)?;
        }
        Ok(Box::new(Self {
            by,
            set,
            attributes,
            modifiers,
        }))
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        to.space().display(&self.set).space();
        match &self.attributes {
            FetchAttributes::Macro(word) => {
                to.word(word.as_str());
            }
            FetchAttributes::These(attributes) => match &attributes[..] {
                [one] => one.write(to),
                attributes => {
                    to.list(attributes, |to, attribute| attribute.write(to));
                }
            },
        }
        self.modifiers.write(to);
    }
}

impl FetchModifiers {
    fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let mut modifiers = Self::default();
        cursor.nonempty_list(|cursor| {
            let start = cursor.at();
            let mut word = FOLDED;
            match cursor.keyword(&mut word, "a modifier")? {
                b"CHANGEDSINCE" => {
                    cursor.space()?;
                    modifiers.changed_since = Some(ModSeqOrZero::read_nonzero(cursor)?);
                }
                b"VANISHED" => modifiers.vanished = true,
                b"PARTIAL" => {
                    cursor.space()?;
                    modifiers.partial = Some(ResultRange::read(cursor)?);
                }
                _ => {
                    cursor.reset(start);
                    return cursor.fail("a modifier that is known");
                }
            }
            Ok(())
        })?;
        Ok(modifiers)
    }

    fn write(&self, to: &mut Encoder) {
        let mut before: &[u8] = b" (";
        if let Some(since) = self.changed_since {
            to.raw(before).raw(b"CHANGEDSINCE ").number(since.value());
            before = b" ";
        }
        if self.vanished {
            to.raw(before).raw(b"VANISHED");
            before = b" ";
        }
        if let Some(range) = &self.partial {
            to.raw(before).raw(b"PARTIAL ").display(range);
            before = b" ";
        }
        if before == b" " {
            to.raw(b")");
        }
    }
}
