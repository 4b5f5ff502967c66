//! The strays in text that is framed by something else than dots.

use bytes::{Buf, Bytes};

use super::{SMALLEST_BLOCK, Stop, Stray, Strays, extent};
use crate::Input;

/// Takes text that is framed by counting, such as a chunk of BDAT (RFC 3030), out of an
/// [`Input`], with the same care about [`Strays`] as an [`Unstuffer`](super::Unstuffer) takes, and without dots.
///
/// The text may come in several runs with other things between them: a CR at the end of one run
/// and the LF at the start of the next are a line end all the same.
#[derive(Debug)]
pub struct Screen {
    policy: Strays,
    stray: Option<Stray>,
    block: usize,
    /// The last run ended with a CR, which was not handed out yet.
    holds_cr: bool,
}

impl Screen {
    /// For a text that begins with the next octet.
    pub const fn new(policy: Strays) -> Self {
        Self {
            policy,
            stray: None,
            block: SMALLEST_BLOCK,
            holds_cr: false,
        }
    }

    /// The first bare CR or LF or NUL that was seen; under [`Strays::Allow`] they are not looked
    /// for.
    pub fn stray(&self) -> Option<Stray> {
        self.stray
    }

    /// The first one that was seen, where the policy is to refuse them.
    pub fn refused(&self) -> Option<Stray> {
        match self.policy {
            Strays::Reject => self.stray,
            _ => None,
        }
    }

    /// Takes the next piece from the front of `input`, of whose octets the first `run` belong to
    /// the text. Says how many octets were removed; the piece may be empty.
    ///
    /// Under [`Strays::Reject`] nothing is taken from the first stray on.
    pub fn next(&mut self, input: &mut Input, run: u64) -> (usize, Bytes) {
        let here = usize::try_from(run).map_or(input.len(), |run| run.min(input.len()));
        self.take(input, here, here as u64 == run)
    }

    /// The same for a piece of text that is whole: what of it can be handed on at once. Call it
    /// until the piece is empty or something was [refused](Self::refused).
    pub fn filter(&mut self, piece: &mut Bytes) -> Bytes {
        let here = piece.len();
        self.take(piece, here, true).1
    }

    fn take(&mut self, text: &mut impl Text, here: usize, ends_here: bool) -> (usize, Bytes) {
        if here == 0 || self.refused().is_some() {
            return (0, Bytes::new());
        }
        if self.policy == Strays::Allow {
            return (here, text.split(here));
        }
        if std::mem::take(&mut self.holds_cr) {
            return match text[0] {
                b'\n' => {
                    text.skip(1);
                    (1, Bytes::from_static(b"\r\n"))
                }
                _ => (0, self.replace(Stray::Cr)),
            };
        }
        let extent = extent(&text[..here], true, &mut self.block);
        match (extent.stop, extent.length) {
            (Stop::Stray(stray), 0) => {
                let taken = usize::from(self.policy == Strays::Normalise);
                text.skip(taken);
                (taken, self.replace(stray))
            }
            // A CR alone, whose LF may still come: in this run, or at the start of the next.
            (Stop::Plain, 0) if ends_here => {
                self.holds_cr = true;
                text.skip(1);
                (1, Bytes::new())
            }
            (_, length) => (length, text.split(length)),
        }
    }

    /// The text is over: what is left of it. A CR that no LF has followed is a stray.
    pub fn finish(&mut self) -> Bytes {
        match std::mem::take(&mut self.holds_cr) {
            true => self.replace(Stray::Cr),
            false => Bytes::new(),
        }
    }

    /// What stands in the place of a stray, if anything may.
    fn replace(&mut self, stray: Stray) -> Bytes {
        self.stray.get_or_insert(stray);
        match (self.policy, stray) {
            (Strays::Reject, _) => Bytes::new(),
            (_, Stray::Lf) => Bytes::from_static(b"\r\n"),
            _ => Bytes::from_static(b" "),
        }
    }
}

/// Where text is taken from.
trait Text: std::ops::Deref<Target = [u8]> {
    fn split(&mut self, count: usize) -> Bytes;
    fn skip(&mut self, count: usize);
}

impl Text for Input {
    fn split(&mut self, count: usize) -> Bytes {
        self.take(count)
    }

    fn skip(&mut self, count: usize) {
        self.consume(count);
    }
}

impl Text for Bytes {
    fn split(&mut self, count: usize) -> Bytes {
        self.split_to(count)
    }

    fn skip(&mut self, count: usize) {
        self.advance(count);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::lines;
    use super::*;

    const POLICIES: [Strays; 3] = [Strays::Reject, Strays::Normalise, Strays::Allow];

    /// A text in runs, of which each is fed in pieces: what is read, and the first stray.
    fn screened(runs: &[&[u8]], piece: usize, policy: Strays) -> (Vec<u8>, Option<Stray>) {
        let mut screen = Screen::new(policy);
        let mut read = Vec::new();
        for run in runs {
            let mut left = run.len() as u64;
            let mut input = Input::new(1 << 20);
            for piece in run.chunks(piece) {
                assert_eq!(input.extend(piece), piece.len());
                loop {
                    let before = screen.stray();
                    let (taken, text) = screen.next(&mut input, left);
                    left -= taken as u64;
                    read.extend_from_slice(&text);
                    if taken == 0 && text.is_empty() && screen.stray() == before {
                        break;
                    }
                }
            }
            assert!(left == 0 || policy == Strays::Reject, "{left} octets left");
        }
        read.extend_from_slice(&screen.finish());
        (read, screen.stray())
    }

    #[test]
    fn runs_are_one_text() {
        let runs: [&[u8]; 4] = [b"one\r", b"\ntwo\r\n", b"\r\n.\r", b"\n"];
        for policy in POLICIES {
            for piece in 1..10 {
                let (text, stray) = screened(&runs, piece, policy);
                assert_eq!((&text[..], stray), (&b"one\r\ntwo\r\n\r\n.\r\n"[..], None));
            }
        }
        for (run, stray, rest) in [
            (&b"a\rb"[..], Stray::Cr, &b"a b"[..]),
            (b"a\nb", Stray::Lf, b"a\r\nb"),
            (b"a\0b", Stray::Nul, b"a b"),
            (b"ab\r", Stray::Cr, b"ab "),
        ] {
            for piece in 1..5 {
                let normalised = screened(&[run], piece, Strays::Normalise);
                assert_eq!(normalised, (rest.to_vec(), Some(stray)));
                let (text, found) = screened(&[run], piece, Strays::Reject);
                assert!(rest.starts_with(&text) && found == Some(stray), "{run:?}");
                let allowed = screened(&[run], piece, Strays::Allow);
                assert_eq!(allowed, (run.to_vec(), None));
            }
        }
    }

    proptest! {
        /// However it is cut into runs and pieces, a text is the same as in one run.
        #[test]
        fn screened_the_same_however_cut(
            text in lines(),
            cut in any::<prop::sample::Index>(),
            piece in 1usize..300,
        ) {
            let (front, back) = text.split_at(cut.index(text.len() + 1));
            for policy in POLICIES {
                let whole = screened(&[&text], text.len().max(1), policy);
                prop_assert_eq!(&screened(&[front, back], piece, policy), &whole);
                if policy == Strays::Allow {
                    prop_assert_eq!(&whole.0, &text);
                }
            }
        }
    }
}
