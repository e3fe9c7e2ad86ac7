//! Forecasts on recorded usage, as a list of methods and as a picture; the figures are those of `forecast eval`.

use std::path::Path;

use kubeopt_backtest::{Axis, Picture, Plane, Tone};
use kubeopt_model::Resource;
use serde_json::{Value, json};

use crate::forecast::{Evaluation, OUTLOOK, Row, TO_BEAT};

/// The quantiles that are foretold, as [`Row`] holds their figures.
const NOMINAL: [f64; 5] = [0.1, 0.5, 0.9, 0.95, 0.99];

/// What the baselines of peaks are led by.
const PEAKS_TO_BEAT: &str = "quantiles of past peaks";

/// The methods by name, each with its figures on one resource, part and target; how often the outlook wins, and by how
/// much.
pub fn forecast_json(found: &Evaluation, traces: &Path) -> Value {
    let method = |row: &Row| {
        json!({
            "name": row.method, "resource": row.resource, "part": row.part, "target": row.target,
            "days": row.scores.days, "nominal": NOMINAL, "pinball": row.scores.pinball,
            "coverage": row.scores.coverage, "maseMean": row.scores.mase_mean,
            "maseMedian": row.scores.mase_median,
        })
    };
    let methods: Vec<Value> = found.hours.iter().chain(&found.peaks).map(method).collect();
    json!({
        "traces": traces.display().to_string(), "split": "all", "methods": methods, "wins": found.wins,
        "differences": found.differences,
    })
}

/// How much more or less was held than is nominal for the next day, and the loss at .95 and .9 beside that of the baseline.
pub fn forecast_picture(found: &Evaluation) -> Picture {
    let (losses, said) = losses(found);
    let description = format!("{OUTLOOK} beside {TO_BEAT} and {PEAKS_TO_BEAT}.{said}");
    Picture {
        title: "Forecasts on recorded usage".to_owned(),
        description,
        planes: vec![held(found), losses],
    }
}

fn held(found: &Evaluation) -> Plane {
    const NOMINAL_ONLY: [(f64, f64); 2] = [(0.0, 0.0), (NOMINAL.len() as f64 - 1.0, 0.0)];
    let places = || (0..NOMINAL.len()).map(|at| at as f64);
    let ticks = places().zip(NOMINAL).map(|(at, share)| (at, format!("{share}"))).collect();
    let points = (-1..=4).map(|step| (f64::from(step * 5), format!("{:+}", step * 5))).collect();
    let mut held = Plane::new(
        "Held, less nominal, of the next day",
        "on the line is right; blue is the baseline",
        Axis::even("quantile that was foretold", -0.2, 4.2, ticks),
        Axis::even("measured hours at or below it, in points", -6.0, 20.0, points),
    );
    held.curve(Tone::Aim, NOMINAL_ONLY);
    let mut names = Vec::new();
    for row in &found.hours {
        let (tone, whose) = match row.method.as_str() {
            OUTLOOK => (Tone::Own, "kubeopt"),
            TO_BEAT => (Tone::Peer, "baseline"),
            _ => continue,
        };
        let above =
            row.scores.coverage.iter().zip(NOMINAL).map(|(held, share)| 100.0 * (f64::from(*held) - share));
        let points: Vec<_> = places().zip(above).collect();
        names.extend(
            points
                .first()
                .map(|(x, y)| (format!("{whose}, {} {}", in_words(row.resource), row.part), tone, *x, *y)),
        );
        held.curve(tone, points);
    }
    held.spots(names);
    held
}

/// The plane, and what is to be seen on it in words.
fn losses(found: &Evaluation) -> (Plane, String) {
    let steps = || [-30, -20, -10, 0, 10].map(|step| (f64::from(step), format!("{step} %"))).to_vec();
    let mut losses = Plane::new(
        "Loss beside the baseline",
        "lower and further left is better",
        Axis::even("pinball loss at .95", -35.0, 15.0, steps()),
        Axis::even("pinball loss at .9", -35.0, 15.0, steps()),
    );
    losses.curve(Tone::Aim, [(0.0, -35.0), (0.0, 15.0)]);
    losses.curve(Tone::Aim, [(-35.0, 0.0), (15.0, 0.0)]);
    let mut said = String::new();
    let spots: Vec<_> = found
        .hours
        .iter()
        .chain(&found.peaks)
        .filter(|row| row.method == OUTLOOK)
        .filter_map(|row| {
            let base = baseline(found, row)?;
            let beside = |at: usize| {
                let base = f64::from(base.scores.pinball[at]);
                (base > 0.0).then(|| 100.0 * (f64::from(row.scores.pinball[at]) / base - 1.0))
            };
            let (at_90, at_95) = (beside(2)?, beside(3)?);
            let name = format!("{}, {}, {}", in_words(row.resource), row.target, row.part);
            said.push_str(&format!(" {name}: {at_90:+.1} % at .9, {at_95:+.1} % at .95."));
            Some((name, Tone::Own, at_95, at_90))
        })
        .collect();
    losses.spots(spots);
    (losses, said)
}

fn baseline<'e>(found: &'e Evaluation, row: &Row) -> Option<&'e Row> {
    let same = |other: &&Row| {
        (other.resource, &other.part, &other.target) == (row.resource, &row.part, &row.target)
            && [TO_BEAT, PEAKS_TO_BEAT].contains(&other.method.as_str())
    };
    found.hours.iter().chain(&found.peaks).find(same)
}

fn in_words(resource: Resource) -> &'static str {
    match resource {
        Resource::Cpu => "CPU",
        Resource::Memory => "memory",
    }
}
