//! What is on disk as JSON, one value a line, for people and their programs.
//!
//! Invariant: every field is named here, so nothing is shown by accident. No password hash, no digest of a
//! secret or of a name that was tried, nothing sealed: whether there is one is all that is said.

use serde_json::{Value, json};

use crate::durability::format::VERSION;
use crate::durability::manifest::{Generation, Manifest};
use crate::durability::reading::Cut;
use crate::durability::snapshot::Frame;
use crate::durability::stored::StoredProfile;
use crate::engine::event::{AccountCause, DirectoryEvent, Grant, Handoff, Part, SlotEvent};
use crate::engine::guesses::KnownNetwork;
use crate::engine::image::SessionImage;
use crate::session::account::Account;
use crate::session::client::{Client, EndedSession, SignIn};
use crate::session::guessing::{Counted, Tally};
use crate::session::id::{AccountId, ClientId, HandoffId, KeyId, SessionId};
use crate::session::jwt::{SigningKey, Template};
use crate::session::key::Key;
use crate::session::state::Factors;
use crate::session::time::Timestamp;

/// Puts the members of an object behind those of another one.
fn joined(mut object: Value, more: Value) -> Value {
    if let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) {
        object.extend(more);
    }
    object
}

pub(super) fn manifest(manifest: &Manifest) -> Value {
    let generation = |generation: &Generation| {
        let images = generation.images.iter().map(|image| {
            json!({
                "name": image.name,
                "bytes": image.size,
                "blake3": blake3::Hash::from_bytes(image.digest).to_hex().as_str(),
                "frames": image.records,
            })
        });
        json!({
            "generation": generation.number,
            "position": generation.position,
            "images": images.collect::<Vec<_>>(),
        })
    };
    json!({
        "type": "manifest",
        "instance": manifest.instance.to_string(),
        "format": VERSION,
        "development": manifest.development,
        "unlogged": manifest.unlogged,
        "sealed_by": manifest.sealed_by.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "clock_floor_ms": manifest.clock_floor.ms(),
        "generations": manifest.generations.iter().map(generation).collect::<Vec<_>>(),
    })
}

/// The lines of a frame; an empty piece of a slot has one, too: it says where the slot stands.
pub(super) fn frame(frame: &Frame) -> Vec<Value> {
    match frame {
        Frame::Slot(slot, position, image) => {
            let place = json!({"slot": slot.get(), "position": position});
            let of = |what: &str, value: Value| {
                joined(joined(json!({"type": what}), place.clone()), value)
            };
            let clients = image.clients.iter();
            let clients = clients.map(|(id, it)| of("client", client(*id, it)));
            let sessions = image.sessions.iter();
            let sessions = sessions.map(|it| of("session", session(it)));
            let handoffs = image.handoffs.iter();
            let handoffs = handoffs.map(|(id, it)| of("handoff", handoff(*id, it)));
            let lines: Vec<_> = clients.chain(sessions).chain(handoffs).collect();
            match lines.is_empty() {
                true => vec![of("slot", json!({}))],
                false => lines,
            }
        }
        Frame::Places(position, (next_account, next_key)) => vec![json!({
            "type": "directory", "position": position, "next_account": next_account, "next_key": next_key,
        })],
        Frame::Account(id, it) => vec![joined(json!({"type": "account"}), account(*id, it))],
        Frame::Key(id, it) => vec![joined(json!({"type": "key"}), key(*id, it))],
        Frame::SigningKey(it) => vec![joined(json!({"type": "signing_key"}), signing_key(it))],
        Frame::Template(it) => vec![joined(json!({"type": "template"}), template(it))],
        Frame::Listing(((account, surface), sessions)) => vec![json!({
            "type": "listing", "account": account.0, "surface": surface.name(), "sessions": sessions,
        })],
        Frame::Tallies(tallies) => tallies.iter().map(|(of, it)| tally(*of, *it)).collect(),
        Frame::Known(known) => {
            let lines = known.iter();
            lines
                .map(|(id, networks)| known_networks(*id, networks))
                .collect()
        }
    }
}

