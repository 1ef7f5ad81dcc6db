//! A listener with its workers: accepts, counts, opens the gate, and hands connections to the framework.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_http::body::BoxBody;
use actix_http::error::DispatchError;
use actix_http::{HttpServiceBuilder, KeepAlive, Request, Response};
use actix_server::{GracefulShutdownSignal, Server, ServerBuilder};
use actix_service::{ServiceFactory, ServiceFactoryExt, fn_factory, fn_service};
use tokio::net::{TcpStream, UnixStream};

use super::connection::Peer;
use super::counts::{Counts, Event};
use super::fast::{Fast, FastPath};
use super::gate::Gate;
use super::limits::{ABOVE_PER_WORKER, Limits};
use super::lobby::Lobby;
use super::refusal::Refusal;
use super::registry::{PARTING, Registry};
use super::tickets::{Ticket, Tickets};
use super::tls::Tls;
use super::transport::Transport;

/// What is listened on.
#[derive(Debug)]
pub enum Socket {
    /// A TCP address.
    Tcp(TcpListener),
    /// A socket of this machine.
    Unix(UnixListener),
}

impl Socket {
    /// The same socket once more.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(match self {
            Self::Tcp(listener) => Self::Tcp(listener.try_clone()?),
            Self::Unix(listener) => Self::Unix(listener.try_clone()?),
        })
    }
}

/// How a listener serves.
#[derive(Clone, Debug)]
pub struct Serving {
    /// Threads.
    pub workers: usize,
    /// How long requests under way get when it stops, in seconds.
    pub drain_s: u64,
    /// How many connections, and how long each step may take.
    pub limits: Limits,
    /// Where its counts are kept.
    pub counts: Arc<Counts>,
    /// With which certificate its TCP connections are encrypted, if they are.
    pub tls: Option<Arc<Tls>>,
}

/// Serves with what `make` makes, and, before that, `make_fast`, once per worker.
pub fn serve<S>(
    socket: Socket,
    serving: Serving,
    make_fast: impl Fn() -> Option<Box<dyn FastPath>> + Clone + Send + 'static,
    make: impl Fn() -> S + Clone + Send + 'static,
) -> io::Result<Server>
where
    S: ServiceFactory<Request, Config = (), Response = Response<BoxBody>> + 'static,
    S::Future: 'static,
    S::Service: 'static,
    <S::Service as actix_service::Service<Request>>::Future: 'static,
    S::Error: Into<Response<BoxBody>> + 'static,
    S::InitError: std::fmt::Debug,
{
    let per_worker = serving.limits.connections.div_ceil(serving.workers) + ABOVE_PER_WORKER;
    let builder = ServerBuilder::new()
        .workers(serving.workers)
        .max_concurrent_connections(per_worker)
        .shutdown_timeout(serving.drain_s)
        .disable_signals();
    let signal = builder.graceful_shutdown_signal();
    let stopping = signal.clone();
    let http = move || {
        let stopping = stopping.clone();
        // The gate keeps all limits on time, and more of them than the framework knows.
        HttpServiceBuilder::default()
            .keep_alive(KeepAlive::Os)
            .client_request_timeout(Duration::ZERO)
            .client_disconnect_timeout(PARTING)
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .on_connect_ext(|gate: &Gate, about| {
                about.insert(gate.connection().clone());
            })
            .h1(make())
    };
    let tickets = Arc::new(Tickets::new(serving.limits, serving.counts));
    let tls = serving.tls;
    let builder = match socket {
        Socket::Tcp(listener) => builder.listen("tcp", listener, move || {
            let (tickets, tls, make_fast) = (tickets.clone(), tls.clone(), make_fast.clone());
            let signal = signal.clone();
            let doors = fn_factory(move || {
                let door = Door::open(tickets.clone(), tls.clone(), make_fast(), signal.clone());
                async move {
                    let accept = move |stream| Door::tcp(door.clone(), stream);
                    Ok::<_, ()>(fn_service(accept))
                }
            });
            doors.and_then(http())
        }),
        Socket::Unix(listener) => builder.listen_uds("unix", listener, move || {
            let (tickets, make_fast) = (tickets.clone(), make_fast.clone());
            let signal = signal.clone();
            let doors = fn_factory(move || {
                let door = Door::open(tickets.clone(), None, make_fast(), signal.clone());
                async move {
                    let accept = move |stream| Door::unix(door.clone(), stream);
                    Ok::<_, ()>(fn_service(accept))
                }
            });
            doors.and_then(http())
        }),
    };
    Ok(builder?.run())
}

