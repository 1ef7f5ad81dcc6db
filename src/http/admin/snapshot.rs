//! Writing a snapshot now.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use serde_json::json;

use super::access::{Caller, Role};
use super::error::{Outcome, Problem};
use crate::door::{ArchiveBusy, Archived, SharedArchive};
use crate::http::reply;

/// Answers once the snapshot is durable.
pub(super) async fn write(caller: Caller, archive: Data<Option<SharedArchive>>) -> Outcome {
    caller.may(Role::Operate)?;
    let Some(archive) = archive.get_ref() else {
        return Err(Problem::Conflict(
            "no_disk",
            "this node keeps nothing on disk",
        ));
    };
    match archive.write().await {
        Ok(Ok(Archived {
            generation,
            position,
            bytes,
        })) => {
            let body = json!({"generation": generation, "position": position, "bytes": bytes});
            Ok(reply::json(StatusCode::OK).json(body))
        }
        // Why is in the log of the process: it names files.
        Ok(Err(_)) => Err(Problem::Internal),
        Err(ArchiveBusy) => Err(Problem::Unavailable),
    }
}
