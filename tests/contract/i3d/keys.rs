//! The key in `PRIVATE-TOKEN`: whose it is, when and from where it is good.

use sessile::http::address::TrustedProxies;
use sessile::http::surroundings::Surroundings;

use super::*;

/// A node whose loopback is a trusted proxy.
fn behind_proxy() -> Node {
    let proxies = TrustedProxies::new(vec!["127.0.0.0/8".parse().unwrap()]);
    Node::start(Setup {
        surroundings: Surroundings {
            proxies,
            ..Surroundings::default()
        },
        ..Setup::default()
    })
}

#[test]
fn every_call_needs_a_key() {
    rows!("V-5", "V-14");
    let node = node(&[]);
    for (method, path) in CALLS {
        // The key comes before the body and its type.
        let bad = [("content-type", "text/plain")];
        assert!(refused(&node.send(method, path, &[], ""), 401, 60_003).is_empty());
        refused(&node.send(method, path, &bad, "{"), 401, 60_003);
        let misnamed = [("privatetoken", "x"), ("authorization", "Bearer x")];
        refused(&node.send(method, path, &misnamed, ""), 401, 60_003);
    }
}

#[test]
fn a_key_that_is_not_known_is_refused_whatever_its_form() {
    rows!("V-6", "V-14");
    let node = node(&["alice"]);
    let key = guest(&node);
    assert_eq!(key.len(), 24);
    assert!(key.bytes().all(|b| b.is_ascii_alphanumeric()));
    let (longer, shouted) = (format!("{key}x"), key.to_ascii_uppercase());
    let (long, longest) = ("x".repeat(257), "x".repeat(4_000));
    let (first, _) = key.split_at(23);
    for bad in [
        "",
        "x",
        "0123456789abcdefghijABCD",
        first,
        &longer,
        &shouted,
        &long,
        &longest,
        "\u{e9}",
    ] {
        for call in CALLS {
            refused(&self::call(&node, bad, call), 403, 60_004);
        }
        let headers = [(TOKEN, bad), ("content-type", "text/plain")];
        refused(&node.send("POST", LOGIN, &headers, "{"), 403, 60_004);
    }
    refused(&user(&node, &key), 404, 10_001);
}

#[test]
fn a_key_sent_twice_is_none() {
    rows!("V-7");
    let node = node(&["alice"]);
    let (one, other) = (guest(&node), account_key(&node, "alice"));
    for (first, second) in [(&one, &one), (&other, &one), (&one, &other)] {
        for (method, path) in CALLS {
            let headers = [(TOKEN, first.as_str()), (TOKEN, second.as_str())];
            refused(&node.send(method, path, &headers, ""), 403, 60_004);
        }
    }
}

#[test]
fn a_key_is_good_until_it_expires() {
    rows!("V-8");
    let node = node(&["alice"]);
    let at = START_MS + 60_000;
    let mine = json!({"kind": "i3d", "username": "alice", "expires_at_ms": at});
    let owned = key(&node, mine);
    let guest = key(&node, json!({"kind": "i3d-guest", "expires_at_ms": at}));
    complete(&log_in(&node, &guest, "alice", PASSWORD));
    node.clock.advance_ms(59_999);
    for key in [&owned, &guest] {
        assert_eq!(who(&node, key).as_deref(), Some("alice"));
    }
    node.clock.advance_ms(1);
    for key in [&owned, &guest] {
        for call in CALLS {
            refused(&self::call(&node, key, call), 403, 60_004);
        }
    }
}

#[test]
fn a_key_is_good_from_its_networks() {
    rows!("V-9");
    let node = node(&["alice"]);
    let of = |networks: &[&str]| key(&node, json!({"kind": "i3d-guest", "networks": networks}));
    for networks in [
        &["127.0.0.0/8"][..],
        &["127.0.0.1"],
        &["192.0.2.0/24", "127.0.0.1/32"],
        &["0.0.0.0/0"],
        &[],
    ] {
        refused(&user(&node, &of(networks)), 404, 10_001);
    }
    for networks in [&["192.0.2.0/24"][..], &["127.0.0.2/32"], &["::/0"]] {
        let key = of(networks);
        for call in CALLS {
            refused(&self::call(&node, &key, call), 403, 60_004);
        }
    }
    // Nobody takes a caller's word for where he is.
    let key = of(&["192.0.2.0/24"]);
    let headers = [(TOKEN, key.as_str()), ("x-forwarded-for", "192.0.2.1")];
    refused(&node.send("GET", USER, &headers, ""), 403, 60_004);
}

