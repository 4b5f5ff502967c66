//! The IMAP client, with our own server and with servers that follow a script.

mod support;

use std::time::Duration;

use imap_proto::client::Refused;
use imap_proto::command::{
    Append, AppendMessage, By, CommandBody, Copy, Create, Fetch, FetchAttribute, IsKey, List,
    ListKind, ListReturn, QResync, Search, SearchKey, Select, Sort, SortCriterion, SortKey, Store,
    StoreHow, Thread,
};
use imap_proto::response::{Code, CodeWord, Data, FetchItem, StatusValue};
use imap_proto::{
    Capability, Content, Error, Extension, Flag, Flags, MailboxName, ModSeq, Section, SequenceSet,
    StatusItem,
};
use mail_server::imap::{Client, ClientError, FromStore, Listener, config};
use mail_server::store::MemoryStore;
use mail_server::{ClientTls, Security, Stop};
use sasl::client::Credentials;
use support::{authentication, certified};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

struct Running {
    port: u16,
    stop: Stop,
    served: JoinHandle<()>,
}

impl Running {
    async fn start(setup: impl FnOnce(Listener) -> Listener) -> Self {
        let mut config = config();
        config.auth_without_tls = true;
        let listener = Listener::bind("127.0.0.1:0", config).await;
        let stop = Stop::new();
        let listener = setup(listener.expect("a free port"))
            .authentication(authentication())
            .stop_with(stop.clone());
        let port = listener.local_addr().port();
        let whose = |user: &str| format!("{user}@example.org").parse().ok();
        let service = FromStore::new(MemoryStore::new(), whose);
        let served = tokio::spawn(listener.serve(move |_peer| service.clone()));
        Self { port, stop, served }
    }

    async fn client(&self) -> Client {
        let mut client = connect(self.port, Security::None).await.expect("a server");
        let in_time = client.login("alice", "rabbit hole").await;
        in_time.expect("the right password");
        client
    }

    async fn end(self) {
        self.stop.stop();
        self.served.await.expect("the listener does not panic");
    }
}

async fn connect(port: u16, security: Security) -> Result<Client, ClientError> {
    Client::connect("localhost", port, security).await
}

fn inbox() -> MailboxName {
    MailboxName::inbox()
}

fn named(name: &str) -> MailboxName {
    name.parse().expect("a name")
}

fn set(text: &str) -> SequenceSet {
    text.parse().expect("a set")
}

fn flags(flags: impl IntoIterator<Item = Flag>) -> Flags {
    flags.into_iter().collect()
}

fn everything(messages: &str) -> Fetch {
    let wanted = vec![
        FetchAttribute::Uid,
        FetchAttribute::Flags,
        FetchAttribute::peek(Section::whole()),
    ];
    Fetch::new(By::Uid, set(messages), wanted)
}

/// Messages with their UIDs.
async fn fetched(client: &mut Client, fetch: Fetch) -> Vec<(u32, Vec<u8>)> {
    let mut all = Vec::new();
    let mut messages = client.fetch(fetch).expect("it can be given");
    while let Some(mut message) = messages.next().await.expect("a message") {
        let mut octets = Vec::new();
        while let Some(piece) = message.next().await.expect("a piece") {
            octets.extend_from_slice(&piece);
        }
        let uid = message.fetched().uid().expect("it was asked for");
        all.push((uid.get(), octets));
    }
    all
}

/// 300 KB, which no response keeps whole.
fn large() -> Vec<u8> {
    let mut large = b"Subject: large\r\n\r\n".to_vec();
    for line in 0..15_000 {
        large.extend_from_slice(format!("this is line {line:>6}\r\n").as_bytes());
    }
    large
}

const SMALL: &[u8] = b"Subject: small\r\n\r\nhello\r\n";

