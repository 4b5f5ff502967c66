//! The program from outside: what it prints, what its API answers, and how it fails.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::Duration;

use lettre::{Message, SmtpTransport, Transport};
use serde_json::Value;

const SOON: Duration = Duration::from_secs(10);

/// A program that runs, on ports of its own.
struct Program {
    child: Child,
    out: BufReader<ChildStdout>,
    ready: Value,
}

impl Program {
    fn start(options: &[&str]) -> Self {
        let mut child = command()
            .args(["--smtp", "0", "--pop3", "0", "--imap", "0", "--http", "0"])
            .args(options)
            .stdout(Stdio::piped())
            .spawn()
            .expect("a program");
        let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
        let ready = line(&mut out);
        assert_eq!(ready["event"], "ready");
        Self { child, out, ready }
    }

    fn address(&self, name: &str) -> SocketAddr {
        let url = self.ready[name].as_str().expect("a URL");
        let (_, address) = url.split_once("://").expect("a URL");
        address.trim_end_matches('/').parse().expect("an address")
    }

    /// The status and the body of an answer.
    fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> (u16, String) {
        let address = self.address("http");
        let mut stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(SOON)).expect("a time-out");
        let length = body.len();
        let host = match headers.contains("Host:") {
            true => String::new(),
            false => format!("Host: {address}\r\n"),
        };
        let request = format!(
            "{method} {path} HTTP/1.0\r\n{host}{headers}Content-Length: {length}\r\n\
             Content-Type: text/plain\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).expect("a status");
        (status.parse().expect("a number"), body.to_owned())
    }

    fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask("GET", &format!("/api/v1{path}"), "", "");
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).expect("JSON")
    }

    fn send(&self, subject: &str) -> Result<(), String> {
        let transport = SmtpTransport::builder_dangerous("127.0.0.1")
            .port(self.address("smtp").port())
            .timeout(Some(SOON))
            .build();
        let mail = Message::builder()
            .from("Shop <shop@example.net>".parse().expect("an address"))
            .to("bob@example.org".parse().expect("an address"))
            .subject(subject)
            .header(lettre::message::header::ContentType::TEXT_HTML)
            .body("<p>Hello <script>alert(1)</script></p>".to_owned())
            .expect("a message");
        let sent = transport.send(&mail);
        sent.map(|_| ()).map_err(|error| error.to_string())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mail-sandbox"));
    command.stderr(Stdio::piped());
    command
}

fn line(out: &mut impl BufRead) -> Value {
    let mut line = String::new();
    out.read_line(&mut line).expect("a line");
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
}

/// One that does not start.
fn failure(options: &[&str]) -> (i32, String) {
    let output: Output = command().args(options).output().expect("a program");
    assert!(output.stdout.is_empty(), "{output:?}");
    let code = output.status.code().expect("no signal");
    (code, String::from_utf8(output.stderr).expect("UTF-8"))
}

#[test]
fn what_arrives_is_printed_and_served() {
    let mut program = Program::start(&["--keep", "2"]);
    program.send("Welcome, Bob").expect("taken");
    let printed = line(&mut program.out);
    assert_eq!(printed["event"], "message");
    assert_eq!(printed["subject"], "Welcome, Bob");
    assert_eq!(printed["recipients"][0], "bob@example.org");

    let listed = program.get("/messages?text=welcome+shop");
    assert_eq!(
        (&listed["total"], &listed["messages"][0]["id"]),
        (&1.into(), &1.into())
    );
    for query in [
        "to=carol",
        "subject=other",
        "from=bob",
        "body=bye",
        "header=X-A:b",
        "text=x+y",
    ] {
        assert_eq!(
            program.get(&format!("/messages?{query}"))["total"],
            0,
            "{query}"
        );
    }
    for query in [
        "to=bob@",
        "subject=welcome",
        "from=shop@",
        "body=hello",
        "header=subject:bob",
    ] {
        assert_eq!(
            program.get(&format!("/messages?{query}"))["total"],
            1,
            "{query}"
        );
    }
    let waited = program.get("/wait?subject=bob&count=1&within=5");
    assert_eq!(waited["total"], 1);
    let message = program.get("/messages/1");
    assert_eq!(message["has_html"], true);
    assert!(
        message["conversation"]
            .as_str()
            .expect("text")
            .contains("C: DATA")
    );

    let (status, raw) = program.ask("GET", "/api/v1/messages/1/raw", "", "");
    assert!(
        status == 200 && raw.contains("Subject: Welcome, Bob\r\n"),
        "{raw}"
    );
    let (_, transcript) = program.ask("GET", "/api/v1/messages/1/transcript", "", "");
    assert!(transcript.contains("\nC: DATA\nS: 354 "), "{transcript}");
    assert_eq!(
        program.get("/conversations").as_array().map(Vec::len),
        Some(1)
    );

    // The oldest make room.
    for number in 2..=3 {
        program.send(&number.to_string()).expect("taken");
        assert_eq!(line(&mut program.out)["id"], number);
    }
    assert_eq!(program.get("/messages")["total"], 2);
    assert_eq!(program.get("/messages?before=3")["messages"][0]["id"], 2);
    assert_eq!(program.ask("GET", "/api/v1/messages/1", "", "").0, 404);
    assert_eq!(program.ask("DELETE", "/api/v1/messages/2", "", "").0, 200);
    assert_eq!(program.ask("DELETE", "/api/v1/messages/2", "", "").0, 404);
    assert_eq!(
        program.ask("DELETE", "/api/v1/messages?tto=bob", "", "").0,
        400
    );
    assert_eq!(program.get("/messages")["total"], 1);
    assert_eq!(program.ask("DELETE", "/api/v1/messages", "", "").0, 200);
    assert_eq!(program.get("/messages")["total"], 0);
    let (status, why) = program.ask("GET", "/api/v1/wait?within=0.01", "", "");
    assert!(
        status == 408 && why.contains("did not arrive within 10ms"),
        "{why}"
    );
    assert_eq!(program.ask("GET", "/api/v1/wait?within=-1", "", "").0, 400);
    assert_eq!(program.ask("GET", "/api/v1/elsewhere", "", "").0, 404);
}

