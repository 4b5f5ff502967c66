//! What a server answers to a client that misbehaves.

use bytes::BytesMut;

use super::visit::{Owed, Visit};
use crate::connection::Ended;
use crate::endpoint::Endpoint;
use crate::limits::ANSWER;
use crate::session::imap_lines::literal;

impl Visit {
    /// One answer.
    pub(super) async fn hear(&mut self, owed: Owed) -> Result<Vec<u8>, Ended> {
        let mut answer = BytesMut::new();
        let ended = loop {
            let begin = answer.len();
            if let Err(ended) = self.line(&mut answer).await {
                answer.unsplit(self.connection.transport.buffer.split());
                break Some(ended);
            }
            if self.is_last(owed, begin == 0, &answer[begin..]) {
                break None;
            }
            if answer.len() > ANSWER {
                break Some(Ended::GaveUp);
            }
        };
        let answer = answer.freeze();
        self.connection.hear(answer.clone());
        ended.map_or_else(|| Ok(answer.to_vec()), Err)
    }

    /// Whether a line of an answer is the last.
    fn is_last(&self, owed: Owed, is_first: bool, line: &[u8]) -> bool {
        match self.endpoint {
            Endpoint::Pop3 | Endpoint::Pop3s => {
                let is_refused = is_first && !line.starts_with(b"+OK");
                owed != Owed::Listing || is_refused || (!is_first && line == b".\r\n")
            }
            Endpoint::Imap | Endpoint::Imaps => {
                // Nothing else follows what has a tag, or what lets the client go on.
                owed == Owed::Greeting || !line.starts_with(b"* ") || line.starts_with(b"* BAD")
            }
            _ => line.get(3) != Some(&b'-'),
        }
    }

    /// Reads a line, in IMAP with the literals that are in it.
    async fn line(&mut self, answer: &mut BytesMut) -> Result<(), Ended> {
        loop {
            let begin = answer.len();
            let line = self.short_line().await?;
            answer.unsplit(line);
            let announced = self.is_imap().then(|| literal(&answer[begin..]));
            let Some(literal) = announced.flatten() else {
                return Ok(());
            };
            let octets = usize::try_from(literal.octets).unwrap_or(usize::MAX);
            while self.connection.transport.buffer.len() < octets {
                if self.connection.transport.buffer.len() > ANSWER {
                    return Err(Ended::GaveUp);
                }
                self.connection.read().await?;
            }
            answer.unsplit(self.connection.transport.buffer.split_to(octets));
        }
    }

    async fn short_line(&mut self) -> Result<BytesMut, Ended> {
        let mut searched = 0;
        loop {
            let buffer = &mut self.connection.transport.buffer;
            if let Some(end) = memchr::memchr(b'\n', &buffer[searched..]) {
                return Ok(buffer.split_to(searched + end + 1));
            }
            if buffer.len() > ANSWER {
                return Err(Ended::GaveUp);
            }
            searched = buffer.len();
            self.connection.read().await?;
        }
    }

    /// What the last answer begins with; of IMAP, its last line behind the tag.
    pub(super) fn status(&self) -> &[u8] {
        if !self.is_imap() {
            return &self.answer;
        }
        let answer = self.answer.strip_suffix(b"\r\n").unwrap_or(&self.answer);
        let last = memchr::memrchr(b'\n', answer).map_or(answer, |end| &answer[end + 1..]);
        match last.starts_with(b"+") {
            true => last,
            false => memchr::memchr(b' ', last).map_or(last, |space| &last[space + 1..]),
        }
    }
}
