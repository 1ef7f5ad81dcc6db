//! What administration, impersonation and the rules themselves have the stream tell; and that no secret is told.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use sessile::engine::event::{Part, SlotEvent};
use sessile::journal::memory::Pace;
use sessile::session::policy::{Policy, WhenFull};

use crate::stream::{Audited, Told, what};
use crate::support::{OWNER, READER, Setup};
use crate::surfaces::{code, handed_out, mollybet_login, public_id, send, start};

#[test]
fn an_impersonation_is_told_with_whoever_really_acts() {
    let audited = Audited::start(Setup::default());
    let node = audited.node();
    node.account("root", json!({"may_sudo": true, "managed_groups": ["all"]}));
    node.account(
        "boss",
        json!({"may_sudo": true, "group": "all", "managed_groups": ["all"]}),
    );
    node.account("carol", json!({"group": "all"}));
    let root = node.session("root");
    let sudo = |by: &str, target: &str| {
        let path = format!("/v1/sessions/{by}/sudo");
        send(
            node,
            "POST",
            &path,
            &[("session", by)],
            &json!({"target": target}),
        )
    };
    let boss = handed_out(&sudo(&root, "boss"));
    let carol = handed_out(&sudo(&boss, "carol"));
    assert_eq!(sudo(&carol, "root").status, 403);
    assert_eq!(sudo(&root, "nobody").status, 404);
    let path = format!("/v1/sessions/{carol}/tokenize");
    handed_out(&send(
        node,
        "POST",
        &path,
        &[("session", &carol)],
        &json!({}),
    ));
    let path = format!("/v1/sessions/{carol}");
    assert_eq!(send(node, "DELETE", &path, &[], &json!({})).status, 200);
    let ids = [&root, &boss, &carol].map(|secret| public_id(node, secret));
    let told = audited.stop();
    let sudos: Vec<_> = told.of("sudo");
    let person = |id: u64, name: &str| json!({"user_id": id, "username": name});
    let actor = json!({"kind": "account", "user_id": 1, "username": "root"});
    for line in &sudos {
        assert_eq!(line["actor"], actor);
    }
    let chain = |line: &Value| line["chain"].clone();
    assert_eq!(chain(sudos[0]), Value::Null);
    assert_eq!(sudos[0]["on_behalf_of"], person(2, "boss"));
    assert_eq!(sudos[0]["about"], json!([ids[1]]));
    let two = json!([person(1, "root"), person(2, "boss")]);
    assert_eq!(chain(sudos[1]), two);
    assert_eq!(sudos[1]["on_behalf_of"], person(3, "carol"));
    let three = json!([person(1, "root"), person(2, "boss"), person(3, "carol")]);
    assert_eq!(chain(sudos[2]), three);
    assert_eq!(
        (&sudos[2]["outcome"], &sudos[2]["reason"]),
        (&json!("refused"), &json!("not_permitted"))
    );
    assert_eq!(sudos[3]["reason"], "account_not_found");
    for (kind, about) in [("handoff.issue", 1), ("session.end", 0)] {
        let line = told.one(kind, "ok");
        assert_eq!((&line["actor"], chain(line)), (&actor, three.clone()));
        assert_eq!(line["on_behalf_of"], person(3, "carol"));
        assert_eq!(
            (&line["session"], &line["about"][about]),
            (&json!(ids[2]), &json!(ids[2]))
        );
    }
}

