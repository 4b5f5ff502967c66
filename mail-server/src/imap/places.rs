//! Where the parts of a large message lie: who fetches one piece by piece asks for it again and again.

use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use imap_proto::command::FetchAttribute;
use imap_proto::response::{FetchItem, FetchedSection};
use imap_proto::{Content, Partial, Section};

use super::describe::{Described, of_info};
use super::mime::Parsed;
use crate::limits::FOUND_SECTIONS;
use crate::store::Info;

/// What was found in the large message that a session has looked into last.
#[derive(Debug, Default)]
pub(super) struct Places(Mutex<Found>);

#[derive(Debug, Default)]
struct Found {
    uid: Option<NonZeroU32>,
    sections: Vec<(Section, Range<u64>)>,
}

impl Places {
    /// What was asked for of a message, if that can be told without another look at it.
    pub(super) fn describe(&self, attributes: &[FetchAttribute], info: &Info) -> Option<Described> {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if found.uid != Some(info.uid) {
            return None;
        }
        let mut owed = Vec::new();
        let items = attributes.iter().map(|attribute| match attribute {
            FetchAttribute::Section {
                section, partial, ..
            } => {
                let (_, place) = found.sections.iter().find(|(known, _)| known == section)?;
                let place = cut(place.clone(), *partial);
                let content = content(&place);
                owed.extend((!place.is_empty()).then_some(place));
                let origin = partial.map(|partial| partial.offset);
                let section = FetchedSection::new(section.clone(), origin, Some(content));
                Some(FetchItem::Section(Box::new(section)))
            }
            _ => of_info(attribute, info),
        });
        let items = items.collect::<Option<_>>()?;
        Some(Described {
            uid: info.uid,
            items,
            owed,
            undecodable: false,
        })
    }

    /// Remembers where the parts are that were asked for.
    pub(super) fn find(&self, attributes: &[FetchAttribute], info: &Info, parsed: &Parsed<'_>) {
        let asked = attributes.iter().filter_map(|attribute| match attribute {
            FetchAttribute::Section { section, .. } if !section.part.is_empty() => Some(section),
            _ => None,
        });
        let places = asked.filter_map(|section| {
            let place = place(&parsed.section(section)?, parsed.raw())?;
            Some((section.clone(), place))
        });
        let places: Vec<_> = places.take(FOUND_SECTIONS).collect();
        if places.is_empty() {
            return;
        }
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Found {
            uid: Some(info.uid),
            sections: places,
        };
    }
}

/// Which octets of a message some are, if they are a piece of it.
pub(super) fn place(piece: &[u8], message: &[u8]) -> Option<Range<u64>> {
    let start = (piece.as_ptr() as usize).checked_sub(message.as_ptr() as usize)?;
    let end = start.checked_add(piece.len())?;
    (end <= message.len()).then_some(start as u64..end as u64)
}

/// The part of a range that was asked for.
pub(super) fn cut(range: Range<u64>, partial: Option<Partial>) -> Range<u64> {
    let Some(partial) = partial else {
        return range;
    };
    let start = range.start.saturating_add(partial.offset).min(range.end);
    let end = start.saturating_add(partial.count.get());
    start..end.min(range.end)
}

/// Octets that are read when they are told.
pub(super) fn content(place: &Range<u64>) -> Content {
    match place.is_empty() {
        true => Content::Whole(Bytes::new().into()),
        false => Content::Streamed(place.end - place.start),
    }
}

#[cfg(test)]
mod tests {
    use std::num::{NonZeroU32, NonZeroU64};

    use bytes::Bytes;
    use imap_proto::command::FetchAttribute;
    use imap_proto::response::FetchItem;
    use imap_proto::{Content, Flags, ModSeq, Partial, Section};

    use super::Places;
    use crate::imap::mime::Parsed;
    use crate::store::Info;

    const RAW: &[u8] = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b\r\n\r\nsecond\r\n--b--\r\n";

    fn number(number: u32) -> NonZeroU32 {
        NonZeroU32::new(number).expect("a number")
    }

    fn section(part: u32, partial: Option<(u64, u64)>) -> FetchAttribute {
        FetchAttribute::Section {
            section: Section::of_part([number(part)], None),
            partial: partial.map(|(offset, count)| {
                let count = NonZeroU64::new(count).expect("some");
                Partial::new(offset, count).expect("a partial")
            }),
            peek: true,
        }
    }

    #[test]
    fn what_was_asked_for_once_is_found_again() {
        let raw = Bytes::from_static(RAW);
        let info = |uid| Info {
            uid: number(uid),
            flags: Flags::default(),
            mod_seq: ModSeq::new(1).expect("a mod-sequence"),
            internal_date: "01-Jan-2026 00:00:00 +0000".parse().expect("a date"),
            saved: None,
            size: RAW.len() as u64,
        };
        let places = Places::default();
        let asked = [FetchAttribute::Uid, section(2, Some((2, 3)))];
        assert!(places.describe(&asked, &info(7)).is_none());
        places.find(&asked, &info(7), &Parsed::new(&raw));
        let described = places.describe(&asked, &info(7)).expect("it is known");
        let [owed] = &described.owed[..] else {
            panic!("{:?}", described.owed);
        };
        assert_eq!(&RAW[owed.start as usize..owed.end as usize], b"con");
        let [FetchItem::Uid(_), FetchItem::Section(fetched)] = &described.items[..] else {
            panic!("{:?}", described.items);
        };
        assert_eq!(fetched.origin, Some(2));
        assert_eq!(fetched.content, Some(Content::Streamed(3)));
        // Behind its end there is nothing.
        let behind = places.describe(&[section(2, Some((6, 3)))], &info(7));
        assert_eq!(behind.expect("it is known").owed, []);
        // Of other parts, other messages and other things nothing is known.
        assert!(places.describe(&[section(1, None)], &info(7)).is_none());
        assert!(places.describe(&asked, &info(8)).is_none());
        let both = [section(2, None), FetchAttribute::Envelope];
        assert!(places.describe(&both, &info(7)).is_none());
    }
}
