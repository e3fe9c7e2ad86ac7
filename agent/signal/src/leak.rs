//! Leaks: memory whose floor only grows, faster than this series ever did without one.
//!
//! Looks at hourly minima, which are what a garbage collector could not free, and of them at the least of three, which
//! short bursts do not lift. Feed it memory without page cache. A monotone test alone takes any slow daily wave for a
//! leak, so it is a gate here and not the verdict. How often it is right on recorded memory is told in docs/anomaly.md.

use crate::finding::Evidence;
use crate::order::{Order, Step};

/// Hours that are looked at, and the latest of them, which must agree.
const HOURS: usize = 24;
const LATE_HOURS: usize = 6;

/// Hours whose least is the floor.
const FLOOR_HOURS: usize = 3;

/// Hours with a sample that the window must have.
const HOURS_MIN: usize = 20;

/// Slopes between all pairs of the window.
const PAIRS: usize = HOURS * (HOURS - 1) / 2;

/// Growth of the first half hour after a start is warm-up.
const WARM_UP_S: i64 = 1800;

/// Kendall's tau that the minima must reach: of all pairs, so many more rise than fall.
const TAU_MIN: f64 = 0.8;

/// The share of the floor's variance that the line must explain.
const EXPLAINED_MIN: f64 = 0.6;

/// Growth of the window that matters, as a share of what is requested, or of the floor where nothing is.
const EFFECT_MIN: f64 = 0.05;

/// How many times more than ever in the past days the floor must have grown.
const RECORD_RATIO: f64 = 1.5;

/// Days whose largest growth within a window is remembered.
const DAYS: usize = 28;

/// Days that must have been seen to know what is usual.
const DAYS_MIN: usize = 3;

/// The lowest sample of each hour, the latest last.
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

/// The leak of one container. About 900 bytes.
#[derive(Debug, Clone)]
pub struct LeakDetector {
    order: Order,
    gap_s: i64,
    started: Option<i64>,
    hour: i64,
    low: f64,
    minima: Minima,
    /// Growth of the windows of the last hours, which may be the beginning of a leak.
    recent: [f64; HOURS],
    usual: [f64; DAYS],
    day: i64,
    days: usize,
    verdict: Option<Evidence>,
}

impl LeakDetector {
    /// Silence of more than `gap_s` seconds is taken for a restart.
    pub fn new(gap_s: i64) -> Self {
        Self {
            order: Order::new(gap_s),
            gap_s,
            started: None,
            hour: i64::MIN,
            low: f64::INFINITY,
            minima: [None; HOURS],
            recent: [0.0; HOURS],
            usual: [0.0; DAYS],
            day: i64::MIN,
            days: 0,
            verdict: None,
        }
    }

    /// The container started again: its floor is a new one, and what grows for half an hour is warm-up. What was usual
    /// before stays usual.
    pub fn restarted(&mut self, at_unix_s: i64) {
        *self = Self { started: Some(at_unix_s), ..self.anew() };
    }

    fn anew(&self) -> Self {
        Self { usual: self.usual, day: self.day, days: self.days, ..Self::new(self.gap_s) }
    }

    /// Takes a sample; the evidence while there is a leak. It changes with the hour.
    pub fn push(&mut self, sample: &MemorySample) -> Option<Evidence> {
        match self.order.admit(sample.at_unix_s, sample.bytes) {
            Step::Refused => return self.verdict,
            Step::Restart => {
                let order = self.order.clone();
                *self = Self { order, started: self.started, ..self.anew() };
                self.hour = sample.at_unix_s.div_euclid(3600);
            }
            Step::Next => {}
        }
        let hour = sample.at_unix_s.div_euclid(3600);
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
        let passed = hour.saturating_sub(self.hour).clamp(1, HOURS as i64);
        for i in 0..passed {
            self.minima.rotate_left(1);
            self.minima[HOURS - 1] = (i == 0 && self.low.is_finite()).then_some(self.low);
        }
        (self.hour, self.low) = (hour, f64::INFINITY);
        let floor = floor(&self.minima);
        let Some(trend) = Trend::of(&floor) else {
            self.verdict = None;
            return;
        };
        self.verdict = self.judge(&trend, &floor, sample);
        let ordinary = if self.verdict.is_none() && trend.rises() { trend.grown() } else { 0.0 };
        self.recent.rotate_left(1);
        let old = std::mem::replace(&mut self.recent[HOURS - 1], ordinary);
        if self.verdict.is_some() {
            self.recent = [0.0; HOURS];
        }
        self.remember(hour.div_euclid(24), old);
    }

