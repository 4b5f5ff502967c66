//! PLAIN and LOGIN with any messages: no panic, an end, and never in without a verdict.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sasl::Mechanism;
use sasl::server::{Context, Need, Server, Step, Verdict};

fuzz_target!(|data: &[u8]| {
    let Some((&choice, data)) = data.split_first() else {
        return;
    };
    let mechanism = if choice & 1 == 0 {
        Mechanism::Plain
    } else {
        Mechanism::Login
    };
    let verdict = if choice & 2 == 0 {
        Verdict::Accept
    } else {
        Verdict::Reject
    };
    let mut messages = data.split(|&octet| octet == b'\n');
    let initial = if choice & 4 == 0 {
        messages.next()
    } else {
        None
    };
    let context = Context::new("smtp").secured(choice & 8 == 0);
    let (mut asked, mut accepted) = (false, false);
    let mut step = Server::start(mechanism, initial, &context);
    for _ in 0..20 {
        step = match step {
            Step::Challenge(challenge) => match messages.next() {
                Some(message) => challenge.respond(message),
                None => challenge.cancel(),
            },
            Step::Need(Need::VerifyPassword(need)) => {
                assert!(!need.username().contains('\0') && !need.password().contains('\0'));
                asked = true;
                accepted = choice & 2 == 0;
                need.answer(verdict)
            }
            Step::Need(Need::Authorize(need)) => {
                assert_ne!(need.authcid(), need.authzid());
                if choice & 16 == 0 {
                    need.grant()
                } else {
                    need.refuse()
                }
            }
            Step::Need(need) => panic!("not of these mechanisms: {need:?}"),
            Step::Done(outcome) => {
                if outcome.is_ok() {
                    assert!(asked && accepted, "in without a verdict");
                }
                return;
            }
        };
    }
    panic!("an exchange without end");
});
