//! Points in time as values: milliseconds since the Unix epoch, UTC.
//!
//! There is no clock here. Whoever drives the rules passes `now` in, so that a rule can be tested
//! at any instant and a replay gives what the first run gave.

/// A point in engine time, in milliseconds since the Unix epoch. 48 bits are used (until year 10889).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

/// The largest timestamp that fits the 48 bits a record keeps.
const MAX_MS: u64 = (1 << 48) - 1;

/// As the number of milliseconds.
impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(self.0)
    }
}

impl Timestamp {
    /// The latest representable instant; stands for "no limit".
    pub const MAX: Self = Self(MAX_MS);

    /// A timestamp from milliseconds since the epoch; later than [`Timestamp::MAX`] becomes it.
    #[must_use]
    pub const fn from_ms(ms: u64) -> Self {
        Self(if ms > MAX_MS { MAX_MS } else { ms })
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn ms(self) -> u64 {
        self.0
    }

    /// This instant plus `ms`, never past [`Timestamp::MAX`].
    #[must_use]
    pub const fn plus_ms(self, ms: u64) -> Self {
        Self::from_ms(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` until this instant; 0 when `earlier` is later.
    #[must_use]
    pub const fn since_ms(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_stays_within_48_bits() {
        assert_eq!(Timestamp::from_ms(u64::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::MAX.plus_ms(1), Timestamp::MAX);
        assert_eq!(Timestamp::from_ms(5).since_ms(Timestamp::from_ms(9)), 0);
    }
}
