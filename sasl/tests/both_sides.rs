//! Our client against our server.

mod support;

use proptest::prelude::*;
use sasl::client::{Client, ClientError, Context as Channel, Credentials};
use sasl::scram::Hash;
use sasl::server::{Context, Failure, Outcome, Server, Step};
use sasl::{ChannelBindings, Mechanism, PasswordFile};
use support::{App, bindings, context};

/// Whether they agree: the server's outcome, and the client's.
fn meet(
    app: &App,
    context: &Context,
    mut client: Client,
    room: usize,
) -> (Outcome, Result<(), ClientError>) {
    let initial = client.initial_response(room);
    let initial = initial.as_ref().map(|initial| initial.as_bytes());
    let mut step = Server::start(client.mechanism(), initial, context);
    loop {
        step = match step {
            Step::Challenge(challenge) => match client.respond(challenge.data()) {
                Ok(response) => challenge.respond(response.as_bytes()),
                Err(error) => return (Err(Failure::Cancelled), Err(error)),
            },
            Step::Need(need) => app.answer(need),
            Step::Done(Ok(identity)) => {
                let data = identity.success_data();
                let data = (!data.is_empty()).then_some(data);
                let end = client.finish(data);
                return (Ok(identity), end);
            }
            Step::Done(outcome) => return (outcome, Err(ClientError::Unexpected)),
        };
    }
}

fn channel() -> Channel {
    Channel::new()
        .secured(true)
        .external(true)
        .channel_bindings(bindings())
}

/// The mechanisms that check a password.
fn with_passwords() -> Vec<Mechanism> {
    let can = |mechanism: &Mechanism| {
        Client::start(
            *mechanism,
            &Credentials::password("a", "b").unwrap(),
            &channel(),
            [0; 18],
        )
        .is_ok()
    };
    Mechanism::ALL.iter().copied().filter(can).collect()
}

/// In and out again, with the last message in a challenge or in the success.
#[test]
fn all_mechanisms_agree() {
    assert!(with_passwords().len() >= 8);
    for success_data in [false, true] {
        for room in [0, 1000] {
            for &mechanism in Mechanism::ALL {
                let context = context().success_data(success_data);
                for password in ["tanstaaf", "wrong"] {
                    let credentials = match mechanism {
                        Mechanism::OAuthBearer | Mechanism::XOAuth2 => {
                            let token = if password == "wrong" {
                                "wrong"
                            } else {
                                "valid"
                            };
                            Credentials::token("tim", token).unwrap()
                        }
                        Mechanism::External => Credentials::external(),
                        Mechanism::Anonymous => Credentials::anonymous("x"),
                        _ => Credentials::password("tim", password).unwrap(),
                    };
                    let client = Client::start(mechanism, &credentials, &channel(), [1; 18]);
                    let (outcome, end) = meet(&App::default(), &context, client.unwrap(), room);
                    let needs_no_secret =
                        matches!(mechanism, Mechanism::External | Mechanism::Anonymous);
                    if password == "wrong" && !needs_no_secret {
                        assert!(outcome.is_err() && end.is_err(), "{mechanism}");
                        continue;
                    }
                    let identity = outcome.expect("in");
                    assert_eq!(end, Ok(()), "{mechanism}");
                    assert_eq!(identity.mechanism(), Some(mechanism));
                    let plus = matches!(mechanism, Mechanism::ScramPlus(_));
                    assert_eq!(identity.is_channel_bound(), plus);
                    let scram = plus || matches!(mechanism, Mechanism::Scram(_));
                    assert_eq!(!identity.success_data().is_empty(), success_data && scram);
                }
            }
        }
    }
}

/// Pitfall 10: what was bound to one channel is not accepted on another, by either binding.
#[test]
fn a_man_in_the_middle() {
    let elsewhere = ChannelBindings::default()
        .exporter([1; 32])
        .server_end_point([1; 32]);
    for bound in [
        bindings(),
        ChannelBindings::default().server_end_point([9; 32]),
    ] {
        let channel = Channel::new().secured(true).channel_bindings(bound);
        for (context, in_the_middle) in [
            (context(), false),
            (context().channel_bindings(elsewhere.clone()), true),
        ] {
            let credentials = Credentials::password("tim", "tanstaaf").unwrap();
            let offered = context.mechanisms().map(Mechanism::name);
            let client = Client::select(offered, &credentials, &channel, [1; 18]).unwrap();
            let (outcome, end) = meet(&App::default(), &context, client, 1000);
            assert_eq!(
                (outcome.is_err(), end.is_err()),
                (in_the_middle, in_the_middle)
            );
        }
        // The offer is struck down to what can be passed on.
        let credentials = Credentials::password("tim", "tanstaaf").unwrap();
        let client = Client::select(["SCRAM-SHA-256"], &credentials, &channel, [1; 18]).unwrap();
        let (outcome, end) = meet(&App::default(), &context(), client, 1000);
        assert_eq!(outcome, Err(Failure::Rejected));
        assert!(end.is_err());
    }
}

