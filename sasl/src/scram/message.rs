//! The four messages of SCRAM (RFC 5802 section 7).
//!
//! What is signed are the messages as they were sent, to the octet: so each is kept as text,
//! and extensions that nobody knows stay in it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::verifier::number;
use crate::gs2::{Header, escape, unescape};
use crate::{Prepared, limits};

/// `client-first-message`.
#[derive(Debug)]
pub(crate) struct ClientFirst {
    pub(crate) header: Header,
    /// The header as it was sent.
    pub(crate) gs2: String,
    pub(crate) username: Prepared,
    pub(crate) nonce: String,
    /// `client-first-message-bare`.
    pub(crate) bare: String,
}

impl ClientFirst {
    pub(crate) fn new(header: Header, username: Prepared, nonce: String) -> Self {
        Self {
            bare: format!("n={},r={nonce}", escape(&username)),
            gs2: header.to_string(),
            header,
            username,
            nonce,
        }
    }

    pub(crate) fn parse(message: &[u8]) -> Option<Self> {
        let message = text(message)?;
        let (header, bare) = Header::parse(message)?;
        // A mandatory extension, `m=`, would have to stand first: none is known.
        let mut attributes = Attributes(Some(bare));
        let username = unescape(attributes.value("n")?)?;
        let nonce = attributes.value("r").filter(|nonce| is_nonce(nonce))?;
        attributes.extensions()?;
        Some(Self {
            header,
            gs2: message[..message.len() - bare.len()].to_owned(),
            username,
            nonce: nonce.to_owned(),
            bare: bare.to_owned(),
        })
    }

    pub(crate) fn text(&self) -> String {
        format!("{}{}", self.gs2, self.bare)
    }
}

/// `server-first-message`.
#[derive(Debug)]
pub(crate) struct ServerFirst {
    pub(crate) nonce: String,
    pub(crate) salt: Vec<u8>,
    pub(crate) iterations: u32,
    /// All of it.
    pub(crate) text: String,
}

impl ServerFirst {
    pub(crate) fn new(nonce: String, salt: &[u8], iterations: u32) -> Self {
        Self {
            text: format!("r={nonce},s={},i={iterations}", STANDARD.encode(salt)),
            nonce,
            salt: salt.to_vec(),
            iterations,
        }
    }

    pub(crate) fn parse(message: &[u8]) -> Option<Self> {
        let message = text(message)?;
        let mut attributes = Attributes(Some(message));
        let nonce = attributes.value("r").filter(|nonce| is_nonce(nonce))?;
        let salt = STANDARD.decode(attributes.value("s")?).ok()?;
        let iterations = number(attributes.value("i")?)?;
        attributes.extensions()?;
        let fits = (1..=limits::SCRAM_SALT).contains(&salt.len());
        fits.then(|| Self {
            nonce: nonce.to_owned(),
            salt,
            iterations,
            text: message.to_owned(),
        })
    }
}

/// `client-final-message`.
#[derive(Debug)]
pub(crate) struct ClientFinal {
    /// `cbind-input`: the header again, and the data of the channel binding.
    pub(crate) binding: Vec<u8>,
    pub(crate) nonce: String,
    pub(crate) proof: Vec<u8>,
    /// `client-final-message-without-proof`.
    pub(crate) bare: String,
}

impl ClientFinal {
    /// All but the proof.
    pub(crate) fn bare(binding: &[u8], nonce: &str) -> String {
        format!("c={},r={nonce}", STANDARD.encode(binding))
    }

    pub(crate) fn parse(message: &[u8]) -> Option<Self> {
        let (bare, proof) = text(message)?.rsplit_once(",p=")?;
        let mut attributes = Attributes(Some(bare));
        let binding = STANDARD.decode(attributes.value("c")?).ok()?;
        let nonce = attributes.value("r")?;
        attributes.extensions()?;
        Some(Self {
            binding,
            nonce: nonce.to_owned(),
            proof: STANDARD.decode(proof).ok()?,
            bare: bare.to_owned(),
        })
    }

