//! The listeners: what is served on which, and by which rules.
//!
//! Both are bound before anything else happens, so that an address in use shows early.

use std::io;
use std::sync::Arc;

use actix_http::body::BoxBody;
use actix_http::{Request, Response};
use actix_service::{Service, ServiceFactory};
use actix_web::App;
use actix_web::dev::Server;
use actix_web::web::Data;

use super::admin::{AdminTokens, Refusals};
use super::entry::{Entry, Rules};
use super::fast::Surfaces;
use super::host::Hosts;
use super::ops::PublicSide;
use super::surroundings::Surroundings;
use crate::door::{Engine, SharedArchive};
use crate::edge::counts::Counts;
use crate::edge::fast::FastPath;
use crate::edge::limits::Limits;
use crate::edge::serve::{Serving, Socket, serve};
use crate::edge::tls::Tls;

/// How long requests under way get when the node stops, in seconds.
const DRAIN_S: u64 = 10;

/// How one listener serves.
#[derive(Clone, Debug, Default)]
pub struct Listening {
    /// How many connections, and how long each step may take.
    pub limits: Limits,
    /// What happened to its connections.
    pub counts: Arc<Counts>,
    /// With which certificate its connections are encrypted, if they are.
    pub tls: Option<Arc<Tls>>,
    /// Under which names it may be asked; any, if not said.
    pub hosts: Option<Hosts>,
}

impl Listening {
    fn by(self, workers: usize) -> (Serving, Rules) {
        let rules = Rules {
            encrypted: self.tls.is_some(),
            hosts: self.hosts,
        };
        let serving = Serving {
            workers,
            drain_s: DRAIN_S,
            limits: self.limits,
            counts: self.counts,
            tls: self.tls,
        };
        (serving, rules)
    }
}

/// Serves the surfaces.
pub fn public<E: Engine + Sync>(
    socket: Socket,
    listening: Listening,
    workers: usize,
    engine: E,
    surroundings: Data<Surroundings>,
) -> io::Result<Server> {
    let (serving, rules) = listening.by(workers);
    // Names are asked for by the routes alone.
    let has_fast = rules.hosts.is_none();
    let (seen, around, encrypted) = (engine.clone(), surroundings.clone(), rules.encrypted);
    let fast = move || {
        let surfaces = || Surfaces::new(seen.clone(), around.clone(), encrypted);
        has_fast.then(|| Box::new(surfaces()) as Box<dyn FastPath>)
    };
    serve(socket, serving, fast, move || {
        surfaces(engine.clone(), surroundings.clone(), rules.clone())
    })
}

/// All that a worker of the public listener serves with, behind the connection.
pub fn surfaces<E: Engine + Sync>(
    engine: E,
    surroundings: Data<Surroundings>,
    rules: Rules,
) -> impl ServiceFactory<
    Request,
    Config = (),
    Response = Response<BoxBody>,
    Error = Response<BoxBody>,
    InitError = (),
    Future: 'static,
    Service: Service<Request, Future: 'static> + 'static,
> + 'static {
    let app = App::new()
        .app_data(Data::new(engine.clone()))
        .app_data(surroundings)
        .configure(super::public::<E>);
    Entry::before(app, rules)
}

/// Serves administration and operation, on one worker of its own: it answers under any load. It tells what happened at
/// the public listener, too.
pub fn private<E: Engine + Sync>(
    socket: Socket,
    listening: Listening,
    public: PublicSide,
    tokens: AdminTokens,
    archive: Option<SharedArchive>,
    engine: E,
    surroundings: Data<Surroundings>,
) -> io::Result<Server> {
    let tokens = Data::new(tokens);
    let archive = Data::new(archive);
    let refusals = Data::new(Refusals::told_to(engine.clone()));
    let (counts, stopping) = (Data::from(public.counts), Data::new(public.stopping));
    let (serving, rules) = listening.by(1);
    serve(socket, serving, nothing_fast, move || {
        let app = App::new()
            .app_data(Data::new(engine.clone()))
            .app_data(tokens.clone())
            .app_data(archive.clone())
            .app_data(refusals.clone())
            .app_data(surroundings.clone())
            .app_data(counts.clone())
            .app_data(stopping.clone())
            .configure(super::private::<E>);
        Entry::before(app, rules.clone())
    })
}

/// Operators are in no hurry.
fn nothing_fast() -> Option<Box<dyn FastPath>> {
    None
}

/// Says on the private listener that the node is starting, and how far it is: bytes of images read, and
/// records of the log replayed.
pub fn starting(
    socket: Socket,
    listening: Listening,
    progress: impl Fn() -> (u64, u64) + Clone + Send + 'static,
) -> io::Result<Server> {
    let (serving, rules) = listening.by(1);
    let serving = Serving {
        drain_s: 1,
        ..serving
    };
    serve(socket, serving, nothing_fast, move || {
        let progress = progress.clone();
        let app = App::new().configure(|routes| super::ops::mount_starting(routes, progress));
        Entry::before(app, rules.clone())
    })
}
