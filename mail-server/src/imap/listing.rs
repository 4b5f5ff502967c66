//! LIST, LSUB and STATUS (RFC 9051 sections 6.3.9 and 6.3.11, RFC 5258, RFC 3501 section 6.3.9).

use std::collections::BTreeMap;

use imap_proto::command::{List, ListKind, ListSelection};
use imap_proto::response::{Data, ListExtended, Listed, MailboxStatus, StatusValue};
use imap_proto::server::Refusal;
use imap_proto::{Flag, MailboxAttributes, MailboxName, ModSeqOrZero, StatusItem};

use super::{metadata, refusals};
use crate::store::{FolderEntry, Folders, StoreError};

/// What is told of the folders that are wanted, of their statuses, and of what is noted about them.
pub(super) async fn list(folders: &dyn Folders, list: &List) -> Result<Vec<Data>, Refusal> {
    let failed = refusals::of_store;
    let delimiter = folders.delimiter();
    let is_root = |pattern: &imap_proto::MailboxPattern| pattern.to_text().is_empty();
    if list.selection.is_none() && list.patterns.iter().all(is_root) {
        // What parts names, and nothing else.
        let root = MailboxName::new("").expect("an empty name");
        let listed = Listed::new(MailboxAttributes::NO_SELECT, delimiter, root);
        return Ok(vec![Data::List(Box::new(listed))]);
    }
    let names = Names::new(folders.list().await.map_err(failed)?, delimiter);
    let mut told = Vec::new();
    for (name, mut listed) in names.matching(list) {
        listed.kind = match list.kind {
            ListKind::Lsub | ListKind::RLsub => ListKind::Lsub,
            ListKind::XList => ListKind::XList,
            _ => ListKind::List,
        };
        let selectable = !listed
            .attributes
            .intersects(MailboxAttributes::NON_EXISTENT | MailboxAttributes::NO_SELECT);
        told.push(Data::List(Box::new(listed)));
        let Some(returned) = list.returned.as_ref().filter(|_| selectable) else {
            continue;
        };
        if !returned.metadata.is_empty() {
            told.extend(metadata::of_listed(folders, &name, &returned.metadata).await?);
        }
        if !returned.status.is_empty() {
            match status(folders, name, &returned.status, None).await {
                Ok(status) => told.push(status),
                // It went meanwhile.
                Err(StoreError::NoFolder) => {}
                Err(error) => return Err(failed(error)),
            }
        }
    }
    Ok(told)
}

/// The values that are wanted of a folder.
pub(super) async fn status(
    folders: &dyn Folders,
    name: MailboxName,
    items: &[StatusItem],
    append_limit: Option<u64>,
) -> Result<Data, StoreError> {
    let folder = folders.open(&name).await?;
    let state = folder.state().await?;
    let messages = folder.changes(ModSeqOrZero::ZERO).await?.messages;
    let count = |wanted: &dyn Fn(&&crate::store::Info) -> bool| {
        u32::try_from(messages.iter().filter(wanted).count()).unwrap_or(u32::MAX)
    };
    let has = |info: &crate::store::Info, flag| info.flags.contains(&flag);
    let size = |wanted: &dyn Fn(&&crate::store::Info) -> bool| {
        messages.iter().filter(wanted).map(|info| info.size).sum()
    };
    let values = items.iter().filter_map(|item| {
        Some(match item {
            StatusItem::Messages => StatusValue::Messages(count(&|_| true)),
            StatusItem::Recent => StatusValue::Recent(0),
            StatusItem::UidNext => StatusValue::UidNext(Some(state.uid_next)),
            StatusItem::UidValidity => StatusValue::UidValidity(Some(state.uid_validity)),
            StatusItem::Unseen => StatusValue::Unseen(count(&|info| !has(info, Flag::Seen))),
            StatusItem::Deleted => StatusValue::Deleted(count(&|info| has(info, Flag::Deleted))),
            StatusItem::Size => StatusValue::Size(size(&|_| true)),
            StatusItem::HighestModSeq => StatusValue::HighestModSeq(state.mod_seq.into()),
            StatusItem::MailboxId => StatusValue::MailboxId(state.id.clone()),
            StatusItem::AppendLimit => StatusValue::AppendLimit(append_limit),
            StatusItem::DeletedStorage => {
                StatusValue::DeletedStorage(size(&|info| has(info, Flag::Deleted)))
            }
            _ => return None,
        })
    });
    let values = values.collect();
    Ok(Data::MailboxStatus(Box::new(MailboxStatus::new(
        name, values,
    ))))
}

