//! What is told of messages.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use imap_proto::command::FetchAttribute;
use imap_proto::response::Envelope;
use imap_proto::server::{Fetch, Server};
use imap_proto::{ModSeqOrZero, Section};
use tokio::task::spawn_blocking;
use tracing::warn;

use super::answers::check;
use super::describe::{Described, Known, describe};
use super::large;
use super::mime::Parsed;
use super::places::Places;
use super::selected::Selected;
use super::streaming::Streaming;
use crate::limits::{FETCHED_MESSAGES, FETCHED_OCTETS, READ_WHOLE};
use crate::store::{Folder, Info, StoreError};

/// Messages that are being told about, one after another, as fast as the client reads.
pub(super) struct Fetching {
    folder: Arc<dyn Folder>,
    attributes: Arc<[FetchAttribute]>,
    places: Arc<Places>,
    /// Whether messages have to be read for them, and parsed.
    needs: Needs,
    /// Those that are left.
    left: VecDeque<Info>,
    /// Those that are ready to be told.
    ready: VecDeque<Ready>,
    /// What is owed of the one that was told last.
    streaming: Option<Streaming>,
}

/// What attributes take.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    /// What the folder knows.
    Info,
    /// The envelope, which may be known.
    Envelope,
    /// The octets.
    Octets,
    /// A look at the octets.
    Parsed,
}

impl Needs {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Info, needs) | (needs, Self::Info) => needs,
            (one, other) if one == other => one,
            // An envelope, too, is found by a look at the octets that are there.
            _ => Self::Parsed,
        }
    }
}

/// A message that nothing has to be waited for any more.
enum Ready {
    Described(Described),
    Envelope(Info, Arc<Envelope>),
    Octets(Info, Bytes),
}

impl Ready {
    fn describe(self, attributes: &[FetchAttribute]) -> Described {
        match self {
            Self::Described(described) => described,
            Self::Envelope(info, envelope) => {
                describe(attributes, &info, &Known::Envelope(&envelope))
            }
            Self::Octets(info, raw) => describe(attributes, &info, &Known::Octets(&raw)),
        }
    }
}

