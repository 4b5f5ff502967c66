//! Questions: commands whose answer is the application's alone.

use std::fmt::Display;

use super::{Awaited, Client, Refused};
use crate::Extension;
use crate::command::{Node, Verify};

impl Client {
    /// Asks whether the server is there.
    ///
    /// # Errors
    ///
    /// If the session is busy.
    pub fn noop(&mut self) -> Result<(), Refused> {
        self.ask("NOOP")
    }

    /// Asks about an address (RFC 5321 section 3.5). The answer says little, most often.
    ///
    /// # Errors
    ///
    /// If the session is busy.
    pub fn verify(&mut self, address: &Verify) -> Result<(), Refused> {
        let utf8 = self.utf8(address)?;
        self.ask(format_args!("VRFY {}{utf8}", address.as_str()))
    }

    /// Asks who is on a list.
    ///
    /// # Errors
    ///
    /// If the session is busy, or EXPN is not offered.
    pub fn expand(&mut self, list: &Verify) -> Result<(), Refused> {
        self.is_free()?;
        self.needs(Extension::Expand)?;
        let utf8 = self.utf8(list)?;
        self.ask(format_args!("EXPN {}{utf8}", list.as_str()))
    }

    /// Asks for what waits for somebody (RFC 1985).
    ///
    /// # Errors
    ///
    /// If the session is busy, or ETRN is not offered.
    pub fn etrn(&mut self, node: &Node) -> Result<(), Refused> {
        self.is_free()?;
        self.needs(Extension::Etrn)?;
        self.ask(format_args!("ETRN {}", node.as_str()))
    }

    /// The parameter that a question beyond ASCII needs, or its answer (RFC 6531 section 3.7.4.2).
    fn utf8(&self, question: &Verify) -> Result<&'static str, Refused> {
        if question.as_str().is_ascii() && !question.smtputf8() {
            return Ok("");
        }
        self.needs(Extension::SmtpUtf8)?;
        Ok(" SMTPUTF8")
    }

    /// A command whose answer is the application's alone.
    fn ask(&mut self, command: impl Display) -> Result<(), Refused> {
        self.is_free()?;
        self.say(command, Awaited::Answer);
        Ok(())
    }
}
