//! Reading an mbox: the shapes that files in the wild have, and laws that hold for all.

use std::io::Read;

use mailbox_formats::mbox::{
    Decoder, Detected, Doubt, Event, Input, Messages, Reader, Rules, Scanner, Separators, Undated,
    Variant,
};
use proptest::prelude::*;

const STRICT: Rules = Rules::STRICT;

/// A file, how it is read, and what is wanted: the contents, and the doubts.
struct Case {
    name: &'static str,
    mbox: &'static str,
    rules: Rules,
    contents: &'static [&'static str],
    doubts: &'static [Doubt],
}

/// `F` stands for a usual separator, so that the table can be read.
const fn case(
    name: &'static str,
    mbox: &'static str,
    rules: Rules,
    contents: &'static [&'static str],
    doubts: &'static [Doubt],
) -> Case {
    Case {
        name,
        mbox,
        rules,
        contents,
        doubts,
    }
}

const ANY: Rules = Rules::STRICT.separators_are(Separators::ANY);
const DATED: Rules = Rules::STRICT.separators_are(Separators::DATED);
const LENGTHS: Rules = Rules::STRICT.lengths(true);
const fn undated(undated: Undated) -> Rules {
    STRICT.separators_are(Separators::STRICT.undated(undated))
}

const CASES: &[Case] = &[
    case(
        "01 one message",
        "%A: b\n\nx\n\n",
        STRICT,
        &["A: b\n\nx\n"],
        &[],
    ),
    case(
        "02 two messages",
        "%A\n\n%B\n\n",
        STRICT,
        &["A\n", "B\n"],
        &[],
    ),
    case(
        "03 no last line end",
        "%A\n\n%B",
        STRICT,
        &["A\n", "B"],
        &[Doubt::TornTail],
    ),
    case(
        "04 no empty line at the end",
        "%A\n\n%B\n",
        STRICT,
        &["A\n", "B\n"],
        &[],
    ),
    case(
        "05 empty lines of the body stay",
        "%A\n\n\n\n%B\n\n\n",
        STRICT,
        &["A\n\n\n", "B\n\n"],
        &[],
    ),
    case(
        "06 a bounce",
        "From MAILER-DAEMON Thu Jan  1 00:00:00 1970\nA\n\n%B\n",
        STRICT,
        &["A\n", "B\n"],
        &[],
    ),
    case(
        "07 Netscape, without dates",
        "From - \nA\n\nFrom - \nB\n",
        undated(Undated::Dash),
        &["A\n", "B\n"],
        &[],
    ),
    case(
        "08 bare separators",
        "From \nA\n\nFrom \nB\n\nFrom me\n",
        undated(Undated::Bare),
        &["A\n", "B\n\nFrom me\n"],
        &[Doubt::NoDate],
    ),
    case(
        "09 a quoted sender with blanks",
        "%A\n\nFrom \"a b\"@c Thu Jan  1 00:00:00 1970\nB\n",
        STRICT,
        &["A\n", "B\n"],
        &[],
    ),
    case(
        "10 a sender of an archive",
        "%A\n\nFrom tom at example.org  Thu Jan  1 00:00:00 1970\nB\n",
        STRICT,
        &["A\n", "B\n"],
        &[],
    ),
    case(
        "11 UUCP",
        "%A\n\nFrom host!tom Thu Jan  1 00:00:00 1970 remote from mx\nB\n",
        STRICT,
        &["A\n", "B\n"],
        &[],
    ),
    case(
        "12 a zone before the year, no seconds",
        "%A\n\nFrom a Thu Jan  1 00:00 MET DST 1970\nB\n",
        STRICT,
        &["A\n", "B\n"],
        &[],
    ),
    case(
        "13 a zone behind the year",
        "%A\n\nFrom 1@xxx Thu Jan 01 00:00:00 +0000 1970\nB\n\nFrom a Thu Jan  1 00:00:00 1970 -0800\nC\n",
        STRICT,
        &["A\n", "B\n", "C\n"],
        &[],
    ),
    case(
        "14 other orders of the date",
        "%A\n\nFrom a Thu, 9 Nov 2002 22:33:52 +0100\nB\n\nFrom a 2002-11-09T22:33:52Z\nC\n",
        STRICT,
        &["A\n", "B\n", "C\n"],
        &[],
    ),
    case(
        "15 a year of two digits",
        "%A\n\nFrom a Thu Jan  1 00:00:00 70\nB\n",
        STRICT,
        &["A\n", "B\n"],
        &[],
    ),
    case(
        "16 a sender of any bytes",
        "%A\n\nFrom \u{e9}\u{0}\t Thu Jan  1 00:00:00 1970\nB\n",
        STRICT,
        &["A\n", "B\n"],
        &[],
    ),
    case(
        "17 prose at the start of a line",
        "%A\n\nx\nFrom here on\n\nFrom there\n",
        STRICT,
        &["A\n\nx\nFrom here on\n\nFrom there\n"],
        &[Doubt::NoDate],
    ),
    case(
        "18 a separator in the body",
        "%A\n\nx\n%y\n",
        STRICT,
        &["A\n\nx\n%y\n"],
        &[Doubt::NoEmptyLine],
    ),
    case(
        "19 a git patch in the body",
        "%A\n\nFrom 0123456789abcdef0123456789abcdef01234567 Mon Sep 17 00:00:00 2001\nB\n",
        STRICT,
        &["A\n\nFrom 0123456789abcdef0123456789abcdef01234567 Mon Sep 17 00:00:00 2001\nB\n"],
        &[Doubt::Patch],
    ),
    case(
        "20 a length proves a body with separators",
        "%Content-Length: 37\n\nx\n\n%y\n\n%B\n",
        LENGTHS,
        &["Content-Length: 37\n\nx\n\n%y\n", "B\n"],
        &[Doubt::WithinLength],
    ),
    case(
        "21 a length that swallows a message is not believed",
        "%Content-Length: 40\n\nx\n\n%A: b\n\n%B\n",
        STRICT,
        &["Content-Length: 40\n\nx\n", "A: b\n", "B\n"],
        &[],
    ),
    case(
        "22 a length past the end",
        "%Content-Length: 9999\n\nx\n\n%B\n",
        LENGTHS,
        &["Content-Length: 9999\n\nx\n", "B\n"],
        &[Doubt::WrongLength],
    ),
    case(
        "23 a length that is too short",
        "%Content-Length: 1\n\nxyz and some more\n\n%B\n",
        LENGTHS,
        &["Content-Length: 1\n\nxyz and some more\n", "B\n"],
        &[Doubt::WrongLength],
    ),
    case(
        "24 lengths that are no number",
        "%Content-Length: -1\n\nx\n\n%Content-Length: 99999999999999999999\n\ny\n\n%Content-Length: 1\nContent-Length: 2\n\nz\n",
        LENGTHS,
        &[
            "Content-Length: -1\n\nx\n",
            "Content-Length: 99999999999999999999\n\ny\n",
            "Content-Length: 1\nContent-Length: 2\n\nz\n",
        ],
        &[],
    ),
    case(
        "25 CRLF",
        "From a Thu Jan  1 00:00:00 1970\r\nA\r\n\r\nFrom a Thu Jan  1 00:00:00 1970\r\nB\r\n\r\n",
        STRICT,
        &["A\r\n", "B\r\n"],
        &[],
    ),
    case(
        "26 both kinds of line ends",
        "%A\r\n\r\n%B\n\nFrom a Thu Jan  1 00:00:00 1970\r\nC\n",
        STRICT,
        &["A\r\n", "B\n", "C\n"],
        &[],
    ),
    case(
        "27 a byte order mark and blank lines",
        "\u{feff}\r\n\n%A\n",
        STRICT,
        &["A\n"],
        &[],
    ),
    case(
        "28 junk before the first message",
        "Some words.\n\n%A\n",
        STRICT,
        &["A\n"],
        &[],
    ),
    case(
        "29 a separator in a header",
        "%A: b\n%C: d\n>From - Thu Jan  1 00:00:00 1970\n\n%B\n",
        STRICT,
        &["A: b\n%C: d\n>From - Thu Jan  1 00:00:00 1970\n", "B\n"],
        &[Doubt::NoEmptyLine],
    ),
    case(
        "30 no header, no body",
        "%\n%\n%",
        STRICT,
        &["", "", ""],
        &[],
    ),
    case(
        "31 a damaged header does not end the reading",
        "%\u{0}\u{0} no colon\n\u{80}\n\n%B\n",
        STRICT,
        &["\u{0}\u{0} no colon\n\u{80}\n", "B\n"],
        &[],
    ),
    case(
        "32 quoted lines stay as they are",
        "%A\n\n>From x\n>>From y\n\n%B\n",
        STRICT,
        &["A\n\n>From x\n>>From y\n", "B\n"],
        &[],
    ),
    case(
        "33 no mbox at all",
        "Some words.\n\nFrom here on.\n",
        STRICT,
        &[],
        &[],
    ),
    case(
        "34 no empty line between messages",
        "%A\n%B\nFrom me\n",
        DATED,
        &["A\n", "B\nFrom me\n"],
        &[],
    ),
    case(
        "35 every line counts",
        "%A\nFrom me\n\nFrom you",
        ANY,
        &["A\n", "", ""],
        &[Doubt::TornTail],
    ),
];

