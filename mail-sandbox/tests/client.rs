//! A client that misbehaves meets our own listeners, and the sandbox.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use mail_sandbox::fault::{Fault, Faults};
use mail_sandbox::{
    Clock, Conversation, Endpoint, MisbehavingClient, Sandbox, Speaker, VisitError, blocking,
};
use mail_server::Stop;
use mail_server::smtp::{Body, Config, Envelope, Listener, Service, Session, Statuses};
use smtp_proto::Reply;
use smtp_proto::command::Rcpt;
use tokio::net::TcpSocket;
use tokio::task::JoinHandle;

const SOON: Duration = Duration::from_secs(5);
const MAIL: &str = "Subject: x\r\n\r\n.A body\r\nof two lines\r\n";

type Taken = Arc<Mutex<Vec<Vec<u8>>>>;

/// Takes everything that is whole.
struct Keep(Taken);

#[async_trait]
impl Service for Keep {
    async fn rcpt(&mut self, _: &Session, _: &Rcpt) -> Result<(), Reply> {
        Ok(())
    }

    async fn message(
        &mut self,
        _: &Session,
        _: &Envelope,
        body: &mut Body<'_>,
    ) -> Result<Statuses, Reply> {
        let mut message = Vec::new();
        while let Some(piece) = body.next().await? {
            message.extend_from_slice(&piece);
        }
        self.0.lock().expect("not poisoned").push(message);
        Ok(Statuses::accepted())
    }
}

/// A listener of mail-server, quick to lose its patience.
struct Server {
    address: std::net::SocketAddr,
    taken: Taken,
    stop: Stop,
    served: JoinHandle<()>,
}

impl Server {
    async fn start() -> Self {
        let mut config = Config::new("mx.example.org".parse().expect("a name"));
        config.limits.command_time = Duration::from_millis(300);
        config.limits.data_time = Duration::from_millis(300);
        config.limits.greeting_delay = Duration::from_millis(50);
        let listener = Listener::bind("127.0.0.1:0", config).await;
        let stop = Stop::new();
        let listener = listener.expect("a port").stop_with(stop.clone());
        let (address, taken) = (listener.local_addr(), Taken::default());
        let keeper = Arc::clone(&taken);
        let served = tokio::spawn(async move {
            listener.serve(move |_| Keep(Arc::clone(&keeper))).await;
        });
        Self {
            address,
            taken,
            stop,
            served,
        }
    }

    /// What it has taken, when all sessions are over.
    async fn end(self) -> Vec<Vec<u8>> {
        self.stop.stop();
        let served = tokio::time::timeout(SOON, self.served).await;
        served.expect("sessions end").expect("no panic");
        std::mem::take(&mut self.taken.lock().expect("not poisoned"))
    }
}

fn client(endpoint: Endpoint, address: std::net::SocketAddr) -> MisbehavingClient {
    MisbehavingClient::new(endpoint, address)
        .patience(SOON)
        .clock(Clock::skipping())
}

fn fault(text: &str) -> Fault {
    text.parse().expect(text)
}

fn answers(conversation: &Conversation) -> Vec<String> {
    let said = conversation.said(Speaker::Server);
    let lines = said.lines().filter(|line| line.get(3..4) != Some("-"));
    lines
        .map(|line| line.get(..3).unwrap_or(line).to_owned())
        .collect()
}

