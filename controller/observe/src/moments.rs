//! Moments that were sampled, kept by the step of 5 minutes until their hour has ended and was handed on.
//!
//! Pure: `now` is given. It must not know who is asked for a moment, nor whose pods these are.
//!
//! Two samples of one step are one: the mean of their CPU, the higher of their memory. A sample that was taken before
//! changes nothing, so that asking twice is as good as asking once.

use std::collections::BTreeMap;

use kubeopt_model::usage::{Moment, MomentSample};
use kubeopt_model::{ContainerName, Namespace, ObjectName, Window};

use crate::slice::STEP_S;

/// Seconds of an hour.
const HOUR_S: i64 = 3600;

/// Seconds of a day: no slice goes beyond midnight, as files of history do not.
const DAY_S: i64 = 86_400;

/// How old a sample may be. metrics-server asks the kubelets every 15 s, others every minute; one that has not heard of a
/// node for ten minutes tells of the past.
const AGE_S_MAX: i64 = 600;

/// How far a sample may lie ahead of the pass: clocks differ by some seconds, and a pass that lists a large cluster asks for
/// usage minutes after it began.
const AHEAD_S_MAX: i64 = 300;

/// Share of a moment that may be unusable before its hour counts as incomplete; that of Prometheus' samples.
const DROPPED_SHARE_MAX: f64 = 0.01;

/// Steps that are kept of all containers: 10,000 containers over a day, 100 MB. Passes that come hourly need a tenth of it.
const STEPS_MAX: usize = 3_000_000;

/// Whose samples.
pub(crate) type Place = (Namespace, ObjectName, ContainerName);

/// What was sampled of one container.
#[derive(Debug, Default)]
struct Track {
    /// When the newest sample was measured.
    newest_unix_s: i64,
    /// Oldest first.
    steps: Vec<SampledStep>,
}

/// The samples of one step, made one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct SampledStep {
    /// Start of the step, in seconds since the epoch.
    pub(crate) at_unix_s: i64,
    cpu_sum: f64,
    cpu_count: u32,
    memory_max: Option<f64>,
}

impl SampledStep {
    /// Mean CPU in millicores; none without a sample.
    pub(crate) fn cpu_millicores(&self) -> Option<f64> {
        (self.cpu_count > 0).then(|| self.cpu_sum / f64::from(self.cpu_count))
    }

    /// Highest working set in bytes; none without a sample.
    pub(crate) fn memory_bytes(&self) -> Option<f64> {
        self.memory_max
    }

    fn add(&mut self, sample: &MomentSample) {
        if let Some(cpu) = sample.cpu_millicores {
            self.cpu_sum += cpu;
            self.cpu_count += 1;
        }
        self.memory_max = match (self.memory_max, sample.memory_bytes) {
            (Some(one), Some(other)) => Some(one.max(other)),
            (one, other) => one.or(other),
        };
    }
}

/// An hour with samples.
#[derive(Debug, Default)]
struct Hour {
    partial: Option<String>,
    /// It had ended when it was handed on.
    is_done: bool,
}

/// What was sampled and is not stored for good.
#[derive(Debug, Default)]
pub(crate) struct Moments {
    tracks: BTreeMap<Place, Track>,
    hours: BTreeMap<i64, Hour>,
    /// What lies before is stored, or was before this process began: it is never touched again.
    open_from: Option<i64>,
    now_unix_s: i64,
    steps: usize,
}

/// What became of the samples of a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    /// New ones.
    pub(crate) new: u64,
    /// Too old, or in the future.
    pub(crate) misplaced: u64,
}

