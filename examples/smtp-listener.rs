//! An SMTP listener in an application, in under 30 lines: prints what arrives.
//!
//! `cargo run --example smtp-listener`, and in another terminal
//! `curl smtp://127.0.0.1:2525 --mail-from me@example.net --mail-rcpt you@example.org -T FILE`.

use mail_server::smtp::{Body, Config, Envelope, Listener, Service, Session, Statuses};
use smtp_proto::{Reply, command::Rcpt};

struct Print;

#[async_trait::async_trait]
impl Service for Print {
    async fn rcpt(&mut self, _: &Session, _: &Rcpt) -> Result<(), Reply> {
        Ok(())
    }

    async fn message(
        &mut self,
        _: &Session,
        envelope: &Envelope,
        body: &mut Body<'_>,
    ) -> Result<Statuses, Reply> {
        println!("{envelope:?}");
        while let Some(piece) = body.next().await? {
            print!("{}", String::from_utf8_lossy(&piece));
        }
        Ok(Statuses::accepted())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = Listener::bind("127.0.0.1:2525", Config::new("localhost".parse()?)).await?;
    println!("listening on {}", listener.local_addr());
    listener.serve(|_peer| Print).await;
    Ok(())
}
