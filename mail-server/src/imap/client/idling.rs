//! Waiting for news.

use std::time::Duration;

use imap_proto::client::{CommandId, Event};
use imap_proto::command::CommandBody;
use imap_proto::response::Data;
use tokio::time::{Instant, sleep_until};

use super::{Client, ClientError};
use crate::limits::IDLE_RENEWAL;

/// A client that waits for news.
///
/// Servers may log out clients that say nothing for half an hour, so IDLE is begun anew before (RFC 2177 section 3), as long as
/// somebody waits.
///
/// ```no_run
/// # async fn run(mut client: mail_server::imap::Client) -> Result<(), mail_server::imap::ClientError> {
/// use imap_proto::response::Data;
///
/// let mut idle = client.idle()?;
/// while !matches!(idle.next().await?, Data::Exists(_)) {}
/// println!("there is more");
/// idle.done().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Idle<'a> {
    client: &'a mut Client,
    id: CommandId,
    renewal: Duration,
    renewed: Instant,
}

impl<'a> Idle<'a> {
    pub(super) fn begin(client: &'a mut Client) -> Result<Self, ClientError> {
        let id = client.give(CommandBody::Idle)?;
        Ok(Self {
            client,
            id,
            renewal: IDLE_RENEWAL,
            renewed: Instant::now(),
        })
    }

    /// Begins IDLE anew after so long, unless that is done after 28 minutes. Networks that forget connections on which nothing is
    /// said want it to be less.
    #[must_use]
    pub fn with_renewal(mut self, renewal: Duration) -> Self {
        self.renewal = renewal;
        self
    }

    /// Waits for the next thing that the server tells. Cancel-safe: use it with `select!` and a time-out.
    ///
    /// # Errors
    ///
    /// [`ClientError::Refused`] if the server knows no IDLE, or has no more of it.
    pub async fn next(&mut self) -> Result<Data, ClientError> {
        loop {
            if let Some(news) = self.client.news.pop_front() {
                return Ok(news);
            }
            let event = tokio::select! {
                event = self.client.event() => event?,
                () = sleep_until(self.renewed + self.renewal) => {
                    self.renewed = Instant::now();
                    // If the server has not agreed yet, its time has not begun either.
                    let _ = self.client.driver.machine().done();
                    continue;
                }
            };
            match self.client.sort(self.id, event)? {
                Some(Event::Data { data, .. }) => return Ok(data),
                // We have ended it, or the server has.
                Some(Event::Completed(..)) => self.id = self.client.give(CommandBody::Idle)?,
                _ => {}
            }
        }
    }

    /// Ends it. What was told to the last is among the [news](Client::news).
    ///
    /// # Errors
    ///
    /// If the connection is lost.
    pub async fn done(self) -> Result<(), ClientError> {
        // If the server has not agreed yet, it is told when it does.
        let _ = self.client.driver.machine().done();
        loop {
            match self.client.next(self.id).await? {
                Event::Data { data, .. } => self.client.note(data),
                Event::Idling(_) => self.client.driver.machine().done()?,
                Event::Completed(..) => return Ok(()),
                _ => {}
            }
        }
    }
}
