//! Batches: order, silence, bounds, independence.

use serde_json::{Value, json};

use super::{Desk, INVALID, JSON, code};

fn verify(token: &str, id: Option<&str>) -> String {
    member("session.verify_session_token", token, id)
}

fn close(token: &str, id: Option<&str>) -> String {
    member("session.close_session", token, id)
}

/// A request, or a notification if there is no id.
fn member(method: &str, token: &str, id: Option<&str>) -> String {
    let id = id.map_or(String::new(), |id| format!(r#","id":{id}"#));
    format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":["{token}"]{id}}}"#)
}

fn batch(members: &[String]) -> String {
    format!("[{}]", members.join(","))
}

impl Desk {
    /// The answers to a batch of alice's.
    fn answers(&self, members: &[String]) -> Vec<Value> {
        let text = self.text(&batch(members));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
    }
}

#[test]
fn answers_come_in_the_order_of_the_requests() {
    rows!("X-59", "X-65", "X-67");
    let desk = Desk::open();
    let token = desk.opened("");
    let members: Vec<_> = (0..20)
        .map(|n| match n % 4 {
            0 => verify(&token, Some(&(20 - n).to_string())),
            1 => verify("x", Some(&(20 - n).to_string())),
            2 => member("nothing", "x", Some(&(20 - n).to_string())),
            _ => "7".to_owned(),
        })
        .collect();
    let answers = desk.answers(&members);
    assert_eq!(answers.len(), 20);
    for (n, answer) in (0..20).zip(&answers) {
        let wanted = match n % 4 {
            0 => json!({"result": {"active": true}, "id": 20 - n, "jsonrpc": "2.0"}),
            1 => json!({"result": {"active": false}, "id": 20 - n, "jsonrpc": "2.0"}),
            2 => {
                let error = json!({"code": -32601, "message": "Method not found"});
                json!({"jsonrpc": "2.0", "error": error, "id": 20 - n})
            }
            _ => serde_json::from_str(INVALID).unwrap(),
        };
        assert_eq!(answer, &wanted);
    }
    let same = [
        verify(&token, Some("1")),
        verify("x", Some("1")),
        verify(&token, Some("null")),
    ];
    let active: Vec<_> = desk
        .answers(&same)
        .iter()
        .map(|a| a["result"]["active"].clone())
        .collect();
    assert_eq!(active, [true, false, true]);
}

#[test]
fn members_are_carried_out_in_order() {
    rows!("X-60", "X-63");
    let desk = Desk::open();
    let token = desk.opened("");
    let open = r#"{"jsonrpc":"2.0","method":"session.open_session","id":"new"}"#.to_owned();
    let answers = desk.answers(&[
        verify(&token, Some("1")),
        close(&token, None),
        verify(&token, Some("2")),
        open,
        close(&token, Some("3")),
    ]);
    let ids: Vec<_> = answers.iter().map(|a| a["id"].clone()).collect();
    assert_eq!(ids, [json!(1), json!(2), json!("new"), json!(3)]);
    assert_eq!(answers[0]["result"]["active"], true);
    assert_eq!(
        answers[1]["result"]["active"], false,
        "the notification before it was carried out"
    );
    assert!(desk.is_active(answers[2]["result"]["access_token"].as_str().unwrap()));
    assert_eq!(answers[3]["result"], true);
}

#[test]
fn notifications_leave_no_trace() {
    rows!("X-60", "X-68");
    let desk = Desk::open();
    let tokens: Vec<_> = (0..3).map(|_| desk.opened("")).collect();
    let mut members: Vec<_> = tokens.iter().map(|token| close(token, None)).collect();
    members.push(member("nothing", "x", None));
    let answer = desk.say(&batch(&members));
    assert_eq!((answer.status, answer.text()), (200, String::new()));
    assert_eq!(answer.header("content-length"), Some("0"));
    assert!(tokens.iter().all(|token| !desk.is_active(token)));
    // One request among them, first, last or in the middle: one answer.
    for at in 0..=members.len() {
        let mut mixed = members.clone();
        mixed.insert(at, verify("x", Some("5")));
        let answers = desk.text(&batch(&mixed));
        assert_eq!(
            answers, r#"[{"result":{"active":false},"id":5,"jsonrpc":"2.0"}]"#,
            "at {at}"
        );
    }
}

#[test]
fn an_invalid_member_is_answered_in_its_place_and_spoils_no_other() {
    rows!("X-58", "X-61", "X-62");
    let desk = Desk::open();
    let token = desk.opened("");
    assert_eq!(desk.text("[]"), INVALID);
    assert_eq!(desk.text(" [ ] "), INVALID);
    assert_eq!(desk.text("[1,2]"), format!("[{INVALID},{INVALID}]"));
    assert_eq!(desk.text("[[]]"), format!("[{INVALID}]"));
    let nested = batch(&[close(&token, Some("1"))]);
    for invalid in [
        nested.as_str(),
        "[]",
        "{}",
        "null",
        r#""x""#,
        r#"{"jsonrpc":"2.0","method":"session.close_session","params":[],"id":true}"#,
        r#"{"jsonrpc":"2.0","method":7,"id":7}"#,
        r#"{"jsonrpc":"2.0","method":"nothing","id":7,"id":8}"#,
    ] {
        let members = [
            verify(&token, Some("1")),
            invalid.to_owned(),
            verify(&token, Some("2")),
        ];
        let active = |id| format!(r#"{{"result":{{"active":true}},"id":{id},"jsonrpc":"2.0"}}"#);
        let wanted = format!("[{},{INVALID},{}]", active(1), active(2));
        assert_eq!(desk.text(&batch(&members)), wanted, "{invalid}");
    }
    assert!(
        desk.is_active(&token),
        "what stood in an inner array was not carried out"
    );
}

#[test]
fn a_hundred_members_are_carried_out_and_of_a_hundred_and_one_none() {
    rows!("X-64");
    let desk = Desk::open();
    let answers = desk.answers(
        &(0..100)
            .map(|n| verify("x", Some(&n.to_string())))
            .collect::<Vec<_>>(),
    );
    assert_eq!(answers.len(), 100);
    assert!(
        (0..)
            .zip(&answers)
            .all(|(n, answer)| answer["id"] == n && code(answer) == 0)
    );
    let token = desk.opened("");
    let mut members = vec![close(&token, Some("1"))];
    members.resize(101, verify("x", Some("2")));
    assert_eq!(desk.text(&batch(&members)), INVALID);
    assert_eq!(
        desk.text(&format!("[{}]", vec!["1"; 101].join(","))),
        INVALID
    );
    assert_eq!(
        desk.text(&format!("[{}]", vec!["1"; 300_000].join(","))),
        INVALID
    );
    assert!(desk.is_active(&token));
    members.truncate(100);
    assert_eq!(desk.answers(&members).len(), 100);
    assert!(!desk.is_active(&token));
}

#[test]
fn the_credentials_of_a_batch_are_judged_once() {
    rows!("X-12", "X-14");
    let desk = Desk::open();
    let badge = desk.opened("");
    let body = batch(&[close(&badge, Some("1")), verify("x", Some("2"))]);
    let first = desk.say_by_token(&badge, &body);
    assert_eq!(
        (first.status, first.json().as_array().map(Vec::len)),
        (200, Some(2))
    );
    assert_eq!(desk.say_by_token(&badge, &body).status, 401);
    let stranger = desk.post(&[JSON], body.as_bytes());
    assert_eq!(stranger.status, 401, "one answer for the whole batch");
    assert_eq!(code(&stranger.json()), -32001);
}
