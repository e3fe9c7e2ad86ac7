//! The plot of a report as SVG, drawn by hand: no script, no outside reference, readable by a screen reader.

use std::fmt::Write;

use crate::plot::{HEIGHT, Plane, WIDTH, planes};
use crate::report::Report;

const LEFT: f64 = 66.0;
const TOP: f64 = 58.0;
const GAP: f64 = 96.0;
const RIGHT: f64 = 24.0;
const BOTTOM: f64 = 58.0;

/// Whole picture, in pixels.
pub(crate) const PICTURE_WIDTH: f64 = LEFT + WIDTH + GAP + WIDTH + RIGHT;
pub(crate) const PICTURE_HEIGHT: f64 = TOP + HEIGHT + BOTTOM;

/// Hues with a contrast of at least 3 to 1 on white, as on the pages of the report.
const STYLE: &str = "<style>text{font:11px 'Noto Sans',system-ui,sans-serif;fill:#334155}.title{font-size:15px;font-weight:600}\
.own{fill:#15803d}.peer{fill:#2563eb}.own-name{fill:#15803d;font-weight:600}\
.curve{fill:none;stroke:#15803d;stroke-width:1.5;stroke-dasharray:5 4}.grid{stroke:#e2e8f0}.edge{fill:none;stroke:#94a3b8}</style>";

/// Two planes side by side: overrun against what is reserved, memory and CPU. Lower and further left is better.
pub fn svg(report: &Report) -> String {
    let [memory, cpu] = planes(report);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{PICTURE_WIDTH:.0}\" height=\"{PICTURE_HEIGHT:.0}\" \
         viewBox=\"0 0 {PICTURE_WIDTH:.0} {PICTURE_HEIGHT:.0}\" role=\"img\" aria-labelledby=\"title desc\">\
         <title id=\"title\">Overrun against reserve by strategy</title><desc id=\"desc\">{}</desc>{STYLE}\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>",
        xml(&description(report)),
    );
    draw(&mut out, &memory, LEFT);
    draw(&mut out, &cpu, LEFT + WIDTH + GAP);
    out.push_str("</svg>\n");
    out
}

fn draw(out: &mut String, plane: &Plane, left: f64) {
    let (x, y) = (|x: f64| left + x, |y: f64| TOP + HEIGHT - y);
    let middle = x(WIDTH / 2.0);
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        "<text class=\"title\" x=\"{:.1}\" y=\"24\">{}</text><text x=\"{:.1}\" y=\"42\">{}; lower and further left is better</text>",
        x(0.0),
        xml(plane.title),
        x(0.0),
        xml(plane.y_title),
    );
    for (at, label) in &plane.x_ticks {
        let _ = write!(
            out,
            "<path class=\"grid\" d=\"M{0:.1} {1:.1}V{2:.1}\"/><text x=\"{0:.1}\" y=\"{3:.1}\" text-anchor=\"middle\">{label}</text>",
            x(*at),
            y(0.0),
            y(HEIGHT),
            y(0.0) + 18.0,
        );
    }
    for (at, label) in &plane.y_ticks {
        let _ = write!(
            out,
            "<path class=\"grid\" d=\"M{0:.1} {1:.1}H{2:.1}\"/><text x=\"{3:.1}\" y=\"{4:.1}\" text-anchor=\"end\">{label}</text>",
            x(0.0),
            y(*at),
            x(WIDTH),
            x(0.0) - 8.0,
            y(*at) + 4.0,
        );
    }
    let _ = write!(
        out,
        "<rect class=\"edge\" x=\"{:.1}\" y=\"{:.1}\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>\
         <text x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
        x(0.0),
        y(HEIGHT),
        y(0.0) + 40.0,
        xml(plane.x_title),
    );
    curve(out, plane, x, y);
    for spot in &plane.spots {
        let (class, name_class) = if spot.own { ("own", "own-name") } else { ("peer", "name") };
        let _ = write!(
            out,
            "<circle class=\"{class}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"4.5\"/><text class=\"{name_class}\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            x(spot.x),
            y(spot.y),
            x(spot.name_x),
            y(spot.name_y),
            xml(&spot.name),
        );
    }
}

fn curve(out: &mut String, plane: &Plane, x: impl Fn(f64) -> f64, y: impl Fn(f64) -> f64) {
    if plane.curve.is_empty() {
        return;
    }
    let mut path = String::new();
    for (at, (reserved, over)) in plane.curve.iter().enumerate() {
        let letter = if at == 0 { 'M' } else { 'L' };
        let _ = write!(path, "{letter}{:.1} {:.1}", x(*reserved), y(*over));
    }
    let _ = write!(out, "<path class=\"curve\" d=\"{path}\"/>");
}

/// All points in words.
fn description(report: &Report) -> String {
    let mut text = format!("{}.", report.headline());
    for row in &report.rows {
        let share = |share: f64| format!("{:.1} %", share * 100.0);
        let _ = write!(
            text,
            " {}: memory reserved {}, weeks over {}; CPU reserved {}, samples over {}.",
            row.strategy,
            share(1.0 - row.memory.saved.value),
            share(row.memory.over.value),
            share(1.0 - row.cpu.saved.value),
            share(row.cpu.over.value),
        );
    }
    text
}

fn xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
