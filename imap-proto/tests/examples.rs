//! The examples of the RFCs are read, written, and read again; where they are wrong, that is listed.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use bytes::{Buf, Bytes};
use imap_proto::command::is_idle_done;
use imap_proto::encode::{Encoder, Encoding, Literals, Next};
use imap_proto::frame::{Found, Framer};
use imap_proto::response::{Data, FetchItem, Response};
use imap_proto::{Frame, Quirks, Reader};
use mailwire::{Input, Output, auth};

/// Who says it, and what, with CRLF between its lines but not at its end.
struct Example {
    from_client: bool,
    said: String,
}

fn examples(text: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    for line in text.lines() {
        if let Some(more) = line.strip_prefix(" | ") {
            let example = examples.last_mut().expect("a line above");
            example.said.push_str("\r\n");
            example.said.push_str(more);
            continue;
        }
        let (who, said) = line.split_once(": ").expect("C: or S:");
        examples.push(Example {
            from_client: who == "C",
            said: said.to_owned(),
        });
    }
    examples
}

impl Example {
    /// The one frame that it is. If it ends with a literal that is never sent, what there is of it.
    fn frame(&self) -> Frame {
        let mut framer = match self.from_client {
            true => Framer::commands(),
            false => Framer::responses(),
        };
        let mut input = Input::new(framer.input_limit());
        let said = format!("{}\r\n", self.said);
        assert_eq!(input.extend(said.as_bytes()), said.len());
        loop {
            match framer.next(&mut input) {
                Ok(Found::Frame(frame)) => {
                    assert!(input.is_empty(), "more than one frame: {}", self.said);
                    return frame;
                }
                Ok(Found::Literal(_)) if said.trim_end().ends_with('}') => {
                    let head = framer.head(&input);
                    if head.octets().len() == input.len() {
                        return head;
                    }
                    framer.keep();
                }
                Ok(Found::Literal(_)) => framer.keep(),
                other => panic!("{other:?} in {}", self.said),
            }
        }
    }

    /// Whether it is what a client says within a command: an answer to a challenge, or DONE.
    fn is_line(&self) -> bool {
        let line = self.said.as_bytes();
        let answer = line == b"*" || auth::decode(line).is_ok();
        self.from_client && (is_idle_done(line) || answer)
    }

    /// Reads it, and what is written of it. Says which mistakes had to be forgiven, or what is wrong.
    fn check(&self, quirks: Quirks, utf8: bool) -> Result<Quirks, String> {
        let frame = self.frame();
        let mut reader = Reader::with_quirks(quirks);
        reader.set_utf8(utf8);
        if self.from_client {
            let command = reader.command(&frame).map_err(|error| error.to_string())?;
            let fired = reader.fired();
            let mut encoding = Encoding::commands();
            (encoding.literals, encoding.binary) = (Literals::Plus, true);
            encoding.utf8 = utf8;
            let again = written(encoding, frame.is_open(), |to| to.command(&command));
            assert_eq!(reader.command(&again), Ok(command), "{}", self.said);
            return Ok(fired);
        }
        let response = reader.response(&frame).map_err(|error| error.to_string())?;
        let fired = reader.fired();
        match &response {
            Response::Untagged(Data::Unknown(_)) => return Err("it is not known".into()),
            Response::Untagged(Data::Fetch(fetched)) => {
                for item in &fetched.items {
                    if let FetchItem::Invalid(item) = item {
                        return Err(format!("expected {}", item.expected));
                    }
                }
            }
            _ => {}
        }
        let mut encoding = Encoding::responses();
        encoding.utf8 = utf8;
        let again = written(encoding, false, |to| to.response(&response));
        assert_eq!(reader.response(&again), Ok(response), "{}", self.said);
        Ok(fired)
    }
}

