//! What is written is read back by a naive reader that shares no code with the writer.

use std::io::Write;
use std::time::SystemTime;

use mailbox_formats::mbox::{
    Date, Decoder, Encoder, FromLine, Mbox, Message, Messages, Options, Rules, Separators, Variant,
};
use mailbox_formats::{Durability, LineEnds, LineFilter};
use proptest::prelude::*;

const VARIANTS: [Variant; 4] = [
    Variant::Mboxrd,
    Variant::Mboxo,
    Variant::Mboxcl,
    Variant::Mboxcl2,
];

/// Pieces of which every line of trouble can be put together.
fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(
        &[
            "From ",
            "From",
            "Fro",
            ">",
            ">From ",
            ">>From ",
            "x@y  Thu Jan  1 00:00:00 1970",
            "\n",
            "\n",
            "\r\n",
            "\r\n",
            "\n\n",
            "\r",
            "\0",
            ":",
            " ",
            "text",
            "Status: RO",
            "\u{e9}",
            "Content-Length: 1",
            "Subject: x",
            "\tfolded",
            "From : x",
        ][..],
    )
}

fn soup() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 0..40).prop_map(|pieces| pieces.concat())
}

/// A message with a header that nothing is left out of.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let header = prop::sample::select(&["", "Subject: a\r\n", "From: a\nTo: b\n\tc\r\n"][..]);
    (header, prop::sample::select(&["\n", "\r\n"][..]), soup())
        .prop_map(|(header, empty, body)| format!("{header}{empty}{body}").into_bytes())
}

fn chunked(bytes: &[u8], sizes: &[usize]) -> Vec<Vec<u8>> {
    let (mut rest, mut chunks) = (bytes, Vec::new());
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (chunk, tail) = rest.split_at((*size).min(rest.len()));
        chunks.push(chunk.to_vec());
        rest = tail;
    }
    chunks
}

/// The message with LF, its last line ended.
fn lf(message: &[u8]) -> String {
    let mut text = String::from_utf8(message.to_vec())
        .unwrap()
        .replace("\r\n", "\n");
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// Reads an mbox line by line, or by length where the variant has one.
fn naive_reader(mbox: &str, variant: Variant) -> Vec<String> {
    let mut messages = Vec::new();
    let mut rest = mbox;
    while !rest.is_empty() {
        let (from, behind) = rest.split_once('\n').unwrap();
        assert!(from.starts_with("From a@b  "), "{from:?}");
        let message = if variant.has_length() {
            let (header, body) = match behind.strip_prefix('\n') {
                Some(_) => panic!("no length"),
                None => behind.split_once("\n\n").unwrap(),
            };
            let (header, length) = match header.rsplit_once('\n') {
                Some((header, length)) => (format!("{header}\n"), length),
                None => (String::new(), header),
            };
            let length = length
                .strip_prefix("Content-Length: ")
                .unwrap()
                .parse()
                .unwrap();
            rest = body[length..].strip_prefix('\n').unwrap();
            format!("{header}\n{}", &body[..length])
        } else {
            let end = behind.find("\nFrom ").map_or(behind.len(), |at| at + 1);
            rest = &behind[end..];
            behind[..end].strip_suffix('\n').unwrap().to_owned()
        };
        messages.push(match variant {
            Variant::Mboxcl2 => message,
            Variant::Mboxrd => unquote(&message, |line| line.trim_start_matches('>')),
            _ => unquote(&message, |line| line.strip_prefix('>').unwrap_or(line)),
        });
    }
    messages
}

/// The messages as this crate reads them.
fn our_reader(mbox: &[u8], variant: Variant) -> Vec<String> {
    let rules = match variant.has_length() {
        true => Rules::STRICT.lengths(true),
        false => Separators::ANY.into(),
    };
    let decoded = |message: Message<'_>| {
        let (mut out, mut decoder) = (Vec::new(), Decoder::new(Some(variant)));
        decoder.push(message.content(), |part| out.extend_from_slice(part));
        decoder.finish(|part| out.extend_from_slice(part));
        String::from_utf8(out).unwrap()
    };
    Messages::new(mbox, rules).map(decoded).collect()
}

