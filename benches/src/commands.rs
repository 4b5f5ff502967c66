//! Layer A, command lines: eight of them, as one stream of bytes, into parsed commands.

use crate::case::{Amount, Better, Case, Effort, Metric, OURS, OverRounds, Work, in_process};
use crate::ours;
use stalwart_smtp_proto::Request;
use std::hint::black_box;

pub(crate) fn cases(effort: Effort) -> Vec<Case> {
    let times = match effort {
        Effort::Full => 50_000,
        Effort::Smoke => 500,
    };
    let amount = Amount {
        times,
        units: MIX_COMMANDS,
    };
    let figures = |seconds: f64, allocations: f64| vec![seconds * 1e9, allocations];
    vec![Case {
        name: "commands: mix of 8".to_owned(),
        metrics: METRICS,
        over_rounds: OverRounds::Best,
        contenders: vec![
            in_process(OURS, ours::parse_commands(), amount, figures),
            in_process(
                "smtp-proto 0.2, borrowed",
                Some(smtp_proto_borrowed()),
                amount,
                figures,
            ),
            in_process(
                "smtp-proto 0.2, owned",
                Some(smtp_proto_owned()),
                amount,
                figures,
            ),
        ],
    }]
}

/// The command lines, one behind the other.
pub(crate) const MIX: &[u8] = b"EHLO client.example.net\r\n\
    MAIL FROM:<sender@example.net> SIZE=10240 BODY=8BITMIME\r\n\
    RCPT TO:<first.recipient@example.org>\r\n\
    RCPT TO:<second@example.org> NOTIFY=SUCCESS,FAILURE\r\n\
    DATA\r\n\
    RSET\r\n\
    NOOP\r\n\
    QUIT\r\n";
/// How many they are.
pub(crate) const MIX_COMMANDS: usize = 8;

const METRICS: &[Metric] = &[
    Metric {
        unit: "ns/command",
        better: Better::Lower,
    },
    Metric {
        unit: "allocations/command",
        better: Better::Lower,
    },
];

/// Commands that borrow from the received bytes.
fn smtp_proto_borrowed() -> Work {
    Box::new(|times| {
        let mut parsed = 0;
        for _ in 0..times {
            let mut bytes = black_box(MIX).iter();
            while let Ok(request) = Request::parse(&mut bytes) {
                black_box(request);
                parsed += 1;
            }
        }
        parsed
    })
}

/// Commands that an application can keep, as ours are.
fn smtp_proto_owned() -> Work {
    Box::new(|times| {
        let mut parsed = 0;
        for _ in 0..times {
            let mut bytes = black_box(MIX).iter();
            while let Ok(request) = Request::parse(&mut bytes) {
                black_box(request.into_owned());
                parsed += 1;
            }
        }
        parsed
    })
}
