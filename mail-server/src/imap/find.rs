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
use super::mime::Parsed;
use super::search::{Candidate, Wanted};
use super::selected::Selected;
use super::sort::Sorted;
use super::thread::Threaded;
use super::{large, refusals, sort, thread};
use crate::store::{Info, StoreError};

/// The messages that are looked for, and the highest mod-sequence among them.
pub(super) async fn search(
    selected: &Selected,
    search: &Search,
) -> Result<(NumberSet, Option<ModSeq>), Refusal> {
    let found = found(selected, search).await?;
    let mod_seq = Selected::highest(found.iter()).filter(|_| search.mod_seq);
    Ok((found.iter().map(|info| info.uid).collect(), mod_seq))
}

/// The same in an order.
pub(super) async fn sort(
    selected: &Selected,
    sort: &Sort,
) -> Result<(OrderedSet, Option<ModSeq>), Refusal> {
    let found = found(selected, &sort.search).await?;
    let mod_seq = Selected::highest(found.iter()).filter(|_| sort.search.mod_seq);
    let criteria: Arc<[_]> = sort.criteria.clone().into();
    let mut sorted = match sort::needs_texts(&criteria) {
        true => {
            let criteria = Arc::clone(&criteria);
            let read = read(selected, found, move |info, raw| {
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
    selected: &Selected,
    wanted: &Thread,
) -> Result<Vec<MessageThread>, Refusal> {
    let found = found(selected, &wanted.search).await?;
    let threaded = read(selected, found, |info, raw| {
        Threaded::new(&info, &Parsed::new(raw))
    });
    let threaded = threaded.await.map_err(refusals::of_store)?;
    Ok(match wanted.algorithm.is("REFERENCES") {
        true => thread::by_references(threaded),
        false => thread::by_subject(threaded),
    })
}

async fn found(selected: &Selected, search: &Search) -> Result<Vec<Info>, Refusal> {
    check_charset(search.charset.as_ref())?;
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let now = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    let failed = refusals::of_store;
    let all = selected
        .folder
        .changes(ModSeqOrZero::ZERO)
        .await
        .map_err(failed)?;
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
    let read = read(selected, doubtful, move |info, raw| {
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
    selected: &Selected,
    messages: Vec<Info>,
    look: impl Fn(Info, &Bytes) -> T + Send + Sync + 'static,
) -> Result<Vec<T>, StoreError> {
    let look = Arc::new(look);
    let mut seen = Vec::with_capacity(messages.len());
    let mut left = VecDeque::from(messages);
    while !left.is_empty() {
        let batch = take_batch(&mut left);
        let (batch, _held) = large::read_or_header(&*selected.folder, batch).await?;
        let look = Arc::clone(&look);
        let looked = spawn_blocking(move || {
            let looked = batch.into_iter().map(|(info, raw)| look(info, &raw));
            looked.collect::<Vec<_>>()
        });
        let looked = looked.await;
        seen.extend(looked.map_err(|_| StoreError::Failed("a thread was lost".into()))?);
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
