//! Bearer tokens.

/// RFC 6750 section 2.1, `b64token`.
pub(crate) fn is_token(token: &str) -> bool {
    let letters = token.trim_end_matches('=');
    !letters.is_empty()
        && letters
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b))
}
