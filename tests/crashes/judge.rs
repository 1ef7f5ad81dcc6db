//! The book against the node after the restart.

use crate::book::{Book, Expected, Fate, Session, Share, machine_ms};
use crate::server::Server;
use crate::wire::{Line, request};
use crate::writers::{ACCOUNTS, Cast, HANDOFF_YOUNG_MS, lives, look, spend};

/// What the last life of the process may have cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// No session was logged, and the process did not stop in good order.
    pub(crate) all_ended: bool,
    /// Power was cut at this moment of the machine, and grants of the second before may be gone.
    pub(crate) grants_lost_from_ms: Option<u64>,
    /// Look at everything that ever was, not just at what lived or changed.
    pub(crate) everything: bool,
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) looked: u64,
    pub(crate) lost: u64,
    pub(crate) resurrected: u64,
    /// Grants that power took and was allowed to take.
    pub(crate) forgiven: u64,
    /// Of these, the oldest.
    pub(crate) forgiven_age_ms: u64,
    /// Unknown ends that happened, and that did not.
    pub(crate) happened: u64,
    pub(crate) did_not: u64,
    /// Logouts that happened although their answer never came.
    pub(crate) unanswered: u64,
    pub(crate) details: Vec<String>,
    /// By account: sessions that an unanswered revocation concerns, alive and dead.
    swept: [(u64, u64); ACCOUNTS.len()],
}

impl Verdict {
    pub(crate) fn add(&mut self, other: Self) {
        self.looked += other.looked;
        self.lost += other.lost;
        self.resurrected += other.resurrected;
        self.forgiven += other.forgiven;
        self.forgiven_age_ms = self.forgiven_age_ms.max(other.forgiven_age_ms);
        self.happened += other.happened;
        self.did_not += other.did_not;
        self.unanswered += other.unanswered;
        self.details.extend(other.details);
        for (sum, (alive, dead)) in self.swept.iter_mut().zip(other.swept) {
            *sum = (sum.0 + alive, sum.1 + dead);
        }
    }

    /// A revocation without an answer happened to all sessions or to none.
    pub(crate) fn close_round(&mut self) {
        for (at, swept) in self.swept.iter_mut().enumerate() {
            if swept.0 > 0 && swept.1 > 0 {
                let what = format!("half revoked: account {at}, {swept:?} alive and dead");
                self.details.push(what);
            }
            *swept = (0, 0);
        }
    }
}

/// One writer's share, judged.
pub(crate) struct Judge<'a> {
    pub(crate) server: &'a Server,
    pub(crate) book: &'a Book,
    pub(crate) cast: &'a Cast,
    pub(crate) terms: Terms,
}

