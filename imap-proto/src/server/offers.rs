//! What is on offer: capabilities by state, and which extension a command belongs to.

use std::slice::from_ref;

use super::config::Config;
use super::session::{Enabled, Session, Standing};
use crate::capability::{Capability, Extension};
use crate::command::{
    AppendData, AppendMessage, CatenatePart, CommandBody, DayKey, Fetch, FetchAttribute, IsKey,
    List, ListKind, ListSelection, SearchKey, SearchReturn, SearchReturnOptions, Sort, StoreWhat,
};
use crate::status::StatusItem;
use crate::string::Atom;

/// When a command may be said (RFC 9051 section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Anywhere,
    NotAuthenticated,
    /// Selected or not.
    Authenticated,
    /// Before anything is selected.
    NotSelected,
    Selected,
}

impl Place {
    pub(super) fn of(body: &CommandBody) -> Self {
        use CommandBody as C;
        match body {
            C::Capability | C::Noop | C::Logout | C::Id(_) => Self::Anywhere,
            C::StartTls | C::Authenticate(_) | C::Login(_) => Self::NotAuthenticated,
            // RFC 5161 section 3.1, RFC 9051 section 6.3.1
            C::Enable(_) => Self::NotSelected,
            C::Check
            | C::Close
            | C::Unselect
            | C::Expunge(_)
            | C::Search(_)
            | C::Sort(_)
            | C::Thread(_)
            | C::Fetch(_)
            | C::Store(_)
            | C::Copy(_)
            | C::Move(_)
            | C::Replace(_)
            | C::CancelUpdate(_) => Self::Selected,
            _ => Self::Authenticated,
        }
    }

    /// What to say to a command that comes elsewhere.
    pub(super) fn objection(self, standing: &Standing) -> Option<&'static str> {
        match (self, standing) {
            (Self::Anywhere, _)
            | (Self::NotAuthenticated, Standing::NotAuthenticated)
            | (Self::NotSelected, Standing::Authenticated)
            | (Self::Authenticated, Standing::Authenticated | Standing::Selected(_))
            | (Self::Selected, Standing::Selected(_)) => None,
            (Self::NotAuthenticated, _) => Some("Already logged in"),
            (_, Standing::NotAuthenticated) => Some("Log in first"),
            (Self::NotSelected, _) => Some("Not with a mailbox selected"),
            _ => Some("No mailbox is selected"),
        }
    }
}

/// All that can be had here and now (RFC 9051 section 7.2.2).
pub(super) fn capabilities(config: &Config, session: &Session) -> Vec<Capability> {
    let stranger = matches!(session.standing, Standing::NotAuthenticated);
    let told = |capability: &&Capability| !stranger || is_for_strangers(capability);
    let mut offered: Vec<_> = config.extensions.iter().filter(told).cloned().collect();
    if session.compressed {
        // Neither twice (RFC 4978 section 3), nor ended by anything but the connection.
        let gone = |capability: &Capability| {
            matches!(
                capability,
                Capability::Compress(_) | Capability::Known(Extension::Unauthenticate)
            )
        };
        offered.retain(|capability| !gone(capability));
    }
    if let (false, Some(limit)) = (stranger, config.append_limit) {
        offered.push(Capability::AppendLimit(limit));
    }
    if !stranger {
        return offered;
    }
    if config.starttls && session.tls.is_none() {
        offered.push(Extension::StartTls.into());
    }
    if !may_log_in(config, session) {
        offered.push(Extension::LoginDisabled.into());
    }
    if is_secured(config, session) {
        let names = session.mechanisms(config).iter();
        offered.extend(names.map(|name| Capability::Auth(Atom::known(name.as_str().as_bytes()))));
    }
    offered
}

/// Whether passwords and the like may come.
pub(super) fn is_secured(config: &Config, session: &Session) -> bool {
    session.tls.is_some() || config.auth_without_tls
}

pub(super) fn may_log_in(config: &Config, session: &Session) -> bool {
    config.login && is_secured(config, session)
}

/// What a client needs to know before it logs in.
fn is_for_strangers(capability: &Capability) -> bool {
    use Extension as E;
    matches!(
        capability,
        Capability::Known(
            E::Imap4Rev1
                | E::Imap4Rev2
                | E::Imap4
                | E::LiteralPlus
                | E::LiteralMinus
                | E::SaslIr
                | E::Enable
                | E::Id
                | E::Idle
                | E::LoginReferrals
                | E::Utf8Only
        )
    )
}

