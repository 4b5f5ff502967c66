//! Every mechanism but PLAIN and LOGIN, driven as an application drives them: the server's side.

mod support;

use sasl::Mechanism;
use sasl::scram::Hash;
use sasl::server::{Context, Failure, Server, Step};
use support::{App, EXPORTER, context, run};

/// What an exchange looked like: `S` our challenges, `C` responses, `?` needs, and the end.
fn lines(mechanism: &str, initial: Option<&str>, responses: &[&str]) -> Vec<String> {
    let initial = initial.map(str::as_bytes);
    let responses: Vec<_> = responses
        .iter()
        .map(|response| response.as_bytes())
        .collect();
    let mechanism = mechanism.parse().expect("a mechanism");
    run(&App::default(), &context(), mechanism, initial, &responses)
}

fn last(mechanism: &str, initial: Option<&str>, responses: &[&str]) -> String {
    lines(mechanism, initial, responses).pop().expect("an end")
}

/// Pitfall 3: an empty message is another thing than none. Pitfall 20: without a name it is
/// whoever the certificate stands for; with another one, that takes a grant.
#[test]
fn external() {
    let identity = "? who is it, by its certificate";
    assert_eq!(lines("EXTERNAL", Some(""), &[]), [identity, "= tim as tim"]);
    assert_eq!(
        lines("EXTERNAL", None, &[""]),
        ["S ", "C ", identity, "= tim as tim"]
    );
    assert_eq!(
        lines("EXTERNAL", Some("tim"), &[]),
        [identity, "= tim as tim"]
    );
    assert_eq!(
        lines("EXTERNAL", Some("ursel"), &[]),
        [identity, "? authorize tim ursel", "= tim as ursel"]
    );
    assert_eq!(
        lines("EXTERNAL", Some("root"), &[]),
        [identity, "? authorize tim root", "! Unauthorized"]
    );
    assert_eq!(last("EXTERNAL", Some("t\0m"), &[]), "! Malformed");
    // Never without a certificate that was verified.
    let without = context().external(false);
    assert!(!without.permits(Mechanism::External));
    let step = Server::start(Mechanism::External, Some(b""), &without);
    assert!(matches!(step, Step::Done(Err(Failure::NotOffered))));
}

/// Pitfall 20: a trace is no identity, and short.
#[test]
fn anonymous() {
    assert_eq!(
        lines("ANONYMOUS", Some("sirhc"), &[]),
        ["? anonymous sirhc", "= anonymous as anonymous"]
    );
    assert_eq!(
        lines("ANONYMOUS", None, &[""])[2..],
        ["? anonymous ", "= anonymous as anonymous"]
    );
    let most = "\u{e4}".repeat(255);
    assert_eq!(
        last("ANONYMOUS", Some(&most), &[]),
        "= anonymous as anonymous"
    );
    assert_eq!(
        last("ANONYMOUS", Some(&format!("{most}x")), &[]),
        "! TooLong"
    );
    assert_eq!(last("ANONYMOUS", Some("a\nb"), &[]), "! Malformed");
    assert_eq!(last("ANONYMOUS", Some("a\0b"), &[]), "! Malformed");
}

