//! Random histories of an engine, from a seed: opens, ends, impersonation, hand-off, revocation, keys.

use std::sync::Arc;

use sessile::door::{Engine, ServiceError};
use sessile::engine::command::{AccountChange, Command, NewKey, Open, Sudo};
use sessile::journal::memory::{Keep, MemoryJournal, Pace};
use sessile::session::id::{AccountId, ClientId, HandoffId, KeyId, SessionId};
use sessile::session::key::KeyKind;
use sessile::session::lifetime::Lifetime;
use sessile::session::policy::WhenFull;
use sessile::session::state::Surface;
use sessile::session::token::Secret;

use crate::hold::{until, wait};
use crate::rig::{Rig, account, end, opening};

/// Sessions that a bounded account may have.
pub(crate) const LIMIT: u32 = 3;
/// Accounts without a limit, and accounts with one; all of them see and may become one another.
pub(crate) const FREE: u32 = 3;
pub(crate) const BOUNDED: u32 = 3;

/// A random history: what was asked, and what there may be to ask for.
pub(crate) struct Life {
    pub(crate) rig: Rig,
    pub(crate) journal: Arc<MemoryJournal>,
    random: u64,
    pub(crate) sessions: Vec<SessionId>,
    handoffs: Vec<HandoffId>,
    steps: u64,
}

impl Life {
    pub(crate) fn begin(seed: u64) -> Self {
        let journal = MemoryJournal::new(Pace::Prompt, Keep::Everything);
        let rig = Rig::start(journal.clone(), 3);
        for n in 0..FREE + BOUNDED {
            let mut new = account(&format!("user-{n}"), if n < FREE { 0 } else { LIMIT });
            new.group = Some("all".into());
            new.managed_groups = vec!["all".into()];
            new.may_sudo = true;
            assert!(rig.ask(Command::CreateAccount(Box::new(new))).is_ok());
        }
        Self {
            rig,
            journal,
            random: seed,
            sessions: Vec::new(),
            handoffs: Vec::new(),
            steps: 0,
        }
    }

    /// A number below `bound` (SplitMix64).
    fn below(&mut self, bound: u32) -> u32 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        u32::try_from((z ^ (z >> 31)) % u64::from(bound)).unwrap()
    }

    /// A place in a list of this length.
    fn place(&mut self, len: usize) -> usize {
        self.below(u32::try_from(len.max(1)).unwrap()) as usize
    }

    fn account(&mut self) -> AccountId {
        AccountId(self.below(FREE + BOUNDED))
    }

    fn session(&mut self) -> SessionId {
        let at = self.place(self.sessions.len());
        self.sessions.get(at).copied().unwrap_or(self.rig.id(0))
    }

    fn new_session(&mut self) -> SessionId {
        let id = self.rig.id(self.sessions.len());
        self.sessions.push(id);
        id
    }

    /// Asks something; refusals are answers, too.
    pub(crate) fn step(&mut self) {
        self.steps += 1;
        let command = match self.below(20) {
            0..=7 => self.open(),
            8 | 9 => end(self.session()),
            10 | 11 => {
                let session = self.session();
                let mut random = [0; 32];
                random[..8].copy_from_slice(&self.steps.to_le_bytes());
                let token = Secret::handoff(session, random);
                let id = self
                    .rig
                    .engine
                    .handoff_id(token.reveal().as_bytes())
                    .unwrap();
                self.handoffs.push(id);
                Command::IssueHandoff(session, id, 60_000)
            }
            12 if !self.handoffs.is_empty() => {
                let at = self.place(self.handoffs.len());
                Command::RedeemHandoff(self.handoffs[at], self.session())
            }
            13 | 14 => Command::Sudo(Sudo {
                parent: self.session(),
                surface: Surface::Mollybet,
                target: Some(self.account()),
                child: self.new_session(),
                idle_timeout_ms: 50_000,
                absolute_ms: 100_000,
                per_account: None,
                when_full: WhenFull::EvictIdle,
            }),
            15 => {
                let keep = self.session();
                let keep = (self.below(2) == 0).then_some(keep);
                Command::ChangeAccount(self.account(), AccountChange::RevokeSessions, keep)
            }
            16 => Command::CreateKey(NewKey {
                kind: KeyKind::Xdata,
                name: format!("key-{}", self.steps).as_str().into(),
                secret: self.rig.engine.digest(&self.steps.to_le_bytes()),
                account: Some(self.account()),
                expires_at: None,
                networks: Vec::new(),
            }),
            17 => Command::DeleteKey(KeyId(self.below(8))),
            18 => {
                Command::DestroyClient(ClientId::from_bytes([self.below(256).to_le_bytes()[0]; 16]))
            }
            _ => {
                let by_ms = u64::from(self.below(5_000));
                self.rig.clock.advance_ms(by_ms);
                return;
            }
        };
        let said = self.rig.ask(command);
        assert!(!matches!(
            said,
            Err(ServiceError::Overloaded | ServiceError::Unavailable)
        ));
    }

    fn open(&mut self) -> Command {
        let account = self.account();
        let generation = wait(self.rig.engine.account(account).get())
            .unwrap()
            .generation;
        let ids: Vec<_> = (0..=self.below(3)).map(|_| self.new_session()).collect();
        let absolute = self.rig.engine.now().plus_ms(200_000);
        let lifetime = Lifetime {
            idle_timeout_ms: 30_000,
            absolute,
        };
        let mut open = opening(account, ids, lifetime);
        Arc::make_mut(&mut open.grant).generation = generation;
        let otp_step = (self.below(4) == 0).then_some(self.steps / 2);
        Command::Open(Open {
            when_full: WhenFull::EvictOldest,
            otp_step,
            ..open
        })
    }

    /// Waits until the sweepers have nothing left to end, and returns the digest and who lives.
    pub(crate) fn settle(&self) -> (u128, Vec<SessionId>) {
        let alive = || {
            let all = self.sessions.iter().copied();
            all.filter(|id| self.rig.live(*id)).collect::<Vec<_>>()
        };
        let mut before = None;
        until("the dead were ended", || {
            let figures = wait(self.rig.engine.figures().get());
            let now = Some((self.rig.digest(), figures.sessions, figures.events));
            let settled = figures.sessions == alive().len() && now == before;
            before = now;
            settled
        });
        (self.rig.digest(), alive())
    }
}
