//! Nothing that is sent makes a second line, moves a terminal's cursor, or goes on for ever.

use serde_json::{Value, json};

use crate::stream::Audited;
use crate::support::Setup;

/// Names that somebody could log in with.
const NAMES: [&str; 6] = [
    "mallory\r\n{\"n\":1,\"what\":\"login\",\"outcome\":\"ok\"}",
    "mallory\",\"outcome\":\"ok\",\"x\":\"",
    "\u{0}\u{1b}[2J\u{7f}\u{9b}31m\u{85}",
    "\u{202e}ecila\u{2028}\u{2029}\u{feff}",
    "\\u000a\\",
    "\u{10ffff}",
];

#[test]
fn a_name_or_a_page_or_an_agent_is_text_in_one_line_and_nothing_else() {
    let audited = Audited::start(Setup::default());
    for name in NAMES {
        let body = json!({"username": name, "password": "x"}).to_string();
        let headers = [
            ("content-type", "application/json"),
            ("user-agent", "agent\t\"}\\"),
            ("origin", "https://evil.example/\",\"outcome\":\"ok"),
        ];
        let answer = audited.node().send("POST", "/v1/sessions", &headers, &body);
        assert_eq!(answer.status, 401);
    }
    audited.audit.finish();
    let text = audited.place.text();
    for line in text.lines() {
        let read: Value = serde_json::from_str(line).unwrap();
        assert!(read["n"].is_u64());
    }
    assert!(!text.chars().any(|c| c != '\n' && c.is_control()));
    assert!(!text.contains(['\u{202e}', '\u{2028}', '\u{2029}', '\u{feff}']));
    let told = audited.stop();
    let logins = told.of("login");
    assert_eq!(logins.len(), NAMES.len());
    for (login, name) in logins.iter().zip(NAMES) {
        assert_eq!(login["named"], name);
        assert_eq!(login["outcome"], "refused");
        assert_eq!(login["user_agent"], "agent\t\"}\\");
        assert_eq!(login["page"], "https://evil.example/\",\"outcome\":\"ok");
    }
}

#[test]
fn every_text_has_a_bound() {
    let audited = Audited::start(Setup::default());
    let long = "é".repeat(20_000);
    let body = json!({"username": long, "password": "x"}).to_string();
    let agent = "a".repeat(4_000);
    let headers = [
        ("content-type", "application/json"),
        ("user-agent", agent.as_str()),
        ("origin", agent.as_str()),
    ];
    let answer = audited.node().send("POST", "/v1/sessions", &headers, &body);
    assert_eq!(answer.status, 401);
    let told = audited.stop();
    let login = told.one("login", "refused");
    for field in ["named", "user_agent", "page"] {
        let text = login[field].as_str().unwrap();
        assert!((200..=256).contains(&text.len()), "{field}: {}", text.len());
    }
}