/// Pitfall 19: a token that is not taken is answered with a challenge, and whatever the peer
/// says to that, nothing at all included, is the end.
#[test]
fn tokens() {
    let message = |user: &str, token: &str| {
        format!("n,a={user},\x01host=mx.test\x01port=25\x01auth=Bearer {token}\x01\x01")
    };
    assert_eq!(
        lines("OAUTHBEARER", Some(&message("tim", "valid")), &[]),
        ["? token valid Some(\"tim\")", "= tim as tim"]
    );
    assert_eq!(
        lines("OAUTHBEARER", Some("n,,\x01auth=Bearer valid\x01\x01"), &[]),
        ["? token valid None", "= tim as tim"]
    );
    assert_eq!(
        last("OAUTHBEARER", Some(&message("ursel", "valid")), &[]),
        "= tim as ursel"
    );
    assert_eq!(
        last("OAUTHBEARER", Some(&message("root", "valid")), &[]),
        "! Unauthorized"
    );
    for answer in ["\x01", "", "junk"] {
        assert_eq!(
            lines("OAUTHBEARER", Some(&message("tim", "old")), &[answer])[1..],
            [
                r#"S {\"status\":\"invalid_token\"}"#.to_owned(),
                format!(
                    "C {}",
                    answer
                        .escape_default()
                        .to_string()
                        .replace("\\u{1}", "\\x01")
                ),
                "! Expired".to_owned()
            ]
        );
    }
    // A peer that does not know about the challenge gives up.
    assert_eq!(
        last("OAUTHBEARER", Some(&message("tim", "wrong")), &[]),
        "! Cancelled"
    );
    // Nobody can tell now: no challenge, and no guess.
    assert_eq!(
        lines("OAUTHBEARER", Some(&message("tim", "unavailable")), &[])[1..],
        ["! Unavailable"]
    );
    assert_eq!(
        lines(
            "XOAUTH2",
            Some("user=tim\x01auth=Bearer valid\x01\x01"),
            &[]
        ),
        ["? token valid Some(\"tim\")", "= tim as tim"]
    );
    let refused = lines(
        "XOAUTH2",
        None,
        &["user=tim\x01auth=Bearer wrong\x01\x01", ""],
    );
    assert!(refused[3].contains("401"), "{refused:?}");
    assert_eq!(refused[4..], ["C ", "! Rejected"]);
    assert_eq!(last("XOAUTH2", Some(""), &[]), "! Malformed");
    assert_eq!(last("OAUTHBEARER", Some(""), &[]), "! Malformed");
}

/// Pitfall 3: the server begins, so an initial response cannot be one.
#[cfg(feature = "cram-md5")]
#[test]
fn cram_md5() {
    assert_eq!(last("CRAM-MD5", Some(""), &[]), "! Malformed");
    assert_eq!(
        last(
            "CRAM-MD5",
            Some("tim b913a602c7eda7a495b4e6e7334d3890"),
            &[]
        ),
        "! Malformed"
    );
    let said = lines("CRAM-MD5", None, &["tim b913a602c7eda7a495b4e6e7334d3890"]);
    assert_eq!(
        said,
        [
            "S <AgICAgICAgICAgICAgICAgIC@mx.test>",
            "C tim b913a602c7eda7a495b4e6e7334d3890",
            "? secret tim",
            "! Rejected"
        ]
    );
}

/// What a client would say; the right proof is of no matter here.
const FIRST: &str = "n=tim,r=abc";
const PROOF: &str = "p=AAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const NONCE: &str = "r=abcAgICAgICAgICAgICAgICAgIC";

/// Pitfall 10: the flags of channel binding, and a downgrade.
#[test]
fn scram_flags() {
    use Failure::{Malformed, Rejected};
    let end = |mechanism: &str, header: &str, context: &Context| {
        let initial = format!("{header}{FIRST}");
        let mechanism: Mechanism = mechanism.parse().unwrap();
        let said = run(
            &App::default(),
            context,
            mechanism,
            Some(initial.as_bytes()),
            &[],
        );
        match said.last().unwrap().as_str() {
            // It was challenged, and we gave up.
            "! Cancelled" => None,
            "! Malformed" => Some(Malformed),
            "! Rejected" => Some(Rejected),
            other => panic!("{other}"),
        }
    };
    let bound = context();
    let unbound = context().channel_bindings(sasl::ChannelBindings::default());
    let without_plus = context().offer(&[Mechanism::Scram(Hash::Sha1)]);
    for (mechanism, header, context, expected) in [
        ("SCRAM-SHA-1", "n,,", &bound, None),
        ("SCRAM-SHA-1", "n,,", &unbound, None),
        // It could, and thinks we cannot, but we do: somebody has struck it out.
        ("SCRAM-SHA-1", "y,,", &bound, Some(Rejected)),
        ("SCRAM-SHA-1", "y,,", &unbound, None),
        ("SCRAM-SHA-1", "y,,", &without_plus, None),
        ("SCRAM-SHA-1", "p=tls-exporter,,", &bound, Some(Malformed)),
        ("SCRAM-SHA-1", "p=tls-exporter,,", &unbound, Some(Rejected)),
        ("SCRAM-SHA-1-PLUS", "p=tls-exporter,,", &bound, None),
        ("SCRAM-SHA-1-PLUS", "p=tls-server-end-point,,", &bound, None),
        // Pitfall 22: not even if the peer insists.
        ("SCRAM-SHA-1-PLUS", "p=tls-unique,,", &bound, Some(Rejected)),
        ("SCRAM-SHA-1-PLUS", "n,,", &bound, Some(Malformed)),
        ("SCRAM-SHA-1-PLUS", "y,,", &bound, Some(Rejected)),
    ] {
        let found = end(mechanism, header, context);
        assert_eq!(found, expected, "{mechanism} {header}");
    }
    let step = Server::start(Mechanism::ScramPlus(Hash::Sha1), None, &unbound);
    assert!(matches!(step, Step::Done(Err(Failure::NotOffered))));
}

