//! Those who load: many connections on one thread, a request and its answer at a time.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::LocalSet;

/// The longest head that is read.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// What is told of an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heard {
    pub(crate) status: u16,
    pub(crate) retry_after: bool,
}

/// Connects, from an address of one's own if one is said.
pub(crate) async fn connect(to: SocketAddr, from: Option<SocketAddr>) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if let Some(from) = from {
        socket.bind(from)?;
    }
    let stream = socket.connect(to).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Sends a request and hears the answer.
pub(crate) async fn exchange(stream: &mut TcpStream, request: &[u8]) -> Result<Heard> {
    stream.write_all(request).await?;
    let mut bytes = Vec::new();
    let (head, begun) = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break (at, bytes.len() - at - 4);
        }
        ensure!(bytes.len() < HEAD_BYTES_MAX, "no end of the head");
        ensure!(stream.read_buf(&mut bytes).await? > 0, "no answer");
    };
    let head = String::from_utf8_lossy(bytes.get(..head).unwrap_or_default()).to_ascii_lowercase();
    let status = head
        .get(9..12)
        .and_then(|text| text.parse().ok())
        .context("no status")?;
    let field = |name: &str| {
        head.lines()
            .find_map(|line| line.strip_prefix(name))
            .map(str::trim)
    };
    let length: usize = field("content-length:").map_or(Ok(0), str::parse)?;
    let mut rest = vec![0; length.saturating_sub(begun)];
    stream.read_exact(&mut rest).await?;
    Ok(Heard {
        status,
        retry_after: field("retry-after:").is_some(),
    })
}

/// A load that runs on a thread of its own until it is stopped.
pub(crate) struct Load<T> {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<T>>,
}

impl<T: Send + 'static> Load<T> {
    /// Begins what `load` gives; it must end soon after the flag is set.
    pub(crate) fn begin<F, L>(load: L) -> Self
    where
        L: FnOnce(Arc<AtomicBool>) -> F + Send + 'static,
        F: Future<Output = T>,
    {
        let stop = Arc::new(AtomicBool::new(false));
        let told = stop.clone();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            Ok(LocalSet::new().block_on(&runtime, load(told)))
        });
        Self { stop, thread }
    }

    /// Ends it: what came of it.
    pub(crate) fn end(self) -> Result<T> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().ok().context("the load panicked")?
    }
}
