//! Memory is full: what gives is refused everywhere, what takes away and what only looks goes on (O9).

use serde_json::{Value, json};

use crate::rig::{Rig, Said, account, end, guest_client, open, otto, sign_in, start_sign_in};
use crate::support::client::Answer;
use crate::support::{Node, OWNER, Setup};

use sessile::door::{Engine, ServiceError};
use sessile::engine::command::{AccountChange, Command, NewKey, Reply};
use sessile::journal::memory::{Keep, MemoryJournal, Pace};
use sessile::session::id::{AccountId, ClientId, HandoffId, KeyId, SignInId};
use sessile::session::key::KeyKind;
use sessile::session::token::Digest;

const JSON: (&str, &str) = ("content-type", "application/json");

fn fill(node: &Node, full: bool) {
    node.engine.tell_memory(900, 1_000, full);
}

#[test]
fn every_surface_refuses_with_its_own_503_and_verifies_and_logs_out_all_the_same() {
    let node = Node::start(Setup::default());
    node.account("alice", json!({"may_sudo": true}));
    let session = node.session("alice");
    let (name, secret) = node.key_pair("alice");
    let guest = node.administer("POST", "/admin/v1/keys", json!({"kind": "i3d-guest"}));
    let guest = guest["secret"].as_str().unwrap();
    let login = json!({"username": "alice", "password": "password-1"}).to_string();
    let user = json!({"userName": "alice", "password": "password-1"}).to_string();
    let form = "strategy=password&identifier=alice&password=password-1";
    let rpc = |method: &str, params: Value| {
        json!({"jsonrpc": "2.0", "id": 1, "method": format!("session.{method}"), "params": params})
            .to_string()
    };
    let (own, pair) = (
        [("session", session.as_str()), JSON],
        [("apikey", name.as_str()), ("secret", &secret), JSON],
    );
    let xdata = "/api/v2/session/jsonrpc";
    let opened = node
        .send("POST", xdata, &pair, &rpc("open_session", json!({})))
        .json();
    let token = opened["result"]["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let grants = || -> Vec<Answer> {
        let path = |rest: &str| format!("/v1/sessions/{session}/{rest}/");
        let formed = [("content-type", "application/x-www-form-urlencoded")];
        vec![
            node.send("POST", "/v1/sessions/", &[JSON], &login),
            node.send("POST", &path("sudo"), &own, r#"{"target":"alice"}"#),
            node.send("POST", &path("tokenize"), &own, ""),
            node.send(
                "POST",
                "/v3/session/login",
                &[("private-token", guest), JSON],
                &user,
            ),
            node.send("POST", "/v1/client/sign_ins?_is_native=1", &formed, form),
            node.send("POST", xdata, &pair, &rpc("open_session", json!({}))),
            node.admin_as(
                OWNER,
                "POST",
                "/admin/v1/accounts",
                json!({"username": "late"}),
            ),
            node.admin_as(
                OWNER,
                "POST",
                "/admin/v1/keys",
                json!({"kind": "i3d-guest"}),
            ),
            node.admin_as(
                OWNER,
                "POST",
                "/admin/v1/sessions",
                json!({"username": "alice", "surface": "mollybet"}),
            ),
        ]
    };
    fill(&node, true);
    let records = node.journal.records().len();
    let refused = grants();
    for answer in &refused {
        assert_eq!(
            (answer.status, answer.header("retry-after")),
            (503, Some("1")),
            "{}",
            answer.text()
        );
    }
    assert_eq!(node.journal.records().len(), records, "nothing was given");
    let figures = crate::hold::wait(node.engine.figures().get());
    assert_eq!(
        figures.memory.map(|memory| memory.refused),
        Some(refused.len() as u64)
    );

    // Looking and leaving.
    let status = |method: &str, path: &str, headers: &[(&str, &str)]| {
        node.send(method, path, headers, "").status
    };
    assert_eq!(status("GET", "/auth/verify", &own), 200);
    assert_eq!(
        status("GET", &format!("/v1/sessions/{session}/"), &own),
        200
    );
    let seen = node.send(
        "POST",
        xdata,
        &pair,
        &rpc("verify_session_token", json!({"token": token})),
    );
    assert_eq!(seen.json()["result"]["active"], true);
    let closed = node.send(
        "POST",
        xdata,
        &pair,
        &rpc("close_session", json!({"token": token})),
    );
    assert_eq!(closed.json()["result"], true);
    assert_eq!(
        status("POST", "/v3/session/logout", &[("private-token", guest)]),
        204
    );
    assert_eq!(
        status("DELETE", &format!("/v1/sessions/{session}/"), &own),
        200
    );
    assert_eq!(status("GET", "/auth/verify", &own), 401);
    let revoked = node.admin_as(OWNER, "POST", "/admin/v1/accounts/alice/revoke", json!({}));
    assert_eq!(revoked.status, 200);

    fill(&node, false);
    let statuses: Vec<_> = grants().iter().map(|answer| answer.status).collect();
    // The session that asked for two of them is over, and the key pair went with the revocation.
    assert_eq!(statuses, [200, 401, 401, 200, 200, 401, 200, 200, 200]);
}

#[test]
fn an_operator_sees_it_and_a_probe_goes_on_calling_the_node_ready() {
    let node = Node::start(Setup::default());
    let look = |path: &str| {
        let answer = node.admin_as(OWNER, "GET", path, Value::Null);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer
    };
    assert_eq!(
        look("/health/ready").json(),
        json!({"status": "ready", "sessions": 0})
    );
    for full in [true, false] {
        fill(&node, full);
        let memory = json!({"resident_bytes": 900, "ceiling_bytes": 1_000, "full": full});
        assert_eq!(
            look("/health/ready").json(),
            json!({"status": "ready", "sessions": 0, "memory": memory})
        );
        let metrics = look("/metrics").text();
        for line in [
            "sessile_memory_resident_bytes 900".to_owned(),
            "sessile_memory_ceiling_bytes 1000".to_owned(),
            format!("sessile_memory_full {}", u8::from(full)),
            "sessile_memory_refused_total 0".to_owned(),
        ] {
            assert!(
                metrics.lines().any(|shown| shown == line),
                "{line}: {metrics}"
            );
        }
    }
}

/// Every command that there is: those that give are refused before they reach an owner, the others are not.
#[test]
fn of_all_commands_those_that_need_room_are_refused() {
    let rig = Rig::start(MemoryJournal::new(Pace::Prompt, Keep::Nothing), 2);
    otto(&rig);
    let alice = rig.account("alice", 0);
    let (session, client) = (rig.id(1), guest_client(Digest::from_bytes([9; 32])));
    assert_eq!(rig.ask(open(alice, vec![session])), Ok(Reply::Done));
    let sign_in_id = SignInId::from_bytes([3; 16]);
    let handoff = HandoffId::from_bytes([1; 16]);
    let needing = |rig: &Rig| -> Vec<Command> {
        vec![
            open(alice, vec![rig.id(2)]),
            Command::IssueHandoff(session, handoff, 60_000),
            start_sign_in(rig, AccountId(0), client, sign_in_id),
            Command::GuessSignIn(client, sign_in_id),
            Command::SignIn(sign_in(rig, alice, client, rig.id(3))),
            Command::CreateAccount(Box::new(account("late", 0))),
            Command::CreateKey(NewKey {
                kind: KeyKind::Xdata,
                name: "late".into(),
                secret: Digest::from_bytes([8; 32]),
                account: Some(alice),
                expires_at: None,
                networks: Vec::new(),
            }),
        ]
    };
    let going_on = || -> Vec<Command> {
        vec![
            Command::RedeemHandoff(handoff, session),
            Command::DropSignIn(client, sign_in_id),
            Command::SelectSession(client, session),
            Command::ForgetSession(client, session),
            Command::DestroyClient(ClientId::from_bytes([5; 16])),
            Command::DeleteKey(KeyId(77)),
            Command::DeleteTemplate("none".into()),
            Command::ChangeAccount(alice, AccountChange::RevokeSessions, Some(session)),
            end(session),
            Command::DeleteAccount(alice),
        ]
    };
    rig.engine.tell_memory(900, 1_000, true);
    let overloaded: Said = Err(ServiceError::Overloaded);
    for command in needing(&rig) {
        let shown = format!("{command:?}");
        assert!(command.needs_room(), "{shown}");
        assert_eq!(rig.ask(command), overloaded, "{shown}");
    }
    for command in going_on() {
        let shown = format!("{command:?}");
        assert!(!command.needs_room(), "{shown}");
        assert_ne!(rig.ask(command), overloaded, "{shown}");
    }
    assert!(!rig.live(session));
}
