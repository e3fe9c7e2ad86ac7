//! Points as the days and hours that rules look at.
//!
//! Both are counted from the first sample of the trace, so that no day or hour is cut by the moment at which a rule is
//! asked.

use kubeopt_model::usage::DayUsage;
use kubeopt_signal::Sketch;

/// Seconds of a day and of an hour.
pub(crate) const DAY_S: i64 = 86_400;
const HOUR_S: i64 = 3_600;

/// Samples that an hour must have to speak: half of those at 5-minute steps.
const HOUR_SAMPLES_MIN: usize = 6;

/// Whether days carry a sketch of their samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sketches {
    Kept,
    /// Where only the highest sample of a day counts.
    Empty,
}

/// One day each, oldest first; days without points are missing.
pub(crate) fn days(points: &[(i64, f64)], from_unix_s: i64, sketches: Sketches) -> Vec<DayUsage> {
    let day = |at: i64| (at - from_unix_s).div_euclid(DAY_S);
    let of_day = |chunk: &[(i64, f64)]| {
        let at_unix_s = from_unix_s + chunk.first().map_or(0, |(at, _)| day(*at)) * DAY_S;
        let mut sketch = Sketch::default();
        if sketches == Sketches::Kept {
            chunk.iter().for_each(|(_, value)| sketch.add(*value, 1));
        }
        let max = chunk.iter().map(|(_, value)| *value).fold(0.0, f64::max);
        DayUsage { at_unix_s, sketch, max, coverage: Default::default(), partial: false }
    };
    points.chunk_by(|(a, _), (b, _)| day(*a) == day(*b)).map(of_day).collect()
}

/// (start of the hour, median of its samples), oldest first; hours with few samples are missing.
pub(crate) fn hours(points: &[(i64, f64)], from_unix_s: i64) -> Vec<(i64, f64)> {
    let hour = |at: i64| (at - from_unix_s).div_euclid(HOUR_S);
    let of_hour = |chunk: &[(i64, f64)]| {
        let start = from_unix_s + hour(chunk.first()?.0) * HOUR_S;
        (chunk.len() >= HOUR_SAMPLES_MIN)
            .then(|| Some((start, median(chunk.iter().map(|(_, value)| *value))?)))?
    };
    points.chunk_by(|(a, _), (b, _)| hour(*a) == hour(*b)).filter_map(of_hour).collect()
}

/// The middle value, or the mean of the two in the middle; none without values.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.get(values.len().checked_sub(1)? / 2)?, values.get(values.len() / 2)?);
    Some((low + high) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_hours_begin_with_the_first_sample() {
        let from = 5_000;
        let points: Vec<(i64, f64)> = (0..600).map(|step| (from + step * 300, step as f64)).collect();
        let days = days(&points, from, Sketches::Kept);
        let shown: Vec<(i64, f64, u64)> =
            days.iter().map(|day| (day.at_unix_s - from, day.max, day.sketch.count())).collect();
        assert_eq!(shown, [(0, 287.0, 288), (DAY_S, 575.0, 288), (2 * DAY_S, 599.0, 24)]);
        assert_eq!(hours(&points, from)[..2], [(from, 5.5), (from + HOUR_S, 17.5)]);
    }

    #[test]
    fn gaps_leave_days_out_and_thin_hours_too() {
        let mut points: Vec<(i64, f64)> = (0..5).map(|step| (step * 300, 1.0)).collect();
        points.extend((0..6).map(|step| (2 * DAY_S + step * 300, 2.0)));
        let days = days(&points, 0, Sketches::Empty);
        assert_eq!(days.iter().map(|day| day.at_unix_s / DAY_S).collect::<Vec<_>>(), [0, 2]);
        assert_eq!(days[0].sketch.count(), 0);
        assert_eq!(hours(&points, 0), [(2 * DAY_S, 2.0)]);
    }

    #[test]
    fn the_median_of_an_even_number_lies_between_the_two_in_the_middle() {
        assert_eq!(median([4.0, 1.0, 3.0, 2.0].into_iter()), Some(2.5));
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), Some(2.0));
        assert_eq!(median(std::iter::empty()), None);
    }
}
