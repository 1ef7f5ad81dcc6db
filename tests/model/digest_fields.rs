//! The state digest tells any two states apart that differ in one field.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use sessile::engine::event::{
    AccountCause, DirectoryEvent, Grant, Handoff, Part, SessionOpened, SlotEvent,
};
use sessile::session::account::{Account, ClientType, PasswordHash, TotpSeed};
use sessile::session::id::{AccountId, KeyId};
use sessile::session::key::{Key, KeyKind};
use sessile::session::profile::Profile;
use sessile::session::state::{Factors, Surface};
use sessile::session::token::InstallKey;
use zeroize::Zeroizing;

use crate::digests::digest_of;
use crate::names::{Names, START, account, grant, home, lifetime, shared};

#[test]
fn every_field_of_a_session_counts() {
    let mut names = Names::default();
    let (id, parent) = (names.session(0, None), names.session(1, None));
    let client = names.client(0);
    let base = || grant(AccountId(0), 0, lifetime(5, 1_000, START));
    let with = |write: fn(&mut Grant)| {
        let mut grant = base();
        write(&mut grant);
        grant
    };
    let variants = [
        base(),
        with(|g| g.account = AccountId(1)),
        with(|g| g.generation = 1),
        with(|g| g.surface = Surface::Xdata),
        with(|g| g.lifetime.idle_timeout_ms = 6),
        with(|g| g.lifetime.absolute = START.plus_ms(1_001)),
        with(|g| g.factors = Factors::TOTP),
        with(|g| g.client_type = ClientType::new("website").expect("a good type")),
        with(|g| g.client_type = ClientType::new("kiosk").expect("a good type")),
        with(|g| g.key = Some(KeyId(0))),
        with(|g| g.key = Some(KeyId(1))),
        Grant {
            client: Some(client),
            ..base()
        },
        Grant {
            parent: Some(parent),
            ..base()
        },
        with(|g| g.chain = vec![AccountId(0)]),
        with(|g| g.chain = vec![AccountId(0), AccountId(1)]),
        with(|g| g.chain = vec![AccountId(1), AccountId(0)]),
        with(|g| g.address = Some(IpAddr::V4(Ipv4Addr::LOCALHOST))),
        with(|g| g.user_agent = Some("{}".into())),
        with(|g| g.attributes = Some("{}".into())),
        with(|g| (g.key, g.attributes) = (Some(KeyId(0)), Some("{}".into()))),
    ];
    let opened = |grant: &Grant, at| {
        let opened = SessionOpened {
            id,
            at,
            grant: shared(grant.clone()),
        };
        digest_of(&[Part::session(id, SlotEvent::SessionOpened(opened))])
    };
    let mut digests: BTreeSet<_> = variants.iter().map(|grant| opened(grant, START)).collect();
    assert_eq!(digests.len(), variants.len());
    assert!(
        digests.insert(opened(&base(), START.plus_ms(1))),
        "when it was opened counts"
    );
}