impl Judge<'_> {
    pub(crate) fn judge(&self, share: &mut Share) -> Verdict {
        let mut verdict = Verdict::default();
        let mut line = Line::to(self.server.public);
        let (old, _) = share.old;
        for (place, session) in share.sessions.iter_mut().enumerate() {
            let recent = place >= old || session.ended != Fate::Done || session.settled == 0;
            if recent || self.terms.everything {
                self.judge_session(session, &mut line, &mut verdict);
            }
        }
        self.judge_handoffs(share, &mut line, &mut verdict);
        self.judge_accounts(share, &mut verdict);
        let alive = |place: &usize| share.sessions[*place].ended == Fate::Untouched;
        share.live = (0..share.sessions.len()).filter(alive).collect();
        share.old = (share.sessions.len(), share.accounts.len());
        verdict
    }

    fn judge_session(&self, session: &mut Session, line: &mut Line, verdict: &mut Verdict) {
        let expected = if self.terms.all_ended {
            Expected::Dead
        } else {
            self.book.expected(session)
        };
        let swept = self.book.doubted_by_revocation_only(session);
        let at_gateway = session.opened.sent.is_multiple_of(2);
        let answer = line.call(&look(self.cast, session, at_gateway)).whole();
        verdict.looked += 1;
        let surface = session.surface.name();
        let Some(alive) = lives(session, at_gateway, &answer) else {
            verdict.lost += 1;
            let what = format!("{surface}: {} {}", answer.status, answer.text());
            verdict.details.push(what);
            return;
        };
        match (expected, alive) {
            (Expected::Alive, true) | (Expected::Dead, false) => {}
            (Expected::Either, true) => verdict.did_not += 1,
            (Expected::Either, false) => verdict.happened += 1,
            (Expected::Dead, true) => {
                verdict.resurrected += 1;
                let (name, ..) = ACCOUNTS[session.account];
                let asked = session.ended;
                let what = format!(
                    "resurrected on {surface}, of {name}: {:?}, its end {asked:?}, revocations {:?}",
                    session.opened,
                    self.book.revocations.lock(),
                );
                verdict.details.push(what);
            }
            (Expected::Alive, false) => self.missing(session.opened_ms, surface, verdict),
        }
        let asked_to_end = session.ended == Fate::Unknown;
        if asked_to_end && !alive && !self.book.concerned_by_revocation(session) {
            verdict.unanswered += 1;
        }
        // A grant that power may have taken says nothing of a revocation.
        let taken = !alive && self.may_be_taken(session.opened_ms).is_some();
        if swept && expected == Expected::Either && !taken {
            let (living, dead) = &mut verdict.swept[session.account];
            *if alive { living } else { dead } += 1;
        }
        // Whatever was in doubt is not any more.
        session.settled = self.book.tick();
        session.ended = if alive { Fate::Untouched } else { Fate::Done };
    }

    /// How old a grant was when power was cut, if that may have taken it.
    fn may_be_taken(&self, granted_ms: u64) -> Option<u64> {
        let cut_ms = self.terms.grants_lost_from_ms?;
        let age = cut_ms.saturating_sub(granted_ms);
        (age <= 1_000).then_some(age)
    }

    /// Something granted is not there.
    fn missing(&self, granted_ms: u64, what: &str, verdict: &mut Verdict) {
        let age = self.terms.grants_lost_from_ms;
        let age = age.map(|cut_ms| cut_ms.saturating_sub(granted_ms));
        if let Some(age) = self.may_be_taken(granted_ms) {
            verdict.forgiven += 1;
            verdict.forgiven_age_ms = verdict.forgiven_age_ms.max(age);
        } else {
            verdict.lost += 1;
            let what = format!("lost on {what}, granted {age:?} ms before the cut");
            verdict.details.push(what);
        }
    }

    fn judge_handoffs(&self, share: &mut Share, line: &mut Line, verdict: &mut Verdict) {
        for handoff in share.handoffs.drain(..) {
            let alive = share.sessions[handoff.session].ended == Fate::Untouched;
            let young = machine_ms() - handoff.made_ms < HANDOFF_YOUNG_MS;
            let request = spend(&self.cast.agent, &handoff.token);
            let first = line.call(&request).whole().status;
            let second = line.call(&request).whole().status;
            verdict.looked += 1;
            match (first, handoff.spent) {
                (200, Fate::Done) => verdict.resurrected += 1,
                (404, Fate::Untouched) if alive && young => {
                    self.missing(handoff.made_ms, "a hand-off", verdict);
                }
                (200 | 404, _) => {}
                (status, _) => verdict.details.push(format!("detokenize: {status}")),
            }
            if second != 404 {
                verdict.resurrected += 1;
                let what = format!("a hand-off token, the second time: {second}");
                verdict.details.push(what);
            }
        }
    }

    fn judge_accounts(&self, share: &Share, verdict: &mut Verdict) {
        let (_, old) = share.old;
        let from = if self.terms.everything { 0 } else { old };
        let bearer = format!("Bearer {}", crate::server::TOKEN);
        let mut line = Line::to(self.server.admin);
        for name in share.accounts.iter().skip(from) {
            let path = format!("/admin/v1/accounts/{name}");
            let request = request("GET", &path, &[("authorization", &bearer)], "");
            let status = line.call(&request).whole().status;
            verdict.looked += 1;
            if status != 200 {
                verdict.lost += 1;
                verdict.details.push(format!("account {name}: {status}"));
            }
        }
    }
}
