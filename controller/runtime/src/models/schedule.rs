//! When a round begins: a cron expression in UTC, as the configuration has it.

use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use kubeopt_model::Timestamp;

/// The last time at or before `now` that the expression names, not before `since`; none where there is none, or the expression
/// is none, which the configuration has refused before.
pub(super) fn due(schedule: &str, since: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    let cron = parser.parse(schedule).ok()?;
    // What was missed for longer than a week is missed: looking back further costs a step a minute at worst.
    let since = since.max(now.checked_sub(jiff::SignedDuration::from_hours(7 * 24)).ok()?);
    let mut last = None;
    let mut from = since.to_zoned(TimeZone::UTC);
    let now = now.to_zoned(TimeZone::UTC);
    while let Ok(next) = cron.find_next_occurrence(&from, false) {
        if next > now {
            break;
        }
        last = Some(next.timestamp());
        from = next;
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_round_is_due_once_and_one_that_was_missed_is_made_up_for() {
        let begun = at("2026-11-22T12:00:00Z");
        assert_eq!(due("0 2 * * *", begun, at("2026-11-23T01:59:59Z")), None);
        let first = at("2026-11-23T02:00:00Z");
        assert_eq!(due("0 2 * * *", begun, first), Some(first));
        assert_eq!(due("0 2 * * *", first, at("2026-11-23T09:00:00Z")), None, "it has begun already");
        let late = due("0 2 * * *", first, at("2026-11-26T09:00:00Z"));
        assert_eq!(late, Some(at("2026-11-26T02:00:00Z")), "the last of three that were missed");
        assert_eq!(due("0 0 30 2 *", begun, first), None);
    }
}
