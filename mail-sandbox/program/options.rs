//! What the program is told.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context, Result, anyhow};
use clap::Parser;
use mail_sandbox::fault::{Faults, Preset};
use mail_sandbox::{Builder, Endpoint, Sandbox};

/// A mail host for tests and development: it takes every message, shows it in the browser, serves
/// it by POP3 and IMAP, and sends nothing on.
///
/// What arrives is printed as JSON, one object a line.
#[derive(Debug, Parser)]
#[command(version, about)]
pub(crate) struct Options {
    /// Listen at this address.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    listen: IpAddr,
    /// Port of the page and the API; `0` is any, here and below.
    #[arg(long, value_name = "PORT|off", default_value = "8025")]
    http: Port,
    /// Port of SMTP, with STARTTLS; logins are taken and not needed.
    #[arg(long, value_name = "PORT|off", default_value = "1025")]
    smtp: Port,
    /// Port of POP3, with STLS.
    #[arg(long, value_name = "PORT|off", default_value = "1110")]
    pop3: Port,
    /// Port of IMAP, with STARTTLS.
    #[arg(long, value_name = "PORT|off", default_value = "1143")]
    imap: Port,
    /// Port of submission, where a login is needed.
    #[arg(long, value_name = "PORT|off", default_value = "off")]
    submission: Port,
    /// Port of submission under TLS.
    #[arg(long, value_name = "PORT|off", default_value = "off")]
    smtps: Port,
    /// Port of LMTP.
    #[arg(long, value_name = "PORT|off", default_value = "off")]
    lmtp: Port,
    /// Port of POP3 under TLS.
    #[arg(long, value_name = "PORT|off", default_value = "off")]
    pop3s: Port,
    /// Port of IMAP under TLS.
    #[arg(long, value_name = "PORT|off", default_value = "off")]
    imaps: Port,

    /// Keep so many messages; the oldest make room.
    #[arg(long, value_name = "COUNT", default_value_t = 500)]
    keep: usize,
    /// Refuse messages of more octets.
    #[arg(long, value_name = "OCTETS", default_value_t = 64 << 20)]
    max_size: u64,
    /// Somebody who may log in, and nobody else then; without it, everybody may with any password.
    #[arg(long, value_name = "NAME:PASSWORD")]
    account: Vec<String>,
    /// The name that the servers introduce themselves with.
    #[arg(long, default_value = "sandbox.test")]
    hostname: String,
    /// Write the certificate that clients have to trust into this file, in PEM.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// A name by which browsers may open the page, besides addresses, `localhost` and names without
    /// a dot.
    #[arg(long = "name", value_name = "NAME")]
    pub(crate) names: Vec<String>,

    /// Misbehave as this file says. It has one fault a line, such as
    /// `command RCPT for bob@* first 1 -> reply 450 4.2.0 Later`.
    #[arg(long, value_name = "FILE")]
    fault: Vec<PathBuf>,
    /// Misbehave in a way that is common: greylisting, messages-per-connection, rate-limit, tarpit,
    /// disk-full, lost-acknowledgements, stripped-tls, exchange-imap, exchange-not-connected, gmail-imap or yandex-imap.
    #[arg(long, value_name = "NAME")]
    preset: Vec<Preset>,
    /// Say what a transcript says instead of serving.
    #[arg(long, value_name = "ENDPOINT=FILE", value_parser = script)]
    replay: Vec<(Endpoint, String)>,
    /// Pass everything on to another server, and keep the transcripts.
    #[arg(long, value_name = "ENDPOINT=HOST:PORT", value_parser = script)]
    record: Vec<(Endpoint, String)>,
}

impl Options {
    /// The sandbox that is wanted.
    pub(crate) fn builder(&self) -> Result<Builder> {
        let mut builder = Sandbox::builder()
            .only([])
            .address(self.listen)
            .hostname(&self.hostname)
            .keep(self.keep)
            .message_limit(self.max_size);
        for (endpoint, port) in [
            (Endpoint::Smtp, self.smtp),
            (Endpoint::Submission, self.submission),
            (Endpoint::Smtps, self.smtps),
            (Endpoint::Lmtp, self.lmtp),
            (Endpoint::Pop3, self.pop3),
            (Endpoint::Pop3s, self.pop3s),
            (Endpoint::Imap, self.imap),
            (Endpoint::Imaps, self.imaps),
        ] {
            if let Some(port) = port.0 {
                builder = builder.port(endpoint, port);
            }
        }
        for account in &self.account {
            let parts = account.split_once(':');
            let (name, password) =
                parts.ok_or_else(|| anyhow!("not NAME:PASSWORD for --account"))?;
            builder = builder.account(name, password);
        }
        for path in &self.fault {
            let faults: Faults = read(path)?
                .parse()
                .with_context(|| path.display().to_string())?;
            builder = builder.faults(faults);
        }
        for preset in &self.preset {
            builder = builder.faults(preset.faults());
        }
        for (endpoint, path) in &self.replay {
            builder = builder.replay(*endpoint, read(&path.into())?);
        }
        for (endpoint, server) in &self.record {
            builder = builder.record(*endpoint, server);
        }
        Ok(builder)
    }

    /// Where the page is.
    pub(crate) fn http_address(&self) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.listen, self.http.0?))
    }
}

fn read(path: &PathBuf) -> Result<String> {
    let read = std::fs::read_to_string(path);
    read.with_context(|| format!("cannot read {}", path.display()))
}

fn script(text: &str) -> Result<(Endpoint, String)> {
    let parts = text.split_once('=');
    let (endpoint, script) = parts.ok_or_else(|| anyhow!("there is no ="))?;
    Ok((endpoint.parse()?, script.to_owned()))
}

/// A port, if there is to be one.
#[derive(Debug, Clone, Copy)]
struct Port(Option<u16>);

impl FromStr for Port {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "off" => Ok(Self(None)),
            number => number.parse().map(|port| Self(Some(port))),
        }
    }
}
