//! Leaks: memory whose floor only grows, as a line does, out of what is usual for this series and for the hour of the day.
//!
//! Looks at hourly minima, which are what a garbage collector could not free. Five statistics of the last day, which grow with
//! nothing but a steadier rise, are added to a weight of evidence, and one of the days before is taken off; from a fixed weight
//! on, a leak is told. A monotone test alone takes any slow daily wave for a leak, so it is one part here and not the verdict.
//! The weights were fitted on a part of a public recording; how often it is right on the rest is told in docs/anomaly.md. Feed
//! it memory without page cache.

mod hours;

use self::hours::{Hours, Minima};
use crate::finding::Evidence;
use crate::order::{Order, Step};
use crate::trend::{HOURS, line_over_step, mann_kendall, slope, tau};

/// The latest hours, which must agree.
const LATE_HOURS: usize = 6;

/// Of the rise of the day so much goes on in its later half: caches that fill after a start rise by less and less.
const LATER_MIN: f64 = 0.5;

/// Of three in four pairs of hours the later is higher: what fell and climbs back to where it was is no leak.
const TAU_MIN: f64 = 0.5;

/// Hours with a sample that the day must have.
const HOURS_MIN: usize = 20;

/// Growth of the first half hour after a start is warm-up.
const WARM_UP_S: i64 = 1800;

/// What the statistics weigh, in the order in which [`LeakDetector::weigh`] has them.
const WEIGHTS: [f64; 6] = [7.25, 2.67, 1.9, 0.67, 3.65, -0.37];

/// The logarithm ends here, so that no statistic decides alone.
const LOGARITHM_MAX: f64 = 3.0;

/// The square of a mebibyte is not worth explaining.
const UNEXPLAINED_MIN: f64 = 1_048_576.0 * 1_048_576.0;

/// How steadily days rose is noted every six hours, for a week.
const NOTED_HOURS: i64 = 6;
const RISES_A_DAY: usize = HOURS / NOTED_HOURS as usize;
const RISES: usize = 7 * RISES_A_DAY;

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

/// The leak of one container. About 1.3 KB.
#[derive(Debug, Clone)]
pub struct LeakDetector {
    order: Order,
    gap_s: i64,
    evidence_min: f64,
    started: Option<i64>,
    hour: i64,
    low: f64,
    hours: Hours,
    /// Mann and Kendall's statistic of the days that ended every six hours, the latest last; 0 where a leak was told.
    rises: [f32; RISES],
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
            hours: Hours::default(),
            rises: [0.0; RISES],
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
    /// before stays usual, except for a rise that a restart ended.
    pub fn restarted(&mut self, at_unix_s: i64) {
        (self.started, self.low) = (Some(at_unix_s), f64::INFINITY);
        self.hours.restart();
        (self.verdict, self.weight) = (None, 0.0);
        self.recent = [0.0; HOURS];
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
        self.hours.end(hour.saturating_sub(self.hour), self.low);
        (self.hour, self.low) = (hour, f64::INFINITY);
        let floor = self.hours.floor();
        let known = floor.iter().flatten().count();
        let rise = slope(&floor).filter(|_| known >= HOURS_MIN);
        (self.verdict, self.weight) = (None, 0.0);
        let Some(per_hour) = rise else { return };
        let grown = per_hour * HOURS as f64;
        let level = floor.iter().flatten().sum::<f64>() / known as f64;
        let whole = sample.request_bytes.filter(|bytes| *bytes > 0.0).map_or(level, |bytes| bytes.min(level));
        let usual = f64::from(self.usual.iter().copied().fold(0.0, f32::max));
        let late = slope(&floor[HOURS - LATE_HOURS..]).is_some_and(|slope| slope > 0.0);
        let later = slope(&floor[HOURS / 2..]).unwrap_or(per_hour);
        let matters = self.days >= DAYS_MIN
            && per_hour > 0.0
            && late
            && later >= LATER_MIN * per_hour
            && tau(&floor).0 >= TAU_MIN
            && grown >= EFFECT_MIN * whole
            && grown > RECORD_RATIO * usual;
        if matters {
            self.weight = self.weigh(&floor);
        }
        if self.weight >= self.evidence_min {
            // A leak that began within the day is steeper in its later half.
            let later = later.max(per_hour);
            let eta = |limit: f64| eta_s(limit - sample.bytes, later);
            self.verdict = Some(Evidence::Leak {
                bytes_per_hour: later,
                grown_bytes: grown,
                hours: HOURS as u8,
                eta_s: sample.limit_bytes.map(eta),
            });
        }
        if hour.rem_euclid(NOTED_HOURS) == 0 {
            self.note(mann_kendall(&floor, per_hour));
        }
        self.remember(hour.div_euclid(24), &floor, grown);
    }

    /// The weight of evidence of the last day. Of a day that rises more steadily no part weighs less.
    fn weigh(&self, floor: &Minima) -> f64 {
        let unusual = self.hours.unusual();
        let parts = [
            tau(floor).0,
            tau(&unusual[HOURS / 2..]).0,
            line_over_step(&unusual, UNEXPLAINED_MIN).clamp(-LOGARITHM_MAX, LOGARITHM_MAX),
            self.hours.rising_blocks(),
            self.hours.drift(floor),
            f64::from(self.rises[..RISES - RISES_A_DAY].iter().copied().fold(0.0, f32::max)),
        ];
        parts.iter().zip(WEIGHTS).map(|(part, weight)| part * weight).sum()
    }

    /// Notes how steadily the day rose. What is told is not usual.
    fn note(&mut self, rise: f64) {
        self.rises.rotate_left(1);
        self.rises[RISES - 1] = rise as f32;
        if self.verdict.is_some() {
            self.rises[RISES - RISES_A_DAY..].fill(0.0);
        }
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
mod tests;
