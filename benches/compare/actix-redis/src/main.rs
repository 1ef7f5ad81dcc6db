//! What is written by hand instead of Sessile: an actix-web handler that asks Redis whose session it is, over one
//! connection per worker that many requests share.
//!
//! `actix-redis REDIS-ADDRESS WORKERS` prints `actix-redis ready listen=ADDR` and ends with its standard input.

use std::time::Duration;

use actix_web::http::header::ContentType;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

async fn verify(request: HttpRequest, redis: web::Data<MultiplexedConnection>) -> HttpResponse {
    let Some(token) = request
        .headers()
        .get("session")
        .and_then(|value| value.to_str().ok())
    else {
        return HttpResponse::Unauthorized().finish();
    };
    let mut redis = MultiplexedConnection::clone(&redis);
    match redis
        .get::<_, Option<Vec<u8>>>(format!("session:{token}"))
        .await
    {
        Ok(Some(record)) => HttpResponse::Ok()
            .insert_header(ContentType::json())
            .body(record),
        Ok(None) => HttpResponse::Unauthorized().finish(),
        Err(_) => HttpResponse::ServiceUnavailable().finish(),
    }
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(redis), Some(workers)) = (arguments.next(), arguments.next()) else {
        return Err("actix-redis REDIS-ADDRESS WORKERS".into());
    };
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
    let client = redis::Client::open(format!("redis://{redis}"))?;
    let server = HttpServer::new(move || {
        let client = client.clone();
        App::new()
            .data_factory(move || {
                let client = client.clone();
                async move { client.get_multiplexed_async_connection().await }
            })
            .route("/auth/verify", web::get().to(verify))
    })
    .workers(workers.parse()?)
    .tcp_nodelay(true)
    .keep_alive(Duration::from_secs(75))
    .bind(("127.0.0.1", 0))?;
    let address = server.addrs()[0];
    println!("actix-redis ready listen={address}");
    server.run().await?;
    Ok(())
}
