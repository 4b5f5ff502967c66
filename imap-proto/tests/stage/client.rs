//! The client.

use std::time::Duration;

use bytes::Bytes;
use imap_proto::client::{Client, CommandId, Config, Event};
use imap_proto::command::{Append, AppendMessage, CommandBody, QResync, Select};
use imap_proto::response::{Data, Response, Status};
use imap_proto::{Content, Frame, MailboxName, ModSeq, Quirks, Reader};
use mailwire::testing::laws::Answers;
use mailwire::testing::{Said, Settings, Stage, text};
use mailwire::{Machine, TlsInfo};

/// Builds clients from settings and speaks their events.
pub(crate) struct ClientStage;

impl Stage for ClientStage {
    type Machine = Client;

    fn machine(&self, settings: &Settings) -> Result<Client, String> {
        let mut config = Config::new();
        let mut tls = false;
        let mut first = Vec::new();
        for (key, value) in settings.iter() {
            let number = || value.parse::<usize>().map_err(|_| format!("{key}={value}"));
            let limits = &mut config.limits;
            match key {
                "text" => limits.frame.text = number()?,
                "kept_literal" => limits.frame.kept_literal = number()? as u64,
                "pipeline" => limits.pipeline = number()?,
                "messages" => limits.messages = number()?,
                "reply_time" => limits.reply_time = Duration::from_secs(number()? as u64),
                "output" => limits.output = number()?,
                "strict" => config.quirks = Quirks::empty(),
                "pipelining" => config.pipelining = value == "yes",
                "tls" => tls = value == "yes",
                // Given at once, before the greeting has come.
                "first" => first.extend(value.split(',').map(|words| words.replace('_', " "))),
                _ => return Err(format!("unknown setting {key}")),
            }
        }
        let mut client = Client::new(config);
        if tls {
            client.tls_started(TlsInfo::default());
        }
        for words in first {
            self.act(&mut client, &words)?;
        }
        Ok(client)
    }

    fn describe(&self, event: &Event) -> Said {
        Said::Line(match event {
            Event::Greeting(status) => format!("greeting {}", shown(status)),
            Event::Data { command, data } => {
                let name = command.map_or("-".into(), number);
                format!("data {name} {}", described(data))
            }
            Event::Content {
                command,
                fetched,
                length,
            } => {
                let name = command.map_or("-".into(), number);
                format!("content {name} of {} {length} octets", fetched.number)
            }
            Event::Body(piece) => return Said::Body(piece.clone()),
            Event::Completed(id, status) => format!("completed {} {}", number(*id), shown(status)),
            Event::Challenge(id, data) => {
                let data = String::from_utf8_lossy(data.expose());
                format!("challenge {} {data:?}", number(*id))
            }
            Event::Withheld(id, why) => format!("withheld {} {why}", number(*id)),
            Event::Wanted(id, length) => format!("wanted {} {length}", number(*id)),
            Event::Idling(id) => format!("idling {}", number(*id)),
            Event::Unexpected(response) => format!("unexpected {response:?}"),
            Event::Unreadable(error) => format!("unreadable {error}"),
            other => format!("unknown {other:?}"),
        })
    }

