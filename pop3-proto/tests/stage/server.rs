//! The server.

use std::time::Duration;

use bytes::{Buf, Bytes};
use mailwire::testing::laws::Answers;
use mailwire::testing::{Dice, Said, Settings, Stage};
use mailwire::{Machine, TlsInfo};
use pop3_proto::capability::{Expire, PerUser};
use pop3_proto::server::{Config, Event, Language, Server, Text};
use pop3_proto::{Maildrop, Refusal, Strictness};

use super::{lossy, unescaped};

/// Builds servers from settings and speaks their events.
pub(crate) struct ServerStage;

impl Stage for ServerStage {
    type Machine = Server;

    fn machine(&self, settings: &Settings) -> Result<Server, String> {
        let mut config = Config::new();
        config.auth_without_tls = true;
        let (mut timestamp, mut refusal, mut tls) = (None, None, false);
        for (key, value) in settings.iter() {
            let number = || value.parse::<usize>().map_err(|_| format!("{key}={value}"));
            let seconds = || Ok::<_, String>(Duration::from_secs(number()? as u64));
            let yes = value == "yes";
            let limits = &mut config.limits;
            match key {
                "command_line" => limits.command_line = number()?,
                "auth_line" => limits.auth_line = number()?,
                "skipped_line" => limits.skipped_line = number()?,
                "errors" => limits.errors = number()? as u32,
                "auth_failures" => limits.auth_failures = number()? as u32,
                "idle_time" => limits.idle_time = seconds()?,
                "login_time" => limits.login_time = seconds()?,
                "auth_time" => limits.auth_time = seconds()?,
                "write_time" => limits.write_time = seconds()?,
                "input" => limits.input = number()?,
                "output" => limits.output = number()?,
                "lenient" => config.strictness = Strictness::lenient(),
                "stls" => config.stls = yes,
                "tls" => tls = yes,
                "auth_without_tls" => config.auth_without_tls = yes,
                "user" => config.user = yes,
                "auth" => {
                    let names = value
                        .split(',')
                        .map(|name| name.parse().map_err(|_| name.to_owned()));
                    config.mechanisms = names.collect::<Result<_, _>>()?;
                }
                "utf8" => config.utf8 = yes,
                "languages" => config.languages.push(german()),
                "expire" => {
                    config.expire = Some(PerUser {
                        value: match value {
                            "never" => Expire::Never,
                            _ => Expire::Days(number()? as u32),
                        },
                        varies: true,
                    });
                }
                "login_delay" => {
                    config.login_delay = Some(PerUser {
                        value: number()? as u32,
                        varies: false,
                    });
                }
                "implementation" => {
                    config.implementation = Some(value.parse().map_err(|_| value)?);
                }
                "apop" => timestamp = Some(value.parse().map_err(|_| value)?),
                "refuse" => {
                    let text = value.replace('_', " ");
                    refusal = Some(text.parse::<Refusal>().map_err(|_| text)?);
                }
                _ => return Err(format!("unknown setting {key}")),
            }
        }
        let mut server = match (refusal, timestamp) {
            (Some(refusal), _) => Server::refusing(config, refusal),
            (None, Some(timestamp)) => Server::with_apop(config, timestamp),
            (None, None) => Server::new(config),
        };
        if tls {
            server.tls_started(TlsInfo::default());
        }
        Ok(server)
    }

    fn describe(&self, event: &Event) -> Said {
        Said::Line(match event {
            Event::Login(login) => {
                format!("login {} {:?}", login.name, lossy(login.password.expose()))
            }
            Event::Apop(apop) => format!("apop {} {}", apop.name, apop.digest),
            Event::Auth(auth) => match &auth.initial {
                None => format!("auth {}", auth.mechanism),
                Some(initial) => format!("auth {} {:?}", auth.mechanism, lossy(initial.expose())),
            },
            Event::AuthData(data) => format!("auth-data {:?}", lossy(data.expose())),
            Event::AuthCancelled => "auth-cancelled".into(),
            Event::Retrieve(retrieve) => {
                let lines = retrieve.lines.map(|lines| format!(" {lines}"));
                let mode = if retrieve.utf8 { " utf8" } else { "" };
                format!(
                    "retrieve {}{}{mode}",
                    retrieve.number,
                    lines.unwrap_or_default()
                )
            }
            Event::Update(update) => {
                format!(
                    "update deleted {:?} retrieved {:?}",
                    update.deleted, update.retrieved
                )
            }
            Event::Rejected(refusal) => format!("rejected {refusal}"),
            other => format!("unknown {other:?}"),
        })
    }

