//! Threads of messages (RFC 5256 section 3): by subject and date, or by references.

use std::collections::HashMap;
use std::num::NonZeroU32;

use imap_proto::response::MessageThread;

use super::mime::Parsed;
use super::{sort, subject};
use crate::limits::{THREAD_DEPTH, THREAD_REFERENCES};
use crate::store::Info;

/// What of a message makes threads.
pub(super) struct Threaded {
    uid: NonZeroU32,
    sent: i64,
    subject: String,
    is_reply: bool,
    id: Option<String>,
    /// What it refers to, the oldest first.
    references: Vec<String>,
}

impl Threaded {
    pub(super) fn new(info: &Info, parsed: &Parsed<'_>) -> Self {
        let texts = parsed.texts();
        let (subject, is_reply) = subject::base(&texts.value("Subject").unwrap_or_default());
        let mut references = texts.ids("References");
        if references.is_empty() {
            references = texts.ids("In-Reply-To").into_iter().take(1).collect();
        }
        let surplus = references.len().saturating_sub(THREAD_REFERENCES);
        references.drain(..surplus);
        Self {
            uid: info.uid,
            sent: sort::sent(info, Some(parsed)),
            subject: subject.to_lowercase(),
            is_reply,
            id: texts.ids("Message-ID").into_iter().next(),
            references,
        }
    }
}

/// `ORDEREDSUBJECT`: messages of one subject are answers to the oldest of them.
pub(super) fn by_subject(mut messages: Vec<Threaded>) -> Vec<MessageThread> {
    messages.sort_by_key(|message| (message.sent, message.uid));
    let mut threads: Vec<(NonZeroU32, Vec<NonZeroU32>)> = Vec::new();
    let mut of_subject = HashMap::new();
    for message in messages {
        match of_subject.get(&message.subject) {
            Some(&thread) => {
                let (_, answers): &mut (_, Vec<_>) = &mut threads[thread];
                answers.push(message.uid);
            }
            None => {
                of_subject.insert(message.subject, threads.len());
                threads.push((message.uid, Vec::new()));
            }
        }
    }
    let threads = threads.into_iter();
    threads
        .map(|(first, answers)| match answers[..] {
            [] | [_] => MessageThread::new([&[first], &answers[..]].concat(), Vec::new()),
            _ => {
                let answers = answers.into_iter();
                let answers = answers.map(|uid| MessageThread::new(vec![uid], Vec::new()));
                MessageThread::new(vec![first], answers.collect())
            }
        })
        .collect()
}

/// `REFERENCES`
pub(super) fn by_references(messages: Vec<Threaded>) -> Vec<MessageThread> {
    let mut forest = Forest::default();
    for message in messages {
        forest.add(message);
    }
    forest.prune();
    forest.gather_subjects();
    forest.told()
}

/// Messages, and those that are only referred to.
#[derive(Default)]
struct Forest {
    nodes: Vec<Node>,
    by_id: HashMap<String, usize>,
    /// Those without a parent.
    roots: Vec<usize>,
}

#[derive(Default)]
struct Node {
    /// `None` if it is only referred to.
    message: Option<Threaded>,
    parent: Option<usize>,
    children: Vec<usize>,
}

impl Forest {
    /// RFC 5256 section 3, REFERENCES, step 1.
    fn add(&mut self, mut message: Threaded) {
        let references = std::mem::take(&mut message.references);
        let mut parent = None;
        for reference in references {
            let node = self.node(reference);
            if let Some(parent) = parent {
                if self.nodes[node].parent.is_none() && !self.is_above(node, parent) {
                    self.attach(node, parent);
                }
            }
            parent = Some(node);
        }
        let own = message.id.take();
        let node = match own {
            // An identifier that is taken is worth nothing.
            Some(id) => match self.by_id.get(&id) {
                Some(&node) if self.nodes[node].message.is_some() => self.push(),
                _ => self.node(id),
            },
            None => self.push(),
        };
        self.nodes[node].message = Some(message);
        if let Some(parent) = parent {
            if !self.is_above(node, parent) {
                self.detach(node);
                self.attach(node, parent);
            }
        }
    }

    fn push(&mut self) -> usize {
        self.nodes.push(Node::default());
        self.nodes.len() - 1
    }

    fn node(&mut self, id: String) -> usize {
        if let Some(&node) = self.by_id.get(&id) {
            return node;
        }
        let node = self.push();
        self.by_id.insert(id, node);
        node
    }

    /// Whether a node is another or one of those above it.
    fn is_above(&self, node: usize, other: usize) -> bool {
        let mut at = Some(other);
        while let Some(here) = at {
            if here == node {
                return true;
            }
            at = self.nodes[here].parent;
        }
        false
    }

    fn attach(&mut self, node: usize, parent: usize) {
        self.nodes[node].parent = Some(parent);
        self.nodes[parent].children.push(node);
    }

    fn detach(&mut self, node: usize) {
        if let Some(parent) = self.nodes[node].parent.take() {
            self.nodes[parent].children.retain(|child| *child != node);
        }
    }

