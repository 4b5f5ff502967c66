//! Changes to the messages of an mbox: flags, numbers, and which of them there are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use crate::Flags;
use crate::error::MailboxError;
use crate::mbox::in_place::InPlace;
use crate::mbox::list::{self, List, Listed, seconds};
use crate::mbox::lock::Locked;
use crate::mbox::rewrite::{Rewrite, replace};
use crate::mbox::status::words_of;
use crate::mbox::{LockPolicy, Mbox, Rules, Variant};

/// How the messages of an mbox are read and changed.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Access {
    lock: LockPolicy,
    kind: Option<(Rules, Option<Variant>)>,
    journals: Option<PathBuf>,
    numbers: Option<(u32, u32)>,
}

impl Access {
    /// How the mbox is locked while it is listed or changed.
    pub fn lock(self, lock: LockPolicy) -> Self {
        Self { lock, ..self }
    }

    /// Which lines are separators, and which quotes are taken away; else both are learnt
    /// from the start of the file.
    pub fn kind(self, rules: Rules, variant: Option<Variant>) -> Self {
        let kind = Some((rules, variant));
        Self { kind, ..self }
    }

    /// The UIDVALIDITY and the highest number so far, for an mbox that does not tell: an empty one has no place for
    /// them, and would start from anew, but whoever goes on with it may know.
    pub fn numbers(self, validity: u32, last: u32) -> Self {
        let numbers = Some((validity, last));
        Self { numbers, ..self }
    }

    /// Changes the mbox where it is, for a folder in which no file can be made, as root's
    /// `/var/mail`. What is to be written is first put into a journal in this directory, and
    /// a change that a crash has stopped is completed from it before the mbox is next used
    /// with the same directory.
    ///
    /// Without this, a new file takes the place of the old one: nobody ever sees a mixture.
    pub fn in_place(self, journals: impl Into<PathBuf>) -> Self {
        let journals = Some(journals.into());
        Self { journals, ..self }
    }
}

/// What is to become of messages, by their numbers.
///
/// ```
/// use mailbox_formats::Flags;
/// use mailbox_formats::mbox::Changes;
///
/// let changes = Changes::default().flags(3, Flags::SEEN).expunge(4);
/// # let _ = changes;
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Changes {
    expunged: BTreeSet<u32>,
    flags: BTreeMap<u32, Flags>,
    keywords: BTreeMap<u32, Vec<Vec<u8>>>,
}

impl Changes {
    /// Removes a message.
    pub fn expunge(mut self, uid: u32) -> Self {
        self.expunged.insert(uid);
        self
    }

    /// Gives a message just these flags. [`Flags::FORWARDED`] has no place in an mbox.
    pub fn flags(mut self, uid: u32, flags: Flags) -> Self {
        self.flags.insert(uid, flags - Flags::FORWARDED);
        self
    }

    /// Gives a message just these keywords. What cannot be a word of a line is left out.
    pub fn keywords<'a>(mut self, uid: u32, words: impl IntoIterator<Item = &'a [u8]>) -> Self {
        self.keywords.insert(uid, words_of(words));
        self
    }
}

impl Mbox {
    /// Lists all messages, and gives numbers to those that have none.
    ///
    /// Numbers and flags are kept in the headers, as Dovecot and c-client keep them (`X-UID`,
    /// `X-IMAPbase`, `Status`), so they stay the same over restarts. The mbox is locked for
    /// the time that this takes, and written if there is a new message. One that does not
    /// exist is made.
    ///
    /// ```
    /// use mailbox_formats::mbox::{Access, Changes, Date, FromLine, Mbox, Options};
    /// use std::io::{Read, Write};
    /// use std::time::SystemTime;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// let mbox = Mbox::new(directory.path().join("alice"));
    /// let from = FromLine::new(b"tom@example.org", Date::local(SystemTime::now()));
    /// for body in ["one", "two"] {
    ///     let mut delivery = mbox.deliver(Options::new(from.clone()));
    ///     write!(delivery, "Subject: x\n\n{body}\n")?;
    ///     delivery.commit()?;
    /// }
    /// let access = Access::default();
    /// let list = mbox.list(&access)?;
    /// let message = &list.messages()[1];
    /// let mut content = String::new();
    /// list.read(message)?.read_to_string(&mut content)?;
    /// assert_eq!((message.uid(), &*content), (2, "Subject: x\n\ntwo\n"));
    ///
    /// let list = mbox.change(&list, &Changes::default().expunge(1), &access)?;
    /// assert_eq!(list.messages()[0].uid(), 2);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The mbox is locked by others, cannot be read or written to, or is no mbox.
    pub fn list(&self, access: &Access) -> Result<List, MailboxError> {
        let mut locked = self.lock(access)?;
        let list = self.numbered(&mut locked, access)?;
        locked.close(&self.effects, &self.path)?;
        Ok(list)
    }