/// Names of folders, and of what is above them.
pub(super) struct Names {
    delimiter: Option<char>,
    by_name: BTreeMap<String, Entry>,
}

#[derive(Default, Clone)]
struct Entry {
    attributes: MailboxAttributes,
    subscribed: bool,
}

impl Names {
    pub(super) fn new(entries: Vec<FolderEntry>, delimiter: Option<char>) -> Self {
        let mut by_name = BTreeMap::new();
        for entry in entries {
            let told = Entry {
                attributes: entry.attributes,
                subscribed: entry.subscribed,
            };
            by_name.insert(entry.name.to_text().into_owned(), told);
        }
        // What is above a folder is there in so far as it has a name.
        if let Some(delimiter) = delimiter {
            let names: Vec<String> = by_name.keys().cloned().collect();
            for name in names {
                for (end, _) in name.match_indices(delimiter) {
                    by_name.entry(name[..end].to_owned()).or_insert(Entry {
                        attributes: MailboxAttributes::NON_EXISTENT,
                        subscribed: false,
                    });
                }
            }
        }
        Self { delimiter, by_name }
    }

    /// Those that a command asks for, each with what it wants to know.
    fn matching(&self, list: &List) -> Vec<(MailboxName, Listed)> {
        let delimiter = self.delimiter;
        let wish = Wish::new(list);
        let mut told = Vec::new();
        for (name, entry) in &self.by_name {
            if !wish
                .patterns
                .iter()
                .any(|pattern| matches(pattern, name, delimiter))
            {
                continue;
            }
            let children = || self.below(name).map(|(_, child)| child);
            let has_children = children().any(Entry::is_there);
            let has_wanted =
                wish.only != Only::Existing && children().any(|child| wish.wants(child));
            let is_wanted = match wish.only {
                // Only what is above something is told as such.
                Only::Existing => entry.is_there() || has_children,
                Only::Subscribed | Only::SpecialUse => wish.wants(entry),
            };
            let for_children = has_wanted && (wish.recursive || wish.stands_in);
            let Ok(mailbox) = MailboxName::new(name) else {
                continue;
            };
            if !is_wanted && !for_children {
                continue;
            }
            let attributes = match (wish.is_lsub, is_wanted) {
                (true, true) => MailboxAttributes::empty(),
                (true, false) => MailboxAttributes::NO_SELECT,
                (false, _) => {
                    let children = match has_children {
                        true => MailboxAttributes::HAS_CHILDREN,
                        false => MailboxAttributes::HAS_NO_CHILDREN,
                    };
                    let subscribed = match entry.subscribed && wish.tells_subscribed {
                        true => MailboxAttributes::SUBSCRIBED,
                        false => MailboxAttributes::empty(),
                    };
                    entry.attributes | children | subscribed
                }
            };
            let mut listed = Listed::new(attributes, delimiter, mailbox.clone());
            if wish.recursive && has_wanted {
                let kind = wish.only.name().into();
                listed.extended.push(ListExtended::ChildInfo(vec![kind]));
            }
            told.push((mailbox, listed));
        }
        told
    }

    /// All that is known of one.
    pub(super) fn listed(&self, name: &MailboxName) -> Listed {
        let text = name.to_text();
        let is_there = self.by_name.get(&*text);
        let attributes = is_there.map_or(MailboxAttributes::NON_EXISTENT, |it| it.attributes);
        let mut children = self.below(&text).map(|(_, child)| child);
        let children = match children.any(Entry::is_there) {
            true => MailboxAttributes::HAS_CHILDREN,
            false => MailboxAttributes::HAS_NO_CHILDREN,
        };
        let subscribed = match self.is_subscribed(name) {
            true => MailboxAttributes::SUBSCRIBED,
            false => MailboxAttributes::empty(),
        };
        Listed::new(
            attributes | children | subscribed,
            self.delimiter,
            name.clone(),
        )
    }