/// The first thing in a command that is not served.
pub(super) fn lacking(body: &CommandBody, config: &Config) -> Option<&'static str> {
    use CommandBody as C;
    use Extension as E;
    let any = |these: &[E]| these.iter().any(|extension| config.serves(*extension));
    let rev2 = E::Imap4Rev2;
    let served = match body {
        C::StartTls => config.starttls,
        C::Id(_) => any(&[E::Id]),
        C::Enable(_) => any(&[E::Enable, rev2]),
        C::Compress(mechanism) => config
            .extensions
            .iter()
            .any(|offer| matches!(offer, Capability::Compress(known) if known.is(mechanism.as_str()))),
        C::Unauthenticate => any(&[E::Unauthenticate]),
        C::Language(_) => any(&[E::Language]),
        C::Comparator(_) => any(&[E::I18nLevel2]),
        C::GetJmapAccess => any(&[E::JmapAccess]),
        C::Namespace => any(&[E::Namespace, rev2]),
        C::Idle => any(&[E::Idle, rev2]),
        C::Check => any(&[E::Imap4Rev1, E::Imap4]),
        C::Unselect => any(&[E::Unselect, rev2]),
        C::Expunge(Some(_)) => any(&[E::UidPlus, rev2]),
        C::Move(_) => any(&[E::Move, rev2]),
        C::Replace(_) => any(&[E::Replace]),
        C::Thread(thread) => config
            .extensions
            .iter()
            .any(|offer| matches!(offer, Capability::Thread(known) if known.is(thread.algorithm.as_str()))),
        C::ESearch(_) => any(&[E::MultiSearch]),
        C::List(list) => match list.kind {
            ListKind::List => true,
            ListKind::Lsub => any(&[E::Imap4Rev1, E::Imap4]),
            ListKind::XList => any(&[E::XList]),
            ListKind::RList | ListKind::RLsub => any(&[E::MailboxReferrals]),
        },
        C::CancelUpdate(_) => false,
        C::Notify(_) => any(&[E::Notify]),
        C::GetQuota(_) | C::GetQuotaRoot(_) => any(&[E::Quota]),
        C::SetQuota(_) => any(&[E::QuotaSet, E::Quota]),
        C::SetAcl(_) | C::DeleteAcl(..) | C::GetAcl(_) | C::ListRights(..) | C::MyRights(_) => {
            any(&[E::Acl])
        }
        C::GetMetadata(_) | C::SetMetadata(_) => any(&[E::Metadata, E::MetadataServer]),
        C::GenUrlAuth(_) | C::ResetKey(_) | C::UrlFetch(_) => any(&[E::UrlAuth]),
        C::Sort(_) => any(&[E::Sort]),
        _ => true,
    };
    if !served {
        return Some("This command is not supported");
    }
    let parts = match body {
        C::Select(select) => {
            let mod_seqs = !select.condstore || any(&[E::CondStore, E::QResync]);
            let resync = select.qresync.is_none() || any(&[E::QResync]);
            mod_seqs && resync && (!select.annotate || any(&[E::AnnotateExperiment1]))
        }
        C::Create(create) => {
            let plain = create.special_use.is_empty() && create.other_use.is_empty();
            plain || any(&[E::CreateSpecialUse])
        }
        C::List(list) => serves_list(list, config),
        C::Status(_, items) => serves_status(items, config),
        C::Append(append) => {
            let many = append.messages.len() == 1 || any(&[E::MultiAppend]);
            many && append
                .messages
                .iter()
                .all(|message| serves_append(message, config))
        }
        C::Replace(replace) => serves_append(&replace.message, config),
        C::Search(search) => {
            serves_return(search.returned.as_ref(), config) && serves_keys(&search.keys, config)
        }
        C::Sort(sort) => serves_sort(sort, config) && serves_keys(&sort.keys, config),
        C::Thread(thread) => serves_keys(&thread.keys, config),
        C::Fetch(fetch) => serves_fetch(fetch, config),
        C::Store(store) => {
            let conditional = store.unchanged_since.is_none() || any(&[E::CondStore, E::QResync]);
            conditional
                && match store.what {
                    StoreWhat::Flags(_) => true,
                    StoreWhat::GmailLabels(_) => any(&[E::GmailExt1]),
                    StoreWhat::Annotations(_) => any(&[E::AnnotateExperiment1]),
                }
        }
        _ => true,
    };
    (!parts).then_some("An option of this command is not supported")
}

