//! Into a store with it: what most services do with a message.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};

use jiff::{Timestamp, Zoned};
use smtp_proto::command::HelloVerb;
use smtp_proto::{ForwardPath, Reply, ReversePath};
use tracing::{error, info, warn};

use super::{Body, Envelope, Session, Statuses};
use crate::store::{Account, Copy, Mailstore, StoreError};

/// Streams a message into the mailboxes of its recipients, with trace header fields on top
/// (`Return-Path`, `X-Original-To`, `Delivered-To` and `Received`), and tells what to answer.
///
/// `accounts` holds for each recipient of the envelope the accounts that get the message, one at
/// least. An account that is named twice gets one copy.
///
/// # Errors
///
/// The reply for all recipients, if the message cannot be stored for any, or if `accounts` does
/// not say for each recipient where to.
pub async fn deliver(
    store: &dyn Mailstore,
    hostname: &str,
    session: &Session,
    envelope: &Envelope,
    accounts: &[Vec<Account>],
    body: &mut Body<'_>,
) -> Result<Statuses, Reply> {
    if accounts.len() != envelope.recipients.len() || accounts.iter().any(Vec::is_empty) {
        error!("a recipient has no account");
        return Err(FAULT);
    }
    let id = queue_id();
    let received = received(session, envelope, hostname, &id, &Zoned::now());
    let sender = match &envelope.mail.path {
        ReversePath::Null => "",
        ReversePath::Mailbox(mailbox) => mailbox.as_str(),
    };
    let mut copies: Vec<Copy> = Vec::new();
    for (recipient, accounts) in envelope.recipients.iter().zip(accounts) {
        for account in accounts {
            if copies.iter().any(|copy| copy.account == *account) {
                continue;
            }
            let original = match &recipient.path {
                ForwardPath::Postmaster => "postmaster",
                ForwardPath::Mailbox(mailbox) => mailbox.as_str(),
            };
            copies.push(Copy {
                header: format!(
                    "Return-Path: <{sender}>\r\nX-Original-To: {original}\r\n\
                     Delivered-To: {account}\r\n{received}"
                ),
                account: account.clone(),
            });
        }
    }
    let order: Vec<_> = copies.iter().map(|copy| copy.account.clone()).collect();
    let refuse = |error: StoreError| {
        warn!(id, %error, "not stored");
        error.reply()
    };
    let mut delivery = store.deliver(sender, copies).await.map_err(refuse)?;
    while let Some(piece) = body.next().await? {
        delivery.write(&piece).await.map_err(refuse)?;
    }
    let outcomes = delivery.commit().await;
    if outcomes.len() != order.len() {
        error!(id, "the store did not tell what became of each copy");
        return Err(FAULT);
    }
    let refusals: Vec<_> = outcomes
        .into_iter()
        .map(|outcome| outcome.map_err(refuse).err())
        .collect();
    let stored = refusals.iter().filter(|refusal| refusal.is_none()).count();
    info!(id, stored, copies = order.len(), "stored");
    let statuses = accounts.iter().map(|accounts| {
        let refusal = order
            .iter()
            .zip(&refusals)
            .filter(|(account, _)| accounts.contains(account))
            .find_map(|(_, refusal)| refusal.clone());
        refusal.unwrap_or_else(|| {
            Reply::new(250, (2, 0, 0), format!("Ok: queued as {id}")).expect("a short text")
        })
    });
    Ok(Statuses::each(statuses.collect()))
}

/// The `Received` field for a message (RFC 5321 section 4.4), folded, with CRLF.
fn received(
    session: &Session,
    envelope: &Envelope,
    hostname: &str,
    id: &str,
    now: &Zoned,
) -> String {
    let hello = session.hello.as_ref();
    let name: String = hello
        .map_or("", |hello| hello.name.as_str())
        .chars()
        // Nothing that means something in a header field, and no more than ASCII unless the
        // message may hold it (RFC 6531 section 3.7.3).
        .map(|c| match c {
            '(' | ')' | '<' | '>' | ';' | ',' | '"' | '\\' => '?',
            c if !c.is_ascii() && !envelope.mail.parameters.smtputf8 => '?',
            c => c,
        })
        .collect();
    let name = if name.is_empty() { "unknown" } else { &name };
    let mut field = format!("Received: from {name} ({})", literal(session.peer.address));
    if let Some(tls) = &session.tls {
        let version = tls.version.as_deref().unwrap_or("TLS");
        let cipher = tls.cipher.as_deref().unwrap_or("unknown");
        let _ = write!(field, "\r\n\t(using {version} with cipher {cipher})");
    }
    let _ = write!(
        field,
        "\r\n\tby {hostname} with {} id {id}",
        protocol(session, envelope)
    );
    // More than one recipient would tell each of the others.
    if let [recipient] = &envelope.recipients[..] {
        if let path @ ForwardPath::Mailbox(_) = &recipient.path {
            let _ = write!(field, "\r\n\tfor {}", path);
        }
    }
    let date = jiff::fmt::rfc2822::to_string(now).unwrap_or_default();
    let _ = write!(field, "; {date}\r\n");
    field
}

