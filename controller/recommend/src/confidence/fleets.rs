//! How large the fleet was on each past day: the measure by which risks were priced then. Today's would know what came after.

use std::collections::BTreeMap;

use kubeopt_model::ContainerUsage;
use kubeopt_model::usage::DayUsage;
use kubeopt_strategies::Fleet;

use crate::evidence::EarlierDays;
use crate::fleet::{Mean, fleet_from};

const DAY_S: i64 = 86_400;

/// Days that a container's highest sample is taken from.
const DAYS: i64 = 28;

/// The fleet by day.
#[derive(Debug, Clone, Default)]
pub struct PastFleets(BTreeMap<i64, (Mean, Mean)>);

impl PastFleets {
    /// Adds a container with its replicas.
    pub fn add(&mut self, usage: &ContainerUsage, earlier: Option<&EarlierDays>, replicas: u32) {
        let own = |used: &Option<kubeopt_model::usage::ResourceUsage>| {
            used.as_ref().map_or(&[][..], |used| &used.days[..]).to_vec()
        };
        let all = |earlier: Option<&Vec<DayUsage>>, own: Vec<DayUsage>| {
            highest_before(earlier.into_iter().flatten().chain(&own))
        };
        for (at, highest) in all(earlier.map(|it| &it.cpu), own(&usage.cpu)) {
            self.0.entry(at).or_default().0.add(Some(highest), replicas);
        }
        for (at, highest) in all(earlier.map(|it| &it.memory), own(&usage.memory)) {
            self.0.entry(at).or_default().1.add(Some(highest), replicas);
        }
    }

    /// The fleet as it was known at the start of a day (UTC), in seconds since the epoch: none where nothing tells.
    pub fn at(&self, day_unix_s: i64) -> Option<Fleet> {
        let (cpu, memory) = self.0.get(&day_unix_s)?;
        fleet_from(cpu, memory)
    }
}

/// For the start of each day after the first: the highest sample of the days before it, as far as [`DAYS`] reach.
fn highest_before<'d>(days: impl Iterator<Item = &'d DayUsage>) -> Vec<(i64, f64)> {
    let days: Vec<(i64, f64)> =
        days.filter(|day| day.max.is_finite()).map(|day| (day.at_unix_s, day.max)).collect();
    let (Some((first, _)), Some((last, _))) = (days.first(), days.last()) else { return Vec::new() };
    let mut highest = Vec::new();
    let (mut from, mut to) = (0, 0);
    for at in (first + DAY_S..=last + DAY_S).step_by(DAY_S as usize) {
        while days.get(to).is_some_and(|(day, _)| *day < at) {
            to += 1;
        }
        while days.get(from).is_some_and(|(day, _)| *day < at - DAYS * DAY_S) {
            from += 1;
        }
        let peak = days[from.min(to)..to].iter().map(|(_, max)| *max).reduce(f64::max);
        highest.extend(peak.map(|peak| (at, peak)));
    }
    highest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::fixture::{Case, DAY};

    #[test]
    fn a_day_knows_the_fleet_of_the_days_before_it_and_no_other() {
        let evidence = Case::serving().evidence();
        let mut usage = evidence.usage.unwrap();
        let fleets = |usage: &ContainerUsage| {
            let mut fleets = PastFleets::default();
            fleets.add(usage, None, 3);
            fleets
        };
        let before = fleets(&usage);
        assert_eq!(before.at(0), None, "nothing lay before the first day");
        usage.cpu.as_mut().unwrap().days[20].max = 9000.0;
        usage.memory.as_mut().unwrap().days[20].max *= 9.0;
        let after = fleets(&usage);
        assert_eq!(after.at(20 * DAY), before.at(20 * DAY));
        assert!(after.at(21 * DAY).unwrap().cpu_request > before.at(21 * DAY).unwrap().cpu_request);
        assert_eq!(after.at(28 * DAY).unwrap().cpu_request, 18_000.0);
    }
}
