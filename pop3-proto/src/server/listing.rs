//! Lists of all messages, which go out as fast as the client reads.

use super::{Server, State, Turn, replies};

/// Which column of the maildrop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    Sizes,
    UniqueIds,
}

impl Server {
    /// The next lines of a list, as many as the output should hold.
    pub(super) fn listing(&mut self) -> Turn {
        let (State::Listing(list, next), Some(marked)) = (&mut self.state, &self.session.maildrop)
        else {
            unreachable!("called in this state alone");
        };
        while !self.output.is_over() {
            let number = *next;
            let Some(size) = marked.maildrop.size(number) else {
                self.output.push(b".\r\n");
                self.state = State::Command;
                break;
            };
            *next += 1;
            if marked.is_deleted(number) {
                continue;
            }
            match list {
                List::Sizes => replies::entry(number, size, &mut self.output),
                List::UniqueIds => {
                    let unique_id = marked.maildrop.unique_id(number).unwrap_or("");
                    replies::unique_id(number, unique_id, &mut self.output);
                }
            }
        }
        Turn::Go
    }
}
