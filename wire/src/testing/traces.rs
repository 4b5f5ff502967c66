//! Law 9 of machines: no secret is seen in what can be printed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// What a secret looks like where it is printed by mistake: as text, in base64 at each offset,
/// and as a list of numbers.
///
/// ```should_panic
/// use mailwire::testing::Traces;
///
/// Traces::of("tanstaaf").look(format!("{:?}", b"tanstaaf".to_vec()));
/// ```
#[derive(Debug, Clone)]
pub struct Traces(Vec<String>);

impl Traces {
    /// Those of a secret, or of a part of one, of at least seven octets.
    ///
    /// # Panics
    ///
    /// If the secret is shorter: some other text could look like it.
    #[must_use]
    pub fn of(secret: &str) -> Self {
        let octets = secret.as_bytes();
        assert!(
            octets.len() >= 7,
            "the secret is too short to be looked for"
        );
        // The first and the last characters also depend on what is around the secret.
        let in_base64 = |offset: usize| {
            let before = vec![0; offset];
            let encoded = STANDARD_NO_PAD.encode([&before, octets].concat());
            let whole = (offset + octets.len()) / 3 * 4;
            encoded[(offset * 4).div_ceil(3)..whole].to_owned()
        };
        let mut traces: Vec<String> = (0..3).map(in_base64).collect();
        traces.push(secret.to_owned());
        let listed = &octets[..3];
        traces.push(format!("{listed:?}").trim_matches(['[', ']']).to_owned());
        traces.push(format!("{listed:x?}").trim_matches(['[', ']']).to_owned());
        Self(traces)
    }

    /// Looks for them in what was printed.
    ///
    /// # Panics
    ///
    /// If there is one.
    pub fn look(&self, shown: impl AsRef<str>) {
        let shown = shown.as_ref();
        for trace in &self.0 {
            assert!(!shown.contains(trace), "{trace} is seen in {shown}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_seen(shown: &str) -> bool {
        std::panic::catch_unwind(|| Traces::of("tanstaa").look(shown)).is_err()
    }

    #[test]
    fn a_secret_is_seen_in_every_form() {
        let octets = b"xtanstaaf";
        for shown in [
            format!("{octets:?}"),
            format!("{octets:#x?}")
                .replace(['\n', ' '], "")
                .replace(',', ", ")
                .replace("0x", ""),
            "AUTH tanstaaftanstaaf".into(),
        ] {
            assert!(is_seen(&shown), "{shown}");
        }
        for before in 0..3 {
            let shown = STANDARD_NO_PAD.encode([&b"\0\0\0"[..before], &octets[1..]].concat());
            assert!(is_seen(&shown), "{shown}");
        }
        assert!(!is_seen("TANSTAA tanstu ********"));
    }
}
