//! The no-op: a plain actix-web server whose handler does nothing but answer.
//!
//! It is written as any user of the framework would write it: an `App` with one route, a handler that builds an
//! `HttpResponse` from static headers and a static body. It must never do less than that (it would stop being the
//! framework's cost) nor more (the ceiling would be too low).

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::web::{self, Bytes};
use actix_web::{App, HttpResponse, HttpServer};
use anyhow::{Context, Result, bail};

use super::answer::Answer;

/// What is answered to every request.
struct Fixed {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: &'static [u8],
}

impl Fixed {
    /// Makes an answer read from the wire static, as literals in a handler would be.
    fn new(answer: Answer) -> Result<&'static Self> {
        let mut headers: Vec<(HeaderName, HeaderValue)> = Vec::new();
        for (name, value) in answer.handler_headers() {
            let name = HeaderName::from_static(name.clone().leak());
            if headers.iter().any(|(other, _)| *other == name) {
                bail!("the header {name} occurs twice; the no-op inserts each once");
            }
            headers.push((name, HeaderValue::from_static(value.clone().leak())));
        }
        let status = StatusCode::from_u16(answer.status)?;
        Ok(Box::leak(Box::new(Self {
            status,
            headers,
            body: answer.body.leak(),
        })))
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

/// Serves until it is stopped; `arguments` are `noop METHOD ROUTE WORKERS ANSWER-FILE`.
///
/// Prints `noop ready listen=ADDR` on standard output. Ends with its standard input, so that it never outlives the
/// measurement that started it.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let [_, method, route, workers, file] = arguments else {
        bail!("noop METHOD ROUTE WORKERS ANSWER-FILE");
    };
    let answer: Answer = serde_json::from_slice(&std::fs::read(file).context("answer file")?)?;
    let fixed = Fixed::new(answer)?;
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
                web::post().to(move |_read: Bytes| async { fixed.respond() })
            } else {
                web::get().to(move || async { fixed.respond() })
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
