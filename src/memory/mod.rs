//! How much memory the process holds, how much it may, and what follows from both.
//!
//! The system is asked here and nowhere else. It must never know what the memory is used for: how much of
//! that there is, is handed in as a number.

pub mod available;
pub mod ceiling;

use rustix::param::page_size;

/// The memory of the process that is resident, in bytes; `None` where the system does not say.
#[must_use]
pub fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    // The whole address space comes first, then what is resident, in pages.
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    pages.checked_mul(u64::try_from(page_size()).ok()?)
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_touched_is_resident() {
        let before = super::resident_bytes().unwrap();
        let touched = std::hint::black_box(vec![1_u8; 64 << 20]);
        let after = super::resident_bytes().unwrap();
        assert!(after >= before + (48 << 20), "{before} and {after}");
        drop(touched);
    }
}
