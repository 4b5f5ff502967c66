//! AUTH (RFC 4954): between the machine, the mechanisms of `sasl`, and the service.

use sasl::Mechanism;
use sasl::server::{Context, Failure, Outcome, Server, Step};
use smtp_proto::Reply;
use smtp_proto::command::Auth;
use tracing::{error, info, warn};

use super::connection::Connection;
use super::service::Service;

impl<S: Service> Connection<S> {
    pub(super) async fn authenticate(&mut self, auth: Auth) {
        let config = self.driver.machine().config();
        let context = Context::new("smtp")
            .secured(self.session.tls.is_some())
            .allow_clear_passwords(config.auth_without_tls);
        let step = match auth.mechanism.as_str().parse::<Mechanism>() {
            Ok(mechanism) => {
                let initial = auth.initial.as_ref().map(|initial| initial.expose());
                Server::start(mechanism, initial, &context)
            }
            Err(_) => {
                error!(mechanism = %auth.mechanism, "announced, but there is no such mechanism");
                Step::Done(Err(Failure::Unavailable))
            }
        };
        self.exchange(step).await;
    }

    /// Goes on with an authentication until the client is asked, or it is over.
    pub(super) async fn exchange(&mut self, mut step: Step) {
        loop {
            step = match step {
                Step::Need(need) => self.service.authenticate(&self.session, need).await,
                Step::Challenge(challenge) => {
                    let told = self.driver.machine().challenge(challenge.data());
                    self.exchange = Some(challenge);
                    return self.check(told);
                }
                Step::Done(outcome) => return self.authenticated(outcome),
            }
        }
    }

    fn authenticated(&mut self, outcome: Outcome) {
        let answer = match outcome {
            Ok(identity) => {
                info!(
                    user = identity.authzid(),
                    mechanism = identity.mechanism().name(),
                    "authenticated"
                );
                self.session.authenticated = Some(identity);
                Ok(())
            }
            Err(failure) => {
                warn!(%failure, "authentication failed");
                Err(refusal(failure))
            }
        };
        self.answer(answer);
    }
}

/// The reply for a failed authentication (RFC 4954 section 6).
fn refusal(failure: Failure) -> Reply {
    match failure {
        Failure::Malformed => Reply::fixed(501, Some((5, 5, 2)), "Malformed authentication data"),
        Failure::TooLong => Reply::fixed(500, Some((5, 5, 6)), "Authentication data is too long"),
        Failure::Cancelled => Reply::fixed(501, Some((5, 7, 0)), "Authentication cancelled"),
        Failure::EncryptionRequired => Reply::fixed(
            538,
            Some((5, 7, 11)),
            "Encryption required for the requested mechanism",
        ),
        Failure::Expired => Reply::fixed(535, Some((5, 7, 8)), "The password has expired"),
        Failure::Disabled => Reply::fixed(535, Some((5, 7, 8)), "The account is disabled"),
        failure if failure.is_temporary() => {
            Reply::fixed(454, Some((4, 7, 0)), "Temporary authentication failure")
        }
        _ => Reply::fixed(535, Some((5, 7, 8)), "Authentication credentials invalid"),
    }
}
