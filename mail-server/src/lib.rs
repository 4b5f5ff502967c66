//! (tour)

pub mod smtp;

pub mod store;

mod listener;
pub use listener::{Peer, Stop};

mod limits;
pub use limits::Limits;

mod tls;
pub use tls::{Tls, TlsError};
