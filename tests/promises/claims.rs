//! What is being changed makes others wait: in order, boundedly, and deciding by what is durable (R2).

use std::sync::Arc;

use sessile::door::{Engine, ServiceError};
use sessile::engine::command::{
    AccountChange, AccountPatch, Command, NewKey, Open, Reply, SignIn, Sudo,
};
use sessile::engine::error::Refusal;
use sessile::engine::event::{DirectoryEvent, Part};
use sessile::journal::memory::{Keep, MemoryJournal, Pace};
use sessile::session::account::ClientType;
use sessile::session::id::{AccountId, ClientId, HandoffId, KeyId, SessionId, SignInId};
use sessile::session::key::KeyKind;
use sessile::session::policy::{Policy, WhenFull};
use sessile::session::state::{EndReason, Surface};
use sessile::session::token::Secret;

use crate::hold::{Pump, fence, send, until};
use crate::rig::{
    AT_START, Rig, account, end, guest_client, open, opening, sign_in, start_sign_in,
};
use crate::scene::Scene;

/// An engine with one of everything that can be claimed.
struct Stock {
    rig: Rig,
    /// Has no limit, may impersonate alice, and has the session `anns`.
    ann: AccountId,
    anns: SessionId,
    /// May have one session at a time, and has none.
    alice: AccountId,
    handoff: HandoffId,
    key: KeyId,
    /// A guest key's client, on which nobody is logged in.
    guest: ClientId,
    /// A browser with a session of ann, and a pending login of alice that has one guess left.
    browser: ClientId,
    held: SessionId,
    pending: SignInId,
}

fn stock(journal: &Arc<MemoryJournal>) -> Stock {
    let pump = Pump::on(journal);
    let rig = Rig::start(journal.clone(), 3);
    let mut ann = account("ann", 0);
    ann.may_sudo = true;
    let Ok(Reply::AccountCreated(ann)) = rig.ask(Command::CreateAccount(Box::new(ann))) else {
        panic!("ann");
    };
    let mut alice = account("alice", 1);
    alice.agent = Some(ann);
    let Ok(Reply::AccountCreated(alice)) = rig.ask(Command::CreateAccount(Box::new(alice))) else {
        panic!("alice");
    };
    let anns = rig.id(0);
    rig.ask(open(ann, vec![anns])).unwrap();
    let token = Secret::handoff(anns, [7; 32]);
    let handoff = rig.engine.handoff_id(token.reveal().as_bytes()).unwrap();
    rig.ask(Command::IssueHandoff(anns, handoff, 60_000))
        .unwrap();
    let Ok(Reply::KeyCreated(key)) = rig.ask(new_key(&rig, "key-1", ann)) else {
        panic!("key");
    };
    rig.ask(new_guest_key(&rig, "guest", b"guest")).unwrap();
    let guest = guest_client(rig.engine.digest(b"guest"));
    let browser = ClientId::from_bytes([5; 16]);
    let held = SessionId::behind(browser.family(), [1; 12]);
    let login = sign_in(&rig, ann, browser, held);
    rig.ask(Command::SignIn(login)).unwrap();
    let pending = SignInId::from_bytes([6; 16]);
    rig.ask(start_sign_in(&rig, alice, browser, pending))
        .unwrap();
    for _ in 0..4 {
        rig.ask(Command::GuessSignIn(browser, pending)).unwrap();
    }
    drop(pump);
    Stock {
        rig,
        ann,
        anns,
        alice,
        handoff,
        key,
        guest,
        browser,
        held,
        pending,
    }
}

fn new_key(rig: &Rig, name: &str, account: AccountId) -> Command {
    let (name, secret) = (name.into(), rig.engine.digest(b"secret"));
    Command::CreateKey(NewKey {
        kind: KeyKind::Xdata,
        name,
        secret,
        account: Some(account),
        expires_at: None,
        networks: Vec::new(),
    })
}

fn new_guest_key(rig: &Rig, name: &str, secret: &[u8]) -> Command {
    Command::CreateKey(NewKey {
        kind: KeyKind::I3dGuest,
        name: name.into(),
        secret: rig.engine.digest(secret),
        account: None,
        expires_at: None,
        networks: Vec::new(),
    })
}

fn describe(account: AccountId, patch: AccountPatch) -> Command {
    Command::ChangeAccount(account, AccountChange::Describe(Box::new(patch)), None)
}

fn limited(
    account: AccountId,
    id: SessionId,
    when_full: WhenFull,
    otp_step: Option<u64>,
) -> Command {
    let lifetime = Policy::default().lifetime(Surface::Mollybet, AT_START);
    Command::Open(Open {
        when_full,
        otp_step,
        ..opening(account, vec![id], lifetime)
    })
}

