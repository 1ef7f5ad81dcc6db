//! What is answered when the node cannot do as it should, and what no answer says.

use super::*;

#[test]
fn a_node_that_takes_no_records_says_so() {
    rows!("V-15");
    let node = node(&["alice", "otto"]);
    let seed = enrol(&node, "otto");
    let (key, there, waiting) = (guest(&node), guest(&node), guest(&node));
    complete(&log_in(&node, &there, "alice", PASSWORD));
    pending(&log_in(&node, &waiting, "otto", PASSWORD));
    node.journal.refuse(true);
    refused(&log_in(&node, &key, "alice", PASSWORD), 503, 60_012);
    refused(&otp(&node, &waiting, &code(&seed, 0)), 503, 60_012);
    assert_eq!(who(&node, &there).as_deref(), Some("alice"));
    // A restriction holds although it could not be written down.
    refused(&log_out(&node, &there), 503, 60_012);
    assert_eq!(who(&node, &there), None);
    node.journal.refuse(false);
    // Nobody is logged in any more, but only as far as memory knows: nothing is given before images do, too.
    refused(&log_out(&node, &there), 503, 60_012);
    refused(&log_in(&node, &key, "alice", PASSWORD), 503, 60_012);
    node.hold_in_images();
    assert_eq!(who(&node, &key), None);
    complete(&log_in(&node, &key, "alice", PASSWORD));
}

#[test]
fn no_error_repeats_a_secret() {
    rows!("V-16");
    const CANARY: &str = "c4nary-pa55word";
    let node = node(&["alice", "otto"]);
    enrol(&node, "otto");
    let key = guest(&node);
    let silent = |answer: &Answer| {
        let shown = format!("{:?} {}", answer.headers, answer.text());
        assert!(!shown.contains(CANARY) && !shown.contains(&key), "{shown}");
        assert!(answer.status >= 400, "{shown}");
    };
    for body in [
        json!({"userName": "alice", "password": CANARY}).to_string(),
        json!({"userName": CANARY, "password": CANARY}).to_string(),
        json!({"userName": [CANARY], "password": {"x": CANARY}}).to_string(),
        json!({"userName": "alice", "password": "x", "rememberMe": CANARY}).to_string(),
        json!({"otp": CANARY}).to_string(),
        json!({"otp": [CANARY]}).to_string(),
        format!(r#"{{"otp":"{CANARY}","otp":"{CANARY}"}}"#),
        format!(r#"{{"otp":"{CANARY}"#),
        format!(r#""{CANARY}""#),
        CANARY.to_owned(),
    ] {
        for path in [LOGIN, OTP, LOGOUT] {
            for kind in [
                JSON,
                ("content-type", "text/plain"),
                ("content-type", CANARY),
            ] {
                let headers = [(TOKEN, key.as_str()), kind];
                silent(&node.send("POST", path, &headers, &body));
            }
            silent(&node.send("POST", path, &[(TOKEN, CANARY)], &body));
        }
    }
    pending(&log_in(&node, &key, "otto", PASSWORD));
    silent(&otp(&node, &key, CANARY));
    silent(&user(&node, CANARY));
}