/// Pitfall 2: to act as another one takes a grant, in every mechanism that can ask for it.
#[test]
fn acting_for_others() {
    for (authzid, expected) in [("ursel", None), ("root", Some(Failure::Unauthorized))] {
        for mechanism in with_passwords() {
            let credentials = Credentials::password("tim", "tanstaaf").unwrap();
            let credentials = credentials.authzid(authzid).unwrap();
            let Ok(client) = Client::start(mechanism, &credentials, &channel(), [1; 18]) else {
                continue;
            };
            let (outcome, _) = meet(&App::default(), &context(), client, 1000);
            match outcome {
                Ok(identity) => {
                    assert_eq!((identity.authcid(), identity.authzid()), ("tim", authzid));
                    assert_eq!(expected, None);
                }
                Err(failure) => assert_eq!(Some(failure), expected, "{mechanism}"),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whoever knows the password gets in, and nobody else does; the server's word is good if it
    /// knows the password too.
    #[test]
    fn agreement(
        mechanism in proptest::sample::select(with_passwords()),
        name in "[^\0-\u{1f}\u{7f}-\u{9f}:]{1,12}",
        password in "[^\0-\u{1f}\u{7f}-\u{9f}]{1,12}",
        other in "[ -~]{1,12}",
        room in 0..200_usize,
        random: [u8; 18],
    ) {
        let Ok(credentials) = Credentials::password(&name, &password) else {
            return Ok(());
        };
        let line = format!("{name}:{password}");
        let Ok(file) = PasswordFile::from_accounts([line.as_str()]) else {
            return Ok(());
        };
        let app = App { file, ..App::default() };
        let client = Client::start(mechanism, &credentials, &channel(), random);
        let Ok(client) = client else {
            return Ok(());
        };
        let (outcome, end) = meet(&app, &context(), client, room);
        prop_assert!(outcome.is_ok() && end == Ok(()), "{:?} {:?}", outcome, end);
        if other != password {
            let guess = Credentials::password(&name, &other).unwrap();
            let client = Client::start(mechanism, &guess, &channel(), random).unwrap();
            let (outcome, end) = meet(&app, &context(), client, room);
            let same = sasl::Prepared::parse(&password) == sasl::Prepared::parse(&other);
            prop_assert_eq!((outcome.is_ok(), end.is_ok()), (same, same));
        }
    }

    /// No bytes make a client or a server panic, and none of a server's make a client believe.
    #[test]
    fn junk(
        mechanism in proptest::sample::select(Mechanism::ALL),
        messages in proptest::collection::vec(
            prop_oneof![
                any::<Vec<u8>>(),
                "(r=|s=|i=|v=|c=|p=|n,,|n=|,|=|[a-z]|AAAA|4096|\u{1}|auth=Bearer ){0,12}"
                    .prop_map(String::into_bytes),
            ],
            0..5,
        ),
    ) {
        let initial = messages.first().map(Vec::as_slice);
        let rest: Vec<_> = messages.iter().skip(1).map(Vec::as_slice).collect();
        let app = App::default();
        let mut step = Server::start(mechanism, initial, &context());
        let mut rest = rest.into_iter();
        let outcome = loop {
            step = match step {
                Step::Challenge(challenge) => match rest.next() {
                    Some(response) => challenge.respond(response),
                    None => challenge.cancel(),
                },
                Step::Need(need) => app.answer(need),
                Step::Done(outcome) => break outcome,
            };
        };
        if matches!(mechanism, Mechanism::Scram(_) | Mechanism::ScramPlus(Hash::Sha1)) {
            prop_assert!(outcome.is_err());
        }
        for credentials in [
            Credentials::password("tim", "tanstaaf").unwrap(),
            Credentials::token("tim", "valid").unwrap(),
            Credentials::external(),
            Credentials::anonymous(""),
        ] {
            let Ok(mut client) = Client::start(mechanism, &credentials, &channel(), [0; 18]) else {
                continue;
            };
            let mut answered = true;
            for message in &messages {
                answered &= client.respond(message).is_ok();
            }
            let believed = client.finish(None);
            if matches!(mechanism, Mechanism::Scram(_) | Mechanism::ScramPlus(_)) || !answered {
                prop_assert!(believed.is_err());
            }
        }
    }
}
