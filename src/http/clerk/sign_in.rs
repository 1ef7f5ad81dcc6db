//! Signing in: an identifier, a password, and where the account asks for it a second factor.
//!
//! A login that waits for its password is kept nowhere: its id carries the identifier, bound to the
//! client and to a time. One that waits for the second factor is part of the client. Each step that
//! succeeds gives the client a new secret, so what was held before it is worth nothing after it (R7).
//! Source: C-41 to C-55.

use std::sync::Arc;

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::caller::Caller;
use super::client::{enveloped, fresh, seen_by_id};
use super::error::{Outcome, Problem, answer};
use super::model::SignInJson;
use super::request::Form;
use super::tokens;
use crate::credentials::login::{FirstStep, HalfProof, Login, LoginRefusal, Proof};
use crate::door::{CodeRefusal, Engine, ServiceError};
use crate::engine::command::{Command, Open, SignIn, StartSignIn};
use crate::engine::error::Refusal;
use crate::engine::event::Grant;
use crate::http::clients::Standing;
use crate::http::surroundings::Surroundings;
use crate::session::client::{self, SIGN_IN_LIFETIME_MS};
use crate::session::id::{ClientId, SessionId, SignInId};
use crate::session::origin::Origin;
use crate::session::state::Surface;
use crate::session::time::Timestamp;
use crate::session::token::{Digest, Secret};

/// Everything a login is made with.
struct Desk<'a, E> {
    engine: &'a E,
    surroundings: &'a Surroundings,
    caller: Caller,
    origin: Origin,
}

/// The client on which somebody signs in, what is kept of its secret now, and its next secret.
struct Place {
    client: ClientId,
    presented: Option<Digest>,
    next: Secret,
}

pub(super) async fn create<E: Engine>(
    request: HttpRequest,
    payload: Payload,
    engine: Data<E>,
    surroundings: Data<Surroundings>,
) -> HttpResponse {
    answer(begin(&request, payload, &**engine, &surroundings).await)
}

async fn begin<E: Engine>(
    request: &HttpRequest,
    payload: Payload,
    engine: &E,
    surroundings: &Surroundings,
) -> Outcome {
    let desk = Desk::new(engine, surroundings, request).await?;
    let form = Form::read(request, payload).await?;
    let [strategy, identifier, password] = form.fields(["strategy", "identifier", "password"])?;
    expect_strategy(strategy.as_deref(), "password")?;
    let identifier = identifier.ok_or(Problem::ParamMissing("identifier"))?;
    if identifier.chars().count() > crate::session::account::USERNAME_CHARS_MAX {
        return Err(Problem::ParamInvalid("identifier"));
    }
    match password {
        Some(password) => desk.first_step(identifier, password).await,
        None => desk.wait_for_password(&identifier).await,
    }
}

pub(super) async fn first_factor<E: Engine>(
    request: HttpRequest,
    id: Path<String>,
    payload: Payload,
    engine: Data<E>,
    surroundings: Data<Surroundings>,
) -> HttpResponse {
    answer(attempt_first(&request, &id, payload, &**engine, &surroundings).await)
}

async fn attempt_first<E: Engine>(
    request: &HttpRequest,
    id: &str,
    payload: Payload,
    engine: &E,
    surroundings: &Surroundings,
) -> Outcome {
    let desk = Desk::new(engine, surroundings, request).await?;
    let identifier = desk.waiting(id).ok_or(Problem::SignInNotFound)?.1;
    let form = Form::read(request, payload).await?;
    let [strategy, password] = form.fields(["strategy", "password"])?;
    expect_strategy(strategy.as_deref(), "password")?;
    let password = password.ok_or(Problem::ParamMissing("password"))?;
    desk.first_step(identifier, password).await
}

pub(super) async fn second_factor<E: Engine>(
    request: HttpRequest,
    id: Path<String>,
    payload: Payload,
    engine: Data<E>,
    surroundings: Data<Surroundings>,
) -> HttpResponse {
    answer(attempt_second(&request, &id, payload, &**engine, &surroundings).await)
}

async fn attempt_second<E: Engine>(
    request: &HttpRequest,
    id: &str,
    payload: Payload,
    engine: &E,
    surroundings: &Surroundings,
) -> Outcome {
    let desk = Desk::new(engine, surroundings, request).await?;
    let (client, presented) = desk.caller.known().ok_or(Problem::SignInNotFound)?;
    let pending = desk
        .pending(client, id)
        .await
        .ok_or(Problem::SignInNotFound)?;
    let form = Form::read(request, payload).await?;
    let [strategy, code] = form.fields(["strategy", "code"])?;
    expect_strategy(strategy.as_deref(), "totp")?;
    let code = Zeroizing::new(code.ok_or(Problem::ParamMissing("code"))?);
    let checked = engine.check_code(&desk.origin, client, pending, &code);
    let proof = checked.await.map_err(|refusal| match refusal {
        CodeRefusal::Code(LoginRefusal::Wrong) => Problem::CodeIncorrect,
        CodeRefusal::Code(refusal) => refusal.into(),
        CodeRefusal::Login(error) => error.into(),
    })?;
    let place = Place {
        client,
        presented: Some(presented),
        next: next_secret(engine, client)?,
    };
    desk.complete(place, proof, Some(pending.id)).await
}

