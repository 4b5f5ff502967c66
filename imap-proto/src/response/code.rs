//! Response codes: what programs should know besides how it went (RFC 9051 section 7.1).

use std::num::NonZeroU32;

use super::detail::{
    AnnotateCode, AnnotationLimits, CopyUid, InProgress, MetadataCode, tag, write_tag,
};
use crate::capability::Capability;
use crate::encode::Encoder;
use crate::flag::PermanentFlags;
use crate::keyword::keywords;
use crate::lex::{Cursor, FOLDED, Parsed};
use crate::number::ModSeq;
use crate::quirks::Quirks;
use crate::set::{NumberSet, OrderedSet};
use crate::string::{Atom, Text};
use crate::tag::Tag;

/// A response code.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Code {
    /// One that is a word alone.
    Word(CodeWord),
    /// `BADCHARSET`: what is supported, if the server says so.
    BadCharset(Vec<Atom>),
    /// `CAPABILITY`
    Capability(Vec<Capability>),
    /// `PERMANENTFLAGS`
    PermanentFlags(Box<PermanentFlags>),
    /// `UIDNEXT`: the lowest UID that the next message may get.
    UidNext(NonZeroU32),
    /// `UIDVALIDITY`
    UidValidity(NonZeroU32),
    /// `UNSEEN`, of IMAP4rev1: the first message that is not `\Seen`.
    Unseen(NonZeroU32),
    /// `APPENDUID`: the UIDs of new messages (RFC 4315).
    AppendUid {
        /// What makes the UIDs valid.
        uid_validity: NonZeroU32,
        /// The UIDs, in the order of the messages.
        uids: OrderedSet,
    },
    /// `COPYUID`: the UIDs of copies (RFC 4315).
    CopyUid(Box<CopyUid>),
    /// `HIGHESTMODSEQ` (RFC 7162)
    HighestModSeq(ModSeq),
    /// `MODIFIED`: the messages that `STORE` has left alone since others changed them (RFC 7162).
    Modified(NumberSet),
    /// `MAILBOXID` (RFC 8474)
    MailboxId(Atom),
    /// `REFERRAL` (RFC 2221, RFC 2193): URLs of where to go.
    Referral(Text),
    /// `BADURL` (RFC 4469): the URL that was bad.
    BadUrl(Text),
    /// `URLMECH` (RFC 4467): by which mechanisms URLs are authorised.
    UrlMech(Vec<Atom>),
    /// `BADEVENT` (RFC 5465): the events that are supported.
    BadEvent(Vec<Atom>),
    /// `UNDEFINED-FILTER` (RFC 5466): the name of the filter.
    UndefinedFilter(Atom),
    /// `NOUPDATE` (RFC 5267): the tag of the search that is not kept up to date.
    NoUpdate(Tag),
    /// `METADATA` (RFC 5464)
    Metadata(MetadataCode),
    /// `ANNOTATE` (RFC 5257): what is wrong with an annotation.
    Annotate(AnnotateCode),
    /// `ANNOTATIONS` (RFC 5257): which annotations the messages of the mailbox may have.
    Annotations(AnnotationLimits),
    /// `INPROGRESS` (RFC 9585)
    InProgress(Option<Box<InProgress>>),
    /// `MESSAGELIMIT` (RFC 9738)
    MessageLimit {
        /// On how many messages one command works.
        limit: NonZeroU32,
        /// The lowest UID that was worked on, or what is said in its place.
        uid: Option<NonZeroU32>,
    },
    /// One that is not known here, or does not look as it should.
    Other {
        /// Its name.
        name: Atom,
        /// What stands between the name and the bracket, which it does not hold.
        arguments: Option<Text>,
    },
}

