//! Capabilities: what a server can do (RFC 9051 section 7.2.2).

use std::fmt;

use crate::class::Class;
use crate::keyword::keywords;
use crate::lex::{Cursor, Parsed};
use crate::quirks::Quirks;
use crate::string::Atom;

/// Something that a server can do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Capability {
    /// One that is a word.
    Known(Extension),
    /// `AUTH=`: a SASL mechanism, in upper case.
    Auth(Atom),
    /// `THREAD=`: an algorithm, in upper case.
    Thread(Atom),
    /// `COMPRESS=`: a mechanism, in upper case.
    Compress(Atom),
    /// `CONTEXT=`: `SEARCH` or `SORT` (RFC 5267).
    Context(Atom),
    /// `RIGHTS=`: rights besides those of RFC 2086 (RFC 4314).
    Rights(Atom),
    /// `QUOTA=RES-`: a resource that can be limited (RFC 9208).
    QuotaResource(Atom),
    /// `URLAUTH=`: an extension of `URLAUTH` (RFC 5524).
    UrlAuth(Atom),
    /// `APPENDLIMIT=`: how large a message may be (RFC 7889).
    AppendLimit(u64),
    /// `MESSAGELIMIT=`: how many messages a command may concern (RFC 9738).
    MessageLimit(u32),
    /// `SAVELIMIT=`: how many messages a search may save (RFC 9738).
    SaveLimit(u32),
    /// `UIDBATCHES=`: the smallest batch.
    UidBatches(u32),
    /// Another.
    Other(Atom),
}

keywords! {
    /// A capability that is a word.
    pub enum Extension {
        /// IMAP4rev1 (RFC 3501)
        Imap4Rev1 = "IMAP4rev1",
        /// IMAP4rev2 (RFC 9051)
        Imap4Rev2 = "IMAP4rev2",
        /// IMAP4 (RFC 1730)
        Imap4 = "IMAP4",
        /// RFC 4314
        Acl = "ACL",
        /// RFC 5257
        AnnotateExperiment1 = "ANNOTATE-EXPERIMENT-1",
        /// RFC 7889, without a value: each mailbox has its own.
        AppendLimit = "APPENDLIMIT",
        /// RFC 3516
        Binary = "BINARY",
        /// RFC 4469
        Catenate = "CATENATE",
        /// RFC 3348
        Children = "CHILDREN",
        /// RFC 7162
        CondStore = "CONDSTORE",
        /// RFC 5259
        Convert = "CONVERT",
        /// RFC 6154
        CreateSpecialUse = "CREATE-SPECIAL-USE",
        /// RFC 5161
        Enable = "ENABLE",
        /// RFC 4731
        ESearch = "ESEARCH",
        /// RFC 5267
        ESort = "ESORT",
        /// RFC 5466
        Filters = "FILTERS",
        /// RFC 5255
        I18nLevel1 = "I18NLEVEL=1",
        /// RFC 5255
        I18nLevel2 = "I18NLEVEL=2",
        /// RFC 2971
        Id = "ID",
        /// RFC 2177
        Idle = "IDLE",
        /// RFC 9585
        InProgress = "INPROGRESS",
        /// RFC 9698
        JmapAccess = "JMAPACCESS",
        /// RFC 5255
        Language = "LANGUAGE",
        /// RFC 5258
        ListExtended = "LIST-EXTENDED",
        /// RFC 9590
        ListMetadata = "LIST-METADATA",
        /// RFC 8440
        ListMyRights = "LIST-MYRIGHTS",
        /// RFC 5819
        ListStatus = "LIST-STATUS",
        /// RFC 7888
        LiteralMinus = "LITERAL-",
        /// RFC 7888
        LiteralPlus = "LITERAL+",
        /// RFC 2221
        LoginReferrals = "LOGIN-REFERRALS",
        /// RFC 9051 section 6.2.3
        LoginDisabled = "LOGINDISABLED",
        /// RFC 2193
        MailboxReferrals = "MAILBOX-REFERRALS",
        /// RFC 5464
        Metadata = "METADATA",
        /// RFC 5464
        MetadataServer = "METADATA-SERVER",
        /// RFC 6851
        Move = "MOVE",
        /// RFC 3502
        MultiAppend = "MULTIAPPEND",
        /// RFC 7377
        MultiSearch = "MULTISEARCH",
        /// RFC 2342
        Namespace = "NAMESPACE",
        /// RFC 5465
        Notify = "NOTIFY",
        /// RFC 8474
        ObjectId = "OBJECTID",
        /// RFC 9394
        Partial = "PARTIAL",
        /// RFC 8970
        Preview = "PREVIEW",
        /// RFC 7162
        QResync = "QRESYNC",
        /// RFC 9208, RFC 2087
        Quota = "QUOTA",
        /// RFC 9208
        QuotaSet = "QUOTASET",
        /// RFC 8508
        Replace = "REPLACE",
        /// RFC 4959
        SaslIr = "SASL-IR",
        /// RFC 8514
        SaveDate = "SAVEDATE",
        /// RFC 6203
        SearchFuzzy = "SEARCH=FUZZY",
        /// RFC 5182
        SearchRes = "SEARCHRES",
        /// RFC 5256
        Sort = "SORT",
        /// RFC 5957
        SortDisplay = "SORT=DISPLAY",
        /// RFC 6154
        SpecialUse = "SPECIAL-USE",
        /// RFC 9051 section 6.2.1
        StartTls = "STARTTLS",
        /// RFC 8438
        StatusSize = "STATUS=SIZE",
        /// RFC 9586
        UidOnly = "UIDONLY",
        /// RFC 4315
        UidPlus = "UIDPLUS",
        /// RFC 8437
        Unauthenticate = "UNAUTHENTICATE",
        /// RFC 3691
        Unselect = "UNSELECT",
        /// RFC 4467
        UrlAuth = "URLAUTH",
        /// RFC 5550
        UrlPartial = "URL-PARTIAL",
        /// RFC 6855
        Utf8Accept = "UTF8=ACCEPT",
        /// RFC 6855
        Utf8Only = "UTF8=ONLY",
        /// RFC 5032
        Within = "WITHIN",
        /// Gmail's attributes of messages.
        GmailExt1 = "X-GM-EXT-1",
        /// Gmail's older `SPECIAL-USE`.
        XList = "XLIST",
    }
}

