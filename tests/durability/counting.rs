//! An allocator that counts what a thread asks for.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static ASKED: Cell<usize> = const { Cell::new(0) };
    static CALLS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[expect(unsafe_code, reason = "an allocator is nothing else")]
// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that is ending has no counter any more, and is none of those that ask.
        let _ = ASKED.try_with(|asked| asked.set(asked.get() + layout.size()));
        let _ = CALLS.try_with(|calls| calls.set(calls.get() + 1));
        // SAFETY: as this call's own.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: as this call's own.
        unsafe { System.dealloc(place, layout) }
    }
}

/// The bytes that this thread asks for while `act` runs, given back or not.
pub(crate) fn asked<T>(act: impl FnOnce() -> T) -> (usize, T) {
    let before = ASKED.get();
    let result = act();
    (ASKED.get() - before, result)
}

/// How often this thread asks while `act` runs: an allocation that grows asks again.
pub(crate) fn calls<T>(act: impl FnOnce() -> T) -> (usize, T) {
    let before = CALLS.get();
    let result = act();
    (CALLS.get() - before, result)
}
