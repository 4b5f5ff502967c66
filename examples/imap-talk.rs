//! An IMAP session by hand: `cargo run --example imap-talk -- --help`.
//!
//! Lines of standard input are commands as the protocol has them, without tags. What comes is printed as our client has
//! understood it: `*` before what was asked for, `!` before news, then OK, NO or BAD. Three things are not as in the protocol:
//! IDLE ends with the next line, whatever that is; a literal is read out of a file, `APPEND INBOX (\Seen) @letter.eml`; and
//! `VIEW` prints what the client knows of the selected mailbox.

mod account;

use std::path::{Path, PathBuf};

use account::Account;
use anyhow::Result;
use bytes::{Buf, Bytes};
use clap::Parser;
use imap_proto::Content;
use imap_proto::command::{Append, AppendData, CommandBody, Fetch};
use imap_proto::encode::{Encoder, Encoding, Next};
use imap_proto::response::{Data, Response, Status};
use imap_proto::{Frame, Reader};
use mail_server::imap::{Client, ClientError};
use mailwire::Output;
use tokio::io::{AsyncBufReadExt, BufReader, Lines, Stdin, stdin};

/// An IMAP session by hand, of commands on standard input.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    account: Account,
    /// A folder for the contents of messages that are fetched, each named by its UID
    #[arg(long)]
    bodies: Option<PathBuf>,
}

type Input = Lines<BufReader<Stdin>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let account = &arguments.account;
    let (host, port) = account.address(993, 143)?;
    let mut client = Client::connect(host, port, account.security()?).await?;
    client.login(&account.user, &account.password()?).await?;
    println!("OK logged in");
    let mut input = BufReader::new(stdin()).lines();
    while let Some(line) = input.next_line().await? {
        if line.eq_ignore_ascii_case("VIEW") {
            view(&mut client);
            continue;
        }
        let said = match command(&line) {
            Ok(CommandBody::Logout) => break,
            Ok(command) => carry_out(&mut client, command, &arguments, &mut input).await,
            Err(error) => {
                println!("BAD {error}");
                continue;
            }
        };
        for news in client.news() {
            println!("! {}", text(Response::Untagged(news)));
        }
        match said {
            Ok(said) => println!("{said}"),
            Err(ClientError::Refused(status)) => println!("{}", status_text(status)),
            Err(error) => return Err(error.into()),
        }
    }
    client.logout().await?;
    println!("OK logged out");
    Ok(())
}

/// Reads a command, with the files that it names.
fn command(line: &str) -> Result<CommandBody> {
    let mut frame = b"t".to_vec();
    for word in line.split(' ') {
        frame.push(b' ');
        match word.strip_prefix('@') {
            Some(path) => {
                let octets = std::fs::read(path)?;
                frame.extend_from_slice(format!("{{{}}}\r\n", octets.len()).as_bytes());
                frame.extend_from_slice(&octets);
            }
            None => frame.extend_from_slice(word.as_bytes()),
        }
    }
    frame.extend_from_slice(b"\r\n");
    let frame = Frame::from(Bytes::from(frame));
    Ok(Reader::strict().command(&frame)?.body)
}

/// Prints what comes, and says how it ended.
async fn carry_out(
    client: &mut Client,
    command: CommandBody,
    arguments: &Arguments,
    input: &mut Input,
) -> Result<String, ClientError> {
    let answer = match command {
        CommandBody::Fetch(fetch) => {
            return take_in(client, *fetch, arguments.bodies.as_deref()).await;
        }
        CommandBody::Idle => return wait(client, input).await,
        CommandBody::Append(append) => give_out(client, *append).await?,
        command => client.command(command).await?,
    };
    let status = answer.status().clone();
    for data in answer.into_data() {
        println!("* {}", text(Response::Untagged(data)));
    }
    Ok(status_text(status))
}

async fn take_in(
    client: &mut Client,
    fetch: Fetch,
    bodies: Option<&Path>,
) -> Result<String, ClientError> {
    let mut messages = client.fetch(fetch)?;
    while let Some(mut message) = messages.next().await? {
        let mut octets = Vec::new();
        while let Some(piece) = message.next().await? {
            octets.extend_from_slice(&piece);
        }
        let mut fetched = message.fetched().clone();
        let name = fetched.uid().unwrap_or(fetched.number);
        if let Some(bodies) = bodies.filter(|_| !octets.is_empty()) {
            std::fs::write(bodies.join(name.to_string()), &octets)?;
        }
        fetched.items.retain(|item| item.content().is_none());
        println!("* {}", text(Response::Untagged(Data::Fetch(fetched))));
    }
    Ok("OK".to_owned())
}

/// Streams what would have fitted into memory, to show how.
async fn give_out(
    client: &mut Client,
    mut append: Append,
) -> Result<mail_server::imap::Answer, ClientError> {
    let mut octets = Vec::new();
    for message in &mut append.messages {
        if let AppendData::Message { content, .. } = &mut message.data {
            if let Content::Whole(whole) = &*content {
                octets.extend_from_slice(whole);
            }
            *content = Content::Streamed(content.len());
        }
    }
    client.append(append, &octets[..]).await
}

/// Prints news until a line is typed.
async fn wait(client: &mut Client, input: &mut Input) -> Result<String, ClientError> {
    let mut idle = client.idle()?;
    loop {
        tokio::select! {
            news = idle.next() => println!("! {}", text(Response::Untagged(news?))),
            _ = input.next_line() => break,
        }
    }
    idle.done().await?;
    Ok("OK".to_owned())
}

fn view(client: &mut Client) {
    let Some(mailbox) = client.mailbox() else {
        println!("OK nothing is selected");
        return;
    };
    let validity = mailbox.uid_validity.map_or(0, |validity| validity.get());
    let mod_seq = mailbox.highest_mod_seq.map_or(0, |mod_seq| mod_seq.value());
    let (exists, uids) = (mailbox.exists(), mailbox.uids());
    println!("OK {exists} messages, valid {validity}, mod-sequence {mod_seq}, UIDs {uids}");
}

fn status_text(status: Status) -> String {
    text(Response::Untagged(Data::Status(status)))
}

/// A response as the protocol has it, without the star.
fn text(response: Response) -> String {
    let mut encoder = Encoder::new(Encoding::responses());
    encoder.response(&response);
    let mut output = Output::new(usize::MAX);
    while encoder.transfer(&mut output) != Next::Done {}
    let octets = output.copy_to_bytes(output.remaining());
    let line = String::from_utf8_lossy(&octets);
    line.trim_start_matches("* ").trim_end().to_owned()
}
