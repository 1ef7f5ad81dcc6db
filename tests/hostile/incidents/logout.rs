//! C1, C2, C11: what is over is over, everywhere, and nothing else is.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::uses::{Use, everywhere};
use super::*;

/// A session of one surface, by what its holder has.
struct Held {
    surface: &'static str,
    /// What he shows.
    credential: String,
    /// The public id.
    session: String,
}

/// A session of this user on each surface.
fn one_of_each(node: &Node, name: &str, pair: &(String, String)) -> Vec<Held> {
    let ids = || -> BTreeSet<String> {
        let listed = node.administer("GET", "/admin/v1/sessions?limit=1000", Value::Null);
        let sessions = listed["sessions"].as_array().unwrap();
        sessions
            .iter()
            .map(|session| text(&session["id"]))
            .collect()
    };
    // The id of what was opened since.
    let newest = |before: &BTreeSet<String>| {
        let now = ids();
        let new: Vec<_> = now.difference(before).cloned().collect();
        assert_eq!(new.len(), 1, "one session is opened at a time");
        new.concat()
    };
    let before = ids();
    let session = text(&done(&mollybet(node, name, json!({})))["data"]);
    let of_mollybet = newest(&before);
    let (key, before) = (guest(node), ids());
    done(&i3d(node, &key, name));
    let of_i3d = newest(&before);
    let (signed, client) = clerk(node, "", name);
    let created = text(&done(&signed)["response"]["created_session_id"]);
    let before = ids();
    let opened = rpc(node, pair, "session.open_session", json!({}));
    let token = text(&opened["result"]["access_token"]);
    let of_xdata = newest(&before);
    vec![
        Held {
            surface: "mollybet",
            credential: session,
            session: of_mollybet,
        },
        Held {
            surface: "i3d",
            credential: key,
            session: of_i3d,
        },
        Held {
            surface: "clerk",
            credential: client,
            session: created,
        },
        Held {
            surface: "xdata",
            credential: token,
            session: of_xdata,
        },
    ]
}

impl Held {
    /// Logs out, by the surface's own call.
    fn log_out(&self, node: &Node, pair: &(String, String)) {
        let credential = self.credential.as_str();
        let answer = match self.surface {
            "mollybet" => {
                let path = format!("/v1/sessions/{credential}/");
                node.send("DELETE", &path, &[("session", credential)], "")
            }
            "i3d" => {
                let headers = [("private-token", credential)];
                node.send("POST", "/v3/session/logout", &headers, "")
            }
            "clerk" => {
                let path = format!("/v1/client/sessions/{}/end", self.session);
                native(node, credential, "POST", &path, "")
            }
            _ => {
                let said = rpc(node, pair, "session.close_session", json!([credential]));
                assert_eq!(said["error"], Value::Null, "{said}");
                return;
            }
        };
        assert!([200, 204].contains(&answer.status), "{}", answer.text());
    }

    /// Whether the gateway takes it for a session.
    fn lives(&self, node: &Node) -> bool {
        let cookie = format!("__client={}", self.credential);
        let place = match self.surface {
            "i3d" => ("private-token", self.credential.as_str()),
            "clerk" => ("cookie", cookie.as_str()),
            "xdata" => ("xdata-session-token", self.credential.as_str()),
            _ => ("session", self.credential.as_str()),
        };
        let headers = [place, ("x-sessile-touch", "no")];
        node.send("GET", "/auth/verify", &headers, "").status == 200
    }
}

/// The uses that still tell of somebody.
fn telling<'a>(uses: &'a [Use], name: &str) -> Vec<&'a str> {
    let telling = uses.iter().filter(|one| one.tells_of(name));
    telling.map(|one| one.place.as_str()).collect()
}

#[test]
fn what_was_logged_out_is_nobodys_in_every_place_and_after_a_restart() {
    let mut node = Node::start(setup());
    node.account("alice-in-person", json!({}));
    node.account("bob", json!({}));
    let pair = node.key_pair("alice-in-person");
    let others = one_of_each(&node, "bob", &node.key_pair("bob"));
    let mut gone = Vec::new();
    for held in one_of_each(&node, "alice-in-person", &pair) {
        assert!(held.lives(&node), "{}", held.surface);
        held.log_out(&node, &pair);
        gone.push(held);
    }
    let mut tried = 0;
    for round in ["before", "after"] {
        for held in &gone {
            let uses = everywhere(&node, &held.credential, &held.session, &pair);
            assert_eq!(
                telling(&uses, "alice-in-person"),
                [""; 0],
                "{} of {} {round} a restart",
                held.surface,
                uses.len()
            );
            assert!(!held.lives(&node), "{} {round} a restart", held.surface);
            tried += uses.len();
        }
        for held in &others {
            assert!(
                held.lives(&node),
                "bob's on {} {round} a restart",
                held.surface
            );
        }
        if round == "before" {
            node = node.restarted(setup());
        }
    }
    println!("{tried} uses of 4 credentials that were logged out");
    // The list is one that finds what lives.
    let alive = one_of_each(&node, "alice-in-person", &pair);
    for held in &alive {
        let uses = everywhere(&node, &held.credential, &held.session, &pair);
        assert!(
            telling(&uses, "alice-in-person").len() > 2,
            "{}",
            held.surface
        );
    }
}