#[tokio::test]
async fn messages_are_added_fetched_found_and_moved() {
    let running = Running::start(|listener| listener).await;
    let mut client = running.client().await;
    client.command(Select::new(inbox())).await.expect("INBOX");

    // Two in one go, both streamed.
    let mut append = Append::new(inbox(), Content::Streamed(SMALL.len() as u64));
    let large = large();
    let mut second = AppendMessage::new(Content::Streamed(large.len() as u64));
    second.flags.insert(Flag::Flagged);
    append.messages.push(second);
    let both = SMALL.chain(&large[..]);
    let appended = client.append(append, both).await.expect("room");
    assert_eq!(
        appended.appended().map(ToString::to_string).as_deref(),
        Some("1:2")
    );
    assert_eq!(client.mailbox().map(|mailbox| mailbox.exists()), Some(2));
    let expected = vec![(1, SMALL.to_vec()), (2, large)];
    assert!(fetched(&mut client, everything("1:*")).await == expected);

    // One that is not taken to its end, and then another command.
    let mut messages = client.fetch(everything("1:*")).expect("it can be given");
    let _ = messages.next().await.expect("a message");
    drop(messages);
    let mut messages = client.fetch(everything("1:*")).expect("it can be given");
    let mut passed = 0;
    while messages.next().await.expect("a message").is_some() {
        passed += 1;
    }
    assert_eq!(passed, 2);

    let keys = |key| vec![SearchKey::Is(key)];
    let search = Search::new(By::Uid, keys(IsKey::Flagged));
    let found = client.command(search).await.expect("found").found();
    assert_eq!(found.to_string(), "2");
    let sort = Sort::new(
        By::Uid,
        vec![SortCriterion::new(SortKey::Size, true)],
        keys(IsKey::All),
    );
    let sorted = client.command(sort).await.expect("sorted").found();
    assert_eq!(sorted.to_string(), "2,1");
    let thread = Thread::new(
        By::Uid,
        "REFERENCES".parse().expect("a word"),
        keys(IsKey::All),
    );
    let threads = client.command(thread).await.expect("threads");
    assert_eq!(threads.threads().len(), 2);

    // Somebody else has been faster.
    let mut store = Store::new(By::Uid, set("1"), StoreHow::Add, flags([Flag::Seen]));
    store.unchanged_since = Some(ModSeq::new(1).expect("not 0").into());
    let stored = client.command(store).await.expect("answered");
    assert_eq!(
        stored.modified().map(ToString::to_string).as_deref(),
        Some("1")
    );
    let store = Store::new(By::Uid, set("1"), StoreHow::Add, flags([Flag::Seen]));
    let stored = client.command(store).await.expect("stored");
    assert_eq!(stored.fetched().count(), 1);

    client
        .command(Create::new(named("Archive")))
        .await
        .expect("created");
    let copy = Copy::new(By::Uid, set("1"), named("Archive"));
    let copied = client
        .command(CommandBody::Copy(Box::new(copy)))
        .await
        .expect("copied");
    assert_eq!(
        copied.copied().map(|it| it.from.to_string()).as_deref(),
        Some("1")
    );
    let copy = Copy::new(By::Uid, set("2"), named("Archive"));
    let moved = client
        .command(CommandBody::Move(Box::new(copy)))
        .await
        .expect("moved");
    assert_eq!(
        moved.copied().map(|it| it.to.to_string()).as_deref(),
        Some("2")
    );
    assert_eq!(client.mailbox().map(|mailbox| mailbox.exists()), Some(1));

    client.logout().await.expect("it says goodbye");
    running.end().await;
}

