//! Messages on their way in.

use bytes::Bytes;

use super::Session;
use super::protocol::{Chunk, Protocol};
use crate::connection::{Ended, Hits, Words, lines};
use crate::fault::{Action, Place};
use crate::limits::BODY_SHOWN;

/// A message that has begun to come.
#[derive(Debug)]
pub(super) struct Arriving {
    /// What will happen to it.
    hits: Hits,
    octets: u64,
    /// How much of it is in the conversation.
    shown: usize,
    /// What it is is not to be in the conversation.
    is_secret: bool,
}

impl<P: Protocol> Session<P> {
    /// A message that ends with a dot on a line of its own (RFC 5321 section 4.1.1.4).
    pub(super) async fn message(&mut self) -> Result<(), Ended> {
        self.begin(false);
        let mut end = EndOfMessage::new();
        loop {
            let room = self.room().await?;
            if self.connection.transport.buffer.is_empty() {
                self.read_more().await?;
            }
            let available = self.connection.transport.buffer.len().min(room);
            let ended = end.find(&self.connection.transport.buffer[..available]);
            let piece = self.take(ended.unwrap_or(available));
            if ended.is_some() {
                let arriving = self.arriving.as_ref();
                if arriving.is_some_and(|arriving| arriving.octets > arriving.shown as u64) {
                    // So that whoever reads the conversation knows that it came to its end.
                    self.connection.hear(&b"\r\n.\r\n"[..]);
                }
                return self.end(&[&piece], Hits::default(), None).await;
            }
            self.feed(&piece).await;
            if self.is_over {
                // The machine has had enough of it.
                return self.answer(Hits::default(), None).await;
            }
        }
    }

    /// A chunk (RFC 3030), whose command the machine has not seen yet.
    pub(super) async fn chunk(
        &mut self,
        line: &[u8],
        chunk: Chunk,
        hits: Hits,
        verdict: Option<String>,
    ) -> Result<(), Ended> {
        if self.arriving.is_none() {
            self.begin(false);
        }
        let mut line = Some(line);
        let mut left = chunk.octets;
        let last = loop {
            let room = self.room().await? as u64;
            if left > 0 && self.connection.transport.buffer.is_empty() {
                self.read_more().await?;
            }
            let available = (self.connection.transport.buffer.len() as u64)
                .min(room)
                .min(left);
            let piece = self.take(available as usize);
            left -= available;
            if left == 0 {
                break piece;
            }
            if let Some(line) = line.take() {
                self.feed(line).await;
            }
            self.feed(&piece).await;
            if self.is_over {
                return self.answer(Hits::default(), None).await;
            }
        };
        let rest = [line.unwrap_or_default(), &last];
        if chunk.is_last {
            return self.end(&rest, hits, verdict).await;
        }
        for piece in rest {
            self.feed(piece).await;
        }
        self.answer(hits, verdict.as_deref()).await
    }

    /// Reads octets that nobody wants.
    pub(super) async fn skip(&mut self, octets: u64) -> Result<(), Ended> {
        let mut left = octets;
        while left > 0 {
            if self.connection.transport.buffer.is_empty() {
                self.read_more().await?;
            }
            let available = (self.connection.transport.buffer.len() as u64).min(left);
            let _ = self
                .connection
                .transport
                .buffer
                .split_to(available as usize);
            left -= available;
        }
        Ok(())
    }

    /// The message is complete with these. Each answer that is due then may have a fault.
    async fn end(
        &mut self,
        last: &[&[u8]],
        mut hits: Hits,
        verdict: Option<String>,
    ) -> Result<(), Ended> {
        self.arriving = None;
        let mut verdicts = Vec::new();
        for addresses in self.protocol.answers_due() {
            let met = self.meet(Place::End, b"", addresses);
            verdicts.push(met.verdict().or_else(|| verdict.clone()));
            hits.0.extend(met.0);
        }
        hits.0.sort_by_key(|hit| hit.after);
        let refused = verdicts.iter().map(|verdict| {
            let text = verdict.as_deref();
            text.is_some_and(|text| P::refuses(text))
        });
        self.protocol.refuse_message(refused.collect());
        for piece in last {
            self.feed(piece).await;
        }
        let mut texts = verdicts.iter().flatten();
        self.is_over |= texts.any(|text| P::closes(text));
        self.replace_answers(&verdicts);
        self.answer(hits, None).await
    }

