//! Commands and frames, both ways.

use bytes::{Buf, Bytes};
use imap_proto::encode::{Encoder, Encoding, Literals, Next};
use imap_proto::frame::{Found, Framer};
use imap_proto::{Frame, FrameLimits, Reader};
use mailwire::{Input, Output};

/// Reads a command, writes it, and reads that.
fn both_ways(line: &str) -> String {
    let mut reader = Reader::strict();
    let frame = Frame::from(Bytes::copy_from_slice(line.as_bytes()));
    let command = reader
        .command(&frame)
        .unwrap_or_else(|error| panic!("{line:?}: {error}"));
    let mut encoding = Encoding::commands();
    (encoding.literals, encoding.binary) = (Literals::Plus, true);
    let mut encoder = Encoder::new(encoding);
    encoder.command(&command);
    let mut output = Output::new(1 << 20);
    assert_eq!(encoder.transfer(&mut output), Next::Done);
    let written = output.copy_to_bytes(output.remaining());
    let again = reader
        .command(&Frame::from(written.clone()))
        .unwrap_or_else(|error| panic!("{written:?}: {error}"));
    assert_eq!(command, again, "{line:?}");
    String::from_utf8(written.to_vec()).expect("text")
}

#[test]
fn commands_both_ways() {
    for line in LINES {
        assert_eq!(both_ways(line), format!("{line}\r\n"));
    }
}

#[test]
fn commands_that_are_written_another_way() {
    for (read, written) in [
        ("a login alice secret", "a LOGIN alice secret"),
        ("a FETCH 4:2,3 (FLAGS)", "a FETCH 2:4 FLAGS"),
        ("a STORE 1 +flags \\deleted", "a STORE 1 +FLAGS (\\Deleted)"),
        ("a SELECT \"inbox\"", "a SELECT INBOX"),
        ("a SEARCH SINCE \"1-Feb-1994\"", "a SEARCH SINCE 1-Feb-1994"),
        ("a APPEND x {3}\r\nabc", "a APPEND x {3+}\r\nabc"),
        (
            "a GETMETADATA INBOX (DEPTH 1) /shared",
            "a GETMETADATA (DEPTH 1) INBOX (/shared)",
        ),
    ] {
        assert_eq!(both_ways(read), format!("{written}\r\n"));
    }
}

#[test]
fn what_is_no_command() {
    for line in [
        "a FETCH 01 FLAGS",
        "a SEARCH MODSEQ \"/vendor/x\" all 7",
        "a SEARCH MODSEQ \"/flags/a b\" all 7",
        "a SEARCH ANNOTATION /comment value.mine x",
        "",
        "a",
        "a ",
        " NOOP",
        "* NOOP",
        "a NOOP x",
        "a UNHEARD-OF",
        "a FETCH 0 FLAGS",
        "a FETCH 4294967296 FLAGS",
        "a FETCH 1 ()",
        "a FETCH 1 BODY[",
        "a FETCH 1 BODY[1.]",
        "a FETCH 1 BODY[MIME]",
        "a FETCH 1 BODY[]<0.0>",
        "a LOGIN \"x y",
        "a LOGIN x",
        "a SELECT Entw\u{fc}rfe",
        "a APPEND x {9223372036854775808}\r\n",
        "a APPEND x {4}\r\nabc",
        "a SEARCH OR ALL",
        "a SEARCH ON 31-Feb-2000",
        "a STATUS INBOX (WHAT)",
    ] {
        let frame = Frame::from(Bytes::copy_from_slice(line.as_bytes()));
        assert!(Reader::strict().command(&frame).is_err(), "{line:?}");
    }
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| {
        let (open, close) = ("(".repeat(depth), ")".repeat(depth));
        let line = format!("a SEARCH {open}ALL{close}");
        Reader::strict().command(&Frame::from(Bytes::from(line)))
    };
    assert!(nested(100).is_ok());
    for depth in [101, 1_000_000] {
        let error = nested(depth).expect_err("too deep");
        assert_eq!(error.expected, "fewer levels of nesting");
        assert_eq!(error.tag, "a".parse().ok());
    }
}

