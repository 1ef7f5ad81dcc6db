//! The sealing keys of the node: which ones it has and needs, and reading their file again.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use serde_json::json;

use super::access::{Caller, Role};
use super::error::{Outcome, Problem};
use crate::audit::note::Note;
use crate::door::{ArchiveBusy, Engine, SealingSummary, SharedArchive};
use crate::http::reply;

/// Snapshots that are asked for at once at most, until nothing needs the old key.
const WRITTEN_MAX: u8 = 2;

pub(super) async fn show(caller: Caller, archive: Data<Option<SharedArchive>>) -> Outcome {
    caller.may(Role::Read)?;
    let sealing = of(&archive)?.sealing().await;
    Ok(shown(&sealing.map_err(Problem::Sealing)?))
}

/// Has the file read again, and answers once nothing on disk needs any other key than the first.
pub(super) async fn rotate<E: Engine>(
    caller: Caller,
    archive: Data<Option<SharedArchive>>,
    engine: Data<E>,
) -> Outcome {
    caller.may(Role::Own)?;
    let archive = of(&archive)?;
    let replaced = archive.replace_sealing_keys().await;
    let read = replaced.is_ok();
    engine.note(&caller.origin, Note::SealingKeys { read });
    let mut sealing = replaced.map_err(Problem::Sealing)?;
    for _ in 0..WRITTEN_MAX {
        if sealing.generations_to_write == 0 {
            break;
        }
        // What is not written now is written later: the keys are in use all the same.
        if let Err(ArchiveBusy) | Ok(Err(_)) = archive.write().await {
            break;
        }
        sealing = archive.sealing().await.map_err(Problem::Sealing)?;
    }
    Ok(shown(&sealing))
}

fn of(archive: &Data<Option<SharedArchive>>) -> Result<&SharedArchive, Problem> {
    let none = Problem::Conflict("no_disk", "this node keeps nothing on disk");
    archive.get_ref().as_ref().ok_or(none)
}

fn shown(sealing: &SealingSummary) -> HttpResponse {
    let keys = sealing.keys.iter().enumerate().map(|(at, (id, needed))| {
        let state = match (at, needed) {
            (0, _) => "sealing",
            (_, true) => "needed",
            (_, false) => "needless",
        };
        json!({"id": id, "state": state})
    });
    let keys: Vec<_> = keys.collect();
    let left = sealing.generations_to_write;
    reply::json(StatusCode::OK).json(json!({"keys": keys, "generations_to_write": left}))
}
