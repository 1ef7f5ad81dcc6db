//! The lobby: where the connections of a worker are for as long as all they ask is answered on the spot.
//!
//! Much of the time that a verification takes beside the kernel is waiting for memory. So connections that have something
//! to say at the same time are served in bursts: what they sent is read, then answered together, then sent, and what one
//! waits for comes while the others are looked at. From the first request on that is not answered here a connection is the
//! framework's. It must never know what is asked.
//!
//! Invariants: nothing is read while an answer waits for its client; requests are read and answers rendered into the rooms
//! of the worker, and a connection keeps no more than what its client did not take; whoever waits in the lobby is served in
//! the order in which something came; who is served when something panics loses his connection, and nobody else. Source: ADR 20.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use arrayvec::ArrayVec;
use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use slab::Slab;
use tokio::io::AsyncWrite;

use super::fast::{Fast, Heard, TOGETHER_MAX};
use super::gate::{Gate, Word};

/// So much is read of a connection at a time.
const READ_BYTES: usize = 16 << 10;
/// Bursts before others on this thread have their turn.
const BURSTS_MAX: usize = 4;
/// How often a connection is read in one burst.
const READS_MAX: usize = 2;

/// Places of seats that are served together.
type Burst = ArrayVec<usize, TOGETHER_MAX>;

/// The connections that wait here.
#[derive(Debug)]
pub(super) struct Lobby {
    fast: Rc<Fast>,
    seats: RefCell<Slab<Seat>>,
    rooms: RefCell<Vec<Room>>,
    bells: Arc<Bells>,
}

/// Where one connection is served.
#[derive(Debug)]
struct Room {
    bytes: Vec<u8>,
    answers: Vec<u8>,
}

/// One connection that waits.
#[derive(Debug)]
struct Seat {
    gate: Gate,
    bell: Arc<Bell>,
    /// Rings the bell.
    waker: Waker,
    /// It is to leave, because of an error or not; whether the framework is needed.
    leaves: Option<io::Result<bool>>,
    /// Whom to tell then.
    owner: Option<Waker>,
}

/// Who wants to be served.
#[derive(Debug, Default)]
struct Bells {
    /// Each seat at most once.
    rung: Mutex<VecDeque<usize>>,
    server: AtomicWaker,
}

/// Says that there may be something to do for a seat.
#[derive(Debug)]
struct Bell {
    place: usize,
    /// It was rung, and not heard yet.
    rings: AtomicBool,
    bells: Arc<Bells>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.rings.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut rung = self.bells.rung.lock();
        rung.push_back(self.place);
        if rung.len() == 1 {
            drop(rung);
            self.bells.server.wake();
        }
    }
}

impl Bell {
    /// Stops it ringing; whether it rang.
    fn stop(&self) -> bool {
        self.rings.swap(false, Ordering::AcqRel)
    }
}

impl Bells {
    /// Those who rang first.
    fn next(&self) -> Burst {
        let mut rung = self.rung.lock();
        let some = rung.len().min(TOGETHER_MAX);
        rung.drain(..some).collect()
    }
}

impl Lobby {
    /// An empty one on this thread, which is served from now on. Must be called inside a runtime.
    pub(super) fn open(fast: Fast) -> Rc<Self> {
        let room = || Room {
            bytes: vec![0; READ_BYTES],
            answers: Vec::new(),
        };
        let lobby = Rc::new(Self {
            fast: Rc::new(fast),
            seats: RefCell::default(),
            rooms: RefCell::new((0..TOGETHER_MAX).map(|_| room()).collect()),
            bells: Arc::default(),
        });
        let served = Rc::downgrade(&lobby);
        let serving = poll_fn(move |context| Self::poll_serve(&served, context));
        // Whether others have their turn is decided here.
        actix_web::rt::spawn(tokio::task::unconstrained(serving));
        lobby
    }

    /// Who answers here, and goes on to answer between what is the framework's.
    pub(super) fn fast(&self) -> Rc<Fast> {
        self.fast.clone()
    }

