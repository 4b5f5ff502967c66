//! Several sessions on one mailbox, against a model that is simple enough to be believed.
//!
//! Clients say whatever they like, in their own kinds of IMAP. Each keeps what it has been told, and after every answer
//! that is compared with the mailbox, as far as the client can know it; at the end, everything.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::time::Instant;

use bytes::Buf;
use imap_proto::command::{By, StoreHow, StoreWhat};
use imap_proto::frame::Found;
use imap_proto::response::{Code, Data, ESearchResult, FetchItem, Fetched, Response, StatusKind};
use imap_proto::server::{Event, Search, Selected, Server, Store};
use imap_proto::{Flag, Flags, Framer, ModSeq, NumberSet, Reader};
use mailwire::testing::{Settings, Stage, beginning};
use mailwire::{Input, Machine, Step};
use stage::ServerStage;

mod stage;

/// How many commands are said in all.
const COMMANDS: usize = 100_000;

/// Kinds of clients: what they enable.
const KINDS: [&str; 6] = [
    "",
    "CONDSTORE",
    "QRESYNC",
    "IMAP4rev2",
    "UIDONLY",
    "IMAP4rev2 QRESYNC UIDONLY",
];

/// What there is.
#[derive(Debug, Default)]
struct Mailbox {
    messages: BTreeMap<u32, Message>,
    last_uid: u32,
    mod_seq: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Message {
    flags: BTreeSet<&'static str>,
    mod_seq: u64,
}

/// What somebody has been told.
struct Client {
    kind: &'static str,
    framer: Framer,
    input: Input,
    reader: Reader,
    /// UIDs by sequence number; 0 where only EXISTS has told of a message.
    numbers: Vec<u32>,
    flags: BTreeMap<u32, BTreeSet<&'static str>>,
    mod_seqs: BTreeMap<u32, u64>,
    found: Vec<u32>,
    last: Option<(StatusKind, Option<Code>)>,
    /// Whether EXPUNGE and VANISHED are allowed now.
    may_shrink: bool,
}

struct World {
    mailbox: Mailbox,
    servers: Vec<Server>,
    clients: Vec<Client>,
    now: Instant,
    random: u64,
    said: usize,
}

fn number(value: u32) -> NonZeroU32 {
    NonZeroU32::new(value).expect("not 0")
}

fn set(uids: impl IntoIterator<Item = u32>) -> NumberSet {
    uids.into_iter().map(number).collect()
}

fn flags_of(names: &BTreeSet<&'static str>) -> Flags {
    names
        .iter()
        .map(|name| name.parse::<Flag>().expect("a flag"))
        .collect()
}

fn names_of(flags: &Flags) -> BTreeSet<&'static str> {
    let known = ["\\Seen", "\\Deleted", "\\Flagged"];
    let there = |name: &&str| flags.contains(&name.parse().expect("a flag"));
    known.into_iter().filter(there).collect()
}

impl Client {
    fn new(kind: &'static str) -> Self {
        let mut reader = Reader::strict();
        reader.set_utf8(kind.contains("IMAP4rev2"));
        let framer = Framer::responses();
        Self {
            kind,
            input: Input::new(framer.input_limit()),
            framer,
            reader,
            numbers: Vec::new(),
            flags: BTreeMap::new(),
            mod_seqs: BTreeMap::new(),
            found: Vec::new(),
            last: None,
            may_shrink: false,
        }
    }

    fn by_uid(&self) -> bool {
        self.kind.contains("UIDONLY")
    }

    fn forget(&mut self) {
        self.numbers.clear();
        self.flags.clear();
        self.mod_seqs.clear();
    }

    fn hear(&mut self, octets: &[u8]) {
        assert_eq!(self.input.extend(octets), octets.len());
        loop {
            match self.framer.next(&mut self.input).expect("frames") {
                Found::Incomplete => return,
                Found::Frame(frame) => match self.reader.response(&frame) {
                    Ok(Response::Untagged(data)) => self.told(data),
                    Ok(Response::Tagged { status, .. }) => {
                        self.last = Some((status.kind, status.code))
                    }
                    Ok(_) => {}
                    Err(error) => panic!("{error}: {frame:?}"),
                },
                other => panic!("{other:?}"),
            }
        }
    }

