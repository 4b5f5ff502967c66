//! Clients, which fetch the same messages from our server.

use std::cell::RefCell;
use std::path::PathBuf;
use std::process::Command;
use std::rc::Rc;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use mail_server::Security;
use procfs::process::Process;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use crate::case::{Better, Case, Contender, Entry, Metric, OURS, OverRounds};
use crate::lazy::Lazy;
use crate::processes::{build_apart, own_cpu_seconds};
use crate::served::maildirs::{Maildir, Place};
use crate::served::server::{Program, Protocol, Server};

pub(super) fn case(maildir: Maildir, place: &Rc<RefCell<Place>>) -> Case {
    let server = Rc::new(RefCell::new(Server::new(Program::Ours, Protocol::Pop3)));
    let pop3 = Lazy::new(|| build_apart("pop3-1", "mailwire-bench-pop3"));
    let contenders = [
        (OURS, Client::Ours { ahead: true }),
        ("mailwire, one by one", Client::Ours { ahead: false }),
        ("async-pop 1.1", Client::AsyncPop),
        ("pop3 1.0", Client::Pop3(pop3)),
    ];
    Case {
        name: "pop3: fetching 4 KiB messages".to_owned(),
        metrics: METRICS,
        over_rounds: OverRounds::Median,
        contenders: contenders
            .map(|(name, client)| Contender {
                name,
                entry: match Program::Ours.missing() {
                    Some(why) => Entry::Missing(why),
                    None => {
                        let (place, server) = (Rc::clone(place), Rc::clone(&server));
                        Entry::Runs(Box::new(move || {
                            let root = place.borrow_mut().with(maildir)?;
                            let port = server.borrow_mut().start(&root)?;
                            client.run(maildir, port)
                        }))
                    }
                },
            })
            .into(),
    }
}

const METRICS: &[Metric] = &[
    Metric {
        unit: "us/message",
        better: Better::Lower,
    },
    Metric {
        unit: "client CPU us/message",
        better: Better::Lower,
    },
];

enum Client {
    Ours {
        /// Asks for the next messages before it has the last one.
        ahead: bool,
    },
    AsyncPop,
    /// A program of its own.
    Pop3(Lazy<PathBuf>),
}

impl Client {
    fn run(&self, maildir: Maildir, port: u16) -> Result<Vec<f64>> {
        let runtime = Runtime::new()?;
        if let Self::Pop3(program) = self {
            // Which builds it.
            program.value()?;
        }
        let before = cpu_seconds()?;
        let start = Instant::now();
        let octets = match self {
            Self::Ours { ahead } => runtime.block_on(ours(maildir, port, *ahead))?,
            Self::AsyncPop => runtime.block_on(async_pop(maildir, port))?,
            Self::Pop3(program) => pop3(maildir, port, program)?,
        };
        let (seconds, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds()? - before);
        let messages = maildir.messages as f64;
        // Some keep the line with the dot.
        let wanted = maildir.messages * maildir.octets;
        ensure!(octets >= wanted, "{octets} octets fetched of {wanted}");
        Ok(vec![seconds * 1e6 / messages, cpu * 1e6 / messages])
    }
}

/// Of this process, and of those that it has waited for.
fn cpu_seconds() -> Result<f64> {
    let waited_for = Process::myself()?.stat()?;
    let ticks = u64::try_from(waited_for.cutime + waited_for.cstime)?;
    Ok(own_cpu_seconds()? + ticks as f64 / procfs::ticks_per_second() as f64)
}

async fn ours(maildir: Maildir, port: u16, ahead: bool) -> Result<usize> {
    use mail_server::pop3::Client;
    let mut client = Client::connect("127.0.0.1", port, Security::None).await?;
    client.login(maildir.name, "secret").await?;
    let numbers: Vec<u32> = (1..).take(maildir.messages).collect();
    let mut octets = 0;
    for group in numbers.chunks(if ahead { numbers.len() } else { 1 }) {
        let mut messages = client.retrieve(group.iter().copied());
        while let Some(mut message) = messages.next().await? {
            while let Some(piece) = message.next().await? {
                octets += piece.len();
            }
        }
    }
    client.quit().await?;
    Ok(octets)
}

/// It would wait for acknowledgements between two halves of a command, so its stream is told not to.
async fn async_pop(maildir: Maildir, port: u16) -> Result<usize> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let mut client = async_pop::new(stream).await?;
    client.login(maildir.name, "secret").await?;
    let mut octets = 0;
    for number in 1..=maildir.messages {
        octets += client.retr(number).await?.len();
    }
    client.quit().await?;
    Ok(octets)
}

fn pop3(maildir: Maildir, port: u16, program: &Lazy<PathBuf>) -> Result<usize> {
    let output = Command::new(program.value()?)
        .args([
            maildir.name,
            &port.to_string(),
            &maildir.messages.to_string(),
        ])
        .output()?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr));
    }
    let octets = String::from_utf8(output.stdout)?;
    octets.trim().parse().context("a number of octets")
}
