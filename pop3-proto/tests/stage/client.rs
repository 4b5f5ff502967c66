//! The client.

use std::time::Duration;

use mailwire::testing::laws::Answers;
use mailwire::testing::{Said, Settings, Stage};
use mailwire::{Machine, Secret, TlsInfo};
use pop3_proto::client::{Client, CommandId, Config, Event, Refused};
use pop3_proto::command::Password;

use super::{lossy, unescaped};

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
                "reply_line" => limits.reply_line = number()?,
                "pipeline" => limits.pipeline = number()?,
                "capabilities" => limits.capabilities = number()?,
                "reply_time" => limits.reply_time = Duration::from_secs(number()? as u64),
                "input" => limits.input = number()?,
                "output" => limits.output = number()?,
                "pipelining" => config.pipelining = value == "yes",
                "initial_response" => config.initial_response = value == "yes",
                "tls" => tls = value == "yes",
                // Given at once, before the greeting has come.
                "first" => {
                    first = value
                        .split(',')
                        .map(|words| words.replace('_', " "))
                        .collect()
                }
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
            Event::Greeting(text) => format!("greeting {text}").trim_end().to_owned(),
            Event::Ok(id, text) => format!("ok {} {text}", number(*id)).trim_end().to_owned(),
            Event::Failed(id, failure) => format!("failed {} {failure}", number(*id)),
            Event::End(id) => format!("end {}", number(*id)),
            Event::Challenge(data) => format!("challenge {:?}", lossy(data.expose())),
            Event::Stat { count, octets } => format!("stat {count} {octets}"),
            Event::Size { number, octets } => format!("size {number} {octets}"),
            Event::UniqueId { number, unique_id } => format!("unique-id {number} {unique_id}"),
            Event::Mechanism(name) => format!("mechanism {name}"),
            Event::Language { tag, name } => format!("language {tag} {name}").trim_end().to_owned(),
            Event::Last(number) => format!("last {number}"),
            Event::Unreadable => "unreadable".into(),
            Event::Message { number, octets, .. } => {
                let octets = octets.map(|octets| format!(" {octets}"));
                format!("message {number}{}", octets.unwrap_or_default())
            }
            Event::Body(piece) => return Said::Body(piece.clone()),
            Event::Farewell(refusal) => format!("farewell {refusal}"),
            other => format!("unknown {other:?}"),
        })
    }

    fn act(&self, client: &mut Client, words: &str) -> Result<(), String> {
        // Several commands at once stand behind `;`.
        for words in words.split(';') {
            let words = words.trim();
            // `refused WHY COMMAND`: it cannot be given, for this reason.
            let Some(rest) = words.strip_prefix("refused ") else {
                give(client, words)?.map_err(|refused| refused.to_string())?;
                continue;
            };
            let (why, words) = rest.split_once(' ').ok_or("refused WHY COMMAND")?;
            match give(client, words)? {
                Err(refused) if format!("{refused:?}") == why => {}
                other => return Err(format!("{words}: {other:?}")),
            }
        }
        Ok(())
    }
}

fn give(client: &mut Client, words: &str) -> Result<Result<(), Refused>, String> {
    let (verb, rest) = words.split_once(' ').unwrap_or((words, ""));
    let number = || {
        rest.parse::<u32>()
            .map_err(|_| format!("no number: {rest}"))
    };
    let maybe = || match rest {
        "" => Ok(None),
        _ => number().map(Some),
    };
    let given = match verb {
        "capa" => client.capa(),
        "stls" => client.stls(),
        "login" => {
            let (name, password) = rest.split_once(' ').ok_or("login wants two words")?;
            let password = Password::new(unescaped(password)?).map_err(|e| e.to_string())?;
            client.login(name.parse().map_err(|_| name)?, password)
        }
        "apop" => client.apop(rest.parse().map_err(|_| rest)?),
        "auth" => {
            let (mechanism, initial) = match rest.split_once(' ') {
                None => (rest, None),
                Some((mechanism, initial)) => (mechanism, Some(Secret::from(unescaped(initial)?))),
            };
            client.auth(mechanism.parse().map_err(|_| mechanism)?, initial)
        }
        "mechanisms" => client.mechanisms(),
        "utf8" => client.utf8(),
        "lang" => {
            let range = (!rest.is_empty()).then(|| rest.parse()).transpose();
            client.lang(range.map_err(|_| rest)?)
        }
        "stat" => client.stat(),
        "list" => client.list(maybe()?),
        "uidl" => client.uidl(maybe()?),
        "retr" => client.retr(number()?),
        "top" => {
            let (number, lines) = rest.split_once(' ').ok_or("top wants two numbers")?;
            let parse = |word: &str| {
                word.parse::<u32>()
                    .map_err(|_| format!("no number: {word}"))
            };
            client.top(parse(number)?, parse(lines)?)
        }
        "dele" => client.dele(number()?),
        "rset" => client.rset(),
        "noop" => client.noop(),
        "last" => client.last(),
        "quit" => client.quit(),
        "respond" => return Ok(client.respond(&unescaped(rest)?)),
        "cancel" => return Ok(client.cancel()),
        "capabilities" => {
            let known = client.capabilities();
            let known =
                known.map(|known| known.iter().map(ToString::to_string).collect::<Vec<_>>());
            let expected = (rest != "unknown").then(|| {
                rest.split(", ")
                    .filter(|line| !line.is_empty())
                    .map(String::from)
                    .collect()
            });
            return match known == expected {
                true => Ok(Ok(())),
                false => Err(format!("the capabilities are {known:?}")),
            };
        }
        "timestamp" => {
            let known = client
                .timestamp()
                .map_or("none", |timestamp| timestamp.as_str());
            return match known == rest {
                true => Ok(Ok(())),
                false => Err(format!("the timestamp is {known}")),
            };
        }
        _ => return Err(format!("unknown action {verb}")),
    };
    Ok(given.map(|_| ()))
}

/// Which command it was, the first being 0.
fn number(id: CommandId) -> String {
    let shown = format!("{id:?}");
    shown.trim_matches(|c: char| !c.is_ascii_digit()).to_owned()
}

/// Clients that the laws are checked on, and what they ask.
#[allow(dead_code, reason = "each test file uses its part of the stage")]
pub(crate) const CLIENTS: &[&str] = &[
    "first=capa,login_alice_secret,capa,stat,list,uidl,retr_1,top_1_0,quit",
    "first=capa,stls,capa,login_alice_secret",
    "first=auth_PLAIN_x,mechanisms,lang,last,uidl_1,list_1,dele_1,rset",
    "first=retr_1,retr_2,noop pipelining=no output=10 input=64 reply_line=40",
    "first=auth_LOGIN,capa,quit reply_line=30 capabilities=2 output=0 input=30",
    "first=retr_1,top_2_3,apop_alice_c4c9334bac560ecc979e58001b3e22fb tls",
];

/// An application that answers challenges, and otherwise only listens.
#[allow(dead_code, reason = "each test file uses its part of the stage")]
pub(crate) struct Patience;

impl Answers<ClientStage> for Patience {
    fn answer(&mut self, client: &mut Client, event: &Event) {
        if let Event::Challenge(data) = event {
            let answered = match data.expose().len() % 3 {
                0 => client.cancel(),
                _ => client.respond(data.expose()),
            };
            answered.expect("a challenge that waits");
        }
    }
}
