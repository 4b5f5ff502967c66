//! The server.

use std::num::NonZeroU32;
use std::time::Duration;

use bytes::{Buf, Bytes};
use imap_proto::command::{self, By, Command, CommandBody, StoreWhat};
use imap_proto::encode::{Encoder, Encoding, Literals};
use imap_proto::response::{Code, Data, FetchItem, Response, Status};
use imap_proto::server::{Config, Event, NewMessage, Refusal, Search, Selected, Server};
use imap_proto::{Capability, Flags, Frame, ModSeq, NumberSet, PermanentFlags, Reader};
use mailwire::testing::laws::Answers;
use mailwire::testing::{Dice, Said, Settings, Stage, text};
use mailwire::{ApiMisuse, Machine, Output, TlsInfo};

/// Builds servers from settings and speaks their events.
pub(crate) struct ServerStage;

/// What a server is that serves everything.
const EVERYTHING: &str = "IMAP4rev1 IMAP4rev2 LITERAL+ SASL-IR ENABLE ID IDLE UNSELECT UIDPLUS MOVE \
    CONDSTORE QRESYNC ESEARCH SEARCHRES SORT THREAD=REFERENCES ESORT PARTIAL MULTIAPPEND CATENATE REPLACE \
    BINARY NAMESPACE LIST-EXTENDED LIST-STATUS SPECIAL-USE CREATE-SPECIAL-USE QUOTA METADATA UTF8=ACCEPT \
    NOTIFY OBJECTID PREVIEW STATUS=SIZE SAVEDATE WITHIN UIDONLY UNAUTHENTICATE";

impl Stage for ServerStage {
    type Machine = Server;

    const LONGEST_REPLY: usize = 16 * 1024;

    fn machine(&self, settings: &Settings) -> Result<Server, String> {
        let mut config = Config::new();
        config.auth_without_tls = true;
        let (mut tls, mut greeting) = (false, "ok".to_owned());
        for (key, value) in settings.iter() {
            let number = || value.parse::<usize>().map_err(|_| format!("{key}={value}"));
            let seconds = || Ok::<_, String>(Duration::from_secs(number()? as u64));
            let yes = value == "yes";
            let limits = &mut config.limits;
            match key {
                "text" => limits.frame.text = number()?,
                "skipped" => limits.frame.skipped = number()?,
                "kept_literal" => limits.frame.kept_literal = number()? as u64,
                "literals" => limits.frame.literals = number()?,
                "stranger_literal" => limits.stranger_literal = number()? as u64,
                "errors" => limits.errors = number()? as u32,
                "stranger_errors" => limits.stranger_errors = number()? as u32,
                "auth_failures" => limits.auth_failures = number()? as u32,
                "idle_time" => limits.idle_time = seconds()?,
                "write_time" => limits.write_time = seconds()?,
                "news" => limits.news = number()?,
                "notices" => limits.notices = number()?,
                "search_sets" => limits.search_sets = number()?,
                "output" => limits.output = number()?,
                "starttls" => config.starttls = yes,
                "tls" => tls = yes,
                "auth_without_tls" => config.auth_without_tls = yes,
                "login" => config.login = yes,
                "bare_lf" => config.bare_lf = yes,
                "extra_spaces" => config.extra_spaces = yes,
                "auth" => {
                    let names = value
                        .split(',')
                        .map(|name| name.parse().map_err(|_| name.to_owned()));
                    config.mechanisms = names.collect::<Result<_, _>>()?;
                }
                "serves" if value == "everything" => config.extensions = serves(EVERYTHING)?,
                "serves" => config.extensions.extend(serves(&value.replace(',', " "))?),
                "only" => config.extensions = serves(&value.replace(',', " "))?,
                "append_limit" => config.append_limit = Some(number()? as u64),
                "id" => config.id = Some(vec![("name".into(), Some(value.into()))]),
                "keepalive" if value == "never" => config.keepalive = None,
                "keepalive" => config.keepalive = Some(seconds()?),
                "greeting" => greeting = value.into(),
                _ => return Err(format!("unknown setting {key}")),
            }
        }
        let mut server = match greeting.as_str() {
            "ok" => Server::new(config),
            "preauth" => Server::preauthenticated(config),
            "bye" => Server::refusing(config, refusal("[UNAVAILABLE] Too busy")?),
            other => return Err(format!("unknown greeting {other}")),
        };
        if tls {
            server.tls_started(TlsInfo::default());
        }
        Ok(server)
    }

