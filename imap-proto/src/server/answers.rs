//! The answers of the application.

use mailwire::ApiMisuse;

use super::question::{Back, Ending, Question, Running};
use super::replies::completed;
use super::selected::Selected;
use super::session::{Enabled, Standing};
use super::{Refusal, Server, State, misuse, offers};
use crate::command::By;
use crate::error::Error;
use crate::response::{Code, CodeWord, Data, InProgress, Status, StatusKind};
use crate::set::{NumberSet, OrderedSet};

impl Server {
    /// Says yes to the event that waits.
    ///
    /// # Errors
    ///
    /// If none waits, or one that is answered otherwise. Nothing has changed then.
    pub fn ok(&mut self) -> Result<(), ApiMisuse> {
        self.succeed("ok", None)
    }

    /// Says yes to the event that waits, with something that programs should know: the UIDs of messages that
    /// were added, copied, or left alone.
    ///
    /// The UIDs of `MODIFIED` are turned into sequence numbers where that is what the client uses.
    ///
    /// # Errors
    ///
    /// As for [`ok`](Self::ok).
    pub fn ok_with(&mut self, code: impl Into<Code>) -> Result<(), ApiMisuse> {
        self.succeed("ok_with", Some(code.into()))
    }

    /// Says no to the event that waits, whatever it is.
    ///
    /// A login that is refused with the code [`AuthenticationFailed`](CodeWord::AuthenticationFailed) counts
    /// as a wrong guess, and the last one that is put up with ends the session; one without a code counts as an error of
    /// the client's.
    ///
    /// # Errors
    ///
    /// If no event waits. Nothing has changed then.
    pub fn no(&mut self, refusal: impl Into<Refusal>) -> Result<(), ApiMisuse> {
        let running = self.running("no")?;
        let status = refusal.into().into_status(StatusKind::No);
        self.refuse(running, status);
        Ok(())
    }

    /// Says that the command that waits makes no sense. Few applications need it: grammar and states are the
    /// machine's.
    ///
    /// # Errors
    ///
    /// If no event waits. Nothing has changed then.
    pub fn bad(&mut self, refusal: impl Into<Refusal>) -> Result<(), ApiMisuse> {
        let running = self.running("bad")?;
        let status = refusal.into().into_status(StatusKind::Bad);
        self.refuse(running, status);
        Ok(())
    }

    /// Tells something that the command that waits has asked for: a mailbox, a status, a namespace,
    /// quotas and so on; what is about messages has methods of its own.
    ///
    /// What NOTIFY has asked for is told with [`notice`](Self::notice).
    ///
    /// # Errors
    ///
    /// If nothing that waits has asked for this.
    pub fn data(&mut self, data: Data) -> Result<(), ApiMisuse> {
        if !self.question("data")?.fits(&data) {
            return Err(misuse("data", "nobody has asked for this"));
        }
        self.speaker.untagged(data);
        Ok(())
    }

    /// Tells people something: `OK`, `NO` or `BAD` without a command that it would end. With the code
    /// [`Alert`](CodeWord::Alert) clients have to show it.
    ///
    /// # Errors
    ///
    /// If it is a greeting or a farewell, or while an answer is being sent.
    pub fn inform(&mut self, status: Status) -> Result<(), ApiMisuse> {
        let here = matches!(
            self.state,
            State::Answering(_) | State::Command | State::Idling(_) | State::Appending(_)
        );
        if !here || matches!(status.kind, StatusKind::PreAuth | StatusKind::Bye) {
            return Err(misuse("inform", "there is no place for this"));
        }
        self.speaker.untagged(Data::Status(status));
        Ok(())
    }

    /// Tells how far the command has come that waits (RFC 9585): so much is done of so much. For those that take
    /// more than some seconds.
    ///
    /// # Errors
    ///
    /// If no event waits for an answer.
    pub fn progress(&mut self, done: Option<u64>, goal: Option<u64>) -> Result<(), ApiMisuse> {
        self.question("progress")?;
        let State::Answering(running) = &self.state else {
            unreachable!("there is a question");
        };
        let tag = Some(running.tag.clone());
        let code = Code::InProgress(Some(Box::new(InProgress::new(tag, done, goal))));
        self.speaker.note(code, "Still working");
        Ok(())
    }

