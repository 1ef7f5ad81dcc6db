//! The requests of each surface, byte for byte, and what their answers must be. Source: docs/surfaces.

use std::sync::Arc;

use anyhow::ensure;

use super::ask::{Awaited, Book, Opening};
use super::plan::Closer;
use super::schedule::shuffle;
use super::seed::{Account, Login, Session};
use super::target::Target;
use crate::cli::bench::BenchSurface;

/// Members that a JSON-RPC batch may have. Source: X-64.
pub(super) const BATCH_MAX: usize = 100;
/// Lifetime of the xData sessions that a run opens, in seconds.
const LIFETIME_S: u64 = 3_600;

const RPC: &str = "/api/v2/session/jsonrpc";
const JSON: &str = "Content-Type: application/json\r\n";

/// Renders a request; a body says its length.
fn render(target: &Target, call: &str, fields: &str, body: &str) -> Vec<u8> {
    let (method, path) = call.split_once(' ').unwrap_or(("GET", call));
    let length = match method {
        "GET" | "DELETE" => String::new(),
        _ => format!("Content-Length: {}\r\n", body.len()),
    };
    let (prefix, host) = (&target.prefix, &target.host);
    format!("{method} {prefix}{path} HTTP/1.1\r\nHost: {host}\r\n{fields}{length}\r\n{body}")
        .into_bytes()
}

/// The book in which each session is verified, in no order.
pub(super) fn verify(
    surface: BenchSurface,
    target: &Target,
    accounts: &[Account],
    sessions: &[Session],
) -> Book {
    let mut order: Vec<&Session> = sessions.iter().collect();
    shuffle(&mut order);
    let mut book = Book::default();
    for (number, session) in order.into_iter().enumerate() {
        let Some(account) = accounts.get(session.account) else {
            continue;
        };
        verify_one(&mut book, surface, target, (account, session, number));
    }
    book
}