/// Puts separators where the table has `%`.
fn text(text: &str) -> String {
    text.replace('%', "From a Thu Jan  1 00:00:00 1970\n")
}

fn read(mbox: &[u8], rules: Rules) -> (Vec<Vec<u8>>, Vec<Doubt>) {
    let contents = Messages::new(mbox, rules).map(|message| message.content().to_vec());
    let mut messages = Messages::new(mbox, rules);
    let events = std::iter::from_fn(|| messages.next_event());
    let doubts = events.filter_map(|event| match event {
        Event::Doubt { doubt, .. } => Some(doubt),
        _ => None,
    });
    (contents.collect(), doubts.collect())
}

#[test]
fn files_of_every_shape_are_read() {
    for Case {
        name,
        mbox,
        rules,
        contents,
        doubts,
    } in CASES
    {
        let (read, found) = read(text(mbox).as_bytes(), *rules);
        let read: Vec<_> = read
            .iter()
            .map(|text| String::from_utf8_lossy(text))
            .collect();
        let contents: Vec<String> = contents.iter().map(|content| text(content)).collect();
        assert_eq!(read, contents, "{name}");
        assert_eq!(found, *doubts, "{name}");
    }
}

#[test]
fn a_file_without_empty_lines_is_learnt() {
    let mbox = "From - \nX-Mozilla-Status: 0001\nA: b\n\nx\nFrom - \nA: b\n\nFrom - me\n\ny\nFrom - \nB: c\n";
    let rules = Detected::from_sample(mbox.as_bytes()).rules();
    assert_eq!(read(mbox.as_bytes(), rules).0.len(), 3);
}

