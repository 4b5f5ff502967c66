//! (tour to come)

pub mod drive;
mod machine;
pub use machine::{ApiMisuse, Machine, Step};

mod input;
pub use input::Input;

mod output;
pub use output::Output;

mod timer;
pub use timer::Timer;

mod secret;
pub use secret::Secret;

mod tls;
pub use tls::TlsInfo;

pub mod dot;
pub mod line;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
