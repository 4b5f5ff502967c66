//! Server and client speak with each other, over wires that cut as they like.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Instant;

use bytes::{Buf, Bytes};
use imap_proto::client::{self, Client};
use imap_proto::command::{
    Append, AppendData, By, CommandBody, Fetch, FetchAttribute, QResync, Select, Store, StoreHow,
    StoreWhat,
};
use imap_proto::response::{Data, FetchItem, FetchedSection, StatusKind};
use imap_proto::server::{self, Selected, Server};
use imap_proto::{
    Capability, Content, Extension, Flag, Flags, MailboxName, ModSeq, NumberSet, Section,
    SequenceSet,
};
use mailwire::testing::beginning;
use mailwire::{Input, Machine, Output, Step};
use proptest::prelude::*;

fn number(value: u32) -> NonZeroU32 {
    NonZeroU32::new(value).expect("not 0")
}

fn set(uids: impl IntoIterator<Item = u32>) -> NumberSet {
    uids.into_iter().map(number).collect()
}

#[derive(Debug, Default)]
struct Message {
    flags: Flags,
    body: Vec<u8>,
    mod_seq: u64,
}

/// Both machines, and a mailbox behind the server.
struct Pair {
    server: Server,
    client: Client,
    now: Instant,
    messages: BTreeMap<u32, Message>,
    last_uid: u32,
    mod_seq: u64,
    receiving: Vec<u8>,
    /// What is owed of a message to the client, and of one to the server.
    sending: Bytes,
    wanted: Bytes,
    /// Messages that are still to be told about.
    telling: Vec<NonZeroU32>,
    most: usize,
    /// What the client has heard.
    bodies: Vec<Vec<u8>>,
    completed: Vec<StatusKind>,
    vanished: NumberSet,
    /// Which messages the client has meant to change.
    meant: NumberSet,
}

impl Pair {
    fn new(most: usize) -> Self {
        let mut config = server::Config::new();
        let more = "MOVE UIDPLUS CONDSTORE QRESYNC ESEARCH COMPRESS=DEFLATE UIDONLY IMAP4rev2";
        let more = more
            .split(' ')
            .map(|name| name.parse::<Capability>().expect("a name"));
        config.extensions.extend(more);
        config.limits.output = 500;
        let now = beginning();
        Self {
            server: Server::preauthenticated(config),
            client: Client::new(client::Config::new()),
            now,
            messages: BTreeMap::new(),
            last_uid: 0,
            mod_seq: 1,
            receiving: Vec::new(),
            sending: Bytes::new(),
            wanted: Bytes::new(),
            telling: Vec::new(),
            most,
            bodies: Vec::new(),
            completed: Vec::new(),
            vanished: NumberSet::new(),
            meant: NumberSet::new(),
        }
    }

    fn send(&mut self, body: CommandBody) {
        self.client.send(body).expect("there is room");
    }

    /// Runs until both wait for each other.
    fn run(&mut self) {
        while self.step() {}
    }

    /// Both do one thing. Says whether there was anything to do.
    fn step(&mut self) -> bool {
        let (heard, served) = (self.hear(), self.serve());
        let carried = carry(self.server.output(), self.client.input(), self.most)
            + carry(self.client.output(), self.server.input(), self.most);
        heard || served || carried > 0
    }

    fn hear(&mut self) -> bool {
        match self.client.step(self.now).expect("the server makes sense") {
            Step::Event(event) => {
                match event {
                    client::Event::Completed(_, status) => self.completed.push(status.kind),
                    client::Event::Content { .. } => self.bodies.push(Vec::new()),
                    client::Event::Body(piece) => {
                        self.bodies.last_mut().expect("one has begun").extend(piece)
                    }
                    client::Event::Data {
                        data: Data::Vanished { uids, .. },
                        ..
                    } => {
                        self.vanished = self.vanished.union(&uids);
                    }
                    client::Event::Unexpected(_) | client::Event::Unreadable(_) => {
                        panic!("{event:?}")
                    }
                    _ => {}
                }
                true
            }
            Step::Paused => {
                let mut piece = self.wanted.slice(..self.wanted.len().min(self.most));
                let offered = piece.len();
                self.client
                    .write_body(&mut piece)
                    .expect("octets are wanted");
                self.wanted.advance(offered - piece.len());
                offered > piece.len()
            }
            _ => false,
        }
    }

