//! Hours on a grid: one value for each hour, none where nothing was measured.

use kubeopt_model::usage::HourPoint;
use kubeopt_outlook::{DAY, HOUR_S, WEEK};

/// Hours that are looked at, counted back from the last: what history keeps.
const HOURS_MAX: usize = 90 * DAY;

/// Hourly values without holes in time.
#[derive(Debug, Clone, PartialEq)]
pub struct Hours {
    /// Start of the first hour, in seconds since the epoch.
    from_unix_s: i64,
    /// In the unit of the usage; none for an hour without samples.
    values: Vec<Option<f64>>,
}

impl Hours {
    /// The hours of a usage, by `value`, such as the 95th percentile. Hours may come in any order; values that are not
    /// finite count as not measured.
    pub fn of(
        points: impl IntoIterator<Item = HourPoint, IntoIter: Clone>,
        value: impl Fn(&HourPoint) -> f64,
    ) -> Self {
        let points = points.into_iter();
        let hour = |point: HourPoint| point.at_unix_s.div_euclid(HOUR_S);
        let Some(last) = points.clone().map(hour).max() else {
            return Self { from_unix_s: 0, values: Vec::new() };
        };
        let first = points.clone().map(hour).min().unwrap_or(last).max(last - HOURS_MAX as i64 + 1);
        let mut values = vec![None; usize::try_from(last - first + 1).unwrap_or_default()];
        for point in points {
            let slot = usize::try_from(hour(point) - first).ok().and_then(|at| values.get_mut(at));
            if let Some(slot) = slot {
                *slot = Some(value(&point)).filter(|value| value.is_finite());
            }
        }
        Self { from_unix_s: first * HOUR_S, values }
    }

    /// How many hours, measured or not.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// (hour of the week, value) of each measured hour, oldest first. The week begins on Thursday, 00:00 UTC, as the epoch
    /// did.
    pub(crate) fn by_week(&self) -> impl DoubleEndedIterator<Item = (usize, f64)> + Clone + '_ {
        let first = self.from_unix_s.div_euclid(HOUR_S);
        self.values.iter().enumerate().filter_map(move |(at, value)| {
            let hour = (first + at as i64).rem_euclid(WEEK as i64);
            Some((usize::try_from(hour).unwrap_or_default(), (*value)?))
        })
    }

    pub(crate) fn values(&self) -> &[Option<f64>] {
        &self.values
    }

    /// Without the line that fits them best: growth is no season.
    pub(crate) fn without_trend(&self) -> Self {
        let measured =
            || self.values.iter().enumerate().filter_map(|(at, value)| Some((at as f64, (*value)?)));
        let (Some(middle), Some(level)) =
            (mean(measured().map(|(at, _)| at)), mean(measured().map(|(_, value)| value)))
        else {
            return self.clone();
        };
        let both: f64 = measured().map(|(at, value)| (at - middle) * (value - level)).sum();
        let length: f64 = measured().map(|(at, _)| (at - middle).powi(2)).sum();
        let slope = if length > f64::EPSILON { both / length } else { 0.0 };
        let values = self.values.iter().enumerate();
        let values =
            values.map(|(at, value)| value.map(|value| value - slope * (at as f64 - middle))).collect();
        Self { from_unix_s: self.from_unix_s, values }
    }

    /// The hours before the last `hours`, and these.
    pub(crate) fn split(&self, hours: usize) -> (Self, Self) {
        let at = self.values.len().saturating_sub(hours);
        let part = |from: usize, values: &[Option<f64>]| Self {
            from_unix_s: self.from_unix_s + from as i64 * HOUR_S,
            values: values.to_vec(),
        };
        (part(0, &self.values[..at]), part(at, &self.values[at..]))
    }
}

/// The mean; none of nothing.
pub(crate) fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_u64), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / count as f64)
}
