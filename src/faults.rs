//! Places where a test has the process panic: in programs built with the feature `testing`, and in no other.
//!
//! `SESSILE_TEST_PANIC="log synced 40"` has the process panic when it passes the place `log synced` for the 40th
//! time. Knows nothing of what happens there. Invariant: without the feature nothing is compiled but an empty
//! function.

/// Passes a place: who is there, and what was done or is about to be.
#[cfg(not(feature = "testing"))]
#[inline(always)]
pub(crate) const fn pass(_who: &str, _what: &str) {}

#[cfg(feature = "testing")]
pub(crate) use self::armed::pass;

#[cfg(feature = "testing")]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    struct Place {
        who: String,
        what: String,
        left: AtomicU64,
    }

    /// Passes a place: who is there, and what was done or is about to be.
    pub(crate) fn pass(who: &str, what: &str) {
        static PLACE: OnceLock<Option<Place>> = OnceLock::new();
        let place = PLACE.get_or_init(|| read(&std::env::var("SESSILE_TEST_PANIC").ok()?));
        if let Some(place) = place
            && place.who == who
            && place.what == what
            && place.left.fetch_sub(1, Ordering::AcqRel) == 1
        {
            panic!("a test asked for it: {who} {what}");
        }
    }

    fn read(text: &str) -> Option<Place> {
        let mut words = text.split(' ');
        Some(Place {
            who: words.next()?.to_owned(),
            what: words.next()?.to_owned(),
            left: AtomicU64::new(words.next()?.parse().ok()?),
        })
    }
}
