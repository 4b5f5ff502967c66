//! What can be asked of a mailbox without selecting it (RFC 9051 section 6.3.11).

use crate::keyword::keywords;

keywords! {
    /// Something about a mailbox.
    pub enum StatusItem {
        /// How many messages there are.
        Messages = "MESSAGES",
        /// How many are recent, in IMAP4rev1.
        Recent = "RECENT",
        /// The lowest UID that the next message may get.
        UidNext = "UIDNEXT",
        /// What makes UIDs valid.
        UidValidity = "UIDVALIDITY",
        /// How many are not `\Seen`.
        Unseen = "UNSEEN",
        /// How many are `\Deleted`.
        Deleted = "DELETED",
        /// Octets of all messages (RFC 8438).
        Size = "SIZE",
        /// The highest mod-sequence (RFC 7162).
        HighestModSeq = "HIGHESTMODSEQ",
        /// How large a message may be (RFC 7889).
        AppendLimit = "APPENDLIMIT",
        /// What identifies the mailbox for ever (RFC 8474).
        MailboxId = "MAILBOXID",
        /// Octets of the messages that are `\Deleted` (RFC 9208).
        DeletedStorage = "DELETED-STORAGE",
    }
}
