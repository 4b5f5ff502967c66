//! A line that is a command prints as a line that is the same command.

#![no_main]

use libfuzzer_sys::fuzz_target;
use smtp_proto::command::Command;
use smtp_proto::{ForwardPath, ReversePath, Strictness};

fuzz_target!(|line: &[u8]| {
    let lenient = Strictness::lenient("our.test".parse().expect("a domain"));
    for strictness in [Strictness::strict(), lenient] {
        let Ok(command) = Command::parse(line, &strictness) else {
            continue;
        };
        let printed = command.to_string();
        assert!(
            !printed.contains(['\r', '\n', '\0']),
            "a line within a line: {printed:?}"
        );
        let again = Command::parse(printed.as_bytes(), &strictness)
            .unwrap_or_else(|error| panic!("{printed:?} is not read back: {error}"));
        assert_eq!(again.to_string(), printed);
        match (&command, &again) {
            (Command::Mail(one), Command::Mail(other)) => assert_eq!(one, other),
            (Command::Rcpt(one), Command::Rcpt(other)) => assert_eq!(one, other),
            (Command::Hello(one), Command::Hello(other)) => assert_eq!(one, other),
            (Command::Verify(one), Command::Verify(other)) => assert_eq!(one, other),
            _ => {}
        }
        let mailbox = match &command {
            Command::Mail(mail) => match &mail.path {
                ReversePath::Mailbox(mailbox) => Some(mailbox),
                ReversePath::Null => None,
            },
            Command::Rcpt(rcpt) => match &rcpt.path {
                ForwardPath::Mailbox(mailbox) => Some(mailbox),
                ForwardPath::Postmaster => None,
            },
            _ => None,
        };
        if let Some(mailbox) = mailbox {
            assert!(mailbox.local_part().len() <= 64 && mailbox.domain().len() <= 255);
        }
    }
});
