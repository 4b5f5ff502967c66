//! Fetches all messages of a user and prints how many octets they were.

use std::error::Error;

use pop3::{POP3Result, POP3Stream};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [user, port, messages] = &arguments[..] else {
        return Err("usage: USER PORT MESSAGES".into());
    };
    let mut client = POP3Stream::connect(("127.0.0.1", port.parse()?), None, "")?;
    client.login(user, "secret");
    let mut octets = 0;
    for number in 1..=messages.parse()? {
        match client.retr(number) {
            POP3Result::POP3Message { raw } => octets += raw.iter().map(String::len).sum::<usize>(),
            _ => return Err("a message did not come".into()),
        }
    }
    client.quit();
    println!("{octets}");
    Ok(())
}
