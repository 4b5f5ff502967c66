//! Compression (RFC 4978), which no text file can show.
//!
//! What is said is the same however it is cut, but where compressed octets are cut is up to when they are asked for;
//! so it is compared inflated.

use bytes::Buf;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use imap_proto::Error;
use imap_proto::server::{Event, Server};
use mailwire::testing::laws::Answers;
use mailwire::testing::{Settings, Stage, beginning};
use mailwire::{Machine, Step};
use stage::{ServerStage, Whims};

mod stage;

/// A client that has turned compression on.
struct Client {
    server: Server,
    answers: Whims,
    deflate: Compress,
    inflate: Decompress,
    /// Whether what the server says is compressed already.
    begun: bool,
    heard: String,
}

impl Client {
    fn new(words: &str) -> Self {
        let mut settings = Settings::new();
        settings.add(&format!(
            "greeting=preauth serves=COMPRESS=DEFLATE,UNAUTHENTICATE {words}"
        ));
        let mut client = Self {
            server: ServerStage.machine(&settings).expect("settings"),
            answers: Whims::new(3),
            deflate: Compress::new(Compression::default(), false),
            inflate: Decompress::new(false),
            begun: false,
            heard: String::new(),
        };
        client
            .say(b"z COMPRESS DEFLATE\r\n", usize::MAX)
            .expect("plain");
        client.hear();
        let answer = client.heard.split_off(0);
        assert!(
            answer.ends_with("\r\nz OK Compression begins\r\n"),
            "it is not compressed itself"
        );
        client.begun = true;
        client
    }

    fn compressed(&mut self, said: &[u8]) -> Vec<u8> {
        let mut octets = Vec::with_capacity(said.len() + 1000);
        self.deflate
            .compress_vec(said, &mut octets, FlushCompress::Sync)
            .expect("anything can be deflated");
        octets
    }

    /// Says octets as they are, in pieces, until the server wants more.
    fn say(&mut self, mut octets: &[u8], size: usize) -> Result<(), Error> {
        let now = beginning();
        loop {
            match self.server.step(now)? {
                Step::Event(event) => {
                    if !matches!(event, Event::Rejected(_)) {
                        self.answers.answer(&mut self.server, &event);
                    }
                }
                Step::NeedInput if octets.is_empty() => return Ok(()),
                Step::NeedInput => {
                    let most = octets.len().min(size);
                    let taken = self.server.input().extend(&octets[..most]);
                    octets = &octets[taken..];
                }
                Step::NeedFlush => self.hear(),
                Step::Paused => assert!(self.answers.proceed(&mut self.server)),
                Step::StartTls | Step::Close => return Ok(()),
            }
        }
    }

    fn hear(&mut self) {
        let output = self.server.output();
        let octets = output.copy_to_bytes(output.remaining());
        if !self.begun {
            return self
                .heard
                .push_str(std::str::from_utf8(&octets).expect("text"));
        }
        let mut plain = Vec::with_capacity(1 << 20);
        self.inflate
            .decompress_vec(&octets, &mut plain, FlushDecompress::Sync)
            .expect("it is compressed well");
        self.heard
            .push_str(std::str::from_utf8(&plain).expect("text"));
    }
}

#[test]
fn the_same_however_it_is_cut() {
    let said = b"a NOOP\r\nb APPEND INBOX {5+}\r\n12345\r\nc SELECT INBOX\r\nd UID FETCH 1:* BODY[]\r\ne CAPABILITY\r\n\
        f COMPRESS DEFLATE\r\ng UNAUTHENTICATE\r\nh LOGOUT\r\n";
    let mut heard = Vec::new();
    for size in [usize::MAX, 1, 7] {
        for words in ["", "output=100"] {
            let mut client = Client::new(words);
            let octets = client.compressed(said);
            client.say(&octets, size).expect("it is compressed");
            client.hear();
            heard.push(client.heard);
        }
    }
    let all = &heard[0];
    assert!(heard.iter().all(|other| other == all), "{heard:#?}");
    assert!(all.contains("f NO [COMPRESSIONACTIVE]"), "{all}");
    assert!(all.contains("g BAD Not with compression"), "{all}");
    assert!(
        !all.contains("COMPRESS=DEFLATE"),
        "it is not to be had twice: {all}"
    );
    assert!(all.ends_with("h OK LOGOUT completed\r\n"), "{all}");
}

/// What stands behind the command in clear text is not taken for a command.
#[test]
fn plain_text_behind_it() {
    let mut client = Client::new("");
    let error = client.say(b"a DELETE INBOX\r\n", usize::MAX).unwrap_err();
    assert_eq!(error, Error::Damaged);
    client.hear();
    assert!(client.heard.starts_with("* BYE "), "{}", client.heard);
}

/// Little that stands for much is taken in turns.
#[test]
fn a_bomb() {
    let mut client = Client::new("");
    let mut bomb = Vec::new();
    for _ in 0..200 {
        let octets = client.compressed(&[b'x'; 1 << 16]);
        bomb.extend(octets);
    }
    let before = client.server.input().limit();
    let error = client.say(&bomb, usize::MAX).unwrap_err();
    assert!(
        matches!(error, Error::Frame(_)),
        "a line has no end: {error}"
    );
    assert!(client.server.input().limit() == before && before <= 1 << 16);
}
