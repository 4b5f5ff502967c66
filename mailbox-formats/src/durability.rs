//! What a delivery waits for before it counts as done.

/// What is on disk, power failure included, once a delivery has returned `Ok`.
///
/// A mail server answers 250 after that, and the sender forgets the message; so the default
/// is the level at which nothing that was acknowledged can be lost.
///
/// ```
/// use mailbox_formats::Durability;
/// assert_eq!(Durability::default(), Durability::FileAndDirectory);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// Nothing is waited for: for tests, and for imports that can be repeated.
    None,
    /// The content of the message. After a power failure its name may be gone, and with it
    /// the message, or it may be found in `tmp/`.
    File,
    /// The content and the name.
    #[default]
    FileAndDirectory,
    /// The same promise as [`FileAndDirectory`](Self::FileAndDirectory), paid once for many
    /// messages by [`maildir::publish_all`](crate::maildir::publish_all): one sync of the
    /// file system instead of one for each file. An mbox takes it for `FileAndDirectory`.
    Batch,
}

impl Durability {
    /// Whether each file is synced by itself.
    pub(crate) fn syncs_file(self) -> bool {
        matches!(self, Self::File | Self::FileAndDirectory)
    }

    /// Whether the name of the message is synced.
    pub(crate) fn syncs_directory(self) -> bool {
        matches!(self, Self::FileAndDirectory | Self::Batch)
    }
}
