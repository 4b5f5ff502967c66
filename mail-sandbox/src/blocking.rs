//! The sandbox for tests without a runtime.

use std::ops::Deref;
use std::time::Duration;

use crate::builder::{Builder, StartError};
use crate::client::{MisbehavingClient, VisitError};
use crate::conversation::Conversation;
use crate::message::Message;
use crate::not_arrived::NotArrived;
use crate::query::Query;
use crate::runtime;
use crate::sandbox;

/// A [`Sandbox`](crate::Sandbox) whose methods wait by blocking. It has all others of it too.
///
/// ```
/// use mail_sandbox::Endpoint;
/// use mail_sandbox::blocking::Sandbox;
///
/// let sandbox = Sandbox::start()?;
/// assert!(sandbox.url(Endpoint::Smtps).starts_with("smtps://127.0.0.1:"));
/// assert!(sandbox.messages().is_empty());
/// # Ok::<(), mail_sandbox::StartError>(())
/// ```
#[derive(Debug)]
pub struct Sandbox(crate::Sandbox);

impl Sandbox {
    /// Starts all endpoints on free ports of the loopback, without faults.
    ///
    /// # Errors
    ///
    /// If the system has no ports or descriptors left.
    pub fn start() -> Result<Self, StartError> {
        Self::start_with(crate::Sandbox::builder())
    }

    /// Starts one that is somehow else.
    ///
    /// # Errors
    ///
    /// As for [`Builder::start`].
    pub fn start_with(builder: Builder) -> Result<Self, StartError> {
        builder.start_blocking().map(Self)
    }

    /// Waits for messages.
    ///
    /// # Errors
    ///
    /// As for [`wait_for`](crate::Sandbox::wait_for) of the other.
    pub fn wait_for(&self, query: &Query, within: Duration) -> Result<Vec<Message>, NotArrived> {
        runtime::block_on(sandbox::wait(self.0.shared(), query.clone(), within))
    }

    /// Waits for a message.
    ///
    /// # Errors
    ///
    /// As for [`wait_for`](Self::wait_for).
    pub fn wait_for_one(&self, query: &Query, within: Duration) -> Result<Message, NotArrived> {
        let mut found = self.wait_for(&query.clone().count(1), within)?;
        Ok(found.swap_remove(0))
    }
}

/// Does what a [`MisbehavingClient`] is to do.
///
/// # Errors
///
/// As for [`MisbehavingClient::run`].
pub fn run(client: MisbehavingClient) -> Result<Conversation, VisitError> {
    runtime::block_on(client.visit())
}

impl Deref for Sandbox {
    type Target = crate::Sandbox;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}
