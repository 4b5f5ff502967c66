//! The server's side of IMAP.

#![allow(dead_code)]

mod view;

mod numbering;