#[tokio::test]
async fn mailboxes_are_listed_and_their_state_told() {
    let running = Running::start(|listener| listener).await;
    let mut client = running.client().await;
    for name in ["Archive", "Entwürfe"] {
        client
            .command(Create::new(named(name)))
            .await
            .expect("created");
        client
            .command(CommandBody::Subscribe(named(name)))
            .await
            .expect("subscribed");
    }
    let refused = client.command(Create::new(named("Archive"))).await;
    let Err(ClientError::Refused(status)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(status.code, Some(Code::Word(CodeWord::AlreadyExists)));

    let mut list = List::new(ListKind::List, named(""), "*".parse().expect("a pattern"));
    let mut returned = ListReturn::default();
    returned.status = vec![StatusItem::Messages];
    list.returned = Some(returned);
    let answer = client.command(list).await.expect("a list");
    let mut names: Vec<_> = answer.listed().map(|it| it.mailbox.to_string()).collect();
    names.sort();
    assert_eq!(names, ["Archive", "Entwürfe", "INBOX"]);
    assert!(
        answer
            .statuses()
            .all(|it| it.values == [StatusValue::Messages(0)])
    );
    assert_eq!(answer.statuses().count(), 3);

    let namespaces = client
        .command(CommandBody::Namespace)
        .await
        .expect("an answer");
    assert!(
        namespaces
            .namespaces()
            .is_some_and(|it| it.personal.is_some())
    );
    let id = client
        .command(CommandBody::Id(None))
        .await
        .expect("an answer");
    assert!(matches!(id.data(), [Data::Id(_)]));
    client
        .command(CommandBody::Delete(named("Archive")))
        .await
        .expect("deleted");
    client.logout().await.expect("it says goodbye");
    running.end().await;
}

#[tokio::test]
async fn what_has_changed_is_told_later_and_at_once() {
    let running = Running::start(|listener| listener).await;
    let (mut one, mut two) = (running.client().await, running.client().await);
    for client in [&mut one, &mut two] {
        let compress = CommandBody::Compress("DEFLATE".parse().expect("a word"));
        client.command(compress).await.expect("compressed");
        client.command(Select::new(inbox())).await.expect("INBOX");
    }
    for _ in 0..3 {
        one.command(Append::new(inbox(), SMALL))
            .await
            .expect("room");
    }
    let mailbox = one.mailbox().expect("INBOX").clone();
    let known = QResync::new(
        mailbox.uid_validity.expect("told"),
        mailbox.highest_mod_seq.expect("told"),
    );
    one.command(CommandBody::Unselect)
        .await
        .expect("unselected");
    assert_eq!(one.mailbox(), None);

    let mut idle = two.idle().expect("it can be given");
    let news = idle.next().await.expect("news");
    assert!(matches!(news, Data::Exists(1..=3)), "{news:?}");
    idle.done().await.expect("it ends");
    let store = Store::new(By::Uid, set("2"), StoreHow::Add, flags([Flag::Deleted]));
    two.command(store).await.expect("stored");
    two.command(CommandBody::Expunge(Some(set("1:*"))))
        .await
        .expect("gone");

    let mut select = Select::new(inbox());
    select.read_only = true;
    select.qresync = Some(known);
    let changes = one.command(select).await.expect("INBOX");
    assert_eq!(changes.vanished().to_string(), "2");
    let qresync = Capability::Known(Extension::QResync);
    assert!(one.enabled().contains(&qresync));
    assert!(one.mailbox().is_some_and(|mailbox| mailbox.read_only));

    // IDLE that nobody has ended ends with the next command.
    let _ = one.idle().expect("it can be given");
    one.command(CommandBody::Noop).await.expect("done");
    for client in [one, two] {
        client.logout().await.expect("it says goodbye");
    }
    running.end().await;
}

#[tokio::test]
async fn tls_on_request_and_from_the_start() {
    let (tls, trusted) = certified();
    let trust = ClientTls::from(trusted);
    let (on_request, from_the_start) = (tls.clone(), tls);
    let starttls = Running::start(|listener| listener.starttls(on_request)).await;
    let imaps = Running::start(|listener| listener.implicit_tls(from_the_start)).await;
    for (running, security) in [
        (&starttls, Security::Required(trust.clone())),
        (&starttls, Security::Opportunistic(trust.clone())),
        (&imaps, Security::Implicit(trust.clone())),
    ] {
        let mut client = connect(running.port, security).await.expect("a server");
        assert!(!client.has(Extension::StartTls));
        let credentials = Credentials::password("alice", "rabbit hole").expect("credentials");
        let authenticated = client.authenticate(&credentials).await;
        authenticated.expect("the right password");
        assert!(
            !client
                .capabilities()
                .contains(&Capability::Auth("PLAIN".parse().expect("a word")))
        );
        client.logout().await.expect("it says goodbye");
    }
    // A server that is somebody else.
    let implicit = Security::Implicit(trust.clone());
    let refused = Client::connect("127.0.0.1", imaps.port, implicit).await;
    assert!(
        matches!(refused, Err(ClientError::Transport(_))),
        "{refused:?}"
    );
    // A server that cannot.
    let bare = Running::start(|listener| listener).await;
    let refused = connect(bare.port, Security::Required(trust)).await;
    assert!(
        matches!(refused, Err(ClientError::Refused(_))),
        "{refused:?}"
    );
    for running in [starttls, imaps, bare] {
        running.end().await;
    }
}

#[tokio::test]
async fn wrong_passwords() {
    let running = Running::start(|listener| listener).await;
    let mut client = connect(running.port, Security::None)
        .await
        .expect("a server");
    for name in ["alice", "nobody"] {
        let refused = client.login(name, "wrong").await;
        let Err(ClientError::Refused(status)) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(
            status.code,
            Some(Code::Word(CodeWord::AuthenticationFailed))
        );
    }
    let right = client.login("alice", "rabbit hole").await;
    right.expect("the right password");
    running.end().await;
}

/// A server that says the lines `S:`, and wants to hear the lines `C:`; then it hangs up.
async fn follow(script: impl Into<String>) -> (u16, JoinHandle<()>) {
    let script = script.into();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let served = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a client");
        let mut stream = BufReader::new(stream);
        for line in script.lines() {
            let line = line.trim_start();
            if let Some(said) = line.strip_prefix("S: ") {
                let said = said.replace("\\r\\n", "\r\n");
                stream
                    .write_all(format!("{said}\r\n").as_bytes())
                    .await
                    .expect("it listens");
            } else if let Some(expected) = line.strip_prefix("C: ") {
                let mut heard = String::new();
                stream.read_line(&mut heard).await.expect("text");
                assert_eq!(heard.trim_end(), expected, "of\n{script}");
            }
        }
        // Nothing more was said.
        stream.shutdown().await.expect("it listens");
        let mut rest = String::new();
        let _ = stream.read_line(&mut rest).await;
        assert_eq!(rest, "", "of\n{script}");
    });
    (port, served)
}

