//! Load that comes again: the windows of a week, and what each of them would need.

use serde::{Deserialize, Serialize};

use crate::quantity::MilliCores;

/// Hours of a week.
pub const WEEK_HOURS: u32 = 168;

/// Hours of the week in a row. Hours are counted from Thursday, 00:00 UTC, when the epoch began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HourSpan {
    /// First hour of the week, below [`WEEK_HOURS`].
    pub from_hour: u32,
    /// How many; they may go on into the next week.
    pub hours: u32,
}

impl HourSpan {
    /// Whether the hour that begins at this moment belongs to it.
    pub fn holds(&self, at_unix_s: i64) -> bool {
        let week = i64::from(WEEK_HOURS);
        let since = (at_unix_s.div_euclid(3600) - i64::from(self.from_hour)).rem_euclid(week);
        since < i64::from(self.hours)
    }
}

/// Days of the week.
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Where hours are counted from, among [`DAYS`].
const THURSDAY: usize = 3;

/// Hours of a day.
const DAY_HOURS: u32 = 24;

/// The spans as people say them: `09:00-17:00 UTC` where they come again each day, else with their days, from Monday on:
/// `Mon-Fri 08:00-18:00 UTC`, `Fri 18:00-Mon 08:00 UTC`.
pub fn spoken(spans: &[HourSpan], period_hours: u32) -> Vec<String> {
    if period_hours == DAY_HOURS {
        let mut hours: Vec<String> = spans.iter().map(|span| hours_of(span, "")).collect();
        // Each day says the same.
        hours.sort();
        hours.dedup();
        return hours;
    }
    let mut sorted: Vec<(usize, u32, &HourSpan)> =
        spans.iter().map(|span| (day_of(span.from_hour), span.from_hour % DAY_HOURS, span)).collect();
    sorted.sort_by_key(|(day, hour, _)| (*day, *hour));
    // First and last day, and the hours.
    let mut runs: Vec<(usize, usize, String)> = Vec::new();
    for (day, _, span) in sorted {
        let last_day = if span.hours < DAY_HOURS { "" } else { DAYS[day_of(span.from_hour + span.hours)] };
        let hours = hours_of(span, last_day);
        match runs.iter_mut().find(|(_, last, of)| *last + 1 == day && *of == hours && last_day.is_empty()) {
            Some((_, last, _)) => *last = day,
            None => runs.push((day, day, hours)),
        }
    }
    let told = |(first, last, hours): (usize, usize, String)| match (first, last) {
        (0, 6) => hours,
        (first, last) if first == last => format!("{} {hours}", DAYS[first]),
        (first, last) => format!("{}-{} {hours}", DAYS[first], DAYS[last]),
    };
    runs.into_iter().map(told).collect()
}

/// The day of an hour that is counted from Thursday.
fn day_of(hour: u32) -> usize {
    ((hour / DAY_HOURS) as usize + THURSDAY) % DAYS.len()
}

/// `22:00-02:00 UTC`, with the day of the end where it is a later one: `18:00-Mon 08:00 UTC`.
fn hours_of(span: &HourSpan, last_day: &str) -> String {
    let (begin, end) = (span.from_hour % DAY_HOURS, (span.from_hour + span.hours) % DAY_HOURS);
    let space = if last_day.is_empty() { "" } else { " " };
    format!("{begin:02}:00-{last_day}{space}{end:02}:00 UTC")
}

/// Hours of the week in which CPU is high, and the others. Tested: the load has a season, and the two explain it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoadWindows {
    /// After how many hours they come again: 24 or 168.
    pub period_hours: u32,
    /// Part of the variance over the week's hours that they explain, 0 to 1.
    pub explained: f64,
    /// High CPU, in the order of the week.
    pub peak: Vec<HourSpan>,
    /// The other hours, in the order of the week.
    pub off_peak: Vec<HourSpan>,
}

/// Which hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LoadPart {
    /// High CPU.
    Peak,
    /// The other hours.
    OffPeak,
}

/// What a container would be given in a part of the week, if its request could change with the hour. Data for people and
/// programs: what is written holds all hours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimedRequest {
    /// Which hours.
    pub part: LoadPart,
    /// After how many hours they come again: 24 or 168.
    pub period_hours: u32,
    /// The hours, in the order of the week.
    pub spans: Vec<HourSpan>,
    /// The CPU request for them.
    pub cpu: MilliCores,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_a_day_are_said_once_and_those_of_a_week_by_their_day() {
        let daily: Vec<HourSpan> = (0..7).map(|day| HourSpan { from_hour: day * 24 + 9, hours: 8 }).collect();
        assert_eq!(spoken(&daily, 24), ["09:00-17:00 UTC"]);
        let weekly = [HourSpan { from_hour: 4 * 24 + 22, hours: 4 }];
        assert_eq!(spoken(&weekly, 168), ["Mon 22:00-02:00 UTC"]);
    }

    #[test]
    fn days_with_the_same_hours_are_said_together_and_a_weekend_by_its_end() {
        let span = |day: u32, from: u32, hours: u32| HourSpan { from_hour: day * 24 + from, hours };
        // Thursday is the first day.
        let busy =
            [span(0, 8, 10), span(1, 8, 10), span(2, 10, 6), span(4, 8, 10), span(5, 8, 10), span(6, 8, 10)];
        assert_eq!(spoken(&busy, 168), ["Mon-Fri 08:00-18:00 UTC", "Sat 10:00-16:00 UTC"]);
        let quiet = [span(0, 18, 14), span(1, 18, 62), span(4, 18, 14), span(5, 18, 14), span(6, 18, 14)];
        assert_eq!(spoken(&quiet, 168), ["Mon-Thu 18:00-08:00 UTC", "Fri 18:00-Mon 08:00 UTC"]);
    }

    #[test]
    fn a_span_may_go_on_into_the_next_week() {
        let span = HourSpan { from_hour: 166, hours: 4 };
        let holds = |hour: i64| span.holds(hour * 3600 + 59);
        assert!(holds(166) && holds(169) && holds(168 + 1) && holds(0) && holds(-2));
        assert!(!holds(165) && !holds(2) && !holds(168 + 2));
    }
}