    /// Answers `Select`: this is the mailbox. It stays selected until another one is, or `Close` comes.
    ///
    /// # Errors
    ///
    /// If no `Select` waits. Nothing has changed then.
    pub fn selected(&mut self, selected: Selected) -> Result<(), ApiMisuse> {
        let Question::Select(selecting) = self.question("selected")? else {
            return Err(misuse("selected", "no SELECT waits"));
        };
        if matches!(self.session.standing, Standing::Selected(_)) {
            return Err(misuse("selected", "it is selected already"));
        }
        let read_only = selecting.read_only;
        let known = selecting.qresync.as_ref();
        let knows_others = known.is_some_and(|known| known.uid_validity != selected.uid_validity);
        let selection = selected.open(&self.config, &self.session, read_only, &mut self.speaker);
        self.session.standing = Standing::Selected(Box::new(selection));
        if let (true, Ok(Question::Select(selecting))) = (knows_others, self.asked("selected")) {
            // What the client knows is about messages of another time (RFC 7162 section 3.2.5.1).
            selecting.qresync = None;
        }
        Ok(())
    }

    pub(super) fn succeed(
        &mut self,
        call: &'static str,
        code: Option<Code>,
    ) -> Result<(), ApiMisuse> {
        match self.question(call)? {
            Question::Search(_) => return Err(misuse(call, "SEARCH is answered with `found`")),
            Question::Sort(_) => return Err(misuse(call, "SORT is answered with `sorted`")),
            Question::Thread(_) => return Err(misuse(call, "THREAD is answered with `threads`")),
            Question::Select(_) if !matches!(self.session.standing, Standing::Selected(_)) => {
                return Err(misuse(call, "SELECT is answered with `selected` first"));
            }
            _ => {}
        }
        let mut running = self.running(call)?;
        match running.question {
            Question::Login | Question::Auth => {
                self.session.standing = Standing::Authenticated;
                self.session.auth_failures = 0;
                self.login_timer.disarm();
                let offered = offers::capabilities(&self.config, &self.session);
                let code = Code::Capability(offered);
                self.finish(running, Some(code));
            }
            Question::Select(ref selecting) => {
                let read_only = match self.session.selection() {
                    Some(selection) => selection.read_only,
                    None => selecting.read_only,
                };
                let code = match read_only {
                    true => CodeWord::ReadOnly,
                    false => CodeWord::ReadWrite,
                };
                self.finish(running, Some(code.into()));
            }
            Question::Close => {
                self.session.standing = Standing::Authenticated;
                self.finish(running, None);
            }
            Question::Append(appending) => self.append_accepted(*appending, code),
            Question::Move => {
                // RFC 6851 section 4.3: the new UIDs are told before the old ones are gone.
                if let Some(code) = code {
                    self.speaker.note(code, "Moved");
                }
                self.finish(running, None);
            }
            Question::Refresh(back) => self.go_back(*back),
            Question::Notify(ref mut notices) => {
                self.session.notices = Some(std::mem::take(notices));
                self.finish(running, code);
            }
            Question::Fetch(ref mut fetching) if fetching.back.is_some() => {
                if let Some(back) = fetching.back.take() {
                    self.go_back(back);
                }
            }
            _ => self.finish(running, code),
        }
        Ok(())
    }

