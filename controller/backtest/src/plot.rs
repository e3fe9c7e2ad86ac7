//! The picture of a report: overrun against what is reserved, memory and CPU.

use std::fmt::Write as _;

use kubeopt_model::Resource;

use crate::contender::Role;
use crate::picture::{Axis, Picture, Plane, Tone};
use crate::report::Report;
use crate::row::Row;

/// Overruns below this lie on the lower edge: a tenth of a per cent cannot be told from nothing on 400 series.
const OVER_MIN: f64 = 0.001;

/// Ticks of the overrun axis, as shares.
const OVER_TICKS: &[f64] = &[0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0];

impl Report {
    /// Two planes: overrun against what is reserved. Lower and further left is better.
    pub fn picture(&self) -> Picture {
        Picture {
            title: "Overrun against reserve by strategy".to_owned(),
            description: description(self),
            planes: [Resource::Memory, Resource::Cpu].map(|resource| plane(self, resource)).into(),
        }
    }
}

fn plane(report: &Report, resource: Resource) -> Plane {
    let over = |row: &Row| row.figures(resource).over.value;
    let reserved = |row: &Row| 1.0 - row.figures(resource).saved.value;
    let (title, y_title) = match resource {
        Resource::Memory => ("Memory", "weeks with an overrun"),
        Resource::Cpu => ("CPU", "samples over the request"),
    };
    let y = overruns(y_title, report.rows.iter().chain(&report.curve).map(over));
    let x = Axis::shares("reserved, of what is provisioned");
    let mut plane = Plane::new(title, "lower and further left is better", x, y);
    if !report.curve.is_empty() {
        let own = report.rows.iter().filter(|row| row.role == Role::Own).chain(&report.curve);
        let mut curve: Vec<(f64, f64)> = own.map(|row| (reserved(row), over(row))).collect();
        curve.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
        plane.curve(Tone::Own, curve);
    }
    plane.spots(report.rows.iter().map(|row| {
        let tone = if row.role == Role::Own { Tone::Own } else { Tone::Peer };
        (row.strategy.clone(), tone, reserved(row), over(row))
    }));
    plane
}

/// A logarithmic axis between ticks that hold them: the rules lie between one in a thousand and one in one.
fn overruns(title: &str, overs: impl Iterator<Item = f64>) -> Axis {
    let (mut least, mut most) = (f64::INFINITY, 0.0_f64);
    overs.for_each(|over| {
        least = least.min(over.max(OVER_MIN));
        most = most.max(over);
    });
    let low = OVER_TICKS.iter().rev().find(|tick| **tick <= least).copied().unwrap_or(OVER_MIN);
    let high = OVER_TICKS.iter().find(|tick| **tick > most.max(low)).copied().unwrap_or(1.0);
    let label = |tick: &f64| (*tick, format!("{} %", (tick * 1000.0).round() / 10.0));
    Axis::logarithmic(title, low, high.max(low * 2.0), OVER_TICKS.iter().map(label).collect())
}

/// All points in words.
fn description(report: &Report) -> String {
    let mut text = format!("{}.", report.headline());
    for row in &report.rows {
        let share = |share: f64| format!("{:.1} %", share * 100.0);
        // Writing to a String cannot fail.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overruns_lie_on_a_logarithmic_axis_between_ticks_that_hold_them() {
        let axis = overruns("over", [0.03, 0.004, 0.0].into_iter());
        assert_eq!((axis.place(0.0), axis.place(0.001), axis.place(0.05)), (0.0, 0.0, 1.0));
        let half = axis.place((0.001_f64 * 0.05).sqrt());
        assert!((half - 0.5).abs() < 1e-6);
        let plane = Plane::new("t", "", Axis::shares("x"), axis);
        let labels: Vec<&str> = plane.y_ticks.iter().map(|(_, label)| label.as_str()).collect();
        assert_eq!(labels, ["0.1 %", "0.2 %", "0.5 %", "1 %", "2 %", "5 %"]);
    }
}
