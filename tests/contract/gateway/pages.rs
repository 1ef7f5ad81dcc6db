//! What pages carry: a session's own token and the client's cookie.

use serde_json::json;

use super::{ask, node};
use crate::support::Node;
use crate::support::client::Answer;

/// A browser that signed alice in: its client's secret, and the first token.
fn signed_in(node: &Node) -> (String, String) {
    let answer = sign_in(node, "");
    let json = answer.json();
    let jwt = &json["client"]["sessions"][0]["last_active_token"]["jwt"];
    (client_of(&answer), jwt.as_str().unwrap().to_owned())
}

fn sign_in(node: &Node, authorization: &str) -> Answer {
    let headers = [
        ("authorization", authorization),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let body = "identifier=alice&password=password-1";
    let answer = node.send("POST", "/v1/client/sign_ins?_is_native=1", &headers, body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer
}

fn client_of(answer: &Answer) -> String {
    answer.header("authorization").unwrap().to_owned()
}

fn cookies(session: Option<&str>, client: Option<&str>) -> String {
    let session = session.map(|value| format!("__session={value}"));
    let client = client.map(|value| format!("__client={value}"));
    let all: Vec<_> = [Some("theme=dark".to_owned()), session, client]
        .into_iter()
        .flatten()
        .collect();
    all.join("; ")
}

fn verdict(node: &Node, session: Option<&str>, client: Option<&str>) -> u16 {
    ask(node, &[("cookie", &cookies(session, client))])
}

#[test]
fn a_token_counts_as_bearer_and_as_cookie_and_a_client_by_its_cookie() {
    rows!("G-22", "G-23", "G-3", "G-12");
    let node = node();
    let (client, jwt) = signed_in(&node);
    assert_eq!(verdict(&node, Some(&jwt), None), 200);
    assert_eq!(verdict(&node, None, Some(&client)), 200);
    assert_eq!(verdict(&node, None, None), 401);
    let bearer = format!("Bearer {jwt}");
    let answer = node.send("GET", super::PATH, &[("authorization", &bearer)], "");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("x-sessile-user"), Some("alice"));
    assert_eq!(answer.header("x-sessile-surface"), Some("clerk"));
    // The first kind that is there decides, with no falling through.
    assert_eq!(verdict(&node, Some("x.y.z"), Some(&client)), 401);
    assert_eq!(verdict(&node, Some(&jwt), Some("made-up")), 200);
    let mollybet = node.session("alice");
    let both = cookies(Some("x.y.z"), None);
    assert_eq!(
        ask(&node, &[("session", &mollybet), ("cookie", &both)]),
        200
    );
    let both = cookies(Some(&jwt), None);
    assert_eq!(ask(&node, &[("session", "0"), ("cookie", &both)]), 401);
    // Twice is none.
    let twice = format!("__session={jwt}; __session={jwt}");
    assert_eq!(ask(&node, &[("cookie", &twice)]), 401);
    let one = cookies(Some(&jwt), None);
    assert_eq!(ask(&node, &[("cookie", &one), ("cookie", &one)]), 401);
}

#[test]
fn a_token_is_no_better_than_its_session_and_lives_a_minute() {
    rows!("G-22", "G-24", "G-20");
    let node = node();
    let (client, jwt) = signed_in(&node);
    node.clock.advance_ms(59_000);
    assert_eq!(verdict(&node, Some(&jwt), None), 200);
    node.clock.advance_ms(1_000);
    assert_eq!(verdict(&node, Some(&jwt), None), 401, "its minute is over");
    assert_eq!(verdict(&node, None, Some(&client)), 200);
    let (other_client, jwt) = signed_in(&node);
    assert_eq!(verdict(&node, Some(&jwt), None), 200);
    let path = "/v1/client/sessions?_method=DELETE&_is_native=1";
    let left = node.send("POST", path, &[("authorization", &other_client)], "");
    assert_eq!(left.status, 200);
    assert_eq!(verdict(&node, Some(&jwt), None), 401, "its session ended");
    assert_eq!(verdict(&node, None, Some(&other_client)), 401);
    assert_eq!(verdict(&node, None, Some(&client)), 200);
}

#[test]
fn what_only_looks_like_a_page_s_credential_is_none() {
    rows!("G-6", "G-23", "G-24");
    let node = node();
    let before = node.send("GET", "/v1/client?_is_native=1", &[], "");
    let anonymous = client_of(&before);
    assert_eq!(verdict(&node, None, Some(&anonymous)), 401);
    let signed = sign_in(&node, &anonymous);
    assert_eq!(
        verdict(&node, None, Some(&anonymous)),
        401,
        "held before the sign-in"
    );
    let client = client_of(&signed);
    assert_eq!(verdict(&node, None, Some(&client)), 200);
    // A template's token is for somebody else, whatever it says.
    let template = json!({"claims": {"role": "user"}});
    node.administer("PUT", "/admin/v1/templates/other", template);
    let session = signed.json()["response"]["created_session_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/v1/client/sessions/{session}/tokens/other?_is_native=1");
    let minted = node
        .send("POST", &path, &[("authorization", &client)], "")
        .json();
    let jwt = minted["jwt"].as_str().unwrap();
    assert_eq!(verdict(&node, Some(jwt), None), 401);
    assert_eq!(
        ask(&node, &[("authorization", &format!("Bearer {jwt}"))]),
        401
    );
    // A client's secret is no session's, and the other way round.
    assert_eq!(ask(&node, &[("session", &client)]), 401);
    assert_eq!(
        ask(&node, &[("authorization", &format!("Bearer {client}"))]),
        401
    );
    let mollybet = node.session("alice");
    assert_eq!(verdict(&node, None, Some(&mollybet)), 401);
    assert_eq!(verdict(&node, Some(&mollybet), None), 401);
    for odd in ["", ".", "..", "a.b", "a.b.c.d", &"x".repeat(9_000)] {
        assert_eq!(verdict(&node, Some(odd), None), 401, "{odd}");
        assert_eq!(
            ask(&node, &[("authorization", &format!("Bearer {odd}"))]),
            401,
            "{odd}"
        );
    }
}

#[test]
fn a_token_is_good_as_long_as_its_key_is() {
    rows!("G-25", "G-24");
    let node = node();
    let rotate = |compromised: bool| {
        let body = json!({"algorithm": "RS256", "compromised": compromised});
        node.administer("POST", "/admin/v1/signing-keys/rotate", body);
    };
    let (_, first) = signed_in(&node);
    rotate(false);
    node.clock.advance_ms(3_599_000);
    let (_, last) = signed_in(&node);
    node.clock.advance_ms(1_000);
    let (client, second) = signed_in(&node);
    let header = |jwt: &str| jwt.split_once('.').unwrap().0.to_owned();
    assert_eq!(header(&first), header(&last));
    assert_ne!(header(&last), header(&second));
    assert_eq!(verdict(&node, Some(&last), None), 200);
    node.clock.advance_ms(58_000);
    assert_eq!(verdict(&node, Some(&last), None), 200, "a second before");
    let other = format!("{}.{}", header(&second), last.split_once('.').unwrap().1);
    assert_eq!(verdict(&node, Some(&other), None), 401, "another's name");
    node.clock.advance_ms(1_000);
    assert_eq!(verdict(&node, Some(&last), None), 401, "its end");
    assert_eq!(verdict(&node, Some(&second), None), 200);
    rotate(true);
    assert_eq!(verdict(&node, Some(&second), None), 401, "in its minute");
    assert_eq!(verdict(&node, None, Some(&client)), 200);
    let (_, third) = signed_in(&node);
    assert_eq!(verdict(&node, Some(&third), None), 200);
}
