//! What is forgiven besides the grammar.

/// Which mistakes of clients a server overlooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Strictness {
    /// Take a bare LF as the end of a command line, as people's terminals and scripts send it. A bare CR
    /// never ends one.
    pub bare_lf_commands: bool,
    /// Overlook arguments of commands that have none, such as a space behind `STAT`: some
    /// scripts send it.
    pub surplus_arguments: bool,
    /// Serve `LAST` (RFC 1460 section 4), which was taken out of the protocol. Clients such as
    /// fetchmail still ask it to tell what is new.
    pub last: bool,
}

impl Strictness {
    /// Nothing is forgiven.
    pub const fn strict() -> Self {
        Self {
            bare_lf_commands: false,
            surplus_arguments: false,
            last: false,
        }
    }

    /// Everything is, that does no harm.
    pub const fn lenient() -> Self {
        Self {
            bare_lf_commands: true,
            surplus_arguments: true,
            last: true,
        }
    }
}
