//! A usage chart as SVG, drawn by hand: no script, no outside reference, readable by a screen reader.
//!
//! On a page its colours come from the style sheet; alone it carries them itself, for light and dark.

use std::fmt::Write;

use kubeopt_model::Resource;

use crate::chart::{AHEAD_S, UsageChart};
use crate::figures;

/// Where the picture stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SvgPlace {
    /// Within one of our pages, whose style sheet knows its classes.
    Page,
    /// A file of its own: the style is within.
    Alone,
}

const WIDTH: f64 = 820.0;
const HEIGHT: f64 = 236.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = 18.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 32.0;

/// Colours by class: Tableau-like hues with a contrast of at least 3 to 1 on white and on near black.
const STYLE: &str = "<style>.chart{font:12px system-ui,sans-serif;--c-usage:#2563eb;--c-today:#64748b;--c-proposed:#15803d;--c-ahead:#b45309;--c-text:#475569;--c-grid:#e2e8f0}\
@media (prefers-color-scheme:dark){.chart{--c-usage:#60a5fa;--c-today:#94a3b8;--c-proposed:#4ade80;--c-ahead:#fbbf24;--c-text:#94a3b8;--c-grid:#26303f}}\
.c-area{fill:var(--c-usage);opacity:.14}.c-usage,.c-today,.c-proposed{fill:none;stroke-width:2;stroke-linejoin:round}\
.c-usage{stroke:var(--c-usage)}.c-today{stroke:var(--c-today);stroke-dasharray:6 4}.c-proposed{stroke:var(--c-proposed)}\
.c-ahead{fill:var(--c-ahead);opacity:.3}.c-grid{stroke:var(--c-grid)}.c-text{fill:var(--c-text)}.c-strong{font-weight:600}</style>";

/// Draws a chart. `id` makes the ids of title and description unique on a page: letters, digits and `-`.
pub fn usage_svg(chart: &UsageChart, id: &str, place: SvgPlace) -> String {
    let scale = Scale::of(chart);
    let mut out = format!(
        "<svg class=\"chart\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH:.0} {HEIGHT:.0}\" role=\"img\" \
         aria-labelledby=\"{id}-title {id}-desc\"><title id=\"{id}-title\">{}</title><desc id=\"{id}-desc\">{}</desc>",
        xml(&chart.title),
        xml(&description(chart)),
    );
    if place == SvgPlace::Alone {
        out.push_str(STYLE);
    }
    axes(&mut out, chart, &scale);
    lines(&mut out, chart, &scale);
    legend(&mut out, chart);
    out.push_str("</svg>");
    out
}

/// From values to pixels.
struct Scale {
    top: f64,
    step: f64,
}

impl Scale {
    fn of(chart: &UsageChart) -> Self {
        let peak = chart.peak() * 1.04;
        let step = match chart.resource {
            Resource::Cpu => decimal_step(peak / 5.0),
            Resource::Memory => binary_step(peak / 5.0),
        };
        Self { top: (peak / step).ceil() * step, step }
    }

    fn y(&self, value: f64) -> f64 {
        TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - value / self.top)
    }

    fn x(share: f64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * share
    }
}

/// 1, 2, 2.5 or 5 times a power of ten, at least `raw`.
fn decimal_step(raw: f64) -> f64 {
    let power = 10_f64.powf(raw.max(0.1).log10().floor());
    [1.0, 2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= raw)
        .unwrap_or(power * 10.0)
}

/// A power of two MiB, at least `raw`: memory is bought and read that way.
fn binary_step(raw: f64) -> f64 {
    2_f64.powf(raw.max(0.25).log2().ceil())
}

fn axes(out: &mut String, chart: &UsageChart, scale: &Scale) {
    let (left, right) = (LEFT, WIDTH - RIGHT);
    let ticks = (scale.top / scale.step).round() as u32;
    for tick in 0..=ticks {
        let value = f64::from(tick) * scale.step;
        let y = scale.y(value);
        let _ = write!(
            out,
            "<line class=\"c-grid\" x1=\"{left}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text class=\"c-text\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            left - 8.0,
            y + 4.0,
            amount(chart.resource, value),
        );
    }
    for (share, label) in days(chart) {
        let x = Scale::x(share);
        let _ = write!(
            out,
            "<text class=\"c-text\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>",
            HEIGHT - BOTTOM + 20.0
        );
    }
}

/// Where on the width usage ends and what is foretold begins, from 0 to 1.
fn usage_share(chart: &UsageChart) -> f64 {
    let span = (chart.to_unix_s - chart.from_unix_s) as f64;
    if chart.ahead.is_some() { span / (span + AHEAD_S as f64) } else { 1.0 }
}

