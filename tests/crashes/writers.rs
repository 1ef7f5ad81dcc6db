//! Writers: each on connections of its own, on all four surfaces, until the server is gone.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};
use sessile::durability::storage::faulty::{Choose, Seed};

use crate::book::{
    Book, Expected, Fate, Handoff, Revocation, Session, Share, Span, Surface, machine_ms,
};
use crate::server::{Server, TOKEN};
use crate::wire::{Answer, Line, Outcome, request};

/// Live sessions of one writer, about.
const LIVE_MAX: usize = 40;
/// Hand-off tokens older than this may be over: they live for 60 s.
pub(crate) const HANDOFF_YOUNG_MS: u64 = 45_000;
/// Hand-off tokens of one session in one round: the seventeenth would end the first.
const HANDOFFS_MAX: usize = 12;

/// Accounts, by place: how many sessions they may have, and whether all of these are revoked at times.
pub(crate) const ACCOUNTS: [(&str, u64, bool); 8] = [
    ("free-1", 0, false),
    ("free-2", 0, false),
    ("bound-1", 10_000, false),
    ("bound-2", 10_000, false),
    ("swept-1", 0, true),
    ("swept-2", 0, true),
    ("swept-3", 10_000, true),
    ("swept-4", 10_000, true),
];
/// Places of the accounts that have a key pair for xData.
const PAIRS: usize = 2;
/// Sees all of them.
const AGENT: &str = "agent";

/// Who is who on the node.
pub(crate) struct Cast {
    /// xData key pairs of the first accounts.
    pairs: Vec<(String, String)>,
    /// A session of the agent's.
    pub(crate) agent: String,
}

impl Cast {
    /// Makes the accounts on a fresh node.
    pub(crate) fn make(server: &Server) -> Self {
        let make = |body| server.administer("POST", "/admin/v1/accounts", &body);
        make(json!({"username": AGENT, "max_sessions": 0}));
        for (name, max, _) in ACCOUNTS {
            make(json!({"username": name, "max_sessions": max, "agent": AGENT}));
        }
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let pair = |(name, ..): &(&str, u64, bool)| {
            let body = json!({"kind": "xdata", "username": name});
            let made = server.administer("POST", "/admin/v1/keys", &body);
            (text(&made["api_key"]), text(&made["secret"]))
        };
        Self {
            pairs: ACCOUNTS.iter().take(PAIRS).map(pair).collect(),
            agent: Self::agent(server),
        }
    }

    /// Another session of the agent's.
    pub(crate) fn agent(server: &Server) -> String {
        let body = json!({"username": AGENT, "surface": "mollybet"});
        let opened = server.administer("POST", "/admin/v1/sessions", &body);
        opened["sessions"][0]["secret"].as_str().unwrap().to_owned()
    }

    /// Opens so many xData sessions, in one batch.
    pub(crate) fn fill_xdata(&self, server: &Server, count: usize) {
        let one = json!({"jsonrpc": "2.0", "id": 1, "method": "session.open_session"});
        let batch = Value::from(vec![one; count]).to_string();
        let request = request("POST", "/api/v2/session/jsonrpc", &self.pair(0), &batch);
        let answer = Line::to(server.public).call(&request).whole();
        let opened = answer.json().as_array().map_or(0, Vec::len);
        assert_eq!(opened, count, "{}", answer.text());
    }

    fn pair(&self, account: usize) -> [(&str, &str); 2] {
        let (api_key, secret) = &self.pairs[account];
        [("apikey", api_key), ("secret", secret)]
    }
}

