//! Leaks: memory whose floor only grows, as a line does, out of what is usual for this series and for the hour of the day.
//!
//! Looks at hourly minima, which are what a garbage collector could not free. Six statistics of the last day are added to a
//! weight of evidence, none of which grows with anything but a steadier rise; from a fixed weight on, a leak is told. A
//! monotone test alone takes any slow daily wave for a leak, so it is one part here and not the verdict. The weights were
//! fitted on every other series of a public recording; how often it is right on the rest is told in docs/anomaly.md. Feed it
//! memory without page cache.

use crate::finding::Evidence;
use crate::order::{Order, Step};
use crate::trend::{HOURS, line_over_step, mann_kendall, slope, tau};

/// Hours that are kept: the day that is looked at, and the eight days before.
const KEPT: usize = 9 * HOURS;

/// The latest hours, which must agree.
const LATE_HOURS: usize = 6;

/// Hours whose least is the floor.
const FLOOR_HOURS: usize = 3;

/// Hours with a sample that the day must have.
const HOURS_MIN: usize = 20;

/// Days before, of which the same hour is usual.
const DAYS_BEFORE: usize = 7;

/// Hours that must be known of the days before.
const KNOWN_MIN: usize = 2 * HOURS;

/// Growth of the first half hour after a start is warm-up.
const WARM_UP_S: i64 = 1800;

/// What the statistics weigh, in the order in which [`LeakDetector::weigh`] has them.
const WEIGHTS: [f64; 6] = [0.42, 1.88, 2.37, 0.29, 1.09, 0.16];

/// Logarithms end here, so that no statistic decides alone.
const LOGARITHM_MAX: f64 = 3.0;

/// A change of so many bytes from hour to hour is no noise: half a mebibyte; and the square of one is not worth explaining.
const NOISE_MIN: f64 = 524_288.0;
const UNEXPLAINED_MIN: f64 = 1_048_576.0 * 1_048_576.0;

/// The share of the hours before below which the usual highest floor lies.
const HIGHEST: f64 = 0.98;

/// Growth of the day that matters, as a share of the floor, or of what is requested where that is less: a container that
/// requests much more than it uses may leak too.
const EFFECT_MIN: f64 = 0.05;

/// How many times more than in any rise of the past days the floor must have grown.
const RECORD_RATIO: f64 = 1.2;

/// A rise of the past counts from this tau on.
const RISE_TAU_MIN: f64 = 0.8;

/// Days whose largest rise is remembered.
const DAYS: usize = 28;

/// Days that must have been seen to know what is usual.
const DAYS_MIN: usize = 3;

/// The lowest sample of each hour of a day, the latest last.
type Minima = [Option<f64>; HOURS];

/// One look at memory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MemorySample {
    /// When.
    pub at_unix_s: i64,
    /// Without page cache.
    pub bytes: f64,
    /// Where it is killed.
    pub limit_bytes: Option<f64>,
    /// What it requests.
    pub request_bytes: Option<f64>,
}

/// The leak of one container. About 1.2 KB.
#[derive(Debug, Clone)]
pub struct LeakDetector {
    order: Order,
    gap_s: i64,
    evidence_min: f64,
    started: Option<i64>,
    hour: i64,
    low: f64,
    /// Hourly minima in a ring, `next` the oldest; not a number where there was no sample.
    minima: [f32; KEPT],
    next: usize,
    /// Growth of the windows of the last hours, which may be the beginning of a leak.
    recent: [f32; HOURS],
    usual: [f32; DAYS],
    day: i64,
    days: usize,
    weight: f64,
    verdict: Option<Evidence>,
}

impl LeakDetector {
    /// From this weight of evidence on, a leak is told.
    pub const EVIDENCE_MIN: f64 = 11.0;

