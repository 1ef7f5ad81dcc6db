//! Keys that follow each other while tokens are made and verified.

use sessile::session::policy::Policy;
use sessile::session::rotation::RotationPolicy;

use super::keys::{listed, read, session_of};
use super::templates::put;
use super::*;

const SIGNING: &str = "/admin/v1/signing-keys";
const HOUR_MS: u64 = 3_600_000;
/// How long a key is kept after it signed last, by default: a day, and 5 minutes.
const KEEP_MS: u64 = 86_700_000;

/// Has another key follow, and gives the ids of all, in the order of their making.
fn rotate(node: &Node, more: Value) -> Vec<String> {
    let told = node.administer("POST", "/admin/v1/signing-keys/rotate", more);
    assert_eq!(
        told,
        node.administer("GET", SIGNING, Value::Null),
        "one answer"
    );
    kids(&told)
}

fn kids(keys: &Value) -> Vec<String> {
    let keys = keys["keys"].as_array().unwrap();
    keys.iter().map(|key| text(&key["kid"])).collect()
}

/// The keys that anybody sees.
fn published(node: &Node) -> Vec<String> {
    kids(&listed(node))
}

fn states(node: &Node) -> Vec<String> {
    let keys = node.administer("GET", SIGNING, Value::Null);
    let keys = keys["keys"].as_array().unwrap();
    keys.iter().map(|key| text(&key["state"])).collect()
}

fn kid_of(jwt: &str) -> String {
    jsonwebtoken::decode_header(jwt).unwrap().kid.unwrap()
}

/// What the gateway says of a token.
fn verdict(node: &Node, jwt: &str) -> u16 {
    let bearer = format!("Bearer {jwt}");
    let answer = node.send("GET", "/auth/verify", &[("authorization", &bearer)], "");
    assert_eq!(answer.status == 200, session_of(node, jwt).is_some());
    answer.status
}

/// Waits for the upkeep of the node, which looks ten times a second.
fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..1_000 {
        if holds() {
            return;
        }
        std::thread::park_timeout(std::time::Duration::from_millis(10));
    }
    panic!("{what} did not come");
}

#[test]
fn a_key_is_listed_before_it_signs_and_the_old_one_until_its_last_token_is_over() {
    rows!("C-86", "C-94");
    let node = node(&["alice"]);
    put(&node, "day", json!({}), 86_400, 5, "RS256");
    let (mut alice, session) = Browser::signed_in(&node, "alice");
    let [first] = &published(&node)[..] else {
        panic!("one key")
    };
    let keys = rotate(&node, json!({}));
    let [_, second] = &keys[..] else {
        panic!("two keys")
    };
    let both = [first.clone(), second.clone()];
    assert_eq!((&keys[..], &published(&node)[..]), (&both[..], &both[..]));
    assert_eq!(states(&node), ["signing", "published"]);
    // Until the last millisecond the old one signs.
    node.clock.advance_ms(HOUR_MS - 1);
    let last = alice.token(&session);
    let day = minted(&alice.call(&session, "/tokens/day"));
    assert_eq!(
        [kid_of(&last), kid_of(&day)],
        [first.clone(), first.clone()]
    );
    assert_eq!(verdict(&node, &last), 200);
    node.clock.advance_ms(1);
    assert_eq!(states(&node), ["verifying", "signing"]);
    assert_eq!(published(&node), both);
    let young = alice.token(&session);
    assert_eq!(kid_of(&young), *second);
    assert_eq!(
        kid_of(&minted(&alice.call(&session, "/tokens/day"))),
        *second
    );
    assert_eq!([verdict(&node, &last), verdict(&node, &young)], [200, 200]);
    // Its end is its own, not its key's, and not a second later.
    let end_ms = read(&node, &last).claims["exp"].as_u64().unwrap() * 1_000;
    node.clock.advance_ms(end_ms - 1 - now_ms(&node));
    assert_eq!(verdict(&node, &last), 200);
    node.clock.advance_ms(1);
    assert_eq!(verdict(&node, &last), 401);
    // Whoever verifies by the list finds the key as long as a token of it is good.
    let end_ms = read(&node, &day).claims["exp"].as_u64().unwrap() * 1_000;
    node.clock.advance_ms(end_ms - 1 - now_ms(&node));
    assert_eq!(published(&node), both);
    read(&node, &day);
    node.clock
        .advance_ms(START_AT + HOUR_MS + KEEP_MS - 1 - now_ms(&node));
    assert_eq!(published(&node), both);
    node.clock.advance_ms(1);
    assert_eq!(published(&node), std::slice::from_ref(second));
    until("its removal", || states(&node) == ["signing"]);
    assert_eq!(kid_of(&alice.token(&session)), *second);
}

const START_AT: u64 = crate::support::START_MS;

fn now_ms(node: &Node) -> u64 {
    node.engine.now().ms()
}