pub(super) fn record(sequence: u64, at: Timestamp, parts: &[Part]) -> Value {
    let parts = parts.iter().map(|part| match part {
        Part::Slot(slot, event) => joined(json!({"slot": slot.get()}), slot_event(event)),
        Part::Directory(event) => directory_event(event),
    });
    json!({
        "type": "record",
        "sequence": sequence,
        "time_ms": at.ms(),
        "parts": parts.collect::<Vec<_>>(),
    })
}

pub(super) fn torn_tail(cut: &Cut) -> Value {
    json!({
        "type": "torn_tail", "file": cut.name, "offset": cut.offset, "bytes": cut.bytes, "whole_records": cut.records,
    })
}

fn names(factors: Factors) -> Vec<&'static str> {
    factors.names().collect()
}

fn session(of: &SessionImage) -> Value {
    let more = of.more.as_deref().cloned().unwrap_or_default();
    json!({
        "session": of.id,
        "account": of.account.0,
        "stamp": of.stamp,
        "surface": of.surface.name(),
        "factors": names(of.factors),
        "created_ms": of.created.ms(),
        "last_active_ms": of.last_active.ms(),
        "idle_timeout_ms": of.lifetime.idle_timeout_ms,
        "absolute_ms": of.lifetime.absolute.ms(),
        "client_type": of.client_type.as_str(),
        "key": of.key.map(|key| key.0),
        "client": more.client,
        "parent": more.parent,
        "chain": more.chain.iter().map(|account| account.0).collect::<Vec<_>>(),
        "address": more.address,
        "user_agent": more.user_agent,
        "attributes": more.attributes,
    })
}

fn grant(of: &Grant) -> Value {
    json!({
        "account": of.account.0,
        "stamp": of.generation,
        "surface": of.surface.name(),
        "factors": names(of.factors),
        "idle_timeout_ms": of.lifetime.idle_timeout_ms,
        "absolute_ms": of.lifetime.absolute.ms(),
        "client_type": of.client_type.as_str(),
        "key": of.key.map(|key| key.0),
        "client": of.client,
        "parent": of.parent,
        "chain": of.chain.iter().map(|account| account.0).collect::<Vec<_>>(),
        "address": of.address,
        "user_agent": of.user_agent,
        "attributes": of.attributes,
    })
}

fn handoff(id: HandoffId, of: &Handoff) -> Value {
    json!({
        "handoff": id,
        "session": of.session,
        "generation": of.generation,
        "issued_ms": of.issued.ms(),
        "expires_ms": of.expires.ms(),
    })
}

fn sign_in(of: &SignIn) -> Value {
    json!({
        "sign_in": of.id,
        "account": of.account.0,
        "generation": of.generation,
        "factors": names(of.factors),
        "remember": of.remember,
        "started_ms": of.started.ms(),
        "expires_ms": of.expires.ms(),
        "guesses": of.guesses,
    })
}

fn client(id: ClientId, of: &Client) -> Value {
    let ended = |of: &EndedSession| {
        json!({
            "session": of.id,
            "account": of.account.0,
            "factors": names(of.factors),
            "created_ms": of.created.ms(),
            "last_active_ms": of.last_active.ms(),
            "absolute_ms": of.absolute.ms(),
            "reason": of.reason.name(),
            "ended_ms": of.ended.ms(),
        })
    };
    json!({
        "client": id,
        "opened_ms": of.opened.ms(),
        "changed_ms": of.changed.ms(),
        "has_secret": of.secret.is_some(),
        "sign_in": of.sign_in.as_ref().map(sign_in),
        "selected": of.selected,
        "sessions": of.sessions,
        "ended": of.ended.iter().map(ended).collect::<Vec<_>>(),
    })
}