    fn describe(&self, event: &Event) -> Said {
        Said::Line(match event {
            Event::Login(login) => {
                let password = String::from_utf8_lossy(login.password.expose());
                format!("login {} {password:?}", login.user.to_text())
            }
            Event::Authenticate(authenticate) => match &authenticate.initial_response {
                None => format!("authenticate {}", authenticate.mechanism),
                Some(initial) => format!(
                    "authenticate {} {:?}",
                    authenticate.mechanism,
                    String::from_utf8_lossy(initial.expose())
                ),
            },
            Event::AuthData(data) => {
                format!("auth-data {:?}", String::from_utf8_lossy(data.expose()))
            }
            Event::AuthCancelled => "auth-cancelled".into(),
            Event::Unauthenticated => "unauthenticated".into(),
            Event::Id(None) => "id".into(),
            Event::Id(Some(parameters)) => format!("id {parameters:?}"),
            Event::Select(select) => describe_select(select),
            Event::Close { expunge } => {
                format!("close{}", if *expunge { " expunge" } else { "" })
            }
            Event::Noop => "noop".into(),
            Event::Idle => "idle".into(),
            Event::Create(create) => {
                let uses: Vec<_> = create.special_use.names().collect();
                format!("create {} {}", create.mailbox.to_text(), uses.join(" "))
                    .trim_end()
                    .into()
            }
            Event::Delete(mailbox) => format!("delete {}", mailbox.to_text()),
            Event::Rename(rename) => {
                format!("rename {} {}", rename.from.to_text(), rename.to.to_text())
            }
            Event::Subscribe(mailbox) => format!("subscribe {}", mailbox.to_text()),
            Event::Unsubscribe(mailbox) => format!("unsubscribe {}", mailbox.to_text()),
            Event::List(list) => encoded(CommandBody::List(list.clone())),
            Event::Namespace => "namespace".into(),
            Event::Status(mailbox, items) => {
                let items: Vec<_> = items.iter().map(|item| item.as_str()).collect();
                format!("status {} {}", mailbox.to_text(), items.join(" "))
            }
            Event::Append(message) => describe_append(message),
            Event::Body(piece) => return Said::Body(piece.clone()),
            Event::AppendUrl(url) => format!("append-url {}", url.to_text()),
            Event::AppendEnd => "append-end".into(),
            Event::AppendAborted => "append-aborted".into(),
            Event::Expunge(None) => "expunge".into(),
            Event::Expunge(Some(uids)) => format!("expunge {uids}"),
            Event::Search(search) => format!("search {}", describe_search(search)),
            Event::Sort(sort) => {
                let criteria = sort.criteria.iter().map(|criterion| {
                    let reverse = if criterion.reverse { "-" } else { "" };
                    format!("{reverse}{}", criterion.key)
                });
                let criteria: Vec<_> = criteria.collect();
                format!(
                    "sort {} {}",
                    criteria.join(" "),
                    describe_search(&sort.search)
                )
            }
            Event::Thread(thread) => {
                let looked = describe_search(&thread.search);
                format!("thread {} {looked}", thread.algorithm)
            }
            Event::Fetch(fetch) => {
                let uids = fetch.uids.clone().into();
                let command = command::Fetch::new(By::Uid, uids, fetch.attributes.clone());
                let mut line = encoded(CommandBody::Fetch(Box::new(command)));
                line = line.replacen("uid ", "", 1);
                if let Some(since) = fetch.changed_since {
                    line += &format!(" since {}", since.value());
                }
                if let Some(uids) = &fetch.vanished {
                    line += &format!(" vanished {uids}");
                }
                if fetch.seen {
                    line += " seen";
                }
                line
            }
            Event::Store(store) => {
                let what = match &store.what {
                    StoreWhat::Flags(flags) => flags.to_string(),
                    other => format!("{other:?}"),
                };
                let since = store.unchanged_since;
                let since = since.map(|since| format!(" unless since {}", since.value()));
                let how = store.how.as_str();
                format!(
                    "store {} {how}({what}){}",
                    store.uids,
                    since.unwrap_or_default()
                )
            }
            Event::Copy(copy) => format!("copy {} {}", copy.uids, copy.mailbox.to_text()),
            Event::Move(copy) => format!("move {} {}", copy.uids, copy.mailbox.to_text()),
            Event::Refresh(uids) => format!("refresh {uids}"),
            Event::Notify(notify) => encoded(CommandBody::Notify(notify.clone())),
            Event::Other(body) => describe_other(body),
            Event::Rejected(status) => {
                let code = status.code.as_ref().map(|code| format!("{code:?} "));
                let (kind, text) = (status.kind.as_str(), &status.text);
                format!("rejected {kind} {}{text}", code.unwrap_or_default())
            }
            other => format!("unknown {other:?}"),
        })
    }

