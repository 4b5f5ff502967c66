//! What is said of a mailbox when it is selected.

use std::num::NonZeroU32;

use super::config::Config;
use super::replies::Speaker;
use super::session::{Enabled, Selection, Session};
use super::view::View;
use crate::capability::Extension;
use crate::flag::{Flags, PermanentFlags};
use crate::number::ModSeq;
use crate::response::{Code, CodeWord, Data, Listed};
use crate::set::NumberSet;
use crate::string::Atom;

/// A mailbox that is selected from now on (RFC 9051 section 6.3.2).
///
/// ```
/// use imap_proto::server::Selected;
///
/// let mut selected = Selected::new(3857529045.try_into()?, 4392.try_into()?);
/// selected.uids = "1:4390".parse()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Selected {
    /// What makes its UIDs valid.
    pub uid_validity: NonZeroU32,
    /// The lowest UID that the next message may get.
    pub uid_next: NonZeroU32,
    /// All messages.
    pub uids: NumberSet,
    /// Those that no session was told of before. Being told is the privilege of one session that may
    /// write (RFC 3501 section 2.3.2): it is the application's to give it once.
    pub recent: NumberSet,
    /// The first message that is not `\Seen`.
    pub unseen: Option<NonZeroU32>,
    /// The flags that messages may have.
    pub flags: Flags,
    /// Those that the client may change for good.
    pub permanent_flags: PermanentFlags,
    /// The highest mod-sequence; none if the mailbox does not keep them (RFC 7162 section 3.1.2).
    pub highest_mod_seq: Option<ModSeq>,
    /// Whether nothing may be changed although the client would like to.
    pub read_only: bool,
    /// What identifies the mailbox for ever (RFC 8474).
    pub mailbox_id: Option<Atom>,
    /// Name and attributes, for clients that speak IMAP4rev2.
    pub listed: Option<Box<Listed>>,
}

impl Selected {
    /// An empty mailbox.
    pub fn new(uid_validity: NonZeroU32, uid_next: NonZeroU32) -> Self {
        Self {
            uid_validity,
            uid_next,
            uids: NumberSet::new(),
            recent: NumberSet::new(),
            unseen: None,
            flags: Flags::new(),
            permanent_flags: PermanentFlags::default(),
            highest_mod_seq: None,
            read_only: false,
            mailbox_id: None,
            listed: None,
        }
    }

    /// Tells all that there is to tell.
    pub(super) fn open(
        self,
        config: &Config,
        session: &Session,
        read_only: bool,
        to: &mut Speaker,
    ) -> Selection {
        let rev2 = session.is_rev2();
        let recent = match rev2 {
            true => NumberSet::new(),
            false => self.recent,
        };
        let mut view = View::new(&self.uids, recent, config.limits.news);
        view.heard(self.highest_mod_seq);
        let read_only = read_only || self.read_only;
        to.untagged(Data::Flags(Box::new(self.flags)));
        to.untagged(Data::Exists(view.count()));
        if !rev2 {
            to.untagged(Data::Recent(view.recent_count()));
        }
        let unseen = self.unseen.and_then(|uid| view.number_of(uid));
        if let (false, Some(number)) = (rev2 || session.enabled.contains(Enabled::UIDONLY), unseen)
        {
            to.note(Code::Unseen(number), "First unseen");
        }
        let permanent = match read_only {
            true => PermanentFlags::default(),
            false => self.permanent_flags,
        };
        to.note(Code::PermanentFlags(Box::new(permanent)), "Flags that stay");
        to.note(Code::UidValidity(self.uid_validity), "UIDs are valid");
        to.note(Code::UidNext(self.uid_next), "Next UID");
        if config.serves(Extension::CondStore) || config.serves(Extension::QResync) {
            match self.highest_mod_seq {
                Some(highest) => to.note(Code::HighestModSeq(highest), "Highest"),
                None => to.note(CodeWord::NoModSeq, "No mod-sequences here"),
            }
        }
        if let Some(id) = self
            .mailbox_id
            .filter(|_| config.serves(Extension::ObjectId))
        {
            to.note(Code::MailboxId(id), "Id of the mailbox");
        }
        if let Some(listed) = self.listed.filter(|_| rev2) {
            to.untagged(Data::List(listed));
        }
        Selection {
            view,
            read_only,
            mod_seqs: self.highest_mod_seq.is_some(),
        }
    }
}