fn serves_list(list: &List, config: &Config) -> bool {
    let any = |these: &[Extension]| these.iter().any(|extension| config.serves(*extension));
    let extended = list.selection.is_some() || list.patterns.len() > 1;
    let selection = list.selection.unwrap_or_default();
    let special = [Extension::SpecialUse, Extension::Imap4Rev2];
    let base = any(&[Extension::ListExtended, Extension::Imap4Rev2]);
    let selected = !selection.contains(ListSelection::SPECIAL_USE) || any(&special);
    let returned = list.returned.as_ref().is_none_or(|returned| {
        let status = returned.status.is_empty()
            || (any(&[Extension::ListStatus, Extension::Imap4Rev2])
                && serves_status(&returned.status, config));
        status
            && (!returned.special_use || any(&special))
            && (!returned.my_rights || any(&[Extension::ListMyRights]))
            && (returned.metadata.is_empty() || any(&[Extension::ListMetadata]))
    });
    (base || (!extended && list.returned.is_none())) && selected && returned
}

fn serves_status(items: &[StatusItem], config: &Config) -> bool {
    let any = |these: &[Extension]| these.iter().any(|extension| config.serves(*extension));
    items.iter().all(|item| match item {
        StatusItem::Size => any(&[Extension::StatusSize, Extension::Imap4Rev2]),
        StatusItem::Deleted => any(&[Extension::QuotaSet, Extension::Quota, Extension::Imap4Rev2]),
        StatusItem::DeletedStorage => any(&[Extension::Quota]),
        StatusItem::HighestModSeq => any(&[Extension::CondStore, Extension::QResync]),
        StatusItem::AppendLimit => config.append_limit.is_some() || any(&[Extension::AppendLimit]),
        StatusItem::MailboxId => any(&[Extension::ObjectId]),
        _ => true,
    })
}

fn serves_append(message: &AppendMessage, config: &Config) -> bool {
    let binary = config.serves(Extension::Binary);
    let utf8 = config.serves(Extension::Utf8Accept) || config.serves(Extension::Utf8Only);
    let notes = message.annotations.is_empty() || config.serves(Extension::AnnotateExperiment1);
    let data = match &message.data {
        AppendData::Message { binary: wanted, .. } => binary || !wanted,
        AppendData::Utf8(_) => utf8,
        AppendData::Catenate(parts) => {
            let part = |part: &CatenatePart| match part {
                CatenatePart::Text { binary: wanted, .. } => binary || !wanted,
                CatenatePart::Utf8(_) => utf8,
                CatenatePart::Url(_) => true,
            };
            config.serves(Extension::Catenate) && parts.iter().all(part)
        }
    };
    notes && data
}

fn serves_return(returned: Option<&SearchReturn>, config: &Config) -> bool {
    let Some(returned) = returned else {
        return true;
    };
    let rev2 = config.serves(Extension::Imap4Rev2);
    let options = returned.options;
    let save =
        !options.contains(SearchReturnOptions::SAVE) || rev2 || config.serves(Extension::SearchRes);
    let partial = returned.partial.is_none() || config.serves(Extension::Partial);
    // Results that are kept up to date are not supported.
    let others = SearchReturnOptions::UPDATE | SearchReturnOptions::RELEVANCY;
    let searches = rev2 || config.serves(Extension::ESearch);
    searches && save && partial && !options.intersects(others)
}

fn serves_sort(sort: &Sort, config: &Config) -> bool {
    use crate::command::SortKey;
    let returned = sort.returned.is_none()
        || (config.serves(Extension::ESort) && serves_return(sort.returned.as_ref(), config));
    let criteria = sort.criteria.iter().all(|criterion| match criterion.key {
        SortKey::DisplayFrom | SortKey::DisplayTo => config.serves(Extension::SortDisplay),
        SortKey::Relevancy => config.serves(Extension::SearchFuzzy),
        _ => true,
    });
    returned && criteria
}

