//! What is asked at the door, told as an entry: who it is, for whom, about what.
//!
//! It is made before the command is decided, since a session that ends itself cannot be asked afterwards whose it
//! was. Only public facts go in: a command's secrets are digests, and not even those are told.

use compact_str::{CompactString, ToCompactString};
use serde_json::{Map, Value};

use super::entry::{Actor, Entry, Outcome, Person};
use crate::credentials::login::Login;
use crate::engine::command::{AccountChange, AccountPatch, Command, End, Open, Reply};
use crate::engine::guesses::CountChange;
use crate::engine::world::World;
use crate::session::activity::Touch;
use crate::session::id::{AccountId, ClientId, KeyId, SessionId};
use crate::session::origin::{self, Origin, kept};
use crate::session::state::Factors;
use crate::session::time::Timestamp;

/// Where facts come from.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// What is published.
    pub world: &'a World,
    /// Engine time.
    pub now: Timestamp,
}

/// Something from this origin, of which nothing more is known.
#[must_use]
pub fn from(facts: Facts<'_>, origin: &Origin, what: &'static str) -> Entry {
    let mut entry = Entry::of_node(what);
    entry.surface = origin.entrance.name();
    entry.address = origin.address;
    entry.user_agent.clone_from(&origin.user_agent);
    entry.page.clone_from(&origin.page);
    facts.put_actor(&mut entry, &origin.actor);
    entry
}

/// A login: who it is shows only if it is let in.
#[must_use]
pub fn of_login(facts: Facts<'_>, login: &Login) -> Entry {
    let mut entry = from(facts, &login.origin, "login");
    entry.named = Some(kept(&login.username));
    if login.otp.is_some() {
        entry.say("code_given", true);
    }
    entry
}

/// The second step of a login.
#[must_use]
pub fn of_code(facts: Facts<'_>, origin: &Origin, account: AccountId) -> Entry {
    let mut entry = from(facts, origin, "login.code");
    entry.on_behalf_of = Some(facts.person(account));
    entry
}

/// Somebody was let in.
pub fn let_in(facts: Facts<'_>, entry: &mut Entry, account: AccountId, factors: Factors) {
    entry.on_behalf_of = Some(facts.person(account));
    entry.say("factors", names(factors));
}

