//! The listeners: what is bound, with which limits, and how they stop.
//!
//! Both are bound before anything else happens, so that an address in use shows early.

use std::io;
use std::net::TcpListener;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::http::KeepAlive;
use actix_web::web::Data;
use actix_web::{App, HttpServer};

use super::admin::AdminTokens;
use super::front::Front;
use super::surroundings::Surroundings;
use crate::door::{Engine, SharedArchive};

/// How long an idle connection stays: proxies reuse theirs for 60 s. Source: ARCHITECTURE, Bounds.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long the head of a request may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// How long requests under way get when the node stops, in seconds.
const DRAIN_S: u64 = 10;

/// Serves the surfaces.
pub fn public<E: Engine + Sync>(
    listener: TcpListener,
    workers: usize,
    engine: E,
    surroundings: Data<Surroundings>,
) -> io::Result<Server> {
    let front = move || {
        let app = App::new()
            .app_data(Data::new(engine.clone()))
            .app_data(surroundings.clone())
            .configure(super::public::<E>);
        Front::before(app, engine.clone())
    };
    let server = HttpServer::new(front)
        .tcp_nodelay(true)
        .keep_alive(KeepAlive::Timeout(KEEP_ALIVE));
    let server = server
        .client_request_timeout(HEAD_TIMEOUT)
        .shutdown_timeout(DRAIN_S);
    Ok(server
        .workers(workers)
        .disable_signals()
        .listen(listener)?
        .run())
}

/// Serves administration and operation, on one worker of its own: it answers under any load.
pub fn private<E: Engine + Sync>(
    listener: TcpListener,
    tokens: AdminTokens,
    archive: Option<SharedArchive>,
    engine: E,
    surroundings: Data<Surroundings>,
) -> io::Result<Server> {
    let tokens = Data::new(tokens);
    let archive = Data::new(archive);
    let app = move || {
        App::new()
            .app_data(Data::new(engine.clone()))
            .app_data(tokens.clone())
            .app_data(archive.clone())
            .app_data(surroundings.clone())
            .configure(super::private::<E>)
    };
    let server = HttpServer::new(app)
        .tcp_nodelay(true)
        .keep_alive(KeepAlive::Timeout(KEEP_ALIVE));
    let server = server
        .client_request_timeout(HEAD_TIMEOUT)
        .shutdown_timeout(DRAIN_S);
    Ok(server.workers(1).disable_signals().listen(listener)?.run())
}

/// Says on the private listener that the node is starting, and how far it is: bytes of images read, and
/// records of the log replayed.
pub fn starting(
    listener: TcpListener,
    progress: impl Fn() -> (u64, u64) + Clone + Send + 'static,
) -> io::Result<Server> {
    let app = move || {
        let progress = progress.clone();
        App::new().configure(|routes| super::ops::mount_starting(routes, progress))
    };
    let server = HttpServer::new(app)
        .client_request_timeout(HEAD_TIMEOUT)
        .shutdown_timeout(1);
    Ok(server.workers(1).disable_signals().listen(listener)?.run())
}
