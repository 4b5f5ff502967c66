//! Whole conversations with the POP3 client, under laws 1 to 5.
//!
//! Three octets choose: what the client wants, and two cuts. The rest is what the server says.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mailwire::testing::Settings;
use mailwire::testing::laws;

#[allow(
    dead_code,
    unreachable_pub,
    reason = "a file of the tests of pop3-proto"
)]
#[path = "../../pop3-proto/tests/stage/mod.rs"]
mod stage;

fuzz_target!(|data: &[u8]| {
    let &[config, first, second, ref said @ ..] = data else {
        return;
    };
    let settings = Settings::from(stage::CLIENTS[usize::from(config) % stage::CLIENTS.len()]);
    let cuts = [usize::from(first), usize::from(second)];
    laws::check(
        &stage::ClientStage,
        &settings,
        || stage::Patience,
        said,
        &cuts,
    );
});