fn tls() -> ClientTls {
    ClientTls::unverified().expect("a configuration")
}

#[tokio::test]
async fn nobody_gets_between_client_and_tls() {
    // RFC 9051 section 7.1.4: a greeting cannot make a client do without TLS.
    let (port, served) = follow("S: * PREAUTH [CAPABILITY IMAP4rev1] hello alice").await;
    let refused = connect(port, Security::Required(tls())).await;
    assert!(
        matches!(refused, Err(ClientError::Withheld(Refused::NoTls))),
        "{refused:?}"
    );
    drop(refused);
    served.await.expect("nothing was said");

    // What stands behind the OK would be taken for the server's word under TLS.
    let (port, served) = follow(
        "S: * OK [CAPABILITY IMAP4rev1 STARTTLS] hello
         C: A0 STARTTLS
         S: A0 OK begin\\r\\n* CAPABILITY IMAP4rev1 AUTH=PLAIN",
    )
    .await;
    let refused = connect(port, Security::Opportunistic(tls())).await;
    let expected = Error::PlaintextBehindStartTls;
    assert!(
        matches!(&refused, Err(ClientError::Protocol(it)) if *it == expected),
        "{refused:?}"
    );
    drop(refused);
    served.await.expect("nothing else was said");

    // A password does not go where TLS could be had no more.
    let (port, served) = follow("S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hello").await;
    let connected = connect(port, Security::Opportunistic(tls())).await;
    let mut client = connected.expect("a server");
    let refused = client.login("alice", "rabbit hole").await;
    let why = sasl::client::ClientError::EncryptionRequired;
    assert!(
        matches!(&refused, Err(ClientError::Sasl(it)) if *it == why),
        "{refused:?}"
    );
    drop(client);
    served.await.expect("nothing was said");
    let (port, served) = follow("S: * OK [CAPABILITY IMAP4rev1] hello").await;
    let connected = connect(port, Security::Opportunistic(tls())).await;
    let mut client = connected.expect("a server");
    let refused = client.login("alice", "rabbit hole").await;
    assert!(
        matches!(refused, Err(ClientError::Withheld(Refused::NoTls))),
        "{refused:?}"
    );
    drop(client);
    served.await.expect("nothing was said");
}