    /// All of it.
    pub(crate) fn text(bare: &str, proof: &[u8]) -> String {
        format!("{bare},p={}", STANDARD.encode(proof))
    }
}

/// `server-final-message`.
#[derive(Debug, PartialEq)]
pub(crate) enum ServerFinal {
    Signature(Vec<u8>),
    /// Ours never says why; a client hears it from others.
    Error,
}

impl ServerFinal {
    pub(crate) fn parse(message: &[u8]) -> Option<Self> {
        let mut attributes = Attributes(Some(text(message)?));
        let found = match attributes.value("v") {
            Some(signature) => Self::Signature(STANDARD.decode(signature).ok()?),
            None => {
                attributes = Attributes(Some(text(message)?));
                attributes.value("e")?;
                Self::Error
            }
        };
        attributes.extensions()?;
        Some(found)
    }

    pub(crate) fn text(signature: &[u8]) -> String {
        format!("v={}", STANDARD.encode(signature))
    }
}

/// What is left of a list of `attr-val`.
struct Attributes<'a>(Option<&'a str>);

impl<'a> Attributes<'a> {
    /// The value of the next attribute, which must have this name.
    fn value(&mut self, name: &str) -> Option<&'a str> {
        let (found, value) = self.next()?;
        (found == name).then_some(value)
    }

    /// Everything that is left is ignored, as long as it has the form of an extension; a
    /// mandatory one (RFC 5802 section 5.1, `m`) is known nowhere.
    fn extensions(mut self) -> Option<()> {
        while self.0.is_some() {
            let (name, _) = self.next()?;
            let [letter] = name.as_bytes() else {
                return None;
            };
            if !letter.is_ascii_alphabetic() || name == "m" {
                return None;
            }
        }
        Some(())
    }

    fn next(&mut self) -> Option<(&'a str, &'a str)> {
        let rest = self.0.take()?;
        let attribute = match rest.split_once(',') {
            Some((attribute, rest)) => {
                self.0 = Some(rest);
                attribute
            }
            None => rest,
        };
        let (name, value) = attribute.split_once('=')?;
        (!value.is_empty()).then_some((name, value))
    }
}

/// UTF-8 without NUL, as every value is.
fn text(message: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(message).ok()?;
    (!text.contains('\0')).then_some(text)
}

