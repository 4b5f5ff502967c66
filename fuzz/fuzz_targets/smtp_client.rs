//! Whole conversations with the client, under laws 1 to 5.
//!
//! Four octets choose: a configuration, the application's mood, and two cuts. The rest is what
//! the server says.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mailwire::testing::Settings;
use mailwire::testing::laws;

#[allow(unreachable_pub, reason = "a file of the tests of smtp-proto")]
#[path = "../../smtp-proto/tests/stage/mod.rs"]
mod stage;

use stage::client::{CONFIGURATIONS, ClientStage, ClientWhims};

fuzz_target!(|data: &[u8]| {
    let &[config, mood, first, second, ref said @ ..] = data else {
        return;
    };
    let settings = Settings::from(CONFIGURATIONS[usize::from(config) % CONFIGURATIONS.len()]);
    let cuts = [usize::from(first), usize::from(second)];
    let answers = || ClientWhims(u64::from(mood).into());
    laws::check(&ClientStage, &settings, answers, said, &cuts);
});
