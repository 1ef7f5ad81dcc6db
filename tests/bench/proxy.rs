//! A server between the load and a node, which spoils one answer in ten, or stalls once.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, RwLock};
use std::time::Duration;

/// How answers are spoilt.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Spoiling {
    /// They speak of somebody else.
    Identity,
    /// They are 500.
    Status,
    /// They break off.
    Cut,
    /// They are none.
    Noise,
    /// None is, but all of them wait for so long, once.
    Stall(Duration),
}

/// Which request the stall begins with.
const STALL_AT: u64 = 100;
/// One answer in so many is spoilt.
const EVERY: u64 = 10;

/// The server.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

struct State {
    node: SocketAddr,
    spoiling: Spoiling,
    requests: AtomicU64,
    spoilt: AtomicU64,
    /// Held for writing while everything stalls.
    gate: RwLock<()>,
}

impl Proxy {
    /// One before this node; its threads end with the connections.
    pub(crate) fn before(node: SocketAddr, spoiling: Spoiling) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let state = Arc::new(State {
            node,
            spoiling,
            requests: AtomicU64::new(0),
            spoilt: AtomicU64::new(0),
            gate: RwLock::new(()),
        });
        let address = listener.local_addr().unwrap();
        let shared = state.clone();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let state = shared.clone();
                // Either side may hang up at any time.
                std::thread::spawn(move || client.and_then(|client| state.serve(client)));
            }
        });
        Self { address, state }
    }

    /// Answers that were spoilt so far.
    pub(crate) fn spoilt(&self) -> u64 {
        self.state.spoilt.load(Ordering::SeqCst)
    }
}

impl State {
    fn serve(&self, mut client: TcpStream) -> std::io::Result<()> {
        client.set_nodelay(true)?;
        let mut node = TcpStream::connect(self.node)?;
        node.set_nodelay(true)?;
        loop {
            let request = message(&mut client)?;
            if request.is_empty() {
                return Ok(());
            }
            let number = self.requests.fetch_add(1, Ordering::SeqCst);
            self.pass(number);
            node.write_all(&request)?;
            let answer = message(&mut node)?;
            match self.spoil(number, answer) {
                Ok(answer) => client.write_all(&answer)?,
                Err(cut) => return client.write_all(&cut),
            }
        }
    }

    /// Stalls everybody, if it is this request's turn.
    fn pass(&self, number: u64) {
        match self.spoiling {
            Spoiling::Stall(time) if number == STALL_AT => {
                let _closed = self.gate.write();
                let (_never, said) = sync_channel::<()>(0);
                assert!(said.recv_timeout(time).is_err());
            }
            _ => drop(self.gate.read()),
        }
    }

    /// What the client gets; an error if that is the last it gets.
    fn spoil(&self, number: u64, answer: Vec<u8>) -> Result<Vec<u8>, Vec<u8>> {
        let stalls = matches!(self.spoiling, Spoiling::Stall(_));
        if stalls || !number.is_multiple_of(EVERY) {
            return Ok(answer);
        }
        self.spoilt.fetch_add(1, Ordering::SeqCst);
        let text = String::from_utf8(answer).unwrap();
        match self.spoiling {
            Spoiling::Stall(_) => Ok(text.into_bytes()),
            Spoiling::Identity => {
                let other = text.replace("bench-", "other-");
                let other = match other.split_once("sess_") {
                    Some((before, id)) => format!("{before}sess_{}{}", flipped(id), &id[1..]),
                    None => other,
                };
                Ok(other.into_bytes())
            }
            Spoiling::Status => Ok(text.replace("200 OK", "500 Oh").into_bytes()),
            Spoiling::Cut => Err(text.into_bytes()[..30].to_vec()),
            Spoiling::Noise => Err(b"SSH-2.0-something-else\r\n\r\n".to_vec()),
        }
    }
}

fn flipped(id: &str) -> char {
    if id.starts_with('0') { '1' } else { '0' }
}

/// One message: a head, and the body that it announces; empty at the end.
fn message(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte)? == 0 {
            return Ok(Vec::new());
        }
        bytes.extend(byte);
    }
    let head = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body)?;
    bytes.extend(body);
    Ok(bytes)
}