    /// Whether somebody has subscribed to a name.
    pub(super) fn is_subscribed(&self, name: &MailboxName) -> bool {
        let entry = self.by_name.get(&*name.to_text());
        entry.is_some_and(|entry| entry.subscribed)
    }

    fn below<'a>(&'a self, name: &str) -> impl Iterator<Item = (&'a String, &'a Entry)> {
        let prefix = self.delimiter.map(|delimiter| format!("{name}{delimiter}"));
        let from = prefix.clone().unwrap_or_default();
        let range = prefix.is_some().then(|| self.by_name.range(from..));
        let range = range.into_iter().flatten();
        range.take_while(move |(name, _)| {
            prefix
                .as_ref()
                .is_some_and(|prefix| name.starts_with(prefix.as_str()))
        })
    }
}

impl Entry {
    fn is_there(&self) -> bool {
        !self.attributes.contains(MailboxAttributes::NON_EXISTENT)
    }

    fn is_special(&self) -> bool {
        let uses = MailboxAttributes::ALL
            | MailboxAttributes::ARCHIVE
            | MailboxAttributes::DRAFTS
            | MailboxAttributes::FLAGGED
            | MailboxAttributes::JUNK
            | MailboxAttributes::SENT
            | MailboxAttributes::TRASH
            | MailboxAttributes::IMPORTANT;
        self.attributes.intersects(uses)
    }
}

/// What a command asks for.
struct Wish {
    patterns: Vec<String>,
    only: Only,
    /// Also what has children that are wanted (RFC 5258 section 3.1), and that it has.
    recursive: bool,
    /// Also what stands for children that the pattern cannot reach (RFC 3501 section 6.3.9).
    stands_in: bool,
    is_lsub: bool,
    tells_subscribed: bool,
}

/// Which folders are wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Only {
    Existing,
    Subscribed,
    SpecialUse,
}

impl Only {
    /// As CHILDINFO calls it.
    fn name(self) -> &'static str {
        match self {
            Self::Existing => "",
            Self::Subscribed => "SUBSCRIBED",
            Self::SpecialUse => "SPECIAL-USE",
        }
    }
}

impl Wish {
    fn new(list: &List) -> Self {
        let reference = list.reference.to_text();
        let patterns = list.patterns.iter();
        let patterns = patterns.map(|pattern| format!("{reference}{}", pattern.to_text()));
        let patterns: Vec<String> = patterns.collect();
        let selection = list.selection.unwrap_or_default();
        let is_lsub = matches!(list.kind, ListKind::Lsub | ListKind::RLsub);
        let only = if is_lsub || selection.contains(ListSelection::SUBSCRIBED) {
            Only::Subscribed
        } else if selection.contains(ListSelection::SPECIAL_USE) {
            Only::SpecialUse
        } else {
            Only::Existing
        };
        let returned = list.returned.as_ref();
        Self {
            only,
            recursive: selection.contains(ListSelection::RECURSIVE_MATCH),
            stands_in: is_lsub && patterns.iter().any(|pattern| pattern.ends_with('%')),
            is_lsub,
            tells_subscribed: only == Only::Subscribed
                || returned.is_some_and(|returned| returned.subscribed),
            patterns,
        }
    }

    fn wants(&self, entry: &Entry) -> bool {
        match self.only {
            Only::Existing => entry.is_there(),
            Only::Subscribed => entry.subscribed,
            Only::SpecialUse => entry.is_there() && entry.is_special(),
        }
    }
}

/// Whether a name is meant: `*` is anything, `%` anything within a level. Takes no longer than the product of both
/// lengths.
fn matches(pattern: &str, name: &str, delimiter: Option<char>) -> bool {
    let pattern = fold_inbox(pattern, delimiter);
    let name: Vec<char> = name.chars().collect();
    // Which beginnings of the name the pattern so far means.
    let mut reached = vec![false; name.len() + 1];
    reached[0] = true;
    for letter in pattern.chars() {
        let mut next = vec![false; name.len() + 1];
        match letter {
            '*' | '%' => {
                let mut open = false;
                for at in 0..=name.len() {
                    if at > 0 && letter == '%' && Some(name[at - 1]) == delimiter {
                        open = false;
                    }
                    open |= reached[at];
                    next[at] = open;
                }
            }
            letter => {
                for at in 0..name.len() {
                    next[at + 1] = reached[at] && name[at] == letter;
                }
            }
        }
        reached = next;
    }
    reached[name.len()]
}

