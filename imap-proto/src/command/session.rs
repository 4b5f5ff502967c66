//! Commands about the session: who is there, and what both sides can do.

use std::fmt;

use mailwire::Secret;
use mailwire::auth::{self, MechanismName};

use crate::class::Class;
use crate::encode::Encoder;
use crate::lex::{Cursor, Parsed};
use crate::string::Octets;

/// `LOGIN`: a name and a password in clear text.
pub struct Login {
    /// Who wants to log in.
    pub user: Octets,
    /// Wiped when dropped, and never printed.
    pub password: Secret,
}

impl Login {
    /// A login.
    pub fn new(user: impl Into<Octets>, password: impl Into<Vec<u8>>) -> Box<Self> {
        Box::new(Self {
            user: user.into(),
            password: Secret::from(password.into()),
        })
    }

    pub(super) fn read(cursor: &mut Cursor<'_>) -> Parsed<Box<Self>> {
        cursor.space()?;
        let user = cursor.astring()?;
        cursor.space()?;
        let password = cursor.astring()?;
        Ok(Self::new(user, password.to_vec()))
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        to.space().astring(&self.user);
        to.space().astring(self.password.expose());
    }
}

impl fmt::Debug for Login {
    /// Without the name: people type their passwords there too.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").finish_non_exhaustive()
    }
}

impl PartialEq for Login {
    fn eq(&self, other: &Self) -> bool {
        self.user == other.user && self.password.expose() == other.password.expose()
    }
}

impl Eq for Login {}

/// `AUTHENTICATE`, with an initial response or without (RFC 4959).
///
/// The messages that follow are lines of their own: see [`read_response`](Self::read_response).
pub struct Authenticate {
    /// The SASL mechanism.
    pub mechanism: MechanismName,
    /// The initial response, decoded; empty for `=`.
    pub initial_response: Option<Secret>,
}

impl Authenticate {
    /// An authentication.
    pub fn new(mechanism: MechanismName, initial_response: Option<Secret>) -> Box<Self> {
        Box::new(Self {
            mechanism,
            initial_response,
        })
    }

    /// Reads a line that answers a challenge: the message, or `None` for `*`, which gives up
    /// (RFC 9051 section 6.2.2).
    ///
    /// # Errors
    ///
    /// If it is neither.
    pub fn read_response(line: &[u8]) -> Result<Option<Secret>, auth::NotBase64> {
        match line {
            b"*" => Ok(None),
            line => auth::decode(line).map(Some),
        }
    }

    pub(super) fn read(cursor: &mut Cursor<'_>) -> Parsed<Box<Self>> {
        cursor.space()?;
        let start = cursor.at();
        let name = cursor.run(Class::ATOM, "a mechanism")?;
        let Some(mechanism) = std::str::from_utf8(name)
            .ok()
            .and_then(|name| name.parse().ok())
        else {
            cursor.reset(start);
            return cursor.fail("a mechanism");
        };
        if !cursor.eat_space() {
            return Ok(Self::new(mechanism, None));
        }
        let text = cursor.run(Class::BASE64, "base64")?;
        let initial = match text {
            b"=" => Ok(Secret::default()),
            text => auth::decode(text),
        };
        match initial {
            Ok(initial) => Ok(Self::new(mechanism, Some(initial))),
            Err(_) => cursor.fail("base64"),
        }
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        to.space().word(self.mechanism.as_str());
        match self.initial_response.as_ref().map(Secret::expose) {
            None => {}
            Some([]) => {
                to.raw(b" =");
            }
            Some(initial) => {
                to.space().display(&auth::encode(initial));
            }
        }
    }
}

impl fmt::Debug for Authenticate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticate")
            .field("mechanism", &self.mechanism)
            .field("initial_response", &self.initial_response)
            .finish()
    }
}

impl PartialEq for Authenticate {
    fn eq(&self, other: &Self) -> bool {
        let (one, two) = (&self.initial_response, &other.initial_response);
        self.mechanism == other.mechanism
            && one.as_ref().map(Secret::expose) == two.as_ref().map(Secret::expose)
    }
}

impl Eq for Authenticate {}

/// Names and values, such as `"name"` and the name of a program.
pub(crate) type IdParameters = Vec<(Octets, Option<Octets>)>;

/// ` id-params-list` (RFC 2971 section 5)
pub(super) fn read_id(cursor: &mut Cursor<'_>) -> Parsed<Option<IdParameters>> {
    cursor.space()?;
    read_id_parameters(cursor)
}

/// `id-params-list`
pub(crate) fn read_id_parameters(cursor: &mut Cursor<'_>) -> Parsed<Option<IdParameters>> {
    if cursor.eat_word(b"NIL") {
        return Ok(None);
    }
    let parameters = cursor.list(|cursor| {
        let name = cursor.string()?;
        cursor.space()?;
        Ok((name, cursor.nstring()?))
    })?;
    Ok(Some(parameters))
}

pub(crate) fn write_id(parameters: Option<&IdParameters>, to: &mut Encoder) {
    to.space();
    match parameters {
        None => to.raw(b"NIL"),
        Some(parameters) => to.list(parameters, |to, (name, value)| {
            to.string(name).space().nstring(value.as_ref());
        }),
    };
}