/// Pitfalls 9 and 10: the whole nonce, and the header and the binding again.
#[test]
fn scram_final() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let plus = STANDARD.encode([b"p=tls-exporter,,", &EXPORTER[..]].concat());
    let other = STANDARD.encode([b"p=tls-exporter,,", &[8; 32][..]].concat());
    let header = "p=tls-exporter,,";
    for (mechanism, header, response, expected) in [
        (
            "SCRAM-SHA-1",
            "n,,",
            format!("c=biws,{NONCE},{PROOF}"),
            "! Rejected",
        ),
        (
            "SCRAM-SHA-1",
            "n,,",
            format!("c=biws,r=abc,{PROOF}"),
            "! Rejected",
        ),
        (
            "SCRAM-SHA-1",
            "n,,",
            format!("c=biws,{NONCE}x,{PROOF}"),
            "! Rejected",
        ),
        (
            "SCRAM-SHA-1",
            "n,,",
            format!("c=eSws,{NONCE},{PROOF}"),
            "! Rejected",
        ),
        (
            "SCRAM-SHA-1",
            "n,,",
            format!("c=biws,{NONCE},p="),
            "! Rejected",
        ),
        (
            "SCRAM-SHA-1",
            "n,,",
            format!("c=biws,{NONCE},p=AAAA"),
            "! Rejected",
        ),
        (
            "SCRAM-SHA-1",
            "n,,",
            format!("c=biws,{NONCE}"),
            "! Malformed",
        ),
        ("SCRAM-SHA-1", "n,,", String::new(), "! Malformed"),
        (
            "SCRAM-SHA-1-PLUS",
            header,
            format!("c={plus},{NONCE},{PROOF}"),
            "! Rejected",
        ),
        (
            "SCRAM-SHA-1-PLUS",
            header,
            format!("c={other},{NONCE},{PROOF}"),
            "! Rejected",
        ),
    ] {
        let initial = format!("{header}{FIRST}");
        let found = last(mechanism, Some(&initial), &[&response]);
        assert_eq!(found, expected, "{mechanism} {response}");
    }
}

/// Pitfalls 1, 4, 6 for SCRAM: what is no message, and where the peer gives up.
#[test]
fn scram_first() {
    for initial in [
        "",
        "n,,",
        "n,,n=,r=abc",
        "n,,n=t\0m,r=abc",
        "n,,m=x,n=tim,r=abc",
        "tim",
    ] {
        assert_eq!(
            last("SCRAM-SHA-256", Some(initial), &[]),
            "! Malformed",
            "{initial:?}"
        );
    }
    let long = format!("n,,n=tim,r=abc,x={}", "x".repeat(sasl::limits::MESSAGE));
    assert_eq!(last("SCRAM-SHA-256", Some(&long), &[]), "! TooLong");
    assert_eq!(lines("SCRAM-SHA-256", None, &[]), ["S ", "! Cancelled"]);
    assert_eq!(
        last("SCRAM-SHA-256", Some("n,,n=tim,r=abc"), &[]),
        "! Cancelled"
    );
}

/// Pitfall 14: who does not exist is asked for the same, with the same salt each time.
#[test]
fn scram_unknown_user() {
    let said = |user: &str| {
        let said = lines("SCRAM-SHA-256", Some(&format!("n,,n={user},r=abc")), &[]);
        assert!(said[0].starts_with("? verifier"), "{said:?}");
        said[1].clone()
    };
    let known = said("tim");
    let unknown = said("tom");
    assert_eq!(unknown, said("tom"));
    assert_ne!(unknown, said("tam"));
    assert_eq!(known.len(), unknown.len());
    let response = format!("c=biws,{NONCE},p={}=", "A".repeat(43));
    for user in ["tim", "tom"] {
        let initial = format!("n,,n={user},r=abc");
        assert_eq!(
            last("SCRAM-SHA-256", Some(&initial), &[&response]),
            "! Rejected"
        );
    }
}