pub(super) async fn show<E: Engine>(
    request: HttpRequest,
    id: Path<String>,
    engine: Data<E>,
    surroundings: Data<Surroundings>,
) -> HttpResponse {
    answer(find(&request, &id, &**engine, &surroundings).await)
}

async fn find<E: Engine>(
    request: &HttpRequest,
    id: &str,
    engine: &E,
    surroundings: &Surroundings,
) -> Outcome {
    let desk = Desk::new(engine, surroundings, request).await?;
    if let Some((expires, identifier)) = desk.waiting(id) {
        return Ok(enveloped(
            SignInJson::waiting(id.to_owned(), &identifier, expires),
            (),
        ));
    }
    let (client, _) = desk.caller.known().ok_or(Problem::SignInNotFound)?;
    let pending = desk
        .pending(client, id)
        .await
        .ok_or(Problem::SignInNotFound)?;
    let account = engine.account(pending.account).get().await;
    let account = account.ok_or(Problem::SignInNotFound)?;
    Ok(enveloped(
        SignInJson::pending(&pending, account.username.as_str()),
        (),
    ))
}

fn expect_strategy(said: Option<&str>, known: &str) -> Result<(), Problem> {
    match said {
        Some(other) if other != known => Err(Problem::ParamInvalid("strategy")),
        _ => Ok(()),
    }
}

fn next_secret<E: Engine>(engine: &E, client: ClientId) -> Result<Secret, Problem> {
    let random = engine.random().map_err(|_| Problem::Internal)?;
    Ok(Secret::client(client, random))
}

impl<'a, E: Engine> Desk<'a, E> {
    async fn new(
        engine: &'a E,
        surroundings: &'a Surroundings,
        request: &'a HttpRequest,
    ) -> Result<Self, Problem> {
        let caller = Caller::read(engine, &surroundings.clerk, request).await?;
        let origin = caller.asks(request, surroundings);
        Ok(Self {
            engine,
            surroundings,
            caller,
            origin,
        })
    }

    /// Where the caller signs in: on his client, or on a new one.
    fn place(&self) -> Result<Place, Problem> {
        let (client, presented) = match self.caller.standing {
            Standing::Known(id, digest) => (id, Some(digest)),
            Standing::Anonymous(id) => (id, None),
            Standing::Replaced | Standing::Nobody => (fresh(self.engine)?, None),
        };
        let next = next_secret(self.engine, client)?;
        Ok(Place {
            client,
            presented,
            next,
        })
    }

    async fn first_step(&self, identifier: String, password: String) -> Outcome {
        let login = Login {
            origin: self.origin.clone(),
            username: identifier,
            exact_name: true,
            password: Zeroizing::new(password),
            otp: None,
            client: None,
        };
        let place = self.place()?;
        match self.engine.begin_log_in(login).await? {
            FirstStep::Complete(proof) => self.complete(place, proof, None).await,
            FirstStep::Half(half) => self.wait_for_code(place, half).await,
        }
    }

    async fn wait_for_code(&self, place: Place, half: HalfProof) -> Outcome {
        let random = self.engine.random().map_err(|_| Problem::Internal)?;
        let start = StartSignIn {
            client: place.client,
            presented: place.presented,
            secret: Some(self.engine.digest(place.next.reveal().as_bytes())),
            id: SignInId::from_bytes(random),
            account: half.account,
            generation: half.generation,
            factors: half.factors,
            remember: false,
        };
        let id = start.id.to_string();
        let start = Command::StartSignIn(start);
        self.engine.ask(&self.origin, start).await?;
        let pending = self.pending(place.client, &id).await;
        let pending = pending.ok_or(Problem::SignInNotFound)?;
        let json = SignInJson::pending(&pending, half.described.username.as_str());
        let seen = seen_by_id(self.engine, place.client).await;
        let client = seen.as_ref().map(|seen| seen.json(self.engine.now()));
        let mut answer = enveloped(json, client);
        self.caller
            .hand_out(&self.surroundings.clerk, &mut answer, &place.next)?;
        Ok(answer)
    }

