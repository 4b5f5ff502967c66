//! Replays `tests/transcripts/server`.

mod stage;

use mailwire::testing::transcript::{Role, replay_all};

#[test]
fn server() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transcripts/server");
    replay_all(&stage::ServerStage, Role::Server, folder);
}
