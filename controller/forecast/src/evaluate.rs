//! Forecasts day after day on hours that nobody has trained on, beside all baselines in the same run.
//!
//! What a load remembers of its last days begins two weeks before the calibration, so that the test begins with a full
//! memory; nothing that is remembered or scored lies after the origin.

use std::collections::BTreeMap;

use kubeopt_lstm::Network;
use kubeopt_model::Resource;
use kubeopt_outlook::{DAY, DayAhead, Filled, HISTORY_MIN, Offsets, Quantiles, TARGETS, write_targets};

use crate::baseline::Baseline;
use crate::conformal::Gathered;
use crate::differences::{OfLoad, differences, season_name};
use crate::error::ForecastError;
use crate::evaluation::{Evaluation, OUTLOOK, PEAKS, Row, TO_BEAT, Wins};
use crate::model::Model;
use crate::outlook::{Track, measured_day};
use crate::peak::{PeakCandidate, PeakSpan};
use crate::peaks::PeakOutlook;
use crate::scores::Tally;
use crate::split::{Cuts, LoadPart, Recorded};
use crate::threads::in_order;

/// Days before the calibration from which on a load remembers.
const DAYS_REMEMBERED: i64 = 14;

/// Days before the calibration from which on peaks are compared with the highest before.
const DAYS_OF_PEAKS: i64 = 28;

/// The offsets that would have covered the calibration of the loads that training may see.
///
/// # Errors
/// [`ForecastError::NoLoads`] where there is none.
pub fn calibrate(
    network: &Network,
    recorded: &[Recorded],
    cuts: Cuts,
    threads: usize,
) -> Result<Offsets, ForecastError> {
    let own: Vec<&Recorded> =
        recorded.iter().filter(|own| matches!(own.part, LoadPart::Train | LoadPart::Validate)).collect();
    if own.is_empty() {
        return Err(ForecastError::NoLoads { what: "calibrate on", have: recorded.len() });
    }
    let said = in_order(&own, threads, |recorded| -> Result<_, ForecastError> {
        let origins = origins(recorded, cuts.calibrate, cuts.test);
        let windows: Vec<_> = origins.iter().map(|origin| (&recorded.load, *origin)).collect();
        let filled = Filled::of(&windows);
        let quantiles = if windows.is_empty() { Vec::new() } else { network.quantiles(&filled.batch())? };
        let end = recorded.load.place(cuts.test).unwrap_or(0);
        let mut targets = vec![f32::NAN; origins.len() * TARGETS];
        for ((own, origin), scale) in targets.chunks_exact_mut(TARGETS).zip(&origins).zip(&filled.scales) {
            if let Ok(scale) = scale {
                write_targets(&recorded.load, *origin, end, *scale, own);
            }
        }
        Ok((quantiles, targets))
    });
    let mut gathered = Gathered::default();
    for (recorded, said) in own.iter().zip(said) {
        let (quantiles, targets) = said?;
        for (at, (truth, own)) in targets.iter().zip(quantiles.as_chunks::<5>().0).enumerate() {
            gathered.add(recorded.load.resource(), at % TARGETS, *truth, own);
        }
        above(recorded, cuts, &mut gathered);
    }
    Ok(gathered.offsets())
}

/// How many times the highest of 28 days the peaks were that ended before the test, over five weeks: no network has a part in
/// it, so that weeks that were trained on are as good as others.
fn above(recorded: &Recorded, cuts: Cuts, gathered: &mut Gathered) {
    let load = &recorded.load;
    let end = load.place(cuts.test).unwrap_or(0);
    for origin in origins(recorded, cuts.calibrate - DAYS_OF_PEAKS * DAY as i64, cuts.test) {
        for (at, span) in PeakSpan::ALL.into_iter().enumerate() {
            let highest = span.highest(load, origin, &[1.0; 5]).map_or(0.0, |own| own[0]);
            if let Some(peak) = span.truth_before(load, origin, end).filter(|_| highest > 0.0) {
                gathered.add_above(load.resource(), at, peak / highest);
            }
        }
    }
}

