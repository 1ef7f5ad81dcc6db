//! What was encoded is decoded: values of every kind of head, end, record, manifest, id and secret, made of the
//! input's bytes. (Events have `payloads`, images `files`: there the input is the encoding.)

use arbitrary::Unstructured;
use sessile::durability::format::{
    ImageEnd, ImageHead, InstanceId, NUMBER_MAX, Origin, Seal, SealKind, SegmentHead,
    segment_first, segment_name,
};
use sessile::durability::manifest::{Generation, ImageEntry, Manifest};
use sessile::durability::record::{self, Label, Link, Read};
use sessile::session::id::{ClientId, HandoffId, SessionId, SignInId};
use sessile::session::time::Timestamp;
use sessile::session::token::{InstallKey, Secret};

use super::Fate;

pub(crate) fn run(bytes: &[u8]) -> Fate {
    match whole(&mut Unstructured::new(bytes)) {
        Ok(()) => Fate::Taken,
        Err(_) => Fate::Idle,
    }
}

fn whole(input: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    match input.int_in_range(0..=5)? {
        0 => records(input),
        1 => heads(input),
        2 => ends(input),
        3 => manifests(input),
        4 => ids(input),
        _ => secrets(input),
    }
}

fn records(input: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let before = Link {
        sequence: input.int_in_range(0..=u64::MAX - 1)?,
        checksum: input.arbitrary()?,
    };
    let label = Label {
        kind: input.int_in_range(1..=255)?,
        after_sync: input.arbitrary()?,
    };
    let length = input.int_in_range(0..=input.len().min(1_000))?;
    let payload = input.bytes(length)?;
    let mut out = Vec::new();
    let link = record::write(&mut out, label, before, payload);
    out.extend_from_slice(b"behind");
    let Read::Complete { record, rest } = record::read(&out) else {
        panic!("what was written is no record");
    };
    assert_eq!((record.label, record.link), (label, link));
    assert_eq!((record.before, record.payload), (before.checksum, payload));
    assert_eq!(rest, b"behind");
    Ok(())
}

fn origin(input: &mut Unstructured<'_>) -> arbitrary::Result<Origin> {
    Ok(Origin {
        instance: InstanceId(input.arbitrary()?),
        codec: input.arbitrary()?,
    })
}

fn heads(input: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let origin = origin(input)?;
    let before = Link {
        sequence: input.int_in_range(0..=NUMBER_MAX - 1)?,
        checksum: input.arbitrary()?,
    };
    let segment = SegmentHead { origin, before };
    assert_eq!(SegmentHead::decode(&segment.encode()), Ok(segment));
    let name = segment_name(segment.first());
    let bare = name.strip_prefix("log/").and_then(segment_first);
    assert_eq!(bare, Some(segment.first()));
    let image = ImageHead {
        origin,
        generation: input.int_in_range(0..=NUMBER_MAX)?,
    };
    assert_eq!(ImageHead::decode(&image.encode()), Ok(image));
    Ok(())
}

fn ends(input: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let kinds = [SealKind::Continued, SealKind::Stopped];
    let seal = Seal {
        kind: *input.choose(&kinds)?,
        len: input.int_in_range(0..=NUMBER_MAX)?,
        last: Link {
            sequence: input.int_in_range(0..=NUMBER_MAX)?,
            checksum: input.arbitrary()?,
        },
    };
    assert_eq!(Seal::decode(&seal.encode()), Ok(Some(seal)));
    let end = ImageEnd {
        records: input.arbitrary()?,
        digest: input.arbitrary()?,
    };
    let bytes: [u8; ImageEnd::BYTES] = end.encode().try_into().expect("it is as long as it says");
    assert_eq!(ImageEnd::decode(&bytes), Ok(end));
    Ok(())
}

fn manifests(input: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let proof = input.int_in_range(0..=128)?;
    let mut manifest = Manifest::new(
        InstanceId(input.arbitrary()?),
        input.arbitrary()?,
        vec![input.arbitrary()?; proof],
        input.arbitrary()?,
        Timestamp::from_ms(input.arbitrary()?),
    );
    manifest.unlogged = input.arbitrary()?;
    for _ in 0..input.int_in_range(0..=2)? {
        let mut images = Vec::new();
        for _ in 0..input.int_in_range(0..=4)? {
            let length = input.int_in_range(0..=100)?;
            images.push(ImageEntry {
                name: "n".repeat(length),
                size: input.int_in_range(0..=NUMBER_MAX)?,
                digest: input.arbitrary()?,
                records: input.arbitrary()?,
                position: input.int_in_range(0..=NUMBER_MAX)?,
            });
        }
        manifest.advance(Generation {
            number: input.int_in_range(0..=NUMBER_MAX)?,
            position: input.int_in_range(0..=NUMBER_MAX)?,
            unlogged: input.arbitrary()?,
            images,
        });
    }
    let bytes = manifest.encode().expect("it is within its bounds");
    let again = Manifest::decode(&bytes).expect("what was encoded is decoded");
    assert_eq!(again.generations, manifest.generations);
    assert_eq!(again.encode().ok(), Some(bytes));
    Ok(())
}

fn ids(input: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let bytes = input.arbitrary()?;
    let session = SessionId::from_bytes(bytes);
    assert_eq!(SessionId::parse(&session.to_string()), Some(session));
    let client = ClientId::from_bytes(bytes);
    assert_eq!(ClientId::parse(&client.to_string()), Some(client));
    let handoff = HandoffId::from_bytes(bytes);
    assert_eq!(HandoffId::parse(&handoff.to_string()), Some(handoff));
    let sign_in = SignInId::from_bytes(bytes);
    assert_eq!(SignInId::parse(&sign_in.to_string()), Some(sign_in));
    // And one id has one text.
    let length = input.int_in_range(0..=input.len().min(40))?;
    if let Ok(text) = std::str::from_utf8(input.bytes(length)?)
        && let Some(id) = SessionId::parse(text)
    {
        assert_eq!(id.to_string(), text);
    }
    Ok(())
}

fn secrets(input: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let key = InstallKey::new(input.arbitrary()?);
    let client = ClientId::from_bytes(input.arbitrary()?);
    let secret = Secret::client(client, input.arbitrary()?);
    let text = secret.reveal().as_bytes();
    assert_eq!(InstallKey::client_id(text), Some(client));
    let session = SessionId::from_bytes(input.arbitrary()?);
    let token = Secret::handoff(session, input.arbitrary()?);
    let handoff = key.handoff_id(token.reveal().as_bytes());
    assert_eq!(handoff.map(|id| id.family()), Some(session.family()));
    // Another text is another id: none is read in two ways.
    let mut other = token.reveal().as_bytes().to_vec();
    let at = input.choose_index(other.len())?;
    if let Some(byte) = other.get_mut(at) {
        *byte = input.arbitrary()?;
    }
    let same = other == token.reveal().as_bytes();
    assert_eq!(key.handoff_id(&other) == handoff, same);
    Ok(())
}
