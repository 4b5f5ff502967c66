//! Replays `tests/transcripts`.

mod stage;

use mailwire::testing::transcript::{Role, check_contents, replay_all};

#[test]
fn server() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transcripts/server");
    replay_all(&stage::ServerStage, Role::Server, folder);
}

#[test]
fn client() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transcripts/client");
    replay_all(&stage::ClientStage, Role::Client, folder);
}

#[test]
fn contents() {
    check_contents(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transcripts"));
}
