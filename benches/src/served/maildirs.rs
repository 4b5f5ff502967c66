//! The mail that is fetched.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use tempfile::TempDir;

/// A Maildir of equal messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Maildir {
    /// Of the user.
    pub(crate) name: &'static str,
    pub(crate) messages: usize,
    pub(crate) octets: usize,
}

impl Maildir {
    /// One of its messages.
    pub(crate) fn text(self) -> Vec<u8> {
        let mut text = b"Subject: bench\nFrom: a@example.net\n\n".to_vec();
        while text.len() < self.octets {
            text.extend_from_slice(&[b'x'; 70]);
            text.push(b'\n');
        }
        text
    }

    /// Fills it, with sizes in the names as deliveries of either server leave them.
    fn fill(self, folder: &Path) -> Result<()> {
        for part in ["tmp", "new", "cur"] {
            fs::create_dir_all(folder.join(part))?;
        }
        let text = self.text();
        let lines = text.iter().filter(|&&octet| octet == b'\n').count();
        let (stored, wire) = (text.len(), text.len() + lines);
        for number in 0..self.messages {
            let name = format!(
                "{}.M1P{number}.bench,S={stored},W={wire}:2,S",
                1_700_000_000 + number
            );
            fs::write(folder.join("cur").join(name), &text)?;
        }
        Ok(())
    }
}

/// The Maildirs of all users, made when they are first needed.
#[derive(Default)]
pub(crate) struct Place(Option<TempDir>);

impl Place {
    pub(crate) fn with(&mut self, maildir: Maildir) -> Result<PathBuf> {
        let folder = match &mut self.0 {
            Some(folder) => folder,
            none => none.insert(tempfile::tempdir()?),
        };
        let path = folder.path().join("example.org").join(maildir.name);
        if !path.exists() {
            maildir.fill(&path)?;
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        }
        if rustix::process::geteuid().is_root() {
            // Dovecot does not serve as root, and our list of numbers is its list too.
            let owned = Command::new("chown")
                .args(["-R", "mail:mail"])
                .arg(folder.path())
                .status()?;
            ensure!(owned.success(), "chown");
        }
        Ok(folder.path().to_owned())
    }
}
