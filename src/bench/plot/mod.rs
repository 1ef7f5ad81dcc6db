//! Curves as SVG: values over time, percentiles, bars. For the load generator, and for `benches/`.
//!
//! It knows numbers and their names, and neither requests nor files. What it draws is well-formed XML whatever the names
//! are; no font is read, whoever shows it brings his own. Values that are no numbers are left out, and so are those that
//! a logarithmic axis cannot show.

mod axis;
mod draw;

/// Plots of one page.
pub const PLOTS_MAX: usize = 16;
/// Points of a line that are drawn; of more, so many evenly spread ones.
pub const POINTS_MAX: usize = 4_096;

/// One plot: what is drawn, and what is written beside it.
#[derive(Clone, Debug)]
pub struct Plot {
    title: String,
    unit: String,
    scale: Scale,
    kind: Kind,
}

/// How values are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scale {
    Linear,
    Log,
}

#[derive(Clone, Debug)]
enum Kind {
    OverTime(Vec<Line>),
    Percentiles(Vec<Line>),
    Bars(Vec<Bar>),
}

/// A named line through points.
#[derive(Clone, Debug)]
pub struct Line {
    /// What the legend says.
    pub name: String,
    /// Where it goes, in the order of the first number: seconds, or the percentile from 0 to 100; then the value.
    pub points: Vec<(f64, f64)>,
}

/// A named bar.
#[derive(Clone, Debug)]
pub struct Bar {
    /// What stands below it.
    pub name: String,
    /// How high it is.
    pub value: f64,
    /// From where to where the value was spread, such as its quartiles.
    pub spread: Option<(f64, f64)>,
}

/// The page could not be drawn.
#[derive(Debug, thiserror::Error)]
#[error("the plots cannot be drawn: {0}")]
pub struct PlotError(String);

impl Plot {
    /// Values over time, in seconds.
    #[must_use]
    pub fn over_time(title: &str, unit: &str, lines: Vec<Line>) -> Self {
        Self::new(title, unit, Kind::OverTime(lines))
    }

    /// Values by percentile; the axis gives each further nine as much room as the one before.
    #[must_use]
    pub fn percentiles(title: &str, unit: &str, lines: Vec<Line>) -> Self {
        Self::new(title, unit, Kind::Percentiles(lines))
    }

    /// Values side by side.
    #[must_use]
    pub fn bars(title: &str, unit: &str, bars: Vec<Bar>) -> Self {
        Self::new(title, unit, Kind::Bars(bars))
    }

    /// The same with values on a logarithmic axis.
    #[must_use]
    pub fn logarithmic(mut self) -> Self {
        self.scale = Scale::Log;
        self
    }

    fn new(title: &str, unit: &str, kind: Kind) -> Self {
        Self {
            title: title.to_owned(),
            unit: unit.to_owned(),
            scale: Scale::Linear,
            kind,
        }
    }
}

/// Draws the plots below each other: a whole SVG document.
///
/// Errors: there is none to draw, or more than [`PLOTS_MAX`].
pub fn svg(plots: &[Plot]) -> Result<String, PlotError> {
    if plots.is_empty() || plots.len() > PLOTS_MAX {
        return Err(PlotError(format!(
            "1 to {PLOTS_MAX} of them fit a page, not {}",
            plots.len()
        )));
    }
    draw::page(plots)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, points: &[(f64, f64)]) -> Line {
        Line {
            name: name.into(),
            points: points.to_vec(),
        }
    }

    fn all_kinds() -> Vec<Plot> {
        let nasty = "<b> & \"quotes\" '\u{0}\u{1b}";
        let lines = || {
            vec![
                line("up", &[(0.0, 1.0), (1.0, 20.0), (2.5, 300.0)]),
                line(nasty, &[(0.0, 0.0), (1.0, f64::NAN), (99.9, f64::INFINITY)]),
            ]
        };
        let bar = |name: &str, value, spread| Bar {
            name: name.into(),
            value,
            spread,
        };
        let bars = || {
            vec![
                bar("one", 1.03, Some((0.98, 1.1))),
                bar(nasty, 0.0, None),
                bar("lost", f64::NAN, None),
            ]
        };
        vec![
            Plot::over_time(nasty, nasty, lines()),
            Plot::over_time("b", "ms", lines()).logarithmic(),
            Plot::percentiles("c", "ms", lines()),
            Plot::percentiles("d", "ms", lines()).logarithmic(),
            Plot::bars("e", "of the no-op", bars()),
            Plot::bars("f", "requests/s", bars()).logarithmic(),
        ]
    }

    #[test]
    fn every_kind_is_well_formed_and_says_its_names() {
        let svg = svg(&all_kinds()).unwrap();
        let document = roxmltree::Document::parse(&svg).unwrap();
        let texts: Vec<&str> = document
            .descendants()
            .filter(|node| node.has_tag_name("text"))
            .filter_map(|node| node.text())
            .map(str::trim)
            .collect();
        for wanted in [
            "up",
            "<b> & \"quotes\" '",
            "one",
            "ms",
            "99.9",
            "of the no-op",
        ] {
            assert!(texts.contains(&wanted), "{wanted} is not in {texts:?}");
        }
        let lines = document
            .descendants()
            .filter(|node| node.has_tag_name("polyline"));
        assert!(lines.count() >= 4, "no lines");
    }

    #[test]
    fn nothing_to_show_is_drawn_as_empty_axes() {
        for kind in [Kind::OverTime, Kind::Percentiles] {
            let none = Plot::new("none", "ms", kind(vec![line("empty", &[])]));
            for plot in [none.clone(), none.logarithmic()] {
                let svg = svg(&[plot]).unwrap();
                assert!(roxmltree::Document::parse(&svg).is_ok());
            }
        }
        let none = svg(&[Plot::bars("none", "ms", Vec::new())]).unwrap();
        assert!(roxmltree::Document::parse(&none).is_ok());
    }

    #[test]
    fn a_long_line_is_thinned_and_keeps_its_ends() {
        let points: Vec<_> = (0..100_000).map(|n| (f64::from(n), 1.0)).collect();
        let svg = svg(&[Plot::over_time("long", "", vec![line("l", &points)])]).unwrap();
        assert!(svg.len() < 100_000, "{} bytes", svg.len());
    }

    #[test]
    fn a_page_has_a_bound() {
        assert!(svg(&[]).is_err());
        let one = Plot::bars("x", "", Vec::new());
        assert!(svg(&vec![one.clone(); PLOTS_MAX]).is_ok());
        assert!(svg(&vec![one; PLOTS_MAX + 1]).is_err());
    }
}