fn account(id: AccountId, of: &Account) -> Value {
    json!({
        "account": id.0,
        "username": of.username.as_str(),
        "external_subject": of.external_subject,
        "generation": of.generation,
        "has_password": of.password.is_some(),
        "has_totp": of.totp.is_some(),
        "totp_step_spent": of.totp_step_spent,
        "client_type": of.client_type.as_str(),
        "group": of.group,
        "managed_groups": of.managed_groups,
        "agent": of.agent.map(|agent| agent.0),
        "may_sudo": of.may_sudo,
        "enabled": of.enabled,
        "locked": of.locked,
        "expires_at_ms": of.expires_at.map(Timestamp::ms),
        "max_sessions": of.max_sessions,
        "profile": serde_json::to_value(StoredProfile::from(&*of.profile)).unwrap_or_default(),
        "created_ms": of.created.ms(),
        "updated_ms": of.updated.ms(),
    })
}

fn key(id: KeyId, of: &Key) -> Value {
    json!({
        "key": id.0,
        "kind": of.kind.name(),
        "name": of.name,
        "account": of.account.map(|account| account.0),
        "generation": of.generation,
        "expires_at_ms": of.expires_at.map(Timestamp::ms),
        "networks": of.networks.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "client": of.client(),
    })
}

fn signing_key(of: &SigningKey) -> Value {
    json!({
        "kid": of.kid,
        "algorithm": of.algorithm.name(),
        "created_ms": of.created.ms(),
        "signs_from_ms": of.signs_from.ms(),
        "expires_ms": of.expires.map(Timestamp::ms),
    })
}

fn template(of: &Template) -> Value {
    json!({
        "name": of.name(),
        "claims": of.claims(),
        "lifetime_s": of.lifetime_s(),
        "allowed_clock_skew_s": of.allowed_clock_skew_s(),
        "algorithm": of.algorithm().name(),
    })
}

fn slot_event(event: &SlotEvent) -> Value {
    let of_client = |what: &str, id: &ClientId, at: &Timestamp| json!({"event": what, "client": id, "at_ms": at.ms()});
    let of_session = |what: &str, id: &ClientId, session: &SessionId| json!({"event": what, "client": id, "session": session});
    match event {
        SlotEvent::SessionOpened(opened) => joined(
            json!({"event": "session_opened", "session": opened.id, "at_ms": opened.at.ms()}),
            grant(&opened.grant),
        ),
        SlotEvent::SessionEnded(id, at, reason) => json!({
            "event": "session_ended", "session": id, "at_ms": at.ms(), "reason": reason.name(),
        }),
        SlotEvent::SessionRestamped(id, generation) => {
            json!({"event": "session_restamped", "session": id, "stamp": generation})
        }
        SlotEvent::SessionsActive(list) => {
            let sessions = list
                .iter()
                .map(|(id, at)| json!({"session": id, "last_active_ms": at.ms()}));
            json!({"event": "sessions_active", "sessions": sessions.collect::<Vec<_>>()})
        }
        SlotEvent::HandoffIssued(id, issued) => {
            joined(json!({"event": "handoff_issued"}), handoff(*id, issued))
        }
        SlotEvent::HandoffRedeemed(id, by) => {
            json!({"event": "handoff_redeemed", "handoff": id, "account": by.0})
        }
        SlotEvent::HandoffDropped(id) => json!({"event": "handoff_dropped", "handoff": id}),
        SlotEvent::ClientOpened(id, at) => of_client("client_opened", id, at),
        SlotEvent::ClientSecretSet(id, at, _) => of_client("client_secret_set", id, at),
        SlotEvent::SignInStarted(id, started) => joined(
            json!({"event": "sign_in_started", "client": id}),
            sign_in(started),
        ),
        SlotEvent::SignInGuessed(id, of) => {
            json!({"event": "sign_in_guessed", "client": id, "sign_in": of})
        }
        SlotEvent::SignInDropped(id, of) => {
            json!({"event": "sign_in_dropped", "client": id, "sign_in": of})
        }
        SlotEvent::SessionSelected(id, of) => of_session("session_selected", id, of),
        SlotEvent::SessionForgotten(id, of) => of_session("session_forgotten", id, of),
        SlotEvent::ClientForgotten(id, at) => of_client("client_forgotten", id, at),
        SlotEvent::ClientDestroyed(id, at) => of_client("client_destroyed", id, at),
    }
}

