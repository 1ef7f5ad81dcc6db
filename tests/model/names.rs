//! Ids, names and grants for tests: made from counters, so that a run can be repeated.
//!
//! Ids fall into few slots, some of them neighbours, and some ids of a slot share the eight bytes
//! that tables hash by: what random secrets never do, a table must survive.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, OnceLock};

use compact_str::CompactString;
use ipnet::IpNet;
use sessile::engine::event::Grant;
use sessile::engine::slot::SlotNumber;
use sessile::session::account::{Account, ClientType, TotpSeed, Username};
use sessile::session::id::{AccountId, ClientId, HandoffId, SessionId, SignInId};
use sessile::session::key::KeyKind;
use sessile::session::lifetime::Lifetime;
use sessile::session::state::{Factors, Surface};
use sessile::session::time::Timestamp;
use sessile::session::token::{Digest, InstallKey};
use zeroize::Zeroizing;

/// First two bytes of the ids: five slots, the first and the last among them.
const FAMILIES: [[u8; 2]; 6] = [
    [0, 0],
    [0, 0x10],
    [0, 0x1f],
    [0, 0x20],
    [0x7f, 0xff],
    [0xff, 0xff],
];

/// Where tests begin: far from 0, and not on a whole second.
pub(crate) const START: Timestamp = Timestamp::from_ms(1_790_000_000_123);

/// The slots in which ids of this room lie.
pub(crate) fn slots() -> Vec<SlotNumber> {
    let mut slots: Vec<_> = FAMILIES.iter().map(|[a, b]| slot_of(*a, *b)).collect();
    slots.dedup();
    slots
}

fn slot_of(first: u8, second: u8) -> SlotNumber {
    SlotNumber::of(&[first, second, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
}

/// What every world of this binary digests secrets with.
pub(crate) fn install_key() -> InstallKey {
    InstallKey::new([7; 32])
}

/// Guest keys there are to make.
pub(crate) const GUESTS: u8 = 8;

/// A guest key there is to make.
#[derive(Debug)]
pub(crate) struct Guest {
    pub(crate) text: String,
    pub(crate) digest: Digest,
    /// The client behind it, in one of the slots of this room.
    pub(crate) client: ClientId,
}

/// All guest keys there are to make: made once, because their clients lie where their digests say.
pub(crate) fn guests() -> &'static [Guest] {
    static GUESTS_MADE: OnceLock<Vec<Guest>> = OnceLock::new();
    GUESTS_MADE.get_or_init(|| {
        let (slots, key) = (slots(), install_key());
        let all = (0..).map(|n: u32| {
            let text = format!("guest-{n}");
            Guest {
                digest: key.digest(text.as_bytes()),
                client: KeyKind::I3dGuest
                    .client(&key.digest(text.as_bytes()))
                    .expect("a guest key has a client"),
                text,
            }
        });
        let here = |guest: &Guest| slots.contains(&SlotNumber::of(guest.client.as_bytes()));
        all.filter(here).take(GUESTS.into()).collect()
    })
}

/// One of the guest keys.
pub(crate) fn guest(number: u8) -> &'static Guest {
    let guest = guests().get(usize::from(number % GUESTS));
    guest.expect("there are so many")
}

/// The network from which some keys may be used.
pub(crate) fn home() -> IpNet {
    IpNet::from(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)))
}

/// Gives out ids that were never given out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names(u32);

impl Names {
    /// A session in one of the slots, or in the family of its client.
    pub(crate) fn session(&mut self, slot: u8, client: Option<ClientId>) -> SessionId {
        let family = client.map_or_else(|| family(slot, 0), |client| client.family());
        SessionId::from_bytes(self.bytes(family))
    }

    /// A client with a family of its own.
    pub(crate) fn client(&mut self, slot: u8) -> ClientId {
        let [.., a, b] = self.0.to_be_bytes();
        ClientId::from_bytes(self.bytes(family(slot, u16::from_be_bytes([a, b]))))
    }

    /// A hand-off token of a session.
    pub(crate) fn handoff(&mut self, session: SessionId) -> HandoffId {
        HandoffId::from_bytes(self.bytes(session.family()))
    }

    /// A pending login.
    pub(crate) fn sign_in(&mut self) -> SignInId {
        SignInId::from_bytes(self.bytes([0; 4]))
    }

    /// What is kept of a browser's new secret.
    pub(crate) fn secret(&mut self) -> Digest {
        install_key().digest(&self.bytes([0; 4]))
    }

    fn bytes(&mut self, [a, b, c, d]: [u8; 4]) -> [u8; 16] {
        self.0 += 1;
        let [e, f, g, h] = self.0.to_be_bytes();
        let [i, j, k, l] = (self.0 / 3).to_be_bytes();
        [a, b, c, d, e, f, g, h, 0, 0, 0, 0, i, j, k, l]
    }
}

fn family(slot: u8, rest: u16) -> [u8; 4] {
    let [a, b] = FAMILIES
        .get(usize::from(slot) % FAMILIES.len())
        .copied()
        .unwrap_or_default();
    let [c, d] = rest.to_be_bytes();
    [a, b, c, d]
}

/// An account of this name that may log in and has no rights.
pub(crate) fn account(name: &str) -> Account {
    Account::new(Username::new(name).expect("test names keep R20"), START)
}

/// A one-time-password seed.
pub(crate) fn seed(byte: u8) -> TotpSeed {
    TotpSeed(Zeroizing::new([byte; 20]))
}

/// A group of accounts: `group-0`, `group-1`, …
pub(crate) fn group(number: u8) -> CompactString {
    CompactString::from(format!("group-{number}"))
}

/// What a plain mollybet session of this account is given.
pub(crate) fn grant(account: AccountId, generation: u32, lifetime: Lifetime) -> Grant {
    Grant {
        account,
        generation,
        surface: Surface::Mollybet,
        lifetime,
        factors: Factors::PASSWORD,
        client_type: ClientType::direct(),
        key: None,
        client: None,
        parent: None,
        chain: Vec::new(),
        address: None,
        user_agent: None,
        attributes: None,
    }
}

/// A lifetime that begins at `now`.
pub(crate) fn lifetime(idle_timeout_ms: u32, absolute_ms: u64, now: Timestamp) -> Lifetime {
    Lifetime {
        idle_timeout_ms,
        absolute: now.plus_ms(absolute_ms),
    }
}

/// The plain grant, ready for an open.
pub(crate) fn shared(grant: Grant) -> Arc<Grant> {
    Arc::new(grant)
}
