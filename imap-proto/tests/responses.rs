//! Responses, both ways.

use bytes::Bytes;
use imap_proto::response::{Code, Data, Response, StatusKind, Token};
use imap_proto::{Frame, Quirks, Reader};

mod responding;
use responding::{both_ways, forgiven, otherwise, read, refused, strict, write};

#[test]
fn statuses() {
    both_ways(&[
        "* OK IMAP4rev1 server ready",
        "* PREAUTH [CAPABILITY IMAP4rev1 IMAP4rev2 AUTH=PLAIN X-MINE] hello",
        "* BYE see you",
        "A1 OK done",
        "A1 NO [UNAVAILABLE] later",
    ]);
    both_ways(&["* OK text with {5}", "* NO \"quotes\" (and more", "* OK "]);
    both_ways(&["+ idling", "+ ", "+ dXNlcg=="]);
    otherwise(&[
        ("* ok x", "* OK x"),
        ("a1 No [alert] x", "a1 NO [ALERT] x"),
        (
            "a OK [BADCHARSET (\"UTF-8\")] x",
            "a OK [BADCHARSET (UTF-8)] x",
        ),
    ]);
    refused(&[
        "",
        "*",
        "* ",
        "A1",
        "A1 ",
        "A1 OK",
        "A1 BYE x",
        "A1 PREAUTH x",
        "+",
        "A1 FETCH",
        "* OK",
    ]);
    forgiven(&[
        ("* OK", Quirks::MISSING_TEXT, "* OK "),
        (
            "a OK [HIGHESTMODSEQ 7]",
            Quirks::MISSING_TEXT,
            "a OK [HIGHESTMODSEQ 7] ",
        ),
        ("+", Quirks::BARE_PLUS, "+ "),
    ]);
}

#[test]
fn a_status_that_is_missing() {
    let mut reader = Reader::lenient();
    let frame = Frame::from(Bytes::from("* [COPYUID 1 1 1] done"));
    let response = reader.response(&frame).expect("forgiven");
    assert_eq!(write(&response), "* OK [COPYUID 1 1 1] done\r\n");
    assert_eq!(reader.fired(), Quirks::MISSING_STATUS);
}

#[test]
fn challenges() {
    let Response::Continuation(request) = strict("+ dXNlcg==") else {
        panic!("it is a continuation request");
    };
    assert_eq!(request.challenge().expect("base64").expose(), b"user");
    let Response::Continuation(request) = strict("+ go on") else {
        panic!("it is a continuation request");
    };
    assert!(request.challenge().is_err());
}

#[test]
fn codes() {
    for code in [
        "ALERT",
        "AUTHENTICATIONFAILED",
        "NOTIFICATIONOVERFLOW",
        "BADCHARSET",
        "BADCHARSET (UTF-8 US-ASCII)",
        "CAPABILITY IMAP4rev1",
        "PERMANENTFLAGS ()",
        "PERMANENTFLAGS (\\*)",
        "PERMANENTFLAGS (\\Deleted \\Seen $Forwarded \\*)",
        "UIDNEXT 4392",
        "UIDVALIDITY 3857529045",
        "UNSEEN 12",
        "APPENDUID 38505 3955",
        "COPYUID 38505 304,319:320 3956:3958",
        "HIGHESTMODSEQ 715194045007",
        "MODIFIED 7,9",
        "MAILBOXID (F2212ea87-6097-4256-9d51-71338625)",
        "REFERRAL IMAP://user;AUTH=*@server2/",
        "BADURL /INBOX/;uid=1",
        "URLMECH INTERNAL XSAMPLE=P34OKhO7VEkCbsiYY8rGEg==",
        "BADEVENT (FlagChange MessageNew)",
        "UNDEFINED-FILTER on-the-road",
        "NOUPDATE \"B02\"",
        "METADATA LONGENTRIES 2199",
        "METADATA MAXSIZE 1024",
        "METADATA TOOMANY",
        "METADATA NOPRIVATE",
        "ANNOTATE TOOBIG",
        "ANNOTATE TOOMANY",
        "ANNOTATIONS NONE",
        "ANNOTATIONS READ-ONLY",
        "ANNOTATIONS READ-ONLY NOPRIVATE",
        "ANNOTATIONS 20480",
        "ANNOTATIONS 20480 NOPRIVATE",
        "INPROGRESS",
        "INPROGRESS (\"A001\" 454 1000)",
        "INPROGRESS (NIL NIL NIL)",
        "MESSAGELIMIT 1000",
        "MESSAGELIMIT 1000 23221",
    ] {
        let line = format!("* OK [{code}] text");
        both_ways(&[&line]);
        let Response::Untagged(Data::Status(status)) = strict(&line) else {
            panic!("{line:?} is a status");
        };
        assert_eq!(status.kind, StatusKind::Ok);
        assert_eq!(status.text.to_text(), "text");
        let known = !matches!(status.code, Some(Code::Other { .. }) | None);
        assert!(known, "{code:?} is not known");
    }
}

