//! Leaks put into recorded memory: how many are found within a day, and how many weeks without one are flagged.
//!
//! After two weeks in which the detector learns what is usual, a copy of it meets a leak of 1 to 100 MB/h every 5 to 9
//! days, at a rate drawn evenly on a logarithmic scale; the detector itself goes on with what was recorded. What was
//! recorded may hold leaks of its own: they count as false alarms.

use kubeopt_model::trace::UsageTrace;
use kubeopt_signal::{LeakDetector, MemorySample};
use serde::Serialize;

use crate::figures::wilson;
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
pub const HEADERS_LEAKS: [&str; 6] =
    ["rate", "leaks", "found within 24 h", "share, 95 % interval", "of them within 12 h", "within 6 h"];

/// The columns of [`AtThreshold::cells`].
pub const HEADERS_THRESHOLDS: [&str; 3] = ["weight of evidence", "leaks found", "weeks flagged"];

/// The weights of evidence at which the trials are told again.
const THRESHOLDS: [f64; 9] = [8.0, 9.0, 9.5, 10.0, 10.5, 11.0, 11.5, 12.0, 13.0];

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
    /// And within 12.
    pub found_in_12_hours: u64,
    /// And within 6.
    pub found_in_6_hours: u64,
}

/// All trials, had leaks been told at another weight of evidence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AtThreshold {
    /// The weight of evidence from which on a leak is told.
    pub evidence: f64,
    /// Leaks found within 24 hours, and all.
    pub found: u64,
    /// See above.
    pub leaks: u64,
    /// Weeks with a leak told, and all.
    pub flagged_weeks: u64,
    /// See above.
    pub clean_weeks: u64,
}

impl AtThreshold {
    /// The share of leaks that are found.
    pub fn share_found(&self) -> f64 {
        self.found as f64 / self.leaks.max(1) as f64
    }

    /// The share of weeks that are flagged.
    pub fn share_flagged(&self) -> f64 {
        self.flagged_weeks as f64 / self.clean_weeks.max(1) as f64
    }

    /// Under [`HEADERS_THRESHOLDS`].
    pub fn cells(&self) -> [String; 3] {
        [
            format!("{:.1}", self.evidence),
            format!("{:.1} %", 100.0 * self.share_found()),
            format!("{:.2} %", 100.0 * self.share_flagged()),
        ]
    }
}

/// What came of all trials.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LeakTrials {
    /// The detector.
    pub name: &'static str,
    /// The part of the traces; all where there is none.
    pub part: Option<Part>,
    /// Traces that lasted three weeks.
    pub series: u64,
    /// Weeks as they were recorded.
    pub clean_weeks: u64,
    /// Of these, with a leak told.
    pub flagged_weeks: u64,
    /// By rate, half a decade each.
    pub rates: [Decade; 4],
    /// The same at other thresholds, the most sensitive first.
    pub thresholds: Vec<AtThreshold>,
}

impl LeakTrials {
    /// No trial yet, of this part only where one is named.
    pub fn new(part: Option<Part>) -> Self {
        let rates = std::array::from_fn(|i| Decade {
            from_mb_per_hour: 10_f64.powf(i as f64 / 2.0),
            to_mb_per_hour: 10_f64.powf((i + 1) as f64 / 2.0),
            ..Decade::default()
        });
        let thresholds = THRESHOLDS.map(|evidence| AtThreshold { evidence, ..AtThreshold::default() });
        Self {
            name: "kubeopt",
            part,
            series: 0,
            clean_weeks: 0,
            flagged_weeks: 0,
            rates,
            thresholds: thresholds.to_vec(),
        }
    }

    /// Tries one trace; one of another part, or of less than three weeks, is passed over.
    pub fn add(&mut self, trace: &UsageTrace) {
        let points = &trace.memory.points;
        let (Some((from, _)), Some((to, _))) = (points.first(), points.last()) else { return };
        let other = self.part.is_some_and(|part| part != Part::of(&trace.name));
        if other || to - from < LEARNING_S + WEEK_S {
            return;
        }
        self.series += 1;
        let mut chance = Chance::of(&trace.name);
        let (mut detector, mut flagged_at, mut week, mut own) =
            (LeakDetector::new(GAP_S), i64::MIN, 0, Told::default());
        let mut next = from + LEARNING_S + chance.within(5 * DAY_S);
        for (i, (at, bytes)) in points.iter().enumerate() {
            if (at - from) / WEEK_S != week {
                self.close(week, own);
                (week, own) = ((at - from) / WEEK_S, Told::default());
            }
            if *at >= next {
                next = at + 5 * DAY_S + chance.within(4 * DAY_S);
                let rate = 100_f64.powf(chance.share());
                if at.saturating_sub(flagged_at) > DAY_S {
                    self.leak(&detector, &points[i..], rate);
                }
            }
            if own.push(&mut detector, *at, *bytes) {
                flagged_at = *at;
            }
        }
    }

