//! Whole exchanges, driven as an application drives them.

use proptest::prelude::*;
use sasl::server::{Context, Failure, Need, Outcome, Server, Step, Verdict};
use sasl::{Mechanism, PasswordFile, Prepared, limits};

fn secured() -> Context {
    Context::new("smtp").secured(true)
}

/// An exchange as lines: `S` our challenges, `C` responses, `?` needs, and the outcome.
fn transcript(
    mechanism: Mechanism,
    initial: Option<&[u8]>,
    responses: &[&[u8]],
    verdict: Verdict,
    grant: bool,
) -> Vec<String> {
    let mut lines = Vec::new();
    let mut responses = responses.iter();
    let mut step = Server::start(mechanism, initial, &secured());
    loop {
        step = match step {
            Step::Challenge(challenge) => {
                assert_eq!(challenge.mechanism(), mechanism);
                lines.push(format!("S {}", challenge.data().escape_ascii()));
                match responses.next() {
                    Some(response) => {
                        lines.push(format!("C {}", response.escape_ascii()));
                        challenge.respond(response)
                    }
                    None => challenge.cancel(),
                }
            }
            Step::Need(Need::VerifyPassword(need)) => {
                assert_eq!(need.mechanism(), Some(mechanism));
                lines.push(format!("? verify {} {}", need.username(), need.password()));
                need.answer(verdict)
            }
            Step::Need(Need::Authorize(need)) => {
                assert_eq!(need.mechanism(), Some(mechanism));
                lines.push(format!("? authorize {} {}", need.authcid(), need.authzid()));
                if grant { need.grant() } else { need.refuse() }
            }
            Step::Need(need) => panic!("{need:?}"),
            Step::Done(outcome) => {
                lines.push(last_line(mechanism, &outcome));
                assert_eq!(responses.len(), 0, "responses left");
                return lines;
            }
        };
    }
}

fn last_line(mechanism: Mechanism, outcome: &Outcome) -> String {
    match outcome {
        Ok(authenticated) => {
            assert_eq!(authenticated.mechanism(), Some(mechanism));
            format!(
                "= {} as {}",
                authenticated.authcid(),
                authenticated.authzid()
            )
        }
        Err(failure) => format!("! {failure:?}"),
    }
}

fn accepted(mechanism: Mechanism, initial: Option<&[u8]>, responses: &[&[u8]]) -> Vec<String> {
    transcript(mechanism, initial, responses, Verdict::Accept, true)
}

/// Pitfall 3: no initial response is answered with an empty challenge, an empty one is an
/// empty message.
#[test]
fn plain_with_and_without_initial_response() {
    let message = b"\0tim\0tanstaaf";
    assert_eq!(
        accepted(Mechanism::Plain, Some(message), &[]),
        ["? verify tim tanstaaf", "= tim as tim"]
    );
    assert_eq!(
        accepted(Mechanism::Plain, None, &[message]),
        [
            "S ",
            r"C \x00tim\x00tanstaaf",
            "? verify tim tanstaaf",
            "= tim as tim"
        ]
    );
    assert_eq!(accepted(Mechanism::Plain, Some(b""), &[]), ["! Malformed"]);
    assert_eq!(
        accepted(Mechanism::Plain, None, &[b""]),
        ["S ", "C ", "! Malformed"]
    );
}

/// Pitfall 2: another authzid needs a grant of its own, after the password.
#[test]
fn plain_authzid() {
    let other: &[u8] = b"ursel\0kurt\0xipj3plmq";
    let verify = "? verify kurt xipj3plmq";
    let authorize = "? authorize kurt ursel";
    let run = |verdict, grant| transcript(Mechanism::Plain, Some(other), &[], verdict, grant);
    assert_eq!(
        run(Verdict::Accept, true),
        [verify, authorize, "= kurt as ursel"]
    );
    assert_eq!(
        run(Verdict::Accept, false),
        [verify, authorize, "! Unauthorized"]
    );
    assert_eq!(run(Verdict::Reject, true), [verify, "! Rejected"]);
}

/// Pitfall 16: the same name in another form is not another authzid.
#[test]
fn plain_authzid_is_compared_after_preparation() {
    for authzid in ["zo\u{eb}", "zoe\u{308}", "zo\u{ad}\u{eb}"] {
        let message = format!("{authzid}\0zo\u{eb}\0secret");
        assert_eq!(
            accepted(Mechanism::Plain, Some(message.as_bytes()), &[]),
            ["? verify zo\u{eb} secret", "= zo\u{eb} as zo\u{eb}"]
        );
    }
    let lines = accepted(Mechanism::Plain, Some(b"Tim\0tim\0secret"), &[]);
    assert_eq!(lines[1], "? authorize tim Tim");
}

