//! Messages that are too large to be held: they come in and go out piece by piece, out of every store.

mod support;

use std::fs;
use std::num::NonZeroU32;
use std::time::Duration;

use bytes::Bytes;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use imap_proto::{Flags, MailboxName};
use mail_server::store::{Account, StoreError};
use support::imap::{Running, stores};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

const UID: NonZeroU32 = NonZeroU32::MIN;

fn alice() -> Account {
    "alice@example.org".parse().expect("an account")
}

/// Some megabytes whose octets tell where they stand.
fn large(header: &str) -> String {
    let mut text = header.to_owned();
    for line in 0..250_000 {
        text.push_str(&format!("line {line}\r\n"));
    }
    text
}

#[tokio::test]
async fn a_message_is_read_from_anywhere() {
    let text = large("Subject: large\r\n\r\n");
    for (store, _kept) in stores() {
        let folders = store.folders(&alice()).await.expect("folders");
        let inbox = MailboxName::new("INBOX").expect("a name");
        let folder = folders.open(&inbox).await.expect("INBOX");
        let mut adding = folder.add().await.expect("room");
        adding.message(Flags::new(), None).await.expect("room");
        for piece in text.as_bytes().chunks(1000) {
            adding
                .write(Bytes::copy_from_slice(piece))
                .await
                .expect("room");
        }
        assert_eq!(adding.commit().await.expect("room"), [UID]);
        for from in [
            0,
            1,
            17,
            18,
            1 << 20,
            text.len() - 2,
            text.len(),
            text.len() + 9,
        ] {
            let mut reading = folder.read_from(UID, from as u64).await.expect("there");
            let mut read = Vec::new();
            loop {
                let piece = reading.next().await.expect("there");
                if piece.is_empty() {
                    break;
                }
                read.extend_from_slice(&piece);
            }
            assert!(
                read == text.as_bytes()[from.min(text.len())..],
                "from {from}"
            );
        }
        let other = NonZeroU32::new(2).expect("not 0");
        let gone = folder.read_from(other, 0).await;
        assert!(matches!(gone, Err(StoreError::Gone)));
    }
}