    /// Steps 2 to 4: takes out what is only referred to, except where it holds several roots together, and sorts.
    fn prune(&mut self) {
        let tops = (0..self.nodes.len()).filter(|node| self.nodes[*node].parent.is_none());
        let mut roots = Vec::new();
        for node in tops.collect::<Vec<_>>() {
            match self.nodes[node].message {
                Some(_) => roots.push(node),
                None => roots.extend(self.without_message(node, true)),
            }
        }
        self.roots = roots;
        // Children of children come to stand higher, so all are walked.
        for node in 0..self.nodes.len() {
            let children = std::mem::take(&mut self.nodes[node].children);
            let mut kept = Vec::with_capacity(children.len());
            for child in children {
                match self.nodes[child].message {
                    Some(_) => kept.push(child),
                    None => kept.extend(self.without_message(child, false)),
                }
            }
            for child in &kept {
                self.nodes[*child].parent = Some(node);
            }
            kept.sort_by_key(|child| self.order(*child));
            self.nodes[node].children = kept;
        }
    }

    /// What stands in the place of a node that is only referred to.
    fn without_message(&mut self, node: usize, is_root: bool) -> Vec<usize> {
        let (mut found, mut left) = (Vec::new(), vec![node]);
        while let Some(at) = left.pop() {
            for child in std::mem::take(&mut self.nodes[at].children) {
                match self.nodes[child].message {
                    Some(_) => found.push(child),
                    None => left.push(child),
                }
            }
        }
        match (is_root, found.len()) {
            (true, 2..) => {
                for child in &found {
                    self.nodes[*child].parent = Some(node);
                }
                self.nodes[node].children = found;
                vec![node]
            }
            (true, _) => {
                for child in &found {
                    self.nodes[*child].parent = None;
                }
                found
            }
            (false, _) => found,
        }
    }

    /// By what a node stands among others: the date of its message, or of the first below it.
    fn order(&self, node: usize) -> (i64, Option<NonZeroU32>) {
        match self.first_message(node) {
            Some(message) => (message.sent, Some(message.uid)),
            None => (i64::MAX, None),
        }
    }

    fn first_message(&self, node: usize) -> Option<&Threaded> {
        let node = &self.nodes[node];
        let children = node
            .children
            .iter()
            .filter_map(|child| self.nodes[*child].message.as_ref());
        let first = || children.min_by_key(|message| (message.sent, message.uid));
        node.message.as_ref().or_else(first)
    }

    /// Step 5: threads of one subject become one.
    fn gather_subjects(&mut self) {
        let mut table: HashMap<String, usize> = HashMap::new();
        let subject = |forest: &Self, root: usize| {
            forest
                .first_message(root)
                .map(|message| (message.subject.clone(), message.is_reply))
        };
        for &root in &self.roots {
            let Some((text, is_reply)) = subject(self, root).filter(|(text, _)| !text.is_empty())
            else {
                continue;
            };
            let is_better = table.get(&text).is_none_or(|&held| {
                let held_empty = self.nodes[held].message.is_none();
                let empty = self.nodes[root].message.is_none();
                let held_reply = subject(self, held).is_some_and(|(_, is_reply)| is_reply);
                (empty && !held_empty) || (!held_empty && held_reply && !is_reply)
            });
            if is_better {
                table.insert(text, root);
            }
        }
        let mut at = 0;
        while let Some(&root) = self.roots.get(at) {
            let found = subject(self, root).and_then(|(text, _)| table.get(&text).copied());
            let Some(held) = found.filter(|held| *held != root) else {
                at += 1;
                continue;
            };
            self.roots.remove(at);
            let held_at = self.roots.iter().position(|root| *root == held);
            self.join(root, held, held_at, &mut table);
            // One that stood before may have left.
            at = at.min(self.roots.len());
        }
        let mut roots = std::mem::take(&mut self.roots);
        for root in &roots {
            let mut children = std::mem::take(&mut self.nodes[*root].children);
            children.sort_by_key(|child| self.order(*child));
            self.nodes[*root].children = children;
        }
        roots.sort_by_key(|root| self.order(*root));
        self.roots = roots;
    }

    /// Puts a thread to another of the same subject.
    fn join(
        &mut self,
        root: usize,
        held: usize,
        held_at: Option<usize>,
        table: &mut HashMap<String, usize>,
    ) {
        let is_reply = |node: &Node| {
            node.message
                .as_ref()
                .is_some_and(|message| message.is_reply)
        };
        match (&self.nodes[root].message, &self.nodes[held].message) {
            (None, None) => {
                for child in std::mem::take(&mut self.nodes[root].children) {
                    self.attach(child, held);
                }
            }
            (Some(_), None) => self.attach(root, held),
            (Some(_), Some(_)) if is_reply(&self.nodes[root]) && !is_reply(&self.nodes[held]) => {
                self.attach(root, held);
            }
            _ => {
                // Neither answers the other, so both are put below what is not here.
                let both = self.push();
                let text = self
                    .first_message(held)
                    .map(|message| message.subject.clone());
                if let Some(at) = held_at {
                    self.roots[at] = both;
                }
                match self.nodes[root].message {
                    Some(_) => self.attach(root, both),
                    None => {
                        for child in std::mem::take(&mut self.nodes[root].children) {
                            self.attach(child, both);
                        }
                    }
                }
                self.attach(held, both);
                if let Some(text) = text {
                    table.insert(text, both);
                }
            }
        }
    }

