//! Messages that are too large to be read whole for whatever is asked of them.

use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use imap_proto::command::FetchAttribute;
use imap_proto::response::{BodyPart, BodyStructure, FetchItem, FetchedSection};
use imap_proto::{Atom, Content, Partial, Section, SectionText};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::spawn_blocking;

use super::describe::{self, Described, EmailId, Known};
use super::fetch::read_batch;
use super::mime::Parsed;
use super::places::{self, Places, cut};
use crate::limits::{HEADER_OCTETS, LARGE_AT_ONCE, LOOKED_INTO, READ_WHOLE};
use crate::store::{Folder, Info, StoreError};

/// Who may hold a large message whole.
static HELD: Semaphore = Semaphore::const_new(LARGE_AT_ONCE);

/// What was asked for of a message; `None` if it is gone. Its octets are owed.
pub(super) async fn describe(
    folder: &Arc<dyn Folder>,
    attributes: &Arc<[FetchAttribute]>,
    info: &Info,
    places: &Arc<Places>,
) -> Result<Option<Described>, StoreError> {
    if let Some(described) = places.describe(attributes, info) {
        return Ok(Some(described));
    }
    let Some(header) = header(&**folder, info.uid).await? else {
        return Ok(None);
    };
    let is_shallow = attributes.iter().all(is_shallow);
    if is_shallow || info.size > LOOKED_INTO {
        let mut described = shallow(attributes, info, &header);
        if attributes.contains(&FetchAttribute::EmailId) {
            let id = email_id(&**folder, info.uid).await?;
            described.items.push(FetchItem::EmailId(id));
        }
        return Ok(Some(described));
    }
    let Ok(_held) = HELD.acquire().await else {
        return Ok(None);
    };
    let raw = match folder.read(info.uid).await {
        Err(StoreError::Gone) => return Ok(None),
        read => read?,
    };
    let (attributes, info) = (Arc::clone(attributes), info.clone());
    let places = Arc::clone(places);
    let described = spawn_blocking(move || {
        let parsed = Parsed::new(&raw);
        places.find(&attributes, &info, &parsed);
        let mut described = describe::describe(&attributes, &info, &Known::Parsed(&parsed));
        for item in &mut described.items {
            described.owed.extend(owe(item, &raw));
        }
        described
    });
    let described = described.await;
    let described = described.map_err(|_| StoreError::Failed("a thread was lost".into()))?;
    Ok(Some(described))
}

/// These messages, but for those that are gone; of one that is too large to be looked into the header. A
/// large one is held as long as what comes with it.
pub(super) async fn read_or_header(
    folder: &dyn Folder,
    batch: Vec<Info>,
) -> Result<(Vec<(Info, Bytes)>, Option<SemaphorePermit<'static>>), StoreError> {
    let mut held = None;
    if let [info] = &batch[..] {
        if info.size > LOOKED_INTO {
            let header = header(folder, info.uid).await?.into_iter();
            let read = header.map(|header| (info.clone(), header)).collect();
            return Ok((read, None));
        }
        if info.size > READ_WHOLE {
            held = HELD.acquire().await.ok();
        }
    }
    Ok((read_batch(folder, batch).await?, held))
}

/// What tells a message from others, which takes all of it.
async fn email_id(folder: &dyn Folder, uid: NonZeroU32) -> Result<Atom, StoreError> {
    let mut reading = folder.read_from(uid, 0).await?;
    let mut id = EmailId::default();
    loop {
        let piece = reading.next().await?;
        if piece.is_empty() {
            return Ok(id.finish());
        }
        id.push(&piece);
    }
}

/// The header of a message, with the empty line, and perhaps something behind it; `None` if it is gone.
pub(super) async fn header(
    folder: &dyn Folder,
    uid: NonZeroU32,
) -> Result<Option<Bytes>, StoreError> {
    let mut reading = match folder.read_from(uid, 0).await {
        Err(StoreError::Gone) => return Ok(None),
        opened => opened?,
    };
    let mut header = BytesMut::new();
    loop {
        let piece = reading.next().await?;
        header.extend_from_slice(&piece);
        let is_over = memchr::memmem::find(&header, b"\r\n\r\n").is_some();
        if is_over || piece.is_empty() || header.len() > HEADER_OCTETS {
            return Ok(Some(header.freeze()));
        }
    }
}

