//! The reader: frames into commands and responses.

use crate::command::Command;
use crate::error::SyntaxError;
use crate::frame::Frame;
use crate::lex::{Cursor, Fault};
use crate::limits::Limits;
use crate::quirks::Quirks;
use crate::response::Response;

/// Reads what a [`Framer`](crate::Framer) has found, by the rules of one connection.
///
/// ```
/// use imap_proto::command::CommandBody;
/// use imap_proto::{Frame, MailboxName, Reader};
///
/// let mut reader = Reader::strict();
/// let command = reader.command(&Frame::from(bytes::Bytes::from("A1 DELETE Entw&APw-rfe")))?;
/// assert_eq!(command.body, CommandBody::Delete(MailboxName::new("Entwürfe")?));
///
/// let error = reader.command(&Frame::from(bytes::Bytes::from("A2 DELETE \"x"))).unwrap_err();
/// assert_eq!(error.to_string(), "expected the end of a quoted string at octet 12");
/// assert_eq!(error.tag, Some("A2".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Reader {
    limits: Limits,
    quirks: Quirks,
    fired: Quirks,
    utf8: bool,
}

impl Reader {
    /// Forgives nothing: for servers.
    pub fn strict() -> Self {
        Self::with_quirks(Quirks::empty())
    }

    /// Forgives what servers are known to get wrong: for clients.
    pub fn lenient() -> Self {
        Self::with_quirks(Quirks::all())
    }

    /// Forgives these mistakes.
    pub fn with_quirks(quirks: Quirks) -> Self {
        Self {
            limits: Limits::default(),
            quirks,
            fired: Quirks::empty(),
            utf8: false,
        }
    }

    /// With other limits.
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Whether `UTF8=ACCEPT` or `IMAP4rev2` is enabled: strings may be UTF-8, and mailbox names
    /// are (RFC 6855 section 3, RFC 9051 section 5.1).
    pub fn set_utf8(&mut self, utf8: bool) {
        self.utf8 = utf8;
    }

    /// Which mistakes had to be forgiven so far.
    pub fn fired(&self) -> Quirks {
        self.fired
    }

    /// Reads a command.
    ///
    /// # Errors
    ///
    /// If it is none that is known, or not as the grammar has it.
    pub fn command(&mut self, frame: &Frame) -> Result<Command, SyntaxError> {
        self.read(frame, Command::read)
    }

    /// Reads a response.
    ///
    /// ```
    /// use imap_proto::response::{Response, StatusKind};
    /// use imap_proto::{Frame, Reader};
    ///
    /// let mut reader = Reader::lenient();
    /// let frame = Frame::from(bytes::Bytes::from("A1 OK [READ-WRITE] SELECT completed"));
    /// let Response::Tagged { tag, status } = reader.response(&frame)? else {
    ///     panic!("it is tagged");
    /// };
    /// assert_eq!((tag.as_str(), status.kind), ("A1", StatusKind::Ok));
    /// # Ok::<(), imap_proto::SyntaxError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If it is not as the grammar has it. A response that is not known is no error, but
    /// [`Unknown`](crate::response::Unknown).
    pub fn response(&mut self, frame: &Frame) -> Result<Response, SyntaxError> {
        self.read(frame, Response::read)
    }

    fn read<T>(
        &mut self,
        frame: &Frame,
        read: impl FnOnce(&mut Cursor<'_>) -> Result<T, Fault>,
    ) -> Result<T, SyntaxError> {
        let mut cursor = Cursor::new(frame, self.quirks, self.utf8, self.limits.depth);
        let value = read(&mut cursor);
        self.fired |= cursor.fired;
        if frame.has_bare_lf() {
            self.fired |= Quirks::BARE_LF;
        }
        value.map_err(|fault| SyntaxError {
            tag: frame.tag(),
            offset: fault.at,
            expected: fault.expected,
        })
    }
}
