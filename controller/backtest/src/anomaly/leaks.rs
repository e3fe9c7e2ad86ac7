//! Leaks put into recorded memory: how many are found within a day, and how many weeks without one are flagged.
//!
//! After two weeks in which the detector learns what is usual, a copy of it meets a leak of 1 to 100 MB/h every 5 to 9
//! days, at a rate drawn evenly on a logarithmic scale; the detector itself goes on with what was recorded. What was
//! recorded may hold leaks of its own: they count as false alarms. The detector is fed as the controller feeds it.

use kubeopt_model::trace::UsageTrace;
use kubeopt_signal::{LeakDetector, MemorySample};
use serde::Serialize;

use super::swings::Swings;
use crate::figures::interval;
use crate::split::Part;

const HOUR_S: i64 = 3600;
const DAY_S: i64 = 24 * HOUR_S;
const WEEK_S: i64 = 7 * DAY_S;

/// What the detector learns before anything counts.
const LEARNING_S: i64 = 2 * WEEK_S;

/// The share of its samples that the day after a leak began, and each week that counts, must have.
const COVERED_MIN: f64 = 0.85;

/// As the detectors of the controller have it.
const GAP_S: i64 = 2 * HOUR_S;

/// The columns of [`Decade::cells`].
pub const HEADERS_LEAKS: [&str; 7] = [
    "rate",
    "leaks",
    "found within 24 h",
    "share, 95 % interval",
    "of them within 12 h",
    "within 6 h",
    "below own swings",
];

/// The columns of [`AtThreshold::cells`].
pub const HEADERS_THRESHOLDS: [&str; 3] = ["weight of evidence", "leaks found", "weeks flagged"];

/// The weights of evidence at which the trials are told again.
const THRESHOLDS: [f64; 9] = [8.0, 9.0, 9.5, 10.0, 10.5, 11.0, 11.5, 12.0, 13.0];

/// Leaks of one order of magnitude.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
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
    /// Leaks that grow less in a day than the floor of the same memory did in one day of a hundred before.
    pub below_own_swings: u64,
    /// By series: leaks that were found within 24 hours, and all.
    #[serde(skip)]
    by_series: Vec<(u64, u64)>,
}

/// All trials, each time with a detector that tells leaks from another weight of evidence on.
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
        self.rates.iter_mut().for_each(|rate| rate.by_series.push((0, 0)));
        let recorded = Recorded::of(trace);
        let own = recorded.tried(LeakDetector::EVIDENCE_MIN);
        self.clean_weeks += own.weeks;
        self.flagged_weeks += own.flagged;
        let swings = Swings::of(recorded.samples.iter().map(|sample| (sample.at_unix_s, sample.bytes)));
        for leak in &own.leaks {
            let steep = swings.steep_before(leak.begin_unix_s);
            self.count(leak, steep.is_some_and(|steep| leak.mb_per_hour * 24e6 < steep));
        }
        for at in &mut self.thresholds {
            let whole = recorded.tried(at.evidence);
            at.clean_weeks += whole.weeks;
            at.flagged_weeks += whole.flagged;
            at.leaks += whole.leaks.len() as u64;
            at.found += whole.leaks.iter().filter(|leak| leak.found_s.is_some()).count() as u64;
        }
    }

    fn count(&mut self, leak: &Leak, below_own_swings: bool) {
        let rate = self.rates.iter_mut().rev().find(|rate| leak.mb_per_hour >= rate.from_mb_per_hour);
        let Some(rate) = rate else { return };
        let within = |hours: i64| u64::from(leak.found_s.is_some_and(|after| after < hours * HOUR_S));
        rate.leaks += 1;
        rate.found += u64::from(leak.found_s.is_some());
        rate.found_in_12_hours += within(12);
        rate.found_in_6_hours += within(6);
        rate.below_own_swings += u64::from(below_own_swings);
        if let Some((found, leaks)) = rate.by_series.last_mut() {
            *found += u64::from(leak.found_s.is_some());
            *leaks += 1;
        }
    }

    /// Leaks that were found within a day, and all.
    pub fn found_of(&self) -> (u64, u64) {
        let sum = |of: fn(&Decade) -> u64| self.rates.iter().map(of).sum();
        (sum(|rate| rate.found), sum(|rate| rate.leaks))
    }

    /// The share of leaks that are found within a day.
    pub fn share_found(&self) -> f64 {
        let (found, leaks) = self.found_of();
        found as f64 / leaks.max(1) as f64
    }

    /// The share of weeks as recorded that are flagged.
    pub fn share_flagged(&self) -> f64 {
        self.flagged_weeks as f64 / self.clean_weeks.max(1) as f64
    }

    /// What was tried, in a sentence.
    pub fn headline(&self) -> String {
        let part = self.part.map_or(String::new(), |part| format!(" of the part `{}`", part.as_str()));
        let (found, leaks) = self.found_of();
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

/// One leak that was put in.
struct Leak {
    mb_per_hour: f64,
    begin_unix_s: i64,
    /// Seconds from its beginning; none where it was not found within a day.
    found_s: Option<i64>,
}

/// What one detector made of one series.
#[derive(Default)]
struct Whole {
    weeks: u64,
    flagged: u64,
    leaks: Vec<Leak>,
}

/// A series of at least three weeks.
struct Recorded<'t> {
    name: &'t str,
    samples: Vec<MemorySample>,
    /// Samples of a day, if none is missing.
    daily: f64,
}

