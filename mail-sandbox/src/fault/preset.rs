//! Faults that hurt in life.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{Action, Fault, Faults, Per, Times, shape};
use crate::endpoint::Endpoint;

/// A server as there are many, made of [faults](super).
///
/// Those that are shaped like somebody's IMAP server have its greeting, announce no extension that it has not, and
/// answer as it does where that is not what the RFCs say. What they announce is what is served: the
/// extensions that only they have are not among it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Preset {
    /// Each recipient is refused with 450 until some time has passed since it was named first.
    Greylisting(Duration),
    /// A connection is closed with 421 when it has brought so many messages.
    MessagesPerConnection(u64),
    /// More than so many messages in a time are refused with 451.
    RateLimit(u64, Duration),
    /// Each command is answered after this time only.
    Tarpit(Duration),
    /// Every message is refused for want of room.
    DiskFull,
    /// Messages are taken and the client is never told, so that it sends them again.
    LostAcknowledgements,
    /// TLS is not offered, as behind something on the way that strips it.
    StrippedTls,
    /// An IMAP server like Exchange: a space behind the answers to STATUS, dispositions without their
    /// parentheses, COPYUID on a line that has neither tag nor star, `ID NIL` refused.
    ExchangeImap,
    /// An IMAP server like Exchange when it is busy: it lets everybody in and then knows nobody.
    ExchangeNotConnected,
    /// An IMAP server like Gmail's: a status without a text, a word behind each text.
    GmailImap,
    /// An IMAP server like Yandex's: empty parts without a value, and the name of a folder `Абв&где` that is not well
    /// encoded.
    YandexImap,
}

impl Preset {
    /// What it is made of.
    pub fn faults(self) -> Faults {
        let faults = match self {
            Self::Greylisting(time) => vec![
                Fault::command("RCPT")
                    .times(Times::ForTheFirst(time))
                    .per(Per::Address)
                    .reply("450 4.2.0 Greylisted, try again later"),
            ],
            Self::MessagesPerConnection(count) => vec![
                Fault::command("MAIL")
                    .from(count.saturating_add(1))
                    .per(Per::Connection)
                    .reply("421 4.7.0 Too many messages on this connection"),
            ],
            Self::RateLimit(count, within) => vec![
                Fault::command("MAIL")
                    .times(Times::Over { count, within })
                    .reply("451 4.7.1 Rate limit exceeded, try again later"),
            ],
            Self::Tarpit(time) => vec![Fault::command("*").delay(time)],
            Self::DiskFull => vec![Fault::end().act(Action::DiskFull)],
            Self::LostAcknowledgements => {
                vec![Fault::end().act(Action::Truncate).act(Action::Drop)]
            }
            Self::StrippedTls => vec![
                Fault::capabilities().act(Action::Without("STARTTLS".into())),
                Fault::capabilities().act(Action::Without("STLS".into())),
                stripped(Endpoint::Smtp, "502 5.5.1 Command not implemented"),
                stripped(Endpoint::Submission, "502 5.5.1 Command not implemented"),
                stripped(Endpoint::Imap, "BAD Unknown command"),
                Fault::command("STLS").reply("-ERR Unknown command"),
            ],
            Self::ExchangeImap => shape::exchange(),
            Self::ExchangeNotConnected => shape::not_connected(),
            Self::GmailImap => shape::gmail(),
            Self::YandexImap => shape::yandex(),
        };
        faults.into_iter().collect()
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Greylisting(_) => "greylisting",
            Self::MessagesPerConnection(_) => "messages-per-connection",
            Self::RateLimit(..) => "rate-limit",
            Self::Tarpit(_) => "tarpit",
            Self::DiskFull => "disk-full",
            Self::LostAcknowledgements => "lost-acknowledgements",
            Self::StrippedTls => "stripped-tls",
            Self::ExchangeImap => "exchange-imap",
            Self::ExchangeNotConnected => "exchange-not-connected",
            Self::GmailImap => "gmail-imap",
            Self::YandexImap => "yandex-imap",
        })
    }
}

impl FromStr for Preset {
    type Err = UnknownPreset;

    /// By its name, with the figures that are usual: greylisting for 5 minutes, 10 messages a
    /// connection, 10 messages a minute, a tarpit of 5 seconds.
    fn from_str(name: &str) -> Result<Self, UnknownPreset> {
        let minute = Duration::from_secs(60);
        let all = [
            Self::Greylisting(5 * minute),
            Self::MessagesPerConnection(10),
            Self::RateLimit(10, minute),
            Self::Tarpit(Duration::from_secs(5)),
            Self::DiskFull,
            Self::LostAcknowledgements,
            Self::StrippedTls,
            Self::ExchangeImap,
            Self::ExchangeNotConnected,
            Self::GmailImap,
            Self::YandexImap,
        ];
        let mut all = all.into_iter();
        all.find(|preset| preset.to_string() == name)
            .ok_or(UnknownPreset)
    }
}

fn stripped(endpoint: Endpoint, answer: &str) -> Fault {
    Fault::command("STARTTLS").on(endpoint).reply(answer)
}

/// The name is not that of a preset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not greylisting, messages-per-connection, rate-limit, tarpit, disk-full, lost-acknowledgements, stripped-tls, exchange-imap, exchange-not-connected, gmail-imap or yandex-imap"
)]
pub struct UnknownPreset;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_have_names_and_faults_that_can_be_written() {
        for name in [
            "greylisting",
            "messages-per-connection",
            "rate-limit",
            "tarpit",
            "disk-full",
            "lost-acknowledgements",
            "stripped-tls",
            "exchange-imap",
            "exchange-not-connected",
            "gmail-imap",
            "yandex-imap",
        ] {
            let preset: Preset = name.parse().expect(name);
            let faults = preset.faults();
            assert_eq!(faults.to_string().parse(), Ok(faults), "{name}");
            assert!(UnknownPreset.to_string().contains(name));
        }
    }
}
