//! The two planes of a report as points between 0 and 1, with places for their names. Knows nothing of pictures' formats.

use kubeopt_model::Resource;

use crate::contender::Role;
use crate::report::{Report, Row};

/// Overruns below this lie on the lower edge: a tenth of a per cent cannot be told from nothing on 400 series.
const OVER_MIN: f64 = 0.001;

/// Ticks of the overrun axis, as shares.
const OVER_TICKS: &[f64] = &[0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0];

/// Size of a plane in pixels, which the places of names need.
pub(crate) const WIDTH: f64 = 520.0;
pub(crate) const HEIGHT: f64 = 420.0;

/// About what a letter takes at 11 pixels, and a line.
const LETTER: f64 = 6.4;
const LINE: f64 = 13.0;

/// A point of a plane; `x` to the right is more reserved, `y` upwards is more overrun, in pixels from the lower left.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spot {
    pub(crate) name: String,
    pub(crate) own: bool,
    pub(crate) x: f64,
    pub(crate) y: f64,
    /// Where the name begins, its baseline.
    pub(crate) name_x: f64,
    pub(crate) name_y: f64,
}

/// One plane.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plane {
    pub(crate) title: &'static str,
    pub(crate) x_title: &'static str,
    pub(crate) y_title: &'static str,
    /// (pixels, label)
    pub(crate) x_ticks: Vec<(f64, String)>,
    pub(crate) y_ticks: Vec<(f64, String)>,
    pub(crate) spots: Vec<Spot>,
    /// Kubeopt's own rule at all its prices, from left to right.
    pub(crate) curve: Vec<(f64, f64)>,
}

/// Memory, then CPU.
pub(crate) fn planes(report: &Report) -> [Plane; 2] {
    [Resource::Memory, Resource::Cpu].map(|resource| plane(report, resource))
}

fn plane(report: &Report, resource: Resource) -> Plane {
    let over = |row: &Row| row.figures(resource).over.value;
    let reserved = |row: &Row| 1.0 - row.figures(resource).saved.value;
    let all = || report.rows.iter().chain(&report.curve);
    let scale = Scale::of(all().map(over));
    let at = |row: &Row| (reserved(row) * WIDTH, scale.y(over(row)));
    let own = report.rows.iter().filter(|row| row.role == Role::Own).chain(&report.curve);
    let mut curve: Vec<(f64, f64)> = own.map(at).collect();
    curve.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
    let (title, y_title) = match resource {
        Resource::Memory => ("Memory", "weeks with an overrun"),
        Resource::Cpu => ("CPU", "samples over the request"),
    };
    Plane {
        title,
        x_title: "reserved, of what is provisioned",
        y_title,
        x_ticks: (0..=5).map(|tick| (f64::from(tick) * WIDTH / 5.0, format!("{} %", tick * 20))).collect(),
        y_ticks: scale.ticks(),
        spots: named(report.rows.iter().map(|row| (row.strategy.clone(), row.role == Role::Own, at(row)))),
        curve: if report.curve.is_empty() { Vec::new() } else { curve },
    }
}

/// A logarithmic axis: the rules lie between one in a thousand and one in one.
struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    fn of(overs: impl Iterator<Item = f64>) -> Self {
        let (mut least, mut most) = (f64::INFINITY, 0.0_f64);
        overs.for_each(|over| {
            least = least.min(over.max(OVER_MIN));
            most = most.max(over);
        });
        let low = OVER_TICKS.iter().rev().find(|tick| **tick <= least).copied().unwrap_or(OVER_MIN);
        let high = OVER_TICKS.iter().find(|tick| **tick > most.max(low)).copied().unwrap_or(1.0);
        Self { low, high: high.max(low * 2.0) }
    }

    fn y(&self, over: f64) -> f64 {
        let share = (over.max(self.low) / self.low).ln() / (self.high / self.low).ln();
        share.clamp(0.0, 1.0) * HEIGHT
    }

    fn ticks(&self) -> Vec<(f64, String)> {
        let shown = OVER_TICKS.iter().filter(|tick| (self.low..=self.high).contains(tick));
        shown.map(|tick| (self.y(*tick), format!("{} %", (tick * 1000.0).round() / 10.0))).collect()
    }
}

/// A place for each name beside its point: the first of eight that covers no other point and no other name.
fn named(points: impl Iterator<Item = (String, bool, (f64, f64))>) -> Vec<Spot> {
    let points: Vec<(String, bool, (f64, f64))> = points.collect();
    let mut taken: Vec<[f64; 4]> =
        points.iter().map(|(_, _, (x, y))| [x - 5.0, y - 5.0, x + 5.0, y + 5.0]).collect();
    points
        .into_iter()
        .map(|(name, own, (x, y))| {
            let width = name.chars().count() as f64 * LETTER;
            let places = [
                (8.0, -4.0),
                (-8.0 - width, -4.0),
                (-width / 2.0, 9.0),
                (-width / 2.0, -17.0),
                (6.0, 8.0),
                (6.0, -16.0),
                (-6.0 - width, 8.0),
                (-6.0 - width, -16.0),
            ];
            let overlap = |place: &(f64, f64)| {
                let (left, below) = (x + place.0, y + place.1);
                let covered = |[l, b, r, t]: &[f64; 4]| {
                    let across = (r.min(left + width) - l.max(left)).max(0.0);
                    across * (t.min(below + LINE) - b.max(below)).max(0.0)
                };
                let outside = (-left).max(0.0) + (left + width - WIDTH).max(0.0) + (-below).max(0.0);
                taken.iter().map(covered).sum::<f64>() + 100.0 * outside
            };
            let best = places.iter().min_by(|a, b| overlap(a).total_cmp(&overlap(b))).copied();
            let (right, up) = best.unwrap_or((8.0, -4.0));
            let (name_x, below) = (x + right, y + up);
            taken.push([name_x, below, name_x + width, below + LINE]);
            Spot { name, own, x, y, name_x, name_y: below + 3.0 }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overruns_lie_on_a_logarithmic_axis_between_ticks_that_hold_them() {
        let scale = Scale::of([0.03, 0.004, 0.0].into_iter());
        assert_eq!((scale.low, scale.high), (0.001, 0.05));
        assert_eq!((scale.y(0.0), scale.y(0.05)), (0.0, HEIGHT));
        let half = scale.y((0.001_f64 * 0.05).sqrt());
        assert!((half - HEIGHT / 2.0).abs() < 1e-6);
        let labels: Vec<String> = scale.ticks().into_iter().map(|(_, label)| label).collect();
        assert_eq!(labels, ["0.1 %", "0.2 %", "0.5 %", "1 %", "2 %", "5 %"]);
    }

    #[test]
    fn names_of_close_points_do_not_cover_each_other() {
        let points = (0..6).map(|at| {
            (format!("strategy-{at}"), at == 0, (200.0 + at as f64 * 4.0, 200.0 + at as f64 * 9.0))
        });
        let spots = named(points);
        let apart = |a: &Spot, b: &Spot| {
            (a.name_y - b.name_y).abs() >= LINE - 1.0 || (a.name_x - b.name_x).abs() >= 10.0 * LETTER
        };
        for (at, one) in spots.iter().enumerate() {
            assert!(spots.iter().skip(at + 1).all(|other| apart(one, other)), "{spots:?}");
        }
    }
}
