//! Our client and our server, with a splitter between them.

use bytes::{Buf, Bytes};
use mailwire::dot::Strays;
use mailwire::testing::beginning;
use mailwire::{Machine, Step};
use proptest::prelude::*;
use smtp_proto::client::{self, Client, Delivery, Fate, Outcome};
use smtp_proto::command::{ClientName, Mail, Rcpt};
use smtp_proto::parameter::BodyType;
use smtp_proto::server::{self, Protocol, Server};
use smtp_proto::{Extension, Extensions, Reply, ReversePath};
use stage::client::delivery;

mod stage;

/// A message as the server's application saw it.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    mail: Mail,
    recipients: Vec<Rcpt>,
    body: Vec<u8>,
}

/// The server's application: refuses recipients and messages by a pattern of bits.
struct Application {
    refusals: u32,
    asked: u32,
    mail: Option<Mail>,
    recipients: Vec<Rcpt>,
    body: Vec<u8>,
    seen: Vec<Seen>,
}

impl Application {
    fn refuses(&mut self) -> bool {
        self.asked += 1;
        self.refusals.rotate_right(self.asked) & 1 == 1
    }

    fn answer(&mut self, server: &mut Server, event: server::Event) {
        match event {
            server::Event::Hello(_) | server::Event::Data => server.accept(),
            server::Event::Mail(mail) => {
                (self.mail, self.recipients, self.body) = (Some(mail), Vec::new(), Vec::new());
                server.accept()
            }
            server::Event::Rcpt(rcpt) => match self.refuses() {
                true => server.reply(no_such_user()),
                false => {
                    self.recipients.push(rcpt);
                    server.accept()
                }
            },
            server::Event::Body(piece) => {
                self.body.extend_from_slice(&piece);
                return;
            }
            server::Event::EndOfData => {
                self.seen.push(Seen {
                    mail: self.mail.take().expect("a sender"),
                    recipients: std::mem::take(&mut self.recipients),
                    body: std::mem::take(&mut self.body),
                });
                let mut answered = Ok(());
                while server.statuses_due() > 0 && answered.is_ok() {
                    answered = match self.refuses() {
                        true => server.reply(full()),
                        false => server.accept(),
                    };
                }
                answered
            }
            server::Event::Reset | server::Event::Rejected(_) => return,
            other => panic!("{other:?}"),
        }
        .expect("an event that waits");
    }
}

fn no_such_user() -> Reply {
    Reply::fixed(550, Some((5, 1, 1)), "No such user")
}

fn full() -> Reply {
    Reply::fixed(452, Some((4, 2, 2)), "Full")
}

/// Sends each message through, and says what became of them on either side.
fn converse(
    client: &mut Client,
    server: &mut Server,
    messages: &[(Delivery, Vec<u8>)],
    refusals: u32,
    cuts: &[usize],
) -> (Vec<Outcome>, Vec<Seen>) {
    let now = beginning();
    let mut application = Application {
        refusals,
        asked: 0,
        mail: None,
        recipients: Vec::new(),
        body: Vec::new(),
        seen: Vec::new(),
    };
    let mut cuts = cuts.iter().copied().cycle();
    let mut next = messages.iter();
    let mut body = Bytes::new();
    let mut outcomes = Vec::new();
    let mut is_writing = false;
    for _ in 0..200_000 {
        let mut begin = |client: &mut Client| match next.next() {
            Some((delivery, text)) => {
                body = Bytes::from(text.clone());
                client.deliver(delivery.clone()).expect("it is offered");
            }
            None => client.shutdown(),
        };
        match client.step(now).expect("no error") {
            Step::Event(client::Event::Ready(_)) => begin(client),
            Step::Event(client::Event::Delivered(outcome)) => {
                outcomes.push(outcome);
                begin(client);
                is_writing = false;
            }
            Step::Event(client::Event::SendBody) => is_writing = true,
            Step::Event(other) => panic!("{other:?}"),
            Step::Paused => {
                assert!(is_writing, "a body is owed");
                let cut = 1 + cuts.next().expect("a cycle") % 100;
                let mut piece = body.split_to(cut.min(body.len()));
                client.write_body(&mut piece).expect("a body is wanted");
                if !piece.is_empty() {
                    body = [&piece[..], &body[..]].concat().into();
                }
                if body.is_empty() {
                    client.finish_body().expect("a body is wanted");
                }
            }
            Step::Close => return (outcomes, application.seen),
            Step::NeedInput | Step::NeedFlush => {
                pass(client, server, cuts.next().expect("a cycle"));
                loop {
                    match server.step(now).expect("no error") {
                        Step::Event(event) => application.answer(server, event),
                        Step::NeedInput | Step::Close => break,
                        Step::NeedFlush => pass(server, client, cuts.next().expect("a cycle")),
                        other => panic!("{other:?}"),
                    }
                }
                pass(server, client, cuts.next().expect("a cycle"));
            }
            Step::StartTls => panic!("nobody asked for it"),
        }
    }
    panic!("the two wait for each other: {client:?} {server:?}");
}

