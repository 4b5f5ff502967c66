//! SCRAM (RFC 5802, RFC 7677), the client's side.

use std::ops::RangeInclusive;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{ClientError, Context};
use crate::Prepared;
use crate::gs2::{Flag, Header};
use crate::scram::message::{ClientFinal, ClientFirst, ServerFinal, ServerFirst};
use crate::scram::{Hash, Key, client_key, server_key};

/// The first message was sent.
pub(super) struct Sent {
    hash: Hash,
    first: ClientFirst,
    password: Prepared,
    /// The data of the channel binding, if there is one.
    bound: Vec<u8>,
    iterations: RangeInclusive<u32>,
}

impl Sent {
    pub(super) fn new(
        hash: Hash,
        header: Header,
        username: &Prepared,
        password: &str,
        context: &Context,
        random: [u8; 18],
    ) -> Result<Self, ClientError> {
        let bound = match &header.binding {
            Flag::Used(name) => context.bindings().named(name).unwrap_or_default(),
            Flag::No | Flag::Unused => &[],
        };
        Ok(Self {
            hash,
            bound: bound.to_vec(),
            first: ClientFirst::new(header, username.clone(), STANDARD.encode(random)),
            password: Prepared::parse(password)?,
            iterations: context.accepted_iterations(),
        })
    }

    pub(super) fn message(&self) -> String {
        self.first.text()
    }

    /// The last message, and what the server has to answer.
    pub(super) fn respond(self, challenge: &[u8]) -> Result<(String, Expected), ClientError> {
        let server = ServerFirst::parse(challenge).ok_or(ClientError::Malformed)?;
        // RFC 5802 section 5.1: ours, and something of theirs.
        let added = server.nonce.strip_prefix(&self.first.nonce);
        if added.is_none_or(str::is_empty) {
            return Err(ClientError::Nonce);
        }
        if !self.iterations.contains(&server.iterations) {
            return Err(ClientError::Iterations);
        }
        let binding = [self.first.gs2.as_bytes(), &self.bound].concat();
        let bare = ClientFinal::bare(&binding, &server.nonce);
        let said = [&self.first.bare, ",", &server.text, ",", &bare].map(str::as_bytes);
        let password = self.password.as_str().as_bytes();
        let hash = self.hash;
        let salted = hash.salted_password(password, &server.salt, server.iterations);
        let client_key = client_key(hash, &salted);
        let stored_key = hash.digest(client_key.as_bytes());
        let proof = hash.hmac(stored_key.as_bytes(), &said);
        let proof = proof.xor(client_key.as_bytes());
        let signature = hash.hmac(server_key(hash, &salted).as_bytes(), &said);
        Ok((
            ClientFinal::text(&bare, proof.as_bytes()),
            Expected(signature),
        ))
    }
}

/// The signature that proves that the server knows the password.
pub(super) struct Expected(Key);

impl Expected {
    pub(super) fn verify(self, message: &[u8]) -> Result<(), ClientError> {
        match ServerFinal::parse(message) {
            // Compared only at its length; a key is no longer than the longest of them.
            Some(ServerFinal::Signature(signature)) if self.0.is(&signature) => Ok(()),
            Some(_) => Err(ClientError::ServerNotVerified),
            None => Err(ClientError::Malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::SCRAM_EXAMPLES;

    #[test]
    fn examples() {
        for (hash, ours, theirs, salt, proof, signature) in SCRAM_EXAMPLES {
            let header = Header {
                binding: Flag::No,
                authzid: None,
            };
            let user = Prepared::parse("user").unwrap();
            let context = Context::new();
            let mut sent =
                Sent::new(*hash, header.clone(), &user, "pencil", &context, [0; 18]).unwrap();
            sent.first = ClientFirst::new(header, user, (*ours).to_owned());
            assert_eq!(sent.message(), format!("n,,n=user,r={ours}"));
            let challenge = format!("r={ours}{theirs},s={salt},i=4096");
            let (last, expected) = sent.respond(challenge.as_bytes()).unwrap();
            assert_eq!(last, format!("c=biws,r={ours}{theirs},p={proof}"));
            assert_eq!(expected.verify(format!("v={signature}").as_bytes()), Ok(()));
        }
    }
}
