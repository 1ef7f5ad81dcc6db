//! Templates for tokens: make or change, show, list, delete.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Payload};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::access::{Caller, Role};
use super::error::{Outcome, Problem};
use super::input;
use crate::door::Engine;
use crate::engine::command::Command;
use crate::http::reply;
use crate::session::jwt::{SigningAlgorithm, Template};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    claims: Map<String, Value>,
    lifetime_s: Option<u32>,
    allowed_clock_skew_s: Option<u32>,
    algorithm: Option<String>,
}

pub(super) async fn put<E: Engine>(
    caller: Caller,
    name: Path<String>,
    payload: Payload,
    engine: Data<E>,
) -> Outcome {
    caller.may(Role::Own)?;
    let wanted: Wanted = input::read(payload).await?;
    let algorithm = match &wanted.algorithm {
        Some(name) => SigningAlgorithm::parse(name).ok_or("RS256, ES256 or EdDSA"),
        None => Ok(SigningAlgorithm::Rs256),
    };
    let algorithm = input::check("algorithm", algorithm)?;
    let template = Template::new(
        &name,
        &wanted.claims,
        wanted.lifetime_s.unwrap_or(60),
        wanted.allowed_clock_skew_s.unwrap_or(5),
        algorithm,
    );
    let template = template.map_err(|rule| Problem::Invalid(rule.to_owned()))?;
    let shown = describe(&template);
    let put = Command::PutTemplate(template);
    engine.ask(&caller.origin, put).await?;
    Ok(reply::json(StatusCode::OK).json(shown))
}

fn describe(template: &Template) -> Value {
    json!({
        "name": template.name(),
        "claims": serde_json::from_str::<Value>(template.claims()).unwrap_or_default(),
        "lifetime_s": template.lifetime_s(),
        "allowed_clock_skew_s": template.allowed_clock_skew_s(),
        "algorithm": template.algorithm().name(),
    })
}

pub(super) async fn list<E: Engine>(caller: Caller, engine: Data<E>) -> Outcome {
    caller.may(Role::Read)?;
    let templates = engine.templates().get().await;
    let list: Vec<_> = templates
        .iter()
        .map(|template| describe(template))
        .collect();
    Ok(reply::json(StatusCode::OK).json(json!({"templates": list})))
}

pub(super) async fn show<E: Engine>(
    caller: Caller,
    name: Path<String>,
    engine: Data<E>,
) -> Outcome {
    caller.may(Role::Read)?;
    let templates = engine.templates().get().await;
    let found = templates
        .iter()
        .find(|template| template.name() == name.as_str());
    let found = found.ok_or(Problem::NotFound("no such template"))?;
    Ok(reply::json(StatusCode::OK).json(describe(found)))
}

pub(super) async fn delete<E: Engine>(
    caller: Caller,
    name: Path<String>,
    engine: Data<E>,
) -> Outcome {
    caller.may(Role::Own)?;
    let delete = Command::DeleteTemplate(name.as_str().into());
    engine.ask(&caller.origin, delete).await?;
    Ok(reply::json(StatusCode::OK).json(json!({"deleted": &*name})))
}
