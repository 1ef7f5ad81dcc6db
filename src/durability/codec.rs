//! The encoding of payloads: bincode's legacy layout, with a limit. The one file that names the crate.
//!
//! Layout: little-endian, numbers of fixed width, lengths of 8 bytes, 4 bytes for the case of an enum, one
//! byte for a bool and for whether an option is there. Source: `docs/FORMAT.md`, Payloads.
//! Invariants: only bytes whose checksum passed are decoded; no length in them is believed beyond the
//! longest payload; bytes left over are an error.

use bincode::config::{Configuration, Fixint, Limit, LittleEndian, legacy};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::format::RECORD_PAYLOAD_BYTES_MAX;

/// The encoding that is written, by its number in the heads of files.
pub const CODEC: u32 = 1;

const fn config() -> Configuration<LittleEndian, Fixint, Limit<RECORD_PAYLOAD_BYTES_MAX>> {
    legacy().with_limit::<RECORD_PAYLOAD_BYTES_MAX>()
}

/// Why bytes are no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// Something in them cannot be.
    #[error("the payload cannot be decoded")]
    Undecodable,
    /// There are more bytes than the value has.
    #[error("the payload has {0} bytes too many")]
    LeftOver(usize),
    /// The value is longer than a payload may be.
    #[error("what is to be written is longer than a payload may be")]
    TooLong,
}

/// Appends the encoding of `value` to `out`.
pub fn encode<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let from = out.len();
    let written = bincode::serde::encode_into_std_write(value, out, config());
    // What the crate says may quote the value.
    match written {
        Ok(bytes) if bytes <= RECORD_PAYLOAD_BYTES_MAX => Ok(()),
        Ok(_) | Err(_) => {
            out.truncate(from);
            Err(CodecError::TooLong)
        }
    }
}

/// Decodes bytes that are the encoding of one value.
pub fn decode<T: DeserializeOwned>(mut bytes: &[u8]) -> Result<T, CodecError> {
    let value = take(&mut bytes)?;
    match bytes.len() {
        0 => Ok(value),
        left => Err(CodecError::LeftOver(left)),
    }
}

/// Decodes the value that `bytes` begin with, and takes its own off them.
pub fn take<T: DeserializeOwned>(bytes: &mut &[u8]) -> Result<T, CodecError> {
    let decoded = bincode::serde::decode_from_slice(bytes, config());
    let (value, read) = decoded.map_err(|_| CodecError::Undecodable)?;
    *bytes = bytes.get(read..).unwrap_or_default();
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_the_documented_one() {
        let value = (
            1_u16,
            "ab",
            Some(7_u32),
            None::<u8>,
            true,
            [3_u8; 2],
            vec![9_u64],
        );
        let mut bytes = Vec::new();
        encode(&value, &mut bytes).unwrap();
        let expected: &[&[u8]] = &[
            &[1, 0],
            &[2, 0, 0, 0, 0, 0, 0, 0],
            b"ab",
            &[1, 7, 0, 0, 0],
            &[0],
            &[1],
            &[3, 3],
            &[1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0],
        ];
        assert_eq!(bytes, expected.concat());
    }

    #[test]
    fn lengths_are_not_believed_and_nothing_is_left_over() {
        let mut huge = u64::MAX.to_le_bytes().to_vec();
        huge.extend_from_slice(&[0; 32]);
        assert_eq!(decode::<Vec<u64>>(&huge), Err(CodecError::Undecodable));
        assert_eq!(decode::<String>(&huge), Err(CodecError::Undecodable));
        assert_eq!(decode::<u8>(&[1, 2, 3]), Err(CodecError::LeftOver(2)));
        assert_eq!(decode::<u64>(&[1, 2, 3]), Err(CodecError::Undecodable));
        let mut out = vec![5];
        let long = vec![0_u8; RECORD_PAYLOAD_BYTES_MAX];
        assert_eq!(encode(&long, &mut out), Err(CodecError::TooLong));
        assert_eq!(out, [5]);
    }
}