fn events(mbox: &[u8], rules: Rules, sizes: &[usize]) -> Vec<Event> {
    let (mut scanner, mut events) = (Scanner::new(rules), Vec::new());
    let (mut shown, mut sizes) = (0, sizes.iter().cycle());
    loop {
        let from = scanner.keep() as usize;
        let input = Input {
            bytes: &mbox[from..shown],
            offset: from as u64,
            is_last: shown == mbox.len(),
        };
        while let Some(event) = scanner.next(input) {
            events.push(event);
        }
        if shown == mbox.len() {
            return events;
        }
        shown = (shown + sizes.next().unwrap()).min(mbox.len());
    }
}

/// A stream that gives as little as its sizes say.
struct Drip<'a>(&'a [u8], Vec<usize>, usize);

impl Read for Drip<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.2 += 1;
        let size = self.1[self.2 % self.1.len()]
            .min(self.0.len())
            .min(buffer.len());
        buffer[..size].copy_from_slice(&self.0[..size]);
        self.0 = &self.0[size..];
        Ok(size)
    }
}

fn streamed(
    mbox: &[u8],
    rules: Rules,
    sizes: &[usize],
    skip: bool,
) -> Vec<(u64, Vec<u8>, Vec<u8>)> {
    let mut reader = Reader::new(Drip(mbox, sizes.to_vec(), 0), rules);
    let mut messages = Vec::new();
    while let Some(mut message) = reader.next_message().unwrap() {
        let (offset, mut content) = (message.offset(), Vec::new());
        let line = message.postmark().line().to_vec();
        match skip && messages.len() % 2 == 1 {
            true => _ = message.read(&mut [0; 3]).unwrap(),
            false => _ = message.read_to_end(&mut content).unwrap(),
        }
        messages.push((offset, line, content));
    }
    messages
}