/// Pitfall 18: the prompts to the letter, and pitfall 3: an initial response is the name.
#[test]
fn login_with_and_without_initial_response() {
    assert_eq!(
        accepted(Mechanism::Login, None, &[b"tim", b"tan staaf "]),
        [
            "S Username:",
            "C tim",
            "S Password:",
            "C tan staaf ",
            "? verify tim tan staaf ",
            "= tim as tim",
        ]
    );
    assert_eq!(
        accepted(Mechanism::Login, Some(b"tim"), &[b"tanstaaf"]),
        [
            "S Password:",
            "C tanstaaf",
            "? verify tim tanstaaf",
            "= tim as tim"
        ]
    );
}

/// Pitfalls 1 and 6 for LOGIN.
#[test]
fn login_responses() {
    let most = "x".repeat(limits::FIELD);
    let more = "x".repeat(limits::FIELD + 1);
    for (field, failure) in [
        (&b""[..], Some("! Malformed")),
        (b"\0", Some("! Malformed")),
        (b"tim\0", Some("! Malformed")),
        (b"\0tim\0secret", Some("! Malformed")),
        (b"t\xefm", Some("! Malformed")),
        (b"tim\r\n", Some("! Rejected")),
        (b"\xc2\xad", Some("! Rejected")),
        (b"tim ", None),
        ("\u{1f600}".as_bytes(), None),
        (most.as_bytes(), None),
        (more.as_bytes(), Some("! TooLong")),
    ] {
        let name = field.escape_ascii();
        for lines in [
            accepted(Mechanism::Login, Some(b"tim"), &[field]),
            match failure {
                Some(_) => accepted(Mechanism::Login, Some(field), &[]),
                None => accepted(Mechanism::Login, Some(field), &[b"secret"]),
            },
        ] {
            let last = lines.last().unwrap();
            match failure {
                Some(failure) => assert_eq!(last, failure, "{name}"),
                None => assert!(last.starts_with("= "), "{name}"),
            }
        }
    }
}

/// USER and PASS, or LOGIN of IMAP: no challenge, the same rules.
#[test]
fn password_commands() {
    let clear = Context::new("pop3");
    let step = Server::password(b"tim", b"tanstaaf", &clear);
    assert!(matches!(step, Step::Done(Err(Failure::EncryptionRequired))));
    for (username, password, failure) in [
        (&b"tim"[..], &b" tan staaf "[..], None),
        (b"", b"x", Some(Failure::Malformed)),
        (b"tim", b"", Some(Failure::Malformed)),
        (b"t\0m", b"x", Some(Failure::Malformed)),
        (b"tim", b"\xff", Some(Failure::Malformed)),
        (b"tim", b"\x07", Some(Failure::Rejected)),
    ] {
        match (Server::password(username, password, &secured()), failure) {
            (Step::Done(Err(found)), Some(failure)) => assert_eq!(found, failure),
            (Step::Need(Need::VerifyPassword(need)), None) => {
                assert_eq!((need.username(), need.password()), ("tim", " tan staaf "));
                assert_eq!(need.mechanism(), None);
                let Step::Done(Ok(identity)) = need.answer(Verdict::Accept) else {
                    panic!("not through");
                };
                assert_eq!((identity.authzid(), identity.mechanism()), ("tim", None));
            }
            (step, _) => panic!("{step:?}"),
        }
    }
}

/// Pitfall 4: a cancelled exchange is over, at whichever challenge.
#[test]
fn cancelled() {
    assert_eq!(accepted(Mechanism::Plain, None, &[]), ["S ", "! Cancelled"]);
    assert_eq!(
        accepted(Mechanism::Login, None, &[]),
        ["S Username:", "! Cancelled"]
    );
    assert_eq!(
        accepted(Mechanism::Login, Some(b"tim"), &[]),
        ["S Password:", "! Cancelled"]
    );
}

/// Pitfall 23: want of a verdict is temporary, and nothing else is.
#[test]
fn verdicts() {
    for (verdict, failure) in [
        (Verdict::Reject, Failure::Rejected),
        (Verdict::Expired, Failure::Expired),
        (Verdict::Disabled, Failure::Disabled),
        (Verdict::Unavailable, Failure::Unavailable),
    ] {
        let lines = transcript(Mechanism::Login, Some(b"tim"), &[b"x"], verdict, true);
        assert_eq!(lines.last(), Some(&format!("! {failure:?}")));
        assert_eq!(failure.is_temporary(), verdict == Verdict::Unavailable);
    }
}

/// Pitfall 21: no password in clear text, but where it was allowed.
#[test]
fn clear_passwords() {
    let message: Option<&[u8]> = Some(b"\0tim\0tanstaaf");
    for mechanism in [Mechanism::Plain, Mechanism::Login] {
        for initial in [None, message] {
            let step = Server::start(mechanism, initial, &Context::new("smtp"));
            assert!(matches!(step, Step::Done(Err(Failure::EncryptionRequired))));
        }
    }
    let allowed = Context::new("smtp").allow_clear_passwords(true);
    let step = Server::start(Mechanism::Plain, message, &allowed);
    assert!(matches!(step, Step::Need(Need::VerifyPassword(_))));
    let offered: Vec<_> = allowed.mechanisms().collect();
    assert_eq!(offered, [Mechanism::Plain, Mechanism::Login]);
}

