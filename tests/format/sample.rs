//! One of everything that is ever written, with and without what may be missing.

use std::sync::Arc;

use sessile::engine::event::{
    AccountCause, DirectoryEvent, Grant, Handoff, Part, SessionOpened, SlotEvent,
};
use sessile::session::account::{Account, ClientType, PasswordHash, TotpSeed, Username};
use sessile::session::client::SignIn;
use sessile::session::guessing::{Counted, GuessKind, Mark};
use sessile::session::id::{AccountId, ClientId, HandoffId, KeyId, SessionId, SignInId};
use sessile::session::jwt::{SigningAlgorithm, SigningKey, Template};
use sessile::session::key::{Key, KeyKind};
use sessile::session::lifetime::Lifetime;
use sessile::session::profile::{Billing, Details, Profile};
use sessile::session::state::{EndReason, Factors, Surface};
use sessile::session::time::Timestamp;
use sessile::session::token::Digest;
use zeroize::Zeroizing;

/// When everything happens.
pub(crate) const AT_MS: u64 = 1_790_000_000_123;

fn at(ms: u64) -> Timestamp {
    Timestamp::from_ms(AT_MS + ms)
}

/// An id in a slot of its own.
fn bytes(n: u8) -> [u8; 16] {
    let mut bytes = [n; 16];
    bytes[15] = 255 - n;
    bytes
}

fn session(n: u8) -> SessionId {
    SessionId::from_bytes(bytes(n))
}

fn client(n: u8) -> ClientId {
    ClientId::from_bytes(bytes(n))
}

fn behind(client: ClientId, n: u8) -> SessionId {
    SessionId::behind(client.family(), [n; 12])
}

fn sign_in(n: u8) -> SignInId {
    SignInId::from_bytes(bytes(n))
}

fn digest(n: u8) -> Digest {
    Digest::from_bytes([n; 32])
}

fn account(name: &str) -> Account {
    Account::new(Username::new(name).unwrap(), at(0))
}

fn full_account() -> Account {
    let profile = Profile {
        email: "ada@example.org".into(),
        email_verified: true,
        access_level: 20,
        trial_until: Some("2027-01-31".into()),
        public_metadata: r#"{"a":1}"#.into(),
        details: Some(Box::new(Details {
            company_name: Some("Engines".into()),
            newsletter: Some(1),
            ..Details::default()
        })),
        billing: Some(Box::new(Billing {
            city: "Ülm".into(),
            preferred_payment_method: 3,
            ..Billing::default()
        })),
        ..Profile::default()
    };
    Account {
        external_subject: Some("idp|ada".into()),
        generation: 7,
        password: Some(PasswordHash(
            "$argon2id$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA".into(),
        )),
        totp: Some(TotpSeed(Zeroizing::new([5; 20]))),
        totp_step_spent: 59_666_667,
        client_type: ClientType::new("website").unwrap(),
        group: Some("engineers".into()),
        managed_groups: vec!["demo".into(), "staff".into()],
        agent: Some(AccountId(0)),
        may_sudo: true,
        locked: true,
        expires_at: Some(at(9_000)),
        max_sessions: Some(12),
        profile: Arc::new(profile),
        updated: at(4),
        ..account("Ada Löve")
    }
}

fn grant(surface: Surface) -> Grant {
    Grant {
        account: AccountId(0),
        generation: 0,
        surface,
        lifetime: Lifetime {
            idle_timeout_ms: 60_000,
            absolute: at(600_000),
        },
        factors: Factors::PASSWORD,
        client_type: ClientType::direct(),
        key: None,
        client: None,
        parent: None,
        chain: Vec::new(),
        address: None,
        user_agent: None,
        attributes: None,
    }
}

