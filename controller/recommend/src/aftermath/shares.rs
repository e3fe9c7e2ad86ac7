//! Two sides of a share compared, by two tests that must both find the side after worse.
//!
//! Hours of a container depend on each other: a bad hour is followed by a bad one, a bad day may have a reason of its own, and
//! Monday is not Sunday. A test that takes hours for independent finds proof in any busy evening. So:
//!
//! 1. The mean of the hours after is ranked among the means of every window of the same length, wherever it begins, the end
//!    of time being joined to its begin. A series that goes on as it was has its highest window anywhere with the same
//!    chance, however its hours depend on each other. (A test by circular shifts; it assumes no distribution.)
//! 2. It is compared with the same hours of the days before, each of which is one number, as a further number of that kind
//!    (Student's t). Days that differ by themselves are told by this one; the first would take each of them for 24 places.
//!
//! What neither sees is a trend; the load is told beside it.

mod student;

/// Hours of a day: what is usual differs by the hour.
const DAY_HOURS: i64 = 24;

/// Seconds of a day.
const DAY_S: i64 = 86_400;

/// Hours after that say something: half a day holds a peak of most loads.
pub(super) const AFTER_HOURS_MIN: usize = 12;

/// Hours before that say something: one weekly rhythm.
pub(super) const BEFORE_HOURS_MIN: usize = 168;

/// Earlier spans of the same hours without which nothing is known of how they differ.
const SPANS_MIN: usize = 3;

/// Part of a span's hours that must be told.
const SPAN_TOLD_MIN: f64 = 0.5;

/// Sums that differ by rounding only are the same.
const SAME: f64 = 1e-9;

/// Start of an hour in seconds since the epoch, and its share.
pub(super) type HourShare = (i64, f64);

/// How two sides compare.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shifted {
    /// How much more it is after, at the same hours of the day.
    pub(super) rise: f64,
    /// The chance of it without a cause: the larger of both tests.
    pub(super) p: f64,
    /// Windows.
    pub(super) n: u64,
}

/// Both sides oldest first; none where there are too few hours of one.
pub(super) fn compare(before: &[HourShare], after: &[HourShare]) -> Option<Shifted> {
    if before.len() < BEFORE_HOURS_MIN || after.len() < AFTER_HOURS_MIN {
        return None;
    }
    let all: Vec<HourShare> = before.iter().chain(after).copied().collect();
    let usual = usual(&all);
    let beyond: Vec<HourShare> =
        all.iter().map(|(at, share)| (*at, share - usual[hour_of_day(*at)])).collect();
    let (of_before, of_after) = beyond.split_at(before.len());
    let rise = mean(of_after) - mean(of_before);
    let p = rank(&beyond, after.len()).max(against_earlier_days(of_before, of_after)?);
    Some(Shifted { rise, p, n: all.len() as u64 })
}

fn mean(hours: &[HourShare]) -> f64 {
    hours.iter().map(|(_, share)| share).sum::<f64>() / hours.len() as f64
}

/// Part of all windows of `m` hours that are as high as the last one, that one among them.
fn rank(beyond: &[HourShare], m: usize) -> f64 {
    let n = beyond.len();
    let of_last: f64 = beyond[n - m..].iter().map(|(_, share)| share).sum();
    // Each window begins one hour later than the one before it, and goes on at the begin when it reaches the end.
    let (mut sum, mut as_high) = (of_last, 0_u64);
    for begin in n - m..2 * n - m {
        if sum >= of_last - SAME {
            as_high += 1;
        }
        sum += beyond[(begin + m) % n].1 - beyond[begin % n].1;
    }
    as_high as f64 / n as f64
}

/// The chance of a mean like that after, if it were one more of the means of the same hours of earlier days, or of earlier
/// spans of several days where after is longer than a day.
fn against_earlier_days(before: &[HourShare], after: &[HourShare]) -> Option<f64> {
    let (first, last) = (after.first()?.0, after.last()?.0);
    let step_s = ((last - first) / DAY_S + 1) * DAY_S;
    let oldest = before.first()?.0;
    let spans: Vec<f64> = (1..)
        .map(|back| (first - back * step_s, last - back * step_s))
        .take_while(|(_, to)| *to >= oldest)
        .filter_map(|(from, to)| {
            let begin = before.partition_point(|(at, _)| *at < from);
            let end = before.partition_point(|(at, _)| *at <= to);
            let is_told = (end - begin) as f64 >= after.len() as f64 * SPAN_TOLD_MIN;
            is_told.then(|| mean(&before[begin..end]))
        })
        .collect();
    if spans.len() < SPANS_MIN {
        return None;
    }
    let k = spans.len() as f64;
    let usual = spans.iter().sum::<f64>() / k;
    let variance = spans.iter().map(|span| (span - usual).powi(2)).sum::<f64>() / (k - 1.0);
    let beyond = mean(after) - usual;
    if beyond.abs() <= SAME {
        return Some(0.5);
    }
    let t = beyond / (variance * (1.0 + 1.0 / k)).sqrt();
    Some(student::tail(t, spans.len() as u32 - 1))
}