/// Passes some octets on, as a network might.
fn pass(from: &mut impl Machine, to: &mut impl Machine, cut: usize) {
    let output = from.output();
    let most = match cut % 3 {
        0 => 1,
        1 => 1 + cut % 50,
        _ => usize::MAX,
    };
    let chunk = output.chunk();
    let taken = to.input().extend(&chunk[..chunk.len().min(most)]);
    output.advance(taken);
}

/// Text with line ends of its own kind, and all that matters to framing.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let part = prop::sample::select(PARTS);
    prop::collection::vec(part, 0..40).prop_map(|parts| parts.concat())
}

fn binary() -> impl Strategy<Value = Vec<u8>> {
    let octet = prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'.'), Just(0), any::<u8>()];
    prop::collection::vec(octet, 0..300)
}

fn envelope() -> impl Strategy<Value = Delivery> {
    let from = prop::sample::select(&["<>", "<a@b.test>", "<\"a b\\\"\"@b.test>"][..]);
    let to = prop::sample::select(
        &[
            "<x@mx.test>",
            "<postmaster>",
            "<\"y>\"@[IPv6:::1]>",
            "<z@mx.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a+2Bb@c",
            "<z@mx.test> NOTIFY=NEVER RRVS=2014-04-03T23:01:00Z;C",
        ][..],
    );
    let parameters = prop::sample::select(
        &[
            "",
            " RET=HDRS ENVID=a+2Bb+20c",
            " BY=60;RT MT-PRIORITY=-3",
            " HOLDFOR=60 SOLICIT=net.example:ADV",
            " HOLDUNTIL=2027-01-01T00:00:00Z",
        ][..],
    );
    (from, parameters, prop::collection::vec(to, 1..5)).prop_map(|(from, parameters, to)| {
        delivery(&format!("{from}{parameters} / {}", to.join(" / "))).expect("a delivery")
    })
}

const PARTS: &[&[u8]] = &[
    b"\r\n",
    b"\r\n",
    b".",
    b"x",
    b"\xff",
    b"BDAT 3\r\n",
    b"QUIT\r\n",
    &[b'y'; 90],
];

