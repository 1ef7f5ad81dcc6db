//! From flags to a plan: what each scenario opens before, and what it then does.

use std::sync::Arc;

use anyhow::{bail, ensure};

use super::ask::{Book, LOGIN_OUTCOMES};
use super::bounds::threads;
use super::engine::CONNECT_NS;
use super::plan::{Op, Pace, Phase, Plan, RIGHT, Stream, Work};
use super::requests;
use super::schedule::{pattern, whole};
use super::seed::{Seeds, Session};
use super::target::Target;
use crate::cli::bench::{BenchSurface, LoadArguments, Scenario};
use crate::cli::client::AdminClient;
use crate::clock::monotonic_ns;

/// Sessions that are opened if nothing is said, and where each needs a key or a client of its own.
const SESSIONS: usize = 10_000;
const SESSIONS_BEHIND_CLIENTS: usize = 2_000;
/// Sessions that are asked for: of more, so many evenly spread ones.
const DRAWN_MAX: usize = 1 << 20;
/// Connections to the admin listener, which takes 64 at a time from everybody.
const ADMIN_CONNECTIONS_MAX: usize = 32;
/// Sessions of a wave that are asked for afterwards: each must be dead.
const DEAD_MAX: usize = 1_000;
/// Opening the sessions of a wave may take so much longer than it took for others.
const SLACK: f64 = 1.5;
const SECOND_NS: u64 = 1_000_000_000;

/// Where a scenario takes place.
pub(super) struct Stage<'s, 'a> {
    pub(super) scenario: &'s Scenario,
    pub(super) public: Arc<Target>,
    pub(super) admin: &'a AdminClient,
    pub(super) seeds: &'s mut Seeds<'a>,
}

/// What is to be run.
pub(super) struct Play {
    pub(super) plan: Plan,
    /// What is asked once the load is over.
    pub(super) epilogue: Option<Plan>,
    /// It may be done before without being counted.
    pub(super) warm: bool,
    /// Sessions that were opened for it.
    pub(super) sessions: usize,
}

/// What streams and operations of one scenario have in common.
struct Draft {
    ops: Vec<Op>,
    streams: Vec<Stream>,
}

impl Stage<'_, '_> {
    /// Opens what the scenario needs, and says what is to be done.
    pub(super) fn set(&mut self) -> anyhow::Result<Play> {
        match self.scenario {
            Scenario::Verify { .. } => self.verify(None),
            Scenario::ReconnectStorm { every, .. } => {
                let every_ns = u64::try_from(every.as_nanos()).unwrap_or(u64::MAX);
                ensure!(every_ns >= SECOND_NS / 100, "--every: at least 10ms");
                self.verify(Some(every_ns))
            }
            Scenario::Open { .. } => self.open(),
            Scenario::Mix { shares, .. } => self.mix(*shares),
            Scenario::Bulk { batch, .. } => self.bulk(*batch),
            Scenario::LoginStorm {
                logins,
                login_connections,
                login_accounts,
                wrong,
                ..
            } => self.login_storm((*logins, *login_connections), *login_accounts, *wrong),
            Scenario::ExpiryWave { wave, .. } => self.expiry_wave(*wave),
        }
    }

    fn load(&self) -> &LoadArguments {
        self.scenario.load()
    }

    fn surface(&self) -> BenchSurface {
        self.load().surface
    }

    /// Opens the sessions that are verified: the book, and how many there are.
    fn seeded(&mut self) -> anyhow::Result<(Book, usize)> {
        let sessions = self.sessions()?;
        let drawn = evenly(&sessions, DRAWN_MAX);
        let (public, accounts) = (&self.public, &self.seeds.accounts);
        let book = requests::verify(self.surface(), public, accounts, &drawn);
        Ok((book, sessions.len()))
    }

    fn sessions(&mut self) -> anyhow::Result<Vec<Session>> {
        let surface = self.surface();
        let usual = match surface {
            BenchSurface::I3d | BenchSurface::Clerk => SESSIONS_BEHIND_CLIENTS,
            BenchSurface::Gateway | BenchSurface::Mollybet | BenchSurface::Xdata => SESSIONS,
        };
        let count = self.load().sessions.unwrap_or(usual);
        self.seeds
            .make_accounts(self.load().accounts.min(count), surface)?;
        self.seeds.open(surface, count, None)
    }

