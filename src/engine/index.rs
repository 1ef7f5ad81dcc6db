//! The handles of a slot's records by the hash of their ids: one cache line to look into.
//!
//! What a verification waits for is memory that no cache holds, one line after the other. A table
//! that keeps tags and handles apart costs two such waits before the record's own; here a group of
//! both is one line.
//!
//! Invariants: the number of groups is 0 or a power of two; a handle lies in the first group from
//! its hash's own that had room; an eighth of the entries is free, so every search ends at one.

use super::slab::Handle;

/// Entries of a group: as many as fit into 64 bytes with their tags.
const ENTRIES: usize = 12;
/// The tag of an entry that ends a search.
const FREE: u8 = 0;
/// The tag of an entry that a search goes past: its handle was removed while the group was full.
const GONE: u8 = 1;

#[derive(Clone, Debug)]
#[repr(align(64))]
struct Group {
    /// Eight bits of each hash; the last four, which have no entry, are [`GONE`] for ever.
    tags: [u8; 16],
    handles: [Handle; ENTRIES],
}

/// A multiset of handles by hash; who puts one in sees to it that it is not there yet.
#[derive(Debug, Default)]
pub(super) struct Index {
    groups: Vec<Group>,
    len: usize,
    /// Entries that are not free: handles, and those that are gone.
    taken: usize,
}

/// Eight bits that [`Index::probe`] does not use, and no mark.
fn tag(hash: u64) -> u8 {
    hash.to_be_bytes()[0].max(GONE + 1)
}

impl Group {
    fn free() -> Self {
        let mut tags = [GONE; 16];
        let entries = tags.iter_mut().take(ENTRIES);
        entries.for_each(|tag| *tag = FREE);
        Self {
            tags,
            handles: [0; ENTRIES],
        }
    }

    /// A bit for each entry with this tag.
    fn tagged(&self, tag: u8) -> u16 {
        let bits = self.tags.iter().enumerate();
        bits.fold(0, |bits, (at, t)| bits | u16::from(*t == tag) << at)
    }

    /// The entries with this tag.
    fn entries(&self, tag: u8) -> impl Iterator<Item = (usize, Handle)> {
        let mut bits = self.tagged(tag);
        std::iter::from_fn(move || {
            let at = bits.trailing_zeros() as usize;
            bits &= bits.wrapping_sub(1);
            Some((at, *self.handles.get(at)?))
        })
    }

    fn has_free(&self) -> bool {
        self.tagged(FREE) != 0
    }

    fn set(&mut self, at: usize, tag: u8, handle: Handle) {
        if let (Some(t), Some(h)) = (self.tags.get_mut(at), self.handles.get_mut(at)) {
            (*t, *h) = (tag, handle);
        }
    }
}

impl Index {
    /// How many handles there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The handle with this hash that is `same`.
    pub(super) fn find(&self, hash: u64, same: impl Fn(Handle) -> bool) -> Option<Handle> {
        for group in self.probe(hash).filter_map(|at| self.groups.get(at)) {
            let found = group.entries(tag(hash)).find(|(_, handle)| same(*handle));
            if let Some((_, handle)) = found {
                return Some(handle);
            }
            if group.has_free() {
                return None;
            }
        }
        None
    }

    /// Puts a handle in; `hash_of` gives the hash of each that is there, in case the table grows.
    pub(super) fn insert(&mut self, hash: u64, handle: Handle, hash_of: impl Fn(Handle) -> u64) {
        if (self.taken + 1) * 8 > self.groups.len() * ENTRIES * 7 {
            self.rebuild(hash_of);
        }
        self.put(hash, handle);
    }

    /// Takes a handle out, if it is there.
    pub(super) fn remove(&mut self, hash: u64, handle: Handle) {
        for at in self.probe(hash) {
            let Some(group) = self.groups.get_mut(at) else {
                return;
            };
            let found = group.entries(tag(hash)).find(|(_, h)| *h == handle);
            let open = group.has_free();
            if let Some((at, _)) = found {
                // A full group may have sent others on to the next one.
                group.set(at, if open { FREE } else { GONE }, 0);
                self.len -= 1;
                self.taken -= usize::from(open);
                return;
            }
            if open {
                return;
            }
        }
    }

    /// The positions of the groups in the order in which this hash tries them.
    fn probe(&self, hash: u64) -> impl Iterator<Item = usize> + use<> {
        let mask = self.groups.len().wrapping_sub(1);
        // Only the low bits count.
        let start = usize::try_from(hash & u64::from(u32::MAX)).unwrap_or(0);
        (0..self.groups.len()).map(move |step| start.wrapping_add(step) & mask)
    }

    fn put(&mut self, hash: u64, handle: Handle) {
        for at in self.probe(hash) {
            let Some(group) = self.groups.get_mut(at) else {
                return;
            };
            let free = group.entries(FREE).next();
            if let Some((at, _)) = free {
                group.set(at, tag(hash), handle);
                self.len += 1;
                self.taken += 1;
                return;
            }
        }
    }

    /// Makes room for more, without what is gone.
    fn rebuild(&mut self, hash_of: impl Fn(Handle) -> u64) {
        let crowded = self.len * 2 >= self.groups.len() * ENTRIES;
        let groups = match self.groups.len() {
            0 => 1,
            groups if crowded => groups * 2,
            groups => groups,
        };
        let old = std::mem::replace(&mut self.groups, vec![Group::free(); groups]);
        (self.len, self.taken) = (0, 0);
        for group in &old {
            for (tag, handle) in group.tags.iter().zip(group.handles) {
                if *tag > GONE {
                    self.put(hash_of(handle), handle);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Hashes that differ, collide in groups, or collide altogether.
    fn hash_of(handle: Handle) -> u64 {
        match handle % 4 {
            0 => 7,
            1 => u64::from(handle) << 56,
            _ => u64::from(handle).wrapping_mul(0x9e37_79b9_7f4a_7c15),
        }
    }

    #[test]
    fn a_group_is_one_cache_line() {
        assert_eq!((size_of::<Group>(), align_of::<Group>()), (64, 64));
    }

    #[test]
    fn it_holds_what_a_set_holds_whatever_comes_and_goes() {
        let (mut index, mut set) = (Index::default(), BTreeSet::new());
        let mut state = 1_u64;
        for step in 0..20_000_u32 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let handle = Handle::try_from(state >> 55).unwrap_or(0);
            // It fills, empties and fills again.
            let fill = (step / 2_500) % 2 == 0;
            if set.contains(&handle) != fill {
                if fill {
                    index.insert(hash_of(handle), handle, hash_of);
                    set.insert(handle);
                } else {
                    index.remove(hash_of(handle), handle);
                    set.remove(&handle);
                }
            }
            assert_eq!(index.len(), set.len());
            let found = index.find(hash_of(handle), |h| h == handle);
            assert_eq!(found, set.contains(&handle).then_some(handle));
            if step % 500 == 0 {
                for handle in 0..512 {
                    let found = index.find(hash_of(handle), |h| h == handle);
                    assert_eq!(found.is_some(), set.contains(&handle), "{handle}");
                }
            }
        }
        assert!(index.groups.len() * ENTRIES < 4 * 512);
    }

    #[test]
    fn nothing_is_found_in_nothing_and_removing_it_changes_nothing() {
        let mut index = Index::default();
        index.remove(7, 7);
        assert_eq!(index.find(7, |_| true), None);
        index.insert(7, 1, |_| 7);
        index.remove(7, 2);
        index.remove(u64::MAX, 1);
        assert_eq!((index.len(), index.find(7, |_| true)), (1, Some(1)));
    }
}
