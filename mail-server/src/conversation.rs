//! A conversation with a client: what is the same in all protocols, from the greeting to the end.

use std::future::pending;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use mailwire::drive::tokio::Driver;
use mailwire::drive::{DriveError, Next};
use mailwire::{Machine, TlsInfo};
use sasl::server::{Failure, Outcome};
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::auth::{Login, Turn};
use crate::listener::{Entered, Protocol, Shared, Stop, Transport};

/// A machine on its connection.
pub(crate) struct Conversation<P: Protocol> {
    pub(crate) driver: Driver<P::Machine, Transport>,
    shared: Arc<Shared<P>>,
    /// The client's way in, if there is one.
    login: Option<Login>,
    stop: Stop,
    /// Waits for the listener to stop, unless the machine knows of that.
    stopped: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

type Event<P> = <<P as Protocol>::Machine as Machine>::Event;
type Error<P> = <<P as Protocol>::Machine as Machine>::Error;

impl<P: Protocol> Conversation<P> {
    /// Begins it, with a machine that has said nothing yet.
    pub(crate) fn begin(
        shared: &Arc<Shared<P>>,
        entered: Entered,
        machine: P::Machine,
        login: Option<Login>,
        stop: Stop,
    ) -> Self {
        let mut conversation = Self {
            driver: Driver::new(machine, entered.transport),
            shared: Arc::clone(shared),
            login,
            stopped: Some(Box::pin(stop.stopped_owned())),
            stop,
        };
        match &entered.tls {
            Some(tls) => conversation.tls_started(tls),
            None => conversation.offer_mechanisms(),
        }
        conversation
    }

    pub(crate) fn machine(&mut self) -> &mut P::Machine {
        self.driver.machine()
    }

    /// What comes next. When the listener stops, the machine is told. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Result<Next<Event<P>>, DriveError<Error<P>>> {
        loop {
            // A client that is never short of commands must not keep us from stopping.
            if self.stopped.is_some() && self.stop.is_stopped() {
                self.stopped = None;
                self.machine().shutdown();
            }
            let stopped = async {
                match &mut self.stopped {
                    Some(stopped) => stopped.await,
                    None => pending().await,
                }
            };
            tokio::select! {
                // Nobody has to be waited for where there is something to do.
                biased;
                next = self.driver.next() => return next,
                () = stopped => {}
            }
        }
    }

    /// Runs the TLS handshake that the client has asked for.
    pub(crate) async fn start_tls(mut self) -> io::Result<(Self, TlsInfo)> {
        let (machine, transport) = self.driver.into_parts();
        let (transport, tls) = self.shared.upgrade(transport, &self.stop).await?;
        self.driver = Driver::new(machine, transport);
        self.tls_started(&tls);
        Ok((self, tls))
    }

    /// The channel is TLS from now on.
    fn tls_started(&mut self, tls: &TlsInfo) {
        if let Some(login) = &mut self.login {
            login.tls_started(tls);
        }
        self.machine().tls_started(tls.clone());
        self.offer_mechanisms();
    }

    /// Announces what can be used on this channel.
    fn offer_mechanisms(&mut self) {
        if let Some(login) = &self.login {
            let names = login.names();
            P::offer_mechanisms(self.machine(), names);
        }
    }

    // Logging in may have been announced where there is nobody to ask.

    /// [`Login::password`]
    pub(crate) async fn password(&mut self, name: &[u8], password: &[u8]) -> Outcome {
        match &mut self.login {
            Some(login) => login.password(name, password).await,
            None => Err(Failure::Unavailable),
        }
    }

    /// [`Login::apop`]
    #[cfg(feature = "apop")]
    pub(crate) async fn apop(&mut self, timestamp: &str, name: &[u8], digest: &[u8]) -> Outcome {
        match &mut self.login {
            Some(login) => login.apop(timestamp, name, digest).await,
            None => Err(Failure::Unavailable),
        }
    }

    /// [`Login::start`]
    pub(crate) async fn authenticate(&mut self, mechanism: &str, initial: Option<&[u8]>) -> Turn {
        match &mut self.login {
            Some(login) => login.start(mechanism, initial).await,
            None => Turn::Done(Err(Failure::Unavailable)),
        }
    }

    /// [`Login::respond`]
    pub(crate) async fn respond(&mut self, response: &[u8]) -> Turn {
        match &mut self.login {
            Some(login) => login.respond(response).await,
            None => Turn::Done(Err(Failure::Unavailable)),
        }
    }

    /// [`Login::cancel`]
    pub(crate) fn cancel(&mut self) {
        if let Some(login) = &mut self.login {
            login.cancel();
        }
    }
}
