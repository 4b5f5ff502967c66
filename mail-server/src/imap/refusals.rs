//! What clients are told of trouble.

use imap_proto::Text;
use imap_proto::response::CodeWord;
use imap_proto::server::Refusal;
use mailbox_formats::Fault;
use sasl::server::Failure;
use tracing::warn;

use crate::store::StoreError;

/// Of a store.
pub(super) fn of_store(error: StoreError) -> Refusal {
    let fault = match &error {
        StoreError::NoFolder => return CodeWord::NonExistent.into(),
        StoreError::Exists => return CodeWord::AlreadyExists.into(),
        StoreError::Unsupported => return CodeWord::Cannot.into(),
        StoreError::InUse => return CodeWord::InUse.into(),
        StoreError::TooMany => return CodeWord::Limit.into(),
        StoreError::OverQuota => return CodeWord::OverQuota.into(),
        StoreError::TooLarge => return CodeWord::TooBig.into(),
        StoreError::Gone => return CodeWord::ExpungeIssued.into(),
        StoreError::Delivery(error) => error.fault(),
        StoreError::Mailbox(error) => error.fault(),
        StoreError::Read(_) | StoreError::Failed(_) => Fault::Other,
    };
    warn!(%error, "the store failed");
    match fault {
        Fault::Full | Fault::Quota => CodeWord::OverQuota.into(),
        Fault::TooLarge => CodeWord::TooBig.into(),
        Fault::Busy => CodeWord::InUse.into(),
        _ => CodeWord::Unavailable.into(),
    }
}

/// Of a wish to be told (RFC 5465 section 3.1).
pub(super) fn of_watching(error: StoreError) -> Refusal {
    match error {
        StoreError::TooMany => {
            let refusal = Refusal::new(Text::fixed("Too many mailboxes"));
            refusal.with_code(CodeWord::NotificationOverflow)
        }
        error => of_store(error),
    }
}

/// Of a folder that messages are to go to (RFC 9051 section 6.3.12).
pub(super) fn of_target(error: StoreError) -> Refusal {
    match error {
        StoreError::NoFolder => CodeWord::TryCreate.into(),
        error => of_store(error),
    }
}

/// Of an authentication (RFC 5530).
pub(super) fn of_login(failure: Failure) -> Refusal {
    let (code, text) = match failure {
        Failure::EncryptionRequired => (CodeWord::PrivacyRequired, "Passwords need TLS"),
        Failure::Expired => (CodeWord::Expired, "The password has expired"),
        Failure::Disabled => (CodeWord::ContactAdmin, "The account is disabled"),
        Failure::Unauthorized => (
            CodeWord::AuthorizationFailed,
            "Not allowed to act for that user",
        ),
        Failure::Malformed | Failure::TooLong | Failure::Cancelled => {
            return Refusal::new(Text::fixed("Malformed authentication data"));
        }
        Failure::NotOffered => return Refusal::new(Text::fixed("Mechanism is not on offer")),
        failure if failure.is_temporary() => {
            (CodeWord::Unavailable, "Temporary authentication failure")
        }
        _ => return CodeWord::AuthenticationFailed.into(),
    };
    Refusal::new(Text::fixed(text)).with_code(code)
}