/// Two commands that name the same thing, and what the second is told once the first is durable.
fn rivals(stock: &Stock) -> Vec<(&'static str, [Command; 2], Refusal)> {
    let Stock {
        rig,
        ann,
        anns,
        alice,
        handoff,
        key,
        guest,
        browser,
        held,
        pending,
    } = stock;
    let create = |name: &str, subject: Option<&str>| {
        let mut new = account(name, 0);
        new.external_subject = subject.map(Into::into);
        Command::CreateAccount(Box::new(new))
    };
    let subject = AccountPatch {
        external_subject: Some(Some("s".into())),
        ..Default::default()
    };
    let redeem = || Command::RedeemHandoff(*handoff, *anns);
    let issue = Command::IssueHandoff(*anns, HandoffId::from_bytes(*anns.as_bytes()), 1);
    let deny = |n, step| limited(*alice, rig.id(n), WhenFull::Deny, step);
    let step = |n| limited(*ann, rig.id(n), WhenFull::Deny, Some(7));
    let sudo = Command::Sudo(Sudo {
        parent: *anns,
        surface: Surface::Mollybet,
        target: Some(*alice),
        child: rig.id(9),
        idle_timeout_ms: 0,
        absolute_ms: 1_000,
        per_account: None,
        when_full: WhenFull::Deny,
    });
    let delete = || Command::DeleteAccount(*alice);
    let revoke = || Command::ChangeAccount(*alice, AccountChange::RevokeSessions, None);
    let destroy = || Command::DestroyClient(*guest);
    let clear = |client, reason| Command::ClearClient(client, reason);
    let begin = |client, secret| {
        let mut start = start_sign_in(rig, *ann, client, SignInId::from_bytes([8; 16]));
        if let Command::StartSignIn(start) = &mut start {
            start.secret = start.secret.filter(|_| secret);
        }
        start
    };
    let guess = || Command::GuessSignIn(*browser, *pending);
    let login = |account, client: ClientId, n: u8| {
        let id = SessionId::behind(client.family(), [n; 12]);
        let mut asked = sign_in(rig, account, client, id);
        asked.secret = asked.secret.filter(|_| client == *browser);
        asked
    };
    let complete = |n| {
        let asked = login(*alice, *browser, n);
        let step = Some(*pending);
        Command::SignIn(SignIn { step, ..asked })
    };
    let on_guest = |account, n| Command::SignIn(login(account, *guest, n));
    let forget = || Command::ForgetSession(*browser, *held);
    let select = || Command::SelectSession(*browser, *held);
    let next = SignInId::from_bytes([9; 16]);
    // Alice may have one session on a surface, wherever she logs in.
    let elsewhere = ClientId::from_bytes([10; 16]);
    let clerk = |n, client| {
        let asked = login(*alice, client, n);
        let secret = Some(rig.engine.digest(&[n]));
        Command::SignIn(SignIn { secret, ..asked })
    };
    vec![
        (
            "session",
            [end(*anns), end(*anns)],
            Refusal::SessionNotFound,
        ),
        (
            "session, other command",
            [end(*anns), issue],
            Refusal::SessionNotFound,
        ),
        (
            "hand-off token",
            [redeem(), redeem()],
            Refusal::HandoffNotFound,
        ),
        ("client", [destroy(), destroy()], Refusal::SessionNotFound),
        (
            "client, its clearing",
            [destroy(), clear(*guest, EndReason::Logout)],
            Refusal::SessionNotFound,
        ),
        (
            "client, the beginning of a login",
            [destroy(), begin(*guest, false)],
            Refusal::SessionNotFound,
        ),
        (
            "client, a login",
            [destroy(), on_guest(*ann, 3)],
            Refusal::SessionNotFound,
        ),
        (
            "client, two logins",
            [on_guest(*ann, 3), on_guest(*alice, 4)],
            Refusal::AlreadySignedIn,
        ),
        (
            "client, a login and the beginning of one",
            [on_guest(*alice, 3), begin(*guest, false)],
            Refusal::AlreadySignedIn,
        ),
        (
            "pending login, its completion",
            [complete(3), complete(4)],
            Refusal::ClientChanged,
        ),
        (
            "pending login, its last guess",
            [guess(), guess()],
            Refusal::SignInNotFound,
        ),
        (
            "pending login, a guess after its completion",
            [complete(3), guess()],
            Refusal::SignInNotFound,
        ),
        (
            "pending login, a guess after another one began",
            [start_sign_in(rig, *alice, *browser, next), guess()],
            Refusal::SignInNotFound,
        ),
        (
            "pending login, its completion after the clearing",
            [clear(*browser, EndReason::Revoked), complete(3)],
            Refusal::SignInNotFound,
        ),
        (
            "session of a client, what is forgotten",
            [forget(), forget()],
            Refusal::SessionNotFound,
        ),
        (
            "session of a client, what is chosen",
            [forget(), select()],
            Refusal::SessionNotFound,
        ),
        (
            "session of a client, its end",
            [end(*held), select()],
            Refusal::SessionNotFound,
        ),
        (
            "list of sessions, a login",
            [clerk(3, *browser), clerk(4, elsewhere)],
            Refusal::LimitReached,
        ),
        ("account", [delete(), delete()], Refusal::AccountNotFound),
        (
            "account, other command",
            [delete(), revoke()],
            Refusal::AccountNotFound,
        ),
        (
            "name",
            [create("Bob", None), create("bob", None)],
            Refusal::NameTaken,
        ),
        (
            "subject",
            [create("b", Some("s")), create("c", Some("s"))],
            Refusal::SubjectTaken,
        ),
        (
            "subject, other command",
            [create("b", Some("s")), describe(*ann, subject)],
            Refusal::SubjectTaken,
        ),
        (
            "list of sessions",
            [deny(1, None), deny(2, None)],
            Refusal::LimitReached,
        ),
        (
            "list of sessions, other command",
            [deny(1, None), sudo],
            Refusal::LimitReached,
        ),
        (
            "one-time-password step",
            [step(1), step(2)],
            Refusal::StepSpent,
        ),
        (
            "key",
            [Command::DeleteKey(*key), Command::DeleteKey(*key)],
            Refusal::KeyNotFound,
        ),
        (
            "key name",
            [new_key(rig, "key-2", *ann), new_key(rig, "key-2", *ann)],
            Refusal::KeyTaken,
        ),
        (
            "key secret",
            [
                new_guest_key(rig, "key-2", b"secret-2"),
                new_guest_key(rig, "key-3", b"secret-2"),
            ],
            Refusal::KeyTaken,
        ),
    ]
}

