//! Sends a message from standard input, by STARTTLS where it is offered, and prints what became of
//! it for each recipient.
//!
//! `cargo run --example smtp-send -- 127.0.0.1:2525 me@example.net you@example.org <MESSAGE`;
//! `lmtp:127.0.0.1:2424` speaks LMTP.

use mail_server::smtp::{Outgoing, Protocol};
use mail_server::{ClientTls, Security};
use smtp_proto::client::{Config, Delivery};
use smtp_proto::{Mailbox, ReversePath};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [server, from, recipients @ ..] = &arguments[..] else {
        return Err("usage: smtp-send [lmtp:]HOST:PORT FROM TO...".into());
    };
    let mut config = Config::new("localhost".parse()?);
    if server.starts_with("lmtp:") {
        config.protocol = Protocol::Lmtp;
    }
    let server = server.trim_start_matches("lmtp:");
    let (host, port) = server.rsplit_once(':').ok_or("no port")?;
    let mut delivery = Delivery::new(match &from[..] {
        "" => ReversePath::Null,
        from => ReversePath::Mailbox(from.parse()?),
    });
    for recipient in recipients {
        delivery.to(recipient.parse::<Mailbox>()?);
    }
    let security = Security::Opportunistic(ClientTls::unverified()?);
    let mut connection = Outgoing::connect(host, port.parse()?, config, security).await?;
    let outcome = connection.send(delivery, tokio::io::stdin()).await?;
    for (recipient, fate) in recipients.iter().zip(outcome.fates()) {
        println!("{recipient}: {fate}");
    }
    connection.quit().await?;
    Ok(())
}
