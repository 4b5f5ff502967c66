//! `mail-sandbox`: a mail host that keeps what it is sent, shows it, and misbehaves when asked to.

mod options;

mod report;

mod api;

mod page;

mod limits;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Parser;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use self::api::Api;
use self::options::Options;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mail-sandbox: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<()> {
    let sandbox = Arc::new(options.builder()?.start().await?);
    if let Some(path) = &options.ca {
        let written = std::fs::write(path, sandbox.ca_pem());
        written.with_context(|| format!("cannot write {}", path.display()))?;
    }
    let mut feed = sandbox.follow();
    let web = match options.http_address() {
        Some(address) => {
            let listener = TcpListener::bind(address).await;
            let listener =
                listener.with_context(|| format!("cannot listen on {address} for http"))?;
            let address = listener.local_addr()?;
            let api = Api::new(Arc::clone(&sandbox), options.names.clone());
            tokio::spawn(api.serve(listener));
            Some(address)
        }
        None => None,
    };
    // Whoever reads that it is ready may end it at once.
    let stopped = stopped()?;
    report::ready(&sandbox, web)?;
    // On a thread of its own: whoever reads what is printed may be slow.
    let (runtime, (done, reported)) = (Handle::current(), oneshot::channel());
    std::thread::spawn(move || done.send(runtime.block_on(report::news(&mut feed))));
    tokio::select! {
        reported = reported => reported?,
        stopped = stopped => stopped,
    }
}

/// Waits until somebody wants us to end, counted from the call.
fn stopped() -> Result<impl Future<Output = Result<()>>> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        Ok(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            Ok(())
        })
    }
    #[cfg(not(unix))]
    Ok(async { Ok(tokio::signal::ctrl_c().await?) })
}