fn unquote(message: &str, strip: impl Fn(&str) -> &str) -> String {
    let line = |line: &str| match line.strip_prefix('>') {
        Some(unquoted) if strip(line).starts_with("From ") => unquoted.to_owned(),
        _ => line.to_owned(),
    };
    message.split_inclusive('\n').map(line).collect()
}

proptest! {
    #[test]
    fn messages_are_read_as_they_were_written(
        messages in prop::collection::vec(message(), 1..4),
        sizes in prop::collection::vec(1_usize..30, 1..5),
    ) {
        let folder = tempfile::tempdir().unwrap();
        for variant in VARIANTS {
            let mbox = Mbox::new(folder.path().join(format!("{variant:?}")));
            let from = FromLine::new(b"a@b", Date::at_offset(SystemTime::UNIX_EPOCH, 0));
            for message in &messages {
                let options = Options::new(from.clone()).variant(variant);
                let mut delivery = mbox.deliver(options.durability(Durability::None));
                for chunk in chunked(message, &sizes) {
                    delivery.write_all(&chunk).unwrap();
                }
                delivery.commit().unwrap();
            }
            let written = std::fs::read_to_string(mbox.path()).unwrap();
            let mut read = naive_reader(&written, variant);
            let mut expected: Vec<String> = messages.iter().map(|message| lf(message)).collect();
            if matches!(variant, Variant::Mboxo | Variant::Mboxcl) {
                // `>From ` and a quoted `From ` look the same: that much is lost.
                let unquoted = |text: &String| unquote(text, |line| &line[1..]);
                expected = expected.iter().map(unquoted).collect();
                read = read.iter().map(|text| text.to_owned()).collect();
            }
            prop_assert_eq!(&read, &expected, "{:?}", variant);
            prop_assert_eq!(our_reader(written.as_bytes(), variant), expected, "{:?}", variant);
        }
    }

    #[test]
    fn the_encoding_does_not_depend_on_the_chunks(
        text in soup(),
        sizes in prop::collection::vec(1_usize..10, 1..5),
    ) {
        for variant in VARIANTS {
            let encode = |chunks: Vec<Vec<u8>>| {
                let mut out = Vec::new();
                let mut encoder = Encoder::new(variant);
                for chunk in chunks {
                    encoder.push(&chunk, |bytes| out.extend_from_slice(bytes));
                }
                let layout = encoder.finish(|bytes| out.extend_from_slice(bytes));
                (out, layout)
            };
            let (whole, layout) = encode(vec![text.clone().into_bytes()]);
            prop_assert_eq!(encode(chunked(text.as_bytes(), &sizes)), (whole.clone(), layout));
            // Whatever comes in, no line of it can be taken for a separator, but in the
            // body of an mboxcl2, whose length is known.
            let guarded = match variant {
                Variant::Mboxcl2 => &whole[..layout.header as usize],
                _ => &whole,
            };
            let guarded = [b"\n", guarded].concat();
            prop_assert!(memchr::memmem::find(&guarded, b"\nFrom ").is_none());
        }
    }

    #[test]
    fn line_ends_are_those_of_a_replacement(
        text in soup(),
        sizes in prop::collection::vec(1_usize..10, 1..5),
    ) {
        let mut out = Vec::new();
        let mut filter = LineFilter::new(LineEnds::Lf);
        for chunk in chunked(text.as_bytes(), &sizes) {
            filter.push(&chunk, |bytes| out.extend_from_slice(bytes));
        }
        filter.finish(|bytes| out.extend_from_slice(bytes));
        prop_assert_eq!(String::from_utf8(out).unwrap(), text.replace("\r\n", "\n"));
    }

    #[test]
    fn a_from_line_is_read_as_it_was_written(
        sender in prop::collection::vec(any::<u8>(), 0..400),
        seconds in 0_u64..253_000_000_000,
        offset in -86_400..86_400,
    ) {
        let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        let line = FromLine::new(&sender, Date::at_offset(time, offset));
        prop_assert_eq!(FromLine::parse(&line.to_bytes()), Some(line.clone()));
        prop_assert_eq!(line.to_bytes().iter().filter(|byte| **byte == b'\n').count(), 1);
    }

    #[test]
    fn no_line_makes_the_from_line_parser_panic(line in "(From )?.{0,60}") {
        let _ = FromLine::parse(line.as_bytes());
    }
}
