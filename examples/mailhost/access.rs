//! Who may talk to us, by address: the subset of access(5) that Postfix's users write.

use std::collections::HashMap;
use std::net::IpAddr;

use smtp_proto::Reply;

/// Lines `PATTERN ACTION`. The pattern is an address, or the first octets of one
/// (`192.168.88`, `2001:db8`); the action is `OK`, `DUNNO`, `REJECT [text]` or a reply (`450 4.7.1 Later`).
#[derive(Debug, Default)]
pub(crate) struct Access(HashMap<String, Option<Reply>>);

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
            let action = action.trim();
            let (word, text) = action
                .split_once(char::is_whitespace)
                .unwrap_or((action, ""));
            let refusal = match word.to_ascii_uppercase().as_str() {
                "OK" | "DUNNO" | "PERMIT" => None,
                "REJECT" => {
                    let text = if text.is_empty() {
                        "Client host rejected: Access denied"
                    } else {
                        text
                    };
                    let reply = Reply::new(554, (5, 7, 1), text.to_owned());
                    Some(reply.map_err(|_| wrong("not a text for a reply"))?)
                }
                _ => match action.parse::<Reply>() {
                    Ok(reply) if reply.is_temporary() || reply.is_permanent() => Some(reply),
                    _ => return Err(wrong("the action is OK, DUNNO, REJECT or a refusing reply")),
                },
            };
            table.insert(pattern.to_lowercase(), refusal);
        }
        Ok(Self(table))
    }

    /// Why this client is refused, if it is. The longest pattern that fits counts.
    pub(crate) fn refusal(&self, client: IpAddr) -> Option<&Reply> {
        let client = client.to_canonical();
        let separator = if client.is_ipv4() { '.' } else { ':' };
        let text = client.to_string();
        let mut pattern = text.as_str();
        loop {
            if let Some(action) = self.0.get(pattern) {
                return action.as_ref();
            }
            pattern = pattern.rsplit_once(separator)?.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_pattern_counts() {
        let access = Access::parse(
            "# clients\n192.168.88.32 REJECT\n192.168.88  reject go away\n192.168.88.7 OK\n10 450 4.7.1 Later\n2001:db8 REJECT\n",
        )
        .expect("a table");
        let refusal = |ip: &str| {
            access
                .refusal(ip.parse().expect("an address"))
                .map(Reply::to_string)
        };
        assert_eq!(
            refusal("192.168.88.32").as_deref(),
            Some("554 5.7.1 Client host rejected: Access denied")
        );
        assert_eq!(
            refusal("192.168.88.1").as_deref(),
            Some("554 5.7.1 go away")
        );
        assert_eq!(refusal("192.168.88.7"), None);
        assert_eq!(refusal("192.168.8.1"), None);
        assert_eq!(refusal("10.1.2.3").as_deref(), Some("450 4.7.1 Later"));
        assert_eq!(
            refusal("::ffff:10.1.2.3").as_deref(),
            Some("450 4.7.1 Later")
        );
        assert!(refusal("2001:db8::7").is_some());
    }

    #[test]
    fn wrong_lines_are_named() {
        let error = Access::parse("1.2.3.4 OK\n1.2.3.5\n").expect_err("no action");
        assert!(error.starts_with("line 2:"), "{error}");
        assert!(Access::parse("1.2.3.4 250 Fine").is_err());
        assert!(Access::parse("1.2.3.4 MAYBE").is_err());
    }
}
