//! Whether a message is looked for (RFC 9051 section 6.4.4).

use imap_proto::command::{DayKey, IsKey, SearchKey, TextKey};
use imap_proto::{Flag, SequenceSet};

use super::describe::EmailId;
use super::mime::Texts;
use crate::store::Info;

/// What is looked for, and when.
pub(super) struct Wanted<'a> {
    /// All of these. Messages are named by UIDs that are known.
    pub(super) keys: &'a [SearchKey],
    /// Seconds since 1970.
    pub(super) now: i64,
}

/// A message that may be looked for.
pub(super) struct Candidate<'c, 'm> {
    pub(super) info: &'c Info,
    /// Its texts, once they have been read.
    pub(super) texts: Option<&'c Texts<'c, 'm>>,
}

impl Wanted<'_> {
    /// Whether the message is looked for; `None` if its texts would tell.
    pub(super) fn finds(&self, candidate: &Candidate<'_, '_>) -> Option<bool> {
        self.all(self.keys, candidate)
    }

    fn all(&self, keys: &[SearchKey], candidate: &Candidate<'_, '_>) -> Option<bool> {
        let mut all = Some(true);
        for key in keys {
            match self.key(key, candidate) {
                Some(true) => {}
                Some(false) => return Some(false),
                None => all = None,
            }
        }
        all
    }

    fn key(&self, key: &SearchKey, candidate: &Candidate<'_, '_>) -> Option<bool> {
        let info = candidate.info;
        let size = info.size;
        Some(match key {
            SearchKey::And(keys) => return self.all(keys, candidate),
            SearchKey::Or(keys) => {
                match (self.key(&keys.0, candidate), self.key(&keys.1, candidate)) {
                    (Some(false), other) | (other, Some(false)) => return other,
                    (Some(true), _) | (_, Some(true)) => true,
                    (None, None) => return None,
                }
            }
            SearchKey::Not(key) => !self.key(key, candidate)?,
            SearchKey::Fuzzy(key) => return self.key(key, candidate),
            SearchKey::Uid(SequenceSet::Numbers(uids)) => uids.numbers.contains(info.uid),
            SearchKey::Is(is) => is_so(*is, candidate),
            SearchKey::Keyword(keyword) => info.flags.contains(&Flag::Keyword(keyword.clone())),
            SearchKey::Unkeyword(keyword) => !info.flags.contains(&Flag::Keyword(keyword.clone())),
            SearchKey::Larger(octets) => size > *octets,
            SearchKey::Smaller(octets) => size < *octets,
            SearchKey::Older(seconds) => self.age(info) >= i64::from(seconds.get()),
            SearchKey::Younger(seconds) => self.age(info) <= i64::from(seconds.get()),
            SearchKey::ModSeq { since, .. } => info.mod_seq.value() >= since.value(),
            SearchKey::Day(key, day) => return compares(*key, day.days_since_epoch(), candidate),
            SearchKey::Contains(place, text) => {
                let (texts, text) = (candidate.texts?, Folded::new(text));
                contains(*place, &text, texts)
            }
            SearchKey::Header(name, text) => {
                let (texts, text) = (candidate.texts?, Folded::new(text));
                texts.fields(name).any(|value| text.is_in(&value))
            }
            SearchKey::EmailId(id) => {
                EmailId::of(candidate.texts?.octets()).as_str().as_bytes() == &id[..]
            }
            // What the listener does not announce finds nothing, and there are no ids of threads.
            _ => false,
        })
    }

    /// In seconds.
    fn age(&self, info: &Info) -> i64 {
        self.now.saturating_sub(info.internal_date.unix_seconds())
    }
}

fn is_so(is: IsKey, candidate: &Candidate<'_, '_>) -> bool {
    let has = |flag| candidate.info.flags.contains(&flag);
    match is {
        IsKey::All => true,
        IsKey::Answered => has(Flag::Answered),
        IsKey::Deleted => has(Flag::Deleted),
        IsKey::Draft => has(Flag::Draft),
        IsKey::Flagged => has(Flag::Flagged),
        IsKey::Seen => has(Flag::Seen),
        IsKey::Unanswered => !has(Flag::Answered),
        IsKey::Undeleted => !has(Flag::Deleted),
        IsKey::Undraft => !has(Flag::Draft),
        IsKey::Unflagged => !has(Flag::Flagged),
        IsKey::Unseen => !has(Flag::Seen),
        IsKey::SaveDateSupported => true,
        _ => false,
    }
}

/// Days are those of the zone that a date was written in.
fn compares(key: DayKey, day: i64, candidate: &Candidate<'_, '_>) -> Option<bool> {
    let received = || candidate.info.internal_date.date().days_since_epoch();
    Some(match key {
        DayKey::Before => received() < day,
        DayKey::On => received() == day,
        DayKey::Since => received() >= day,
        DayKey::SentBefore => sent(candidate)? < day,
        DayKey::SentOn => sent(candidate)? == day,
        DayKey::SentSince => sent(candidate)? >= day,
        DayKey::SavedBefore => saved(candidate) < day,
        DayKey::SavedOn => saved(candidate) == day,
        DayKey::SavedSince => saved(candidate) >= day,
        _ => false,
    })
}

/// The day on which it came into the folder, or that of the internal date if that is not known (RFC 8514 section 5).
fn saved(candidate: &Candidate<'_, '_>) -> i64 {
    let info = candidate.info;
    let date = info.saved.unwrap_or(info.internal_date);
    date.date().days_since_epoch()
}