    fn serve(&mut self) -> bool {
        match self.server.step(self.now).expect("the client makes sense") {
            Step::Event(event) => {
                self.answer(event);
                true
            }
            Step::Paused if self.server.owed() > 0 => {
                let mut piece = self.sending.slice(..self.sending.len().min(self.most));
                let offered = piece.len();
                self.server.write_body(&mut piece).expect("octets are owed");
                self.sending.advance(offered - piece.len());
                offered > piece.len()
            }
            Step::Paused => {
                self.tell_next();
                true
            }
            _ => false,
        }
    }

    /// The next message of a FETCH, as large as it may be.
    fn tell_next(&mut self) {
        let Some(uid) = self.telling.pop() else {
            return self.server.ok().expect("a FETCH waits");
        };
        let message = &self.messages[&uid.get()];
        self.sending = message.body.clone().into();
        let length = Content::Streamed(message.body.len() as u64);
        let section = FetchedSection::new(Section::whole(), None, Some(length));
        let items = vec![
            FetchItem::Flags(message.flags.clone()),
            FetchItem::Section(Box::new(section)),
        ];
        self.server.fetch(uid, items).expect("it was asked for");
    }

    fn answer(&mut self, event: server::Event) {
        use server::Event as E;
        let mod_seq = ModSeq::new(self.mod_seq).ok();
        let done = match event {
            E::Select(_) => {
                let mut selected = Selected::new(number(7), number(self.last_uid + 1));
                selected.uids = set(self.messages.keys().copied());
                selected.highest_mod_seq = mod_seq;
                self.server.selected(selected).expect("it was asked for");
                let _ = self.server.vanished(&"1:3".parse().expect("a set"));
                self.server.ok()
            }
            E::Append(_) => self.server.ok(),
            E::Body(piece) => {
                self.receiving.extend(piece);
                Ok(())
            }
            E::AppendEnd => {
                self.last_uid += 2;
                let body = std::mem::take(&mut self.receiving);
                let message = Message {
                    body,
                    ..Message::default()
                };
                self.messages.insert(self.last_uid, message);
                let _ = self.server.arrived(&set([self.last_uid]), false);
                self.server.ok()
            }
            E::Fetch(fetch) if fetch.attributes.contains(&FetchAttribute::Flags) => {
                for uid in fetch.uids.numbers() {
                    let flags = FetchItem::Flags(self.messages[&uid.get()].flags.clone());
                    self.server
                        .fetch(uid, vec![flags])
                        .expect("it was asked for");
                }
                self.server.ok()
            }
            E::Fetch(fetch) => {
                self.telling = fetch.uids.numbers().rev().collect();
                Ok(())
            }
            E::Store(store) => {
                let StoreWhat::Flags(flags) = &store.what else {
                    panic!("{store:?}");
                };
                for uid in store.uids.numbers() {
                    assert!(self.meant.contains(uid), "{uid} was not meant");
                    self.mod_seq += 1;
                    let message = self.messages.get_mut(&uid.get()).expect("it is there");
                    message.flags = flags.clone();
                    message.mod_seq = self.mod_seq;
                    let mod_seq = ModSeq::new(self.mod_seq).ok();
                    self.server
                        .stored(uid, flags, mod_seq)
                        .expect("it was asked for");
                }
                self.server.ok()
            }
            E::Expunge(_) => {
                let doomed: Vec<u32> = self
                    .messages
                    .iter()
                    .filter(|(_, message)| message.flags.contains(&Flag::Deleted))
                    .map(|(uid, _)| *uid)
                    .collect();
                self.messages.retain(|uid, _| !doomed.contains(uid));
                self.server
                    .expunged(&set(doomed), mod_seq)
                    .expect("it is selected");
                self.server.ok()
            }
            E::Noop => self.server.ok(),
            E::Idle => Ok(()),
            // Such as a FETCH of all in an empty mailbox.
            E::Rejected(_) => Ok(()),
            other => panic!("{other:?}"),
        };
        done.expect("it was asked for");
    }

    /// A message that another session has put there.
    fn arrive(&mut self) {
        self.last_uid += 1;
        self.messages.insert(self.last_uid, Message::default());
        let new = set([self.last_uid]);
        self.server.arrived(&new, false).expect("it is selected");
    }

    /// One that another session has removed.
    fn vanish(&mut self, uid: u32) {
        self.mod_seq += 1;
        self.messages.remove(&uid);
        let mod_seq = ModSeq::new(self.mod_seq).ok();
        self.server
            .expunged(&set([uid]), mod_seq)
            .expect("it is selected");
    }

    fn append(&mut self, body: &[u8]) {
        let mut append = Append::new(MailboxName::inbox(), "");
        append.messages[0].data = AppendData::Message {
            content: Content::Streamed(body.len() as u64),
            binary: false,
        };
        self.send(CommandBody::Append(Box::new(append)));
        self.wanted = Bytes::copy_from_slice(body);
        self.run();
        assert!(self.wanted.is_empty());
    }

