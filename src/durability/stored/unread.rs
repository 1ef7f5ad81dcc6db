//! A payload read from front to back: numbers and ids at once, everything else by the encoding crate.
//!
//! Sessions and events come by the million, and nearly all of them are numbers: read like this they need neither a
//! storage form nor memory for one. Layout and refusals are those of [`codec`]; tests hold both together.

use serde::de::DeserializeOwned;

use super::Id;
use crate::durability::codec::{self, CodecError};

/// What of a payload was not read yet.
pub(in crate::durability) struct Unread<'a>(&'a [u8]);

impl<'a> Unread<'a> {
    /// All of a payload.
    pub(in crate::durability) fn of(payload: &'a [u8]) -> Self {
        Self(payload)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let (first, rest) = self.0.split_first_chunk().ok_or(CodecError::Undecodable)?;
        self.0 = rest;
        Ok(*first)
    }

    pub(super) fn id(&mut self) -> Result<Id, CodecError> {
        self.array()
    }

    pub(super) fn u8(&mut self) -> Result<u8, CodecError> {
        self.array().map(u8::from_le_bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, CodecError> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, CodecError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, CodecError> {
        self.array().map(u64::from_le_bytes)
    }

    /// Whether what may be missing is there.
    pub(super) fn is_there(&mut self) -> Result<bool, CodecError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(CodecError::Undecodable),
        }
    }

    /// How many things a list has that take at least so many bytes each: more than there is room for are not believed.
    pub(super) fn length(&mut self, bytes_min: usize) -> Result<usize, CodecError> {
        let length = usize::try_from(self.u64()?).ok();
        let room = self.0.len() / bytes_min;
        length
            .filter(|length| *length <= room)
            .ok_or(CodecError::Undecodable)
    }

    /// A text.
    pub(super) fn text(&mut self) -> Result<&'a str, CodecError> {
        let length = self.length(1)?;
        let (text, rest) = self
            .0
            .split_at_checked(length)
            .ok_or(CodecError::Undecodable)?;
        self.0 = rest;
        std::str::from_utf8(text).map_err(|_| CodecError::Undecodable)
    }

    /// Anything that has a storage form.
    pub(super) fn value<T: DeserializeOwned>(&mut self) -> Result<T, CodecError> {
        codec::take(&mut self.0)
    }

    /// Looks ahead: the case of a sum.
    pub(super) fn case(&self) -> Option<u32> {
        self.0.first_chunk().copied().map(u32::from_le_bytes)
    }

    /// Nothing may be left over.
    pub(in crate::durability) fn end(self) -> Result<(), CodecError> {
        match self.0.len() {
            0 => Ok(()),
            left => Err(CodecError::LeftOver(left)),
        }
    }
}
