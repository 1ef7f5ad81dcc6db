//! Trusted issue on i3D: a guest key for each session, on which its user is logged in already.
//!
//! The key is the secret that is handed out, and expires with the session. Either every key of a call
//! carries its session, or none of them is left.

use std::sync::Arc;

use super::error::Problem;
use super::issue::{Batch, Issued};
use super::keys::{self, Drawn};
use crate::door::Engine;
use crate::engine::command::{Command, Open, Reply, SignIn};
use crate::engine::event::Grant;
use crate::session::id::{ClientId, KeyId, SessionId};
use crate::session::key::KeyKind;
use crate::session::token::Secret;

/// Opens sessions behind fresh guest keys.
pub(super) async fn behind_keys<E: Engine>(engine: &E, wanted: Batch) -> Result<Issued, Problem> {
    let mut issued = Vec::with_capacity(wanted.count);
    let mut made = Vec::with_capacity(wanted.count);
    for _ in 0..wanted.count {
        match one(engine, &wanted.grant, &mut made).await {
            Ok(session) => issued.push(session),
            Err(problem) => {
                for key in made {
                    // Withdrawing a key ends its session, too. One that is gone already is as wanted;
                    // if the node takes nothing more, the key expires with the session it never had.
                    let _ = engine.ask(Command::DeleteKey(key)).await;
                }
                return Err(problem);
            }
        }
    }
    Ok(issued)
}

/// Makes a key and logs its user in on it; the key is noted in `made` as soon as it exists.
async fn one<E: Engine>(
    engine: &E,
    grant: &Grant,
    made: &mut Vec<KeyId>,
) -> Result<(SessionId, Secret), Problem> {
    let Drawn { mut new, secret } = keys::draw(engine, KeyKind::I3dGuest)?;
    new.expires_at = Some(grant.lifetime.absolute);
    let client: ClientId = new.kind.client(&new.secret).ok_or(Problem::Internal)?;
    match engine.ask(Command::CreateKey(new)).await? {
        Reply::KeyCreated(key) => made.push(key),
        Reply::Done | Reply::AccountCreated(_) | Reply::HandedOff { .. } => {
            return Err(Problem::Internal);
        }
    }
    let random = engine.random().map_err(|_| Problem::Internal)?;
    let id = SessionId::behind(client.family(), random);
    let bounds = engine.policy().i3d;
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
        secret: None,
        step: None,
    };
    engine.ask(Command::SignIn(sign_in)).await?;
    Ok((id, secret))
}
