//! What a change of an account does to its live sessions, tokens and keys (R3).

use serde_json::{Value, json};

use super::{ACCOUNTS, ALICE, KEYS, node};
use crate::support::Node;

/// Sessions of alice's on both surfaces, one of bob's, and a key pair of alice's.
struct Scene {
    node: Node,
    alices: Vec<(String, String)>,
    bobs: String,
    api_key: String,
}

impl Scene {
    fn new() -> Self {
        let node = node();
        node.account("bob", json!({}));
        let (api_key, _) = node.key_pair("alice");
        let mollybet = json!({"username": "alice", "surface": "mollybet"});
        let xdata = json!({"api_key": api_key, "surface": "xdata"});
        let mut alices: Vec<_> = (0..3).map(|_| node.issued(mollybet.clone())).collect();
        alices.push(node.issued(xdata));
        let bobs = node.session("bob");
        Self {
            node,
            alices,
            bobs,
            api_key,
        }
    }

    fn live(&self) -> Vec<bool> {
        self.alices
            .iter()
            .map(|(id, secret)| {
                let live = self.node.is_live(secret);
                let path = format!("/admin/v1/sessions/{id}");
                let shown = self
                    .node
                    .admin_as(crate::support::OWNER, "GET", &path, Value::Null);
                assert_eq!(shown.status == 200, live, "shown only if it is live");
                live
            })
            .collect()
    }

    fn listed(&self) -> Vec<String> {
        let found = self.node.look("/admin/v1/sessions?username=alice");
        let sessions = found["sessions"].as_array().unwrap();
        let mut ids: Vec<_> = sessions
            .iter()
            .map(|s| s["id"].as_str().unwrap().to_owned())
            .collect();
        ids.sort();
        ids
    }

    fn key_is_live(&self) -> bool {
        let keys = self.node.look(KEYS);
        let mut keys = keys["keys"].as_array().unwrap().iter();
        keys.any(|key| key["api_key"] == self.api_key.as_str() && key["live"] == true)
    }
}

#[test]
fn what_takes_away_ends_every_session_and_key_before_it_is_answered() {
    let bob = "/admin/v1/accounts/bob";
    for (method, path, body) in [
        ("POST", "/revoke", json!({})),
        ("POST", "/revoke", json!({"keep": null})),
        ("PUT", "/password", json!({"password": "password-2"})),
        ("PUT", "/password", json!({"password": "password-1"})),
        ("PUT", "/password", json!({"password": null})),
        ("POST", "/totp", Value::Null),
        ("DELETE", "/totp", Value::Null),
        ("PATCH", "", json!({"enabled": false})),
        (
            "PATCH",
            "",
            json!({"enabled": false, "locked": true, "group": "demo"}),
        ),
        ("DELETE", "", Value::Null),
    ] {
        let scene = Scene::new();
        let what = format!("{method} {path} {body}");
        assert_eq!(scene.live(), [true; 4], "{what}");
        assert_eq!(scene.listed().len(), 4, "{what}");
        assert!(scene.key_is_live(), "{what}");
        scene
            .node
            .administer(method, &format!("{ALICE}{path}"), body);
        assert_eq!(scene.live(), [false; 4], "{what}");
        assert!(!scene.key_is_live(), "{what}");
        if method != "DELETE" || path == "/totp" {
            assert_eq!(scene.listed(), [""; 0], "{what}");
        }
        assert!(
            scene.node.is_live(&scene.bobs),
            "{what}: bob is not concerned"
        );
        assert_eq!(scene.node.look(bob)["enabled"], true);
    }
}

#[test]
fn what_does_not_take_away_ends_nothing() {
    let scene = Scene::new();
    for change in [
        json!({}),
        json!({"locked": true}),
        json!({"locked": false}),
        json!({"expires_at_ms": 0}),
        json!({"expires_at_ms": null}),
        json!({"enabled": true}),
        json!({"enabled": null}),
        json!({"max_sessions": 1}),
        json!({"may_sudo": true, "group": "demo", "managed_groups": ["demo"], "agent": "bob"}),
        json!({"external_subject": "idp|1", "client_type": "website"}),
    ] {
        scene.node.administer("PATCH", ALICE, change.clone());
        assert_eq!(scene.live(), [true; 4], "{change}");
        assert!(scene.key_is_live(), "{change}");
    }
}

#[test]
fn enabling_an_account_again_revives_nothing() {
    let scene = Scene::new();
    scene
        .node
        .administer("PATCH", ALICE, json!({"enabled": false}));
    scene
        .node
        .administer("PATCH", ALICE, json!({"enabled": true}));
    assert_eq!(scene.live(), [false; 4]);
    assert!(!scene.key_is_live());
    assert!(
        scene.node.logs_in("alice", "password-1"),
        "but she may log in"
    );
}

