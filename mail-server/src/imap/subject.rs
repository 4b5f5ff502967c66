//! The base subject (RFC 5256 section 2.1): what is left without `Re:` and the like.

/// The base of a subject, decoded and unfolded, and whether it is that of a reply or a forward.
pub(super) fn base(subject: &str) -> (String, bool) {
    let words: Vec<&str> = subject.split_whitespace().collect();
    let whole = words.join(" ");
    let mut rest = &whole[..];
    let mut reply = false;
    loop {
        while let Some(shorter) = without_trailer(rest) {
            (rest, reply) = (shorter, true);
        }
        loop {
            match without_leader(rest) {
                Some((shorter, is_reply)) => {
                    rest = shorter;
                    reply |= is_reply;
                }
                None => match without_blob(rest) {
                    Some(shorter) if !shorter.is_empty() => rest = shorter,
                    _ => break,
                },
            }
        }
        match without_forward(rest) {
            Some(inner) => (rest, reply) = (inner, true),
            None => return (rest.to_owned(), reply),
        }
    }
}

/// `subj-trailer`
fn without_trailer(subject: &str) -> Option<&str> {
    if let Some(shorter) = subject.strip_suffix(' ') {
        return Some(shorter);
    }
    const FWD: &str = "(fwd)";
    let start = subject.len().checked_sub(FWD.len())?;
    match subject.get(start..)?.eq_ignore_ascii_case(FWD) {
        true => Some(&subject[..start]),
        false => None,
    }
}

/// `subj-leader`, and whether it tells of a reply or a forward.
fn without_leader(subject: &str) -> Option<(&str, bool)> {
    if let Some(shorter) = subject.strip_prefix(' ') {
        return Some((shorter, false));
    }
    let mut rest = subject;
    while let Some(shorter) = without_blob(rest) {
        rest = shorter;
    }
    let word = ["re", "fwd", "fw"].into_iter().find(|word| {
        rest.get(..word.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(word))
    })?;
    rest = rest[word.len()..].trim_start_matches(' ');
    rest = without_blob(rest).unwrap_or(rest);
    rest.strip_prefix(':').map(|rest| (rest, true))
}

/// `subj-blob`: `[list] `
fn without_blob(subject: &str) -> Option<&str> {
    let inside = subject.strip_prefix('[')?;
    let (blob, rest) = inside.split_once(']')?;
    match blob.contains('[') {
        true => None,
        false => Some(rest.trim_start_matches(' ')),
    }
}

/// `[Fwd: subject]`
fn without_forward(subject: &str) -> Option<&str> {
    const FWD: &str = "[fwd:";
    let start = subject.get(..FWD.len())?;
    match start.eq_ignore_ascii_case(FWD) {
        true => subject[FWD.len()..].strip_suffix(']'),
        false => None,
    }
}

#[cfg(test)]
mod tests {
    use super::base;

    #[test]
    fn what_was_put_before_and_behind_is_taken_away() {
        for (subject, found, reply) in [
            ("hello", "hello", false),
            ("Re: hello", "hello", true),
            ("RE : [list] Fwd: hello (fwd) ", "hello", true),
            ("re[2]: hello", "hello", true),
            ("[list] hello", "hello", false),
            ("[list] Re: hello", "hello", true),
            ("[Fwd: Re: hello]", "hello", true),
            ("[only a blob]", "[only a blob]", false),
            ("Re:", "", true),
            ("  two   words\t", "two words", false),
            ("Regarding: it", "Regarding: it", false),
            ("", "", false),
            ("[[", "[[", false),
        ] {
            assert_eq!(base(subject), (found.to_owned(), reply), "{subject:?}");
        }
    }
}