    /// Codes, flags, data and what is told of messages are written as in IMAP; see `tests/transcripts`.
    fn act(&self, server: &mut Server, words: &str) -> Result<(), String> {
        let (verb, rest) = words.split_once(' ').unwrap_or((words, ""));
        let (first, behind) = rest.split_once(' ').unwrap_or((rest, ""));
        let done = match verb {
            "ok" if rest.is_empty() => server.ok(),
            "ok" => server.ok_with(code(rest)?),
            "no" => server.no(refusal(rest)?),
            "bad" => server.bad(refusal(rest)?),
            "challenge" => server.challenge(&text::parse(rest)?),
            "data" => server.data(data(rest)?),
            "notice" => server.notice(data(rest)?).map(drop),
            "overflow" => server.overflow(),
            "added" => server.added(&set(first)?),
            "selected" => server.selected(selected(rest)?),
            "vanished" => server.vanished(&set(rest)?),
            "found" => server.found(set(first)?, mod_seq(behind)?),
            "sorted" => server.sorted(first.parse().unwrap_or_default(), mod_seq(behind)?),
            "threads" => match data(&format!("THREAD {rest}"))? {
                Data::Thread(threads) => server.threads(threads),
                other => return Err(format!("{other:?}")),
            },
            "fetch" => server.fetch(number(first)?, items(behind)?),
            "body" => {
                let mut piece = Bytes::from(text::parse(rest)?);
                server.write_body(&mut piece).map(|()| {
                    assert!(piece.is_empty(), "there is room for what tests send");
                })
            }
            "abort" => server.abort_body(),
            "inform" => server.inform(status(rest)?),
            "progress" => server.progress(first.parse().ok(), behind.parse().ok()),
            "stored" => {
                let (flags, mod_seq) = flags(behind)?;
                server.stored(number(first)?, &flags, mod_seq)
            }
            "arrived" => server.arrived(&set(first)?, behind == "recent"),
            "expunged" => server.expunged(&set(first)?, mod_seq(behind)?),
            "changed" => {
                let (flags, mod_seq) = flags(behind)?;
                server.changed(number(first)?, flags, mod_seq)
            }
            _ => return Err(format!("unknown action {verb}")),
        };
        done.map_err(|error| error.to_string())
    }
}

fn describe_select(select: &command::Select) -> String {
    let verb = if select.read_only {
        "examine"
    } else {
        "select"
    };
    let mut line = format!("{verb} {}", select.mailbox.to_text());
    if select.condstore {
        line += " condstore";
    }
    if let Some(known) = &select.qresync {
        line += &format!(" knows {} {}", known.uid_validity, known.mod_seq);
        if let Some(uids) = &known.known_uids {
            line += &format!(" uids {uids}");
        }
    }
    line
}