#[test]
fn a_revocation_may_keep_one_session_of_the_account() {
    for kept in 0..3 {
        let scene = Scene::new();
        let keep = json!({"keep": scene.alices[kept].0});
        let account = scene
            .node
            .administer("POST", &format!("{ALICE}/revoke"), keep);
        assert_eq!(account["username"], "alice");
        let mut wanted = [false; 4];
        wanted[kept] = true;
        assert_eq!(scene.live(), wanted);
        assert_eq!(scene.listed(), [scene.alices[kept].0.clone()]);
        // It stays through the next revocation that keeps it, and ends with one that does not.
        let again = json!({"keep": scene.alices[kept].0});
        scene
            .node
            .administer("POST", &format!("{ALICE}/revoke"), again);
        assert_eq!(scene.live(), wanted);
        scene
            .node
            .administer("POST", &format!("{ALICE}/revoke"), json!({}));
        assert_eq!(scene.live(), [false; 4]);
    }
}

#[test]
fn an_xdata_session_cannot_be_kept_for_its_pair_is_dead() {
    let scene = Scene::new();
    let keep = json!({"keep": scene.alices[3].0});
    let revoke = format!("{ALICE}/revoke");
    scene
        .node
        .refuses(("POST", &revoke, keep), (404, "not_found"));
    assert_eq!(scene.live(), [true; 4], "nothing is revoked then");
}

#[test]
fn a_session_that_cannot_be_kept_keeps_everything() {
    let scene = Scene::new();
    let revoke = format!("{ALICE}/revoke");
    let (bobs_id, _) = scene
        .node
        .issued(json!({"username": "bob", "surface": "mollybet"}));
    let (ended, _) = scene
        .node
        .issued(json!({"username": "alice", "surface": "mollybet"}));
    let path = format!("/admin/v1/sessions/{ended}");
    scene.node.administer("DELETE", &path, Value::Null);
    for keep in [bobs_id.as_str(), &ended, "sess_0000000000000000000000"] {
        let body = json!({"keep": keep});
        scene
            .node
            .refuses(("POST", &revoke, body), (404, "not_found"));
    }
    let secret = scene.alices[0].1.as_str();
    for keep in ["", "sess_", "alice", secret] {
        let body = json!({"keep": keep});
        scene
            .node
            .refuses(("POST", &revoke, body), (422, "invalid"));
    }
    assert_eq!(scene.live(), [true; 4]);
    assert!(scene.key_is_live());
}

#[test]
fn impersonations_and_hand_off_tokens_end_with_the_account_that_carries_them() {
    let node = node();
    node.administer("PATCH", ALICE, json!({"group": "demo"}));
    node.account(
        "root",
        json!({"may_sudo": true, "managed_groups": ["demo"]}),
    );
    node.account("agent", json!({"managed_groups": ["demo"]}));
    let root = node.session("root");
    let agent = node.session("agent");
    let act = |secret: &str, verb: &str, body: &str| {
        let path = format!("/v1/sessions/{secret}/{verb}/");
        let headers = [("session", secret), ("content-type", "application/json")];
        node.send("POST", &path, &headers, body)
    };
    let sudo = || {
        let child = act(&root, "sudo", r#"{"target":"alice"}"#).json();
        child["data"].as_str().unwrap().to_owned()
    };
    let revoke = |name: &str| {
        node.administer("POST", &format!("{ACCOUNTS}/{name}/revoke"), json!({}));
    };
    let child = sudo();
    revoke("alice");
    assert!(!node.is_live(&child), "the target's revocation ends it");
    assert!(node.is_live(&root));
    let child = sudo();
    let alice = node.session("alice");
    let token = act(&alice, "tokenize", "").json();
    let redeem = json!({"token": token["data"]}).to_string();
    revoke("alice");
    assert_eq!(act(&agent, "detokenize", &redeem).status, 404);
    assert!(!node.is_live(&child));
    let child = sudo();
    revoke("root");
    assert!(!node.is_live(&root));
    assert!(!node.is_live(&child), "the actor's revocation ends it, too");
}

#[test]
fn another_password_opens_and_the_old_one_does_not() {
    let node = node();
    let password = format!("{ALICE}/password");
    let put = |value: Value| node.administer("PUT", &password, json!({"password": value}));
    assert_eq!(put(json!("password-2"))["has_password"], true);
    assert!(node.logs_in("alice", "password-2") && !node.logs_in("alice", "password-1"));
    assert_eq!(put(Value::Null)["has_password"], false);
    for word in ["password-2", "password-1", ""] {
        assert!(!node.logs_in("alice", word), "{word:?}");
    }
    assert!(
        node.is_live(&node.session("alice")),
        "trusted issue needs none"
    );
    let longest = format!("a1{}", "x".repeat(1_022));
    put(json!(longest));
    assert!(node.logs_in("alice", &longest));
    for bad in ["", "abc1", "abcdefgh", "12345678", &format!("{longest}x")] {
        node.refuses(
            ("PUT", &password, json!({"password": bad})),
            (422, "invalid"),
        );
    }
    assert!(
        node.logs_in("alice", &longest),
        "a refused one changes nothing"
    );
    let nobody = "/admin/v1/accounts/nobody/password";
    node.refuses(
        ("PUT", nobody, json!({"password": "password-1"})),
        (404, "not_found"),
    );
}
