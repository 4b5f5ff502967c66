//! The client's side, against servers that behave and servers that do not.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sasl::client::{Client, ClientError, Context, Credentials};
use sasl::{ChannelBindings, Mechanism};

const RANDOM: [u8; 18] = [2; 18];
const OURS: &str = "AgICAgICAgICAgICAgICAgIC";

fn tim() -> Credentials {
    Credentials::password("tim", "tanstaaf").expect("credentials")
}

fn secured() -> Context {
    Context::new().secured(true)
}

fn bindings() -> ChannelBindings {
    ChannelBindings::default().exporter([7; 32])
}

fn start(mechanism: &str, credentials: &Credentials) -> Client {
    let mechanism: Mechanism = mechanism.parse().expect("a mechanism");
    let context = secured().external(true).channel_bindings(bindings());
    Client::start(mechanism, credentials, &context, RANDOM).expect("a client")
}

/// What it answers to each challenge, until it does not; and what it makes of success then.
fn talk(mut client: Client, challenges: &[&str]) -> (Vec<String>, Result<(), ClientError>) {
    let mut said = Vec::new();
    for challenge in challenges {
        match client.respond(challenge.as_bytes()) {
            Ok(response) => said.push(response.as_bytes().escape_ascii().to_string()),
            Err(error) => return (said, Err(error)),
        }
    }
    (said, client.finish(None))
}

#[test]
fn selection() {
    use ClientError::{EncryptionRequired, NoMechanism};
    let everything: Vec<_> = Mechanism::ALL.iter().map(|m| m.name()).collect();
    let everything = everything.join(" ");
    let token = Credentials::token("tim", "abc").unwrap();
    let acting = tim().authzid("ursel").unwrap();
    let clear = Context::new();
    let bound = secured().channel_bindings(bindings());
    let with_certificate = secured().external(true);
    for (offered, credentials, context, expected) in [
        // By strength, whatever the order of the offer.
        (
            everything.as_str(),
            &tim(),
            &bound,
            Ok("SCRAM-SHA-512-PLUS"),
        ),
        (&everything, &tim(), &secured(), Ok("SCRAM-SHA-512")),
        (&everything, &tim(), &clear, Ok("SCRAM-SHA-512")),
        (
            "LOGIN PLAIN SCRAM-SHA-1 SCRAM-SHA-256",
            &tim(),
            &secured(),
            Ok("SCRAM-SHA-256"),
        ),
        (
            "SCRAM-SHA-512 SCRAM-SHA-1-PLUS",
            &tim(),
            &bound,
            Ok("SCRAM-SHA-1-PLUS"),
        ),
        ("login plain", &tim(), &secured(), Ok("PLAIN")),
        ("LOGIN", &tim(), &secured(), Ok("LOGIN")),
        // A password is never shown in clear text, but where that was allowed.
        ("PLAIN LOGIN", &tim(), &clear, Err(EncryptionRequired)),
        (
            "PLAIN LOGIN",
            &tim(),
            &Context::new().allow_clear_passwords(true),
            Ok("PLAIN"),
        ),
        ("XOAUTH2", &token, &clear, Err(EncryptionRequired)),
        // Tokens are no passwords, nor the other way round.
        (&everything, &token, &bound, Ok("OAUTHBEARER")),
        ("PLAIN XOAUTH2", &token, &secured(), Ok("XOAUTH2")),
        (
            "PLAIN LOGIN SCRAM-SHA-1",
            &token,
            &secured(),
            Err(NoMechanism),
        ),
        ("OAUTHBEARER XOAUTH2", &tim(), &secured(), Err(NoMechanism)),
        // EXTERNAL with a certificate alone, and not for a password.
        (
            &everything,
            &Credentials::external(),
            &with_certificate,
            Ok("EXTERNAL"),
        ),
        (
            &everything,
            &Credentials::external(),
            &secured(),
            Err(NoMechanism),
        ),
        ("EXTERNAL", &tim(), &with_certificate, Err(NoMechanism)),
        (
            &everything,
            &Credentials::anonymous(""),
            &clear,
            Ok("ANONYMOUS"),
        ),
        ("ANONYMOUS", &tim(), &clear, Err(NoMechanism)),
        // Only what can say it, where somebody acts for another.
        ("LOGIN", &acting, &secured(), Err(NoMechanism)),
        ("LOGIN PLAIN", &acting, &secured(), Ok("PLAIN")),
        ("", &tim(), &secured(), Err(NoMechanism)),
        ("GSSAPI \u{e4} *", &tim(), &secured(), Err(NoMechanism)),
    ] {
        let found = Client::select(offered.split(' '), credentials, context, RANDOM);
        let found = found.map(|client| client.mechanism().name());
        assert_eq!(found, expected, "{offered} {credentials:?}");
    }
    let without = secured().without("PLAIN".parse().unwrap());
    let found = Client::select(["PLAIN", "LOGIN"], &tim(), &without, RANDOM).unwrap();
    assert_eq!(found.mechanism(), Mechanism::Login);
}

