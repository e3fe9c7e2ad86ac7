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

/// Days of the week in the order in which hours are counted.
const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

/// Hours of a day.
const DAY_HOURS: u32 = 24;

/// The spans as people say them: `09:00-17:00 UTC` where they come again each day, else `Mon 22:00-02:00 UTC`.
pub fn spoken(spans: &[HourSpan], period_hours: u32) -> Vec<String> {
    let is_daily = period_hours == DAY_HOURS;
    let of = |span: &HourSpan| {
        let (begin, end) = (span.from_hour % DAY_HOURS, (span.from_hour + span.hours) % DAY_HOURS);
        let day = (span.from_hour / DAY_HOURS) as usize % DAYS.len();
        let hours = format!("{begin:02}:00-{end:02}:00 UTC");
        if is_daily { hours } else { format!("{} {hours}", DAYS[day]) }
    };
    let mut spoken: Vec<String> = spans.iter().map(of).collect();
    if is_daily {
        // Each day says the same.
        spoken.sort();
        spoken.dedup();
    }
    spoken
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
    fn a_span_may_go_on_into_the_next_week() {
        let span = HourSpan { from_hour: 166, hours: 4 };
        let holds = |hour: i64| span.holds(hour * 3600 + 59);
        assert!(holds(166) && holds(169) && holds(168 + 1) && holds(0) && holds(-2));
        assert!(!holds(165) && !holds(2) && !holds(168 + 2));
    }
}