    /// Commands are written as in IMAP, without a tag, in capitals; other actions in small letters.
    fn act(&self, client: &mut Client, words: &str) -> Result<(), String> {
        let (verb, rest) = words.split_once(' ').unwrap_or((words, ""));
        let done = match verb {
            "respond" => client.respond(&text::parse(rest)?),
            "cancel" => client.cancel(),
            "done" => client.done(),
            "write" => {
                let mut piece = Bytes::from(text::parse(rest)?);
                client.write_body(&mut piece).map(|()| {
                    assert!(piece.is_empty(), "there is room for what tests send");
                })
            }
            // `append 10+5 INBOX`: messages of so many octets, which are given later.
            "append" => {
                let (lengths, mailbox) = rest.split_once(' ').ok_or("lengths and a mailbox")?;
                let mailbox = MailboxName::new(mailbox).map_err(|_| "a mailbox")?;
                let mut append = Append::new(mailbox, "");
                append.messages.clear();
                for length in lengths.split('+') {
                    let length = length.parse().map_err(|_| "a length")?;
                    let message = AppendMessage::new(Content::Streamed(length));
                    append.messages.push(message);
                }
                client
                    .send(CommandBody::Append(Box::new(append)))
                    .map(|_| ())
            }
            "resynchronise" => {
                let known = QResync::new(
                    7.try_into().expect("not 0"),
                    ModSeq::new(90).expect("not 0"),
                );
                let mailbox = MailboxName::new(rest).map_err(|_| "a mailbox")?;
                let mut select = Select::new(mailbox);
                select.qresync = Some(known);
                client
                    .send(CommandBody::Select(Box::new(select)))
                    .map(|_| ())
            }
            "knows" => {
                let mailbox = client.mailbox().ok_or("nothing is selected")?;
                let uids = mailbox.uids();
                let shown = format!("{} {uids}", mailbox.exists()).trim_end().to_owned();
                return match shown == rest {
                    true => Ok(()),
                    false => Err(format!("it knows {shown}")),
                };
            }
            _ => {
                let frame = Frame::from(Bytes::from([b"x ", &text::parse(words)?[..]].concat()));
                let mut reader = Reader::strict();
                reader.set_utf8(true);
                let command = reader.command(&frame).map_err(|error| error.to_string())?;
                client.send(command.body).map(|_| ())
            }
        };
        done.map_err(|error| error.to_string())
    }
}

fn number(id: CommandId) -> String {
    let shown = format!("{id:?}");
    shown.replace("CommandId(", "A").replace(')', "")
}

fn shown(status: &Status) -> String {
    let code = status.code.as_ref().map(|code| format!("{code:?} "));
    format!(
        "{} {}{}",
        status.kind,
        code.unwrap_or_default(),
        status.text
    )
}

/// As the server has written it, more or less.
fn described(data: &Data) -> String {
    use bytes::Buf;
    use imap_proto::encode::{Encoder, Encoding};
    let mut encoder = Encoder::new(Encoding::responses());
    encoder.response(&Response::Untagged(data.clone()));
    let mut output = mailwire::Output::new(1 << 20);
    let _ = encoder.transfer(&mut output);
    let octets = output.copy_to_bytes(output.remaining());
    text::print(
        octets[2..]
            .strip_suffix(b"\r\n")
            .unwrap_or_else(|| &octets[2..]),
    )
}

/// Configurations for the laws.
pub(crate) const CLIENTS: &[&str] = &[
    "first=CAPABILITY,NOOP,LOGIN_a_b,SELECT_INBOX,FETCH_1:*_FLAGS,NOOP,LOGOUT",
    "first=LOGIN_{1+}\\r\\na_b,UID_FETCH_1_BODY[],SEARCH_ALL,IDLE,LOGOUT output=50",
    "first=AUTHENTICATE_PLAIN_AGEAYg==,append_5_INBOX,NOOP pipelining=no",
    "first=STARTTLS,LOGIN_a_b strict",
    "first=SELECT_a,resynchronise_b,STATUS_x_(MESSAGES),LIST_\"\"_* kept_literal=2 text=200 messages=3",
    "first=append_5_INBOX,append_3_INBOX,UNSELECT",
];

/// An application that does what is asked of it.
pub(crate) struct Obliging;

impl Answers<ClientStage> for Obliging {
    fn answer(&mut self, client: &mut Client, event: &Event) {
        match event {
            Event::Challenge(_, data) => {
                let done = match data.expose() {
                    b"" => client.respond(b"me"),
                    _ => client.cancel(),
                };
                done.expect("a challenge waits");
            }
            Event::Idling(_) => client.done().expect("it idles"),
            _ => {}
        }
    }

    fn proceed(&mut self, client: &mut Client) -> bool {
        client.write_body(&mut Bytes::from_static(b"ab")).is_ok()
    }
}
