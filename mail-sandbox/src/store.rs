//! What a sandbox holds: messages, and the conversations they came in.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::watch;

use crate::conversation::Conversation;
use crate::feed::{Feed, News};
use crate::limits::{CONVERSATIONS, CONVERSATIONS_OCTETS};
use crate::mailboxes::{Door, Mailboxes, Spot};
use crate::message::{Arrived, Message};

/// Everything in memory, shared by all sessions of a sandbox.
pub(crate) struct Store {
    held: Mutex<Held>,
    keep: usize,
    /// How many messages there have been, ever: those who wait look at it.
    count: watch::Sender<u64>,
}

#[derive(Default)]
struct Held {
    messages: VecDeque<Message>,
    conversations: VecDeque<Conversation>,
    mailboxes: Mailboxes,
    /// Those who want to know what happens.
    followers: Vec<UnboundedSender<News>>,
}

impl Store {
    pub(crate) fn new(keep: usize) -> Self {
        Self {
            held: Mutex::default(),
            keep,
            count: watch::Sender::new(0),
        }
    }

    /// Takes a message, and wakes those who wait for one.
    pub(crate) fn add(&self, arrived: Arrived) -> Message {
        self.put(arrived, None)
    }

    /// The same of one that a client has put into a folder.
    pub(crate) fn add_appended(&self, arrived: Arrived, spot: Spot) -> Message {
        self.put(arrived, Some(spot))
    }

    fn put(&self, arrived: Arrived, spot: Option<Spot>) -> Message {
        let mut held = self.lock();
        let id = *self.count.borrow() + 1;
        let message = Message::new(id, arrived);
        held.messages.push_back(message.clone());
        held.mailboxes.take(&message, spot);
        held.tell(&News::Arrived(message.clone()));
        while held.messages.len() > self.keep {
            if let Some(gone) = held.messages.pop_front() {
                held.mailboxes.forget(&[gone.id()]);
                held.tell(&News::Removed(gone.id()));
            }
        }
        // While it is locked, so that numbers are given in order.
        self.count.send_replace(id);
        message
    }

    /// Told anew whenever a message has come.
    pub(crate) fn news(&self) -> watch::Receiver<u64> {
        self.count.subscribe()
    }

    /// The messages that are wanted, oldest first.
    pub(crate) fn messages(&self, wanted: impl Fn(&Message) -> bool) -> Vec<Message> {
        // Nobody is kept waiting while a test's own function looks at them.
        let all: Vec<_> = self.lock().messages.iter().cloned().collect();
        all.into_iter().filter(|message| wanted(message)).collect()
    }

    pub(crate) fn message(&self, id: u64) -> Option<Message> {
        let held = self.lock();
        let found = held.messages.binary_search_by_key(&id, Message::id);
        found.ok().map(|index| held.messages[index].clone())
    }

    /// Forgets messages, and says how many.
    pub(crate) fn remove(&self, unwanted: impl Fn(&Message) -> bool) -> usize {
        let unwanted: HashSet<u64> = self.messages(unwanted).iter().map(Message::id).collect();
        let mut held = self.lock();
        let mut gone = Vec::new();
        held.messages.retain(|message| {
            let stays = !unwanted.contains(&message.id());
            if !stays {
                gone.push(message.id());
            }
            stays
        });
        held.mailboxes.forget(&gone);
        for &id in &gone {
            held.tell(&News::Removed(id));
        }
        gone.len()
    }

    pub(crate) fn follow(&self) -> Feed {
        let (sender, receiver) = unbounded_channel();
        self.lock().followers.push(sender);
        Feed(receiver)
    }

    pub(crate) fn begin(&self, conversation: Conversation) {
        let mut held = self.lock();
        let mut octets: usize = held.conversations.iter().map(Conversation::octets).sum();
        while held.conversations.len() >= CONVERSATIONS || octets > CONVERSATIONS_OCTETS {
            let Some(gone) = held.conversations.pop_front() else {
                break;
            };
            octets = octets.saturating_sub(gone.octets());
        }
        held.conversations.push_back(conversation);
    }

    pub(crate) fn conversations(&self) -> Vec<Conversation> {
        self.lock().conversations.iter().cloned().collect()
    }

    /// The mailbox of an account, which is made when it is looked for first.
    pub(crate) fn mailbox(&self, account: &str) -> Door {
        let mut held = self.lock();
        let Held {
            mailboxes,
            messages,
            ..
        } = &mut *held;
        mailboxes.door(account, &*messages)
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Tells those who still listen.
    fn tell(&mut self, news: &News) {
        self.followers
            .retain(|follower| follower.send(news.clone()).is_ok());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::conversation::Speaker;

    #[test]
    fn old_conversations_make_room() {
        let store = Store::new(1);
        let (now, piece) = (Instant::now(), bytes::Bytes::from(vec![b'x'; 60 << 20]));
        for number in 0..6 {
            let conversation = Conversation::whole(None, None, now);
            store.begin(conversation.clone());
            conversation.add(now, Speaker::Server, piece.clone());
            assert_eq!(store.conversations().len(), 5.min(number + 1), "{number}");
        }
        for _ in 0..CONVERSATIONS + 1 {
            store.begin(Conversation::new(None, None, now));
        }
        assert_eq!(store.conversations().len(), CONVERSATIONS);
    }
}
