//! What each surface has the stream tell: logins and their factors, sessions, hand-offs, keys.

use ipnet::IpNet;
use serde_json::{Value, json};
use sessile::http::address::TrustedProxies;
use totp_rs::{Builder, Secret};

use crate::stream::{Audited, Told};
use crate::support::client::Answer;
use crate::support::{Node, START_MS, Setup};

const JSON: (&str, &str) = ("content-type", "application/json");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
/// Whom the requests of these tests come from, behind a proxy that is trusted.
const FROM: (&str, &str) = ("x-forwarded-for", "203.0.113.9, 198.51.100.7");
const AGENT: (&str, &str) = ("user-agent", "curl/8");

/// A node behind a proxy, with alice, otto of whom a second factor is asked, and his seed.
pub(crate) fn start() -> (Audited, String) {
    let mut setup = Setup::default();
    let proxy: IpNet = "127.0.0.0/8".parse().unwrap();
    setup.surroundings.proxies = TrustedProxies::new(vec![proxy]);
    let audited = Audited::start(setup);
    let node = audited.node();
    node.account("alice", json!({}));
    node.account("otto", json!({}));
    let enrolled = node.administer("POST", "/admin/v1/accounts/otto/totp", Value::Null);
    let seed = enrolled["totp_secret"].as_str().unwrap().to_owned();
    (audited, seed)
}

pub(crate) fn code(seed: &str) -> String {
    let secret = Secret::try_from_base32(seed).unwrap();
    let codes = Builder::new().with_secret(secret).build_noncompliant();
    codes.generate(START_MS / 1_000).to_string()
}

/// A request with a JSON body, from behind the proxy.
pub(crate) fn send(
    node: &Node,
    method: &str,
    path: &str,
    more: &[(&str, &str)],
    body: &Value,
) -> Answer {
    let mut headers = vec![JSON, FROM, AGENT];
    headers.extend(more);
    node.send(method, path, &headers, &body.to_string())
}

pub(crate) fn mollybet_login(node: &Node, body: &Value) -> Answer {
    send(node, "POST", "/v1/sessions", &[], body)
}

/// The session that a login handed out.
pub(crate) fn handed_out(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["data"].as_str().unwrap().to_owned()
}

/// The public id of a session.
pub(crate) fn public_id(node: &Node, secret: &str) -> String {
    use sessile::door::Engine;
    node.engine
        .session_id(secret.as_bytes())
        .unwrap()
        .to_string()
}

#[track_caller]
fn from_behind_the_proxy(line: &Value, surface: &str) {
    assert_eq!(line["address"], "198.51.100.7", "{line:#}");
    assert_eq!(line["user_agent"], "curl/8");
    assert_eq!(line["surface"], surface);
    assert_eq!(line["at"], "2026-01-01T00:00:00.000Z");
}

#[test]
fn mollybet_tells_of_logins_and_what_they_lead_to() {
    let (audited, seed) = start();
    let node = audited.node();
    for (body, status) in [
        (json!({"username": "alice", "password": "wrong"}), 401),
        (json!({"username": "nobody", "password": "wrong"}), 401),
        (json!({"username": "otto", "password": "password-1"}), 403),
    ] {
        assert_eq!(mollybet_login(node, &body).status, status);
    }
    let alice = json!({"username": "alice", "password": "password-1"});
    let alice = handed_out(&mollybet_login(node, &alice));
    let otto = json!({"username": "otto", "password": "password-1", "otp": code(&seed)});
    let otto = handed_out(&mollybet_login(node, &otto));
    let ids = [public_id(node, &alice), public_id(node, &otto)];
    let path = format!("/v1/sessions/{alice}");
    for status in [200, 401] {
        let out = send(node, "DELETE", &path, &[("session", &alice)], &json!({}));
        assert_eq!(out.status, status);
    }
    let told = audited.stop();
    let logins = told.of("login");
    let seen: Vec<_> = logins
        .iter()
        .map(|line| {
            from_behind_the_proxy(line, "mollybet");
            assert_eq!(line["actor"], json!({"kind": "unknown"}));
            (&line["named"], &line["outcome"], &line["reason"])
        })
        .map(|(named, outcome, reason)| json!([named, outcome, reason]))
        .collect();
    let wanted = json!([
        ["alice", "refused", "wrong_credentials"],
        ["nobody", "refused", "wrong_credentials"],
        ["otto", "refused", "second_factor_missing"],
        ["alice", "ok", null],
        ["otto", "ok", null],
    ]);
    assert_eq!(Value::from(seen), wanted);
    assert_eq!(logins[4]["detail"]["factors"], json!(["password", "totp"]));
    assert_eq!(
        logins[4]["on_behalf_of"],
        json!({"user_id": 2, "username": "otto"})
    );
    let opened = told.of("session.open");
    for (line, id) in opened.iter().zip(&ids) {
        from_behind_the_proxy(line, "mollybet");
        assert_eq!(line["about"], json!([id]));
    }
    let ended = told.one("session.end", "ok");
    from_behind_the_proxy(ended, "mollybet");
    assert_eq!(ended["about"], json!([ids[0]]));
    assert_eq!(ended["session"], ids[0]);
    assert_eq!(ended["detail"]["reason"], "logout");
    let person = json!({"kind": "account", "user_id": 1, "username": "alice"});
    assert_eq!(ended["actor"], person);
    let again = told.one("session.end", "refused");
    assert_eq!(again["reason"], "session_not_found");
    assert_eq!(again["actor"]["kind"], "unknown");
}

