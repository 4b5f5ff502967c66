//! mbox and Maildir, beside other programs on the same files: durable delivery, and reading
//! that loses nothing.
//!
//! A message streams in and is never held whole. Nothing of it is visible before all of it
//! is there; and once a delivery has said `Ok`, the message outlives a power failure.
//!
//! Both formats have the same three stages:
//!
//! 1. `deliver(options)` gives a `Delivery`, an [`io::Write`](std::io::Write) for the bytes
//!    as SMTP carries them; how the chunks are cut is no matter.
//! 2. `stage()` ends the message: complete, checked, and seen by nobody.
//! 3. `publish()` makes it visible, all at once. `commit()` is `stage` and `publish`.
//!
//! What is dropped before `publish` leaves nothing behind. So a message for several
//! mailboxes is staged in all of them before any has it:
//!
//! ```
//! use mailbox_formats::maildir::{self, Maildir};
//! use mailbox_formats::mbox::{self, Date, FromLine, Mbox};
//! use std::io::Write;
//! use std::time::SystemTime;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let root = directory.path();
//! let alice = Maildir::create(root.join("alice"))?;
//! let bob = Mbox::new(root.join("bob"));
//! let from = FromLine::new(b"tom@example.org", Date::local(SystemTime::now()));
//!
//! let mut to_alice = alice.deliver(maildir::Options::default())?;
//! let mut to_bob = bob.deliver(mbox::Options::new(from));
//! for chunk in [&b"Subject: hello\r\n\r"[..], b"\nHow have you been?\r\n"] {
//!     to_alice.write_all(chunk)?;
//!     to_bob.write_all(chunk)?;
//! }
//! let (to_alice, to_bob) = (to_alice.stage()?, to_bob.stage()?);
//! to_alice.publish()?;
//! to_bob.publish()?;
//! # Ok(())
//! # }
//! ```
//!
//! - [`maildir`] writes to `tmp/`, syncs, renames into `new/` without replacing, and syncs
//!   the directory. Names differ even between containers that share process id and host.
//!   [`maildir::publish_all`] does a batch for the price of a few syncs.
//! - [`mbox`] locks as other mail programs do, writes any of the four
//!   [variants](mbox::Variant), and takes back what it could not finish.
//! - A [`Maildir`](maildir::Maildir) is listed without a look at any file, its messages are
//!   opened, flagged and removed although other programs rename them meanwhile, and they
//!   have numbers and keywords that Dovecot shares. Maildir++ folders and quota are there,
//!   and with the feature `watch` news as they happen.
//! - An mbox is read [from memory](mbox::Messages) or [from a stream](mbox::Reader) of any
//!   size: the messages in place, every kind of `From_` line, by a
//!   [rule](mbox::Separators) that is given or [learnt](mbox::Detected) from the file. No
//!   message ends the reading, and doubtful places are reported.
//! - [`Mbox::list`](mbox::Mbox::list) numbers the messages of an mbox, and
//!   [`Mbox::change`](mbox::Mbox::change) flags and removes them, by atomic replacement or in
//!   place with a journal, while other programs append.
//! - [`mmdf`] and [`mh`] read and write two more formats, and [`convert`] carries mail from
//!   each to each, with flags, keywords, dates and senders.
//! - [`compressed`] reads archives by gzip, zstd, bzip2 and xz, each by a feature of its name.
//! - [`Durability`] says what a delivery waits for.
//! - [`DeliveryError`] tells faults apart, so that a server answers 451, 452 or 550;
//!   [`MailboxError`] does it for reading and changing.
//! - [`effects`] is the seam for tests: a disk that is full, a process that dies at any step.
//! - [`limits`] names every number.
//!
//! Everything blocks, `publish` into an mbox for up to [`limits::LOCK_WAIT`]: an async
//! server calls it where blocking is allowed. Delivery is for Unix; network file systems
//! are as safe as their `rename`, `link` and locks are.
//!
//! Not supported: Babyl, and a Maildir on Windows.

pub mod maildir;
pub mod mbox;

pub mod mh;
pub mod mmdf;

pub mod convert;

pub mod compressed;

#[cfg(feature = "watch")]
mod lookout;

mod flags;

mod durability;
mod line_ends;

mod path;
mod side_file;

pub mod effects;

mod error;

pub mod limits;

pub use durability::Durability;
pub use error::{DeliveryError, Fault, MailboxError, StepError};
pub use flags::Flags;
pub use line_ends::{LineEnds, LineFilter};
#[cfg(feature = "watch")]
pub use lookout::Lookout;
