//! What load is foretold, in sentences. Knows nothing of where they stand.

use kubeopt_model::foretold::ForetoldLoad;
use kubeopt_model::recommendation::Member;
use kubeopt_model::{Foretold, Resource};

use crate::escape;
use crate::figures;

/// Longest reason that is repeated.
const BECAUSE_CHARS_MAX: usize = 200;

/// One for each resource that is foretold, without a full stop.
pub(crate) fn sentences(member: &Member, whose: &str) -> Vec<String> {
    member.foretold.iter().flat_map(|foretold| of(foretold, whose)).collect()
}

/// `CPU: forecast peak for the next 7 days 291m (band 240m to 305m, held 75 % when measured), for the next day 280m (...); the model has a weight of 0.46 ...`
pub fn of(foretold: &Foretold, whose: &str) -> Vec<String> {
    let named = [(Resource::Cpu, "CPU"), (Resource::Memory, "Memory")];
    let each =
        named.into_iter().filter_map(|(resource, name)| Some((resource, name, foretold.resource(resource)?)));
    each.map(|(resource, name, load)| format!("{name}{whose}: {}", sentence(resource, load))).collect()
}

fn sentence(resource: Resource, load: &ForetoldLoad) -> String {
    let value = |value: f64| figures::measured(resource, value);
    let (week, day) = (&load.peak_week, &load.peak_day);
    let held = |part: Option<f64>| part.map_or(String::new(), |part| format!(", held {:.0} %", 100.0 * part));
    let of_week = held(load.held.map(|held| held.week));
    let when = if of_week.is_empty() { "" } else { " when measured" };
    format!(
        "forecast peak for the next 7 days {} (band {} to {}{of_week}{when}), for the next day {} ({} to {}{}); {}",
        value(week.q50),
        value(week.q10),
        value(week.q90),
        value(day.q50),
        value(day.q10),
        value(day.q90),
        held(load.held.map(|held| held.day)),
        escape::visible(&load.because, BECAUSE_CHARS_MAX)
    )
}