    /// Silence of more than `gap_s` seconds may hide a start: what grows for half an hour after it is warm-up. The hours
    /// before it stay known.
    pub fn new(gap_s: i64) -> Self {
        Self {
            order: Order::new(gap_s),
            gap_s,
            evidence_min: Self::EVIDENCE_MIN,
            started: None,
            hour: i64::MIN,
            low: f64::INFINITY,
            minima: [f32::NAN; KEPT],
            next: 0,
            recent: [0.0; HOURS],
            usual: [0.0; DAYS],
            day: i64::MIN,
            days: 0,
            weight: 0.0,
            verdict: None,
        }
    }

    /// The same, telling from another weight of evidence on: to try what that would find.
    #[must_use]
    pub fn telling_from(self, evidence_min: f64) -> Self {
        Self { evidence_min, ..self }
    }

    /// The container started again: its floor is a new one, and what grows for half an hour is warm-up. What was usual
    /// before stays usual.
    pub fn restarted(&mut self, at_unix_s: i64) {
        *self = Self { started: Some(at_unix_s), ..self.anew() };
    }

    fn anew(&self) -> Self {
        let Self { gap_s, evidence_min, usual, day, days, .. } = *self;
        Self { evidence_min, usual, day, days, ..Self::new(gap_s) }
    }

    /// How much speaks for a leak at the end of the last hour, where what grows matters; a leak is told from 11 on. 0 while
    /// too little is known.
    pub fn weight_of_evidence(&self) -> f64 {
        self.weight
    }

    /// Takes a sample; the evidence while there is a leak. It changes with the hour.
    pub fn push(&mut self, sample: &MemorySample) -> Option<Evidence> {
        let hour = sample.at_unix_s.div_euclid(3600);
        match self.order.admit(sample.at_unix_s, sample.bytes) {
            Step::Refused => return self.verdict,
            // Silence leaves hours unknown, and those before it are as they were.
            Step::Restart if hour >= self.hour && self.hour != i64::MIN => {
                self.started = Some(sample.at_unix_s);
            }
            // The first sample, or another clock.
            Step::Restart => {
                let order = self.order.clone();
                *self = Self { order, started: self.started, ..self.anew() };
                self.hour = hour;
            }
            Step::Next => {}
        }
        if hour != self.hour {
            self.close(hour, sample);
        }
        if self.started.is_none_or(|started| sample.at_unix_s.saturating_sub(started) >= WARM_UP_S) {
            self.low = self.low.min(sample.bytes.max(0.0));
        }
        self.verdict
    }

    /// Takes the minimum of the hour that ended; hours without a sample have none.
    fn close(&mut self, hour: i64, sample: &MemorySample) {
        let passed = hour.saturating_sub(self.hour).clamp(1, KEPT as i64);
        for i in 0..passed {
            let known = i == 0 && self.low.is_finite();
            self.minima[self.next] = if known { self.low as f32 } else { f32::NAN };
            self.next = (self.next + 1) % KEPT;
        }
        (self.hour, self.low) = (hour, f64::INFINITY);
        let floor = self.floor();
        let known = floor.iter().flatten().count();
        let rise = slope(&floor).filter(|_| known >= HOURS_MIN);
        (self.verdict, self.weight) = (None, 0.0);
        let Some(per_hour) = rise else { return };
        let grown = per_hour * HOURS as f64;
        let level = floor.iter().flatten().sum::<f64>() / known as f64;
        let whole = sample.request_bytes.filter(|bytes| *bytes > 0.0).map_or(level, |bytes| bytes.min(level));
        let usual = f64::from(self.usual.iter().copied().fold(0.0, f32::max));
        let late = slope(&floor[HOURS - LATE_HOURS..]).is_some_and(|slope| slope > 0.0);
        let matters = self.days >= DAYS_MIN
            && per_hour > 0.0
            && late
            && grown >= EFFECT_MIN * whole
            && grown > RECORD_RATIO * usual;
        if matters {
            self.weight = self.weigh(&floor, per_hour);
        }
        if self.weight >= self.evidence_min {
            // A leak that began within the day is steeper in its later half.
            let later = slope(&floor[HOURS / 2..]).unwrap_or(per_hour).max(per_hour);
            let eta = |limit: f64| eta_s(limit - sample.bytes, later);
            self.verdict = Some(Evidence::Leak {
                bytes_per_hour: later,
                grown_bytes: grown,
                hours: HOURS as u8,
                eta_s: sample.limit_bytes.map(eta),
            });
        }
        self.remember(hour.div_euclid(24), &floor, grown);
    }