#[test]
fn behind_a_trusted_proxy_the_end_users_address_counts() {
    rows!("V-9", "V-10");
    let node = behind_proxy();
    let key = key(
        &node,
        json!({"kind": "i3d-guest", "networks": ["192.0.2.0/24"]}),
    );
    for (forwarded, good) in [
        ("192.0.2.1", true),
        ("198.51.100.1, 192.0.2.1", true),
        ("192.0.2.1, 127.0.0.9", true),
        ("::ffff:192.0.2.1", true),
        ("192.0.2.1, 198.51.100.1", false),
        ("198.51.100.1", false),
        ("127.0.0.1", false),
        ("192.0.2.1, nonsense", false),
    ] {
        let headers = [(TOKEN, key.as_str()), ("x-forwarded-for", forwarded)];
        let answer = node.send("GET", USER, &headers, "");
        match good {
            true => refused(&answer, 404, 10_001),
            false => refused(&answer, 403, 60_004),
        };
    }
    refused(&user(&node, &key), 403, 60_004);
}

#[test]
fn withdrawing_a_key_logs_out_who_was_logged_in_on_it() {
    rows!("V-11");
    let node = node(&["alice"]);
    let (made, other) = (
        node.administer("POST", KEYS, json!({"kind": "i3d-guest"})),
        guest(&node),
    );
    let key = made["secret"].as_str().unwrap();
    for key in [key, &other] {
        complete(&log_in(&node, key, "alice", PASSWORD));
    }
    let sessions = || {
        let listed = node.administer("GET", "/admin/v1/sessions", Value::Null);
        listed["sessions"].as_array().unwrap().len()
    };
    assert_eq!(sessions(), 2);
    let path = format!("{KEYS}/{}", made["name"].as_str().unwrap());
    node.administer("DELETE", &path, Value::Null);
    for call in CALLS {
        refused(&self::call(&node, key, call), 403, 60_004);
    }
    assert_eq!(sessions(), 1);
    assert_eq!(who(&node, &other).as_deref(), Some("alice"));
}

#[test]
fn an_account_key_dies_with_what_ends_the_sessions_of_its_account() {
    rows!("V-12");
    let node = node(&["a", "b", "c", "d", "e", "f"]);
    let keys = ["a", "b", "c", "d", "e", "f"].map(|name| account_key(&node, name));
    let change = |method: &str, path: &str, body: Value| {
        node.administer(method, &format!("/admin/v1/accounts/{path}"), body);
    };
    change("PATCH", "a", json!({"enabled": false}));
    change("POST", "b/revoke", json!({}));
    change("PUT", "c/password", json!({"password": "password-2"}));
    change("POST", "d/totp", Value::Null);
    change("DELETE", "e", Value::Null);
    change("PATCH", "f", json!({"locked": true}));
    let [dead @ .., locked] = &keys;
    for key in dead {
        refused(&user(&node, key), 403, 60_004);
    }
    assert_eq!(who(&node, locked).as_deref(), Some("f"));
    change("PATCH", "a", json!({"enabled": true}));
    refused(&user(&node, &keys[0]), 403, 60_004);
}

#[test]
fn no_other_secret_is_a_key_and_a_key_is_no_other_secret() {
    rows!("V-12");
    let node = node(&["alice"]);
    let session = node.session("alice");
    let (api_key, secret) = node.key_pair("alice");
    for other in [&session, &api_key, &secret, crate::support::OWNER] {
        refused(&user(&node, other), 403, 60_004);
    }
    let (guest, owned) = (guest(&node), account_key(&node, "alice"));
    complete(&log_in(&node, &guest, "alice", PASSWORD));
    for key in [&guest, &owned] {
        let path = format!("/v1/sessions/{key}/");
        let answer = node.send("GET", &path, &[("session", key)], "");
        assert_eq!(answer.status, 401);
        let pair = [("apikey", api_key.as_str()), ("secret", key.as_str())];
        let answer = node.send("POST", "/api/v2/session/jsonrpc", &pair, "{}");
        assert_eq!(answer.status, 401);
        let token = [("xdata-session-token", key.as_str())];
        let answer = node.send("POST", "/api/v2/session/jsonrpc", &token, "{}");
        assert_eq!(answer.status, 401);
    }
}