/// What is written, as a frame.
fn written(encoding: Encoding, open: bool, write: impl FnOnce(&mut Encoder)) -> Frame {
    let mut encoder = Encoder::new(encoding);
    write(&mut encoder);
    let mut output = Output::new(1 << 20);
    let next = encoder.transfer(&mut output);
    let octets: Bytes = output.copy_to_bytes(output.remaining());
    if !open {
        assert_eq!(next, Next::Done);
        return Frame::from(octets);
    }
    // What is never sent is streamed by nobody.
    assert!(matches!(next, Next::Stream(_)));
    let mut framer = Framer::commands();
    let mut input = Input::new(framer.input_limit());
    assert_eq!(input.extend(&octets), octets.len());
    while framer.head(&input).octets().len() < input.len() {
        match framer.next(&mut input) {
            Ok(Found::Literal(announced)) if announced.fits => framer.keep(),
            _ => break,
        }
    }
    let _announced = framer.next(&mut input);
    framer.head(&input)
}

#[test]
fn what_the_rfcs_show() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/examples");
    let (mut count, mut wrong) = (0, BTreeSet::new());
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_stem()
            .and_then(|name| name.to_str())
            .expect("a name");
        let Some(rfc) = name.strip_prefix("rfc") else {
            continue;
        };
        let text = fs::read_to_string(&path).expect("a file");
        for example in examples(&text) {
            count += 1;
            let mistake = MISTAKES
                .iter()
                .find(|(of, said, ..)| *of == rfc && example.said.starts_with(said));
            // Some are in UTF-8, which has been enabled before.
            let strict = example
                .check(Quirks::empty(), false)
                .or_else(|_| example.check(Quirks::empty(), true));
            match (strict, mistake) {
                (Ok(_), None) => {}
                (Err(_), None) if example.is_line() => {}
                (Err(why), None) => {
                    // A status without text is one without a space.
                    let forgiven = example.check(Quirks::all(), false);
                    let textless = forgiven == Ok(Quirks::MISSING_TEXT);
                    assert!(textless, "RFC {rfc}: {}: {why}", example.said);
                }
                (strict, Some((_, said, mistake, _))) => {
                    wrong.insert((rfc.to_owned(), *said));
                    assert!(strict.is_err(), "RFC {rfc}: {said} is right");
                    let forgiven = example.check(Quirks::all(), false);
                    match mistake {
                        Forgiven(quirks) => assert_eq!(forgiven, Ok(*quirks), "{said}"),
                        Fatal(_) => assert!(forgiven.is_err(), "{said} is forgiven"),
                    }
                }
            }
        }
    }
    assert_eq!(
        wrong.len(),
        MISTAKES.len(),
        "a mistake is listed that is none"
    );
    assert!(count > 2500, "only {count} examples are left");
}

