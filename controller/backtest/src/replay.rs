//! One trace under one rule, week by week.

use std::collections::BTreeMap;

use kubeopt_model::Foretold;
use kubeopt_model::quantity::MIB;
use kubeopt_model::trace::{ResourceTrace, UsageTrace};
use kubeopt_model::usage::DayUsage;
use kubeopt_strategies::{Fleet, Given, History, Series, Strategy, Then};

use crate::days::{DAY_S, Sketches, days, hours};
use crate::plan::Foretell;
use crate::week::{Week, provisioned_weekly, weeks};

/// A value that moves by more than this, in relation to the one before, is a change.
const CHANGE: f64 = 0.1;

/// What an OOM kill asks for: the larger of 100 MiB more and a fifth more than there was.
const OOM_BUMP: f64 = 100.0 * MIB as f64;
const OOM_RATIO: f64 = 1.2;

/// Weeks without a kill after which nothing more is added for earlier ones.
const CLEAN_WEEKS: u32 = 2;

/// Slack in comparisons of values that went through different arithmetic.
const ROUNDING: f64 = 1e-9;

/// What one rule did on one trace, in sums that add up over traces.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Sums {
    /// Recommended, and provisioned, over all weeks.
    pub(crate) reserved: f64,
    pub(crate) provisioned: f64,
    /// Samples (CPU) or weeks (memory) that exceeded the recommendation, of how many.
    pub(crate) exceeding: f64,
    pub(crate) of: f64,
    /// Refreshes that moved by more than a tenth, of how many.
    pub(crate) changed: f64,
    pub(crate) refreshed: f64,
}

impl Sums {
    pub(crate) fn add(&mut self, other: &Self) {
        self.reserved += other.reserved;
        self.provisioned += other.provisioned;
        self.exceeding += other.exceeding;
        self.of += other.of;
        self.changed += other.changed;
        self.refreshed += other.refreshed;
    }
}

/// Whether memory is gone through once more with OOM kills that are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kills {
    Answered,
    Unanswered,
}

/// Both resources, and memory once more with OOM kills that are answered.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Replayed {
    pub(crate) cpu: Sums,
    /// How many weeks of CPU were compared; those of memory are what its sums are of.
    pub(crate) cpu_weeks: u64,
    pub(crate) memory: Sums,
    pub(crate) memory_with_kills: Sums,
}

/// A trace made ready: its weeks, days and hours, computed once for all rules.
#[derive(Debug)]
pub(crate) struct Prepared<'a> {
    trace: &'a UsageTrace,
    cpu_weeks: Vec<Week>,
    memory_weeks: Vec<Week>,
    cpu_days: Vec<DayUsage>,
    memory_days: Vec<DayUsage>,
    cpu_hours: Vec<(i64, f64)>,
    most: Vec<(i64, Given)>,
    fleet: Option<Fleet>,
    /// What is foretold at the moments at which rules are asked.
    foretold: BTreeMap<i64, Foretold>,
}

impl<'a> Prepared<'a> {
    /// None for a trace that is too short for a single week.
    pub(crate) fn of(trace: &'a UsageTrace, fleet: Option<Fleet>) -> Option<Self> {
        let from = trace.starts_unix_s()?;
        let (cpu_weeks, memory_weeks) = (weeks(&trace.cpu, from), weeks(&trace.memory, from));
        if cpu_weeks.is_empty() && memory_weeks.is_empty() {
            return None;
        }
        Some(Self {
            trace,
            cpu_weeks,
            memory_weeks,
            cpu_days: days(&trace.cpu.points, from, Sketches::Kept),
            memory_days: days(&trace.memory.points, from, Sketches::Empty),
            cpu_hours: hours(&trace.cpu.points, from),
            most: most(trace, from),
            fleet,
            foretold: BTreeMap::new(),
        })
    }

    /// With what is foretold at each moment at which rules are asked.
    pub(crate) fn with(mut self, foretell: &Foretell) -> Self {
        let weeks = self.cpu_weeks.iter().chain(&self.memory_weeks);
        let mut moments: Vec<i64> = weeks.map(|week| week.at_unix_s).collect();
        moments.sort_unstable();
        moments.dedup();
        self.foretold = foretell(self.trace, &moments);
        self
    }

