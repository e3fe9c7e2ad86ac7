//! One load: the last weeks' days are foretold from what lay before them, so that each candidate has a record, then the day
//! that begins.

use kubeopt_forecast::{Foretold, Load, Model, Quantiles, Track, measured_day};
use kubeopt_model::foretold::BandHeld;
use kubeopt_model::{ForetoldHour, ForetoldLoad, PeakQuantiles};

/// Hours of a day.
const DAY: usize = 24;

/// Days that are foretold again for the record of the candidates: more than hours are weighed by, and peaks of three weeks,
/// as the last week's is not over.
const DAYS_REPLAYED: usize = 28;

/// A load that was not measured for so long is not foretold: it is gone, or nobody sees it.
const SILENT_HOURS_MAX: usize = 48;

/// Days back to which peaks are compared with what was seen.
const DAYS_SEEN: usize = 28;

/// What comes from an hour on, given in hours since the epoch: of what lies before it. None where history is too short.
pub(crate) fn foretell_load(model: Option<&Model>, load: &Load, from_hour: i64) -> Option<ForetoldLoad> {
    let wanted = load.place(from_hour)?;
    let origin = wanted.min(load.len());
    if wanted > load.len() + SILENT_HOURS_MAX {
        return None;
    }
    let days = DAYS_REPLAYED.min((origin / DAY).saturating_sub(1));
    let mut origins: Vec<usize> = (0..=days).rev().map(|back| origin - back * DAY).collect();
    let mut said = said(model, load, &origins);
    // The network wants more history than baselines do: all begin together, or their records could not be compared.
    if said.last().is_some_and(Option::is_some) {
        let silent = said.iter().take_while(|foretold| foretold.is_none()).count();
        origins.drain(..silent);
        said.drain(..silent);
    }
    let mut track = Track::default();
    for (at, foretold) in origins.iter().zip(&said).take(origins.len() - 1) {
        let outlook = track.outlook(load, *at, foretold.as_ref());
        let peaks = track.peaks(load, *at, foretold.as_ref());
        track.learn(&outlook, &measured_day(load, *at));
        track.learn_peaks(&peaks);
    }
    let foretold = said.last()?.as_ref();
    let hours = track.outlook(load, origin, foretold).hours;
    let peaks = track.peaks(load, origin, foretold);
    let (day, week) = (peaks.day?, peaks.week?);
    let network_weight = week.network_weight();
    let recent = &load.highest()[origin.saturating_sub(DAYS_SEEN * DAY)..origin];
    Some(ForetoldLoad {
        peak_day: quantiles(&day.quantiles),
        peak_week: quantiles(&week.quantiles),
        seen: rounded(recent.iter().copied().fold(0.0, f32::max)),
        // Where the last hours were not measured, the first of these have passed.
        hours: hours.map_or(Vec::new(), |hours| hours.iter().skip(wanted - origin).map(hour).collect()),
        network_weight: rounded(network_weight),
        because: because(foretold.map(|_| week.network_peaks), network_weight),
        held: held(model, foretold, load),
    })
}

/// The card speaks of the network and the baselines together.
fn held(model: Option<&Model>, foretold: Option<&Foretold>, load: &Load) -> Option<BandHeld> {
    let [day, week] = model.filter(|_| foretold.is_some())?.bands_held(load.resource())?.map(rounded);
    Some(BandHeld { day, week })
}

/// How much of the week's peak is the network's, by so many peaks that it foretold; none where it has no answer.
fn because(peaks: Option<usize>, weight: f32) -> String {
    match peaks {
        None => "the model has too little history here; baselines foretell it".to_owned(),
        Some(0) => format!(
            "the model has a weight of {weight:.2} in it, untried: no week that it foretold has passed yet"
        ),
        Some(_) if weight == 0.0 => {
            "the model is not better than seasonal naive here: its weight is 0".to_owned()
        }
        Some(_) => {
            format!("the model has a weight of {weight:.2} in it, by its losses on the last weeks' peaks")
        }
    }
}

/// What the network says at each origin; none where it has too little history, or none is there.
fn said(model: Option<&Model>, load: &Load, origins: &[usize]) -> Vec<Option<Foretold>> {
    let Some(model) = model else { return vec![None; origins.len()] };
    let windows: Vec<(&Load, usize)> = origins.iter().map(|at| (load, *at)).collect();
    model.foretell(&windows).into_iter().map(Result::ok).collect()
}

/// To thousandths: as few digits as a file gives back exactly.
fn rounded(value: f32) -> f64 {
    (f64::from(value) * 1000.0).round() / 1000.0
}

fn quantiles(own: &Quantiles) -> PeakQuantiles {
    let [q10, q50, q90, q95, q99] = own.map(rounded);
    PeakQuantiles { q10, q50, q90, q95, q99 }
}

fn hour(own: &Quantiles) -> ForetoldHour {
    let PeakQuantiles { q10, q50, q90, .. } = quantiles(own);
    ForetoldHour { q10, q50, q90 }
}
