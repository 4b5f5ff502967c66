//! Layer A, message bodies: dots are taken away while the body arrives in chunks.

use crate::case::{Amount, Better, Case, Effort, Metric, OURS, OverRounds, Work, in_process};
use crate::ours;
use mailwire::dot::Strays;
use stalwart_smtp_proto::request::receiver::DataReceiver;
use std::hint::black_box;
use std::rc::Rc;

pub(crate) fn cases(effort: Effort) -> Vec<Case> {
    let large = match effort {
        Effort::Full => 32 << 20,
        Effort::Smoke => 1 << 20,
    };
    let small = large / 32;
    let bodies = [
        ("no dots, 64 KiB chunks", Body::new(large, 0, CHUNK)),
        (
            "1 % dotted lines, 64 KiB chunks",
            Body::new(large, 100, CHUNK),
        ),
        (
            "every line dotted, 64 KiB chunks",
            Body::new(large, 1, CHUNK),
        ),
        ("1 % dotted lines, 1-byte chunks", Body::new(small, 100, 1)),
    ];
    // The peer only takes dots away; so do we with `Allow`. Our default also refuses a bare CR
    // or LF and NUL, for which it has to look at every byte.
    let policies = [("dots", Strays::Allow), ("dots and strays", Strays::Reject)];
    let cases = bodies.iter().flat_map(|(name, body)| {
        policies.map(|(what, strays)| case(&format!("body, {what}: {name}"), body, strays))
    });
    cases.collect()
}

/// A body as it is on the wire, with its end.
pub(crate) struct Body {
    pub(crate) wire: Vec<u8>,
    /// How much of it is received at once.
    pub(crate) chunk: usize,
    /// How many bytes the message has: without stuffed dots and without the end.
    content: usize,
}

impl Body {
    /// `size` bytes in lines of 78; one in `dotted` lines starts with a dot, none if it is 0.
    fn new(size: usize, dotted: usize, chunk: usize) -> Rc<Self> {
        let mut wire = Vec::with_capacity(size + LINE);
        let mut stuffed = 0;
        // One line short, so that the end of the message is not cut by the end of a chunk.
        for number in 0..size / LINE - 1 {
            let is_dotted = dotted != 0 && number % dotted == 0;
            stuffed += usize::from(is_dotted);
            wire.extend_from_slice(if is_dotted { b".." } else { b"xx" });
            wire.extend_from_slice(&[b'x'; LINE - 4]);
            wire.extend_from_slice(b"\r\n");
        }
        let content = wire.len() - stuffed;
        wire.extend_from_slice(b".\r\n");
        Rc::new(Self {
            wire,
            chunk,
            content,
        })
    }
}

const LINE: usize = 78;
const CHUNK: usize = 64 << 10;
const METRICS: &[Metric] = &[
    Metric {
        unit: "GiB/s",
        better: Better::Higher,
    },
    Metric {
        unit: "allocations/chunk",
        better: Better::Lower,
    },
];

fn case(name: &str, body: &Rc<Body>, strays: Strays) -> Case {
    let amount = Amount {
        times: 1,
        units: body.content,
    };
    // A unit is a byte of content.
    let gib = (1_u64 << 30) as f64;
    let bytes_a_chunk = body.content as f64 / body.wire.len().div_ceil(body.chunk) as f64;
    let figures = move |seconds: f64, allocations: f64| {
        vec![1.0 / seconds / gib, allocations * bytes_a_chunk]
    };
    let contender = |name, work| in_process(name, work, amount, figures);
    Case {
        name: name.to_owned(),
        metrics: METRICS,
        over_rounds: OverRounds::Best,
        contenders: vec![
            contender(OURS, ours::receive_body(body, strays)),
            contender("smtp-proto 0.2", Some(smtp_proto(body))),
        ],
    }
}

/// Its receiver copies into a buffer of the caller, who empties it when it is full. Both sides
/// get a chunk as a read would leave it: copied into the buffer that they receive with.
fn smtp_proto(body: &Rc<Body>) -> Work {
    let body = Rc::clone(body);
    let mut buffer = Vec::with_capacity(2 * CHUNK);
    let mut received = Vec::with_capacity(CHUNK);
    Box::new(move |times| {
        let mut content = 0;
        for _ in 0..times {
            let mut receiver = DataReceiver::new();
            // "At the start of a line" is what its state has to hold after DATA.
            let mut ended = receiver.ingest(&mut b"\r\n".iter(), &mut buffer);
            buffer.clear();
            for chunk in body.wire.chunks(body.chunk) {
                received.clear();
                received.extend_from_slice(black_box(chunk));
                ended = receiver.ingest(&mut received.iter(), &mut buffer);
                black_box(&buffer);
                if buffer.len() >= CHUNK {
                    content += buffer.len();
                    buffer.clear();
                }
            }
            content += buffer.len();
            buffer.clear();
            assert!(ended, "the body has its end");
        }
        content
    })
}