#[test]
fn handing_over_is_told_with_both_sides() {
    let (audited, _) = start();
    let node = audited.node();
    node.account("agent", json!({}));
    node.account("bob", json!({"agent": "agent"}));
    let (bob, agent) = (node.session("bob"), node.session("agent"));
    let path = format!("/v1/sessions/{bob}/tokenize");
    let token = handed_out(&send(node, "POST", &path, &[("session", &bob)], &json!({})));
    let path = format!("/v1/sessions/{agent}/detokenize");
    for status in [200, 404] {
        let body = json!({"token": token});
        let answer = send(node, "POST", &path, &[("session", &agent)], &body);
        assert_eq!(answer.status, status);
    }
    let bob = public_id(node, &bob);
    let told = audited.stop();
    let issued = told.one("handoff.issue", "ok");
    assert_eq!(issued["actor"]["username"], "bob");
    assert_eq!(issued["about"][1], bob);
    let handoff = &issued["about"][0];
    assert!(handoff.as_str().unwrap().starts_with("hoff_"));
    let redeemed = told.one("handoff.redeem", "ok");
    assert_eq!(redeemed["actor"]["username"], "agent");
    assert_eq!(redeemed["on_behalf_of"]["username"], "bob");
    assert_eq!(redeemed["about"], json!([handoff, bob]));
    let again = told.one("handoff.redeem", "refused");
    assert_eq!(again["reason"], "handoff_not_found");
    assert_eq!(&again["about"][0], handoff);
}

#[test]
fn i3d_tells_of_keys_steps_and_logout() {
    let (audited, seed) = start();
    let node = audited.node();
    let made = node.administer("POST", "/admin/v1/keys", json!({"kind": "i3d-guest"}));
    let key = made["secret"].as_str().unwrap();
    let post = |key: &str, path: &str, body: Value| {
        let path = format!("/v3/session/{path}");
        send(node, "POST", &path, &[("private-token", key)], &body).status
    };
    let credentials = |password| json!({"userName": "OTTO", "password": password});
    assert_eq!(post("no-such-key", "login", credentials("x")), 403);
    assert_eq!(post(key, "login", credentials("x")), 401);
    assert_eq!(post(key, "login", credentials("password-1")), 200);
    assert_eq!(post(key, "login/otp", json!({"otp": "000000"})), 401);
    assert_eq!(post(key, "login/otp", json!({"otp": code(&seed)})), 204);
    assert_eq!(post(key, "logout", json!({})), 204);
    let told = audited.stop();
    let refused = told.one("key.refused", "refused");
    from_behind_the_proxy(refused, "i3d");
    let wrong = told.one("login", "refused");
    assert_eq!(
        (&wrong["named"], &wrong["actor"]["kind"]),
        (&json!("OTTO"), &json!("client"))
    );
    let half = told.one("login", "ok");
    assert_eq!(half["detail"]["second_factor"], "awaited");
    assert_eq!(
        told.one("login.begin", "ok")["on_behalf_of"]["username"],
        "otto"
    );
    assert_eq!(
        told.one("login.code", "refused")["reason"],
        "wrong_credentials"
    );
    let right = told.one("login.code", "ok");
    assert_eq!(right["detail"]["factors"], json!(["password", "totp"]));
    let opened = told.one("session.open", "ok");
    from_behind_the_proxy(opened, "i3d");
    let out = told.one("client.sign_out", "ok");
    assert_eq!(out["actor"]["username"], "otto");
    assert_eq!(
        out["about"],
        json!([out["actor"]["client"], opened["about"][0]])
    );
}

#[test]
fn xdata_tells_of_pairs_and_what_they_open_and_close() {
    let (audited, _) = start();
    let node = audited.node();
    let (api_key, secret) = node.key_pair("alice");
    let call = |secret: &str, method: &str, params: Value| {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let headers = [("apikey", api_key.as_str()), ("secret", secret)];
        send(node, "POST", "/api/v2/session/jsonrpc", &headers, &body)
    };
    assert_eq!(call("wrong", "session.open_session", json!({})).status, 401);
    let opened = call(&secret, "session.open_session", json!({})).json();
    let token = opened["result"]["access_token"].as_str().unwrap();
    let params = json!({"token": token});
    let verified = call(&secret, "session.verify_session_token", params.clone());
    assert_eq!(verified.json()["result"]["active"], true);
    assert_eq!(call(&secret, "session.close_session", params).status, 200);
    let id = public_id(node, token);
    let told = audited.stop();
    let refused = told.one("key.refused", "refused");
    assert_eq!(
        (&refused["named"], &refused["reason"]),
        (&json!(api_key), &json!("key_refused"))
    );
    let actor = json!({"kind": "key", "key": api_key, "user_id": 1, "username": "alice"});
    for kind in ["session.open", "session.end"] {
        let line = told.one(kind, "ok");
        from_behind_the_proxy(line, "xdata");
        assert_eq!((&line["actor"], &line["about"]), (&actor, &json!([id])));
    }
    // A verification is not told of.
    assert!(told.0.iter().all(|line| line["surface"] != "gateway"));
    assert_eq!(
        told.of("session.open").len() + told.of("session.end").len(),
        2
    );
}

