//! One load: the last weeks' days are foretold from what lay before them, so that each candidate has a record, then the day
//! that begins.

use kubeopt_forecast::{Foretold, Load, Model, PeakSpan, Quantiles, Track, measured_day};
use kubeopt_model::{ForetoldHour, ForetoldLoad, PeakQuantiles};

/// Hours of a day.
const DAY: usize = 24;

/// Days that are foretold again for the record of the candidates: all that a track remembers.
const DAYS_REPLAYED: usize = 21;

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
    let origins: Vec<usize> = (0..=days).rev().map(|back| origin - back * DAY).collect();
    let said = said(model, load, &origins);
    let mut track = Track::default();
    for (at, foretold) in origins.iter().zip(&said).take(days) {
        let outlook = track.outlook(load, *at, foretold.as_ref());
        track.learn(&outlook, &measured_day(load, *at));
    }
    let foretold = said.last()?.as_ref();
    let outlook = track.outlook(load, origin, foretold);
    // A network that is of no use for the hours is not asked about peaks.
    let speaks = foretold.filter(|_| outlook.network_weight() > 0.0);
    let peak = |span: PeakSpan| {
        let own = speaks.map(|foretold| *span.of(foretold)).or_else(|| span.baseline(load, origin))?;
        Some(quantiles(&own))
    };
    let recent = &load.highest()[origin.saturating_sub(DAYS_SEEN * DAY)..origin];
    Some(ForetoldLoad {
        peak_day: peak(PeakSpan::Day)?,
        peak_week: peak(PeakSpan::Week)?,
        seen: f64::from(recent.iter().copied().fold(0.0, f32::max)),
        hours: outlook.hours.map_or(Vec::new(), |hours| hours.iter().map(hour).collect()),
        network_weight: f64::from(outlook.network_weight()),
        because: outlook.because(),
    })
}

/// What the network says at each origin; none where it has too little history, or none is there.
fn said(model: Option<&Model>, load: &Load, origins: &[usize]) -> Vec<Option<Foretold>> {
    let Some(model) = model else { return vec![None; origins.len()] };
    let windows: Vec<(&Load, usize)> = origins.iter().map(|at| (load, *at)).collect();
    model.foretell(&windows).into_iter().map(Result::ok).collect()
}

fn quantiles(own: &Quantiles) -> PeakQuantiles {
    let [q10, q50, q90, q95, q99] = own.map(f64::from);
    PeakQuantiles { q10, q50, q90, q95, q99 }
}

fn hour(own: &Quantiles) -> ForetoldHour {
    let PeakQuantiles { q10, q50, q90, .. } = quantiles(own);
    ForetoldHour { q10, q50, q90 }
}
