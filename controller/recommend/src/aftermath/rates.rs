//! Two rates of events compared: the exact test of two Poisson rates, given how many events there were in all.
//!
//! If both rates were the same, each event would fall on one of the sides by chance, in proportion to how long pods ran
//! there: the number after is binomial. (Przyborowski and Wilenski, 1940.) Events of real containers come in bunches, so
//! both numbers are first divided by how much more their daily numbers vary than Poisson numbers would.

/// Hours of a day: by the day it is seen how events bunch, because a trouble is noticed and ended within one.
const DAY_HOURS: usize = 24;

/// Days without which nothing can be said of bunches.
const DAYS_MIN: usize = 3;

/// One hour: how long pods ran in it, in hours, and whether there was an event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct EventHour {
    pub(super) replica_hours: f64,
    pub(super) has_event: bool,
}

/// The chance that as many hours with events, or more, fall on the side after if nothing had changed.
pub(super) fn chance(before: &[EventHour], after: &[EventHour]) -> f64 {
    let exposure = |hours: &[EventHour]| hours.iter().map(|hour| hour.replica_hours).sum::<f64>();
    let (exposed_before, exposed_after) = (exposure(before), exposure(after));
    let share = exposed_after / (exposed_before + exposed_after);
    if !share.is_finite() {
        return 1.0;
    }
    let bunching = bunching(before);
    // Rounded so that it is never found more certain: fewer after, more before.
    let (x, y) =
        ((count(after) as f64 / bunching).floor() as u64, (count(before) as f64 / bunching).ceil() as u64);
    binomial_tail(x, x + y, share)
}

/// Hours with an event.
pub(super) fn count(hours: &[EventHour]) -> u64 {
    hours.iter().filter(|hour| hour.has_event).count() as u64
}

/// Variance over mean of the daily numbers; 1 where they vary as Poisson numbers do, or less, or too little is known.
fn bunching(hours: &[EventHour]) -> f64 {
    let days: Vec<f64> = hours.chunks_exact(DAY_HOURS).map(|day| count(day) as f64).collect();
    let mean = days.iter().sum::<f64>() / days.len().max(1) as f64;
    if days.len() < DAYS_MIN || mean <= 0.0 {
        return 1.0;
    }
    let squares = days.iter().map(|day| (day - mean).powi(2)).sum::<f64>();
    (squares / (days.len() - 1) as f64 / mean).max(1.0)
}

/// P(X >= x) of a binomial number of n trials.
fn binomial_tail(x: u64, n: u64, share: f64) -> f64 {
    if x == 0 || share >= 1.0 {
        return 1.0;
    }
    if share <= 0.0 {
        return 0.0;
    }
    let odds = share / (1.0 - share);
    let log_choose: f64 = (1..=x).map(|k| ((n - x + k) as f64 / k as f64).ln()).sum();
    let mut term = (log_choose + x as f64 * share.ln() + (n - x) as f64 * (-share).ln_1p()).exp();
    let mut sum = 0.0;
    for k in x..=n {
        sum += term;
        term *= (n - k) as f64 / (k + 1) as f64 * odds;
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hours(events: impl Fn(usize) -> bool, n: usize) -> Vec<EventHour> {
        (0..n).map(|hour| EventHour { replica_hours: 1.0, has_event: events(hour) }).collect()
    }

    #[test]
    fn tails_are_those_of_the_binomial_distribution() {
        for (x, n, share, wanted) in [
            (0, 10, 0.3, 1.0),
            (2, 2, 0.5, 0.25),
            (3, 10, 0.1, 0.070_190_826_4),
            (8, 10, 0.5, 0.054_687_5),
            (5, 5, 24.0 / 696.0, 4.874_788_6e-8),
            (40, 100, 0.25, 6.864_4e-4),
        ] {
            let found = binomial_tail(x, n, share);
            assert!((found - wanted).abs() <= wanted * 1e-3, "{x} of {n} at {share}: {found}");
        }
    }

    #[test]
    fn events_that_come_in_bunches_prove_less() {
        // One day of trouble in four weeks, then another one: 24 hours each.
        let bunched = hours(|hour| (240..264).contains(&hour), 672);
        let day_of_trouble = hours(|_| true, 24);
        assert!(chance(&bunched, &day_of_trouble) > 0.05, "{}", chance(&bunched, &day_of_trouble));
        // As many hours, but spread: then a whole day of it is news.
        let spread = hours(|hour| hour % 28 == 0, 672);
        assert!(chance(&spread, &day_of_trouble) < 1e-9);
    }

    #[test]
    fn nothing_seen_on_either_side_proves_nothing() {
        let quiet = hours(|_| false, 672);
        assert_eq!(chance(&quiet, &hours(|_| false, 24)), 1.0);
        assert_eq!(chance(&[], &[]), 1.0);
    }

    proptest! {
        #[test]
        fn more_events_after_never_prove_less(before in 0_usize..40, after in 0_usize..23) {
            let quiet = hours(|hour| hour % 17 == 3 && hour / 17 < before, 672);
            let few = chance(&quiet, &hours(|hour| hour < after, 24));
            let more = chance(&quiet, &hours(|hour| hour <= after, 24));
            prop_assert!((0.0..=1.0).contains(&few) && more <= few);
        }
    }
}
