//! Layer B, servers on loopback: Postfix's smtp-source sends, each server throws away.
//!
//! Everything is pinned, because a request and its reply cost several times more between two
//! CPUs than on one: the server runs on CPU 0; the client with it for a single session, and on
//! CPU 1 for more. The server's CPU time does not depend on the client at all.
//!
//! Our listener runs on a runtime of one thread, as a program does that has one CPU. Beside it stand the
//! same on a runtime with worker threads, which has more to keep account of, and our blocking driver on a
//! thread for each connection: what waits in epoll makes three calls of the system for a command where a
//! blocked thread makes two, and is ahead as soon as there are more connections.

use crate::case::{Better, Case, Contender, Effort, Entry, Metric, OURS, OverRounds};
use crate::processes::{self, pinned};
use crate::sinks;
use anyhow::{Context, Result, bail, ensure};
use std::cell::RefCell;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::thread::{available_parallelism, sleep};
use std::time::{Duration, Instant};

pub(crate) fn cases(effort: Effort) -> Vec<Case> {
    let servers: Vec<_> = [
        (OURS, Program::Own(sinks::MAILWIRE)),
        ("ours, worker threads", Program::Own(sinks::WORKERS)),
        ("ours, blocking", Program::Own(sinks::THREADS)),
        ("mailin-embedded 0.8", Program::Own(sinks::MAILIN)),
        ("smtp-sink", Program::SmtpSink),
    ]
    .map(|(name, program)| {
        (
            name,
            program.missing(),
            Rc::new(RefCell::new(Server::new(program))),
        )
    })
    .into();

    loads(effort)
        .into_iter()
        .map(|load| Case {
            name: load.name(),
            metrics: METRICS,
            over_rounds: OverRounds::Median,
            contenders: servers
                .iter()
                .map(|(name, missing, server)| Contender {
                    name,
                    entry: match missing {
                        Some(why) => Entry::Missing(why),
                        None => {
                            let server = Rc::clone(server);
                            Entry::Runs(Box::new(move || load.run(&mut server.borrow_mut())))
                        }
                    },
                })
                .collect(),
        })
        .collect()
}

const METRICS: &[Metric] = &[
    Metric {
        unit: "messages/s",
        better: Better::Higher,
    },
    Metric {
        unit: "server CPU s/1000",
        better: Better::Lower,
    },
];

/// One way of sending.
#[derive(Clone, Copy, Debug)]
struct Load {
    bytes: usize,
    sessions: usize,
    /// Many messages over one connection, or a connection for each.
    kept: bool,
    messages: usize,
}

fn loads(effort: Effort) -> Vec<Load> {
    let mut loads = Vec::new();
    for kept in [false, true] {
        for (bytes, messages) in [(4 << 10, 20_000), (64 << 10, 5_000)] {
            for sessions in [1, 20] {
                let messages = match effort {
                    Effort::Full => messages,
                    Effort::Smoke => 100,
                };
                loads.push(Load {
                    bytes,
                    sessions,
                    kept,
                    messages,
                });
            }
        }
    }
    loads
}

impl Load {
    fn name(&self) -> String {
        let Self {
            bytes,
            sessions,
            kept,
            ..
        } = self;
        let connections = if *kept {
            "kept connections"
        } else {
            "a connection a message"
        };
        let plural = if *sessions == 1 { "" } else { "s" };
        format!(
            "loopback: {} KiB, {sessions} session{plural}, {connections}",
            bytes >> 10
        )
    }

    fn run(&self, server: &mut Server) -> Result<Vec<f64>> {
        let port = server.start()?;
        let mut command = pinned(
            "smtp-source",
            if self.sessions == 1 { 0 } else { last_cpu() },
        );
        command
            .args(["-s", &self.sessions.to_string()])
            .args(["-m", &self.messages.to_string()])
            .args(["-l", &self.bytes.to_string()])
            .args(["-f", "sender@example.net", "-t", "recipient@example.org"]);
        if self.kept {
            command.arg("-d");
        }
        command.arg(format!("127.0.0.1:{port}"));

        let cpu_before = server.cpu_seconds()?;
        let start = Instant::now();
        let output = command
            .stdin(Stdio::null())
            .output()
            .context("smtp-source")?;
        let seconds = start.elapsed().as_secs_f64();
        let cpu = server.cpu_seconds()? - cpu_before;
        ensure!(
            output.status.success(),
            "smtp-source: {}",
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
        let messages = self.messages as f64;
        Ok(vec![messages / seconds, cpu * 1000.0 / messages])
    }
}

/// What is started as a server.
#[derive(Clone, Copy, Debug)]
enum Program {
    /// This program again, serving under a name.
    Own(&'static str),
    /// The one that comes with Postfix.
    SmtpSink,
}

impl Program {
    fn missing(self) -> Option<&'static str> {
        if which::which("smtp-source").is_err() || which::which("taskset").is_err() {
            return Some("smtp-source (package postfix) or taskset is not installed");
        }
        match self {
            Self::SmtpSink if which::which("smtp-sink").is_err() => Some("not installed"),
            _ => None,
        }
    }

    fn command(self, port: u16) -> Result<Command> {
        Ok(match self {
            Self::Own(name) => {
                let own = std::env::current_exe()?;
                let mut command = pinned(own.to_str().context("a path in UTF-8")?, 0);
                command.args(["--sink", name, &port.to_string()]);
                command
            }
            Self::SmtpSink => {
                let mut command = pinned("smtp-sink", 0);
                // It refuses to run as root, and only root can change to another user.
                if rustix::process::geteuid().is_root() {
                    command.args(["-u", "nobody"]);
                }
                command.args([&format!("127.0.0.1:{port}"), "1000"]);
                command
            }
        })
    }
}

/// A server that is started at its first use and killed when it is dropped.
struct Server {
    program: Program,
    running: Option<(Child, u16)>,
}

impl Server {
    fn new(program: Program) -> Self {
        Self {
            program,
            running: None,
        }
    }

    /// The port on which it accepts connections.
    fn start(&mut self) -> Result<u16> {
        if let Some((_, port)) = self.running {
            return Ok(port);
        }
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let child = self
            .program
            .command(port)?
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("{:?}", self.program))?;
        self.running = Some((child, port));
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if Instant::now() > deadline {
                bail!("{:?} does not listen", self.program);
            }
            sleep(Duration::from_millis(20));
        }
        Ok(port)
    }

    fn cpu_seconds(&self) -> Result<f64> {
        let (child, _) = self.running.as_ref().context("the server is running")?;
        processes::cpu_seconds(child.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some((mut child, _)) = self.running.take() {
            // It may have ended by itself; there is nothing else to do about either.
            _ = child.kill();
            _ = child.wait();
        }
    }
}

fn last_cpu() -> usize {
    available_parallelism()
        .map_or(0, |cpus| cpus.get() - 1)
        .min(1)
}