#[test]
fn administration_is_told_with_the_token_that_did_it() {
    let audited = Audited::start(Setup::default());
    let node = audited.node();
    node.account("alice", json!({}));
    let account = "/admin/v1/accounts/alice";
    let change = json!({"enabled": true, "may_sudo": true, "group": "x"});
    node.administer("PATCH", account, change);
    node.administer(
        "PUT",
        &format!("{account}/password"),
        json!({"password": "password-2"}),
    );
    node.administer("POST", &format!("{account}/totp"), Value::Null);
    node.administer("DELETE", &format!("{account}/totp"), Value::Null);
    let session = node.session("alice");
    let id = public_id(node, &session);
    node.administer("DELETE", &format!("/admin/v1/sessions/{id}"), Value::Null);
    node.administer("POST", &format!("{account}/revoke"), Value::Null);
    let pair = node.key_pair("alice");
    node.administer("DELETE", &format!("/admin/v1/keys/{}", pair.0), Value::Null);
    let template = json!({"claims": {"a": 1}});
    node.administer("PUT", "/admin/v1/templates/t", template);
    node.administer("DELETE", "/admin/v1/templates/t", Value::Null);
    node.administer("POST", "/admin/v1/signing-keys/rotate", json!({}));
    node.administer("DELETE", &format!("{account}/failures"), Value::Null);
    node.administer("DELETE", account, Value::Null);
    assert_eq!(
        node.admin_as(OWNER, "DELETE", account, Value::Null).status,
        404
    );
    assert_eq!(
        node.admin_as(READER, "DELETE", account, Value::Null).status,
        403
    );
    assert_eq!(
        node.admin_as("guessed", "GET", "/admin/v1/accounts", Value::Null)
            .status,
        401
    );
    let told = audited.stop();
    let owner = json!({"kind": "operator", "role": "own", "token": "owner"});
    let done = [
        "account.create",
        "account.change",
        "account.password",
        "account.factor",
        "account.factor",
        "session.open",
        "session.end",
        "account.revoke",
        "key.create",
        "key.delete",
        "template.put",
        "template.delete",
        "signing_key.rotate",
        "account.failures_cleared",
        "account.delete",
    ];
    let by_owner = told.0.iter().filter(|line| line["actor"] == owner);
    let by_owner: Vec<_> = by_owner.collect();
    let kinds: Vec<_> = by_owner.iter().map(|line| what(line)).collect();
    assert_eq!(kinds, done);
    for line in &by_owner {
        assert_eq!(
            (&line["surface"], &line["address"]),
            (&json!("admin"), &json!("127.0.0.1"))
        );
        assert_eq!(line["outcome"], "ok");
    }
    let alice = json!({"user_id": 1, "username": "alice"});
    for kind in [
        "account.create",
        "account.password",
        "account.revoke",
        "account.failures_cleared",
        "account.delete",
        "key.create",
        "key.delete",
    ] {
        assert_eq!(told.one(kind, "ok")["on_behalf_of"], alice, "{kind}");
    }
    let changed = &told.one("account.change", "ok")["detail"];
    assert_eq!(
        *changed,
        json!({"fields": ["group", "may_sudo", "enabled"], "may_sudo": true, "enabled": true})
    );
    assert_eq!(told.one("key.delete", "ok")["about"], json!([pair.0]));
    assert_eq!(told.one("template.put", "ok")["about"], json!(["t"]));
    let refused = told.of("admin.refused");
    let seen = refused.iter().map(|line| {
        json!([
            line["reason"],
            line["actor"]["token"],
            line["detail"]["method"],
            line["detail"]["route"]
        ])
    });
    let wanted = json!([
        [
            "forbidden",
            "reader",
            "DELETE",
            "/admin/v1/accounts/{username}"
        ],
        ["unauthorized", null, "GET", "/admin/v1/accounts"],
    ]);
    assert_eq!(Value::from(seen.collect::<Vec<_>>()), wanted);
}

#[test]
fn sessions_that_the_rules_end_are_told_with_the_reason() {
    let mut policy = Policy::default();
    policy.mollybet.per_account = Some(1);
    policy.mollybet.when_full = WhenFull::EvictOldest;
    let setup = Setup {
        policy,
        ..Setup::default()
    };
    let audited = Audited::start(setup);
    let node = audited.node();
    node.account("alice", json!({}));
    node.account("bob", json!({}));
    let secrets = [
        node.session("alice"),
        node.session("alice"),
        node.session("bob"),
    ];
    let ids = secrets.map(|secret| public_id(node, &secret));
    node.administer("POST", "/admin/v1/accounts/bob/revoke", Value::Null);
    node.clock.advance_ms(25 * 3_600_000);
    // A sweep finds them in its own time.
    let mut left = 1_000;
    while audited.audit.figures().written < 10 && left > 0 {
        std::thread::park_timeout(Duration::from_millis(10));
        left -= 1;
        node.clock.advance_ms(10);
    }
    let told = audited.stop();
    let ended = told.of("session.end");
    let reason_of = |id: &String| {
        let line = ended
            .iter()
            .find(|line| line["about"].as_array().unwrap().contains(&json!(id)));
        let line = line.unwrap_or_else(|| panic!("{id}: {ended:#?}"));
        assert_eq!(
            (&line["actor"]["kind"], &line["surface"]),
            (&json!("node"), &json!("node"))
        );
        line["detail"]["reason"].as_str().unwrap()
    };
    assert_eq!(
        [reason_of(&ids[0]), reason_of(&ids[1]), reason_of(&ids[2])],
        ["limit", "idle", "account"]
    );
}

