//! Random histories of an engine, from a seed: opens, ends, impersonation, hand-off, revocation, keys,
//! logins on clients.

use std::sync::Arc;

use sessile::door::{Engine, ServiceError};
use sessile::engine::command::{AccountChange, Command, NewKey, Open, SignIn, Sudo};
use sessile::journal::memory::{Keep, MemoryJournal, Pace};
use sessile::session::id::{AccountId, ClientId, HandoffId, KeyId, SessionId, SignInId};
use sessile::session::key::KeyKind;
use sessile::session::lifetime::Lifetime;
use sessile::session::policy::WhenFull;
use sessile::session::state::{EndReason, Surface};
use sessile::session::token::{Digest, Secret};

use crate::hold::{until, wait};
use crate::rig::{Rig, account, end, guest_client, opening, presented, start_sign_in};

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
    /// The login of two steps that began last.
    started: Option<(ClientId, SignInId)>,
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
            started: None,
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
        let command = match self.below(30) {
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
            18 => self.guest_key(),
            19..=28 => self.on_client(),
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

    /// One of a few browsers, or the client behind one of a few guest keys; whether it is a browser.
    fn client(&mut self) -> (ClientId, bool) {
        match self.below(3) {
            0 => (guest_client(self.guest_secret()), false),
            _ => {
                let number = self.below(6).to_le_bytes()[0];
                (ClientId::from_bytes([number * 40; 16]), true)
            }
        }
    }

    fn guest_secret(&mut self) -> Digest {
        let number = self.below(3);
        self.rig.engine.digest(&number.to_le_bytes())
    }

    fn guest_key(&mut self) -> Command {
        Command::CreateKey(NewKey {
            kind: KeyKind::I3dGuest,
            name: format!("guest-{}", self.steps).as_str().into(),
            secret: self.guest_secret(),
            account: None,
            expires_at: None,
            networks: Vec::new(),
        })
    }

    /// Something on a client: logins of one and of two steps, and what ends them.
    fn on_client(&mut self) -> Command {
        let (client, is_browser) = self.client();
        let held = self.sessions.iter().rev().copied();
        let held = held.into_iter().find(|id| id.family() == client.family());
        let held = held.unwrap_or(self.rig.id(0));
        match self.below(12) {
            0 | 1 => {
                let id = pending(self.steps);
                self.started = Some((client, id));
                let account = self.account();
                let mut start = start_sign_in(&self.rig, account, client, id);
                let generation = self.generation(account);
                if let Command::StartSignIn(start) = &mut start {
                    start.generation = generation;
                    start.secret = start.secret.filter(|_| is_browser);
                }
                start
            }
            2 | 3 => match self.started {
                Some((client, id)) => Command::GuessSignIn(client, id),
                None => Command::GuessSignIn(client, pending(0)),
            },
            4 => Command::SelectSession(client, held),
            5 => Command::ForgetSession(client, held),
            6 => Command::ClearClient(client, EndReason::Logout),
            7 if self.below(4) == 0 => Command::DestroyClient(client),
            _ => self.sign_in(client, is_browser),
        }
    }

    fn sign_in(&mut self, client: ClientId, is_browser: bool) -> Command {
        let account = self.account();
        let mut random = [0; 12];
        random[..8].copy_from_slice(&self.steps.to_le_bytes());
        let id = SessionId::behind(client.family(), random);
        self.sessions.push(id);
        let mut open = self.opening(account, vec![id]);
        let grant = Arc::make_mut(&mut open.grant);
        grant.client = Some(client);
        let secret = is_browser.then(|| self.rig.engine.digest(id.as_bytes()));
        Command::SignIn(SignIn {
            open,
            presented: presented(&self.rig, client),
            secret,
            step: None,
        })
    }

    fn generation(&self, account: AccountId) -> u32 {
        let known = wait(self.rig.engine.account(account).get());
        known.unwrap().generation
    }

    fn open(&mut self) -> Command {
        let account = self.account();
        let ids: Vec<_> = (0..=self.below(3)).map(|_| self.new_session()).collect();
        Command::Open(self.opening(account, ids))
    }

    fn opening(&mut self, account: AccountId, ids: Vec<SessionId>) -> Open {
        let absolute = self.rig.engine.now().plus_ms(200_000);
        let lifetime = Lifetime {
            idle_timeout_ms: 30_000,
            absolute,
        };
        let mut open = opening(account, ids, lifetime);
        Arc::make_mut(&mut open.grant).generation = self.generation(account);
        let otp_step = (self.below(4) == 0).then_some(self.steps / 2);
        Open {
            when_full: WhenFull::EvictOldest,
            otp_step,
            ..open
        }
    }

    /// Waits until the sweepers have nothing left to end, and returns the digest and who lives.
    pub(crate) fn settle(&self) -> (u128, Vec<SessionId>) {
        let alive = || {
            let all = self.sessions.iter().copied();
            all.filter(|id| self.rig.live(*id)).collect::<Vec<_>>()
        };
        // The sweepers' wheels turn by whole seconds, and this clock stands still.
        let past = self.rig.engine.now().ms() % 1_000;
        self.rig.clock.advance_ms(1_000 - past);
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

/// The login of two steps that began in this step.
fn pending(step: u64) -> SignInId {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&step.to_le_bytes());
    SignInId::from_bytes(id)
}
