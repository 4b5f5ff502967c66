//! Layer A, IMAP: lines into typed commands and responses, streams of them in pieces, and back into octets.
//!
//! Everybody yields values that own what they hold: imap-codec by `decode_static`, imap-proto by `into_owned`.

use std::fmt::Write;
use std::hint::black_box;

use bytes::{Buf, Bytes};
use imap_codec::decode::Decoder;
use imap_codec::encode::Encoder as _;
use imap_codec::fragmentizer::Fragmentizer;
use imap_codec::{CommandCodec, ResponseCodec};
use imap_proto::encode::{Encoder, Encoding};
use imap_proto::frame::{Found, Framer};
use imap_proto::response::Response;
use imap_proto::{Frame, Reader};
use mailwire::{Input, Output};

use crate::case::{
    Amount, Better, Case, Contender, Effort, Metric, OURS, OverRounds, Work, in_process,
};

pub(crate) fn cases(effort: Effort) -> Vec<Case> {
    let many = match effort {
        Effort::Full => 20_000,
        Effort::Smoke => 100,
    };
    let few = many / 1000 + 1;
    let fetched = format!(
        "* 1 FETCH (BODY[] {{{MESSAGE}}}\r\n{})\r\n",
        "x".repeat(MESSAGE)
    );
    vec![
        response("imap: LIST", LIST, many),
        response("imap: FETCH of UID and FLAGS", FLAGS, many),
        response("imap: FETCH of ENVELOPE", ENVELOPE, many),
        response("imap: FETCH of BODYSTRUCTURE", BODYSTRUCTURE, many),
        response("imap: SEARCH with 50000 numbers", &numbers(), few),
        response("imap: FETCH of 1 MiB", &fetched, few),
        command("imap: command UID FETCH", UID_FETCH, many),
        command("imap: command SEARCH", SEARCH, many),
        flags_stream(few),
        literal_stream(few * 4),
        encoding("imap: write FETCH of UID and FLAGS", FLAGS, many),
        encoding("imap: write FETCH of ENVELOPE", ENVELOPE, many),
        encoding("imap: write FETCH of BODYSTRUCTURE", BODYSTRUCTURE, many),
    ]
}

const LIST: &str = "* LIST (\\HasNoChildren \\Drafts) \"/\" \"Other/Drafts/All\"\r\n";

const FLAGS: &str = "* 1234 FETCH (UID 56789 FLAGS (\\Seen \\Answered $Forwarded))\r\n";

const ENVELOPE: &str = "* 12 FETCH (ENVELOPE (\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" \
    \"IMAP4rev1 WG mtg summary and minutes\" ((\"Alice Adams\" NIL \"alice\" \"mail.example.org\")) \
    ((\"Alice Adams\" NIL \"alice\" \"mail.example.org\")) \
    ((\"Alice Adams\" NIL \"alice\" \"mail.example.org\")) \
    ((NIL NIL \"imap\" \"mail.example.org\")) \
    ((NIL NIL \"minutes\" \"lists.example.net\")(\"Bob Brown\" NIL \"BOB\" \"EXAMPLE.NET\")) NIL NIL \
    \"<B27397-0100000@mail.example.org>\") UID 1234567 RFC822.SIZE 44827)\r\n";

const BODYSTRUCTURE: &str = "* 12 FETCH (BODYSTRUCTURE (((\"TEXT\" \"PLAIN\" \
    (\"CHARSET\" \"UTF-8\") NIL NIL \"QUOTED-PRINTABLE\" 2210 76 NIL NIL NIL NIL)(\"TEXT\" \"HTML\" \
    (\"CHARSET\" \"UTF-8\") NIL NIL \"QUOTED-PRINTABLE\" 3732 99 NIL NIL NIL NIL) \"ALTERNATIVE\" \
    (\"BOUNDARY\" \"d3438gr7awrv27mxoi7o\") NIL NIL NIL)(\"IMAGE\" \"PNG\" (\"NAME\" \"4356415.png\") \
    \"<0__=rhksjt>\" NIL \"BASE64\" 4554 NIL (\"ATTACHMENT\" (\"FILENAME\" \"4356415.png\")) NIL NIL)\
    (\"APPLICATION\" \"PDF\" (\"NAME\" \"report.pdf\") NIL NIL \"BASE64\" 85000 NIL (\"ATTACHMENT\" \
    (\"FILENAME\" \"report.pdf\")) NIL NIL) \"MIXED\" (\"BOUNDARY\" \"x\") NIL NIL NIL))\r\n";

const UID_FETCH: &str = "A142 UID FETCH 1:100,205,310:* (UID FLAGS INTERNALDATE RFC822.SIZE \
    BODY.PEEK[HEADER.FIELDS (DATE FROM TO SUBJECT)])\r\n";

