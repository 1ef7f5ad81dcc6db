//! Rounds: serve, write, strike, serve again, judge.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::{env, thread};

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};
use sessile::durability::storage::faulty::{Choose, Seed};

use crate::book::{Book, Share};
use crate::judge::{Judge, Terms, Verdict};
use crate::server::{How, Place, Server};
use crate::writers::{Cast, Round, Writer};

/// Threads that write.
const WRITERS: usize = 16;
/// A round is over after at most so many calls.
const CALLS_MAX: usize = 900;
/// How long a process is watched that goes on although a call failed.
const CALLS_AFTER_FAULT: u64 = 3_000;
/// Every so many rounds everything is looked at, not just what lived or changed.
const EVERYTHING_EVERY: u64 = 10;

/// What strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Kill,
    Terminate,
    /// A system call fails, by `CRASHES_FAULTS`; if the process goes on, it is killed some calls later.
    Call,
    /// A thread that owns something panics.
    Panic,
}

/// Where the process panics, and at which time of passing at the latest: a round passes there more often.
const PANICS: [(&str, usize); 12] = [
    ("shard decided", 150),
    ("shard appended", 150),
    ("shard applied", 150),
    ("directory decided", 80),
    ("directory appended", 80),
    ("directory applied", 80),
    ("log taken", 80),
    ("log written", 80),
    ("log synced", 80),
    ("images due", 2),
    ("images written", 2),
    ("images named", 2),
];

/// How many rounds, and from which seed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Length {
    pub(crate) rounds: u64,
    pub(crate) seed: u64,
}

impl Length {
    /// What the environment says, or the short form.
    pub(crate) fn or_short(rounds: u64) -> Self {
        let number = |name| {
            env::var(name)
                .ok()
                .map(|text: String| text.parse().unwrap())
        };
        Self {
            rounds: number("CRASHES_KILLS").unwrap_or(rounds),
            seed: number("CRASHES_SEED").unwrap_or(1),
        }
    }
}

/// Arms a fault of a system call in this process; the program is back once it is armed.
fn arm(pid: Pid, seed: u64) {
    let program = env::var_os("CRASHES_FAULTS").expect("the campaign says which program");
    let process = pid.as_raw_nonzero().to_string();
    let mut command = Command::new(program);
    let armed = command.args([process, seed.to_string()]).status().unwrap();
    assert!(armed.success(), "no fault was armed: {armed}");
}

/// A program that cuts power: it reads `cut` and `mount`, and answers with a line, the first with the
/// moment of the cut in milliseconds of the machine.
struct Power {
    child: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Power {
    fn start() -> Option<Self> {
        let program = env::var_os("CRASHES_POWER")?;
        let piped = Stdio::piped;
        let mut child = Command::new(program)
            .stdin(piped())
            .stdout(piped())
            .spawn()
            .unwrap();
        let asks = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Some(Self {
            child,
            asks,
            answers,
        })
    }

    fn ask(&mut self, what: &str) -> String {
        writeln!(self.asks, "{what}").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        let answer = answer.trim_end().to_owned();
        assert!(!answer.is_empty(), "the power program gave up at {what}");
        answer
    }
}

impl Drop for Power {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Many lives of one data directory.
pub(crate) struct Campaign {
    name: &'static str,
    place: Place,
    book: Book,
    shares: Vec<Share>,
    how: How,
    fault: Fault,
    seed: Seed,
    length: Length,
    power: Option<Mutex<Power>>,
    cut_ms: AtomicU64,
    total: Verdict,
    /// How the processes ended.
    ends: BTreeMap<String, u64>,
}

impl Campaign {
    pub(crate) fn new(name: &'static str, how: How, fault: Fault, length: Length) -> Self {
        Self {
            name,
            place: Place::new(),
            book: Book::default(),
            shares: (0..WRITERS).map(|_| Share::default()).collect(),
            how,
            fault,
            seed: Seed(length.seed),
            length,
            power: Power::start().map(Mutex::new),
            cut_ms: AtomicU64::new(0),
            total: Verdict::default(),
            ends: BTreeMap::new(),
        }
    }

