//! Responses that are made up are written as one frame, and read as they were meant.

use std::num::NonZeroU32;

use bytes::{Buf, Bytes};
use imap_proto::command::{By, MetadataEntry, Rights};
use imap_proto::encode::{Encoder, Encoding, Next};
use imap_proto::frame::{Found, Framer};
use imap_proto::response::{
    Acl, AclEntry, Address, BodyExtension, BodyPart, BodyStructure, Code, CodeWord, Continuation,
    CopyUid, Data, Disposition, ESearchFound, ESearchResult, Envelope, FetchItem, Fetched,
    FetchedBinary, FetchedSection, InProgress, ListRights, Listed, MailboxStatus, MessagePart,
    MessageThread, Metadata, MetadataEntries, Multipart, MultipartExtension, MyRights, Namespace,
    Namespaces, Parameter, PartExtension, Quota, QuotaRoot, ResourceUsage, Response, Status,
    StatusKind, StatusValue, UrlFetched, UrlItem, UrlValue,
};
use imap_proto::{
    Annotation, Atom, Capability, Content, Date, DateTime, Extension, Flag, Flags,
    MailboxAttributes, MailboxName, ModSeq, ModSeqOrZero, NumberSet, Octets, OrderedSet,
    PermanentFlags, Reader, Run, Section, SectionText, Text,
};
use mailwire::{Input, Output};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// Any octets but NUL, in notations of every kind.
fn octets() -> BoxedStrategy<Octets> {
    prop_oneof![
        4 => "[!-~]{0,12}".prop_map(Octets::from),
        2 => "[ -~\t\r\n\"\\\\{}\u{e4}\u{1f600}]{0,12}".prop_map(Octets::from),
        1 => vec(1..=255u8, 0..12).prop_map(Octets::from),
        1 => prop_oneof![Just("NIL"), Just("{3}"), Just("{3}\r\nabc"), Just(")"), Just("")]
            .prop_map(Octets::from),
        1 => (1000..3000usize).prop_map(|length| Octets::from(vec![b'"'; length])),
    ]
    .boxed()
}

/// Octets of a message, NUL too where a `literal8` may be.
fn content(least: u8) -> BoxedStrategy<Option<Content>> {
    option::of(vec(least..=255, 0..40).prop_map(|octets| Content::Whole(octets.into()))).boxed()
}

fn text() -> BoxedStrategy<Text> {
    // A bracket at its beginning looks like a code.
    prop_oneof![
        "",
        "[^\0\r\n\\[][^\0\r\n]{0,20}",
        Just("see {5}".to_owned())
    ]
    .prop_map(|text| Text::new(text).unwrap())
    .boxed()
}

