//! Making, listing and withdrawing xData key pairs.

use serde_json::{Value, json};

use super::{ACCOUNTS, ALICE, KEYS, node};
use crate::support::{Node, Setup};

/// Whether a pair may call.
fn works(node: &Node, (api_key, secret): &(String, String)) -> bool {
    let body = r#"{"jsonrpc":"2.0","method":"session.close_session","params":["x"],"id":1}"#;
    let headers = [("apikey", api_key.as_str()), ("secret", secret.as_str())];
    let answer = node.send("POST", "/api/v2/session/jsonrpc", &headers, body);
    assert!([200, 401].contains(&answer.status));
    answer.status == 200
}

#[test]
fn a_pair_is_made_for_an_account_and_its_secret_is_shown_once() {
    let node = node();
    let body = json!({"kind": "xdata", "username": "alice"});
    let made = node.administer("POST", KEYS, body.clone());
    let again = node.administer("POST", KEYS, body);
    let text = |made: &Value, name: &str| made[name].as_str().unwrap().to_owned();
    for made in [&made, &again] {
        assert_eq!(
            (&made["kind"], &made["username"]),
            (&json!("xdata"), &json!("alice"))
        );
        assert_eq!(made.as_object().unwrap().len(), 4, "{made}");
        assert_eq!(text(made, "api_key").len(), 36);
        assert_eq!(text(made, "secret").len(), 43, "256 bits in base64url");
        let pair = (text(made, "api_key"), text(made, "secret"));
        assert!(works(&node, &pair));
    }
    for name in ["api_key", "secret"] {
        assert_ne!(made[name], again[name], "each is another one");
    }
    let listed = node.look(KEYS);
    let row = |made: &Value| json!({"kind": "xdata", "api_key": made["api_key"], "username": "alice", "live": true});
    assert_eq!(
        listed,
        json!({"keys": [row(&made), row(&again)], "next": null})
    );
    for path in [KEYS, ACCOUNTS, "/admin/v1/sessions"] {
        assert!(!node.look(path).to_string().contains(&text(&made, "secret")));
    }
}

#[test]
fn a_pair_needs_a_kind_that_is_known_and_an_account_that_is_enabled() {
    let node = node();
    for body in [
        json!({"kind": "clerk", "username": "alice"}),
        json!({"kind": "Xdata", "username": "alice"}),
        json!({"kind": "", "username": "alice"}),
        json!({"kind": null, "username": "alice"}),
        json!({"username": "alice"}),
        json!({"kind": "xdata"}),
        json!({"kind": "xdata", "username": 1}),
        json!({"kind": "xdata", "username": "alice", "api_key": "mine"}),
        json!({"kind": "xdata", "username": "alice", "secret": "mine"}),
    ] {
        node.refuses(("POST", KEYS, body), (422, "invalid"));
    }
    for username in ["nobody", "ALICE", ""] {
        let body = json!({"kind": "xdata", "username": username});
        node.refuses(("POST", KEYS, body), (404, "not_found"));
    }
    let body = json!({"kind": "xdata", "username": "alice"});
    node.administer("PATCH", ALICE, json!({"enabled": false}));
    node.refuses(("POST", KEYS, body.clone()), (404, "not_found"));
    assert_eq!(node.look(KEYS)["keys"], json!([]));
    // A locked account may get one: it opens nothing while it is locked.
    node.administer("PATCH", ALICE, json!({"enabled": true, "locked": true}));
    node.administer("POST", KEYS, body);
}

