//! What a rule is told, and what it answers.

use kubeopt_model::Foretold;
use kubeopt_model::usage::DayUsage;

/// One resource of one container, all replicas together. CPU in millicores, memory in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Series<'a> {
    /// Days with samples, oldest first; days without any are missing.
    pub days: &'a [DayUsage],
    /// (start of the hour in seconds since the epoch, median of its samples), oldest first. May be empty.
    pub hours: &'a [(i64, f64)],
    /// (seconds since the epoch, value) of each 5-minute sample that is kept, oldest first. May reach less far back.
    pub points: &'a [(i64, f64)],
}

/// All that is known of one container at one moment.
#[derive(Debug, Clone, Copy, Default)]
pub struct History<'a> {
    /// CPU.
    pub cpu: Series<'a>,
    /// Memory.
    pub memory: Series<'a>,
    /// (seconds since the epoch, bytes in use then) of each OOM kill, oldest first.
    pub oom_kills: &'a [(i64, f64)],
    /// The moment, in seconds since the epoch. Nothing after it may be looked at.
    pub now_unix_s: i64,
    /// Rules that go through past weeks count them from this moment, so that the same weeks are seen tomorrow; none counts
    /// back from now.
    pub weeks_from_unix_s: Option<i64>,
    /// What the container cannot exceed, where that is known: its limit, or the machine that it has.
    pub most: Given,
    /// (from when in seconds since the epoch, the same), oldest first, for moments before now; empty where only what holds
    /// now is known, which then speaks for all.
    pub most_before: &'a [(i64, Given)],
    /// How large the containers of the fleet are, where that is known: risks are priced by it.
    pub fleet: Option<Fleet>,
    /// What load is foretold; none where nobody was asked.
    pub foretold: Option<&'a Foretold>,
}

/// Seconds of a day and of a week.
const DAY_S: i64 = 86_400;
const WEEK_S: i64 = 7 * DAY_S;

/// Weeks that rules go through: 90 days.
const WEEKS_MAX: i64 = 12;

/// Days of history after which weekly rules speak.
pub(crate) const FIRST_DAYS: i64 = 7;

impl History<'_> {
    /// The moments at which a weekly rule would have spoken, oldest first, now last. The first comes `first_days` after
    /// `oldest_unix_s`; a day may be missing of them.
    pub(crate) fn weekly(&self, oldest_unix_s: i64, first_days: i64) -> Vec<i64> {
        let into_week = self.weeks_from_unix_s.map_or(0, |from| (self.now_unix_s - from).rem_euclid(WEEK_S));
        let latest = self.now_unix_s - into_week;
        let past = (0..=WEEKS_MAX).rev().map(|weeks| latest - weeks * WEEK_S);
        let from = oldest_unix_s + (first_days - 1) * DAY_S;
        let mut moments: Vec<i64> = past.filter(|at| *at >= from).collect();
        if moments.last() != Some(&self.now_unix_s) {
            moments.push(self.now_unix_s);
        }
        moments
    }

    /// Whether a weekly rule speaks at this moment, whatever day it is asked on.
    pub(crate) fn is_weekly(&self, at_unix_s: i64) -> bool {
        (at_unix_s - self.weeks_from_unix_s.unwrap_or_default()).rem_euclid(WEEK_S) == 0
    }

    /// What the container could not exceed at a moment.
    pub(crate) fn most_at(&self, at_unix_s: i64) -> Given {
        let began = self.most_before.partition_point(|(from, _)| *from <= at_unix_s);
        let then = began.checked_sub(1).and_then(|at| self.most_before.get(at));
        then.filter(|_| at_unix_s < self.now_unix_s).map_or(self.most, |(_, most)| *most)
    }
}

/// What a container of a fleet would request on average, each replica counted: the measure by which risks are priced. A
/// trace tells it by what was provisioned; live it is told by what is used at its highest, as requests fall when
/// recommendations are merged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fleet {
    /// CPU request in millicores.
    pub cpu_request: f64,
    /// Memory request in bytes.
    pub memory_request: f64,
}

/// Amounts of one container; none where nothing is said.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Given {
    /// CPU request in millicores.
    pub cpu_request: Option<f64>,
    /// CPU limit in millicores.
    pub cpu_limit: Option<f64>,
    /// Memory request in bytes.
    pub memory_request: Option<f64>,
    /// Memory limit in bytes.
    pub memory_limit: Option<f64>,
}

/// A past moment at which a rule is asked, with what was known around the container then.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Then {
    /// The moment, in seconds since the epoch.
    pub at_unix_s: i64,
    /// What the container could not exceed.
    pub most: Given,
    /// How large the containers of the fleet were.
    pub fleet: Option<Fleet>,
}

/// A rule.
pub trait Strategy: std::fmt::Debug + Send + Sync {
    /// Its name in policies and tables: `krr-simple`.
    fn name(&self) -> &'static str;

    /// What it does and where the formula is from, in a sentence.
    fn about(&self) -> &'static str;

    /// How much history it looks at, in days. A caller may hand over less, never has to hand over more.
    fn days(&self) -> u32;

    /// What it gives. Only samples before [`History::now_unix_s`] count.
    fn give(&self, history: &History<'_>) -> Given;
}
