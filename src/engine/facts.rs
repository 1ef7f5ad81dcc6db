//! Fetches the records a command names and decides it: the one place where commands meet the world.
//!
//! [`decide_in_slot`] serves the shards, [`decide_in_directory`] the directory. Neither changes the
//! world; the directory's own places are taken here, which costs nothing if they stay unused.

use super::accounts::Accounts;
use super::command::{AccountChange, Command, Open, Sudo};
use super::decide::clients::{ClientFacts, Held};
use super::decide::sessions::{EndFacts, Listed, OpenFacts, Standing};
use super::decide::sudo::{Actor, Parent, SudoFacts};
use super::decide::{Outcome, accounts, clients, guesses, handoffs, jwts, keys, sessions, sudo};
use super::directory::Directory;
use super::guesses::{CountChange, Success};
use super::world::World;
use crate::session::account::ClientType;
use crate::session::activity::Touch;
use crate::session::guessing::{Counted, GuessKind};
use crate::session::id::{AccountId, ClientId, HandoffId, SessionId};
use crate::session::key::Key;
use crate::session::state::Surface;
use crate::session::time::Timestamp;

/// Decides a command of which a shard is the decider.
pub fn decide_in_slot(world: &World, command: &Command, now: Timestamp) -> Outcome {
    match command {
        Command::Open(open) => sessions::open(&open_facts(world, open, None, now), open, now),
        Command::End(end) => {
            let live = world.with_session(end.id, now, Touch::No, |view| {
                view.map(|v| (v.surface(), v.key(), v.client()))
            });
            sessions::end(EndFacts { live }, end, now)
        }
        Command::IssueHandoff(session, id, life_ms) => {
            let stamp =
                world.with_session(*session, now, Touch::No, |view| view.map(|v| v.stamp()));
            let outstanding = world
                .handoffs_of(*session)
                .into_iter()
                .map(|(id, _)| id)
                .collect();
            handoffs::issue(
                &handoffs::IssueFacts { stamp, outstanding },
                *session,
                *id,
                *life_ms,
                now,
            )
        }
        Command::RedeemHandoff(id, by) => {
            handoffs::redeem(redeem_facts(world, *id, *by, now), *id, now)
        }
        Command::SelectSession(id, session) => {
            clients::select(client_facts(world, *id, now).as_ref(), *id, *session)
        }
        Command::ForgetSession(id, session) => {
            let client = client_facts(world, *id, now);
            let listed = world.with_client(*id, now, |client| {
                client.is_some_and(|client| client.session(*session).is_some())
            });
            clients::forget(client.as_ref(), listed, *id, *session, now)
        }
        Command::StartSignIn(_)
        | Command::GuessSignIn(..)
        | Command::DropSignIn(..)
        | Command::SignIn(_)
        | Command::ClearClient(..)
        | Command::DestroyClient(_)
        | Command::Sudo(_)
        | Command::CreateAccount(_)
        | Command::ChangeAccount(..)
        | Command::DeleteAccount(_)
        | Command::CreateKey(_)
        | Command::DeleteKey(_)
        | Command::AddSigningKey(_)
        | Command::RotateSigningKeys(_)
        | Command::PutTemplate(_)
        | Command::DeleteTemplate(_)
        | Command::Count(_) => unreachable!("the directory decides this command"),
    }
}

