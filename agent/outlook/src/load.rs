//! One resource of one container hour by hour, without holes: what forecasts are made from and measured on.
//!
//! Hours that were not measured carry the last value on and are marked; they are never a truth that a forecast is judged by.

use kubeopt_model::Resource;
use kubeopt_model::usage::HourPoint;

use crate::error::OutlookError;
use crate::hours::{DAY, HOUR_S};

/// Hours that are kept, counted back from the last: four months, more than any candidate looks at.
const HOURS_MAX: usize = 120 * DAY;

/// Above this a value is a fault of the source: a million cores, an exabyte.
const VALUE_MAX: f64 = 1e18;

/// Hourly load from the first measured hour to the last.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    resource: Resource,
    /// Of the first hour, in hours since the epoch.
    from_hour: i64,
    /// The highest of each hour, carried on where it was not measured.
    highest: Vec<f32>,
    /// The median of each hour, carried on.
    median: Vec<f32>,
    is_measured: Vec<bool>,
    /// Sums of what the same hour of the day before was wrong by, up to each hour.
    wrong_by: Vec<f64>,
}

impl Load {
    /// Of hours in any order, in millicores or bytes. Values that are not finite, or that nobody can mean, count as not
    /// measured; of two values of an hour the later one counts.
    ///
    /// # Errors
    /// [`OutlookError::Nothing`] where no hour was measured.
    pub fn of(resource: Resource, points: impl IntoIterator<Item = HourPoint>) -> Result<Self, OutlookError> {
        let is_value = |value: f64| value.is_finite() && (0.0..=VALUE_MAX).contains(&value);
        let points: Vec<HourPoint> = points.into_iter().filter(|point| is_value(point.max)).collect();
        let hour = |point: &HourPoint| point.at_unix_s.div_euclid(HOUR_S);
        let last = points.iter().map(hour).max().ok_or(OutlookError::Nothing)?;
        let kept = |point: &&HourPoint| hour(point) > last - HOURS_MAX as i64;
        let from_hour = points.iter().filter(kept).map(hour).min().unwrap_or(last);
        let length = usize::try_from(last - from_hour + 1).unwrap_or(1);
        let mut hours = vec![None; length];
        for point in points.iter().filter(kept) {
            if let Some(slot) = usize::try_from(hour(point) - from_hour).ok().and_then(|at| hours.get_mut(at))
            {
                let median = if is_value(point.median) { point.median } else { point.max };
                *slot = Some((point.max as f32, median as f32));
            }
        }
        Ok(Self::carried(resource, from_hour, &hours))
    }

    fn carried(resource: Resource, from_hour: i64, hours: &[Option<(f32, f32)>]) -> Self {
        let is_measured = hours.iter().map(Option::is_some).collect();
        let carried = hours.iter().scan((0.0, 0.0), |last, hour| {
            *last = hour.unwrap_or(*last);
            Some(*last)
        });
        let (highest, median): (Vec<f32>, Vec<f32>) = carried.unzip();
        let mut wrong_by = vec![0.0; highest.len() + 1];
        for at in 0..highest.len() {
            let wrong =
                at.checked_sub(DAY).map_or(0.0, |before| f64::from((highest[at] - highest[before]).abs()));
            wrong_by[at + 1] = wrong_by[at] + wrong;
        }
        Self { resource, from_hour, highest, median, is_measured, wrong_by }
    }

    /// What was known before a place; the first hour at least.
    pub fn before(&self, place: usize) -> Self {
        let length = place.clamp(1, self.len());
        Self {
            resource: self.resource,
            from_hour: self.from_hour,
            highest: self.highest[..length].to_vec(),
            median: self.median[..length].to_vec(),
            is_measured: self.is_measured[..length].to_vec(),
            wrong_by: self.wrong_by[..=length].to_vec(),
        }
    }

    /// Which resource.
    pub fn resource(&self) -> Resource {
        self.resource
    }

    /// Hours from the first to the last, measured or not.
    pub fn len(&self) -> usize {
        self.highest.len()
    }

    /// Never: a load has an hour at least.
    pub fn is_empty(&self) -> bool {
        self.highest.is_empty()
    }

    /// Hours since the epoch of the hour at a place.
    pub fn hour(&self, at: usize) -> i64 {
        self.from_hour + at as i64
    }

    /// The place of an hour since the epoch; none before the first.
    pub fn place(&self, hour: i64) -> Option<usize> {
        usize::try_from(hour - self.from_hour).ok()
    }

