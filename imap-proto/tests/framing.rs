//! Laws of the framer: frames do not depend on the pieces, memory not on the size of literals, and
//! what was refused is never a command.

use bytes::Bytes;
use imap_proto::frame::{Found, Framer, Why};
use imap_proto::{FrameError, FrameLimits, Reader};
use mailwire::Input;
use proptest::prelude::*;

/// What is done with announced literals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Keep,
    Stream,
    Refuse,
}

/// What came out of a stream, pieces of literals put together.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    Frame(Bytes),
    Announced(u64, bool),
    Literal(Vec<u8>),
    Refused(Option<String>, Why),
    Lost(FrameError),
}

/// The frames of a stream that comes in pieces, whose sizes are repeated.
fn frames(mut framer: Framer, stream: &[u8], sizes: &[usize], mood: Mood) -> Vec<Seen> {
    let largest = sizes.iter().max().expect("a size");
    let mut input = Input::new(framer.input_limit().max(*largest));
    let mut seen = Vec::new();
    let mut literal = Vec::new();
    let mut sizes = sizes.iter().cycle();
    let mut rest = stream;
    while !rest.is_empty() {
        let size = rest.len().min(*sizes.next().expect("a size"));
        let (piece, behind) = rest.split_at(size);
        rest = behind;
        assert_eq!(input.extend(piece), piece.len(), "the input is full");
        loop {
            match framer.next(&mut input) {
                Ok(Found::Incomplete) => break,
                Ok(Found::Frame(frame)) => seen.push(Seen::Frame(frame.octets().clone())),
                Ok(Found::Literal(announced)) => {
                    seen.push(Seen::Announced(announced.length, announced.synchronising));
                    match mood {
                        Mood::Keep if announced.fits => framer.keep(),
                        Mood::Keep | Mood::Stream => framer.stream(&mut input),
                        Mood::Refuse => framer.refuse(&mut input),
                    }
                }
                Ok(Found::Piece { octets, last }) => {
                    literal.extend_from_slice(&octets);
                    if last {
                        seen.push(Seen::Literal(std::mem::take(&mut literal)));
                    }
                }
                Ok(Found::Refused(refused)) => {
                    let tag = refused.tag.map(|tag| tag.to_string());
                    seen.push(Seen::Refused(tag, refused.why));
                }
                Err(error) => {
                    seen.push(Seen::Lost(error));
                    return seen;
                }
            }
        }
    }
    seen
}

fn small() -> FrameLimits {
    let mut limits = FrameLimits::commands();
    limits.text = 60;
    limits.skipped = 80;
    limits.kept_literal = 6;
    limits.kept_literals = 10;
    limits.literals = 3;
    limits.literal = 100;
    limits
}

/// Parts of lines, with literals that are as long as they say, and some that are not.
fn part() -> impl Strategy<Value = Vec<u8>> {
    let literal = (proptest::collection::vec(any::<u8>(), 0..14), any::<bool>()).prop_map(
        |(content, plus)| {
            let plus = if plus { "+" } else { "" };
            let mut part = format!("{{{}{plus}}}\r\n", content.len()).into_bytes();
            part.extend(content);
            part
        },
    );
    let word = prop_oneof![
        "[A-C][0-9] [A-Za-z ]{0,20}",
        Just("\r\n".to_owned()),
        Just("\n".to_owned()),
        Just("\r".to_owned()),
        Just("\"".to_owned()),
        Just("\\".to_owned()),
        Just(" ~".to_owned()),
        Just("* OK ".to_owned()),
        Just("{5}\r\n".to_owned()),
        Just("{5+}\r\n".to_owned()),
        Just("{101+}\r\n".to_owned()),
        Just("{99999999999999999999}\r\n".to_owned()),
        "\\{0{0,40}[0-9]\\+?\\}\r?\n",
        "[ -~]{0,90}",
    ];
    prop_oneof![2 => literal, 4 => word.prop_map(String::into_bytes), 1 => Just(b"\r\n".to_vec())]
}