    fn fetch(&mut self, by: By, attribute: FetchAttribute) {
        let fetch = Fetch::new(by, SequenceSet::all(), vec![attribute]);
        self.send(CommandBody::Fetch(Box::new(fetch)));
        self.run();
    }

    /// The client's view of the mailbox is the server's.
    fn check(&self) {
        let mailbox = self.client.mailbox().expect("one is selected");
        assert_eq!(mailbox.exists() as usize, self.messages.len());
        assert_eq!(mailbox.uids(), set(self.messages.keys().copied()));
        assert!(
            self.completed.iter().all(|kind| *kind == StatusKind::Ok),
            "{:?}",
            self.completed
        );
    }
}

fn carry(output: &mut Output, input: &mut Input, most: usize) -> usize {
    let waiting = output.chunk().len().min(most);
    let taken = input.extend(&output.chunk()[..waiting]);
    output.advance(taken);
    taken
}

/// A message of any octets but NUL.
fn message(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 7 % 255) as u8 + 1).collect()
}

fn converse(most: usize, compress: bool, enable: &str) {
    let mut pair = Pair::new(most);
    pair.run();
    if compress {
        pair.send(CommandBody::Compress("DEFLATE".parse().expect("an atom")));
    }
    if !enable.is_empty() {
        let enable = enable.parse().expect("a capability");
        pair.send(CommandBody::Enable(vec![enable]));
    }
    pair.append(&message(10));
    pair.append(&message(100_000));
    pair.send(CommandBody::Select(Box::new(Select::new(
        MailboxName::inbox(),
    ))));
    pair.append(&message(5000));
    pair.fetch(By::Uid, FetchAttribute::Flags);
    pair.check();

    let whole = FetchAttribute::Section {
        section: Section::whole(),
        partial: None,
        peek: true,
    };
    pair.fetch(By::Uid, whole);
    // What is small comes with the rest of its response.
    let expected = [message(100_000)];
    let large: Vec<_> = pair
        .bodies
        .iter()
        .filter(|body| body.len() > 65_536)
        .collect();
    assert!(large.into_iter().eq(expected.iter()));

    let deleted = [Flag::Deleted].into_iter().collect();
    let store = Store::new(By::Uid, number(2).into(), StoreHow::Replace, deleted);
    pair.meant.insert(number(2));
    pair.send(CommandBody::Store(Box::new(store)));
    pair.send(CommandBody::Expunge(None));
    pair.run();
    pair.check();

    pair.send(CommandBody::Idle);
    pair.run();
    for _ in 0..3 {
        pair.arrive();
    }
    pair.vanish(4);
    pair.run();
    assert_eq!(pair.client.mailbox().expect("selected").exists(), 4);
    pair.client.done().expect("it idles");
    pair.fetch(By::Uid, FetchAttribute::Flags);
    pair.check();
    pair.send(CommandBody::Logout);
    pair.run();
    assert!(matches!(pair.client.step(pair.now), Ok(Step::Close)));
    assert!(matches!(pair.server.step(pair.now), Ok(Step::Close)));
}

#[test]
fn a_session() {
    for most in [usize::MAX, 1000, 1] {
        converse(most, false, "");
    }
}

#[test]
fn a_compressed_session() {
    for most in [usize::MAX, 100] {
        converse(most, true, "");
    }
}

#[test]
fn in_every_kind_of_imap() {
    for kind in ["CONDSTORE", "QRESYNC", "IMAP4rev2"] {
        converse(777, false, kind);
    }
}

/// RFC 7162: one call brings a client up to date.
#[test]
fn resynchronised() {
    let mut pair = Pair::new(1000);
    pair.run();
    for _ in 0..3 {
        pair.append(b"x");
    }
    let known = QResync::new(number(7), ModSeq::new(1).expect("not 0"));
    let mut select = Select::new(MailboxName::inbox());
    select.qresync = Some(known);
    let select = CommandBody::Select(Box::new(select));
    pair.client.send(select).expect("there is room");
    pair.run();
    assert_eq!(
        pair.vanished.to_string(),
        "1,3",
        "what is there has not gone"
    );
    assert!(
        pair.client
            .enabled()
            .contains(&Capability::Known(Extension::QResync))
    );
    assert_eq!(pair.client.mailbox().expect("selected").exists(), 3);
}