#[test]
fn faults_are_changed_while_it_runs() {
    let file = tempfile("faults", "# slow\ncommand EHLO -> delay 1ms\n");
    let program = Program::start(&["--fault", &file, "--preset", "disk-full"]);
    let error = program.send("x").expect_err("no room");
    assert!(
        error.contains("452") || error.contains("Insufficient"),
        "{error}"
    );
    assert_eq!(program.get("/faults")[0]["happened"], 1);
    assert_eq!(program.get("/faults")[1]["fault"], "end -> disk-full");
    assert_eq!(program.ask("DELETE", "/api/v1/faults", "", "").0, 204);
    program.send("x").expect("taken");

    let wrong = "command MAIL -> refuse\nend -> explode";
    let (status, why) = program.ask("POST", "/api/v1/faults", "", wrong);
    assert_eq!(status, 400);
    let why: Value = serde_json::from_str(&why).expect("JSON");
    assert_eq!(
        (&why["line"], &why["error"]),
        (&2.into(), &"no such action: explode".into())
    );
    assert_eq!(program.get("/faults"), serde_json::json!([]));
    let (status, _) = program.ask("POST", "/api/v1/faults", "", "command MAIL -> refuse");
    assert_eq!(status, 200);
    program.send("x").expect_err("refused");
}

#[test]
fn transcripts_are_played_and_made() {
    let file = tempfile("transcript", "S: 220 mx\nC: EHLO x\nS: 421 Busy\n! close\n");
    let program = Program::start(&["--replay", &format!("smtp={file}")]);
    let error = program.send("x").expect_err("busy");
    assert!(error.contains("421") || error.contains("Busy"), "{error}");
    let server = program.address("smtp");
    let recorder = Program::start(&["--record", &format!("smtp={server}")]);
    recorder.send("x").expect_err("busy");
    let recorded = recorder.get("/conversations");
    let recorded = recorded[0].as_str().expect("a transcript");
    assert!(recorded.contains("\nS: 421 Busy\n"), "{recorded}");
}

#[test]
fn strangers_stay_outside() {
    let program = Program::start(&["--name", "mail.example.org"]);
    for (method, headers, status) in [
        ("GET", "Host: evil.example.net\r\n", 403),
        ("GET", "Host: mail.example.org\r\n", 200),
        ("DELETE", "Origin: http://evil.example.net\r\n", 403),
    ] {
        let (answered, body) = program.ask(method, "/api/v1/messages", headers, "");
        assert_eq!(answered, status, "{headers}: {body}");
    }
    let (_, page) = program.ask("GET", "/", "", "");
    assert!(page.contains("<title>mail-sandbox</title>"), "{page}");
    for outside in ["http://", "https://", "//cdn"] {
        for path in ["/", "/inbox.css", "/inbox.js"] {
            let (status, file) = program.ask("GET", path, "", "");
            assert_eq!(status, 200, "{path}");
            assert!(!file.contains(outside), "{path} has {outside}");
        }
    }
}

#[test]
fn what_is_wrong_is_said() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let free = ["--smtp", "0", "--pop3", "0", "--imap", "0", "--http", "0"];
    for name in ["smtp", "pop3", "imap", "http"] {
        let mut options = free;
        let at = (options.iter()).position(|option| *option == format!("--{name}"));
        options[at.expect("an option") + 1] = &port;
        let (code, said) = failure(&options);
        let start = format!("mail-sandbox: cannot listen on 127.0.0.1:{port} for {name}: ");
        assert!(code == 1 && said.contains(&start), "{code}: {said}");
    }
    let file = tempfile("wrong", "greeting -> drop\n\nend -> explode\n");
    let (code, said) = failure(&["--fault", &file]);
    assert_eq!(code, 1);
    assert_eq!(
        said,
        format!("mail-sandbox: {file}: line 3: no such action: explode\n")
    );
    let (code, said) = failure(&["--fault", "/nowhere/at/all"]);
    assert!(
        code == 1 && said.contains("cannot read /nowhere/at/all: "),
        "{said}"
    );
    let (code, said) = failure(&["--replay", &format!("smtp={file}")]);
    assert!(
        code == 1 && said.contains("transcript for smtp: line 1: "),
        "{said}"
    );
    for (option, value, reason) in [
        ("--preset", "mould", "not greylisting, "),
        ("--replay", "jmap=x", "not smtp, "),
        ("--smtp", "99999", "number too large"),
    ] {
        let (code, said) = failure(&[option, value]);
        assert!(code == 2 && said.contains(reason), "{said}");
    }
    let (code, said) = failure(&["--account", "nobody"]);
    assert!(code == 1 && said.contains("not NAME:PASSWORD"), "{said}");
}

/// A file that outlives the test, in the folder of the build.
fn tempfile(name: &str, text: &str) -> String {
    let path = format!(
        "{}/{name}-{}",
        env!("CARGO_TARGET_TMPDIR"),
        std::process::id()
    );
    std::fs::write(&path, text).expect("written");
    path
}