/// Pitfall 10: who could bind and is offered nothing to bind with says so.
#[test]
fn flags() {
    let flag = |offered: &[&str], context: &Context| {
        let client = Client::select(offered.iter().copied(), &tim(), context, RANDOM);
        let initial = client.unwrap().initial_response(1000).unwrap();
        let header = String::from_utf8(initial.as_bytes().to_vec()).unwrap();
        header.split_once(",,").unwrap().0.to_owned()
    };
    let bound = secured().channel_bindings(bindings());
    let older = ChannelBindings::default().server_end_point([9; 32]);
    let older = secured().channel_bindings(older);
    assert_eq!(flag(&["SCRAM-SHA-1"], &secured()), "n");
    assert_eq!(flag(&["SCRAM-SHA-1-PLUS", "SCRAM-SHA-1"], &secured()), "n");
    assert_eq!(flag(&["SCRAM-SHA-1"], &bound), "y");
    assert_eq!(flag(&["SCRAM-SHA-1-PLUS"], &bound), "p=tls-exporter");
    assert_eq!(
        flag(&["SCRAM-SHA-1-PLUS"], &older),
        "p=tls-server-end-point"
    );
}

/// Issues of long tokens: the response is withheld where the line would grow too long, and sent
/// when it is asked for. An empty one is one.
#[test]
fn initial_responses() {
    let token = "x".repeat(600);
    let credentials = Credentials::token("tim", &token).unwrap();
    let mut client = start("XOAUTH2", &credentials);
    assert!(client.initial_response(490).is_none());
    let response = client.respond(b"").unwrap();
    assert!(
        response
            .as_bytes()
            .starts_with(b"user=tim\x01auth=Bearer xxx")
    );
    assert_eq!(client.finish(None), Ok(()));

    let mut client = start("PLAIN", &tim());
    // 13 octets become 20 in base64.
    assert!(client.initial_response(19).is_none());
    assert_eq!(
        client.initial_response(20).unwrap().as_bytes(),
        b"\0tim\0tanstaaf"
    );
    assert!(client.initial_response(20).is_none());

    let mut client = start("EXTERNAL", &Credentials::external());
    assert_eq!(client.initial_response(0).unwrap().as_bytes(), b"");
    // LOGIN and CRAM-MD5 have none: strict servers refuse it.
    assert!(start("LOGIN", &tim()).initial_response(1000).is_none());
    #[cfg(feature = "cram-md5")]
    assert!(start("CRAM-MD5", &tim()).initial_response(1000).is_none());
}

/// Pitfall 18: the prompts are not read. Three of them are one too many.
#[test]
fn login() {
    for prompts in [
        ["Username:", "Password:"],
        ["User Name\0", "Password\0"],
        ["", "x"],
    ] {
        let (said, end) = talk(start("LOGIN", &tim()), &prompts);
        assert_eq!((said, end), (vec!["tim".into(), "tanstaaf".into()], Ok(())));
    }
    let (said, end) = talk(start("LOGIN", &tim()), &["Username:"]);
    assert_eq!((said.len(), end), (1, Err(ClientError::Unexpected)));
    let (said, end) = talk(start("LOGIN", &tim()), &["", "", ""]);
    assert_eq!((said.len(), end), (2, Err(ClientError::Unexpected)));
}

