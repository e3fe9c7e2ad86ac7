//! How far the outlook is below what it must beat, by how a load comes again, and how sure that is: intervals over loads, since
//! the days of one load are not independent of each other.

use std::collections::BTreeMap;

use kubeopt_lstm::QUANTILES;
use kubeopt_model::Resource;
use kubeopt_model::usage::HourPoint;
use kubeopt_outlook::{DAY, HOUR_S, Load, Lot, Quantiles, quantile};
use serde::{Deserialize, Serialize};

use crate::scores::Tally;
use crate::seasons::seasons;
use crate::series::Hours;

/// Drawings of all loads with putting back: the ends of a 95 % interval have 25 of them outside.
const DRAWINGS: usize = 1000;

/// Loads below which there is no interval: drawing a few again and again tells how far these differ from each other, and makes
/// intervals that hold far less often than they say.
const LOADS_MIN: usize = 10;

/// The same loads give the same intervals.
const SEED: u64 = 0x0b00_7574;

/// All loads of a part.
const ANY: &str = "any";

/// The outlook beside the baseline that it must beat, on the loads of a part that come again in one way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// Of which resource.
    pub resource: Resource,
    /// `seen` or `unseen`.
    pub part: String,
    /// `daily`, `weekly` or `none`, as it was before the weeks of the test; `any` for all loads.
    pub season: String,
    /// Loads.
    pub loads: usize,
    /// Scaled pinball loss of the outlook, by quantile.
    pub pinball: Quantiles,
    /// The same of the baseline.
    pub baseline: Quantiles,
    /// Part of the baseline's loss by which the outlook's is higher: -0.1 is a tenth below.
    pub difference: Quantiles,
    /// Lower ends of the 95 % intervals of the differences, by bootstrap over loads; none for fewer than 10 loads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<Quantiles>,
    /// Upper ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<Quantiles>,
}

/// The losses of one load, summed over its days.
pub(crate) struct OfLoad {
    pub(crate) resource: Resource,
    pub(crate) part: &'static str,
    pub(crate) season: &'static str,
    pub(crate) outlook: Tally,
    pub(crate) baseline: Tally,
}

/// How a load came again before a place.
pub(crate) fn season_name(load: &Load, before: usize) -> &'static str {
    let measured = |at: usize| Some((at, f64::from(load.measured(at)?)));
    let points = (0..before.min(load.len())).filter_map(measured).map(|(at, max)| HourPoint {
        at_unix_s: load.hour(at) * HOUR_S,
        median: max,
        p95: max,
        max,
    });
    let points: Vec<HourPoint> = points.collect();
    match seasons(&Hours::of(points, |point| point.max)).last() {
        None => "none",
        Some(season) if season.period_hours == DAY => "daily",
        Some(_) => "weekly",
    }
}

pub(crate) fn differences(loads: &[OfLoad]) -> Vec<Difference> {
    let mut groups: BTreeMap<(Resource, &str, &str), Vec<&OfLoad>> = BTreeMap::new();
    for load in loads {
        for season in [ANY, load.season] {
            groups.entry((load.resource, load.part, season)).or_default().push(load);
        }
    }
    groups.into_iter().map(|(group, loads)| difference(group, &loads)).collect()
}

fn difference((resource, part, season): (Resource, &str, &str), loads: &[&OfLoad]) -> Difference {
    let all: Vec<usize> = (0..loads.len()).collect();
    let whole = sums(loads, &all);
    let ends = (loads.len() >= LOADS_MIN).then(|| ends(loads));
    Difference {
        resource,
        part: part.to_owned(),
        season: season.to_owned(),
        loads: loads.len(),
        pinball: whole.outlook.map(|sum| (sum / whole.days) as f32),
        baseline: whole.baseline.map(|sum| (sum / whole.days) as f32),
        difference: whole.difference(),
        low: ends.map(|[low, _]| low),
        high: ends.map(|[_, high]| high),
    }
}