keywords! {
    /// A response code that is a word alone.
    pub enum CodeWord {
        /// People have to see the text.
        Alert = "ALERT",
        /// The text is about a message that cannot be parsed.
        Parse = "PARSE",
        /// The mailbox is selected for reading only.
        ReadOnly = "READ-ONLY",
        /// The mailbox is selected for reading and writing.
        ReadWrite = "READ-WRITE",
        /// It would work if the mailbox were created.
        TryCreate = "TRYCREATE",
        /// UIDs do not stay what they are (RFC 4315).
        UidNotSticky = "UIDNOTSTICKY",
        /// The mailbox has no mod-sequences (RFC 7162).
        NoModSeq = "NOMODSEQ",
        /// The mailbox that was selected is not any more (RFC 7162).
        Closed = "CLOSED",
        /// Something is down for a while (RFC 5530).
        Unavailable = "UNAVAILABLE",
        /// Name or password are wrong (RFC 5530).
        AuthenticationFailed = "AUTHENTICATIONFAILED",
        /// The user may not act for that other one (RFC 5530).
        AuthorizationFailed = "AUTHORIZATIONFAILED",
        /// The password is too old (RFC 5530).
        Expired = "EXPIRED",
        /// Not without encryption (RFC 5530).
        PrivacyRequired = "PRIVACYREQUIRED",
        /// Only an administrator can help (RFC 5530).
        ContactAdmin = "CONTACTADMIN",
        /// The user has no right to do so (RFC 5530).
        NoPerm = "NOPERM",
        /// Somebody else is at it (RFC 5530).
        InUse = "INUSE",
        /// Messages are gone of which the client has not been told (RFC 5530).
        ExpungeIssued = "EXPUNGEISSUED",
        /// What is stored is damaged (RFC 5530).
        Corruption = "CORRUPTION",
        /// The server has a fault (RFC 5530).
        ServerBug = "SERVERBUG",
        /// The client has a fault (RFC 5530).
        ClientBug = "CLIENTBUG",
        /// The server never does that (RFC 5530).
        Cannot = "CANNOT",
        /// A limit is reached (RFC 5530).
        Limit = "LIMIT",
        /// The quota is, or would be, exceeded (RFC 5530, RFC 9208).
        OverQuota = "OVERQUOTA",
        /// It is there already (RFC 5530).
        AlreadyExists = "ALREADYEXISTS",
        /// It is not there (RFC 5530).
        NonExistent = "NONEXISTENT",
        /// The mailbox has children (RFC 9051).
        HasChildren = "HASCHILDREN",
        /// Compression is on already (RFC 4978).
        CompressionActive = "COMPRESSIONACTIVE",
        /// The message would be too large (RFC 4469, RFC 7889).
        TooBig = "TOOBIG",
        /// The results of the search were not kept (RFC 9051, RFC 5182).
        NotSaved = "NOTSAVED",
        /// A part has an encoding that the server cannot decode (RFC 3516).
        UnknownCte = "UNKNOWN-CTE",
        /// The special use is not supported, or taken (RFC 6154).
        UseAttr = "USEATTR",
        /// No more notifications, there are too many (RFC 5465).
        NotificationOverflow = "NOTIFICATIONOVERFLOW",
        /// No such comparator (RFC 5255).
        BadComparator = "BADCOMPARATOR",
        /// Messages have to be named by UID (RFC 9586).
        UidRequired = "UIDREQUIRED",
    }
}

impl From<CodeWord> for Code {
    fn from(word: CodeWord) -> Self {
        Self::Word(word)
    }
}

