//! The machines on the stage of `mailwire::testing`.

#[allow(dead_code, reason = "each test file uses its part of the stage")]
pub(crate) mod client;

use std::time::Duration;

use mailwire::dot::Strays;
use mailwire::testing::laws::Answers;
use mailwire::testing::{Dice, Said, Settings, Stage};
use mailwire::{Machine, TlsInfo};
use smtp_proto::parameter::Interval;
use smtp_proto::server::{Config, Event, Protocol, Server};
use smtp_proto::{Extension, Reply, Strictness};

/// Builds servers from settings and speaks their events.
pub(crate) struct ServerStage;

impl Stage for ServerStage {
    type Machine = Server;

    fn machine(&self, settings: &Settings) -> Result<Server, String> {
        let mut config = Config::new("mx.test".parse().expect("a domain"));
        let mut refusal = None;
        let mut tls = false;
        for (key, value) in settings.iter() {
            let number = || value.parse::<usize>().map_err(|_| format!("{key}={value}"));
            let seconds = || Ok::<_, String>(Duration::from_secs(number()? as u64));
            let yes = value == "yes";
            let limits = &mut config.limits;
            match key {
                "command_line" => limits.command_line = number()?,
                "auth_line" => limits.auth_line = number()?,
                "skipped_line" => limits.skipped_line = number()?,
                "message" => {
                    limits.message = (value != "none")
                        .then(number)
                        .transpose()?
                        .map(|n| n as u64)
                }
                "skipped_message" => limits.skipped_message = number()? as u64,
                "recipients" => limits.recipients = number()? as u32,
                "domains" => limits.recipient_domains = Some(number()? as u32),
                "messages" => limits.messages = Some(number()? as u32),
                "greeting_delay" => limits.greeting_delay = seconds()?,
                "errors" => limits.errors = number()? as u32,
                "idle_commands" => limits.idle_commands = number()? as u32,
                "auth_failures" => limits.auth_failures = number()? as u32,
                "command_time" => limits.command_time = seconds()?,
                "data_time" => limits.data_time = seconds()?,
                "message_time" => limits.message_time = seconds()?,
                "auth_time" => limits.auth_time = seconds()?,
                "input" => limits.input = number()?,
                "output" => limits.output = number()?,
                "lmtp" => config.protocol = Protocol::Lmtp,
                "lenient" => {
                    config.strictness = Strictness::lenient("our.test".parse().expect("a domain"));
                }
                "bare" => {
                    config.strays = match value {
                        "reject" => Strays::Reject,
                        "normalise" => Strays::Normalise,
                        "allow" => Strays::Allow,
                        _ => return Err(format!("bare={value}")),
                    }
                }
                "tls" => tls = yes,
                "starttls" => config.starttls = yes,
                "require_tls" => config.require_tls = yes,
                "auth" => {
                    let names = value
                        .split(',')
                        .map(|name| name.parse().map_err(|_| name.to_owned()));
                    config.mechanisms = names.collect::<Result<_, _>>()?;
                }
                "auth_without_tls" => config.auth_without_tls = yes,
                "require_auth" => config.require_auth = yes,
                "old_auth_line" => config.old_auth_line = yes,
                "unknown_parameters" => config.unknown_parameters = yes,
                "offer" | "hide" => {
                    for keyword in value.split(',') {
                        let extension = Extension::from_keyword(keyword).ok_or(keyword)?;
                        match key {
                            "offer" => config.extensions.insert(extension),
                            _ => config.extensions.remove(extension),
                        }
                    }
                }
                "by_at_least" => {
                    let least = Interval::new(number()? as u32);
                    config.deliver_by_at_least = Some(least.map_err(|_| value)?);
                }
                "hold_for" => {
                    let most = Interval::new(number()? as u32);
                    config.hold_for_at_most = most.map_err(|_| value)?;
                }
                "hold_until" => config.hold_until_at_most = value.parse().map_err(|_| value)?,
                "no_soliciting" => {
                    config.no_soliciting = Some(value.parse().map_err(|_| value)?);
                }
                "refuse" => refusal = Some(value.replace('_', " ")),
                _ => return Err(format!("unknown setting {key}")),
            }
        }
        let mut server = match refusal {
            None => Server::new(config),
            Some(text) => {
                let reply: Reply = text.parse().map_err(|_| text)?;
                Server::refusing(config, reply).map_err(|error| error.to_string())?
            }
        };
        if tls {
            server.tls_started(TlsInfo::default());
        }
        Ok(server)
    }