#[test]
fn codes_that_are_not_known() {
    for (line, expected) in [
        ("* NO [THROTTLED] x", Some(("THROTTLED", None))),
        ("* NO [X-Y a (b \"c] d", Some(("X-Y", Some("a (b \"c")))),
        ("* OK [UIDNEXT 0] x", Some(("UIDNEXT", Some("0")))),
        ("* OK [COPYUID 1 * 1] x", Some(("COPYUID", Some("1 * 1")))),
        ("* OK [no end", None),
        ("* OK [] x", None),
    ] {
        both_ways(&[line]);
        let Response::Untagged(Data::Status(status)) = strict(line) else {
            panic!("{line:?} is a status");
        };
        match (status.code, expected) {
            (Some(Code::Other { name, arguments }), Some((known, text))) => {
                assert_eq!(name.as_str(), known);
                assert_eq!(
                    arguments.map(|text| text.to_text().into_owned()).as_deref(),
                    text
                );
            }
            (None, None) => {}
            (code, expected) => panic!("{line:?}: {code:?} instead of {expected:?}"),
        }
    }
}

#[test]
fn responses_that_are_not_known() {
    for line in [
        "* XNEW",
        "* XNEW a 1 (b (\"c d\") ()) NIL",
        "* 12AVERYLONGNAMEOFARESPONSETHAT EXISTS",
        "* 4294967296 XNEW",
        "* 23 XNEW BODY[HEADER.FIELDS (A B)]<0> ~x",
    ] {
        let response = strict(line);
        assert!(
            matches!(response, Response::Untagged(Data::Unknown(_))),
            "{line:?}"
        );
        assert_eq!(write(&response), format!("{line}\r\n"));
    }
    let Response::Untagged(Data::Unknown(unknown)) = strict("* XNEW ({3}\r\na)b)") else {
        panic!("it is not known");
    };
    let string = Token::String(b"a)b"[..].into());
    assert_eq!(unknown.tokens[1], Token::List(vec![string]));
    refused(&["* XNEW (", "* XNEW )", "* XNEW \"a"]);
    forgiven(&[("* XNEW (a", Quirks::LOOSE_STRING, "* XNEW (a")]);
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| format!("* X {}{}", "(".repeat(depth), ")".repeat(depth));
    assert!(read(Reader::strict(), &nested(100)).is_ok());
    for depth in [101, 1_000_000] {
        let error = read(Reader::strict(), &nested(depth)).expect_err("too deep");
        assert_eq!(error.expected, "fewer levels of nesting");
    }
}

