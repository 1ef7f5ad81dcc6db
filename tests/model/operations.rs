//! What a random run is made of. Nothing in an operation names a thing by its id: everything is
//! picked from what exists when its turn comes, so any part of a sequence is a sequence again.

use sessile::session::key::KeyKind;
use sessile::session::policy::WhenFull;
use sessile::session::state::{EndReason, Surface};

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

impl Proof {
    /// The generation it was checked against, given the present one.
    pub(crate) fn against(self, generation: u32) -> u32 {
        match self {
            Self::Current => generation,
            Self::Older => generation.wrapping_sub(1),
            Self::Newer => generation + 1,
        }
    }
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

/// A login on a client.
#[derive(Clone, Debug)]
pub(crate) struct SignInPlan {
    /// What its session is like; surface and client are the client's.
    pub(crate) open: OpenPlan,
    pub(crate) client: Where,
    pub(crate) completes: Completes,
}

/// A client to log in on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Where {
    /// One that exists, or existed.
    Known(Pick),
    /// A browser that was never seen, in this slot.
    New(u8),
}

/// Which pending login a login completes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Completes {
    None,
    /// The client's own, on what it proved.
    Own,
    /// Any that ever was.
    Any(Pick),
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
    Profile(u8),
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
    /// To the end of a pending login.
    ToSignInExpiry(Pick, i8),
    /// To where a client is forgotten, if nothing happens on it.
    ToForgotten(Pick, i8),
}

#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Open(OpenPlan),
    End {
        session: Pick,
        surface: Option<Surface>,
        key: Option<Pick>,
        client: Option<Pick>,
        reason: EndReason,
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
    StartSignIn {
        client: Where,
        account: Pick,
        proof: Proof,
    },
    /// A guess on the pending login of a client, or on any that ever was.
    Guess(Pick, Option<Pick>),
    /// A client gives its pending login up: its own, or any that ever was.
    DropSignIn(Pick, Option<Pick>),
    SignIn(SignInPlan),
    /// One of the client's sessions, or any.
    Select(Pick, Pick, bool),
    Forget(Pick, Pick, bool),
    ClearClient(Pick, EndReason),
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
        kind: KeyKind,
        account: Option<Pick>,
        name: u8,
        secret: u8,
        /// Seconds from now.
        expires: Option<u16>,
        walled: bool,
    },
    DeleteKey(Pick),
    SweepDue {
        slot: Pick,
        max: usize,
    },
    SweepAll(Pick),
    SweepClients {
        slot: Pick,
        max: usize,
    },
    LogActivity {
        slot: Pick,
        max: usize,
    },
    Advance(Advance),
    Restart,
}
