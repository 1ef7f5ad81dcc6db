//! Asking for memory before it is needed.
//!
//! It is a hint: it changes nothing, nobody waits for it, and where the processor has no such instruction, or no library says it
//! safely, nothing is done.

/// Begins to bring a value into the cache, as far as its first line goes. Nothing waits for it.
#[inline]
pub(super) fn fetch<T>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    safe_arch::prefetch_t0(value);
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}
