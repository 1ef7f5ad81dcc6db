//! The no-op: a plain actix-web server whose handler does nothing but answer.
//!
//! It is written as any user of the framework would write it: an `App` with one route, a handler that builds an
//! `HttpResponse` from static headers and a static body. It must never do less than that (it would stop being the
//! framework's cost) nor more (the ceiling would be too low). Where several things are asked at one route, it tells them
//! apart by the length of the body that it has read anyway.

use std::process::ExitCode;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::web::{self, Bytes};
use actix_web::{App, HttpResponse, HttpServer};
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::answer::Answer;

/// An answer, and what it is given to.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Given {
    /// Length of the body of the request. What has another one than all of them is answered as the first.
    to_bytes: usize,
    /// The answer.
    pub(crate) answer: Answer,
}

impl Given {
    /// The answer to a request whose body has this length.
    pub(crate) fn to(to_bytes: usize, answer: Answer) -> Self {
        Self { to_bytes, answer }
    }
}

/// What is answered to every request, or to every one of a length.
struct Fixed {
    to_bytes: usize,
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: &'static [u8],
}

impl Fixed {
    /// Makes an answer read from the wire static, as literals in a handler would be.
    fn new(Given { to_bytes, answer }: Given) -> Result<Self> {
        let mut headers: Vec<(HeaderName, HeaderValue)> = Vec::new();
        for (name, value) in answer.handler_headers() {
            let name = HeaderName::from_static(name.clone().leak());
            if headers.iter().any(|(other, _)| *other == name) {
                bail!("the header {name} occurs twice; the no-op inserts each once");
            }
            headers.push((name, HeaderValue::from_static(value.clone().leak())));
        }
        let status = StatusCode::from_u16(answer.status)?;
        Ok(Self {
            to_bytes,
            status,
            headers,
            body: answer.body.leak(),
        })
    }

    /// The whole work of the handler.
    fn respond(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        for (name, value) in &self.headers {
            response.insert_header((name.clone(), value.clone()));
        }
        response.body(Bytes::from_static(self.body))
    }
}

/// The answer to a request with a body of so many bytes.
fn respond(answers: &[Fixed], bytes: usize) -> HttpResponse {
    let of_length = answers.iter().find(|answer| answer.to_bytes == bytes);
    match of_length.or(answers.first()) {
        Some(answer) => answer.respond(),
        None => HttpResponse::NotFound().finish(),
    }
}

/// The whole of an executable that was started as the no-op.
pub(crate) fn main(arguments: &[String]) -> ExitCode {
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("no-op: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until it is stopped; `arguments` are `noop METHOD ROUTE WORKERS ANSWER-FILE`.
///
/// Prints `noop ready listen=ADDR` on standard output. Ends with its standard input, so that it never outlives the
/// measurement that started it.
fn run(arguments: &[String]) -> Result<()> {
    let [_, method, route, workers, file] = arguments else {
        bail!("noop METHOD ROUTE WORKERS ANSWER-FILE");
    };
    let given: Vec<Given> = serde_json::from_slice(&std::fs::read(file).context("answer file")?)?;
    let answers: Vec<_> = given.into_iter().map(Fixed::new).collect::<Result<_>>()?;
    let answers: &'static [Fixed] = answers.leak();
    let (post, route) = (method == "POST", route.clone());
    std::thread::spawn(|| {
        // Ends when the other end of the pipe does, whatever became of the process that held it.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        #[expect(clippy::exit, reason = "the process has no other purpose")]
        std::process::exit(0);
    });
    actix_web::rt::System::new().block_on(async move {
        let server = HttpServer::new(move || {
            let handler = if post {
                web::post().to(move |read: Bytes| async move { respond(answers, read.len()) })
            } else {
                web::get().to(move || async move { respond(answers, 0) })
            };
            App::new().route(&route, handler)
        })
        .workers(workers.parse()?)
        .tcp_nodelay(true)
        .keep_alive(Duration::from_secs(75))
        .bind(("127.0.0.1", 0))?;
        let address = server.addrs().first().copied().context("no address")?;
        println!("noop ready listen={address}");
        server.run().await.context("the no-op")
    })
}