/// Pitfall 24: no password in what `Debug` and `Display` print, at any step.
#[test]
fn secrets_are_not_printed() {
    const SECRET: &str = "tanstaaf";
    let file = PasswordFile::from_accounts(["tim:tanstaaf"]).unwrap();
    let credential: sasl::credential::Credential = "{PLAIN}tanstaaf".parse().unwrap();
    let errors = PasswordFile::parse("tim:tanstaaf\ntanstaaf").unwrap_err();
    let mut printed = format!(
        "{file:?} {file:#?} {credential:?} {errors:?} {} {} {:?} {:?}",
        errors[0],
        errors[1],
        Prepared::parse(SECRET).unwrap(),
        secured(),
    );
    for (mechanism, initial) in [
        (Mechanism::Plain, Some(&b"ursel\0tim\0tanstaaf"[..])),
        (Mechanism::Plain, Some(b"tim\0tanstaaf")),
        (Mechanism::Plain, Some(b"\0tim\0tanstaaf\0")),
        (Mechanism::Plain, None),
        (Mechanism::Login, None),
    ] {
        let mut step = Server::start(mechanism, initial, &secured());
        let mut responses = match mechanism {
            Mechanism::Plain => vec!["\0tim\0tanstaaf"],
            _ => vec![SECRET, "tim"],
        };
        loop {
            printed += &format!("{step:?} {step:#?}");
            step = match step {
                Step::Challenge(challenge) => {
                    printed += &format!("{challenge:?}");
                    challenge.respond(responses.pop().unwrap().as_bytes())
                }
                Step::Need(Need::VerifyPassword(need)) => {
                    printed += &format!("{need:?}");
                    let verdict = file.verify(need.username(), need.password());
                    assert_eq!(verdict, Verdict::Accept);
                    need.answer(verdict)
                }
                Step::Need(Need::Authorize(need)) => {
                    printed += &format!("{need:?}");
                    need.grant()
                }
                Step::Need(need) => panic!("{need:?}"),
                Step::Done(outcome) => {
                    printed += &format!("{outcome:?}");
                    if let Err(failure) = outcome {
                        printed += &failure.to_string();
                    }
                    break;
                }
            };
        }
    }
    assert!(!printed.contains(SECRET), "{printed}");
    assert!(printed.contains("VerifyPassword"), "{printed}");
}

/// A step can wait for its answer anywhere.
#[test]
fn steps_are_send_and_owned() {
    fn check<T: Send + Sync + 'static>() {}
    check::<Step>();
    check::<PasswordFile>();
}

fn message() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        any::<Vec<u8>>(),
        "\\PC{0,8}\0\\PC{0,8}\0\\PC{0,8}".prop_map(String::into_bytes),
        "\\PC{0,8}".prop_map(String::into_bytes),
    ]
}

proptest! {
    /// No bytes make it panic, and none let a peer in without an accepted password.
    #[test]
    fn nobody_gets_in_without_a_verdict(
        mechanism in proptest::sample::select(Mechanism::ALL),
        initial in proptest::option::of(message()),
        responses in proptest::collection::vec(message(), 0..4),
        verdict in proptest::sample::select(vec![
            Verdict::Accept,
            Verdict::Reject,
            Verdict::Expired,
            Verdict::Disabled,
            Verdict::Unavailable,
        ]),
        grant: bool,
    ) {
        let mut step = Server::start(mechanism, initial.as_deref(), &secured());
        let mut responses = responses.iter();
        let mut may_be = Vec::new();
        let outcome = loop {
            step = match step {
                Step::Challenge(challenge) => match responses.next() {
                    Some(response) => challenge.respond(response),
                    None => challenge.cancel(),
                },
                Step::Need(Need::VerifyPassword(need)) => {
                    prop_assert!(!need.username().is_empty() && !need.password().is_empty());
                    prop_assert!(!need.username().contains('\0'));
                    prop_assert!(!need.password().contains('\0'));
                    if verdict == Verdict::Accept {
                        may_be.push(need.username().to_owned());
                    }
                    need.answer(verdict)
                }
                Step::Need(Need::Authorize(need)) => {
                    let verified = may_be.pop();
                    prop_assert_eq!(verified.as_deref(), Some(need.authcid()));
                    prop_assert_ne!(need.authcid(), need.authzid());
                    if grant {
                        may_be.push(need.authzid().to_owned());
                        need.grant()
                    } else {
                        need.refuse()
                    }
                }
                Step::Need(need) => panic!("{need:?}"),
                Step::Done(outcome) => break outcome,
            };
        };
        if let Ok(authenticated) = outcome {
            prop_assert_eq!(may_be, [authenticated.authzid()]);
        }
    }
}