fn describe_append(message: &NewMessage) -> String {
    let mut line = format!("append {}", message.mailbox.to_text());
    if message.index > 0 {
        line += &format!(" #{}", message.index);
    }
    if !message.flags.is_empty() {
        line += &format!(" ({})", message.flags);
    }
    if let Some(date) = message.date {
        line += &format!(" {date}");
    }
    match message.length {
        Some(length) => line += &format!(" {length} octets"),
        None => line += " parts",
    }
    if message.utf8 {
        line += " utf8";
    }
    if let Some(uid) = message.replaces {
        line += &format!(" for {uid}");
    }
    line
}

fn describe_search(search: &Search) -> String {
    let mut command = command::Search::new(By::Uid, search.keys.clone());
    command.charset = search.charset.clone();
    let line = encoded(CommandBody::Search(Box::new(command)));
    let mod_seq = if search.mod_seq { " with modseq" } else { "" };
    format!("{}{mod_seq}", line.trim_start_matches("uid search "))
}

fn describe_other(body: &CommandBody) -> String {
    format!("{} {body:?}", body.name().to_ascii_lowercase())
}

/// What the client might have said, its name in lower case.
fn encoded(body: CommandBody) -> String {
    let name = body.name();
    let mut encoding = Encoding::commands();
    encoding.utf8 = true;
    encoding.literals = Literals::Plus;
    let mut encoder = Encoder::new(encoding);
    encoder.command(&Command::new("x".parse().expect("a tag"), body));
    let mut output = Output::new(1 << 20);
    let _ = encoder.transfer(&mut output);
    let octets = output.copy_to_bytes(output.remaining());
    let line = text::print(octets[2..].strip_suffix(b"\r\n").expect("a line"));
    line.replacen(name, &name.to_ascii_lowercase(), 1)
}

fn serves(names: &str) -> Result<Vec<Capability>, String> {
    let known = names
        .split_whitespace()
        .map(|name| name.parse().map_err(|_| name.to_owned()));
    known.collect()
}

fn number(word: &str) -> Result<NonZeroU32, String> {
    word.parse().map_err(|_| format!("not a number: {word}"))
}

fn set(words: &str) -> Result<NumberSet, String> {
    match words {
        "" | "none" => Ok(NumberSet::new()),
        words => words.parse().map_err(|_| format!("not a set: {words}")),
    }
}

fn mod_seq(word: &str) -> Result<Option<ModSeq>, String> {
    if word.is_empty() {
        return Ok(None);
    }
    let value = word
        .parse()
        .map_err(|_| format!("not a mod-sequence: {word}"))?;
    ModSeq::new(value)
        .map(Some)
        .map_err(|error| error.to_string())
}

fn data(words: &str) -> Result<Data, String> {
    let frame = Frame::from(Bytes::from(format!("* {words}")));
    let mut reader = Reader::strict();
    reader.set_utf8(true);
    match reader.response(&frame) {
        Ok(Response::Untagged(data)) => Ok(data),
        Ok(other) => Err(format!("{other:?}")),
        Err(error) => Err(format!("{words}: {error}")),
    }
}

fn status(words: &str) -> Result<Status, String> {
    match data(words)? {
        Data::Status(status) => Ok(status),
        other => Err(format!("{other:?}")),
    }
}

fn code(words: &str) -> Result<Code, String> {
    let status = status(&format!("OK {words} x"))?;
    status.code.ok_or_else(|| format!("no code: {words}"))
}

fn refusal(words: &str) -> Result<Refusal, String> {
    let status = status(&format!("NO {words}"))?;
    let refusal = Refusal::new(status.text);
    Ok(match status.code {
        Some(code) => refusal.with_code(code),
        None => refusal,
    })
}