/// What a framer finds when the stream comes in pieces of a size. Every announced literal of more than
/// ten octets is refused, every other kept.
fn frames(mut framer: Framer, stream: &[u8], size: usize) -> Vec<String> {
    let mut input = Input::new(framer.input_limit());
    let mut found = Vec::new();
    for piece in stream.chunks(size) {
        assert_eq!(input.extend(piece), piece.len());
        loop {
            match framer.next(&mut input) {
                Ok(Found::Incomplete) => break,
                Ok(Found::Frame(frame)) => found.push(frame.octets().escape_ascii().to_string()),
                Ok(Found::Literal(announced)) if announced.length > 10 => {
                    found.push(format!("refuse {}", announced.length));
                    framer.refuse(&mut input);
                }
                Ok(Found::Literal(_)) => framer.keep(),
                Ok(Found::Refused(refused)) => {
                    found.push(format!("{:?} {:?}", refused.tag, refused.why));
                }
                Ok(other) => panic!("{other:?}"),
                Err(error) => {
                    found.push(error.to_string());
                    return found;
                }
            }
        }
    }
    found
}

#[test]
fn frames_whatever_the_pieces() {
    let commands = b"A NOOP\r\nB LOGIN {1+}\r\nx {2}\r\ny\n\r\nC X \"{5}\r\nD NOOP\n\
        E APPEND x {12}\r\nF APPEND x {12+}\r\nA LOGOUT\r\n\r\n NOOP {3+}\r\nab\n\r\nG NOOP\r\n";
    let expected = [
        "A NOOP",
        "B LOGIN {1+}\\r\\nx {2}\\r\\ny\\n",
        "C X \\\"{5}",
        "Some(Tag(D)) BareLf",
        "refuse 12",
        "Some(Tag(E)) Refused",
        "refuse 12",
        "Some(Tag(F)) Refused",
        "G NOOP",
    ];
    for size in 1..=commands.len() {
        let mut limits = FrameLimits::commands();
        limits.kept_literal = 10;
        let framer = Framer::commands().with_limits(limits);
        let found = frames(framer, commands, size);
        assert_eq!(found, expected, "pieces of {size}");
    }
    let responses = b"* OK {5}\r\n* NO \"{5}\r\n+ {5}\r\nA1 BAD {5}\r\n* LIST () {1}\r\n/ x\r\n\
        * 1 FETCH (BODY[] {5}\r\n{5}\r\n)\r\n";
    let expected = [
        "* OK {5}",
        "* NO \\\"{5}",
        "+ {5}",
        "A1 BAD {5}",
        "* LIST () {1}\\r\\n/ x",
        "* 1 FETCH (BODY[] {5}\\r\\n{5}\\r\\n)",
    ];
    for size in 1..=responses.len() {
        let found = frames(Framer::responses(), responses, size);
        assert_eq!(found, expected, "pieces of {size}");
    }
}

#[test]
fn a_literal_is_streamed_out_of_an_append() {
    let mut framer = Framer::commands();
    let mut input = Input::new(framer.input_limit());
    let said = b"A APPEND x (\\Seen) {100000+}\r\n";
    assert_eq!(input.extend(said), said.len());
    let Ok(Found::Literal(announced)) = framer.next(&mut input) else {
        panic!("a literal that does not fit");
    };
    assert!(!announced.fits && !announced.synchronising);
    let head = framer.head(&input);
    assert!(head.is_open());
    let early = Reader::strict().command(&head).expect("an open APPEND");
    framer.stream(&mut input);
    let mut streamed = 0;
    while streamed < 100_000 {
        assert_eq!(input.extend(&[b'x'; 1000]), 1000);
        let Ok(Found::Piece { octets, last }) = framer.next(&mut input) else {
            panic!("a piece");
        };
        streamed += octets.len();
        assert_eq!(last, streamed == 100_000);
    }
    assert_eq!(input.extend(b"\r\n"), 2);
    let Ok(Found::Frame(frame)) = framer.next(&mut input) else {
        panic!("the rest");
    };
    assert_eq!(Reader::strict().command(&frame).expect("an APPEND"), early);
}