    fn pace(&self) -> Pace {
        if self.scenario.pace().closed {
            Pace::Closed
        } else {
            Pace::Open {
                rate: self.load().rate,
            }
        }
    }

    fn public(&self, name: &'static str, pace: Pace, pattern: Vec<u8>) -> Stream {
        Stream {
            name,
            target: self.public.clone(),
            pace,
            connections: self.load().connections,
            depth: self.scenario.pace().pipeline,
            pattern,
            from_ns: 0,
            renew_every_ns: None,
        }
    }

    /// A stream of trusted issue.
    fn administration(&self, pace: Pace, pattern: Vec<u8>) -> anyhow::Result<Stream> {
        let load = self.load();
        let target = Target::parse(
            self.admin.url(),
            load.node.admin_ca.as_deref(),
            load.allow_remote,
        )?;
        Ok(Stream {
            target: Arc::new(target),
            connections: load.connections.min(ADMIN_CONNECTIONS_MAX),
            ..self.public("administration", pace, pattern)
        })
    }

    fn play(&self, draft: Draft, sessions: usize) -> Play {
        let load = self.load();
        let ns = |time: std::time::Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let plan = Plan {
            threads: threads(load.threads, &draft.streams),
            ops: draft.ops,
            streams: draft.streams,
            phases: vec![Phase {
                name: "run",
                from_ns: 0,
            }],
            duration_ns: ns(load.duration),
            timeout_ns: ns(load.timeout),
            requests_max: load.requests,
        };
        Play {
            plan,
            epilogue: None,
            warm: true,
            sessions,
        }
    }

    fn verify(&mut self, renew_every_ns: Option<u64>) -> anyhow::Result<Play> {
        let (book, sessions) = self.seeded()?;
        let mut stream = self.public("verify", self.pace(), vec![0]);
        stream.renew_every_ns = renew_every_ns;
        let draft = Draft {
            ops: vec![drawn("verify", book)],
            streams: vec![stream],
        };
        Ok(self.play(draft, sessions))
    }

    fn open(&mut self) -> anyhow::Result<Play> {
        let surface = self.surface();
        self.seeds.make_accounts(self.load().accounts, surface)?;
        let (op, stream) = self.opening(self.pace(), vec![0])?;
        let draft = Draft {
            ops: vec![op],
            streams: vec![stream],
        };
        Ok(self.play(draft, 0))
    }

    /// The operation that opens sessions, and a stream of it.
    fn opening(&self, pace: Pace, pattern: Vec<u8>) -> anyhow::Result<(Op, Stream)> {
        let surface = self.surface();
        let stream = match surface {
            BenchSurface::Xdata => self.public("open", pace, pattern),
            _ => self.administration(pace, pattern)?,
        };
        let accounts = &self.seeds.accounts;
        let book = requests::open(surface, &stream.target, accounts, self.admin.token());
        Ok((drawn("open", book), stream))
    }

    fn mix(&mut self, shares: [u8; 3]) -> anyhow::Result<Play> {
        let [verify, open, close] = shares;
        let surface = self.surface();
        let together = surface == BenchSurface::Xdata;
        if !together && self.scenario.pace().closed {
            bail!(
                "mix at no rate: only with --surface xdata, where all of it goes to one listener and the shares can be kept"
            );
        }
        let (book, sessions) = self.seeded()?;
        let rate = |share: u8| match self.pace() {
            Pace::Open { rate } => Pace::Open {
                rate: rate * f64::from(share) / 100.0,
            },
            Pace::Closed => Pace::Closed,
        };
        let (opening, opened_by) = self.opening(rate(open), vec![1])?;
        let streams = if together {
            vec![self.public("mix", self.pace(), pattern(&shares))]
        } else {
            let pace = rate(verify + close);
            let public = self.public("verify and close", pace, pattern(&[verify, 0, close]));
            let used = |stream: &Stream| match stream.pace {
                Pace::Open { rate } => rate > 0.0,
                Pace::Closed => true,
            };
            [public, opened_by].into_iter().filter(used).collect()
        };
        let close = Op {
            name: "close",
            outcomes: RIGHT,
            items: 1,
            work: Work::Close(requests::closer(surface, &self.public)),
        };
        let ops = vec![drawn("verify", book), opening, close];
        Ok(self.play(Draft { ops, streams }, sessions))
    }

