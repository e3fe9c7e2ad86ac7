//! Whether a stated confidence is worth its number: what kubeopt's own rule would have stated before each week, and whether
//! the week then held.
//!
//! Stated is the lower bound of the share of past days that held, as docs/confidence.md says it; a week holds when none of its
//! memory samples, and at most the tolerated share of its CPU samples, lie above the value that was given at its start. A
//! value that is held to by the day is judged by a whole week here, which is harder.

use kubeopt_model::Resource;
use kubeopt_model::trace::ResourceTrace;
use kubeopt_strategies::{Chosen, Kubeopt, Then, lower_bound};
use serde::Serialize;

use crate::days::DAY_S;
use crate::figures::wilson;
use crate::replay::Prepared;
use crate::week::Week;

/// Days that a rule must have seen before it is judged.
const FIRST_DAYS: usize = 7;

/// Part of a full day's samples without which a day is not judged.
const COMPLETE: f64 = 0.9;

/// The bins of stated confidence begin here, and end where the next one begins.
const BINS: [f64; 8] = [0.0, 0.5, 0.7, 0.8, 0.85, 0.9, 0.95, 1.0];

/// The columns of [`Reliability::cells`].
pub const HEADERS_RELIABILITY: [&str; 5] = ["stated confidence", "CPU weeks", "held", "memory weeks", "held"];

/// The weeks before which so much confidence was stated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Bin {
    /// Least that was stated.
    pub from: f64,
    /// Up to here, which belongs to the next bin but for the last.
    pub to: f64,
    /// Weeks.
    pub weeks: u64,
    /// Weeks that held.
    pub held: u64,
    /// Mean of what was stated; 0 without a week.
    pub stated: f64,
}

impl Bin {
    fn add(&mut self, stated: &Stated) {
        self.weeks += 1;
        self.held += u64::from(stated.held);
        self.stated += (stated.confidence - self.stated) / self.weeks as f64;
    }

    /// The share of weeks that held; 0 without a week.
    pub fn share_held(&self) -> f64 {
        self.held as f64 / self.weeks.max(1) as f64
    }

    /// The 95 % interval of that share, weeks taken as independent (Wilson).
    pub fn interval(&self) -> (f64, f64) {
        wilson(self.held, self.weeks)
    }
}

/// The bins of both resources, the least sure first.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Reliability {
    /// CPU.
    pub cpu: Vec<Bin>,
    /// Memory.
    pub memory: Vec<Bin>,
}

/// What was stated before a week, and whether it held.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Stated {
    resource: Resource,
    confidence: f64,
    held: bool,
}

impl Reliability {
    pub(crate) fn of<'s>(all: impl Iterator<Item = &'s Stated>) -> Self {
        let empty = || -> Vec<Bin> {
            let pairs = BINS.windows(2);
            pairs.map(|pair| Bin { from: pair[0], to: pair[1], ..Bin::default() }).collect()
        };
        let mut found = Self { cpu: empty(), memory: empty() };
        for stated in all {
            let bins = match stated.resource {
                Resource::Cpu => &mut found.cpu,
                Resource::Memory => &mut found.memory,
            };
            if let Some(bin) = bins.iter_mut().rev().find(|bin| bin.from <= stated.confidence) {
                bin.add(stated);
            }
        }
        found
    }

    /// Under [`HEADERS_RELIABILITY`].
    pub fn cells(&self) -> Vec<[String; 5]> {
        let share = |bin: &Bin| match bin.weeks {
            0 => "-".to_owned(),
            _ => {
                let ((low, high), share) = (bin.interval(), bin.share_held());
                format!("{:.1} % [{:.1}, {:.1}]", 100.0 * share, 100.0 * low, 100.0 * high)
            }
        };
        let row = |(cpu, memory): (&Bin, &Bin)| {
            let stated = format!("{:.2} to {:.2}", cpu.from, cpu.to);
            [stated, cpu.weeks.to_string(), share(cpu), memory.weeks.to_string(), share(memory)]
        };
        self.cpu.iter().zip(&self.memory).map(row).collect()
    }
}

impl Prepared<'_> {
    /// What kubeopt's rule would have stated before each week, and how the week went.
    pub(crate) fn stated(&self) -> Vec<Stated> {
        let rule = Kubeopt::default();
        let tolerated = rule.cpu.most_above;
        let moments = self.mornings();
        let history = self.whole_history();
        let (cpu_weeks, memory_weeks) = self.weeks();
        let [cpu, memory] = self.traces();
        let mut stated = Vec::new();
        for (resource, trace, weeks, values, tolerated) in [
            (Resource::Cpu, cpu, cpu_weeks, rule.cpu.give_at(&history, &moments), tolerated),
            (Resource::Memory, memory, memory_weeks, rule.memory.give_at(&history, &moments), 0.0),
        ] {
            let days = Days { trace, moments: &moments, values: &values, tolerated };
            stated.extend(weeks.iter().filter_map(|week| {
                let (confidence, held) = days.week(week)?;
                Some(Stated { resource, confidence, held })
            }));
        }
        stated
    }
}

