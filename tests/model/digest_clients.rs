//! The state digest tells any two clients apart that differ in one field, but for activity.

use std::collections::BTreeSet;

use sessile::engine::event::{Grant, Part, SessionOpened, SlotEvent};
use sessile::session::client::SignIn;
use sessile::session::id::{AccountId, ClientId, SessionId};
use sessile::session::state::{EndReason, Factors};
use sessile::session::time::Timestamp;

use crate::digests::digest_of;
use crate::names::{Names, START, grant, install_key, lifetime, shared};

/// How many of these states have digests of their own.
fn different(states: &[Vec<Part>]) -> usize {
    let digests: BTreeSet<_> = states.iter().map(digest_of).collect();
    digests.len()
}

/// Each adds one part to the same beginning.
fn with(beginning: &[Part], parts: impl IntoIterator<Item = Part>) -> Vec<Vec<Part>> {
    let states = parts.into_iter();
    states.map(|part| [beginning, &[part]].concat()).collect()
}

fn of(client: ClientId, event: SlotEvent) -> Part {
    Part::client(client, event)
}

fn secret(client: ClientId, at: Timestamp, text: &str) -> Part {
    of(
        client,
        SlotEvent::ClientSecretSet(client, at, install_key().digest(text.as_bytes())),
    )
}

#[test]
fn age_and_secret_of_a_client_count() {
    let mut names = Names::default();
    let (client, other) = (names.client(0), names.client(0));
    let later = START.plus_ms(1);
    let states = [
        vec![secret(client, START, "a")],
        vec![secret(other, START, "a")],
        vec![secret(client, START, "b")],
        vec![of(client, SlotEvent::ClientOpened(client, START))],
        vec![of(client, SlotEvent::ClientOpened(client, later))],
        // It came to be later; and it only changed later.
        vec![secret(client, later, "a")],
        vec![secret(client, START, "a"), secret(client, later, "a")],
        vec![],
    ];
    assert_eq!(different(&states), states.len());
}

#[test]
fn every_field_of_a_pending_login_counts() {
    let mut names = Names::default();
    let client = names.client(0);
    let base = SignIn {
        id: names.sign_in(),
        account: AccountId(0),
        generation: 0,
        factors: Factors::PASSWORD,
        started: START,
        expires: START.plus_ms(9),
        guesses: 0,
        remember: false,
    };
    let pending = [
        base,
        SignIn {
            id: names.sign_in(),
            ..base
        },
        SignIn {
            account: AccountId(1),
            ..base
        },
        SignIn {
            remember: true,
            ..base
        },
        SignIn {
            generation: 1,
            ..base
        },
        SignIn {
            factors: Factors::NONE,
            ..base
        },
        SignIn {
            started: START.plus_ms(1),
            ..base
        },
        SignIn {
            expires: START.plus_ms(10),
            ..base
        },
        SignIn { guesses: 1, ..base },
    ];
    let beginning = [secret(client, START, "a")];
    let started = |sign_in| of(client, SlotEvent::SignInStarted(client, sign_in));
    let mut states = with(&beginning, pending.map(started));
    let dropped = of(client, SlotEvent::SignInDropped(client, base.id));
    states.push(beginning.to_vec());
    assert_eq!(different(&states), states.len());
    // What is over leaves nothing, and a guess counts like one that was there from the beginning.
    states.push([&beginning[..], &[started(base), dropped]].concat());
    let guessed = of(client, SlotEvent::SignInGuessed(client, base.id));
    states.push([&beginning[..], &[started(base), guessed]].concat());
    assert_eq!(different(&states), states.len() - 2);
}

fn opened(client: ClientId, id: SessionId, at: Timestamp, write: fn(&mut Grant)) -> Part {
    let mut grant = grant(AccountId(0), 0, lifetime(5, 1_000, START));
    grant.client = Some(client);
    write(&mut grant);
    let grant = shared(grant);
    Part::session(
        id,
        SlotEvent::SessionOpened(SessionOpened { id, at, grant }),
    )
}

fn ended(id: SessionId, at: Timestamp, reason: EndReason) -> Part {
    Part::session(id, SlotEvent::SessionEnded(id, at, reason))
}

#[test]
fn the_order_of_sessions_and_the_chosen_one_count() {
    let mut names = Names::default();
    let client = names.client(0);
    let ids = [(); 2].map(|()| names.session(0, Some(client)));
    let open = ids.map(|id| opened(client, id, START, |_| {}));
    let [first, second] = open;
    let chosen = ids.map(|id| of(client, SlotEvent::SessionSelected(client, id)));
    let new = secret(client, START, "a");
    let in_order = [new.clone(), first.clone(), second.clone()];
    let reversed = [new, second, first];
    let mut states = with(&in_order, chosen.clone());
    states.extend(with(&reversed, chosen));
    assert_eq!(different(&states), states.len());
    // The one that was opened last is the chosen one.
    states.push(in_order.to_vec());
    assert_eq!(different(&states), states.len() - 1);
}

#[test]
fn every_field_of_an_ended_session_counts_but_its_activity() {
    let mut names = Names::default();
    let client = names.client(0);
    let [id, other] = [(); 2].map(|()| names.session(0, Some(client)));
    let later = START.plus_ms(1);
    let plain = opened(client, id, START, |_| {});
    let logout = ended(id, START, EndReason::Logout);
    // The end of each makes the last change of the client.
    let lives = [
        vec![plain.clone(), logout.clone()],
        vec![
            opened(client, other, START, |_| {}),
            ended(other, START, EndReason::Logout),
        ],
        vec![
            opened(client, id, START, |g| g.account = AccountId(1)),
            logout.clone(),
        ],
        vec![
            opened(client, id, START, |g| g.factors = Factors::TOTP),
            logout.clone(),
        ],
        vec![opened(client, id, later, |_| {}), logout.clone()],
        vec![
            opened(client, id, START, |g| {
                g.lifetime.absolute = START.plus_ms(1_001);
            }),
            logout.clone(),
        ],
        vec![plain.clone(), ended(id, START, EndReason::Limit)],
        vec![plain.clone(), ended(id, START, EndReason::Idle)],
        vec![plain.clone(), ended(id, later, EndReason::Logout)],
        vec![
            plain.clone(),
            ended(id, later, EndReason::Logout),
            secret(client, START, "a"),
        ],
        vec![plain.clone(), ended(id, START, EndReason::Removed)],
    ];
    let mut states = lives.map(|life| [vec![secret(client, START, "a")], life].concat());
    assert_eq!(different(&states), states.len());
    // A session that its holder removed leaves no trace, nor does one that he forgets later.
    let forgotten = of(client, SlotEvent::SessionForgotten(client, id));
    let [first, .., removed] = &mut states;
    let mut forgets = first.clone();
    forgets.push(forgotten);
    assert_eq!(digest_of(&forgets), digest_of(&*removed));
    // How active it was does not count, as it did not while it lived.
    let mut active = first.clone();
    let active_at = SlotEvent::SessionsActive(vec![(id, START.plus_ms(3))]);
    active.insert(2, Part::session(id, active_at));
    assert_eq!(digest_of(&active), digest_of(&*first));
}