    /// Lists all messages of an mbox that is locked, and writes the numbers of those that had none.
    pub(super) fn numbered(
        &self,
        locked: &mut Locked,
        access: &Access,
    ) -> Result<List, MailboxError> {
        let list = list::list(&self.effects, &self.path, access.kind, access.numbers)?;
        match list.is_new {
            true => self.rewrite(locked, &list, access),
            false => Ok(list),
        }
    }

    /// Changes messages that were listed, and lists them again. Numbers that are not there
    /// any more, because another program has removed the message, are passed over.
    ///
    /// The changes are on disk when this returns; on an error none of them is done. Messages
    /// that came since are kept, and are in the new list.
    ///
    /// # Errors
    /// Those of [`list`](Self::list), and [`MailboxError::Changed`] if the numbers mean
    /// other messages by now.
    pub fn change(
        &self,
        list: &List,
        changes: &Changes,
        access: &Access,
    ) -> Result<List, MailboxError> {
        let mut locked = self.lock(access)?;
        let mut now = list::list(&self.effects, &self.path, access.kind, access.numbers)?;
        let had_messages = !now.messages.is_empty();
        // An mbox that is empty by now has no numbers that could be wrong.
        if had_messages && now.validity() != list.validity() {
            return Err(MailboxError::Changed);
        }
        now.apply(changes);
        if had_messages && now.messages.is_empty() && now.internal.is_none() {
            self.outlive(now.validity());
        }
        let now = match now.is_new {
            true => self.rewrite(&mut locked, &now, access)?,
            false => now,
        };
        locked.close(&self.effects, &self.path)?;
        Ok(now)
    }

    /// Locks the mbox, and completes what a crash has left.
    pub(super) fn lock(&self, access: &Access) -> Result<Locked, MailboxError> {
        let mut locked = Locked::acquire(&self.effects, &self.path, 0o600, &access.lock)?;
        if let Some(journals) = &access.journals {
            InPlace::new(journals, &locked, &self.effects, &self.path)?.complete(&mut locked)?;
        }
        Ok(locked)
    }

    fn rewrite(
        &self,
        locked: &mut Locked,
        list: &List,
        access: &Access,
    ) -> Result<List, MailboxError> {
        let rewrite = Rewrite::new(list, &self.effects, &self.path)?;
        match &access.journals {
            Some(journals) => {
                let in_place = InPlace::new(journals, locked, &self.effects, &self.path)?;
                in_place.write(locked, &rewrite)?;
            }
            None => replace(&self.effects, &self.path, locked, &rewrite)?,
        }
        list::list(&self.effects, &self.path, access.kind, access.numbers)
    }

    /// An empty mbox forgets its UIDVALIDITY. The next one is the time, so that has to be
    /// another by then.
    fn outlive(&self, validity: u32) {
        const TICK: Duration = Duration::from_millis(20);
        for _ in 0..100 {
            if seconds(&self.effects) != validity {
                break;
            }
            self.effects.system().pause(TICK);
        }
    }
}

impl List {
    fn apply(&mut self, changes: &Changes) {
        let before = self.messages.len();
        self.messages
            .retain(|message| !changes.expunged.contains(&message.uid));
        self.is_new |= self.messages.len() < before;
        for message in &mut self.messages {
            message.apply(changes);
            self.is_new |= message.is_changed;
        }
        for word in changes.keywords.values().flatten() {
            if !self.base.keywords.contains(word) {
                self.base.keywords.push(word.clone());
            }
        }
        if self.is_new {
            self.settle_base();
        }
    }
}

impl Listed {
    fn apply(&mut self, changes: &Changes) {
        let before = self.status.clone();
        if let Some(flags) = changes.flags.get(&self.uid) {
            self.status.flags = *flags;
        }
        if let Some(keywords) = changes.keywords.get(&self.uid) {
            self.status.keywords.clone_from(keywords);
        }
        self.is_changed |= self.status != before;
    }
}
