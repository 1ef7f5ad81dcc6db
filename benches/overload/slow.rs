//! Clients that take their time: with the head of a request, with its body, with reading the answers (O7). A
//! connection that the server closes is made anew, so there are always as many.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Result;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::spawn_local;

use crate::Size;
use crate::common::probe::verify;
use crate::desk::{Desk, USUAL_MS, secrets};
use crate::report::{head, in_turns, table, verdict};
use crate::wire::{Load, connect};

/// How many there are.
const CLIENTS: usize = 2_000;
/// How often each sends a byte.
const BYTE_EVERY: Duration = Duration::from_millis(500);
/// Requests that a client sends whose answers it never reads.
const UNREAD: usize = 64;
const BODY_HEAD: &str = "POST /v1/sessions/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n";

pub(crate) fn run(size: Size) -> Result<bool> {
    head("slow-clients", size);
    let desk = Desk::open(&[])?;
    let sessions = secrets(&desk.issue(size.sessions, USUAL_MS)?);
    let to = desk.public();
    let unread = sessions.first().map(|secret| verify(secret).repeat(UNREAD));
    let unread = Arc::new(unread.unwrap_or_default());
    table();
    let begin = || {
        let unread = unread.clone();
        Load::begin(move |stop| clients(to, unread, stop))
    };
    let (compared, said) = in_turns("slow clients", to, &sessions, size, begin)?;
    let made: usize = said.iter().sum();
    println!(
        "{CLIENTS} slow clients at a time, {made} connections in {} windows",
        said.len()
    );
    let mut holds = verdict(
        "verify p99 at most twice the idle one",
        compared.ratio <= 2.0,
    );
    holds &= verdict("no verification errors", compared.errors == 0);
    holds &= verdict("they were all there", made >= CLIENTS * said.len());
    Ok(holds)
}

async fn clients(to: SocketAddr, unread: Arc<Vec<u8>>, stop: Arc<AtomicBool>) -> usize {
    let made = Arc::new(AtomicUsize::new(0));
    for n in 0..CLIENTS {
        let (unread, stop, made) = (unread.clone(), stop.clone(), made.clone());
        spawn_local(async move {
            // Not all in the same instant.
            tokio::time::sleep(
                BYTE_EVERY / u32::try_from(CLIENTS).unwrap_or(1) * u32::try_from(n).unwrap_or(0),
            )
            .await;
            while !stop.load(Ordering::Relaxed) {
                if let Ok(mut stream) = connect(to, None).await {
                    made.fetch_add(1, Ordering::Relaxed);
                    // It ends when the server closes the connection, or the window is over.
                    let _ = dawdle(&mut stream, n, &unread, &stop).await;
                } else {
                    tokio::time::sleep(BYTE_EVERY).await;
                }
            }
        });
    }
    while !stop.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    made.load(Ordering::Relaxed)
}

async fn dawdle(stream: &mut TcpStream, n: usize, unread: &[u8], stop: &AtomicBool) -> Result<()> {
    let (first, drip): (&[u8], &[u8]) = match n % 3 {
        0 => (
            b"GET /auth/verify HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
            b"a",
        ),
        1 => (BODY_HEAD.as_bytes(), b" "),
        _ => (unread, b""),
    };
    stream.write_all(first).await?;
    while !stop.load(Ordering::Relaxed) {
        tokio::time::sleep(BYTE_EVERY).await;
        if drip.is_empty() {
            // Whether it is closed shows without reading anything.
            stream
                .ready(tokio::io::Interest::ERROR | tokio::io::Interest::WRITABLE)
                .await?;
            stream.writable().await?;
            if stream.peer_addr().is_err() {
                break;
            }
        }
        stream.write_all(drip).await?;
    }
    Ok(())
}