    /// `open 120:a 200:b` answers a login; `send` answers RETR and writes the whole message,
    /// `write` and `finish` do the rest of it.
    fn act(&self, server: &mut Server, words: &str) -> Result<(), String> {
        let (verb, rest) = words.split_once(' ').unwrap_or((words, ""));
        let done = match verb {
            "open" => server.open(maildrop(rest)?),
            "ok" => server.ok(),
            "err" => server.err(rest.parse().map_err(|_| format!("no refusal: {rest}"))?),
            "challenge" => server.challenge(&unescaped(rest)?),
            "send" => {
                let mut message = Bytes::from(unescaped(rest)?);
                server.ok().and_then(|()| {
                    server.write_body(&mut message)?;
                    assert!(message.is_empty(), "there is room for what tests send");
                    server.finish_body()
                })
            }
            "write" => {
                let mut piece = Bytes::from(unescaped(rest)?);
                server.write_body(&mut piece)
            }
            "finish" => server.finish_body(),
            "abort" => server.abort_body(),
            _ => return Err(format!("unknown action {verb}")),
        };
        done.map_err(|error| error.to_string())
    }
}

/// Messages as `size:id`.
fn maildrop(words: &str) -> Result<Maildrop, String> {
    let mut maildrop = Maildrop::new();
    for word in words.split_whitespace() {
        let (size, unique_id) = word.split_once(':').ok_or("size:id is wanted")?;
        let size = size.parse().map_err(|_| "a size is wanted")?;
        maildrop
            .push(size, unique_id)
            .map_err(|error| error.to_string())?;
    }
    Ok(maildrop)
}

fn german() -> Language {
    let translate = |text| match text {
        Text::LanguageChanged => Some("Sprache gewechselt"),
        Text::NoSuchMessage => Some("Diese Nachricht gibt es nicht"),
        Text::Bye => Some("Auf Wiedersehen"),
        Text::Nothing => Some("two\r\nlines"),
        _ => None,
    };
    Language::new("de", "Deutsch", translate).expect("a language")
}

/// Servers that the laws are checked on.
#[allow(dead_code, reason = "each test file uses its part of the stage")]
pub(crate) const CONFIGURATIONS: &[&str] = &[
    "",
    "lenient stls auth=PLAIN,LOGIN utf8 languages apop=<1@mx.test>",
    "auth_without_tls=no stls auth=PLAIN",
    "tls auth=PLAIN auth_without_tls=no auth_failures=2 errors=4",
    "command_line=20 auth_line=40 skipped_line=60 input=16 output=0 auth=X",
    "output=50 lenient expire=0 login_delay=9 implementation=x",
    "refuse=[SYS/TEMP]_Not_now",
];

/// An application of many moods: its answers follow from a number and from how many it gave.
#[allow(dead_code, reason = "each test file uses its part of the stage")]
#[derive(Debug, Clone)]
pub(crate) struct Whims {
    dice: Dice,
    /// What is still to be sent of a message.
    sending: Bytes,
}

#[allow(dead_code, reason = "each test file uses its part of the stage")]
impl Whims {
    pub(crate) fn new(mood: u64) -> Self {
        Self {
            dice: mood.into(),
            sending: Bytes::new(),
        }
    }

    fn refusal(&mut self) -> Refusal {
        let text = match self.dice.roll() {
            0..4 => "[IN-USE] Locked",
            4..8 => "[SYS/TEMP] Later",
            _ => "[AUTH] No",
        };
        text.parse().expect("a refusal")
    }
}

impl Answers<ServerStage> for Whims {
    fn answer(&mut self, server: &mut Server, event: &Event) {
        let roll = self.dice.roll();
        let answered = match event {
            Event::AuthCancelled | Event::Rejected(_) => return,
            _ if roll < 3 => {
                let refusal = self.refusal();
                server.err(refusal)
            }
            Event::Auth(_) | Event::AuthData(_) if roll < 9 => server.challenge(b"and?"),
            Event::Login(_) | Event::Apop(_) | Event::Auth(_) | Event::AuthData(_) => {
                server.open(maildrop("12:a 2:b 30:ccc").expect("a maildrop"))
            }
            Event::Retrieve(_) => {
                let messages = [&b""[..], b"A: b\n\n.x\ny", b"\r\n.\r\n", b"\n.\n\n"];
                self.sending =
                    Bytes::from_static(messages[self.dice.roll() as usize % messages.len()]);
                server.ok()
            }
            _ => server.ok(),
        };
        answered.expect("an event that waits");
    }

    fn proceed(&mut self, server: &mut Server) -> bool {
        // Two octets at a time, and when all are sent it ends, or it does not.
        let mut piece = self.sending.slice(..self.sending.len().min(2));
        if !piece.is_empty() {
            let offered = piece.len();
            let written = server.write_body(&mut piece);
            written.expect("a message that is being sent");
            self.sending.advance(offered - piece.len());
            return true;
        }
        let ended = match self.dice.roll() {
            0 => server.abort_body(),
            _ => server.finish_body(),
        };
        ended.is_ok()
    }
}
