//! The weeks of a trace: when a rule is asked, and which samples its answer is compared with.

use std::ops::Range;

use kubeopt_model::trace::ResourceTrace;

use crate::days::{DAY_S, median};

/// The first question comes after four weeks: enough for every rule.
const FIRST_DAY: i64 = 28;

/// An answer stands for this long.
pub(crate) const WEEK_S: i64 = 7 * DAY_S;

/// Samples that the week, and the two weeks before it, must have: a day of them.
const SAMPLES_MIN: usize = 288;

/// How much of a week may lie beyond the end of the trace.
const BEYOND_S: i64 = DAY_S;

/// Samples of the last day from which what is provisioned is told; with fewer, the latest [`SAMPLES_MIN`] tell.
const PROVISIONED_SAMPLES_MIN: usize = 12;

/// A week of one resource.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Week {
    /// When the rule is asked.
    pub(crate) at_unix_s: i64,
    /// The points of the week.
    pub(crate) points: Range<usize>,
    /// What was provisioned on the day before, which nothing exceeds.
    pub(crate) provisioned: f64,
}

/// The weeks of a resource whose trace starts at `from_unix_s`, oldest first.
pub(crate) fn weeks(trace: &ResourceTrace, from_unix_s: i64) -> Vec<Week> {
    let Some((last_unix_s, _)) = trace.points.last() else { return Vec::new() };
    let index = |at: i64| trace.points.partition_point(|(point, _)| *point < at);
    let mut weeks = Vec::new();
    let mut at_unix_s = from_unix_s + FIRST_DAY * DAY_S;
    while at_unix_s + WEEK_S <= last_unix_s + BEYOND_S {
        let points = index(at_unix_s)..index(at_unix_s + WEEK_S);
        let known = points.start - index(at_unix_s - 2 * WEEK_S);
        let provisioned = provisioned(trace, index(at_unix_s - DAY_S)..points.start);
        // Where nothing is provisioned there is nothing to save and nothing to hold.
        if points.len() >= SAMPLES_MIN && known >= SAMPLES_MIN && provisioned > 0.0 {
            weeks.push(Week { at_unix_s, points, provisioned });
        }
        at_unix_s += WEEK_S;
    }
    weeks
}

/// What was provisioned at each week before the first question, and after it, oldest first; nothing where that is 0.
pub(crate) fn provisioned_weekly(trace: &ResourceTrace, from_unix_s: i64) -> Vec<(i64, f64)> {
    let index = |at: i64| trace.points.partition_point(|(point, _)| *point < at);
    let last_unix_s = trace.points.last().map_or(from_unix_s, |(at, _)| *at);
    let moments = (1..).map(|week| from_unix_s + week * WEEK_S).take_while(|at| *at <= last_unix_s);
    let amounts = moments.map(|at| (at, provisioned(trace, index(at - DAY_S)..index(at))));
    amounts.filter(|(_, amount)| *amount > 0.0).collect()
}

fn provisioned(trace: &ResourceTrace, mut day: Range<usize>) -> f64 {
    if day.len() < PROVISIONED_SAMPLES_MIN {
        day.start = day.end.saturating_sub(SAMPLES_MIN);
    }
    let amounts = trace.provisioned.get(day).unwrap_or_default();
    median(amounts.iter().copied()).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(days: Range<i64>) -> ResourceTrace {
        let points: Vec<(i64, f64)> =
            (days.start * 288..days.end * 288).map(|step| (step * 300, 1.0)).collect();
        let provisioned = points.iter().map(|(at, _)| if *at < 34 * DAY_S { 4.0 } else { 8.0 }).collect();
        ResourceTrace { points, provisioned }
    }

    #[test]
    fn the_first_week_follows_four_others_and_the_last_lies_within_the_trace() {
        let weeks = weeks(&trace(0..48), 0);
        let days: Vec<(i64, f64)> =
            weeks.iter().map(|week| (week.at_unix_s / DAY_S, week.provisioned)).collect();
        // The third would end more than a day after the last sample. What the day before has is what is provisioned.
        assert_eq!(days, [(28, 4.0), (35, 8.0)]);
        assert_eq!(weeks[0].points, 28 * 288..35 * 288);
        assert!(super::weeks(&trace(0..33), 0).is_empty());
    }

    #[test]
    fn a_week_without_samples_or_without_history_is_left_out() {
        let mut gap = trace(0..60);
        let keep = |at: i64| !(35 * DAY_S..42 * DAY_S).contains(&at);
        gap.provisioned = vec![4.0; gap.points.len()];
        gap.points.retain(|(at, _)| keep(*at));
        gap.provisioned.truncate(gap.points.len());
        let days: Vec<i64> = weeks(&gap, 0).iter().map(|week| week.at_unix_s / DAY_S).collect();
        assert_eq!(days, [28, 42, 49]);
        assert!(weeks(&trace(27..28), 0).is_empty());
    }

    #[test]
    fn what_is_provisioned_is_told_for_each_week() {
        let weekly: Vec<(i64, f64)> =
            provisioned_weekly(&trace(0..37), 0).into_iter().map(|(at, most)| (at / DAY_S, most)).collect();
        assert_eq!(weekly, [(7, 4.0), (14, 4.0), (21, 4.0), (28, 4.0), (35, 8.0)]);
    }

    #[test]
    fn nothing_provisioned_is_nothing_to_compare_with() {
        let mut none = trace(0..48);
        none.provisioned.fill(0.0);
        assert!(weeks(&none, 0).is_empty());
    }
}