#[tokio::test]
async fn logins_of_every_age() {
    // No SASL-IR: the first response waits for an empty challenge. What is known then is asked for.
    let (port, served) = follow(
        "S: * OK hello
         C: A0 CAPABILITY
         S: * CAPABILITY IMAP4rev1 AUTH=PLAIN
         S: A0 OK done
         C: A1 AUTHENTICATE PLAIN
         S: +
         C: AGFsaWNlAHJhYmJpdCBob2xl
         S: A1 OK in
         C: A2 CAPABILITY
         S: * CAPABILITY IMAP4rev1 IDLE
         S: A2 OK done",
    )
    .await;
    let mut client = connect(port, Security::None).await.expect("a server");
    client
        .login("alice", "rabbit hole")
        .await
        .expect("it is let in");
    assert!(client.has(Extension::Idle));
    drop(client);
    served.await.expect("as it should be");

    let (port, served) = follow(
        "S: * OK [CAPABILITY IMAP4rev1] hello
         C: A0 LOGIN alice \"rabbit hole\"
         S: A0 OK [CAPABILITY IMAP4rev1 IDLE] in",
    )
    .await;
    let mut client = connect(port, Security::None).await.expect("a server");
    client
        .login("alice", "rabbit hole")
        .await
        .expect("it is let in");
    drop(client);
    served.await.expect("as it should be");

    // Who is not let in by LOGIN is told so.
    let (port, served) = follow(
        "S: * OK [CAPABILITY IMAP4rev1] hello
         C: A0 LOGIN alice \"rabbit hole\"
         S: A0 NO [AUTHENTICATIONFAILED] who?",
    )
    .await;
    let mut client = connect(port, Security::None).await.expect("a server");
    let refused = client.login("alice", "rabbit hole").await;
    assert!(
        matches!(refused, Err(ClientError::Refused(_))),
        "{refused:?}"
    );
    drop(client);
    served.await.expect("as it should be");
}

#[tokio::test]
async fn farewells_are_told() {
    let (port, _) = follow("S: * BYE too many").await;
    let refused = connect(port, Security::None).await;
    assert!(
        matches!(refused, Err(ClientError::Farewell(_))),
        "{refused:?}"
    );

    let (port, served) = follow(
        "S: * PREAUTH [CAPABILITY IMAP4rev1] hello
         C: A0 NOOP
         S: * BYE going down",
    )
    .await;
    let mut client = connect(port, Security::None).await.expect("a server");
    for _ in 0..2 {
        let refused = client.command(CommandBody::Noop).await;
        assert!(
            matches!(refused, Err(ClientError::Farewell(_))),
            "{refused:?}"
        );
    }
    served.await.expect("as it should be");

    let (port, _) = follow("S: * PREAUTH [CAPABILITY IMAP4rev1] hello\nC: A0 NOOP").await;
    let mut client = connect(port, Security::None).await.expect("a server");
    let lost = client.command(CommandBody::Noop).await;
    assert!(
        matches!(lost, Err(ClientError::Protocol(Error::Disconnected))),
        "{lost:?}"
    );
}

