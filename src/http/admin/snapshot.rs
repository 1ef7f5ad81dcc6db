//! Writing a snapshot now.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use serde::Deserialize;
use serde_json::json;

use super::access::{Caller, Role};
use super::error::{Outcome, Problem};
use super::input;
use crate::audit::codes;
use crate::audit::note::Note;
use crate::door::{ArchiveBusy, Archived, Engine, SharedArchive};
use crate::http::reply;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// What for; the audit stream tells it.
    purpose: Option<String>,
}

/// Answers once the snapshot is durable.
pub(super) async fn write<E: Engine>(
    caller: Caller,
    payload: Payload,
    archive: Data<Option<SharedArchive>>,
    engine: Data<E>,
) -> Outcome {
    caller.may(Role::Operate)?;
    let wanted: Wanted = input::read(payload).await?;
    let purpose = match wanted.purpose.as_deref() {
        None | Some("snapshot") => Ok("snapshot"),
        Some("backup") => Ok("backup"),
        Some(_) => Err("snapshot or backup"),
    };
    let purpose = input::check("purpose", purpose)?;
    let Some(archive) = archive.get_ref() else {
        return Err(Problem::Conflict(
            "no_disk",
            "this node keeps nothing on disk",
        ));
    };
    let written = archive.write().await;
    let told = match &written {
        Ok(Ok(archived)) => Ok(archived.generation),
        Ok(Err(_)) => Err(codes::NOT_WRITTEN),
        Err(ArchiveBusy) => Err(codes::OVERLOADED),
    };
    let note = Note::Snapshot {
        purpose,
        written: told,
    };
    engine.note(&caller.origin, note);
    match written {
        Ok(Ok(Archived {
            generation,
            position,
            bytes,
            longest_hold_us,
        })) => {
            let body = json!({
                "generation": generation,
                "position": position,
                "bytes": bytes,
                "longest_hold_us": longest_hold_us,
            });
            Ok(reply::json(StatusCode::OK).json(body))
        }
        // Why is in the log of the process: it names files.
        Ok(Err(_)) => Err(Problem::Internal),
        Err(ArchiveBusy) => Err(Problem::Unavailable),
    }
}
