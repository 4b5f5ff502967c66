//! The header that SCRAM and OAUTHBEARER share (RFC 5801 section 4, RFC 5802 section 7), and
//! the channel binding that it names.

use std::fmt;

use crate::Prepared;

/// What ties an exchange to the TLS session it runs in (RFC 5056), so that a man in the
/// middle cannot pass it on.
///
/// ```
/// use sasl::ChannelBindings;
///
/// let bindings = ChannelBindings::default().exporter([7; 32]);
/// assert!(!bindings.is_empty());
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ChannelBindings {
    exporter: Option<Vec<u8>>,
    server_end_point: Option<Vec<u8>>,
}

impl ChannelBindings {
    /// `tls-exporter` (RFC 9266): 32 octets exported from a session of TLS 1.3. On older
    /// versions it may not be used without the extended master secret.
    #[must_use]
    pub fn exporter(mut self, exported: impl Into<Vec<u8>>) -> Self {
        self.exporter = Some(exported.into());
        self
    }

    /// `tls-server-end-point` (RFC 5929 section 4): the hash of the server's certificate.
    #[must_use]
    pub fn server_end_point(mut self, hash: impl Into<Vec<u8>>) -> Self {
        self.server_end_point = Some(hash.into());
        self
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.exporter.is_none() && self.server_end_point.is_none()
    }

    /// The data of a binding, by its registered name. `tls-unique` is not among them: it is
    /// not safe before TLS 1.3, and not defined in it (RFC 9266 section 1).
    pub(crate) fn named(&self, name: &str) -> Option<&[u8]> {
        match name {
            EXPORTER => self.exporter.as_deref(),
            SERVER_END_POINT => self.server_end_point.as_deref(),
            _ => None,
        }
    }

    /// The name of the best one.
    pub(crate) fn best(&self) -> Option<&'static str> {
        [EXPORTER, SERVER_END_POINT]
            .into_iter()
            .find(|name| self.named(name).is_some())
    }
}

impl fmt::Debug for ChannelBindings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelBindings")
            .field("exporter", &self.exporter.is_some())
            .field("server_end_point", &self.server_end_point.is_some())
            .finish()
    }
}

/// RFC 5802 section 7, `gs2-header`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) binding: Flag,
    pub(crate) authzid: Option<Prepared>,
}

/// RFC 5802 section 7, `gs2-cbind-flag`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Flag {
    /// `n`: the client can bind no channel.
    No,
    /// `y`: the client could, and thinks that the server cannot.
    Unused,
    /// `p=`: it does.
    Used(String),
}

impl Header {
    /// Splits a message into its header and the rest.
    pub(crate) fn parse(message: &str) -> Option<(Self, &str)> {
        let (flag, rest) = message.split_once(',')?;
        let (authzid, rest) = rest.split_once(',')?;
        let binding = match flag {
            "n" => Flag::No,
            "y" => Flag::Unused,
            _ => {
                let name = flag.strip_prefix("p=")?;
                let legal = |b: u8| b.is_ascii_alphanumeric() || b == b'.' || b == b'-';
                if name.is_empty() || !name.bytes().all(legal) {
                    return None;
                }
                Flag::Used(name.to_owned())
            }
        };
        let authzid = match authzid {
            // The second is not in the grammar, but what gsasl makes of an empty one.
            "" | "a=" => None,
            authzid => Some(unescape(authzid.strip_prefix("a=")?)?),
        };
        Some((Self { binding, authzid }, rest))
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.binding {
            Flag::No => f.write_str("n,")?,
            Flag::Unused => f.write_str("y,")?,
            Flag::Used(name) => write!(f, "p={name},")?,
        }
        match &self.authzid {
            None => f.write_str(","),
            Some(authzid) => write!(f, "a={},", escape(authzid)),
        }
    }
}

/// RFC 5802 section 5.1, `saslname`: commas and equals signs as `=2C` and `=3D`.
pub(crate) fn escape(name: &Prepared) -> String {
    name.as_str().replace('=', "=3D").replace(',', "=2C")
}

/// The name in a `saslname`. Any other use of `=` is an error (RFC 5802 section 5.1).
pub(crate) fn unescape(saslname: &str) -> Option<Prepared> {
    let mut parts = saslname.split('=');
    let mut name = parts.next()?.to_owned();
    for part in parts {
        let (sign, rest) = match (part.strip_prefix("2C"), part.strip_prefix("3D")) {
            (Some(rest), _) => (',', rest),
            (_, Some(rest)) => ('=', rest),
            _ => return None,
        };
        name.push(sign);
        name.push_str(rest);
    }
    Prepared::parse(&name).ok()
}

const EXPORTER: &str = "tls-exporter";
const SERVER_END_POINT: &str = "tls-server-end-point";

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(name: &str) -> Prepared {
        Prepared::parse(name).unwrap()
    }

    /// Pitfalls 10 and 11.
    #[test]
    fn headers_both_ways() {
        let used = |name: &str| Flag::Used(name.to_owned());
        for (header, binding, authzid) in [
            ("n,,", Flag::No, None),
            ("y,,", Flag::Unused, None),
            ("p=tls-exporter,,", used("tls-exporter"), None),
            ("n,a=tim,", Flag::No, Some("tim")),
            ("p=x.1,a=t=2Ci=3Dm=3D2C,", used("x.1"), Some("t,i=m=2C")),
        ] {
            let expected = Header {
                binding,
                authzid: authzid.map(prepared),
            };
            let message = format!("{header}n=user,r=nonce");
            let (parsed, rest) = Header::parse(&message).expect(header);
            assert_eq!((&parsed, rest), (&expected, "n=user,r=nonce"));
            assert_eq!(expected.to_string(), header);
        }
    }

    #[test]
    fn an_empty_authzid_is_none() {
        let (header, rest) = Header::parse("n,a=,rest").expect("a header");
        assert_eq!((header.authzid, rest), (None, "rest"));
    }

    #[test]
    fn no_headers() {
        for message in [
            "",
            "n",
            "n,",
            ",,",
            "x,,",
            "N,,",
            "nn,,",
            "p,,",
            "p=,,",
            "p=a b,,",
            "y=x,,",
            " n,,",
            "n,b=tim,",
            "n,tim,",
            "n,a==,",
            "n,a=t=2c,",
            "n,a=t=,",
            "n,a=t=20m,",
            "n,a=\0,",
            "n,a=tim",
        ] {
            assert!(Header::parse(message).is_none(), "{message:?}");
        }
    }
}
