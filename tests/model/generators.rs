//! How random operations are drawn: often what does something, sometimes what is refused.

use proptest::prelude::*;
use sessile::session::key::KeyKind;
use sessile::session::policy::WhenFull;
use sessile::session::state::{EndReason, Surface};

use crate::operations::{
    Advance, Change, Completes, Keep, OpenPlan, Operation, Pick, Proof, SignInPlan, Step, Where,
};

/// What a run is mostly about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Theme {
    Everything,
    Limits,
    Impersonation,
    Standing,
    Clients,
}

/// A run of at most `max` operations.
pub(crate) fn runs(theme: Theme, max: usize) -> impl Strategy<Value = Vec<Operation>> {
    prop::collection::vec(operation(theme), 1..=max)
}

fn pick() -> impl Strategy<Value = Pick> + Clone {
    any::<u8>().prop_map(Pick)
}

fn when_full() -> impl Strategy<Value = WhenFull> {
    prop_oneof![
        1 => Just(WhenFull::Deny),
        2 => Just(WhenFull::EvictOldest),
        2 => Just(WhenFull::EvictIdle),
    ]
}

fn surface() -> impl Strategy<Value = Surface> {
    prop_oneof![
        6 => Just(Surface::Mollybet),
        2 => Just(Surface::Xdata),
        1 => Just(Surface::I3d),
        1 => Just(Surface::Clerk),
    ]
}

/// Mostly `None`.
fn rarely<S: Strategy>(value: S) -> impl Strategy<Value = Option<S::Value>>
where
    S::Value: Clone,
{
    prop_oneof![5 => Just(None), 1 => value.prop_map(Some)]
}

fn proof() -> impl Strategy<Value = Proof> {
    prop_oneof![20 => Just(Proof::Current), 1 => Just(Proof::Older), 1 => Just(Proof::Newer)]
}

fn open() -> impl Strategy<Value = OpenPlan> {
    let step = prop_oneof![
        40 => Just(Step::None),
        4 => (0..3_u8).prop_map(Step::Later),
        1 => Just(Step::SpentLast),
        1 => Just(Step::BeforeThat),
    ];
    let idle_ms = prop_oneof![2 => Just(0_u32), 1 => 1..5_000_u32, 1 => Just(60_000_u32), 2 => Just(86_400_000_u32)];
    let absolute_ms = prop_oneof![
        1 => 1..10_000_u64,
        1 => Just(300_000_u64),
        2 => 3_000_000..4_000_000_u64,
        4 => Just(365 * 86_400_000_u64),
    ];
    let count = prop_oneof![4 => Just(1_u8), 1 => 2..4_u8];
    let who = (pick(), surface(), count, any::<u8>());
    let with = (proof(), rarely(pick()), rarely(pick()), step);
    (who, with, when_full(), idle_ms, absolute_ms, any::<u8>()).prop_map(
        |(
            (account, surface, count, slot),
            (proof, key, client, step),
            when_full,
            idle_ms,
            absolute_ms,
            dress,
        )| {
            OpenPlan {
                account,
                surface,
                count,
                slot,
                proof,
                key,
                client,
                step,
                when_full,
                idle_ms,
                absolute_ms,
                dress,
            }
        },
    )
}

fn place() -> impl Strategy<Value = Where> {
    prop_oneof![5 => pick().prop_map(Where::Known), 1 => any::<u8>().prop_map(Where::New)]
}

fn reason() -> impl Strategy<Value = EndReason> {
    prop_oneof![
        4 => Just(EndReason::Logout),
        1 => Just(EndReason::Revoked),
        1 => Just(EndReason::Removed),
    ]
}

/// What happens on clients.
fn on_client() -> impl Strategy<Value = Operation> {
    let start =
        (place(), pick(), proof()).prop_map(|(client, account, proof)| Operation::StartSignIn {
            client,
            account,
            proof,
        });
    let completes = prop_oneof![
        6 => Just(Completes::None),
        4 => Just(Completes::Own),
        1 => pick().prop_map(Completes::Any),
    ];
    let sign_in = (open(), place(), completes).prop_map(|(open, client, completes)| {
        Operation::SignIn(SignInPlan {
            open,
            client,
            completes,
        })
    });
    let own = || prop_oneof![4 => Just(true), 1 => Just(false)];
    let session = move || (pick(), pick(), own());
    prop_oneof![
        4 => start,
        6 => (pick(), rarely(pick())).prop_map(|(client, step)| Operation::Guess(client, step)),
        1 => (pick(), rarely(pick())).prop_map(|(client, step)| Operation::DropSignIn(client, step)),
        24 => sign_in,
        3 => session().prop_map(|(client, session, own)| Operation::Select(client, session, own)),
        3 => session().prop_map(|(client, session, own)| Operation::Forget(client, session, own)),
        2 => (pick(), reason()).prop_map(|(client, why)| Operation::ClearClient(client, why)),
        1 => pick().prop_map(Operation::DestroyClient),
    ]
}

fn key() -> impl Strategy<Value = Operation> {
    let kind = prop_oneof![
        2 => Just(KeyKind::Xdata),
        1 => Just(KeyKind::I3d),
        4 => Just(KeyKind::I3dGuest),
    ];
    let account = prop_oneof![8 => pick().prop_map(Some), 1 => Just(None)];
    let expires = prop_oneof![3 => Just(None), 1 => (0..600_u16).prop_map(Some)];
    let secret = 0..8_u8;
    (kind, account, 0..12_u8, secret, expires, any::<bool>()).prop_map(
        |(kind, account, name, secret, expires, walled)| Operation::CreateKey {
            kind,
            account,
            name,
            secret,
            expires,
            walled,
        },
    )
}

