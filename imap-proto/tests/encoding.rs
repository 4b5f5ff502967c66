//! What is written is read back as the same command, whatever the server can read.

use std::num::NonZeroU32;

use bytes::{Buf, Bytes};
use imap_proto::command::{
    Append, AppendData, AppendMessage, By, Command, CommandBody, Copy, DayKey, Fetch,
    FetchAttribute, IsKey, Login, MetadataEntry, Rename, Search, SearchKey, Select, SetMetadata,
    Store, StoreHow, TextKey,
};
use imap_proto::encode::{Encoder, Encoding, Literals, Next};
use imap_proto::frame::{Found, Framer};
use imap_proto::{
    Atom, Content, Date, DateTime, Flag, Flags, MailboxName, NumberSet, Octets, Partial, Reader,
    Run, Section, SectionText, SequenceSet, StatusItem,
};
use mailwire::{Input, Output};
use proptest::collection::vec;
use proptest::prelude::*;

/// Any octets but NUL, which only a `literal8` may hold, in notations of every kind.
fn octets() -> BoxedStrategy<Octets> {
    prop_oneof![
        4 => "[!-~]{0,12}".prop_map(Octets::from),
        2 => "[ -~\t\r\n\"\\\\{}+\u{e4}\u{1f600}]{0,12}".prop_map(Octets::from),
        1 => vec(1..=255u8, 0..12).prop_map(Octets::from),
        1 => prop_oneof![Just("NIL"), Just("nil"), Just("{3}"), Just("{3+}\r\nabc"), Just("")]
            .prop_map(Octets::from),
        1 => (prop_oneof![Just(b'x'), Just(b'"'), Just(255)], 1000..5000usize)
            .prop_map(|(octet, length)| Octets::from(vec![octet; length])),
    ]
    .boxed()
}

fn mailbox() -> BoxedStrategy<MailboxName> {
    prop_oneof![
        Just("inbox".to_owned()),
        Just("nil".to_owned()),
        "[a-c&*% \"/\\\\\u{e4}\u{1f600}\t-]{0,8}",
        "[^\0\r\n]{0,8}",
    ]
    .prop_map(|name| MailboxName::new(name).unwrap())
    .boxed()
}

fn number() -> BoxedStrategy<NonZeroU32> {
    prop_oneof![1..20u32, 1..=u32::MAX]
        .prop_map(|number| NonZeroU32::new(number).unwrap())
        .boxed()
}

fn numbers() -> BoxedStrategy<NumberSet> {
    vec((number(), number()), 1..5)
        .prop_map(|runs| {
            let mut set = NumberSet::new();
            for (one, other) in runs {
                set.insert_run(Run::new(one, other));
            }
            set
        })
        .boxed()
}

fn set() -> BoxedStrategy<SequenceSet> {
    prop_oneof![
        numbers().prop_map(SequenceSet::from),
        number().prop_map(SequenceSet::from_open),
        Just(SequenceSet::last()),
        Just(SequenceSet::Saved),
    ]
    .boxed()
}

fn by() -> BoxedStrategy<By> {
    prop_oneof![Just(By::Sequence), Just(By::Uid)].boxed()
}

fn atom() -> BoxedStrategy<Atom> {
    "[a-zA-Z0-9$.\\[+&-]{1,10}"
        .prop_map(|atom| Atom::new(atom).unwrap())
        .boxed()
}

fn flags() -> BoxedStrategy<Flags> {
    let flag = prop_oneof![
        Just(Flag::Seen),
        Just(Flag::Deleted),
        Just(Flag::Draft),
        atom().prop_map(Flag::Keyword),
    ];
    vec(flag, 0..5).prop_map(Flags::from_iter).boxed()
}

fn date() -> BoxedStrategy<Date> {
    (0..10_000u16, 1..=12u8, 1..=28u8)
        .prop_map(|(year, month, day)| Date::new(year, month, day).unwrap())
        .boxed()
}

fn date_time() -> BoxedStrategy<DateTime> {
    (date(), (0..24u8, 0..60u8, 0..=60u8), -5999..6000i16)
        .prop_map(|(date, time, zone)| DateTime::new(date, time, zone).unwrap())
        .boxed()
}

