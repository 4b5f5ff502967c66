//! Layer B, POP3: mail is fetched from our server and from Dovecot, out of the same Maildirs, and
//! by our client and its peers, from our server.
//!
//! Servers run on CPU 0 and their client on the last one. Their CPU time is that of all their
//! processes, and does not depend on the client.

mod client;
mod fetching;

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::time::Instant;

use anyhow::Result;

use self::client::Client;
use crate::case::{Better, Case, Contender, Effort, Entry, Metric, OURS, OverRounds};
use crate::served::maildirs::{Maildir, Place};
use crate::served::server::{Program, Protocol, Server};

pub(crate) fn cases(effort: Effort) -> Vec<Case> {
    let scale = |full: usize, smoke: usize| match effort {
        Effort::Full => full,
        Effort::Smoke => smoke,
    };
    let small = Maildir {
        name: "small",
        messages: scale(10_000, 100),
        octets: 4 << 10,
    };
    let large = Maildir {
        name: "large",
        messages: scale(20, 2),
        octets: scale(25 << 20, 1 << 20),
    };
    let many = Maildir {
        name: "many",
        messages: scale(100_000, 1000),
        octets: 200,
    };
    let place = Rc::new(RefCell::new(Place::default()));
    let servers = [(OURS, Program::Ours), ("Dovecot", Program::Dovecot)].map(|(name, program)| {
        let server = Rc::new(RefCell::new(Server::new(program, Protocol::Pop3)));
        (name, program.missing(), server)
    });
    let work = [
        (
            "RETR of 4 KiB, one by one",
            small,
            Work::Retrieve { ahead: 1 },
        ),
        (
            "RETR of 4 KiB, 50 in flight",
            small,
            Work::Retrieve { ahead: 50 },
        ),
        ("RETR of 25 MiB", large, Work::Retrieve { ahead: 1 }),
        ("login and STAT, 100,000 messages", many, Work::Login),
    ];
    let mut cases: Vec<_> = work
        .map(|(name, maildir, work)| Case {
            name: format!("pop3: {name}"),
            metrics: METRICS,
            over_rounds: OverRounds::Median,
            contenders: servers
                .iter()
                .map(|(name, missing, server)| Contender {
                    name,
                    entry: match missing {
                        Some(why) => Entry::Missing(why),
                        None => {
                            let (place, server) = (Rc::clone(&place), Rc::clone(server));
                            Entry::Runs(Box::new(move || {
                                let root = place.borrow_mut().with(maildir)?;
                                work.run(maildir, &mut server.borrow_mut(), &root)
                            }))
                        }
                    },
                })
                .collect(),
        })
        .into();
    let few = Maildir {
        name: "few",
        messages: scale(2_000, 20),
        octets: 4 << 10,
    };
    cases.push(fetching::case(few, &place));
    cases
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

#[derive(Clone, Copy, Debug)]
enum Work {
    /// All messages, with so many unanswered at a time.
    Retrieve { ahead: usize },
    /// A login, up to the answer to STAT.
    Login,
}

impl Work {
    fn run(self, maildir: Maildir, server: &mut Server, root: &Path) -> Result<Vec<f64>> {
        let port = server.start(root)?;
        let before = server.cpu_seconds()?;
        let (start, done);
        match self {
            Self::Login => {
                start = Instant::now();
                let client = Client::login(port, maildir)?;
                done = 1;
                drop(client);
            }
            Self::Retrieve { ahead } => {
                let mut client = Client::login(port, maildir)?;
                start = Instant::now();
                client.retrieve(maildir.messages, ahead)?;
                done = maildir.messages;
            }
        }
        let seconds = start.elapsed().as_secs_f64();
        let cpu = server.cpu_seconds()? - before;
        Ok(vec![done as f64 / seconds, cpu * 1000.0 / done as f64])
    }
}
