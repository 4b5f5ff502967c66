//! Commands and what comes for them.

use std::io::ErrorKind;

use bytes::BytesMut;
use imap_proto::Error;
use imap_proto::client::{CommandId, Event, Refused};
use imap_proto::command::CommandBody;
use imap_proto::response::{Data, StatusKind};
use mailwire::drive::{DriveError, Next};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::{Answer, Client, ClientError};
use crate::limits::{ANSWER_OCTETS, NEWS, PIECE};

impl Client {
    /// Gives a command, reads what it streams, and gathers its answer.
    pub(super) async fn converse(
        &mut self,
        command: CommandBody,
        text: &mut (impl AsyncRead + Unpin),
    ) -> Result<Answer, ClientError> {
        let id = self.give(command)?;
        let before = self.driver.machine().octets_received();
        let mut data = Vec::new();
        loop {
            match self.next(id).await? {
                Event::Data { data: told, .. } => {
                    let received = self.driver.machine().octets_received() - before;
                    if received > ANSWER_OCTETS {
                        return Err(ClientError::TooMuch);
                    }
                    data.push(told);
                }
                Event::Completed(_, status) => return Ok(Answer::new(status, data)),
                Event::Wanted(_, length) => self.write(text, length).await?,
                Event::Challenge(..) => self.driver.machine().cancel()?,
                Event::Idling(_) => self.driver.machine().done()?,
                _ => {}
            }
        }
    }

    /// Sends the octets that are wanted.
    async fn write(
        &mut self,
        text: &mut (impl AsyncRead + Unpin),
        length: u64,
    ) -> Result<(), ClientError> {
        let mut text = text.take(length);
        let mut buffer = BytesMut::new();
        while text.limit() > 0 {
            buffer.reserve(PIECE);
            match text.read_buf(&mut buffer).await {
                Ok(0) => return Err(ClientError::Text(ErrorKind::UnexpectedEof.into())),
                Ok(_) => {}
                Err(error) => return Err(ClientError::Text(error)),
            }
            let mut piece = buffer.split().freeze();
            loop {
                self.driver.machine().write_body(&mut piece)?;
                if piece.is_empty() {
                    break;
                }
                // There was no room. Whatever the server says meanwhile, it is listened to afterwards.
                if let Next::Event(event) = self.driver.next().await? {
                    if self.meanwhile.len() == NEWS {
                        return Err(ClientError::TooMuch);
                    }
                    self.meanwhile.push_back(event);
                }
            }
        }
        Ok(())
    }

    /// Queues a command. IDLE, if it still goes on, ends.
    pub(super) fn give(&mut self, command: CommandBody) -> Result<CommandId, ClientError> {
        let machine = self.driver.machine();
        let _ = machine.done();
        machine
            .send(command)
            .map_err(|refused| match (refused, self.farewell.clone()) {
                (Refused::Ending, Some(farewell)) => ClientError::Farewell(farewell),
                _ => refused.into(),
            })
    }

    /// What comes next of the answer to a command. What nobody asked for is put aside.
    pub(super) async fn next(&mut self, id: CommandId) -> Result<Event, ClientError> {
        loop {
            let event = self.event().await?;
            if let Some(event) = self.sort(id, event)? {
                return Ok(event);
            }
        }
    }

    pub(super) async fn event(&mut self) -> Result<Event, ClientError> {
        if let Some(event) = self.meanwhile.pop_front() {
            return Ok(event);
        }
        let next = match self.driver.next().await {
            Err(DriveError::Protocol(Error::Disconnected)) => Next::Closed,
            next => next?,
        };
        match (next, self.farewell.clone()) {
            (Next::Event(Event::Greeting(status)), _) if status.kind == StatusKind::Bye => {
                Err(ClientError::Farewell(status))
            }
            (Next::Event(event), _) => Ok(event),
            (Next::Closed, Some(farewell)) => Err(ClientError::Farewell(farewell)),
            (Next::Closed, None) => Err(ClientError::Protocol(Error::Disconnected)),
            // A message that was begun, and dropped.
            (Next::Paused, _) => Err(ClientError::Protocol(Error::BodyAborted)),
            (Next::StartTls, _) => Err(Refused::NoTls.into()),
        }
    }

    /// Gives an event back if it belongs to a command, and puts aside what does not.
    pub(super) fn sort(
        &mut self,
        id: CommandId,
        event: Event,
    ) -> Result<Option<Event>, ClientError> {
        let machine = self.driver.machine();
        let content = self.content == Some(id);
        match event {
            Event::Completed(ref completed, ref status) if *completed == id => {
                match status.kind == StatusKind::Ok {
                    true => Ok(Some(event)),
                    false => Err(ClientError::Refused(status.clone())),
                }
            }
            Event::Withheld(withheld, why) if withheld == id => Err(why.into()),
            Event::Data { command, ref data } => {
                match data {
                    Data::Status(status) if status.kind == StatusKind::Bye => {
                        self.farewell = Some(status.clone());
                    }
                    _ => {}
                }
                if command == Some(id) {
                    return Ok(Some(event));
                }
                if let Event::Data {
                    data,
                    command: None,
                } = event
                {
                    self.note(data);
                }
                Ok(None)
            }
            Event::Content { command, .. } => {
                self.content = command;
                Ok(Some(event).filter(|_| command == Some(id)))
            }
            Event::Body(_) => Ok(Some(event).filter(|_| content)),
            Event::Unreadable(_) => Ok(Some(event)),
            Event::Wanted(command, _) | Event::Challenge(command, _) | Event::Idling(command)
                if command == id =>
            {
                Ok(Some(event))
            }
            // What is left of commands that were given up.
            Event::Challenge(..) => machine.cancel().map(|()| None).map_err(Into::into),
            Event::Idling(_) => machine.done().map(|()| None).map_err(Into::into),
            _ => Ok(None),
        }
    }

    pub(super) fn note(&mut self, news: Data) {
        if self.news.len() == NEWS {
            self.news.pop_front();
        }
        self.news.push_back(news);
    }
}