    fn told(self) -> Vec<MessageThread> {
        let roots = self.roots.iter();
        roots
            .map(|root| self.told_from(*root, THREAD_DEPTH))
            .collect()
    }

    fn told_from(&self, head: usize, depth: usize) -> MessageThread {
        let uid = |node: &Node| node.message.as_ref().map(|message| message.uid);
        let (mut numbers, mut at) = (Vec::new(), &self.nodes[head]);
        numbers.extend(uid(at));
        while let [only] = at.children[..] {
            at = &self.nodes[only];
            numbers.extend(uid(at));
        }
        let Some(depth) = depth.checked_sub(1) else {
            // All that is below, in a row.
            let mut left: Vec<usize> = at.children.iter().rev().copied().collect();
            while let Some(node) = left.pop() {
                numbers.extend(uid(&self.nodes[node]));
                left.extend(self.nodes[node].children.iter().rev());
            }
            return MessageThread::new(numbers, Vec::new());
        };
        let branches = at.children.iter();
        let branches = branches.map(|child| self.told_from(*child, depth));
        MessageThread::new(numbers, branches.collect())
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use imap_proto::response::MessageThread;

    use super::{Threaded, by_references, by_subject};

    /// `uid sent subject id references...`; a subject that begins with `re:` is a reply.
    fn messages(lines: &str) -> Vec<Threaded> {
        let message = |line: &str| {
            let mut words = line.split_whitespace();
            let mut word = || words.next().expect("enough words").to_owned();
            let (uid, sent, subject, id) = (word(), word(), word(), word());
            Threaded {
                uid: uid.parse().expect("a uid"),
                sent: sent.parse().expect("a time"),
                is_reply: subject.starts_with("re:"),
                subject: subject.trim_start_matches("re:").to_owned(),
                id: Some(id).filter(|id| id != "-"),
                references: words.map(str::to_owned).collect(),
            }
        };
        lines.lines().map(message).collect()
    }

    fn told(threads: &[MessageThread]) -> String {
        let mut text = String::new();
        for thread in threads {
            text.push('(');
            let numbers: Vec<String> = thread.numbers.iter().map(ToString::to_string).collect();
            let _ = write!(text, "{}{}", numbers.join(" "), told(&thread.branches));
            text.push(')');
        }
        text
    }

    #[test]
    fn subjects_make_threads_of_two_levels() {
        let lines = "1 10 a -\n2 30 b -\n3 20 a -\n4 40 a -\n5 35 b -";
        assert_eq!(told(&by_subject(messages(lines))), "(1(3)(4))(2 5)");
    }

    #[test]
    fn references_make_trees() {
        let lines = "1 1 a A\n2 2 re:a B A\n3 3 re:a C A B\n4 4 re:a D A\n5 5 z E";
        assert_eq!(told(&by_references(messages(lines))), "(1(2 3)(4))(5)");
    }

    #[test]
    fn what_is_missing_holds_its_answers_together() {
        assert_eq!(
            told(&by_references(messages("1 1 re:a B X\n2 2 re:a C X"))),
            "((1)(2))"
        );
        assert_eq!(told(&by_references(messages("1 1 re:a B X"))), "(1)");
        assert_eq!(
            told(&by_references(messages("1 1 a A\n2 2 re:a C A X"))),
            "(1 2)"
        );
    }

    #[test]
    fn one_subject_is_one_thread() {
        assert_eq!(
            told(&by_references(messages("1 1 a A\n2 2 re:a B"))),
            "(1 2)"
        );
        assert_eq!(
            told(&by_references(messages("1 1 a A\n2 2 a B"))),
            "((1)(2))"
        );
        assert_eq!(
            told(&by_references(messages("1 2 re:a A\n2 1 a B\n3 3 re:a C"))),
            "(2(1)(3))"
        );
        let lines = "1 1 a A\n2 2 a B\n3 3 a C";
        assert_eq!(told(&by_references(messages(lines))), "((1)(2)(3))");
    }

    #[test]
    fn references_in_a_circle_and_identifiers_twice_lose_nothing() {
        assert_eq!(
            told(&by_references(messages("1 1 a A B\n2 2 b B A"))),
            "(2 1)"
        );
        assert_eq!(told(&by_references(messages("1 1 a A A"))), "(1)");
        assert_eq!(told(&by_references(messages("1 1 a A\n2 2 b A"))), "(1)(2)");
    }

    #[test]
    fn depth_is_bounded() {
        let mut lines = String::from("1 1 a 1");
        for uid in 2..20_000 {
            // Each level has two answers.
            let _ = write!(lines, "\n{uid} {uid} re:a {uid} {}", (uid / 2) * 2 - 1);
        }
        let threads = by_references(messages(&lines));
        let numbers = told(&threads)
            .split(|c: char| !c.is_ascii_digit())
            .filter(|n| !n.is_empty())
            .count();
        assert_eq!(numbers, 19_999);
    }
}