fn all_rules() -> Vec<Rules> {
    let rules = [
        STRICT,
        ANY,
        DATED,
        undated(Undated::Bare),
        STRICT.separators_are(Separators::DATED.needs_header(true)),
    ];
    rules
        .iter()
        .flat_map(|rules| [*rules, rules.lengths(true)])
        .collect()
}

#[test]
fn pieces_of_any_size_give_the_same_messages() {
    for case in CASES {
        let mbox = text(case.mbox);
        let mbox = mbox.as_bytes();
        for rules in all_rules() {
            let whole = events(mbox, rules, &[mbox.len().max(1)]);
            for size in [1, 2, 3, 5, 7, 31] {
                assert_eq!(
                    events(mbox, rules, &[size]),
                    whole,
                    "{} {rules:?} {size}",
                    case.name
                );
            }
            let messages: Vec<_> = Messages::new(mbox, rules).collect();
            let streamed = streamed(mbox, rules, &[1], false);
            assert_eq!(streamed.len(), messages.len(), "{}", case.name);
            for (message, (offset, line, content)) in messages.iter().zip(&streamed) {
                assert_eq!(message.place().offset, *offset);
                assert_eq!(message.postmark().line(), line);
                assert_eq!(message.content(), content, "{} {rules:?}", case.name);
            }
        }
    }
}

#[test]
fn a_line_that_never_ends_costs_no_memory_and_no_message() {
    let long = "From ".to_owned() + &"x".repeat(5_000_000);
    let mbox = text("%A\n\n") + &long + &text("\n\n%B\n");
    let (contents, _) = read(mbox.as_bytes(), ANY);
    assert_eq!(contents.len(), 2);
    assert_eq!(streamed(mbox.as_bytes(), ANY, &[100_000], false).len(), 2);
}

#[test]
fn an_unproven_length_holds_only_so_much() {
    let body = text("y\n\n%z\n\n").repeat(6000);
    let mbox = text(&format!("%Content-Length: {}\n\n{body}\n%B\n", body.len()));
    let (contents, doubts) = read(mbox.as_bytes(), LENGTHS);
    assert_eq!(contents.len(), 6002);
    assert!(doubts.contains(&Doubt::WrongLength));
    let few = text("y\n\n%z\n\n").repeat(1000);
    let mbox = text(&format!("%Content-Length: {}\n\n{few}\n%B\n", few.len()));
    let (contents, doubts) = read(mbox.as_bytes(), LENGTHS);
    assert_eq!((contents.len(), doubts.len()), (2, 1000));
    let streamed = streamed(mbox.as_bytes(), LENGTHS, &[777], false);
    assert_eq!(streamed[0].2, contents[0]);
}

fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(
        &[
            "From ",
            "From a Thu Jan  1 00:00:00 1970\n",
            "From a Thu Jan  1 00:00:00 1970\r\n",
            "From - \n",
            "Fro",
            "\n",
            "\n",
            "\n\n",
            "\r\n",
            "\r\n\r\n",
            "\r",
            "x",
            "A: b\n",
            "Content-Length: 3\n\n",
            "Content-Length: 39\n\n",
            "Content-Length: 44\r\n\r\n",
            "From 0123456789abcdef0123456789abcdef01234567 Mon Sep 17 00:00:00 2001\n",
            "\u{feff}",
            ">From x\n",
            "some words and more of them\n",
        ][..],
    )
}

fn soup() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 0..30).prop_map(|pieces| pieces.concat())
}

const PATCH: &str = "From 0123456789abcdef0123456789abcdef01234567 Mon Sep 17 00:00:00 2001";

