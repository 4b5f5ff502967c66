//! Both machines on the stage of `mailwire::testing`.

mod client;
mod server;

#[allow(unused_imports, reason = "each test file uses its part of the stage")]
pub(crate) use client::{CLIENTS, ClientStage, Patience};
#[allow(unused_imports, reason = "each test file uses its part of the stage")]
pub(crate) use server::{CONFIGURATIONS, ServerStage, Whims};

use mailwire::testing::text;

/// Text in the notation of transcripts, as an application would have it.
fn unescaped(words: &str) -> Result<Vec<u8>, String> {
    text::parse(words)
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
