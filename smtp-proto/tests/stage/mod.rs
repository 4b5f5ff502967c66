//! The server on the stage of `mailwire::testing`.

use std::time::Duration;

use mailwire::dot::BareLines;
use mailwire::testing::{Said, Settings, Stage};
use smtp_proto::server::{Config, Event, Protocol, Server};
use smtp_proto::{Reply, Strictness};

/// Builds servers from settings and speaks their events.
pub(crate) struct ServerStage;

impl Stage for ServerStage {
    type Machine = Server;

    fn machine(&self, settings: &Settings) -> Result<Server, String> {
        let mut config = Config::new("mx.test".parse().expect("a domain"));
        let mut refusal = None;
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
                "recipients" => limits.recipients = number()? as u32,
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
                    config.bare_lines = match value {
                        "reject" => BareLines::Reject,
                        "normalise" => BareLines::Normalise,
                        "allow" => BareLines::Allow,
                        _ => return Err(format!("bare={value}")),
                    }
                }
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
                "refuse" => refusal = Some(value.replace('_', " ")),
                _ => return Err(format!("unknown setting {key}")),
            }
        }
        match refusal {
            None => Ok(Server::new(config)),
            Some(text) => {
                let reply: Reply = text.parse().map_err(|_| text)?;
                Server::refusing(config, reply).map_err(|error| error.to_string())
            }
        }
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
            Event::Rejected(reply) => format!("rejected {}", reply.code()),
            other => format!("unknown {other:?}"),
        })
    }

    fn act(&self, server: &mut Server, words: &str) -> Result<(), String> {
        let (verb, rest) = words.split_once(' ').unwrap_or((words, ""));
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

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
