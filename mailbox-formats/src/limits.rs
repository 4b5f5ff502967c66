//! Every bound of the crate, with its reason.

use std::time::Duration;

/// Bytes gathered before they are written: large enough that the system call no longer
/// counts, small enough for hundreds of deliveries at a time.
pub const WRITE_BUFFER: usize = 64 * 1024;

/// Messages up to this size wait for their mbox in memory; larger ones wait in a file, so
/// that a slow sender of large messages costs disk, not memory. Such a small message is
/// also appended by one system call, so that a crash leaves all of it or nothing.
pub const SPOOL_MEMORY: usize = WRITE_BUFFER;

/// New names tried when one is taken. One collision needs equal host, process id, clock,
/// counter and random number; so many in a row are not chance.
pub const NAME_TRIES: u32 = 16;

/// Bytes of the host in a name: with the other parts and the flags, which others add
/// later, a name stays below the 255 bytes of most file systems.
pub const NAME_HOST: usize = 64;

/// Bytes of an unfinished header line that are kept until the line is understood. A field
/// name is far shorter; RFC 5322 section 2.1.1 allows lines of 998.
pub const HEADER_START: usize = 1000;

/// Bytes of the sender in a `From_` line. RFC 5321 section 4.5.3.1 allows 64 before and
/// 255 behind the `@`; more would break readers that have a fixed buffer for the line.
pub const FROM_SENDER: usize = 320;

/// How long locks are tried for. A client waits 10 minutes behind the final dot (RFC 5321
/// section 4.5.3.2.6), and there may be several mailboxes to lock; Postfix gives up after
/// 20 seconds.
pub const LOCK_WAIT: Duration = Duration::from_secs(20);

/// Longest pause before locks are tried again: short, for an append takes milliseconds.
pub const LOCK_PAUSE: Duration = Duration::from_millis(250);

/// Shortest pause before locks are tried again.
pub const LOCK_PAUSE_MIN: Duration = Duration::from_millis(1);

/// Age at which a lock file is stale if its mailbox has not changed for as long either:
/// what Postfix waits (Dovecot: 120 seconds), for many programs never touch their lock file.
pub const LOCK_STALE: Duration = Duration::from_secs(500);

/// Age at which a lock file is stale if its owner, a process of this host, is dead. Not at
/// once, because containers that share a host name do not see each other's processes.
pub const LOCK_DEAD: Duration = Duration::from_secs(60);

/// How often a lock file is touched while its owner writes: well within [`LOCK_DEAD`].
pub const LOCK_TOUCH: Duration = Duration::from_secs(10);

/// Bytes read of somebody else's lock file: a process id and a host name.
pub const LOCK_CONTENT: u64 = 512;

/// How often a directory is read until it is clear which messages are in it. Each reading
/// beside a program that renames 60,000 files a second hides half a percent of the names;
/// five find all. The rest is for worse, and an end.
pub const DIRECTORY_SCANS: u32 = 24;

/// How long after a change of a directory another one may leave its time the same: the
/// kernel takes the time of a file from its timer, which ticks 100 times a second or more.
pub const DIRECTORY_TICK: Duration = Duration::from_millis(50);

/// The same, for file systems that keep whole seconds; FAT keeps every second one.
pub const COARSE_DIRECTORY_TICK: Duration = Duration::from_secs(2);

/// How often a message is looked for again whose name has changed between finding it and
/// doing something with it.
pub const RENAME_TRIES: u32 = 64;

/// Bytes of a list beside the messages, such as `dovecot-uidlist`: a million messages with
/// long names. Such a file is read whole.
pub const SIDE_FILE: u64 = 256 << 20;

/// Age at which the lock file of such a list is stale: what Dovecot waits, which holds it
/// for the time of one write.
pub const SIDE_FILE_STALE: Duration = Duration::from_secs(120);

/// Age at which such a lock file is stale if its owner, a process of this host, is dead: a
/// server that was killed is started again before its clients give up.
pub const SIDE_FILE_DEAD: Duration = Duration::from_secs(2);

/// Bytes of the name of a keyword: more than any mail reader offers, and a list of 26 stays
/// small.
pub const KEYWORD: usize = 255;

/// Bytes of a `From_` line that is read: a sender of [`FROM_SENDER`] in any encoding, and a
/// date. A longer line is body, so that a file of one line costs no memory.
pub const FROM_LINE: usize = 1024;

/// Bytes of a header in which `Content-Length` and flags are looked for.
pub const HEADER: u64 = 1 << 20;

/// Bytes for which a separator within a `Content-Length` waits until the length is proven:
/// what a reader has to hold meanwhile. A message that holds an mbox and is longer than
/// this behind its first separator is split.
pub const LENGTH_WINDOW: u64 = 8 << 20;

/// Separators that wait within a `Content-Length`.
pub const LENGTH_HELD: usize = 4096;

/// Bytes that are read of an mbox at once: large enough that the system call no longer
/// counts, small enough to stay in the cache of the processor.
pub const READ_BUFFER: usize = 128 * 1024;

/// Bytes from the start of an mbox from which its kind is learnt: some messages at least.
pub const SAMPLE: usize = 256 * 1024;

/// The greatest last number that an mbox is believed to have given. It stands in the first
/// message, and a stranger who wrote it there could leave no number for the next ones.
pub const BELIEVED_UID: u32 = u32::MAX / 2;

/// Bytes that are read at once of a message of an mbox.
pub const CONTENT_BUFFER: usize = 32 * 1024;

/// Separators of an mbox that are looked at again before it is believed that it has only
/// grown: a few reads instead of all.
pub const INDEX_SAMPLES: usize = 16;

/// Messages of a Maildir that are published together when mail is copied: as many as make
/// the price of a sync small.
pub const BATCH: usize = 1000;

/// Bytes of a file name on most file systems.
pub const FILE_NAME: usize = 255;

/// Length of a `maildirsize` beyond which it is written anew, by the format.
pub const QUOTA_FILE: u64 = 5120;

/// Age of a `maildirsize` from which on it is not believed that the quota is exceeded, by
/// the format.
pub const QUOTA_AGE: Duration = Duration::from_secs(15 * 60);

/// Age of a file in `tmp/` at which no delivery can be working on it, by the format.
pub const TMP_AGE: Duration = Duration::from_secs(36 * 3600);