#[test]
fn one_message() {
    let acting = tim().authzid("ursel").unwrap();
    let external = Credentials::external().authzid("tim").unwrap();
    for (mechanism, credentials, message) in [
        ("PLAIN", &tim(), r"\x00tim\x00tanstaaf"),
        ("PLAIN", &acting, r"ursel\x00tim\x00tanstaaf"),
        ("EXTERNAL", &Credentials::external(), ""),
        ("EXTERNAL", &external, "tim"),
        ("ANONYMOUS", &Credentials::anonymous("sirhc"), "sirhc"),
        (
            "ANONYMOUS",
            &Credentials::anonymous("s\n\u{e4}"),
            r"s\xc3\xa4",
        ),
    ] {
        let (said, end) = talk(start(mechanism, credentials), &[""]);
        assert_eq!(
            (said, end),
            (vec![message.to_owned()], Ok(())),
            "{mechanism}"
        );
        // Success before anything was said, and another challenge after all was.
        assert_eq!(
            talk(start(mechanism, credentials), &[]).1,
            Err(ClientError::Unexpected)
        );
        let more = talk(start(mechanism, credentials), &["", ""]).1;
        assert_eq!(more, Err(ClientError::Unexpected));
    }
    let longest = "\u{e4}".repeat(300);
    let (said, _) = talk(start("ANONYMOUS", &Credentials::anonymous(&longest)), &[""]);
    assert_eq!(said[0].len(), 255 * r"\xc3\xa4".len());
}

