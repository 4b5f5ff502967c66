//! Commands that take long say how far they have come (RFC 9585). Time is the test's own.

mod support;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::{Buf, Bytes};
use imap_proto::server::{Refusal, Server};
use imap_proto::{Flags, MailboxAttributes, MailboxName, ModSeqOrZero, NumberSet};
use mail_server::Stop;
use mail_server::imap::{Answers, Listener, Service, Session, config};
use mail_server::store::{
    Adding, Changes, FlagChange, Folder, FolderEntry, FolderState, Folders, Info, Mailstore,
    MemoryStore, NewMessage, Reading, StoreError,
};
use mailwire::{Machine, Step};
use support::authentication;
use support::imap::Client;
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{self, sleep};

/// How long it takes to read some messages, or one alone.
const SLOW: Duration = Duration::from_secs(3);

/// Folders out of memory that take their time.
struct Slowly(Arc<dyn Folders>);

struct SlowFolder(Arc<dyn Folder>);

#[async_trait]
impl Folders for Slowly {
    fn delimiter(&self) -> Option<char> {
        self.0.delimiter()
    }

    async fn list(&self) -> Result<Vec<FolderEntry>, StoreError> {
        self.0.list().await
    }

    async fn create(&self, name: &MailboxName, uses: MailboxAttributes) -> Result<(), StoreError> {
        self.0.create(name, uses).await
    }

    async fn delete(&self, name: &MailboxName) -> Result<(), StoreError> {
        self.0.delete(name).await
    }

    async fn rename(&self, from: &MailboxName, to: &MailboxName) -> Result<(), StoreError> {
        self.0.rename(from, to).await
    }

    async fn subscribe(&self, name: &MailboxName, subscribed: bool) -> Result<(), StoreError> {
        self.0.subscribe(name, subscribed).await
    }

    async fn open(&self, name: &MailboxName) -> Result<Arc<dyn Folder>, StoreError> {
        Ok(Arc::new(SlowFolder(self.0.open(name).await?)))
    }
}

#[async_trait]
impl Folder for SlowFolder {
    async fn state(&self) -> Result<FolderState, StoreError> {
        self.0.state().await
    }

    async fn changes(&self, since: ModSeqOrZero) -> Result<Changes, StoreError> {
        self.0.changes(since).await
    }

    async fn messages(&self, uids: &NumberSet) -> Result<Vec<Info>, StoreError> {
        self.0.messages(uids).await
    }

    async fn take_recent(&self) -> Result<NumberSet, StoreError> {
        self.0.take_recent().await
    }

    async fn read(&self, uid: NonZeroU32) -> Result<Bytes, StoreError> {
        self.0.read(uid).await
    }

    async fn read_several(
        &self,
        uids: &[NonZeroU32],
    ) -> Result<Vec<(NonZeroU32, Bytes)>, StoreError> {
        sleep(SLOW).await;
        self.0.read_several(uids).await
    }

    async fn read_from(&self, uid: NonZeroU32, from: u64) -> Result<Box<dyn Reading>, StoreError> {
        sleep(SLOW).await;
        self.0.read_from(uid, from).await
    }

    async fn add(&self) -> Result<Box<dyn Adding>, StoreError> {
        self.0.add().await
    }

    async fn change(
        &self,
        uids: &NumberSet,
        change: &FlagChange,
        unchanged_since: Option<ModSeqOrZero>,
    ) -> Result<NumberSet, StoreError> {
        self.0.change(uids, change, unchanged_since).await
    }

    async fn expunge(&self, uids: &NumberSet) -> Result<(), StoreError> {
        self.0.expunge(uids).await
    }

    fn news(&self) -> watch::Receiver<u64> {
        self.0.news()
    }
}

/// Serves these folders to everybody.
#[derive(Clone)]
struct Serving(Arc<dyn Folders>);

#[async_trait]
impl Service for Serving {
    async fn open(&mut self, _: &Session) -> Result<Arc<dyn Folders>, Refusal> {
        Ok(Arc::clone(&self.0))
    }
}

/// Folders with 200 messages in INBOX.
async fn folders() -> Arc<dyn Folders> {
    let store = MemoryStore::new();
    let account = "alice@example.org".parse().expect("an account");
    let folders = store.folders(&account).await.expect("folders");
    let name = MailboxName::new("INBOX").expect("a name");
    let inbox = folders.open(&name).await.expect("a folder");
    let messages = (0..200).map(|_| NewMessage {
        octets: Bytes::from_static(b"Subject: hello\r\n\r\nHow are you?\r\n"),
        flags: Flags::new(),
        internal_date: None,
    });
    let added = inbox.append(messages.collect()).await;
    assert_eq!(added.expect("room").len(), 200);
    Arc::new(Slowly(folders))
}

