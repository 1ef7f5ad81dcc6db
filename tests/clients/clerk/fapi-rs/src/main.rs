//! clerk-fapi-rs 0.2.0, the strictest reader of the contract's JSON: whatever member is missing or of another type
//! fails its call. Prints one line per check, as the other clients do.
//!
//! Usage: sessile-fapi-rs-client CREDENTIALS.json

use std::fmt::{Debug, Display};
use std::process::ExitCode;

use clerk_fapi_rs::apis::Error;
use clerk_fapi_rs::clerk::Clerk;
use clerk_fapi_rs::clerk_fapi::ClerkFapiClient;
use clerk_fapi_rs::configuration::ClerkFapiConfiguration;
use clerk_fapi_rs::models::ClientSignIn;
use serde_json::Value;

#[derive(Default)]
struct Tap {
    checks: usize,
    failures: usize,
}

impl Tap {
    fn equal<T: PartialEq + Debug>(&mut self, name: &str, got: T, wanted: T) {
        self.checks += 1;
        if got == wanted {
            println!("ok - {name}");
        } else {
            self.failures += 1;
            println!("not ok - {name}: got {got:?}, wanted {wanted:?}");
        }
    }

    /// The value of a call that must succeed.
    fn done<T>(&mut self, name: &str, result: Result<T, impl Display>) -> Option<T> {
        let (value, why) = match result {
            Ok(value) => (Some(value), String::new()),
            Err(error) => (None, error.to_string().replace('\n', " ")),
        };
        self.equal(name, why, String::new());
        value
    }
}

/// The text of a member that names a state.
fn spelled(value: impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(text)) => text,
        other => format!("{other:?}"),
    }
}

/// The status of an answer that is an error, and the code in its body.
fn refusal<T, E>(result: Result<T, Error<E>>) -> (u16, String) {
    match result {
        Err(Error::ResponseError(answer)) => {
            let body: Value = serde_json::from_str(&answer.content).unwrap_or_default();
            let code = body["errors"][0]["code"].as_str().unwrap_or_default();
            (answer.status.as_u16(), code.to_owned())
        }
        Err(other) => (0, other.to_string()),
        Ok(_) => (200, String::new()),
    }
}

type SignInResult =
    Result<ClientSignIn, Error<clerk_fapi_rs::apis::sign_ins_api::CreateSignInError>>;

async fn sign_in(fapi: &ClerkFapiClient, name: &str, password: Option<&str>) -> SignInResult {
    let none = None;
    let strategy = password.map(|_| "password");
    fapi.create_sign_in(
        none,
        strategy,
        Some(name),
        password,
        none,
        none,
        none,
        None,
        none,
        none,
        none,
        none,
    )
    .await
}

/// The payload of a token, unverified.
fn claims(jwt: Option<String>) -> Value {
    use base64::Engine as _;
    let jwt = jwt.unwrap_or_default();
    let payload = jwt.split('.').nth(1).unwrap_or_default();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload);
    serde_json::from_slice(&bytes.unwrap_or_default()).unwrap_or_default()
}