const SEARCH: &str = "A143 UID SEARCH CHARSET UTF-8 OR FROM \"alice\" SUBJECT \"minutes of it\" \
    SINCE 1-Feb-1994 NOT DELETED UNSEEN LARGER 1000 HEADER X-Mailer \"some program\"\r\n";

const MESSAGE: usize = 1 << 20;
const PIECE: usize = 16 * 1024;
const LINES: usize = 2000;

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

const SPEED: &[Metric] = &[Metric {
    unit: "MB/s",
    better: Better::Higher,
}];

fn numbers() -> String {
    let mut line = "* SEARCH".to_owned();
    for number in 0..50_000 {
        write!(line, " {}", number * 7 + 100_000).expect("memory takes it");
    }
    line + "\r\n"
}

fn per_line(name: &str, times: usize, contenders: Vec<(&'static str, Work)>) -> Case {
    let amount = Amount { times, units: 1 };
    let figures = |seconds: f64, allocations: f64| vec![seconds * 1e9, allocations];
    Case {
        name: name.to_owned(),
        metrics: METRICS,
        over_rounds: OverRounds::Best,
        contenders: contenders
            .into_iter()
            .map(|(name, work)| in_process(name, Some(work), amount, figures))
            .collect(),
    }
}

fn response(name: &str, line: &str, times: usize) -> Case {
    let line = Bytes::copy_from_slice(line.as_bytes());
    let (ours, codec, peer) = (line.clone(), line.clone(), line);
    let contenders: Vec<(&'static str, Work)> = vec![
        (OURS, repeat(move || read(&ours).is_ok())),
        (
            CODEC,
            repeat(move || {
                ResponseCodec::default()
                    .decode_static(black_box(&codec))
                    .is_ok()
            }),
        ),
        (
            PROTO,
            repeat(move || {
                let parsed = peer_imap_proto::Response::parse(black_box(&peer));
                parsed
                    .map(|(_, response)| black_box(response.into_owned()))
                    .is_ok()
            }),
        ),
    ];
    per_line(name, times, contenders)
}

fn command(name: &str, line: &'static str, times: usize) -> Case {
    let ours = Bytes::from_static(line.as_bytes());
    per_line(
        name,
        times,
        vec![
            (
                OURS,
                repeat(move || {
                    let frame = Frame::from(black_box(&ours).clone());
                    black_box(Reader::strict().command(&frame)).is_ok()
                }),
            ),
            (
                CODEC,
                repeat(move || {
                    let decoded = CommandCodec::default().decode_static(black_box(line.as_bytes()));
                    black_box(decoded).is_ok()
                }),
            ),
        ],
    )
}

/// Written from a value that was read once.
fn encoding(name: &str, line: &'static str, times: usize) -> Case {
    let ours = read(&Bytes::from_static(line.as_bytes())).expect("a response");
    let (_, theirs) = ResponseCodec::default()
        .decode_static(line.as_bytes())
        .expect("a response");
    let mut encoder = Encoder::new(Encoding::responses());
    let mut output = Output::new(1 << 20);
    per_line(
        name,
        times,
        vec![
            (
                OURS,
                repeat(move || {
                    encoder.response(black_box(&ours));
                    let _done = encoder.transfer(&mut output);
                    let written = output.remaining();
                    black_box(output.chunk());
                    output.advance(written);
                    written > 0
                }),
            ),
            (
                CODEC,
                repeat(move || {
                    let written = ResponseCodec::default().encode(black_box(&theirs)).dump();
                    !black_box(written).is_empty()
                }),
            ),
        ],
    )
}

/// Does something that has to succeed, as often as is asked for.
fn repeat(mut once: impl FnMut() -> bool + 'static) -> Work {
    Box::new(move |times| (0..times).filter(|_| once()).count())
}

fn read(line: &Bytes) -> Result<Response, imap_proto::SyntaxError> {
    let frame = Frame::from(black_box(line).clone());
    black_box(Reader::lenient().response(&frame))
}

fn speed(
    octets: usize,
    times: usize,
    units: usize,
    name: &str,
    works: Vec<(&'static str, Work)>,
) -> Case {
    let amount = Amount { times, units };
    let figures = move |seconds: f64, _| vec![octets as f64 / units as f64 / seconds / 1e6];
    Case {
        name: name.to_owned(),
        metrics: SPEED,
        over_rounds: OverRounds::Best,
        contenders: works
            .into_iter()
            .map(|(name, work)| in_process(name, Some(work), amount, figures))
            .collect(),
    }
}

/// Many small responses, in pieces as they come from a socket, each read as soon as it is whole.
fn flags_stream(times: usize) -> Case {
    let mut stream = String::new();
    for number in 1..=LINES {
        write!(
            stream,
            "* {number} FETCH (UID {} FLAGS (\\Seen))\r\n",
            number + 70_000
        )
        .expect("memory takes it");
    }
    let stream = Bytes::from(stream);
    let octets = stream.len();
    let (ours, codec, proto) = (stream.clone(), stream.clone(), stream);
    let works: Vec<(&'static str, Work)> = vec![
        (
            OURS,
            Box::new(move |times| {
                let mut count = 0;
                for _ in 0..times {
                    let mut framer = Framer::responses();
                    let mut reader = Reader::lenient();
                    let mut input = Input::new(framer.input_limit());
                    for piece in ours.chunks(PIECE) {
                        receive(&mut input, piece);
                        while let Ok(Found::Frame(frame)) = framer.next(&mut input) {
                            count += usize::from(black_box(reader.response(&frame)).is_ok());
                        }
                    }
                }
                count
            }),
        ),
        (
            CODEC,
            Box::new(move |times| {
                let mut count = 0;
                for _ in 0..times {
                    let mut fragmentizer = Fragmentizer::new(1 << 20);
                    for piece in codec.chunks(PIECE) {
                        fragmentizer.enqueue_bytes(piece);
                        while fragmentizer.progress().is_some() {
                            if !fragmentizer.is_message_complete() {
                                continue;
                            }
                            let decoded = ResponseCodec::default()
                                .decode_static(fragmentizer.message_bytes());
                            count += usize::from(black_box(decoded).is_ok());
                        }
                    }
                }
                count
            }),
        ),
        (
            PROTO,
            Box::new(move |times| {
                let mut count = 0;
                for _ in 0..times {
                    let mut buffer: Vec<u8> = Vec::new();
                    for piece in proto.chunks(PIECE) {
                        buffer.extend_from_slice(piece);
                        let mut rest = &buffer[..];
                        while let Ok((behind, response)) = peer_imap_proto::Response::parse(rest) {
                            black_box(response.into_owned());
                            rest = behind;
                            count += 1;
                        }
                        let left = rest.len();
                        buffer.drain(..buffer.len() - left);
                    }
                }
                count
            }),
        ),
    ];
    speed(
        octets,
        times,
        LINES,
        "imap: 2000 FETCHes of FLAGS in 16 KiB pieces",
        works,
    )
}

/// As a driver does it: room is offered, and filled.
fn receive(input: &mut Input, octets: &[u8]) {
    input.space();
    assert_eq!(input.extend(octets), octets.len(), "there is room");
}

/// A large literal goes through, and is handed out in pieces where that can be had.
fn literal_stream(times: usize) -> Case {
    let literal = Bytes::from(vec![b'x'; MESSAGE]);
    let head = format!("* 1 FETCH (BODY[] {{{MESSAGE}}}\r\n");
    let (ours, codec) = (literal.clone(), literal);
    let their_head = head.clone();
    let works: Vec<(&'static str, Work)> = vec![
        (
            OURS,
            Box::new(move |times| {
                let mut passed = 0;
                let mut framer = Framer::responses();
                let mut input = Input::new(framer.input_limit());
                for _ in 0..times {
                    receive(&mut input, head.as_bytes());
                    let Ok(Found::Literal(_)) = framer.next(&mut input) else {
                        return 0;
                    };
                    framer.stream(&mut input);
                    for piece in ours.chunks(PIECE) {
                        receive(&mut input, piece);
                        while let Ok(Found::Piece { octets, .. }) = framer.next(&mut input) {
                            passed += black_box(octets).len();
                        }
                    }
                    receive(&mut input, b")\r\n");
                    assert!(matches!(framer.next(&mut input), Ok(Found::Frame(_))));
                }
                passed / MESSAGE
            }),
        ),
        (
            CODEC,
            Box::new(move |times| {
                let mut passed = 0;
                let mut fragmentizer = Fragmentizer::new(2 * MESSAGE as u32);
                for _ in 0..times {
                    fragmentizer.enqueue_bytes(their_head.as_bytes());
                    while fragmentizer.progress().is_some() {}
                    for piece in codec.chunks(PIECE) {
                        fragmentizer.enqueue_bytes(piece);
                        while fragmentizer.progress().is_some() {}
                    }
                    fragmentizer.enqueue_bytes(b")\r\n");
                    while !fragmentizer.is_message_complete() {
                        assert!(fragmentizer.progress().is_some(), "the message is there");
                    }
                    passed += black_box(fragmentizer.message_bytes()).len() / MESSAGE;
                }
                passed
            }),
        ),
    ];
    let mut case = speed(
        MESSAGE,
        times,
        1,
        "imap: a literal of 1 MiB in 16 KiB pieces",
        works,
    );
    case.contenders
        .push(Contender::missing(PROTO, "it parses what is whole"));
    case
}

const CODEC: &str = "imap-codec 2.0.0-alpha.10";
const PROTO: &str = "imap-proto 0.17";
