//! The client that servers are measured with.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use anyhow::{Result, ensure};

use crate::served::maildirs::Maildir;

/// A client that does no more than it must.
pub(super) struct Client {
    reader: BufReader<TcpStream>,
}

impl Client {
    /// Logs in, and has the server say how many messages there are.
    pub(super) fn login(port: u16, maildir: Maildir) -> Result<Self> {
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

    pub(super) fn retrieve(&mut self, messages: usize, ahead: usize) -> Result<()> {
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