async fn script(tap: &mut Tap, credentials: &Value) -> Option<()> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let listen = text(&credentials["listen"]);
    let password = |name: &str| {
        let accounts = credentials["accounts"].as_array();
        let found = accounts.and_then(|list| list.iter().find(|one| one["username"] == name));
        found.map(|one| text(&one["password"])).unwrap_or_default()
    };
    let key = {
        use base64::Engine as _;
        let host = base64::engine::general_purpose::STANDARD.encode(format!("{listen}$"));
        format!("pk_live_{host}")
    };

    let admin = text(&credentials["admin_listen"]);
    let template = reqwest::Client::new()
        .put(format!("http://{admin}/admin/v1/templates/hasura"))
        .bearer_auth(text(&credentials["admin_token"]))
        .header("content-type", "application/json")
        .body(r#"{"claims":{"role":"user","name":"{{user.username}}"},"lifetime_s":60,"allowed_clock_skew_s":5,"algorithm":"RS256"}"#)
        .send()
        .await;
    let status = template.map(|answer| answer.status().as_u16());
    tap.equal(
        "the template is made on the admin listener",
        status.unwrap_or(0),
        200,
    );

    let proxy = Some(format!("http://{listen}"));
    let configuration = tap.done(
        "a configuration by key and address",
        ClerkFapiConfiguration::new(key, proxy, None),
    )?;
    let clerk = Clerk::new(configuration);
    tap.done("load", clerk.load().await)?;
    let fapi = clerk.get_fapi_client();
    let client = tap.done("the client is read", clerk.client())?;
    tap.equal("nobody is signed in at first", client.sessions.len(), 0);
    let token = tap.done("get_token of nobody", clerk.get_token(None, None).await)?;
    tap.equal("is none", token, None);

    let wrong = sign_in(fapi, "alice", Some("not the password")).await;
    let wanted = (422, "form_password_incorrect".to_owned());
    tap.equal(
        "create_sign_in with a wrong password",
        refusal(wrong),
        wanted,
    );

    let alice = sign_in(fapi, "alice", Some(&password("alice"))).await;
    let alice = tap.done("create_sign_in", alice)?;
    tap.equal("completes", spelled(alice.status), "complete".to_owned());
    let id = alice.created_session_id.unwrap_or_default();
    let session = tap.done("the session is read", clerk.session())?;
    tap.equal(
        "it is the active one",
        session.map(|session| session.id),
        Some(id.clone()),
    );
    let user = tap.done("the user is read", clerk.user())?;
    let name = user.and_then(|user| user.username);
    tap.equal("it is alice", name.as_deref(), Some("alice"));

    let token = tap.done("get_token", clerk.get_token(None, None).await)?;
    tap.equal("is the session's", text(&claims(token)["sid"]), id.clone());
    let shaped = clerk.get_token(None, Some("hasura")).await;
    let shaped = claims(tap.done("get_token by a template", shaped)?);
    let (role, name) = (text(&shaped["role"]), text(&shaped["name"]));
    tap.equal(
        "has the template's claims",
        (role.as_str(), name.as_str(), shaped.get("sid")),
        ("user", "alice", None),
    );

    let got = tap.done("get_session", fapi.get_session(&id).await)?;
    tap.equal("shows it active", spelled(got.status), "active".to_owned());
    let touched = tap.done("touch_session", fapi.touch_session(&id, None).await)?;
    tap.equal(
        "leaves it active",
        spelled(touched.status),
        "active".to_owned(),
    );
    let moved = touched.last_active_at >= got.last_active_at;
    tap.equal("moves its last activity", moved, true);
    let listed = fapi.get_sessions(Some(&id)).await;
    let listed = tap.done("get_sessions", listed)?;
    tap.equal("lists it", listed.len(), 1);

    // A second account in two steps.
    let bob = sign_in(fapi, "bob", None).await;
    let bob = tap.done("create_sign_in by the identifier alone", bob)?;
    tap.equal(
        "waits for the password",
        spelled(bob.status),
        "needs_first_factor".to_owned(),
    );
    let shown = tap.done("get_sign_in", fapi.get_sign_in(&bob.id).await)?;
    tap.equal("shows it", shown.id, bob.id.clone());
    let (none, bobs) = (None, password("bob"));
    let step = fapi.attempt_sign_in_factor_one(
        &bob.id,
        "password",
        none,
        none,
        Some(&bobs),
        none,
        none,
        none,
        none,
    );
    let bob = tap.done("attempt_sign_in_factor_one", step.await)?;
    tap.equal("completes, too", spelled(bob.status), "complete".to_owned());
    let otto = sign_in(fapi, "otto", Some(&password("otto"))).await;
    let otto = tap.done("create_sign_in with a second factor to come", otto)?;
    tap.equal(
        "waits for it",
        spelled(otto.status),
        "needs_second_factor".to_owned(),
    );
    let client = tap.done("get_client", fapi.get_client().await)?;
    let client = client.map(|client| (client.sessions.len(), client.sign_in.is_some()));
    tap.equal("shows two sessions and a login", client, Some((2, true)));

    let ended = tap.done("end_session", fapi.end_session(&id).await)?;
    tap.equal("ends it", spelled(ended.status), "ended".to_owned());
    let again = refusal(fapi.end_session(&id).await);
    tap.equal(
        "once",
        again,
        (400, "invalid_action_for_session".to_owned()),
    );
    let over = refusal(fapi.create_session_token(&id, None).await);
    tap.equal(
        "an ended session gives no token",
        over,
        (401, "authentication_invalid".to_owned()),
    );
    let got = tap.done("get_session of an ended one", fapi.get_session(&id).await)?;
    tap.equal("shows it ended", spelled(got.status), "ended".to_owned());
    let removed = tap.done("remove_session", fapi.remove_session(&id).await)?;
    tap.equal("removes it", spelled(removed.status), "removed".to_owned());
    let gone = refusal(fapi.get_session(&id).await);
    tap.equal(
        "a removed session is unknown",
        gone,
        (404, "resource_not_found".to_owned()),
    );

    // Another run of the same program, which has kept the client's token and nothing else.
    let kept = clerk.get_client_authorization_header();
    let next = Clerk::new(clerk.config().clone());
    next.set_client_authorization_header(kept);
    tap.done("load with what was kept", next.load().await)?;
    let known = |clerk: &Clerk| clerk.client().map(|client| client.id).ok();
    tap.equal("is the same client", known(&next), known(&clerk));
    tap.done("sign_out", clerk.sign_out(None).await)?;
    let client = tap.done("the client is read again", clerk.client())?;
    tap.equal("nobody is signed in at last", client.sessions.len(), 0);
    Some(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("usage: sessile-fapi-rs-client CREDENTIALS.json");
        return ExitCode::FAILURE;
    };
    let mut tap = Tap::default();
    let read = std::fs::read(path).ok();
    let credentials = read.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    if let Some(credentials) = tap.done("the credentials are read", credentials.ok_or("no JSON")) {
        let ran = script(&mut tap, &credentials).await;
        tap.equal("the script runs to its end", ran, Some(()));
    }
    println!("1..{}", tap.checks);
    ExitCode::from(u8::from(tap.failures > 0 || tap.checks == 0))
}
