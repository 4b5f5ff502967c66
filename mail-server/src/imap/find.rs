//! SEARCH, SORT and THREAD.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use imap_proto::command::SearchKey;
use imap_proto::response::{Code, MessageThread};
use imap_proto::server::{Refusal, Search, Sort, Thread};
use imap_proto::{ModSeq, ModSeqOrZero, NumberSet, Octets, OrderedSet, Text};
use tokio::task::spawn_blocking;

use super::fetch::take_batch;
use super::long::Progress;
use super::mime::Parsed;
use super::search::{Candidate, Wanted};
use super::selected::Selected;
use super::sort::Sorted;
use super::thread::Threaded;
use super::{large, refusals, sort, thread};
use crate::limits::SEARCHED_MESSAGES;
use crate::store::{Folder, Info, StoreError};

/// The messages that are looked for, and the highest mod-sequence among them.
pub(super) async fn search(
    folder: &dyn Folder,
    search: &Search,
    progress: &Progress,
) -> Result<(NumberSet, Option<ModSeq>), Refusal> {
    let found = found(folder, search, progress).await?;
    let mod_seq = Selected::highest(found.iter()).filter(|_| search.mod_seq);
    Ok((found.iter().map(|info| info.uid).collect(), mod_seq))
}

/// The same in an order.
pub(super) async fn sort(
    folder: &dyn Folder,
    sort: &Sort,
    progress: &Progress,
) -> Result<(OrderedSet, Option<ModSeq>), Refusal> {
    let found = found(folder, &sort.search, progress).await?;
    let mod_seq = Selected::highest(found.iter()).filter(|_| sort.search.mod_seq);
    let criteria: Arc<[_]> = sort.criteria.clone().into();
    let mut sorted = match sort::needs_texts(&criteria) {
        true => {
            let criteria = Arc::clone(&criteria);
            let read = read(folder, progress, found, move |info, raw| {
                Sorted::new(&criteria, &info, Some(&Parsed::new(raw)))
            });
            read.await.map_err(refusals::of_store)?
        }
        false => {
            let sorted = found.iter().map(|info| Sorted::new(&criteria, info, None));
            sorted.collect()
        }
    };
    sorted.sort_by(|one, other| one.compare(other, &criteria));
    Ok((sorted.iter().map(|sorted| sorted.uid).collect(), mod_seq))
}

/// The same in threads.
pub(super) async fn threads(
    folder: &dyn Folder,
    wanted: &Thread,
    progress: &Progress,
) -> Result<Vec<MessageThread>, Refusal> {
    let found = found(folder, &wanted.search, progress).await?;
    let threaded = read(folder, progress, found, |info, raw| {
        Threaded::new(&info, &Parsed::new(raw))
    });
    let threaded = threaded.await.map_err(refusals::of_store)?;
    Ok(match wanted.algorithm.is("REFERENCES") {
        true => thread::by_references(threaded),
        false => thread::by_subject(threaded),
    })
}

async fn found(
    folder: &dyn Folder,
    search: &Search,
    progress: &Progress,
) -> Result<Vec<Info>, Refusal> {
    check_charset(search.charset.as_ref())?;
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let now = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    let failed = refusals::of_store;
    let all = folder.changes(ModSeqOrZero::ZERO).await.map_err(failed)?;
    let keys: Arc<[SearchKey]> = search.keys.clone().into();
    let (mut found, mut doubtful) = (Vec::new(), Vec::new());
    for info in all.messages {
        let (info_keys, texts) = (&*keys, None);
        let wanted = Wanted {
            keys: info_keys,
            now,
        };
        match wanted.finds(&Candidate { info: &info, texts }) {
            Some(true) => found.push(info),
            Some(false) => {}
            None => doubtful.push(info),
        }
    }
    let read = read(folder, progress, doubtful, move |info, raw| {
        let parsed = Parsed::new(raw);
        let texts = parsed.texts();
        let wanted = Wanted { keys: &keys, now };
        let candidate = Candidate {
            info: &info,
            texts: Some(&texts),
        };
        let finds = wanted.finds(&candidate) == Some(true);
        finds.then_some(info)
    });
    found.extend(read.await.map_err(failed)?.into_iter().flatten());
    found.sort_by_key(|info| info.uid);
    Ok(found)
}

/// Looks into messages, some at a time, where that keeps nobody waiting.
async fn read<T: Send + 'static>(
    folder: &dyn Folder,
    progress: &Progress,
    messages: Vec<Info>,
    look: impl Fn(Info, &Bytes) -> T + Send + Sync + 'static,
) -> Result<Vec<T>, StoreError> {
    progress.expect(messages.len());
    let look = Arc::new(look);
    let mut seen = Vec::with_capacity(messages.len());
    let mut left = VecDeque::from(messages);
    while !left.is_empty() {
        let batch = take_batch(&mut left, SEARCHED_MESSAGES);
        let count = batch.len();
        let (batch, _held) = large::read_or_header(folder, batch).await?;
        let look = Arc::clone(&look);
        let looked = spawn_blocking(move || {
            let looked = batch.into_iter().map(|(info, raw)| look(info, &raw));
            looked.collect::<Vec<_>>()
        });
        let looked = looked.await;
        seen.extend(looked.map_err(|_| StoreError::Failed("a thread was lost".into()))?);
        progress.add(count);
    }
    Ok(seen)
}

/// Texts come in UTF-8, or in its part that is ASCII.
fn check_charset(charset: Option<&Octets>) -> Result<(), Refusal> {
    let known = charset.is_none_or(|charset| {
        charset.eq_ignore_ascii_case(b"UTF-8") || charset.eq_ignore_ascii_case(b"US-ASCII")
    });
    if known {
        return Ok(());
    }
    let charsets = ["UTF-8", "US-ASCII"].map(|name| name.parse().expect("a word"));
    let refusal = Refusal::new(Text::fixed("Texts come in UTF-8"));
    Err(refusal.with_code(Code::BadCharset(charsets.into())))
}
