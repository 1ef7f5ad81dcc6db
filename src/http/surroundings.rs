//! What surfaces are told of the place where they run: what the operator configured, and nothing else.
//!
//! It is made once by the composition root and reaches every handler as `web::Data`. It must never
//! hold anything that changes what a session is.

use super::address::TrustedProxies;
use super::settings::ClerkSettings;
use crate::geo::Countries;

/// The surroundings of the surfaces.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Whose word about a caller's address is taken. Source: R24.
    pub proxies: TrustedProxies,
    /// Where pages are, and which ones may call.
    pub clerk: ClerkSettings,
    /// The countries of addresses.
    pub countries: Countries,
}