    fn told(&mut self, data: Data) {
        match data {
            Data::Exists(count) => {
                assert!(
                    count as usize >= self.numbers.len(),
                    "EXISTS made the mailbox smaller"
                );
                self.numbers.resize(count as usize, 0);
            }
            Data::Recent(_) => assert!(!self.kind.contains("IMAP4rev2"), "RECENT in IMAP4rev2"),
            Data::Expunge(gone) => {
                assert!(self.may_shrink, "EXPUNGE at the wrong time");
                let vanishes = self.kind.contains("QRESYNC") || self.by_uid();
                assert!(!vanishes, "EXPUNGE in the place of VANISHED");
                let uid = self.numbers.remove(gone.get() as usize - 1);
                self.flags.remove(&uid);
            }
            Data::Vanished {
                earlier: false,
                uids,
            } => {
                assert!(self.may_shrink, "VANISHED at the wrong time");
                for uid in uids.numbers() {
                    let at = self.numbers.iter().position(|known| *known == uid.get());
                    // Of a message that was only counted it is known that it was one of those.
                    let at = at.or_else(|| self.numbers.iter().position(|known| *known == 0));
                    self.numbers.remove(at.expect("a message that was there"));
                    self.flags.remove(&uid.get());
                }
            }
            Data::Fetch(fetched) => self.fetched(&fetched),
            Data::Search(found) => {
                self.found = found.numbers.iter().map(|number| number.get()).collect();
            }
            Data::ESearch(found) => {
                self.found.clear();
                for result in &found.results {
                    if let ESearchResult::All(all) = result {
                        self.found = all.numbers().map(NonZeroU32::get).collect();
                    }
                }
            }
            _ => {}
        }
    }

    fn fetched(&mut self, fetched: &Fetched) {
        let uid = match fetched.by {
            By::Uid => {
                assert!(self.by_uid());
                fetched.number.get()
            }
            By::Sequence => {
                assert!(!self.by_uid(), "a sequence number behind UIDONLY");
                let at = fetched.number.get() as usize - 1;
                assert!(at < self.numbers.len(), "a message that was not announced");
                let told = fetched.uid().map(NonZeroU32::get);
                let always = self.kind.contains("QRESYNC") || self.kind.contains("IMAP4rev2");
                assert!(told.is_some() || !always, "the UID is missing");
                let known = self.numbers[at];
                let uid = told.unwrap_or(known);
                assert!(known == 0 || known == uid, "{known} was told as {uid}");
                self.numbers[at] = uid;
                uid
            }
        };
        if self.by_uid() && !self.numbers.contains(&uid) {
            let at = self.numbers.iter().position(|known| *known == 0);
            self.numbers[at.expect("a message that was announced")] = uid;
            self.numbers
                .sort_unstable_by_key(|uid| if *uid == 0 { u32::MAX } else { *uid });
        }
        for item in &fetched.items {
            match item {
                FetchItem::Flags(flags) if uid != 0 => {
                    self.flags.insert(uid, names_of(flags));
                }
                FetchItem::ModSeq(value) => {
                    let old = self.mod_seqs.insert(uid, value.value());
                    assert!(
                        old.is_none_or(|old| old <= value.value()),
                        "a mod-sequence went back"
                    );
                }
                _ => {}
            }
        }
    }
}

impl World {
    fn new(sessions: usize) -> Self {
        let settings = Settings::from("greeting=preauth serves=everything news=3 errors=1000000");
        let server = || ServerStage.machine(&settings).expect("settings");
        let now = beginning();
        let mut world = Self {
            mailbox: Mailbox::default(),
            servers: (0..sessions).map(|_| server()).collect(),
            clients: KINDS
                .iter()
                .cycle()
                .take(sessions)
                .map(|kind| Client::new(kind))
                .collect(),
            now,
            random: 7,
            said: 0,
        };
        for _ in 0..10 {
            world.add();
        }
        for who in 0..sessions {
            let kind = world.clients[who].kind;
            if !kind.is_empty() {
                world.say(who, &format!("ENABLE {kind}"), true);
            }
            world.select(who);
        }
        world
    }

