//! mbox and Maildir: durable delivery.
mod durability;
pub mod effects;
mod error;
pub mod limits;
mod line_ends;
pub mod maildir;
pub mod mbox;

pub use durability::Durability;
pub use error::{DeliveryError, Fault, StepError};
pub use line_ends::{LineEnds, LineFilter};