    fn describe(&self, event: &Event) -> Said {
        Said::Line(match event {
            Event::Hello(hello) => format!("hello {}", hello.name).trim_end().to_owned(),
            Event::Auth(auth) => match &auth.initial {
                None => format!("auth {}", auth.mechanism),
                Some(initial) => format!("auth {} {:?}", auth.mechanism, lossy(initial.expose())),
            },
            Event::AuthData(data) => format!("auth-data {:?}", lossy(data.expose())),
            Event::AuthCancelled => "auth-cancelled".into(),
            Event::Mail(mail) => format!("mail {}{}", mail.path, mail.parameters),
            Event::Rcpt(rcpt) => format!("rcpt {}{}", rcpt.path, rcpt.parameters),
            Event::Data => "data".into(),
            Event::Body(piece) => return Said::Body(piece.clone()),
            Event::EndOfData => "end".into(),
            Event::Aborted(aborted) => format!("aborted {aborted:?}"),
            Event::Reset => "reset".into(),
            Event::Verify(verify) => format!("verify {}", verify.as_str()),
            Event::Expand(list) => format!("expand {}", list.as_str()),
            Event::Etrn(node) => format!("etrn {}", node.as_str()),
            Event::XClient(facts) => format!("xclient{facts}"),
            Event::XForward(facts) => format!("xforward{facts}"),
            Event::Rejected(reply) => format!("rejected {}", reply.code()),
            other => format!("unknown {other:?}"),
        })
    }

    fn act(&self, server: &mut Server, words: &str) -> Result<(), String> {
        let (verb, rest) = words.split_once(' ').unwrap_or((words, ""));
        // `\n` in a transcript is a new line of the reply.
        let rest = &rest.replace("\\n", "\n");
        match verb {
            "accept" => server.accept(),
            "reply" => server.reply(rest.parse().map_err(|_| format!("no reply: {rest}"))?),
            "reply-all" => {
                server.reply_all(&rest.parse().map_err(|_| format!("no reply: {rest}"))?)
            }
            "challenge" => server.challenge(rest.as_bytes()),
            _ => return Err(format!("unknown action {verb}")),
        }
        .map_err(|error| error.to_string())
    }
}

/// Servers that the laws are checked on.
#[allow(dead_code, reason = "each test file uses its part of the stage")]
pub(crate) const CONFIGURATIONS: &[&str] = &[
    "",
    "lenient bare=normalise auth=PLAIN,LOGIN auth_without_tls old_auth_line",
    "lmtp recipients=3 output=64",
    "tls auth=PLAIN,LOGIN require_auth starttls auth_failures=2",
    "starttls require_tls auth=PLAIN auth_without_tls",
    "bare=allow message=40 errors=4 idle_commands=2 recipients=1 output=32 unknown_parameters",
    "command_line=40 auth_line=60 skipped_line=90 input=16 auth=LOGIN auth_without_tls errors=9",
    "command_line=80 auth_line=30 skipped_line=20 input=16 message=none bare=normalise output=0",
    "lmtp bare=reject message=20 auth=X auth_without_tls output=100 lenient",
    "refuse=554_5.7.1_Not_you errors=3",
    "offer=BINARYMIME,DSN,DELIVERBY,FUTURERELEASE,MT-PRIORITY,RRVS,LIMITS,EXPN,ETRN domains=1 messages=3",
    "offer=BINARYMIME,XCLIENT,XFORWARD,NO-SOLICITING message=30 skipped_message=40 lmtp bare=normalise",
    "hide=CHUNKING,SIZE skipped_message=9 errors=3 tls offer=REQUIRETLS",
];

/// An application of many moods: its answers follow from a number and from how many it gave.
#[allow(dead_code, reason = "each test file uses its part of the stage")]
#[derive(Debug, Clone)]
pub(crate) struct Whims(pub(crate) Dice);

#[allow(dead_code, reason = "each test file uses its part of the stage")]
impl Whims {
    fn refusal(&mut self) -> Reply {
        let text = match self.0.roll() {
            0 => "421 4.3.2 Not any more",
            1..6 => "451 4.3.0 Later",
            _ => "550 5.7.1 No",
        };
        text.parse().expect("a reply")
    }
}

impl Answers<ServerStage> for Whims {
    fn answer(&mut self, server: &mut Server, event: &Event) {
        let is_auth = matches!(event, Event::Auth(_) | Event::AuthData(_));
        let is_command = matches!(
            event,
            Event::Hello(_)
                | Event::Mail(_)
                | Event::Rcpt(_)
                | Event::Data
                | Event::Verify(_)
                | Event::Expand(_)
                | Event::Etrn(_)
                | Event::XClient(_)
                | Event::XForward(_)
        );
        if !is_auth && !is_command && !matches!(event, Event::EndOfData) {
            return;
        }
        let answered = match self.0.roll() {
            0..2 => {
                let refusal = self.refusal();
                server.reply(refusal)
            }
            2..9 if is_auth => server.challenge(b"and?"),
            2..5 if server.statuses_due() > 0 => {
                let refusal = self.refusal();
                server.reply_all(&refusal)
            }
            _ => server.accept(),
        };
        answered.expect("an event that waits");
        // In LMTP each recipient has a status.
        while server.statuses_due() > 0 {
            let again = match self.0.roll() {
                0..3 => server.reply("452 4.2.2 Full".parse().expect("a reply")),
                _ => server.accept(),
            };
            again.expect("a status that is due");
        }
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