fn sudo() -> impl Strategy<Value = Operation> {
    let target = prop_oneof![1 => Just(None), 15 => pick().prop_map(Some)];
    (
        pick(),
        target,
        rarely(surface()),
        when_full(),
        any::<u8>(),
        any::<bool>(),
    )
        .prop_map(
            |(parent, target, surface, when_full, slot, long)| Operation::Sudo {
                parent,
                target,
                surface,
                when_full,
                slot,
                long,
            },
        )
}

fn change() -> impl Strategy<Value = Operation> {
    let change = prop_oneof![
        any::<bool>().prop_map(Change::Enabled),
        Just(Change::Enabled(true)),
        any::<bool>().prop_map(Change::Locked),
        prop::option::of(-60..600_i16).prop_map(Change::Expires),
        prop::option::of(0..4_u32).prop_map(Change::Limit),
        prop::option::of(0..3_u8).prop_map(Change::Group),
        prop::collection::vec(0..3_u8, 0..3).prop_map(Change::Manages),
        prop::option::of(pick()).prop_map(Change::Agent),
        prop_oneof![1 => Just(false), 4 => Just(true)].prop_map(Change::MaySudo),
        prop::option::of(0..4_u8).prop_map(Change::Subject),
        any::<u8>().prop_map(Change::Profile),
        Just(Change::Nothing),
        prop::option::of(any::<u8>()).prop_map(Change::Password),
        prop::option::of(any::<u8>()).prop_map(Change::Totp),
        Just(Change::Revoke),
    ];
    let keep = prop_oneof![
        2 => Just(Keep::None),
        3 => pick().prop_map(Keep::Own),
        1 => pick().prop_map(Keep::Any),
    ];
    (pick(), change, keep).prop_map(|(account, change, keep)| Operation::Change {
        account,
        change,
        keep,
    })
}

fn advance() -> impl Strategy<Value = Operation> {
    let ms = prop_oneof![
        40 => 0..2_000_u64,
        20 => 2_000..60_000_u64,
        3 => 60_000..4_000_000_u64,
        1 => 0..400 * 86_400_000_u64,
    ];
    let advance = prop_oneof![
        6 => ms.prop_map(Advance::Ms),
        6 => (pick(), -1..=1_i8).prop_map(|(pick, around)| Advance::ToDeadline(pick, around)),
        1 => (pick(), -1..=1_i8).prop_map(|(pick, around)| Advance::ToHandoffExpiry(pick, around)),
        1 => (pick(), -1..=1_i8).prop_map(|(pick, around)| Advance::ToAccountExpiry(pick, around)),
        2 => (pick(), -1..=1_i8).prop_map(|(pick, around)| Advance::ToSignInExpiry(pick, around)),
        1 => (pick(), -1..=1_i8).prop_map(|(pick, around)| Advance::ToForgotten(pick, around)),
    ];
    advance.prop_map(Operation::Advance)
}

fn operation(theme: Theme) -> impl Strategy<Value = Operation> {
    let (opens, sudos, handoffs, changes, moves, clients) = match theme {
        Theme::Everything => (12, 8, 8, 6, 12, 14),
        Theme::Limits => (40, 6, 1, 2, 10, 20),
        Theme::Impersonation => (10, 24, 8, 5, 6, 3),
        Theme::Standing => (16, 6, 8, 20, 6, 8),
        Theme::Clients => (3, 1, 1, 4, 8, 80),
    };
    let only = (rarely(surface()), rarely(pick()), rarely(pick()));
    let end = (pick(), only, reason()).prop_map(|(session, (surface, key, client), reason)| {
        Operation::End {
            session,
            surface,
            key,
            client,
            reason,
        }
    });
    let redeem =
        (pick(), pick()).prop_map(|(handoff, by)| Operation::RedeemHandoff { handoff, by });
    let account = (0..8_u8, rarely(0..4_u8), any::<bool>(), 0..3_u8);
    let max = prop_oneof![Just(1_usize), Just(3), Just(100)];
    prop_oneof![
        opens => open().prop_map(Operation::Open),
        4 => end,
        8 => prop::collection::vec(pick(), 1..6).prop_map(Operation::Touch),
        sudos => sudo(),
        handoffs => (pick(), prop_oneof![4 => Just(1_u8), 1 => Just(9)])
            .prop_map(|(session, count)| Operation::IssueHandoffs { session, count }),
        handoffs => redeem,
        clients => on_client(),
        2 => account.prop_map(|(name, subject, may_sudo, group)| Operation::CreateAccount {
            name, subject, may_sudo, group
        }),
        changes => change(),
        1 => pick().prop_map(Operation::DeleteAccount),
        3 => key(),
        1 => pick().prop_map(Operation::DeleteKey),
        4 => (pick(), max.clone()).prop_map(|(slot, max)| Operation::SweepDue { slot, max }),
        3 => pick().prop_map(Operation::SweepAll),
        2 => (pick(), max.clone()).prop_map(|(slot, max)| Operation::SweepClients { slot, max }),
        3 => (pick(), max).prop_map(|(slot, max)| Operation::LogActivity { slot, max }),
        moves => advance(),
        2 => Just(Operation::Restart),
    ]
}
