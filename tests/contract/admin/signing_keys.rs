//! Signing keys: listed without their private halves, and followed by others.

use serde_json::{Value, json};

use super::{node, told};
use crate::support::{OWNER, START_MS};

const SIGNING: &str = "/admin/v1/signing-keys";
const ROTATE: &str = "/admin/v1/signing-keys/rotate";

#[test]
fn a_node_without_tokens_has_no_key_and_the_first_one_signs_at_once() {
    let node = node();
    assert_eq!(node.look(SIGNING), json!({"keys": []}));
    let made = node.administer("POST", ROTATE, Value::Null);
    let mut key = made["keys"][0].as_object().unwrap().clone();
    assert_eq!(key.remove("kid").unwrap().as_str().unwrap().len(), 20);
    let wanted = json!({
        "algorithm": "RS256", "state": "signing", "created_at_ms": START_MS,
        "signs_from_ms": START_MS, "expires_at_ms": null,
    });
    assert_eq!(
        Value::Object(key),
        wanted,
        "and nothing of its private half"
    );
    let ed = json!({"algorithm": "EdDSA"});
    node.administer("POST", ROTATE, ed.clone());
    let made = node.administer("POST", ROTATE, ed);
    let of = |member: &str| -> Vec<Value> {
        let keys = made["keys"].as_array().unwrap();
        keys.iter().map(|key| key[member].clone()).collect()
    };
    assert_eq!(of("algorithm"), ["RS256", "EdDSA", "EdDSA"]);
    assert_eq!(of("state"), ["signing", "signing", "published"]);
    let signs_from = START_MS + 3_600_000;
    assert_eq!(
        of("signs_from_ms"),
        [START_MS, START_MS, signs_from].map(Value::from)
    );
    let expires = signs_from + 86_700_000;
    assert_eq!(
        of("expires_at_ms"),
        [Value::Null, expires.into(), Value::Null]
    );
    assert_eq!(node.look(SIGNING), made);
}

#[test]
fn what_is_no_rotation_is_refused_and_changes_nothing() {
    let node = node();
    let before = node.administer("POST", ROTATE, Value::Null);
    for body in [
        json!({"algorithm": "none"}),
        json!({"algorithm": "HS256"}),
        json!({"algorithm": "rs256"}),
        json!({"algorithm": 1}),
        json!({"compromised": "true"}),
        json!({"compromised": 1}),
        json!({"kid": "x"}),
    ] {
        let answer = node.admin_as(OWNER, "POST", ROTATE, body);
        told(&answer, 422, "invalid");
    }
    assert_eq!(node.look(SIGNING), before);
}
