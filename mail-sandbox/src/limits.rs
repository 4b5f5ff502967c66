//! Every number that bounds a sandbox.

use std::time::Duration;

/// Messages that are kept if nothing else is said: more than any test looks at. Older ones make
/// room.
pub(crate) const MESSAGES: usize = 100_000;

/// Octets of a message that are taken if nothing else is said.
pub(crate) const MESSAGE: u64 = 64 << 20;

/// Conversations that are remembered. Those of messages that are kept stay with them.
pub(crate) const CONVERSATIONS: usize = 1000;

/// Octets of one message, or of anything else that is said in one go, that a conversation repeats:
/// enough to see what it was. The message itself is kept whole.
pub(crate) const BODY_SHOWN: usize = 16 * 1024;

/// Octets of a conversation that are remembered. Stops a client that talks without end.
pub(crate) const CONVERSATION: usize = 1 << 20;

/// The same of a conversation that is recorded, in which messages are whole: enough for a message as large as is
/// taken. What follows is passed on, and the conversation says that it is not remembered.
pub(crate) const RECORDING: usize = 64 << 20;

/// The same of all conversations, but those that have not ended: the oldest make room when another begins.
pub(crate) const CONVERSATIONS_OCTETS: usize = 256 << 20;

/// Octets of a command line that are waited for; those that are longer go to the machine in pieces,
/// which knows what to say to them.
pub(crate) const LINE: usize = 64 * 1024;

/// Things that a fault counts apart: connections, or addresses. Those beyond are counted as one.
pub(crate) const COUNTED_APART: usize = 10_000;

/// Faults of a sandbox.
pub(crate) const FAULTS: usize = 1000;

/// Octets of a fault file.
pub(crate) const FAULT_FILE: usize = 1 << 20;

/// How long a client is listened to after our last words, so that a reset does not destroy them.
pub(crate) const FAREWELL: Duration = Duration::from_secs(1);

/// How long a misbehaving client waits for an answer if nothing else is said: longer than a healthy
/// server takes, shorter than a test should.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Octets of an answer that a misbehaving client reads. Stops a server that answers without end.
pub(crate) const ANSWER: usize = 64 << 20;

/// How long dropping a sandbox waits for its sockets to be closed.
pub(crate) const DROP: Duration = Duration::from_secs(2);

/// How long a TLS handshake may take.
pub(crate) const HANDSHAKE: Duration = Duration::from_secs(30);

/// Connections that wait to be accepted.
pub(crate) const BACKLOG: u32 = 128;