    fn judge(&self, trend: &Trend, floor: &Minima, sample: &MemorySample) -> Option<Evidence> {
        let grown = trend.grown();
        let usual = self.usual.iter().copied().fold(0.0, f64::max);
        let whole = sample.request_bytes.filter(|bytes| *bytes > 0.0).unwrap_or(trend.level);
        let late = Trend::slope(&floor[HOURS - LATE_HOURS..]);
        let leaks = self.days >= DAYS_MIN
            && late.is_some_and(|slope| slope > 0.0)
            && trend.rises()
            && grown >= EFFECT_MIN * whole
            && grown > RECORD_RATIO * usual;
        leaks.then(|| Evidence::Leak {
            bytes_per_hour: trend.per_hour,
            grown_bytes: grown,
            hours: HOURS as u8,
            eta_s: sample.limit_bytes.map(|limit| eta_s(limit - sample.bytes, trend.per_hour)),
        })
    }

    fn remember(&mut self, day: i64, grown: f64) {
        if day != self.day {
            self.day = day;
            self.usual.rotate_left(1);
            self.usual[DAYS - 1] = 0.0;
            self.days = (self.days + 1).min(DAYS);
        }
        self.usual[DAYS - 1] = self.usual[DAYS - 1].max(grown);
    }
}

/// Of each hour with a sample the least of it and the hours before it.
fn floor(minima: &Minima) -> Minima {
    let least =
        |from: usize, to: usize| minima[from..=to].iter().flatten().copied().fold(f64::INFINITY, f64::min);
    std::array::from_fn(|i| minima[i].map(|_| least((i + 1).saturating_sub(FLOOR_HOURS), i)))
}

/// Seconds until so many bytes have grown; a century at most.
fn eta_s(left_bytes: f64, bytes_per_hour: f64) -> i64 {
    const CENTURY_S: f64 = 3.2e9;
    (left_bytes.max(0.0) / bytes_per_hour * 3600.0).min(CENTURY_S) as i64
}

/// The line through hourly minima.
struct Trend {
    per_hour: f64,
    level: f64,
    tau: f64,
    explained: f64,
}

impl Trend {
    fn of(minima: &Minima) -> Option<Self> {
        let known = minima.iter().flatten().count();
        if known < HOURS_MIN {
            return None;
        }
        let per_hour = Self::slope(minima)?;
        let (mut rising, mut pairs) = (0.0, 0.0);
        for (i, a) in minima.iter().enumerate() {
            for b in minima[i + 1..].iter().flatten() {
                let Some(a) = a else { break };
                rising += if b > a {
                    1.0
                } else if b < a {
                    -1.0
                } else {
                    0.0
                };
                pairs += 1.0;
            }
        }
        let mean = minima.iter().flatten().sum::<f64>() / known as f64;
        let middle = (HOURS as f64 - 1.0) / 2.0;
        let (mut total, mut left) = (0.0, 0.0);
        for (i, value) in minima.iter().enumerate() {
            let Some(value) = value else { continue };
            let line = mean + per_hour * (i as f64 - middle);
            total += (value - mean) * (value - mean);
            left += (value - line) * (value - line);
        }
        let explained = if total > 0.0 { 1.0 - left / total } else { 0.0 };
        Some(Self { per_hour, level: mean, tau: rising / f64::max(pairs, 1.0), explained })
    }

    /// Median of the slopes between all pairs (Theil, Sen).
    fn slope(minima: &[Option<f64>]) -> Option<f64> {
        let (mut slopes, mut count) = ([0.0; PAIRS], 0);
        for (i, a) in minima.iter().enumerate() {
            let Some(a) = a else { continue };
            for (j, b) in minima.iter().enumerate().skip(i + 1) {
                let Some(b) = b else { continue };
                slopes[count] = (b - a) / (j - i) as f64;
                count += 1;
            }
        }
        let own = slopes.get_mut(..count).filter(|own| !own.is_empty())?;
        let (_, median, _) = own.select_nth_unstable_by(count / 2, f64::total_cmp);
        Some(*median)
    }

    /// Whether it is a line upwards, and not a step or a wave.
    fn rises(&self) -> bool {
        self.per_hour > 0.0 && self.tau >= TAU_MIN && self.explained >= EXPLAINED_MIN
    }

    /// Over the whole window.
    fn grown(&self) -> f64 {
        self.per_hour * HOURS as f64
    }
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