impl<'t> Recorded<'t> {
    fn of(trace: &'t UsageTrace) -> Self {
        let points = &trace.memory.points;
        let mut steps: Vec<i64> = points.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
        let middle = steps.len() / 2;
        let step = match steps.get(middle) {
            Some(_) => *steps.select_nth_unstable(middle).1,
            None => DAY_S,
        };
        let requested = trace.memory.provisioned.iter().copied().map(Some).chain(std::iter::repeat(None));
        let sample = |((at_unix_s, bytes), request_bytes): (&(i64, f64), Option<f64>)| MemorySample {
            at_unix_s: *at_unix_s,
            bytes: *bytes,
            limit_bytes: None,
            request_bytes,
        };
        Self {
            name: &trace.name,
            samples: points.iter().zip(requested).map(sample).collect(),
            daily: DAY_S as f64 / step.max(1) as f64,
        }
    }

    /// Whether most of the samples of so many seconds are there.
    fn covered(&self, samples: usize, seconds: i64) -> bool {
        samples as f64 >= COVERED_MIN * self.daily * (seconds as f64 / DAY_S as f64)
    }

    /// Goes through the series with a detector that tells from this weight of evidence on.
    fn tried(&self, evidence: f64) -> Whole {
        let mut whole = Whole::default();
        let Some(from) = self.samples.first().map(|sample| sample.at_unix_s) else { return whole };
        let mut detector = LeakDetector::new(GAP_S).telling_from(evidence);
        let mut chance = Chance::of(self.name);
        let mut next = from + LEARNING_S + chance.within(5 * DAY_S);
        let (mut flagged_at, mut week, mut count, mut told) = (i64::MIN, 0, 0, false);
        for (i, sample) in self.samples.iter().enumerate() {
            let at = sample.at_unix_s;
            if (at - from) / WEEK_S != week {
                if week * WEEK_S >= LEARNING_S && self.covered(count, WEEK_S) {
                    whole.weeks += 1;
                    whole.flagged += u64::from(told);
                }
                ((week, count), told) = (((at - from) / WEEK_S, 0), false);
            }
            if at >= next {
                next = at + 5 * DAY_S + chance.within(4 * DAY_S);
                let rate = 100_f64.powf(chance.share());
                if at.saturating_sub(flagged_at) > DAY_S {
                    whole.leaks.extend(self.leak(&detector, i, rate));
                }
            }
            count += 1;
            if detector.push(sample).is_some() {
                (flagged_at, told) = (at, true);
            }
        }
        whole
    }

    /// What comes, with a leak from this sample on; none where it is not recorded for a day.
    fn leak(&self, detector: &LeakDetector, first: usize, mb_per_hour: f64) -> Option<Leak> {
        let mut detector = detector.clone();
        let samples = self.samples.get(first..)?;
        let begin = samples.first()?.at_unix_s;
        let day = samples.partition_point(|sample| sample.at_unix_s - begin <= DAY_S);
        if !self.covered(day, DAY_S) || day == samples.len() {
            return None;
        }
        let found = samples[..day].iter().find(|sample| {
            let grown = (sample.at_unix_s - begin) as f64 / HOUR_S as f64 * mb_per_hour * 1e6;
            let told = detector.push(&MemorySample { bytes: sample.bytes + grown, ..**sample }).is_some();
            // What was told of hours that ended before the leak began is no find.
            told && sample.at_unix_s.div_euclid(HOUR_S) > begin.div_euclid(HOUR_S)
        });
        Some(Leak { mb_per_hour, begin_unix_s: begin, found_s: found.map(|sample| sample.at_unix_s - begin) })
    }
}

impl Decade {
    /// The share that is found within a day.
    pub fn share_found(&self) -> f64 {
        self.found as f64 / self.leaks.max(1) as f64
    }

    /// The 95 % bootstrap interval of that share, over series.
    pub fn interval(&self) -> (f64, f64) {
        interval(&self.by_series)
    }

    /// Under [`HEADERS_LEAKS`].
    pub fn cells(&self) -> [String; 7] {
        let (low, high) = self.interval();
        let share = format!("{:.1} % [{:.1}, {:.1}]", 100.0 * self.share_found(), 100.0 * low, 100.0 * high);
        [
            format!("{:.0} to {:.0} MB/h", self.from_mb_per_hour, self.to_mb_per_hour),
            self.leaks.to_string(),
            self.found.to_string(),
            share,
            self.found_in_12_hours.to_string(),
            self.found_in_6_hours.to_string(),
            format!("{:.1} %", 100.0 * self.below_own_swings as f64 / self.leaks.max(1) as f64),
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