/// Every method on every load that lasts into the test.
///
/// # Errors
/// [`ForecastError::NoLoads`] where none does.
pub fn evaluate(
    model: &Model,
    recorded: &[Recorded],
    cuts: Cuts,
    threads: usize,
    told: &(dyn Fn() + Sync),
) -> Result<Evaluation, ForecastError> {
    let judged = in_order(recorded, threads, |recorded| {
        let judged = Judged::of(model, recorded, cuts);
        told();
        judged
    });
    let mut sums: BTreeMap<Key, Tally> = BTreeMap::new();
    let mut wins: BTreeMap<(Resource, &'static str), Sum> = BTreeMap::new();
    for (recorded, judged) in recorded.iter().zip(&judged).filter(|(_, judged)| judged.days > 0) {
        let group = (recorded.load.resource(), part_name(recorded.part));
        for (key, tally) in &judged.tallies {
            sums.entry(Key { resource: group.0, part: group.1, ..*key }).or_default().merge(tally);
        }
        wins.entry(group).or_default().add(judged);
    }
    if wins.is_empty() {
        return Err(ForecastError::NoLoads { what: "measure on", have: recorded.len() });
    }
    let row = |(key, tally): (&Key, &Tally)| {
        let text = |text: &str| text.to_owned();
        Some(Row {
            resource: key.resource,
            part: text(key.part),
            target: text(key.target),
            method: text(key.method.1),
            scores: tally.scores()?,
        })
    };
    let rows: Vec<Row> = sums.iter().filter_map(row).collect();
    let (hours, peaks) = rows.into_iter().partition(|row| row.target == HOURS);
    let of_load = |(recorded, judged): (&Recorded, &Judged)| {
        Some(OfLoad {
            resource: recorded.load.resource(),
            part: part_name(recorded.part),
            season: season_name(&recorded.load, recorded.cut),
            outlook: judged.day_of(OUTLOOK)?.clone(),
            baseline: judged.day_of(TO_BEAT)?.clone(),
        })
    };
    let loads: Vec<OfLoad> = recorded.iter().zip(&judged).filter_map(of_load).collect();
    Ok(Evaluation {
        hours,
        peaks,
        wins: wins.into_iter().map(|(group, sum)| sum.wins(group)).collect(),
        differences: differences(&loads),
    })
}

const HOURS: &str = "next day";

fn part_name(part: LoadPart) -> &'static str {
    match part {
        LoadPart::Train | LoadPart::Validate => "seen",
        LoadPart::Unseen => "unseen",
        LoadPart::Other => "other",
    }
}

/// Ordered as tables are: methods in the order of their number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    resource: Resource,
    part: &'static str,
    target: &'static str,
    method: (usize, &'static str),
}

/// One load.
struct Judged {
    tallies: BTreeMap<Key, Tally>,
    days: usize,
    weight: Quantiles,
    silent: usize,
    has_won: bool,
}

