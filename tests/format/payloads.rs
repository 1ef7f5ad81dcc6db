//! What is written comes back, and the longest of it fits.

use std::sync::Arc;

use sessile::clock::ManualClock;
use sessile::durability::events::{EVENTS, EventEncoder, events_of};
use sessile::durability::format::{InstanceId, RECORD_PAYLOAD_BYTES_MAX};
use sessile::durability::journal::Encode;
use sessile::durability::record::{Label, Link, Record};
use sessile::durability::sealing::{Sealer, SealingKey};
use sessile::engine::accounts::ACCOUNTS_MAX;
use sessile::engine::event::{DirectoryEvent, Part, SlotEvent};
use sessile::entropy::SystemEntropy;
use sessile::session::id::{AccountId, KeyId, SessionId};
use sessile::session::policy::PER_ACCOUNT_MAX;
use sessile::session::state::{EndReason, Surface};
use sessile::session::time::Timestamp;

use crate::sample::{AT_MS, records};

fn sealer(key: u8) -> Arc<Sealer> {
    Arc::new(Sealer::new(
        InstanceId([1; 16]),
        SealingKey::new(&[key; 32]),
        Arc::new(SystemEntropy),
    ))
}

fn encode(parts: &[Part]) -> Vec<u8> {
    let encoder = EventEncoder {
        sealer: sealer(1),
        clock: Arc::new(ManualClock::at_ms(AT_MS)),
    };
    let mut payload = Vec::new();
    encoder.encode(parts, &mut payload).unwrap();
    payload
}

fn decode(payload: &[u8], key: u8) -> Result<(Timestamp, Vec<Part>), String> {
    let record = Record {
        label: Label {
            kind: EVENTS,
            after_sync: false,
        },
        link: Link::default(),
        before: 0,
        payload,
    };
    events_of(&record, &*sealer(key))
}

#[test]
fn every_event_comes_back_as_it_was() {
    let mut events = 0;
    for parts in records() {
        let (at, back) = decode(&encode(&parts), 1).unwrap();
        assert_eq!((at.ms(), &back), (AT_MS, &parts));
        events += parts.len();
    }
    println!("{events} events");
}

#[test]
fn no_cut_and_no_flipped_bit_of_a_payload_panics() {
    // The checksum stands before this; here it is only not to panic, nor to take what is cut for whole.
    for parts in records() {
        let payload = encode(&parts);
        for len in 0..payload.len() {
            assert!(decode(&payload[..len], 1).is_err(), "{len} of {parts:?}");
        }
        for bit in 0..payload.len() * 8 {
            let mut flipped = payload.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let _survived = decode(&flipped, 1);
        }
    }
}

#[test]
fn what_is_sealed_opens_with_its_key_only_and_shows_nothing() {
    let sealed: Vec<_> = records()
        .into_iter()
        .filter(|parts| decode(&encode(parts), 2).is_err())
        .collect();
    let has_seed = |event: &DirectoryEvent| match event {
        DirectoryEvent::AccountPut(_, account, _) => account.totp.is_some(),
        event => matches!(event, DirectoryEvent::SigningKeyAdded(_)),
    };
    assert_eq!(sealed.len(), 4);
    for parts in sealed {
        assert!(matches!(&parts[..], [Part::Directory(event)] if has_seed(event)));
        let payload = encode(&parts);
        for secret in [[5_u8; 8], [77; 8]] {
            assert!(payload.windows(8).all(|window| window != secret));
        }
        assert!(decode(&payload, 2).unwrap_err().contains("sealing key"));
    }
}

#[test]
fn one_record_ends_all_the_sessions_that_a_limit_can_hold() {
    let ids: Vec<_> = (0..PER_ACCOUNT_MAX)
        .map(|n| SessionId::from_bytes(u128::from(n).to_be_bytes()))
        .collect();
    let ended = |id: &SessionId| {
        let event = SlotEvent::SessionEnded(*id, Timestamp::from_ms(AT_MS), EndReason::Limit);
        Part::session(*id, event)
    };
    let mut parts: Vec<_> = ids.iter().map(ended).collect();
    parts.push(Part::Directory(DirectoryEvent::SessionsListed {
        account: AccountId(1),
        surface: Surface::Xdata,
        opened: ids[..256].to_vec(),
        dropped: ids.clone(),
    }));
    // And 256 of the fattest ones are opened in it, all by one grant.
    let mut fat = (*fattest()).clone();
    fat.account = AccountId(1);
    let fat = Arc::new(fat);
    parts.extend(ids[..256].iter().map(|id| {
        let opened = sessile::engine::event::SessionOpened {
            id: *id,
            at: Timestamp::from_ms(AT_MS),
            grant: fat.clone(),
        };
        Part::session(*id, SlotEvent::SessionOpened(opened))
    }));
    let payload = encode(&parts);
    println!("{} of {RECORD_PAYLOAD_BYTES_MAX} bytes", payload.len());
    assert!(payload.len() < RECORD_PAYLOAD_BYTES_MAX);
}

fn fattest() -> Arc<sessile::engine::event::Grant> {
    let grants = records()
        .into_iter()
        .flatten()
        .filter_map(|part| match part {
            Part::Slot(_, SlotEvent::SessionOpened(opened)) => Some(opened.grant),
            _ => None,
        });
    let mut grant = grants.max_by_key(|grant| grant.chain.len()).unwrap();
    let fat = Arc::make_mut(&mut grant);
    fat.user_agent = Some("x".repeat(256).into());
    fat.attributes = Some("x".repeat(4 << 10).into());
    grant
}

/// A number that no engine gives would have a place made for it.
#[test]
fn numbers_of_accounts_and_keys_beyond_all_places_are_refused() {
    let forged = |event: DirectoryEvent| match event {
        DirectoryEvent::AccountPut(_, account, cause) => {
            DirectoryEvent::AccountPut(AccountId(ACCOUNTS_MAX), account, cause)
        }
        DirectoryEvent::KeyCreated(_, key) => DirectoryEvent::KeyCreated(KeyId(u32::MAX), key),
        other => other,
    };
    let mut refused = std::collections::BTreeMap::<String, usize>::new();
    for part in records().into_iter().flatten() {
        if let Part::Directory(event) = part
            && let Err(what) = decode(&encode(&[Part::Directory(forged(event))]), 1)
        {
            *refused.entry(what).or_default() += 1;
        }
    }
    let refused: Vec<_> = refused.into_iter().collect();
    let expected = [
        ("its account number cannot be", 8),
        ("its key number cannot be", 4),
    ];
    assert_eq!(
        refused,
        expected.map(|(what, times)| (what.to_owned(), times))
    );
}