/// The median of each hour of the day, of both sides together: a side that made its own median would look calmer than the
/// other.
pub(super) fn usual(hours: &[HourShare]) -> [f64; DAY_HOURS as usize] {
    let mut by_hour: [Vec<f64>; DAY_HOURS as usize] = Default::default();
    for (at, share) in hours {
        by_hour[hour_of_day(*at)].push(*share);
    }
    by_hour.map(median)
}

/// Which hour of the day (UTC) begins at this moment.
pub(super) fn hour_of_day(at_unix_s: i64) -> usize {
    // Below 24 by the remainder.
    at_unix_s.div_euclid(3600).rem_euclid(DAY_HOURS) as usize
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.get(middle), values.len() % 2) {
        (None, _) => 0.0,
        (Some(upper), 0) => f64::midpoint(values[middle - 1], *upper),
        (Some(value), _) => *value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(from: i64, n: i64, share: impl Fn(i64) -> f64) -> Vec<HourShare> {
        (from..from + n).map(|hour| (hour * 3600, share(hour))).collect()
    }

    /// Deterministic, between 0 and 1.
    fn noise(hour: i64) -> f64 {
        hour.wrapping_mul(2_654_435_761).rem_euclid(1000) as f64 / 1000.0
    }

    #[test]
    fn a_level_that_never_was_is_the_highest_of_all_windows() {
        let before = hours(0, 672, |hour| 0.02 + 0.01 * noise(hour));
        let found = compare(&before, &hours(673, 24, |hour| 0.30 + 0.01 * noise(hour))).unwrap();
        assert_eq!((found.n, found.p), (696, 1.0 / 696.0));
        assert!((found.rise - 0.28).abs() < 0.01, "{found:?}");
    }

    #[test]
    fn a_busy_time_of_day_is_not_worse_than_itself() {
        let daily = |hour: i64| if hour.rem_euclid(24) > 12 { 0.4 } else { 0.02 } + 0.01 * noise(hour);
        let before = hours(0, 672, daily);
        // Twelve hours after, all of them busy.
        let found = compare(&before, &hours(24 * 29 + 12, 12, daily)).unwrap();
        assert!(found.rise.abs() < 0.04 && found.p > 0.1, "{found:?}");
    }

    #[test]
    fn a_bad_day_among_bad_days_is_no_record() {
        let weekly = |hour: i64| if hour.div_euclid(24).rem_euclid(7) == 1 { 0.4 } else { 0.02 };
        let found = compare(&hours(0, 672, weekly), &hours(29 * 24, 24, weekly)).unwrap();
        assert!(found.p > 4.0 / 700.0, "four such days were there before: {found:?}");
    }

    #[test]
    fn too_few_hours_compare_to_nothing() {
        let flat = |_: i64| 0.1;
        assert_eq!(compare(&hours(0, 167, flat), &hours(200, 24, flat)), None);
        assert_eq!(compare(&hours(0, 672, flat), &hours(700, 11, flat)), None);
        let same = compare(&hours(0, 672, flat), &hours(700, 24, flat)).unwrap();
        assert_eq!((same.rise, same.p), (0.0, 1.0));
    }

    #[test]
    fn days_that_differ_by_themselves_are_not_proof() {
        // Each day is anything between 0 and 0.8, all day long; the highest of all comes last.
        let of_day = |hour: i64| if hour >= 29 * 24 { 0.82 } else { noise(hour.div_euclid(24) + 3) * 0.8 };
        let found = compare(&hours(0, 672, of_day), &hours(29 * 24, 24, of_day)).unwrap();
        assert!(found.rise > 0.3 && found.p > 0.02, "a day like that comes every month: {found:?}");
    }

    #[test]
    fn a_gap_in_the_time_before_costs_the_days_that_it_hides() {
        let level = |hour: i64| if hour >= 700 { 0.5 } else { 0.1 + 0.02 * noise(hour) };
        let mut before = hours(0, 672, level);
        before.retain(|(at, _)| !(200 * 3600..400 * 3600).contains(at));
        let found = compare(&before, &hours(700, 24, level)).unwrap();
        assert!(found.p < 0.005 && (found.rise - 0.4).abs() < 0.02, "{found:?}");
    }
}