fn full_grant() -> Grant {
    Grant {
        account: AccountId(1),
        generation: 7,
        factors: Factors::PASSWORD.and(Factors::TOTP),
        client_type: ClientType::new("kiosk-9").unwrap(),
        key: Some(KeyId(2)),
        parent: Some(session(1)),
        chain: vec![AccountId(0), AccountId(1)],
        address: Some("2001:db8::7".parse().unwrap()),
        user_agent: Some("curl/8 ✓".into()),
        attributes: Some(r#"{"tenant":7}"#.into()),
        ..grant(Surface::Mollybet)
    }
}

fn opened(id: SessionId, grant: &Arc<Grant>) -> Part {
    let grant = grant.clone();
    Part::session(
        id,
        SlotEvent::SessionOpened(SessionOpened {
            id,
            at: at(5),
            grant,
        }),
    )
}

fn listed(surface: Surface, opened: Vec<SessionId>, dropped: Vec<SessionId>) -> Part {
    Part::Directory(DirectoryEvent::SessionsListed {
        account: AccountId(0),
        surface,
        opened,
        dropped,
    })
}

fn key(kind: KeyKind, n: u8) -> Key {
    Key {
        kind,
        name: format!("key-{n}").into(),
        secret: digest(n),
        account: kind.has_account().then_some(AccountId(0)),
        generation: 0,
        expires_at: None,
        networks: Vec::new(),
    }
}

fn signing_key(algorithm: SigningAlgorithm) -> SigningKey {
    SigningKey {
        kid: algorithm.name().to_lowercase().into(),
        algorithm,
        pkcs8: Zeroizing::new(vec![77; 48]),
        created: at(2),
        signs_from: at(3),
        expires: (algorithm == SigningAlgorithm::EdDsa).then(|| at(9_000)),
    }
}

fn directory() -> Vec<Vec<Part>> {
    use DirectoryEvent as Event;
    let put = |id, account, cause| Event::AccountPut(AccountId(id), Arc::new(account), cause);
    let claims = serde_json::json!({"role": "{{user.id}}"});
    let template = |name| {
        let claims = claims.as_object().unwrap();
        Template::new(name, claims, 90, 5, SigningAlgorithm::Es256).unwrap()
    };
    let mut limited = key(KeyKind::I3d, 2);
    limited.expires_at = Some(at(99_000));
    limited.networks = vec![
        "10.0.0.0/8".parse().unwrap(),
        "2001:db8::/32".parse().unwrap(),
    ];
    let revoked = Account {
        generation: 1,
        ..account("carl")
    };
    let events = [
        put(0, account("alice"), AccountCause::Created),
        put(1, full_account(), AccountCause::PasswordChanged),
        put(2, account("carl"), AccountCause::Created),
        put(2, account("carl"), AccountCause::Changed),
        put(2, revoked.clone(), AccountCause::SessionsRevoked),
        put(2, revoked.clone(), AccountCause::FactorChanged),
        put(
            2,
            Account {
                enabled: false,
                ..revoked
            },
            AccountCause::Disabled,
        ),
        put(3, account("dave"), AccountCause::Created),
        Event::AccountDeleted(AccountId(3)),
        Event::StepSpent(AccountId(1), 59_666_668),
        Event::KeyCreated(KeyId(0), Box::new(key(KeyKind::Xdata, 0))),
        Event::KeyCreated(KeyId(1), Box::new(key(KeyKind::I3dGuest, 1))),
        Event::KeyCreated(KeyId(2), Box::new(limited)),
        Event::KeyCreated(KeyId(3), Box::new(key(KeyKind::Xdata, 3))),
        Event::KeyDeleted(KeyId(3)),
        Event::SigningKeyAdded(Arc::new(signing_key(SigningAlgorithm::Rs256))),
        Event::SigningKeyAdded(Arc::new(signing_key(SigningAlgorithm::EdDsa))),
        Event::SigningKeyAdded(Arc::new(signing_key(SigningAlgorithm::Es256))),
        Event::SigningKeyReplaced("rs256".into(), at(8_000)),
        Event::SigningKeyWithdrawn("es256".into()),
        Event::TemplatePut(Arc::new(template("hasura"))),
        Event::TemplatePut(Arc::new(template("gone"))),
        Event::TemplateDeleted("gone".into()),
        failed(2, &[GuessKind::Strangers, GuessKind::Node]),
        forgiven(Some((AccountId(2), mark(0x41)))),
    ];
    events
        .into_iter()
        .map(|event| vec![Part::Directory(event)])
        .collect()
}

fn mark(n: u8) -> Mark {
    Mark::from_bytes([n; 16])
}

fn counts(n: u8, kinds: &[GuessKind]) -> Vec<Counted> {
    let of = |kind| Counted {
        kind,
        mark: mark(n),
    };
    kinds.iter().copied().map(of).collect()
}

fn failed(n: u8, kinds: &[GuessKind]) -> DirectoryEvent {
    DirectoryEvent::GuessFailed {
        at: at(5),
        counts: counts(n, kinds),
    }
}

fn forgiven(known: Option<(AccountId, Mark)>) -> DirectoryEvent {
    DirectoryEvent::GuessesForgiven {
        at: at(6),
        cleared: counts(7, &[GuessKind::Known, GuessKind::Device]),
        relieved: counts(2, &[GuessKind::Strangers]),
        known,
    }
}

fn guesses() -> Vec<Vec<Part>> {
    let kinds = GuessKind::ALL;
    let events = [
        failed(7, &kinds),
        failed(8, &kinds),
        forgiven(Some((AccountId(1), mark(0x42)))),
        forgiven(None),
        DirectoryEvent::GuessesForgotten {
            at: at(1_000_000),
            counts: counts(8, &kinds),
            accounts: vec![AccountId(1), AccountId(2)],
        },
    ];
    let part = |event| vec![Part::Directory(event)];
    events.into_iter().map(part).collect()
}

fn clients() -> Vec<Vec<Part>> {
    let browser = client(0x31);
    let guest = client(0x32);
    let gone = client(0x33);
    let idle = client(0x34);
    let pending = |n| SignIn {
        id: sign_in(n),
        account: AccountId(1),
        generation: 7,
        factors: Factors::PASSWORD,
        remember: n == 1,
        started: at(6),
        expires: at(300_006),
        guesses: 0,
    };
    let on = |client| {
        Arc::new(Grant {
            client: Some(client),
            address: Some("192.0.2.7".parse().unwrap()),
            ..grant(Surface::Clerk)
        })
    };
    let part = |id, event| vec![Part::client(id, event)];
    let (first, second) = (behind(browser, 1), behind(browser, 2));
    vec![
        part(
            browser,
            SlotEvent::ClientSecretSet(browser, at(6), digest(0x31)),
        ),
        part(browser, SlotEvent::SignInStarted(browser, pending(1))),
        part(browser, SlotEvent::SignInGuessed(browser, sign_in(1))),
        vec![
            Part::client(browser, SlotEvent::SignInDropped(browser, sign_in(1))),
            opened(first, &on(browser)),
            opened(second, &on(browser)),
        ],
        part(browser, SlotEvent::SessionSelected(browser, first)),
        vec![Part::session(
            second,
            SlotEvent::SessionEnded(second, at(7), EndReason::Logout),
        )],
        part(browser, SlotEvent::SessionForgotten(browser, second)),
        vec![Part::session(
            first,
            SlotEvent::SessionEnded(first, at(8), EndReason::Idle),
        )],
        part(browser, SlotEvent::SignInStarted(browser, pending(2))),
        vec![opened(behind(browser, 3), &on(browser))],
        part(guest, SlotEvent::ClientOpened(guest, at(6))),
        part(gone, SlotEvent::ClientOpened(gone, at(6))),
        part(gone, SlotEvent::ClientDestroyed(gone, at(7))),
        part(idle, SlotEvent::ClientSecretSet(idle, at(6), digest(0x34))),
        part(idle, SlotEvent::ClientForgotten(idle, at(6))),
    ]
}

fn sessions() -> Vec<Vec<Part>> {
    let plain = Arc::new(grant(Surface::Xdata));
    let keyed = Arc::new(Grant {
        key: Some(KeyId(0)),
        ..grant(Surface::Xdata)
    });
    let full = Arc::new(full_grant());
    let handoff = |n: u8| HandoffId::from_bytes(bytes(n));
    let token = Handoff {
        session: session(1),
        generation: 0,
        issued: at(6),
        expires: at(60_006),
    };
    let event = |id: SessionId, event| vec![Part::session(id, event)];
    let issue = |n| {
        vec![Part::handoff(
            handoff(n),
            SlotEvent::HandoffIssued(handoff(n), token),
        )]
    };
    vec![
        // One grant for several, then another, then the first again.
        vec![
            opened(session(1), &plain),
            opened(session(2), &plain),
            opened(session(3), &keyed),
            opened(session(4), &plain),
        ],
        vec![
            listed(Surface::I3d, vec![session(5), session(6)], vec![]),
            opened(session(5), &full),
        ],
        event(
            session(2),
            SlotEvent::SessionEnded(session(2), at(9), EndReason::Revoked),
        ),
        event(session(3), SlotEvent::SessionRestamped(session(3), 4)),
        event(
            session(4),
            SlotEvent::SessionsActive(vec![(session(4), at(20_000))]),
        ),
        issue(1),
        issue(7),
        issue(8),
        vec![Part::handoff(
            handoff(7),
            SlotEvent::HandoffRedeemed(handoff(7), AccountId(1)),
        )],
        vec![Part::handoff(
            handoff(8),
            SlotEvent::HandoffDropped(handoff(8)),
        )],
        vec![listed(Surface::I3d, vec![session(9)], vec![session(6)])],
    ]
}

/// All of it, in three lots between which generations are written.
pub(crate) fn lots() -> [Vec<Vec<Part>>; 3] {
    [directory(), clients(), [sessions(), guesses()].concat()]
}

/// All of it.
pub(crate) fn records() -> Vec<Vec<Part>> {
    lots().into_iter().flatten().collect()
}
