//! What real servers say is understood: every reply of `replies/` has types, and means what it says.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use imap_proto::frame::{Found, Framer};
use imap_proto::response::{Data, FetchItem, Response};
use imap_proto::{Quirks, Reader};
use mailwire::Input;

mod responding;
use responding::write;

/// The responses of a file, and what had to be forgiven.
fn responses(file: &Path) -> (Vec<Response>, Quirks) {
    let text = fs::read_to_string(file).expect("a file");
    let text = text.replace('\n', "\r\n");
    let mut framer = Framer::responses();
    let mut input = Input::new(framer.input_limit());
    let mut reader = Reader::lenient();
    let mut responses = Vec::new();
    for octets in text.as_bytes().chunks(7) {
        assert_eq!(input.extend(octets), octets.len());
        loop {
            let frame = match framer.next(&mut input) {
                Ok(Found::Incomplete) => break,
                Ok(Found::Frame(frame)) => frame,
                other => panic!("{}: {other:?}", file.display()),
            };
            let response = reader.response(&frame).unwrap_or_else(|error| {
                panic!("{}: {:?}: {error}", file.display(), frame.octets())
            });
            responses.push(response);
        }
    }
    assert!(input.is_empty(), "{}: {input:?} is left", file.display());
    (responses, reader.fired())
}

/// What is in the file, in this order.
fn check(name: &str, forgiven: Quirks, expected: &[&str]) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/replies")
        .join(name);
    let (responses, fired) = responses(&file);
    assert_eq!(fired, forgiven, "{name}");
    for response in &responses {
        assert_known(name, response);
        let mut reader = Reader::lenient();
        let written = write(response);
        let frame = imap_proto::Frame::from(bytes::Bytes::from(written.clone()));
        assert_eq!(
            reader.response(&frame).as_ref(),
            Ok(response),
            "{written:?}"
        );
    }
    let shown = format!("{responses:?}");
    let mut rest = &shown[..];
    for fragment in expected {
        let Some(at) = rest.find(fragment) else {
            panic!("{name}: no {fragment:?} in {rest}");
        };
        rest = &rest[at + fragment.len()..];
    }
}

/// Nothing is unknown, but what no RFC defines.
fn assert_known(name: &str, response: &Response) {
    match response {
        Response::Untagged(Data::Unknown(unknown)) => panic!("{name}: {unknown:?}"),
        Response::Untagged(Data::Fetch(fetched)) => {
            for item in &fetched.items {
                match item {
                    FetchItem::Invalid(item) => panic!("{name}: {item:?}"),
                    FetchItem::Other(item) => {
                        assert!(item.name.to_text().starts_with("XAOL"), "{name}: {item:?}");
                    }
                    _ => {}
                }
            }
        }
        _ => {}
    }
    let shown = format!("{response:?}");
    assert!(!shown.contains("Code::Other"), "{name}: {shown}");
    assert!(!shown.contains("Some(Other {"), "{name}: {shown}");
}

#[test]
fn every_reply_means_what_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/replies");
    let mut files = BTreeSet::new();
    for server in ["common", "dovecot"] {
        for entry in fs::read_dir(folder.join(server)).expect("a folder") {
            let name = entry.expect("an entry").file_name();
            files.insert(format!("{server}/{}", name.to_str().expect("a name")));
        }
    }
    let known: BTreeSet<_> = REPLIES
        .iter()
        .map(|(name, ..)| format!("{name}.txt"))
        .collect();
    assert_eq!(files, known, "each file has its values");
    for (name, forgiven, expected) in REPLIES {
        check(&format!("{name}.txt"), *forgiven, expected);
    }
}

const NONE: Quirks = Quirks::empty();

/// What Dovecot can do when somebody has logged in, but for its last words.
const CAPABILITIES: &str = "Known(Imap4Rev1), Known(LiteralPlus), Known(SaslIr), Known(LoginReferrals), Known(Id), Known(Enable), Known(Idle), Known(Sort), Known(SortDisplay), Thread(Atom(REFERENCES)), Thread(Atom(REFS)), Thread(Atom(ORDEREDSUBJECT)), Known(MultiAppend), Known(UrlPartial), Known(Catenate), Known(Unselect), Known(Children), Known(Namespace), Known(UidPlus), Known(ListExtended), Known(I18nLevel1), Known(CondStore), Known(QResync), Known(ESearch), Known(ESort), Known(SearchRes), Known(Within), Context(Atom(SEARCH)), Known(ListStatus), Known(Binary), Known(Move), Known(SpecialUse)";

