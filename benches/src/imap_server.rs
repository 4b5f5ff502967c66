//! Layer B, IMAP: a mailbox is read, searched, flagged and filled, at our server and at Dovecot, each with a
//! Maildir of its own that began the same.
//!
//! Servers run on CPU 0. Their CPU time is that of all their processes. Where a small request follows each small answer, so
//! does the client: to wake another CPU takes several times longer than the work.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::rc::Rc;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Result, bail, ensure};

use crate::case::{Better, Case, Contender, Effort, Entry, Metric, OURS, OverRounds};
use crate::processes::Confined;
use crate::served::maildirs::{Maildir, Place};
use crate::served::server::{Program, Protocol, Server};

pub(crate) fn cases(effort: Effort) -> Vec<Case> {
    let messages = match effort {
        Effort::Full => 10_000,
        Effort::Smoke => 100,
    };
    let maildir = Maildir {
        name: "read",
        messages,
        octets: 4 << 10,
    };
    let works = [
        ("SELECT, just filled", Work::Select(Rest::None)),
        ("SELECT, at rest", Work::Select(Rest::Long)),
        ("FETCH 1:* FLAGS", Work::Command("FETCH 1:* (FLAGS)", 20)),
        (
            "FETCH 1:* ENVELOPE, cold",
            Work::Cold("FETCH 1:* (ENVELOPE)"),
        ),
        (
            "FETCH 1:* ENVELOPE, warm",
            Work::Command("FETCH 1:* (ENVELOPE)", 5),
        ),
        (
            "FETCH 1:* BODY.PEEK[]",
            Work::Command("FETCH 1:* (BODY.PEEK[])", 5),
        ),
        ("SEARCH TEXT", Work::Command("SEARCH TEXT nowhere", 1)),
        ("STORE 1:* FLAGS", Work::Store),
        ("APPEND of 4 KiB", Work::Append(messages / 10)),
    ];
    // Both change what they serve.
    let contenders =
        [(OURS, Program::Ours), ("Dovecot", Program::Dovecot)].map(|(name, program)| {
            let server = Rc::new(RefCell::new(Server::new(program, Protocol::Imap)));
            (
                name,
                program,
                server,
                Rc::new(RefCell::new(Place::default())),
            )
        });
    works
        .map(|(name, work)| Case {
            name: format!("imap server: {name}, {messages} messages"),
            metrics: METRICS,
            over_rounds: OverRounds::Median,
            contenders: contenders
                .iter()
                .map(|(name, program, server, place)| Contender {
                    name,
                    entry: match program.missing() {
                        Some(why) => Entry::Missing(why),
                        None => {
                            let (place, server) = (Rc::clone(place), Rc::clone(server));
                            Entry::Runs(Box::new(move || {
                                let root = place.borrow_mut().with(maildir)?;
                                work.run(maildir, &mut server.borrow_mut(), &root)
                            }))
                        }
                    },
                })
                .collect(),
        })
        .into()
}

const METRICS: &[Metric] = &[
    Metric {
        unit: "ms",
        better: Better::Lower,
    },
    Metric {
        unit: "server CPU ms",
        better: Better::Lower,
    },
];