/// What a command asks; `None` if the stream does not tell of it.
#[must_use]
pub fn of_command(facts: Facts<'_>, origin: &Origin, command: &Command) -> Option<Entry> {
    let begin = |what| from(facts, origin, what);
    Some(match command {
        Command::Open(open) => facts.opening(begin("session.open"), open),
        Command::SignIn(asked) => {
            let mut entry = facts.opening(begin("session.open"), &asked.open);
            entry.say("client", text(asked.open.grant.client));
            entry
        }
        Command::Sudo(sudo) => {
            let mut entry = begin("sudo");
            entry.on_behalf_of = sudo.target.map(|target| facts.person(target));
            entry.about(sudo.child);
            entry.say("parent", sudo.parent.to_string());
            entry
        }
        Command::End(end) => facts.ending(begin("session.end"), end),
        Command::IssueHandoff(session, id, lifetime_ms) => {
            let mut entry = begin("handoff.issue").with("lifetime_ms", *lifetime_ms);
            entry.on_behalf_of = facts.owner(*session);
            entry.about(id);
            entry.about(session);
            entry
        }
        Command::RedeemHandoff(id, _) => {
            let mut entry = begin("handoff.redeem");
            let session = facts.world.handoff(*id).map(|handoff| handoff.session);
            entry.on_behalf_of = session.and_then(|session| facts.owner(session));
            entry.about(id);
            session.into_iter().for_each(|session| entry.about(session));
            entry
        }
        Command::StartSignIn(asked) => {
            let mut entry = begin("login.begin").with("factors", names(asked.factors));
            entry.on_behalf_of = Some(facts.person(asked.account));
            entry.about(asked.id);
            entry.about(asked.client);
            entry
        }
        Command::GuessSignIn(client, id) => of_sign_in(begin("login.guess"), *client, id),
        Command::DropSignIn(client, id) => of_sign_in(begin("login.drop"), *client, id),
        // Which of one's own sessions a page shows first is nobody's concern.
        Command::SelectSession(..) => return None,
        Command::ForgetSession(client, session) => {
            let mut entry = begin("session.forget");
            entry.about(session);
            entry.about(client);
            entry
        }
        Command::ClearClient(client, reason) => {
            let entry = begin("client.sign_out").with("reason", reason.name());
            facts.all_of(entry, *client)
        }
        Command::DestroyClient(client) => facts.all_of(begin("client.destroy"), *client),
        Command::CreateAccount(account) => {
            let mut entry = begin("account.create").with("may_sudo", account.may_sudo);
            entry.about(account.username.as_str());
            entry
        }
        Command::ChangeAccount(id, change, kept) => {
            let mut entry = facts.of_change(origin, change);
            entry.on_behalf_of = Some(facts.person(*id));
            if let Some(kept) = kept {
                entry.say("kept", kept.to_string());
            }
            entry
        }
        Command::DeleteAccount(id) => {
            let mut entry = begin("account.delete");
            entry.on_behalf_of = Some(facts.person(*id));
            entry
        }
        // The login that is counted is told of by itself.
        Command::Count(CountChange::Fail(_) | CountChange::Succeed(_)) => return None,
        Command::Count(CountChange::Clear(id)) => {
            let mut entry = begin("account.failures_cleared");
            entry.on_behalf_of = Some(facts.person(*id));
            entry
        }
        Command::CreateKey(key) => {
            let mut entry = begin("key.create").with("kind", key.kind.name());
            entry.on_behalf_of = key.account.map(|account| facts.person(account));
            entry.about(&key.name);
            entry
        }
        Command::DeleteKey(id) => {
            let mut entry = begin("key.delete");
            if let Some(key) = facts.world.keys.get(*id) {
                entry.on_behalf_of = key.account.map(|account| facts.person(account));
                entry.about(&key.name);
                entry.say("kind", key.kind.name());
            }
            entry
        }
        Command::AddSigningKey(key) => {
            let mut entry = begin("signing_key.add").with("algorithm", key.algorithm.name());
            entry.about(&key.kid);
            entry
        }
        Command::RotateSigningKeys(rotation) => {
            let mut entry = begin("signing_key.rotate");
            for key in &rotation.keys {
                entry.about(&key.kid);
            }
            let algorithms = rotation.keys.iter().map(|key| key.algorithm.name());
            entry.say("algorithms", algorithms.collect::<Value>());
            entry.say("compromised", rotation.compromised);
            entry
        }
        Command::PutTemplate(template) => {
            let mut entry = begin("template.put").with("lifetime_s", template.lifetime_s());
            entry.about(kept(template.name()));
            entry
        }
        Command::DeleteTemplate(name) => {
            let mut entry = begin("template.delete");
            entry.about(kept(name));
            entry
        }
    })
}

/// Whether the stream tells of it only if it was not done: what follows tells the rest.
#[must_use]
pub fn is_told_by_another(command: &Command) -> bool {
    matches!(command, Command::GuessSignIn(..))
}

/// Adds what only the answer says.
pub fn answered(entry: &mut Entry, reply: &Reply) {
    match reply {
        Reply::Done | Reply::KeyCreated(_) => {}
        Reply::AccountCreated(id) => {
            let name = entry.about.first().map(CompactString::as_str);
            entry.on_behalf_of = Some(Person::new(*id, name));
        }
        Reply::HandedOff { username, .. } => entry.say("username", username.as_str()),
    }
    entry.outcome = Outcome::Ok;
}

fn of_sign_in(mut entry: Entry, client: ClientId, id: &impl ToString) -> Entry {
    entry.about(id.to_string());
    entry.about(client);
    entry
}

fn names(factors: Factors) -> Value {
    factors.names().collect()
}

fn text(id: Option<ClientId>) -> Value {
    id.map(|id| id.to_string()).into()
}