const REPLIES: &[(&str, Quirks, &[&str])] = &[
    (
        "common/basic-greeting",
        NONE,
        &["kind: Ok, code: None", r#""IMAP4 server ready.""#],
    ),
    (
        "common/capability-greeting",
        Quirks::MISSING_TEXT,
        &[
            "kind: Ok",
            "Known(Imap4Rev1), Known(Unselect), Known(Namespace), Auth(Atom(PLAIN))",
        ],
    ),
    (
        "common/capability",
        NONE,
        &["Capability([Known(Imap4Rev1)])", "Tagged", "kind: Ok"],
    ),
    (
        "common/fetch-annotations",
        NONE,
        &[
            "number: 1",
            r#"entry: "/comment", attributes: [("value.priv", Some("My comment")), ("value.shared", None)]"#,
            r#"entry: "/altsubject""#,
            r#"("size.shared", Some("0"))"#,
        ],
    ),
    (
        "common/getquota",
        NONE,
        &[
            r#"root: "", resources: [ResourceUsage { name: Atom(STORAGE), usage: 3783, limit: 15728640 }]"#,
        ],
    ),
    (
        "common/getquota-no-root",
        NONE,
        &[
            r#"QuotaRoot(QuotaRoot { mailbox: MailboxName("INBOX"), roots: ["storage=0"] })"#,
            "usage: 28257, limit: 256000",
        ],
    ),
    (
        "common/id",
        NONE,
        &[
            r#"Id(Some([("name", Some("GImap")), ("vendor", Some("Google, Inc."))"#,
            r#"("remote-host", Some("127.0.0.1"))"#,
        ],
    ),
    (
        "common/list-inbox",
        NONE,
        &[
            "attributes: MailboxAttributes(0x0)",
            r#"delimiter: Some('/'), mailbox: MailboxName("INBOX")"#,
        ],
    ),
    (
        "common/list-literal-subfolders",
        NONE,
        &[
            r#"MailboxName("INBOX")"#,
            "HAS_NO_CHILDREN",
            r#"MailboxName("Literal Folder Name")"#,
        ],
    ),
    (
        "common/list-namespace",
        NONE,
        &["NO_SELECT", r#"MailboxName("")"#],
    ),
    (
        "common/list-nil-folder-delim",
        Quirks::EMPTY_DELIMITER,
        &[
            "delimiter: Some('/')",
            r#"delimiter: None, mailbox: MailboxName("Folder1")"#,
            r#"delimiter: None, mailbox: MailboxName("Folder2")"#,
        ],
    ),
    (
        "common/namespace",
        NONE,
        &[
            r#"personal: Some([Namespace { prefix: MailboxName("")"#,
            r#"prefix: MailboxName("Other Users/"), delimiter: Some('/'), extensions: [("TRANSLATION", ["Andere Ben&APw-tzer/"])]"#,
            "shared: Some",
        ],
    ),
    (
        "common/preauth-capability-greeting",
        Quirks::MISSING_TEXT,
        &["kind: PreAuth, code: Some(Capability([Known(Imap4Rev1)]))"],
    ),
    (
        "common/preauth-greeting",
        NONE,
        &[
            "kind: PreAuth, code: None",
            r#""IMAP4rev1 server logged in as alice""#,
        ],
    ),
    (
        "common/select-inbox",
        NONE,
        &[
            "Flags(Flags { system: System(ANSWERED | FLAGGED | DELETED | SEEN | DRAFT)",
            "any: true",
            "Exists(8)",
            "Recent(8)",
            "Unseen(1)",
            "UidValidity(1436832084)",
            "UidNext(9)",
            "HighestModSeq(ModSeq(2))",
            "Tagged",
            "Word(ReadWrite)",
        ],
    ),
    (
        "common/select-inbox-no-modseq",
        NONE,
        &[
            "Flags(Flags { system: System(ANSWERED | FLAGGED | DELETED | SEEN | DRAFT)",
            "any: true",
            "Exists(8)",
            "Recent(8)",
            "Unseen(1)",
            "UidValidity(1436832084)",
            "UidNext(9)",
            "Word(ReadWrite)",
        ],
    ),
    (
        "common/select-inbox-annotate",
        Quirks::MISSING_TEXT,
        &[
            "Flags(Flags { system: System(ANSWERED | FLAGGED | DELETED | SEEN | DRAFT)",
            "any: true",
            "Exists(8)",
            "Recent(8)",
            "Unseen(1)",
            "UidValidity(1436832084)",
            "UidNext(9)",
            "HighestModSeq(ModSeq(2))",
            "Annotations(Size { size: 20480, no_private: true })",
            "Word(ReadWrite)",
        ],
    ),
    (
        "common/select-inbox-annotate-no-modseq",
        Quirks::MISSING_TEXT,
        &[
            "Flags(Flags { system: System(ANSWERED | FLAGGED | DELETED | SEEN | DRAFT)",
            "any: true",
            "Exists(8)",
            "Recent(8)",
            "Unseen(1)",
            "UidValidity(1436832084)",
            "UidNext(9)",
            "Annotations(Size { size: 20480, no_private: true })",
        ],
    ),
    (
        "common/select-inbox-annotate-none",
        Quirks::MISSING_TEXT,
        &[
            "Flags(Flags { system: System(ANSWERED | FLAGGED | DELETED | SEEN | DRAFT)",
            "any: true",
            "Exists(8)",
            "Recent(8)",
            "Unseen(1)",
            "UidValidity(1436832084)",
            "UidNext(9)",
            "Annotations(None)",
        ],
    ),
    (
        "common/select-inbox-annotate-readonly",
        Quirks::MISSING_TEXT,
        &[
            "Flags(Flags { system: System(ANSWERED | FLAGGED | DELETED | SEEN | DRAFT)",
            "any: true",
            "Exists(8)",
            "Recent(8)",
            "Unseen(1)",
            "UidValidity(1436832084)",
            "UidNext(9)",
            "Annotations(ReadOnly { no_private: false })",
        ],
    ),
    (
        "common/setquota",
        NONE,
        &[
            "name: Atom(MESSAGE), usage: 1107, limit: 1000000",
            "name: Atom(STORAGE), usage: 3783, limit: 5242880",
        ],
    ),
    (
        "common/status-literal-folder",
        NONE,
        &[r#"MailboxName("Literal Folder Name"), values: [Messages(60)]"#],
    ),
    (
        "dovecot/append.1",
        NONE,
        &["AppendUid { uid_validity: 1436832084, uids: OrderedSet(1) }"],
    ),
    (
        "dovecot/append.2",
        NONE,
        &["AppendUid { uid_validity: 1436832084, uids: OrderedSet(2) }"],
    ),
    (
        "dovecot/append.3",
        NONE,
        &["AppendUid { uid_validity: 1436832084, uids: OrderedSet(3) }"],
    ),
    (
        "dovecot/append.4",
        NONE,
        &["AppendUid { uid_validity: 1436832084, uids: OrderedSet(4) }"],
    ),
    (
        "dovecot/append.5",
        NONE,
        &["AppendUid { uid_validity: 1436832084, uids: OrderedSet(5) }"],
    ),
    (
        "dovecot/append.6",
        NONE,
        &["AppendUid { uid_validity: 1436832084, uids: OrderedSet(6) }"],
    ),
    (
        "dovecot/append.7",
        NONE,
        &["AppendUid { uid_validity: 1436832084, uids: OrderedSet(7) }"],
    ),
    (
        "dovecot/append.8",
        NONE,
        &["AppendUid { uid_validity: 1436832084, uids: OrderedSet(8) }"],
    ),
    (
        "dovecot/authenticate",
        NONE,
        &[CAPABILITIES, "])", r#""Logged in""#],
    ),
    (
        "dovecot/authenticate+annotate",
        NONE,
        &[
            CAPABILITIES,
            ", Known(AnnotateExperiment1)])",
            r#""Logged in""#,
        ],
    ),
    (
        "dovecot/authenticate+annotate+replace",
        NONE,
        &[
            CAPABILITIES,
            ", Known(AnnotateExperiment1), Known(Replace)])",
            r#""Logged in""#,
        ],
    ),
    (
        "dovecot/authenticate+filters",
        NONE,
        &[CAPABILITIES, ", Known(Filters)])", r#""Logged in""#],
    ),
    (
        "dovecot/authenticate+fuzzy",
        NONE,
        &[CAPABILITIES, ", Known(SearchFuzzy)])", r#""Logged in""#],
    ),
    (
        "dovecot/authenticate+gmail-capabilities",
        NONE,
        &[CAPABILITIES, ", Known(GmailExt1)])", r#""Logged in""#],
    ),
    (
        "dovecot/authenticate+partial",
        NONE,
        &[
            CAPABILITIES,
            ", Known(Partial), Known(GmailExt1)])",
            r#""Logged in""#,
        ],
    ),
    (
        "dovecot/authenticate+replace",
        NONE,
        &[CAPABILITIES, ", Known(Replace)])", r#""Logged in""#],
    ),
    (
        "dovecot/authenticate+savedate",
        NONE,
        &[CAPABILITIES, ", Known(SaveDate)])", r#""Logged in""#],
    ),
    (
        "dovecot/greeting-preauth",
        NONE,
        &["PreAuth", CAPABILITIES, ", Known(Notify)])"],
    ),
    (
        "dovecot/greeting",
        NONE,
        &[
            "kind: Ok",
            "Auth(Atom(DIGEST-MD5)), Auth(Atom(CRAM-MD5)), Auth(Atom(NTLM))",
            r#""Dovecot ready.""#,
        ],
    ),
    (
        "dovecot/copy",
        NONE,
        &["CopyUid { uid_validity: 1436832101, from: OrderedSet(1:7), to: OrderedSet(1:7) }"],
    ),
    (
        "dovecot/enable-qresync",
        NONE,
        &["Enabled([Known(QResync), Known(CondStore)])"],
    ),
    (
        "dovecot/examine-folder",
        NONE,
        &[
            "PermanentFlags(PermanentFlags { flags: Flags { system: System(0x0), others: [] }, any: false })",
            "Exists(0)",
            "UidNext(1)",
            "HighestModSeq(ModSeq(1))",
            "Word(ReadOnly)",
        ],
    ),
    (
        "dovecot/expunge",
        NONE,
        &[
            "Vanished { earlier: false, uids: NumberSet(1:14) }",
            "Recent(0)",
            "HighestModSeq(ModSeq(7))",
        ],
    ),
    (
        "dovecot/fetch-partial",
        NONE,
        &[
            "number: 6, items: [Uid(6), Flags(Flags { system: System(SEEN), others: [] })]",
            "number: 8",
        ],
    ),
    (
        "dovecot/fetch-partial-changedsince",
        NONE,
        &[
            "number: 3, items: [Uid(3), Flags(Flags { system: System(SEEN), others: [] }), ModSeq(ModSeqOrZero(Some(ModSeq(4))))]",
        ],
    ),
    (
        "dovecot/fetch-partial-vanished",
        NONE,
        &[
            "Vanished { earlier: true, uids: NumberSet(5) }",
            "number: 7",
        ],
    ),
    (
        "dovecot/fetch1",
        NONE,
        &[
            "number: 1, items: [Uid(1), Flags(Flags { system: System(ANSWERED | SEEN | DRAFT)",
            r#"name: Text("XAOL.SPAM.REASON"), value: Word(Text("0"))"#,
            r#"value: List([Word(Text("XAOL-TOKEN-PARAM1"))"#,
            r#"String(Whole("XAOL-TOKEN-VALUE2"))"#,
            r#"List([Word(Text("XAOL-SUBTOKEN-PARAM")), Word(Text("XAOL-SUBTOKEN-VALUE"))])"#,
            "number: 7",
        ],
    ),
    (
        "dovecot/fetch2",
        NONE,
        &[
            "Vanished { earlier: true, uids: NumberSet(8) }",
            "number: 7, items: [Uid(7)",
            "ModSeq(ModSeqOrZero(Some(ModSeq(3))))",
        ],
    ),
    (
        "dovecot/fetch3",
        NONE,
        &[
            "Rfc822Size(253)",
            r#"date: Some("Sun, 02 Oct 2016 17:28:25 -0400"), subject: Some("A"), from: [Address { name: Some("Unit Tests"), route: None, mailbox: Some("unit-tests"), host: Some("example.org") }]"#,
            r#"message_id: Some("<a@example.org>")"#,
            r#"media_type: "text", subtype: "plain", parameters: [Parameter { name: "charset", value: "utf-8" }]"#,
            "octets: 27, kind: Text { lines: 1 }",
            r#"HeaderFields(["REFERENCES", "X-MAILER"])"#,
            r#"content: Some(Whole("\r\n"))"#,
            "number: 14, items: [Uid(14)",
        ],
    ),
    (
        "dovecot/fetch4",
        NONE,
        &[
            "Rfc822Size(253)",
            r#"date: Some("Sun, 02 Oct 2016 17:28:25 -0400"), subject: Some("A"), from: [Address { name: Some("Unit Tests"), route: None, mailbox: Some("unit-tests"), host: Some("example.org") }]"#,
            r#"message_id: Some("<a@example.org>")"#,
            r#"media_type: "text", subtype: "plain", parameters: [Parameter { name: "charset", value: "utf-8" }]"#,
            "octets: 27, kind: Text { lines: 1 }",
            r#"HeaderFields(["REFERENCES"])"#,
            r#"content: Some(Whole("\r\n"))"#,
            "number: 14, items: [Uid(14)",
        ],
    ),
    (
        "dovecot/getbodypart",
        NONE,
        &[
            r#"Section(FetchedSection { section: Section { part: [], text: None }, origin: None, content: Some(Whole("From: Unit Tests"#,
            "... of 253))",
        ],
    ),
    (
        "dovecot/getbodypart1",
        NONE,
        &[
            "part: [1], text: Some(Mime)",
            "part: [1], text: None",
            r#"Whole("This is the message body.\r\n")"#,
        ],
    ),
    (
        "dovecot/getbodypartheaders",
        NONE,
        &[
            "text: Some(Mime)",
            r#"Whole("Content-Type: text/plain; charset=utf-8\r\n\r\n")"#,
            "Uid(2)",
        ],
    ),
    (
        "dovecot/getmessageheaders",
        NONE,
        &["part: [], text: Some(Header)", "Subject: A", "Uid(1)"],
    ),
    (
        "dovecot/getstream",
        NONE,
        &[
            r#"origin: Some(128), content: Some(Whole("nit Tests"#,
            r#"Content-T"))"#,
        ],
    ),
    (
        "dovecot/getstream2",
        NONE,
        &["origin: Some(128)", r#"Content-T")) }), Uid(1)]"#],
    ),
    (
        "dovecot/getstream-section",
        NONE,
        &[
            r#"HeaderFields(["MIME-VERSION", "CONTENT-TYPE"])"#,
            r#"Whole("MIME-Version: 1.0"#,
        ],
    ),
    (
        "dovecot/getstream-section2",
        NONE,
        &[
            r#"HeaderFields(["MIME-VERSION", "CONTENT-TYPE"])"#,
            r#"Whole("MIME-Version: 1.0"#,
        ],
    ),
    (
        "dovecot/getstreams1",
        NONE,
        &[
            "number: 3, items: [Uid(3), Section",
            "This is some dummy text just to make sure this is working correctly.",
        ],
    ),
    (
        "dovecot/getstreams2",
        NONE,
        &[
            "number: 3, items: [Section",
            r#"working correctly.")) }), Uid(3)]"#,
        ],
    ),
    (
        "dovecot/list-folder",
        NONE,
        &[r#"delimiter: Some('.'), mailbox: MailboxName("Folder")"#],
    ),
    (
        "dovecot/list-inbox",
        NONE,
        &["HAS_NO_CHILDREN | SUBSCRIBED", r#"MailboxName("INBOX")"#],
    ),
    (
        "dovecot/list-personal",
        NONE,
        &[
            r#"MailboxName("Archives")"#,
            "values: [Messages(0), Recent(0), UidNext(Some(1)), UidValidity(Some(1436832059)), Unseen(0), HighestModSeq(ModSeqOrZero(Some(ModSeq(1))))]",
            r#"MailboxName("Sent Messages"), extended"#,
            "UidValidity(Some(1436832057)), Unseen(0), HighestModSeq(ModSeqOrZero(Some(ModSeq(15))))",
            "List(Listed",
            r#"mailbox: MailboxName("NIL")"#,
            r#"mailbox: MailboxName("NIL"), values"#,
        ],
    ),
    (
        "dovecot/list-special-use",
        NONE,
        &[
            "SUBSCRIBED | DRAFTS",
            "SUBSCRIBED | JUNK",
            "SUBSCRIBED | SENT",
            "SUBSCRIBED | TRASH",
        ],
    ),
    (
        "dovecot/list-unittests",
        NONE,
        &[r#"MailboxName("UnitTests")"#],
    ),
    (
        "dovecot/list-unittests-destination",
        NONE,
        &[r#"MailboxName("UnitTests.Destination")"#],
    ),
    (
        "dovecot/list-unittests-messages",
        NONE,
        &[r#"MailboxName("UnitTests.Messages")"#],
    ),
    (
        "dovecot/move",
        NONE,
        &[
            "Untagged(Status(Status { kind: Ok, code: Some(CopyUid(CopyUid { uid_validity: 1436832101, from: OrderedSet(1:7), to: OrderedSet(8:14) }))",
            "Vanished { earlier: false, uids: NumberSet(1:7) }",
            "Tagged",
        ],
    ),
    ("dovecot/multiappend", NONE, &["uids: OrderedSet(1:8)"]),
    (
        "dovecot/namespace",
        NONE,
        &[
            r#"personal: Some([Namespace { prefix: MailboxName(""), delimiter: Some('.'), extensions: [] }]), others: None, shared: None"#,
        ],
    ),
    (
        "dovecot/noop+alert",
        NONE,
        &["Word(Alert)", "System shutdown in 10 minutes"],
    ),
    (
        "dovecot/notify",
        NONE,
        &["values: [Messages(1), UidNext(Some(2)), UidValidity(Some(1543354379)), Unseen(1)]"],
    ),
    (
        "dovecot/notify-idle",
        Quirks::EXTRA_SPACES,
        &[
            r#"Continuation(Continuation { code: None, text: Text("idling")"#,
            "NON_EXISTENT",
            r#"MailboxName("DeleteMe")"#,
            r#"extended: [OldName(MailboxName("RenameMe"))]"#,
            r#"MailboxName(""), entries: Values([MetadataEntry { name: "/private/comment", value: Some("this is a comment") }])"#,
            "Fetch(",
            r#"host: Some("lists.example.net") }, Address { name: Some("Bob Brown")"#,
            "octets: 3028, kind: Text { lines: 92 }, extension: None",
            "ModSeq(1)",
        ],
    ),
    (
        "dovecot/notify-idle-done",
        NONE,
        &["kind: Ok, code: None", "Idle completed"],
    ),
    (
        "dovecot/notify-list-personal",
        NONE,
        &[
            "HAS_CHILDREN",
            r#"MailboxName("Folder")"#,
            "HAS_NO_CHILDREN | SUBSCRIBED",
            r#"MailboxName("UnsubscribeMe")"#,
        ],
    ),
    (
        "dovecot/optimized-search",
        NONE,
        &[
            "tag: Some(Tag(A########))",
            "by: Uid, results: [All(OrderedSet(1:7))]",
        ],
    ),
    (
        "dovecot/search-all",
        NONE,
        &["by: Uid, results: [All(OrderedSet(1:14))]"],
    ),
    (
        "dovecot/search-changed-since",
        NONE,
        &[
            "results: [Min(1), Max(7), All(OrderedSet(1:7)), Count(7), ModSeq(ModSeq(4)), Relevancy([11, 22, 33, 44, 55, 66, 77])]",
        ],
    ),
    (
        "dovecot/search-partial",
        NONE,
        &["from_end: false }, Some(OrderedSet(1:3,5,7:10)))"],
    ),
    (
        "dovecot/search-partial-negative",
        NONE,
        &["first: 1, last: 10 }, from_end: true }, Some(OrderedSet(5:14)))"],
    ),
    (
        "dovecot/search-partial-nil",
        NONE,
        &["first: 100, last: 110 }, from_end: false }, None)"],
    ),
    (
        "dovecot/search-partial-options",
        NONE,
        &["Count(14), Min(1), Max(14), Partial("],
    ),
    (
        "dovecot/search-raw",
        NONE,
        &[
            "Search(Found { numbers: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14], mod_seq: Some(ModSeq(12345678)) })",
        ],
    ),
    ("dovecot/search-uids", NONE, &["All(OrderedSet(1:14))"]),
    (
        "dovecot/search-uids-options",
        NONE,
        &[
            "Min(2), Max(13), All(OrderedSet(2:6,9:13)), Count(10), Relevancy([2, 3, 4, 5, 6, 9, 10, 11, 12, 13])",
        ],
    ),
    (
        "dovecot/select-unittests-destination",
        NONE,
        &[
            "Word(Closed)",
            "any: true",
            "Exists(14)",
            "UidValidity(1436832128)",
            "UidNext(15)",
            "HighestModSeq(ModSeq(3))",
        ],
    ),
    (
        "dovecot/select-unittests-messages",
        NONE,
        &[
            "Flags(Flags { system: System(ANSWERED | FLAGGED | DELETED | SEEN | DRAFT)",
            "any: true",
            "Exists(8)",
            "Recent(8)",
            "Unseen(1)",
            "UidValidity(1436832084)",
            "UidNext(9)",
            "HighestModSeq(ModSeq(2))",
        ],
    ),
    (
        "dovecot/select-unittests-messages-qresync",
        NONE,
        &[
            "Exists(7)",
            "HighestModSeq(ModSeq(6))",
            "Vanished { earlier: true, uids: NumberSet(8) }",
            "number: 1, items: [Uid(1)",
            "number: 7",
            "Word(ReadWrite)",
        ],
    ),
    (
        "dovecot/setflags-unchangedsince",
        NONE,
        &[
            "number: 1, items: [Uid(1), ModSeq(ModSeqOrZero(Some(ModSeq(6))))]",
            "Modified(NumberSet(7,9))",
        ],
    ),
    (
        "dovecot/sort-by-date",
        NONE,
        &["All(OrderedSet(7,14,6,13,5,12,4,11,3,10,2,9,1,8))"],
    ),
    ("dovecot/sort-by-strings", NONE, &["All(OrderedSet(1:14))"]),
    (
        "dovecot/sort-partial",
        NONE,
        &["last: 5 }, from_end: false }, Some(OrderedSet(14,12,10,8,6))"],
    ),
    (
        "dovecot/sort-partial-count",
        NONE,
        &["Count(14), Partial(", "Some(OrderedSet(14,12,10,8,6))"],
    ),
    (
        "dovecot/sort-raw",
        NONE,
        &[
            "Sort(Found { numbers: [7, 14, 6, 13, 5, 12, 4, 11, 3, 10, 2, 9, 1, 8], mod_seq: None })",
        ],
    ),
    (
        "dovecot/sort-reverse-arrival",
        NONE,
        &[
            "Min(7), Max(1), All(OrderedSet(7,6,5,4,3,2,1)), Count(7), Relevancy([7, 6, 5, 4, 3, 2, 1])",
        ],
    ),
    (
        "dovecot/sort-uids-options",
        NONE,
        &["Min(1), Max(14), All(OrderedSet(1:14)), Count(14), Relevancy([1, 2,"],
    ),
    (
        "dovecot/status-unittests-destination",
        NONE,
        &[
            r#"mailbox: MailboxName("UnitTests.Destination"), values: [Messages(14), Recent(14), UidNext(Some(15)), UidValidity(Some(1436832101)), Unseen(0), HighestModSeq(ModSeqOrZero(Some(ModSeq(3))))]"#,
        ],
    ),
    (
        "dovecot/store-answered",
        NONE,
        &["number: 3, items: [Uid(3), ModSeq(ModSeqOrZero(Some(ModSeq(4))))]"],
    ),
    (
        "dovecot/store-deleted",
        NONE,
        &["number: 8, items: [Uid(8), ModSeq(ModSeqOrZero(Some(ModSeq(5))))]"],
    ),
    (
        "dovecot/store-deleted-custom",
        NONE,
        &[
            "others: [Keyword(Atom($Custom))]",
            "any: true",
            "number: 14",
            "Modified(NumberSet(7,9))",
        ],
    ),
    (
        "dovecot/store-seen",
        NONE,
        &["number: 8, items: [Uid(8), ModSeq(ModSeqOrZero(Some(ModSeq(3))))]"],
    ),
    (
        "dovecot/thread-orderedsubject",
        NONE,
        &["Thread([MessageThread { numbers: [1], branches: [] }, MessageThread { numbers: [2]"],
    ),
    (
        "dovecot/thread-references",
        NONE,
        &[
            "Thread([MessageThread { numbers: [1], branches: [MessageThread { numbers: [2], branches: [MessageThread { numbers: [3, 5], branches: [] }, MessageThread { numbers: [6], branches: [] }] }, MessageThread { numbers: [4], branches: [] }] }, MessageThread { numbers: [7], branches: [] }])",
        ],
    ),
    (
        "dovecot/uid-expunge",
        NONE,
        &[
            "Vanished { earlier: false, uids: NumberSet(8) }",
            "Recent(7)",
            "HighestModSeq(ModSeq(6))",
        ],
    ),
];