/// One life of the server, as its writers see it.
pub(crate) struct Round<'a> {
    pub(crate) server: &'a Server,
    pub(crate) book: &'a Book,
    pub(crate) cast: &'a Cast,
    /// The fault strikes right after this call of all was sent, and before its answer is read.
    pub(crate) at_sent: Option<u64>,
    /// Or: right after this answer of all was there.
    pub(crate) at_heard: Option<u64>,
    /// What strikes.
    pub(crate) strike: &'a (dyn Fn() + Sync),
    /// Killed so many calls after the strike, should it live that long.
    pub(crate) kill_after: Option<u64>,
    /// Which call of all that is, once it has struck.
    pub(crate) kill_at: AtomicU64,
    pub(crate) sent: AtomicU64,
    pub(crate) heard: AtomicU64,
    /// Set before it strikes.
    pub(crate) struck: AtomicBool,
}

/// Whether a session lives is asked of the gateway, or of its own surface.
pub(crate) fn look(cast: &Cast, session: &Session, at_gateway: bool) -> Vec<u8> {
    let secret = session.secret.as_str();
    let cookie = format!("__client={secret}");
    let get = |path: &str, header| request("GET", path, &[header], "");
    if at_gateway {
        let header = match session.surface {
            Surface::Mollybet => ("session", secret),
            Surface::I3d => ("private-token", secret),
            Surface::Clerk => ("cookie", cookie.as_str()),
            Surface::Xdata => ("xdata-session-token", secret),
        };
        return get("/auth/verify", header);
    }
    match session.surface {
        Surface::Mollybet => get(&format!("/v1/sessions/{secret}/"), ("session", secret)),
        Surface::I3d => get("/v3/session/user", ("private-token", secret)),
        Surface::Clerk => {
            let path = format!("/v1/client/sessions/{}", session.id);
            get(&path, ("cookie", &cookie))
        }
        Surface::Xdata => rpc(
            &cast.pair(session.account),
            "verify_session_token",
            json!({"token": secret}),
        ),
    }
}

/// What an answer to [`look`] says; `None` if it says something that it may not.
pub(crate) fn lives(session: &Session, at_gateway: bool, answer: &Answer) -> Option<bool> {
    match (session.surface, at_gateway, answer.status) {
        (Surface::Clerk, false, 200) => Some(answer.text().contains("\"status\":\"active\"")),
        (Surface::Xdata, false, 200) => answer.json()["result"]["active"].as_bool(),
        (_, _, 200) => Some(true),
        (_, true, 401) | (Surface::Mollybet, false, 401) => Some(false),
        (Surface::I3d | Surface::Clerk, false, 404) => Some(false),
        _ => None,
    }
}

/// Spends a hand-off token, as the agent.
pub(crate) fn spend(agent: &str, token: &str) -> Vec<u8> {
    let path = format!("/v1/sessions/{agent}/detokenize/");
    let body = json!({"token": token}).to_string();
    request("POST", &path, &[("session", agent)], &body)
}

fn rpc(pair: &[(&str, &str)], method: &str, params: Value) -> Vec<u8> {
    let method = format!("session.{method}");
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    request("POST", "/api/v2/session/jsonrpc", pair, &body.to_string())
}

fn administration(path: &str, body: &Value) -> Vec<u8> {
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("authorization", bearer.as_str())];
    request("POST", path, &headers, &body.to_string())
}

enum To {
    Public,
    Admin,
}

/// The server is gone, as far as this writer can see.
struct Gone;

