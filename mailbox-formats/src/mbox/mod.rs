//! mbox: one file, in which a `From_` line starts each message.

mod from_line;
mod postmark;

mod encoder;

mod length;
mod scanner;
mod separators;

mod decoder;
mod detect;
mod reader;

mod index;

mod delivery;
mod spool;

mod change;
mod in_place;
mod list;
mod rewrite;
pub(crate) mod status;

pub(crate) mod lock;

pub(crate) mod dotlock;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::effects::{Effects, System};
use crate::{Durability, Flags};

pub use change::{Access, Changes};
pub use decoder::Decoder;
pub(crate) use delivery::unquoted;
pub use delivery::{Delivered, Delivery, Staged};
pub use detect::Detected;
pub use encoder::{Encoder, Layout, Variant};
pub use from_line::{Date, FromLine};
pub use index::{Index, Update};
pub use list::{Content, List, Listed};
pub use lock::{Dotlock, Holder, LockError, LockPolicy};
pub use postmark::Postmark;
pub use reader::{Message, MessagePlace, MessageReader, Messages, Reader};
pub use scanner::{Event, Input, Rules, Scanner};
pub use separators::{Doubt, Separators, Undated};

/// An mbox, which need not exist: the first delivery makes it.
///
/// ```
/// use mailbox_formats::mbox::{Date, FromLine, Mbox, Options};
/// use std::io::Write;
/// use std::time::SystemTime;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// let mbox = Mbox::new(directory.path().join("alice"));
/// let from = FromLine::new(b"tom@example.org", Date::at_offset(SystemTime::UNIX_EPOCH, 0));
/// let mut delivery = mbox.deliver(Options::new(from));
/// delivery.write_all(b"Subject: hello\r\n\r\nFrom me.\r\n")?;
/// delivery.commit()?;
/// assert_eq!(
///     std::fs::read_to_string(mbox.path())?,
///     "From tom@example.org  Thu Jan  1 00:00:00 1970\nSubject: hello\n\n>From me.\n\n",
/// );
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Mbox {
    path: PathBuf,
    effects: Effects,
}

impl Mbox {
    /// The mbox at a path.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            effects: Effects::default(),
        }
    }

    /// The same mbox on another system, for tests.
    #[must_use]
    pub fn on(self, system: Arc<dyn System>) -> Self {
        Self {
            effects: Effects::new(system),
            ..self
        }
    }

    /// Starts a delivery. The mbox is neither opened nor locked before
    /// [`Staged::publish`], so a slow sender holds up nobody.
    pub fn deliver(&self, options: Options) -> Delivery {
        Delivery::new(self.clone(), options)
    }

    /// Where the mbox is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// How a message is put into an mbox.
#[derive(Clone, Debug)]
#[must_use]
pub struct Options {
    from: FromLine,
    variant: Variant,
    durability: Durability,
    lock: LockPolicy,
    staging: PathBuf,
    mode: u32,
    flags: Flags,
    keywords: Vec<Vec<u8>>,
}

impl Options {
    /// mboxrd, durable, with both locks, staged in the folder for temporary files.
    pub fn new(from: FromLine) -> Self {
        Self {
            from,
            variant: Variant::default(),
            durability: Durability::default(),
            lock: LockPolicy::default(),
            staging: std::env::temp_dir(),
            mode: 0o600,
            flags: Flags::empty(),
            keywords: Vec::new(),
        }
    }

    /// Which kind of mbox it is.
    pub fn variant(self, variant: Variant) -> Self {
        Self { variant, ..self }
    }

    /// What `publish` waits for.
    pub fn durability(self, durability: Durability) -> Self {
        Self { durability, ..self }
    }

    /// How the mbox is locked.
    pub fn lock(self, lock: LockPolicy) -> Self {
        Self { lock, ..self }
    }

    /// Where a message waits that is larger than
    /// [`limits::SPOOL_MEMORY`](crate::limits::SPOOL_MEMORY). The folder for temporary files
    /// is in memory on some systems: then a folder on disk is the better one.
    pub fn staging(self, directory: impl Into<PathBuf>) -> Self {
        Self {
            staging: directory.into(),
            ..self
        }
    }

    /// The flags that the message has, as mail has that is copied and not new.
    pub fn flags(self, flags: Flags) -> Self {
        Self { flags, ..self }
    }

    /// The keywords that the message has. What cannot be a word of a line is left out.
    pub fn keywords<'a>(self, words: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let keywords = status::words_of(words);
        Self { keywords, ..self }
    }

    /// The mode of an mbox that the delivery makes; `0o600` unless said otherwise.
    pub fn mode(self, mode: u32) -> Self {
        Self { mode, ..self }
    }
}