#[test]
fn clerk_tells_of_steps_sessions_and_the_page() {
    let (audited, seed) = start();
    let node = audited.node();
    let page = ("origin", "https://app.example");
    let ask = |cookie: &str, path: &str, form: &str| {
        let cookie = format!("__client={cookie}");
        let headers = [FORM, FROM, AGENT, page, ("cookie", cookie.as_str())];
        node.send("POST", path, &headers, form)
    };
    let secret = |answer: &Answer| {
        let cookie = answer.header("set-cookie").unwrap();
        let value = cookie.strip_prefix("__client=").unwrap();
        value.split(';').next().unwrap().to_owned()
    };
    let sign_ins = "/v1/client/sign_ins";
    let wrong = ask("", sign_ins, "identifier=otto&password=wrong");
    assert_eq!(wrong.status, 422);
    let half = ask("", sign_ins, "identifier=otto&password=password-1");
    let (cookie, id) = (
        secret(&half),
        half.json()["response"]["id"].as_str().unwrap().to_owned(),
    );
    let second = format!("{sign_ins}/{id}/attempt_second_factor");
    assert_eq!(ask(&cookie, &second, "code=000000").status, 422);
    let form = format!("code={}", code(&seed));
    let whole = ask(&cookie, &second, &form);
    let cookie = secret(&whole);
    let session = whole.json()["response"]["created_session_id"].clone();
    let path = format!("/v1/client/sessions/{}/end", session.as_str().unwrap());
    assert_eq!(ask(&cookie, &path, "").status, 200);
    assert_eq!(
        ask(&cookie, "/v1/client/sessions?_method=DELETE", "").status,
        200
    );
    assert_eq!(ask(&cookie, "/v1/client?_method=DELETE", "").status, 200);
    let told = audited.stop();
    for line in told.0.iter().filter(|line| line["surface"] == "clerk") {
        from_behind_the_proxy(line, "clerk");
        assert_eq!(line["page"], "https://app.example");
    }
    assert_eq!(told.one("login", "refused")["reason"], "wrong_credentials");
    assert_eq!(
        told.one("login", "ok")["detail"]["second_factor"],
        "awaited"
    );
    assert_eq!(told.one("login.begin", "ok")["about"][0], id);
    assert_eq!(
        told.one("login.code", "refused")["reason"],
        "wrong_credentials"
    );
    assert_eq!(
        told.one("login.code", "ok")["on_behalf_of"]["username"],
        "otto"
    );
    assert_eq!(told.one("session.open", "ok")["about"], json!([session]));
    let ended = told.one("session.end", "ok");
    assert_eq!(
        (&ended["about"], &ended["actor"]["username"]),
        (&json!([session]), &json!("otto"))
    );
    told.one("client.sign_out", "ok");
    told.one("client.destroy", "ok");
    code_is_not_told(&told, &code(&seed));
}

/// Not even a spent code is told.
fn code_is_not_told(told: &Told, code: &str) {
    let text = Value::from(told.0.clone()).to_string();
    assert!(!text.contains(&format!("\"{code}\"")));
}

/// Of its two ways one is in front of the application, and reads the header fields by itself.
#[test]
fn a_login_that_is_not_looked_at_is_told_the_same_whichever_way_it_takes() {
    let (audited, _) = start();
    let node = audited.node();
    let wrong = json!({"username": "alice", "password": "wrong"});
    for _ in 0..5 {
        assert_eq!(mollybet_login(node, &wrong).status, 401);
    }
    let with_code = json!({"username": "alice", "password": "wrong", "otp": "000000"});
    let page = ("origin", "https://app.example");
    for body in [&wrong, &with_code] {
        for path in ["/v1/sessions", "/v1/%73essions"] {
            assert_eq!(send(node, "POST", path, &[page], body).status, 429);
        }
    }
    let told = audited.stop();
    let logins = told.of("login");
    let throttled: Vec<_> = logins
        .iter()
        .filter(|line| line["reason"] == "throttled")
        .map(|line| {
            from_behind_the_proxy(line, "mollybet");
            let mut line = Value::clone(line);
            let own = line.as_object_mut().unwrap();
            own.remove("n");
            own.remove("hash");
            line
        })
        .collect();
    assert_eq!(throttled.len(), 4);
    assert_eq!(throttled[0], throttled[1]);
    assert_eq!(throttled[2], throttled[3]);
    assert_eq!(throttled[0]["outcome"], "refused");
    assert_eq!(throttled[0]["named"], "alice");
    assert_eq!(throttled[0]["page"], "https://app.example");
    assert_eq!(throttled[2]["detail"]["code_given"], true);
}