const SWITCHED: [Extension; 4] = [
    Extension::Pipelining,
    Extension::Chunking,
    Extension::Size,
    Extension::EightBitMime,
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Law 7: any legal transaction arrives as it was sent, and what the server's application says
    /// arrives as it was said, for each recipient.
    #[test]
    fn what_is_sent_arrives(
        messages in prop::collection::vec((envelope(), text(), binary(), any::<(bool, bool)>()), 1..4),
        hidden in any::<[bool; 4]>(),
        lmtp in any::<bool>(),
        small in any::<bool>(),
        refusals in any::<u32>(),
        cuts in prop::collection::vec(any::<usize>(), 1..20),
    ) {
        let mut config = server::Config::new("mx.test".parse().expect("a domain"));
        config.extensions = Extension::ALL.into_iter().collect();
        for (extension, is_hidden) in SWITCHED.into_iter().zip(hidden) {
            if is_hidden {
                config.extensions.remove(extension);
            }
        }
        config.limits.errors = 1000;
        config.strays = Strays::Reject;
        let name: ClientName = "c.test".parse().expect("a name");
        let mut ours = client::Config::new(name);
        if lmtp {
            (config.protocol, ours.protocol) = (Protocol::Lmtp, Protocol::Lmtp);
        }
        if small {
            (config.limits.input, config.limits.output) = (16, 20);
            (ours.limits.input, ours.limits.output) = (16, 20);
            (ours.limits.chunk, ours.limits.pipeline) = (30, 3);
        }
        let chunking = config.extensions.contains(Extension::Chunking);
        let pipelining = config.extensions.contains(Extension::Pipelining);
        let sized = config.extensions.contains(Extension::Size);
        let messages: Vec<_> = messages
            .into_iter()
            .map(|(mut delivery, text, binary, (is_binary, knows_size))| {
                let body = match is_binary && chunking {
                    true => {
                        delivery.mail.parameters.body = Some(BodyType::Binary);
                        binary
                    }
                    false => text,
                };
                delivery.mail.parameters.size = knows_size.then_some(body.len() as u64);
                (delivery, body)
            })
            .collect();
        let mut client = Client::new(ours);
        let mut server = Server::new(config);
        let (outcomes, seen) = converse(&mut client, &mut server, &messages, refusals, &cuts);

        prop_assert_eq!(outcomes.len(), messages.len());
        let mut seen = seen.into_iter();
        for ((mut delivery, mut body), outcome) in messages.into_iter().zip(outcomes) {
            let fates = outcome.fates();
            prop_assert_eq!(fates.len(), delivery.recipients.len());
            for fate in fates {
                let is_known = matches!(fate.reply().map(Reply::code), Some(250 | 452 | 550));
                prop_assert!(is_known, "{:?}", fate);
            }
            let refused = |fate: &Fate| *fate == Fate::Permanent(no_such_user());
            let accepted = delivery.recipients.iter().zip(fates).filter(|(_, fate)| !refused(fate));
            let accepted: Vec<_> = accepted.map(|(rcpt, _)| rcpt.clone()).collect();
            if accepted.is_empty() {
                continue;
            }
            let seen = seen.next().expect("a message for those");
            if !sized {
                delivery.mail.parameters.size = None;
            }
            prop_assert_eq!(&seen.mail, &delivery.mail);
            prop_assert_eq!(seen.recipients, accepted);
            // Behind DATA the last line is ended.
            let is_binary = delivery.mail.parameters.body == Some(BodyType::Binary);
            let by_chunks = chunking && (pipelining || is_binary);
            if !by_chunks && !body.is_empty() && !body.ends_with(b"\r\n") {
                body.extend(b"\r\n");
            }
            let shown = seen.body.escape_ascii().to_string();
            prop_assert!(seen.body == body, "{} became {shown}", body.escape_ascii());
        }
        prop_assert!(seen.next().is_none());
    }

    /// What our server announces is what our client reads.
    #[test]
    fn what_is_announced_is_read(
        offered in prop::collection::vec(prop::sample::select(&Extension::ALL[..]), 0..20),
        size in any::<Option<u64>>(),
        messages in prop::option::of(1u32..2_000_000),
        old_auth_line in any::<bool>(),
    ) {
        let mut config = server::Config::new("mx.test".parse().expect("a domain"));
        config.extensions = offered.iter().copied().collect();
        config.limits.message = size;
        config.limits.messages = messages;
        config.mechanisms = vec!["PLAIN".parse().expect("a mechanism")];
        config.auth_without_tls = true;
        config.starttls = offered.contains(&Extension::StartTls);
        config.old_auth_line = old_auth_line;
        let mut expected: Extensions = config.extensions;
        expected.insert(Extension::Auth);
        // Not without TLS, and not without CHUNKING and 8BITMIME.
        expected.remove(Extension::RequireTls);
        if !expected.contains(Extension::Chunking) {
            expected.remove(Extension::BinaryMime);
        }
        if !expected.contains(Extension::EightBitMime) {
            expected.remove(Extension::SmtpUtf8);
        }
        let recipients = config.limits.recipients;
        let mut server = Server::new(config);
        let mut client = Client::new(client::Config::new("c".parse().expect("a name")));
        converse(&mut client, &mut server, &[], 0, &[2]);
        let capabilities = client.capabilities();
        prop_assert_eq!(capabilities.extensions, expected);
        if expected.contains(Extension::Size) {
            prop_assert_eq!(capabilities.size, size.filter(|&size| size > 0));
        }
        prop_assert_eq!(capabilities.mechanisms.len(), 1);
        if expected.contains(Extension::Limits) {
            prop_assert_eq!(capabilities.limits.messages, messages.map(|most| most.min(999_999)));
            prop_assert_eq!(capabilities.limits.recipients, Some(recipients));
        }
    }
}

/// Law 8: nothing that a client is given can say more than it should.
#[test]
fn a_null_sender_and_a_strange_name() {
    assert!("a\r\nMAIL FROM:<x@y>".parse::<ClientName>().is_err());
    assert_eq!(Delivery::new(ReversePath::Null).recipients, []);
}
