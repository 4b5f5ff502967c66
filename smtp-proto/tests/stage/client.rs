//! The client on the stage of `mailwire::testing`.

use std::time::Duration;

use bytes::Bytes;
use mailwire::dot::Strays;
use mailwire::testing::laws::Answers;
use mailwire::testing::{Dice, Said, Settings, Stage, text};
use mailwire::{Machine, Secret, TlsInfo};
use smtp_proto::client::{Client, Config, Delivery, Event, Fate, Refused};
use smtp_proto::command::Command;
use smtp_proto::server::Protocol;
use smtp_proto::{Extension, ReversePath, Strictness};

/// Builds clients from settings, speaks their events, and does what a transcript says.
pub(crate) struct ClientStage;

impl Stage for ClientStage {
    type Machine = Client;

    fn machine(&self, settings: &Settings) -> Result<Client, String> {
        let mut config = Config::new("c.test".parse().expect("a name"));
        let mut tls = false;
        for (key, value) in settings.iter() {
            let number = || value.parse::<usize>().map_err(|_| format!("{key}={value}"));
            let seconds = || Ok::<_, String>(Duration::from_secs(number()? as u64));
            let yes = value == "yes";
            let limits = &mut config.limits;
            match key {
                "reply_line" => limits.reply_line = number()?,
                "reply_lines" => limits.reply_lines = number()?,
                "input" => limits.input = number()?,
                "output" => limits.output = number()?,
                "pipeline" => limits.pipeline = number()?,
                "chunk" => limits.chunk = number()?,
                "eager_body" => limits.eager_body = number()? as u64,
                "greeting_time" => limits.greeting_time = seconds()?,
                "command_time" => limits.command_time = seconds()?,
                "data_time" => limits.data_time = seconds()?,
                "block_time" => limits.block_time = seconds()?,
                "message_time" => limits.message_time = seconds()?,
                "quit_time" => limits.quit_time = seconds()?,
                "lmtp" => config.protocol = Protocol::Lmtp,
                "tls" => tls = yes,
                "auth_without_tls" => config.auth_without_tls = yes,
                "bare" => {
                    config.strays = match value {
                        "reject" => Strays::Reject,
                        "normalise" => Strays::Normalise,
                        "allow" => Strays::Allow,
                        _ => return Err(format!("bare={value}")),
                    }
                }
                "ignore" => {
                    for keyword in value.split(',') {
                        let extension = Extension::from_keyword(keyword).ok_or(keyword)?;
                        config.ignored.insert(extension);
                    }
                }
                _ => return Err(format!("unknown setting {key}")),
            }
        }
        let mut client = Client::new(config);
        if tls {
            client.tls_started(TlsInfo::default());
        }
        Ok(client)
    }

    fn describe(&self, event: &Event) -> Said {
        Said::Line(match event {
            Event::Ready(capabilities) => {
                let offered = capabilities.extensions.iter();
                let names: Vec<_> = offered.map(|extension| extension.keyword()).collect();
                format!("ready {}", names.join(" ")).trim_end().to_owned()
            }
            Event::Replied(reply) => format!("replied {reply}"),
            Event::Challenge(challenge) => {
                format!(
                    "challenge {:?}",
                    String::from_utf8_lossy(challenge.expose())
                )
            }
            Event::Authenticated(reply) => format!("authenticated {reply}"),
            Event::SendBody => "send-body".into(),
            Event::Delivered(outcome) => {
                let fates = outcome.fates().iter().map(|fate| match fate {
                    Fate::Delivered(reply) => format!("delivered {}", reply.code()),
                    Fate::Temporary(reply) => format!("temporary {}", reply.code()),
                    Fate::Permanent(reply) => format!("permanent {}", reply.code()),
                    Fate::Interrupted => "interrupted".to_owned(),
                    Fate::Unknown => "unknown".to_owned(),
                });
                format!("delivered {}", fates.collect::<Vec<_>>().join(", "))
            }
            other => format!("unknown {other:?}"),
        })
    }

    fn act(&self, client: &mut Client, words: &str) -> Result<(), String> {
        // `refused WHY COMMAND`: the command is not sent, for this reason.
        if let Some(rest) = words.strip_prefix("refused ") {
            let (why, command) = rest.split_once(' ').ok_or("refused WHY COMMAND")?;
            return match run(client, command)? {
                Err(refused) if format!("{refused:?}").replace(' ', "") == why => Ok(()),
                other => Err(format!("{command}: {other:?}")),
            };
        }
        run(client, words)?.map_err(|refused| refused.to_string())
    }

    /// A chunk, besides.
    const LONGEST_REPLY: usize = 8 * 1024;
}

