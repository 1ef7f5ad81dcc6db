//! Other clients' sessions: answered like none, and left alone.

use super::*;

#[test]
fn another_clients_session_is_answered_like_one_that_never_was() {
    rows!("C-57");
    let node = node(&["alice", "bob"]);
    let (mut alice, theirs) = Browser::signed_in(&node, "alice");
    let (mut bob, own) = Browser::signed_in(&node, "bob");
    // Another client of the same user is another client.
    let (mut other, elsewhere) = Browser::signed_in(&node, "alice");
    let mollybet = node.session("alice");
    let body = json!({"username": "alice", "surface": "mollybet"});
    let issued = node.administer("POST", "/admin/v1/sessions", body);
    let issued = text(&issued["sessions"][0]["id"]);
    let form = |browser: &mut Browser<'_>, id: &str, call: &str| {
        let answer = browser.call(id, call);
        let shown = answer.text().replace(id, "ID");
        (
            answer.status,
            shown,
            answer.header("set-cookie").map(str::to_owned),
        )
    };
    node.clock.advance_ms(60_000);
    let before = effects(&node);
    for browser in [&mut bob, &mut other] {
        for call in ["", "/touch", "/end", "/remove", "/tokens", "/tokens/plain"] {
            let unknown = form(browser, NEVER, call);
            assert_eq!(unknown.0, 404);
            for id in [&theirs, &issued] {
                assert_eq!(form(browser, id, call), unknown, "{call}");
            }
        }
        for id in [&theirs, &issued, &NEVER.to_owned()] {
            let path = format!("/v1/me?_clerk_session_id={id}");
            refused(&browser.get(&path), 404, "resource_not_found");
        }
    }
    // Texts that can be no id are not repeated.
    for id in [
        "x",
        &mollybet,
        "sess_",
        "client_0123456789abcdefABCDEF",
        "%FF",
        "%2e",
    ] {
        for call in ["", "/touch", "/end", "/remove", "/tokens"] {
            let answer = bob.call(id, call);
            refused(&answer, 404, "resource_not_found");
            let said = &answer.json()["errors"][0]["long_message"];
            assert_eq!(*said, "Session not found");
        }
    }
    assert_eq!(effects(&node), before);
    for (browser, id) in [
        (&mut alice, &theirs),
        (&mut other, &elsewhere),
        (&mut bob, &own),
    ] {
        let shown = ok(&browser.call(id, ""));
        assert_eq!(shown["response"]["status"], "active");
        assert_eq!(
            shown["response"]["last_active_at"],
            crate::support::START_MS
        );
    }
    // Where nothing is live the answer is the same for both, too.
    ok(&bob.call(&own, "/end"));
    for call in ["/touch", "/tokens", "/tokens/plain"] {
        for id in [theirs.as_str(), NEVER] {
            refused(&bob.call(id, call), 401, "signed_out");
        }
    }
}

#[test]
fn a_dead_session_of_another_client_is_no_more_known_than_a_live_one() {
    rows!("C-57", "C-56");
    let node = node(&["alice", "bob"]);
    let (mut alice, theirs) = Browser::signed_in(&node, "alice");
    let (mut bob, _) = Browser::signed_in(&node, "bob");
    ok(&alice.call(&theirs, "/end"));
    for call in ["", "/touch", "/end", "/remove", "/tokens"] {
        refused(&bob.call(&theirs, call), 404, "resource_not_found");
    }
    assert_eq!(alice.status(&theirs), "ended");
}
