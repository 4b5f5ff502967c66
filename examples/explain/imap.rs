//! IMAP: frames, as the framer finds them.

use imap_proto::command::{Command, CommandBody, is_idle_done};
use imap_proto::frame::{Found, Framer};
use imap_proto::response::{Data, FetchItem, Response, Status};
use imap_proto::{Capability, Extension, Frame, Reader};
use mailwire::{Input, auth};

use super::{From, Unit};

pub(crate) fn explain(from: From, octets: &[u8]) -> Vec<Unit> {
    let framer = match from {
        From::Server => Framer::responses(),
        From::Client => Framer::commands(),
    };
    let framer = framer.with_bare_lf(true);
    let input = Input::new(framer.input_limit());
    let mut recording = Recording {
        from,
        framer,
        input,
        utf8: false,
        within: Within::Nothing,
        units: Vec::new(),
    };
    recording.read(octets);
    recording.units
}

struct Recording {
    from: From,
    framer: Framer,
    input: Input,
    /// Whether names of mailboxes are in UTF-8 from here on.
    utf8: bool,
    within: Within,
    units: Vec<Unit>,
}

/// Which command the client is within, whose next line may be none.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Nothing,
    Idle,
    Authenticate,
}

impl Recording {
    fn read(&mut self, octets: &[u8]) {
        let mut fed = 0;
        // The line in which the next unit begins, and up to where lines have been counted.
        let (mut line, mut counted) = (1, 0);
        loop {
            let found = match self.framer.next(&mut self.input) {
                Ok(found) => found,
                Err(error) => {
                    self.units.push(Unit::error(line, error));
                    return;
                }
            };
            match found {
                Found::Incomplete if fed == octets.len() => break,
                Found::Incomplete => fed += self.input.extend(&octets[fed..]),
                Found::Literal(announced) if announced.fits => self.framer.keep(),
                Found::Literal(_) => self.framer.stream(&mut self.input),
                Found::Piece { .. } => {}
                Found::Frame(frame) => {
                    self.unit(line, &frame);
                    line += self.lines(octets, &mut counted, fed);
                }
                Found::Refused(refused) => {
                    self.units
                        .push(Unit::error(line, format!("{:?}", refused.why)));
                    line += self.lines(octets, &mut counted, fed);
                }
            }
        }
        if self.framer.is_within_frame(&self.input) {
            self.units
                .push(Unit::error(line, "the recording ends within a unit"));
        }
    }

    /// How many lines were read since they were last counted.
    fn lines(&self, octets: &[u8], counted: &mut usize, fed: usize) -> usize {
        let read = fed - self.input.len();
        let ends = octets[*counted..read]
            .iter()
            .filter(|octet| **octet == b'\n');
        *counted = read;
        ends.count()
    }

    fn unit(&mut self, line: usize, frame: &Frame) {
        let unit = match self.from {
            From::Server => self.response(line, frame),
            From::Client => self.command(line, frame),
        };
        self.units.push(unit);
    }

    fn response(&mut self, line: usize, frame: &Frame) -> Unit {
        let mut reader = self.reader();
        let response = match reader.response(frame) {
            Ok(response) => response,
            Err(error) => return Unit::error(line, error),
        };
        if let Response::Untagged(Data::Enabled(capabilities)) = &response {
            self.enable(capabilities);
        }
        let (kind, detail) = meaning(frame, &response);
        Unit::new(line, kind, detail + &forgiven(&reader))
    }

    fn command(&mut self, line: usize, frame: &Frame) -> Unit {
        let within = std::mem::replace(&mut self.within, Within::Nothing);
        if within == Within::Idle && is_idle_done(frame.octets()) {
            return Unit::new(line, "DONE", "the end of IDLE");
        }
        let mut reader = self.reader();
        let Command { tag, body, .. } = match reader.command(frame) {
            Ok(command) => command,
            Err(_) if within == Within::Authenticate && is_answer(frame.octets()) => {
                self.within = within;
                return Unit::new(line, "answer", "an answer to a challenge");
            }
            Err(error) => return Unit::error(line, error),
        };
        match &body {
            CommandBody::Idle => self.within = Within::Idle,
            CommandBody::Authenticate(_) => self.within = Within::Authenticate,
            CommandBody::Enable(capabilities) => self.enable(capabilities),
            _ => {}
        }
        let detail = format!("tag {tag}, {body:?}") + &forgiven(&reader);
        Unit::new(line, body.name(), detail)
    }

    fn reader(&self) -> Reader {
        let mut reader = Reader::lenient();
        reader.set_utf8(self.utf8);
        reader
    }

    fn enable(&mut self, capabilities: &[Capability]) {
        let utf8 = [Extension::Utf8Accept, Extension::Imap4Rev2].map(Capability::Known);
        self.utf8 |= capabilities.iter().any(|enabled| utf8.contains(enabled));
    }
}

/// The name of a response, and what it says.
fn meaning(frame: &Frame, response: &Response) -> (String, String) {
    match response {
        Response::Continuation(request) => ("+".into(), request.text.to_string()),
        Response::Tagged { tag, status } => {
            let detail = format!("tag {tag}, {}", told(status));
            (status.kind.to_string(), detail)
        }
        Response::Untagged(Data::Status(status)) => (status.kind.to_string(), told(status)),
        Response::Untagged(Data::Unknown(unknown)) => ("unknown".into(), format!("{unknown:?}")),
        Response::Untagged(Data::Fetch(fetched))
            if fetched
                .items
                .iter()
                .any(|item| matches!(item, FetchItem::Invalid(_))) =>
        {
            ("invalid".into(), format!("{fetched:?}"))
        }
        Response::Untagged(data) => (name(frame), format!("{data:?}")),
        other => (name(frame), format!("{other:?}")),
    }
}

fn told(status: &Status) -> String {
    match &status.code {
        Some(code) => format!("{code:?}: {}", status.text),
        None => status.text.to_string(),
    }
}

/// The first word behind the asterisk that is no number.
fn name(frame: &Frame) -> String {
    let mut words = frame.octets().split(|octet| *octet == b' ').skip(1);
    let name = words.find(|word| !word.iter().all(u8::is_ascii_digit));
    String::from_utf8_lossy(name.unwrap_or_default()).to_uppercase()
}

fn is_answer(line: &[u8]) -> bool {
    line == b"*" || auth::decode(line).is_ok()
}

fn forgiven(reader: &Reader) -> String {
    let fired = reader.fired();
    match fired.is_empty() {
        true => String::new(),
        false => {
            let names: Vec<_> = fired.iter_names().map(|(name, _)| name).collect();
            format!(" (forgiven: {})", names.join(", "))
        }
    }
}
