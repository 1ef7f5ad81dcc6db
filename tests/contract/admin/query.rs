//! What holds for every query of a list.

use serde_json::{Value, json};

use super::input::send;
use super::{ACCOUNTS, KEYS, SESSIONS, node, told};

#[test]
fn a_page_has_one_to_a_thousand_items() {
    let node = node();
    for list in [ACCOUNTS, KEYS, SESSIONS] {
        for limit in ["1", "100", "1000"] {
            let answer = send(&node, "GET", &format!("{list}?limit={limit}"), b"");
            assert_eq!(answer.status, 200, "{list} {limit}");
        }
        for limit in ["0", "1001", "18446744073709551615"] {
            let answer = send(&node, "GET", &format!("{list}?limit={limit}"), b"");
            let message = told(&answer, 422, "invalid");
            assert!(message.contains("limit"), "{message}");
        }
    }
}

#[test]
fn a_query_that_cannot_be_read_is_told_like_any_other_error() {
    let node = node();
    for list in [ACCOUNTS, KEYS, SESSIONS] {
        for query in [
            "limit=",
            "limit=x",
            "limit=-1",
            "limit=1.5",
            "limit=18446744073709551616",
            "limit=1&limit=2",
            "after=a&after=b",
        ] {
            let answer = send(&node, "GET", &format!("{list}?{query}"), b"");
            assert_eq!(answer.status, 422, "{list}?{query}: {}", answer.text());
            told(&answer, 422, "invalid");
        }
    }
}

#[test]
fn a_query_parameter_that_is_not_known_is_refused() {
    let node = node();
    for list in [ACCOUNTS, KEYS, SESSIONS] {
        // A slip in `username` must not list everybody.
        for query in ["usrname=alice", "limit=5&offset=5", "Limit=5", "=5"] {
            let answer = send(&node, "GET", &format!("{list}?{query}"), b"");
            assert_eq!(answer.status, 422, "{list}?{query}: {}", answer.text());
            told(&answer, 422, "invalid");
        }
    }
}

#[test]
fn an_after_that_names_nothing_is_refused() {
    let node = node();
    node.refuses(
        ("GET", "/admin/v1/accounts?after=nobody", Value::Null),
        (404, "not_found"),
    );
    node.refuses(
        ("GET", "/admin/v1/keys?after=nothing", Value::Null),
        (404, "not_found"),
    );
    for after in ["nothing", "sess_", "sess_000000000000000000000-"] {
        let path = format!("{SESSIONS}?after={after}");
        node.refuses(("GET", &path, Value::Null), (422, "invalid"));
    }
    let first = format!("{SESSIONS}?after=sess_0000000000000000000000");
    assert_eq!(node.look(&first)["sessions"], json!([]));
}