enum Mistake {
    /// It is read, if these mistakes are forgiven.
    Forgiven(Quirks),
    /// It cannot be read, and why.
    Fatal(#[expect(dead_code, reason = "it is for the reader")] &'static str),
}
use Mistake::{Fatal, Forgiven};

const SPACES: Mistake = Forgiven(Quirks::EXTRA_SPACES);

/// An entry of the RFC Editor's list of errata that says so, by its number.
type Erratum = Option<u32>;

/// What is wrong in the RFCs: which one, how the line begins, what it is, and who else says so.
const MISTAKES: &[(&str, &str, Mistake, Erratum)] = &[
    (
        "2193",
        "* OK [PERMANENTFLAGS (Answered Deleted Seen ]",
        Forgiven(Quirks::MISSING_TEXT),
        None,
    ),
    (
        "2342",
        "* NAMESPACE ((\"INBOX.\" \".\")) NIL  NIL",
        SPACES,
        None,
    ),
    (
        "2683",
        "* 3 FETCH (FLAGS(\\Seen) BODY[1]<0>",
        Fatal("no space before a list"),
        Some(3129),
    ),
    (
        "2683",
        "* LIST () \"\" INBOX",
        Forgiven(Quirks::EMPTY_DELIMITER),
        None,
    ),
    (
        "2683",
        "001 FETCH 1 UID FLAGS INTERNALDATE",
        Fatal("no parentheses"),
        None,
    ),
    (
        "2683",
        "002 FETCH 2 UID FLAGS INTERNALDATE",
        Fatal("no parentheses"),
        None,
    ),
    (
        "3501",
        "A044 BLURDYBLOOP {102856}",
        Fatal("no command; shown to be refused"),
        None,
    ),
    ("4314", "a005 Listrights successful", Fatal("no OK"), None),
    (
        "4314",
        "* 1 FETCH (FLAGS (\\Draft \\Deleted)",
        Fatal("a parenthesis is missing"),
        None,
    ),
    (
        "4314",
        "* 2 FETCH (FLAGS (\\Answered)",
        Fatal("a parenthesis is missing"),
        None,
    ),
    (
        "4314",
        "* 3 FETCH (FLAGS ($Forwarded \\Seen)",
        Fatal("a parenthesis is missing"),
        None,
    ),
    ("4314", "A006 Select Completed", Fatal("no OK"), None),
    (
        "4466",
        "a EXAMINE INBOX (ANNOTATE RESPONSES",
        Fatal("made-up parameters"),
        None,
    ),
    (
        "4466",
        "a SELECT INBOX (BLURDYBLOOP)",
        Fatal("a made-up parameter"),
        None,
    ),
    (
        "5032",
        "a1 * SEARCH 4 8 15 16 23 42",
        Fatal("a tag before the asterisk"),
        None,
    ),
    (
        "5255",
        "* NAMESPACE ((\"\" \"/\"))((\"Other Users/\"",
        Fatal("a space is missing"),
        None,
    ),
    (
        "5257",
        "* 1 FETCH (FLAGS (\\Seen)) ANNOTATION",
        Fatal("a parenthesis too many"),
        None,
    ),
    (
        "5257",
        "a SORT (ANNOTATION /altsubject value.shared)",
        Fatal("not supported: sorting by annotations"),
        None,
    ),
    (
        "5267",
        "B01 SORT RETURN (UPDATE) FLAGGED",
        Fatal("no order and no character set"),
        None,
    ),
    (
        "5267",
        "B02 UID SORT RETURN (UPDATE COUNT) UTF-8",
        Fatal("no order"),
        None,
    ),
    (
        "5464",
        "a GETMETADATA \"INBOX\" /private/comment /shared",
        Fatal("no parentheses"),
        Some(3868),
    ),
    (
        "5465",
        "b notify set status (selected MessageNew (uid",
        Fatal("no parentheses around events"),
        Some(1804),
    ),
    ("5465", "d STATUS completed", Fatal("no OK"), None),
    (
        "5465",
        "e notify set (selected MessageNew (uid",
        Fatal("no parentheses around events"),
        Some(1804),
    ),
    (
        "5465",
        "a00 SEARCH RETURN (COUNT UPDATE (UID",
        Fatal("an option that no grammar has"),
        None,
    ),
    (
        "5465",
        "* ESEARCH (TAG \"a00\") (COUNT 17)",
        Fatal("parentheses around a result"),
        None,
    ),
    (
        "5465",
        "* EXISTS 93",
        Fatal("the number is behind the name"),
        None,
    ),
    ("5819", "* LIST () \".\"  \"INBOX\"", SPACES, None),
    (
        "5819",
        "A02 LIST (SUBSCRIBED RECURSIVEMATCH)\"\"",
        Fatal("a space is missing"),
        None,
    ),
    (
        "5819",
        "* LIST (\\Subscribed) \".\"  \"INBOX\"",
        SPACES,
        None,
    ),
    (
        "7377",
        "tag1 UID ESEARCH FROM",
        Fatal("a command that no grammar has"),
        None,
    ),
    ("7889", "* LIST () \".\"  \"INBOX\"", SPACES, None),
    ("9051", "* LIST () \".\"  \"INBOX\"", SPACES, None),
    (
        "9051",
        "* LIST (\\Subscribed) \".\"  \"INBOX\"",
        SPACES,
        None,
    ),
    (
        "9051",
        "* NAMESPACE ((\"INBOX.\" \".\")) NIL  NIL",
        SPACES,
        None,
    ),
    (
        "9051",
        "A044 BLURDYBLOOP {102856}",
        Fatal("no command; shown to be refused"),
        None,
    ),
];