/// What was told of a message, piece by piece with the item that it belongs to.
#[tokio::test]
async fn contents_of_all_sizes_in_any_order() {
    let big = "b".repeat(70_000);
    let (port, served) = follow(format!(
        "S: * PREAUTH [CAPABILITY IMAP4rev1] hello
         C: A0 UID FETCH 1:10 (UID FLAGS BODY.PEEK[])
         S: * 1 FETCH (BODY[1] \"one\" BODY[2] {{70000}}\\r\\n{big} BODY[3] \"\" BODY[4] {{70000}}\\r\\n{big} BODY[5] NIL BODY[6] six UID 7)
         S: * 2 FETCH (FLAGS (\\Seen))
         S: * 5 EXISTS
         S: * 3 FETCH (UID 9 BODY[] {{70000}}\\r\\n{big} FLAGS (
         S: * 4 FETCH (UID 10 BODY[] {{3}}\\r\\nten)
         S: A0 OK done
         C: A1 NOOP
         S: A1 OK done"
    ))
    .await;
    let mut client = connect(port, Security::None).await.expect("a server");
    let mut messages = client.fetch(everything("1:10")).expect("it can be given");
    let mut told = Vec::new();
    while let Some(mut message) = messages.next().await.expect("a message") {
        let mut line = format!("{}:", message.fetched().number);
        let mut last = u32::MAX;
        loop {
            let piece = match message.next().await {
                Ok(Some(piece)) => piece.len(),
                Ok(None) => break,
                Err(error) => {
                    line.push_str(" malformed");
                    assert!(matches!(error, ClientError::Malformed(_)), "{error:?}");
                    break;
                }
            };
            let Some(FetchItem::Section(item)) = message.item() else {
                panic!("a piece of {:?}", message.item());
            };
            let section = item.section.part.first().map_or(0, |part| part.get());
            if section != last {
                line.push_str(&format!(" {section}"));
                last = section;
            }
            line.push_str(&format!(" {}", usize::min(piece, 9)));
        }
        while line.contains(" 9 9") {
            line = line.replace(" 9 9", " 9");
        }
        let uid = message.fetched().uid().map_or(0, |uid| uid.get());
        told.push(format!("{line} uid {uid}"));
    }
    assert_eq!(
        told,
        [
            "1: 1 3 2 9 4 9 6 3 uid 7",
            "3: 0 9 malformed uid 9",
            "4: 0 3 uid 10"
        ]
    );
    // Nobody knows whether the second was asked for, and so it was not.
    let news: Vec<_> = client.news().collect();
    assert!(
        matches!(*news, [Data::Fetch(_), Data::Exists(5)]),
        "{news:?}"
    );
    client.command(CommandBody::Noop).await.expect("done");
    drop(client);
    served.await.expect("as it should be");
}

#[tokio::test]
async fn a_message_that_the_connection_breaks_off_can_still_be_asked() {
    let (port, served) = follow(
        "S: * PREAUTH [CAPABILITY IMAP4rev1] hello
         C: A0 UID FETCH 1:10 (UID FLAGS BODY.PEEK[])
         S: * 1 FETCH (UID 7 BODY[] {70000}\\r\\nthe beginning",
    )
    .await;
    let mut client = connect(port, Security::None).await.expect("a server");
    let mut messages = client.fetch(everything("1:10")).expect("it can be given");
    let mut message = messages
        .next()
        .await
        .expect("an answer")
        .expect("a message");
    let mut lost = Ok(());
    while lost.is_ok() {
        lost = message.next().await.map(drop);
    }
    assert!(
        matches!(lost, Err(ClientError::Protocol(Error::Disconnected))),
        "{lost:?}"
    );
    assert_eq!(message.fetched().uid().map(|uid| uid.get()), Some(7));
    assert!(matches!(message.next().await, Ok(None)));
    assert!(matches!(messages.next().await, Ok(None)));
    drop(client);
    served.await.expect("as it should be");
}

/// A server that tells of a new message, and says yes, while it is still being sent a large one.
#[tokio::test]
async fn what_is_said_during_a_long_append_is_heard_afterwards() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let text = vec![b'x'; 8 << 20];
    let length = text.len();
    let served = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a client");
        let mut stream = BufReader::new(stream);
        let greeting = "* PREAUTH [CAPABILITY IMAP4rev1 LITERAL+] hello\r\n";
        stream.write_all(greeting.as_bytes()).await.expect("said");
        let mut line = String::new();
        stream.read_line(&mut line).await.expect("a command");
        let said = "* 5 EXISTS\r\nA0 OK [APPENDUID 7 42] done\r\n";
        stream.write_all(said.as_bytes()).await.expect("said");
        let mut rest = vec![0; length + 2];
        stream.read_exact(&mut rest).await.expect("the message");
        let mut line = String::new();
        stream.read_line(&mut line).await.expect("a command");
        stream.write_all(b"A1 OK done\r\n").await.expect("said");
    });
    let mut client = connect(port, Security::None).await.expect("a server");
    let append = Append::new(inbox(), Content::Streamed(length as u64));
    let appended = client.append(append, &*text).await.expect("it said yes");
    let uids = appended.appended().map(ToString::to_string);
    assert_eq!(uids.as_deref(), Some("42"));
    let news: Vec<_> = client.news().collect();
    assert!(matches!(*news, [Data::Exists(5)]), "{news:?}");
    client.command(CommandBody::Noop).await.expect("done");
    drop(client);
    served.await.expect("as it should be");
}

#[tokio::test]
async fn appending_asks_and_may_be_refused() {
    let (port, served) = follow(
        "S: * PREAUTH [CAPABILITY IMAP4rev1] hello
         C: A0 APPEND Elsewhere {5}
         S: A0 NO [TRYCREATE] no such mailbox
         C: A1 APPEND INBOX {5}
         S: + go on
         C: hello
         S: A1 OK [APPENDUID 7 42] done
         C: A2 APPEND INBOX {5}
         S: + go on",
    )
    .await;
    let mut client = connect(port, Security::None).await.expect("a server");
    let append = |mailbox| Append::new(mailbox, Content::Streamed(5));
    let refused = client
        .append(append(named("Elsewhere")), &b"hello"[..])
        .await;
    let Err(ClientError::Refused(status)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(status.code, Some(Code::Word(CodeWord::TryCreate)));
    // What is too much is left in the text.
    let mut text = &b"hello, world"[..];
    let appended = client
        .append(append(inbox()), &mut text)
        .await
        .expect("room");
    assert_eq!(
        appended.appended().map(ToString::to_string).as_deref(),
        Some("42")
    );
    assert_eq!(text, b", world");
    let short = client.append(append(inbox()), &b"he"[..]).await;
    assert!(matches!(short, Err(ClientError::Text(_))), "{short:?}");
    let over = client.command(CommandBody::Noop).await;
    assert!(
        matches!(over, Err(ClientError::Protocol(Error::BodyAborted))),
        "{over:?}"
    );
    drop(client);
    served.await.expect("as it should be");
}

/// A server with nothing but IDLE, in which it has news from the second time on. It tells what it has heard.
async fn idling() -> (u16, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let served = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a client");
        let mut stream = BufReader::new(stream);
        let mut said = "* PREAUTH [CAPABILITY IMAP4rev1] hello\r\n".to_owned();
        let (mut heard, mut idle) = (Vec::new(), String::new());
        loop {
            stream.write_all(said.as_bytes()).await.expect("it listens");
            let mut line = String::new();
            stream.read_line(&mut line).await.expect("text");
            let line = line.trim_end();
            if line.is_empty() {
                return heard;
            }
            let (tag, command) = line.split_once(' ').unwrap_or((&idle, line));
            said = match command {
                "IDLE" if idle.is_empty() => "+ waiting\r\n".to_owned(),
                "IDLE" => "+ waiting\r\n* 3 EXISTS\r\n".to_owned(),
                "DONE" => format!("* 2 RECENT\r\n{tag} OK done\r\n"),
                _ => format!("{tag} OK done\r\n"),
            };
            heard.push(command.to_owned());
            if command == "IDLE" {
                idle = tag.to_owned();
            }
        }
    });
    (port, served)
}

