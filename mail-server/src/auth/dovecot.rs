//! Dovecot as the users of a server.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use mailwire::Secret;
use sasl::Mechanism;
use sasl::backend::dovecot::{Client, Event, Request};
use sasl::server::{Failure, Need, Relay, Step, Verdict, VerifyPassword};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tracing::{debug, warn};

use super::{Authenticator, Origin};
use crate::limits::{DOVECOT_HANDSHAKE, DOVECOT_TIME};

/// Asks a Dovecot, by the socket of its authentication service (`auth-client`).
///
/// All exchanges run over one connection, which is made when it is needed and made again when it
/// is lost. Passwords are checked by PLAIN. The other mechanisms that Dovecot announces and this
/// crate knows are passed on as they are, but for those with channel bindings, EXTERNAL and
/// ANONYMOUS. Who somebody is, Dovecot says; whom they may act as, too.
///
/// When it is not there, or takes too long, that is temporary.
#[derive(Debug)]
pub struct Dovecot {
    orders: mpsc::UnboundedSender<Order>,
    relayed: Arc<RwLock<Vec<Mechanism>>>,
}

impl Dovecot {
    /// By this socket. It is tried at once, so that it is known what to offer; if that fails,
    /// the log says so, and PLAIN and LOGIN alone are offered until it succeeds.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn connect(socket: impl Into<PathBuf>) -> Self {
        let (orders, given) = mpsc::unbounded_channel();
        let relayed = Arc::default();
        let (tried, outcome) = oneshot::channel();
        let connection = Connection {
            socket: socket.into(),
            given,
            orders: orders.downgrade(),
            relayed: Arc::clone(&relayed),
            link: None,
            waiting: HashMap::new(),
            generation: 0,
        };
        tokio::spawn(connection.run(tried));
        let _ = outcome.await;
        Self { orders, relayed }
    }

    /// Begins an exchange or goes on with one, and waits for what comes of it.
    async fn ask(&self, what: What) -> Answer {
        let (answer, answered) = oneshot::channel();
        let order = Order::Ask { what, answer };
        if self.orders.send(order).is_err() {
            return Answer::Refused(Verdict::Unavailable);
        }
        // Failures are answered late on purpose.
        match timeout(DOVECOT_TIME, answered).await {
            Ok(Ok(answer)) => answer,
            _ => {
                warn!("the authentication service does not answer");
                Answer::Refused(Verdict::Unavailable)
            }
        }
    }

    async fn verify(&self, origin: &Origin, need: VerifyPassword) -> Step {
        let message = ["", need.username(), need.password()].join("\0");
        let begin = What::Begin {
            mechanism: "PLAIN",
            origin: Box::new(origin.clone()),
            initial: Some(Secret::from(message.into_bytes())),
        };
        match self.ask(begin).await {
            Answer::Accepted(user) => need.accept_as(&user),
            Answer::Refused(verdict) => need.answer(verdict),
            // All that there is to say was said.
            Answer::Challenge(_, _) => need.answer(Verdict::Unavailable),
        }
    }

    async fn relay(&self, origin: &Origin, mut need: Relay) -> Step {
        let message = need.message().map(|message| Secret::from(message.to_vec()));
        let begun = need.conversation().map(|begun| begun.downcast::<Begun>());
        let what = match begun {
            None => What::Begin {
                mechanism: need.mechanism().name(),
                origin: Box::new(origin.clone()),
                initial: message,
            },
            Some(Ok(begun)) => What::GoOn {
                begun,
                response: message.unwrap_or_default(),
            },
            Some(Err(_)) => return need.refuse(Verdict::Unavailable),
        };
        match self.ask(what).await {
            Answer::Challenge(data, begun) => need.challenge(&data, begun),
            Answer::Accepted(user) => need.accept(&user),
            Answer::Refused(verdict) => need.refuse(verdict),
        }
    }
}

#[async_trait]
impl Authenticator for Dovecot {
    fn mechanisms(&self) -> Vec<Mechanism> {
        vec![Mechanism::Plain, Mechanism::Login]
    }

    fn relayed(&self) -> Vec<Mechanism> {
        let relayed = self.relayed.read().unwrap_or_else(PoisonError::into_inner);
        relayed.clone()
    }

    async fn answer(&self, origin: &Origin, need: Need) -> Step {
        match need {
            Need::VerifyPassword(need) => self.verify(origin, need).await,
            Need::Relay(need) => self.relay(origin, need).await,
            Need::Authorize(need) => need.refuse(),
            _ => Step::Done(Err(Failure::Unavailable)),
        }
    }
}

/// What the connection is told to do.
#[derive(Debug)]
enum Order {
    Ask {
        what: What,
        answer: oneshot::Sender<Answer>,
    },
    /// An exchange was given up.
    Cancel { id: u32, generation: u64 },
}

#[derive(Debug)]
enum What {
    Begin {
        mechanism: &'static str,
        origin: Box<Origin>,
        initial: Option<Secret>,
    },
    GoOn {
        begun: Box<Begun>,
        response: Secret,
    },
}

#[derive(Debug)]
enum Answer {
    Challenge(Vec<u8>, Box<Begun>),
    Accepted(String),
    Refused(Verdict),
}

/// An exchange that waits for its client. Dropped, it is cancelled.
#[derive(Debug)]
struct Begun {
    id: u32,
    /// Of the connection: its exchanges end with it.
    generation: u64,
    orders: mpsc::WeakUnboundedSender<Order>,
    answered: bool,
}

impl Drop for Begun {
    fn drop(&mut self) {
        if let (false, Some(orders)) = (self.answered, self.orders.upgrade()) {
            let (id, generation) = (self.id, self.generation);
            let _ = orders.send(Order::Cancel { id, generation });
        }
    }
}

