//! A node whose memory is full: grants are refused on every surface, all else goes on, nobody's session is
//! taken away, and what ends makes room (O9).

use serde_json::{Value, json};

use crate::revocation::{alive, at_once};
use crate::server::{How, Place, Server, TOKEN};
use crate::wire::{Answer, Line, request};

const CEILING: &str = "[limits]\nmemory = \"112 MiB\"\n";
/// Sessions of one call, each with so many bytes of attributes: the process is full after some thousands.
const CALL: usize = 128;
const ATTRIBUTES_BYTES: usize = 3_500;
/// More than ever fit.
const CALLS_MAX: usize = 1_000;
/// A refusal stands for a second; this is how often it is asked, at most, whether it still does.
const ASKED_MAX: usize = 30_000;

fn issue(server: &Server, count: usize) -> Answer {
    let filling = "x".repeat(ATTRIBUTES_BYTES);
    let body = json!({"username": "alice", "surface": "mollybet", "count": count,
        "attributes": {"filling": filling}});
    server.ask("POST", "/admin/v1/sessions", &body.to_string())
}

fn secrets(issued: &Answer) -> Vec<String> {
    let sessions = issued.json()["sessions"].as_array().cloned();
    let secret = |session: &Value| session["secret"].as_str().map(str::to_owned);
    let secrets = sessions.unwrap_or_default();
    secrets.iter().filter_map(secret).collect()
}

fn memory(server: &Server) -> (u64, u64, bool) {
    let ready = server.administer("GET", "/health/ready", &Value::Null);
    let memory = &ready["memory"];
    let bytes = |name: &str| memory[name].as_u64().unwrap();
    let full = memory["full"].as_bool().unwrap();
    (bytes("resident_bytes"), bytes("ceiling_bytes"), full)
}

/// One call of each kind that gives something.
fn grants(
    server: &Server,
    session: &str,
    guest: &str,
    pair: (&str, &str),
) -> Vec<(&'static str, Answer)> {
    let bearer = format!("Bearer {TOKEN}");
    let admin = [("authorization", bearer.as_str())];
    let mollybet = |rest: &str, body: &Value| {
        let path = format!("/v1/sessions/{session}/{rest}/");
        request("POST", &path, &[("session", session)], &body.to_string())
    };
    let login = json!({"username": "alice", "password": "password-1"}).to_string();
    let user = json!({"userName": "alice", "password": "password-1"}).to_string();
    let opening = json!({"jsonrpc": "2.0", "id": 1, "method": "session.open_session"}).to_string();
    let form = "strategy=password&identifier=alice&password=password-1";
    let sign_in = format!(
        "POST /v1/client/sign_ins?_is_native=1 HTTP/1.1\r\nhost: test\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
        form.len()
    );
    let keys = [("apikey", pair.0), ("secret", pair.1)];
    let guest = [("private-token", guest)];
    let administration = |path: &str, body: Value| {
        request(
            "POST",
            &format!("/admin/v1/{path}"),
            &admin,
            &body.to_string(),
        )
    };
    let issue = json!({"username": "alice", "surface": "mollybet"});
    let public = [
        ("login", request("POST", "/v1/sessions/", &[], &login)),
        ("sudo", mollybet("sudo", &json!({"target": "alice"}))),
        ("tokenize", mollybet("tokenize", &json!({}))),
        ("i3D", request("POST", "/v3/session/login", &guest, &user)),
        (
            "xData",
            request("POST", "/api/v2/session/jsonrpc", &keys, &opening),
        ),
        ("clerk", sign_in.into_bytes()),
    ];
    let private = [
        ("trusted issue", administration("sessions", issue)),
        (
            "account",
            administration("accounts", json!({"username": "late"})),
        ),
        ("key", administration("keys", json!({"kind": "i3d-guest"}))),
    ];
    let ask = |to| move |(name, call): (_, Vec<u8>)| (name, Line::to(to).call(&call).whole());
    let public = public.into_iter().map(ask(server.public));
    public
        .chain(private.into_iter().map(ask(server.admin)))
        .collect()
}

#[test]
fn a_full_memory_refuses_grants_takes_nothing_away_and_has_room_for_what_ended() {
    let place = Place::new();
    place.configure(CEILING);
    let server = place.start(How::default());
    let make = |path: &str, body: Value| server.administer("POST", path, &body);
    let alice =
        json!({"username": "alice", "password": "password-1", "max_sessions": 0, "may_sudo": true});
    make("/admin/v1/accounts", alice);
    let guest = make("/admin/v1/keys", json!({"kind": "i3d-guest"}));
    let pair = make(
        "/admin/v1/keys",
        json!({"kind": "xdata", "username": "alice"}),
    );
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (guest, pair) = (
        text(&guest["secret"]),
        (text(&pair["api_key"]), text(&pair["secret"])),
    );

    let mut opened = Vec::new();
    let mut full = false;
    for _ in 0..CALLS_MAX {
        let answer = issue(&server, CALL);
        if answer.status == 503 {
            full = true;
            break;
        }
        let secrets = secrets(&answer);
        assert_eq!(secrets.len(), CALL, "{}", answer.text());
        opened.extend(secrets);
    }
    assert!(full, "{} sessions, and there is still room", opened.len());
    let was = memory(&server);
    let (resident, ceiling, is_full) = was;
    assert!(is_full && resident <= ceiling, "{resident} of {ceiling}");
    let all = grants(&server, &opened[0], &guest, (&pair.0, &pair.1));
    for (name, answer) in &all {
        let wait = answer.retry_after.as_deref();
        assert_eq!(
            (answer.status, wait),
            (503, Some("1")),
            "{name}: {}",
            answer.text()
        );
    }
    assert_eq!(
        alive(&server, &opened),
        opened.len(),
        "nobody's session is taken away"
    );

    // An eighth logs out, and is gone.
    let (ended, kept) = opened.split_at(opened.len() / 8);
    let log_out = |line: &mut Line, secret: &str| {
        let path = format!("/v1/sessions/{secret}/");
        line.call(&request("DELETE", &path, &[("session", secret)], ""))
            .whole()
            .status
    };
    assert_eq!(at_once(&server, ended, log_out, 200), ended.len());
    assert_eq!(
        (alive(&server, ended), alive(&server, kept)),
        (0, kept.len())
    );
    let room = (0..ASKED_MAX).find_map(|_| {
        std::thread::park_timeout(std::time::Duration::from_millis(1));
        let answer = issue(&server, 1);
        (answer.status == 200).then(|| secrets(&answer))
    });
    let room = room.unwrap_or_else(|| {
        let now = memory(&server);
        panic!("what ended makes no room: {was:?} when it was full, {now:?} now")
    });
    let again = grants(&server, &kept[0], &guest, (&pair.0, &pair.1));
    let refused = again
        .iter()
        .filter(|(_, answer)| answer.status == 503)
        .count();
    assert_eq!(refused, 0);
    let said = server.errors();
    for line in [
        "memory is full: grants are refused",
        "there is room in memory again",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }

    // Nor does a crash lose any of them.
    server.kill();
    let server = place.start(How::default());
    assert_eq!(
        (alive(&server, ended), alive(&server, kept)),
        (0, kept.len())
    );
    assert_eq!(alive(&server, &room), room.len());
    server.stop();
}
