//! Replies of real servers, and what they mean.
//!
//! Taken down from servers of two kinds, the unreadable ones included.

use mailwire::testing::{Said, Settings, Stage, beginning};
use mailwire::{Machine, Step};
use stage::ClientStage;

mod stage;

/// Gives commands, hears a greeting and then `answer`, and tells what came of it.
fn hear(commands: &str, answer: &str) -> Vec<String> {
    let now = beginning();
    let mut client = ClientStage.machine(&Settings::new()).expect("settings");
    ClientStage.act(&mut client, commands).expect("commands");
    let said = format!("+OK POP3 ready\n{answer}").replace('\n', "\r\n");
    assert_eq!(client.input().extend(said.as_bytes()), said.len());
    let mut heard = Vec::new();
    loop {
        match client.step(now) {
            Ok(Step::Event(event)) => match ClientStage.describe(&event) {
                Said::Line(line) => heard.push(line),
                Said::Body(piece) => heard.push(format!("body of {}", piece.len())),
            },
            Ok(_) => break,
            Err(error) => {
                heard.push(format!("error {error}"));
                break;
            }
        }
    }
    if commands == "capa" {
        let known = client.capabilities().expect("they are listed");
        heard.extend(known.iter().map(|capability| format!("{capability:?}")));
    }
    heard[1..].to_vec()
}

#[test]
fn capabilities() {
    assert_eq!(
        hear(
            "capa",
            "+OK Capability list follows\nTOP\nUSER\nUIDL\nSTLS\nEXPIRE 31 USER\n.\n"
        ),
        [
            "end 0",
            "Top",
            "User",
            "Uidl",
            "Stls",
            "Expire(PerUser { value: Days(31), varies: true })"
        ]
    );
    let heard = hear(
        "capa",
        "+OK Capability list follows\nTOP\nUSER\nUIDL\nSTLS\nSASL PLAIN X-ZIMBRA\nEXPIRE NEVER\nXOIP\n\
         IMPLEMENTATION ZimbraInc\n.\n",
    );
    assert_eq!(
        heard[5..],
        [
            "Sasl([MechanismName(\"PLAIN\"), MechanismName(\"X-ZIMBRA\")])",
            "Expire(PerUser { value: Never, varies: false })",
            "Other(\"XOIP\")",
            "Implementation(ImplementationName(\"ZimbraInc\"))"
        ]
    );
    let heard = hear(
        "capa",
        "+OK\nTOP\nUIDL\nSASL NTLM GSSAPI PLAIN LOGIN\nUSER\n.\n",
    );
    assert_eq!(heard.len(), 5, "{heard:?}");
}

#[test]
fn one_line() {
    for (commands, answer, expected) in [
        ("noop", "-ERR\n", &["failed 0 refused: "][..]),
        ("noop", "+OK\n", &["ok 0"]),
        (
            "stat",
            "+OK 7 1800662\n",
            &["stat 7 1800662", "ok 0 7 1800662"],
        ),
        (
            "stat",
            "+OK 7\n",
            &["failed 0 the server's answer makes no sense"],
        ),
        (
            "stat",
            "+OK seven 1800662\n",
            &["failed 0 the server's answer makes no sense"],
        ),
        (
            "stat",
            "+OK 7 #octets\n",
            &["failed 0 the server's answer makes no sense"],
        ),
        ("list 1", "+OK 1 1024\n", &["size 1 1024", "ok 0 1 1024"]),
        (
            "list 1",
            "+OK 1\n",
            &["failed 0 the server's answer makes no sense"],
        ),
        (
            "list 1",
            "+OK 99 1024\n",
            &["failed 0 the server's answer makes no sense"],
        ),
        (
            "list 1",
            "+OK 1 ten-twenty-four\n",
            &["failed 0 the server's answer makes no sense"],
        ),
        (
            "auth PLAIN x",
            "+OK User successfully logged on.\n",
            &["ok 0 User successfully logged on."],
        ),
        ("auth PLAIN", "+\n", &["challenge \"\""]),
        ("quit", "+OK Good-bye.\n", &["ok 0 Good-bye."]),
        (
            "quit",
            "+OK POP3 server closing connection\n",
            &["ok 0 POP3 server closing connection"],
        ),
    ] {
        assert_eq!(hear(commands, answer), expected, "{answer:?}");
    }
}

#[test]
fn lists() {
    let sizes = "1 1024\n2 2048\n3 3072\n4 4096\n5 5120\n6 6144\n";
    let list = |last: &str| hear("list", &format!("+OK\n{sizes}{last}\n.\n"));
    for (last, expected) in [
        ("7 7168", "size 7 7168"),
        ("7", "unreadable"),
        ("8 8192", "size 8 8192"),
        ("7 ten-twenty-four", "unreadable"),
    ] {
        let heard = list(last);
        assert_eq!(heard.len(), 8);
        assert_eq!(heard[5..], ["size 6 6144", expected, "end 0"]);
    }
    let ids = "1 6499\n2 6500\n3 6501\n4 6502\n5 6503\n6 6504\n7 6505\n";
    let heard = hear("uidl", &format!("+OK\n{ids}.\n"));
    assert_eq!(heard[6..], ["unique-id 7 6505", "end 0"]);
}

#[test]
fn messages() {
    let message = "Return-Path: <nsb>\nSubject: Star Trek Party!\n\n..\n";
    let heard = hear("retr 1", &format!("+OK message follows\n{message}.\n"));
    let octets: usize = heard
        .iter()
        .filter_map(|line| line.strip_prefix("body of ")?.parse::<usize>().ok())
        .sum();
    assert_eq!(octets, message.len() + message.lines().count() - 1);
    assert_eq!(heard.first().map(String::as_str), Some("message 1"));
    assert_eq!(heard.last().map(String::as_str), Some("end 0"));
}