#[tokio::test]
async fn what_is_dropped_on_its_way_in_leaves_no_trace() {
    for (store, kept) in stores() {
        let folders = store.folders(&alice()).await.expect("folders");
        let inbox = MailboxName::new("INBOX").expect("a name");
        let folder = folders.open(&inbox).await.expect("INBOX");
        let mut adding = folder.add().await.expect("room");
        for _ in 0..2 {
            adding.message(Flags::new(), None).await.expect("room");
            let octets = Bytes::from(large("Subject: lost\r\n\r\n"));
            adding.write(octets).await.expect("room");
        }
        let Some(kept) = kept else { continue };
        let tmp = kept.path().join("example.org/alice/tmp");
        let count = || fs::read_dir(&tmp).expect("a folder").count();
        assert_eq!(count(), 2);
        drop(adding);
        for _ in 0..500 {
            if count() == 0 {
                break;
            }
            tokio::task::yield_now().await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(count(), 0);
    }
}

#[tokio::test]
async fn sections_of_a_large_message_are_its_octets() {
    let header = "Subject: large\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n";
    let part = large("--b\r\nContent-Type: text/plain\r\n\r\n");
    let text = format!("{header}{part}--b\r\n\r\nsmall\r\n--b--\r\n");
    let inner = &part["--b\r\nContent-Type: text/plain\r\n\r\n".len()..part.len() - 2];
    for (store, _kept) in stores() {
        let running = Running::start(&store).await;
        let mut client = running.client().await;
        let append = format!("APPEND INBOX {{{}+}}\r\n{text}", text.len());
        let added = client.say(&append).await;
        assert!(added[0].contains("[APPENDUID "), "{added:?}");
        client.say("SELECT INBOX").await;
        let body = &text[header.len()..];
        for (item, octets) in [
            ("BODY[]", &text[..]),
            ("BODY[]<70000>", &text[70000..70000 + 1_500_000]),
            ("BODY[TEXT]", body),
            ("BODY[HEADER]", header),
            ("BODY[1]", inner),
            ("BODY[2]", "small"),
            ("BODY[1]<1000>", &inner[1000..1000 + 1_500_000]),
        ] {
            let asked = match item.strip_suffix('>') {
                Some(start) => format!("{}.1500000>", start.replace("BODY[", "BODY.PEEK[")),
                None => item.replace("BODY[", "BODY.PEEK["),
            };
            // Another item behind it is told behind its octets.
            let fetched = client.say(&format!("FETCH 1 ({asked} RFC822.SIZE)")).await;
            let size = text.len();
            let length = octets.len();
            let expected =
                format!("* 1 FETCH ({item} {{{length}}}\r\n{octets} RFC822.SIZE {size})");
            assert!(fetched[0] == expected, "{item}: {:.200}", fetched[0]);
            assert!(fetched[1].starts_with("t OK"), "{item}");
        }
        // Piece by piece, as programs show how far they have come.
        let mut pieces = String::new();
        for start in (0..=inner.len()).step_by(700_000) {
            let asked = format!("FETCH 1 (UID FLAGS BODY.PEEK[1]<{start}.700000>)");
            let fetched = client.say(&asked).await;
            let (_, told) = fetched[0]
                .split_once(&format!("BODY[1]<{start}> {{"))
                .expect("a piece");
            let (length, piece) = told.split_once("}\r\n").expect("a literal");
            pieces += &piece[..length.parse().expect("a number")];
        }
        assert!(pieces == inner);
        let several = client
            .say("FETCH 1 (RFC822.HEADER BODY.PEEK[TEXT] BODY.PEEK[])")
            .await;
        assert!(several[0].ends_with(&format!("{text})")) && several[0].contains(body));
        let envelope = client.say("FETCH 1 (ENVELOPE BODY)").await;
        let expected = format!(
            "(\"TEXT\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7BIT\" {} 249999)",
            inner.len()
        );
        assert!(
            envelope[0]
                .to_lowercase()
                .contains(&expected.to_lowercase()),
            "{envelope:?}"
        );
        assert_eq!(
            client.say("SEARCH TEXT \"line 249999\"").await[0],
            "* SEARCH 1"
        );
        let copied = client.say("COPY 1 INBOX").await;
        assert!(copied[copied.len() - 1].contains("[COPYUID "), "{copied:?}");
        client.say("NOOP").await;
        let copy = client.say("UID FETCH 2 (BODY.PEEK[])").await;
        assert!(copy.iter().any(|line| line.contains(&text)));
        running.end().await;
    }
}

#[tokio::test]
async fn a_large_message_is_compressed_on_its_way() {
    let text = large("Subject: large\r\n\r\n");
    for (store, _kept) in stores() {
        let running = Running::start(&store).await;
        let mut client = running.client().await;
        let append = format!("APPEND INBOX {{{}+}}\r\n{text}", text.len());
        client.say(&append).await;
        client.say("SELECT INBOX").await;
        assert!(client.say("COMPRESS DEFLATE").await[0].starts_with("t OK"));
        let mut stream = client.into_inner();
        let mut deflated = Vec::with_capacity(1024);
        let mut deflate = Compress::new(Compression::fast(), false);
        let command = b"t FETCH 1 (BODY.PEEK[])\r\n";
        let flush = FlushCompress::Sync;
        let done = deflate.compress_vec(command, &mut deflated, flush);
        done.expect("deflated");
        stream.write_all(&deflated).await.expect("it listens");
        let mut inflate = Decompress::new(false);
        let (mut told, mut buffer) = (Vec::with_capacity(2 * text.len()), vec![0; 1 << 16]);
        let read = async {
            while !told.ends_with(b"t OK FETCH completed\r\n") {
                let count = stream.read(&mut buffer).await.expect("it answers");
                assert_ne!(count, 0);
                let flush = FlushDecompress::Sync;
                let done = inflate.decompress_vec(&buffer[..count], &mut told, flush);
                done.expect("inflated");
            }
        };
        timeout(Duration::from_secs(60), read)
            .await
            .expect("it ends");
        let start = format!("* 1 FETCH (BODY[] {{{}}}\r\n", text.len());
        assert!(told.starts_with(start.as_bytes()));
        assert!(told[start.len()..].starts_with(text.as_bytes()));
        running.end().await;
    }
}