impl Moments {
    /// Takes the samples of a moment, and lets go of hours that are done.
    pub(crate) fn take(&mut self, moment: &Moment, now_unix_s: i64) -> Taken {
        self.now_unix_s = now_unix_s;
        self.forget_done();
        let open_from = *self.open_from.get_or_insert(hour_of(now_unix_s));
        let mut taken = Taken::default();
        for sample in &moment.samples {
            if !(now_unix_s - AGE_S_MAX..=now_unix_s + AHEAD_S_MAX).contains(&sample.at_unix_s) {
                taken.misplaced += 1;
            } else if self.add(sample, open_from) {
                taken.new += 1;
            }
        }
        if let Some(why) = incomplete(moment, taken.misplaced) {
            let hour = self.hours.entry(hour_of(now_unix_s).max(open_from)).or_default();
            hour.partial.get_or_insert(why);
        }
        while self.steps > STEPS_MAX && self.hours.len() > 1 {
            if let Some(oldest) = self.hours.values_mut().next() {
                oldest.is_done = true;
            }
            self.forget_done();
        }
        taken
    }

    /// The slices that there are samples of, oldest first: whole hours, none beyond midnight.
    pub(crate) fn slices(&self) -> Vec<Window> {
        let mut slices: Vec<Window> = Vec::new();
        for hour in self.hours.keys() {
            match slices.last_mut() {
                Some(last) if last.to_unix_s == *hour && hour % DAY_S != 0 => last.to_unix_s += HOUR_S,
                _ => slices.push(Window { from_unix_s: *hour, to_unix_s: hour + HOUR_S }),
            }
        }
        slices
    }

    /// All samples of a slice. Its hours that have ended are done by that.
    pub(crate) fn hand_on(&mut self, slice: Window) -> impl Iterator<Item = (&Place, &[SampledStep])> {
        for (hour, state) in self.hours.range_mut(slice.from_unix_s..slice.to_unix_s) {
            state.is_done |= hour + HOUR_S <= self.now_unix_s;
        }
        self.tracks.iter().filter_map(move |(place, track)| {
            let before = |until: i64| track.steps.partition_point(|step| step.at_unix_s < until);
            let steps = &track.steps[before(slice.from_unix_s)..before(slice.to_unix_s)];
            (!steps.is_empty()).then_some((place, steps))
        })
    }

    /// Why the slice is incomplete, if it is.
    pub(crate) fn partial(&self, slice: Window) -> Option<String> {
        let mut hours = self.hours.range(slice.from_unix_s..slice.to_unix_s);
        hours.find_map(|(_, hour)| hour.partial.clone())
    }

    /// Whether the sample was not there yet.
    fn add(&mut self, sample: &MomentSample, open_from: i64) -> bool {
        let place = (sample.namespace.clone(), sample.pod.clone(), sample.container.clone());
        let track = self.tracks.entry(place).or_default();
        if sample.at_unix_s <= track.newest_unix_s {
            return false;
        }
        track.newest_unix_s = sample.at_unix_s;
        // A sample that ends with a step is of that step. One of a step that is stored already, which is seconds ago,
        // counts for the next.
        let at_unix_s = ((sample.at_unix_s - 1).div_euclid(STEP_S) * STEP_S).max(open_from);
        match track.steps.last_mut() {
            Some(last) if last.at_unix_s == at_unix_s => last.add(sample),
            _ => {
                let mut step = SampledStep { at_unix_s, cpu_sum: 0.0, cpu_count: 0, memory_max: None };
                step.add(sample);
                track.steps.push(step);
                self.steps += 1;
                self.hours.entry(hour_of(at_unix_s)).or_default();
            }
        }
        true
    }

    fn forget_done(&mut self) {
        let done = self.hours.iter().filter(|(_, hour)| hour.is_done).map(|(hour, _)| hour + HOUR_S).max();
        if let Some(until) = done {
            self.open_from = self.open_from.max(Some(until));
            self.hours.retain(|hour, _| *hour >= until);
        }
        let Some(open_from) = self.open_from else { return };
        let oldest = self.now_unix_s - AGE_S_MAX;
        let mut steps = 0;
        self.tracks.retain(|_, track| {
            track.steps.retain(|step| step.at_unix_s >= open_from);
            steps += track.steps.len();
            // Its newest sample may come again until it is too old.
            !track.steps.is_empty() || track.newest_unix_s >= oldest
        });
        self.steps = steps;
    }
}

fn hour_of(unix_s: i64) -> i64 {
    unix_s.div_euclid(HOUR_S) * HOUR_S
}