    /// All rounds; panics if anything was lost, came back, or was refused.
    pub(crate) fn run(mut self) {
        let Length { rounds, seed } = self.length;
        println!(
            "{}: {rounds} rounds of {:?} from seed {seed}",
            self.name, self.fault
        );
        let mut server = self.place.start(self.how);
        let mut cast = Cast::make(&server);
        for round in 1..=rounds {
            server = self.armed(server);
            let snapshots = self.round(server, &cast, round);
            let how = How {
                shards: [1, 2, 2, 3, 7, 16][self.seed.below(6)],
                snapshot_every: ["5m", "5m", "1s"][self.seed.below(3)],
                ..self.how
            };
            server = match self.place.spawn(how).served() {
                Ok(server) => server,
                Err(why) => panic!("round {round}: it refused to start as {how:?}: {why}"),
            };
            cast.agent = Cast::agent(&server);
            let terms = Terms {
                all_ended: self.how.mode == "snapshot" && self.fault != Fault::Terminate,
                grants_lost_from_ms: (self.power.is_some() && self.how.mode == "balanced")
                    .then(|| self.cut_ms.load(Ordering::SeqCst)),
                everything: round % EVERYTHING_EVERY == 0 || round == rounds,
            };
            self.judge(&server, &cast, terms);
            self.complain(&format!("round {round}, {how:?}, {snapshots} snapshots"));
        }
        self.report();
        server.kill();
    }

    /// A server that will panic under the writers, in place of one that was looked at, if that is the fault.
    fn armed(&mut self, server: Server) -> Server {
        if self.fault != Fault::Panic {
            return server;
        }
        server.stop();
        let (place, latest) = PANICS[self.seed.below(PANICS.len())];
        let time = 1 + self.seed.below(latest);
        *self.ends.entry(place.to_owned()).or_default() += 1;
        self.place.start(How {
            panic_at: Some((place, time)),
            ..self.how
        })
    }

    /// Writers until something strikes; how many snapshots were written meanwhile because asked for.
    fn round(&mut self, server: Server, cast: &Cast, number: u64) -> u64 {
        let moment = 1 + self.seed.below(CALLS_MAX) as u64;
        let after_answers = self.seed.below(2) == 0;
        let asks_for_snapshots = self.fault == Fault::Panic || self.seed.below(3) == 0;
        let pid = server.pid();
        let call_seed = self.seed.below(1 << 31) as u64;
        let strike = || match (&self.power, self.fault) {
            (None, Fault::Call) => arm(pid, call_seed),
            (Some(power), _) => {
                let at = power.lock().ask("cut");
                self.cut_ms.store(at.parse().unwrap(), Ordering::SeqCst);
                // With its disk gone the process may end by itself, or in the middle of it.
                let _ = kill_process(pid, Signal::KILL);
            }
            (None, Fault::Kill) => kill_process(pid, Signal::KILL).unwrap(),
            (None, Fault::Terminate) => kill_process(pid, Signal::TERM).unwrap(),
            // It strikes by itself.
            (None, Fault::Panic) => {}
        };
        let snapshots = AtomicU64::new(0);
        let round = Round {
            server: &server,
            book: &self.book,
            cast,
            at_sent: (!after_answers).then_some(moment),
            at_heard: after_answers.then_some(moment),
            strike: &strike,
            kill_after: (self.fault == Fault::Call).then_some(CALLS_AFTER_FAULT),
            kill_at: AtomicU64::new(u64::MAX),
            sent: AtomicU64::new(0),
            heard: AtomicU64::new(0),
            struck: AtomicBool::new(self.fault == Fault::Panic),
        };
        let beside = || {
            while asks_for_snapshots && round.snapshot() {
                snapshots.fetch_add(1, Ordering::Relaxed);
            }
        };
        let name = format!("made-{number}");
        round.under_load(&mut self.shares, &mut self.seed, &name, beside);
        let (status, errors) = server.wait();
        if self.fault == Fault::Terminate {
            assert!(status.success(), "stopped with {status}: {errors}");
        }
        if self.fault == Fault::Call {
            let known = status.code().is_none_or(|code| code == 4);
            assert!(known, "ended with {status}: {errors}");
        }
        if self.fault == Fault::Panic {
            let asked = errors.contains("a test asked for it");
            assert!(
                status.code() == Some(6) && asked,
                "ended with {status}: {errors}"
            );
        }
        *self.ends.entry(status.to_string()).or_default() += 1;
        if let Some(power) = &self.power {
            power.lock().ask("mount");
        }
        snapshots.into_inner()
    }