/// The one connection, and who waits on it.
struct Connection {
    socket: PathBuf,
    given: mpsc::UnboundedReceiver<Order>,
    orders: mpsc::WeakUnboundedSender<Order>,
    relayed: Arc<RwLock<Vec<Mechanism>>>,
    link: Option<Link>,
    waiting: HashMap<u32, oneshot::Sender<Answer>>,
    generation: u64,
}

struct Link {
    stream: UnixStream,
    client: Client,
}

impl Connection {
    async fn run(mut self, tried: oneshot::Sender<()>) {
        self.open().await;
        let _ = tried.send(());
        let mut octets = vec![0; 4096];
        loop {
            let read = async {
                match &mut self.link {
                    Some(link) => link.read(&mut octets).await,
                    // Without a connection there is nothing to read.
                    None => std::future::pending().await,
                }
            };
            let done = tokio::select! {
                read = read => read,
                order = self.given.recv() => match order {
                    Some(order) => self.carry_out(order).await,
                    None => return,
                },
            };
            if let Err(error) = done {
                self.lose(&error);
            }
            self.tell();
        }
    }

    /// Connects, if there is no connection.
    async fn open(&mut self) {
        if self.link.is_some() {
            return;
        }
        match timeout(DOVECOT_HANDSHAKE, Link::open(&self.socket)).await {
            Ok(Ok(link)) => {
                let known = link.client.mechanisms().iter();
                let known = known.filter(|mechanism| !mechanism.is_private());
                let known = known.filter_map(|mechanism| mechanism.name().parse().ok());
                let relayed = known.filter(can_be_relayed).collect();
                *self.relayed.write().unwrap_or_else(PoisonError::into_inner) = relayed;
                self.link = Some(link);
            }
            Ok(Err(error)) => {
                warn!(%error, socket = %self.socket.display(), "no authentication service");
            }
            Err(_) => warn!(socket = %self.socket.display(), "no handshake in time"),
        }
    }

    /// Whoever waits is told that nobody can tell.
    fn lose(&mut self, error: &io::Error) {
        debug!(%error, "the connection to the authentication service is lost");
        self.link = None;
        self.waiting.clear();
        self.generation += 1;
    }

    async fn carry_out(&mut self, order: Order) -> io::Result<()> {
        match order {
            Order::Ask { what, answer } => {
                self.open().await;
                let Some(link) = &mut self.link else {
                    return Ok(());
                };
                // What cannot be asked is dropped with its answer.
                let asked = match what {
                    What::Begin {
                        mechanism,
                        origin,
                        initial,
                    } => {
                        let request = Request::new(mechanism, origin.service)
                            .secured(origin.tls.is_some())
                            .addresses(origin.peer.address, origin.peer.local);
                        link.client.start(&match &initial {
                            Some(initial) => request.initial(initial.expose()),
                            None => request,
                        })
                    }
                    What::GoOn { begun, .. } if begun.generation != self.generation => {
                        return Ok(());
                    }
                    What::GoOn {
                        mut begun,
                        response,
                    } => {
                        begun.answered = true;
                        let id = begun.id;
                        link.client.respond(id, response.expose()).map(|()| id)
                    }
                };
                match asked {
                    Ok(id) => drop(self.waiting.insert(id, answer)),
                    Err(error) => {
                        debug!(%error, "not asked");
                        let _ = answer.send(Answer::Refused(Verdict::Reject));
                    }
                }
                link.write().await
            }
            Order::Cancel { id, generation } => match &mut self.link {
                Some(link) if generation == self.generation => {
                    link.client.cancel(id);
                    link.write().await
                }
                _ => Ok(()),
            },
        }
    }

    /// Tells those who wait what has come in.
    fn tell(&mut self) {
        let Some(link) = &mut self.link else {
            return;
        };
        while let Some(event) = link.client.event() {
            let (id, answer) = match event {
                Event::Challenge { id, data } => {
                    let begun = Begun {
                        id,
                        generation: self.generation,
                        orders: self.orders.clone(),
                        answered: false,
                    };
                    (id, Answer::Challenge(data, Box::new(begun)))
                }
                Event::Accepted { id, user } => (id, Answer::Accepted(user)),
                Event::Refused { id, verdict } => (id, Answer::Refused(verdict)),
                _ => continue,
            };
            // Whoever waits no longer has dropped its end: the answer is dropped, and with a
            // challenge the exchange is cancelled.
            if let Some(waiting) = self.waiting.remove(&id) {
                let _ = waiting.send(answer);
            }
        }
    }
}

impl Link {
    async fn open(socket: &Path) -> io::Result<Self> {
        let mut link = Self {
            stream: UnixStream::connect(socket).await?,
            client: Client::new(std::process::id()),
        };
        link.write().await?;
        let mut octets = vec![0; 4096];
        while !link.client.is_ready() {
            link.read(&mut octets).await?;
        }
        Ok(link)
    }

    async fn read(&mut self, octets: &mut [u8]) -> io::Result<()> {
        match self.stream.read(octets).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            length => {
                let received = self.client.receive(&octets[..length]);
                received.map_err(io::Error::other)
            }
        }
    }

    async fn write(&mut self) -> io::Result<()> {
        let output = self.client.take_output();
        let written = timeout(DOVECOT_HANDSHAKE, self.stream.write_all(&output)).await;
        written.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

/// Whether a mechanism means the same to a client wherever it is understood, and proves
/// somebody.
fn can_be_relayed(mechanism: &Mechanism) -> bool {
    match mechanism {
        Mechanism::Scram(_) | Mechanism::OAuthBearer | Mechanism::XOAuth2 => true,
        #[cfg(feature = "cram-md5")]
        Mechanism::CramMd5 => true,
        _ => false,
    }
}