fn verify_one(
    book: &mut Book,
    surface: BenchSurface,
    target: &Target,
    (account, session, number): (&Account, &Session, usize),
) {
    let (id, secret) = (&session.id, &session.secret);
    let (name, user_id) = (&account.name, account.user_id);
    match surface {
        BenchSurface::Gateway => {
            let fields = format!("Session: {secret}\r\n");
            let request = render(target, "GET /auth/verify", &fields, "");
            book.wants_session(&request, id);
        }
        BenchSurface::Mollybet => {
            let fields = format!("Session: {secret}\r\n");
            let request = render(target, &format!("GET /v1/sessions/{secret}/"), &fields, "");
            let body = format!(r#"{{"status":"ok","data":{{"username":"{name}","#);
            book.wants_beginning(&request, body.as_bytes());
        }
        BenchSurface::I3d => {
            let fields = format!("PRIVATE-TOKEN: {secret}\r\n");
            let request = render(target, "GET /v3/session/user", &fields, "");
            let body = format!(r#"{{"userId":{user_id},"userName":"{name}","#);
            book.wants_beginning(&request, body.as_bytes());
        }
        BenchSurface::Clerk => {
            let fields = format!("Authorization: {secret}\r\n");
            let request = render(
                target,
                &format!("GET /v1/client/sessions/{id}"),
                &fields,
                "",
            );
            let body =
                format!(r#"{{"response":{{"id":"{id}","object":"session","status":"active","#);
            book.wants_beginning(&request, body.as_bytes());
        }
        BenchSurface::Xdata => {
            let call = verify_call(secret, number);
            let request = render(target, &format!("POST {RPC}"), &pair(account), &call);
            book.wants_body(&request, active(number).as_bytes());
        }
    }
}

/// The book in which each of these sessions is dead.
pub(super) fn dead(target: &Target, sessions: &[Session]) -> Book {
    let mut book = Book::default();
    for session in sessions {
        let fields = format!("Session: {}\r\n", session.secret);
        book.wants_status(&render(target, "GET /auth/verify", &fields, ""), 401);
    }
    book
}

/// The book of batches, each of sessions of one account, since the caller is its key pair.
pub(super) fn batches(
    target: &Target,
    accounts: &[Account],
    sessions: &[Session],
    size: usize,
) -> anyhow::Result<Book> {
    ensure!(
        (1..=BATCH_MAX).contains(&size),
        "--batch: 1 to {BATCH_MAX} sessions of a call, not {size}"
    );
    let mut batches = Vec::new();
    for (number, account) in accounts.iter().enumerate() {
        let mut own: Vec<_> = sessions.iter().filter(|s| s.account == number).collect();
        shuffle(&mut own);
        for batch in own.chunks_exact(size) {
            let listed = |one: fn(&str, usize) -> String| {
                let all: Vec<_> = batch
                    .iter()
                    .zip(0..)
                    .map(|(s, n)| one(&s.secret, n))
                    .collect();
                format!("[{}]", all.join(","))
            };
            let request = render(
                target,
                &format!("POST {RPC}"),
                &pair(account),
                &listed(verify_call),
            );
            batches.push((request, listed(|_, number| active(number))));
        }
    }
    ensure!(
        !batches.is_empty(),
        "there are fewer than {size} sessions for each account: say more --sessions or fewer --accounts"
    );
    shuffle(&mut batches);
    let mut book = Book::default();
    for (request, body) in batches {
        book.wants_body(&request, body.as_bytes());
    }
    Ok(book)
}

/// The book of openings: on xdata by the contract, elsewhere by trusted issue on the admin listener.
pub(super) fn open(
    surface: BenchSurface,
    target: &Target,
    accounts: &[Account],
    token: Option<&str>,
) -> Book {
    let mut book = Book::default();
    for account in accounts {
        if surface == BenchSurface::Xdata {
            let call = format!(
                r#"{{"jsonrpc":"2.0","method":"session.open_session","params":{{"expires_in":{LIFETIME_S}}},"id":1}}"#
            );
            let request = render(target, &format!("POST {RPC}"), &pair(account), &call);
            book.wants_opening(&request, Opening::Xdata);
        } else {
            let body = format!(
                r#"{{"username":"{}","surface":"{}"}}"#,
                account.name,
                issued_on(surface)
            );
            let bearer = token.map(|token| format!("Authorization: Bearer {token}\r\n"));
            let fields = format!("{JSON}{}", bearer.unwrap_or_default());
            let request = render(target, "POST /admin/v1/sessions", &fields, &body);
            book.wants_opening(&request, Opening::Issued);
        }
    }
    book
}

/// How a session that was opened is ended by its holder.
pub(super) fn closer(surface: BenchSurface, target: &Target) -> Closer {
    let target = target.clone();
    Arc::new(move |opened| {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (id, secret) = (text(&opened.id), text(&opened.secret));
        let post = |path: &str, fields: &str| render(&target, &format!("POST {path}"), fields, "");
        let (request, status, beginning) = match surface {
            BenchSurface::Gateway | BenchSurface::Mollybet => {
                let call = format!("DELETE /v1/sessions/{secret}/");
                let request = render(&target, &call, &format!("Session: {secret}\r\n"), "");
                (request, 200, r#"{"status":"ok","data":null}"#.to_owned())
            }
            BenchSurface::I3d => {
                let fields = format!("PRIVATE-TOKEN: {secret}\r\n");
                (post("/v3/session/logout", &fields), 204, String::new())
            }
            BenchSurface::Clerk => {
                let path = format!("/v1/client/sessions/{id}/end");
                let request = post(&path, &format!("Authorization: {secret}\r\n"));
                (request, 200, format!(r#"{{"response":{{"id":"{id}","#))
            }
            BenchSurface::Xdata => {
                let call = format!(
                    r#"{{"jsonrpc":"2.0","method":"session.close_session","params":{{"token":"{secret}"}},"id":1}}"#
                );
                // A session acts with the rights of the pair that opened it.
                let fields = format!("{JSON}Xdata-Session-Token: {secret}\r\n");
                let request = render(&target, &format!("POST {RPC}"), &fields, &call);
                (request, 200, r#"{"result":true,"id":1,"#.to_owned())
            }
        };
        let beginning = beginning.into_bytes();
        (request, Awaited { status, beginning })
    })
}

/// The book of logins on mollybet, so many out of a hundred with a wrong password.
pub(super) fn logins(target: &Target, logins: &[Login], wrong: u8) -> Book {
    let mut book = Book::default();
    for number in 0..100_usize {
        for login in logins {
            // Spread over the hundred: 37 and 100 have no divisor in common.
            let is_wrong = number * 37 % 100 < usize::from(wrong);
            let password = if is_wrong {
                "not-the-password"
            } else {
                login.password.as_str()
            };
            let body = format!(r#"{{"username":"{}","password":"{password}"}}"#, login.name);
            book.wants_login(&render(target, "POST /v1/sessions/", JSON, &body));
        }
    }
    book
}

/// Where trusted issue opens the sessions that a surface is asked for.
pub(super) fn issued_on(surface: BenchSurface) -> &'static str {
    match surface {
        BenchSurface::Gateway | BenchSurface::Mollybet => "mollybet",
        BenchSurface::I3d => "i3d",
        BenchSurface::Clerk => "clerk",
        BenchSurface::Xdata => "xdata",
    }
}

/// The headers by which an xData caller is known.
fn pair(account: &Account) -> String {
    let pair = account.key.as_ref();
    pair.map_or_else(String::new, |key| {
        format!(
            "{JSON}APIKey: {}\r\nSecret: {}\r\n",
            key.api_key, key.secret
        )
    })
}

fn verify_call(token: &str, id: usize) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","method":"session.verify_session_token","params":{{"token":"{token}"}},"id":{id}}}"#
    )
}

fn active(id: usize) -> String {
    format!(r#"{{"result":{{"active":true}},"id":{id},"jsonrpc":"2.0"}}"#)
}
