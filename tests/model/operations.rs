//! What a random run is made of. Nothing in an operation names a thing by its id: everything is
//! picked from what exists when its turn comes, so any part of a sequence is a sequence again.

use sessile::session::policy::WhenFull;
use sessile::session::state::Surface;

/// One of what exists: an odd pick prefers what is alive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pick(pub(crate) u8);

/// The generation that an open was checked against.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Proof {
    Current,
    Older,
    Newer,
}

/// Which one-time-password step an open spends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    None,
    Later(u8),
    SpentLast,
    BeforeThat,
}

#[derive(Clone, Debug)]
pub(crate) struct OpenPlan {
    pub(crate) account: Pick,
    pub(crate) surface: Surface,
    pub(crate) count: u8,
    pub(crate) slot: u8,
    pub(crate) proof: Proof,
    pub(crate) key: Option<Pick>,
    pub(crate) client: Option<Pick>,
    pub(crate) step: Step,
    pub(crate) when_full: WhenFull,
    pub(crate) idle_ms: u32,
    pub(crate) absolute_ms: u64,
    pub(crate) dress: u8,
}

/// A change of an account.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Enabled(bool),
    Locked(bool),
    /// Seconds from now; negative ones have passed.
    Expires(Option<i16>),
    Limit(Option<u32>),
    Group(Option<u8>),
    Manages(Vec<u8>),
    Agent(Option<Pick>),
    MaySudo(bool),
    Subject(Option<u8>),
    Nothing,
    Password(Option<u8>),
    Totp(Option<u8>),
    Revoke,
}

/// The session that a change keeps.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Keep {
    None,
    Own(Pick),
    Any(Pick),
}

/// How the clock moves: never back.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Advance {
    Ms(u64),
    /// To a session's deadline, so many milliseconds around it.
    ToDeadline(Pick, i8),
    /// To a hand-off token's.
    ToHandoffExpiry(Pick, i8),
    /// To an account's expiry.
    ToAccountExpiry(Pick, i8),
}

#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Open(OpenPlan),
    End {
        session: Pick,
        surface: Option<Surface>,
        key: Option<Pick>,
    },
    Touch(Vec<Pick>),
    Sudo {
        parent: Pick,
        target: Option<Pick>,
        surface: Option<Surface>,
        when_full: WhenFull,
        slot: u8,
        long: bool,
    },
    IssueHandoffs {
        session: Pick,
        count: u8,
    },
    RedeemHandoff {
        handoff: Pick,
        by: Pick,
    },
    OpenClient {
        again: Option<Pick>,
        slot: u8,
    },
    DestroyClient(Pick),
    CreateAccount {
        name: u8,
        subject: Option<u8>,
        may_sudo: bool,
        group: u8,
    },
    Change {
        account: Pick,
        change: Change,
        keep: Keep,
    },
    DeleteAccount(Pick),
    CreateKey {
        account: Pick,
        name: u8,
    },
    DeleteKey(Pick),
    SweepDue {
        slot: Pick,
        max: usize,
    },
    SweepAll(Pick),
    LogActivity {
        slot: Pick,
        max: usize,
    },
    Advance(Advance),
    Restart,
}
