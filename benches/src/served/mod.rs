//! What POP3 and IMAP servers are measured with: the same Maildirs, served by us and by Dovecot.

pub(crate) mod maildirs;
pub(crate) mod server;
