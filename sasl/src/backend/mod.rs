//! The protocols of programs that know users, as machines without I/O.
//!
//! A server can leave it to another program whose password is whose. [`saslauthd`] is asked
//! about one password on one connection; [`dovecot`] runs any number of exchanges on one, and
//! understands mechanisms that this crate then only passes on. Both speak over local sockets:
//! what goes there is in clear text.

pub mod dovecot;
pub mod saslauthd;
