//! LOGIN (draft-murchison-sasl-login): a name and a password, each in answer to a prompt.
//!
//! The prompts are not those of the draft. Section 2.2 of it allows these, and widespread
//! clients compare them letter by letter. An initial response is the name: clients that send
//! one expect that, though the draft knows none.
//!
//! Not supported: passwords that are not UTF-8, which the draft allows.

/// Asks for the user name.
pub(super) const USERNAME_PROMPT: &[u8] = b"Username:";

/// Asks for the password.
pub(super) const PASSWORD_PROMPT: &[u8] = b"Password:";
