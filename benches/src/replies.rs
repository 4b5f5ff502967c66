//! Layer A, replies: what a server says in a session, as one stream of bytes, into parsed replies.

use crate::case::{Amount, Better, Case, Effort, Metric, OURS, OverRounds, Work, in_process};
use crate::ours;
use stalwart_smtp_proto::response::parser::ResponseReceiver;
use std::hint::black_box;

pub(crate) fn cases(effort: Effort) -> Vec<Case> {
    let times = match effort {
        Effort::Full => 50_000,
        Effort::Smoke => 500,
    };
    let figures = |seconds: f64, allocations: f64| vec![seconds * 1e9, allocations];
    let case = |name: &str, stream: &'static [u8], replies: usize| {
        let amount = Amount {
            times,
            units: replies,
        };
        Case {
            name: name.to_owned(),
            metrics: METRICS,
            over_rounds: OverRounds::Best,
            contenders: vec![
                in_process(OURS, ours::read_replies(stream), amount, figures),
                in_process("smtp-proto 0.2", Some(smtp_proto(stream)), amount, figures),
            ],
        }
    };
    vec![
        case("replies: six of one line", SESSION, 6),
        case("replies: one of 20 lines", HELLO, 1),
    ]
}

const SESSION: &[u8] = b"220 mx.example.org ESMTP ready\r\n\
    250 2.1.0 Ok\r\n\
    250 2.1.5 Ok\r\n\
    354 End data with <CR><LF>.<CR><LF>\r\n\
    250 2.0.0 Ok: queued as 4a3f1c\r\n\
    221 2.0.0 Bye\r\n";

const HELLO: &[u8] = b"250-mx.example.org\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n250-VRFY\r\n\
    250-ETRN\r\n250-STARTTLS\r\n250-AUTH PLAIN LOGIN\r\n250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n\
    250-DSN\r\n250-SMTPUTF8\r\n250-CHUNKING\r\n250-BINARYMIME\r\n250-DELIVERBY\r\n\
    250-FUTURERELEASE 3600 2030-01-01T00:00:00Z\r\n250-MT-PRIORITY\r\n250-REQUIRETLS\r\n250-RRVS\r\n\
    250-LIMITS RCPTMAX=1000\r\n250 HELP\r\n";

const METRICS: &[Metric] = &[
    Metric {
        unit: "ns/reply",
        better: Better::Lower,
    },
    Metric {
        unit: "allocations/reply",
        better: Better::Lower,
    },
];

fn smtp_proto(stream: &'static [u8]) -> Work {
    Box::new(move |times| {
        let mut parsed = 0;
        for _ in 0..times {
            let mut bytes = black_box(stream).iter();
            // One receiver for a connection, as its own client has it.
            let mut receiver = ResponseReceiver::default();
            while let Ok(response) = receiver.parse(&mut bytes) {
                black_box(response);
                receiver.reset();
                parsed += 1;
            }
        }
        parsed
    })
}
