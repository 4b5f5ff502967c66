//! What is forgiven besides the grammar, and which servers need it.

use bitflags::bitflags;

bitflags! {
    /// Mistakes that are read as what they mean.
    ///
    /// A set for each connection: none for commands and for those who test servers
    /// ([`empty`](Self::empty)), [`all`](Self::all) for clients that have to live with the servers that there
    /// are. Which of them were needed is [recorded](crate::Reader::fired).
    #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
    pub struct Quirks: u32 {
        /// A status without text behind its code, or without anything: Gmail (`HIGHESTMODSEQ`),
        /// DavMail, iCloud.
        const MISSING_TEXT = 1;
        /// Spaces where there should be one or none: Exchange and Office 365 (`STATUS`), iCloud and
        /// QQ (`CAPABILITY`, `FETCH`), Maddy (`BODYSTRUCTURE`).
        const EXTRA_SPACES = 1 << 1;
        /// NIL for the value of a body parameter: mail.ru.
        const NIL_PARAMETER = 1 << 2;
        /// NIL for the encoding or a media type of a body: Maddy.
        const NIL_BODY_FIELD = 1 << 3;
        /// A multipart body without parts: Dovecot, Gmail, Yandex.
        const EMPTY_MULTIPART = 1 << 4;
        /// A disposition that is a word alone, or `(NIL NIL)`: Exchange.
        const BARE_DISPOSITION = 1 << 5;
        /// A number of octets or lines in floating point: mail.ru.
        const FLOATING_NUMBER = 1 << 6;
        /// A number of octets or lines below zero: several; read as 0.
        const NEGATIVE_NUMBER = 1 << 7;
        /// Quotes within quoted strings: 163.com (`""""`), iCloud (message ids).
        const UNESCAPED_QUOTES = 1 << 8;
        /// `()` for an empty list of addresses or parameters: mail.ru.
        const EMPTY_LIST = 1 << 9;
        /// An envelope without its last fields: several, with messages that lack a message id.
        const SHORT_ENVELOPE = 1 << 10;
        /// An address of more than four fields: several.
        const LONG_ADDRESS = 1 << 11;
        /// A continuation request with nothing behind the `+`: many.
        const BARE_PLUS = 1 << 12;
        /// A response code where the status should be, `* [COPYUID 1 1 1]`: Exchange 2013.
        const MISSING_STATUS = 1 << 13;
        /// Octets above 127 in quoted strings without UTF-8 being enabled: many, for file names.
        const EIGHT_BIT = 1 << 14;
        /// NUL in strings: servers that keep broken messages as they are.
        const NUL = 1 << 15;
        /// A UIDVALIDITY, UID or UIDNEXT of 0, read as none: several.
        const ZERO_NUMBER = 1 << 16;
        /// A mod-sequence of 0 or below: Zoho.
        const ZERO_MODSEQ = 1 << 17;
        /// A mailbox name that is not modified UTF-7: Yandex, and servers that store what clients sent.
        const RAW_MAILBOX = 1 << 18;
        /// Lines that end with LF alone: servers made of scripts.
        const BARE_LF = 1 << 19;
        /// Keywords and names that are no atoms, such as `[x]` or `a]b`: Gmail's labels, old clients' flags.
        const LOOSE_ATOM = 1 << 20;
        /// A date without leading zero or space, or a two-digit year: several.
        const LOOSE_DATE = 1 << 21;
        /// A word where a string should be, or the other way round: many.
        const LOOSE_STRING = 1 << 22;
        /// Capabilities that are no atoms, `XOPTION=(a)`: old servers of universities and providers.
        const LOOSE_CAPABILITY = 1 << 23;
        /// A text part without its number of lines, or a message within a message without its
        /// envelope and structure: Exchange, gateways.
        const SHORT_BODY = 1 << 24;
        /// All that is told of a URL in one pair of parentheses: Dovecot.
        const JOINED_URL_ITEMS = 1 << 25;
        /// An empty string for the delimiter of a mailbox without levels, instead of NIL: several.
        const EMPTY_DELIMITER = 1 << 26;
    }
}
