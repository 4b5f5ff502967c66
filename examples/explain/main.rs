//! What a recorded half of a conversation means, unit by unit: a response, a command, a message.
//!
//! `cargo run --example explain -- imap --from server FILE`
//! `tcpflow -C port 143 ... | cargo run --example explain -- imap --from client --json`
//!
//! Lines end with CRLF or with LF; where all end with LF, the lengths of literals and chunks are taken for
//! those of the form with CRLF, as in most collections of traces. One half says little of the other: that the server
//! refused a literal or DATA is guessed from what the client did next. Passwords are not shown.
//!
//! The exit status is 1 if a unit was an error.

mod imap;
mod pop3;
mod recording;
mod smtp;

use std::fs;
use std::io::{Read, stdin};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Parser, ValueEnum};
use serde::Serialize;

/// Says what a recorded half of a conversation means.
#[derive(Parser)]
struct Options {
    /// What is spoken
    protocol: Protocol,
    /// Who speaks
    #[arg(long)]
    from: From,
    /// Print one JSON object for each unit: `line`, `kind` and `detail`
    #[arg(long)]
    json: bool,
    /// The recording; standard input without
    file: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Protocol {
    Imap,
    Smtp,
    Pop3,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum From {
    Server,
    Client,
}

/// Something that was said.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Unit {
    /// In which line it begins, counted from 1.
    line: usize,
    /// The name of the response or command; or `unknown`, `invalid` or `error`.
    kind: String,
    /// What it says.
    detail: String,
}

impl Unit {
    fn new(line: usize, kind: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            line,
            kind: kind.into(),
            detail: detail.into(),
        }
    }

    fn error(line: usize, why: impl ToString) -> Self {
        Self::new(line, ERROR, why.to_string())
    }
}

const ERROR: &str = "error";