/// INBOX is the same in any case, alone or as the first level.
fn fold_inbox(pattern: &str, delimiter: Option<char>) -> String {
    const INBOX: &str = "INBOX";
    let first = delimiter.and_then(|delimiter| pattern.split(delimiter).next());
    match first.unwrap_or(pattern) {
        first if first.eq_ignore_ascii_case(INBOX) => {
            format!("{INBOX}{}", &pattern[INBOX.len()..])
        }
        _ => pattern.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use imap_proto::command::{List, ListKind, ListSelection};
    use imap_proto::{MailboxAttributes, MailboxName, MailboxPattern};

    use super::{Names, matches};
    use crate::store::FolderEntry;

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("*", "a/b/c", true),
            ("%", "a/b", false),
            ("%", "a", true),
            ("a/%", "a/b", true),
            ("a/%", "a/b/c", false),
            ("a%", "a/b", false),
            ("a*", "a/b", true),
            ("%/%", "a/b", true),
            ("inbox", "INBOX", true),
            ("inBox/%", "INBOX/a", true),
            ("inbox*", "INBOX", false),
            ("", "", true),
            ("a", "A", false),
            ("%b", "aab", true),
            ("ä%", "äö", true),
        ] {
            assert_eq!(
                matches(pattern, name, Some('/')),
                expected,
                "{pattern} {name}"
            );
        }
        assert!(!matches(&"*a".repeat(2000), &"a".repeat(1999), Some('/')));
    }

    fn names() -> Names {
        let entry = |name: &str, attributes, subscribed| {
            let mut entry = FolderEntry::new(MailboxName::new(name).expect("a name"));
            entry.attributes = attributes;
            entry.subscribed = subscribed;
            entry
        };
        let none = MailboxAttributes::empty();
        let entries = vec![
            entry("INBOX", none, true),
            entry("a", none, false),
            entry("a/b", none, true),
            entry("c/d", MailboxAttributes::SENT, false),
            entry("gone", MailboxAttributes::NON_EXISTENT, true),
        ];
        Names::new(entries, Some('/'))
    }

    fn told(kind: ListKind, selection: Option<ListSelection>, pattern: &str) -> Vec<String> {
        let reference = MailboxName::new("").expect("a name");
        let pattern = MailboxPattern::new(pattern).expect("a pattern");
        let mut list = List::new(kind, reference, pattern);
        list.selection = selection;
        let told = names().matching(&list);
        let line = |(name, listed): (MailboxName, imap_proto::response::Listed)| {
            let attributes: Vec<_> = listed.attributes.names().collect();
            format!(
                "{name} {}{}",
                attributes.join(" "),
                if listed.extended.is_empty() { "" } else { " +" }
            )
        };
        told.into_iter().map(line).collect()
    }

    #[test]
    fn listings() {
        assert_eq!(
            told(ListKind::List, None, "%"),
            [
                "INBOX HasNoChildren",
                "a HasChildren",
                "c NonExistent HasChildren"
            ]
        );
        assert_eq!(
            told(ListKind::List, None, "c/*"),
            ["c/d HasNoChildren Sent"]
        );
        assert_eq!(told(ListKind::Lsub, None, "*"), ["INBOX ", "a/b ", "gone "]);
        assert_eq!(
            told(ListKind::Lsub, None, "%"),
            ["INBOX ", "a Noselect", "gone "]
        );
        let subscribed = Some(ListSelection::SUBSCRIBED);
        assert_eq!(
            told(ListKind::List, subscribed, "*"),
            [
                "INBOX HasNoChildren Subscribed",
                "a/b HasNoChildren Subscribed",
                "gone NonExistent HasNoChildren Subscribed"
            ]
        );
        let recursive = Some(ListSelection::SUBSCRIBED | ListSelection::RECURSIVE_MATCH);
        assert_eq!(
            told(ListKind::List, recursive, "%"),
            [
                "INBOX HasNoChildren Subscribed",
                "a HasChildren +",
                "gone NonExistent HasNoChildren Subscribed"
            ]
        );
        let special = Some(ListSelection::SPECIAL_USE);
        assert_eq!(
            told(ListKind::List, special, "*"),
            ["c/d HasNoChildren Sent"]
        );
    }
}