/// Pitfall 19: a challenge after the token says why it is not taken, and is answered.
#[test]
fn tokens() {
    let token = Credentials::token("t,im", "abc").unwrap();
    let context = secured().server("mx.test", 587);
    let mut client = Client::start(Mechanism::OAuthBearer, &token, &context, RANDOM).unwrap();
    let first = client.initial_response(1000).unwrap();
    assert_eq!(
        first.as_bytes(),
        b"n,a=t=2Cim,\x01host=mx.test\x01port=587\x01auth=Bearer abc\x01\x01"
    );
    assert_eq!(
        client
            .respond(br#"{"status":"invalid_token"}"#)
            .unwrap()
            .as_bytes(),
        b"\x01"
    );
    // A success after that is none.
    assert_eq!(client.finish(None), Err(ClientError::Unexpected));

    let (said, end) = talk(start("XOAUTH2", &token), &["", "{}"]);
    assert_eq!(said, [r"user=t,im\x01auth=Bearer abc\x01\x01", ""]);
    assert_eq!(end, Err(ClientError::Unexpected));
    // A server's name cannot bring in pairs of its own.
    let context = secured().server("mx\x01auth=Bearer x", 1);
    let mut client = Client::start(Mechanism::OAuthBearer, &token, &context, RANDOM).unwrap();
    let first = client.initial_response(1000).unwrap();
    assert_eq!(first.as_bytes(), b"n,a=t=2Cim,\x01auth=Bearer abc\x01\x01");
}

/// RFC 2195 section 2. Pitfall 8 for mechanisms that promise nothing: success is success.
#[cfg(feature = "cram-md5")]
#[test]
fn cram_md5() {
    let credentials = Credentials::password("tim", "tanstaaftanstaaf").unwrap();
    let challenge = "<1896.697170952@postoffice.reston.mci.net>";
    let (said, end) = talk(start("CRAM-MD5", &credentials), &[challenge]);
    assert_eq!(said, ["tim b913a602c7eda7a495b4e6e7334d3890"]);
    assert_eq!(end, Ok(()));
}

/// Pitfalls 8, 9 and 12: what a SCRAM server must not do.
#[test]
fn scram_servers_that_cheat() {
    use ClientError::{Iterations, Malformed, Nonce, ServerNotVerified, Unexpected};
    let good = format!("r={OURS}x,s=c2FsdA==,i=4096");
    let end = |challenges: &[&str]| talk(start("SCRAM-SHA-1", &tim()), challenges).1;
    for (challenges, expected) in [
        // Success before the signature, or before anything.
        (&["", &good][..], ServerNotVerified),
        (&[""], Unexpected),
        (&[], Unexpected),
        (
            &["", &good, "v=AAAAAAAAAAAAAAAAAAAAAAAAAAA="],
            ServerNotVerified,
        ),
        (&["", &good, "v="], Malformed),
        (&["", &good, ""], Malformed),
        (&["", &good, "e=invalid-proof"], ServerNotVerified),
        (&["", &good, &good], Malformed),
        (&["", "e=other-error"], Malformed),
        (&["", &format!("r={OURS},s=c2FsdA==,i=4096")], Nonce),
        (&["", &format!("r=x{OURS},s=c2FsdA==,i=4096")], Nonce),
        (
            &["", &format!("r={}x,s=c2FsdA==,i=4096", OURS.to_lowercase())],
            Nonce,
        ),
        (&["", &format!("r={OURS}x,s=c2FsdA==,i=4095")], Iterations),
        (
            &["", &format!("r={OURS}x,s=c2FsdA==,i=1000001")],
            Iterations,
        ),
        (
            &["", &format!("r={OURS}x,s=c2FsdA==,i=4294967296")],
            Malformed,
        ),
        (
            &["", &format!("m=x,r={OURS}x,s=c2FsdA==,i=4096")],
            Malformed,
        ),
    ] {
        assert_eq!(end(challenges), Err(expected), "{challenges:?}");
    }
    let patient = secured().iterations(1..=5000);
    let mechanism = "SCRAM-SHA-1".parse().unwrap();
    let mut client = Client::start(mechanism, &tim(), &patient, RANDOM).unwrap();
    let few = format!("r={OURS}x,s=c2FsdA==,i=1");
    assert!(client.respond(b"").is_ok() && client.respond(few.as_bytes()).is_ok());
    // What went wrong once stays so.
    let mut client = start("SCRAM-SHA-1", &tim());
    assert!(client.respond(b"").is_ok() && client.respond(b"junk").is_err());
    assert_eq!(client.respond(good.as_bytes()).unwrap_err(), Unexpected);
}

/// Pitfall 11: a name cannot bring in attributes of its own.
#[test]
fn scram_names() {
    let credentials = Credentials::password("t,r=x=im", "x").unwrap();
    let acting = credentials.authzid("a,=").unwrap();
    let initial = start("SCRAM-SHA-256", &acting)
        .initial_response(1000)
        .unwrap();
    let expected = format!("n,a=a=2C=3D,n=t=2Cr=3Dx=3Dim,r={OURS}");
    assert_eq!(initial.as_bytes(), expected.as_bytes());
}

/// Pitfall 1, on this side: no NUL, nothing empty. Pitfall 16: names are prepared, and what
/// cannot be is refused where it has to be.
#[test]
fn credentials() {
    for (user, password) in [
        ("tim", ""),
        ("tim", "a\0b"),
        ("", "x"),
        ("t\0m", "x"),
        ("t\nm", "x"),
    ] {
        assert!(
            Credentials::password(user, password).is_err(),
            "{user:?} {password:?}"
        );
    }
    for token in ["", "=", "a b", "a\x01b", "a\r\nb", "\u{e4}"] {
        assert!(Credentials::token("tim", token).is_err(), "{token:?}");
    }
    assert!(tim().authzid("").is_err() && tim().authzid("a\0").is_err());
    let long = "x".repeat(sasl::limits::FIELD + 1);
    assert!(Credentials::password("tim", &long).is_err());

    let prepared = Credentials::password("zoe\u{308}", "\u{2168}").unwrap();
    let initial = start("PLAIN", &prepared).initial_response(1000).unwrap();
    assert_eq!(initial.as_bytes(), "\0zo\u{eb}\0\u{2168}".as_bytes());
    let control = Credentials::password("tim", "a\tb").unwrap();
    assert!(start("PLAIN", &control).initial_response(1000).is_some());
    let context = secured();
    let scram = Client::start("SCRAM-SHA-1".parse().unwrap(), &control, &context, RANDOM);
    assert!(matches!(scram, Err(ClientError::Password(_))));
}

/// Pitfall 24: nothing of a secret in what `Debug` and `Display` print, at any step.
#[test]
fn secrets_are_not_printed() {
    let token = Credentials::token("tim", "tanstaaf").unwrap();
    let mut printed = format!(
        "{:?} {token:?} {:?}",
        tim(),
        secured().channel_bindings(bindings())
    );
    for &mechanism in Mechanism::ALL {
        for credentials in [tim(), Credentials::token("tim", "tanstaaf").unwrap()] {
            let context = secured().channel_bindings(bindings());
            let Ok(mut client) = Client::start(mechanism, &credentials, &context, RANDOM) else {
                continue;
            };
            printed += &format!("{client:?} {client:#?}");
            let good = format!("r={OURS}x,s=c2FsdA==,i=4096");
            for challenge in ["", &good, "v=AAAAAAAAAAAAAAAAAAAAAAAAAAA="] {
                let response = client.respond(challenge.as_bytes());
                printed += &format!("{response:?} {client:?}");
                if let Err(error) = response {
                    printed += &error.to_string();
                }
            }
        }
    }
    for secret in [
        "tanstaaf",
        &STANDARD.encode("tanstaaf"),
        "[116, 97",
        "7, 7, 7",
    ] {
        assert!(!printed.contains(secret), "{secret} in {printed}");
    }
    assert!(printed.contains("ScramPlus"), "{printed}");
}