#[test]
fn a_withdrawn_pair_is_gone_and_another_ones_stays() {
    let node = node();
    let (first, second) = (node.key_pair("alice"), node.key_pair("alice"));
    let issue = |api_key: &str| {
        node.issued(json!({"surface": "xdata", "api_key": api_key}))
            .1
    };
    let (gone, stays) = (issue(&first.0), issue(&second.0));
    let path = format!("{KEYS}/{}", first.0);
    assert_eq!(
        node.administer("DELETE", &path, Value::Null),
        json!({"deleted": first.0})
    );
    assert!(!works(&node, &first) && works(&node, &second));
    assert!(!node.is_live(&gone) && node.is_live(&stays));
    node.refuses(("DELETE", &path, Value::Null), (404, "not_found"));
    let shouted = format!("{KEYS}/{}", second.0.to_ascii_uppercase());
    node.refuses(("DELETE", &shouted, Value::Null), (404, "not_found"));
    let keys = node.look(KEYS);
    let listed: Vec<_> = keys["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|k| &k["api_key"])
        .collect();
    assert_eq!(listed, [second.0.as_str()]);
}

#[test]
fn a_pair_is_listed_as_live_exactly_while_it_is_good() {
    for (method, path, body) in [
        ("POST", "/revoke", json!({})),
        ("PUT", "/password", json!({"password": "password-2"})),
        ("POST", "/totp", Value::Null),
        ("PATCH", "", json!({"enabled": false})),
    ] {
        let node = node();
        node.account("bob", json!({}));
        let pairs = [node.key_pair("alice"), node.key_pair("bob")];
        let live = || {
            let keys = node.look(KEYS);
            let keys = keys["keys"].as_array().unwrap();
            let live: Vec<_> = keys
                .iter()
                .map(|key| key["live"].as_bool().unwrap())
                .collect();
            for (pair, live) in pairs.iter().zip(&live) {
                assert_eq!(works(&node, pair), *live);
            }
            live
        };
        assert_eq!(live(), [true, true]);
        node.administer(method, &format!("{ALICE}{path}"), body);
        assert_eq!(live(), [false, true], "{method} {path}");
        node.administer("PATCH", ALICE, json!({"enabled": true}));
        assert_eq!(live(), [false, true], "{method} {path}: for good");
        assert!(works(&node, &node.key_pair("alice")), "a new one works");
    }
}

#[test]
fn a_deleted_account_takes_its_pairs_along_and_the_next_of_its_name_does_not_get_them() {
    let node = node();
    node.account("bob", json!({}));
    let (pair, bobs) = (node.key_pair("alice"), node.key_pair("bob"));
    node.key_pair("alice");
    node.administer("DELETE", ALICE, Value::Null);
    let listed = || {
        let keys = node.look(KEYS);
        let keys = keys["keys"].as_array().unwrap().clone();
        keys.iter()
            .map(|key| key["api_key"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(listed(), std::slice::from_ref(&bobs.0));
    assert!(!works(&node, &pair) && works(&node, &bobs));
    node.account("alice", json!({}));
    assert_eq!(listed(), std::slice::from_ref(&bobs.0));
    assert!(!works(&node, &pair));
    let body = json!({"surface": "xdata", "api_key": pair.0, "username": "alice"});
    node.refuses(("POST", "/admin/v1/sessions", body), (404, "not_found"));
    let path = format!("{KEYS}/{}", pair.0);
    node.refuses(("DELETE", &path, Value::Null), (404, "not_found"));
}

#[test]
fn pairs_are_listed_in_the_order_in_which_they_were_made() {
    let node = Node::start(Setup::default());
    node.account("alice", json!({}));
    let mut made: Vec<_> = (0..12).map(|_| node.key_pair("alice").0).collect();
    for at in [11, 5, 0] {
        let gone = made.remove(at);
        node.administer("DELETE", &format!("{KEYS}/{gone}"), Value::Null);
    }
    for (limit, sizes) in [(100, vec![9]), (4, vec![4, 4, 1]), (9, vec![9, 0])] {
        let (keys, found) = node.pages(KEYS, "keys", limit);
        let keys: Vec<_> = keys
            .iter()
            .map(|key| key["api_key"].as_str().unwrap())
            .collect();
        assert_eq!(keys, made);
        assert_eq!(found, sizes);
    }
}
