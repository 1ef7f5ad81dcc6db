//! Axes: where a value goes, and which values are written.

use std::ops::Range;

/// Ticks of a linear axis, about.
const TICKS: f64 = 6.0;
/// Decades that a logarithmic axis shows, at most.
const DECADES_MAX: f64 = 9.0;
/// Decades up to which 2 and 5 are written as well.
const DECADES_FINE: f64 = 3.0;
/// The last percentile that is told from 100: 99.9999.
const NINES_MAX: f64 = 6.0;
/// Percentiles that are written.
const PERCENTILES: [f64; 7] = [0.0, 50.0, 90.0, 99.0, 99.9, 99.99, 99.999];

/// One axis. Places are numbers in the order in which they are drawn.
pub(super) struct Axis {
    /// First and last place.
    pub(super) range: Range<f64>,
    /// Places with a text.
    pub(super) ticks: Vec<f64>,
    texts: Vec<String>,
    place: fn(f64) -> Option<f64>,
}

impl Axis {
    /// From zero, or from the least value below it, to the largest one.
    pub(super) fn linear(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = bounds(values.filter_map(plain)).unwrap_or((0.0, 1.0));
        let (low, high) = (low.min(0.0), high.max(0.0));
        let high = if high > low { high } else { low + 1.0 };
        let step = nice((high - low) / TICKS);
        let first = (low / step).floor();
        let last = (high / step).ceil();
        let count = (last - first).clamp(1.0, 4.0 * TICKS);
        let ticks = counted(count).map(|n| (first + n) * step).collect();
        Self::new(first * step..last * step, ticks, plain)
    }

    /// Exactly this far, whatever it is.
    pub(super) fn seconds(values: impl Iterator<Item = f64>) -> Self {
        let (_, high) = bounds(values.filter_map(plain)).unwrap_or((0.0, 1.0));
        let high = if high > 0.0 { high } else { 1.0 };
        let step = nice(high / TICKS / 1.5);
        let ticks = counted((high / step).floor()).map(|n| n * step).collect();
        Self::new(0.0..high, ticks, plain)
    }

    /// Whole decades around the values that are above zero.
    pub(super) fn logarithmic(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = bounds(values.filter_map(logarithm)).unwrap_or((0.0, 1.0));
        let last = high.ceil();
        let first = low.floor().min(last - 1.0).max(last - DECADES_MAX);
        let fine = last - first <= DECADES_FINE;
        let steps: &[f64] = if fine { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let decades = counted(last - first).map(|n| first + n);
        let ticks = decades.flat_map(|decade| steps.iter().map(move |step| decade + step.log10()));
        let ticks = ticks.filter(|tick| *tick <= last).collect();
        Self::new(first..last, ticks, logarithm)
    }

    /// Percentiles from 0 on, each further nine as far from the one before.
    pub(super) fn percentiles(values: impl Iterator<Item = f64>) -> Self {
        let (_, high) = bounds(values.filter_map(nines)).unwrap_or((0.0, 0.0));
        let last = high.clamp(2.0, NINES_MAX);
        let ticks = PERCENTILES.iter().filter_map(|p| nines(*p));
        let ticks: Vec<f64> = ticks.filter(|tick| *tick <= last).collect();
        let texts = PERCENTILES.iter().map(|p| short(*p)).collect();
        Self {
            range: 0.0..last,
            ticks,
            texts,
            place: nines,
        }
    }

    /// One place for each name, in the middle of its share.
    pub(super) fn names(names: Vec<String>) -> Self {
        let ticks: Vec<f64> = names.iter().zip(0_u32..).map(|(_, n)| middle(n)).collect();
        let last = ticks.last().map_or(1.0, |tick| tick + 0.5);
        Self {
            range: 0.0..last,
            ticks,
            texts: names,
            place: plain,
        }
    }

    fn new(range: Range<f64>, ticks: Vec<f64>, place: fn(f64) -> Option<f64>) -> Self {
        let value = |tick: f64| match place(10.0) {
            Some(1.0) => 10_f64.powf(tick),
            _ => tick,
        };
        let texts = ticks.iter().map(|tick| short(value(*tick))).collect();
        Self {
            range,
            ticks,
            texts,
            place,
        }
    }

    /// Where a value goes; nowhere if the axis cannot show it.
    pub(super) fn place(&self, value: f64) -> Option<f64> {
        let place = (self.place)(value)?;
        Some(place.clamp(self.range.start, self.range.end))
    }

    /// What is written at a place: something at ticks only.
    pub(super) fn text(&self, place: f64) -> String {
        let near = |tick: &f64| (tick - place).abs() < 1e-9;
        let at = self.ticks.iter().position(near);
        at.and_then(|at| self.texts.get(at))
            .cloned()
            .unwrap_or_default()
    }
}

/// The middle of the share of the bar of this number.
pub(super) fn middle(number: u32) -> f64 {
    f64::from(number) + 0.5
}

fn plain(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

fn logarithm(value: f64) -> Option<f64> {
    (value.is_finite() && value > 0.0).then(|| value.log10())
}

fn nines(percentile: f64) -> Option<f64> {
    let inside = (0.0..=100.0).contains(&percentile);
    inside.then(|| (100.0 / (100.0 - percentile)).log10().min(NINES_MAX))
}

fn bounds(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |known, value| match known {
        None => Some((value, value)),
        Some((low, high)) => Some((value.min(low), value.max(high))),
    })
}

/// 0 to `count`, both included.
fn counted(count: f64) -> impl Iterator<Item = f64> {
    (0..1_000_u32)
        .map(f64::from)
        .take_while(move |n| *n <= count)
}

/// 1, 2 or 5 times a power of ten, at least `step`.
fn nice(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .find(|f| f * power >= step);
    factor.unwrap_or(10.0) * power
}

/// A number in few characters: 1500 as `1.5k`.
pub(super) fn short(value: f64) -> String {
    let (value, unit) = match value.abs() {
        size if size >= 1e9 => (value / 1e9, "G"),
        size if size >= 1e6 => (value / 1e6, "M"),
        size if size >= 1e4 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let digits = if value.abs() < 0.01 { 6 } else { 3 };
    let text = format!("{value:.digits$}");
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => &text,
    };
    format!("{text}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (1500.0, "1500"),
            (20_000.0, "20k"),
            (1_250_000.0, "1.25M"),
            (0.000_2, "0.0002"),
            (99.9, "99.9"),
            (99.999, "99.999"),
        ] {
            assert_eq!(short(value), text);
        }
    }

    #[test]
    fn axes_hold_their_values_and_few_ticks() {
        let values = || [0.3, 7.0, 42.0].into_iter();
        let linear = Axis::linear(values());
        assert_eq!((linear.range.start, linear.range.end), (0.0, 50.0));
        let log = Axis::logarithmic(values());
        assert_eq!((log.range.start, log.range.end), (-1.0, 2.0));
        assert_eq!(log.text(1.0), "10");
        assert_eq!(log.place(0.0), None);
        let nines = Axis::percentiles([50.0, 99.99].into_iter());
        assert_eq!(nines.text(nines.place(99.9).unwrap()), "99.9");
        for axis in [linear, log, nines] {
            assert!((2..=12).contains(&axis.ticks.len()), "{:?}", axis.ticks);
        }
    }
}
