//! Layer A, whole sessions: seven lines from greeting to farewell through a state machine,
//! in memory. The peer gets its lines already split; ours gets the bytes and splits them.

use crate::case::{Amount, Better, Case, Effort, Metric, OURS, OverRounds, Work, in_process};
use crate::ours;
use mailin::{Action, Handler, SessionBuilder};
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

pub(crate) fn cases(effort: Effort) -> Vec<Case> {
    let times = match effort {
        Effort::Full => 50_000,
        Effort::Smoke => 500,
    };
    let amount = Amount { times, units: 1 };
    let figures = |seconds: f64, allocations: f64| vec![seconds * 1e9, allocations];
    let case = |name: &str, ours: Option<Work>, mailin: Work| Case {
        name: name.to_owned(),
        metrics: METRICS,
        over_rounds: OverRounds::Best,
        contenders: vec![
            in_process(OURS, ours, amount, figures),
            in_process("mailin 0.6", Some(mailin), amount, figures),
        ],
    };
    vec![
        case(
            "session: fresh, one transaction of 7 lines",
            ours::fresh_session(),
            mailin_fresh(),
        ),
        case(
            "session: kept, one more transaction",
            ours::kept_session(),
            mailin_kept(),
        ),
    ]
}

/// What the client says before its first transaction.
pub(crate) const HELLO: &[u8] = b"EHLO client.example.net\r\n";
/// One transaction, a line for each item.
pub(crate) const TRANSACTION: [&[u8]; 5] = [
    b"MAIL FROM:<sender@example.net>\r\n",
    b"RCPT TO:<recipient@example.org>\r\n",
    b"DATA\r\n",
    b"hello\r\n",
    b".\r\n",
];
/// What the client says at last.
pub(crate) const FAREWELL: &[u8] = b"QUIT\r\n";

const METRICS: &[Metric] = &[
    Metric {
        unit: "ns",
        better: Better::Lower,
    },
    Metric {
        unit: "allocations",
        better: Better::Lower,
    },
];

/// Accepts everything, which is what its defaults do, and counts the messages.
#[derive(Default)]
struct Count {
    messages: usize,
}

impl Handler for &mut Count {
    fn data(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        black_box(bytes);
        Ok(())
    }

    fn data_end(&mut self) -> mailin::Response {
        self.messages += 1;
        mailin::response::OK
    }
}

fn mailin_fresh() -> Work {
    let builder = SessionBuilder::new("mx.example.org");
    let mut output = Vec::with_capacity(4096);
    Box::new(move |times| {
        let mut count = Count::default();
        for _ in 0..times {
            output.clear();
            let mut session = builder.build(PEER, &mut count);
            reply(&session.greeting(), &mut output);
            reply(&session.process(HELLO), &mut output);
            for line in TRANSACTION {
                reply(&session.process(line), &mut output);
            }
            reply(&session.process(FAREWELL), &mut output);
            black_box(&output);
        }
        count.messages
    })
}

fn mailin_kept() -> Work {
    let mut output = Vec::with_capacity(4096);
    Box::new(move |times| {
        let mut count = Count::default();
        let mut session = SessionBuilder::new("mx.example.org").build(PEER, &mut count);
        reply(&session.process(HELLO), &mut output);
        for _ in 0..times {
            output.clear();
            for line in TRANSACTION {
                reply(&session.process(line), &mut output);
            }
            black_box(&output);
        }
        drop(session);
        count.messages
    })
}

fn reply(response: &mailin::Response, output: &mut Vec<u8>) {
    if response.action != Action::NoReply {
        response.write_to(output).expect("a Vec takes every write");
    }
}

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
