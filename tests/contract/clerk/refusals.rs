//! What all refusals have in common, and what no answer says.

use super::*;

#[test]
fn a_refusal_has_its_shape_and_names_the_field() {
    rows!("C-38", "C-12");
    let node = node(&["alice"]);
    let (mut alice, session) = Browser::signed_in(&node, "alice");
    ok(&alice.call(&session, "/end"));
    let live = alice.sign_in("alice");
    // (answer, whether it is about a field)
    let unknown = alice.call(NEVER, "");
    let said = text(&unknown.json()["errors"][0]["long_message"]);
    assert!(said.contains(NEVER), "{said}");
    for (answer, field) in [
        (unknown, None),
        (alice.call(&session, "/tokens"), None),
        (alice.call(&live, "/tokens/none"), None),
        (
            alice.post(&format!("{SESSIONS}/{live}/touch"), "intent=x"),
            Some("intent"),
        ),
        (alice.post(SIGN_INS, ""), Some("identifier")),
        (alice.try_sign_in("bob", "x"), Some("password")),
        (alice.try_sign_in("alice", PASSWORD), None),
    ] {
        let body = answer.json();
        refused(&answer, answer.status, &text(&body["errors"][0]["code"]));
        let meta = field.map_or(Value::Null, |field| json!({"param_name": field}));
        assert_eq!(body["errors"][0]["meta"], meta);
    }
}

#[test]
fn no_answer_repeats_a_secret() {
    rows!("C-39");
    let node = node(&["alice"]);
    let (mut alice, session) = Browser::signed_in(&node, "alice");
    let secret = alice.secret();
    let said = "S3cret-said-1";
    let path = |call: &str| format!("{SESSIONS}/{session}/{call}");
    for (method, path, form) in [
        ("GET", CLIENT.to_owned(), String::new()),
        ("GET", path(""), String::new()),
        ("GET", path(said), String::new()),
        ("POST", path("touch"), format!("intent={said}")),
        ("POST", path("touch"), format!("{said}={said}&{said}=1")),
        ("POST", path(&format!("tokens/{said}")), String::new()),
        ("POST", path("tokens"), format!("organization_id={said}")),
        (
            "POST",
            SIGN_INS.to_owned(),
            format!("identifier=alice&password={said}"),
        ),
        (
            "POST",
            SIGN_INS.to_owned(),
            format!("strategy={said}&identifier=alice"),
        ),
        (
            "POST",
            format!("{SIGN_INS}/sia_{said}/attempt_second_factor"),
            format!("code={said}"),
        ),
        (
            "GET",
            format!("/v1/me?_clerk_session_id={said}"),
            String::new(),
        ),
        (
            "GET",
            format!("{CLIENT}?__clerk_db_jwt={said}"),
            String::new(),
        ),
        ("POST", format!("{CLIENT}?_method={said}"), String::new()),
        ("POST", path("end"), String::new()),
    ] {
        let answer = alice.ask(method, &path, &form);
        let head = format!("{:?}", answer.headers);
        for shown in [answer.text(), head] {
            assert!(!shown.contains(said), "{method} {path}: {shown}");
            assert!(!shown.contains(&secret), "{method} {path}: {shown}");
        }
    }
    // Nor does a record: it has digests.
    let records = format!("{:?}", node.journal.records());
    assert!(!records.contains(&secret) && !records.contains(PASSWORD));
}

#[test]
fn a_node_that_cannot_write_grants_nothing_and_takes_away_all_the_same() {
    rows!("C-40", "C-69");
    let node = node(&["alice", "bob"]);
    let seed = factors::enrolled(&node, "otto");
    let (mut alice, session) = Browser::signed_in(&node, "alice");
    let (mut bob, other) = Browser::signed_in(&node, "bob");
    let (mut otto, path) = factors::half_way(&node, "otto");
    let unavailable = |answer: &Answer| {
        refused(answer, 503, "service_unavailable");
        assert_eq!(answer.header("retry-after"), Some("1"));
    };
    node.journal.refuse(true);
    unavailable(&Browser::new(&node).try_sign_in("alice", PASSWORD));
    let code = factors::code(&seed, 0);
    unavailable(&otto.post(&path, &format!("code={code}")));
    unavailable(&Browser::new(&node).try_sign_in("otto", PASSWORD));
    // Reading, a token, and a touch of what is chosen need no record.
    assert_eq!(alice.status(&session), "active");
    alice.token(&session);
    ok(&alice.call(&session, "/touch"));
    unavailable(&alice.call(&session, "/end"));
    unavailable(&bob.ask("DELETE", SESSIONS, ""));
    assert_eq!(alice.status(&session), "ended");
    refused(&bob.call(&other, ""), 404, "resource_not_found");
    node.journal.refuse(false);
    node.hold_in_images();
    assert_eq!(alice.status(&session), "ended");
    assert_eq!(otto.statuses(), []);
    alice.sign_in("alice");
}

#[test]
fn what_could_not_be_written_down_is_not_answered_with_success_when_asked_again() {
    rows!("C-40", "C-67", "C-68");
    let node = node(&["alice", "bob"]);
    let (mut alice, _) = Browser::signed_in(&node, "alice");
    let (mut bob, _) = Browser::signed_in(&node, "bob");
    node.journal.refuse(true);
    refused(&alice.ask("DELETE", CLIENT, ""), 503, "service_unavailable");
    refused(&bob.ask("DELETE", SESSIONS, ""), 503, "service_unavailable");
    // Both find nothing to end any more; a restart would bring it back.
    node.journal.refuse(false);
    refused(&alice.ask("DELETE", CLIENT, ""), 503, "service_unavailable");
    refused(&bob.ask("DELETE", SESSIONS, ""), 503, "service_unavailable");
}
