//! Authentication for those who connect.

use std::io;

use mailwire::TlsInfo;
use sasl::ChannelBindings;
use sasl::client::{Client, ClientError, Context, Credentials};

/// Begins an exchange by the best mechanism that is offered, bound to the TLS session if there is one.
pub(crate) fn begin<'a>(
    offered: impl Iterator<Item = &'a str>,
    credentials: &Credentials,
    tls: Option<&TlsInfo>,
    clear_passwords: bool,
) -> io::Result<Result<Client, ClientError>> {
    let mut context = Context::new().allow_clear_passwords(clear_passwords);
    if let Some(tls) = tls {
        let mut bindings = ChannelBindings::default();
        if let Some(exporter) = tls.exporter.clone() {
            bindings = bindings.exporter(exporter);
        }
        if let Some(hash) = tls.server_end_point.clone() {
            bindings = bindings.server_end_point(hash);
        }
        context = context.secured(true).channel_bindings(bindings);
    }
    let mut random = [0; 18];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    Ok(Client::select(offered, credentials, &context, random))
}
