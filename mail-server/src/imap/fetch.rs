//! What is told of messages.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use imap_proto::command::FetchAttribute;
use imap_proto::response::{FetchItem, FetchedBinary, FetchedSection};
use imap_proto::server::{Fetch, Server};
use imap_proto::{Content, ModSeqOrZero, Section, SectionText};
use mailwire::Machine;
use tokio::task::spawn_blocking;

use super::connection::check;
use super::mime::{Parsed, cut};
use super::selected::Selected;
use crate::limits::{FETCHED_MESSAGES, FETCHED_OCTETS, PREVIEW_CHARACTERS};
use crate::store::{Folder, Info, StoreError};

/// Messages that are being told about, one after another, as fast as the client reads.
pub(super) struct Fetching {
    folder: Arc<dyn Folder>,
    attributes: Arc<[FetchAttribute]>,
    /// Whether messages have to be read for them, and parsed.
    needs: Needs,
    /// Those that are left.
    left: VecDeque<Info>,
    /// Those that are ready to be told.
    ready: VecDeque<(Info, Vec<FetchItem>)>,
}

/// What attributes take.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Needs {
    /// What the folder knows.
    Info,
    /// The octets.
    Octets,
    /// A look at the octets.
    Parsed,
}

impl Fetching {
    pub(super) async fn begin(
        selected: &Selected,
        fetch: Fetch,
        machine: &mut Server,
    ) -> Result<Self, StoreError> {
        if let (Some(vanished), Some(since)) = (&fetch.vanished, fetch.changed_since) {
            let gone = selected.folder.changes(since).await?.gone;
            check(machine.vanished(&gone.intersection(vanished)));
        }
        let mut attributes = fetch.attributes;
        if fetch.seen {
            selected.see(&fetch.uids).await?;
            if !attributes.contains(&FetchAttribute::Flags) {
                attributes.push(FetchAttribute::Flags);
            }
        }
        let mut left = selected.messages(&fetch.uids).await?;
        if let Some(since) = fetch.changed_since {
            left.retain(|info| ModSeqOrZero::from(info.mod_seq) > since);
        }
        Ok(Self {
            folder: Arc::clone(&selected.folder),
            needs: attributes.iter().map(needs).max().unwrap_or(Needs::Info),
            attributes: attributes.into(),
            left: left.into(),
            ready: VecDeque::new(),
        })
    }

    /// Tells as much as there is room for. Says whether that was all.
    pub(super) async fn go_on(&mut self, machine: &mut Server) -> Result<bool, StoreError> {
        while !machine.output().is_over() {
            if self.ready.is_empty() && !self.prepare().await? {
                return Ok(true);
            }
            if let Some((info, items)) = self.ready.pop_front() {
                check(machine.fetch(info.uid, items));
            }
        }
        Ok(false)
    }

    /// Makes some messages ready. Says whether there were any.
    async fn prepare(&mut self) -> Result<bool, StoreError> {
        let batch: Vec<Info> = match self.needs {
            Needs::Info => self
                .left
                .drain(..self.left.len().min(FETCHED_MESSAGES))
                .collect(),
            _ => take_batch(&mut self.left),
        };
        let any = !batch.is_empty();
        let batch = match self.needs {
            Needs::Info => batch.into_iter().map(|info| (info, Bytes::new())).collect(),
            // The going of those that are gone is told as soon as it may be.
            _ => read_batch(&*self.folder, batch).await?,
        };
        let attributes = Arc::clone(&self.attributes);
        let describe = move || {
            let described = batch.into_iter().map(|(info, raw)| {
                let items = describe(&attributes, &info, &raw);
                (info, items)
            });
            described.collect::<VecDeque<_>>()
        };
        self.ready = match self.needs {
            Needs::Parsed => {
                let described = spawn_blocking(describe).await;
                described.map_err(|_| StoreError::Failed("a thread was lost".into()))?
            }
            _ => describe(),
        };
        Ok(any || !self.left.is_empty())
    }
}