    /// The minimum of so many hours ago, 0 being the last one that ended.
    fn ago(&self, hours: usize) -> Option<f64> {
        let value = self.minima[(self.next + KEPT - 1 - hours % KEPT) % KEPT];
        (!value.is_nan()).then_some(f64::from(value))
    }

    /// Of each hour with a sample the least of it and the hours before it.
    fn floor(&self) -> Minima {
        std::array::from_fn(|i| {
            let ago = HOURS - 1 - i;
            self.ago(ago)?;
            (ago..ago + FLOOR_HOURS).filter_map(|ago| self.ago(ago)).reduce(f64::min)
        })
    }

    /// The weight of evidence of the last day. None of the parts falls where the same rise is steadier or larger.
    fn weigh(&self, floor: &Minima, per_hour: f64) -> f64 {
        let unusual: Minima = std::array::from_fn(|i| self.unusual(HOURS - 1 - i));
        let least =
            |from: usize, hours: usize| (from..from + hours).filter_map(|ago| self.ago(ago)).reduce(f64::min);
        let blocks: [Option<f64>; HOURS / FLOOR_HOURS] =
            std::array::from_fn(|block| least(HOURS - (block + 1) * FLOOR_HOURS, FLOOR_HOURS));
        let rising = blocks.windows(2).filter(|pair| pair[1] > pair[0] && pair[0].is_some()).count();
        let parts = [
            mann_kendall(floor, per_hour),
            tau(&unusual).0,
            tau(&unusual[HOURS / 2..]).0,
            line_over_step(floor, UNEXPLAINED_MIN).clamp(-LOGARITHM_MAX, LOGARITHM_MAX),
            rising as f64,
            self.above_usual(),
        ];
        parts.iter().zip(WEIGHTS).map(|(part, weight)| part * weight).sum()
    }

    /// What an hour has beyond the median of the same hour on the days before.
    fn unusual(&self, ago: usize) -> Option<f64> {
        let value = self.ago(ago)?;
        let (mut same, mut count) = ([0.0; DAYS_BEFORE], 0);
        for before in (1..=DAYS_BEFORE).filter_map(|day| self.ago(ago + day * HOURS)) {
            same[count] = before;
            count += 1;
        }
        let same = same.get_mut(..count).filter(|same| !same.is_empty())?;
        same.sort_unstable_by(f64::total_cmp);
        Some(value - f64::midpoint(same[(count - 1) / 2], same[count / 2]))
    }

    /// How far the least of the last hours lies above the highest usual one, by the usual change from hour to hour; the
    /// logarithm of it, with its sign.
    fn above_usual(&self) -> f64 {
        let (mut lowest, mut count) = ([0.0; KEPT], 0);
        let (mut change, mut changes) = (0.0, 0_u32);
        for ago in HOURS..HOURS * (1 + DAYS_BEFORE) {
            let Some(value) = self.ago(ago) else { continue };
            let within = (ago..ago + LATE_HOURS).filter_map(|ago| self.ago(ago));
            lowest[count] = within.fold(value, f64::min);
            count += 1;
            if let Some(before) = self.ago(ago + 1) {
                change += (value - before).abs();
                changes += 1;
            }
        }
        if count < KNOWN_MIN {
            return 0.0;
        }
        let at = ((count - 1) as f64 * HIGHEST) as usize;
        let (_, highest, _) = lowest[..count].select_nth_unstable_by(at, f64::total_cmp);
        let late = (0..LATE_HOURS).filter_map(|ago| self.ago(ago)).fold(f64::INFINITY, f64::min);
        let noise = (change / f64::from(changes.max(1))).max(NOISE_MIN);
        let above = if late.is_finite() { (late - *highest) / noise } else { 0.0 };
        (above.signum() * (2.0 * above.abs()).ln_1p()).clamp(-LOGARITHM_MAX, LOGARITHM_MAX)
    }

