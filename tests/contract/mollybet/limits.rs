//! How many sessions an account may have, and what happens at the limit.

use sessile::session::policy::WhenFull;

use super::*;

/// A node on which an account has at most `limit` sessions, with alice and root.
fn limited(limit: u32, when_full: WhenFull) -> Node {
    let mut setup = Setup::default();
    setup.policy.mollybet.per_account = Some(limit);
    setup.policy.mollybet.when_full = when_full;
    let node = Node::start(setup);
    node.account("root", json!({"may_sudo": true}));
    node.account("alice", json!({"agent": "root"}));
    node
}

fn opened(node: &Node) -> String {
    text(&log_in(node, "alice", PASSWORD))
}

#[test]
fn the_hundred_and_first_session_ends_the_one_idle_for_longest() {
    rows!("M-49");
    let node = node(&["alice", "bob"]);
    let other = node.session("bob");
    let first = node.session("alice");
    node.clock.advance_ms(1);
    let wanted = json!({"username": "alice", "surface": "mollybet", "count": 99});
    let issued = node.administer("POST", "/admin/v1/sessions", wanted);
    let list = issued["sessions"].as_array().unwrap();
    let sessions: Vec<_> = list.iter().map(|s| s["secret"].as_str().unwrap()).collect();
    node.clock.advance_ms(1);
    // One that is not the oldest is left alone.
    let (idle, busy) = sessions.split_last().unwrap();
    ok(&get(&node, &first));
    for session in busy {
        ok(&get(&node, session));
    }
    assert!(alive(&node, idle));
    let newest = opened(&node);
    assert!(!alive(&node, idle));
    assert!(busy.iter().all(|session| alive(&node, session)));
    assert!(alive(&node, &first) && alive(&node, &newest) && alive(&node, &other));
}

#[test]
fn dead_sessions_do_not_count() {
    rows!("M-49", "M-50");
    let node = limited(2, WhenFull::Deny);
    let (one, two) = (opened(&node), opened(&node));
    refused(
        &log_in(&node, "alice", PASSWORD),
        403,
        "session_limit_reached",
    );
    ok(&delete(&node, &one));
    let three = opened(&node);
    refused(
        &log_in(&node, "alice", PASSWORD),
        403,
        "session_limit_reached",
    );
    node.clock.advance_ms(86_400_000 - 1);
    ok(&get(&node, &three));
    node.clock.advance_ms(1);
    assert!(!alive(&node, &two));
    opened(&node);
    refused(
        &log_in(&node, "alice", PASSWORD),
        403,
        "session_limit_reached",
    );
    assert!(alive(&node, &three));
}

#[test]
fn the_limit_holds_exactly_under_simultaneous_logins() {
    rows!("M-49", "M-50");
    for when_full in [WhenFull::Deny, WhenFull::EvictIdle, WhenFull::EvictOldest] {
        let node = limited(5, when_full);
        let answers = at_once(24, |_| log_in(&node, "alice", PASSWORD));
        let sessions: Vec<_> = answers
            .iter()
            .filter(|a| a.status == 200)
            .map(text)
            .collect();
        let living = sessions.iter().filter(|s| alive(&node, s)).count();
        assert_eq!(living, 5, "{when_full:?}");
        let let_in = if when_full == WhenFull::Deny { 5 } else { 24 };
        assert_eq!(sessions.len(), let_in, "{when_full:?}");
        for answer in answers.iter().filter(|a| a.status != 200) {
            refused(answer, 403, "session_limit_reached");
        }
    }
}

#[test]
fn the_policy_decides_which_session_makes_room() {
    rows!("M-50");
    // Opened in the order one, two, three; used in the order two, three, one.
    for (when_full, ends) in [(WhenFull::EvictOldest, 0), (WhenFull::EvictIdle, 1)] {
        let node = limited(3, when_full);
        let mut sessions = Vec::new();
        for _ in 0..3 {
            sessions.push(opened(&node));
            node.clock.advance_ms(1);
        }
        for used in [1, 2, 0] {
            ok(&get(&node, &sessions[used]));
            node.clock.advance_ms(1);
        }
        opened(&node);
        let dead: Vec<_> = (0..3).filter(|n| !alive(&node, &sessions[*n])).collect();
        assert_eq!(dead, [ends], "{when_full:?}");
    }
}

#[test]
fn at_the_limit_only_a_wrong_password_is_told_as_one() {
    rows!("M-50");
    let node = limited(1, WhenFull::Deny);
    let session = opened(&node);
    refused(&log_in(&node, "alice", "wrong"), 401, "login_failed");
    refused(
        &log_in(&node, "alice", PASSWORD),
        403,
        "session_limit_reached",
    );
    assert!(alive(&node, &session));
}

#[test]
fn an_impersonation_makes_room_among_impersonations_only() {
    rows!("M-79");
    for when_full in [WhenFull::EvictIdle, WhenFull::EvictOldest] {
        let node = limited(2, when_full);
        let root = node.session("root");
        let own = opened(&node);
        node.clock.advance_ms(1);
        let first = text(&sudo(&node, &root, "alice"));
        node.clock.advance_ms(1);
        // The user's own session is the oldest and idle for longest, and stays.
        let second = text(&sudo(&node, &root, "alice"));
        assert!(alive(&node, &own) && !alive(&node, &first) && alive(&node, &second));
        // A login ends whatever the policy says.
        node.clock.advance_ms(1);
        let third = opened(&node);
        assert!(!alive(&node, &own) && alive(&node, &second) && alive(&node, &third));
        node.clock.advance_ms(1);
        let fourth = opened(&node);
        assert!(!alive(&node, &second) && alive(&node, &third) && alive(&node, &fourth));
        refused(&sudo(&node, &root, "alice"), 403, "session_limit_reached");
        assert!(alive(&node, &third) && alive(&node, &fourth) && alive(&node, &root));
    }
}

#[test]
fn under_deny_an_impersonation_is_refused_like_a_login() {
    rows!("M-79");
    let node = limited(1, WhenFull::Deny);
    let root = node.session("root");
    let child = text(&sudo(&node, &root, "alice"));
    refused(&sudo(&node, &root, "alice"), 403, "session_limit_reached");
    refused(
        &log_in(&node, "alice", PASSWORD),
        403,
        "session_limit_reached",
    );
    assert!(alive(&node, &child));
    ok(&delete(&node, &child));
    opened(&node);
}