/// Whether the header tells it, or where the body begins.
fn is_shallow(attribute: &FetchAttribute) -> bool {
    use FetchAttribute as A;
    match attribute {
        A::Section { section, .. } => section.part.is_empty(),
        A::Body | A::BodyStructure | A::Binary { .. } | A::BinarySize(_) | A::Preview { .. } => {
            false
        }
        _ => true,
    }
}

/// A message as one part of which no more is known than how long it is.
fn shallow(attributes: &[FetchAttribute], info: &Info, read: &Bytes) -> Described {
    use FetchAttribute as A;
    let parsed = Parsed::new(read);
    let header = parsed.section(&Section::of_message(SectionText::Header));
    let header = header.unwrap_or_default();
    let body = header.len() as u64..info.size.max(header.len() as u64);
    let mut owed = Vec::new();
    let mut owe = |range: Range<u64>, partial: Option<Partial>| {
        let place = cut(range, partial);
        let content = places::content(&place);
        owed.extend((!place.is_empty()).then_some(place));
        Some(content)
    };
    let structure = || {
        let part = BodyPart::new("application", "octet-stream", body.end - body.start);
        BodyStructure::Single(Box::new(part))
    };
    let items = attributes.iter().filter_map(|attribute| {
        Some(match attribute {
            A::Rfc822 | A::Rfc822Peek => FetchItem::Rfc822(owe(0..info.size, None)),
            A::Rfc822Text => FetchItem::Rfc822Text(owe(body.clone(), None)),
            A::Section {
                section, partial, ..
            } => {
                let range = match (&section.part[..], &section.text) {
                    ([], None) => Some(0..info.size),
                    ([], Some(SectionText::Text)) => Some(body.clone()),
                    ([one], None) if one.get() == 1 => Some(body.clone()),
                    _ => None,
                };
                let content = match range {
                    Some(range) => owe(range, *partial),
                    None => parsed
                        .section(section)
                        .map(|content| Content::Whole(super::mime::cut(&content, *partial).into())),
                };
                let origin = partial.map(|partial| partial.offset);
                let section = FetchedSection::new(section.clone(), origin, content);
                FetchItem::Section(Box::new(section))
            }
            A::Body => FetchItem::Body(structure()),
            A::BodyStructure => FetchItem::BodyStructure(structure()),
            // What the whole of it says is found apart.
            A::EmailId | A::Binary { .. } | A::BinarySize(_) => return None,
            A::Preview { .. } => FetchItem::Preview(None),
            _ => {
                let known = Known::Parsed(&parsed);
                let described = describe::describe(std::slice::from_ref(attribute), info, &known);
                return described.items.into_iter().next();
            }
        })
    });
    let items = items.collect();
    let decodes = |attribute: &A| matches!(attribute, A::Binary { .. } | A::BinarySize(_));
    Described {
        uid: info.uid,
        items,
        owed,
        undecodable: attributes.iter().any(decodes),
    }
}

/// Lets the content of an item be owed, if it is a large piece of the message, and says which.
fn owe(item: &mut FetchItem, raw: &Bytes) -> Option<Range<u64>> {
    let content = match item {
        FetchItem::Section(section) => &mut section.content,
        FetchItem::Binary(binary) => &mut binary.content,
        FetchItem::Rfc822(content) | FetchItem::Rfc822Text(content) => content,
        _ => return None,
    };
    let Some(Content::Whole(octets)) = content else {
        return None;
    };
    if octets.len() as u64 <= READ_WHOLE {
        return None;
    }
    let place = places::place(octets, raw)?;
    *content = Some(places::content(&place));
    Some(place)
}
