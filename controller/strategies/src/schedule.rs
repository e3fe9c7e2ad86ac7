//! Work that comes at the same hour of each week: what must be there again, however seldom it is.

/// Seconds of an hour, and hours of a week.
const HOUR_S: i64 = 3600;
const WEEK_HOURS: i64 = 168;

/// Weeks that are looked at, and those of them in which an hour must have been seen.
const WEEKS: usize = 6;
const WEEKS_SEEN: usize = 3;

/// For each hour of the week the least of its medians over the last weeks; of these the highest. 0 where no hour was seen
/// often enough. `hours` are (start in seconds since the epoch, median); only those that ended before `now_unix_s` count.
pub(crate) fn busiest_recurring_hour(hours: &[(i64, f64)], now_unix_s: i64) -> f64 {
    let mut least = [(f64::INFINITY, 0_usize); WEEK_HOURS as usize];
    let from = now_unix_s - WEEKS as i64 * WEEK_HOURS * HOUR_S;
    let before = hours.partition_point(|(at, _)| at + HOUR_S <= now_unix_s);
    for (at, median) in hours[..before].iter().rev().take_while(|(at, _)| *at >= from) {
        let slot = usize::try_from(at.div_euclid(HOUR_S).rem_euclid(WEEK_HOURS)).unwrap_or_default();
        if let Some((lowest, seen)) = least.get_mut(slot) {
            *lowest = lowest.min(*median);
            *seen += 1;
        }
    }
    least.iter().filter(|(_, seen)| *seen >= WEEKS_SEEN).map(|(lowest, _)| *lowest).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Five weeks of hours: 300 but for the hours from 100 to 102 of each week, but for weeks that are left out.
    fn weeks(busy: &[i64]) -> Vec<(i64, f64)> {
        let hours = 0..5 * WEEK_HOURS;
        let median = |hour: i64| {
            let is_busy = busy.contains(&(hour / WEEK_HOURS)) && (100..102).contains(&(hour % WEEK_HOURS));
            if is_busy { 2000.0 } else { 300.0 }
        };
        hours.map(|hour| (hour * HOUR_S, median(hour))).collect()
    }

    #[test]
    fn an_hour_that_is_busy_each_week_is_a_schedule_and_one_that_was_not_is_none() {
        let now = 5 * WEEK_HOURS * HOUR_S;
        assert_eq!(busiest_recurring_hour(&weeks(&[0, 1, 2, 3, 4]), now), 2000.0);
        assert_eq!(busiest_recurring_hour(&weeks(&[0, 1, 3, 4]), now), 300.0);
    }

    #[test]
    fn two_weeks_are_too_few_and_nothing_after_now_counts() {
        let all = weeks(&[0, 1, 2, 3, 4]);
        assert_eq!(busiest_recurring_hour(&all, 2 * WEEK_HOURS * HOUR_S), 0.0);
        assert_eq!(busiest_recurring_hour(&all, 3 * WEEK_HOURS * HOUR_S), 2000.0);
        assert_eq!(busiest_recurring_hour(&[], 0), 0.0);
    }
}