    fn bulk(&mut self, size: usize) -> anyhow::Result<Play> {
        ensure!(
            self.surface() == BenchSurface::Xdata,
            "bulk: say --surface xdata: there is no other bulk verification yet"
        );
        let sessions = self.sessions()?;
        let accounts = &self.seeds.accounts;
        let book = requests::batches(&self.public, accounts, &sessions, size)?;
        let op = Op {
            items: u32::try_from(size)?,
            ..drawn("batch", book)
        };
        let draft = Draft {
            ops: vec![op],
            streams: vec![self.public("batches", self.pace(), vec![0])],
        };
        Ok(self.play(draft, sessions.len()))
    }

    fn login_storm(
        &mut self,
        (rate, connections): (f64, usize),
        accounts: usize,
        wrong: u8,
    ) -> anyhow::Result<Play> {
        let (book, sessions) = self.seeded()?;
        let logins = self.seeds.make_logins(accounts)?;
        let duration_ns = u64::try_from(self.load().duration.as_nanos())?;
        let from_ns = duration_ns / 3;
        let storm = Stream {
            connections,
            from_ns,
            ..self.public("logins", Pace::Open { rate }, vec![1])
        };
        let login = Op {
            outcomes: &LOGIN_OUTCOMES,
            ..drawn("login", requests::logins(&self.public, &logins, wrong))
        };
        let draft = Draft {
            ops: vec![drawn("verify", book), login],
            streams: vec![self.public("verify", self.pace(), vec![0]), storm],
        };
        let mut play = self.play(draft, sessions);
        play.plan.phases = phases([("quiet", 0), ("storm", from_ns)]);
        play.warm = false;
        Ok(play)
    }

    fn expiry_wave(&mut self, wave: usize) -> anyhow::Result<Play> {
        let began = monotonic_ns();
        let (book, sessions) = self.seeded()?;
        let took = (monotonic_ns() - began) as f64;
        let duration_ns = u64::try_from(self.load().duration.as_nanos())?;
        let third = duration_ns / 3;
        // How long opening them will take, as the others tell.
        let opening = whole(took / sessions.max(1) as f64 * wave as f64 * SLACK);
        let deadline = monotonic_ns() + opening + SECOND_NS + third;
        let dying = self.seeds.open_wave(wave, deadline)?;
        let draft = Draft {
            ops: vec![drawn("verify", book)],
            streams: vec![self.public("verify", self.pace(), vec![0])],
        };
        let mut play = self.play(draft, sessions + wave);
        let left = deadline.saturating_sub(monotonic_ns() + CONNECT_NS);
        play.plan.duration_ns = left + 2 * third;
        play.plan.phases = phases([("before", 0), ("during", left), ("after", left + third)]);
        play.warm = false;
        play.epilogue = Some(self.epilogue(&dying, &play.plan));
        Ok(play)
    }

    /// Asks for sessions that must be dead by now, each once.
    fn epilogue(&self, dying: &[Session], plan: &Plan) -> Plan {
        let book = requests::dead(&self.public, &evenly(dying, DEAD_MAX));
        let op = Op {
            outcomes: &["dead"],
            ..drawn("expired", book)
        };
        let count = match &op.work {
            Work::Drawn(book) => book.len() as u64,
            Work::Close(_) => 0,
        };
        let streams = vec![self.public("expired", Pace::Closed, vec![0])];
        Plan {
            threads: 1,
            ops: vec![op],
            streams,
            phases: phases([("afterwards", 0)]),
            duration_ns: plan.timeout_ns.max(SECOND_NS),
            timeout_ns: plan.timeout_ns,
            requests_max: count,
        }
    }
}

fn drawn(name: &'static str, book: Book) -> Op {
    Op {
        name,
        outcomes: RIGHT,
        items: 1,
        work: Work::Drawn(Arc::new(book)),
    }
}

fn phases<const N: usize>(phases: [(&'static str, u64); N]) -> Vec<Phase> {
    phases
        .into_iter()
        .map(|(name, from_ns)| Phase { name, from_ns })
        .collect()
}

/// At most so many, evenly spread over all of them.
fn evenly(sessions: &[Session], most: usize) -> Vec<Session> {
    let step = sessions.len().div_ceil(most).max(1);
    sessions.iter().step_by(step).cloned().collect()
}