/// What is told of a message, where `{5}` without octets stands for as many that are to come.
fn items(words: &str) -> Result<Vec<FetchItem>, String> {
    use imap_proto::response::FetchedSection;
    use imap_proto::{Content, Section};
    let (words, streamed) = match words.split_once("BODY[] {") {
        Some((before, behind)) => {
            let (length, after) = behind.split_once('}').ok_or("a length")?;
            let length = length.parse().map_err(|_| "a length")?;
            let section =
                FetchedSection::new(Section::whole(), None, Some(Content::Streamed(length)));
            let words = format!("{}{after}", before.trim_end());
            (words, Some(FetchItem::Section(Box::new(section))))
        }
        None => (words.to_owned(), None),
    };
    match data(&format!("1 FETCH ({})", words.trim()))? {
        Data::Fetch(fetched) => Ok(fetched.items.into_iter().chain(streamed).collect()),
        other => Err(format!("{other:?}")),
    }
}

/// `(\Seen) 17`
fn flags(words: &str) -> Result<(Flags, Option<ModSeq>), String> {
    let (list, behind) = words.split_once(')').ok_or("flags in parentheses")?;
    match data(&format!("FLAGS {list})"))? {
        Data::Flags(flags) => Ok((*flags, mod_seq(behind.trim())?)),
        other => Err(format!("{other:?}")),
    }
}

/// `uids=1:3 recent=3 unseen=2 modseq=7 readonly`
fn selected(words: &str) -> Result<Selected, String> {
    let mut selected = Selected::new(number("7")?, number("100")?);
    selected.flags = flags("(\\Answered \\Flagged \\Deleted \\Seen \\Draft)")?.0;
    selected.permanent_flags = PermanentFlags::new(selected.flags.clone(), true);
    for word in words.split_whitespace() {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        match key {
            "uids" => selected.uids = set(value)?,
            "recent" => selected.recent = set(value)?,
            "unseen" => selected.unseen = Some(number(value)?),
            "next" => selected.uid_next = number(value)?,
            "validity" => selected.uid_validity = number(value)?,
            "modseq" => selected.highest_mod_seq = mod_seq(value)?,
            "readonly" => selected.read_only = true,
            "id" => selected.mailbox_id = value.parse().ok(),
            "listed" => {
                if let Data::List(listed) = data(&format!("LIST () \"/\" {value}"))? {
                    selected.listed = Some(listed);
                }
            }
            _ => return Err(format!("unknown: {word}")),
        }
    }
    Ok(selected)
}

/// Configurations for the laws.
pub(crate) const CONFIGURATIONS: &[&str] = &[
    "",
    "serves=everything output=300",
    "serves=everything errors=3 stranger_errors=2 output=50 news=1",
    "only=IMAP4rev2 output=100 literals=3",
    "starttls auth_without_tls=no auth=PLAIN serves=everything",
    "greeting=preauth serves=everything text=200 skipped=300 kept_literal=20 append_limit=60",
    "greeting=preauth serves=everything bare_lf extra_spaces output=200",
];

/// An application that answers as it likes.
pub(crate) struct Whims {
    dice: Dice,
    sending: u64,
    next_uid: u32,
    selected: bool,
}

impl Whims {
    pub(crate) fn new(mood: u64) -> Self {
        Self {
            dice: mood.into(),
            sending: 0,
            next_uid: 10,
            selected: false,
        }
    }

    fn refusal(&mut self) -> Refusal {
        let text = match self.dice.roll() {
            0..4 => "[TRYCREATE] No",
            4..8 => "Later",
            _ => "[AUTHENTICATIONFAILED] No",
        };
        refusal(text).expect("a refusal")
    }

    /// Something happens to the mailbox, if one is selected.
    fn live(&mut self, server: &mut Server) -> Result<(), ApiMisuse> {
        let uid = |value: u32| NonZeroU32::new(value).expect("not 0");
        let some = |value: u32| -> NumberSet { [uid(value)].into_iter().collect() };
        let mod_seq = ModSeq::new(u64::from(self.next_uid)).ok();
        let which = 1 + self.dice.roll() as u32 % self.next_uid;
        match self.dice.roll() {
            0..4 => {
                self.next_uid += 1;
                server.arrived(&some(self.next_uid), self.dice.roll() < 8)
            }
            4..9 => server.expunged(&some(which), mod_seq),
            9..14 => {
                let flags = [imap_proto::Flag::Seen].into_iter().collect();
                server.changed(uid(which), flags, mod_seq)
            }
            _ => Ok(()),
        }
    }

