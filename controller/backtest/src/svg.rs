//! Pictures as SVG, drawn by hand: no script, no outside reference, readable by a screen reader.

use std::fmt::Write;

use crate::picture::{Curve, HEIGHT, Picture, Plane, Range, Spot, Tone, WIDTH};

const LEFT: f64 = 66.0;
const TOP: f64 = 58.0;
const GAP: f64 = 96.0;
const RIGHT: f64 = 24.0;
const BOTTOM: f64 = 58.0;

/// Hues with a contrast of at least 3 to 1 on white, as on the pages of the report.
const STYLE: &str = "<style>text{font:11px 'Noto Sans',system-ui,sans-serif;fill:#334155}.title{font-size:15px;font-weight:600}\
.own{fill:#15803d}.peer{fill:#2563eb}.aim{fill:#64748b}.own-name{fill:#15803d;font-weight:600}\
.own-line{fill:none;stroke:#15803d;stroke-width:1.5;stroke-dasharray:5 4}.peer-line{fill:none;stroke:#2563eb;stroke-width:1.5}\
.aim-line{fill:none;stroke:#64748b;stroke-dasharray:2 4}.own-range{stroke:#15803d;stroke-width:2}.peer-range{stroke:#2563eb;stroke-width:2}\
.aim-range{stroke:#64748b}.grid{stroke:#e2e8f0}.edge{fill:none;stroke:#94a3b8}</style>";

/// Width and height of a picture in pixels.
pub(crate) fn size(picture: &Picture) -> (f64, f64) {
    let planes = picture.planes.len().max(1) as f64;
    (LEFT + planes * WIDTH + (planes - 1.0) * GAP + RIGHT, TOP + HEIGHT + BOTTOM)
}

/// Planes side by side.
pub fn svg(picture: &Picture) -> String {
    let (width, height) = size(picture);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" aria-labelledby=\"title desc\">\
         <title id=\"title\">{}</title><desc id=\"desc\">{}</desc>{STYLE}\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>",
        xml(&picture.title),
        xml(&picture.description),
    );
    for (at, plane) in picture.planes.iter().enumerate() {
        draw(&mut out, plane, LEFT + at as f64 * (WIDTH + GAP));
    }
    out.push_str("</svg>\n");
    out
}

fn draw(out: &mut String, plane: &Plane, left: f64) {
    let (x, y) = (|x: f64| left + x, |y: f64| TOP + HEIGHT - y);
    let middle = x(WIDTH / 2.0);
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        "<text class=\"title\" x=\"{:.1}\" y=\"24\">{}</text><text x=\"{:.1}\" y=\"42\">{}</text>",
        x(0.0),
        xml(&plane.title),
        x(0.0),
        xml(&plane.note),
    );
    for (at, label) in &plane.x_ticks {
        let _ = write!(
            out,
            "<path class=\"grid\" d=\"M{0:.1} {1:.1}V{2:.1}\"/><text x=\"{0:.1}\" y=\"{3:.1}\" text-anchor=\"middle\">{4}</text>",
            x(*at),
            y(0.0),
            y(HEIGHT),
            y(0.0) + 18.0,
            xml(label),
        );
    }
    for (at, label) in &plane.y_ticks {
        let _ = write!(
            out,
            "<path class=\"grid\" d=\"M{0:.1} {1:.1}H{2:.1}\"/><text x=\"{3:.1}\" y=\"{4:.1}\" text-anchor=\"end\">{5}</text>",
            x(0.0),
            y(*at),
            x(WIDTH),
            x(0.0) - 8.0,
            y(*at) + 4.0,
            xml(label),
        );
    }
    let _ = write!(
        out,
        "<rect class=\"edge\" x=\"{:.1}\" y=\"{:.1}\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>\
         <text x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
        x(0.0),
        y(HEIGHT),
        y(0.0) + 40.0,
        xml(&plane.x_title),
    );
    plane.curves.iter().for_each(|drawn| curve(out, drawn, x, y));
    plane.ranges.iter().for_each(|drawn| range(out, drawn, x, y));
    plane.spots.iter().for_each(|drawn| spot(out, drawn, x, y));
}

fn tone(tone: Tone) -> &'static str {
    match tone {
        Tone::Own => "own",
        Tone::Peer => "peer",
        Tone::Aim => "aim",
    }
}

fn curve(out: &mut String, curve: &Curve, x: impl Fn(f64) -> f64, y: impl Fn(f64) -> f64) {
    let mut path = String::new();
    for (at, (right, up)) in curve.points.iter().enumerate() {
        let letter = if at == 0 { 'M' } else { 'L' };
        let _ = write!(path, "{letter}{:.1} {:.1}", x(*right), y(*up));
    }
    let _ = write!(out, "<path class=\"{}-line\" d=\"{path}\"/>", tone(curve.tone));
}

fn range(out: &mut String, range: &Range, x: impl Fn(f64) -> f64, y: impl Fn(f64) -> f64) {
    let (class, at) = (tone(range.tone), x(range.x));
    let _ = write!(
        out,
        "<path class=\"{class}-range\" d=\"M{at:.1} {:.1}V{:.1}\"/>",
        y(range.low),
        y(range.high)
    );
}

fn spot(out: &mut String, spot: &Spot, x: impl Fn(f64) -> f64, y: impl Fn(f64) -> f64) {
    let name_class = if spot.tone == Tone::Own { "own-name" } else { "name" };
    let _ = write!(
        out,
        "<circle class=\"{}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"4.5\"/><text class=\"{name_class}\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
        tone(spot.tone),
        x(spot.x),
        y(spot.y),
        x(spot.name_x),
        y(spot.name_y),
        xml(&spot.name),
    );
}

/// Control characters have no place in XML.
fn xml(text: &str) -> String {
    let text: String = text.chars().filter(|letter| !letter.is_control()).collect();
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