/// The day in the field Date, or that of the internal date if there is none.
fn sent(candidate: &Candidate<'_, '_>) -> Option<i64> {
    let date = candidate.texts?.date();
    let date = date.and_then(|date| imap_proto::Date::new(date.year, date.month, date.day).ok());
    let date = date.unwrap_or_else(|| candidate.info.internal_date.date());
    Some(date.days_since_epoch())
}

fn contains(place: TextKey, text: &Folded, texts: &Texts<'_, '_>) -> bool {
    let field = |name: &str| {
        texts
            .fields(name.as_bytes())
            .any(|value| text.is_in(&value))
    };
    match place {
        TextKey::Bcc => field("Bcc"),
        TextKey::Cc => field("Cc"),
        TextKey::From => field("From"),
        TextKey::Subject => field("Subject"),
        TextKey::To => field("To"),
        TextKey::Body => texts.body_has(|body| text.is_in(body)),
        TextKey::Text => {
            texts.header_has(|field| text.is_in(field)) || texts.body_has(|body| text.is_in(body))
        }
        _ => false,
    }
}

/// A text that is found whatever its case.
struct Folded(String);

impl Folded {
    fn new(text: &[u8]) -> Self {
        Self(String::from_utf8_lossy(text).to_lowercase())
    }

    fn is_in(&self, text: &str) -> bool {
        self.0.is_empty() || text.to_lowercase().contains(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use imap_proto::command::{SearchKey, TextKey};
    use imap_proto::{Flag, Flags, ModSeq};

    use super::super::mime::Parsed;
    use super::{Candidate, Wanted};
    use crate::store::Info;

    const MESSAGE: &str = "From: =?utf-8?q?J=C3=B6rg?= <joerg@example.org>\r\n\
        Date: Mon, 7 Feb 1994 23:52:25 -0800\r\n\
        Subject: =?utf-8?b?R3LDvMOfZQ==?=\r\n\
        Content-Type: text/plain; charset=iso-8859-1\r\n\
        Content-Transfer-Encoding: quoted-printable\r\n\r\n\
        Caf=E9 au lait\r\n";

    fn info() -> Info {
        let mut flags = Flags::new();
        flags.insert(Flag::Seen);
        Info {
            uid: 7.try_into().expect("not 0"),
            flags,
            mod_seq: ModSeq::new(12).expect("one"),
            internal_date: "08-Feb-1994 10:00:00 +0200".parse().expect("a date"),
            saved: None,
            size: MESSAGE.len() as u64,
        }
    }

    /// With and without the texts.
    fn finds(keys: &[SearchKey]) -> (Option<bool>, Option<bool>) {
        let (raw, info) = (Bytes::from_static(MESSAGE.as_bytes()), info());
        let parsed = Parsed::new(&raw);
        let texts = parsed.texts();
        let search = Wanted {
            keys,
            now: info.internal_date.unix_seconds() + 100,
        };
        let candidate = |texts| Candidate { info: &info, texts };
        (
            search.finds(&candidate(None)),
            search.finds(&candidate(Some(&texts))),
        )
    }

    fn subject(text: &str) -> SearchKey {
        SearchKey::Contains(TextKey::Subject, text.into())
    }

    #[test]
    fn texts_are_decoded_and_of_any_case() {
        for (place, text) in [
            (TextKey::Subject, "GRÜSS"),
            (TextKey::Subject, "grüße"),
            (TextKey::From, "jörg"),
            (TextKey::From, "joerg@EXAMPLE.org"),
            (TextKey::Body, "café"),
            (TextKey::Text, "subject: gr"),
            (TextKey::Text, "au lait"),
        ] {
            let found = finds(&[SearchKey::Contains(place, text.into())]);
            // Upper case of ß is two letters, which lower case does not undo.
            assert_eq!(found, (None, Some(text != "GRÜSS")), "{text}");
        }
        assert_eq!(
            finds(&[SearchKey::Header("x-none".into(), "".into())]).1,
            Some(false)
        );
        assert_eq!(
            finds(&[SearchKey::Header("DATE".into(), "".into())]).1,
            Some(true)
        );
    }

    #[test]
    fn what_decides_without_the_texts_decides() {
        let seen = || SearchKey::Is(imap_proto::command::IsKey::Seen);
        let unseen = || SearchKey::Not(Box::new(seen()));
        assert_eq!(finds(&[subject("a"), unseen()]).0, Some(false));
        assert_eq!(finds(&[subject("a"), seen()]).0, None);
        assert_eq!(
            finds(&[SearchKey::Or(Box::new((subject("a"), seen())))]).0,
            Some(true)
        );
        assert_eq!(
            finds(&[SearchKey::Or(Box::new((unseen(), subject("a"))))]).0,
            None
        );
        assert_eq!(
            finds(&[SearchKey::Uid("5:7".parse().expect("a set"))]).0,
            Some(true)
        );
        assert_eq!(
            finds(&[SearchKey::Older(100.try_into().expect("not 0"))]).0,
            Some(true)
        );
        assert_eq!(
            finds(&[SearchKey::Younger(99.try_into().expect("not 0"))]).0,
            Some(false)
        );
    }

    #[test]
    fn days_are_those_of_their_zones() {
        use imap_proto::command::DayKey;
        let day = |key, date: &str| finds(&[SearchKey::Day(key, date.parse().expect("a day"))]);
        assert_eq!(day(DayKey::On, "8-Feb-1994").0, Some(true));
        assert_eq!(day(DayKey::Before, "8-Feb-1994").0, Some(false));
        assert_eq!(day(DayKey::SentOn, "7-Feb-1994"), (None, Some(true)));
        assert_eq!(day(DayKey::SentSince, "8-Feb-1994").1, Some(false));
    }
}