fn mailbox() -> BoxedStrategy<MailboxName> {
    prop_oneof![
        Just("inbox".to_owned()),
        Just("nil".to_owned()),
        "[a-c&*% \"/\\\\\u{e4}\u{1f600}-]{0,8}",
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

fn large() -> BoxedStrategy<u64> {
    prop_oneof![0..20u64, 0..=i64::MAX as u64].boxed()
}

fn mod_seq() -> BoxedStrategy<ModSeq> {
    (1..=i64::MAX as u64)
        .prop_map(|value| ModSeq::new(value).unwrap())
        .boxed()
}

fn numbers() -> BoxedStrategy<NumberSet> {
    vec((number(), number()), 1..5)
        .prop_map(|runs| {
            let mut set = NumberSet::new();
            runs.into_iter()
                .for_each(|(one, other)| set.insert_run(Run::new(one, other)));
            set
        })
        .boxed()
}

fn ordered() -> BoxedStrategy<OrderedSet> {
    vec(number(), 1..6).prop_map(OrderedSet::from_iter).boxed()
}

fn atom() -> BoxedStrategy<Atom> {
    "[a-zA-Z0-9$.-]{1,10}"
        .prop_map(|atom| Atom::new(atom).unwrap())
        .boxed()
}

fn flags() -> BoxedStrategy<Flags> {
    let flag = prop_oneof![
        Just(Flag::Seen),
        Just(Flag::Recent),
        atom().prop_map(Flag::Keyword),
        Just("\\XMine".parse().unwrap()),
    ];
    vec(flag, 0..5).prop_map(Flags::from_iter).boxed()
}

fn date() -> BoxedStrategy<DateTime> {
    (
        (0..10_000u16, 1..=12u8, 1..=28u8),
        (0..24u8, 0..60u8, 0..=60u8),
        -5999..6000i16,
    )
        .prop_map(|((year, month, day), time, zone)| {
            DateTime::new(Date::new(year, month, day).unwrap(), time, zone).unwrap()
        })
        .boxed()
}

fn addresses() -> BoxedStrategy<Vec<Address>> {
    let address = prop_oneof![
        (option::of(octets()), octets(), octets())
            .prop_map(|(name, mailbox, host)| Address::new(name, mailbox, host)),
        octets().prop_map(Address::group),
        Just(Address::group_end()),
    ];
    vec(address, 0..3).boxed()
}

fn envelope() -> BoxedStrategy<Envelope> {
    let strings = vec(option::of(octets()), 4);
    (strings, vec(addresses(), 6))
        .prop_map(|(mut strings, mut lists)| {
            let mut envelope = Envelope::default();
            envelope.date = strings.remove(0);
            envelope.subject = strings.remove(0);
            envelope.in_reply_to = strings.remove(0);
            envelope.message_id = strings.remove(0);
            envelope.from = lists.remove(0);
            envelope.sender = lists.remove(0);
            envelope.reply_to = lists.remove(0);
            envelope.to = lists.remove(0);
            envelope.cc = lists.remove(0);
            envelope.bcc = lists.remove(0);
            envelope
        })
        .boxed()
}

fn parameters() -> BoxedStrategy<Vec<Parameter>> {
    vec(
        (octets(), octets()).prop_map(|(name, value)| Parameter::new(name, value)),
        0..3,
    )
    .boxed()
}

fn extension() -> BoxedStrategy<BodyExtension> {
    let disposition = (octets(), parameters()).prop_map(|(kind, parameters)| {
        let mut disposition = Disposition::new(kind);
        disposition.parameters = parameters;
        disposition
    });
    (
        option::of(disposition),
        vec(octets(), 0..3),
        option::of(octets()),
    )
        .prop_map(|(disposition, languages, location)| {
            let mut extension = BodyExtension::default();
            (
                extension.disposition,
                extension.languages,
                extension.location,
            ) = (disposition, languages, location);
            extension
        })
        .boxed()
}

fn part(part: BodyPart) -> BoxedStrategy<BodyStructure> {
    let strings = (option::of(octets()), option::of(octets()), octets());
    let extension = option::of((option::of(octets()), extension()));
    (parameters(), strings, extension)
        .prop_map(
            move |(parameters, (id, description, encoding), extension)| {
                let mut part = part.clone();
                part.parameters = parameters;
                (part.id, part.description, part.encoding) = (id, description, encoding);
                part.extension = extension.map(|(md5, common)| {
                    let mut extension = PartExtension::default();
                    (extension.md5, extension.common) = (md5, common);
                    extension
                });
                BodyStructure::Single(part.into())
            },
        )
        .boxed()
}

fn body() -> BoxedStrategy<BodyStructure> {
    let leaf = prop_oneof![
        large().prop_flat_map(|octets| part(BodyPart::new("IMAGE", "png", octets))),
        (large(), large())
            .prop_flat_map(|(octets, lines)| part(BodyPart::text("html", octets, lines))),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let common = option::of((parameters(), extension()));
        let multipart =
            (vec(inner.clone(), 1..4), octets(), common).prop_map(|(parts, subtype, common)| {
                let mut multipart = Multipart::new(subtype, parts);
                multipart.extension = common.map(|(parameters, common)| {
                    let mut extension = MultipartExtension::default();
                    (extension.parameters, extension.common) = (parameters, common);
                    extension
                });
                BodyStructure::Multipart(multipart.into())
            });
        let message = (large(), envelope(), inner, large()).prop_flat_map(
            |(octets, envelope, body, lines)| {
                part(BodyPart::message(
                    octets,
                    MessagePart::new(envelope, body, lines),
                ))
            },
        );
        prop_oneof![multipart, message]
    })
    .boxed()
}

fn section() -> BoxedStrategy<Section> {
    let text = prop_oneof![
        Just(SectionText::Header),
        Just(SectionText::Text),
        vec(octets(), 1..3).prop_map(SectionText::HeaderFields),
        vec(octets(), 1..3).prop_map(SectionText::HeaderFieldsNot),
    ];
    (vec(number(), 0..4), option::of(text))
        .prop_map(|(part, text)| Section::of_part(part, text))
        .boxed()
}

fn item() -> BoxedStrategy<FetchItem> {
    let plain = prop_oneof![
        flags().prop_map(FetchItem::Flags),
        number().prop_map(FetchItem::Uid),
        mod_seq().prop_map(|value| FetchItem::ModSeq(ModSeqOrZero::from(value))),
        date().prop_map(FetchItem::InternalDate),
        large().prop_map(FetchItem::Rfc822Size),
        content(1).prop_map(FetchItem::Rfc822),
        atom().prop_map(FetchItem::EmailId),
        option::of(atom()).prop_map(FetchItem::ThreadId),
        option::of(date()).prop_map(FetchItem::SaveDate),
        option::of(octets()).prop_map(FetchItem::Preview),
        any::<u64>().prop_map(FetchItem::GmailMessageId),
        vec(octets(), 0..3).prop_map(FetchItem::GmailLabels),
        (vec(number(), 0..3), large()).prop_map(|(part, size)| FetchItem::BinarySize(part, size)),
    ];
    let annotation = (octets(), vec((octets(), option::of(octets())), 1..3))
        .prop_map(|(entry, attributes)| Annotation::new(entry, attributes));
    let large_ones = prop_oneof![
        envelope().prop_map(|envelope| FetchItem::Envelope(envelope.into())),
        body().prop_map(FetchItem::BodyStructure),
        body().prop_map(FetchItem::Body),
        vec(annotation, 1..3).prop_map(FetchItem::Annotations),
        (section(), option::of(large()), content(1)).prop_map(|(section, origin, content)| {
            FetchItem::Section(FetchedSection::new(section, origin, content).into())
        }),
        (vec(number(), 0..3), option::of(large()), content(0)).prop_map(
            |(part, origin, content)| {
                FetchItem::Binary(FetchedBinary::new(part, origin, content).into())
            }
        ),
    ];
    prop_oneof![plain, large_ones].boxed()
}

fn code() -> BoxedStrategy<Code> {
    prop_oneof![
        proptest::sample::select(CodeWord::ALL).prop_map(Code::Word),
        vec(atom(), 0..3).prop_map(Code::BadCharset),
        (flags(), any::<bool>())
            .prop_map(|(flags, any)| Code::PermanentFlags(PermanentFlags::new(flags, any).into())),
        number().prop_map(Code::UidNext),
        (number(), ordered())
            .prop_map(|(uid_validity, uids)| Code::AppendUid { uid_validity, uids }),
        (number(), ordered(), ordered()).prop_map(|(validity, from, to)| Code::CopyUid(
            CopyUid::new(validity, from, to).into()
        )),
        mod_seq().prop_map(Code::HighestModSeq),
        numbers().prop_map(Code::Modified),
        atom().prop_map(Code::MailboxId),
        (option::of(large()), option::of(large())).prop_map(|(progress, goal)| {
            let tag = "A1".parse().ok();
            Code::InProgress(Some(InProgress::new(tag, progress, goal).into()))
        }),
    ]
    .boxed()
}

fn rights() -> BoxedStrategy<Rights> {
    "[a-z0-9]{0,12}"
        .prop_map(|rights| rights.parse().unwrap())
        .boxed()
}

fn about_mailboxes() -> BoxedStrategy<Data> {
    let values = vec(
        prop_oneof![
            any::<u32>().prop_map(StatusValue::Messages),
            option::of(number())
                .prop_map(|uid| StatusValue::UidNext(Some(uid.unwrap_or(NonZeroU32::MIN)))),
            large().prop_map(StatusValue::Size),
            option::of(large()).prop_map(StatusValue::AppendLimit),
            atom().prop_map(StatusValue::MailboxId),
        ],
        0..4,
    );
    let namespace = || {
        let one = (
            mailbox(),
            option::of(prop_oneof![Just('/'), Just('"'), Just('\\'), Just('.')]),
        );
        option::of(vec(
            one.prop_map(|(prefix, delimiter)| Namespace::new(prefix, delimiter)),
            1..3,
        ))
    };
    let entry = (
        octets(),
        option::of(vec(0..=255u8, 0..9).prop_map(Octets::from)),
    );
    let entry = entry.prop_map(|(name, value)| MetadataEntry::new(name, value));
    prop_oneof![
        (any::<u32>(), option::of(Just('/')), mailbox()).prop_map(|(bits, delimiter, mailbox)| {
            let attributes = MailboxAttributes::from_bits_truncate(bits);
            Data::List(Listed::new(attributes, delimiter, mailbox).into())
        }),
        (mailbox(), values).prop_map(|(mailbox, values)| Data::MailboxStatus(
            MailboxStatus::new(mailbox, values).into()
        )),
        (namespace(), namespace(), namespace()).prop_map(|(personal, others, shared)| {
            let mut namespaces = Namespaces::default();
            (namespaces.personal, namespaces.others, namespaces.shared) =
                (personal, others, shared);
            Data::Namespace(namespaces.into())
        }),
        (octets(), vec((atom(), large(), large()), 0..3)).prop_map(|(root, resources)| {
            let usage = |(name, usage, limit)| ResourceUsage::new(name, usage, limit);
            Data::Quota(Quota::new(root, resources.into_iter().map(usage).collect()).into())
        }),
        (mailbox(), vec(octets(), 0..3))
            .prop_map(|(mailbox, roots)| Data::QuotaRoot(QuotaRoot::new(mailbox, roots).into())),
        (mailbox(), vec((octets(), rights()), 0..3)).prop_map(|(mailbox, entries)| {
            let entry = |(who, rights): (Octets, Rights)| AclEntry::new(who, rights);
            Data::Acl(Acl::new(mailbox, entries.into_iter().map(entry).collect()).into())
        }),
        (mailbox(), octets(), rights(), vec(rights(), 0..3)).prop_map(
            |(mailbox, who, required, optional)| {
                Data::ListRights(ListRights::new(mailbox, who, required, optional).into())
            }
        ),
        (mailbox(), rights())
            .prop_map(|(mailbox, rights)| Data::MyRights(MyRights::new(mailbox, rights).into())),
        (mailbox(), vec(entry, 1..3)).prop_map(|(mailbox, entries)| {
            Data::Metadata(Metadata::new(mailbox, MetadataEntries::Values(entries)).into())
        }),
        (mailbox(), vec(octets(), 1..3)).prop_map(|(mailbox, names)| {
            Data::Metadata(Metadata::new(mailbox, MetadataEntries::Changed(names)).into())
        }),
    ]
    .boxed()
}

fn thread() -> BoxedStrategy<MessageThread> {
    let leaf = vec(number(), 1..4).prop_map(|numbers| MessageThread::new(numbers, Vec::new()));
    leaf.prop_recursive(4, 16, 3, |inner| {
        (vec(number(), 0..3), vec(inner, 2..4))
            .prop_map(|(numbers, branches)| MessageThread::new(numbers, branches))
    })
    .boxed()
}

fn others() -> BoxedStrategy<Data> {
    let found = vec(
        prop_oneof![
            number().prop_map(ESearchResult::Min),
            ordered().prop_map(ESearchResult::All),
            any::<u32>().prop_map(ESearchResult::Count),
            vec(1..=100u8, 0..4).prop_map(ESearchResult::Relevancy),
            vec((any::<u32>(), ordered()), 1..3).prop_map(ESearchResult::AddTo),
        ],
        0..4,
    );
    let url_item = prop_oneof![
        body().prop_map(UrlItem::BodyPartStructure),
        content(1).prop_map(UrlItem::Body),
        content(0).prop_map(UrlItem::Binary),
    ];
    let url_value = prop_oneof![
        content(1).prop_map(UrlValue::Content),
        vec(url_item, 1..3).prop_map(UrlValue::Items),
    ];
    let id = vec((octets(), option::of(octets())), 0..3);
    prop_oneof![
        (number(), vec(item(), 0..5), any::<bool>()).prop_map(|(number, items, uid)| {
            let by = if uid { By::Uid } else { By::Sequence };
            Data::Fetch(Fetched::new(by, number, items))
        }),
        (any::<bool>(), numbers()).prop_map(|(earlier, uids)| Data::Vanished { earlier, uids }),
        any::<u32>().prop_map(Data::Exists),
        number().prop_map(Data::Expunge),
        flags().prop_map(|flags| Data::Flags(flags.into())),
        option::of(id).prop_map(Data::Id),
        (any::<bool>(), found).prop_map(|(uid, results)| {
            let by = if uid { By::Uid } else { By::Sequence };
            Data::ESearch(ESearchFound::new("A1".parse().ok(), by, results).into())
        }),
        vec(thread(), 0..3).prop_map(Data::Thread),
        vec(
            (octets(), url_value).prop_map(|(url, value)| UrlFetched::new(url, value)),
            1..3
        )
        .prop_map(Data::UrlFetch),
        vec(octets(), 1..3).prop_map(Data::GenUrlAuth),
        vec(octets(), 1..3).prop_map(Data::Language),
        (octets(), vec(octets(), 0..3)).prop_map(|(active, all)| Data::Comparator(active, all)),
        octets().prop_map(Data::JmapAccess),
        vec(proptest::sample::select(Extension::ALL), 1..5)
            .prop_map(|all| Data::Capability(all.into_iter().map(Capability::from).collect())),
    ]
    .boxed()
}

fn response() -> BoxedStrategy<Response> {
    let status = (option::of(code()), text()).prop_map(|(code, text)| {
        let mut status = Status::new(StatusKind::No, text);
        status.code = code;
        status
    });
    let tagged = status.clone().prop_map(|status| Response::Tagged {
        tag: "A1".parse().unwrap(),
        status,
    });
    prop_oneof![
        4 => others().prop_map(Response::Untagged),
        3 => about_mailboxes().prop_map(Response::Untagged),
        1 => status.prop_map(|status| Response::Untagged(Data::Status(status))),
        1 => tagged,
        1 => text().prop_map(|text| Response::Continuation(Continuation::new(text))),
    ]
    .boxed()
}

proptest! {
    #[test]
    fn responses_are_read_as_they_were_meant(response in response(), utf8: bool) {
        let mut encoding = Encoding::responses();
        encoding.utf8 = utf8;
        let mut encoder = Encoder::new(encoding);
        encoder.response(&response);
        let mut output = Output::new(1 << 24);
        prop_assert_eq!(encoder.transfer(&mut output), Next::Done);
        let written: Bytes = output.copy_to_bytes(output.remaining());

        let mut framer = Framer::responses();
        let mut input = Input::new(framer.input_limit());
        prop_assert_eq!(input.extend(&written), written.len());
        let found = framer.next(&mut input);
        let Ok(Found::Frame(frame)) = found else {
            return Err(TestCaseError::fail(format!("{found:?}: {written:?}")));
        };
        prop_assert!(input.is_empty(), "more than one frame: {:?}", written);
        let mut reader = Reader::strict();
        reader.set_utf8(utf8);
        let read = reader.response(&frame);
        prop_assert_eq!(read, Ok(response), "{:?}", written);
    }
}