fn key() -> BoxedStrategy<SearchKey> {
    let leaf = prop_oneof![
        set().prop_map(SearchKey::Sequence),
        set().prop_map(SearchKey::Uid),
        Just(SearchKey::Is(IsKey::Unseen)),
        octets().prop_map(|text| SearchKey::Contains(TextKey::Subject, text)),
        date().prop_map(|date| SearchKey::Day(DayKey::SentSince, date)),
        (octets(), octets()).prop_map(|(name, text)| SearchKey::Header(name, text)),
        atom().prop_map(SearchKey::Keyword),
        (0..=i64::MAX as u64).prop_map(SearchKey::Larger),
        number().prop_map(SearchKey::Younger),
        octets().prop_map(SearchKey::EmailId),
    ];
    leaf.prop_recursive(4, 12, 3, |key| {
        prop_oneof![
            vec(key.clone(), 1..3).prop_map(SearchKey::And),
            (key.clone(), key.clone()).prop_map(|keys| SearchKey::Or(keys.into())),
            key.clone().prop_map(|key| SearchKey::Not(key.into())),
            key.prop_map(|key| SearchKey::Fuzzy(key.into())),
        ]
    })
    .boxed()
}

fn attribute() -> BoxedStrategy<FetchAttribute> {
    let text = prop_oneof![
        Just(SectionText::Header),
        Just(SectionText::Text),
        vec(octets(), 1..3).prop_map(SectionText::HeaderFields),
        vec(octets(), 1..3).prop_map(SectionText::HeaderFieldsNot),
    ];
    let partial = (0..1_000_000u64, number())
        .prop_map(|(offset, count)| Partial::new(offset, count.into()).unwrap());
    let section = (vec(number(), 0..4), prop::option::of(text));
    let section = (section, prop::option::of(partial), any::<bool>()).prop_map(
        |((part, text), partial, peek)| FetchAttribute::Section {
            section: Section::of_part(part, text),
            partial,
            peek,
        },
    );
    prop_oneof![
        section,
        Just(FetchAttribute::Flags),
        Just(FetchAttribute::Body),
        Just(FetchAttribute::Rfc822Size),
        Just(FetchAttribute::Preview { lazy: true }),
        Just(FetchAttribute::Preview { lazy: false }),
        vec(number(), 1..4).prop_map(FetchAttribute::BinarySize),
    ]
    .boxed()
}

fn message() -> BoxedStrategy<AppendMessage> {
    let content = || octets().prop_map(Content::Whole);
    let data = prop_oneof![
        content().prop_map(|content| AppendData::Message {
            content,
            binary: false
        }),
        vec(any::<u8>(), 0..20).prop_map(|content| AppendData::Message {
            content: Content::Whole(content.into()),
            binary: true
        }),
        content().prop_map(AppendData::Utf8),
    ];
    (flags(), prop::option::of(date_time()), data)
        .prop_map(|(flags, date, data)| {
            let mut message = AppendMessage::from_data(data);
            (message.flags, message.date) = (flags, date);
            message
        })
        .boxed()
}

fn body() -> BoxedStrategy<CommandBody> {
    use CommandBody as Body;
    let session = prop_oneof![
        Just(()).prop_map(|()| Body::Capability),
        Just(()).prop_map(|()| Body::Idle),
        (octets(), octets())
            .prop_map(|(user, password)| Body::Login(Login::new(user, password.to_vec()))),
        prop::option::of(vec((octets(), prop::option::of(octets())), 1..4)).prop_map(Body::Id),
        atom().prop_map(Body::Compress),
    ]
    .boxed();
    let mailboxes = prop_oneof![
        (mailbox(), any::<bool>()).prop_map(|(mailbox, condstore)| {
            let mut select = Select::new(mailbox);
            select.condstore = condstore;
            Body::Select(select.into())
        }),
        mailbox().prop_map(Body::Delete),
        (mailbox(), mailbox()).prop_map(|(from, to)| Body::Rename(Rename::new(from, to).into())),
        mailbox().prop_map(Body::Subscribe),
        mailbox()
            .prop_map(|name| Body::Status(name, vec![StatusItem::Messages, StatusItem::Unseen])),
        (mailbox(), octets()).prop_map(|(mailbox, who)| Body::DeleteAcl(mailbox, who)),
        octets().prop_map(Body::GetQuota),
        (mailbox(), octets(), prop::option::of(octets())).prop_map(|(mailbox, name, value)| {
            let entries = vec![MetadataEntry::new(name, value)];
            Body::SetMetadata(SetMetadata::new(mailbox, entries).into())
        }),
        (mailbox(), vec(message(), 1..3)).prop_map(|(mailbox, messages)| {
            let mut append = Append::new(mailbox, "");
            append.messages = messages;
            Body::Append(append.into())
        }),
    ]
    .boxed();
    let messages = prop_oneof![
        prop::option::of(set()).prop_map(Body::Expunge),
        (by(), vec(key(), 1..4), any::<bool>()).prop_map(|(by, keys, charset)| {
            let mut search = Search::new(by, keys);
            search.charset = charset.then(|| "UTF-8".into());
            Body::Search(search.into())
        }),
        (by(), set(), vec(attribute(), 1..4))
            .prop_map(|(by, set, attributes)| Body::Fetch(Fetch::new(by, set, attributes).into())),
        (by(), set(), flags(), any::<bool>()).prop_map(|(by, set, flags, silent)| {
            let mut store = Store::new(by, set, StoreHow::Remove, flags);
            store.silent = silent;
            Body::Store(store.into())
        }),
        (by(), set(), mailbox())
            .prop_map(|(by, set, to)| Body::Copy(Copy::new(by, set, to).into())),
        (by(), set(), mailbox())
            .prop_map(|(by, set, to)| Body::Move(Copy::new(by, set, to).into())),
    ]
    .boxed();
    prop_oneof![session, mailboxes, messages].boxed()
}