fn serves_keys(keys: &[SearchKey], config: &Config) -> bool {
    let any = |these: &[Extension]| these.iter().any(|extension| config.serves(*extension));
    keys.iter().all(|key| match key {
        SearchKey::And(keys) => serves_keys(keys, config),
        SearchKey::Or(keys) => {
            serves_keys(from_ref(&keys.0), config) && serves_keys(from_ref(&keys.1), config)
        }
        SearchKey::Not(key) => serves_keys(from_ref(key), config),
        SearchKey::Fuzzy(key) => {
            any(&[Extension::SearchFuzzy]) && serves_keys(from_ref(key), config)
        }
        SearchKey::Older(_) | SearchKey::Younger(_) => any(&[Extension::Within]),
        SearchKey::ModSeq { .. } => any(&[Extension::CondStore, Extension::QResync]),
        SearchKey::Filter(_) => any(&[Extension::Filters]),
        SearchKey::EmailId(_) | SearchKey::ThreadId(_) => any(&[Extension::ObjectId]),
        SearchKey::Annotation { .. } => any(&[Extension::AnnotateExperiment1]),
        SearchKey::GmailRaw(_)
        | SearchKey::GmailMessageId(_)
        | SearchKey::GmailThreadId(_)
        | SearchKey::GmailLabels(_) => any(&[Extension::GmailExt1]),
        SearchKey::Is(IsKey::SaveDateSupported)
        | SearchKey::Day(DayKey::SavedBefore | DayKey::SavedOn | DayKey::SavedSince, _) => {
            any(&[Extension::SaveDate])
        }
        _ => true,
    })
}

fn serves_fetch(fetch: &Fetch, config: &Config) -> bool {
    let any = |these: &[Extension]| these.iter().any(|extension| config.serves(*extension));
    let mod_seqs = any(&[Extension::CondStore, Extension::QResync]);
    let modifiers = &fetch.modifiers;
    let partial = modifiers.partial.is_none() || any(&[Extension::Partial]);
    (modifiers.changed_since.is_none() || mod_seqs)
        && (!modifiers.vanished || any(&[Extension::QResync]))
        && partial
        && serves_attributes(fetch.attributes.expand(), config)
}

/// Whether all of what is wanted of messages can be had.
pub(super) fn serves_attributes(attributes: &[FetchAttribute], config: &Config) -> bool {
    use FetchAttribute as A;
    let any = |these: &[Extension]| these.iter().any(|extension| config.serves(*extension));
    attributes.iter().all(|attribute| match attribute {
        A::ModSeq => any(&[Extension::CondStore, Extension::QResync]),
        A::Binary { .. } | A::BinarySize(_) => any(&[Extension::Binary, Extension::Imap4Rev2]),
        A::EmailId | A::ThreadId => any(&[Extension::ObjectId]),
        A::SaveDate => any(&[Extension::SaveDate]),
        A::Preview { .. } => any(&[Extension::Preview]),
        A::Annotation { .. } => any(&[Extension::AnnotateExperiment1]),
        A::GmailMessageId | A::GmailThreadId | A::GmailLabels => any(&[Extension::GmailExt1]),
        _ => true,
    })
}

/// What `ENABLE` turns on of what is asked for (RFC 5161 section 3.1): what is served and can be enabled.
/// The rest is ignored.
pub(super) fn enabled_by(wanted: &[Capability], config: &Config) -> (Enabled, Vec<Capability>) {
    let (mut enabled, mut listed) = (Enabled::empty(), Vec::new());
    for capability in wanted {
        let Capability::Known(extension) = capability else {
            continue;
        };
        let flags = match extension {
            Extension::CondStore => Enabled::CONDSTORE,
            // RFC 7162 section 3.2.3
            Extension::QResync => Enabled::QRESYNC | Enabled::CONDSTORE,
            Extension::Utf8Accept => Enabled::UTF8,
            Extension::Imap4Rev2 => Enabled::REV2,
            Extension::UidOnly => Enabled::UIDONLY,
            Extension::Metadata | Extension::MetadataServer => Enabled::METADATA,
            _ => continue,
        };
        // QRESYNC brings CONDSTORE along, UTF8=ONLY UTF8=ACCEPT (RFC 7162, RFC 6855 section 6).
        let served = config.serves(*extension)
            || (*extension == Extension::CondStore && config.serves(Extension::QResync))
            || (*extension == Extension::Utf8Accept && config.serves(Extension::Utf8Only));
        if served {
            enabled |= flags;
            if !listed.contains(capability) {
                listed.push(capability.clone());
            }
        }
    }
    (enabled, listed)
}