#[test]
fn what_is_told_without_a_number() {
    both_ways(&[
        "* CAPABILITY IMAP4rev1 LITERAL+ AUTH=PLAIN X-MINE",
        "* ENABLED",
        "* ENABLED CONDSTORE QRESYNC",
        "* ID NIL",
        "* ID (\"name\" \"x\" \"version\" NIL)",
        "* FLAGS ()",
        "* FLAGS (\\Answered \\Seen $Junk)",
        "* VANISHED 405,407,410:420",
        "* VANISHED (EARLIER) 41,43:116",
        "* LIST () \"/\" INBOX",
        "* LIST (\\NonExistent \\Sent \\X-Mine) NIL \"a b\"",
        "* LIST () \"\\\\\" x",
        "* LSUB () \".\" Entw&APw-rfe",
        "* XLIST (\\Inbox) \"/\" INBOX",
        "* LIST () \"/\" a (\"CHILDINFO\" (\"SUBSCRIBED\" \"X\"))",
        "* LIST () \"/\" a (\"OLDNAME\" (b) \"X-Y\" (1 \"c d\"))",
        "* STATUS a ()",
        "* STATUS a (MESSAGES 1 RECENT 2 UIDNEXT 3 UIDVALIDITY 4 UNSEEN 5 DELETED 6 SIZE 7)",
        "* STATUS a (HIGHESTMODSEQ 0 APPENDLIMIT NIL MAILBOXID (x-1) DELETED-STORAGE 8 X-Y (1 2))",
        "* STATUS a (APPENDLIMIT 257890)",
        "* NAMESPACE NIL NIL NIL",
        "* NAMESPACE ((\"\" \"/\")(\"#mh/\" NIL \"X-PARAM\" (\"a\" \"b\"))) NIL ((\"#shared.\" \".\"))",
        "* SEARCH",
        "* SEARCH 2 84 882",
        "* SEARCH 999999999 1000000000 4294967295 1",
        "* SEARCH 2 5 (MODSEQ 917162500)",
        "* SORT 5 3 4",
        "* ESEARCH",
        "* ESEARCH (TAG \"A282\") MIN 2 COUNT 3",
        "* ESEARCH (TAG \"A285\") UID MIN 7 MAX 3800 ALL 5,3:4 MODSEQ 8",
        "* ESEARCH (TAG \"a\" MAILBOX b UIDVALIDITY 1) UID ALL 4001,4003",
        "* ESEARCH (TAG \"a\") UID PARTIAL (-1:-100 NIL) PARTIAL (1:2 7:8) X-Y (1 2)",
        "* ESEARCH (TAG \"a\") ALL 1,5,10 RELEVANCY (4 99 100)",
        "* ESEARCH (TAG \"a\") UID ADDTO (0 32768:32769) REMOVEFROM (0 32768 3 1)",
        "* THREAD",
        "* THREAD (2)(3 6 (4 23)(44 7 96))",
        "* THREAD ((3)(5))",
    ]);
    otherwise(&[
        (
            "* list (\\hasnochildren) \"/\" \"INBOX\"",
            "* LIST (\\HasNoChildren) \"/\" INBOX",
        ),
        (
            "* LIST () \"/\" a (CHILDINFO (SUBSCRIBED))",
            "* LIST () \"/\" a (\"CHILDINFO\" (\"SUBSCRIBED\"))",
        ),
    ]);
    refused(&[
        "* CAPABILITY (",
        "* LIST",
        "* LIST () \"//\" a",
        "* LIST (x) \"/\" a",
        "* LIST () \"/\" a b",
        "* STATUS a (MESSAGES)",
        "* STATUS a (MESSAGES 4294967296)",
        "* SEARCH 0",
        "* SEARCH 1 x",
        "* SEARCH 1 2x",
        "* SEARCH 4294967296",
        "* SEARCH 10000000000",
        "* SEARCH 1  2",
        "* SEARCH (MODSEQ 0)",
        "* VANISHED *",
        "* THREAD ()",
        "* THREAD (1",
        "* NAMESPACE NIL NIL",
        "* ESEARCH MIN 0",
        "* ESEARCH ALL 1 RELEVANCY (101)",
        "* LIST () \"\" x",
        "* FLAGS (a",
        "* FLAGS () x",
    ]);
    forgiven(&[
        (
            "* STATUS a (UIDVALIDITY 0)",
            Quirks::ZERO_NUMBER,
            "* STATUS a (UIDVALIDITY 0)",
        ),
        (
            "* STATUS a (MESSAGES  1 )",
            Quirks::EXTRA_SPACES,
            "* STATUS a (MESSAGES 1)",
        ),
        ("* SEARCH 1 ", Quirks::EXTRA_SPACES, "* SEARCH 1"),
        (
            "* LIST () \"\" x",
            Quirks::EMPTY_DELIMITER,
            "* LIST () NIL x",
        ),
        (
            "* LIST () \"/\" Entw\u{fc}rfe",
            Quirks::RAW_MAILBOX,
            "* LIST () \"/\" {9}\r\nEntw\u{fc}rfe",
        ),
        (
            "* LIST () \"/\" a&b",
            Quirks::RAW_MAILBOX,
            "* LIST () \"/\" a&b",
        ),
    ]);
}

