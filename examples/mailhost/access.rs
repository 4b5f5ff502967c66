//! Who may talk to us, by address: the subset of access(5) that Postfix's users write.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use smtp_proto::Reply;

/// Lines `PATTERN ACTION`. The pattern is an address, or the first octets or groups of one
/// (`192.168.88`, `2001:db8`); the action is `OK`, `DUNNO`, `REJECT [text]` or a reply
/// (`450 4.7.1 Later`). Names of hosts are refused: nobody here asks the DNS.
#[derive(Debug, Default)]
pub(crate) struct Access(HashMap<Pattern, Option<Reply>>);

impl Access {
    /// Reads the lines of a file.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut table = HashMap::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |why: &str| format!("line {}: {why}", index + 1);
            let (pattern, action) = line
                .split_once(char::is_whitespace)
                .ok_or_else(|| wrong("a pattern and an action are needed"))?;
            let pattern = Pattern::parse(pattern)
                .ok_or_else(|| wrong("the pattern is an address or the beginning of one"))?;
            let action = parse_action(action.trim()).map_err(wrong)?;
            if table.insert(pattern, action).is_some() {
                return Err(wrong("the pattern stands here a second time"));
            }
        }
        Ok(Self(table))
    }

    /// Why this client is refused, if it is. The longest pattern that fits counts.
    pub(crate) fn refusal(&self, client: IpAddr) -> Option<&Reply> {
        let mut pattern = Pattern::whole(client);
        while !pattern.parts.is_empty() {
            if let Some(action) = self.0.get(&pattern) {
                return action.as_ref();
            }
            pattern.parts.pop();
        }
        None
    }
}

/// The reply that refuses, if the action is to refuse.
fn parse_action(action: &str) -> Result<Option<Reply>, &'static str> {
    let (word, text) = action
        .split_once(char::is_whitespace)
        .unwrap_or((action, ""));
    match word.to_ascii_uppercase().as_str() {
        "OK" | "DUNNO" => Ok(None),
        "REJECT" => {
            let text = match text.trim() {
                "" => "Client host rejected: Access denied",
                text => text,
            };
            let reply = Reply::new(554, (5, 7, 1), text.to_owned());
            reply.map(Some).map_err(|_| "not a text for a reply")
        }
        _ => match action.parse::<Reply>() {
            Ok(reply) if reply.is_temporary() || reply.is_permanent() => Ok(Some(reply)),
            _ => Err("the action is OK, DUNNO, REJECT or a refusing reply"),
        },
    }
}

/// An address or its beginning, in one form however it is written.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Pattern {
    v4: bool,
    /// Octets of IPv4, groups of IPv6.
    parts: Vec<u16>,
}

impl Pattern {
    fn whole(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self {
                v4: true,
                parts: address.octets().map(u16::from).into(),
            },
            IpAddr::V6(address) => Self {
                v4: false,
                parts: address.segments().into(),
            },
        }
    }

    fn parse(text: &str) -> Option<Self> {
        if let Ok(address) = text.parse() {
            return Some(Self::whole(address));
        }
        let v4 = !text.contains(':') && text.split('.').all(|part| part.parse::<u8>().is_ok());
        let parts: Option<Vec<u16>> = match v4 {
            true => text.split('.').map(|part| part.parse().ok()).collect(),
            false => {
                let groups = text.trim_end_matches("::").split(':');
                groups
                    .map(|part| u16::from_str_radix(part, 16).ok())
                    .collect()
            }
        };
        let whole = if v4 { Ipv4Addr::BITS / 8 } else { 8 } as usize;
        // A word of hexadecimal digits alone may be a host's name.
        let parts = parts.filter(|parts| parts.len() < whole && (v4 || text.contains(':')))?;
        Some(Self { v4, parts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_pattern_counts() {
        let access = Access::parse(
            "# clients\n192.168.88.32 REJECT\n192.168.88  reject go away\n192.168.88.7 OK\n\
             10 450 4.7.1 Later\n2001:db8 REJECT\n2001:DB8:0:1::9 OK\n2001:0:0:1 REJECT\n\
             ::ffff:172.16.0.1 REJECT\n",
        )
        .expect("a table");
        let refusal = |ip: &str| {
            access
                .refusal(ip.parse().expect("an address"))
                .map(Reply::to_string)
        };
        for (client, refused) in [
            (
                "192.168.88.32",
                Some("554 5.7.1 Client host rejected: Access denied"),
            ),
            ("192.168.88.1", Some("554 5.7.1 go away")),
            ("192.168.88.7", None),
            ("192.168.8.1", None),
            ("10.1.2.3", Some("450 4.7.1 Later")),
            ("100.1.2.3", None),
            ("::ffff:10.1.2.3", Some("450 4.7.1 Later")),
            (
                "172.16.0.1",
                Some("554 5.7.1 Client host rejected: Access denied"),
            ),
            (
                "2001:db8::7",
                Some("554 5.7.1 Client host rejected: Access denied"),
            ),
            ("2001:db8:0:1::9", None),
            ("2001:db80::7", None),
            // Written with its zeros in another place than in the pattern.
            (
                "2001::1:5:0:0:6",
                Some("554 5.7.1 Client host rejected: Access denied"),
            ),
        ] {
            assert_eq!(refusal(client).as_deref(), refused, "{client}");
        }
    }

    #[test]
    fn wrong_lines_are_named() {
        for line in [
            "1.2.3.5",
            "1.2.3.4 250 Fine",
            "1.2.3.4 MAYBE",
            "example.com REJECT",
            "1.2.3.256 REJECT",
            "1.2.3.4.5 REJECT",
            "1.2.3. REJECT",
            "10.0.0.0/8 REJECT",
            "beef REJECT",
            "2001:db8:::1 REJECT",
            "10 REJECT",
        ] {
            let error = Access::parse(&format!("10 OK\n{line}\n")).expect_err(line);
            assert!(error.starts_with("line 2:"), "{line}: {error}");
        }
    }
}
