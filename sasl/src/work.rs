//! Counts work, for tests that nobody is told apart by it. Calls are counted and not time, which
//! depends on the machine.

use std::cell::RefCell;
use std::collections::BTreeMap;

thread_local! {
    static DONE: RefCell<BTreeMap<&'static str, u32>> = const { RefCell::new(BTreeMap::new()) };
}

/// So much was done of this.
pub(crate) fn done(what: &'static str, times: u32) {
    DONE.with_borrow_mut(|done| *done.entry(what).or_default() += times);
}

mod tests {
    use super::*;
    use crate::client::{Client, Context as Channel, Credentials};
    use crate::scram::{Hash, Verifier};
    use crate::server::{Context, Failure, Need, Server, Step};
    use crate::{ChannelBindings, Mechanism, PasswordFile};

    /// What an exchange came to, how many needs and octets of challenges it took, and what work
    /// of the server's.
    fn attempt(
        file: &PasswordFile,
        mechanism: Mechanism,
        user: &str,
        password: &str,
    ) -> (Option<Failure>, Vec<usize>, BTreeMap<&'static str, u32>) {
        let bindings = ChannelBindings::default().exporter([7; 32]);
        let context = Context::new("smtp")
            .offer(Mechanism::ALL)
            .channel_bindings(bindings.clone())
            .secured(true);
        let channel = Channel::new().secured(true).channel_bindings(bindings);
        let credentials = Credentials::password(user, password).unwrap();
        let mut client = Client::start(mechanism, &credentials, &channel, [1; 18]).unwrap();
        let initial = client.initial_response(1000);
        let (mut seen, mut work) = (Vec::new(), BTreeMap::new());
        // The client's own work is not the server's.
        let mut measure = |step: &mut dyn FnMut() -> Step| {
            DONE.take();
            let step = step();
            for (what, times) in DONE.take() {
                *work.entry(what).or_default() += times;
            }
            step
        };
        let initial = initial.as_ref().map(|initial| initial.as_bytes());
        let mut step = measure(&mut || Server::start(mechanism, initial, &context));
        loop {
            let mut current = Some(step);
            step = match current.take().unwrap() {
                Step::Challenge(challenge) => {
                    seen.push(challenge.data().len());
                    let Ok(response) = client.respond(challenge.data()) else {
                        return (Some(Failure::Cancelled), seen, work);
                    };
                    let mut challenge = Some(challenge);
                    measure(&mut || challenge.take().unwrap().respond(response.as_bytes()))
                }
                Step::Need(Need::Nonce(need)) => need.fill([2; 18]),
                Step::Need(need) => {
                    seen.push(0);
                    let mut need = Some(need);
                    measure(&mut || file.answer(need.take().unwrap()))
                }
                Step::Done(outcome) => return (outcome.err(), seen, work),
            };
        }
    }

    /// Pitfalls 14 and 15, for every mechanism that knows passwords: who does not exist costs
    /// and is told the same as who does.
    #[test]
    fn nobody_is_told_apart() {
        let verifiers = |iterations| -> String {
            let verifier = |hash| Verifier::derive(hash, "tanstaaf", &[7; 16], iterations).unwrap();
            let line = |(n, &hash)| format!("user{n}:{}\n", verifier(hash).to_stored());
            Hash::ALL.iter().enumerate().map(line).collect()
        };
        let stored = PasswordFile::parse(&verifiers(4096)).unwrap();
        let plain = PasswordFile::from_accounts(["user0:tanstaaf", "user1:x"]).unwrap();
        let mixed = verifiers(15_000) + "plain:{PLAIN}tanstaaf\n";
        let mixed = PasswordFile::parse(&mixed).unwrap();
        // The slowest hash function tells no more than the others.
        let slow = [
            Mechanism::ScramPlus(Hash::Sha512),
            Mechanism::Scram(Hash::Sha512),
        ];
        for file in [&stored, &plain, &mixed] {
            let knows_passwords = |mechanism: &&Mechanism| match mechanism {
                Mechanism::OAuthBearer | Mechanism::XOAuth2 => false,
                Mechanism::External | Mechanism::Anonymous => false,
                mechanism => !slow.contains(mechanism),
            };
            let mechanisms: Vec<_> = Mechanism::ALL.iter().filter(knows_passwords).collect();
            assert!(mechanisms.len() >= 6);
            for &mechanism in mechanisms {
                let unknown = attempt(file, mechanism, "nobody", "tanstaaf");
                assert_eq!(unknown.0, Some(Failure::Rejected), "{mechanism}");
                assert!(!unknown.2.is_empty(), "{mechanism}: nothing was counted");
                for known in ["user0", "user1", "user2", "plain"] {
                    if !file.contains(known) {
                        continue;
                    }
                    // A name as long as the other, as it is repeated in nothing.
                    let wrong = attempt(file, mechanism, known, "wrong");
                    assert_eq!(wrong, unknown, "{mechanism} {known}");
                }
            }
        }
        // The meter does tell.
        let right = attempt(&plain, Mechanism::Scram(Hash::Sha256), "user0", "tanstaaf");
        assert_eq!(right.0, None);
        assert!(right.2["iteration"] >= 15_000);
    }
}
