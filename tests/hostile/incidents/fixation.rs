//! C3, C4: what was there before a login, or was chosen by the client, or is half a login, is no session.

use serde_json::json;

use super::uses::everywhere;
use super::*;

#[test]
fn what_a_client_chose_never_becomes_valid() {
    let node = Node::start(setup());
    node.account("alice-in-person", json!({}));
    let pair = node.key_pair("alice-in-person");
    let chosen = [
        "0123456789abcdef0123456789abcdef",
        "00890640-ec03-4663-82ce-456ea993807d",
        "AAAAAAAAAAAAAAAAAAAAAAAA",
        &"A".repeat(54),
        "sess_0123456789abcdefABCDEF",
    ];
    for chosen in chosen {
        let cookie = format!("__client={chosen}; __session={chosen}");
        let everything = [
            ("session", chosen),
            ("private-token", chosen),
            ("xdata-session-token", chosen),
            ("cookie", cookie.as_str()),
        ];
        let password = json!({"username": "alice-in-person", "password": PASSWORD});
        let body = password.to_string();
        let mut headers = everything.to_vec();
        headers.push(JSON);
        done(&node.send("POST", "/v1/sessions/", &headers, &body));
        let mut form = everything.to_vec();
        form.push(FORM);
        let fields = format!("identifier=alice-in-person&password={PASSWORD}");
        // A cookie that is nobody's is as none.
        done(&node.send("POST", "/v1/client/sign_ins", &form, &fields));
        let (signed, _) = clerk(&node, chosen, "alice-in-person");
        done(&signed);
        let answer = i3d(&node, chosen, "alice-in-person");
        assert_eq!(answer.status, 403, "{}", answer.text());
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "session.open_session",
            "params": {"token": chosen}});
        let by_key = [("apikey", &*pair.0), ("secret", &*pair.1), JSON];
        let opened = node.send("POST", RPC, &by_key, &call.to_string()).json();
        assert_eq!(opened["error"]["code"], -32602);
        for one in everywhere(&node, chosen, chosen, &pair) {
            assert!(!one.tells_of("alice-in-person"), "{}", one.place);
        }
    }
}

#[test]
fn half_a_login_is_no_session_in_any_place() {
    let node = Node::start(setup());
    node.account("alice-in-person", json!({"client_type": "website"}));
    node.account("otto-in-person", json!({}));
    enrol(&node, "otto-in-person");
    let pair = node.key_pair("alice-in-person");
    let template = json!({"claims": {"sid": null}, "lifetime_s": 60, "allowed_clock_skew_s": 5,
        "algorithm": "RS256"});
    let refused = node.admin_as(
        crate::support::OWNER,
        "PUT",
        "/admin/v1/templates/x",
        template,
    );
    assert_eq!(refused.status, 422, "no template names a session");
    let template = json!({"claims": {"role": "admin"}, "lifetime_s": 60,
        "allowed_clock_skew_s": 5, "algorithm": "RS256"});
    node.administer("PUT", "/admin/v1/templates/plain", template);

    let own = text(&done(&mollybet(&node, "alice-in-person", json!({})))["data"]);
    let path = format!("/v1/sessions/{own}/tokenize/");
    let handoff = text(&done(&node.send("POST", &path, &[("session", &own)], ""))["data"]);
    let (signed, client) = clerk(&node, "", "alice-in-person");
    let session = text(&done(&signed)["response"]["created_session_id"]);
    let path = format!("/v1/client/sessions/{session}/tokens/plain");
    let by_template = text(&done(&native(&node, &client, "POST", &path, ""))["jwt"]);
    let key = guest(&node);
    done(&i3d(&node, &key, "otto-in-person"));
    let (half, browser) = clerk(&node, "", "otto-in-person");
    let half = done(&half);
    assert_eq!(half["response"]["status"], "needs_second_factor");
    let sign_in = text(&half["response"]["id"]);
    let answer = mollybet(&node, "otto-in-person", json!({}));
    assert_eq!(answer.status, 403, "{}", answer.text());

    let mut tried = 0;
    // The keys and the clients of half logins name nobody; what names somebody is no credential.
    for artefact in [&handoff, &by_template, &key, &browser, &sign_in, &session] {
        for one in everywhere(&node, artefact, &session, &pair) {
            let body = one.answer.text();
            // The browser in which somebody is half signed in is told of that, and of nothing else.
            let pending = artefact == &browser
                && body.contains("needs_second_factor")
                && !body.contains("\"jwt\"")
                && !body.contains("\"active\"");
            for name in ["alice-in-person", "otto-in-person"] {
                assert!(pending || !one.tells_of(name), "{}: {body}", one.place);
            }
            tried += 1;
        }
    }
    println!("{tried} uses of 6 artefacts");
    let alive = node.send("GET", "/auth/verify", &[("session", &own)], "");
    assert_eq!(alive.status, 200, "the session behind them is untouched");
}
