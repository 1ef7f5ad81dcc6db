//! Templates for tokens: made, changed, listed, deleted, and what is refused.

use serde_json::json;

use super::{node, told};
use crate::support::{OWNER, READER};

const TEMPLATES: &str = "/admin/v1/templates";
const HASURA: &str = "/admin/v1/templates/hasura";

#[test]
fn a_template_is_made_changed_shown_and_deleted() {
    let node = node();
    let plain = json!({"name": "hasura", "claims": {}, "lifetime_s": 60, "allowed_clock_skew_s": 5, "algorithm": "RS256"});
    assert_eq!(node.administer("PUT", HASURA, json!({"claims": {}})), plain);
    let other = json!({
        "claims": {"role": "{{user.public_metadata.role || 'user'}}", "n": [1, {"x": null}]},
        "lifetime_s": 3_600, "allowed_clock_skew_s": 0, "algorithm": "EdDSA",
    });
    let shown = node.administer("PUT", HASURA, other.clone());
    assert_eq!(shown["claims"], other["claims"]);
    assert_eq!(shown["algorithm"], "EdDSA");
    assert_eq!(node.look(HASURA), shown, "the second replaces the first");
    node.administer("PUT", "/admin/v1/templates/aws", json!({"claims": {}}));
    let listed = node.look(TEMPLATES);
    let names: Vec<_> = listed["templates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t["name"].clone())
        .collect();
    assert_eq!(names, [json!("aws"), json!("hasura")]);
    assert_eq!(
        node.administer("DELETE", HASURA, json!(null)),
        json!({"deleted": "hasura"})
    );
    for method in ["GET", "DELETE"] {
        told(
            &node.admin_as(OWNER, method, HASURA, json!(null)),
            404,
            "not_found",
        );
    }
    assert_eq!(
        node.look(TEMPLATES)["templates"].as_array().unwrap().len(),
        1
    );
}

#[test]
fn a_template_that_breaks_a_rule_is_refused_and_changes_nothing() {
    let node = node();
    for body in [
        json!({}),
        json!({"claims": []}),
        json!({"claims": {"sub": "root"}}),
        json!({"claims": {"sid": null}}),
        json!({"claims": {}, "lifetime_s": 29}),
        json!({"claims": {}, "lifetime_s": 315_360_001}),
        json!({"claims": {}, "lifetime_s": -1}),
        json!({"claims": {}, "allowed_clock_skew_s": 301}),
        json!({"claims": {}, "algorithm": "none"}),
        json!({"claims": {}, "algorithm": "HS256"}),
        json!({"claims": {"x": "y".repeat(9_000)}}),
        json!({"claims": {}, "name": "other"}),
    ] {
        told(&node.admin_as(OWNER, "PUT", HASURA, body), 422, "invalid");
    }
    let odd = "/admin/v1/templates/a%20b";
    told(
        &node.admin_as(OWNER, "PUT", odd, json!({"claims": {}})),
        422,
        "invalid",
    );
    let reader = node.admin_as(READER, "PUT", HASURA, json!({"claims": {}}));
    told(&reader, 403, "forbidden");
    assert_eq!(node.look(TEMPLATES), json!({"templates": []}));
}

#[test]
fn there_is_room_for_256_templates_and_each_may_still_be_changed() {
    let node = node();
    for n in 0..256 {
        node.administer("PUT", &format!("{TEMPLATES}/t{n}"), json!({"claims": {}}));
    }
    told(
        &node.admin_as(OWNER, "PUT", HASURA, json!({"claims": {}})),
        409,
        "full",
    );
    node.administer(
        "PUT",
        &format!("{TEMPLATES}/t7"),
        json!({"claims": {"x": 1}}),
    );
}