/// How many rivals there are.
const ROWS: usize = 29;

#[test]
fn a_command_on_a_claimed_thing_waits_and_is_decided_by_what_became_of_it() {
    for nth in 0..ROWS {
        let journal = MemoryJournal::new(Pace::Held, Keep::Nothing);
        let stock = stock(&journal);
        let mut rivals = rivals(&stock);
        assert_eq!(rivals.len(), ROWS);
        let (what, [first, second], refusal) = rivals.swap_remove(nth);
        let engine = &stock.rig.engine;
        let mut first = send(engine, first);
        let mut second = send(engine, second);
        fence(engine);
        assert_eq!(journal.waiting(), 1, "{what}: both were decided");
        assert!(!first.is_answered() && !second.is_answered(), "{what}");
        journal.release(1);
        assert!(first.answer().is_ok(), "{what}");
        assert_eq!(
            second.answer(),
            Err(ServiceError::Refused(refusal)),
            "{what}"
        );
        assert_eq!(journal.waiting(), 0, "{what}");
    }
}

#[test]
fn commands_that_wait_for_a_claim_go_on_in_the_order_in_which_they_came() {
    let journal = MemoryJournal::new(Pace::Held, Keep::Everything);
    let stock = stock(&journal);
    let types: Vec<_> = (0..40)
        .map(|n| ClientType::new(&format!("t{n}")).unwrap())
        .collect();
    let sent: Vec<_> = types
        .iter()
        .map(|t| AccountPatch {
            client_type: Some(t.clone()),
            ..Default::default()
        })
        .map(|patch| send(&stock.rig.engine, describe(stock.alice, patch)))
        .collect();
    for (expected, sent) in types.iter().zip(sent) {
        until("the next change", || journal.waiting() == 1);
        fence(&stock.rig.engine);
        assert_eq!(journal.waiting(), 1);
        let records = journal.records();
        let Some([Part::Directory(DirectoryEvent::AccountPut(_, now, _))]) =
            records.last().map(Vec::as_slice)
        else {
            panic!("{:?}", records.last());
        };
        assert_eq!(now.client_type, *expected);
        journal.release(1);
        assert_eq!(sent.answer(), Ok(Reply::Done));
    }
}

#[test]
fn the_sixty_fifth_that_would_wait_for_a_claim_is_turned_away_at_once() {
    let scene = Scene::set();
    let journal = &scene.node.journal;
    let asked: Vec<_> = (0..66).map(|_| scene.begin(scene.logout())).collect();
    // One holds the claim and 64 wait; whichever came last is told to come again.
    let mut turned_away = Vec::new();
    until("one is turned away", || {
        turned_away.extend(asked.iter().filter_map(|pending| pending.poll()));
        !turned_away.is_empty()
    });
    fence(&scene.node.engine);
    assert!(asked.iter().all(|pending| pending.poll().is_none()));
    assert_eq!(turned_away.len(), 1);
    assert_eq!(turned_away[0].status, 503);
    assert_eq!(turned_away[0].header("retry-after"), Some("1"));
    assert_eq!(journal.release(usize::MAX), 1);
    let answers = asked.into_iter().filter_map(|pending| pending.settle());
    let statuses: Vec<_> = answers.map(|answer| answer.status).collect();
    assert_eq!(statuses.len(), 65);
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1);
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 64);
}