impl Capability {
    /// `capability`
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let word = cursor.run(Class::ATOM, "a capability")?;
        if matches!(cursor.peek(), Some(b'(' | b'"')) && cursor.forgives(Quirks::LOOSE_CAPABILITY) {
            // No capability of any standard: `XOPTION=(a)` and the like.
            cursor.run(Class::PRINTABLE, "a capability")?;
        }
        Ok(Self::from_word(word))
    }

    fn from_word(word: &[u8]) -> Self {
        let upper = word.to_ascii_uppercase();
        let known = Extension::ALL
            .iter()
            .find(|known| known.as_str().as_bytes().eq_ignore_ascii_case(word));
        if let Some(known) = known {
            return Self::Known(*known);
        }
        let other = || Self::Other(Atom::known(word));
        let Some(equals) = memchr::memchr(b'=', word) else {
            return other();
        };
        let (name, value) = (&upper[..equals], &upper[equals + 1..]);
        if value.is_empty() {
            return other();
        }
        let number = || {
            std::str::from_utf8(value)
                .ok()
                .and_then(|digits| digits.parse().ok())
        };
        let atom = Atom::known(value);
        match name {
            b"AUTH" => Self::Auth(atom),
            b"THREAD" => Self::Thread(atom),
            b"COMPRESS" => Self::Compress(atom),
            b"CONTEXT" => Self::Context(atom),
            b"RIGHTS" => Self::Rights(Atom::known(&word[equals + 1..])),
            b"URLAUTH" => Self::UrlAuth(atom),
            b"QUOTA" => match value.strip_prefix(b"RES-") {
                Some(resource) if !resource.is_empty() => {
                    Self::QuotaResource(Atom::known(resource))
                }
                _ => other(),
            },
            b"APPENDLIMIT" => match std::str::from_utf8(value).map(str::parse) {
                Ok(Ok(limit)) if limit <= crate::limits::NUMBER64 => Self::AppendLimit(limit),
                _ => other(),
            },
            b"MESSAGELIMIT" => number().map_or_else(other, Self::MessageLimit),
            b"SAVELIMIT" => number().map_or_else(other, Self::SaveLimit),
            b"UIDBATCHES" => number().map_or_else(other, Self::UidBatches),
            _ => other(),
        }
    }
}

impl From<Extension> for Capability {
    fn from(extension: Extension) -> Self {
        Self::Known(extension)
    }
}

impl std::str::FromStr for Capability {
    type Err = crate::Invalid;

    fn from_str(text: &str) -> Result<Self, crate::Invalid> {
        Ok(Self::from_word(Atom::new(text)?.as_str().as_bytes()))
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(known) => known.fmt(f),
            Self::Auth(mechanism) => write!(f, "AUTH={mechanism}"),
            Self::Thread(algorithm) => write!(f, "THREAD={algorithm}"),
            Self::Compress(mechanism) => write!(f, "COMPRESS={mechanism}"),
            Self::Context(what) => write!(f, "CONTEXT={what}"),
            Self::Rights(rights) => write!(f, "RIGHTS={rights}"),
            Self::QuotaResource(resource) => write!(f, "QUOTA=RES-{resource}"),
            Self::UrlAuth(extension) => write!(f, "URLAUTH={extension}"),
            Self::AppendLimit(limit) => write!(f, "APPENDLIMIT={limit}"),
            Self::MessageLimit(limit) => write!(f, "MESSAGELIMIT={limit}"),
            Self::SaveLimit(limit) => write!(f, "SAVELIMIT={limit}"),
            Self::UidBatches(least) => write!(f, "UIDBATCHES={least}"),
            Self::Other(other) => other.fmt(f),
        }
    }
}