/// Why a moment does not tell all, if so.
fn incomplete(moment: &Moment, misplaced: u64) -> Option<String> {
    let all = moment.samples.len() as u64 + moment.unusable;
    let too_many = |count: u64| count as f64 > all as f64 * DROPPED_SHARE_MAX;
    if moment.partial.is_some() {
        return moment.partial.clone();
    }
    if too_many(misplaced) {
        return Some(format!(
            "metrics-server: {misplaced} of {all} samples are older than {} minutes or lie in the future: it does not reach a node, or a clock is wrong",
            AGE_S_MAX / 60
        ));
    }
    let count = moment.unusable;
    too_many(count).then(|| format!("metrics-server: {count} of {all} values cannot be read"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 10:00 UTC.
    const TEN: i64 = 1_795_341_600;

    fn sample(container: &str, at_unix_s: i64, cpu: f64, memory: f64) -> MomentSample {
        MomentSample {
            namespace: Namespace::new("shop").unwrap(),
            pod: ObjectName::new("web-1").unwrap(),
            container: ContainerName::new(container).unwrap(),
            at_unix_s,
            window_s: 15.0,
            cpu_millicores: Some(cpu),
            memory_bytes: Some(memory),
        }
    }

    fn moment(samples: Vec<MomentSample>) -> Moment {
        Moment { samples, ..Moment::default() }
    }

    fn hours(from: i64, count: i64) -> Window {
        Window { from_unix_s: from, to_unix_s: from + count * HOUR_S }
    }

    /// (step, CPU, memory) of all containers in a slice.
    fn told(moments: &mut Moments, slice: Window) -> Vec<(i64, Option<f64>, Option<f64>)> {
        let steps = moments.hand_on(slice).flat_map(|(_, steps)| steps);
        steps.map(|step| ((step.at_unix_s), step.cpu_millicores(), step.memory_bytes())).collect()
    }

    #[test]
    fn two_samples_of_a_step_are_the_mean_of_cpu_and_the_highest_memory() {
        let mut moments = Moments::default();
        for (at, cpu, memory) in [(TEN + 10, 100.0, 7.0), (TEN + 300, 300.0, 5.0), (TEN + 301, 50.0, 6.0)] {
            moments.take(&moment(vec![sample("web", at, cpu, memory)]), at + 5);
        }
        let expected = [(TEN, Some(200.0), Some(7.0)), (TEN + 300, Some(50.0), Some(6.0))];
        assert_eq!(told(&mut moments, hours(TEN, 1)), expected);
    }

    #[test]
    fn the_running_hour_is_told_with_all_its_samples_and_the_ended_one_for_a_last_time() {
        let mut moments = Moments::default();
        let at = |minute: i64| TEN + minute * 60;
        let mut pass = |minute: i64| {
            moments.take(&moment(vec![sample("web", at(minute) - 5, minute as f64, 1.0)]), at(minute));
            let slices = moments.slices();
            slices.into_iter().map(|slice| (slice, told(&mut moments, slice).len())).collect::<Vec<_>>()
        };
        assert_eq!(pass(2), [(hours(TEN, 1), 1)]);
        assert_eq!(pass(32), [(hours(TEN, 1), 2)]);
        assert_eq!(pass(59), [(hours(TEN, 1), 3)]);
        assert_eq!(pass(62), [(hours(TEN, 2), 4)], "what was sampled last of the ended hour is told too");
        assert_eq!(pass(92), [(hours(TEN + HOUR_S, 1), 2)]);
    }

    #[test]
    fn an_hour_that_was_told_for_the_last_time_is_never_told_again_with_less() {
        let mut moments = Moments::default();
        moments.take(&moment(vec![sample("web", TEN - 2, 1.0, 1.0)]), TEN + 5);
        assert_eq!(moments.slices(), [hours(TEN, 1)], "hours before the start are not this process's");
        moments.take(&moment(vec![sample("web", TEN + 3595, 1.0, 1.0)]), TEN + 3601);
        assert_eq!(told(&mut moments, hours(TEN, 1)).len(), 2);
        // Measured before the hour ended, heard of after it was told.
        moments.take(&moment(vec![sample("web", TEN + 3598, 9.0, 9.0)]), TEN + 3900);
        assert_eq!(moments.slices(), [hours(TEN + HOUR_S, 1)]);
        assert_eq!(told(&mut moments, hours(TEN + HOUR_S, 1)), [(TEN + HOUR_S, Some(9.0), Some(9.0))]);
        // And the same once more is known, though its step is gone.
        let again = moments.take(&moment(vec![sample("web", TEN + 3598, 9.0, 9.0)]), TEN + 3910);
        assert_eq!(again, Taken::default());
    }

    #[test]
    fn samples_between_passes_wait_for_the_next_one_over_midnight_too() {
        let midnight = (TEN / DAY_S + 1) * DAY_S;
        let mut moments = Moments::default();
        for at in [midnight - 5400, midnight - 1800, midnight + 1800] {
            moments.take(&moment(vec![sample("web", at, 1.0, 1.0)]), at);
        }
        assert_eq!(moments.slices(), [hours(midnight - 2 * HOUR_S, 2), hours(midnight, 1)]);
    }

    #[test]
    fn old_and_future_samples_are_dropped_and_make_the_hour_incomplete() {
        for (at, is_taken) in [(-601, false), (-600, true), (0, true), (300, true), (301, false)] {
            let now = TEN + 1800;
            let mut moments = Moments::default();
            let taken = moments.take(&moment(vec![sample("web", now + at, 1.0, 1.0)]), now);
            assert_eq!((taken.new, taken.misplaced), (u64::from(is_taken), u64::from(!is_taken)), "{at}");
            assert_eq!(moments.partial(hours(TEN, 1)).is_none(), is_taken, "{at}");
        }
        let mut moments = Moments::default();
        let all: Vec<_> = (0..100).map(|n| sample(&format!("c{n}"), TEN + 5, 1.0, 1.0)).collect();
        let odd = |unusable| Moment { samples: all.clone(), unusable, ..Moment::default() };
        moments.take(&odd(1), TEN + 10);
        assert_eq!(moments.partial(hours(TEN, 1)), None, "one in a hundred is nothing to wait for");
        moments.take(&odd(2), TEN + 20);
        assert!(moments.partial(hours(TEN, 1)).is_some_and(|why| why.contains("2 of 102")));
    }

    fn rounds() -> impl Strategy<Value = Vec<(i64, f64, f64)>> {
        proptest::collection::vec((1_i64..3500, 0.0_f64..1e4, 0.0_f64..1e9), 1..40).prop_map(|mut rounds| {
            rounds.sort_by_key(|(at, ..)| *at);
            rounds
        })
    }

    proptest! {
        #[test]
        fn sampling_the_same_moment_again_changes_nothing(rounds in rounds()) {
            let (mut once, mut twice) = (Moments::default(), Moments::default());
            for (at, cpu, memory) in rounds {
                let moment = moment(vec![sample("web", TEN + at, cpu, memory)]);
                once.take(&moment, TEN + at);
                twice.take(&moment, TEN + at);
                twice.take(&moment, TEN + at + 7);
            }
            prop_assert_eq!(told(&mut once, hours(TEN, 1)), told(&mut twice, hours(TEN, 1)));
        }

        #[test]
        fn passes_within_the_hour_only_add_and_stay_within_what_was_sampled(rounds in rounds()) {
            let mut moments = Moments::default();
            let mut before = 0;
            for (at, cpu, memory) in &rounds {
                moments.take(&moment(vec![sample("web", TEN + at, *cpu, *memory)]), TEN + at);
                let steps = told(&mut moments, hours(TEN, 1));
                prop_assert!(steps.len() >= before && steps.len() <= 12);
                before = steps.len();
            }
            let highest = |value: fn(&(i64, f64, f64)) -> f64| rounds.iter().map(value).fold(0.0, f64::max);
            for (_, cpu, memory) in told(&mut moments, hours(TEN, 1)) {
                prop_assert!(cpu.is_some_and(|cpu| cpu <= highest(|round| round.1) + 1e-6));
                prop_assert!(memory.is_some_and(|memory| memory <= highest(|round| round.2)));
            }
        }
    }
}
