//! Both machines on the stage of `mailwire::testing`.

#[allow(dead_code, reason = "each test file uses its part of the stage")]
mod client;
#[allow(dead_code, reason = "each test file uses its part of the stage")]
mod server;

#[allow(unused_imports, reason = "each test file uses its part of the stage")]
pub(crate) use client::{CLIENTS, ClientStage, Obliging};
#[allow(unused_imports, reason = "each test file uses its part of the stage")]
pub(crate) use server::{CONFIGURATIONS, ServerStage, Whims};