/// What happens to a mailbox, and what a client does there meanwhile.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Arrive,
    Vanish(prop::sample::Index),
    /// `FETCH 1:* FLAGS`, or `UID FETCH`.
    Fetch(bool),
    /// The last message becomes `\Deleted`, by its number or by its UID, if that is known.
    Delete(bool),
    Expunge,
    Append,
    Noop,
    /// IDLE, or its end.
    Idle,
    /// Only so much goes on before the next deed.
    Steps(usize),
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        3 => Just(Deed::Arrive),
        3 => any::<prop::sample::Index>().prop_map(Deed::Vanish),
        2 => any::<bool>().prop_map(Deed::Fetch),
        1 => any::<bool>().prop_map(Deed::Delete),
        1 => Just(Deed::Expunge),
        1 => Just(Deed::Append),
        2 => Just(Deed::Noop),
        1 => Just(Deed::Idle),
        5 => (1..20usize).prop_map(Deed::Steps),
    ]
}

impl Pair {
    fn act(&mut self, deed: Deed) {
        match deed {
            Deed::Arrive => self.arrive(),
            Deed::Vanish(which) => {
                let there: Vec<u32> = self.messages.keys().copied().collect();
                if !there.is_empty() {
                    self.vanish(*which.get(&there));
                }
            }
            Deed::Fetch(by_uid) => {
                let by = if by_uid { By::Uid } else { By::Sequence };
                let wanted = vec![FetchAttribute::Flags];
                let set = SequenceSet::all();
                // It is an error of the client's to name what it knows not to be there.
                if by_uid || self.client.mailbox().is_some_and(|it| it.exists() > 0) {
                    self.send(CommandBody::Fetch(Box::new(Fetch::new(by, set, wanted))));
                }
            }
            Deed::Delete(by_uid) => {
                let mailbox = self.client.mailbox().expect("one is selected");
                let last = NonZeroU32::new(mailbox.exists());
                let Some((last, uid)) = last.and_then(|last| Some((last, mailbox.uid(last)?)))
                else {
                    return;
                };
                self.meant.insert(uid);
                let (by, set) = match by_uid {
                    true => (By::Uid, uid.into()),
                    false => (By::Sequence, last.into()),
                };
                let deleted = [Flag::Deleted].into_iter().collect();
                let store = Store::new(by, set, StoreHow::Replace, deleted);
                self.send(CommandBody::Store(Box::new(store)));
            }
            Deed::Expunge => self.send(CommandBody::Expunge(None)),
            Deed::Append => {
                let append = Append::new(MailboxName::inbox(), "from here");
                self.send(CommandBody::Append(Box::new(append)));
            }
            Deed::Noop => self.send(CommandBody::Noop),
            Deed::Idle => {
                if self.client.done().is_err() {
                    self.send(CommandBody::Idle);
                }
            }
            Deed::Steps(count) => {
                for _ in 0..count {
                    self.step();
                }
            }
        }
    }

    /// Lets everything be done that was begun.
    fn settle(&mut self) {
        self.run();
        while self.client.done().is_ok() {
            self.run();
        }
        self.send(CommandBody::Noop);
        self.run();
        assert_eq!(self.client.unanswered(), 0);
    }
}

proptest! {
    /// Whatever comes between, the client knows how many messages there are, which it knows are those, and none is changed that was
    /// not meant.
    #[test]
    fn client_and_server_agree(
        deeds in prop::collection::vec(deed(), 1..60),
        most in prop_oneof![Just(usize::MAX), Just(100), Just(1)],
        kind in prop::sample::select(vec!["", "CONDSTORE", "QRESYNC", "IMAP4rev2"]),
    ) {
        let mut pair = Pair::new(most);
        if !kind.is_empty() {
            let kind = kind.parse().expect("a capability");
            pair.send(CommandBody::Enable(vec![kind]));
        }
        pair.run();
        pair.send(CommandBody::Select(Box::new(Select::new(MailboxName::inbox()))));
        pair.run();
        for deed in deeds {
            pair.act(deed);
        }
        pair.settle();
        let mailbox = pair.client.mailbox().expect("one is selected");
        prop_assert_eq!(mailbox.exists() as usize, pair.messages.len());
        for (at, uid) in (1..).zip(pair.messages.keys()) {
            let known = mailbox.uid(number(at)).map(NonZeroU32::get);
            prop_assert!(known.is_none_or(|known| known == *uid), "{} is {:?}, not {}", at, known, uid);
        }
        pair.fetch(By::Uid, FetchAttribute::Flags);
        let mailbox = pair.client.mailbox().expect("one is selected");
        prop_assert_eq!(mailbox.uids(), set(pair.messages.keys().copied()));
    }
}