/// What is counted; of whom is not said, for somebody may have typed a password where the name belongs.
fn kinds(counts: &[Counted]) -> Vec<&'static str> {
    counts.iter().map(|of| of.kind.name()).collect()
}

fn tally(of: Counted, it: Tally) -> Value {
    json!({
        "type": "failures",
        "kind": of.kind.name(),
        "recent": it.recent,
        "consecutive": it.consecutive,
        "first_ms": it.first.ms(),
        "last_ms": it.last.ms(),
    })
}

fn known_networks(id: AccountId, networks: &[KnownNetwork]) -> Value {
    let seen = networks.iter().map(|network| network.seen.ms());
    json!({"type": "known_networks", "account": id.0, "seen_ms": seen.collect::<Vec<_>>()})
}

fn cause(of: AccountCause) -> &'static str {
    match of {
        AccountCause::Created => "created",
        AccountCause::Changed => "changed",
        AccountCause::Disabled => "disabled",
        AccountCause::PasswordChanged => "password_changed",
        AccountCause::FactorChanged => "factor_changed",
        AccountCause::SessionsRevoked => "sessions_revoked",
    }
}

fn directory_event(event: &DirectoryEvent) -> Value {
    match event {
        DirectoryEvent::AccountPut(id, it, why) => joined(
            json!({"event": "account_put", "cause": cause(*why)}),
            account(*id, it),
        ),
        DirectoryEvent::AccountDeleted(id) => json!({"event": "account_deleted", "account": id.0}),
        DirectoryEvent::StepSpent(id, step) => {
            json!({"event": "step_spent", "account": id.0, "totp_step_spent": step})
        }
        DirectoryEvent::KeyCreated(id, it) => joined(json!({"event": "key_created"}), key(*id, it)),
        DirectoryEvent::KeyDeleted(id) => json!({"event": "key_deleted", "key": id.0}),
        DirectoryEvent::SigningKeyAdded(it) => {
            joined(json!({"event": "signing_key_added"}), signing_key(it))
        }
        DirectoryEvent::SigningKeyReplaced(kid, expires) => {
            json!({"event": "signing_key_replaced", "kid": kid, "expires_ms": expires.ms()})
        }
        DirectoryEvent::SigningKeyWithdrawn(kid) => {
            json!({"event": "signing_key_withdrawn", "kid": kid})
        }
        DirectoryEvent::TemplatePut(it) => joined(json!({"event": "template_put"}), template(it)),
        DirectoryEvent::TemplateDeleted(name) => json!({"event": "template_deleted", "name": name}),
        DirectoryEvent::SessionsListed {
            account,
            surface,
            opened,
            dropped,
        } => json!({
            "event": "sessions_listed",
            "account": account.0,
            "surface": surface.name(),
            "opened": opened,
            "dropped": dropped,
        }),
        DirectoryEvent::GuessFailed { at, counts } => {
            json!({"event": "guess_failed", "at_ms": at.ms(), "counts": kinds(counts)})
        }
        DirectoryEvent::GuessesForgiven {
            at,
            cleared,
            relieved,
            known,
        } => json!({
            "event": "guesses_forgiven",
            "at_ms": at.ms(),
            "cleared": kinds(cleared),
            "relieved": kinds(relieved),
            "account": known.map(|(id, _)| id.0),
        }),
        DirectoryEvent::GuessesForgotten {
            at,
            counts,
            accounts,
        } => json!({
            "event": "guesses_forgotten",
            "at_ms": at.ms(),
            "counts": kinds(counts),
            "accounts": accounts.iter().map(|id| id.0).collect::<Vec<_>>(),
        }),
    }
}
