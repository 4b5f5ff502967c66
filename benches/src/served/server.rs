//! The servers, each a program of its own on CPU 0.

use std::fs;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::processes::{self, pinned};
use crate::sinks;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Program {
    Ours,
    Dovecot,
}

impl Program {
    pub(crate) fn missing(self) -> Option<&'static str> {
        let has = |program: &str| which::which(program).is_ok();
        match self {
            _ if !has("taskset") => Some("taskset is not installed"),
            Self::Dovecot if !has("dovecot") && !Path::new("/usr/sbin/dovecot").exists() => {
                Some("not installed")
            }
            Self::Dovecot if !rustix::process::geteuid().is_root() => Some("needs root"),
            _ => None,
        }
    }
}

/// What is spoken.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Protocol {
    Pop3,
    Imap,
}

impl Protocol {
    /// As Dovecot calls it.
    fn name(self) -> &'static str {
        match self {
            Self::Pop3 => "pop3",
            Self::Imap => "imap",
        }
    }

    fn sink(self) -> &'static str {
        match self {
            Self::Pop3 => sinks::POP3,
            Self::Imap => sinks::IMAP,
        }
    }

    /// What a greeting begins with.
    fn greeting(self) -> &'static [u8; 3] {
        match self {
            Self::Pop3 => b"+OK",
            Self::Imap => b"* O",
        }
    }
}

/// A server that is started at its first use and ended when it is dropped.
pub(crate) struct Server {
    program: Program,
    protocol: Protocol,
    running: Option<(Child, u16, TempDir)>,
}

impl Server {
    pub(crate) fn new(program: Program, protocol: Protocol) -> Self {
        Self {
            program,
            protocol,
            running: None,
        }
    }

    pub(crate) fn start(&mut self, root: &Path) -> Result<u16> {
        if let Some((_, port, _)) = self.running {
            return Ok(port);
        }
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let folder = tempfile::tempdir()?;
        let mut command = match self.program {
            Program::Ours => {
                let own = std::env::current_exe()?;
                let mut command = pinned(own.to_str().context("a path in UTF-8")?, 0);
                let name = format!("{}{}", self.protocol.sink(), root.display());
                command.args(["--sink", &name, &port.to_string()]);
                command
            }
            Program::Dovecot => {
                let config = folder.path().join("dovecot.conf");
                let text = dovecot_config(self.protocol.name(), folder.path(), root, port);
                fs::write(&config, text)?;
                let program = match which::which("dovecot") {
                    Ok(path) => path,
                    Err(_) => "/usr/sbin/dovecot".into(),
                };
                let mut command = pinned(program.to_str().context("a path in UTF-8")?, 0);
                command.args(["-F", "-c"]).arg(config);
                command
            }
        };
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = command
            .spawn()
            .with_context(|| format!("{:?}", self.program))?;
        self.running = Some((child, port, folder));
        let deadline = Instant::now() + Duration::from_secs(20);
        while !greets(port, self.protocol.greeting()) {
            if Instant::now() > deadline {
                bail!("{:?} does not serve", self.program);
            }
            sleep(Duration::from_millis(50));
        }
        Ok(port)
    }

    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        let (child, ..) = self.running.as_ref().context("the server is running")?;
        processes::cpu_seconds(child.id())
    }
}

impl Server {
    /// Ends it; its next use starts it again.
    pub(crate) fn stop(&mut self) {
        if let Some((mut child, ..)) = self.running.take() {
            processes::terminate(&mut child);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn greets(port: u16, with: &[u8; 3]) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else {
        return false;
    };
    let mut greeting = [0; 3];
    stream.read_exact(&mut greeting).is_ok() && &greeting == with
}

fn dovecot_config(protocol: &str, folder: &Path, root: &Path, port: u16) -> String {
    let (folder, root) = (folder.display(), root.display());
    format!(
        "base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
instance_name = bench
listen = 127.0.0.1
protocols = {protocol}
ssl = no
disable_plaintext_auth = no
first_valid_uid = 1
mail_uid = mail
mail_gid = mail
mail_location = maildir:{root}/example.org/%u
passdb {{
  driver = static
  args = password=secret
}}
userdb {{
  driver = static
  args = uid=mail gid=mail home={root}/example.org/%u
}}
service {protocol}-login {{
  chroot =
  inet_listener {protocol} {{
    address = 127.0.0.1
    port = {port}
  }}
  inet_listener {protocol}s {{
    port = 0
  }}
}}
"
    )
}
