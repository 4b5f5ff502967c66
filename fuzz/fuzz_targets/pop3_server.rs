//! Whole conversations with the POP3 server, under laws 1 to 5.
//!
//! Four octets choose: a configuration, the application's mood, and two cuts. The rest is what
//! the client says.

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
    let &[config, mood, first, second, ref said @ ..] = data else {
        return;
    };
    let settings = Settings::from(stage::CONFIGURATIONS[usize::from(config) % stage::CONFIGURATIONS.len()]);
    let cuts = [usize::from(first), usize::from(second)];
    let answers = || stage::Whims::new(u64::from(mood));
    laws::check(&stage::ServerStage, &settings, answers, said, &cuts);
});