fn run(client: &mut Client, words: &str) -> Result<Result<(), Refused>, String> {
    let (verb, rest) = words.split_once(' ').unwrap_or((words, ""));
    let mechanism = |word: &str| word.parse().map_err(|_| word.to_owned());
    Ok(match verb {
        "deliver" => client.deliver(delivery(rest)?),
        "body" => {
            let mut piece = Bytes::from(text::parse(rest)?);
            let written = client.write_body(&mut piece);
            if written.is_ok() && !piece.is_empty() {
                return Err(format!("{} octets were not taken", piece.len()));
            }
            written
        }
        "finish" => client.finish_body(),
        "abandon" => client.abandon_body(),
        "starttls" => client.start_tls(),
        "auth" => match rest.split_once(' ') {
            None => client.auth(&mechanism(rest)?, None),
            Some((name, initial)) => {
                let initial = Secret::from(text::parse(initial)?);
                client.auth(&mechanism(name)?, Some(&initial))
            }
        },
        "respond" => client.respond(&Secret::from(text::parse(rest)?)),
        "cancel" => client.cancel(),
        "noop" => client.noop(),
        "verify" => client.verify(&rest.parse().map_err(|_| rest)?),
        "expand" => client.expand(&rest.parse().map_err(|_| rest)?),
        "etrn" => client.etrn(&rest.parse().map_err(|_| rest)?),
        _ => return Err(format!("unknown action {verb}")),
    })
}

/// `FROM [PARAMETERS] / TO [PARAMETERS] / ...`, as they stand behind `MAIL FROM:` and `RCPT TO:`.
pub(crate) fn delivery(words: &str) -> Result<Delivery, String> {
    let mut parts = words.split(" / ");
    let from = format!("MAIL FROM:{}", parts.next().unwrap_or_default());
    let Ok(Command::Mail(mail)) = Command::parse(from.as_bytes(), &Strictness::strict()) else {
        return Err(from);
    };
    let mut delivery = Delivery::new(ReversePath::Null);
    delivery.mail = mail;
    for to in parts {
        let to = format!("RCPT TO:{to}");
        match Command::parse(to.as_bytes(), &Strictness::strict()) {
            Ok(Command::Rcpt(rcpt)) => delivery.recipients.push(rcpt),
            _ => return Err(to),
        }
    }
    Ok(delivery)
}

/// Clients that the laws are checked on.
#[allow(dead_code, reason = "each test file uses its part of the stage")]
pub(crate) const CONFIGURATIONS: &[&str] = &[
    "",
    "auth_without_tls pipeline=2 output=40 chunk=10",
    "lmtp chunk=5 eager_body=0",
    "tls ignore=CHUNKING bare=reject",
    "lmtp ignore=PIPELINING bare=allow input=16 reply_line=60 reply_lines=3",
    "ignore=CHUNKING,PIPELINING output=0 auth_without_tls",
];

/// An application of many moods: what it does next follows from a number.
#[allow(dead_code, reason = "each test file uses its part of the stage")]
#[derive(Debug, Clone)]
pub(crate) struct ClientWhims(pub(crate) Dice);

impl Answers<ClientStage> for ClientWhims {
    fn answer(&mut self, client: &mut Client, event: &Event) {
        let mood = self.0.roll();
        // What does not fit is refused, and that is all.
        let _ = match event {
            Event::SendBody => {
                let _ = client.write_body(&mut Bytes::from_static(BODIES[mood as usize % 4]));
                match mood {
                    0 => client.abandon_body(),
                    _ => client.finish_body().or_else(|_| client.abandon_body()),
                }
            }
            Event::Challenge(_) if mood < 4 => client.cancel(),
            Event::Challenge(_) => client.respond(&Secret::from(b"tanstaaf".to_vec())),
            _ => match mood {
                0 => client.noop(),
                1 => client.start_tls(),
                2..4 => client.auth(&"PLAIN".parse().expect("a mechanism"), None),
                4 => {
                    client.shutdown();
                    Ok(())
                }
                5 => client.verify(&"x".parse().expect("a question")),
                mood => client.deliver(delivery(DELIVERIES[mood as usize % 4]).expect("legal")),
            },
        };
    }
}

/// One octet fits, however much waits to be sent.
const BODIES: [&[u8]; 4] = [b"", b".", b"\n", b"\r"];

const DELIVERIES: [&str; 4] = [
    "<a@b.test> / <x@mx.test>",
    "<> SIZE=10 / <x@mx.test> / <y@mx.test>",
    "<a@b.test> BODY=BINARYMIME / <x@mx.test> / <x@mx.test> / <x@mx.test>",
    "<a@b.test> SIZE=100000 / <x@mx.test> NOTIFY=NEVER",
];
