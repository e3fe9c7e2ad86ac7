//! The part of a history that a rule looks at, and the few statistics that several rules share.

use crate::given::Series;

/// Seconds of a day.
pub(crate) const DAY_S: i64 = 86_400;

/// The points of the last `days` before `now`, oldest first.
pub(crate) fn points<'a>(series: &Series<'a>, now_unix_s: i64, days: u32) -> &'a [(i64, f64)] {
    let from_unix_s = now_unix_s.saturating_sub(i64::from(days) * DAY_S);
    let start = series.points.partition_point(|(at, _)| *at < from_unix_s);
    let end = series.points.partition_point(|(at, _)| *at < now_unix_s);
    series.points.get(start..end).unwrap_or_default()
}

/// The values of points.
pub(crate) fn values(points: &[(i64, f64)]) -> Vec<f64> {
    points.iter().map(|(_, value)| *value).collect()
}

/// The highest value; none without points.
pub(crate) fn highest(points: &[(i64, f64)]) -> Option<f64> {
    points.iter().map(|(_, value)| *value).reduce(f64::max)
}

/// How long before `now` it was, in days.
pub(crate) fn age_days(at_unix_s: i64, now_unix_s: i64) -> f64 {
    (now_unix_s - at_unix_s) as f64 / DAY_S as f64
}

/// The quantile `q` with linear interpolation between neighbours, as numpy's `percentile` and Prometheus'
/// `quantile_over_time` compute it; none without values.
pub(crate) fn interpolated(mut values: Vec<f64>, q: f64) -> Option<f64> {
    let last = values.len().checked_sub(1)?;
    let rank = q.clamp(0.0, 1.0) * last as f64;
    let (below, part) = (rank.floor() as usize, rank.fract());
    let (_, low, above) = values.select_nth_unstable_by(below, f64::total_cmp);
    let low = *low;
    let high = above.iter().copied().reduce(f64::min).unwrap_or(low);
    Some(low + (high - low) * part)
}

/// The smallest value at or below which at least `q` of the weight lies; none without weight.
pub(crate) fn weighted(mut values: Vec<(f64, f64)>, q: f64) -> Option<f64> {
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total: f64 = values.iter().map(|(_, weight)| weight).sum();
    if total <= 0.0 {
        return None;
    }
    let mut sum = 0.0;
    let found = values.iter().find(|(_, weight)| {
        sum += weight;
        sum >= q * total
    });
    found.or(values.last()).map(|(value, _)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_between_two_values_is_interpolated_as_numpy_does() {
        // numpy.percentile([1, 2, 3, 4], (0, 50, 66, 95, 100))
        for (q, want) in [(0.0, 1.0), (0.5, 2.5), (0.66, 2.98), (0.95, 3.85), (1.0, 4.0)] {
            let got = interpolated(vec![4.0, 1.0, 3.0, 2.0], q).unwrap();
            assert!((got - want).abs() < 1e-12, "{q}: {got} is not {want}");
        }
        assert_eq!(interpolated(Vec::new(), 0.5), None);
        assert_eq!(interpolated(vec![7.0], 0.9), Some(7.0));
    }

    #[test]
    fn weights_move_a_quantile() {
        let values = vec![(10.0, 1.0), (30.0, 1.0), (20.0, 8.0)];
        assert_eq!(weighted(values.clone(), 0.9), Some(20.0));
        assert_eq!(weighted(values, 0.95), Some(30.0));
        assert_eq!(weighted(vec![(1.0, 0.0)], 0.5), None);
    }

    #[test]
    fn a_window_holds_its_first_moment_and_not_the_present_one() {
        let all: Vec<(i64, f64)> = (0..=4).map(|day| (day * DAY_S, day as f64)).collect();
        let series = Series { points: &all, ..Series::default() };
        assert_eq!(values(points(&series, 4 * DAY_S, 2)), [2.0, 3.0]);
    }
}
