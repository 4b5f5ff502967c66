//! Every number that bounds what a peer or a stored credential can make this crate do.

/// The most octets in an authorization identity, an authentication identity or a password,
/// before and after preparation.
///
/// RFC 4616 section 2: servers must accept 255 octets in each. The bound stops a peer from
/// growing memory before it has logged in; NFKC can stretch one character to eleven times
/// its octets.
pub const FIELD: usize = 1024;

/// The most memory in KiB that one argon2 or scrypt credential may ask for: 256 MiB. For
/// scrypt its blocks in parallel count too, which are filled one after the other.
///
/// RFC 9106 section 4 recommends 64 MiB where memory is short. The bound stops a stored
/// hash, which may come from another system, from taking the server's memory at each guess.
pub const HASH_MEMORY_KIB: u64 = 256 * 1024;

/// The most passes of an argon2 credential, each over all of its memory.
///
/// RFC 9106 section 4 recommends 3 with 64 MiB. The bound stops a stored hash from taking
/// the processor for seconds at each guess.
pub const ARGON2_PASSES: u32 = 16;

/// The most lanes of an argon2 credential; they share its memory and run one after another.
///
/// RFC 9106 section 4 recommends 4. The bound stops a hash from asking for 16 million.
pub const ARGON2_LANES: u32 = 16;

/// The most iterations of a pbkdf2 credential: a few seconds of one processor.
///
/// RFC 8018 section 4.2 asks for 1,000 at least; common advice is 600,000. The bound stops
/// a stored hash from taking the processor for minutes at each guess.
pub const PBKDF2_ITERATIONS: u32 = 5_000_000;

/// The largest cost of a bcrypt credential, the base-2 logarithm of its rounds.
///
/// Common advice is 10 to 12. 15 takes about two seconds of one processor; 31, the format's
/// own limit, takes days.
pub const BCRYPT_COST: u32 = 15;

/// The most rounds of a `$5$` or `$6$` credential: about a second of one processor.
///
/// The format's default is 5,000, its own limit 999,999,999.
pub const SHA_CRYPT_ROUNDS: u32 = 1_000_000;

/// The most different costs (scheme and parameters) in one password file.
///
/// A check does the work of each cost once, so that all users, known and unknown, take the
/// same time. The bound stops a file with many costs from making every check slow.
pub const COSTS: usize = 8;

/// The most octets in one message of a peer.
///
/// RFC 4954 section 4 and RFC 5034 section 4: lines of 12,288 octets must be accepted, which
/// base64 makes of 9,216. The bound is there for protocols that have none.
pub const MESSAGE: usize = 12 * 1024;

/// The least iterations of a SCRAM verifier that is stored here.
///
/// RFC 5802 section 5.1 and RFC 7677 section 4: 4,096. With fewer, who listens to an exchange
/// guesses passwords cheaply.
pub const SCRAM_LEAST_ITERATIONS: u32 = 4096;

/// The iterations of verifiers that are made where only the password is stored, and of decoys.
///
/// RFC 7677 section 4 recommends 15,000 or more where the hardware allows it: a few
/// milliseconds. Each attempt costs this much.
pub const SCRAM_ITERATIONS: u32 = 15_000;

/// The iterations that a server may ask a client for, if it is not
/// [told](crate::client::Context::iterations) otherwise.
///
/// RFC 7677 section 4: 4,096 at least. The most stops a server, or whoever poses as one, from
/// taking the processor for seconds.
pub const CLIENT_ITERATIONS: std::ops::RangeInclusive<u32> = 4096..=1_000_000;

/// The most octets in a SCRAM salt.
///
/// The bound stops a stored verifier, or a server, from sending or costing more.
pub const SCRAM_SALT: usize = 64;

/// The most octets in a peer's SCRAM nonce.
///
/// RFC 5802 has no bound; peers send 24 or so. A server repeats it twice, so this stops it
/// from being grown.
pub const SCRAM_NONCE: usize = 256;

/// The most characters in the trace that an anonymous peer leaves (RFC 4505 section 2).
pub const TRACE: usize = 255;

/// The most octets in each of the strings that saslauthd is sent: its own limit.
pub const SASLAUTHD_FIELD: usize = 256;

/// The most octets in a line of Dovecot's authentication protocol, its end included: its own
/// limit. It stops a service that has lost its way from growing memory.
pub const DOVECOT_LINE: usize = 16 * 1024;

/// The most mechanisms that are remembered of Dovecot's handshake, which has a dozen.
pub const DOVECOT_MECHANISMS: usize = 64;