    async fn complete(&self, place: Place, proof: Proof, step: Option<SignInId>) -> Outcome {
        let random = self.engine.random().map_err(|_| Problem::Internal)?;
        let session = SessionId::behind(place.client.family(), random);
        let policy = self.engine.policy();
        let grant = Grant {
            account: proof.account,
            generation: proof.generation,
            surface: Surface::Clerk,
            lifetime: policy.lifetime(Surface::Clerk, self.engine.now()),
            factors: proof.factors,
            client_type: proof.described.client_type.clone(),
            key: None,
            client: Some(place.client),
            parent: None,
            chain: Vec::new(),
            address: self.origin.address,
            user_agent: self.origin.user_agent.clone(),
            attributes: None,
        };
        let command = SignIn {
            open: Open {
                ids: vec![session],
                grant: Arc::new(grant),
                per_account: policy.clerk.per_account,
                when_full: policy.clerk.when_full,
                otp_step: proof.otp_step,
            },
            presented: place.presented,
            secret: Some(self.engine.digest(place.next.reveal().as_bytes())),
            step,
        };
        self.engine
            .ask(&self.origin, Command::SignIn(command))
            .await
            .map_err(refused)?;
        let id = match step {
            Some(step) => step,
            None => SignInId::from_bytes(self.engine.random().map_err(|_| Problem::Internal)?),
        };
        let now = self.engine.now();
        let json = SignInJson::complete(
            id,
            proof.described.username.as_str(),
            session,
            proof.factors,
            now.plus_ms(SIGN_IN_LIFETIME_MS),
        );
        let mut seen = seen_by_id(self.engine, place.client).await;
        if let Some(seen) = &mut seen {
            tokens::attach(self.engine, self.surroundings, &self.caller, seen, session).await;
        }
        let client = seen.as_ref().map(|seen| seen.json(now));
        let mut answer = enveloped(json, client);
        self.caller
            .hand_out(&self.surroundings.clerk, &mut answer, &place.next)?;
        Ok(answer)
    }

    /// The pending login of the client, if that is its id.
    async fn pending(&self, client: ClientId, id: &str) -> Option<client::SignIn> {
        let id = SignInId::parse(id)?;
        let look = move |view: Option<crate::engine::clients::ClientView<'_>>| {
            view.and_then(|view| view.sign_in().copied())
                .filter(|pending| pending.id == id)
        };
        self.engine.with_client(client, look).get().await
    }

    /// Remembers an identifier in the id of a login, for the client that is to go on with it.
    async fn wait_for_password(&self, identifier: &str) -> Outcome {
        let (client, handed_out) = match self.caller.standing {
            Standing::Known(id, _) | Standing::Anonymous(id) => (id, false),
            Standing::Replaced | Standing::Nobody => (fresh(self.engine)?, true),
        };
        let expires = self.engine.now().plus_ms(SIGN_IN_LIFETIME_MS);
        let [.., a, b, c, d, e, f] = expires.ms().to_be_bytes();
        let mut bytes = vec![a, b, c, d, e, f];
        bytes.extend(self.seal(client, expires, identifier));
        bytes.extend(identifier.as_bytes());
        let id = format!("{}{}", SignInId::PREFIX, URL_SAFE_NO_PAD.encode(bytes));
        let seen = seen_by_id(self.engine, client).await;
        let now = self.engine.now();
        let json = SignInJson::waiting(id.clone(), identifier, expires);
        // The client shows it as its own, so that a page that reads the client goes on with it.
        let mut shown = match &seen {
            Some(seen) => seen.json(now),
            None => super::model::ClientJson::new(client, now, now),
        };
        shown.sign_in = Some(SignInJson::waiting(id, identifier, expires));
        let mut answer = enveloped(json, shown);
        if handed_out {
            let secret = self.engine.anonymous_client(client);
            self.caller
                .hand_out(&self.surroundings.clerk, &mut answer, &secret)?;
        }
        Ok(answer)
    }

    /// The identifier in the id of a login that waits for its password, and when it is over.
    fn waiting(&self, id: &str) -> Option<(Timestamp, String)> {
        let client = match self.caller.standing {
            Standing::Known(id, _) | Standing::Anonymous(id) => id,
            Standing::Replaced | Standing::Nobody => return None,
        };
        let bytes = URL_SAFE_NO_PAD
            .decode(id.strip_prefix(SignInId::PREFIX)?)
            .ok()?;
        let (time, rest) = bytes.split_first_chunk::<6>()?;
        let (seal, identifier) = rest.split_first_chunk::<16>()?;
        let [a, b, c, d, e, f] = *time;
        let expires = Timestamp::from_ms(u64::from_be_bytes([0, 0, a, b, c, d, e, f]));
        let identifier = std::str::from_utf8(identifier).ok()?;
        // Compared by their digests, which takes the same time wherever the difference lies.
        let expected = self.engine.digest(&self.seal(client, expires, identifier));
        let right = self.engine.digest(seal) == expected;
        (right && self.engine.now() < expires).then(|| (expires, identifier.to_owned()))
    }

    /// What shows that this server made the id, for this client.
    fn seal(&self, client: ClientId, expires: Timestamp, identifier: &str) -> [u8; 16] {
        let text = format!("waiting sign-in {client} {} {identifier}", expires.ms());
        let digest = self.engine.digest(text.as_bytes());
        digest.as_bytes().first_chunk().copied().unwrap_or_default()
    }
}

/// A step that was spent meanwhile is a code that is wrong by now.
fn refused(error: ServiceError) -> Problem {
    match error {
        ServiceError::Refused(Refusal::SessionNotFound) => Problem::SignInNotFound,
        other => other.into(),
    }
}
