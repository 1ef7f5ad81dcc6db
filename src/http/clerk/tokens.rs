//! JWTs of a session, and with named templates. Source: C-76 to C-85.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Map, Value, json};

use super::caller::Caller;
use super::client::Seen;
use super::error::{Outcome, Problem, answer};
use super::model::{Token, factor_ages, user_id};
use super::request::Form;
use super::session::{Named, live, no_organization};
use crate::door::Engine;
use crate::http::reply;
use crate::http::surroundings::Surroundings;
use crate::session::account::Account;
use crate::session::activity::{Look, Touch};
use crate::session::id::{AccountId, SessionId};
use crate::session::state::Surface;
use crate::tokens::desk::TokenOf;

pub(super) async fn session_token<E: Engine>(
    request: HttpRequest,
    id: Path<String>,
    payload: Payload,
    engine: Data<E>,
    surroundings: Data<Surroundings>,
) -> HttpResponse {
    answer(mint(&request, &id, payload, &**engine, &surroundings).await)
}

async fn mint<E: Engine>(
    request: &HttpRequest,
    id: &str,
    payload: Payload,
    engine: &E,
    surroundings: &Surroundings,
) -> Outcome {
    let caller = Caller::read(engine, &surroundings.clerk, request).await?;
    let named = live(engine, &caller, id).await?;
    let form = Form::read(request, payload).await?;
    let [organization] = form.fields(["organization_id"])?;
    no_organization(organization.as_deref())?;
    let actors = actors(engine, named.id).await;
    let wanted = token_of(engine, surroundings, &caller, &named, actors);
    let jwt = engine.session_token(wanted).await?;
    Ok(reply::json(StatusCode::OK).json(Token::new(&jwt)))
}

fn token_of<E: Engine>(
    engine: &E,
    surroundings: &Surroundings,
    caller: &Caller,
    named: &Named,
    actors: Vec<String>,
) -> TokenOf {
    TokenOf {
        session: named.id,
        subject: user_id(named.session.account),
        actors,
        issuer: surroundings.clerk.issuer.clone(),
        authorized_party: caller.origin.clone(),
        factor_ages: factor_ages(&named.session, engine.now()),
    }
}

/// The users in whose hands a session of another one is, whoever began it first.
async fn actors<E: Engine>(engine: &E, session: SessionId) -> Vec<String> {
    let look = Look::on(Surface::Clerk, Touch::No);
    let chain = engine.with_session(session, look, |view| view.map(|view| view.chain().to_vec()));
    let chain = chain.get().await.unwrap_or_default();
    chain.into_iter().map(user_id).collect()
}

/// Has the token of a session shown with it. Without one the client asks for it: a pool that is full
/// does not spoil an answer that is otherwise right.
pub(super) async fn attach<E: Engine>(
    engine: &E,
    surroundings: &Surroundings,
    caller: &Caller,
    seen: &mut Seen,
    id: SessionId,
) {
    let Some((session, _)) = seen.session(id) else {
        return;
    };
    let wanted = TokenOf {
        session: id,
        subject: user_id(session.account),
        actors: actors(engine, id).await,
        issuer: surroundings.clerk.issuer.clone(),
        authorized_party: caller.origin.clone(),
        factor_ages: factor_ages(session, engine.now()),
    };
    if let Ok(jwt) = engine.session_token(wanted).await {
        seen.show_token(id, jwt);
    }
}

pub(super) async fn template_token<E: Engine>(
    request: HttpRequest,
    path: Path<(String, String)>,
    engine: Data<E>,
    surroundings: Data<Surroundings>,
) -> HttpResponse {
    let (id, name) = path.into_inner();
    answer(mint_by_template(&request, &id, &name, &**engine, &surroundings).await)
}

async fn mint_by_template<E: Engine>(
    request: &HttpRequest,
    id: &str,
    name: &str,
    engine: &E,
    surroundings: &Surroundings,
) -> Outcome {
    let caller = Caller::read(engine, &surroundings.clerk, request).await?;
    let named = live(engine, &caller, id).await?;
    let (_, account) = named
        .seen
        .session(named.id)
        .ok_or(Problem::SessionNotFound(None))?;
    let actors = actors(engine, named.id).await;
    let facts = facts(named.session.account, account, named.id, &actors);
    let wanted = token_of(engine, surroundings, &caller, &named, actors);
    let lifetime_max_s = surroundings.clerk.token_lifetime_max_s;
    let jwt = engine
        .template_token(name, wanted, facts, lifetime_max_s)
        .await?;
    let jwt = jwt.ok_or(Problem::TemplateNotFound)?;
    Ok(reply::json(StatusCode::OK).json(Token::new(&jwt)))
}

/// What the shortcodes of a template may name. Source: C-84.
fn facts(id: AccountId, account: &Account, session: SessionId, actors: &[String]) -> Value {
    let actor = actors.last().map(|sub| json!({"sub": sub}));
    let profile = &account.profile;
    let text = |text: &str| match text {
        "" => Value::Null,
        text => Value::from(text),
    };
    let metadata = |json: &str| {
        serde_json::from_str::<Map<String, Value>>(json).map_or(Value::Null, Value::Object)
    };
    let full_name = [profile.first_name.as_str(), profile.last_name.as_str()];
    let full_name = full_name.into_iter().filter(|name| !name.is_empty());
    let full_name = full_name.collect::<Vec<_>>().join(" ");
    json!({
        "user": {
            "id": user_id(id),
            "username": account.username.as_str(),
            "first_name": text(&profile.first_name),
            "last_name": text(&profile.last_name),
            "full_name": text(&full_name),
            "primary_email_address": text(&profile.email),
            "primary_phone_address": text(&profile.phone),
            "primary_phone_number": text(&profile.phone),
            "image_url": text(&profile.image_url),
            "created_at": account.created.ms(),
            "updated_at": account.updated.ms(),
            "external_id": account.external_subject.as_deref(),
            "email_verified": profile.email_verified,
            "phone_number_verified": false,
            "public_metadata": metadata(&profile.public_metadata),
            "unsafe_metadata": metadata(&profile.unsafe_metadata),
        },
        "session": {"id": session.to_string(), "actor": actor},
        "org": {"name": Value::Null},
    })
}