#[derive(Clone, Copy)]
enum Work {
    /// SELECT, again and again.
    Select(Rest),
    /// A command that was given before, so that what can be kept is kept, so many times.
    Command(&'static str, u32),
    /// The same by a server that has just been started, and kept nothing.
    Cold(&'static str),
    /// A flag is set, and taken away.
    Store,
    /// So many new messages.
    Append(usize),
}

impl Work {
    fn run(self, maildir: Maildir, server: &mut Server, root: &Path) -> Result<Vec<f64>> {
        if let Self::Cold(_) = self {
            server.stop();
            forget(&root.join("example.org").join(maildir.name))?;
        }
        let port = server.start(root)?;
        let _beside = match self {
            Self::Select(_) | Self::Append(_) => Some(Confined::to(0)?),
            _ => None,
        };
        let mut client = Client::login(port, maildir.name)?;
        client.command("SELECT INBOX")?;
        if let Self::Command(command, _) = self {
            client.command(command)?;
        }
        match self {
            Self::Select(Rest::None) => touch(&root.join("example.org").join(maildir.name))?,
            Self::Select(Rest::Long) => {
                sleep(REST);
                client.command("SELECT INBOX")?;
            }
            _ => {}
        }
        let before = server.cpu_seconds()?;
        let start = Instant::now();
        match self {
            Self::Select(_) => {
                for _ in 0..self.times() {
                    client.command("SELECT INBOX")?;
                }
            }
            Self::Command(command, _) | Self::Cold(command) => {
                for _ in 0..self.times() {
                    client.command(command)?;
                }
            }
            Self::Store => {
                client.command("STORE 1:* +FLAGS (\\Flagged)")?;
                client.command("STORE 1:* -FLAGS (\\Flagged)")?;
            }
            Self::Append(messages) => {
                // Some have it from the round before.
                _ = client.command("CREATE Appended");
                let text = maildir.text();
                for _ in 0..messages {
                    client.append("Appended", &text)?;
                }
            }
        }
        let times = f64::from(self.times());
        let seconds = start.elapsed().as_secs_f64();
        let cpu = server.cpu_seconds()? - before;
        Ok(vec![seconds * 1e3 / times, cpu * 1e3 / times])
    }

    /// How often it is done, so that it can be measured.
    fn times(self) -> u32 {
        match self {
            Self::Select(Rest::None) => 20,
            Self::Select(Rest::Long) => 2000,
            Self::Command(_, times) => times,
            _ => 1,
        }
    }
}

/// How long ago the folder has changed.
#[derive(Clone, Copy)]
enum Rest {
    /// A moment ago, so that its times do not tell yet whether it has changed again.
    None,
    /// Longer than any server doubts its times.
    Long,
}

/// Has the folder changed now, as far as its times tell.
fn touch(maildir: &Path) -> Result<()> {
    Ok(File::open(maildir.join("cur"))?.set_modified(SystemTime::now())?)
}

const REST: Duration = Duration::from_secs(4);

/// Takes away what servers keep beside messages, but for the list of numbers.
fn forget(maildir: &Path) -> Result<()> {
    for entry in fs::read_dir(maildir)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("dovecot.index") || name.starts_with("mailwire-") {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// A client that does no more than it must, so that it waits for the server and not the server for
/// it: it looks only at how what has come ends.
struct Client {
    stream: TcpStream,
    block: Vec<u8>,
    /// The last of what has come since the last command.
    end: Vec<u8>,
}

impl Client {
    fn login(port: u16, user: &str) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        let mut client = Self {
            stream,
            block: vec![0; 256 << 10],
            end: Vec::new(),
        };
        client.last_line()?;
        client.command(&format!("LOGIN {user} secret"))?;
        Ok(client)
    }

    fn command(&mut self, command: &str) -> Result<()> {
        self.send(format!("t {command}\r\n").as_bytes())?;
        self.answer(command)
    }

    fn append(&mut self, folder: &str, text: &[u8]) -> Result<()> {
        let command = format!("t APPEND {folder} {{{}+}}\r\n", text.len());
        self.send(&[command.as_bytes(), text, b"\r\n"].concat())?;
        self.answer("APPEND")
    }

    fn send(&mut self, octets: &[u8]) -> Result<()> {
        self.end.clear();
        Ok(self.stream.write_all(octets)?)
    }

    /// Reads up to the tagged answer. No line of a message looks like one.
    fn answer(&mut self, command: &str) -> Result<()> {
        loop {
            let line = self.last_line()?;
            if line.starts_with(b"t OK") {
                return Ok(());
            }
            if line.starts_with(b"t ") {
                bail!("{command}: {}", line.escape_ascii());
            }
        }
    }

    /// Reads on until a line is whole with which all ends that has come.
    fn last_line(&mut self) -> Result<&[u8]> {
        loop {
            let count = self.stream.read(&mut self.block)?;
            ensure!(count > 0, "the server has closed the connection");
            self.end
                .extend_from_slice(&self.block[count.saturating_sub(LONGEST_LINE)..count]);
            let excess = self.end.len().saturating_sub(LONGEST_LINE);
            self.end.drain(..excess);
            if let Some(lines) = self.end.strip_suffix(b"\r\n") {
                let start = memchr::memrchr(b'\n', lines).map_or(0, |end| end + 1);
                return Ok(&self.end[start..]);
            }
        }
    }
}

/// Tagged answers are shorter.
const LONGEST_LINE: usize = 4 << 10;
