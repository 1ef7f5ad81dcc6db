//! Drawing with plotters, whose text needs no font file here.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::{Axis, middle, short};
use super::{Bar, Kind, Line, POINTS_MAX, Plot, PlotError, Scale};

/// Width of a page in pixels.
const WIDTH: u32 = 960;
/// Height of each plot.
const HEIGHT: u32 = 340;
/// Room for what is written below and beside a plot.
const BELOW: u32 = 44;
const BESIDE: u32 = 80;
const MARGIN: u32 = 12;
/// How a font is asked for; whoever shows the page chooses it.
const FONT: &str = "sans-serif";
/// Told apart by whoever sees colours differently, too (Okabe and Ito).
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(90, 90, 90),
];

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Broken = DrawingAreaErrorKind<std::io::Error>;

/// An axis as plotters sees it: places from one to another, and ticks where ours are.
#[derive(Clone)]
struct Ticked {
    places: RangedCoordf64,
    ticks: Vec<f64>,
}

impl Ranged for Ticked {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, place: &f64, limit: (i32, i32)) -> i32 {
        self.places.map(place, limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() {
            Vec::new()
        } else {
            self.ticks.clone()
        }
    }

    fn range(&self) -> Range<f64> {
        self.places.range()
    }
}

pub(super) fn page(plots: &[Plot]) -> Result<String, PlotError> {
    let count = u32::try_from(plots.len()).unwrap_or(u32::MAX);
    let mut out = String::new();
    {
        let size = (WIDTH, HEIGHT.saturating_mul(count));
        let root = SVGBackend::with_string(&mut out, size).into_drawing_area();
        let wrong = |error: Broken| PlotError(error.to_string());
        root.fill(&WHITE).map_err(wrong)?;
        for (area, plot) in root.split_evenly((plots.len(), 1)).iter().zip(plots) {
            one(area, plot).map_err(wrong)?;
        }
        root.present().map_err(wrong)?;
    }
    Ok(out)
}

fn one(area: &Area<'_>, plot: &Plot) -> Result<(), Broken> {
    match &plot.kind {
        Kind::OverTime(lines) => {
            let x = Axis::seconds(firsts(lines));
            curves(area, plot, &x, "seconds", lines)
        }
        Kind::Percentiles(lines) => {
            let x = Axis::percentiles(firsts(lines));
            curves(area, plot, &x, "percentile", lines)
        }
        Kind::Bars(list) => bars(area, plot, list),
    }
}

fn firsts(lines: &[Line]) -> impl Iterator<Item = f64> {
    lines.iter().flat_map(|line| &line.points).map(|(x, _)| *x)
}

fn values(scale: Scale, values: impl Iterator<Item = f64>) -> Axis {
    match scale {
        Scale::Linear => Axis::linear(values),
        Scale::Log => Axis::logarithmic(values),
    }
}

fn curves(
    area: &Area<'_>,
    plot: &Plot,
    x: &Axis,
    x_name: &str,
    lines: &[Line],
) -> Result<(), Broken> {
    let seconds = lines.iter().flat_map(|line| &line.points).map(|(_, y)| *y);
    let y = values(plot.scale, seconds);
    let mut chart = begin(area, plot, x, &y, x_name)?;
    for (line, colour) in lines.iter().zip(COLOURS.iter().cycle()) {
        let place = |point: &(f64, f64)| Some((x.place(point.0)?, y.place(point.1)?));
        let points = thinned(&line.points).filter_map(place);
        let points: Vec<_> = points.collect();
        let drawn = chart.draw_series(LineSeries::new(points, colour.stroke_width(2)))?;
        drawn
            .label(clean(&line.name))
            .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 16, y)], *colour));
    }
    if !lines.is_empty() {
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE.mix(0.8))
            .border_style(BLACK.mix(0.2))
            .label_font((FONT, 14))
            .draw()?;
    }
    Ok(())
}

fn bars(area: &Area<'_>, plot: &Plot, list: &[Bar]) -> Result<(), Broken> {
    let x = Axis::names(list.iter().map(|bar| clean(&bar.name)).collect());
    let spread = list.iter().filter_map(|bar| bar.spread);
    let all = spread.flat_map(|(low, high)| [low, high]);
    let y = values(plot.scale, list.iter().map(|bar| bar.value).chain(all));
    let mut chart = begin(area, plot, &x, &y, "")?;
    let text = TextStyle::from((FONT, 14).into_font()).pos(Pos::new(HPos::Center, VPos::Bottom));
    for ((bar, number), colour) in list.iter().zip(0..).zip(COLOURS.iter().cycle()) {
        let Some(top) = y.place(bar.value) else {
            continue;
        };
        let (at, foot) = (middle(number), y.place(0.0).unwrap_or(y.range.start));
        let body = Rectangle::new([(at - 0.32, foot), (at + 0.32, top)], colour.filled());
        chart.draw_series([body])?;
        let mut above = top;
        if let Some((low, high)) = bar.spread
            && let (Some(low), Some(high)) = (y.place(low), y.place(high))
        {
            above = top.max(high);
            let whisker = PathElement::new(vec![(at, low), (at, high)], BLACK.stroke_width(2));
            chart.draw_series([whisker])?;
        }
        let written = Text::new(short(bar.value), (at, above), text.clone());
        chart.draw_series([written])?;
    }
    Ok(())
}

type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Ticked, Ticked>>;

/// Title, axes and grid.
fn begin<'a, 'b>(
    area: &'a Area<'b>,
    plot: &Plot,
    x: &Axis,
    y: &Axis,
    x_name: &str,
) -> Result<Chart<'a, 'b>, Broken> {
    let ticked = |axis: &Axis| Ticked {
        places: axis.range.clone().into(),
        ticks: axis.ticks.clone(),
    };
    let mut chart = ChartBuilder::on(area)
        .caption(clean(&plot.title), (FONT, 19))
        .margin(MARGIN)
        .x_label_area_size(BELOW)
        .y_label_area_size(BESIDE)
        .build_cartesian_2d(ticked(x), ticked(y))?;
    let (x_text, y_text) = (|at: &f64| x.text(*at), |at: &f64| y.text(*at));
    chart
        .configure_mesh()
        .bold_line_style(BLACK.mix(0.12))
        .axis_style(BLACK.mix(0.6))
        .label_style((FONT, 14))
        .x_desc(x_name)
        .y_desc(clean(&plot.unit))
        .x_label_formatter(&x_text)
        .y_label_formatter(&y_text)
        .draw()?;
    Ok(chart)
}

/// At most so many points, the first and the last among them.
fn thinned(points: &[(f64, f64)]) -> impl Iterator<Item = &(f64, f64)> {
    let step = points.len().div_ceil(POINTS_MAX).max(1);
    let last = points.len().saturating_sub(1);
    let kept = move |at: usize| at.is_multiple_of(step) || at == last;
    let numbered = points.iter().enumerate();
    numbered.filter_map(move |(at, point)| kept(at).then_some(point))
}

/// Control characters have no place in XML.
fn clean(text: &str) -> String {
    text.replace(
        |c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'),
        " ",
    )
}
