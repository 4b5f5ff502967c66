//! Texts in which something stands for anything.

/// Whether a text is like a pattern in which every `anything` stands for any text, or none.
pub(crate) fn fits(pattern: &str, anything: &str, text: &str) -> bool {
    let mut parts = pattern.split(anything);
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<_> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some(found) = rest.find(part) else {
            return false;
        };
        rest = &rest[found + part.len()..];
    }
    rest.ends_with(last)
}