    fn close(&mut self, week: i64, own: Told) {
        if week * WEEK_S < LEARNING_S {
            return;
        }
        self.clean_weeks += 1;
        self.flagged_weeks += u64::from(own.told);
        for at in &mut self.thresholds {
            at.clean_weeks += 1;
            at.flagged_weeks += u64::from(own.evidence >= at.evidence);
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
        let (mut own, mut found) = (Told::default(), None);
        for (at, bytes) in &points[..day] {
            let grown = (at - begin) as f64 / 3600.0 * mb_per_hour * 1e6;
            if own.push(&mut detector, *at, bytes + grown) {
                found = found.or(Some(at - begin));
            }
        }
        for at in &mut self.thresholds {
            at.leaks += 1;
            at.found += u64::from(own.evidence >= at.evidence);
        }
        let rate = self.rates.iter_mut().rev().find(|rate| mb_per_hour >= rate.from_mb_per_hour);
        let Some(rate) = rate else { return };
        rate.leaks += 1;
        rate.found += u64::from(found.is_some());
        rate.found_in_12_hours += u64::from(found.is_some_and(|after| after < 12 * 3600));
        rate.found_in_6_hours += u64::from(found.is_some_and(|after| after < 6 * 3600));
    }

    /// Leaks that were found within a day, and all.
    fn found(&self) -> (u64, u64) {
        let sum = |of: fn(&Decade) -> u64| self.rates.iter().map(of).sum();
        (sum(|rate| rate.found), sum(|rate| rate.leaks))
    }

    /// The share of leaks that are found within a day.
    pub fn share_found(&self) -> f64 {
        let (found, leaks) = self.found();
        found as f64 / leaks.max(1) as f64
    }

    /// The share of weeks as recorded that are flagged.
    pub fn share_flagged(&self) -> f64 {
        self.flagged_weeks as f64 / self.clean_weeks.max(1) as f64
    }

    /// What was tried, in a sentence.
    pub fn headline(&self) -> String {
        let part = self.part.map_or(String::new(), |part| format!(" of the part `{}`", part.as_str()));
        let (found, leaks) = self.found();
        format!(
            "{} series{part}: {found} of {leaks} leaks found within a day ({:.1} %), {} of {} weeks as recorded flagged ({:.2} %)",
            self.series,
            100.0 * self.share_found(),
            self.flagged_weeks,
            self.clean_weeks,
            100.0 * self.share_flagged()
        )
    }
}

/// What a detector told over some samples.
#[derive(Debug, Clone, Copy, Default)]
struct Told {
    told: bool,
    /// The most of any hour.
    evidence: f64,
}

impl Told {
    fn push(&mut self, detector: &mut LeakDetector, at_unix_s: i64, bytes: f64) -> bool {
        let tells = detector
            .push(&MemorySample { at_unix_s, bytes, limit_bytes: None, request_bytes: None })
            .is_some();
        self.told |= tells;
        self.evidence = self.evidence.max(detector.weight_of_evidence());
        tells
    }
}

impl Decade {
    /// The share that is found within a day.
    pub fn share_found(&self) -> f64 {
        self.found as f64 / self.leaks.max(1) as f64
    }

    /// The 95 % interval of that share.
    pub fn interval(&self) -> (f64, f64) {
        wilson(self.found, self.leaks)
    }

    /// Under [`HEADERS_LEAKS`].
    pub fn cells(&self) -> [String; 6] {
        let (low, high) = self.interval();
        let share = format!("{:.1} % [{:.1}, {:.1}]", 100.0 * self.share_found(), 100.0 * low, 100.0 * high);
        [
            format!("{:.0} to {:.0} MB/h", self.from_mb_per_hour, self.to_mb_per_hour),
            self.leaks.to_string(),
            self.found.to_string(),
            share,
            self.found_in_12_hours.to_string(),
            self.found_in_6_hours.to_string(),
        ]
    }
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
