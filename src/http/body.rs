//! Reading request bodies up to a limit, shared by all surfaces.

use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::StreamExt;

/// The largest body of most calls. Source: ARCHITECTURE, Bounds.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// Why a body could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Longer than allowed; the rest was not read.
    #[error("the body is too large")]
    TooLarge,
    /// The caller broke off or sent broken framing.
    #[error("the body could not be read")]
    Broken,
}

/// Reads the whole body, at most `max` bytes.
pub async fn read(mut payload: Payload, max: usize) -> Result<Bytes, BodyError> {
    let mut whole: Option<BytesMut> = None;
    let mut first = Bytes::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| BodyError::Broken)?;
        let so_far = whole.as_ref().map_or(first.len(), BytesMut::len);
        if so_far + chunk.len() > max {
            return Err(BodyError::TooLarge);
        }
        // Most bodies come in one piece, which need not be copied.
        match &mut whole {
            Some(whole) => whole.extend_from_slice(&chunk),
            None if first.is_empty() => first = chunk,
            None => {
                let mut joined = BytesMut::with_capacity(first.len() + chunk.len());
                joined.extend_from_slice(&first);
                joined.extend_from_slice(&chunk);
                whole = Some(joined);
            }
        }
    }
    Ok(whole.map_or(first, BytesMut::freeze))
}
