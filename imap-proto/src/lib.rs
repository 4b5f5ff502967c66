//! IMAP4rev1, IMAP4rev2 and their extensions: framing, commands and responses, without I/O.
//!
//! A [`Framer`] cuts a stream into frames, a [`Reader`] reads a frame as a [`command`] or
//! a [`response`], and an
//! [`Encoder`](encode::Encoder) writes one.
//!
//! Not here yet: the machines of server and client. [`features`] lists what there is, and what is not.

pub mod frame;
pub use frame::{Frame, Framer};

mod tag;
pub use tag::Tag;

mod string;
pub use string::{Atom, Content, Octets, Text};

mod number;
pub use number::{ModSeq, ModSeqOrZero};

mod set;
pub use set::{NumberSet, OpenSet, OrderedSet, ResultRange, Run, SequenceSet};

mod mailbox;
pub use mailbox::{MailboxName, MailboxPattern};

mod utf7;

mod flag;
pub use flag::{Flag, Flags, MailboxAttribute, MailboxAttributes, PermanentFlags};

mod date;
pub use date::{Date, DateTime};

mod section;
pub use section::{Partial, Section, SectionText};

mod annotation;
pub use annotation::Annotation;

mod capability;
pub use capability::{Capability, Extension};

mod status;
pub use status::StatusItem;

pub mod command;
pub mod response;

mod reader;
pub use reader::Reader;

mod class;
mod keyword;
mod lex;

mod quirks;
pub use quirks::Quirks;

pub mod encode;

mod limits;
pub use limits::{FrameLimits, Limits};

#[doc = include_str!("../FEATURES.md")]
pub mod features {}

mod error;
pub use error::{FrameError, Invalid, SyntaxError};
