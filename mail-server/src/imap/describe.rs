//! A message as the items that were asked for.

use std::fmt::Write;
use std::num::NonZeroU32;
use std::ops::Range;

use bytes::Bytes;
use imap_proto::command::FetchAttribute;
use imap_proto::response::{Envelope, FetchItem, FetchedBinary, FetchedSection};
use imap_proto::{Atom, Content, Section, SectionText};
use sha2::{Digest, Sha256};

use super::mime::{Parsed, Undecodable, cut};
use crate::limits::PREVIEW_CHARACTERS;
use crate::store::Info;

/// What is told of a message.
pub(super) struct Described {
    pub(super) uid: NonZeroU32,
    pub(super) items: Vec<FetchItem>,
    /// Which octets of it are owed for items with streamed content, in their order.
    pub(super) owed: Vec<Range<u64>>,
    /// Whether a part was to be decoded that cannot be.
    pub(super) undecodable: bool,
}

/// What is known of a message besides what the folder knows.
pub(super) enum Known<'a> {
    Nothing,
    Envelope(&'a Envelope),
    Octets(&'a Bytes),
    Parsed(&'a Parsed<'a>),
}

impl<'a> Known<'a> {
    fn octets(&self) -> Option<&'a Bytes> {
        match self {
            Self::Octets(raw) => Some(raw),
            Self::Parsed(parsed) => Some(parsed.raw()),
            Self::Nothing | Self::Envelope(_) => None,
        }
    }

    fn parsed(&self) -> Option<&'a Parsed<'a>> {
        match self {
            Self::Parsed(parsed) => Some(parsed),
            _ => None,
        }
    }
}

/// What was asked for of a message.
pub(super) fn describe(attributes: &[FetchAttribute], info: &Info, known: &Known<'_>) -> Described {
    let mut described = Described {
        uid: info.uid,
        items: Vec::with_capacity(attributes.len()),
        owed: Vec::new(),
        undecodable: false,
    };
    for attribute in attributes {
        match item(attribute, info, known) {
            Ok(item) => described.items.extend(item),
            Err(Undecodable) => {
                described.undecodable = true;
                break;
            }
        }
    }
    described
}

/// What tells a message from those that say anything else (RFC 8474 section 5.1): a digest of it. So it is the same
/// wherever the message is copied to, whoever does it.
#[derive(Default)]
pub(super) struct EmailId(Sha256);

impl EmailId {
    pub(super) fn of(octets: &[u8]) -> Atom {
        let mut id = Self::default();
        id.push(octets);
        id.finish()
    }

    /// More of the message.
    pub(super) fn push(&mut self, octets: &[u8]) {
        self.0.update(octets);
    }

    pub(super) fn finish(self) -> Atom {
        let mut id = String::from("M");
        for octet in &self.0.finalize()[..EMAIL_ID_OCTETS] {
            let _ = write!(id, "{octet:02x}");
        }
        id.parse().expect("letters and digits are an atom")
    }
}

/// So few collide that nobody has found two, and none can be made.
const EMAIL_ID_OCTETS: usize = 20;

/// What the folder knows itself.
pub(super) fn of_info(attribute: &FetchAttribute, info: &Info) -> Option<FetchItem> {
    use FetchAttribute as A;
    Some(match attribute {
        A::Flags => FetchItem::Flags(info.flags.clone()),
        A::InternalDate => FetchItem::InternalDate(info.internal_date),
        A::Rfc822Size => FetchItem::Rfc822Size(info.size),
        A::Uid => FetchItem::Uid(info.uid),
        A::ModSeq => FetchItem::ModSeq(info.mod_seq.into()),
        A::SaveDate => FetchItem::SaveDate(info.saved),
        // Threads are found anew for each THREAD.
        A::ThreadId => FetchItem::ThreadId(None),
        _ => return None,
    })
}

fn item(
    attribute: &FetchAttribute,
    info: &Info,
    known: &Known<'_>,
) -> Result<Option<FetchItem>, Undecodable> {
    use FetchAttribute as A;
    let content = |part: &[NonZeroU32]| known.parsed().and_then(|parsed| parsed.decoded(part));
    Ok(match attribute {
        A::Binary { part, partial, .. } => {
            let content = content(part).transpose()?;
            let content = content.map(|content| cut(&content, *partial));
            let origin = partial.map(|partial| partial.offset);
            let content = content.map(|octets| Content::Whole(octets.into()));
            let binary = FetchedBinary::new(part.clone(), origin, content);
            Some(FetchItem::Binary(Box::new(binary)))
        }
        A::BinarySize(part) => {
            let content = content(part).transpose()?;
            let size = content.map_or(0, |content| content.len() as u64);
            Some(FetchItem::BinarySize(part.clone(), size))
        }
        _ => plain_item(attribute, info, known),
    })
}

/// One that needs nothing decoded.
fn plain_item(attribute: &FetchAttribute, info: &Info, known: &Known<'_>) -> Option<FetchItem> {
    use FetchAttribute as A;
    let whole = |octets: Bytes| Some(Content::Whole(octets.into()));
    let parsed = known.parsed();
    let of_message = |text| {
        let section = parsed.and_then(|parsed| parsed.section(&Section::of_message(text)));
        section.and_then(whole)
    };
    Some(match attribute {
        A::EmailId => FetchItem::EmailId(EmailId::of(known.octets()?)),
        A::Rfc822 | A::Rfc822Peek => FetchItem::Rfc822(whole(known.octets()?.clone())),
        A::Rfc822Header => FetchItem::Rfc822Header(of_message(SectionText::Header)),
        A::Rfc822Text => FetchItem::Rfc822Text(of_message(SectionText::Text)),
        A::Section {
            section, partial, ..
        } => {
            let content = match *section == Section::whole() {
                true => Some(known.octets()?.clone()),
                false => parsed?.section(section),
            };
            let content = content.map(|content| cut(&content, *partial));
            let origin = partial.map(|partial| partial.offset);
            let content = content.and_then(whole);
            FetchItem::Section(Box::new(FetchedSection::new(
                section.clone(),
                origin,
                content,
            )))
        }
        A::Envelope => FetchItem::Envelope(Box::new(match known {
            Known::Envelope(envelope) => (*envelope).clone(),
            _ => parsed?.envelope(),
        })),
        A::Body => FetchItem::Body(parsed?.structure(false)),
        A::BodyStructure => FetchItem::BodyStructure(parsed?.structure(true)),
        A::Preview { .. } => {
            let preview = parsed?.texts().preview(PREVIEW_CHARACTERS);
            FetchItem::Preview(Some(preview.into()))
        }
        _ => return of_info(attribute, info),
    })
}