    /// Puts other answers in the place of the machine's, each of which is a line.
    fn replace_answers(&mut self, verdicts: &[Option<String>]) {
        let said = std::mem::take(&mut self.output);
        let answers: Vec<_> = said.split_inclusive(|&octet| octet == b'\n').collect();
        if answers.len() != verdicts.len() {
            // It has refused the message as a whole.
            self.output = said;
            return;
        }
        for (answer, verdict) in answers.into_iter().zip(verdicts) {
            match verdict {
                Some(text) => self.output.extend(lines(text)),
                None => self.output.extend_from_slice(answer),
            }
        }
    }

    /// What happens while a message arrives.
    async fn act_in_body(&mut self, action: Action) -> Result<(), Ended> {
        let Action::Reply(text) = action else {
            return self.connection.act(&action).await;
        };
        // Nobody answers in the middle of a message and then goes on.
        let words = Words::new(P::phrase(&text, &self.tag));
        self.connection.utter(words, Hits::default()).await?;
        Err(Ended::Dropped)
    }

    /// A message begins, or other octets that were counted.
    pub(super) fn begin(&mut self, is_secret: bool) {
        let hits = self.meet(Place::Body, b"", self.protocol.addresses());
        self.arriving = Some(Arriving {
            hits,
            octets: 0,
            shown: 0,
            is_secret,
        });
    }

    /// Does what is due at this octet, and says how many may come before the next that is.
    pub(super) async fn room(&mut self) -> Result<usize, Ended> {
        loop {
            let Some(arriving) = &mut self.arriving else {
                return Ok(usize::MAX);
            };
            match arriving.hits.next_at() {
                None => return Ok(usize::MAX),
                Some(at) if at > arriving.octets => {
                    let room = usize::try_from(at - arriving.octets);
                    return Ok(room.unwrap_or(usize::MAX));
                }
                Some(_) => {
                    let hit = arriving.hits.0.remove(0);
                    self.act_in_body(hit.action).await?;
                }
            }
        }
    }

    /// Takes octets of the message that have come.
    pub(super) fn take(&mut self, count: usize) -> Bytes {
        let piece = self.connection.transport.buffer.split_to(count).freeze();
        let Some(arriving) = &mut self.arriving else {
            return piece;
        };
        arriving.octets += piece.len() as u64;
        if arriving.is_secret {
            self.connection.hear(vec![b'*'; piece.len()]);
            return piece;
        }
        let shown = piece.len().min(BODY_SHOWN - arriving.shown);
        arriving.shown += shown;
        let hidden = arriving.octets - arriving.shown as u64;
        if shown > 0 {
            self.connection.hear(piece.slice(..shown));
        }
        if shown < piece.len() && hidden == (piece.len() - shown) as u64 {
            self.connection
                .note("the rest of the message is not shown".into());
        }
        piece
    }
}

/// Looks for the end of a message, however its octets come.
#[derive(Debug)]
pub(crate) struct EndOfMessage {
    /// How many octets of CRLF . CRLF have come; the message begins behind a line end.
    matched: usize,
}

impl EndOfMessage {
    pub(crate) fn new() -> Self {
        Self { matched: 2 }
    }

    /// Where the message ends in these octets.
    pub(crate) fn find(&mut self, octets: &[u8]) -> Option<usize> {
        const END: &[u8; 5] = b"\r\n.\r\n";
        for (index, octet) in octets.iter().enumerate() {
            self.matched = match *octet {
                octet if octet == END[self.matched] => self.matched + 1,
                b'\r' => 1,
                _ => 0,
            };
            if self.matched == END.len() {
                return Some(index + 1);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_found_however_it_comes() {
        for (message, end) in [
            (&b".\r\nQUIT"[..], Some(3)),
            (b"a\r\n.\r\n", Some(6)),
            (b"a\r\n..\r\n.\r\nb", Some(10)),
            (b"a\r\r\n.\r\n", Some(7)),
            (b"a\r\n.\r\r\n.\r\n", Some(10)),
            (b"a\n.\n", None),
            (b"a\r\n.\n.\r\n", None),
        ] {
            for split in 0..message.len() {
                let mut search = EndOfMessage::new();
                let (one, two) = message.split_at(split);
                let found = search
                    .find(one)
                    .or_else(|| search.find(two).map(|at| at + split));
                assert_eq!(found, end, "{message:?} at {split}");
            }
        }
    }
}