impl Judged {
    fn of(model: &Model, recorded: &Recorded, cuts: Cuts) -> Self {
        let load = &recorded.load;
        let end = load.hour(load.len());
        let origins = origins(recorded, cuts.calibrate - DAYS_REMEMBERED * DAY as i64, end);
        let windows: Vec<_> = origins.iter().map(|origin| (load, *origin)).collect();
        let foretold = model.foretell(&windows);
        let test = load.place(cuts.test).unwrap_or(usize::MAX);
        let mut judged = Self {
            tallies: BTreeMap::new(),
            days: 0,
            weight: Quantiles::default(),
            silent: 0,
            has_won: false,
        };
        let (mut track, mut alone) = (Track::default(), Track::default());
        for (origin, foretold) in origins.iter().zip(&foretold) {
            let foretold = foretold.as_ref().ok();
            let truth = measured_day(load, *origin);
            let outlook = track.outlook(load, *origin, foretold);
            let without = alone.outlook(load, *origin, None);
            let peaks = track.peaks(load, *origin, foretold);
            if *origin >= test && truth.iter().any(Option::is_some) {
                judged.days += 1;
                judged.silent += usize::from(outlook.network_weight() == 0.0);
                (0..judged.weight.len()).for_each(|at| judged.weight[at] += outlook.weights.network(at));
                let mut methods: Vec<(&'static str, Option<DayAhead>)> =
                    Baseline::ALL.map(|own| (own.name(), own.day_ahead(load, *origin))).to_vec();
                methods.extend([
                    ("network", outlook.said[0]),
                    ("network + own offsets", outlook.said[1]),
                    ("outlook without network", without.hours),
                    (OUTLOOK, outlook.hours),
                ]);
                for (at, (name, day)) in methods.into_iter().enumerate() {
                    if let Some(day) = day {
                        judged.tally(recorded, HOURS, (at, name)).add(&day, &truth, recorded.typical_error);
                    }
                }
                judged.peaks(recorded, *origin, &peaks);
            }
            track.learn_peaks(&peaks);
            track.learn(&outlook, &truth);
            alone.learn(&without, &truth);
        }
        let loss = |name| judged.day_of(name).map(Tally::upper_loss);
        judged.has_won = loss(OUTLOOK).zip(loss(TO_BEAT)).is_some_and(|(own, other)| own < other);
        judged
    }

    /// What a method did on the next day.
    fn day_of(&self, name: &str) -> Option<&Tally> {
        let own = self.tallies.iter().find(|(key, _)| key.target == HOURS && key.method.1 == name);
        own.map(|(_, tally)| tally)
    }

    fn tally(
        &mut self,
        recorded: &Recorded,
        target: &'static str,
        method: (usize, &'static str),
    ) -> &mut Tally {
        let key = Key { resource: recorded.load.resource(), part: part_name(recorded.part), target, method };
        self.tallies.entry(key).or_default()
    }

    fn peaks(&mut self, recorded: &Recorded, origin: usize, peaks: &PeakOutlook) {
        for (span, target) in PeakSpan::ALL.into_iter().zip(PEAKS) {
            let Some(peak) = peaks.of(span) else { continue };
            let truth = [span.truth(&recorded.load, origin)];
            let said = PeakCandidate::ALL.iter().map(|own| own.name()).zip(peak.said);
            for (at, (name, said)) in said.chain([(OUTLOOK, Some(peak.quantiles))]).enumerate() {
                if let Some(said) = said {
                    self.tally(recorded, target, (at, name)).add(&[said], &truth, recorded.typical_error);
                }
            }
        }
    }
}

#[derive(Default)]
struct Sum {
    loads: usize,
    won: usize,
    days: usize,
    silent: usize,
    weight: [f64; 5],
}

impl Sum {
    fn add(&mut self, judged: &Judged) {
        self.loads += 1;
        self.won += usize::from(judged.has_won);
        self.days += judged.days;
        self.silent += judged.silent;
        (0..self.weight.len()).for_each(|at| self.weight[at] += f64::from(judged.weight[at]));
    }

    fn wins(&self, (resource, part): (Resource, &str)) -> Wins {
        let days = self.days.max(1) as f64;
        Wins {
            resource,
            part: part.to_owned(),
            loads: self.loads,
            won: self.won,
            network_weight: self.weight.map(|sum| (sum / days) as f32),
            network_silent: (self.silent as f64 / days) as f32,
        }
    }
}

/// Places of midnights (UTC of the cut) from one hour to before another, whose day lies in the load.
pub(crate) fn origins(recorded: &Recorded, from_hour: i64, to_hour: i64) -> Vec<usize> {
    let load = &recorded.load;
    let places = (from_hour..to_hour).step_by(DAY).filter_map(|hour| load.place(hour));
    places.filter(|place| *place >= HISTORY_MIN && place + DAY <= load.len()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::tests::{CUTS, plan, recorded};
    use crate::train::{Plan, Trainer};

    fn model(recorded: &[Recorded]) -> Model {
        let plan = Plan { steps: 80, look_every: 20, rate: 1e-2, ..plan() };
        let trained =
            Trainer::new(plan).run(recorded, 2, &mut |_, _| std::ops::ControlFlow::Continue(())).unwrap();
        let offsets = calibrate(&trained.network, recorded, CUTS, 2).unwrap();
        Model::of(trained.network, offsets)
    }

    #[test]
    fn all_methods_are_scored_on_the_same_days_and_seen_and_unseen_apart() {
        let recorded = recorded();
        let found = evaluate(&model(&recorded), &recorded, CUTS, 2, &|| ()).unwrap();
        assert_eq!(found.hours.len(), 2 * 14);
        // 14 days of nine loads and of three.
        assert!(
            found.hours.iter().all(|row| row.scores.days == if row.part == "seen" { 126 } else { 42 }),
            "{found:?}"
        );
        let of = |method: &str| {
            found.hours.iter().find(|row| row.part == "unseen" && row.method == method).unwrap().scores
        };
        assert!(of(OUTLOOK).pinball[2] < of("flat quantile").pinball[2]);
        assert!((of(TO_BEAT).coverage[2] - 0.9).abs() < 0.05);
        assert_eq!(found.peaks.len(), 2 * 2 * 6);
        assert_eq!(
            found.differences.iter().filter(|own| own.season == "any").map(|own| own.loads).sum::<usize>(),
            12
        );
        assert_eq!(found.wins.iter().map(|wins| wins.loads).sum::<usize>(), 12);
    }

    #[test]
    fn threads_change_nothing() {
        let recorded = recorded();
        let model = model(&recorded);
        let of = |threads| evaluate(&model, &recorded, CUTS, threads, &|| ()).unwrap();
        assert_eq!(of(1), of(3));
    }

    #[test]
    fn a_recording_that_ends_before_the_test_is_told() {
        let recorded = recorded();
        let late = Cuts { calibrate: CUTS.calibrate, test: 999_999 };
        let error = evaluate(&model(&recorded), &recorded, late, 1, &|| ()).unwrap_err();
        assert!(matches!(error, ForecastError::NoLoads { what: "measure on", .. }), "{error}");
    }
}