#[tokio::test]
async fn idle_is_begun_anew_and_ended() {
    let (port, served) = idling().await;
    let mut client = connect(port, Security::None).await.expect("a server");
    let idle = client.idle().expect("it can be given");
    let mut idle = idle.with_renewal(Duration::from_millis(20));
    while !matches!(idle.next().await.expect("news"), Data::Exists(3)) {}
    idle.done().await.expect("it ends");
    assert!(client.news().any(|news| matches!(news, Data::Recent(2))));
    // One that is dropped before the server knows of it, and one that is dropped later.
    let _ = client.idle().expect("it can be given");
    client.command(CommandBody::Noop).await.expect("done");
    let mut idle = client.idle().expect("it can be given");
    while !matches!(idle.next().await.expect("news"), Data::Exists(3)) {}
    client.command(CommandBody::Check).await.expect("done");
    drop(client);
    let mut heard = served.await.expect("as it should be").join(" ");
    while heard.contains("IDLE DONE IDLE DONE IDLE DONE") {
        heard = heard.replacen("IDLE DONE IDLE DONE IDLE DONE", "IDLE DONE IDLE DONE", 1);
    }
    assert_eq!(heard, "IDLE DONE IDLE DONE NOOP IDLE DONE CHECK");

    let (port, served) = follow(
        "S: * PREAUTH [CAPABILITY IMAP4rev1] hello
         C: A0 IDLE
         S: A0 BAD what?",
    )
    .await;
    let mut client = connect(port, Security::None).await.expect("a server");
    let refused = client.idle().expect("it can be given").next().await;
    assert!(
        matches!(refused, Err(ClientError::Refused(_))),
        "{refused:?}"
    );
    drop(client);
    served.await.expect("as it should be");
}

#[tokio::test]
async fn an_answer_without_end_is_not_gathered() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        let greeting = b"* PREAUTH [CAPABILITY IMAP4rev1] hello\r\n";
        stream.write_all(greeting).await.expect("it listens");
        let line = format!("* OK [UNSEEN 1] {}\r\n", "x".repeat(1 << 20));
        while stream.write_all(line.as_bytes()).await.is_ok() {}
    });
    let mut client = connect(port, Security::None).await.expect("a server");
    let refused = client.command(Select::new(inbox())).await;
    assert!(matches!(refused, Err(ClientError::TooMuch)), "{refused:?}");
    drop(client);
    served.await.expect("it has been left");
}
