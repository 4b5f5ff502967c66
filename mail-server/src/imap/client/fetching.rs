//! Messages on their way in.

use bytes::Bytes;
use imap_proto::Content;
use imap_proto::client::{CommandId, Event};
use imap_proto::command::Fetch;
use imap_proto::response::{Data, FetchItem, Fetched};

use super::{Client, ClientError};

/// Messages on their way in.
///
/// A message that others change meanwhile may be told of more than once, with its flags alone. What is not taken is
/// skipped.
#[derive(Debug)]
pub struct Messages<'a> {
    client: &'a mut Client,
    /// `None` when the answer is over.
    id: Option<CommandId>,
    current: Option<Current>,
}

/// A message that has begun.
#[derive(Debug)]
struct Current {
    /// As far as it was told.
    fetched: Fetched,
    /// Of which item there was a piece last.
    at: usize,
    /// So many items have no contents that are still to be handed out.
    handed: usize,
    /// All of it was told.
    complete: bool,
}

impl Current {
    /// There will be no more of it.
    fn break_off(&mut self) {
        self.complete = true;
        self.handed = self.fetched.items.len();
    }
}

impl<'a> Messages<'a> {
    pub(super) fn begin(client: &'a mut Client, fetch: Fetch) -> Result<Self, ClientError> {
        let id = Some(client.give(fetch.into())?);
        Ok(Self {
            client,
            id,
            current: None,
        })
    }

    /// The next message; `None` behind the last one.
    ///
    /// # Errors
    ///
    /// [`ClientError::Refused`] if the server cannot give all that was asked for; there is nothing more then.
    pub async fn next(&mut self) -> Result<Option<Message<'_, 'a>>, ClientError> {
        // What is broken off is not wanted any more either.
        while matches!(&self.current, Some(current) if !current.complete) {
            match self.advance().await {
                Ok(_) | Err(ClientError::Malformed(_)) => {}
                Err(error) => return Err(error),
            }
        }
        self.current = None;
        while let (Some(_), None) = (self.id, &self.current) {
            self.advance().await?;
        }
        let any = self.current.is_some();
        Ok(any.then_some(Message { messages: self }))
    }

    /// One event of the answer. It may be a piece.
    async fn advance(&mut self) -> Result<Option<Bytes>, ClientError> {
        let Some(id) = self.id else { return Ok(None) };
        let event = match self.client.next(id).await {
            Err(error) => {
                self.id = None;
                if let Some(current) = &mut self.current {
                    current.break_off();
                }
                return Err(error);
            }
            Ok(event) => event,
        };
        match event {
            Event::Content { fetched, .. } => self.tell(fetched, false),
            Event::Body(piece) => return Ok(Some(piece)),
            Event::Data { data, .. } => match data {
                Data::Fetch(fetched) => self.tell(fetched, true),
                other => self.client.note(other),
            },
            Event::Unreadable(error) => {
                if let Some(current) = self.current.as_mut().filter(|it| !it.complete) {
                    current.break_off();
                    return Err(ClientError::Malformed(error));
                }
            }
            Event::Completed(..) => self.id = None,
            _ => {}
        }
        Ok(None)
    }

    fn tell(&mut self, fetched: Fetched, complete: bool) {
        let current = self.current.get_or_insert(Current {
            fetched: Fetched::new(fetched.by, fetched.number, Vec::new()),
            at: 0,
            handed: 0,
            complete,
        });
        current.fetched = fetched;
        current.complete = complete;
    }
}

/// A message on its way in.
#[derive(Debug)]
pub struct Message<'m, 'a> {
    messages: &'m mut Messages<'a>,
}

impl Message<'_, '_> {
    /// What was told of it so far: all, once [`next`](Self::next) has come to the end. Where the octets of an item are streamed,
    /// it says how many there are.
    pub fn fetched(&self) -> &Fetched {
        &self.current().fetched
    }

    /// The item that the last piece belongs to.
    pub fn item(&self) -> Option<&FetchItem> {
        let current = self.current();
        current.fetched.items.get(current.at)
    }

    /// The next piece of what it is made of, be that large or small; `None` at the end. If several sections were asked
    /// for, they follow one another, and [`item`](Self::item) tells them apart.
    ///
    /// # Errors
    ///
    /// If the message does not come to its end: what there is of it is not the message.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ClientError> {
        loop {
            if let Some(piece) = self.at_hand() {
                return Ok(Some(piece));
            }
            if self.current().complete {
                return Ok(None);
            }
            if let Some(piece) = self.messages.advance().await? {
                let current = self.current_mut();
                current.at = current.handed;
                return Ok(Some(piece));
            }
        }
    }

    /// Contents that came within their response.
    fn at_hand(&mut self) -> Option<Bytes> {
        let current = self.current_mut();
        while let Some(item) = current.fetched.items.get(current.handed) {
            let is_last = current.handed + 1 == current.fetched.items.len();
            let at = current.handed;
            match item.content() {
                // It is streaming in.
                Some(Content::Streamed(_)) if is_last && !current.complete => return None,
                Some(Content::Whole(octets)) if !octets.is_empty() => {
                    current.handed += 1;
                    current.at = at;
                    return Some(octets.clone().into_bytes());
                }
                _ => current.handed += 1,
            }
        }
        None
    }

    fn current(&self) -> &Current {
        let current = self.messages.current.as_ref();
        current.expect("there is a message as long as it is borrowed")
    }

    fn current_mut(&mut self) -> &mut Current {
        let current = self.messages.current.as_mut();
        current.expect("there is a message as long as it is borrowed")
    }
}
