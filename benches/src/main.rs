//! mailwire and its peers, side by side in one run.
//!
//! `cargo run --release -p mailwire-benches [FILTER]` prints one table; `--json` prints one
//! object a line. A layer is a function that returns cases; a new comparison is one more case.

mod case;
mod report;

mod body;
mod commands;
mod imap;
mod imap_server;
mod loopback;
mod maildir;
mod mbox;
mod pop3;
mod replies;
mod sending;
mod served;
mod session;
mod starting;

mod lazy;
mod processes;

mod ours;
mod sinks;

use anyhow::Result;
use case::{Case, Effort};
use clap::Parser;

fn main() -> Result<()> {
    let options = Options::parse();
    if let Some(sink) = options.sink {
        return sinks::serve(&sink[0], sink[1].parse()?);
    }
    if let Some(count) = options.start_maik {
        return starting::start_maik(count);
    }
    let effort = if options.smoke {
        Effort::Smoke
    } else {
        Effort::Full
    };
    let filter = options.filter.unwrap_or_default();
    let cases = layers(effort)
        .into_iter()
        .filter(|case| case.name.contains(&filter));

    let mut report = report::Report::new(options.json);
    for case in cases {
        report.add(case.run(effort)?);
    }
    report.finish()
}

/// Every comparison.
fn layers(effort: Effort) -> Vec<Case> {
    [
        session::cases(effort),
        commands::cases(effort),
        replies::cases(effort),
        body::cases(effort),
        sending::cases(effort),
        loopback::cases(effort),
        pop3::cases(effort),
        imap_server::cases(effort),
        imap::cases(effort),
        mbox::cases(effort),
        maildir::cases(effort),
        starting::cases(effort),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Compares mailwire with its peers on the same work.
#[derive(Debug, Parser)]
struct Options {
    /// Run the comparisons whose name contains this.
    filter: Option<String>,
    /// Print one JSON object for each figure instead of a table.
    #[arg(long)]
    json: bool,
    /// A few seconds in all: shows that every comparison runs, the figures mean little.
    #[arg(long)]
    smoke: bool,
    /// Serve as one of the compared servers; the loopback layer starts itself with this.
    #[arg(long, hide = true, num_args = 2, value_names = ["SERVER", "PORT"])]
    sink: Option<Vec<String>>,
    /// Start so many servers of maik; the layer of servers for tests starts itself with this.
    #[arg(long, hide = true, value_name = "COUNT")]
    start_maik: Option<usize>,
}