    /// Every start of a day after the first, with what was known around the container.
    pub(crate) fn mornings(&self) -> Vec<Then> {
        let Some(from) = self.trace.starts_unix_s() else { return Vec::new() };
        let ends = [&self.trace.cpu, &self.trace.memory].into_iter().filter_map(|it| it.points.last());
        let last = ends.map(|(at, _)| *at).max().unwrap_or(from);
        let morning = |at: i64| {
            let began = self.most.partition_point(|(since, _)| *since <= at);
            let most = began.checked_sub(1).and_then(|place| self.most.get(place)).map(|(_, most)| *most);
            Then { at_unix_s: at, most: most.unwrap_or_default(), fleet: self.fleet }
        };
        (from + DAY_S..=last).step_by(DAY_S as usize).map(morning).collect()
    }

    /// All of it, for rules that are asked for many moments at once.
    pub(crate) fn whole_history(&self) -> History<'_> {
        History {
            cpu: Series { days: &self.cpu_days, hours: &self.cpu_hours, points: &[] },
            memory: Series { days: &self.memory_days, ..Series::default() },
            weeks_from_unix_s: self.trace.starts_unix_s(),
            fleet: self.fleet,
            ..History::default()
        }
    }

    /// The weeks of CPU and of memory.
    pub(crate) fn weeks(&self) -> (&[Week], &[Week]) {
        (&self.cpu_weeks, &self.memory_weeks)
    }

    /// CPU and memory.
    pub(crate) fn traces(&self) -> [&ResourceTrace; 2] {
        [&self.trace.cpu, &self.trace.memory]
    }

    /// What the rule would have done. Kills cost a second pass.
    pub(crate) fn replay(&self, strategy: &dyn Strategy, kills: Kills) -> Replayed {
        let answers = self.answers(strategy);
        let answer = |week: &Week| answers.get(&week.at_unix_s).copied().unwrap_or_default();
        let (mut cpu, mut memory) = (Account::default(), Account::default());
        for week in &self.cpu_weeks {
            let value = cpu.settled(answer(week).cpu_request, week, 0.0);
            cpu.close(week, value, above(&self.trace.cpu, week, value), week.points.len());
        }
        for week in &self.memory_weeks {
            let value = memory.settled(answer(week).memory_request, week, 0.0);
            let exceeded = above(&self.trace.memory, week, value).min(1);
            memory.close(week, value, exceeded, 1);
        }
        let never = kills == Kills::Unanswered || memory.sums.exceeding == 0.0;
        let memory_with_kills = if never { memory.sums } else { self.with_kills(strategy, &answers) };
        Replayed {
            cpu: cpu.sums,
            cpu_weeks: self.cpu_weeks.len() as u64,
            memory: memory.sums,
            memory_with_kills,
        }
    }

    /// The rule's answer at each moment at which a week of either resource begins.
    fn answers(&self, strategy: &dyn Strategy) -> BTreeMap<i64, Given> {
        let moments = self.cpu_weeks.iter().chain(&self.memory_weeks).map(|week| week.at_unix_s);
        moments.map(|at| (at, strategy.give(&self.history(at, &[])))).collect()
    }

    /// Memory where each overrun kills: the rule is told of the kills, and the floor that they leave holds for a while.
    fn with_kills(&self, strategy: &dyn Strategy, answers: &BTreeMap<i64, Given>) -> Sums {
        let mut account = Account::default();
        let mut kills: Vec<(i64, f64)> = Vec::new();
        let (mut floor, mut clean_weeks) = (0.0, 0);
        for week in &self.memory_weeks {
            let given = match answers.get(&week.at_unix_s) {
                Some(given) if kills.is_empty() => *given,
                Some(_) | None => strategy.give(&self.history(week.at_unix_s, &kills)),
            };
            let value = account.settled(given.memory_request, week, floor);
            let points = self.trace.memory.points.get(week.points.clone()).unwrap_or_default();
            let killed = killed(points, value, week.provisioned);
            account.close(week, value, killed.len().min(1), 1);
            clean_weeks = if killed.is_empty() { clean_weeks + 1 } else { 0 };
            floor = match killed.last() {
                Some((_, had)) => needed(*had),
                None if clean_weeks >= CLEAN_WEEKS => 0.0,
                None => floor,
            };
            kills.extend(killed);
        }
        account.sums
    }

    fn history<'b>(&'b self, now_unix_s: i64, oom_kills: &'b [(i64, f64)]) -> History<'b> {
        let provisioned = |weeks: &[Week]| {
            weeks.iter().find(|week| week.at_unix_s == now_unix_s).map(|week| week.provisioned)
        };
        History {
            cpu: known(&self.trace.cpu, &self.cpu_days, &self.cpu_hours, now_unix_s),
            memory: known(&self.trace.memory, &self.memory_days, &[], now_unix_s),
            oom_kills,
            now_unix_s,
            most: Given {
                cpu_limit: provisioned(&self.cpu_weeks),
                memory_limit: provisioned(&self.memory_weeks),
                ..Given::default()
            },
            most_before: &self.most,
            fleet: self.fleet,
            foretold: self.foretold.get(&now_unix_s),
            ..History::default()
        }
    }
}

