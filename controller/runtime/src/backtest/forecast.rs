//! Forecasts on recorded usage, as a list of methods and as a picture; the figures are those of `forecast eval`.

use std::path::Path;

use kubeopt_backtest::{Axis, Picture, Plane, Tone};
use kubeopt_model::Resource;
use serde_json::{Value, json};

use crate::forecast::{Evaluation, OUTLOOK, Row, TO_BEAT};

/// The quantiles that are foretold, as [`Row`] holds their figures.
const NOMINAL: [f64; 5] = [0.1, 0.5, 0.9, 0.95, 0.99];

/// What the baselines of peaks are led by, and what the network says of peaks by itself.
const PEAKS_TO_BEAT: &str = "quantiles of past peaks";
const PEAK_HEAD: &str = "peak head";

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

/// Held against nominal for the next day, and the loss at .95 and .9 beside that of the baseline.
pub fn forecast_picture(found: &Evaluation) -> Picture {
    let mut description = format!("{OUTLOOK} and {PEAK_HEAD} beside {TO_BEAT} and {PEAKS_TO_BEAT}.");
    let ticks = || NOMINAL.map(|share| (share, format!("{share}"))).to_vec();
    let mut held = Plane::new(
        "Held against nominal",
        "on the diagonal is right; blue is the baseline",
        Axis::even("quantile that was foretold", 0.0, 1.0, ticks()),
        Axis::shares("measured hours at or below it"),
    );
    held.curve(Tone::Aim, [(0.0, 0.0), (1.0, 1.0)]);
    for row in &found.hours {
        let tone = match row.method.as_str() {
            OUTLOOK => Tone::Own,
            TO_BEAT => Tone::Peer,
            _ => continue,
        };
        held.curve(tone, NOMINAL.into_iter().zip(row.scores.coverage.map(f64::from)));
    }
    let steps = || [-30, -20, -10, 0, 10].map(|step| (f64::from(step), format!("{step} %"))).to_vec();
    let mut losses = Plane::new(
        "Loss beside the baseline",
        "lower and further left is better",
        Axis::even("pinball loss at .95", -35.0, 15.0, steps()),
        Axis::even("pinball loss at .9", -35.0, 15.0, steps()),
    );
    losses.curve(Tone::Aim, [(0.0, -35.0), (0.0, 15.0)]);
    losses.curve(Tone::Aim, [(-35.0, 0.0), (15.0, 0.0)]);
    let own = found
        .hours
        .iter()
        .chain(&found.peaks)
        .filter(|row| [OUTLOOK, PEAK_HEAD].contains(&row.method.as_str()));
    let spots: Vec<_> = own
        .filter_map(|row| {
            let base = baseline(found, row)?;
            let beside = |at: usize| {
                let base = f64::from(base.scores.pinball[at]);
                (base > 0.0).then(|| 100.0 * (f64::from(row.scores.pinball[at]) / base - 1.0))
            };
            let (at_90, at_95) = (beside(2)?, beside(3)?);
            let method = if row.method == OUTLOOK { "" } else { PEAK_HEAD };
            let name = format!("{}, {}, {} {method}", in_words(row.resource), row.target, row.part);
            let name = name.trim_end().to_owned();
            description.push_str(&format!(" {name}: {at_90:+.1} % at .9, {at_95:+.1} % at .95."));
            Some((name, Tone::Own, at_95, at_90))
        })
        .collect();
    losses.spots(spots);
    Picture { title: "Forecasts on recorded usage".to_owned(), description, planes: vec![held, losses] }
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