/// Sends a command to a server that asks for literals as it has to. Says what the server reads.
fn sent(command: &Command, encoding: Encoding) -> Result<Command, TestCaseError> {
    let mut encoder = Encoder::new(encoding);
    encoder.command(command);
    let mut framer = Framer::commands();
    let mut input = Input::new(framer.input_limit());
    let mut output = Output::new(1 << 20);
    let mut written = Vec::new();
    loop {
        let next = encoder.transfer(&mut output);
        let part: Bytes = output.copy_to_bytes(output.remaining());
        written.extend_from_slice(&part);
        prop_assert_eq!(input.extend(&part), part.len());
        match framer.next(&mut input) {
            Ok(Found::Literal(announced)) => {
                prop_assert_eq!(next, Next::Continuation);
                prop_assert!(announced.synchronising && announced.fits);
                prop_assert!(input.is_empty() || !part.is_empty());
                framer.keep();
            }
            Ok(Found::Frame(frame)) => {
                prop_assert_eq!(next, Next::Done);
                prop_assert!(input.is_empty());
                let mut reader = Reader::strict();
                reader.set_utf8(encoding.utf8);
                return reader.command(&frame).map_err(|error| {
                    TestCaseError::fail(format!("{}: {error}", written.escape_ascii()))
                });
            }
            other => prop_assert!(false, "{other:?} in {}", written.escape_ascii()),
        }
    }
}

fn written(encoding: Encoding, body: CommandBody) -> Bytes {
    let mut encoder = Encoder::new(encoding);
    encoder.command(&Command::new("a".parse().unwrap(), body));
    let mut output = Output::new(1 << 20);
    while encoder.transfer(&mut output) != Next::Done {}
    output.copy_to_bytes(output.remaining())
}

#[test]
fn only_a_server_that_has_them_is_sent_binary_literals() {
    let append = || {
        let mut append = Append::new(MailboxName::inbox(), "");
        append.messages[0].data = AppendData::Message {
            content: "a".into(),
            binary: true,
        };
        CommandBody::Append(append.into())
    };
    let mut encoding = Encoding::commands();
    assert_eq!(written(encoding, append()), "a APPEND INBOX {1}\r\na\r\n");
    encoding.binary = true;
    assert_eq!(written(encoding, append()), "a APPEND INBOX ~{1}\r\na\r\n");
    // NUL does not make a binary literal of what may be none; of metadata it does.
    let login = CommandBody::Login(Login::new("a\0b", "c"));
    assert_eq!(written(encoding, login), "a LOGIN {3}\r\na\0b c\r\n");
    let entry = MetadataEntry::new("/x", Some("a\0b".into()));
    let set = SetMetadata::new(MailboxName::inbox(), vec![entry]);
    assert_eq!(
        written(Encoding::commands(), CommandBody::SetMetadata(set.into())),
        "a SETMETADATA INBOX (/x ~{3}\r\na\0b)\r\n"
    );
}

proptest! {
    #[test]
    fn commands_are_read_as_they_were_meant(body in body(), utf8: bool) {
        let command = Command::new("A1".parse().unwrap(), body);
        for literals in [Literals::Synchronising, Literals::Minus, Literals::Plus] {
            let mut encoding = Encoding::commands();
            (encoding.literals, encoding.utf8, encoding.binary) = (literals, utf8, true);
            prop_assert_eq!(&sent(&command, encoding)?, &command);
        }
    }
}
