//! Trusted issue where a session lives behind a client: on i3D a guest key on which its user is logged
//! in already, on clerk a browser's client in which he is signed in.
//!
//! The key, or the client's secret, is what is handed out. Either every one of a call carries its
//! session, or none of them is left.

use std::sync::Arc;

use super::error::Problem;
use super::issue::{Batch, Issued};
use super::keys::{self, Drawn};
use crate::door::Engine;
use crate::engine::command::{Command, Open, Reply, SignIn};
use crate::engine::event::Grant;
use crate::session::id::{ClientId, SessionId};
use crate::session::key::KeyKind;
use crate::session::origin::Origin;
use crate::session::state::Surface;
use crate::session::token::Secret;

/// Opens sessions, each behind something of its own.
pub(super) async fn behind_clients<E: Engine>(
    engine: &E,
    origin: &Origin,
    wanted: Batch,
) -> Result<Issued, Problem> {
    let mut issued = Vec::with_capacity(wanted.count);
    let mut undo = Vec::with_capacity(wanted.count);
    for _ in 0..wanted.count {
        let one = match wanted.surface {
            Surface::Clerk => in_a_browser(engine, origin, &wanted.grant, &mut undo).await,
            Surface::I3d | Surface::Mollybet | Surface::Xdata => {
                behind_a_key(engine, origin, &wanted.grant, &mut undo).await
            }
        };
        match one {
            Ok(session) => issued.push(session),
            Err(problem) => {
                for command in undo {
                    // What is gone already is as wanted; if the node takes nothing more, what was made
                    // expires with the session it never had.
                    let _ = engine.ask(origin, command).await;
                }
                return Err(problem);
            }
        }
    }
    Ok(issued)
}

/// Makes a key and logs its user in on it. How to undo it is noted as soon as the key exists.
async fn behind_a_key<E: Engine>(
    engine: &E,
    origin: &Origin,
    grant: &Grant,
    undo: &mut Vec<Command>,
) -> Result<(SessionId, Secret), Problem> {
    let Drawn { mut new, secret } = keys::draw(engine, KeyKind::I3dGuest)?;
    new.expires_at = Some(grant.lifetime.absolute);
    let client = new.kind.client(&new.secret).ok_or(Problem::Internal)?;
    match engine.ask(origin, Command::CreateKey(new)).await? {
        Reply::KeyCreated(key) => undo.push(Command::DeleteKey(key)),
        Reply::Done | Reply::AccountCreated(_) | Reply::HandedOff { .. } => {
            return Err(Problem::Internal);
        }
    }
    let id = signed_in(engine, origin, grant, client, None).await?;
    Ok((id, secret))
}

/// Signs the user in on a client that comes to be by it.
async fn in_a_browser<E: Engine>(
    engine: &E,
    origin: &Origin,
    grant: &Grant,
    undo: &mut Vec<Command>,
) -> Result<(SessionId, Secret), Problem> {
    let client = ClientId::from_bytes(engine.random().map_err(|_| Problem::Internal)?);
    let secret = Secret::client(client, engine.random().map_err(|_| Problem::Internal)?);
    let id = signed_in(engine, origin, grant, client, Some(&secret)).await?;
    undo.push(Command::DestroyClient(client));
    Ok((id, secret))
}

async fn signed_in<E: Engine>(
    engine: &E,
    origin: &Origin,
    grant: &Grant,
    client: ClientId,
    secret: Option<&Secret>,
) -> Result<SessionId, Problem> {
    let random = engine.random().map_err(|_| Problem::Internal)?;
    let id = SessionId::behind(client.family(), random);
    let bounds = engine.policy().of(grant.surface);
    let open = Open {
        ids: vec![id],
        grant: Arc::new(Grant {
            client: Some(client),
            ..grant.clone()
        }),
        per_account: bounds.per_account,
        when_full: bounds.when_full,
        otp_step: None,
    };
    let sign_in = SignIn {
        open,
        presented: None,
        secret: secret.map(|secret| engine.digest(secret.reveal().as_bytes())),
        step: None,
    };
    engine.ask(origin, Command::SignIn(sign_in)).await?;
    Ok(id)
}