/// Of the 95 % interval.
fn ends(loads: &[&OfLoad]) -> [Quantiles; 2] {
    let mut lot = Lot::of_step(SEED, loads.len());
    let drawn: Vec<Quantiles> = (0..DRAWINGS)
        .map(|_| sums(loads, &loads.iter().map(|_| lot.below(loads.len())).collect::<Vec<_>>()).difference())
        .collect();
    let end =
        |at: usize, part: f32| quantile(&mut drawn.iter().map(|drawn| drawn[at]).collect::<Vec<_>>(), part);
    [0.025, 0.975].map(|part| std::array::from_fn(|at| end(at, part)))
}

struct Sums {
    outlook: [f64; QUANTILES.len()],
    baseline: [f64; QUANTILES.len()],
    days: f64,
}

impl Sums {
    fn difference(&self) -> Quantiles {
        std::array::from_fn(|at| match self.baseline[at] {
            base if base > 0.0 => (self.outlook[at] / base - 1.0) as f32,
            _ => 0.0,
        })
    }
}

fn sums(loads: &[&OfLoad], which: &[usize]) -> Sums {
    let mut sums = Sums { outlook: [0.0; QUANTILES.len()], baseline: [0.0; QUANTILES.len()], days: 0.0 };
    for load in which.iter().map(|at| loads[*at]) {
        for at in 0..QUANTILES.len() {
            sums.outlook[at] += load.outlook.losses()[at];
            sums.baseline[at] += load.baseline.losses()[at];
        }
        sums.days += load.outlook.days() as f64;
    }
    sums
}

#[cfg(test)]
mod tests {
    use kubeopt_outlook::WEEK;

    use super::*;
    use crate::made::{load, lots};

    fn of_load(outlook: f32, baseline: f32, season: &'static str) -> OfLoad {
        let tally = |wrong_by: f32| {
            let mut tally = Tally::default();
            tally.add(&[[0.0; 5]], &[Some(wrong_by)], 1.0);
            tally
        };
        OfLoad {
            resource: Resource::Cpu,
            part: "unseen",
            season,
            outlook: tally(outlook),
            baseline: tally(baseline),
        }
    }

    #[test]
    fn a_difference_is_of_sums_and_its_interval_holds_it() {
        let loads: Vec<OfLoad> = (0..40)
            .map(|at| of_load(at as f32, (at + 4) as f32, if at < 10 { "daily" } else { "none" }))
            .collect();
        let found = differences(&loads);
        let of = |season: &str| found.iter().find(|own| own.season == season).unwrap();
        assert_eq!((found.len(), of("any").loads, of("daily").loads), (3, 40, 10));
        // 780 of 940.
        assert!((of("any").difference[2] + 160.0 / 940.0).abs() < 1e-5, "{found:?}");
        for own in &found {
            let (low, high) = (own.low.unwrap(), own.high.unwrap());
            assert!(low[2] < own.difference[2] && own.difference[2] < high[2], "{own:?}");
        }
        assert_eq!(found, differences(&loads), "the same loads give the same intervals");
    }

    #[test]
    fn loads_that_are_all_alike_leave_nothing_unsure_and_a_baseline_without_loss_is_no_number_less() {
        let alike: Vec<OfLoad> = (0..12).map(|_| of_load(9.0, 10.0, "none")).collect();
        let found = &differences(&alike)[0];
        let (low, high) = (found.low.unwrap(), found.high.unwrap());
        assert!((high[3] - low[3]).abs() < 1e-6 && (low[3] + 0.1).abs() < 1e-5);
        let never_wrong = differences(&[of_load(1.0, 0.0, "none")]);
        assert_eq!(never_wrong[0].difference, [0.0; 5]);
        assert_eq!((never_wrong[0].low, never_wrong[0].high), (None, None), "one load has no interval");
    }

    #[test]
    fn seasons_are_told_by_what_lies_before() {
        let mut random = lots(2);
        let noise: Vec<f64> = (0..8 * WEEK).map(|_| 5.0 * random()).collect();
        let of =
            |at: &dyn Fn(usize) -> f64| season_name(&load(8 * WEEK, |hour| at(hour) + noise[hour]), 6 * WEEK);
        assert_eq!(of(&|hour| if hour % DAY < 8 { 100.0 } else { 0.0 }), "daily");
        assert_eq!(of(&|hour| if hour % WEEK < 30 { 100.0 } else { 0.0 }), "weekly");
        assert_eq!(of(&|_| 0.0), "none");
    }
}
