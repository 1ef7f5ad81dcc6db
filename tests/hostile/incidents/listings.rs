//! C19: the sessions of an account that has very many are listed in pages: each exactly once, a page costs
//! what is in it and not what is left out, and others are served between two of them.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sessile::door::{Answer as Answered, Engine};

use super::*;
use crate::counting::asked;

/// Sessions in a page at most. Source: ADMIN, Pages.
const PAGE_MAX: usize = 1_000;
/// Opened by one call.
const AT_ONCE: usize = 10_000;

fn opened(node: &Node, api_key: &str, count: usize) {
    let body = json!({"api_key": api_key, "surface": "xdata", "count": count});
    node.administer("POST", "/admin/v1/sessions", body);
}

/// What this thread sets aside for the first page of an account's sessions, and how many it holds.
fn cost_of_a_page(node: &Node, name: &str) -> (usize, usize) {
    let found = node.engine.account_by_name(name);
    let Answered::Now(Some((account, _))) = found else {
        panic!("there is no {name}");
    };
    let (cost, page) = asked(|| node.engine.sessions(None, Some(account), PAGE_MAX));
    let Answered::Now((sessions, _)) = page else {
        panic!("the state is here");
    };
    (cost, sessions.len())
}

#[test]
fn sessions_of_one_account_are_listed_in_pages_that_cost_what_they_hold() {
    let total = std::env::var("HOSTILE_SESSIONS").ok();
    let total: usize = total.map_or(20_000, |count| count.parse().unwrap());
    let node = Node::start(setup());
    for name in ["few", "many"] {
        node.account(name, json!({}));
    }
    let (few, many) = (node.key_pair("few"), node.key_pair("many"));
    opened(&node, &few.0, PAGE_MAX + 1);
    let (cost, listed) = cost_of_a_page(&node, "few");
    assert_eq!(listed, PAGE_MAX);
    for _ in 0..total.div_ceil(AT_ONCE) {
        opened(&node, &many.0, AT_ONCE.min(total));
    }
    let probe =
        text(&rpc(&node, &few, "session.open_session", json!({}))["result"]["access_token"]);
    let (mut after, mut pages, mut longest) = (String::new(), 0, 0);
    let mut seen = BTreeSet::new();
    loop {
        let path = format!("/admin/v1/sessions?username=many&limit={PAGE_MAX}{after}");
        let answer = node.admin_as(crate::support::OWNER, "GET", &path, Value::Null);
        longest = longest.max(answer.body.len());
        let page = done(&answer);
        let sessions = page["sessions"].as_array().unwrap();
        assert!(sessions.len() <= PAGE_MAX);
        for session in sessions {
            assert_eq!(session["username"], "many");
            assert!(seen.insert(text(&session["id"])), "listed twice");
        }
        pages += 1;
        let headers = [("xdata-session-token", probe.as_str())];
        assert_eq!(node.send("GET", "/auth/verify", &headers, "").status, 200);
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), total, "each exactly once");
    let (whole, listed) = cost_of_a_page(&node, "many");
    assert_eq!(listed, PAGE_MAX);
    println!(
        "{total} sessions in {pages} pages, the longest of {longest} bytes; a page costs {whole} bytes, among {PAGE_MAX} sessions {cost}"
    );
    assert!(whole <= 2 * cost, "{whole} bytes, and {cost} among few");
    assert!(pages <= total / PAGE_MAX * 2 + 2, "{pages} pages");
}