    /// A command has worked; news are told, then it is answered.
    pub(super) fn finish(&mut self, running: Running, code: Option<Code>) {
        let gone = running.question.may_tell_gone();
        let expunges = matches!(running.question, Question::Expunge(_) | Question::Move);
        let mut status = completed(running.name);
        status.code = code;
        let qresync = self.session.enabled.contains(Enabled::QRESYNC);
        let view = self.session.view();
        match (running.question, view) {
            // What was asked for is gone, and the client does not know: RFC 5530, RFC 2180 section 4.
            (Question::Fetch(fetching), Some(view)) if fetching.by == By::Sequence => {
                let missing = fetching.uids.difference(&fetching.told);
                if fetching.gone || !view.gone_among(&missing).is_empty() {
                    status = Refusal::from(CodeWord::ExpungeIssued).into_status(StatusKind::No);
                }
            }
            (Question::Store(storing), Some(view)) => {
                if let Some(Code::Modified(uids)) = &mut status.code {
                    if storing.by == By::Sequence {
                        *uids = view.numbers_of(uids);
                    }
                }
                let missing = storing.uids.difference(&storing.told);
                let gone = storing.gone || !view.gone_among(&missing).is_empty();
                if storing.by == By::Sequence && gone {
                    let code = status.code.unwrap_or(Code::Word(CodeWord::ExpungeIssued));
                    status = Refusal::from(CodeWord::ExpungeIssued)
                        .with_code(code)
                        .into_status(StatusKind::No);
                }
            }
            (Question::Expunge(true), Some(view)) if qresync => {
                // RFC 7162 section 3.2.7
                status.code = view.highest().map(Code::HighestModSeq);
            }
            _ => {}
        }
        self.end_with(Ending {
            tag: running.tag,
            status,
            gone,
            expunges,
        });
    }

    /// What waits for an answer is not done.
    pub(super) fn refuse(&mut self, running: Running, status: Status) {
        let gone = running.question.may_tell_gone();
        match running.question {
            Question::Login | Question::Auth => {
                let code = status.code.clone();
                self.speaker.answer(Some(running.tag), status);
                match code {
                    Some(Code::Word(CodeWord::AuthenticationFailed)) => {}
                    // Another reason is not the client's fault.
                    Some(_) => return,
                    None => return self.count_error(),
                }
                self.session.auth_failures += 1;
                if self.session.auth_failures >= self.config.limits.auth_failures {
                    self.speaker.bye("Too many failed logins");
                    self.fail(Error::TooManyAuthFailures);
                }
            }
            Question::Select(_) => {
                // RFC 9051 section 6.3.2: nothing is selected then.
                self.session.standing = Standing::Authenticated;
                self.end(running.tag, status, gone);
            }
            Question::Append(appending) => self.drop_append(*appending, status),
            Question::Search(wanted) | Question::Sort(wanted) => {
                // RFC 5182 section 2.1: what was saved is gone.
                if let (Some(_), Some(view)) = (&wanted.returned, self.session.view()) {
                    if wanted.saved(&OrderedSet::default()).is_some() {
                        view.save(NumberSet::new());
                    }
                }
                self.end(running.tag, status, gone);
            }
            // Nothing is told of them then; the next time they change it is.
            Question::Refresh(back) => self.go_back(*back),
            Question::Fetch(fetching) => match fetching.back {
                Some(back) => self.go_back(back),
                None => self.end(running.tag, status, gone),
            },
            _ => self.end(running.tag, status, gone),
        }
    }

    pub(super) fn question(&self, call: &'static str) -> Result<&Question, ApiMisuse> {
        match &self.state {
            State::Answering(running) => Ok(&running.question),
            _ => Err(misuse(call, "no event waits for an answer")),
        }
    }

    pub(super) fn asked(&mut self, call: &'static str) -> Result<&mut Question, ApiMisuse> {
        match &mut self.state {
            State::Answering(running) => Ok(&mut running.question),
            _ => Err(misuse(call, "no event waits for an answer")),
        }
    }

    /// Takes what waits for an answer out of the state, which is set by whoever answers.
    pub(super) fn running(&mut self, call: &'static str) -> Result<Running, ApiMisuse> {
        match std::mem::replace(&mut self.state, State::Command) {
            State::Answering(running) | State::Sending(running, 0) => Ok(*running),
            other => {
                self.state = other;
                Err(misuse(call, "no event waits for an answer"))
            }
        }
    }

    fn go_back(&mut self, back: Back) {
        self.state = match back {
            Back::Ending(ending) => State::Telling(Box::new(ending)),
            Back::Idle(tag) => State::Idling(tag),
            Back::Command => State::Command,
        };
    }
}
