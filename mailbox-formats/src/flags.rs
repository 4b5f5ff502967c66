//! What all formats can say about a message.

bitflags::bitflags! {
    /// The flags of a message, whatever the format writes for them.
    ///
    /// | flag | Maildir | mbox | IMAP |
    /// |---|---|---|---|
    /// | `SEEN` | `S` | `Status: R` | `\Seen` |
    /// | `OLD` | in `cur/` | `Status: O` | not `\Recent` |
    /// | `ANSWERED` | `R` | `X-Status: A` | `\Answered` |
    /// | `FLAGGED` | `F` | `X-Status: F` | `\Flagged` |
    /// | `DRAFT` | `D` | `X-Status: T` | `\Draft` |
    /// | `DELETED` | `T` | `X-Status: D` | `\Deleted` |
    /// | `FORWARDED` | `P` | | `$Forwarded` |
    ///
    /// ```
    /// use mailbox_formats::Flags;
    /// use mailbox_formats::maildir::Letters;
    ///
    /// let letters = Letters::parse(b"FSa");
    /// assert_eq!(letters.flags(), Flags::FLAGGED | Flags::SEEN);
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Flags: u8 {
        /// Read.
        const SEEN = 1;
        /// No longer new: a mail reader has shown it in a list.
        const OLD = 1 << 1;
        /// Answered.
        const ANSWERED = 1 << 2;
        /// Marked as important.
        const FLAGGED = 1 << 3;
        /// Not finished by its writer.
        const DRAFT = 1 << 4;
        /// To be removed.
        const DELETED = 1 << 5;
        /// Sent on to somebody else.
        const FORWARDED = 1 << 6;
    }
}