/// Midnights, or hours for a short window: at most seven labels, far enough from both ends to fit.
fn days(chart: &UsageChart) -> Vec<(f64, String)> {
    const DAY: i64 = 86_400;
    let to_unix_s = chart.to_unix_s.saturating_add(if chart.ahead.is_some() { AHEAD_S } else { 0 });
    let span = to_unix_s - chart.from_unix_s;
    let (unit, format) = if span >= 3 * DAY { (DAY, "%-d %b") } else { (3_600, "%-d %b %H:%M") };
    let step = (span / unit / 6).max(1) * unit;
    let first = chart.from_unix_s.div_euclid(unit).saturating_add(1).saturating_mul(unit);
    (0..8)
        .map_while(|tick| first.checked_add(step * tick).filter(|at| *at < to_unix_s))
        .map(|at| ((at - chart.from_unix_s) as f64 / span as f64, figures::at(at, format)))
        .filter(|(share, _)| (0.02..=0.97).contains(share))
        .collect()
}

fn lines(out: &mut String, chart: &UsageChart, scale: &Scale) {
    let last = chart.usage.len().saturating_sub(1).max(1) as f64;
    let now = usage_share(chart);
    let mut path = String::new();
    for (at, value) in chart.usage.iter().enumerate() {
        let letter = if at == 0 { 'M' } else { 'L' };
        let _ = write!(path, "{letter}{:.1} {:.1}", Scale::x(at as f64 / last * now), scale.y(*value));
    }
    let (floor, left, end, right) = (scale.y(0.0), Scale::x(0.0), Scale::x(now), Scale::x(1.0));
    let _ = write!(out, "<path class=\"c-area\" d=\"{path}L{end:.1} {floor:.1}L{left:.1} {floor:.1}Z\"/>");
    if let Some(band) = &chart.ahead {
        let (high, low) = (scale.y(band.high), scale.y(band.low));
        let _ = write!(
            out,
            "<path class=\"c-ahead\" d=\"M{end:.1} {high:.1}L{right:.1} {high:.1}L{right:.1} {low:.1}L{end:.1} {low:.1}Z\"/>"
        );
    }
    let _ = write!(out, "<path class=\"c-usage\" d=\"{path}\"/>");
    for (class, value) in [("c-today", chart.before), ("c-proposed", chart.after)] {
        if let Some(value) = value {
            let y = scale.y(value);
            let _ = write!(out, "<path class=\"{class}\" d=\"M{left:.1} {y:.1}L{right:.1} {y:.1}\"/>");
        }
    }
}

fn legend(out: &mut String, chart: &UsageChart) {
    let value =
        |value: Option<f64>| value.map_or("not set".to_owned(), |value| amount(chart.resource, value));
    let entries = [
        ("c-usage", "usage".to_owned(), true),
        ("c-today", format!("request today {}", value(chart.before)), chart.before.is_some()),
        ("c-proposed", format!("proposed {}", value(chart.after)), chart.after.is_some()),
        ("c-ahead", "foretold peak of 7 days".to_owned(), chart.ahead.is_some()),
    ];
    let mut x = LEFT;
    for (class, text, _) in entries.iter().filter(|(_, _, shown)| *shown) {
        // A band is an area, the others are lines.
        let depth = if *class == "c-ahead" { "v5h-22Z" } else { "" };
        let _ = write!(
            out,
            "<path class=\"{class}\" d=\"M{x:.0} 18h22{depth}\"/><text class=\"c-text c-strong\" x=\"{:.0}\" y=\"22\">{}</text>",
            x + 29.0,
            xml(text)
        );
        // About 7 pixels a character at 12 pixels, and a gap.
        x += 29.0 + 7.0 * text.chars().count() as f64 + 22.0;
    }
    let _ = write!(
        out,
        "<text class=\"c-text\" x=\"{:.0}\" y=\"22\" text-anchor=\"end\">{}</text>",
        WIDTH - RIGHT,
        chart.unit()
    );
}

/// `310m`, `1184Mi`, `2Gi`
fn amount(resource: Resource, value: f64) -> String {
    match resource {
        Resource::Cpu if value == 0.0 => "0".to_owned(),
        Resource::Cpu => format!("{}m", (value * 10.0).round() / 10.0),
        Resource::Memory if value == 0.0 => "0".to_owned(),
        Resource::Memory if value >= 1024.0 && value % 512.0 == 0.0 => format!("{}Gi", value / 1024.0),
        Resource::Memory => format!("{}Mi", (value * 10.0).round() / 10.0),
    }
}

fn description(chart: &UsageChart) -> String {
    let highest = chart.usage.iter().copied().fold(0.0, f64::max);
    let request =
        |value: Option<f64>| value.map_or("not set".to_owned(), |value| amount(chart.resource, value));
    let ahead = chart.ahead.map_or(String::new(), |band| {
        let [low, high] = [band.low, band.high].map(|value| amount(chart.resource, value.round()));
        format!(" The peak of the next 7 days is foretold between {low} and {high}.")
    });
    format!(
        "Usage from {} to {}, highest {}. Request today {}, proposed {}.{ahead}",
        figures::day(chart.from_unix_s),
        figures::day(chart.to_unix_s),
        amount(chart.resource, highest.round()),
        request(chart.before),
        request(chart.after)
    )
}

fn xml(text: &str) -> String {
    let text = crate::escape::visible(text, crate::escape::SHOWN_CHARS_MAX);
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
