//! Medians and quartiles. Pure.

use std::fmt;

use serde::Serialize;

/// Median and quartiles of some values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    /// A quarter of the values lie below.
    pub(crate) lower_quartile: f64,
    /// Half of the values lie below.
    pub(crate) median: f64,
    /// A quarter of the values lie above.
    pub(crate) upper_quartile: f64,
}

impl Spread {
    /// The spread of `values`, in any order; `None` if there are none.
    ///
    /// Between two values a quartile is interpolated linearly.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        sorted.sort_unstable_by(f64::total_cmp);
        Some(Self {
            lower_quartile: quarter(&sorted, 1)?,
            median: quarter(&sorted, 2)?,
            upper_quartile: quarter(&sorted, 3)?,
        })
    }
}

/// The median, and the quartiles in parentheses.
impl fmt::Display for Spread {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (low, middle, high) = (self.lower_quartile, self.median, self.upper_quartile);
        if middle.abs() >= 10.0 {
            write!(out, "{middle:.1} ({low:.1}–{high:.1})")
        } else {
            write!(out, "{middle:.3} ({low:.3}–{high:.3})")
        }
    }
}

/// The value that `quarters` quarters of `sorted` lie below.
fn quarter(sorted: &[f64], quarters: usize) -> Option<f64> {
    let position = sorted.len().checked_sub(1)? * quarters;
    let low = *sorted.get(position / 4)?;
    let high = sorted.get(position / 4 + 1).copied().unwrap_or(low);
    let part = match position % 4 {
        0 => 0.0,
        1 => 0.25,
        2 => 0.5,
        _ => 0.75,
    };
    Some(low + (high - low) * part)
}
