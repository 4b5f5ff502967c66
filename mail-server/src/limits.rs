//! Every number that bounds a listener.

use std::time::Duration;

/// The bounds of a listener, besides those of the protocol's own sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Connections at a time; more are told to come back later. Stops a flood from taking all
    /// file descriptors and memory. Default 1000.
    pub connections: usize,
    /// Connections at a time from one address, or from one /64 network of IPv6. Stops one client
    /// from taking all of the above. Default 100.
    pub connections_per_address: usize,
    /// Time for a TLS handshake. Stops half-open handshakes from piling up. Default 30 seconds.
    pub handshake: Duration,
    /// Time that sessions have to come to an end once the listener is stopped; those that are
    /// left then are dropped. Stops a slow client from keeping us here. Default 30 seconds.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1000,
            connections_per_address: 100,
            handshake: Duration::from_secs(30),
            grace: Duration::from_secs(30),
        }
    }
}

/// How long accepting rests when the system refuses to give us another socket: long enough
/// not to spin, short enough not to be noticed.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How long after a session has ended what is left of its task is let go of, some hundred octets, if nobody connects
/// meanwhile.
pub(crate) const TIDY: Duration = Duration::from_secs(1);

/// Connections that wait to be accepted. The system may allow fewer.
pub(crate) const BACKLOG: u32 = 1024;

/// Octets of a message that are gathered before a thread writes them: most messages are
/// written in one go, and one on its way costs this much memory, the last piece, and what
/// `mailbox_formats` buffers for each copy.
pub(crate) const GATHERED: usize = 256 * 1024;

/// Octets of a stored message that are read at a time: what a client downloads is in memory in
/// pieces of this size, however large it is.
pub(crate) const PIECE: usize = 64 * 1024;

/// Octets of the next messages that are read ahead for a client that fetches one after the other, so that
/// a thread is only borrowed for a worthwhile amount of work.
pub(crate) const READ_AHEAD: usize = 256 * 1024;

/// How many messages that may be.
pub(crate) const READ_AHEAD_MESSAGES: usize = 64;

/// How long saslauthd may take for an answer. What it asks may delay failures by seconds.
pub(crate) const SASLAUTHD_TIME: Duration = Duration::from_secs(15);

/// How long a Dovecot may take for a handshake: it starts its service for it.
pub(crate) const DOVECOT_HANDSHAKE: Duration = Duration::from_secs(10);

/// How long a Dovecot may take for an answer. It delays failures by 2 to 17 seconds.
pub(crate) const DOVECOT_TIME: Duration = Duration::from_secs(30);

/// How long a database may take for an answer, a connection to it included.
#[cfg(any(feature = "sqlite", feature = "mysql", feature = "postgres"))]
pub(crate) const SQL_TIME: Duration = Duration::from_secs(10);

/// Connections to a database at a time.
#[cfg(any(feature = "sqlite", feature = "mysql", feature = "postgres"))]
pub(crate) const SQL_CONNECTIONS: u32 = 8;

/// How long it is believed what a table of users is like as a whole.
#[cfg(any(feature = "sqlite", feature = "mysql", feature = "postgres"))]
pub(crate) const SQL_OFFER_AGE: Duration = Duration::from_secs(60);

/// Addresses whose failed authentications are remembered. Stops a network of many from taking
/// memory without bound: the one that has guessed least is forgotten.
pub(crate) const FAILED_ADDRESSES: usize = 4096;

/// How many parts within parts a message is told to have. What lies deeper is told as it is. Stops messages
/// that are nothing but depth.
pub(crate) const MIME_DEPTH: usize = 50;

/// How many fields `Content-Type` a message may have that is read as one. One with more is told as a text.
pub(crate) const MIME_FIELDS: usize = 2000;

/// How many messages a folder remembers that are gone. Clients that come back after more are told of all UIDs
/// that are not in use.
pub(crate) const GONE_MESSAGES: usize = 100_000;

/// How many of a message's references are looked at, the newest ones. Messages may name thousands.
pub(crate) const THREAD_REFERENCES: usize = 100;

/// How many levels of branches a thread is told with; what lies below is told in a row. Stops mail that is
/// made to be deep.
pub(crate) const THREAD_DEPTH: usize = 100;

/// How large a message may be that a client puts into a folder, in octets, unless the configuration says otherwise.
pub(crate) const APPEND_OCTETS: u64 = 50 << 20;

/// How many octets the messages have together that are added to a folder in memory at once: they are held until
/// all of them are there.
pub(crate) const ADDED_IN_MEMORY: usize = 100 << 20;

/// How many messages are read at a time to tell of them, in so far as they have no more than
/// [`FETCHED_OCTETS`] together.
pub(crate) const FETCHED_MESSAGES: usize = 128;

/// How many are searched at a time, which takes longer: between them it is told how far the search has come.
pub(crate) const SEARCHED_MESSAGES: usize = 64;