impl Code {
    /// `[code]`. What is none is text, where the cursor stays.
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
        let (start, fired) = (cursor.at(), cursor.fired);
        cursor.eat(b'[');
        if let Ok(code) = Self::read_known(cursor) {
            if cursor.eat(b']') {
                return Some(code);
            }
        }
        cursor.reset(start);
        // What was forgiven in vain was not needed, but that a number was 0.
        cursor.fired = fired | (cursor.fired & Quirks::ZERO_NUMBER);
        let rest = &cursor.rest()[1..];
        let inner = &rest[..memchr::memchr(b']', rest)?];
        let end = start + inner.len() + 2;
        let (name, arguments) = match memchr::memchr(b' ', inner) {
            Some(space) => (&inner[..space], Some(start + 2 + space)),
            None => (inner, None),
        };
        let name = Atom::new(name).ok()?;
        let arguments = arguments.map(|from| Text::new(cursor.slice(from, end - 1)));
        let arguments = arguments.transpose().ok()?;
        cursor.reset(end);
        Some(Self::Other { name, arguments })
    }

    fn read_known(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let mut word = FOLDED;
        let name = cursor.keyword(&mut word, "a response code")?;
        if let Some(word) = CodeWord::from_word(name) {
            return Ok(Self::Word(word));
        }
        match name {
            b"CAPABILITY" => return Ok(Self::Capability(cursor.spaced(Capability::read)?)),
            b"BADCHARSET" if cursor.peek() == Some(b']') => {
                return Ok(Self::BadCharset(Vec::new()));
            }
            b"INPROGRESS" if cursor.peek() == Some(b']') => return Ok(Self::InProgress(None)),
            _ => cursor.space()?,
        }
        Ok(match name {
            b"BADCHARSET" => Self::BadCharset(cursor.list(atom_in_any_form)?),
            b"PERMANENTFLAGS" => Self::PermanentFlags(Box::new(PermanentFlags::read(cursor)?)),
            b"UIDNEXT" => Self::UidNext(number(cursor)?),
            b"UIDVALIDITY" => Self::UidValidity(number(cursor)?),
            b"UNSEEN" => Self::Unseen(cursor.nz_number()?),
            b"APPENDUID" => {
                let uid_validity = cursor.nz_number()?;
                cursor.space()?;
                let uids = OrderedSet::read(cursor)?;
                Self::AppendUid { uid_validity, uids }
            }
            b"COPYUID" => Self::CopyUid(Box::new(CopyUid::read(cursor)?)),
            b"HIGHESTMODSEQ" => Self::HighestModSeq(ModSeq::read(cursor)?),
            b"MODIFIED" => Self::Modified(NumberSet::read(cursor)?),
            b"MAILBOXID" => Self::MailboxId(cursor.parenthesised(Cursor::atom)?),
            b"REFERRAL" => Self::Referral(text(cursor)?),
            b"BADURL" => Self::BadUrl(text(cursor)?),
            b"URLMECH" => {
                let mut mechanisms = vec![cursor.atom()?];
                mechanisms.extend(cursor.spaced(Cursor::atom)?);
                Self::UrlMech(mechanisms)
            }
            b"BADEVENT" => Self::BadEvent(cursor.list(Cursor::atom)?),
            b"UNDEFINED-FILTER" => Self::UndefinedFilter(cursor.atom()?),
            b"NOUPDATE" => Self::NoUpdate(tag(cursor)?),
            b"METADATA" => Self::Metadata(MetadataCode::read(cursor)?),
            b"ANNOTATE" => Self::Annotate(AnnotateCode::read(cursor)?),
            b"ANNOTATIONS" => Self::Annotations(AnnotationLimits::read(cursor)?),
            b"INPROGRESS" => Self::InProgress(Some(Box::new(InProgress::read(cursor)?))),
            b"MESSAGELIMIT" => {
                let limit = cursor.nz_number()?;
                let uid = match cursor.eat_space() {
                    true => Some(cursor.nz_number()?),
                    false => None,
                };
                Self::MessageLimit { limit, uid }
            }
            _ => return cursor.fail("a response code"),
        })
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        to.raw(b"[");
        let to = match self {
            Self::Word(word) => to.word(word.as_str()),
            Self::BadCharset(charsets) if charsets.is_empty() => to.raw(b"BADCHARSET"),
            Self::BadCharset(charsets) => to.raw(b"BADCHARSET ").list(charsets, write_atom),
            Self::Capability(capabilities) => {
                to.raw(b"CAPABILITY");
                for capability in capabilities {
                    to.space().display(capability);
                }
                to
            }
            Self::PermanentFlags(flags) => {
                flags.write(to.raw(b"PERMANENTFLAGS "));
                to
            }
            Self::UidNext(uid) => to.raw(b"UIDNEXT ").number(uid.get()),
            Self::UidValidity(value) => to.raw(b"UIDVALIDITY ").number(value.get()),
            Self::Unseen(number) => to.raw(b"UNSEEN ").number(number.get()),
            Self::AppendUid { uid_validity, uids } => {
                to.raw(b"APPENDUID ").number(uid_validity.get());
                to.space().display(uids)
            }
            Self::CopyUid(copied) => {
                copied.write(to.raw(b"COPYUID "));
                to
            }
            Self::HighestModSeq(value) => to.raw(b"HIGHESTMODSEQ ").number(value.value()),
            Self::Modified(set) => to.raw(b"MODIFIED ").display(set),
            Self::MailboxId(id) => to.raw(b"MAILBOXID (").word(id.as_str()).raw(b")"),
            Self::Referral(url) => to.raw(b"REFERRAL ").raw(url.as_octets()),
            Self::BadUrl(url) => to.raw(b"BADURL ").raw(url.as_octets()),
            Self::UrlMech(mechanisms) => to.raw(b"URLMECH ").spaced(mechanisms, write_atom),
            Self::BadEvent(events) => to.raw(b"BADEVENT ").list(events, write_atom),
            Self::UndefinedFilter(name) => to.raw(b"UNDEFINED-FILTER ").word(name.as_str()),
            Self::NoUpdate(tag) => {
                write_tag(tag, to.raw(b"NOUPDATE "));
                to
            }
            Self::Metadata(code) => {
                code.write(to.raw(b"METADATA "));
                to
            }
            Self::Annotate(code) => to.raw(b"ANNOTATE ").word(code.as_str()),
            Self::Annotations(limits) => {
                limits.write(to.raw(b"ANNOTATIONS "));
                to
            }
            Self::InProgress(progress) => {
                to.raw(b"INPROGRESS");
                if let Some(progress) = progress {
                    progress.write(to.space());
                }
                to
            }
            Self::MessageLimit { limit, uid } => {
                to.raw(b"MESSAGELIMIT ").number(limit.get());
                if let Some(uid) = uid {
                    to.space().number(uid.get());
                }
                to
            }
            Self::Other { name, arguments } => {
                to.word(name.as_str());
                if let Some(arguments) = arguments {
                    to.space().raw(arguments.as_octets());
                }
                to
            }
        };
        to.raw(b"]");
    }
}

fn write_atom(to: &mut Encoder, atom: &Atom) {
    to.word(atom.as_str());
}

/// A UIDNEXT or UIDVALIDITY. One of 0 is none, and the code stays as it is written.
fn number(cursor: &mut Cursor<'_>) -> Parsed<NonZeroU32> {
    let read = cursor.nz_number();
    if read.is_err() && cursor.peek() == Some(b'0') {
        cursor.forgives(Quirks::ZERO_NUMBER);
    }
    read
}

/// Up to the bracket.
fn text(cursor: &mut Cursor<'_>) -> Parsed<Text> {
    let start = cursor.at();
    let Some(length) = memchr::memchr(b']', cursor.rest()) else {
        return cursor.fail("a closing bracket");
    };
    let text = Text::new(cursor.slice(start, start + length));
    let text = text.map_err(|_| cursor.fault("text"))?;
    cursor.reset(start + length);
    Ok(text)
}

fn atom_in_any_form(cursor: &mut Cursor<'_>) -> Parsed<Atom> {
    let octets = cursor.astring()?;
    Atom::new(&*octets).map_err(|_| cursor.fault("an atom"))
}