    /// A day that rose and was no leak is usual from the next day on.
    fn remember(&mut self, day: i64, floor: &Minima, grown: f64) {
        let rises = self.verdict.is_none() && grown > 0.0 && tau(floor).0 >= RISE_TAU_MIN;
        self.recent.rotate_left(1);
        let last = &mut self.recent[HOURS - 1];
        let old = std::mem::replace(last, if rises { grown as f32 } else { 0.0 });
        if self.verdict.is_some() {
            self.recent = [0.0; HOURS];
        }
        if day != self.day {
            self.day = day;
            self.usual.rotate_left(1);
            self.usual[DAYS - 1] = 0.0;
            self.days = (self.days + 1).min(DAYS);
        }
        self.usual[DAYS - 1] = self.usual[DAYS - 1].max(old);
    }
}

/// Seconds until so many bytes have grown; a century at most.
fn eta_s(left_bytes: f64, bytes_per_hour: f64) -> i64 {
    const CENTURY_S: f64 = 3.2e9;
    (left_bytes.max(0.0) / bytes_per_hour * 3600.0).min(CENTURY_S) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEGA: f64 = 1e6;

    fn noise(i: i64) -> f64 {
        (i.wrapping_mul(2_654_435_761) >> 7).rem_euclid(1000) as f64 / 1000.0
    }

    fn sample(at_unix_s: i64, bytes: f64) -> MemorySample {
        MemorySample { at_unix_s, bytes, limit_bytes: Some(2000.0 * MEGA), request_bytes: None }
    }

    /// The hour of the first leak that is told, of memory by hour every five minutes, over `days`.
    fn first(days: i64, bytes: impl Fn(f64) -> f64) -> Option<(f64, Evidence)> {
        let mut detector = LeakDetector::new(7200);
        (0..days * 288).find_map(|i| {
            let hour = i as f64 / 12.0;
            let told = detector.push(&sample(i * 300, bytes(hour) + noise(i) * 20.0 * MEGA));
            told.map(|evidence| (hour, evidence))
        })
    }

    #[test]
    fn a_leak_is_told_within_a_day_with_its_rate_and_the_time_that_is_left() {
        let leak = |hour: f64| 300.0 * MEGA + (hour - 240.0).max(0.0) * 10.0 * MEGA;
        let (hour, evidence) = first(12, leak).unwrap();
        assert!((246.0..=264.0).contains(&hour), "{hour}");
        let Evidence::Leak { bytes_per_hour, eta_s: Some(eta), .. } = evidence else {
            panic!("{evidence:?}")
        };
        assert!((4.0..=12.0).contains(&(bytes_per_hour / MEGA)), "{bytes_per_hour}");
        assert!(eta > 100 * 3600, "{eta}");
    }

    #[test]
    fn a_leak_is_told_after_a_gap_as_it_is_without_one() {
        let told = |gap: std::ops::Range<i64>| {
            let mut detector = LeakDetector::new(7200);
            let mut samples = (0..12 * 288).filter(|i| !gap.contains(&(i / 12)));
            samples.find(|i| {
                let leak = (*i as f64 / 12.0 - 240.0).max(0.0) * 10.0;
                let bytes = (300.0 + leak + noise(*i) * 20.0) * MEGA;
                detector.push(&sample(i * 300, bytes)).is_some()
            })
        };
        let (without, with) = (told(0..0).unwrap(), told(252..255).unwrap());
        assert!((with - without).abs() <= 4 * 12, "hours {} and {}", without / 12, with / 12);
        assert!(told(100..104).is_some_and(|i| i == without), "a gap of days ago changes nothing");
    }

    #[test]
    fn a_container_that_requests_much_more_than_it_uses_leaks_like_one_that_requests_nothing() {
        let told = |request_bytes: Option<f64>| {
            let mut detector = LeakDetector::new(7200);
            (0..12 * 288).find(|i| {
                let leak = (*i as f64 / 12.0 - 240.0).max(0.0) * 5.0;
                let bytes = (300.0 + leak + noise(*i) * 5.0) * MEGA;
                detector.push(&MemorySample { request_bytes, ..sample(i * 300, bytes) }).is_some()
            })
        };
        assert!(told(None).is_some());
        assert_eq!(told(Some(4096.0 * 1_048_576.0)), told(None));
    }

    #[test]
    fn what_is_flat_waves_daily_steps_or_falls_is_no_leak() {
        let shapes: [fn(f64) -> f64; 4] = [
            |_| 300.0,
            |hour| 300.0 + 100.0 * (hour / 24.0 * std::f64::consts::TAU).sin(),
            |hour| if hour < 200.0 { 300.0 } else { 500.0 },
            |hour| 900.0 - hour,
        ];
        for (i, shape) in shapes.into_iter().enumerate() {
            assert_eq!(first(20, |hour| shape(hour) * MEGA), None, "shape {i}");
        }
    }

    #[test]
    fn samples_every_ten_seconds_whose_noise_hides_the_growth_still_show_the_leak() {
        let mut detector = LeakDetector::new(600);
        let told = (0..6 * 8640).find(|i| {
            let hour = *i as f64 / 360.0;
            let bytes = 50.0 * MEGA + (hour - 96.0).max(0.0) * MEGA + 0.2 * MEGA * noise(*i);
            detector.push(&sample(i * 10, bytes)).is_some()
        });
        assert!(told.is_some_and(|i| (102 * 360..=120 * 360).contains(&i)), "{told:?}");
    }

    #[test]
    fn the_faster_a_leak_the_more_speaks_for_it() {
        let mut weights = Vec::new();
        for megabytes in [3.0, 30.0, 300.0, 3000.0] {
            let mut detector = LeakDetector::new(7200);
            let weight = |i: i64| {
                let hour = i as f64 / 12.0;
                let bytes = 300.0 * MEGA + (hour - 240.0).max(0.0) * megabytes * MEGA;
                detector.push(&sample(i * 300, bytes + noise(i) * 20.0 * MEGA));
                detector.weight_of_evidence()
            };
            weights.push((0..264 * 12).map(weight).fold(0.0, f64::max));
        }
        assert!(weights.windows(2).all(|pair| pair[1] > pair[0] - 0.2), "{weights:?}");
        assert!(weights[0] > LeakDetector::EVIDENCE_MIN, "{weights:?}");
    }

    #[test]
    fn growth_of_the_first_half_hour_is_ignored_and_a_restart_begins_anew() {
        let mut detector = LeakDetector::new(7200);
        let mut told = 0;
        for i in 0..12 * 288 {
            let at = i * 300;
            if at % 14_400 == 0 {
                detector.restarted(at);
            }
            told += usize::from(detector.push(&sample(at, 1e8 + (at % 14_400) as f64 * 1e4)).is_some());
        }
        assert_eq!(told, 0, "what grows for four hours and starts again is no leak of a day");
    }

    #[test]
    fn a_series_that_often_grows_for_a_day_must_grow_more_than_ever() {
        let sawtooth = |hour: f64| 300.0 * MEGA + (hour.rem_euclid(40.0) - 8.0).max(0.0) * 3.0 * MEGA;
        let mut detector = LeakDetector::new(7200);
        let told: Vec<i64> = (0..30 * 288)
            .filter(|i| detector.push(&sample(i * 300, sawtooth(*i as f64 / 12.0))).is_some())
            .collect();
        assert!(told.iter().all(|i| *i < 10 * 288), "{:?}", told.last());
    }
}