#[test]
fn what_extensions_tell() {
    both_ways(&[
        "* QUOTA \"\" (STORAGE 10 512 MESSAGE 9223372036854775807 0)",
        "* QUOTA #user/alice ()",
        "* QUOTAROOT INBOX \"\" #user/alice",
        "* QUOTAROOT comp.mail.mime",
        "* ACL INBOX alice rwipslxetad -bob r anyone \"\"",
        "* ACL INBOX",
        "* LISTRIGHTS archive/imap \"alice b\" la r swicdkxte 0 1",
        "* LISTRIGHTS x alice \"\"",
        "* MYRIGHTS Entw&APw-rfe rwiptsldaex",
        "* MYRIGHTS x \"\"",
        "* METADATA INBOX (/shared/comment \"Shared\" /private/comment NIL)",
        "* METADATA \"\" (/shared/vendor/x ~{3}\r\na\0b)",
        "* METADATA \"\" /shared/comment /private/comment",
        "* GENURLAUTH \"imap://a@b/INBOX/;uid=20;urlauth=submit+c:internal:91\" \"x\"",
        "* URLFETCH \"imap://a\" {3}\r\na b \"imap://b\" NIL \"imap://c\" \"\"",
        "* URLFETCH \"imap://a\" (BODYPARTSTRUCTURE (\"A\" \"B\" NIL NIL NIL \"7BIT\" 1)) (BINARY ~{2}\r\na\0) \"imap://b\" (BODY NIL)",
        "* LANGUAGE (DE)",
        "* LANGUAGE (EN DE-IT i-default)",
        "* COMPARATOR i;unicode-casemap",
        "* COMPARATOR i;basic (i;basic \"a b\")",
        "* JMAPACCESS \"https://jmap.example.org/.s/[x]\"",
    ]);
    refused(&[
        "* QUOTA \"\"",
        "* QUOTA \"\" (STORAGE 10)",
        "* QUOTA \"\" (STORAGE 10 9223372036854775808)",
        "* QUOTAROOT",
        "* ACL x alice",
        "* ACL x alice r!",
        "* LISTRIGHTS x alice",
        "* MYRIGHTS x",
        "* METADATA x ()",
        "* METADATA x (a)",
        "* METADATA x",
        "* GENURLAUTH",
        "* URLFETCH a",
        "* URLFETCH a ()",
        "* URLFETCH a (BINARY)",
        "* LANGUAGE ()",
        "* COMPARATOR",
        "* JMAPACCESS x",
    ]);
    forgiven(&[(
        "* URLFETCH a (BODYPARTSTRUCTURE (\"A\" \"B\" NIL NIL NIL \"7BIT\" 1) BODY {1}\r\nx) b NIL",
        Quirks::JOINED_URL_ITEMS,
        "* URLFETCH \"a\" (BODYPARTSTRUCTURE (\"A\" \"B\" NIL NIL NIL \"7BIT\" 1)) (BODY {1}\r\nx) \"b\" NIL",
    )]);
}

#[test]
fn numbers_that_are_not_0_do_not_begin_with_0() {
    refused(&[
        "* 01 EXPUNGE",
        "* SEARCH 1 02",
        "* VANISHED 1:02",
        "* 01 FETCH ()",
    ]);
    both_ways(&["* 0 EXISTS"]);
}

#[test]
fn what_is_told_with_a_number() {
    both_ways(&["* 0 EXISTS", "* 23 EXISTS", "* 5 RECENT", "* 44 EXPUNGE"]);
    refused(&["* 0 EXPUNGE", "* 4294967296 EXISTS", "* 1 EXISTS x"]);
}
