//! What a file of envelopes tells can be kept and told again, whatever was in the file; and what is kept is told.

#![no_main]

use std::fs;
use std::hash::Hasher;
use std::num::NonZeroU32;
use std::sync::{Arc, LazyLock};

use imap_proto::response::Envelope;
use libfuzzer_sys::fuzz_target;
use mail_server::store::Recall;
use siphasher::sip::SipHasher13;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().build();
    runtime.expect("a runtime")
});

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a folder"));

fuzz_target!(|data: &[u8]| {
    let &[choice, ref data @ ..] = data else {
        return;
    };
    let head = b"mailwire-envelopes 1 7\n";
    let content = match choice {
        0 => data.to_vec(),
        1 => [head, data].concat(),
        // A record with the sum that it has to have, so that the rest of the parser is reached, and whatever behind it.
        _ => {
            let (envelope, rest) = data.split_at(data.len().min(usize::from(choice)));
            [head, &record(envelope)[..], rest].concat()
        }
    };
    let path = FOLDER.path().join("mailwire-envelopes");
    fs::write(&path, content).expect("room");
    // As FETCH does: what could not be told is found in the message, and kept.
    let recall = recall();
    let kept = told(&recall).unwrap_or_else(|| Arc::new(Envelope::default()));
    recall.keep(&[(message(), Arc::clone(&kept), 0)]);
    assert_eq!(told(&self::recall()), Some(kept));
});

/// What knows nothing but what is in the file.
fn recall() -> Recall {
    let path = FOLDER.path().join("mailwire-envelopes");
    Recall::new().of_folder(&path, validity())
}

fn told(recall: &Recall) -> Option<Arc<Envelope>> {
    RUNTIME.block_on(recall.envelopes(&[message()])).remove(0)
}

fn validity() -> NonZeroU32 {
    NonZeroU32::new(7).expect("not 0")
}

/// A UID and a size.
fn message() -> (NonZeroU32, u64) {
    (NonZeroU32::MIN, 5)
}

fn record(envelope: &[u8]) -> Vec<u8> {
    let (uid, size) = message();
    let mut hasher = SipHasher13::new();
    hasher.write(&validity().get().to_le_bytes());
    hasher.write(&uid.get().to_le_bytes());
    hasher.write(&size.to_le_bytes());
    hasher.write(envelope);
    let length = u32::try_from(envelope.len()).expect("short");
    let mut record = length.to_le_bytes().to_vec();
    record.extend(uid.get().to_le_bytes());
    record.extend(size.to_le_bytes());
    record.extend(hasher.finish().to_le_bytes());
    record.extend_from_slice(envelope);
    record
}