/// What a listener of ours says to each fault, and whether it takes the message.
#[tokio::test]
async fn listeners_withstand_clients_that_misbehave() {
    let whole = [MAIL.as_bytes().to_vec()];
    for (faults, expected, is_taken) in [
        ("", "220 250 250 250 354 250 221", true),
        // Gone in the middle of the message, in both ways.
        ("body after 10 -> drop", "220 250 250 250 354", false),
        ("body after 10 -> reset", "220 250 250 250 354", false),
        (
            "body after 10 -> truncate; drop",
            "220 250 250 250 354",
            false,
        ),
        // Slow, but there.
        ("body -> slowly 1ms", "220 250 250 250 354 250 221", true),
        (
            "command * -> slowly 1ms",
            "220 250 250 250 354 250 221",
            true,
        ),
        ("command * -> delay 5m", "220 250 250 250 354 250 221", true),
        // Silent, until the server has had enough.
        ("command RCPT -> truncate", "220 250 250 421", false),
        ("command RCPT after 6 -> truncate", "220 250 250 421", false),
        ("end -> truncate", "220 250 250 250 354 421", false),
        // A message that ends with bare LFs has not ended.
        ("end -> bare-lf", "220 250 250 250 354 421", false),
        ("body -> bare-lf", "220 250 250 250 354 421", false),
        ("command MAIL -> bare-lf", "220 250 500 503 503 221", false),
        // A command that nobody understands, and one too many.
        ("command MAIL -> garble", "220 250 500 503 503 221", false),
        (
            "command RCPT -> reply RCPT TO:<b@x.test",
            "220 250 250 501 503 221",
            false,
        ),
        (
            "command RCPT -> insert NOOP",
            "220 250 250 250 250 354 250 221",
            true,
        ),
        (
            "command DATA -> insert MAIL FROM:<c@x.test>",
            "220 250 250 250 503 354 250 221",
            true,
        ),
        // Out of order: a recipient before the sender.
        ("command MAIL -> later", "220 250 503 250 503 221", false),
        // Without waiting: pipelining that is allowed, and that which is not.
        ("command * -> hurry", "220 250 250 250 354 250 221", true),
        ("greeting -> hurry", "554", false),
        ("greeting -> insert HELO early", "554", false),
        ("command EHLO -> drop", "220", false),
    ] {
        let server = Server::start().await;
        let visit = client(Endpoint::Smtp, server.address)
            .deliver("a@x.test", ["b@x.test"], MAIL)
            .faults(Faults::for_client(faults).expect(faults));
        let conversation = visit.run().await.expect("a connection");
        let taken = server.end().await;
        let expected: Vec<_> = expected.split(' ').collect();
        assert_eq!(answers(&conversation), expected, "{faults}\n{conversation}");
        assert_eq!(taken, &whole[..usize::from(is_taken)], "{faults}");
        if !faults.is_empty() {
            let shown = conversation.to_string();
            assert!(shown.contains("fault at "), "{faults}\n{shown}");
        }
    }
}

/// One that says much and reads nothing: the server stops listening, and goes away in the end.
#[tokio::test]
async fn a_client_that_never_reads_is_left() {
    let server = Server::start().await;
    let mut visit = client(Endpoint::Smtp, server.address).fault(fault("greeting -> stop-reading"));
    for _ in 0..50 {
        visit = visit.command("HELP ".repeat(20_000));
    }
    let visit = visit.patience(Duration::from_millis(500));
    let conversation = visit.run().await.expect("a connection");
    assert_eq!(conversation.said(Speaker::Server), "");
    assert!(server.end().await.is_empty());
}

#[tokio::test]
async fn chunks_are_broken_off_too() {
    let mut server = Server::start().await;
    for (faults, expected, is_taken) in [
        ("", "220 250 250 250 250 250 250 221", true),
        ("body nth 2 after 3 -> drop", "220 250 250 250 250", false),
        (
            "body nth 2 after 3 -> truncate",
            "220 250 250 250 250 421",
            false,
        ),
        (
            "command BDAT nth 2 -> hurry",
            "220 250 250 250 250 250 250 221",
            true,
        ),
    ] {
        let visit = client(Endpoint::Smtp, server.address)
            .deliver_in_chunks("a@x.test", ["b@x.test"], MAIL, 16)
            .faults(Faults::for_client(faults).expect(faults));
        let conversation = visit.run().await.expect("a connection");
        let taken = server.end().await;
        server = Server::start().await;
        let expected: Vec<_> = expected.split(' ').collect();
        assert_eq!(answers(&conversation), expected, "{faults}\n{conversation}");
        assert_eq!(taken.len(), usize::from(is_taken), "{faults}");
    }
}

