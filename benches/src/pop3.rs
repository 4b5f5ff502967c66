//! Layer B, POP3: mail is fetched from our server and from Dovecot, out of the same Maildirs.
//!
//! Servers run on CPU 0 and the client on the last one. Their CPU time is that of all their
//! processes, and does not depend on the client.

use crate::case::{Better, Case, Contender, Effort, Entry, Metric, OURS, OverRounds};
use crate::processes::{self, pinned};
use crate::sinks;
use anyhow::{Context, Result, bail, ensure};
use std::cell::RefCell;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub(crate) fn cases(effort: Effort) -> Vec<Case> {
    let scale = |full: usize, smoke: usize| match effort {
        Effort::Full => full,
        Effort::Smoke => smoke,
    };
    let small = Maildir {
        name: "small",
        messages: scale(10_000, 100),
        octets: 4 << 10,
    };
    let large = Maildir {
        name: "large",
        messages: scale(20, 2),
        octets: scale(25 << 20, 1 << 20),
    };
    let many = Maildir {
        name: "many",
        messages: scale(100_000, 1000),
        octets: 200,
    };
    let place = Rc::new(RefCell::new(Place::default()));
    let servers = [(OURS, Program::Ours), ("Dovecot", Program::Dovecot)].map(|(name, program)| {
        let server = Rc::new(RefCell::new(Server {
            program,
            running: None,
        }));
        (name, program.missing(), server)
    });
    let work = [
        (
            "RETR of 4 KiB, one by one",
            small,
            Work::Retrieve { ahead: 1 },
        ),
        (
            "RETR of 4 KiB, 50 in flight",
            small,
            Work::Retrieve { ahead: 50 },
        ),
        ("RETR of 25 MiB", large, Work::Retrieve { ahead: 1 }),
        ("login and STAT, 100,000 messages", many, Work::Login),
    ];
    work.map(|(name, maildir, work)| Case {
        name: format!("pop3: {name}"),
        metrics: METRICS,
        over_rounds: OverRounds::Median,
        contenders: servers
            .iter()
            .map(|(name, missing, server)| Contender {
                name,
                entry: match missing {
                    Some(why) => Entry::Missing(why),
                    None => {
                        let (place, server) = (Rc::clone(&place), Rc::clone(server));
                        Entry::Runs(Box::new(move || {
                            let root = place.borrow_mut().with(maildir)?;
                            work.run(maildir, &mut server.borrow_mut(), &root)
                        }))
                    }
                },
            })
            .collect(),
    })
    .into()
}

const METRICS: &[Metric] = &[
    Metric {
        unit: "messages/s",
        better: Better::Higher,
    },
    Metric {
        unit: "server CPU s/1000",
        better: Better::Lower,
    },
];

/// A Maildir of equal messages.
#[derive(Clone, Copy, Debug)]
struct Maildir {
    /// Of the user.
    name: &'static str,
    messages: usize,
    octets: usize,
}

impl Maildir {
    /// Fills it, with sizes in the names as deliveries of either server leave them.
    fn fill(self, folder: &Path) -> Result<()> {
        for part in ["tmp", "new", "cur"] {
            fs::create_dir_all(folder.join(part))?;
        }
        let mut text = b"Subject: bench\nFrom: a@example.net\n\n".to_vec();
        while text.len() < self.octets {
            text.extend_from_slice(&[b'x'; 70]);
            text.push(b'\n');
        }
        let lines = text.iter().filter(|&&octet| octet == b'\n').count();
        let (stored, wire) = (text.len(), text.len() + lines);
        for number in 0..self.messages {
            let name = format!(
                "{}.M1P{number}.bench,S={stored},W={wire}:2,S",
                1_700_000_000 + number
            );
            fs::write(folder.join("cur").join(name), &text)?;
        }
        Ok(())
    }
}

/// The Maildirs of all users, made when they are first needed.
#[derive(Default)]
struct Place(Option<TempDir>);