    /// The highest of each hour, carried on where it was not measured.
    pub fn highest(&self) -> &[f32] {
        &self.highest
    }

    /// The median of each hour, carried on where it was not measured.
    pub fn median(&self) -> &[f32] {
        &self.median
    }

    /// What was measured in an hour; none where nothing was, and after the last.
    pub fn measured(&self, at: usize) -> Option<f32> {
        self.is_measured.get(at).copied().unwrap_or(false).then(|| self.highest[at])
    }

    /// Whether the hour at a place was measured.
    pub fn is_measured(&self, at: usize) -> bool {
        self.is_measured.get(at).copied().unwrap_or(false)
    }

    /// How many hours of a span were measured.
    pub fn measured_hours(&self, from: usize, to: usize) -> usize {
        (from..to.min(self.len())).filter(|at| self.is_measured[*at]).count()
    }

    /// What "as the day before" was wrong by on average, from a place to before another; the first day has no day before.
    pub fn seasonal_error(&self, from: usize, to: usize) -> f32 {
        let (from, to) = (from.max(DAY), to.min(self.len()));
        if from >= to {
            return 0.0;
        }
        ((self.wrong_by[to] - self.wrong_by[from]) / (to - from) as f64) as f32
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A load of so many hours from a Thursday on.
    pub(crate) fn load(hours: usize, at: impl Fn(usize) -> f64) -> Load {
        let point = |hour: usize| HourPoint {
            at_unix_s: hour as i64 * HOUR_S,
            median: at(hour) * 0.8,
            p95: at(hour),
            max: at(hour),
        };
        Load::of(Resource::Cpu, (0..hours).map(point)).expect("hours were measured")
    }

    /// Numbers from 0 to 1, the same ones for the same seed.
    pub(crate) fn lots(mut seed: u64) -> impl FnMut() -> f64 {
        move || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 11) as f64 / (1_u64 << 53) as f64
        }
    }

    #[test]
    fn hours_without_samples_carry_the_last_value_and_are_marked() {
        let point =
            |hour: i64, max: f64| HourPoint { at_unix_s: hour * HOUR_S, median: max / 2.0, p95: max, max };
        let hours =
            [point(5, 30.0), point(2, 10.0), point(3, f64::NAN), point(6, -1.0), point(7, f64::INFINITY)];
        let load = Load::of(Resource::Memory, hours).unwrap();
        assert_eq!((load.len(), load.hour(0), load.place(5), load.place(1)), (4, 2, Some(3), None));
        assert_eq!(load.highest(), [10.0, 10.0, 10.0, 30.0]);
        assert_eq!(load.median(), [5.0, 5.0, 5.0, 15.0]);
        assert_eq!(
            (0..5).map(|at| load.measured(at)).collect::<Vec<_>>(),
            [Some(10.0), None, None, Some(30.0), None]
        );
        assert_eq!(load.measured_hours(0, 99), 2);
    }

    #[test]
    fn what_was_known_before_a_place_is_a_load_of_its_own() {
        let values = |hour: usize| (hour * hour % 37) as f64;
        assert_eq!(load(90, values).before(60), load(60, values));
        assert_eq!(load(90, values).before(0).len(), 1);
    }

    #[test]
    fn a_load_without_a_measured_hour_is_refused() {
        let nan = HourPoint { at_unix_s: 0, median: 1.0, p95: 1.0, max: f64::NAN };
        assert_eq!(Load::of(Resource::Cpu, [nan]), Err(OutlookError::Nothing));
        assert_eq!(Load::of(Resource::Cpu, []), Err(OutlookError::Nothing));
    }

    #[test]
    fn a_gap_of_years_costs_no_room() {
        let point = |hour: i64| HourPoint { at_unix_s: hour * HOUR_S, median: 1.0, p95: 1.0, max: 1.0 };
        let load = Load::of(Resource::Cpu, [point(-4_000_000_000), point(0), point(10)]).unwrap();
        assert_eq!(load.len(), 11);
    }

    #[test]
    fn the_error_of_the_day_before_is_a_mean_over_a_span() {
        let load = load(72, |hour| if hour < 48 { 10.0 } else { 16.0 });
        assert_eq!(load.seasonal_error(0, 48), 0.0);
        assert_eq!(load.seasonal_error(0, 72), 3.0);
        assert_eq!(load.seasonal_error(48, 999), 6.0);
        assert_eq!(load.seasonal_error(60, 50), 0.0);
    }
}