    fn answer_messages(&mut self, server: &mut Server, event: &Event) -> Result<(), ApiMisuse> {
        let mod_seq = ModSeq::new(u64::from(self.next_uid)).ok();
        match event {
            Event::Search(_) => server.found(set("2:4,7").expect("a set"), mod_seq),
            Event::Sort(_) => server.sorted("7,2:4".parse().expect("a set"), mod_seq),
            Event::Thread(_) => match data("THREAD (2 (3)(4 7))") {
                Ok(Data::Thread(threads)) => server.threads(threads),
                other => panic!("{other:?}"),
            },
            Event::Fetch(fetch) => {
                for uid in fetch.uids.numbers().take(2) {
                    if self.dice.roll() < 4 {
                        let items = items("FLAGS (\\Seen) BODY[] {5}").expect("items");
                        server.fetch(uid, items)?;
                        self.sending = 5;
                        return Ok(());
                    }
                    server.fetch(uid, items("FLAGS () MODSEQ (3)").expect("items"))?;
                }
                server.ok()
            }
            Event::Store(store) => {
                for uid in store.uids.numbers().take(3) {
                    server.stored(uid, &Flags::new(), mod_seq)?;
                }
                server.ok()
            }
            Event::Refresh(uids) => {
                for uid in uids.numbers() {
                    server.stored(uid, &Flags::new(), mod_seq)?;
                }
                server.ok()
            }
            Event::Expunge(_) | Event::Move(_) => {
                server.expunged(&set("3:4").expect("a set"), mod_seq)?;
                server.ok()
            }
            _ => server.ok(),
        }
    }
}

impl Answers<ServerStage> for Whims {
    fn answer(&mut self, server: &mut Server, event: &Event) {
        // How many pieces a body comes in is not to change what happens.
        if matches!(event, Event::Body(_)) {
            return;
        }
        let roll = self.dice.roll();
        // What was selected is not any more when these are told.
        self.selected &= !matches!(event, Event::Select(_) | Event::Unauthenticated);
        if self.selected && roll < 8 {
            self.live(server).expect("a mailbox is selected");
        }
        let answered = match event {
            Event::AuthCancelled
            | Event::Unauthenticated
            | Event::Id(_)
            | Event::Idle
            | Event::AppendAborted
            | Event::Rejected(_) => return,
            Event::Select(_) => {
                self.selected = roll > 2;
                match self.selected {
                    true => server
                        .selected(selected("uids=1:3,5:9 recent=9 modseq=7").expect("words"))
                        .and_then(|()| server.ok()),
                    false => server.no(self.refusal()),
                }
            }
            _ if roll < 3 => {
                let refusal = self.refusal();
                server.no(refusal)
            }
            Event::Authenticate(_) | Event::AuthData(_) if roll < 9 => server.challenge(b"and?"),
            Event::Close { .. } => {
                self.selected = false;
                server.ok()
            }
            event => self.answer_messages(server, event),
        };
        answered.expect("an event that waits");
    }

    fn proceed(&mut self, server: &mut Server) -> bool {
        if self.sending == 0 {
            return false;
        }
        if self.sending == 1 && self.dice.roll() == 0 {
            self.sending = 0;
            return server.abort_body().is_ok();
        }
        let mut piece = Bytes::from_static(b"xyxyx").slice(..self.sending.min(2) as usize);
        let offered = piece.len();
        server.write_body(&mut piece).expect("octets are owed");
        self.sending -= (offered - piece.len()) as u64;
        piece.advance(piece.len());
        if self.sending == 0 {
            server.ok().expect("it is told");
        }
        true
    }
}