const LINES: &[&str] = &[
    "a CAPABILITY",
    "a NOOP",
    "a LOGOUT",
    "a ID NIL",
    "a ID (\"name\" \"x\" \"version\" NIL)",
    "a STARTTLS",
    "a AUTHENTICATE PLAIN",
    "a AUTHENTICATE PLAIN =",
    "a AUTHENTICATE PLAIN AGE=",
    "a LOGIN alice \"pass word\"",
    "a UNAUTHENTICATE",
    "a ENABLE CONDSTORE X-NEW",
    "a COMPRESS DEFLATE",
    "a LANGUAGE de en",
    "a COMPARATOR",
    "a GETJMAPACCESS",
    "a SELECT INBOX",
    "a EXAMINE \"two words\" (CONDSTORE)",
    "a SELECT x (QRESYNC (67890007 20050715194045000 41,43:211 (1,5 41,50)))",
    "a CREATE x (USE (\\Sent \\X))",
    "a DELETE Entw&APw-rfe",
    "a RENAME x y",
    "a SUBSCRIBE \"NIL\"",
    "a UNSUBSCRIBE x",
    "a LIST \"\" *",
    "a LIST (SUBSCRIBED RECURSIVEMATCH) \"\" (a% b) RETURN (CHILDREN STATUS (MESSAGES UNSEEN))",
    "a LSUB \"\" %",
    "a XLIST \"\" *",
    "a NAMESPACE",
    "a STATUS INBOX (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN SIZE HIGHESTMODSEQ)",
    "a APPEND x (\\Seen $Forwarded) \" 7-Feb-1994 21:52:25 -0800\" {3+}\r\nabc",
    "a APPEND x {1+}\r\na ~{2+}\r\nb\0",
    "a APPEND x UTF8 (~{1+}\r\na)",
    "a APPEND x CATENATE (URL /x;UID=1 TEXT {1+}\r\na)",
    "a UID REPLACE 4 x {1+}\r\na",
    "a IDLE",
    "a CHECK",
    "a CLOSE",
    "a UNSELECT",
    "a EXPUNGE",
    "a UID EXPUNGE 1:3",
    "a SEARCH RETURN (MIN COUNT) CHARSET UTF-8 OR FROM x NOT (SEEN $) 1:*",
    "a UID SEARCH UID 5:* HEADER x \"\" LARGER 4 MODSEQ \"/flags/\\\\Draft\" all 620162338",
    "a SEARCH MODSEQ \"/flags/$junk\" shared 7 X-GM-MSGID 18446744073709551615",
    "a SEARCH ANNOTATION \"/comment\" value.priv \"x\" ANNOTATION \"/a\" value NIL",
    "a SORT RETURN (PARTIAL 1:100) (REVERSE DATE SUBJECT) UTF-8 SINCE 1-Feb-1994",
    "a UID THREAD REFERENCES UTF-8 FUZZY TEXT x",
    "a ESEARCH IN (MAILBOXES (x) SUBTREE (y)) RETURN (ALL) UNSEEN",
    "a CANCELUPDATE \"b\" \"c\"",
    "a FETCH 1:* FAST",
    "a UID FETCH 1,3 (FLAGS BODY.PEEK[HEADER.FIELDS (DATE FROM)]<0.20>) (CHANGEDSINCE 12 VANISHED)",
    "a FETCH * (BODY[] BODY[1.2.MIME] BINARY.PEEK[1]<0.1> BINARY.SIZE[] PREVIEW (LAZY) X-GM-LABELS)",
    "a UID STORE * (UNCHANGEDSINCE 0) -FLAGS.SILENT (\\Deleted)",
    "a COPY 2:4 x",
    "a UID MOVE $ x",
    "a NOTIFY SET STATUS (SELECTED (MessageNew (UID) MessageExpunge)) (PERSONAL NONE)",
    "a NOTIFY SET (SUBTREE (a b) (MessageNew MessageExpunge FlagChange MailboxName X-WeatherChange))",
    "a NOTIFY NONE",
    "a GETQUOTA \"\"",
    "a GETQUOTAROOT INBOX",
    "a SETQUOTA \"\" (STORAGE 512)",
    "a SETACL x bob +lrs",
    "a DELETEACL x bob",
    "a GETACL x",
    "a LISTRIGHTS x bob",
    "a MYRIGHTS x",
    "a GETMETADATA (MAXSIZE 10 DEPTH infinity) \"\" (/shared/comment)",
    "a SETMETADATA x (/private/comment \"y\" /shared/comment NIL)",
    "a GENURLAUTH \"imap://x\" INTERNAL",
    "a RESETKEY x INTERNAL",
    "a URLFETCH \"imap://x\" (\"imap://y\" BODY)",
];
