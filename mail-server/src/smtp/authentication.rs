//! AUTH (RFC 4954): between the machine and [`auth`](crate::auth).

use sasl::server::Failure;
use smtp_proto::Reply;
use smtp_proto::command::Auth;

use super::connection::Connection;
use super::service::Service;
use crate::auth::Turn;

impl<S: Service> Connection<S> {
    pub(super) async fn authenticate(&mut self, auth: Auth) {
        let initial = auth.initial.as_ref().map(|initial| initial.expose());
        let mechanism = auth.mechanism.as_str();
        let turn = self.conversation.authenticate(mechanism, initial).await;
        self.take_turn(turn);
    }

    pub(super) async fn auth_data(&mut self, response: &[u8]) {
        let turn = self.conversation.respond(response).await;
        self.take_turn(turn);
    }

    fn take_turn(&mut self, turn: Turn) {
        match turn {
            Turn::Challenge(challenge) => {
                let told = self.conversation.machine().challenge(&challenge);
                self.check(told);
            }
            Turn::Done(Ok(identity)) => {
                self.session.authenticated = Some(identity);
                self.answer(Ok(()));
            }
            Turn::Done(Err(failure)) => self.answer(Err(refusal(failure))),
        }
    }
}

/// The reply for a failed authentication (RFC 4954 section 6).
fn refusal(failure: Failure) -> Reply {
    match failure {
        Failure::Malformed => Reply::fixed(501, Some((5, 5, 2)), "Malformed authentication data"),
        Failure::TooLong => Reply::fixed(500, Some((5, 5, 6)), "Authentication data is too long"),
        Failure::Cancelled => Reply::fixed(501, Some((5, 7, 0)), "Authentication cancelled"),
        Failure::NotOffered => Reply::fixed(504, Some((5, 5, 4)), "Mechanism not offered here"),
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