/// What a rule without lengths finds, line by line.
fn naive(mbox: &[u8], needs_blank: bool, needs_date: bool) -> Vec<Vec<u8>> {
    let body = mbox.strip_prefix("\u{feff}".as_bytes()).unwrap_or(mbox);
    let mut messages: Vec<Vec<u8>> = Vec::new();
    let (mut before, mut is_blank_so_far) = (&b"\n"[..], true);
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let has_blank = matches!(before, b"\n" | b"\r\n");
        let text = String::from_utf8_lossy(line);
        let is_patch = text.starts_with(PATCH);
        let has_date = text.contains("1970") || text.contains("2001");
        let is_separator = line.starts_with(b"From ")
            && (is_blank_so_far
                || (has_blank || !needs_blank)
                    && (has_date || !needs_date)
                    && !(needs_blank && is_patch));
        is_blank_so_far &= line.trim_ascii().is_empty();
        if is_separator {
            messages.push(Vec::new());
        } else if let Some(message) = messages.last_mut() {
            message.extend_from_slice(line);
        }
        if is_separator && messages.len() > 1 && has_blank {
            let ended = messages.iter_mut().rev().nth(1).unwrap();
            ended.truncate(ended.len() - before.len().min(ended.len()));
        }
        before = line;
    }
    if let (Some(last), b"\n" | b"\r\n") = (messages.last_mut(), before) {
        last.truncate(last.len() - before.len().min(last.len()));
    }
    messages
}

proptest! {
    #[test]
    fn the_pieces_do_not_matter(text in soup(), sizes in prop::collection::vec(1_usize..50, 1..4)) {
        let mbox = text.as_bytes();
        for rules in all_rules() {
            let whole = events(mbox, rules, &[mbox.len().max(1)]);
            prop_assert_eq!(&events(mbox, rules, &sizes), &whole);
            prop_assert_eq!(&events(mbox, rules, &[1]), &whole);
            let contents: Vec<_> = read(mbox, rules).0;
            let streams: Vec<_> = streamed(mbox, rules, &sizes, false).into_iter().map(|message| message.2).collect();
            prop_assert_eq!(&streams, &contents);
            let skipping = streamed(mbox, rules, &sizes, true);
            prop_assert_eq!(skipping.len(), contents.len());
            for (index, (_, _, content)) in skipping.iter().enumerate() {
                prop_assert!(index % 2 == 1 || *content == contents[index]);
            }
        }
    }

    #[test]
    fn a_reader_that_goes_line_by_line_finds_the_same(text in soup()) {
        let mbox = text.as_bytes();
        prop_assert_eq!(read(mbox, STRICT).0, naive(mbox, true, true));
        prop_assert_eq!(read(mbox, DATED).0, naive(mbox, false, true));
        prop_assert_eq!(read(mbox, ANY).0, naive(mbox, false, false));
    }

    #[test]
    fn messages_stand_in_order_and_never_overlap(text in soup()) {
        for rules in all_rules() {
            let mut end = 0;
            for message in Messages::new(text.as_bytes(), rules) {
                let place = message.place();
                prop_assert!(end <= place.offset && place.offset < place.content.start);
                prop_assert!(place.content.start <= place.content.end);
                end = place.content.end;
            }
            prop_assert!(end <= text.len() as u64);
        }
    }

    #[test]
    fn any_sample_is_judged(text in soup()) {
        let _ = Detected::from_sample(text.as_bytes());
    }

    #[test]
    fn what_is_decoded_does_not_depend_on_the_chunks(
        text in soup(),
        quotes in ">{0,70}",
        sizes in prop::collection::vec(1_usize..20, 1..4),
    ) {
        let text = format!("{text}\n\n{quotes}From x\n{quotes}{text}");
        for variant in [None, Some(Variant::Mboxrd), Some(Variant::Mboxo), Some(Variant::Mboxcl2)] {
            let decode = |sizes: &[usize]| {
                let (mut out, mut decoder) = (Vec::new(), Decoder::new(variant));
                let (mut rest, mut sizes) = (text.as_bytes(), sizes.iter().cycle());
                while !rest.is_empty() {
                    let (chunk, tail) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
                    decoder.push(chunk, |bytes| out.extend_from_slice(bytes));
                    rest = tail;
                }
                decoder.finish(|bytes| out.extend_from_slice(bytes));
                out
            };
            prop_assert_eq!(decode(&sizes), decode(&[text.len()]));
        }
    }
}
