//! C9: a one-time password is good once, for all surfaces together, in its own step, in the next, and after
//! a restart.

use serde_json::json;

use super::*;

/// Every way to spend a code, each from the beginning: whether it opened a session.
fn ways(node: &Node, code: &str) -> Vec<(&'static str, bool)> {
    let key = guest(node);
    done(&i3d(node, &key, "otto"));
    let by_key = i3d_code(node, &key, code).status == 204;
    let (half, client) = clerk(node, "", "otto");
    let sign_in = text(&done(&half)["response"]["id"]);
    let path = format!("/v1/client/sign_ins/{sign_in}/attempt_second_factor");
    let form = format!("strategy=totp&code={code}");
    let in_browser = native(node, &client, "POST", &path, &form).status == 200;
    let direct = mollybet(node, "otto", json!({"otp": code})).status == 200;
    vec![("i3d", by_key), ("clerk", in_browser), ("mollybet", direct)]
}

/// Checks that a code opens nothing, whichever way it is shown. Three failures, so nobody is slowed down yet.
fn refused(node: &Node, code: &str, moment: &str) {
    for (way, opened) in ways(node, code) {
        assert!(!opened, "{way}: {moment}");
    }
}

/// Spends a code, which is good; that forgets the failures.
fn spend(node: &Node, code: &str) {
    assert_eq!(mollybet(node, "otto", json!({"otp": code})).status, 200);
}

#[test]
fn a_code_is_good_once_in_its_step_in_the_next_and_after_a_restart() {
    let mut node = Node::start(setup());
    node.account("otto", json!({}));
    let seed = enrol(&node, "otto");
    let code = |step| code(&seed, step);
    spend(&node, &code(0));
    refused(&node, &code(0), "again in its step");
    node.clock.advance_ms(30_000);
    spend(&node, &code(1));
    refused(&node, &code(0), "in the next step");
    spend(&node, &code(2));
    refused(&node, &code(1), "an older one, in its own step");
    node = node.restarted(setup());
    // The failures of before the restart may count or not.
    node.clock.advance_ms(900_000);
    spend(&node, &code(31));
    node = node.restarted(setup());
    refused(&node, &code(31), "after a restart");
    node.clock.advance_ms(900_000);
    // And the next one is good, once.
    let opened = ways(&node, &code(61));
    let times = opened.iter().filter(|(_, opened)| *opened).count();
    assert_eq!(times, 1, "{opened:?}");
}