/// One writer in one round.
pub(crate) struct Writer<'a> {
    round: &'a Round<'a>,
    share: &'a mut Share,
    seed: Seed,
    name: String,
    public: Line,
    admin: Line,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(round: &'a Round<'a>, share: &'a mut Share, seed: u64, name: String) -> Self {
        Self {
            round,
            share,
            seed: Seed(seed),
            name,
            public: Line::to(round.server.public),
            admin: Line::to(round.server.admin),
        }
    }

    /// Goes on until the server is gone.
    pub(crate) fn run(mut self) {
        while self.step().is_ok() {}
        let struck = self.round.struck.load(Ordering::SeqCst);
        assert!(struck, "the server went away before anything struck");
    }

    fn step(&mut self) -> Result<(), Gone> {
        let full = self.share.live.len() >= LIVE_MAX;
        match self.seed.below(100) {
            0..38 if !full => self.open(),
            0..66 => self.end(),
            66..76 => self.verify(),
            76..88 => self.tokenize(),
            88..96 => self.detokenize(),
            96..98 => self.make_account(),
            98 if self.seed.below(3) == 0 => self.revoke(),
            _ => self.verify_dead(),
        }
    }

    /// Sends, strikes if it is time, and hears.
    fn call(&mut self, to: To, request: &[u8]) -> Result<(Span, Answer), Gone> {
        let (round, book) = (self.round, self.round.book);
        let line = match to {
            To::Public => &mut self.public,
            To::Admin => &mut self.admin,
        };
        let sent = book.tick();
        let was_sent = line.send(request);
        let strike_at = |count: &AtomicU64, at: Option<u64>| {
            let now = count.fetch_add(1, Ordering::SeqCst) + 1;
            if at == Some(now) {
                round.struck.store(true, Ordering::SeqCst);
                (round.strike)();
                if let Some(calls) = round.kill_after {
                    let at = round.sent.load(Ordering::SeqCst) + calls;
                    round.kill_at.store(at, Ordering::SeqCst);
                }
            }
            now
        };
        let now = strike_at(&round.sent, round.at_sent);
        if now >= round.kill_at.load(Ordering::SeqCst) {
            // Ended by itself, it is still there for whoever waits for it.
            let _ = kill_process(round.server.pid(), Signal::KILL);
        }
        let outcome = if was_sent {
            line.answer()
        } else {
            Outcome::Silent
        };
        match outcome {
            Outcome::Answered(answer) => {
                let heard = book.tick();
                if answer.status < 300 {
                    book.acknowledged.fetch_add(1, Ordering::Relaxed);
                } else if answer.status == 503 {
                    book.unavailable.fetch_add(1, Ordering::Relaxed);
                }
                strike_at(&round.heard, round.at_heard);
                return Ok((Span { sent, heard }, answer));
            }
            Outcome::Cut => {
                book.cut.fetch_add(1, Ordering::Relaxed);
            }
            Outcome::Silent => {}
        }
        book.unknown.fetch_add(1, Ordering::Relaxed);
        Err(Gone)
    }

    fn wrong(&self, what: &str, answer: &Answer) {
        // Too busy, or the disk is gone: not an outcome, and not a wrong one.
        if answer.status != 503 {
            let text = format!("{what}: {} {}", answer.status, answer.text());
            self.round.book.wrong.lock().push(text);
        }
    }

    fn open(&mut self) -> Result<(), Gone> {
        let surface = [
            Surface::Mollybet,
            Surface::I3d,
            Surface::Clerk,
            Surface::Xdata,
        ][self.seed.below(4)];
        if surface == Surface::Xdata {
            return self.open_xdata();
        }
        let account = self.seed.below(ACCOUNTS.len());
        // Now and then a few in one record.
        let count = 1 + self.seed.below(8) / 7 * self.seed.below(3);
        let body = json!({"username": ACCOUNTS[account].0, "surface": surface.name(),
            "count": count});
        let request = administration("/admin/v1/sessions", &body);
        let (opened, answer) = self.call(To::Admin, &request)?;
        let made = answer.json();
        let Some(made) = made["sessions"].as_array().filter(|made| !made.is_empty()) else {
            // A revocation came in between: try again, it says.
            if !(answer.status == 409 && ACCOUNTS[account].2) {
                self.wrong("trusted issue", &answer);
            }
            return Ok(());
        };
        for session in made {
            let text = |name: &str| session[name].as_str().unwrap().to_owned();
            self.keep(surface, text("secret"), text("id"), account, opened);
        }
        Ok(())
    }

    fn open_xdata(&mut self) -> Result<(), Gone> {
        let account = self.seed.below(PAIRS);
        let pair = self.round.cast.pair(account);
        let request = rpc(&pair, "open_session", json!({"expires_in": 86_400}));
        let (opened, answer) = self.call(To::Public, &request)?;
        match answer.json()["result"]["access_token"].as_str() {
            Some(token) => self.keep(
                Surface::Xdata,
                token.to_owned(),
                String::new(),
                account,
                opened,
            ),
            None => self.wrong("open_session", &answer),
        }
        Ok(())
    }

    fn keep(&mut self, surface: Surface, secret: String, id: String, account: usize, opened: Span) {
        self.share.live.push(self.share.sessions.len());
        self.share.sessions.push(Session {
            surface,
            secret,
            id,
            account,
            opened,
            opened_ms: machine_ms(),
            ended: Fate::Untouched,
            settled: 0,
        });
    }

    /// Any of the sessions believed to live: where in the list it is, and which one.
    fn any_live(&mut self) -> Option<(usize, usize)> {
        let live = self.share.live.len();
        let at = self.seed.below(live);
        Some((at, *self.share.live.get(at)?))
    }

    fn end(&mut self) -> Result<(), Gone> {
        let Some((at, place)) = self.any_live() else {
            return Ok(());
        };
        let session = &self.share.sessions[place];
        let secret = session.secret.as_str();
        let cookie = format!("__client={secret}");
        let request = match session.surface {
            Surface::Mollybet => {
                let path = format!("/v1/sessions/{secret}/");
                request("DELETE", &path, &[("session", secret)], "")
            }
            Surface::I3d => request(
                "POST",
                "/v3/session/logout",
                &[("private-token", secret)],
                "",
            ),
            Surface::Clerk => {
                let verb = ["end", "remove"][self.seed.below(2)];
                let path = format!("/v1/client/sessions/{}/{verb}", session.id);
                request("POST", &path, &[("cookie", &cookie)], "")
            }
            Surface::Xdata => rpc(
                &self.round.cast.pair(session.account),
                "close_session",
                json!({"token": secret}),
            ),
        };
        self.share.live.swap_remove(at);
        self.share.sessions[place].ended = Fate::Unknown;
        let (_, answer) = self.call(To::Public, &request)?;
        let session = &mut self.share.sessions[place];
        let done = match session.surface {
            Surface::Mollybet | Surface::Clerk => answer.status == 200,
            Surface::I3d => answer.status == 204,
            Surface::Xdata => answer.json()["result"] == json!(true),
        };
        if done {
            session.ended = Fate::Done;
        } else if answer.status != 503 {
            // Refused: it was over, which only a revocation can have brought about.
            session.ended = Fate::Untouched;
            let what = format!("ending on {}", session.surface.name());
            if self.round.book.expected(session) == Expected::Alive {
                self.wrong(&what, &answer);
            }
        }
        Ok(())
    }

    fn verify(&mut self) -> Result<(), Gone> {
        match self.any_live() {
            Some((_, place)) => self.look_at(place),
            None => Ok(()),
        }
    }

    fn verify_dead(&mut self) -> Result<(), Gone> {
        match self.share.sessions.len() {
            0 => Ok(()),
            all => {
                let place = self.seed.below(all);
                self.look_at(place)
            }
        }
    }

    /// Looks at a session, and compares with what must be.
    fn look_at(&mut self, place: usize) -> Result<(), Gone> {
        let at_gateway = self.seed.below(2) == 0;
        let before = self.round.book.expected(&self.share.sessions[place]);
        let request = look(self.round.cast, &self.share.sessions[place], at_gateway);
        let (_, answer) = self.call(To::Public, &request)?;
        let session = &self.share.sessions[place];
        let fits = match (lives(session, at_gateway, &answer), before) {
            (Some(_), Expected::Either) => true,
            (Some(alive), expected) if alive == (expected == Expected::Alive) => true,
            // A revocation may have been sent meanwhile.
            (Some(_), _) => self.round.book.expected(session) != before,
            (None, _) => false,
        };
        if !fits {
            let what = format!("looking at {}, {before:?}", session.surface.name());
            self.wrong(&what, &answer);
        }
        Ok(())
    }

    fn tokenize(&mut self) -> Result<(), Gone> {
        let Some((_, place)) = self.any_live() else {
            return Ok(());
        };
        let session = &self.share.sessions[place];
        let of_it = |handoff: &&Handoff| handoff.session == place;
        let made = self.share.handoffs.iter().filter(of_it).count();
        if session.surface != Surface::Mollybet || made >= HANDOFFS_MAX {
            return Ok(());
        }
        let secret = session.secret.as_str();
        let path = format!("/v1/sessions/{secret}/tokenize/");
        let request = request("POST", &path, &[("session", secret)], "");
        let (_, answer) = self.call(To::Public, &request)?;
        if let Some(token) = answer.json()["data"].as_str() {
            self.share.handoffs.push(Handoff {
                token: token.to_owned(),
                session: place,
                made_ms: machine_ms(),
                spent: Fate::Untouched,
            });
        } else if self.round.book.expected(&self.share.sessions[place]) == Expected::Alive {
            self.wrong("tokenize", &answer);
        }
        Ok(())
    }

    fn detokenize(&mut self) -> Result<(), Gone> {
        let all = self.share.handoffs.len();
        let place = self.seed.below(all);
        let Some(handoff) = self.share.handoffs.get_mut(place) else {
            return Ok(());
        };
        let before = handoff.spent;
        if before == Fate::Untouched {
            handoff.spent = Fate::Unknown;
        }
        let young = machine_ms() - handoff.made_ms < HANDOFF_YOUNG_MS;
        let request = spend(&self.round.cast.agent, &handoff.token);
        let (_, answer) = self.call(To::Public, &request)?;
        let handoff = &mut self.share.handoffs[place];
        let session = &self.share.sessions[handoff.session];
        let alive = self.round.book.expected(session) == Expected::Alive;
        match (answer.status, before) {
            (200, Fate::Untouched | Fate::Unknown) => handoff.spent = Fate::Done,
            (200, Fate::Done) => self.wrong("a hand-off token was spent twice", &answer),
            (404, Fate::Untouched) => {
                handoff.spent = Fate::Untouched;
                if alive && young {
                    self.wrong("detokenize", &answer);
                }
            }
            (404, _) => {}
            _ => self.wrong("detokenize", &answer),
        }
        Ok(())
    }

    fn make_account(&mut self) -> Result<(), Gone> {
        let name = format!("{}-{}", self.name, self.share.accounts.len());
        let body = json!({"username": name});
        let request = administration("/admin/v1/accounts", &body);
        let (_, answer) = self.call(To::Admin, &request)?;
        match answer.status {
            200 => self.share.accounts.push(name),
            _ => self.wrong("making an account", &answer),
        }
        Ok(())
    }

    fn revoke(&mut self) -> Result<(), Gone> {
        let swept: Vec<usize> = (0..ACCOUNTS.len()).filter(|at| ACCOUNTS[*at].2).collect();
        let account = swept[self.seed.below(swept.len())];
        let path = format!("/admin/v1/accounts/{}/revoke", ACCOUNTS[account].0);
        let request = administration(&path, &json!({}));
        let book = self.round.book;
        // Noted before it is sent: from here on nobody may count on these sessions.
        let place = {
            let mut revocations = book.revocations.lock();
            let sent = book.tick();
            revocations.push(Revocation {
                account,
                sent,
                heard: None,
            });
            revocations.len() - 1
        };
        let (span, answer) = self.call(To::Admin, &request)?;
        match answer.status {
            200 => book.revocations.lock()[place].heard = Some(span.heard),
            _ => self.wrong("revoking", &answer),
        }
        Ok(())
    }
}