/// What could not be exceeded, from each week on.
fn most(trace: &UsageTrace, from_unix_s: i64) -> Vec<(i64, Given)> {
    let mut most: BTreeMap<i64, Given> = BTreeMap::new();
    for (at, amount) in provisioned_weekly(&trace.cpu, from_unix_s) {
        most.entry(at).or_default().cpu_limit = Some(amount);
    }
    for (at, amount) in provisioned_weekly(&trace.memory, from_unix_s) {
        most.entry(at).or_default().memory_limit = Some(amount);
    }
    most.into_iter().collect()
}

/// What lies before the moment, and nothing else.
fn known<'a>(
    trace: &'a ResourceTrace,
    days: &'a [DayUsage],
    hours: &'a [(i64, f64)],
    now_unix_s: i64,
) -> Series<'a> {
    let days_before = days.partition_point(|day| day.at_unix_s < now_unix_s);
    let hours_before = hours.partition_point(|(at, _)| *at < now_unix_s);
    let points_before = trace.points.partition_point(|(at, _)| *at < now_unix_s);
    Series {
        days: days.get(..days_before).unwrap_or_default(),
        hours: hours.get(..hours_before).unwrap_or_default(),
        points: trace.points.get(..points_before).unwrap_or_default(),
    }
}

/// Samples of the week above the value.
fn above(trace: &ResourceTrace, week: &Week, value: f64) -> usize {
    let points = trace.points.get(week.points.clone()).unwrap_or_default();
    points.iter().filter(|(_, used)| *used > value).count()
}

/// What a container that was killed needs.
fn needed(had: f64) -> f64 {
    (had + OOM_BUMP).max(had * OOM_RATIO)
}

/// Kills of one week as (when, what the container had), where each is answered at once; none after the container has all
/// that is provisioned.
fn killed(points: &[(i64, f64)], value: f64, provisioned: f64) -> Vec<(i64, f64)> {
    let mut had = value;
    let mut kills = Vec::new();
    for (at, used) in points {
        if *used > had {
            kills.push((*at, had));
            if had >= provisioned {
                break;
            }
            had = needed(had).min(provisioned);
        }
    }
    kills
}

/// The weeks of one resource under one rule so far.
#[derive(Debug, Default)]
struct Account {
    sums: Sums,
    before: Option<f64>,
}

impl Account {
    /// What stands for the week: no answer leaves what is there, and nobody gets more than there is.
    fn settled(&self, given: Option<f64>, week: &Week, floor: f64) -> f64 {
        given.or(self.before).unwrap_or(week.provisioned).max(floor).min(week.provisioned)
    }

    fn close(&mut self, week: &Week, value: f64, exceeding: usize, of: usize) {
        self.sums.reserved += value;
        self.sums.provisioned += week.provisioned;
        self.sums.exceeding += exceeding as f64;
        self.sums.of += of as f64;
        if let Some(before) = self.before {
            self.sums.refreshed += 1.0;
            if (value - before).abs() > CHANGE * before * (1.0 + ROUNDING) {
                self.sums.changed += 1.0;
            }
        }
        self.before = Some(value);
    }
}

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;