#[test]
fn an_end_that_is_found_twice_is_told_once() {
    let audited = Audited::start(Setup {
        pace: Pace::Held,
        ..Setup::default()
    });
    let node = audited.node();
    let (held, over) = (AtomicBool::new(false), AtomicBool::new(false));
    let id = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Acquire) {
                if !held.load(Ordering::Acquire) {
                    node.journal.release(usize::MAX);
                }
                std::thread::park_timeout(Duration::from_millis(1));
            }
        });
        node.account("alice", json!({}));
        let id = public_id(node, &node.session("alice"));
        // No record comes through while one look after the other finds it dead.
        held.store(true, Ordering::Release);
        node.clock.advance_ms(25 * 3_600_000);
        let ends = || {
            let records = node.journal.records();
            let end = |part: &&Part| matches!(part, Part::Slot(_, SlotEvent::SessionEnded(..)));
            records.iter().flatten().filter(end).count()
        };
        let found_twice = (0..1_000).any(|_| {
            std::thread::park_timeout(Duration::from_millis(10));
            node.clock.advance_ms(100);
            ends() >= 2
        });
        held.store(false, Ordering::Release);
        while node.journal.waiting() > 0 {
            std::thread::park_timeout(Duration::from_millis(1));
        }
        // Every owner applies what is ready ten times a second.
        std::thread::park_timeout(Duration::from_millis(500));
        over.store(true, Ordering::Release);
        assert!(found_twice);
        id
    });
    let told = audited.stop();
    let about = |line: &&Value| line["about"].as_array().unwrap().contains(&json!(id));
    let ended = told.of("session.end").into_iter().filter(about);
    assert_eq!(ended.count(), 1);
}

#[test]
fn a_login_that_nobody_waits_for_is_told_all_the_same() {
    let (audited, _) = start();
    let node = audited.node();
    for _ in 0..8 {
        let mut client = node.client();
        let body = json!({"username": "alice", "password": "password-1"}).to_string();
        let head = format!(
            "POST /v1/sessions HTTP/1.1\r\nhost: t\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        client.send_raw(head.as_bytes());
        drop(client);
    }
    let alice = json!({"username": "alice", "password": "password-1"});
    assert_eq!(mollybet_login(node, &alice).status, 200);
    let told = audited.stop();
    let opened = told.of("session.open").len();
    let logins = told.of("login");
    let ok = logins.iter().filter(|line| line["outcome"] == "ok").count();
    // What was not begun is not told, and a session is never there without its login.
    assert!(
        (1..=9).contains(&opened) && opened <= ok,
        "{opened} of {ok}"
    );
    for line in logins {
        let known = line["outcome"] == "ok" || line["reason"] == "abandoned";
        assert!(known, "{line:#}");
    }
}

#[test]
fn no_secret_is_told() {
    let (audited, seed) = start();
    let node = audited.node();
    node.account("agent", json!({}));
    node.account("bob", json!({"agent": "agent"}));
    let wrong = "a-wrong-password-that-may-be-right-elsewhere";
    let mut secrets = vec![
        seed.clone(),
        OWNER.to_owned(),
        READER.to_owned(),
        wrong.to_owned(),
    ];
    mollybet_login(node, &json!({"username": "alice", "password": wrong}));
    let right = json!({"username": "otto", "password": "password-1", "otp": code(&seed)});
    secrets.push("password-1".to_owned());
    secrets.push(handed_out(&mollybet_login(node, &right)));
    let (bob, agent) = (node.session("bob"), node.session("agent"));
    let path = format!("/v1/sessions/{bob}/tokenize");
    let token = handed_out(&send(node, "POST", &path, &[("session", &bob)], &json!({})));
    let path = format!("/v1/sessions/{agent}/detokenize");
    send(
        node,
        "POST",
        &path,
        &[("session", &agent)],
        &json!({"token": token}),
    );
    let made = node.administer("POST", "/admin/v1/keys", json!({"kind": "i3d-guest"}));
    let key = made["secret"].as_str().unwrap().to_owned();
    let login = json!({"userName": "alice", "password": "password-1"});
    assert_eq!(
        send(
            node,
            "POST",
            "/v3/session/login",
            &[("private-token", &key)],
            &login
        )
        .status,
        200
    );
    let pair = node.key_pair("alice");
    let issued = json!({"username": "alice", "surface": "clerk"});
    let issued = node.administer("POST", "/admin/v1/sessions", issued);
    let browser = issued["sessions"][0]["secret"].as_str().unwrap().to_owned();
    let new = json!({"password": "another-password-2"});
    node.administer("PUT", "/admin/v1/accounts/bob/password", new);
    node.admin_as(
        "an-admin-token-that-is-wrong",
        "GET",
        "/admin/v1/accounts",
        Value::Null,
    );
    secrets.extend([bob, agent, token, key, pair.1, browser]);
    secrets.extend([
        "another-password-2".to_owned(),
        "an-admin-token-that-is-wrong".to_owned(),
    ]);
    audited.audit.finish();
    let text = audited.place.text();
    assert!(text.lines().count() >= 18, "{}", text.lines().count());
    for secret in secrets {
        assert!(secret.len() >= 10);
        assert!(!text.contains(&secret), "{secret}");
        // Nor its beginning, by which it could be guessed.
        assert!(
            !text.contains(secret.get(..10).unwrap()) || secret.starts_with("password"),
            "{secret}"
        );
    }
    let Told(lines) = audited.stop();
    assert!(lines.iter().any(|line| what(line) == "handoff.redeem"));
}
