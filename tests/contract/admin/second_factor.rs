//! Enrolling a second factor, and what logging in takes from then on.

use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

use super::{ALICE, node};
use crate::support::client::Answer;
use crate::support::{Node, START_MS};

/// An account with a second factor.
struct Enrolled {
    node: Node,
    secret: String,
    now_ms: std::cell::Cell<u64>,
}

impl Enrolled {
    fn new() -> Self {
        let node = node();
        let secret = enrol(&node);
        Self {
            node,
            secret,
            now_ms: START_MS.into(),
        }
    }

    fn advance_s(&self, seconds: u64) {
        self.node.clock.advance_ms(seconds * 1_000);
        self.now_ms.set(self.now_ms.get() + seconds * 1_000);
    }

    /// The code that an authenticator shows this many steps from now.
    fn code(&self, steps: i64) -> String {
        code(&self.secret, self.now_ms.get(), steps)
    }

    fn log_in(&self, otp: &str) -> Answer {
        self.node
            .log_in(&json!({"username": "alice", "password": "password-1", "otp": otp}))
    }

    fn opened(&self, otp: &str) -> bool {
        let answer = self.log_in(otp);
        assert!([200, 401].contains(&answer.status), "{}", answer.text());
        answer.status == 200
    }
}

fn enrol(node: &Node) -> String {
    let made = node.administer("POST", &format!("{ALICE}/totp"), Value::Null);
    assert_eq!(made.as_object().unwrap().len(), 2, "{made}");
    let secret = made["totp_secret"].as_str().unwrap().to_owned();
    assert_eq!(secret.len(), 32, "160 bits in base32");
    let uri = made["otpauth_uri"].as_str().unwrap();
    assert!(uri.starts_with("otpauth://totp/Sessile:alice?"), "{uri}");
    assert!(uri.contains(&format!("secret={secret}")), "{uri}");
    secret
}

fn code(secret: &str, now_ms: u64, steps: i64) -> String {
    let secret = Secret::try_from_base32(secret).unwrap();
    let generator = Builder::new().with_secret(secret).build().unwrap();
    let at_s = (now_ms / 1_000).checked_add_signed(steps * 30).unwrap();
    generator.generate(at_s).to_string()
}

#[test]
fn a_log_in_takes_both_factors_from_then_on() {
    let scene = Enrolled::new();
    assert_eq!(scene.node.look(ALICE)["has_totp"], true);
    let one = json!({"username": "alice", "password": "password-1"});
    let answer = scene.node.log_in(&one);
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert_eq!(answer.json()["code"], "second_factor_required");
    // Only the right password learns that there is a second factor.
    let wrong = json!({"username": "alice", "password": "password-2"});
    assert_eq!(scene.node.log_in(&wrong).json()["code"], "login_failed");
    let mut both = wrong.clone();
    both["otp"] = json!(scene.code(0));
    assert_eq!(scene.node.log_in(&both).json()["code"], "login_failed");
    let answer = scene.log_in(&scene.code(0));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let session = answer.json()["data"].as_str().unwrap().to_owned();
    let listed = scene.node.look("/admin/v1/sessions?username=alice");
    assert_eq!(
        listed["sessions"][0]["factors"],
        json!(["password", "totp"])
    );
    assert!(scene.node.is_live(&session));
}

#[test]
fn a_step_is_good_once_and_older_ones_are_spent_with_it() {
    let scene = Enrolled::new();
    let now = scene.code(0);
    assert!(scene.opened(&now));
    assert!(!scene.opened(&now), "replayed");
    assert!(!scene.opened(&scene.code(-1)), "the step before it");
    assert!(
        scene.opened(&scene.code(1)),
        "the one after it is another one"
    );
    assert!(!scene.opened(&now));
    scene.advance_s(30);
    assert!(
        !scene.opened(&scene.code(0)),
        "spent while it was still to come"
    );
    scene.advance_s(30);
    assert!(scene.opened(&scene.code(0)));
}

#[test]
fn a_code_is_good_one_step_either_way_and_no_further() {
    for (steps, good) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
        let scene = Enrolled::new();
        scene.advance_s(300);
        assert_eq!(scene.opened(&scene.code(steps)), good, "{steps}");
    }
    let scene = Enrolled::new();
    let early = scene.code(0);
    scene.advance_s(59);
    assert!(scene.opened(&early), "the step before, to its last second");
    let late = scene.code(0);
    scene.advance_s(60);
    assert!(!scene.opened(&late), "two steps ago");
}

#[test]
fn what_is_no_code_is_a_wrong_one() {
    let scene = Enrolled::new();
    let right = scene.code(0);
    let (cut, longer) = (right.split_at(5).0, format!("{right}0"));
    let other = if right == "000000" {
        "000001"
    } else {
        "000000"
    };
    for wrong in [
        cut,
        &longer,
        &format!(" {right}"),
        "abcdef",
        other,
        "12345é",
    ] {
        let answer = scene.log_in(wrong);
        assert_eq!(answer.status, 401, "{wrong:?}: {}", answer.text());
        assert_eq!(answer.json()["code"], "login_failed", "{wrong:?}");
        scene.advance_s(0);
        // So many wrong ones in a row are slowed down: let that pass, and the step with it.
        scene.advance_s(900);
    }
    assert!(!scene.opened(&right), "of long ago");
    assert!(scene.opened(&scene.code(0)));
}

#[test]
fn a_code_of_the_secret_before_is_wrong() {
    let scene = Enrolled::new();
    let second = enrol(&scene.node);
    assert_ne!(second, scene.secret);
    assert!(!scene.opened(&scene.code(0)));
    assert!(scene.opened(&code(&second, scene.now_ms.get(), 0)));
}

#[test]
fn a_second_factor_that_is_taken_away_is_no_longer_asked_for() {
    let scene = Enrolled::new();
    assert!(scene.opened(&scene.code(0)));
    let totp = format!("{ALICE}/totp");
    let account = scene.node.administer("DELETE", &totp, Value::Null);
    assert_eq!(account["has_totp"], false);
    assert!(scene.node.logs_in("alice", "password-1"));
    let nobody = "/admin/v1/accounts/nobody/totp";
    for method in ["POST", "DELETE"] {
        scene
            .node
            .refuses((method, nobody, Value::Null), (404, "not_found"));
    }
}

#[test]
fn steps_stay_spent_when_the_secret_is_made_anew() {
    let scene = Enrolled::new();
    assert!(scene.opened(&scene.code(1)), "a step that is still to come");
    let second = enrol(&scene.node);
    let now = code(&second, scene.now_ms.get(), 0);
    assert!(!scene.opened(&now), "the highest spent step never falls");
    scene.advance_s(60);
    assert!(scene.opened(&code(&second, scene.now_ms.get(), 0)));
}

#[test]
fn trusted_issue_does_not_ask_for_it() {
    let scene = Enrolled::new();
    let (id, secret) = scene
        .node
        .issued(json!({"username": "alice", "surface": "mollybet"}));
    assert!(scene.node.is_live(&secret));
    let shown = scene.node.look(&format!("/admin/v1/sessions/{id}"));
    assert_eq!(shown["factors"], json!(["vouched"]));
}

#[test]
fn no_look_shows_the_secret() {
    let scene = Enrolled::new();
    for path in [
        ALICE,
        "/admin/v1/accounts",
        "/admin/v1/sessions",
        "/admin/v1/digest",
    ] {
        let text = scene.node.look(path).to_string();
        for told in [scene.secret.as_str(), "argon2", "otpauth", "generation"] {
            assert!(!text.contains(told), "{told} in {path}: {text}");
        }
    }
}
