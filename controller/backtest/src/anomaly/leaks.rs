//! Leaks put into recorded memory: how many are found within a day, and how many weeks without one are flagged.
//!
//! After two weeks in which the detector learns what is usual, a copy of it meets a leak of 1 to 100 MB/h every 5 to 9
//! days, at a rate drawn evenly on a logarithmic scale; the detector itself goes on with what was recorded. What was
//! recorded may hold leaks of its own: they count as false alarms.

use kubeopt_model::trace::UsageTrace;
use kubeopt_signal::{LeakDetector, MemorySample};
use serde::Serialize;

use crate::split::Part;

const DAY_S: i64 = 86_400;
const WEEK_S: i64 = 7 * DAY_S;

/// What the detector learns before anything counts.
const LEARNING_S: i64 = 2 * WEEK_S;

/// Samples that the day after a leak began must have: most of its 288.
const DAY_SAMPLES_MIN: usize = 250;

/// Silence of more is taken for a restart.
const GAP_S: i64 = 6 * 3600;

/// The columns of [`Decade::cells`].
pub const HEADERS_LEAKS: [&str; 5] = ["rate", "leaks", "found within 24 h", "share", "of them within 6 h"];

/// Leaks of one order of magnitude.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Decade {
    /// MB/h, from and to.
    pub from_mb_per_hour: f64,
    /// See above.
    pub to_mb_per_hour: f64,
    /// Leaks that were put in.
    pub leaks: u64,
    /// Leaks that were found within 24 hours.
    pub found: u64,
    /// And within 6.
    pub found_early: u64,
}

/// What came of all trials.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LeakTrials {
    /// The part of the traces; all where there is none.
    pub part: Option<Part>,
    /// Traces that lasted three weeks.
    pub traces: u64,
    /// Weeks as they were recorded.
    pub clean_weeks: u64,
    /// Of these, with a leak told.
    pub flagged_weeks: u64,
    /// By rate, half a decade each.
    pub rates: [Decade; 4],
}

impl LeakTrials {
    /// No trial yet, of this part only where one is named.
    pub fn new(part: Option<Part>) -> Self {
        let rates = std::array::from_fn(|i| Decade {
            from_mb_per_hour: 10_f64.powf(i as f64 / 2.0),
            to_mb_per_hour: 10_f64.powf((i + 1) as f64 / 2.0),
            ..Decade::default()
        });
        Self { part, traces: 0, clean_weeks: 0, flagged_weeks: 0, rates }
    }

    /// Tries one trace; one of another part, or of less than three weeks, is passed over.
    pub fn add(&mut self, trace: &UsageTrace) {
        let points = &trace.memory.points;
        let (Some((from, _)), Some((to, _))) = (points.first(), points.last()) else { return };
        let other = self.part.is_some_and(|part| part != Part::of(&trace.name));
        if other || to - from < LEARNING_S + WEEK_S {
            return;
        }
        self.traces += 1;
        let mut chance = Chance::of(&trace.name);
        let (mut detector, mut flagged_at, mut week, mut flagged) =
            (LeakDetector::new(GAP_S), i64::MIN, 0, false);
        let mut next = from + LEARNING_S + chance.within(5 * DAY_S);
        for (i, (at, bytes)) in points.iter().enumerate() {
            if (at - from) / WEEK_S != week {
                self.close(week, flagged);
                (week, flagged) = ((at - from) / WEEK_S, false);
            }
            if *at >= next {
                next = at + 5 * DAY_S + chance.within(4 * DAY_S);
                let rate = 100_f64.powf(chance.share());
                if at.saturating_sub(flagged_at) > DAY_S {
                    self.leak(&detector, &points[i..], rate);
                }
            }
            if detector.push(&sample(*at, *bytes)).is_some() {
                (flagged, flagged_at) = (true, *at);
            }
        }
    }

    fn close(&mut self, week: i64, flagged: bool) {
        if week * WEEK_S >= LEARNING_S {
            self.clean_weeks += 1;
            self.flagged_weeks += u64::from(flagged);
        }
    }

    /// What comes, with a leak from its first sample on.
    fn leak(&mut self, detector: &LeakDetector, points: &[(i64, f64)], mb_per_hour: f64) {
        let mut detector = detector.clone();
        let begin = points.first().map_or(0, |(at, _)| *at);
        let day = points.partition_point(|(at, _)| at - begin <= DAY_S);
        if day < DAY_SAMPLES_MIN || day == points.len() {
            return;
        }
        let found = points[..day].iter().find(|(at, bytes)| {
            let grown = (at - begin) as f64 / 3600.0 * mb_per_hour * 1e6;
            detector.push(&sample(*at, bytes + grown)).is_some()
        });
        let rate = self.rates.iter_mut().rev().find(|rate| mb_per_hour >= rate.from_mb_per_hour);
        let Some(rate) = rate else { return };
        rate.leaks += 1;
        rate.found += u64::from(found.is_some());
        rate.found_early += u64::from(found.is_some_and(|(at, _)| at - begin < 6 * 3600));
    }

    /// What was tried, in a sentence.
    pub fn headline(&self) -> String {
        let part = self.part.map_or(String::new(), |part| format!(" of the part `{}`", part.as_str()));
        let leaks: u64 = self.rates.iter().map(|rate| rate.leaks).sum();
        let found: u64 = self.rates.iter().map(|rate| rate.found).sum();
        format!(
            "{} series{part}: {found} of {leaks} leaks found within a day ({:.1} %), {} of {} weeks as recorded flagged ({:.2} %)",
            self.traces,
            per_cent(found, leaks),
            self.flagged_weeks,
            self.clean_weeks,
            per_cent(self.flagged_weeks, self.clean_weeks)
        )
    }
}

impl Decade {
    /// Under [`HEADERS_LEAKS`].
    pub fn cells(&self) -> [String; 5] {
        [
            format!("{:.0} to {:.0} MB/h", self.from_mb_per_hour, self.to_mb_per_hour),
            self.leaks.to_string(),
            self.found.to_string(),
            format!("{:.1} %", per_cent(self.found, self.leaks)),
            self.found_early.to_string(),
        ]
    }
}

fn per_cent(part: u64, whole: u64) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}

fn sample(at_unix_s: i64, bytes: f64) -> MemorySample {
    MemorySample { at_unix_s, bytes, limit_bytes: None, request_bytes: None }
}

/// Numbers that follow from a name (xorshift, seeded by FNV-1a).
struct Chance(u64);

impl Chance {
    fn of(name: &str) -> Self {
        let seed = name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        });
        Self(seed.max(1))
    }

    /// From 0 to below 1.
    fn share(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn within(&mut self, seconds: i64) -> i64 {
        (self.share() * seconds as f64) as i64
    }
}