fn main() -> Result<ExitCode> {
    let options = Options::parse();
    let mut octets = Vec::new();
    match &options.file {
        Some(file) => {
            octets = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
        }
        None => {
            stdin().read_to_end(&mut octets)?;
        }
    }
    let units = explain(options.protocol, options.from, octets);
    for unit in &units {
        match options.json {
            true => println!("{}", serde_json::to_string(unit)?),
            false => println!("{:>5}  {:<14} {}", unit.line, unit.kind, unit.detail),
        }
    }
    Ok(match units.iter().any(|unit| unit.kind == ERROR) {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}

fn explain(protocol: Protocol, from: From, octets: Vec<u8>) -> Vec<Unit> {
    let octets = recording::with_crlf(octets);
    match (protocol, from) {
        (Protocol::Imap, from) => imap::explain(from, &octets),
        (Protocol::Smtp, From::Server) => smtp::replies(&octets),
        (Protocol::Smtp, From::Client) => smtp::commands(&octets),
        (Protocol::Pop3, From::Server) => pop3::replies(&octets),
        (Protocol::Pop3, From::Client) => pop3::commands(&octets),
    }
}

#[cfg(test)]
mod tests {
    use super::{From, Protocol, explain};

    /// What each unit begins with: its line, its kind, and its detail.
    fn check(protocol: Protocol, from: From, said: &str, expected: &[(usize, &str, &str)]) {
        for said in [said.to_owned(), said.replace('\n', "\r\n")] {
            let units = explain(protocol, from, said.into_bytes());
            assert_eq!(units.len(), expected.len(), "{units:#?}");
            for (unit, (line, kind, detail)) in units.iter().zip(expected) {
                assert_eq!((unit.line, &unit.kind[..]), (*line, *kind), "{unit:?}");
                assert!(unit.detail.starts_with(detail), "{unit:?}: {detail}");
            }
        }
    }

    #[test]
    fn an_imap_server() {
        check(
            Protocol::Imap,
            From::Server,
            "* OK [CAPABILITY IMAP4rev1] hello {5}\n\
             a1 OK done\n\
             * 2 FETCH (UID 7 BODY[] {8}\na: b\n\n)\n\
             * 3 FETCH (UID 8 ENVELOPE 7)\n\
             * XNEW 1 (a)\n\
             * LIST ()  \"/\" INBOX\n\
             + go on\n\
             * SEARCH 0\n\
             * ENABLED UTF8=ACCEPT\n\
             * LIST () \"/\" Entw\u{fc}rfe\n\
             * 1 FETCH (BODY[] {99}\nx",
            &[
                (1, "OK", "Capability([Known(Imap4Rev1)]): hello {5}"),
                (2, "OK", "tag a1, done"),
                (3, "FETCH", "Fetch(Fetched"),
                (7, "invalid", "Fetched"),
                (8, "unknown", "Unknown"),
                (9, "LIST", "List(Listed"),
                (10, "+", "go on"),
                (
                    11,
                    "error",
                    "expected a number that does not begin with 0 at octet 9",
                ),
                (12, "ENABLED", "Enabled("),
                (13, "LIST", "List(Listed"),
                (14, "error", "the recording ends within a unit"),
            ],
        );
    }

    #[test]
    fn what_was_forgiven_is_told() {
        let units = explain(
            Protocol::Imap,
            From::Server,
            b"* SEARCH 1 \r\n+\r\n".to_vec(),
        );
        assert!(
            units[0].detail.ends_with("(forgiven: EXTRA_SPACES)"),
            "{units:?}"
        );
        assert!(
            units[1].detail.ends_with("(forgiven: BARE_PLUS)"),
            "{units:?}"
        );
    }

    #[test]
    fn an_imap_client() {
        check(
            Protocol::Imap,
            From::Client,
            "a1 AUTHENTICATE PLAIN\nAGEAYg==\na2 LOGIN alice {6}\nsecret\na3 IDLE\ndone\na4 X\n\
             a5 APPEND INBOX {3+}\nabc\nDONE\n",
            &[
                (1, "AUTHENTICATE", "tag a1, Authenticate("),
                (2, "answer", "an answer"),
                (3, "LOGIN", "tag a2, Login("),
                (5, "IDLE", "tag a3"),
                (6, "DONE", "the end of IDLE"),
                (7, "error", "expected a command at octet 3"),
                (8, "APPEND", "tag a5, Append("),
                (10, "error", "expected"),
            ],
        );
        let said = b"a2 LOGIN alice tanstaaf\r\n".to_vec();
        let units = explain(Protocol::Imap, From::Client, said);
        assert!(!units[0].detail.contains("tanstaaf"), "{units:?}");
    }

    #[test]
    fn smtp() {
        check(
            Protocol::Smtp,
            From::Server,
            "220 mx.example.org ESMTP\n250-mx.example.org\n250 SIZE 10\n250 2.1.0 Ok\nnonsense\n421 x\n250-a\n",
            &[
                (1, "220", "mx.example.org ESMTP"),
                (2, "250", "mx.example.org / SIZE 10"),
                (4, "250", "2.1.0 Ok"),
                (5, "error", "malformed reply"),
                (6, "421", "x"),
                (7, "error", "the recording ends within a reply"),
            ],
        );
        check(
            Protocol::Smtp,
            From::Client,
            "EHLO a.test\nauth LOGIN\nYQ==\nMAIL FROM:<a@b.test>\nDATA\nQUIT\nDATA\na: b\n\n..x\n.\n\
             BDAT 4 LAST\na\nb\nNONSENSE\nDATA\nx\n",
            &[
                (1, "EHLO", "EHLO a.test"),
                (2, "AUTH", "AUTH LOGIN"),
                (3, "answer", "an answer"),
                (4, "MAIL", "MAIL FROM:<a@b.test>"),
                (5, "DATA", "DATA"),
                (6, "QUIT", "QUIT"),
                (7, "DATA", "DATA"),
                (8, "message", "3 lines, 12 octets"),
                (12, "BDAT", "BDAT 4 LAST"),
                (13, "chunk", "4 octets of 4"),
                (14, "error", "unknown command"),
                (15, "error", "unknown command"),
                (16, "DATA", "DATA"),
                (17, "error", "the recording ends within a message"),
            ],
        );
    }

    #[test]
    fn pop3() {
        check(
            Protocol::Pop3,
            From::Server,
            "+OK hello\n+OK\nUIDL\n..x\n.\n-ERR [IN-USE] no\n+ \n+OK\nx\n",
            &[
                (1, "+OK", "+OK hello"),
                (2, "+OK", "+OK"),
                (3, "data", "2 lines, 10 octets"),
                (6, "-ERR", "-ERR [IN-USE] no"),
                (7, "+", "a challenge"),
                (8, "+OK", "+OK"),
                (9, "error", "the recording ends before a full stop alone"),
            ],
        );
        check(
            Protocol::Pop3,
            From::Client,
            "USER alice\npass tanstaaf\nAUTH PLAIN\nAGEAYg==\nRETR 1\nNONSENSE\n",
            &[
                (1, "USER", "USER alice"),
                (2, "PASS", "PASS ..."),
                (3, "AUTH", "AUTH PLAIN"),
                (4, "answer", "an answer"),
                (5, "RETR", "RETR 1"),
                (6, "error", "unknown command"),
            ],
        );
    }
}