/// Some messages, of no more octets together than can be held.
pub(super) fn take_batch(left: &mut VecDeque<Info>) -> Vec<Info> {
    let mut octets = 0;
    let fits = left.iter().take(FETCHED_MESSAGES).take_while(|info| {
        let fits = octets < FETCHED_OCTETS;
        octets += info.size;
        fits
    });
    let count = fits.count();
    left.drain(..count).collect()
}

/// These messages, but for those that are gone.
pub(super) async fn read_batch(
    folder: &dyn Folder,
    batch: Vec<Info>,
) -> Result<Vec<(Info, Bytes)>, StoreError> {
    let uids: Vec<_> = batch.iter().map(|info| info.uid).collect();
    let read = folder.read_several(&uids).await?;
    let mut read = read.into_iter().peekable();
    let pairs = batch.into_iter().filter_map(|info| {
        let (_, octets) = read.next_if(|(uid, _)| *uid == info.uid)?;
        Some((info, octets))
    });
    Ok(pairs.collect())
}

fn needs(attribute: &FetchAttribute) -> Needs {
    use FetchAttribute as A;
    match attribute {
        A::Flags | A::InternalDate | A::Rfc822Size | A::Uid | A::ModSeq => Needs::Info,
        A::Rfc822 | A::Rfc822Peek => Needs::Octets,
        A::Section { section, .. } if *section == Section::whole() => Needs::Octets,
        _ => Needs::Parsed,
    }
}

/// What was asked for of a message, with what belongs to it.
fn describe(attributes: &[FetchAttribute], info: &Info, raw: &Bytes) -> Vec<FetchItem> {
    let parsed = attributes
        .iter()
        .any(|attribute| needs(attribute) == Needs::Parsed)
        .then(|| Parsed::new(raw));
    attributes
        .iter()
        .filter_map(|attribute| item(attribute, info, raw, parsed.as_ref()))
        .collect()
}

fn item(
    attribute: &FetchAttribute,
    info: &Info,
    raw: &Bytes,
    parsed: Option<&Parsed<'_>>,
) -> Option<FetchItem> {
    use FetchAttribute as A;
    let whole = |octets: Bytes| Some(Content::Whole(octets.into()));
    let of_message = |text| {
        let section = parsed.and_then(|parsed| parsed.section(&Section::of_message(text)));
        section.and_then(whole)
    };
    Some(match attribute {
        A::Flags => FetchItem::Flags(info.flags.clone()),
        A::InternalDate => FetchItem::InternalDate(info.internal_date),
        A::Rfc822Size => FetchItem::Rfc822Size(info.size),
        A::Uid => FetchItem::Uid(info.uid),
        A::ModSeq => FetchItem::ModSeq(info.mod_seq.into()),
        A::Rfc822 | A::Rfc822Peek => FetchItem::Rfc822(whole(raw.clone())),
        A::Rfc822Header => FetchItem::Rfc822Header(of_message(SectionText::Header)),
        A::Rfc822Text => FetchItem::Rfc822Text(of_message(SectionText::Text)),
        A::Section {
            section, partial, ..
        } => {
            let content = match *section == Section::whole() {
                true => Some(raw.clone()),
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
        A::Envelope => FetchItem::Envelope(Box::new(parsed?.envelope())),
        A::Body => FetchItem::Body(parsed?.structure(false)),
        A::BodyStructure => FetchItem::BodyStructure(parsed?.structure(true)),
        A::Binary { part, partial, .. } => {
            // What cannot be decoded is told as nothing.
            let content = parsed?.decoded(part).and_then(Result::ok);
            let content = content.map(|content| cut(&content, *partial));
            let origin = partial.map(|partial| partial.offset);
            let content = content.and_then(whole);
            FetchItem::Binary(Box::new(FetchedBinary::new(part.clone(), origin, content)))
        }
        A::BinarySize(part) => {
            let content = parsed?.decoded(part).and_then(Result::ok);
            let size = content.map_or(0, |content| content.len() as u64);
            FetchItem::BinarySize(part.clone(), size)
        }
        A::Preview { .. } => {
            let preview = parsed?.texts().preview(PREVIEW_CHARACTERS);
            FetchItem::Preview(Some(preview.into()))
        }
        // Not offered.
        _ => return None,
    })
}