#[test]
fn a_key_in_wrong_hands_is_out_at_once_and_sessions_stay() {
    rows!("C-94", "C-95", "C-78");
    let node = node(&["alice"]);
    put(&node, "ed", json!({}), 3_600, 5, "EdDSA");
    let (mut alice, session) = Browser::signed_in(&node, "alice");
    let stolen = alice.token(&session);
    minted(&alice.call(&session, "/tokens/ed"));
    let before = rotate(&node, json!({}));
    assert_eq!(before.len(), 4, "both algorithms have another key now");
    assert_eq!(verdict(&node, &stolen), 200);
    let after = rotate(&node, json!({"compromised": true}));
    assert_eq!(states(&node), ["signing", "signing"]);
    assert!(after.iter().all(|kid| !before.contains(kid)));
    assert_eq!(published(&node), after);
    // Within the minute of the token, and within its second.
    assert_eq!(verdict(&node, &stolen), 401);
    let shown = alice.client()["sessions"][0]["last_active_token"].clone();
    assert_eq!(shown, Value::Null, "no token of a key that is gone");
    let fresh = alice.token(&session);
    assert_eq!(alice.status(&session), "active");
    assert_eq!(kid_of(&fresh), after[0]);
    assert_eq!(verdict(&node, &fresh), 200);
    let shown = &alice.client()["sessions"][0]["last_active_token"];
    assert_eq!(shown["jwt"], fresh);
    // The claims of a good one under the name of a key that is gone, and the other way round.
    let (message, signature) = stolen.rsplit_once('.').unwrap();
    let (good_message, good_signature) = fresh.rsplit_once('.').unwrap();
    for forged in [
        format!("{message}.{good_signature}"),
        format!("{good_message}.{signature}"),
        format!(
            "{}.{}",
            message.split_once('.').unwrap().0,
            fresh.split_once('.').unwrap().1
        ),
        format!(
            "{}.{}",
            good_message.split_once('.').unwrap().0,
            stolen.split_once('.').unwrap().1
        ),
    ] {
        assert_eq!(verdict(&node, &forged), 401);
    }
}

#[test]
fn rotations_may_overlap_up_to_a_bound_and_each_key_has_its_turn() {
    rows!("C-94");
    let node = node(&["alice"]);
    let (mut alice, session) = Browser::signed_in(&node, "alice");
    let body = json!({"algorithm": "RS256"});
    rotate(&node, body.clone());
    node.clock.advance_ms(HOUR_MS / 2);
    let keys = rotate(&node, body.clone());
    assert_eq!(states(&node), ["signing", "published", "published"]);
    let mut signed = Vec::new();
    for _ in 0..3 {
        let token = alice.token(&session);
        assert_eq!(verdict(&node, &token), 200);
        signed.push(kid_of(&token));
        node.clock.advance_ms(HOUR_MS / 2);
    }
    assert_eq!(signed, keys);
    for _ in 3..8 {
        rotate(&node, body.clone());
    }
    let answer = node.admin_as(
        crate::support::OWNER,
        "POST",
        "/admin/v1/signing-keys/rotate",
        body,
    );
    assert_eq!(
        (answer.status, text(&answer.json()["error"])),
        (409, "full".to_owned())
    );
    assert_eq!(published(&node).len(), 8);
    assert_eq!(rotate(&node, json!({"compromised": true})).len(), 1);
}

#[test]
fn no_token_outlives_its_key() {
    rows!("C-80", "C-94");
    // As if tokens had been allowed to live longer after the rotation than before.
    let node = Node::start(Setup {
        policy: Policy {
            signing_keys: RotationPolicy {
                lead_ms: 10_000,
                keep_ms: 30_000,
                every_ms: None,
            },
            ..Policy::default()
        },
        ..Setup::default()
    });
    node.account("alice", json!({}));
    put(&node, "day", json!({}), 86_400, 5, "RS256");
    let (mut alice, session) = Browser::signed_in(&node, "alice");
    let old = text(&node.administer("GET", SIGNING, Value::Null)["keys"][0]["kid"]);
    node.administer("POST", "/admin/v1/signing-keys/rotate", json!({}));
    node.clock.advance_ms(9_000);
    let now_s = now_ms(&node) / 1_000;
    for token in [
        alice.token(&session),
        minted(&alice.call(&session, "/tokens/day")),
    ] {
        assert_eq!(kid_of(&token), old);
        let answer = node.send("GET", "/.well-known/jwks.json", &[], "");
        kept(&answer, "public, max-age=10");
        let claims = token.split('.').nth(1).unwrap();
        let claims =
            base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, claims);
        let claims: Value = serde_json::from_slice(&claims.unwrap()).unwrap();
        assert_eq!(claims["exp"], now_s + 31);
    }
}

#[test]
fn keys_follow_each_other_by_themselves_if_they_are_told_to() {
    rows!("C-94");
    let node = Node::start(Setup {
        policy: Policy {
            signing_keys: RotationPolicy {
                every_ms: Some(30 * HOUR_MS),
                ..RotationPolicy::default()
            },
            ..Policy::default()
        },
        ..Setup::default()
    });
    node.account("alice", json!({}));
    let (mut alice, session) = Browser::signed_in(&node, "alice");
    let look = || {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let looked = node.engine.look_after_signing_keys();
        runtime.unwrap().block_on(looked).unwrap().len()
    };
    assert_eq!(look(), 0);
    let mut signers = vec![kid_of(&alice.token(&session))];
    for _ in 0..4 {
        node.clock.advance_ms(29 * HOUR_MS - 1);
        assert_eq!(look(), 0, "an hour before its time");
        node.clock.advance_ms(1);
        assert_eq!((look(), look()), (1, 0), "once");
        assert_eq!(kid_of(&alice.token(&session)), *signers.last().unwrap());
        node.clock.advance_ms(HOUR_MS);
        let signer = kid_of(&alice.token(&session));
        assert!(!signers.contains(&signer));
        signers.push(signer);
        until("the removal of older ones", || states(&node).len() <= 2);
    }
}