fn literal(address: SocketAddr) -> String {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => format!("[{ip}]"),
        IpAddr::V6(ip) => format!("[IPv6:{ip}]"),
    }
}

/// The registered name of how the message came (RFC 3848, RFC 6531 section 4.3).
fn protocol(session: &Session, envelope: &Envelope) -> String {
    let verb = session.hello.as_ref().map(|hello| hello.verb);
    if verb == Some(HelloVerb::Helo) {
        return "SMTP".into();
    }
    let base = match (verb, envelope.mail.parameters.smtputf8) {
        (Some(HelloVerb::Lhlo), true) => "UTF8LMTP",
        (Some(HelloVerb::Lhlo), false) => "LMTP",
        (_, true) => "UTF8SMTP",
        (_, false) => "ESMTP",
    };
    let tls = if session.tls.is_some() { "S" } else { "" };
    let auth = if session.authenticated.is_some() {
        "A"
    } else {
        ""
    };
    format!("{base}{tls}{auth}")
}

/// A name for a message on its way through us: unique on this host, in order of time.
fn queue_id() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed) & 0xfff;
    let time = Timestamp::now().as_microsecond();
    format!("{time:X}{count:03X}")
}

/// Said when the fault is ours.
const FAULT: Reply = Reply::fixed(451, Some((4, 3, 0)), "Internal error, try again later");

#[cfg(test)]
mod tests {
    use mailwire::TlsInfo;
    use smtp_proto::Strictness;
    use smtp_proto::command::Command;

    use super::*;
    use crate::Peer;

    fn command(line: &str) -> Command {
        Command::parse(line.as_bytes(), &Strictness::strict()).expect(line)
    }

    /// The field, without its date, for a client at `address` that says these lines.
    fn field(address: &str, lines: &[&str], secured: bool) -> String {
        let local = "127.0.0.1:25".parse().expect("an address");
        let address = address.parse().expect("an address");
        let mut session = Session {
            peer: Peer { address, local },
            tls: secured.then(|| {
                let mut tls = TlsInfo::default();
                tls.version = Some("TLSv1.3".into());
                tls
            }),
            hello: None,
            authenticated: None,
            speaks_for: None,
        };
        let (mut mail, mut recipients) = (None, Vec::new());
        for line in lines {
            match command(line) {
                Command::Hello(hello) => session.hello = Some(hello),
                Command::Mail(said) => mail = Some(said),
                Command::Rcpt(rcpt) => recipients.push(rcpt),
                _ => panic!("{line} is not of an envelope"),
            }
        }
        let envelope = Envelope {
            mail: mail.expect("a sender"),
            recipients,
        };
        let field = received(&session, &envelope, "mx.test", "1A", &Zoned::now());
        assert!(field.is_ascii() || lines.concat().contains("SMTPUTF8"));
        assert!(field.lines().skip(1).all(|line| line.starts_with('\t')));
        let (before, date) = field.rsplit_once("; ").expect("a date");
        assert!(date.ends_with("\r\n") && date.matches('\n').count() == 1);
        before.replace("\r\n\t", " ")
    }

    /// RFC 5321 section 4.4, RFC 3848, RFC 6531 section 4.3.
    #[test]
    fn trace_fields() {
        let from = "MAIL FROM:<a@x.test>";
        let utf8 = "MAIL FROM:<a@x.test> SMTPUTF8";
        let to = "RCPT TO:<b@y.test>";
        for (address, lines, secured, expected) in [
            (
                "192.0.2.7:1234",
                &["HELO c", from, to][..],
                false,
                "Received: from c ([192.0.2.7]) by mx.test with SMTP id 1A for <b@y.test>",
            ),
            (
                "[2001:db8::7]:1234",
                &["EHLO [IPv6:2001:db8::7]", from, to, to],
                true,
                "Received: from [IPv6:2001:db8::7] ([IPv6:2001:db8::7]) \
                 (using TLSv1.3 with cipher unknown) by mx.test with ESMTPS id 1A",
            ),
            (
                "[::ffff:192.0.2.7]:1234",
                &["LHLO c", from, "RCPT TO:<postmaster>"],
                false,
                "Received: from c ([192.0.2.7]) by mx.test with LMTP id 1A",
            ),
            (
                "192.0.2.7:1234",
                &["EHLO m\u{fc}nchen.test", utf8, to],
                true,
                "Received: from m\u{fc}nchen.test ([192.0.2.7]) \
                 (using TLSv1.3 with cipher unknown) by mx.test with UTF8SMTPS id 1A for <b@y.test>",
            ),
            (
                "192.0.2.7:1234",
                &["EHLO m\u{fc}n(chen);by", from, to],
                false,
                "Received: from m?n?chen??by ([192.0.2.7]) by mx.test with ESMTP id 1A for <b@y.test>",
            ),
        ] {
            assert_eq!(field(address, lines, secured), expected);
        }
    }

    #[test]
    fn queue_ids_differ() {
        let ids: std::collections::HashSet<_> = (0..4000).map(|_| queue_id()).collect();
        assert_eq!(ids.len(), 4000);
    }
}
