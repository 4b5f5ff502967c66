//! What a session knows: who is there, what is selected, and what has been enabled.

use bitflags::bitflags;
use mailwire::TlsInfo;
use mailwire::auth::MechanismName;

use super::config::Config;
use super::notices::Notices;
use super::view::View;
use crate::capability::Extension;

/// The facts of a session, apart from what is going on.
#[derive(Debug, Default)]
pub(super) struct Session {
    pub(super) tls: Option<TlsInfo>,
    pub(super) standing: Standing,
    pub(super) enabled: Enabled,
    /// The mechanisms on offer, if they are not those of the configuration.
    pub(super) own_mechanisms: Option<Box<[MechanismName]>>,
    /// Whether the connection is compressed.
    pub(super) compressed: bool,
    /// What the client wants to be told without asking, once it has said so (RFC 5465).
    pub(super) notices: Option<Box<Notices>>,
    /// Wrong commands in a row.
    pub(super) errors: u32,
    pub(super) auth_failures: u32,
}

/// The states of RFC 9051 section 3, but for the last.
#[derive(Debug, Default)]
pub(super) enum Standing {
    #[default]
    NotAuthenticated,
    Authenticated,
    Selected(Box<Selection>),
}

/// A mailbox that is selected.
#[derive(Debug)]
pub(super) struct Selection {
    pub(super) view: View,
    pub(super) read_only: bool,
    /// Whether it has mod-sequences.
    pub(super) mod_seqs: bool,
}

bitflags! {
    /// What was enabled, by ENABLE or, for mod-sequences, by using them.
    #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
    pub(super) struct Enabled: u8 {
        const CONDSTORE = 1;
        const QRESYNC = 2;
        const UTF8 = 4;
        const REV2 = 8;
        const UIDONLY = 16;
        const METADATA = 32;
    }
}

impl Session {
    /// What is so from the beginning.
    pub(super) fn new(config: &Config) -> Self {
        // Whoever has only IMAP4rev2 speaks it without being asked.
        let rev2 = config.serves(Extension::Imap4Rev2) && !config.serves(Extension::Imap4Rev1);
        let enabled = match rev2 {
            true => Enabled::REV2,
            false => Enabled::empty(),
        };
        Self {
            enabled,
            ..Self::default()
        }
    }

    /// The mechanisms on offer.
    pub(super) fn mechanisms<'a>(&'a self, config: &'a Config) -> &'a [MechanismName] {
        self.own_mechanisms.as_deref().unwrap_or(&config.mechanisms)
    }

    pub(super) fn selection(&mut self) -> Option<&mut Selection> {
        match &mut self.standing {
            Standing::Selected(selection) => Some(selection),
            _ => None,
        }
    }

    pub(super) fn view(&mut self) -> Option<&mut View> {
        self.selection().map(|selection| &mut selection.view)
    }

    /// Whether `IMAP4rev2` is spoken.
    pub(super) fn is_rev2(&self) -> bool {
        self.enabled.contains(Enabled::REV2)
    }

    /// Whether strings may be UTF-8.
    pub(super) fn is_utf8(&self) -> bool {
        self.enabled.intersects(Enabled::UTF8 | Enabled::REV2)
    }
}