impl Place {
    fn with(&mut self, maildir: Maildir) -> Result<std::path::PathBuf> {
        let folder = match &mut self.0 {
            Some(folder) => folder,
            none => none.insert(tempfile::tempdir()?),
        };
        let path = folder.path().join("example.org").join(maildir.name);
        if !path.exists() {
            maildir.fill(&path)?;
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        }
        if rustix::process::geteuid().is_root() {
            // Dovecot does not serve as root, and our list of numbers is its list too.
            let owned = Command::new("chown")
                .args(["-R", "mail:mail"])
                .arg(folder.path())
                .status()?;
            ensure!(owned.success(), "chown");
        }
        Ok(folder.path().to_owned())
    }
}

#[derive(Clone, Copy, Debug)]
enum Work {
    /// All messages, with so many unanswered at a time.
    Retrieve { ahead: usize },
    /// A login, up to the answer to STAT.
    Login,
}

impl Work {
    fn run(self, maildir: Maildir, server: &mut Server, root: &Path) -> Result<Vec<f64>> {
        let port = server.start(root)?;
        let before = server.cpu_seconds()?;
        let (start, done);
        match self {
            Self::Login => {
                start = Instant::now();
                let client = Client::login(port, maildir)?;
                done = 1;
                drop(client);
            }
            Self::Retrieve { ahead } => {
                let mut client = Client::login(port, maildir)?;
                start = Instant::now();
                client.retrieve(maildir.messages, ahead)?;
                done = maildir.messages;
            }
        }
        let seconds = start.elapsed().as_secs_f64();
        let cpu = server.cpu_seconds()? - before;
        Ok(vec![done as f64 / seconds, cpu * 1000.0 / done as f64])
    }
}

/// A client that does no more than it must.
struct Client {
    reader: BufReader<TcpStream>,
}

impl Client {
    /// Logs in, and has the server say how many messages there are.
    fn login(port: u16, maildir: Maildir) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        let mut client = Self {
            reader: BufReader::with_capacity(256 << 10, stream),
        };
        client.line("+OK")?;
        for command in [format!("USER {}", maildir.name), "PASS secret".to_owned()] {
            client.send(&command)?;
            client.line("+OK")?;
        }
        client.send("STAT")?;
        client.line(&format!("+OK {} ", maildir.messages))?;
        Ok(client)
    }

    fn send(&mut self, command: &str) -> Result<()> {
        Ok(self
            .reader
            .get_mut()
            .write_all(format!("{command}\r\n").as_bytes())?)
    }

    fn line(&mut self, begins: &str) -> Result<()> {
        let mut line = Vec::new();
        self.reader.read_until(b'\n', &mut line)?;
        ensure!(
            line.starts_with(begins.as_bytes()),
            "{}",
            line.escape_ascii()
        );
        Ok(())
    }

    fn retrieve(&mut self, messages: usize, ahead: usize) -> Result<()> {
        let mut asked = 0;
        for fetched in 0..messages {
            if asked == fetched {
                let mut group = String::new();
                while asked < messages.min(fetched + ahead) {
                    asked += 1;
                    group.push_str(&format!("RETR {asked}\r\n"));
                }
                self.reader.get_mut().write_all(group.as_bytes())?;
            }
            self.line("+OK")?;
            self.message()?;
        }
        Ok(())
    }

    /// Reads up to the end of a message. No line of ours begins with a dot.
    fn message(&mut self) -> Result<()> {
        const END: &[u8] = b"\r\n.\r\n";
        let mut matched = 0;
        loop {
            let buffer = self.reader.fill_buf()?;
            ensure!(!buffer.is_empty(), "the server has closed");
            let mut used = 0;
            while used < buffer.len() && matched < END.len() {
                if matched == 0 {
                    match buffer[used..].iter().position(|&octet| octet == b'\r') {
                        Some(at) => used += at,
                        None => used = buffer.len(),
                    }
                }
                let Some(&octet) = buffer.get(used) else {
                    break;
                };
                matched = match octet == END[matched] {
                    true => matched + 1,
                    false => usize::from(octet == b'\r'),
                };
                used += 1;
            }
            self.reader.consume(used);
            if matched == END.len() {
                return Ok(());
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Program {
    Ours,
    Dovecot,
}

impl Program {
    fn missing(self) -> Option<&'static str> {
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
struct Server {
    program: Program,
    running: Option<(Child, u16, TempDir)>,
}

impl Server {
    fn start(&mut self, root: &Path) -> Result<u16> {
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

    fn cpu_seconds(&self) -> Result<f64> {
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
