//! x
pub mod server;

mod mechanism;
mod prepared;

pub mod limits;

pub use mechanism::{Mechanism, MechanismError};
pub use prepared::{PrepareError, Prepared};
