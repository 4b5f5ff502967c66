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

/// The most different costs (scheme and parameters) in one password file.
///
/// A check does the work of each cost once, so that all users, known and unknown, take the
/// same time. The bound stops a file with many costs from making every check slow.
pub const COSTS: usize = 8;
