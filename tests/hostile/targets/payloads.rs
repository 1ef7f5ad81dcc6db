//! What a record of the log says: what can be decoded can be encoded, comes back as it was, and leaves nothing over.

use std::sync::{Arc, LazyLock};

use sessile::clock::ManualClock;
use sessile::durability::events::{EVENTS, EventEncoder, events_of};
use sessile::durability::journal::Encode;
use sessile::durability::manifest::Manifest;
use sessile::durability::record::{Label, Link, Record};
use sessile::durability::sealing::Sealer;
use sessile::engine::event::{DirectoryEvent, Part};
use sessile::session::time::Timestamp;

use super::Fate;
use super::files::{GOLDEN, sealer_of};

static SEALER: LazyLock<Arc<Sealer>> = LazyLock::new(|| {
    let (_, bytes) = GOLDEN
        .iter()
        .find(|(name, _)| name == "manifest")
        .expect("there is one");
    Arc::new(sealer_of(&Manifest::decode(bytes).expect("it is good")))
});

fn decode(payload: &[u8]) -> Result<(Timestamp, Vec<Part>), String> {
    let record = Record {
        label: Label {
            kind: EVENTS,
            after_sync: false,
        },
        link: Link::default(),
        before: 0,
        payload,
    };
    events_of(&record, &**SEALER)
}

fn encode(at: Timestamp, parts: &[Part]) -> Vec<u8> {
    let encoder = EventEncoder {
        sealer: SEALER.clone(),
        clock: Arc::new(ManualClock::at_ms(at.ms())),
    };
    let mut payload = Vec::new();
    let encoded = encoder.encode(parts, &mut payload);
    assert!(encoded.is_ok(), "what was decoded can be encoded");
    payload
}

pub(crate) fn run(bytes: &[u8]) -> Fate {
    let Ok((at, parts)) = decode(bytes) else {
        return Fate::Refused;
    };
    let again = encode(at, &parts);
    assert_eq!(decode(&again), Ok((at, parts.clone())));
    // What an encoder writes is one text, but for what is sealed, anew each time. The input may be another: a time
    // beyond all times is read as the last one, and a grant that nothing is opened by is dropped.
    if !parts.iter().any(seals) {
        assert_eq!(encode(at, &parts), again);
    }
    let longer = [bytes, &[0]].concat();
    assert!(decode(&longer).is_err(), "a byte was left over");
    Fate::Taken
}

fn seals(part: &Part) -> bool {
    match part {
        Part::Directory(DirectoryEvent::AccountPut(_, account, _)) => account.totp.is_some(),
        Part::Directory(event) => matches!(event, DirectoryEvent::SigningKeyAdded(_)),
        Part::Slot(..) => false,
    }
}