#[test]
fn every_field_of_an_account_counts() {
    let with = |write: fn(&mut Account)| {
        let mut account = account("alice");
        write(&mut account);
        account
    };
    let known = |write: fn(&mut Profile)| {
        let mut account = account("alice");
        write(Arc::make_mut(&mut account.profile));
        account
    };
    let variants = [
        account("alice"),
        account("alicf"),
        with(|a| a.external_subject = Some("s".into())),
        with(|a| a.generation = 1),
        with(|a| a.password = Some(PasswordHash("s".into()))),
        with(|a| a.totp = Some(TotpSeed(Zeroizing::new([0; 20])))),
        with(|a| a.totp_step_spent = 1),
        with(|a| a.client_type = ClientType::new("website").expect("a good type")),
        with(|a| a.group = Some("s".into())),
        with(|a| a.managed_groups = vec!["s".into()]),
        with(|a| a.managed_groups = vec!["s".into(), "t".into()]),
        with(|a| a.agent = Some(AccountId(0))),
        with(|a| a.may_sudo = true),
        with(|a| a.enabled = false),
        with(|a| a.locked = true),
        with(|a| a.expires_at = Some(START)),
        with(|a| a.max_sessions = Some(0)),
        with(|a| a.created = START.plus_ms(1)),
        with(|a| a.updated = START.plus_ms(1)),
        known(|p| p.email = "s".into()),
        known(|p| p.email_verified = true),
        known(|p| p.first_name = "s".into()),
        known(|p| p.last_name = "s".into()),
        known(|p| p.gender = "s".into()),
        known(|p| p.phone = "s".into()),
        known(|p| p.image_url = "s".into()),
        known(|p| p.access_level = 20),
        known(|p| p.trial_until = Some("2026-01-01".into())),
        known(|p| p.public_metadata = "s".into()),
        known(|p| p.unsafe_metadata = "s".into()),
    ];
    let put = |place, account: &Account| {
        let cause = AccountCause::Created;
        digest_of(&[Part::Directory(DirectoryEvent::AccountPut(
            place,
            account.clone().into(),
            cause,
        ))])
    };
    let mut digests: BTreeSet<_> = variants
        .iter()
        .map(|account| put(AccountId(0), account))
        .collect();
    assert_eq!(digests.len(), variants.len());
    assert!(
        digests.insert(put(AccountId(1), &account("alice"))),
        "its place counts"
    );
}

#[test]
fn every_field_of_a_token_and_a_key_counts() {
    let mut names = Names::default();
    let (session, other) = (names.session(0, None), names.session(0, None));
    let token = names.handoff(session);
    let handoff = Handoff {
        session,
        generation: 0,
        issued: START,
        expires: START.plus_ms(9),
    };
    let issued = |id, handoff| Part::handoff(id, SlotEvent::HandoffIssued(id, handoff));
    let digest = |byte| InstallKey::new([byte; 32]).digest(b"secret");
    let key = || Key {
        kind: KeyKind::Xdata,
        name: "key".into(),
        secret: digest(1),
        account: Some(AccountId(0)),
        generation: 0,
        expires_at: None,
        networks: Vec::new(),
    };
    let made = |id, key| Part::Directory(DirectoryEvent::KeyCreated(KeyId(id), Box::new(key)));
    let parts = [
        issued(token, handoff),
        issued(names.handoff(session), handoff),
        issued(
            token,
            Handoff {
                session: other,
                ..handoff
            },
        ),
        issued(
            token,
            Handoff {
                issued: START.plus_ms(1),
                ..handoff
            },
        ),
        issued(
            token,
            Handoff {
                expires: START.plus_ms(10),
                ..handoff
            },
        ),
        issued(
            token,
            Handoff {
                generation: 1,
                ..handoff
            },
        ),
        made(0, key()),
        made(1, key()),
        made(
            0,
            Key {
                name: "kez".into(),
                ..key()
            },
        ),
        made(
            0,
            Key {
                secret: digest(2),
                ..key()
            },
        ),
        made(
            0,
            Key {
                account: Some(AccountId(1)),
                ..key()
            },
        ),
        made(
            0,
            Key {
                generation: 1,
                ..key()
            },
        ),
        made(
            0,
            Key {
                kind: KeyKind::I3d,
                ..key()
            },
        ),
        made(
            0,
            Key {
                kind: KeyKind::I3dGuest,
                ..key()
            },
        ),
        made(
            0,
            Key {
                account: None,
                ..key()
            },
        ),
        made(
            0,
            Key {
                expires_at: Some(START),
                ..key()
            },
        ),
        made(
            0,
            Key {
                networks: vec![home()],
                ..key()
            },
        ),
        made(
            0,
            Key {
                networks: vec![home(), home()],
                ..key()
            },
        ),
    ];
    let digests: BTreeSet<_> = parts.iter().map(|part| digest_of([part])).collect();
    assert_eq!(digests.len(), parts.len());
}