proptest! {
    #[test]
    fn frames_do_not_depend_on_the_pieces(
        parts in proptest::collection::vec(part(), 0..14),
        sizes in proptest::collection::vec(1..30usize, 1..6),
        mood in prop_oneof![Just(Mood::Keep), Just(Mood::Stream), Just(Mood::Refuse)],
        bare_lf: bool,
        responses: bool,
        tight: bool,
    ) {
        let stream = parts.concat();
        let framer = || {
            let (framer, limits) = match responses {
                true => (Framer::responses(), FrameLimits::responses()),
                false => (Framer::commands(), FrameLimits::commands()),
            };
            framer.with_bare_lf(bare_lf).with_limits(if tight { small() } else { limits })
        };
        let single = frames(framer(), &stream, &[1], mood);
        prop_assert_eq!(&frames(framer(), &stream, &sizes, mood), &single);
        prop_assert_eq!(&frames(framer(), &stream, &[20], mood), &single);
        prop_assert_eq!(&frames(framer(), &stream, &[stream.len()], mood), &single);
    }

    /// Whatever a refused literal holds, and however its command goes on, none of it is a command.
    #[test]
    fn what_was_refused_is_no_command(
        content in "(A[0-9] LOGOUT\r\n|\r\n|[a-z\"{}+0-9 ]){0,12}",
        more in prop::option::of("(A1 NOOP\r\n|x|\r\n){0,4}"),
        sizes in proptest::collection::vec(1..30usize, 1..6),
    ) {
        let mut stream = format!("B APPEND x {{{}+}}\r\n{content}", content.len());
        if let Some(more) = more {
            stream += &format!(" {{{}+}}\r\n{more}", more.len());
        }
        stream += "\r\nC NOOP\r\n";
        let mut limits = FrameLimits::commands();
        limits.kept_literal = 0;
        let framer = Framer::commands().with_limits(limits);
        let seen = frames(framer, stream.as_bytes(), &sizes, Mood::Refuse);
        if !content.is_empty() {
            prop_assert_eq!(seen, [
                Seen::Announced(content.len() as u64, false),
                Seen::Refused(Some("B".to_owned()), Why::Refused),
                Seen::Frame(Bytes::from("C NOOP")),
            ]);
        }
    }
}

/// A framer that looked again at what it has seen would need hours for these.
#[test]
fn octet_by_octet_is_linear() {
    const LENGTH: usize = 1 << 20;
    let mut limits = FrameLimits::commands();
    limits.text = 2 * LENGTH;
    limits.kept_literal = 2 * LENGTH as u64;
    limits.kept_literals = 2 * LENGTH as u64;
    limits.literals = LENGTH;
    let framer = || Framer::commands().with_limits(limits.clone());
    let line = [b"A ".as_slice(), &vec![b'x'; LENGTH], b"\r\n"].concat();
    let seen = frames(framer(), &line, &[1], Mood::Keep);
    assert_eq!(seen, [Seen::Frame(line[..line.len() - 2].to_vec().into())]);

    let head = format!("A APPEND x {{{LENGTH}+}}\r\n");
    let literal = [head.as_bytes(), &vec![b'\n'; LENGTH], b"\r\n"].concat();
    for mood in [Mood::Keep, Mood::Stream] {
        let seen = frames(framer(), &literal, &[1], mood);
        assert!(matches!(seen.last(), Some(Seen::Frame(_))));
    }

    // Many literals in one line, each of which could have been looked at from the beginning.
    let many = [
        b"A x".to_vec(),
        b" {1+}\r\nx".repeat(50_000),
        b"\r\n".to_vec(),
    ]
    .concat();
    let seen = frames(framer(), &many, &[1], Mood::Keep);
    assert_eq!(seen, [Seen::Frame(many[..many.len() - 2].to_vec().into())]);
}

/// One buffer is received again and again; nothing of it stays.
#[test]
fn a_streamed_literal_takes_no_memory() {
    const LENGTH: u64 = 1 << 30;
    let chunk = vec![b'x'; 64 * 1024];
    let mut framer = Framer::commands();
    let mut input = Input::new(framer.input_limit());
    let head = format!("A APPEND x {{{LENGTH}+}}\r\n");
    assert_eq!(input.extend(head.as_bytes()), head.len());
    assert!(matches!(framer.next(&mut input), Ok(Found::Literal(_))));
    framer.stream(&mut input);
    let mut streamed = 0;
    while streamed < LENGTH {
        assert_eq!(input.extend(&chunk), chunk.len());
        let Ok(Found::Piece { octets, last }) = framer.next(&mut input) else {
            panic!("a piece");
        };
        assert_eq!(octets.len(), chunk.len());
        assert!(input.is_empty(), "something is kept");
        streamed += octets.len() as u64;
        assert_eq!(last, streamed == LENGTH);
    }
    assert_eq!(input.extend(b"\r\n"), 2);
    let Ok(Found::Frame(frame)) = framer.next(&mut input) else {
        panic!("the rest");
    };
    assert_eq!(frame.octets(), &head);
    assert!(Reader::strict().command(&frame).is_ok());
}

/// A refused one takes neither memory nor is it cut short.
#[test]
fn a_refused_literal_is_counted_off() {
    let mut framer = Framer::commands();
    let mut input = Input::new(framer.input_limit());
    let said = b"A APPEND x {1048576+}\r\n";
    assert_eq!(input.extend(said), said.len());
    assert!(matches!(framer.next(&mut input), Ok(Found::Literal(_))));
    framer.refuse(&mut input);
    let commands = b"B LOGOUT\r\nB LOGO".repeat(4096);
    assert_eq!(commands.len(), 1_048_576 / 16);
    for _ in 0..16 {
        assert_eq!(input.extend(&commands), commands.len());
        assert_eq!(framer.next(&mut input), Ok(Found::Incomplete));
        assert!(input.is_empty(), "something is kept");
    }
    assert_eq!(input.extend(b"\r\nC NOOP\r\n"), 10);
    let Ok(Found::Refused(refused)) = framer.next(&mut input) else {
        panic!("the end of the refused command");
    };
    assert_eq!((refused.tag, refused.why), ("A".parse().ok(), Why::Refused));
    assert!(matches!(framer.next(&mut input), Ok(Found::Frame(_))));
}

