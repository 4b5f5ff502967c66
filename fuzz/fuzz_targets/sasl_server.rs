//! Every mechanism's server with any messages: no panic, an end, and nobody in who was not let in.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sasl::server::{Context, Need, Server, Step, Verdict};
use sasl::{ChannelBindings, Mechanism, PasswordFile};

fuzz_target!(|data: &[u8]| {
    let Some((&[choice, options], data)) = data.split_first_chunk() else {
        return;
    };
    let mechanism = Mechanism::ALL[usize::from(choice) % Mechanism::ALL.len()];
    let mut messages = data.split(|&octet| octet == b'\n');
    let initial = if options & 1 == 0 {
        messages.next()
    } else {
        None
    };
    let bindings = match options & 2 {
        0 => ChannelBindings::default().exporter([7; 32]),
        _ => ChannelBindings::default().server_end_point([8; 32]),
    };
    let context = Context::new("smtp")
        .offer(if options & 4 == 0 {
            Mechanism::ALL
        } else {
            &[]
        })
        .relay(Mechanism::ALL)
        .secured(true)
        .external(true)
        .success_data(options & 8 == 0)
        .channel_bindings(bindings);
    // A verifier costs nothing to look up; no message can satisfy it.
    let verifier = format!(
        "tim:{{SCRAM-SHA-1}}4096,{0}=,{1}=,{1}=",
        "A".repeat(23),
        "A".repeat(27)
    );
    let users = PasswordFile::parse(&verifier).expect("a verifier");
    let mut let_in = false;
    let mut step = Server::start(mechanism, initial, &context);
    for _ in 0..20 {
        step = match step {
            Step::Challenge(challenge) => match messages.next() {
                Some(message) => challenge.respond(message),
                None => challenge.cancel(),
            },
            Step::Need(Need::Nonce(need)) => need.fill([b'x'; 18]),
            Step::Need(Need::LookupScram(need)) => users.answer(Need::LookupScram(need)),
            Step::Need(Need::VerifyPassword(need)) => {
                assert!(!need.username().contains('\0') && !need.password().contains('\0'));
                let_in = options & 16 == 0;
                need.answer(if let_in {
                    Verdict::Accept
                } else {
                    Verdict::Reject
                })
            }
            Step::Need(Need::VerifyToken(need)) => {
                assert!(!need.token().contains(['\x01', ' ']));
                let_in = options & 16 == 0;
                if let_in {
                    need.accept("tim")
                } else {
                    need.refuse(Verdict::Expired)
                }
            }
            Step::Need(Need::ExternalIdentity(need)) => {
                let_in = true;
                need.is("tim")
            }
            Step::Need(Need::Anonymous(need)) => {
                assert!(need.trace().chars().count() <= sasl::limits::TRACE);
                let_in = options & 16 == 0;
                if let_in { need.grant() } else { need.refuse() }
            }
            Step::Need(Need::Authorize(need)) => {
                assert_ne!(need.authcid(), need.authzid());
                if options & 32 == 0 {
                    need.grant()
                } else {
                    let_in = false;
                    need.refuse()
                }
            }
            Step::Need(Need::Relay(mut need)) => {
                let kept = need.conversation();
                if kept.is_none() || options & 64 == 0 {
                    need.challenge(b"go on", Box::new(()))
                } else {
                    let_in = true;
                    need.accept("tim")
                }
            }
            Step::Need(need) => users.answer(need),
            Step::Done(outcome) => {
                assert!(outcome.is_err() || let_in, "in, though nobody said so");
                return;
            }
        };
    }
    // A relay may ask for as long as it likes.
    assert!(options & 4 != 0, "an exchange without end");
});