/// A session that has INBOX selected.
async fn session() -> (Server, Answers) {
    let mut answers = Answers::default();
    answers.open(folders().await);
    let mut machine = Server::preauthenticated(config());
    say(&mut machine, &mut answers, "s SELECT INBOX").await;
    (machine, answers)
}

/// What is answered, each line with the seconds since the command came.
async fn say(machine: &mut Server, answers: &mut Answers, command: &str) -> Vec<(u64, String)> {
    let start = time::Instant::now();
    let line = format!("{command}\r\n");
    assert_eq!(machine.input().extend(line.as_bytes()), line.len());
    let mut said = Vec::new();
    loop {
        let step = machine.step(Instant::now()).expect("a session");
        let output = machine.output();
        let octets = output.copy_to_bytes(output.remaining());
        let text = String::from_utf8(octets.to_vec()).expect("text");
        let seconds = start.elapsed().as_secs();
        said.extend(text.lines().map(|line| (seconds, line.to_owned())));
        match step {
            Step::Event(event) => {
                if let Err(refusal) = answers.answer(machine, event).await {
                    machine.no(refusal).expect("an event waits");
                }
            }
            Step::Paused => assert!(answers.go_on(machine).await),
            Step::NeedFlush => {}
            _ => return said,
        }
    }
}

fn lines(said: &[(u64, &str)]) -> Vec<(u64, String)> {
    let lines = said.iter();
    lines.map(|(at, line)| (*at, (*line).to_owned())).collect()
}

#[tokio::test(start_paused = true)]
async fn a_search_says_how_many_messages_it_has_looked_at() {
    let (mut machine, mut answers) = session().await;
    let said = say(&mut machine, &mut answers, "a SEARCH TEXT nowhere").await;
    let expected = [
        (5, "* OK [INPROGRESS (\"a\" 64 200)] Still working"),
        (10, "* OK [INPROGRESS (\"a\" 192 200)] Still working"),
        (12, "* SEARCH"),
        (12, "a OK SEARCH completed"),
    ];
    assert_eq!(said, lines(&expected));
    assert!(!answers.takes_long());
}

#[tokio::test(start_paused = true)]
async fn a_copy_says_that_it_goes_on() {
    let (mut machine, mut answers) = session().await;
    say(&mut machine, &mut answers, "c CREATE Kept").await;
    let said = say(&mut machine, &mut answers, "a COPY 1:4 Kept").await;
    let progress = "* OK [INPROGRESS (\"a\" NIL NIL)] Still working";
    assert_eq!(said[..2], lines(&[(5, progress), (10, progress)]));
    assert_eq!(said[2].0, 12);
    assert!(said[2].1.starts_with("a OK [COPYUID "), "{said:?}");
    let refused = say(&mut machine, &mut answers, "b COPY 1 Nowhere").await;
    assert_eq!(refused.len(), 1);
    assert!(refused[0].1.starts_with("b NO [TRYCREATE]"), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_soon_done_says_nothing() {
    let (mut machine, mut answers) = session().await;
    let said = say(&mut machine, &mut answers, "a SEARCH UID 1:64 TEXT hello").await;
    assert_eq!(said[0].0, 3);
    assert!(said[0].1.starts_with("* SEARCH 1 2 "), "{said:?}");
    assert_eq!(said.len(), 2);
}

/// It is sent while the command is being carried out, not with its answer.
#[tokio::test(start_paused = true)]
async fn a_client_is_told_meanwhile() {
    let mut config = config();
    config.auth_without_tls = true;
    let listener = Listener::bind("127.0.0.1:0", config).await;
    let stop = Stop::new();
    let listener = listener.expect("a free port").stop_with(stop.clone());
    let listener = listener.authentication(authentication());
    let address = listener.local_addr();
    let service = Serving(folders().await);
    let served = tokio::spawn(listener.serve(move |_peer| service.clone()));
    let stream = TcpStream::connect(address).await.expect("a server");
    let mut client = Client::new(BufReader::new(stream));
    client.line().await;
    client.say("LOGIN alice \"rabbit hole\"").await;
    client.say("SELECT INBOX").await;
    let start = time::Instant::now();
    client.send("a SEARCH TEXT nowhere\r\n").await;
    let mut heard = Vec::new();
    while heard.len() < 4 {
        let line = client.line().await;
        heard.push((start.elapsed().as_secs(), line));
    }
    let expected = [
        (5, "* OK [INPROGRESS (\"a\" 64 200)] Still working"),
        (10, "* OK [INPROGRESS (\"a\" 192 200)] Still working"),
        (12, "* SEARCH"),
        (12, "a OK SEARCH completed"),
    ];
    assert_eq!(heard, lines(&expected));
    stop.stop();
    served.await.expect("the listener does not panic");
}
