//! The memory request that costs least: GiB that are reserved, and the price of the chance that the highest sample of the
//! next week exceeds it.
//!
//! The highest sample of a week is taken to be spread about a level that the past weeks tell, recent ones first, with
//! heavy tails (Student's t with two degrees of freedom, on a logarithmic scale). After a week that exceeded what was
//! given, exceeding costs more for a while. What was given before is kept unless another value costs clearly less.

use std::sync::LazyLock;

use kubeopt_model::quantity::{GIB, MIB};
use kubeopt_model::usage::DayUsage;

use crate::cheapest::{Choice, Chosen};
use crate::given::{FIRST_DAYS, History, Then};

/// Days that it looks at.
pub(crate) const DAYS: u32 = 90;

/// Seconds of a day.
const DAY_S: i64 = 86_400;

/// Days of the span that a value is for, and its seconds.
const WEEK: usize = 7;
const WEEK_S: i64 = 7 * DAY_S;

/// Weekly peaks are taken from this many days back; with their week that is [`DAYS`] and less.
const PEAKS: usize = 84;

/// Weeks after which a peak counts half.
const HALF_LIFE_WEEKS: f64 = 6.0;

/// Part of the level that the latest week alone tells.
const LATEST: f64 = 0.3;

/// What is assumed of the spread before anything is known: its size (natural logarithms), and how many weeks it weighs.
const PRIOR_SPREAD: f64 = 0.4;
const PRIOR_WEEKS: f64 = 2.0;

/// How much more exceeding costs after each week that did, and what of that is left a week later.
const DEARER: f64 = 1.5;
const FADES: f64 = 0.8;

/// Days whose lowest peak, and a little, is never gone below.
const FLOOR_DAYS: usize = 3;
const FLOOR_LARGER: f64 = 1.1;

/// Candidates: each 2 % above the last, from 8 MiB to 118 GiB.
const FIRST_MIB: f64 = 8.0;
const STEP: f64 = 1.02;
const CANDIDATES: i32 = 486;

static GRID_BYTES: LazyLock<Vec<f64>> =
    LazyLock::new(|| (0..CANDIDATES).map(|step| FIRST_MIB * STEP.powi(step) * MIB as f64).collect());

/// What containers of the fleet request on average where nobody says it, in GiB: the mean of the machines of
/// `bitbrains-rnd-2013`, on which the prices were found.
const MEAN_GIB: f64 = 7.5;

/// The parameters of the cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MemoryCost {
    /// What a week that exceeds the request costs, in mean requests of the fleet that are reserved for that week.
    pub price: f64,
}

impl Default for MemoryCost {
    fn default() -> Self {
        Self { price: 2.0 }
    }
}

impl MemoryCost {
    /// Reserves less, at more risk.
    pub fn economy() -> Self {
        Self { price: 8.5 / MEAN_GIB }
    }

    /// The value for the week from now on; none without a sample. What was given before is found by going through the
    /// weeks of the history.
    pub fn give(&self, history: &History<'_>) -> Option<Chosen> {
        let days = history.memory.days;
        let oldest = days.iter().map(|day| day.at_unix_s).min()?;
        let mut weeks = Weeks::default();
        for now in history.weekly(oldest, FIRST_DAYS) {
            let then = Then { at_unix_s: now, most: history.most_at(now), fleet: history.fleet };
            if let Some(given) = self.at(&then, days, &mut weeks) {
                weeks.go_on(now, given);
            }
        }
        weeks.given
    }

    /// The value that would have been given at each of these moments, which are midnights of UTC, oldest first, a day apart
    /// and beginning within a day of the oldest sample: none without a sample before it. Nothing that lies after a moment
    /// has a part in its value. The history is gone through once for all of them.
    ///
    /// The weeks before a moment are gone through with what was known around the container in each of them.
    pub fn give_at(&self, history: &History<'_>, moments: &[Then]) -> Vec<Option<Chosen>> {
        let days = history.memory.days;
        let Some(oldest) = days.iter().map(|day| day.at_unix_s).min() else {
            return vec![None; moments.len()];
        };
        let mut weeks = Weeks::default();
        let give = |then: &Then| {
            let given = self.at(then, days, &mut weeks);
            let is_late = then.at_unix_s - oldest >= (FIRST_DAYS - 1) * DAY_S;
            if let Some(given) = given.filter(|_| is_late && history.is_weekly(then.at_unix_s)) {
                weeks.go_on(then.at_unix_s, given);
            }
            given
        };
        moments.iter().map(give).collect()
    }

    /// The value at a moment that is not before the one that was asked for last.
    fn at(&self, then: &Then, days: &[DayUsage], weeks: &mut Weeks) -> Option<Chosen> {
        let mean_gib = then.fleet.map_or(MEAN_GIB, |fleet| fleet.memory_request / GIB as f64);
        let now = then.at_unix_s;
        weeks.look_back(days, now);
        let peaks = Peaks::of(&daily(days, now))?;
        let most_mib = then.most.memory_limit.map_or(f64::INFINITY, |most| most / MIB as f64);
        let before = weeks.given.map(|given| given.value / MIB as f64);
        Some(least(self.price * mean_gib * DEARER.powf(weeks.hits), &peaks, most_mib, before))
    }
}

