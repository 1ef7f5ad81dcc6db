//! Storage of records by small handles, in chunks that never move.
//!
//! Invariants: a handle stays good until its record is removed; growing never copies what is
//! there, so no insert holds a slot's lock for longer than one small allocation (R1); whoever is empty
//! has given back all but one chunk.

use std::hint::black_box;

use super::ahead::fetch;

/// A handle into a [`Slab`].
pub(crate) type Handle = u32;
/// The handle of nothing.
pub(crate) const NONE: Handle = Handle::MAX;

/// Chunks that are looked at in one go.
const RUN: usize = 8;

/// Records that lie side by side: few, so that a slot with hardly any wastes hardly any.
type Chunk<T, const CHUNK: usize> = Box<[Option<T>; CHUNK]>;

#[derive(Debug)]
#[repr(C)]
pub(crate) struct Slab<T, const CHUNK: usize = 16> {
    /// First, since every reader begins here. Short entries: he waits for the line of this list, too.
    chunks: Vec<Chunk<T, CHUNK>>,
    free: Vec<Handle>,
}

impl<T, const CHUNK: usize> Default for Slab<T, CHUNK> {
    fn default() -> Self {
        Self {
            chunks: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<T, const CHUNK: usize> Slab<T, CHUNK> {
    /// The chunk and the place in it that a handle names.
    fn place(handle: Handle) -> (usize, usize) {
        let place = handle as usize;
        (place / CHUNK, place % CHUNK)
    }

    pub(crate) fn get(&self, handle: Handle) -> Option<&T> {
        let (chunk, offset) = Self::place(handle);
        self.chunks.get(chunk)?.get(offset)?.as_ref()
    }

    /// Begins to bring what stands in a place into the cache.
    pub(crate) fn fetch(&self, handle: Handle) {
        let (chunk, offset) = Self::place(handle);
        if let Some(entry) = self.chunks.get(chunk).and_then(|c| c.get(offset)) {
            fetch(entry);
        }
    }

    /// Begins to wait for the list of chunks, which [`Self::get`] will read.
    pub(crate) fn fetch_ahead(&self) {
        black_box(self.chunks.first().map(|chunk| &raw const **chunk));
    }

    /// Waits for what lies in one run of places after the other: `run` 0 is the first. False behind the last.
    pub(crate) fn look_at(&self, run: usize) -> bool {
        let first = run * RUN;
        let chunks = self.chunks.iter().skip(first).take(RUN);
        for entry in chunks.flat_map(|chunk| chunk.iter()) {
            black_box(entry.is_some());
        }
        first < self.chunks.len()
    }

    pub(crate) fn get_mut(&mut self, handle: Handle) -> Option<&mut T> {
        let (chunk, offset) = Self::place(handle);
        self.chunks.get_mut(chunk)?.get_mut(offset)?.as_mut()
    }

    pub(crate) fn insert(&mut self, value: T) -> Handle {
        if self.free.is_empty() {
            self.grow();
        }
        let handle = self.free.pop().unwrap_or(NONE);
        let (chunk, offset) = Self::place(handle);
        if let Some(entry) = self.chunks.get_mut(chunk).and_then(|c| c.get_mut(offset)) {
            *entry = Some(value);
        }
        handle
    }

    pub(crate) fn remove(&mut self, handle: Handle) -> Option<T> {
        let (chunk, offset) = Self::place(handle);
        let value = self.chunks.get_mut(chunk)?.get_mut(offset)?.take();
        if value.is_some() {
            self.free.push(handle);
            self.give_back();
        }
        value
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Handle, &T)> {
        let all = self.chunks.iter().flat_map(|chunk| chunk.iter());
        (0..NONE)
            .zip(all)
            .filter_map(|(handle, entry)| entry.as_ref().map(|value| (handle, value)))
    }

    /// Gives back what an empty slab does not need; one chunk stays for whoever comes and goes.
    fn give_back(&mut self) {
        if self.chunks.len() > 1 && self.free.len() == self.chunks.len() * CHUNK {
            self.chunks = Vec::new();
            self.free = Vec::new();
            self.grow();
        }
    }

    fn grow(&mut self) {
        let first = self.chunks.len() * CHUNK;
        self.chunks.push(Box::new([const { None }; CHUNK]));
        // The lowest handle is given out first.
        let handles = (first..first + CHUNK).rev();
        self.free
            .extend(handles.filter_map(|handle| Handle::try_from(handle).ok()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_handle_has_its_own_place() {
        let mut slab = Slab::<u32>::default();
        let handles: Vec<_> = (0..1_000_u32).map(|n| slab.insert(n)).collect();
        assert_eq!(handles, (0..1_000).collect::<Vec<_>>());
        for n in (0..1_000).step_by(3) {
            assert_eq!(slab.remove(n), Some(n));
            assert_eq!(slab.remove(n), None);
        }
        assert_eq!(slab.iter().count(), 1_000 - 334);
        let again = slab.insert(7);
        assert_eq!(again % 3, 0);
        assert_eq!(slab.get(again), Some(&7));
        assert_eq!(slab.get(1), Some(&1));
        assert_eq!(slab.get(NONE), None);
    }

    #[test]
    fn an_empty_slab_keeps_one_chunk() {
        let mut slab = Slab::<u32>::default();
        let handles: Vec<_> = (0..1_000_u32).map(|n| slab.insert(n)).collect();
        for n in &handles {
            assert!(slab.chunks.len() > 1);
            assert_eq!(slab.remove(*n), Some(*n));
        }
        assert_eq!((slab.chunks.len(), slab.free.len()), (1, 16));
        assert_eq!(slab.insert(7), 0);
        assert_eq!((slab.remove(0), slab.chunks.len()), (Some(7), 1));
    }
}