/// RFC 5802 section 7, `printable`: ASCII without spaces and commas.
fn is_nonce(nonce: &str) -> bool {
    (1..=limits::SCRAM_NONCE).contains(&nonce.len())
        && nonce.bytes().all(|octet| octet.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5802 section 5, both ways.
    #[test]
    fn the_example() {
        let first = ClientFirst::parse(b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL").unwrap();
        assert_eq!(first.bare, "n=user,r=fyko+d2lbbFgONRv9qkxdawL");
        let again = ClientFirst::new(
            first.header.clone(),
            first.username.clone(),
            first.nonce.clone(),
        );
        assert_eq!(again.text(), "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL");

        let text = "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096";
        let server = ServerFirst::parse(text.as_bytes()).unwrap();
        assert_eq!((server.iterations, server.text.as_str()), (4096, text));
        assert_eq!(
            ServerFirst::new(server.nonce, &server.salt, 4096).text,
            text
        );

        let bare = "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j";
        let text = format!("{bare},p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=");
        let last = ClientFinal::parse(text.as_bytes()).unwrap();
        assert_eq!((last.bare.as_str(), &last.binding[..]), (bare, &b"n,,"[..]));
        assert_eq!(ClientFinal::bare(b"n,,", &last.nonce), bare);
        assert_eq!(ClientFinal::text(bare, &last.proof), text);

        let text = "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=";
        let Some(ServerFinal::Signature(signature)) = ServerFinal::parse(text.as_bytes()) else {
            panic!("no signature");
        };
        assert_eq!(ServerFinal::text(&signature), text);
    }

    /// Pitfalls 9, 11 and 13: extensions are kept, and what is not legal is refused.
    #[test]
    fn client_first() {
        let first = ClientFirst::parse(b"n,,n=a=2Cb=3D,r=x,y=1,z==,").is_none();
        assert!(first, "an empty attribute");
        let first = ClientFirst::parse(b"n,,n=a=2Cb=3D,r=x=y,y=1,z==").unwrap();
        assert_eq!(first.username.as_str(), "a,b=");
        assert_eq!(
            (first.nonce.as_str(), first.bare.as_str()),
            ("x=y", "n=a=2Cb=3D,r=x=y,y=1,z==")
        );
        let long = "r".repeat(limits::SCRAM_NONCE + 1);
        for message in [
            "",
            "n,,",
            "n,,n=,r=x",
            "n,,n=a",
            "n,,n=a,r=",
            "n,,n=a,r",
            "n,,r=x,n=a",
            "n,,n=a=,r=x",
            "n,,n=a=2c,r=x",
            "n,,m=1,n=a,r=x",
            "n,,n=a,r=x,m=1",
            "n,,n=a,r=x,yy=1",
            "n,,n=a,r=x,1=1",
            "n,,n=a,r=x,y=",
            "n,,n=a,r=x,y",
            "n,,n=a,r=x y",
            "n,,n=a,r=\u{e4}",
            "n,,n=a\0,r=x",
            "n,,n=a\u{7},r=x",
            &format!("n,,n=a,r={long}"),
        ] {
            assert!(
                ClientFirst::parse(message.as_bytes()).is_none(),
                "{message:?}"
            );
        }
        assert!(ClientFirst::parse(b"n,,n=\xff,r=x").is_none());
    }

    /// Pitfall 12, and an `m` on this side too.
    #[test]
    fn server_first() {
        assert!(ServerFirst::parse(b"r=x,s=c2FsdA==,i=4096,y=1").is_some());
        let long = STANDARD.encode([0; limits::SCRAM_SALT + 1]);
        for message in [
            "",
            "r=x",
            "r=x,s=c2FsdA==",
            "m=1,r=x,s=c2FsdA==,i=4096",
            "r=x,s=c2FsdA==,i=4096,m=1",
            "r=x,s=,i=4096",
            "r=x,s=c2FsdA,i=4096",
            "r=x,s=c2FsdA==,i=0",
            "r=x,s=c2FsdA==,i=04096",
            "r=x,s=c2FsdA==,i=+4096",
            "r=x,s=c2FsdA==,i=-1",
            "r=x,s=c2FsdA==,i=4096 ",
            "r=x,s=c2FsdA==,i=4294967296",
            "r=,s=c2FsdA==,i=4096",
            "e=other-error",
            &format!("r=x,s={long},i=4096"),
        ] {
            assert!(
                ServerFirst::parse(message.as_bytes()).is_none(),
                "{message:?}"
            );
        }
    }

    #[test]
    fn last_messages() {
        let last = ClientFinal::parse(b"c=biws,r=x,y=,p=1,p=AAAA");
        assert!(last.is_none(), "an empty extension");
        let last = ClientFinal::parse(b"c=biws,r=x,y=1,p=AAAA").unwrap();
        assert_eq!(last.bare, "c=biws,r=x,y=1");
        for message in [
            "",
            "c=biws,r=x",
            "c=biws,r=x,p=AAA",
            "c=biw,r=x,p=AAAA",
            "r=x,c=biws,p=AAAA",
            "c=biws,p=AAAA",
            "c=biws,r=x,m=1,p=AAAA",
            "c=biws,r=x,p=AAAA,y=1",
        ] {
            assert!(
                ClientFinal::parse(message.as_bytes()).is_none(),
                "{message:?}"
            );
        }
        assert_eq!(
            ServerFinal::parse(b"e=invalid-proof"),
            Some(ServerFinal::Error)
        );
        assert_eq!(ServerFinal::parse(b"e=no,x=1"), Some(ServerFinal::Error));
        for message in ["", "v=", "v=AAA", "e=", "x=1", "v=AAAA,m=1", "v=AAAA,"] {
            assert_eq!(ServerFinal::parse(message.as_bytes()), None, "{message:?}");
        }
    }
}
