//! What is announced.

use imap_proto::{Capability, Extension};

use super::Config;
use crate::limits::APPEND_OCTETS;

/// A configuration with both protocol versions and all extensions that the listener serves, whatever the store.
///
#[doc = include_str!("../../IMAP.md")]
pub fn config() -> Config {
    let mut config = Config::new();
    let served = [
        Extension::Imap4Rev2,
        Extension::Namespace,
        Extension::UidPlus,
        Extension::Move,
        Extension::CondStore,
        Extension::QResync,
        Extension::ESearch,
        Extension::SearchRes,
        Extension::Sort,
        Extension::ESort,
        Extension::Partial,
        Extension::Within,
        Extension::SpecialUse,
        Extension::CreateSpecialUse,
        Extension::ListExtended,
        Extension::ListStatus,
        Extension::Children,
        Extension::StatusSize,
        Extension::Binary,
        Extension::MultiAppend,
        Extension::Preview,
        Extension::Replace,
        Extension::UidOnly,
        Extension::ObjectId,
        Extension::SaveDate,
        Extension::Catenate,
        Extension::Utf8Accept,
        Extension::Quota,
        Extension::Metadata,
        Extension::ListMetadata,
        Extension::Notify,
        Extension::InProgress,
    ];
    config.extensions.extend(served.map(Capability::from));
    let threads = ["ORDEREDSUBJECT", "REFERENCES"]
        .map(|algorithm| Capability::Thread(algorithm.parse().expect("a word")));
    config.extensions.extend(threads);
    let resources = ["STORAGE", "MESSAGE"]
        .map(|resource| Capability::QuotaResource(resource.parse().expect("a word")));
    config.extensions.extend(resources);
    let deflate = "DEFLATE".parse().expect("a word");
    config.extensions.push(Capability::Compress(deflate));
    // Real clients first: who wants to test theirs takes it back.
    config.extra_spaces = true;
    config.append_limit = Some(APPEND_OCTETS);
    config
}
