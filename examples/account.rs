//! Somebody's account on a server, as programs that fetch mail are told of it.

use std::fs::{read, read_to_string};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use mail_server::{ClientTls, Security};

#[derive(Debug, Args)]
pub(crate) struct Account {
    /// The server, HOST or HOST:PORT
    pub(crate) server: String,
    /// Whose mail
    #[arg(long)]
    pub(crate) user: String,
    /// A file whose first line is the password
    #[arg(long)]
    password_file: PathBuf,
    /// TLS from the start, TLS on request (STARTTLS or STLS), or none
    #[arg(long, value_enum, default_value_t = Tls::Implicit)]
    tls: Tls,
    /// Authorities to trust, PEM (default: those that browsers trust)
    #[arg(long)]
    ca: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Tls {
    Implicit,
    #[value(alias = "stls")]
    Starttls,
    None,
}

impl Account {
    /// Host and port. Which port it is without one depends on whether TLS is there from the start.
    pub(crate) fn address(&self, implicit: u16, other: u16) -> Result<(&str, u16)> {
        let usual = match self.tls {
            Tls::Implicit => implicit,
            Tls::Starttls | Tls::None => other,
        };
        Ok(match self.server.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().context("the port")?),
            None => (&*self.server, usual),
        })
    }

    pub(crate) fn password(&self) -> Result<String> {
        let password = read_to_string(&self.password_file).context("the file of the password")?;
        Ok(password.lines().next().unwrap_or_default().to_owned())
    }

    pub(crate) fn security(&self) -> Result<Security> {
        let trust = || match &self.ca {
            Some(path) => Ok(ClientTls::trusting_pem(&read(path)?)?),
            None => {
                let roots = webpki_roots::TLS_SERVER_ROOTS.iter().cloned();
                anyhow::Ok(ClientTls::trusting(roots.collect())?)
            }
        };
        Ok(match self.tls {
            Tls::Implicit => Security::Implicit(trust()?),
            Tls::Starttls => Security::Required(trust()?),
            Tls::None => Security::None,
        })
    }
}
