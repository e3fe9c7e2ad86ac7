//! What the rule does with shapes of load of which the right answer is known.

use super::*;
use crate::given::{Fleet, Given, Series};

const STEP_S: i64 = 300;

/// 84 days of 5-minute samples of a load, as days and hours.
struct Load {
    days: Vec<DayUsage>,
    hours: Vec<(i64, f64)>,
}

impl Load {
    /// `at` gives millicores by the step since the beginning; ±10 % are added by lot.
    fn of(days: i64, at: impl Fn(i64) -> f64) -> Self {
        let mut lot = 0x2545_f491_4f6c_dd1d_u64;
        let mut drawn = || {
            lot ^= lot << 13;
            lot ^= lot >> 7;
            lot ^= lot << 17;
            0.9 + 0.2 * ((lot >> 11) as f64 / (1_u64 << 53) as f64)
        };
        let samples: Vec<f64> = (0..days * DAY_S / STEP_S).map(|step| at(step) * drawn()).collect();
        let per = |seconds: i64| samples.chunks(usize::try_from(seconds / STEP_S).unwrap()).enumerate();
        let day = |(day, samples): (usize, &[f64])| {
            let mut sketch = Sketch::default();
            samples.iter().for_each(|sample| sketch.add(*sample, 1));
            let max = samples.iter().copied().fold(0.0, f64::max);
            DayUsage {
                at_unix_s: day as i64 * DAY_S,
                sketch,
                max,
                coverage: Default::default(),
                partial: false,
            }
        };
        let hour = |(hour, samples): (usize, &[f64])| {
            let mut sorted = samples.to_vec();
            sorted.sort_by(f64::total_cmp);
            (hour as i64 * 3600, sorted[sorted.len() / 2])
        };
        Self { days: per(DAY_S).map(day).collect(), hours: per(3600).map(hour).collect() }
    }

    fn given(&self, most: Option<f64>) -> Chosen {
        let history = History {
            cpu: Series { days: &self.days, hours: &self.hours, points: &[] },
            now_unix_s: self.days.len() as i64 * DAY_S,
            most: Given { cpu_limit: most, ..Given::default() },
            fleet: Some(Fleet { cpu_request: 2900.0, memory_request: 1.0 }),
            ..History::default()
        };
        CpuCost::default().give(&history).unwrap()
    }
}

/// Steps of an hour, a day and a week.
const HOUR: i64 = 12;
const DAY: i64 = 24 * HOUR;
const WEEK: i64 = 7 * DAY;

#[test]
fn a_steady_load_gets_a_little_more_than_it_used() {
    let flat = Load::of(84, |_| 1000.0).given(None);
    assert!((1100.0..1450.0).contains(&flat.value), "{flat:?}");
    assert!(flat.exceeding < 0.001, "{flat:?}");
}

#[test]
fn a_peak_of_two_hours_a_week_is_not_forgotten() {
    let weekly =
        Load::of(84, |step| if (100 * HOUR..102 * HOUR).contains(&(step % WEEK)) { 2000.0 } else { 300.0 });
    let chosen = weekly.given(None);
    assert!(chosen.value >= 2000.0, "{chosen:?}");
    let once =
        Load::of(84, |step| if (40 * DAY..40 * DAY + 2 * HOUR).contains(&step) { 2000.0 } else { 300.0 });
    let chosen = once.given(None);
    assert!(chosen.value < 1000.0, "what came once is no schedule: {chosen:?}");
}

#[test]
fn a_peak_each_day_and_a_step_up_are_held() {
    let daily = Load::of(84, |step| if step % DAY < HOUR { 2000.0 } else { 300.0 }).given(None);
    assert!(daily.value >= 2000.0, "{daily:?}");
    let up = Load::of(84, |step| if step > 81 * DAY { 2000.0 } else { 500.0 }).given(None);
    assert!(up.value >= 2000.0, "{up:?}");
}

#[test]
fn five_minutes_of_a_start_each_day_are_left_to_idle_time() {
    let spike = Load::of(84, |step| if step % DAY == 0 { 3000.0 } else { 100.0 }).given(None);
    assert!(spike.value < 500.0, "{spike:?}");
}

#[test]
fn nothing_is_given_beyond_the_most_and_nothing_without_samples() {
    let flat = Load::of(28, |_| 4000.0);
    assert_eq!(flat.given(Some(2000.0)).value.min(2000.0), flat.given(Some(2000.0)).value);
    assert_eq!(CpuCost::default().give(&History { now_unix_s: DAY_S, ..History::default() }), None);
    let zero = Load::of(28, |_| 0.0).given(None);
    assert!(zero.value <= 10.0, "{zero:?}");
}

#[test]
fn the_next_week_gets_the_same_unless_something_has_changed() {
    let load = |days| Load::of(days, |step| 400.0 + 30.0 * ((step / DAY) % 3) as f64).given(None).value;
    assert_eq!(load(70), load(77));
}

#[test]
fn what_a_week_of_history_gave_is_not_held_on_to_after_four() {
    // An hour of a first week is much of that week and little of a month; what it asked for would cost a little too much.
    let load = |days| Load::of(days, |step| if step < HOUR { 600.0 } else { 430.0 }).given(None);
    let (young, settled) = (load(21), load(28));
    assert!(young.kept && young.value > 600.0, "{young:?}");
    assert!(!settled.kept && settled.value < 550.0, "{settled:?}");
}
