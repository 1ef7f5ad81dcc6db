//! One segment of the log: what is read is the longest run of whole records, or it is damage.

use arbitrary::Unstructured;
use sessile::durability::format::{
    InstanceId, NUMBER_MAX, Origin, SEAL_AT, SECTOR_BYTES, SEGMENT_HEAD_BYTES, Seal, SealKind,
    SegmentHead, segment_name,
};
use sessile::durability::reading::{LogError, read_log};
use sessile::durability::record::{self, Label, Link, Read};
use sessile::durability::storage::Storage;
use sessile::durability::storage::faulty::FaultyStorage;

use super::Fate;

const ORIGIN: Origin = Origin {
    instance: InstanceId([7; 16]),
    codec: 1,
};

/// What a script makes.
struct Made {
    first: u64,
    bytes: Vec<u8>,
    /// It is as a process would leave it, with so many records.
    whole: Option<u64>,
}

pub(crate) fn run(bytes: &[u8]) -> Fate {
    let Ok(made) = made(&mut Unstructured::new(bytes)) else {
        return Fate::Idle;
    };
    let storage = FaultyStorage::new();
    storage.create_dir("log").expect("this disk is healthy");
    let name = segment_name(made.first);
    storage.put(&name, &made.bytes);
    let mut taken: Vec<(Label, Link, u32, Vec<u8>)> = Vec::new();
    let read = read_log(&storage, ORIGIN, made.first, |record| {
        taken.push((
            record.label,
            record.link,
            record.before,
            record.payload.to_vec(),
        ));
        Ok(())
    });
    assert_eq!(
        storage.contents(&name).as_deref(),
        Some(made.bytes.as_slice()),
        "reading changed the file"
    );
    let report = match read {
        Ok(report) => report,
        Err(LogError::Damage { offset, what, .. }) => {
            assert!(made.whole.is_none(), "refused as damage: {what}");
            assert!(!what.is_empty());
            let offset = usize::try_from(offset).expect("it is a place in a file");
            assert!(offset <= made.bytes.len(), "{offset} is not in the file");
            return Fate::Refused;
        }
        Err(other) => panic!("{other}"),
    };
    // What was taken is what stands at the beginning of the file, written the same way.
    let head = report.end.tail.head;
    let (mut again, mut last) = (Vec::new(), head.before);
    for (label, link, before, payload) in &taken {
        assert_eq!(*before, last.checksum);
        last = record::write(&mut again, *label, last, payload);
        assert_eq!(last, *link);
    }
    let behind = made.bytes.get(SEGMENT_HEAD_BYTES..).expect("it has a head");
    let rest = behind
        .strip_prefix(again.as_slice())
        .expect("the records are in the file");
    assert_eq!(report.records, taken.len() as u64);
    assert_eq!(report.end.last, last);
    assert_eq!(
        report.end.tail.len,
        (SEGMENT_HEAD_BYTES + again.len()) as u64
    );
    if let Some(records) = made.whole {
        assert_eq!(report.records, records);
    }
    let seal = made.bytes.get(512..1_024).map(Seal::decode);
    let sealed = matches!(seal, Some(Ok(Some(_))));
    if sealed {
        assert_eq!(report.cut, None, "nothing is cut of what was sealed");
        return Fate::Taken;
    }
    // None that continues was left out.
    if let Read::Complete { record, .. } = record::read(rest) {
        let next = last.sequence.checked_add(1) == Some(record.link.sequence);
        assert!(!next || record.before != last.checksum, "one was left out");
    }
    match report.cut {
        None => assert!(
            rest.iter().all(|byte| *byte == 0),
            "something was cut in silence"
        ),
        Some(cut) => {
            assert_eq!(cut.offset, report.end.tail.len);
            let end = rest.iter().rposition(|byte| *byte != 0).map(|at| at + 1);
            assert_eq!(cut.bytes, end.unwrap_or(0) as u64);
        }
    }
    Fate::Taken
}

fn made(input: &mut Unstructured<'_>) -> arbitrary::Result<Made> {
    let first = match input.int_in_range(0..=7)? {
        0 => NUMBER_MAX,
        // A name that says more than any head may.
        1 => NUMBER_MAX + 1,
        2 => input.int_in_range(1..=NUMBER_MAX)?,
        _ => 1,
    };
    if input.ratio(1, 8)? {
        let bytes = input.bytes(input.len())?.to_vec();
        return Ok(Made {
            first,
            bytes,
            whole: None,
        });
    }
    let before = Link {
        sequence: first - 1,
        checksum: input.arbitrary()?,
    };
    let head = SegmentHead {
        origin: ORIGIN,
        before,
    };
    let (mut records, mut last, mut count) = (Vec::new(), before, 0);
    for _ in 0..input.int_in_range(0..=12)? {
        let label = Label {
            kind: input.int_in_range(1..=3)?,
            after_sync: input.ratio(1, 3)?,
        };
        let length = input.int_in_range(0..=60)?;
        let payload = vec![input.arbitrary()?; length];
        last = record::write(&mut records, label, last, &payload);
        count += 1;
    }
    let len = (SEGMENT_HEAD_BYTES + records.len()) as u64;
    let mut bytes = head.encode().to_vec();
    let stopped = input.ratio(1, 4)?;
    if stopped {
        let seal = Seal {
            kind: SealKind::Stopped,
            len,
            last,
        };
        bytes.extend_from_slice(&seal.encode());
    }
    bytes.resize(SEGMENT_HEAD_BYTES, 0);
    debug_assert_eq!(
        usize::try_from(SEAL_AT).unwrap_or(0) + SECTOR_BYTES,
        SEGMENT_HEAD_BYTES
    );
    bytes.extend_from_slice(&records);
    bytes.resize(bytes.len() + input.int_in_range(0..=300)?, 0);
    // And now it is harmed.
    let edits = input.int_in_range(0..=3)?;
    for _ in 0..edits {
        let at = input.choose_index(bytes.len())?;
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= input.int_in_range(1..=255)?;
        }
    }
    let tail = if input.ratio(1, 3)? {
        let len = input.int_in_range(0..=input.len().min(400))?;
        input.bytes(len)?
    } else {
        &[]
    };
    bytes.extend_from_slice(tail);
    let possible = last.sequence <= NUMBER_MAX && first <= NUMBER_MAX;
    let whole = (possible && edits == 0 && tail.iter().all(|byte| *byte == 0)).then_some(count);
    Ok(Made {
        first,
        bytes,
        whole,
    })
}