/// Pitfall 23: that nobody can tell is found out before the peer is asked for anything.
#[test]
fn scram_unavailable() {
    let app = App {
        unavailable: true,
        ..App::default()
    };
    let initial = Some(&b"n,,n=tim,r=abc"[..]);
    let said = run(
        &app,
        &context(),
        Mechanism::Scram(Hash::Sha256),
        initial,
        &[],
    );
    assert_eq!(said[1..], ["! Unavailable"]);
}

/// A mechanism that somebody else understands: its messages, to the octet, and what the relay
/// wants to keep.
#[test]
fn relayed() {
    use sasl::server::Need;
    let plus = Mechanism::ScramPlus(Hash::Sha256);
    let scram = Mechanism::Scram(Hash::Sha256);
    let context = Context::new("smtp").relay(&[scram, plus]);
    assert!(context.permits(scram) && !context.permits(plus));
    let Step::Need(Need::Relay(mut need)) = Server::start(scram, Some(b""), &context) else {
        panic!("not relayed");
    };
    assert_eq!((need.message(), need.mechanism()), (Some(&b""[..]), scram));
    assert!(need.conversation().is_none());
    let Step::Challenge(challenge) = need.challenge(b"go on", Box::new(7_u32)) else {
        panic!("no challenge");
    };
    assert_eq!(challenge.data(), b"go on");
    let Step::Need(Need::Relay(mut need)) = challenge.respond(b"\0\xff") else {
        panic!("not relayed");
    };
    assert_eq!(need.message(), Some(&b"\0\xff"[..]));
    let kept = need.conversation().unwrap().downcast::<u32>().unwrap();
    assert_eq!(*kept, 7);
    let Step::Done(Ok(identity)) = need.accept("tim") else {
        panic!("not in");
    };
    assert_eq!(
        (identity.authzid(), identity.mechanism()),
        ("tim", Some(scram))
    );
    // What the application can answer itself is not passed on.
    let both = context.offer(&[scram]);
    let step = Server::start(scram, Some(b"n,,n=tim,r=abc"), &both);
    assert!(matches!(step, Step::Need(Need::LookupScram(_))));
    // Absent is not empty; and what shows a password stays out of clear text.
    let plain = Context::new("smtp").offer(&[]).relay(&[Mechanism::Plain]);
    let step = Server::start(Mechanism::Plain, None, &plain);
    assert!(matches!(step, Step::Done(Err(Failure::EncryptionRequired))));
    let step = Server::start(Mechanism::Plain, None, &plain.secured(true));
    let Step::Need(Need::Relay(need)) = step else {
        panic!("not relayed");
    };
    assert_eq!(need.message(), None);
    let Step::Done(Err(failure)) = need.refuse(sasl::server::Verdict::Accept) else {
        panic!("no end");
    };
    assert_eq!(failure, Failure::Rejected);
}

/// Pitfalls 20, 21, 22: what is offered depends on the channel, and what is not offered is not
/// started.
#[test]
fn offers() {
    let names =
        |context: &Context| -> Vec<_> { context.mechanisms().map(Mechanism::name).collect() };
    let all = Context::new("smtp").offer(Mechanism::ALL);
    let clear = names(&all);
    for name in [
        "PLAIN",
        "LOGIN",
        "OAUTHBEARER",
        "XOAUTH2",
        "EXTERNAL",
        "SCRAM-SHA-256-PLUS",
    ] {
        assert!(!clear.contains(&name), "{name} in clear text");
    }
    assert!(clear.contains(&"SCRAM-SHA-256") && clear.contains(&"ANONYMOUS"));
    assert_eq!(names(&context()).len(), Mechanism::ALL.len());
    for &mechanism in Mechanism::ALL {
        let step = Server::start(mechanism, None, &context().offer(&[]));
        assert!(
            matches!(step, Step::Done(Err(Failure::NotOffered))),
            "{mechanism}"
        );
    }
}
