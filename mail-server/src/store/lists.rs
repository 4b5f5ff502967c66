//! What is known of folders besides their messages: small files beside them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;

use imap_proto::{Atom, MailboxAttributes, MailboxName};

use super::StoreError;
use super::folder::FolderEntry;
use super::replace::replace;
use super::tree::DELIMITER;

/// The names that somebody has subscribed to, as Dovecot keeps them.
const SUBSCRIPTIONS: &str = "subscriptions";
/// What its second version begins with; the parts of names stand between tabs.
const SUBSCRIPTIONS_HEAD: &str = "V\t2\n\n";

/// The special uses of folders: lines of attributes, a tab and a name. A file of ours.
const SPECIAL_USES: &str = "mailwire-special-uses";

/// The ids of folders (RFC 8474) that have no place for one: lines of an id, a tab and a name. A file of ours.
const IDS: &str = "mailwire-folder-ids";

/// The lists in a directory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lists<'a> {
    directory: &'a Path,
}

impl<'a> Lists<'a> {
    pub(super) fn new(directory: &'a Path) -> Self {
        Self { directory }
    }

    /// Folders of these names, with what is known of them, and names that are subscribed to and of no folder.
    pub(super) fn entries(
        self,
        names: impl Iterator<Item = String>,
    ) -> Result<Vec<FolderEntry>, StoreError> {
        let mut subscribed = self.subscriptions()?;
        let uses = self.special_uses()?;
        let mut entries: Vec<_> = names
            .filter_map(|name| {
                let mut entry = FolderEntry::new(MailboxName::new(&name).ok()?);
                entry.attributes = uses.get(&name).copied().unwrap_or_default();
                entry.subscribed = subscribed.remove(&name);
                Some(entry)
            })
            .collect();
        entries.extend(subscribed.into_iter().filter_map(|name| {
            let mut entry = FolderEntry::new(MailboxName::new(&name).ok()?);
            entry.attributes = MailboxAttributes::NON_EXISTENT;
            entry.subscribed = true;
            Some(entry)
        }));
        Ok(entries)
    }

    /// Somebody subscribes to a name, or no more.
    pub(super) fn subscribe(self, name: String, subscribed: bool) -> Result<(), StoreError> {
        let mut names = self.subscriptions()?;
        let changed = match subscribed {
            true => names.insert(name),
            false => names.remove(&name),
        };
        match changed {
            true => self.write_subscriptions(&names),
            false => Ok(()),
        }
    }

    /// A folder was made, for a special use if there is one.
    pub(super) fn created(self, name: &str, uses: MailboxAttributes) -> Result<(), StoreError> {
        if uses.is_empty() {
            return Ok(());
        }
        let mut all = self.special_uses()?;
        all.insert(name.to_owned(), uses);
        self.write_special_uses(&all)
    }

    /// A folder is no more.
    pub(super) fn deleted(self, name: &str) -> Result<(), StoreError> {
        let mut ids = self.ids()?;
        if ids.remove(name).is_some() {
            self.write_ids(&ids)?;
        }
        let mut uses = self.special_uses()?;
        match uses.remove(name) {
            Some(_) => self.write_special_uses(&uses),
            None => Ok(()),
        }
    }

    /// Folders have other names now.
    pub(super) fn renamed(self, names: &[(String, String)]) -> Result<(), StoreError> {
        let mut ids = self.ids()?;
        if rename(&mut ids, names) {
            self.write_ids(&ids)?;
        }
        let mut uses = self.special_uses()?;
        match rename(&mut uses, names) {
            true => self.write_special_uses(&uses),
            false => Ok(()),
        }
    }

    /// The id of a folder, which gets one if it has none yet.
    pub(super) fn id_of(self, name: &str) -> Result<Atom, StoreError> {
        let mut ids = self.ids()?;
        if let Some(id) = ids.get(name) {
            return Ok(id.clone());
        }
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| StoreError::Failed(error.to_string()))?;
        let digits: String = random.iter().map(|octet| format!("{octet:02x}")).collect();
        let id: Atom = format!("F{digits}").parse().expect("letters and digits");
        ids.insert(name.to_owned(), id.clone());
        self.write_ids(&ids)?;
        Ok(id)
    }

    fn ids(self) -> Result<BTreeMap<String, Atom>, StoreError> {
        let content = read(&self.directory.join(IDS))?;
        let ids = content.lines().filter_map(|line| {
            let (id, folder) = line.split_once('\t')?;
            Some((folder.to_owned(), id.parse().ok()?))
        });
        Ok(ids.collect())
    }

    fn write_ids(self, ids: &BTreeMap<String, Atom>) -> Result<(), StoreError> {
        let lines = ids.iter().map(|(folder, id)| format!("{id}\t{folder}\n"));
        Ok(replace(
            &self.directory.join(IDS),
            lines.collect::<String>(),
        )?)
    }

    fn subscriptions(self) -> Result<BTreeSet<String>, StoreError> {
        let content = read(&self.directory.join(SUBSCRIPTIONS))?;
        let delimiter = DELIMITER.to_string();
        let names = match content.strip_prefix(SUBSCRIPTIONS_HEAD) {
            Some(names) => names
                .lines()
                .map(|name| name.replace('\t', &delimiter))
                .collect(),
            None => content.lines().map(str::to_owned).collect(),
        };
        Ok(names)
    }

    fn write_subscriptions(self, names: &BTreeSet<String>) -> Result<(), StoreError> {
        let mut content = String::from(SUBSCRIPTIONS_HEAD);
        for name in names {
            content.push_str(&name.replace(DELIMITER, "\t"));
            content.push('\n');
        }
        Ok(replace(&self.directory.join(SUBSCRIPTIONS), content)?)
    }

    fn special_uses(self) -> Result<BTreeMap<String, MailboxAttributes>, StoreError> {
        let content = read(&self.directory.join(SPECIAL_USES))?;
        let uses = content.lines().filter_map(|line| {
            let (names, folder) = line.split_once('\t')?;
            let uses = names.split(' ').filter_map(MailboxAttributes::named);
            Some((folder.to_owned(), uses.collect()))
        });
        Ok(uses.collect())
    }

    fn write_special_uses(
        self,
        uses: &BTreeMap<String, MailboxAttributes>,
    ) -> Result<(), StoreError> {
        let lines = uses.iter().map(|(folder, uses)| {
            let names: Vec<_> = uses.names().collect();
            format!("{}\t{folder}\n", names.join(" "))
        });
        let path = self.directory.join(SPECIAL_USES);
        Ok(replace(&path, lines.collect::<String>())?)
    }
}

/// Gives what is known of folders to their new names. Says whether there was any.
fn rename<T>(known: &mut BTreeMap<String, T>, names: &[(String, String)]) -> bool {
    let moved = names
        .iter()
        .filter_map(|(old, new)| Some((new.clone(), known.remove(old)?)));
    let moved: Vec<_> = moved.collect();
    let any = !moved.is_empty();
    known.extend(moved);
    any
}

/// A small file; an empty one if it is not there.
fn read(path: &Path) -> Result<String, StoreError> {
    Ok(String::from_utf8_lossy(&read_octets(path)?).into_owned())
}

pub(super) fn read_octets(path: &Path) -> Result<Vec<u8>, StoreError> {
    match fs::read(path) {
        Ok(content) => Ok(content),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}