/// TLS, logins and the other protocols, with the sandbox as the server.
#[test]
fn the_sandbox_is_a_server_too() {
    let sandbox = blocking::Sandbox::start().expect("a sandbox");
    let visit = |endpoint, faults: &str| {
        let client = client(endpoint, sandbox.address(endpoint))
            .patience(Duration::from_millis(300))
            .faults(Faults::for_client(faults).expect(faults));
        let client = match endpoint {
            Endpoint::Smtp | Endpoint::Pop3 | Endpoint::Imap => client.starttls(),
            _ => client,
        };
        let client = match endpoint {
            Endpoint::Lmtp => client,
            _ => client.login("bob@x.test", "secret"),
        };
        let client = match endpoint {
            Endpoint::Pop3 | Endpoint::Pop3s => client.command("STAT").command("RETR 1"),
            Endpoint::Imap | Endpoint::Imaps => client
                .append("INBOX", MAIL)
                .command("SELECT INBOX")
                .command("IDLE")
                .command("DONE")
                .command("FETCH * BODY.PEEK[]"),
            _ => client.deliver("a@x.test", ["bob@x.test", "c@x.test"], MAIL),
        };
        blocking::run(client).expect("a connection")
    };
    for endpoint in Endpoint::ALL {
        let conversation = visit(endpoint, "");
        let (client, server) = (Speaker::Client, Speaker::Server);
        let said = conversation.said(client);
        let farewell = said.ends_with("QUIT\r\n") || said.ends_with("LOGOUT\r\n");
        assert!(farewell, "{conversation}");
        assert!(!said.contains("secret"), "{conversation}");
        let heard = conversation.said(server);
        match endpoint {
            Endpoint::Pop3 | Endpoint::Pop3s => {
                assert!(heard.contains("\r\n..A body\r\n"), "{conversation}");
            }
            Endpoint::Imap | Endpoint::Imaps => {
                for answer in [
                    "[APPENDUID ",
                    "+ idling\r\n",
                    " OK IDLE completed",
                    ".A body\r\n",
                    "OK LOGOUT",
                ] {
                    assert!(heard.contains(answer), "{answer}: {conversation}");
                }
            }
            Endpoint::Lmtp => {
                assert_eq!(heard.matches("250 2.0.0 Ok: message").count(), 2, "{heard}");
            }
            _ => assert_eq!(heard.matches("250 2.0.0 Ok: message").count(), 1, "{heard}"),
        }
    }
    let count = sandbox.messages().len();
    assert_eq!(count, 6);
    for message in sandbox.messages() {
        assert_eq!(message.raw(), MAIL.as_bytes());
    }
    for (endpoint, faults, shown) in [
        (Endpoint::Smtp, "tls -> garble", "closed by the server"),
        (
            Endpoint::Smtps,
            "tls after 20 -> truncate",
            "the client gave up waiting",
        ),
        (Endpoint::Smtps, "tls after 20 -> drop", "closed by a fault"),
        (Endpoint::Smtps, "tls after 20 -> reset", "reset by a fault"),
        (
            Endpoint::Pop3s,
            "tls -> reply GET / HTTP/1.0",
            "closed by the server",
        ),
        (
            Endpoint::Submission,
            "mechanism PLAIN -> drop",
            "closed by a fault",
        ),
        (
            Endpoint::Submission,
            "response -> reply *",
            "501 5.7.0 Authentication cancelled",
        ),
        (
            Endpoint::Submission,
            "response -> garble",
            "501 5.5.2 Malformed base64",
        ),
        (Endpoint::Pop3, "command PASS -> reset", "reset by a fault"),
        (Endpoint::Pop3, "command PASS -> later", "C: PASS ***"),
        (Endpoint::Pop3, "command RETR -> drop", "closed by a fault"),
        (Endpoint::Lmtp, "body after 1 -> drop", "closed by a fault"),
    ] {
        let conversation = visit(endpoint, faults).to_string();
        assert!(!conversation.contains("secret"), "{conversation}");
        assert!(conversation.contains(shown), "{faults}\n{conversation}");
        assert!(
            conversation.contains("fault at "),
            "{faults}\n{conversation}"
        );
    }
    assert_eq!(sandbox.messages().len(), count);
}

#[tokio::test]
async fn what_cannot_be_done_is_an_error() {
    let sandbox = Sandbox::start().await.expect("a sandbox");
    let address = sandbox.address(Endpoint::Smtp);
    let server_only = client(Endpoint::Smtp, address).fault(fault("end -> disk-full"));
    let error = server_only.run().await.expect_err("nothing for a client");
    assert_eq!(
        error.to_string(),
        "fault: disk-full means nothing at end of a client"
    );
    // Bound and not listened on, so that nobody else gets the port meanwhile.
    let silent = TcpSocket::new_v4().expect("a socket");
    silent
        .bind(([127, 0, 0, 1], 0).into())
        .expect("a port is free");
    let address = silent.local_addr().expect("an address");
    let error = client(Endpoint::Smtp, address).run().await;
    let error = error.expect_err("nobody is there");
    assert!(matches!(error, VisitError::Connect { .. }), "{error}");
}