    fn judge(&mut self, server: &Server, cast: &Cast, terms: Terms) {
        let judge = Judge {
            server,
            book: &self.book,
            cast,
            terms,
        };
        let shares = self.shares.iter_mut();
        let verdicts: Vec<Verdict> = thread::scope(|scope| {
            let judge = &judge;
            let judging: Vec<_> = shares
                .map(|share| scope.spawn(move || judge.judge(share)))
                .collect();
            judging.into_iter().map(|one| one.join().unwrap()).collect()
        });
        for verdict in verdicts {
            self.total.add(verdict);
        }
        self.total.close_round();
        // All that was sent before this has been settled by looking.
        self.book.revocations.lock().clear();
    }

    /// Stops at the first round in which something is not as it must be.
    fn complain(&mut self, at: &str) {
        let wrong = self.book.wrong.lock().drain(..).collect::<Vec<_>>();
        let total = &self.total;
        let cut = self.book.cut.load(Ordering::Relaxed);
        let cut_allowed = self.fault != Fault::Terminate;
        let fine = total.lost + total.resurrected == 0
            && total.details.is_empty()
            && wrong.is_empty()
            && (cut == 0 || cut_allowed);
        assert!(
            fine,
            "{}, seed {}, {at}: {} lost, {} resurrected, {cut} cut; {:?}; while it lived: {wrong:?}",
            self.name,
            self.length.seed,
            total.lost,
            total.resurrected,
            total.details.iter().take(10).collect::<Vec<_>>(),
        );
    }

    fn report(&self) {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (book, total) = (&self.book, &self.total);
        let sessions: usize = self.shares.iter().map(|share| share.sessions.len()).sum();
        println!(
            "{}: {} strikes, {} acknowledged operations, {sessions} sessions, {} judgements: {} lost, \
             {} resurrected, 0 refused starts; {} answers 503, {} calls in flight, {} answers cut; of those in doubt {} \
             had happened and {} had not, {} logouts without an answer happened; {} grants of the last second \
             gone, the oldest {} ms old; ends {:?}",
            self.name,
            self.length.rounds,
            of(&book.acknowledged),
            total.looked,
            total.lost,
            total.resurrected,
            of(&book.unavailable),
            of(&book.unknown),
            of(&book.cut),
            total.happened,
            total.did_not,
            total.unanswered,
            total.forgiven,
            total.forgiven_age_ms,
            self.ends,
        );
    }
}

/// A server under load, killed after some hundred calls: what was written, and what the server said.
pub(crate) fn busy(server: Server) -> (Vec<Share>, String) {
    let (book, cast) = (Book::default(), Cast::make(&server));
    let mut shares: Vec<Share> = (0..WRITERS).map(|_| Share::default()).collect();
    let pid = server.pid();
    let round = Round {
        server: &server,
        book: &book,
        cast: &cast,
        at_sent: None,
        at_heard: Some(600),
        strike: &|| kill_process(pid, Signal::KILL).unwrap(),
        kill_after: None,
        kill_at: AtomicU64::new(u64::MAX),
        sent: AtomicU64::new(0),
        heard: AtomicU64::new(0),
        struck: AtomicBool::new(false),
    };
    round.under_load(&mut shares, &mut Seed(1), "made", || ());
    let (_, said) = server.wait();
    (shares, said)
}

impl Round<'_> {
    /// A writer for each share, and something beside them, until the server is gone.
    fn under_load(
        &self,
        shares: &mut [Share],
        seed: &mut Seed,
        name: &str,
        beside: impl FnOnce() + Send,
    ) {
        thread::scope(|scope| {
            for (share, at) in shares.iter_mut().zip(0..) {
                let seed = seed.below(1 << 31) as u64;
                let writer = Writer::new(self, share, seed, format!("{name}-{at}"));
                scope.spawn(move || writer.run());
            }
            scope.spawn(beside);
        });
    }

    /// Asks for a snapshot; false once the server is gone.
    fn snapshot(&self) -> bool {
        use crate::wire::{Line, Outcome, request};
        let bearer = format!("Bearer {}", crate::server::TOKEN);
        let headers = [("authorization", bearer.as_str())];
        let request = request("POST", "/admin/v1/snapshot", &headers, "");
        match Line::to(self.server.admin).call(&request) {
            Outcome::Answered(answer) => {
                let fine = answer.status == 200 || self.struck.load(Ordering::SeqCst);
                assert!(fine, "{}", answer.text());
                true
            }
            Outcome::Cut | Outcome::Silent => false,
        }
    }
}