/// The days of one resource, with what was given at the start of each.
struct Days<'a> {
    trace: &'a ResourceTrace,
    moments: &'a [Then],
    values: &'a [Option<Chosen>],
    tolerated: f64,
}

impl Days<'_> {
    /// What was stated before a week, and whether it held; none where no day could be judged.
    fn week(&self, week: &Week) -> Option<(f64, bool)> {
        let starts = self.moments.iter().position(|then| then.at_unix_s == week.at_unix_s)?;
        let full = (0..starts).map(|day| self.samples(day).len()).max()?;
        let (mut held, mut judged) = (0, 0);
        // The first moment is the start of the second day.
        for day in FIRST_DAYS - 1..starts {
            let samples = self.samples(day);
            let Some(value) = self.values.get(day).copied().flatten() else { continue };
            if !samples.is_empty() && samples.len() as f64 >= COMPLETE * full as f64 {
                judged += 1;
                held += u32::from(self.holds(samples, value.value));
            }
        }
        let value = self.values.get(starts).copied().flatten()?;
        let points = self.trace.points.get(week.points.clone()).unwrap_or_default();
        Some((lower_bound(held, judged)?, self.holds(points, value.value)))
    }

    fn samples(&self, day: usize) -> &[(i64, f64)] {
        let Some(from) = self.moments.get(day).map(|then| then.at_unix_s) else { return &[] };
        let index = |at: i64| self.trace.points.partition_point(|(point, _)| *point < at);
        self.trace.points.get(index(from)..index(from + DAY_S)).unwrap_or_default()
    }

    fn holds(&self, samples: &[(i64, f64)], value: f64) -> bool {
        let above = samples.iter().filter(|(_, used)| *used > value).count();
        above as f64 <= self.tolerated * samples.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use kubeopt_model::trace::UsageTrace;

    use super::*;

    /// Ten weeks of a sample each half hour; from the sixth week on, memory doubles each week where it `grows`.
    fn trace(grows: bool) -> UsageTrace {
        let resource = |value: &dyn Fn(i64) -> f64, provisioned: f64| {
            let at = |step: i64| step * 1800;
            let steps = 0..70 * 48;
            ResourceTrace {
                points: steps.clone().map(|step| (at(step), value(at(step) / DAY_S))).collect(),
                provisioned: steps.map(|_| provisioned).collect(),
            }
        };
        let memory = |day: i64| {
            let weeks = if grows { (day / 7 - 5).max(0) } else { 0 };
            3e8 * 4_f64.powi(weeks as i32)
        };
        UsageTrace {
            name: "app".to_owned(),
            cpu: resource(&|_| 200.0, 4000.0),
            memory: resource(&memory, 1e15),
        }
    }

    fn reliability(traces: &[UsageTrace]) -> Reliability {
        let stated: Vec<Stated> =
            traces.iter().filter_map(|trace| Prepared::of(trace, None)).flat_map(|it| it.stated()).collect();
        Reliability::of(stated.iter())
    }

    #[test]
    fn a_steady_series_is_stated_to_be_sure_and_holds() {
        let found = reliability(&[trace(false)]);
        let weeks = |bins: &[Bin]| bins.iter().map(|bin| (bin.weeks, bin.held)).collect::<Vec<_>>();
        // 21 of 21 days: 0.87, then 28 of 28: 0.899, and more.
        assert_eq!(weeks(&found.cpu), [(0, 0), (0, 0), (0, 0), (0, 0), (2, 2), (4, 4), (0, 0)]);
        assert_eq!(weeks(&found.memory), weeks(&found.cpu));
        let cell = "100.0 % [51.0, 100.0]";
        assert_eq!(found.cells()[5], ["0.90 to 0.95", "4", cell, "4", cell]);
        let mean = (0.05_f64.powf(1.0 / 21.0) + 0.05_f64.powf(1.0 / 28.0)) / 2.0;
        assert!((found.cpu[4].stated - mean).abs() < 1e-6, "{found:?}");
        assert_eq!(found.cells()[0][2], "-");
    }

    #[test]
    fn weeks_that_grew_are_counted_as_not_held_below_what_was_stated() {
        let found = reliability(&[trace(true)]);
        assert_eq!(found.cpu.iter().map(|bin| bin.held).sum::<u64>(), 6);
        let (weeks, held) =
            found.memory.iter().fold((0, 0), |(weeks, held), bin| (weeks + bin.weeks, held + bin.held));
        assert_eq!(weeks, 6);
        assert!(held < 6, "{found:?}");
    }
}