    fn roll(&mut self, below: u64) -> u32 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % below) as u32
    }

    // The mailbox.

    fn add(&mut self) -> u32 {
        let gap = 1 + self.roll(3);
        let mailbox = &mut self.mailbox;
        mailbox.last_uid += gap;
        mailbox.mod_seq += 1;
        let message = Message {
            flags: BTreeSet::new(),
            mod_seq: mailbox.mod_seq,
        };
        mailbox.messages.insert(mailbox.last_uid, message);
        mailbox.last_uid
    }

    fn tell_all(&mut self, mut tell: impl FnMut(usize, &mut Server)) {
        for (who, server) in self.servers.iter_mut().enumerate() {
            tell(who, server);
        }
    }

    fn add_and_tell(&mut self) {
        let uid = self.add();
        self.tell_all(|_, server| {
            // Whoever has nothing selected has nothing to hear.
            let _ = server.arrived(&set([uid]), false);
        });
    }

    fn expunge(&mut self, among: Option<&NumberSet>) {
        let doomed = self.mailbox.messages.iter().filter(|(uid, message)| {
            let named = among.is_none_or(|among| among.contains(number(**uid)));
            named && message.flags.contains("\\Deleted")
        });
        let doomed: Vec<u32> = doomed.map(|(uid, _)| *uid).collect();
        self.remove(doomed);
    }

    fn remove(&mut self, doomed: Vec<u32>) {
        if doomed.is_empty() {
            return;
        }
        self.mailbox.mod_seq += 1;
        let mod_seq = ModSeq::new(self.mailbox.mod_seq).ok();
        self.mailbox.messages.retain(|uid, _| !doomed.contains(uid));
        let doomed = set(doomed);
        self.tell_all(|_, server| {
            let _ = server.expunged(&doomed, mod_seq);
        });
    }

    fn store(&mut self, who: usize, store: &Store) {
        let StoreWhat::Flags(flags) = &store.what else {
            panic!("{store:?}");
        };
        let names = names_of(flags);
        for uid in store.uids.numbers() {
            self.mailbox.mod_seq += 1;
            let mod_seq = self.mailbox.mod_seq;
            let Some(message) = self.mailbox.messages.get_mut(&uid.get()) else {
                panic!("{uid} is not there");
            };
            match store.how {
                StoreHow::Add => message.flags.extend(names.iter()),
                StoreHow::Remove => message.flags.retain(|name| !names.contains(name)),
                _ => message.flags = names.clone(),
            }
            message.mod_seq = mod_seq;
            let flags = flags_of(&message.flags);
            let mod_seq = ModSeq::new(mod_seq).ok();
            self.tell_all(|other, server| match other == who {
                true => server
                    .stored(uid, &flags, mod_seq)
                    .expect("it was asked for"),
                false => {
                    let _ = server.changed(uid, flags.clone(), mod_seq);
                }
            });
        }
    }

    fn find(&self, search: &Search) -> NumberSet {
        // Keys are UIDs, ALL and DELETED, of which all have to fit.
        let looked = format!("{:?}", search.keys);
        let deleted = looked.contains("Deleted");
        let found = self
            .mailbox
            .messages
            .iter()
            .filter(|(_, message)| !deleted || message.flags.contains("\\Deleted"));
        set(found.map(|(uid, _)| *uid))
    }

    fn serve(&mut self, who: usize, event: Event) {
        let done = match event {
            Event::Select(_) => {
                let uid_next = number(self.mailbox.last_uid + 1);
                let mut selected = Selected::new(number(7), uid_next);
                selected.uids = set(self.mailbox.messages.keys().copied());
                selected.highest_mod_seq = ModSeq::new(self.mailbox.mod_seq).ok();
                self.servers[who]
                    .selected(selected)
                    .expect("it was asked for");
                self.servers[who].ok()
            }
            Event::Fetch(fetch) => {
                for uid in fetch.uids.numbers() {
                    let message = &self.mailbox.messages[&uid.get()];
                    let mod_seq = ModSeq::new(message.mod_seq).expect("not 0");
                    let items = vec![
                        FetchItem::Flags(flags_of(&message.flags)),
                        FetchItem::ModSeq(mod_seq.into()),
                    ];
                    self.servers[who]
                        .fetch(uid, items)
                        .expect("it was asked for");
                }
                self.servers[who].ok()
            }
            Event::Store(store) => {
                self.store(who, &store);
                self.servers[who].ok()
            }
            Event::Refresh(uids) => {
                for uid in uids.numbers() {
                    let message = &self.mailbox.messages[&uid.get()];
                    let mod_seq = ModSeq::new(message.mod_seq).ok();
                    let flags = flags_of(&message.flags);
                    let stored = self.servers[who].stored(uid, &flags, mod_seq);
                    stored.expect("it was asked for");
                }
                self.servers[who].ok()
            }
            Event::Expunge(uids) => {
                self.expunge(uids.as_ref());
                self.servers[who].ok()
            }
            Event::Move(copy) => {
                self.remove(copy.uids.numbers().map(NonZeroU32::get).collect());
                self.servers[who].ok()
            }
            Event::Copy(copy) => {
                for _ in copy.uids.numbers() {
                    self.add_and_tell();
                }
                self.servers[who].ok()
            }
            Event::Search(search) => {
                let found = self.find(&search);
                self.servers[who].found(found, None)
            }
            Event::AppendEnd => {
                self.add_and_tell();
                self.servers[who].ok()
            }
            Event::Append(_) | Event::Noop => self.servers[who].ok(),
            Event::Body(_) | Event::Idle => Ok(()),
            // Numbers may be too large where others have shrunk the mailbox.
            Event::Rejected(_) => Ok(()),
            other => panic!("{other:?}"),
        };
        done.expect("it was asked for");
    }

    // The clients.

    /// Lets everybody hear what there is to hear.
    fn run(&mut self) {
        for who in 0..self.servers.len() {
            loop {
                match self.servers[who].step(self.now) {
                    Ok(Step::Event(event)) => self.serve(who, event),
                    Ok(Step::NeedInput) => break,
                    Ok(Step::NeedFlush) => self.hear(who),
                    other => panic!("{other:?}"),
                }
            }
            self.hear(who);
        }
    }

    fn hear(&mut self, who: usize) {
        let output = self.servers[who].output();
        let octets = output.copy_to_bytes(output.remaining());
        self.clients[who].hear(&octets);
    }

    fn say(&mut self, who: usize, command: &str, may_shrink: bool) {
        self.said += 1;
        let client = &mut self.clients[who];
        client.may_shrink = may_shrink;
        client.last = None;
        let said = format!("t {command}\r\n");
        assert_eq!(
            self.servers[who].input().extend(said.as_bytes()),
            said.len()
        );
        self.run();
        self.clients[who].may_shrink = command == "IDLE";
    }

    fn select(&mut self, who: usize) {
        self.clients[who].forget();
        self.say(who, "SELECT INBOX", false);
        self.learn(who);
    }

    /// A client that is told of new messages asks about them.
    fn learn(&mut self, who: usize) {
        let client = &self.clients[who];
        let Some(first) = client.numbers.iter().position(|uid| *uid == 0) else {
            return;
        };
        let known = client.numbers[..first].last().copied().unwrap_or(0);
        match client.by_uid() {
            true => self.say(who, &format!("UID FETCH {}:* FLAGS", known + 1), true),
            false => self.say(who, &format!("FETCH {}:* (UID FLAGS)", first + 1), false),
        }
    }

    /// A set of sequence numbers or UIDs, and the UIDs that it means to the client.
    fn some(&mut self, who: usize, by_uid: bool) -> Option<(String, BTreeSet<u32>)> {
        let numbers = self.clients[who].numbers.clone();
        let last = *numbers.last()?;
        let count = numbers.len() as u32;
        if by_uid {
            let (one, other) = (
                1 + self.roll(u64::from(last) + 2),
                1 + self.roll(u64::from(last) + 2),
            );
            let (low, high) = (one.min(other), one.max(other));
            let meant = numbers.into_iter().filter(|uid| (low..=high).contains(uid));
            return Some((format!("{one}:{other}"), meant.collect()));
        }
        let (one, other) = (1 + self.roll(count.into()), 1 + self.roll(count.into()));
        let (low, high) = (one.min(other), one.max(other));
        let meant = numbers[low as usize - 1..high as usize].iter().copied();
        Some((format!("{other}:{one}"), meant.collect()))
    }

    fn turn(&mut self) {
        let who = self.roll(self.servers.len() as u64) as usize;
        let by_uid = self.clients[who].by_uid() || self.roll(2) == 0;
        let prefix = if by_uid { "UID " } else { "" };
        let roll = self.roll(100);
        if roll < 22 {
            self.say(who, "APPEND INBOX {1+}\r\nx", true);
        } else if roll < 30 {
            self.say(who, "NOOP", true);
        } else if roll < 34 {
            self.say(who, "EXPUNGE", true);
        } else if roll < 36 {
            self.say(who, "IDLE", true);
            let other = (who + 1) % self.servers.len();
            self.say(other, "APPEND INBOX {1+}\r\nx", true);
            self.learn(other);
            self.clients[who].may_shrink = true;
            let done = b"DONE\r\n";
            assert_eq!(self.servers[who].input().extend(done), done.len());
            self.run();
            self.clients[who].may_shrink = false;
        } else if roll < 37 {
            self.select(who);
        } else if let Some((set, meant)) = self.some(who, by_uid) {
            self.in_set(who, prefix, &set, &meant, roll);
        }
        self.learn(who);
        self.check(who);
    }

    fn in_set(&mut self, who: usize, prefix: &str, set: &str, meant: &BTreeSet<u32>, roll: u32) {
        let by_uid = !prefix.is_empty();
        let there = |world: &Self, uid: &u32| world.mailbox.messages.contains_key(uid);
        match roll {
            37..55 => {
                self.say(who, &format!("{prefix}FETCH {set} FLAGS"), by_uid);
                for uid in meant.iter().filter(|uid| there(self, uid)) {
                    let known = &self.clients[who].flags[uid];
                    assert_eq!(known, &self.mailbox.messages[uid].flags, "of {uid}");
                }
                let gone = meant.iter().any(|uid| !there(self, uid));
                let (kind, _) = self.clients[who].last.clone().expect("an answer");
                let refused = gone && !by_uid;
                assert_eq!(kind == StatusKind::No, refused, "EXPUNGEISSUED, {meant:?}");
            }
            55..75 => {
                let how = ["", "+", "-"][self.roll(3) as usize];
                let flag = ["\\Seen", "\\Deleted", "\\Flagged"][self.roll(3) as usize];
                let silent = ["", ".SILENT"][self.roll(2) as usize];
                let command = format!("{prefix}STORE {set} {how}FLAGS{silent} ({flag})");
                self.say(who, &command, by_uid);
                if !silent.is_empty() {
                    // It knows what it has done.
                    for uid in meant {
                        if let (Some(message), Some(known)) = (
                            self.mailbox.messages.get(uid),
                            self.clients[who].flags.get_mut(uid),
                        ) {
                            known.clone_from(&message.flags);
                        }
                    }
                }
            }
            75..85 => {
                let before: BTreeSet<u32> = self.clients[who].numbers.iter().copied().collect();
                let numbers = self.clients[who].numbers.clone();
                let mailbox = &self.mailbox.messages;
                let deleted = |uid: &&u32| {
                    mailbox
                        .get(uid)
                        .is_some_and(|it| it.flags.contains("\\Deleted"))
                };
                let expected: Vec<u32> = before.iter().filter(deleted).copied().collect();
                self.say(who, &format!("{prefix}SEARCH DELETED"), by_uid);
                let found = self.clients[who].found.clone();
                let found: Vec<u32> = match by_uid {
                    true => found,
                    false => found.iter().map(|at| numbers[*at as usize - 1]).collect(),
                };
                assert_eq!(found, expected);
            }
            85..88 => self.say(who, &format!("{prefix}MOVE {set} Trash"), true),
            88..92 => self.say(who, &format!("UID EXPUNGE {}", self.mailbox.last_uid), true),
            92..96 if meant.len() < 4 => {
                self.say(who, &format!("{prefix}COPY {set} INBOX"), by_uid);
            }
            _ => self.say(who, "CHECK", true),
        }
    }

    /// What a client knows is true, as far as it may know.
    fn check(&self, who: usize) {
        let client = &self.clients[who];
        let known: Vec<u32> = client
            .numbers
            .iter()
            .copied()
            .filter(|uid| *uid != 0)
            .collect();
        assert!(known.is_sorted(), "UIDs ascend: {known:?}");
        // What it knows and is not there any more has gone in secret; what is there and it does not know came last.
        let there = self.mailbox.messages.keys().copied();
        let last = known.last().copied().unwrap_or(0);
        let missing: Vec<u32> = there
            .filter(|uid| *uid <= last && known.binary_search(uid).is_err())
            .collect();
        assert!(
            missing.is_empty(),
            "{} does not know {missing:?}",
            client.kind
        );
    }

    /// At the end everybody knows everything.
    fn check_all(&mut self) {
        for who in 0..self.servers.len() {
            self.say(who, "NOOP", true);
            self.learn(who);
            let client = &self.clients[who];
            let there: Vec<u32> = self.mailbox.messages.keys().copied().collect();
            assert_eq!(client.numbers, there, "{}", client.kind);
            for (uid, message) in &self.mailbox.messages {
                assert_eq!(client.flags[uid], message.flags, "{} of {uid}", client.kind);
                if client.kind.contains("QRESYNC") || client.kind.contains("CONDSTORE") {
                    assert!(client.mod_seqs[uid] <= message.mod_seq);
                }
            }
        }
    }
}

#[test]
fn sessions_agree() {
    let mut world = World::new(KINDS.len());
    while world.said < COMMANDS {
        world.turn();
        if world.said % 500 < 2 {
            world.check_all();
        }
        // A mailbox that grows without end is a slow one.
        if world.mailbox.messages.len() > 60 {
            let doomed = world.mailbox.messages.keys().copied().step_by(2).collect();
            world.remove(doomed);
        }
    }
    world.check_all();
}
