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
pub(super) enum Program {
    Ours,
    Dovecot,
}

impl Program {
    pub(super) fn missing(self) -> Option<&'static str> {
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

/// A server that is started at its first use and ended when it is dropped.
pub(super) struct Server {
    program: Program,
    running: Option<(Child, u16, TempDir)>,
}

impl Server {
    pub(super) fn new(program: Program) -> Self {
        Self {
            program,
            running: None,
        }
    }

    pub(super) fn start(&mut self, root: &Path) -> Result<u16> {
        if let Some((_, port, _)) = self.running {
            return Ok(port);
        }
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let folder = tempfile::tempdir()?;
        let mut command = match self.program {
            Program::Ours => {
                let own = std::env::current_exe()?;
                let mut command = pinned(own.to_str().context("a path in UTF-8")?, 0);
                let name = format!("{}{}", sinks::POP3, root.display());
                command.args(["--sink", &name, &port.to_string()]);
                command
            }
            Program::Dovecot => {
                let config = folder.path().join("dovecot.conf");
                fs::write(&config, dovecot_config(folder.path(), root, port))?;
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
        while !greets(port) {
            if Instant::now() > deadline {
                bail!("{:?} does not serve", self.program);
            }
            sleep(Duration::from_millis(50));
        }
        Ok(port)
    }

    pub(super) fn cpu_seconds(&self) -> Result<f64> {
        let (child, ..) = self.running.as_ref().context("the server is running")?;
        processes::cpu_seconds(child.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some((mut child, ..)) = self.running.take() {
            processes::terminate(&mut child);
        }
    }
}

fn greets(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else {
        return false;
    };
    let mut greeting = [0; 3];
    stream.read_exact(&mut greeting).is_ok() && &greeting == b"+OK"
}

fn dovecot_config(folder: &Path, root: &Path, port: u16) -> String {
    let (folder, root) = (folder.display(), root.display());
    format!(
        "base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
instance_name = bench
listen = 127.0.0.1
protocols = pop3
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
service pop3-login {{
  chroot =
  inet_listener pop3 {{
    address = 127.0.0.1
    port = {port}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
"
    )
}