/// How far it has come.
pub(super) enum Progress {
    /// All is told.
    Done,
    /// The client has to read first.
    Full,
    /// A part was to be decoded that cannot be.
    Undecodable,
    /// The session is over: what was promised cannot be had.
    Broken,
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
            places: Arc::clone(&selected.places),
            needs: attributes.iter().map(needs).fold(Needs::Info, Needs::and),
            attributes: attributes.into(),
            left: left.into(),
            ready: VecDeque::new(),
            streaming: None,
        })
    }

    /// Tells as much as there is room for.
    pub(super) async fn go_on(&mut self, machine: &mut Server) -> Result<Progress, StoreError> {
        while !machine.is_full() {
            if let Some(streaming) = &mut self.streaming {
                match streaming.go_on(machine).await {
                    Ok(true) => self.streaming = None,
                    Ok(false) => {}
                    Err(error) => {
                        warn!(%error, "a message is shorter than was told");
                        check(machine.abort_body());
                        return Ok(Progress::Broken);
                    }
                }
                continue;
            }
            let Some(described) = self.next().await? else {
                return Ok(Progress::Done);
            };
            if described.undecodable {
                return Ok(Progress::Undecodable);
            }
            let Described {
                uid, items, owed, ..
            } = described;
            check(machine.fetch(uid, items));
            if machine.owed() > 0 {
                self.streaming = Some(Streaming::new(&self.folder, uid, owed));
            }
        }
        Ok(Progress::Full)
    }

    /// The next message that there is something to tell of.
    async fn next(&mut self) -> Result<Option<Described>, StoreError> {
        if self.needs == Needs::Info {
            let info = self.left.pop_front();
            return Ok(info.map(|info| describe(&self.attributes, &info, &Known::Nothing)));
        }
        // All of a batch may be gone.
        while self.ready.is_empty() && !self.left.is_empty() {
            let batch = take_batch(&mut self.left, FETCHED_MESSAGES);
            self.ready = match self.needs {
                Needs::Envelope => self.with_envelopes(batch).await?,
                _ => self.with_octets(batch).await?,
            };
        }
        let ready = self.ready.pop_front();
        Ok(ready.map(|ready| ready.describe(&self.attributes)))
    }

    /// Some of the envelopes may be known from before.
    async fn with_envelopes(&self, batch: Vec<Info>) -> Result<VecDeque<Ready>, StoreError> {
        let Some(recall) = self.folder.recall() else {
            return self.with_octets(batch).await;
        };
        let messages: Vec<_> = batch.iter().map(|info| (info.uid, info.size)).collect();
        let known = recall.envelopes(&messages).await;
        let unknown = batch.iter().zip(&known);
        let unknown = unknown.filter(|(_, known)| known.is_none());
        let unknown: Vec<Info> = unknown.map(|(info, _)| info.clone()).collect();
        let mut found = VecDeque::new();
        if !unknown.is_empty() {
            let read = headers(&*self.folder, unknown).await?;
            found = look(move || {
                let found = read.iter().map(|(info, raw)| {
                    let (envelope, octets) = Parsed::new(raw).small_envelope();
                    ((info.uid, info.size), Arc::new(envelope), octets)
                });
                let found: Vec<_> = found.collect();
                recall.keep(&found);
                VecDeque::from(found)
            })
            .await?;
        }
        let ready = batch.into_iter().zip(known).filter_map(|(info, known)| {
            let envelope = match known {
                Some(known) => known,
                // The going of those that are gone is told as soon as it may be.
                None => match found.front() {
                    Some(((uid, _), ..)) if *uid == info.uid => found.pop_front()?.1,
                    _ => return None,
                },
            };
            Some(Ready::Envelope(info, envelope))
        });
        Ok(ready.collect())
    }

    async fn with_octets(&self, batch: Vec<Info>) -> Result<VecDeque<Ready>, StoreError> {
        if let [info] = &batch[..] {
            if info.size > READ_WHOLE {
                let described =
                    large::describe(&self.folder, &self.attributes, info, &self.places).await?;
                return Ok(described.into_iter().map(Ready::Described).collect());
            }
        }
        // The going of those that are gone is told as soon as it may be.
        let batch = read_batch(&*self.folder, batch).await?;
        if self.needs == Needs::Octets {
            let ready = batch.into_iter();
            return Ok(ready.map(|(info, raw)| Ready::Octets(info, raw)).collect());
        }
        let attributes = Arc::clone(&self.attributes);
        look(move || {
            let ready = batch.iter().map(|(info, raw)| {
                Ready::Described(describe(
                    &attributes,
                    info,
                    &Known::Parsed(&Parsed::new(raw)),
                ))
            });
            ready.collect()
        })
        .await
    }
}

/// Looks into messages where that keeps nobody waiting.
async fn look<T: Send + 'static>(
    look: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StoreError> {
    let looked = spawn_blocking(look).await;
    looked.map_err(|_| StoreError::Failed("a thread was lost".into()))
}

/// At most so many messages, of no more octets together than can be held. One that is too large to be read whole
/// comes alone.
pub(super) fn take_batch(left: &mut VecDeque<Info>, most: usize) -> Vec<Info> {
    let mut octets = 0;
    let fits = left.iter().take(most).take_while(|info| {
        octets += info.size;
        octets <= FETCHED_OCTETS
    });
    let count = fits.count().max(1).min(left.len());
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

/// The same for their headers alone; those that are small come whole.
async fn headers(folder: &dyn Folder, batch: Vec<Info>) -> Result<Vec<(Info, Bytes)>, StoreError> {
    match &batch[..] {
        [info] if info.size > READ_WHOLE => {
            let header = large::header(folder, info.uid).await?;
            let header = header.into_iter();
            Ok(header.map(|header| (info.clone(), header)).collect())
        }
        _ => read_batch(folder, batch).await,
    }
}

fn needs(attribute: &FetchAttribute) -> Needs {
    use FetchAttribute as A;
    match attribute {
        A::Flags
        | A::InternalDate
        | A::Rfc822Size
        | A::Uid
        | A::ModSeq
        | A::SaveDate
        | A::ThreadId => Needs::Info,
        A::Envelope => Needs::Envelope,
        A::Rfc822 | A::Rfc822Peek | A::EmailId => Needs::Octets,
        A::Section { section, .. } if *section == Section::whole() => Needs::Octets,
        _ => Needs::Parsed,
    }
}