#[test]
fn of_two_sessions_of_one_user_the_one_that_is_ended_ends() {
    let node = Node::start(setup());
    node.account("alice", json!({}));
    let pair = node.key_pair("alice");
    let first = one_of_each(&node, "alice", &pair);
    let second = one_of_each(&node, "alice", &pair);
    for (ended, kept) in second.iter().zip(&first) {
        ended.log_out(&node, &pair);
        assert!(!ended.lives(&node), "{}", ended.surface);
        assert!(kept.lives(&node), "{}", kept.surface);
    }
    // The other way round: the newer stays.
    let third = one_of_each(&node, "alice", &pair);
    for (ended, kept) in first.iter().zip(&third) {
        ended.log_out(&node, &pair);
        assert!(!ended.lives(&node), "{}", ended.surface);
        assert!(kept.lives(&node), "{}", kept.surface);
    }
    // By administration, too.
    for (at, ended) in third.iter().enumerate() {
        let path = format!("/admin/v1/sessions/{}", ended.session);
        node.administer("DELETE", &path, Value::Null);
        let alive: Vec<_> = third.iter().map(|held| held.lives(&node)).collect();
        let wanted: Vec<_> = (0..third.len()).map(|other| other > at).collect();
        assert_eq!(alive, wanted, "{}", ended.surface);
    }
}

#[test]
fn disabling_an_account_stops_everything_of_it_before_it_is_answered() {
    let node = Node::start(setup());
    node.account(
        "alice",
        json!({"may_sudo": true, "managed_groups": ["demo"]}),
    );
    node.account("bob", json!({"group": "demo"}));
    node.account("carol", json!({}));
    let pair = node.key_pair("alice");
    let template =
        json!({"claims": {}, "lifetime_s": 60, "allowed_clock_skew_s": 5, "algorithm": "RS256"});
    node.administer("PUT", "/admin/v1/templates/plain", template);
    let held = one_of_each(&node, "alice", &pair);
    let carols = one_of_each(&node, "carol", &node.key_pair("carol"));
    // An impersonation that hangs on alice's session, and a hand-off token of it.
    let own = &held[0].credential;
    let path = |rest: &str| format!("/v1/sessions/{own}/{rest}");
    let as_holder = [("session", own.as_str()), JSON];
    let body = json!({"target": "bob"}).to_string();
    let child = text(&done(&node.send("POST", &path("sudo/"), &as_holder, &body))["data"]);
    let token = text(&done(&node.send("POST", &path("tokenize/"), &as_holder[..1], ""))["data"]);
    // A token that her browser holds already.
    let client = &held[2];
    let minting = format!("/v1/client/sessions/{}/tokens", client.session);
    let jwt = text(&done(&native(&node, &client.credential, "POST", &minting, ""))["jwt"]);
    // Half a login on a key and in a browser.
    let seed = enrol_again(&node);
    let key = guest(&node);
    done(&i3d(&node, &key, "otto"));
    let (half, browser) = clerk(&node, "", "otto");
    let sign_in = text(&done(&half)["response"]["id"]);
    let verified = |header: (&str, &str)| {
        let headers = [header, ("x-sessile-touch", "no")];
        node.send("GET", "/auth/verify", &headers, "").status
    };
    let bearer = format!("Bearer {jwt}");
    assert_eq!(verified(("authorization", &bearer)), 200);
    assert_eq!(verified(("session", &child)), 200);

    for name in ["alice", "otto"] {
        let path = format!("/admin/v1/accounts/{name}");
        node.administer("PATCH", &path, json!({"enabled": false}));
    }
    for held in &held {
        assert!(!held.lives(&node), "{}", held.surface);
    }
    assert_eq!(verified(("session", &child)), 401);
    assert_eq!(verified(("authorization", &bearer)), 401);
    let carols_own = &carols[0].credential;
    let body = json!({"token": token}).to_string();
    let headers = [("session", carols_own.as_str()), JSON];
    let path = format!("/v1/sessions/{carols_own}/detokenize/");
    assert_eq!(node.send("POST", &path, &headers, &body).status, 404);
    for path in [minting.clone(), format!("{minting}/plain")] {
        let answer = native(&node, &client.credential, "POST", &path, "");
        assert_eq!(answer.status, 401, "{}", answer.text());
    }
    let said = rpc(&node, &pair, "session.open_session", json!({}));
    assert_eq!(said["error"]["code"], -32001);
    assert!(i3d_code(&node, &key, &code(&seed, 0)).status >= 400);
    let path = format!("/v1/client/sign_ins/{sign_in}/attempt_second_factor");
    let form = format!("strategy=totp&code={}", code(&seed, 0));
    assert_ne!(native(&node, &browser, "POST", &path, &form).status, 200);
    // Enabled again, the half logins are still over, and so is everything else.
    for name in ["alice", "otto"] {
        let path = format!("/admin/v1/accounts/{name}");
        node.administer("PATCH", &path, json!({"enabled": true}));
    }
    assert!(i3d_code(&node, &key, &code(&seed, 0)).status >= 400);
    assert_eq!(verified(("session", &child)), 401);
    for held in &held {
        assert!(!held.lives(&node), "{}", held.surface);
    }
    for held in &carols {
        assert!(held.lives(&node), "carol's on {}", held.surface);
    }
}

/// An account with a second factor: its seed.
fn enrol_again(node: &Node) -> String {
    node.account("otto", json!({}));
    enrol(node, "otto")
}
