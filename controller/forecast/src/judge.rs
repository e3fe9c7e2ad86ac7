//! How well a network does by itself on the last days of loads: what decides between two that were trained elsewhere.
//! Nothing is blended and nothing calibrates them, as nothing does where they are used.

use kubeopt_lstm::Network;
use kubeopt_outlook::{DAY, HISTORY_MIN, Load, Offsets};

use crate::model::Model;
use crate::outlook::measured_day;
use crate::scores::Tally;

/// Days of loads that are looked at: more tell little more, and 4,000 take a second or two of one core.
const WINDOWS_MAX: usize = 4_000;

/// Hours of a day that must have been measured.
const MEASURED_MIN: usize = 12;

/// How well a network did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judged {
    /// Mean pinball loss of all quantiles over the hours of the next day, in parts of what "as the day before" is wrong by.
    pub pinball: f64,
    /// Part of all hours that were not above the .9 quantile.
    pub coverage: f64,
    /// Days of loads that this rests on.
    pub windows: usize,
}

/// The last days before an hour (hours since the epoch) that each load can be judged by: the places at which they begin, where
/// there is enough history before and most of the day was measured. Thinned out evenly where there are more than can be looked
/// at.
pub fn days_before(loads: &[Load], end_hour: i64, days: usize) -> Vec<(&Load, usize)> {
    let of_load = |load: &'_ Load| -> Vec<usize> {
        let begins = (1..=days).filter_map(|day| load.place(end_hour - (day * DAY) as i64));
        let can = |at: &usize| {
            *at >= HISTORY_MIN
                && at + DAY <= load.len()
                && load.measured_hours(*at, at + DAY) >= MEASURED_MIN
                && load.seasonal_error(0, *at) > 0.0
        };
        begins.filter(can).collect()
    };
    let all: Vec<(&Load, usize)> =
        loads.iter().flat_map(|load| of_load(load).into_iter().map(move |at| (load, at))).collect();
    let every = all.len().div_ceil(WINDOWS_MAX).max(1);
    all.into_iter().step_by(every).collect()
}

/// How well a network foretells these days; none where there is none, or it says what is no number of any of them.
pub fn judge(network: &Network, days: &[(&Load, usize)]) -> Option<Judged> {
    // What it says may be held to 0 and above, where it can no longer be seen.
    if !network.parameters().iter().all(|own| own.is_finite()) {
        return None;
    }
    let model = Model::of(network.clone(), Offsets::none());
    let mut tally = Tally::default();
    for ((load, origin), said) in days.iter().zip(model.foretell(days)) {
        let scale = load.seasonal_error(0, *origin);
        tally.add(&said.ok()?.hours, &measured_day(load, *origin), scale);
    }
    let scores = tally.scores()?;
    let losses = scores.pinball.iter().copied().map(f64::from);
    let judged = Judged {
        pinball: losses.sum::<f64>() / scores.pinball.len() as f64,
        coverage: f64::from(scores.coverage[2]),
        windows: scores.days,
    };
    judged.pinball.is_finite().then_some(judged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::made::{load, lots};

    fn daily(seed: u64, days: usize) -> Load {
        let mut random = lots(seed);
        let values: Vec<f64> = (0..days * DAY)
            .map(|hour| if (9..17).contains(&(hour % DAY)) { 400.0 } else { 50.0 } + 40.0 * random())
            .collect();
        load(values.len(), |hour| values[hour])
    }

    #[test]
    fn a_network_that_was_trained_is_better_than_one_that_was_turned_over() {
        let loads: Vec<Load> = (1..6).map(|seed| daily(seed, 40)).collect();
        let days = days_before(&loads, 40 * DAY as i64, 7);
        assert_eq!(days.len(), 5 * 7);
        let good = Model::shipped().unwrap().network().clone();
        let mut bad = good.clone();
        bad.parameters_mut().iter_mut().for_each(|own| *own = -*own);
        let (good, bad) = (judge(&good, &days).unwrap(), judge(&bad, &days).unwrap());
        assert_eq!(good.windows, 35);
        assert!((0.7..=1.0).contains(&good.coverage) && good.pinball < 0.7 * bad.pinball, "{good:?} {bad:?}");
    }

    #[test]
    fn what_is_no_number_is_no_judgement_and_neither_is_nothing() {
        let loads = [daily(1, 20), load(20 * DAY, |_| 5.0), daily(2, 8)];
        let days = days_before(&loads, 20 * DAY as i64, 30);
        assert!(!days.is_empty());
        assert!(days.iter().all(|(load, at)| *load == &loads[0] && *at >= HISTORY_MIN), "{}", days.len());
        let mut broken = Model::shipped().unwrap().network().clone();
        broken.parameters_mut().iter_mut().for_each(|own| *own = f32::NAN);
        assert_eq!((judge(&broken, &days), judge(&broken, &[])), (None, None));
    }
}
