//! One side of a SASL exchange in lines of base64, the server's first: a mechanism is tried
//! against another program, or by hand, with no protocol around it.
//!
//! `cargo run --example sasl-talk -- server SCRAM-SHA-256 tim tanstaaf`
//! `cargo run --example sasl-talk -- client SCRAM-SHA-256 tim tanstaaf`
//!
//! Where the client has to speak first, the server's first line is empty. The client takes the
//! end of its input for the server's success. The exit status is 0 if the exchange succeeded.
//! There is no channel that could be bound, and whoever comes with EXTERNAL has shown a
//! certificate in the user's name.

use std::io::{Lines, StdinLock, stdin};

use anyhow::{Context as _, Result, bail};
use clap::{Parser, ValueEnum};
use mailwire::{Secret, auth};
use sasl::client::{Client, Credentials};
use sasl::server::{Authenticated, Need, Server, Step};
use sasl::{Mechanism, PasswordFile, client, server};

/// One side of a SASL exchange, in lines of base64 on standard input and output.
#[derive(Parser)]
struct Options {
    /// The side to take
    side: Side,
    /// The mechanism's name, such as SCRAM-SHA-256
    mechanism: Mechanism,
    /// The user's name
    user: String,
    /// The user's password or token; a trace for ANONYMOUS
    #[arg(default_value = "")]
    secret: String,
    /// The user to act as
    #[arg(long)]
    authzid: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Side {
    Client,
    Server,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let lines = stdin().lines();
    match options.side {
        Side::Client => {
            talk_as_client(&options, lines)?;
            eprintln!("the server is to be believed");
        }
        Side::Server => {
            let identity = talk_as_server(&options, lines)?;
            eprintln!("{} is in, as {}", identity.authcid(), identity.authzid());
        }
    }
    Ok(())
}

fn talk_as_client(options: &Options, lines: Lines<StdinLock<'_>>) -> Result<()> {
    let Options { user, secret, .. } = options;
    let mut credentials = match options.mechanism {
        Mechanism::OAuthBearer | Mechanism::XOAuth2 => Credentials::token(user, secret)?,
        Mechanism::External => Credentials::external(),
        Mechanism::Anonymous => Credentials::anonymous(secret),
        _ => Credentials::password(user, secret)?,
    };
    if let Some(authzid) = &options.authzid {
        credentials = credentials.authzid(authzid)?;
    }
    let context = client::Context::new().secured(true).external(true);
    let mut client = Client::start(options.mechanism, &credentials, &context, random()?)?;
    for line in lines {
        let response = client.respond(decode(&line?)?.expose())?;
        println!("{}", auth::encode(response.as_bytes()));
    }
    Ok(client.finish(None)?)
}

fn talk_as_server(options: &Options, mut lines: Lines<StdinLock<'_>>) -> Result<Authenticated> {
    let Options { user, secret, .. } = options;
    let Ok(accounts) = PasswordFile::from_accounts([&*format!("{user}:{secret}")]) else {
        bail!("that cannot be a user, or a password");
    };
    let context = server::Context::new("smtp")
        .offer(Mechanism::ALL)
        .secured(true)
        .external(true);
    let mut step = Server::start(options.mechanism, None, &context);
    loop {
        step = match step {
            Step::Challenge(challenge) => {
                println!("{}", auth::encode(challenge.data()));
                let line = lines.next().context("the client has gone")??;
                challenge.respond(decode(&line)?.expose())
            }
            Step::Need(Need::Nonce(need)) => need.fill(random()?),
            Step::Need(Need::VerifyToken(need)) if need.token() == secret => need.accept(user),
            Step::Need(Need::ExternalIdentity(need)) => need.is(user),
            Step::Need(Need::Anonymous(need)) => need.grant(),
            Step::Need(need) => accounts.answer(need),
            Step::Done(Ok(identity)) => return Ok(identity),
            Step::Done(Err(failure)) => bail!("refused: {failure}"),
        }
    }
}

fn decode(line: &str) -> Result<Secret> {
    auth::decode(line.as_bytes()).with_context(|| format!("not base64: {line}"))
}

fn random<const N: usize>() -> Result<[u8; N]> {
    let mut octets = [0; N];
    getrandom::fill(&mut octets)?;
    Ok(octets)
}
