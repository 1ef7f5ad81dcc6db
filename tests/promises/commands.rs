//! Every command as the surfaces send it, and which of the readers' views it changes.
//!
//! The promises about that are in `visibility` and `refusal`.

use serde_json::{Value, json};

use crate::scene::{Request, Scene, admin, public};
use crate::support::{ISSUER, OWNER};

/// One command: how it is sent, whether it takes something away, and which views it changes.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) request: fn(&Scene) -> Request,
    pub(crate) restricts: bool,
    pub(crate) changes: &'static str,
}

fn case(name: &'static str, changes: &'static str, request: fn(&Scene) -> Request) -> Case {
    Case {
        name,
        request,
        restricts: false,
        changes,
    }
}

fn restriction(name: &'static str, changes: &'static str, request: fn(&Scene) -> Request) -> Case {
    Case {
        name,
        request,
        restricts: true,
        changes,
    }
}

/// Every command.
#[rustfmt::skip]
pub(crate) fn cases() -> Vec<Case> {
    const GONE: &str = "agent digest metadata records sessions show verify";
    const DEAD: &str = "agent digest keys metadata sessions show verify xdata xdata-token";
    const ALTERED: &str = "accounts agent digest keys metadata sessions show verify xdata xdata-token";
    vec![
        case("login", "digest records sessions", |_| Request::login("alice", "password-1")),
        restriction("logout", GONE, Scene::logout),
        case("sudo", "digest records sessions", |s| {
            let path = format!("/v1/sessions/{}/sudo/", s.ann);
            public("POST", &path, &[("session", &s.ann)], "target=alice")
        }),
        case("tokenize", "digest", |s| {
            let path = format!("/v1/sessions/{}/tokenize/", s.alice[0]);
            public("POST", &path, &[("session", &s.alice[0])], "")
        }),
        restriction("detokenize", "digest", |s| {
            let path = format!("/v1/sessions/{}/detokenize/", s.ann);
            public("POST", &path, &[("session", &s.ann)], &format!("token={}", s.handoff))
        }),
        case("xdata open", "digest records sessions", |s| s.rpc("open_session", json!({}))),
        restriction("xdata close", "digest records sessions xdata xdata-token", |s| {
            s.rpc("close_session", json!({"token": s.xdata}))
        }),
        case("trusted issue of many", "digest records sessions", |_| {
            let body = json!({"username": "ann", "surface": "mollybet", "count": 40});
            admin(ISSUER, "POST", "sessions", body)
        }),
        case("trusted issue under a limit", "digest records sessions", |_| {
            let body = json!({"username": "alice", "surface": "mollybet", "count": 40});
            admin(ISSUER, "POST", "sessions", body)
        }),
        restriction("revocation of one session", GONE, |s| {
            admin(OWNER, "DELETE", &format!("sessions/{}", s.ids[0]), Value::Null)
        }),
        restriction("password change", DEAD, |_| {
            admin(OWNER, "PUT", "accounts/alice/password", json!({"password": "password-2"}))
        }),
        restriction("disabling", ALTERED, |_| {
            admin(OWNER, "PATCH", "accounts/alice", json!({"enabled": false}))
        }),
        restriction("revoke-all", DEAD, |_| admin(OWNER, "POST", "accounts/alice/revoke", json!({}))),
        restriction("revoke-others", "digest keys sessions xdata xdata-token", |s| {
            admin(OWNER, "POST", "accounts/alice/revoke", json!({"keep": s.ids[0]}))
        }),
        restriction("enrolment of a second factor", ALTERED, |_| {
            admin(OWNER, "POST", "accounts/alice/totp", Value::Null)
        }),
        restriction("deletion of an account", ALTERED, |_| {
            admin(OWNER, "DELETE", "accounts/alice", Value::Null)
        }),
        case("creation of an account", "accounts bob digest", |_| {
            let body = json!({"username": "bob", "password": "password-1"});
            admin(OWNER, "POST", "accounts", body)
        }),
        case("creation of a key", "digest keys", |_| {
            admin(OWNER, "POST", "keys", json!({"kind": "xdata", "username": "alice"}))
        }),
        restriction("deletion of a key", "digest keys sessions xdata xdata-token", |s| {
            admin(OWNER, "DELETE", &format!("keys/{}", s.pair.0), Value::Null)
        }),
    ]
}