/// Decides a command of which the directory is the decider.
pub fn decide_in_directory(
    world: &World,
    own: &mut Directory,
    command: &Command,
    now: Timestamp,
) -> Outcome {
    match command {
        Command::Open(open) => sessions::open(&open_facts(world, open, Some(own), now), open, now),
        Command::StartSignIn(asked) => {
            let standing = standing(&world.accounts, asked.account, now);
            let client = client_facts(world, asked.client, now);
            clients::start(standing, client.as_ref(), asked, now)
        }
        Command::GuessSignIn(id, step) => {
            clients::guess(client_facts(world, *id, now).as_ref(), *id, *step, now)
        }
        Command::DropSignIn(id, step) => {
            clients::drop_sign_in(client_facts(world, *id, now).as_ref(), *id, *step)
        }
        Command::SignIn(asked) => {
            let id = asked.open.grant.client;
            let client = id.and_then(|id| client_facts(world, id, now));
            let facts = OpenFacts {
                // It holds the client, which comes to be in the same record if there is none.
                client_live: true,
                ..open_facts(world, &asked.open, Some(own), now)
            };
            clients::sign_in(&facts, client.as_ref(), asked, now)
        }
        Command::ClearClient(id, reason) => {
            clients::clear(client_facts(world, *id, now).as_ref(), *id, *reason, now)
        }
        Command::DestroyClient(id) => {
            clients::destroy(client_facts(world, *id, now).as_ref(), *id, now)
        }
        Command::Sudo(asked) => sudo::sudo(&sudo_facts(world, own, asked, now), asked, now),
        Command::CreateAccount(account) => {
            let subject = account.external_subject.as_deref();
            let facts = accounts::CreateFacts {
                name_taken: world
                    .accounts
                    .by_folded_name(account.username.as_str())
                    .is_some(),
                subject_taken: subject.is_some_and(|s| world.accounts.by_subject(s).is_some()),
                place: own.take_account_place(),
            };
            accounts::create(facts, account)
        }
        Command::ChangeAccount(id, change, keep) => {
            let facts = change_facts(world, *id, change, *keep, now);
            accounts::change(&facts, *id, change, *keep, now)
        }
        Command::DeleteAccount(id) => accounts::delete(world.accounts.get(*id).is_some(), *id),
        Command::CreateKey(new) => {
            let account = new.account.and_then(|id| world.accounts.get(id));
            let generation = account.filter(|a| a.enabled).map(|a| a.generation);
            let generation = if new.kind.has_account() {
                generation
            } else {
                Some(0)
            };
            let facts = keys::CreateFacts {
                name_taken: world.keys.by_name(&new.name).is_some(),
                secret_taken: new.kind.is_named_by_secret() && world.keys.has_secret(&new.secret),
                generation,
                place: own.take_key_place(),
            };
            keys::create(facts, new, now)
        }
        Command::DeleteKey(id) => {
            let key = world.keys.get(*id);
            let client = key.as_ref().and_then(Key::client);
            let facts = keys::DeleteFacts {
                exists: key.is_some(),
                client: client.map(|client| (client, world.sessions_of_client(client))),
            };
            keys::delete(&facts, *id, now)
        }
        Command::AddSigningKey(key) => jwts::add_key(&world.jwts.signing_keys(), key),
        Command::RotateSigningKeys(asked) => jwts::rotate(&world.jwts.signing_keys(), asked, now),
        Command::PutTemplate(template) => jwts::put_template(&world.jwts.templates(), template),
        Command::DeleteTemplate(name) => jwts::delete_template(&world.jwts.templates(), name),
        Command::Count(CountChange::Fail(counts)) => guesses::fail(counts, now),
        Command::Count(CountChange::Succeed(success)) => {
            guesses::succeed(success_facts(world, success, now), success, now)
        }
        Command::Count(CountChange::Clear(id)) => guesses::clear(failures_of(world, *id, now), now),
        Command::End(_)
        | Command::IssueHandoff(..)
        | Command::RedeemHandoff(..)
        | Command::SelectSession(..)
        | Command::ForgetSession(..) => unreachable!("a shard decides this command"),
    }
}

fn open_facts(world: &World, open: &Open, own: Option<&Directory>, now: Timestamp) -> OpenFacts {
    let grant = &open.grant;
    let limit = own.and_then(|own| {
        limit(
            world,
            own,
            grant.account,
            grant.surface,
            open.per_account,
            now,
        )
    });
    OpenFacts {
        standing: standing(&world.accounts, grant.account, now),
        key_live: grant
            .key
            .is_none_or(|key| world.keys.is_live(&world.accounts, key)),
        client_live: grant.client.is_none(),
        limit,
    }
}

fn standing(accounts: &Accounts, id: AccountId, now: Timestamp) -> Option<Standing> {
    accounts.with(id, |account| {
        account.map(|account| Standing {
            generation: account.generation,
            enabled: account.enabled,
            locked: account.is_locked(now),
            step_spent: account.totp_step_spent,
            has_totp: account.totp.is_some(),
        })
    })
}

/// The limit that holds for an account on a surface, and the sessions that count towards it.
fn limit(
    world: &World,
    own: &Directory,
    account: AccountId,
    surface: Surface,
    of_surface: Option<u32>,
    now: Timestamp,
) -> Option<(u32, Vec<Listed>)> {
    let limit = world
        .accounts
        .with(account, |a| a.and_then(|a| a.session_limit(of_surface)))?;
    let listed = own.listed(account, surface).iter().map(|&id| {
        let shown = world.with_session(id, now, Touch::No, |view| {
            view.map(|v| (v.created(), v.last_active(), v.parent().is_some()))
        });
        let (created, last_active, impersonated) = shown.unwrap_or_default();
        Listed {
            id,
            live: shown.is_some(),
            created,
            last_active,
            impersonated,
        }
    });
    Some((limit, listed.collect()))
}

fn sudo_facts(world: &World, own: &Directory, asked: &Sudo, now: Timestamp) -> SudoFacts {
    let target = asked
        .target
        .and_then(|id| Some((id, standing(&world.accounts, id, now)?)));
    let seen = world.with_session(asked.parent, now, Touch::No, |view| {
        view.filter(|v| v.surface() == asked.surface).map(|v| {
            let chain: Vec<_> = v.chain().iter().copied().chain([v.account_id()]).collect();
            // A client type that is in a record was checked when it came in.
            let client_type =
                ClientType::new(v.client_type()).unwrap_or_else(|_| ClientType::direct());
            (chain, client_type, v.factors(), v.surface(), v.absolute())
        })
    });
    let parent = seen.map(|(chain, client_type, factors, surface, absolute)| {
        let actor = |account: AccountId| Actor {
            account,
            may_sudo: world
                .accounts
                .with(account, |a| a.is_some_and(|a| a.may_sudo)),
            sees_target: asked
                .target
                .is_some_and(|target| world.accounts.sees(account, target)),
        };
        let actors = chain.into_iter().map(actor).collect();
        Parent {
            actors,
            client_type,
            factors,
            surface,
            absolute,
        }
    });
    let mut limit = asked
        .target
        .and_then(|t| limit(world, own, t, asked.surface, asked.per_account, now));
    if let Some((_, listed)) = &mut limit {
        // What the new session would hang on cannot make room for it.
        let line = world.line(asked.parent);
        for session in listed.iter_mut().filter(|l| line.contains(&l.id)) {
            session.impersonated = false;
        }
    }
    SudoFacts {
        parent,
        target,
        limit,
    }
}

