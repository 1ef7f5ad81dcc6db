//! What a change of the account does to its sessions.

use super::*;

/// What hangs on one account: sessions, a session opened from one, and a hand-off token.
struct Hanging {
    own: String,
    child: String,
    handoff: String,
}

fn hanging(node: &Node) -> Hanging {
    let own = node.session("root");
    Hanging {
        child: text(&sudo(node, &own, "alice")),
        handoff: token(node, &own),
        own,
    }
}

fn with_root() -> Node {
    let node = node(&["agent"]);
    node.account("root", json!({"may_sudo": true, "agent": "agent"}));
    node.account("alice", json!({"agent": "root"}));
    node
}

#[test]
fn what_ends_an_accounts_sessions_ends_them_before_it_is_answered() {
    rows!("M-93");
    let node = with_root();
    let account = "/admin/v1/accounts/root";
    let (agent, bystander) = (node.session("agent"), node.session("alice"));
    for (method, path, body) in [
        ("POST", "/revoke", json!({})),
        ("PUT", "/password", json!({"password": PASSWORD})),
        ("POST", "/totp", Value::Null),
        ("DELETE", "/totp", Value::Null),
        ("PATCH", "", json!({"enabled": false})),
        ("DELETE", "", Value::Null),
    ] {
        node.administer("PATCH", account, json!({"enabled": true}));
        let hanging = hanging(&node);
        assert!(alive(&node, &hanging.own) && alive(&node, &hanging.child));
        node.administer(method, &format!("{account}{path}"), body);
        is_dead(&node, &agent, &hanging);
    }
    assert!(alive(&node, &agent) && alive(&node, &bystander));
}

fn is_dead(node: &Node, agent: &str, hanging: &Hanging) {
    let never = get(node, NEVER);
    same(&get(node, &hanging.own), &never);
    same(&get(node, &hanging.child), &never);
    refused(&detokenize(node, agent, &hanging.handoff), 404, "not_found");
    let verify = node.send("GET", "/auth/verify", &[("session", &hanging.own)], "");
    assert_eq!(verify.status, 401);
}

#[test]
fn an_account_that_is_enabled_again_gets_no_old_session_back() {
    rows!("M-93");
    let node = with_root();
    let hanging = hanging(&node);
    for enabled in [false, true] {
        let body = json!({"enabled": enabled});
        node.administer("PATCH", "/admin/v1/accounts/root", body);
    }
    assert!(!alive(&node, &hanging.own) && !alive(&node, &hanging.child));
    text(&log_in(&node, "root", PASSWORD));
}

#[test]
fn revoking_may_spare_one_session_and_what_hangs_on_it() {
    rows!("M-93");
    let node = with_root();
    let (kept, other) = (node.session("root"), node.session("root"));
    let (child, lost) = (
        text(&sudo(&node, &kept, "alice")),
        text(&sudo(&node, &other, "alice")),
    );
    let before = token(&node, &kept);
    let listed = node.administer("GET", "/admin/v1/sessions?username=root", Value::Null);
    let public = |secret: &str| {
        let of = |s: &Value| s["id"].as_str().unwrap().to_owned();
        let ids = listed["sessions"].as_array().unwrap().iter().map(of);
        let mut ids = ids.filter(|id| {
            node.send("GET", &path(id, ""), &[("session", secret)], "")
                .status
                == 200
        });
        ids.next().unwrap()
    };
    let keep = json!({"keep": public(&kept)});
    node.administer("POST", "/admin/v1/accounts/root/revoke", keep);
    assert!(alive(&node, &kept) && alive(&node, &child));
    assert!(!alive(&node, &other) && !alive(&node, &lost));
    // What was handed out before the revocation is void, what is made after it is good.
    let agent = node.session("agent");
    refused(&detokenize(&node, &agent, &before), 404, "not_found");
    ok(&detokenize(&node, &agent, &token(&node, &kept)));
}

#[test]
fn a_lock_or_an_expiry_ends_no_session() {
    rows!("M-94");
    let node = with_root();
    let hanging = hanging(&node);
    for change in [json!({"locked": true}), json!({"expires_at_ms": 1})] {
        node.administer("PATCH", "/admin/v1/accounts/root", change);
        refused(&log_in(&node, "root", PASSWORD), 403, "account_locked");
        assert!(alive(&node, &hanging.own) && alive(&node, &hanging.child));
        text(&sudo(&node, &hanging.own, "alice"));
        token(&node, &hanging.own);
    }
    let agent = node.session("agent");
    ok(&detokenize(&node, &agent, &hanging.handoff));
}

#[test]
fn the_end_of_a_target_ends_the_impersonation_only() {
    rows!("M-93", "M-71");
    let node = with_root();
    let hanging = hanging(&node);
    node.administer("POST", "/admin/v1/accounts/alice/revoke", json!({}));
    assert!(alive(&node, &hanging.own) && !alive(&node, &hanging.child));
}
