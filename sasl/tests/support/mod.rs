//! An application that answers every need, and writes down what happens.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::cell::RefCell;

use sasl::server::{Context, Failure, Need, Outcome, Server, Step, Verdict};
use sasl::{ChannelBindings, Mechanism, PasswordFile};

/// The exporter of the only session there is.
pub(crate) const EXPORTER: [u8; 32] = [7; 32];

/// Everything is offered, and the channel has everything.
pub(crate) fn context() -> Context {
    Context::new("smtp")
        .hostname("mx.test")
        .offer(Mechanism::ALL)
        .secured(true)
        .external(true)
        .channel_bindings(bindings())
}

pub(crate) fn bindings() -> ChannelBindings {
    ChannelBindings::default()
        .exporter(EXPORTER)
        .server_end_point([9; 32])
}

/// Knows tim, whose password is `tanstaaf`, whose token is `valid`, who has shown a certificate,
/// and who may act as ursel.
pub(crate) struct App {
    pub(crate) file: PasswordFile,
    pub(crate) unavailable: bool,
    pub(crate) random: RefCell<[u8; 18]>,
    pub(crate) lines: RefCell<Vec<String>>,
}

impl Default for App {
    fn default() -> Self {
        Self {
            file: PasswordFile::from_accounts(["tim:tanstaaf"]).expect("an account"),
            unavailable: false,
            random: RefCell::new([2; 18]),
            lines: RefCell::default(),
        }
    }
}

impl App {
    fn note(&self, line: String) {
        self.lines.borrow_mut().push(line);
    }

    pub(crate) fn answer(&self, need: Need) -> Step {
        match need {
            Need::Nonce(need) => need.fill(*self.random.borrow()),
            Need::LookupScram(need) => {
                self.note(format!("? verifier {}", need.username()));
                match self.unavailable {
                    true => need.unavailable(),
                    false => self.file.answer(Need::LookupScram(need)),
                }
            }
            #[cfg(any(feature = "cram-md5", feature = "apop"))]
            Need::LookupSharedSecret(need) => {
                self.note(format!("? secret {}", need.username()));
                self.file.answer(Need::LookupSharedSecret(need))
            }
            Need::VerifyPassword(need) => {
                self.note(format!("? verify {} {}", need.username(), need.password()));
                self.file.answer(Need::VerifyPassword(need))
            }
            Need::VerifyToken(need) => {
                self.note(format!("? token {} {:?}", need.token(), need.authzid()));
                match need.token() {
                    "valid" => need.accept("tim"),
                    "old" => need.refuse(Verdict::Expired),
                    "unavailable" => need.refuse(Verdict::Unavailable),
                    _ => need.refuse(Verdict::Reject),
                }
            }
            Need::ExternalIdentity(need) => {
                self.note("? who is it, by its certificate".to_owned());
                need.is("tim")
            }
            Need::Anonymous(need) => {
                self.note(format!("? anonymous {}", need.trace()));
                need.grant()
            }
            Need::Authorize(need) => {
                self.note(format!("? authorize {} {}", need.authcid(), need.authzid()));
                match (need.authcid(), need.authzid()) {
                    ("tim", "ursel") => need.grant(),
                    _ => need.refuse(),
                }
            }
            need => panic!("{need:?}"),
        }
    }
}

/// An exchange as lines: `S` our challenges, `C` responses, `?` needs, and the outcome.
pub(crate) fn run(
    app: &App,
    context: &Context,
    mechanism: Mechanism,
    initial: Option<&[u8]>,
    responses: &[&[u8]],
) -> Vec<String> {
    app.lines.take();
    let mut responses = responses.iter();
    let mut step = Server::start(mechanism, initial, context);
    let outcome = loop {
        step = match step {
            Step::Challenge(challenge) => {
                assert_eq!(challenge.mechanism(), mechanism);
                app.note(format!("S {}", challenge.data().escape_ascii()));
                match responses.next() {
                    Some(response) => {
                        app.note(format!("C {}", response.escape_ascii()));
                        challenge.respond(response)
                    }
                    None => challenge.cancel(),
                }
            }
            Step::Need(need) => app.answer(need),
            Step::Done(outcome) => break outcome,
        };
    };
    assert_eq!(responses.len(), 0, "responses left");
    app.note(end(&outcome, mechanism));
    app.lines.take()
}

fn end(outcome: &Outcome, mechanism: Mechanism) -> String {
    match outcome {
        Ok(identity) => {
            assert_eq!(identity.mechanism(), Some(mechanism));
            assert_eq!(identity.is_anonymous(), mechanism == Mechanism::Anonymous);
            format!("= {} as {}", identity.authcid(), identity.authzid())
        }
        Err(failure) => {
            assert_eq!(failure.is_temporary(), *failure == Failure::Unavailable);
            format!("! {failure:?}")
        }
    }
}
