//! Accounts and sessions as the engine's own values, for what is measured without a server.

use std::sync::Arc;

use sessile::engine::event::{AccountCause, DirectoryEvent, Grant, Part, SessionOpened, SlotEvent};
use sessile::session::account::{Account, ClientType, Username};
use sessile::session::id::{AccountId, SessionId};
use sessile::session::lifetime::Lifetime;
use sessile::session::state::{Factors, Surface};
use sessile::session::time::Timestamp;
use sessile::session::token::InstallKey;

/// The owner of all sessions.
pub(crate) const OWNER: AccountId = AccountId(0);
/// How long a session lives: 30 days.
pub(crate) const LIFE_MS: u64 = 30 * 86_400_000;

/// The key by which ids follow from numbers.
pub(crate) fn install_key() -> InstallKey {
    InstallKey::new([7; 32])
}

/// The id of the `n`th session, as little in order as any other.
pub(crate) fn id(key: &InstallKey, n: u64) -> SessionId {
    key.session_id(&n.to_le_bytes())
}

/// The owner comes to be. `None` if a name is no name any more.
pub(crate) fn owner(at: Timestamp) -> Option<Part> {
    let account = Account {
        max_sessions: Some(0),
        ..Account::new(Username::new("load").ok()?, at)
    };
    let put = DirectoryEvent::AccountPut(OWNER, Arc::new(account), AccountCause::Created);
    Some(Part::Directory(put))
}

/// What a plain session is given.
pub(crate) fn grant(at: Timestamp) -> Arc<Grant> {
    Arc::new(Grant {
        account: OWNER,
        generation: 0,
        surface: Surface::Mollybet,
        lifetime: Lifetime {
            idle_timeout_ms: 0,
            absolute: at.plus_ms(LIFE_MS),
        },
        factors: Factors::VOUCHED,
        client_type: ClientType::direct(),
        key: None,
        client: None,
        parent: None,
        chain: Vec::new(),
        address: None,
        user_agent: None,
        attributes: None,
    })
}

/// A session is opened.
pub(crate) fn opened(id: SessionId, at: Timestamp, grant: &Arc<Grant>) -> Part {
    let opened = SessionOpened {
        id,
        at,
        grant: grant.clone(),
    };
    Part::session(id, SlotEvent::SessionOpened(opened))
}
