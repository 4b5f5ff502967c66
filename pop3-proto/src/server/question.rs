//! What the application is asked.

/// An event that waits for its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    Login,
    Auth,
    Retrieve { number: u32, lines: Option<u32> },
    Update { deletes: bool },
}