fn redeem_facts(
    world: &World,
    id: HandoffId,
    by: SessionId,
    now: Timestamp,
) -> handoffs::RedeemFacts {
    let agent = world.with_session(by, now, Touch::No, |view| view.map(|v| v.account_id()));
    let found = world.handoff(id).and_then(|handoff| {
        let shown = world.with_session(handoff.session, now, Touch::No, |view| {
            view.map(|v| {
                (
                    v.account_id(),
                    v.account.username.clone(),
                    v.client_type().into(),
                )
            })
        });
        let fresh =
            |(owner, ..): &(AccountId, _, _)| world.accounts.allows(*owner, handoff.generation);
        Some((handoff, shown.filter(fresh)?))
    });
    let handoff = found.as_ref().map(|(handoff, _)| *handoff);
    let customer = found.map(|(_, customer)| customer);
    let visible = match (agent, &customer) {
        (Some(agent), Some((owner, ..))) => world.accounts.sees(agent, *owner),
        _ => false,
    };
    let customer = customer.map(|(_, username, client_type)| (username, client_type));
    handoffs::RedeemFacts {
        handoff,
        customer,
        agent,
        visible,
    }
}

fn change_facts(
    world: &World,
    id: AccountId,
    change: &AccountChange,
    keep: Option<SessionId>,
    now: Timestamp,
) -> accounts::ChangeFacts {
    let subject = match change {
        AccountChange::Describe(patch) => {
            patch.external_subject.as_ref().and_then(Option::as_deref)
        }
        AccountChange::Password(_) | AccountChange::Totp(_) | AccountChange::RevokeSessions => None,
    };
    let owner = subject.and_then(|subject| world.accounts.by_subject(subject));
    let own_session = |keep| {
        world.with_session(keep, now, Touch::No, |view| {
            view.is_some_and(|v| v.account_id() == id)
        })
    };
    accounts::ChangeFacts {
        account: world.accounts.get(id),
        subject_taken: owner.is_some_and(|(owner, _)| owner != id),
        kept_live: keep.is_none_or(own_session),
        kept_hangs: keep.is_some_and(|keep| hangs_on_account(world, keep, id, now)),
    }
}

/// Whether a session hangs on more of an account than it is itself: on a key of the account's, or on
/// another session of it.
fn hangs_on_account(world: &World, session: SessionId, id: AccountId, now: Timestamp) -> bool {
    world.line(session).into_iter().any(|at| {
        let seen = world.with_session(at, now, Touch::No, |view| {
            view.map(|v| (v.account_id(), v.key()))
        });
        let Some((account, key)) = seen else {
            return false;
        };
        let key = key.and_then(|key| world.keys.get(key)?.account);
        key == Some(id) || at != session && account == id
    })
}

fn success_facts(world: &World, success: &Success, now: Timestamp) -> guesses::SuccessFacts {
    let failed = |of: &Counted, consecutively: bool| {
        let tally = world.guesses.tally(*of);
        tally.is_some_and(|tally| !consecutively || tally.consecutive > 0)
    };
    let of = |counts: &[Counted], consecutively| {
        let counts = counts.iter().copied();
        counts.filter(|of| failed(of, consecutively)).collect()
    };
    guesses::SuccessFacts {
        cleared: of(&success.cleared, false),
        relieved: of(&success.relieved, true),
        is_news: success.known.is_some_and(|(id, mark)| {
            world.accounts.get(id).is_some() && world.guesses.is_news(id, mark, now)
        }),
    }
}

/// The counts of an account: of strangers who try its name, and of its known networks.
fn failures_of(world: &World, id: AccountId, now: Timestamp) -> Option<Vec<Counted>> {
    let account = world.accounts.get(id)?;
    let strangers = Counted::strangers(&world.install_key, &account.username.folded());
    let known = world.guesses.known(id, now).into_iter();
    let known = known.map(|known| Counted {
        kind: GuessKind::Known,
        mark: known.mark,
    });
    Some(std::iter::once(strangers).chain(known).collect())
}

fn client_facts(world: &World, id: ClientId, now: Timestamp) -> Option<ClientFacts> {
    world.with_client(id, now, |client| {
        let client = client?;
        let held = client.held().map(|held| Held {
            id: held.id,
            account: held.account,
            live: held.is_active(),
            last_active: held.last_active,
        });
        Some(ClientFacts {
            held: held.collect(),
            ended: client.record.ended.iter().map(|ended| ended.id).collect(),
            sign_in: client.record.sign_in,
            secret: client.record.secret,
        })
    })
}
