//! Browsers' clients as they present themselves: shared by the surface that hands their secrets out and
//! the gateway that accepts them.

use crate::door::Engine;
use crate::engine::clients::ClientView;
use crate::session::id::ClientId;
use crate::session::token::{CREDENTIAL_BYTES_MAX, Digest, InstallKey};

/// The cookie that carries a browser's client.
pub const COOKIE: &str = "__client";

/// The client that was presented. The two ways of not being one differ in what may be handed out.
#[derive(Clone, Copy, Debug)]
pub enum Standing {
    /// It exists, and this is what is kept of its secret.
    Known(ClientId, Digest),
    /// It never signed in: nothing is kept of it.
    Anonymous(ClientId),
    /// It exists, and its secret is another one: this one was replaced by a login. Whoever asks may be
    /// the browser that signed in, in a request that crossed the login: it keeps its new cookie.
    Replaced,
    /// Nothing was presented, or nothing that ever was a client.
    Nobody,
}

/// The client whose secret this is, if it is right. Source: R7.
pub async fn standing<E: Engine>(engine: &E, secret: &[u8]) -> Standing {
    let id = (secret.len() <= CREDENTIAL_BYTES_MAX).then(|| InstallKey::client_id(secret));
    let Some(id) = id.flatten() else {
        return Standing::Nobody;
    };
    let presented = engine.digest(secret);
    let kept = |client: Option<ClientView<'_>>| client.map(|client| client.record.secret);
    match engine.with_client(id, kept).get().await {
        Some(Some(secret)) if secret == presented => Standing::Known(id, secret),
        Some(Some(_)) => Standing::Replaced,
        // What stands behind an i3D key is no browser's.
        Some(None) => Standing::Nobody,
        None => {
            let anonymous = engine.anonymous_client(id);
            // Digests are compared in the same time wherever the difference lies.
            if engine.digest(anonymous.reveal().as_bytes()) == presented {
                Standing::Anonymous(id)
            } else {
                Standing::Nobody
            }
        }
    }
}
