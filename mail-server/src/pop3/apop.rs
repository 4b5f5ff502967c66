//! APOP: logins by digest (RFC 1939 section 7).
//!
//! MD5 and passwords that the server has to know: for old clients, and for no others.

use std::fmt::Write as _;

use pop3_proto::server::Timestamp;

/// A timestamp for a greeting that nobody can foretell, at this host. `None` if the system has no
/// randomness to give, or the name cannot stand in a timestamp.
pub fn timestamp(hostname: &str) -> Option<Timestamp> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).ok()?;
    let mut text = String::from("<");
    for octet in random {
        let _ = write!(text, "{octet:02x}");
    }
    let _ = write!(text, "@{hostname}>");
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::timestamp;

    #[test]
    fn no_two_are_the_same() {
        let one = timestamp("pop.example.org").expect("a timestamp");
        assert!(one.as_str().ends_with("@pop.example.org>"));
        assert_ne!(Some(one), timestamp("pop.example.org"));
        assert_eq!(timestamp("two words"), None);
    }
}
