//! A server for a test: started, greeting a client, and gone.
//!
//! The peers serve SMTP alone, and maik cannot be stopped; ours opens all its endpoints and closes
//! them.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use mail_sandbox::Endpoint;
use mail_sandbox::blocking::Sandbox;

use crate::case::{Better, Case, Contender, Effort, Entry, Metric, OURS, OverRounds};

pub(crate) fn cases(effort: Effort) -> Vec<Case> {
    let count = match effort {
        Effort::Full => 100,
        Effort::Smoke => 5,
    };
    let runs = |run: fn(usize) -> Result<f64>| {
        Entry::Runs(Box::new(move || Ok(vec![run(count)? / count as f64 * 1e3])))
    };
    let python = match aiosmtpd_is_there() {
        true => Contender {
            name: AIOSMTPD,
            entry: runs(aiosmtpd),
        },
        false => Contender::missing(AIOSMTPD, "python3-aiosmtpd is not installed"),
    };
    vec![Case {
        name: "a server for a test: start, greeting, stop".into(),
        metrics: &[Metric {
            unit: "ms",
            better: Better::Lower,
        }],
        over_rounds: OverRounds::Median,
        contenders: vec![
            Contender {
                name: OURS,
                entry: runs(ours),
            },
            Contender {
                name: "maik 0.2",
                entry: runs(maik),
            },
            python,
        ],
    }]
}

/// Starts so many of maik's servers and prints the seconds on standard error, as maik talks on
/// standard output. The process has to end for its servers to be gone.
pub(crate) fn start_maik(count: usize) -> Result<()> {
    let start = Instant::now();
    // It does not take it well when a client just goes away.
    let mut clients = Vec::with_capacity(count);
    for _ in 0..count {
        let server = maik::MockServer::builder().build();
        server.start();
        let address = SocketAddr::new(server.host(), server.port());
        clients.push(greeted(address)?);
    }
    eprintln!("{}", start.elapsed().as_secs_f64());
    Ok(())
}

const AIOSMTPD: &str = "aiosmtpd";

/// The seconds that so many of our servers take.
fn ours(count: usize) -> Result<f64> {
    let start = Instant::now();
    for _ in 0..count {
        let sandbox = Sandbox::start()?;
        greeted(sandbox.address(Endpoint::Smtp))?;
    }
    Ok(start.elapsed().as_secs_f64())
}

fn maik(count: usize) -> Result<f64> {
    let output = Command::new(std::env::current_exe()?)
        .args(["--start-maik", &count.to_string()])
        .stdout(Stdio::null())
        .output()?;
    seconds("maik", &output.stderr)
}

fn aiosmtpd(count: usize) -> Result<f64> {
    let output = Command::new(PYTHON)
        .args(["-c", SCRIPT, &count.to_string()])
        .output()?;
    seconds(AIOSMTPD, &output.stdout)
}

fn aiosmtpd_is_there() -> bool {
    let imported = Command::new(PYTHON)
        .args(["-c", "import aiosmtpd"])
        .stderr(Stdio::null())
        .status();
    imported.is_ok_and(|status| status.success())
}

fn seconds(name: &str, said: &[u8]) -> Result<f64> {
    let said = String::from_utf8_lossy(said);
    // The first line: maik has more to say when its clients go.
    let parsed = said.lines().next().unwrap_or_default().parse();
    parsed.with_context(|| format!("{name} said {said:?}"))
}

/// A client that has been greeted.
fn greeted(address: SocketAddr) -> Result<BufReader<TcpStream>> {
    let mut client = BufReader::new(TcpStream::connect(address)?);
    let mut greeting = String::new();
    client.read_line(&mut greeting)?;
    ensure!(greeting.starts_with("220 "), "greeted with {greeting:?}");
    Ok(client)
}

/// The system's own, which has the package.
const PYTHON: &str = "/usr/bin/python3";

/// Its `start` greets a client of its own already. It cannot choose a port by itself.
const SCRIPT: &str = "
import socket, sys, time
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink

start = time.perf_counter()
for _ in range(int(sys.argv[1])):
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    controller = Controller(Sink(), hostname='127.0.0.1', port=port)
    controller.start()
    controller.stop()
print(time.perf_counter() - start)
";