/// How many octets of messages are read before some of them are told of, the last message's not counted.
pub(crate) const FETCHED_OCTETS: u64 = 1 << 20;

/// How many entries of metadata a folder, or an account, may have (RFC 5464 section 4.3, `TOOMANY`).
pub(crate) const METADATA_ENTRIES: usize = 100;

/// How many octets the name of an entry may have.
pub(crate) const METADATA_NAME: usize = 255;

/// How many octets each of them may have (`MAXSIZE`).
pub(crate) const METADATA_OCTETS: usize = 64 << 10;

/// How many octets a message may have that is read whole in order to tell something of it. What is larger is told
/// piece by piece.
pub(crate) const READ_WHOLE: u64 = 1 << 20;

/// How many octets a message may have that is looked into for its parts and texts. One that is larger is told as a
/// single part that programs know nothing of, and searched in its header alone.
pub(crate) const LOOKED_INTO: u64 = 64 << 20;

/// How many messages larger than [`READ_WHOLE`] are looked into at a time, by all sessions: they are held whole
/// meanwhile.
pub(crate) const LARGE_AT_ONCE: usize = 2;

/// Of how many sections of the large message that it has asked for last a session knows where they lie.
pub(crate) const FOUND_SECTIONS: usize = 16;

/// How many octets of a large message are taken for its header, at most.
pub(crate) const HEADER_OCTETS: usize = 1 << 20;

/// How many octets a store keeps of what was found in messages, in all folders together: the envelopes of some
/// ten thousand.
pub(crate) const RECALLED_OCTETS: usize = 64 << 20;

/// How large the file may be in which a folder keeps them, in octets: those of some two hundred thousand messages.
pub(crate) const ENVELOPE_FILE: u64 = 64 << 20;

/// How large an envelope may be that is kept in it, in octets. Stops messages that are nothing but addresses from taking
/// the room of others.
pub(crate) const ENVELOPE_OCTETS: u32 = 32 << 10;

/// How many envelopes of messages that are gone it may keep, besides as many as there are messages, twice.
pub(crate) const ENVELOPES_GONE: usize = 1000;

/// How long the preview of a message is at most, in characters (RFC 8970 section 3.1: 256, of which 200 should be
/// enough).
pub(crate) const PREVIEW_CHARACTERS: usize = 200;

/// How coarse the times of directories and files may be: one that has changed so shortly before it was read is read again.
pub(crate) const FOLDER_TICK: Duration = Duration::from_millis(20);

/// How long it is believed that only we change a Maildir, once we have. Reading it after each change of ours
/// would take as long as there are messages.
pub(crate) const MAILDIR_TRUST: Duration = Duration::from_secs(1);

/// How often a folder on disk that somebody waits for is looked at for what other programs do to it, if the system does
/// not tell of that.
pub(crate) const FOLDER_LOOK: Duration = Duration::from_secs(2);

/// How many times as long as a look at a folder has taken nobody looks again, whatever the system tells; no longer than
/// where it tells nothing.
pub(crate) const FOLDER_REST: u32 = 9;

/// How many times as seldom that is where the system tells: it need not tell of what other hosts do.
pub(crate) const TOLD_FOLDER_LOOKS: u32 = 10;

/// How many messages of a folder are changed at once while the system tells of it; for more it is asked not to.
pub(crate) const HUSHED_CHANGES: u64 = 100;

/// How long somebody has to wait for a folder before the system is asked to tell of it. Who opens one folder after the
/// other need not pay for that.
pub(crate) const FOLDER_STAY: Duration = Duration::from_millis(100);

/// How often a client is told how far a command of its has come that takes long (RFC 9585).
pub(crate) const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// How long that may take to be sent before the command is gone on with.
pub(crate) const PROGRESS_FLUSH: Duration = Duration::from_millis(100);

/// What happens to an account's folders, besides their messages, that is kept for a session which does not listen. One
/// that misses more is told so.
pub(crate) const FOLDER_EVENTS: usize = 256;

/// How many folders a client may have watched that it has not selected (RFC 5465 section 5.8,
/// `NOTIFICATIONOVERFLOW`): each is held open meanwhile.
pub(crate) const NOTIFIED_FOLDERS: usize = 500;

/// How long the name of an mbox's file may be without its ending, in octets: lock files and new versions beside it
/// have longer names, and file systems take 255.
pub(crate) const FOLDER_FILE: usize = 200;

/// How large the answer to a command of our IMAP client may be, in octets, that is gathered in memory. Stops a server that does not
/// come to its end.
pub(crate) const ANSWER_OCTETS: u64 = 64 << 20;

/// How many responses that nobody has asked for are kept for an application that does not look at them.
pub(crate) const NEWS: usize = 1000;

/// How long our IMAP client stays in IDLE at a time: RFC 2177 section 3 has it end after 29 minutes at the latest.
pub(crate) const IDLE_RENEWAL: Duration = Duration::from_secs(28 * 60);