#[test]
fn what_has_no_end_is_given_up() {
    let endless = vec![b'('; 1_000_000];
    let seen = frames(Framer::commands(), &endless, &[1000], Mood::Keep);
    assert_eq!(seen, [Seen::Lost(FrameError::EndlessLine)]);
    // With an end it is a mistake, and the conversation goes on.
    let mut stream = [b"A SEARCH ".as_slice(), &endless[..100_000], b"\r\n"].concat();
    stream.extend_from_slice(b"B NOOP\r\n");
    let seen = frames(Framer::commands(), &stream, &[1000], Mood::Keep);
    let expected = [
        Seen::Refused(Some("A".to_owned()), Why::TooLong),
        Seen::Frame(Bytes::from("B NOOP")),
    ];
    assert_eq!(seen, expected);
    for literal in ["{9223372036854775808+}", "{99999999999999999999+}"] {
        let said = format!("A APPEND x {literal}\r\n");
        let seen = frames(Framer::commands(), said.as_bytes(), &[7], Mood::Keep);
        assert_eq!(seen, [Seen::Lost(FrameError::EndlessLiteral)]);
    }
}

/// Every kind of nesting in commands, a million levels deep.
#[test]
fn deep_nesting_is_a_clear_error() {
    for nested in ["(", "NOT ", "FUZZY ", "OR ALL ", "OR (NOT "] {
        let line = format!("A SEARCH {}ALL", nested.repeat(1_000_000));
        let frame = Bytes::from(line).into();
        let error = Reader::strict().command(&frame).expect_err("too deep");
        assert_eq!(error.expected, "fewer levels of nesting", "{nested}");
        assert_eq!(error.tag, "A".parse().ok());
    }
    for opened in [
        "FETCH 1 ",
        "LIST ",
        "STATUS x ",
        "APPEND x ",
        "ID ",
        "NOTIFY SET ",
    ] {
        let line = format!("A {opened}{}", "(".repeat(1_000_000));
        let frame = Bytes::from(line).into();
        assert!(Reader::strict().command(&frame).is_err(), "{opened}");
    }
}

#[test]
fn with_literal_minus_large_literals_have_to_wait() {
    let mut limits = FrameLimits::commands();
    limits.non_synchronising = 4;
    let stream = b"A1 X {4+}\r\nabcd\r\nA2 X {5+}\r\nA3 X\r\r\nA4 X {5}\r\nabcde\r\n";
    let seen = frames(
        Framer::commands().with_limits(limits),
        stream,
        &[7],
        Mood::Keep,
    );
    assert_eq!(
        seen,
        [
            Seen::Frame("A1 X {4+}\r\nabcd".into()),
            Seen::Refused(Some("A2".into()), Why::NotAskedFor),
            Seen::Announced(5, true),
            Seen::Frame("A4 X {5}\r\nabcde".into()),
        ]
    );
    // What a server sends never waits.
    let mut limits = FrameLimits::responses();
    limits.non_synchronising = 0;
    let framer = Framer::responses().with_limits(limits);
    let seen = frames(framer, b"* X {1}\r\na\r\n", &[7], Mood::Keep);
    assert_eq!(seen, [Seen::Frame("* X {1}\r\na".into())]);
}

#[test]
fn a_tag_that_may_go_on_is_none() {
    let mut limits = FrameLimits::commands();
    limits.text = 8;
    let stream = b"ABCDEFGHIJKL NOOP\r\nA1 NOOP-AND-MORE\r\nABCDEFGH\r\n";
    for size in 1..=stream.len() {
        let framer = Framer::commands().with_limits(limits.clone());
        let refused = |tag: Option<&str>| Seen::Refused(tag.map(str::to_owned), Why::TooLong);
        assert_eq!(
            frames(framer, stream, &[size], Mood::Keep),
            [refused(None), refused(Some("A1")), refused(None)],
            "in pieces of {size}"
        );
    }
}

#[test]
fn the_beginning_of_a_long_number_is_not_looked_for() {
    let stream = b"A1 NOOP AND MORE {00000000000000000000000005+}\r\nA2 NOOP\r\n";
    for size in 1..=stream.len() {
        let mut limits = FrameLimits::commands();
        limits.text = 16;
        let framer = Framer::commands().with_limits(limits);
        let refused = Seen::Refused(Some("A1".to_owned()), Why::TooLong);
        let seen = frames(framer, stream, &[size], Mood::Keep);
        let expected = [refused, Seen::Frame("A2 NOOP".into())];
        assert_eq!(seen, expected, "in pieces of {size}");
    }
}
