//! Whatever is wrong with an account, a wrong password gets the same answer for the same work. How long
//! that takes is measured by `./campaign timing`; here everything is counted that could take time.

use sessile::engine::event::{DirectoryEvent, Part};

use super::*;

/// A node, and one account of each kind; what there is wrong is in the name.
fn scene() -> Node {
    let node = behind_a_proxy(&["known"], |_| {});
    node.account("disabled", json!({"enabled": false}));
    node.account("locked", json!({"locked": true}));
    node.account("expired", json!({"expires_at_ms": 1}));
    node.administer(
        "POST",
        "/admin/v1/accounts",
        json!({"username": "elsewhere"}),
    );
    node.account("otto", json!({}));
    node.administer("POST", "/admin/v1/accounts/otto/totp", Value::Null);
    node
}

const NAMES: [&str; 7] = [
    "known",
    "unknown",
    "disabled",
    "locked",
    "expired",
    "elsewhere",
    "otto",
];

/// Everything of an answer but its time.
fn shape(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let mut headers = answer.headers.clone();
    headers.retain(|(name, _)| name != "date");
    headers.sort();
    (answer.status, headers, answer.text())
}

#[test]
fn every_wrong_password_costs_one_hash_one_record_and_one_answer() {
    rows!("M-42", "M-44", "V-38", "V-39", "C-44", "C-46");
    let node = scene();
    let keys: Vec<_> = NAMES.iter().map(|_| guest(&node)).collect();
    let long = "x".repeat(1_025);
    for surface in SURFACES {
        for password in ["wrong", "", &long] {
            if password.is_empty() && surface != Surface::Mollybet {
                continue;
            }
            let mut shapes = Vec::new();
            for (name, key) in NAMES.iter().zip(&keys) {
                let mut headers = vec![("x-forwarded-for", "192.0.2.1")];
                if surface == Surface::I3d {
                    headers.push(("private-token", key.as_str()));
                }
                let (hashes, records) = (looked_at(&node), node.journal.records());
                let answer = attempt(&mut node.client(), surface, &headers, (name, password));
                let now = node.journal.records();
                // Those of the directory's own tick, which forgets, come whenever they come.
                let new = now.iter().skip(records.len());
                let new: Vec<_> = new.filter(|parts| is_failure(parts)).collect();
                // What is counted is of the same kinds; how it is encoded depends on these alone.
                let kinds = format!("{new:?}");
                let kinds: Vec<_> = kinds.split("kind: ").skip(1).map(first_word).collect();
                let work = (looked_at(&node) - hashes, new.len(), kinds.join(" "));
                shapes.push((name, shape(&answer), work));
            }
            let (_, one, work) = &shapes[0];
            for (name, other, other_work) in &shapes {
                assert_eq!((one, work), (other, other_work), "{surface:?} {name}");
            }
            // An empty password is refused by its form, before anything is looked at.
            let looks = u64::from(!password.is_empty());
            assert_eq!((work.0, work.1 as u64), (looks, looks), "{surface:?}");
            node.clock.advance_ms(15 * 60_000);
        }
    }
}

fn is_failure(parts: &[Part]) -> bool {
    let counts = |event: &DirectoryEvent| matches!(event, DirectoryEvent::GuessFailed { .. });
    matches!(parts, [Part::Directory(event)] if counts(event))
}

fn first_word(text: &str) -> String {
    text.split(',').next().unwrap_or_default().to_owned()
}

#[test]
fn names_that_nobody_can_have_cost_the_same() {
    rows!("M-42", "V-38");
    let node = scene();
    let long = "n".repeat(5_000);
    for surface in [Surface::Mollybet, Surface::I3d] {
        let key = guest(&node);
        for name in ["known", &long, "  ", "a\u{0}b"] {
            let headers = [
                ("x-forwarded-for", "192.0.2.1"),
                ("private-token", key.as_str()),
            ];
            let headers = match surface {
                Surface::I3d => &headers[..],
                Surface::Mollybet | Surface::Clerk => &headers[..1],
            };
            let (hashes, records) = (looked_at(&node), node.journal.records().len());
            let answer = attempt(&mut node.client(), surface, headers, (name, "wrong"));
            assert_eq!(told(&answer), Told::Wrong, "{surface:?}");
            let now = node.journal.records();
            let new = now.iter().skip(records).filter(|parts| is_failure(parts));
            assert_eq!(
                (looked_at(&node) - hashes, new.count()),
                (1, 1),
                "{surface:?}"
            );
        }
    }
}

/// No name that was tried stands in a record: it may have been a password in the wrong field.
#[test]
fn what_was_typed_stands_in_no_record() {
    rows!("M-37");
    let node = scene();
    let typed = "hunter2-in-the-wrong-field";
    for surface in SURFACES {
        let tried = try_from(&node, surface, "192.0.2.77", typed, "whatever");
        assert_eq!(tried, Told::Wrong);
    }
    let records = format!("{:?}", node.journal.records());
    assert!(records.contains("GuessFailed"));
    for text in [typed, "hunter2", "192.0.2.77"] {
        assert!(!records.contains(text), "{text}");
    }
}