    /// Has a connection wait here until the framework is needed; the error: it broke, or its client is gone.
    pub(super) async fn wait(self: Rc<Self>, gate: Gate) -> io::Result<Gate> {
        let stay = Stay::begin(&self, gate);
        let (mut gate, is_needed) = poll_fn(|context| stay.poll_leave(context)).await?;
        if is_needed {
            return Ok(gate);
        }
        poll_fn(|context| Pin::new(&mut gate).poll_shutdown(context)).await?;
        Err(io::ErrorKind::UnexpectedEof.into())
    }

    fn poll_serve(served: &Weak<Self>, context: &mut Context<'_>) -> Poll<()> {
        let Some(lobby) = served.upgrade() else {
            return Poll::Ready(());
        };
        lobby.bells.server.register(context.waker());
        for _ in 0..BURSTS_MAX {
            let burst = lobby.bells.next();
            if burst.is_empty() {
                return Poll::Pending;
            }
            let served = panic::catch_unwind(AssertUnwindSafe(|| lobby.serve(burst.clone())));
            if served.is_err() {
                lobby.part(&burst);
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// Ends connections of which nobody knows how far they were served.
    fn part(&self, burst: &Burst) {
        let mut seats = self.seats.borrow_mut();
        for place in burst {
            if let Some(seat) = seats.get_mut(*place) {
                seat.leave(Err(io::Error::other("a request could not be answered")));
            }
        }
    }

    /// Serves some connections until nothing more comes from them.
    fn serve(&self, mut burst: Burst) {
        let seats = &mut *self.seats.borrow_mut();
        let rooms = &mut *self.rooms.borrow_mut();
        // A seat may have rung that left meanwhile, and another one have its place: nobody is served twice in one burst.
        burst.retain(|place| seats.get(*place).is_some_and(|seat| seat.bell.stop()));
        for _ in 0..READS_MAX {
            burst = self.serve_once(seats, rooms, burst);
            if burst.is_empty() {
                return;
            }
        }
        for place in burst {
            if let Some(seat) = seats.get(place) {
                seat.waker.wake_by_ref();
            }
        }
    }

    /// Reads once of each, and answers. From whom more may come.
    fn serve_once(&self, seats: &mut Slab<Seat>, rooms: &mut [Room], burst: Burst) -> Burst {
        let mut read = ArrayVec::<_, TOGETHER_MAX>::new();
        let mut heard = ArrayVec::<_, TOGETHER_MAX>::new();
        for (place, room) in burst.into_iter().zip(rooms) {
            let Some(seat) = seats.get_mut(place).filter(|seat| seat.leaves.is_none()) else {
                continue;
            };
            let Some(length) = seat.hear(&mut room.bytes) else {
                continue;
            };
            room.answers.clear();
            let bytes = room.bytes.get(..length).unwrap_or_default();
            let (peer, date) = seat.gate.speaks();
            heard.push(Heard::new(bytes, peer, date, &mut room.answers));
            read.push(place);
        }
        self.fast.answer(&mut heard);
        let mut more = Burst::new();
        for (place, heard) in read.into_iter().zip(heard) {
            if seats.get_mut(place).is_some_and(|seat| seat.say(&heard)) {
                more.push(place);
            }
        }
        more
    }
}

impl Seat {
    /// How many bytes came, if there are some to look at.
    fn hear(&mut self, room: &mut [u8]) -> Option<usize> {
        let mut context = Context::from_waker(&self.waker);
        match self.gate.poll_hear(&mut context, room) {
            Poll::Pending => None,
            Poll::Ready(Ok(Word::Bytes(length))) => Some(length),
            Poll::Ready(Ok(Word::Else)) => self.leave(Ok(true)),
            Poll::Ready(Ok(Word::Gone)) => self.leave(Ok(false)),
            Poll::Ready(Err(error)) => self.leave(Err(error)),
        }
    }

    /// Sends what was answered. Whether more may come.
    fn say(&mut self, heard: &Heard<'_>) -> bool {
        let mut context = Context::from_waker(&self.waker);
        match self.gate.say(&mut context, heard) {
            Ok(true) => return true,
            Ok(false) => self.leave(Ok(true)),
            Err(error) => self.leave(Err(error)),
        };
        false
    }

    fn leave(&mut self, outcome: io::Result<bool>) -> Option<usize> {
        self.leaves = Some(outcome);
        if let Some(owner) = self.owner.take() {
            owner.wake();
        }
        None
    }
}

/// The time of a connection in the lobby: its seat is given up with it.
struct Stay {
    lobby: Rc<Lobby>,
    /// Until it left.
    place: Cell<Option<usize>>,
}

impl Stay {
    fn begin(lobby: &Rc<Lobby>, gate: Gate) -> Self {
        let mut seats = lobby.seats.borrow_mut();
        let entry = seats.vacant_entry();
        let place = entry.key();
        let bell = Arc::new(Bell {
            place,
            rings: AtomicBool::new(false),
            bells: lobby.bells.clone(),
        });
        let waker = Waker::from(bell.clone());
        // Something may have come already.
        waker.wake_by_ref();
        entry.insert(Seat {
            gate,
            bell,
            waker,
            leaves: None,
            owner: None,
        });
        drop(seats);
        Self {
            lobby: lobby.clone(),
            place: Cell::new(Some(place)),
        }
    }

    fn poll_leave(&self, context: &mut Context<'_>) -> Poll<io::Result<(Gate, bool)>> {
        let mut seats = self.lobby.seats.borrow_mut();
        let seat = self.place.get().and_then(|place| seats.get_mut(place));
        let Some(outcome) = seat.and_then(|seat| {
            seat.owner = Some(context.waker().clone());
            seat.leaves.take()
        }) else {
            return Poll::Pending;
        };
        let seat = self.place.take().and_then(|place| seats.try_remove(place));
        let seat = seat.ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected));
        Poll::Ready(outcome.and_then(|is_needed| Ok((seat?.gate, is_needed))))
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        if let Some(place) = self.place.take() {
            self.lobby.seats.borrow_mut().try_remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixStream;

    use super::super::connection::Peer;
    use super::super::counts::Counts;
    use super::super::fast::{Asked, FastPath};
    use super::super::limits::Limits;
    use super::super::registry::Registry;
    use super::super::tickets::Tickets;
    use super::super::transport::Transport;
    use super::*;

    /// Answers a request for `/NAME` with `NAME.`, leaves those for `/0`, and panics at `/panic`.
    struct Echo;

    impl FastPath for Echo {
        fn answer(&self, asked: &mut [Asked<'_>]) {
            for asked in asked {
                let name = asked.request.target.trim_start_matches('/');
                assert_ne!(name, "panic", "as it was asked to");
                if name != "0" {
                    asked.out.extend_from_slice(name.as_bytes());
                    asked.out.push(b'.');
                    asked.answered = true;
                }
            }
        }
    }

    fn request(name: &str) -> String {
        format!("GET /{name} HTTP/1.1\r\nhost: a\r\n\r\n")
    }

    struct Stage {
        lobby: Rc<Lobby>,
        registry: Rc<Registry>,
        tickets: Arc<Tickets>,
    }

    impl Stage {
        fn new() -> Self {
            let (limits, counts) = (Limits::default(), Arc::new(Counts::default()));
            Self {
                lobby: Lobby::open(Fast::new(Box::new(Echo))),
                registry: Registry::start(&limits, counts.clone(), std::future::pending()),
                tickets: Arc::new(Tickets::new(limits, counts)),
            }
        }

        /// A connection: the client's end, and the gate.
        fn connect(&self) -> (UnixStream, Gate) {
            let (client, server) = UnixStream::pair().unwrap();
            (client, self.gate(server))
        }

        fn gate(&self, server: UnixStream) -> Gate {
            let (ticket, fast) = (self.tickets.take(None).unwrap(), self.lobby.fast());
            let registry = self.registry.clone();
            let transport = Transport::Unix(server);
            Gate::new(transport, Peer::Owner, registry, ticket, Some(fast))
        }

        fn seats(&self) -> usize {
            self.lobby.seats.borrow().len()
        }
    }

    fn run(test: impl AsyncFn(Stage)) {
        actix_web::rt::System::new().block_on(async { test(Stage::new()).await });
    }

    #[test]
    fn those_who_speak_at_once_are_each_answered_in_order_and_leave_no_seat() {
        run(async |stage| {
            let mut clients = Vec::new();
            let mut waiting = Vec::new();
            for n in 0..5 * TOGETHER_MAX {
                let (mut client, gate) = stage.connect();
                let sent: String = (0..3).map(|m| request(&format!("{n}-{m}"))).collect();
                client.write_all(sent.as_bytes()).await.unwrap();
                waiting.push(actix_web::rt::spawn(stage.lobby.clone().wait(gate)));
                clients.push(client);
            }
            for turn in 0..2 {
                for (n, client) in clients.iter_mut().enumerate() {
                    let wanted: String = (0..3).map(|m| format!("{n}-{m}.")).collect();
                    let mut found = vec![0; wanted.len()];
                    client.read_exact(&mut found).await.unwrap();
                    assert_eq!(String::from_utf8_lossy(&found), wanted, "{turn}");
                    let again: String = (0..3).map(|m| request(&format!("{n}-{m}"))).collect();
                    client.write_all(again.as_bytes()).await.unwrap();
                }
            }
            assert_eq!(stage.seats(), clients.len());
            for client in &mut clients {
                client.shutdown().await.unwrap();
                let mut rest = Vec::new();
                client.read_to_end(&mut rest).await.unwrap();
                assert_eq!(rest.iter().filter(|byte| **byte == b'.').count(), 3);
            }
            for waited in waiting {
                let error = waited.await.unwrap().unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
            }
            assert_eq!(stage.seats(), 0);
        });
    }

    #[test]
    fn what_is_not_answered_leaves_with_all_that_is_behind_it() {
        run(async |stage| {
            let (mut client, gate) = stage.connect();
            let rest = request("0") + &request("2");
            let sent = request("1") + &rest;
            client.write_all(sent.as_bytes()).await.unwrap();
            let mut gate = stage.lobby.clone().wait(gate).await.unwrap();
            let mut found = vec![0; rest.len()];
            gate.read_exact(&mut found).await.unwrap();
            assert_eq!(String::from_utf8_lossy(&found), rest);
            let mut answer = [0; 2];
            client.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"1.");
            assert_eq!(stage.seats(), 0);
        });
    }

    #[test]
    fn nobody_is_served_twice_in_one_burst() {
        run(async |stage| {
            let (mut client, server) = UnixStream::pair().unwrap();
            // What one read brings is left to the framework; what comes behind it would be answered.
            let padding = "y".repeat(READ_BYTES / 2 - request("0").len() - "x: \r\n".len());
            let long = request("0").replace("\r\n\r\n", &format!("\r\nx: {padding}\r\n\r\n"));
            let sent = long.repeat(2) + &request("2");
            assert_eq!(long.len() * 2, READ_BYTES);
            client.write_all(sent.as_bytes()).await.unwrap();
            server.readable().await.unwrap();
            let stay = Stay::begin(&stage.lobby, stage.gate(server));
            let place = stay.place.get().unwrap();
            stage.lobby.serve([place, place].into_iter().collect());
            let (mut gate, is_needed) = poll_fn(|context| stay.poll_leave(context)).await.unwrap();
            assert!(is_needed);
            let mut found = vec![0; long.len()];
            gate.read_exact(&mut found).await.unwrap();
            assert_eq!(String::from_utf8_lossy(&found), long);
            // The socket itself is asked: it does not wait.
            let answered = client.into_std().unwrap().read(&mut [0; 8]);
            let nothing = answered.map_err(|error| error.kind());
            assert_eq!(nothing, Err(io::ErrorKind::WouldBlock));
        });
    }

    #[test]
    fn who_makes_the_answers_panic_loses_his_connection_and_nobody_else() {
        run(async |stage| {
            let (mut client, gate) = stage.connect();
            let kept = actix_web::rt::spawn(stage.lobby.clone().wait(gate));
            let (mut other, gate) = stage.connect();
            other.write_all(request("panic").as_bytes()).await.unwrap();
            let error = stage.lobby.clone().wait(gate).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::Other);
            assert_eq!(other.read(&mut [0; 8]).await.unwrap(), 0);
            client.write_all(request("1").as_bytes()).await.unwrap();
            let mut answer = [0; 2];
            client.read_exact(&mut answer).await.unwrap();
            assert_eq!((&answer, stage.seats()), (b"1.", 1));
            kept.abort();
            assert!(kept.await.unwrap_err().is_cancelled());
            assert_eq!(stage.seats(), 0);
        });
    }
}
