//! Messages with numbers that stay, shared with Dovecot.

use std::collections::{HashMap, HashSet};

use crate::error::MailboxError;
use crate::maildir::listing::Listing;
use crate::maildir::{Entry, FileName, Maildir, UidList};
use crate::side_file::{Edit, SideFile};

/// The messages of a Maildir with their numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uids {
    /// The UIDVALIDITY: as long as it stays, a number means the same message.
    pub validity: u32,
    /// The number of the next new message.
    pub next: u32,
    /// What tells the mailbox from all others, whatever it is called: letters and digits. It is Dovecot's
    /// `GUID`.
    pub identity: String,
    /// Number and message, in ascending order of the numbers.
    pub messages: Vec<(u32, Entry)>,
}

impl Maildir {
    /// Lists all messages with their numbers, and gives numbers to those that have none.
    ///
    /// The numbers are kept in `dovecot-uidlist`, as Dovecot keeps them: they stay the same
    /// over restarts, no number is used for a second message, and both programs can serve
    /// the same Maildir. New messages are numbered in the order of their delivery. The list
    /// is locked and written only if there is a new message, and is then on disk before
    /// this returns.
    ///
    /// ```
    /// use mailbox_formats::maildir::{Maildir, Options};
    /// use std::io::Write;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// let maildir = Maildir::create(directory.path().join("alice"))?;
    /// for _ in 0..2 {
    ///     let mut delivery = maildir.deliver(Options::default())?;
    ///     delivery.write_all(b"Subject: hello\r\n\r\n")?;
    ///     delivery.commit()?;
    /// }
    /// let uids = maildir.uids()?;
    /// let numbers: Vec<u32> = uids.messages.iter().map(|(uid, _)| *uid).collect();
    /// assert_eq!(numbers, [1, 2]);
    ///
    /// maildir.expunge(&uids.messages[1].1)?;
    /// assert_eq!(maildir.uids()?.next, 3);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// A directory cannot be read, or the list cannot be locked or replaced.
    pub fn uids(&self) -> Result<Uids, MailboxError> {
        let file = SideFile::new(&self.effects, self.path.join("dovecot-uidlist"));
        if let Some(list) = file.read()?.as_deref().and_then(UidList::parse) {
            // The names are read after the list: it does not know of newer ones.
            if let Some(uids) = number(&list, self.nameable()?.entries) {
                return Ok(uids);
            }
        }
        file.update(|content| {
            let list = content.and_then(UidList::parse);
            let mut list = list.unwrap_or_else(|| self.first_list());
            let system = self.effects.system();
            list.identify(system.tick(), &system.identity());
            let Listing { entries, is_quiet } = self.nameable()?;
            if is_quiet {
                let present: HashSet<&[u8]> = entries.iter().map(Entry::unique).collect();
                list.retain(|unique| present.contains(unique));
            }
            add_new(&mut list, &entries)
                .and_then(|()| number(&list, entries))
                .map(|uids| (Edit::All(list.to_bytes()), uids))
                .ok_or_else(|| MailboxError::NoNumber(self.path.to_path_buf()))
        })
    }

    /// Gives numbers to messages that have just been put here, in this order, and returns the
    /// UIDVALIDITY with them. The others are not looked at, which takes no time then; so this is for
    /// those who have listed them before. The list only grows by their lines, as Dovecot has it too, and
    /// is on disk before this returns.
    ///
    /// # Errors
    /// The list cannot be locked or replaced, or no number is left.
    pub fn number(&self, names: &[FileName]) -> Result<(u32, Vec<u32>), MailboxError> {
        let file = SideFile::new(&self.effects, self.path.join("dovecot-uidlist"));
        file.update(|content| {
            let known = content.and_then(UidList::parse);
            // A line without an end is one that somebody did not live to write.
            let can_grow = known.is_some() && content.is_some_and(|list| list.ends_with(b"\n"));
            let mut list = known.unwrap_or_else(|| self.first_list());
            let first = list.next();
            let numbers = names.iter().map(|name| {
                // Somebody else may have seen it already.
                let known = list
                    .iter()
                    .rev()
                    .find(|(_, unique)| *unique == name.unique());
                let known = known.map(|(number, _)| number);
                known.or_else(|| list.add(name.unique()))
            });
            let numbers: Option<Vec<u32>> = numbers.collect();
            let numbers = numbers.ok_or_else(|| MailboxError::NoNumber(self.path.to_path_buf()))?;
            let edit = match can_grow {
                true if list.next() == first => Edit::None,
                true => Edit::End(list.lines_from(first)),
                false => Edit::All(list.to_bytes()),
            };
            Ok((edit, (list.validity(), numbers)))
        })
    }

    /// The messages that a list of lines can name.
    fn nameable(&self) -> Result<Listing, MailboxError> {
        let mut listing = self.listing()?;
        let is_nameable = |entry: &Entry| !entry.unique().contains(&b'\n');
        listing.entries.retain(is_nameable);
        Ok(listing)
    }

    fn first_list(&self) -> UidList {
        let system = self.effects.system();
        UidList::first(system.tick(), &system.identity())
    }
}

/// Gives numbers to messages that have none; `None` if there are not enough.
fn add_new(list: &mut UidList, entries: &[Entry]) -> Option<()> {
    let known: HashSet<&[u8]> = list.iter().map(|(_, unique)| unique).collect();
    let is_new = |entry: &&Entry| !known.contains(entry.unique());
    let mut new: Vec<&Entry> = entries.iter().filter(is_new).collect();
    new.sort_by_cached_key(|entry| entry.delivered());
    new.into_iter()
        .try_for_each(|entry| list.add(entry.unique()).map(drop))
}

/// Puts numbers and messages together; `None` if a message has no number, or the mailbox no identity.
fn number(list: &UidList, entries: Vec<Entry>) -> Option<Uids> {
    // The last of several numbers is the one that counts.
    let numbers: HashMap<&[u8], u32> = list.iter().map(|(uid, unique)| (unique, uid)).collect();
    let numbered = |entry: Entry| Some((*numbers.get(entry.unique())?, entry));
    let mut messages: Vec<(u32, Entry)> =
        entries.into_iter().map(numbered).collect::<Option<_>>()?;
    messages.sort_unstable_by_key(|(uid, _)| *uid);
    Some(Uids {
        identity: list.identity()?.to_owned(),
        validity: list.validity(),
        next: list.next(),
        messages,
    })
}

impl Entry {
    /// When a message was delivered, as most names tell: `<seconds>.M<microseconds>...`.
    pub(crate) fn delivered(&self) -> (u64, u64, Vec<u8>) {
        let unique = self.unique();
        let (seconds, rest) = digits(unique);
        let micros = memchr::memchr(b'M', rest).map_or(0, |at| digits(&rest[at + 1..]).0);
        (seconds, micros, unique.to_vec())
    }
}

/// The number at the start, and what is behind it.
fn digits(text: &[u8]) -> (u64, &[u8]) {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(count);
    let number = std::str::from_utf8(digits)
        .ok()
        .and_then(|digits| digits.parse().ok());
    (number.unwrap_or(0), rest)
}