/// What was given in the weeks so far, and how it went.
#[derive(Debug, Default)]
struct Weeks {
    given: Option<Chosen>,
    hits: f64,
    /// When the last week began, until it is over and looked at.
    began_unix_s: Option<i64>,
}

impl Weeks {
    /// A week begins in which this is given.
    fn go_on(&mut self, at_unix_s: i64, given: Chosen) {
        self.given = Some(given);
        self.hits *= FADES;
        self.began_unix_s = Some(at_unix_s);
    }

    /// Looks at the last week once it is over.
    fn look_back(&mut self, days: &[DayUsage], now_unix_s: i64) {
        let Some(ends) = self.began_unix_s.map(|began| began + WEEK_S).filter(|ends| *ends <= now_unix_s)
        else {
            return;
        };
        self.began_unix_s = None;
        let given = self.given.map_or(f64::INFINITY, |given| given.value);
        if highest(&daily(days, ends)[..WEEK]).is_some_and(|mib| mib * MIB as f64 > given) {
            self.hits += 1.0;
        }
    }
}

/// The value that costs least, or the one before where that does not cost clearly more.
fn least(price: f64, peaks: &Peaks, most_mib: f64, before_mib: Option<f64>) -> Chosen {
    let weigh = |mib: f64| {
        // What the container cannot exceed is never exceeded.
        let exceeding = if mib >= most_mib { 0.0 } else { peaks.chance_above(mib) };
        let (value, reserved) = (mib * MIB as f64, mib * MIB as f64 / GIB as f64);
        Chosen { value, reserved, exceeding, risk: price * exceeding, kept: false }
    };
    // Above all candidates lies only what was seen.
    let allowed = |chosen: &Chosen| chosen.value >= peaks.floor_mib * MIB as f64;
    Choice { most: most_mib * MIB as f64, weigh: |value| weigh(value / MIB as f64), allowed }.cheapest(
        GRID_BYTES.iter().copied(),
        peaks.floor_mib * MIB as f64,
        before_mib.map(|mib| mib * MIB as f64),
    )
}

/// The highest sample of each of the [`DAYS`] before a moment in MiB, newest first; none for days without samples.
fn daily(days: &[DayUsage], now_unix_s: i64) -> Vec<Option<f64>> {
    let mut daily = vec![None; DAYS as usize];
    for day in days {
        // A day that began within the last 24 hours is the newest.
        let ago = (now_unix_s - 1 - day.at_unix_s).div_euclid(DAY_S);
        if let Some(slot) = usize::try_from(ago).ok().and_then(|ago| daily.get_mut(ago)) {
            *slot = Some(slot.map_or(0.0, |peak: f64| peak).max(day.max / MIB as f64));
        }
    }
    daily
}

fn highest(days: &[Option<f64>]) -> Option<f64> {
    days.iter().copied().flatten().reduce(f64::max)
}

/// What past weeks tell of the next one's highest sample, in natural logarithms of MiB.
struct Peaks {
    level: f64,
    spread: f64,
    floor_mib: f64,
}

impl Peaks {
    /// From daily peaks, newest first; none where there is none.
    fn of(daily: &[Option<f64>]) -> Option<Self> {
        let log = |mib: f64| mib.max(1.0).ln();
        let weekly = (0..PEAKS).filter_map(|ago| {
            let week = daily.get(ago..(ago + WEEK).min(daily.len()))?;
            let weight = (-(ago as f64) / WEEK as f64 / HALF_LIFE_WEEKS).exp2() / WEEK as f64;
            Some((weight, log(highest(week)?)))
        });
        let weekly: Vec<(f64, f64)> = weekly.collect();
        let weeks: f64 = weekly.iter().map(|(weight, _)| weight).sum();
        if weekly.is_empty() {
            return None;
        }
        let mean = weekly.iter().map(|(weight, peak)| weight * peak).sum::<f64>() / weeks;
        let squares: f64 = weekly.iter().map(|(weight, peak)| weight * (peak - mean).powi(2)).sum();
        let latest = highest(daily.get(..WEEK.min(daily.len()))?).or_else(|| highest(daily))?;
        let floor_mib = daily.iter().take(FLOOR_DAYS).copied().flatten().reduce(f64::min);
        let floor_mib = floor_mib.map_or(0.0, |mib| mib * FLOOR_LARGER);
        let spread = (squares + PRIOR_WEEKS * PRIOR_SPREAD.powi(2)) / (weeks + PRIOR_WEEKS);
        Some(Self { level: (1.0 - LATEST) * mean + LATEST * log(latest), spread: spread.sqrt(), floor_mib })
    }

    /// The chance that the highest sample of a week exceeds it: Student's t with two degrees of freedom, whose tail has a
    /// closed form.
    fn chance_above(&self, mib: f64) -> f64 {
        let z = (mib.ln() - self.level) / self.spread;
        0.5 * (1.0 - z / (2.0 + z * z).sqrt())
    }
}

#[cfg(test)]
#[path = "memory_cost_tests.rs"]
mod tests;