/// Where the connections of one worker come in.
struct Door {
    tickets: Arc<Tickets>,
    registry: Rc<Registry>,
    tls: Option<Arc<Tls>>,
    /// Where connections are as long as the framework is not needed, if anybody answers there.
    lobby: Option<Rc<Lobby>>,
}

impl Door {
    fn open(
        tickets: Arc<Tickets>,
        tls: Option<Arc<Tls>>,
        fast: Option<Box<dyn FastPath>>,
        signal: GracefulShutdownSignal,
    ) -> Rc<Self> {
        let stopping = async move { signal.notified().await };
        let registry = Registry::start(&tickets.limits, tickets.counts.clone(), stopping);
        Rc::new(Self {
            tickets,
            registry,
            tls,
            lobby: fast.map(|path| Lobby::open(Fast::new(path))),
        })
    }

    async fn tcp(
        self: Rc<Self>,
        stream: TcpStream,
    ) -> Result<(Gate, Option<SocketAddr>), DispatchError> {
        let from = stream.peer_addr()?;
        let peer = Peer::Address(from.ip());
        let Some(ticket) = self.ticket(peer) else {
            if self.tls.is_none() {
                turn_away(stream.into_std()?);
            }
            return Err(turned_away());
        };
        stream.set_nodelay(true)?;
        let transport = match &self.tls {
            None => Transport::Tcp(stream),
            Some(tls) => {
                let shaking = tls.acceptor().accept(stream);
                let shaken = tokio::time::timeout(self.tickets.limits.handshake, shaking).await;
                let Ok(Ok(stream)) = shaken else {
                    self.tickets.counts.count(Event::Handshake);
                    return Err(turned_away());
                };
                Transport::Tls(Box::new(stream))
            }
        };
        Ok((self.gate(transport, peer, ticket).await?, Some(from)))
    }

    async fn unix(
        self: Rc<Self>,
        stream: UnixStream,
    ) -> Result<(Gate, Option<SocketAddr>), DispatchError> {
        let user = stream.peer_cred()?.uid();
        let peer = match user == 0 || user == rustix::process::geteuid().as_raw() {
            true => Peer::Owner,
            false => Peer::Stranger,
        };
        let Some(ticket) = self.ticket(peer) else {
            turn_away(stream.into_std()?);
            return Err(turned_away());
        };
        let transport = Transport::Unix(stream);
        Ok((self.gate(transport, peer, ticket).await?, None))
    }

    /// A gate, once the framework is needed behind it; the error: it never was.
    async fn gate(
        &self,
        transport: Transport,
        peer: Peer,
        ticket: Ticket,
    ) -> Result<Gate, DispatchError> {
        let (registry, lobby) = (self.registry.clone(), self.lobby.clone());
        let fast = lobby.as_ref().map(|lobby| lobby.fast());
        let gate = Gate::new(transport, peer, registry, ticket, fast);
        match lobby {
            Some(lobby) => lobby.wait(gate).await.map_err(DispatchError::Io),
            None => Ok(gate),
        }
    }

    /// A place for one more connection; where there is none, that of one that is idle.
    fn ticket(&self, peer: Peer) -> Option<Ticket> {
        let counts = &self.tickets.counts;
        if self.tickets.is_full() && !self.registry.replace() {
            counts.count(Event::Full);
            return None;
        }
        let address = match peer {
            Peer::Address(address) => Some(address),
            Peer::Owner | Peer::Stranger => None,
        };
        let ticket = self.tickets.take(address);
        if ticket.is_err() {
            counts.count(Event::Crowded);
        }
        ticket.ok()
    }
}

/// Says why, and does not wait for whoever does not take even this.
fn turn_away(mut stream: impl Write) {
    let _ = stream.write(&Refusal::Full.answer());
}

fn turned_away() -> DispatchError {
    DispatchError::Io(io::ErrorKind::ConnectionRefused.into())
}