impl Facts<'_> {
    /// The account at this place.
    #[must_use]
    pub fn person(&self, id: AccountId) -> Person {
        let accounts = &self.world.accounts;
        accounts.with(id, |account| {
            Person::new(id, account.map(|account| account.username.as_str()))
        })
    }

    /// Whose a live session is.
    fn owner(&self, session: SessionId) -> Option<Person> {
        let owner = self
            .world
            .with_session(session, self.now, Touch::No, |view| {
                view.map(|view| view.account_id())
            });
        owner.map(|id| self.person(id))
    }

    fn put_actor(&self, entry: &mut Entry, actor: &origin::Actor) {
        entry.actor = match actor {
            origin::Actor::Unknown => Actor::Unknown,
            origin::Actor::Node => Actor::Node,
            origin::Actor::Operator(operator) => Actor::Operator {
                role: operator.role,
                token: operator.token.clone(),
            },
            origin::Actor::Key(id) => self.key(*id),
            origin::Actor::Client(client) => Actor::Client {
                client: *client,
                person: self.selected(*client),
            },
            origin::Actor::Session(session) => {
                entry.session = Some(*session);
                self.behind(entry, *session)
            }
        };
    }

    /// Who really acts by a session: of an impersonation whoever began it, with the chain behind him.
    fn behind(&self, entry: &mut Entry, session: SessionId) -> Actor {
        let accounts = self
            .world
            .with_session(session, self.now, Touch::No, |view| {
                view.map(|view| {
                    let own = view.account_id();
                    let chain = view.chain().iter().copied();
                    chain.chain([own]).collect::<Vec<_>>()
                })
            });
        let people: Vec<_> = accounts.unwrap_or_default();
        let people: Vec<_> = people.into_iter().map(|id| self.person(id)).collect();
        let Some(first) = people.first().cloned() else {
            return Actor::Unknown;
        };
        if people.len() > 1 {
            entry.on_behalf_of = people.last().cloned();
            entry.chain = people;
        }
        Actor::Account { person: first }
    }

    fn key(&self, id: KeyId) -> Actor {
        let key = self.world.keys.get(id);
        Actor::Key {
            person: key
                .as_ref()
                .and_then(|key| key.account)
                .map(|account| self.person(account)),
            key: key.map(|key| key.name),
        }
    }

    /// Who is logged in on a client and chosen.
    fn selected(&self, client: ClientId) -> Option<Person> {
        let account = self.world.with_client(client, self.now, |view| {
            let view = view?;
            let selected = view.selected()?;
            view.session(selected).map(|session| session.account)
        });
        account.map(|id| self.person(id))
    }

    fn opening(&self, mut entry: Entry, open: &Open) -> Entry {
        let grant = &open.grant;
        entry.on_behalf_of = Some(self.person(grant.account));
        entry.about = open.ids.iter().map(|id| id.to_compact_string()).collect();
        entry.say("on", grant.surface.name());
        entry.say("factors", names(grant.factors));
        entry
    }

    fn ending(&self, mut entry: Entry, end: &End) -> Entry {
        entry.on_behalf_of = self.owner(end.id).or(entry.on_behalf_of);
        entry.about(end.id);
        entry.say("reason", end.reason.name());
        entry
    }

    /// What concerns all sessions of a client.
    fn all_of(&self, mut entry: Entry, client: ClientId) -> Entry {
        let live = self.world.with_client(client, self.now, |view| {
            let live = view.iter().flat_map(|view| view.sessions());
            let live = live.filter(|session| session.is_active());
            live.map(|session| session.id).collect::<Vec<_>>()
        });
        entry.about(client);
        live.into_iter().for_each(|session| entry.about(session));
        entry
    }

    fn of_change(&self, origin: &Origin, change: &AccountChange) -> Entry {
        let begin = |what| from(*self, origin, what);
        match change {
            AccountChange::Describe(patch) => {
                let mut entry = begin("account.change");
                describe(&mut entry.detail, patch);
                entry
            }
            AccountChange::Password(hash) => {
                begin("account.password").with("removed", hash.is_none())
            }
            AccountChange::Totp(seed) => begin("account.factor").with("removed", seed.is_none()),
            AccountChange::RevokeSessions => begin("account.revoke"),
        }
    }
}

/// Which fields change, and of those that say what an account may do, to what.
fn describe(detail: &mut Map<String, Value>, patch: &AccountPatch) {
    let AccountPatch {
        external_subject,
        client_type,
        group,
        managed_groups,
        agent,
        may_sudo,
        enabled,
        locked,
        expires_at,
        max_sessions,
        profile,
    } = patch;
    let changed = [
        ("external_subject", external_subject.is_some()),
        ("client_type", client_type.is_some()),
        ("group", group.is_some()),
        ("managed_groups", managed_groups.is_some()),
        ("agent", agent.is_some()),
        ("may_sudo", may_sudo.is_some()),
        ("enabled", enabled.is_some()),
        ("locked", locked.is_some()),
        ("expires_at_ms", expires_at.is_some()),
        ("max_sessions", max_sessions.is_some()),
        ("profile", profile.is_some()),
    ];
    let changed = changed.into_iter().filter(|(_, changed)| *changed);
    detail.insert("fields".into(), changed.map(|(name, _)| name).collect());
    let rights = [
        ("may_sudo", may_sudo),
        ("enabled", enabled),
        ("locked", locked),
    ];
    for (name, value) in rights {
        if let Some(value) = value {
            detail.insert(name.to_owned(), (*value).into());
        }
    }
}
