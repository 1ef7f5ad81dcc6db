//! What happens at the same instant on one client.

use super::*;

#[test]
fn of_sign_ins_at_once_on_one_anonymous_client_one_succeeds() {
    rows!("C-28", "C-25");
    let node = node(&["alice", "bob"]);
    for round in 0..5 {
        let mut anonymous = Browser::new(&node);
        let id = anonymous.client()["id"].clone();
        let names = ["alice", "bob", "alice", "bob"];
        let outcomes = at_once(names.len(), |n| {
            let mut browser = anonymous.clone();
            (browser.try_sign_in(names[n], PASSWORD), names[n], browser)
        });
        // Who was there first has the client; who comes once it changed hands is asked to look again,
        // and who came later still, with a secret that was replaced, gets a client of his own.
        let mut owners = 0;
        for (answer, name, mut browser) in outcomes {
            if answer.status != 200 {
                refused(&answer, 401, "signed_out");
                assert_eq!(browser.client()["sessions"], json!([]), "round {round}");
                continue;
            }
            let client = browser.client();
            owners += usize::from(client["id"] == id);
            let sessions = client["sessions"].as_array().unwrap().clone();
            assert_eq!(sessions.len(), 1, "round {round}: {client}");
            assert_eq!(sessions[0]["user"]["username"], name);
        }
        assert_eq!(owners, 1, "round {round}");
        assert_eq!(anonymous.client()["sessions"], json!([]));
    }
}

#[test]
fn of_sign_ins_at_once_on_one_client_none_goes_by_another_ones_secret() {
    rows!("C-28", "C-24");
    let names = ["alice", "bob", "carol"];
    let node = node(&["alice", "bob", "carol", "dave"]);
    for round in 0..5 {
        let (mut dave, session) = Browser::signed_in(&node, "dave");
        let id = dave.client()["id"].clone();
        let outcomes = at_once(names.len(), |n| {
            let mut browser = dave.clone();
            let answer = browser.try_sign_in(names[n], PASSWORD);
            (answer, names[n], browser)
        });
        let mut owners = 0;
        for (answer, name, mut browser) in outcomes {
            if answer.status != 200 {
                refused(&answer, 401, "signed_out");
                continue;
            }
            let client = browser.client();
            let here = client["id"] == id;
            owners += usize::from(here);
            let users: Vec<_> = client["sessions"].as_array().unwrap().clone();
            let users: Vec<_> = users.iter().map(|s| text(&s["user"]["username"])).collect();
            let wanted = if here { vec!["dave", name] } else { vec![name] };
            assert_eq!(users, wanted, "round {round}");
        }
        assert_eq!(owners, 1, "round {round}");
        // The secret that everybody began with is nobody's by now.
        refused(&dave.call(&session, "/tokens"), 401, "signed_out");
    }
}

#[test]
fn of_ends_at_once_exactly_one_succeeds_and_nothing_in_flight_revives() {
    rows!("C-69", "C-65");
    let node = node(&["alice"]);
    for _ in 0..5 {
        let (alice, session) = Browser::signed_in(&node, "alice");
        let calls = ["/end", "/touch", "/end", "/tokens", "/end", "/touch"];
        let answers = at_once(calls.len(), |n| {
            (calls[n], alice.clone().call(&session, calls[n]))
        });
        let mut ended = 0;
        for (call, answer) in answers {
            match (call, answer.status) {
                ("/end", 200) => ended += 1,
                ("/end", _) => refused(&answer, 400, "invalid_action_for_session"),
                (_, 200) => {}
                _ => refused(&answer, 401, "authentication_invalid"),
            }
        }
        assert_eq!(ended, 1);
        assert_eq!(alice.clone().status(&session), "ended");
        assert_eq!(
            alice.clone().client()["last_active_session_id"],
            Value::Null
        );
    }
}

#[test]
fn of_removals_at_once_exactly_one_succeeds() {
    rows!("C-66", "C-69");
    let node = node(&["alice"]);
    for dead in [false, true] {
        let (mut alice, session) = Browser::signed_in(&node, "alice");
        if dead {
            ok(&alice.call(&session, "/end"));
        }
        let answers = at_once(4, |_| alice.clone().call(&session, "/remove"));
        let removed = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(removed, 1);
        for answer in answers.iter().filter(|answer| answer.status != 200) {
            refused(answer, 404, "resource_not_found");
        }
        assert_eq!(alice.statuses(), []);
    }
}

#[test]
fn a_removal_succeeds_whoever_ends_the_session_at_the_same_instant() {
    rows!("C-66", "C-69");
    let node = node(&["alice"]);
    for round in 0..30 {
        let (mut alice, session) = Browser::signed_in(&node, "alice");
        let calls = ["/end", "/remove", "/end"];
        let answers = at_once(calls.len(), |n| alice.clone().call(&session, calls[n]));
        let removed = ok(&answers[1])["response"].clone();
        assert_eq!(removed["status"], "removed", "round {round}");
        assert_eq!(alice.statuses(), [], "round {round}");
    }
}
