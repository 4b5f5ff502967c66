//! What both sides of SCRAM (RFC 5802, RFC 7677) are made of.
//!
//! A server keeps [`Verifier`]s in place of passwords; a [`DecoyKey`] makes such for users
//! that do not exist. The exchanges themselves are in [`server`](crate::server) and
//! [`client`](crate::client).

mod hash;
pub use hash::Hash;

mod verifier;
pub use verifier::{DecoyKey, Verifier, VerifierError};

pub(crate) mod message;

pub(crate) use hash::Key;
pub(crate) use verifier::{SALT_LENGTH, client_key, server_key};
