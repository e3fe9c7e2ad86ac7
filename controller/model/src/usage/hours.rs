//! Hours of a container, packed and shared: weeks of them of every container are held while a pass decides.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One hour of one container, all pods together; for charts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HourPoint {
    /// Start of the hour, in seconds since the epoch.
    pub at_unix_s: i64,
    /// Median of the hour's samples.
    pub median: f64,
    /// 95th percentile of the hour's samples.
    pub p95: f64,
    /// Highest sample of the hour.
    pub max: f64,
}

const HOUR_S: i64 = 3600;

/// [`HourPoint`]s in the order in which they came. A copy shares them; values are kept to 7 digits.
#[derive(Clone, Default, PartialEq)]
pub struct HourSeries(Arc<Vec<Packed>>);

/// 16 bytes instead of 32.
#[derive(Clone, Copy, PartialEq)]
struct Packed {
    /// Since the epoch.
    hours: u32,
    median: f32,
    p95: f32,
    max: f32,
}

impl HourSeries {
    /// How many hours.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The hours, in their order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = HourPoint> + ExactSizeIterator + Clone + '_ {
        self.0.iter().map(|packed| packed.point())
    }
}

impl Packed {
    fn of(point: HourPoint) -> Self {
        Self {
            hours: u32::try_from(point.at_unix_s.div_euclid(HOUR_S)).unwrap_or_default(),
            median: point.median as f32,
            p95: point.p95 as f32,
            max: point.max as f32,
        }
    }

    fn point(self) -> HourPoint {
        HourPoint {
            at_unix_s: i64::from(self.hours) * HOUR_S,
            median: f64::from(self.median),
            p95: f64::from(self.p95),
            max: f64::from(self.max),
        }
    }
}

impl FromIterator<HourPoint> for HourSeries {
    fn from_iter<I: IntoIterator<Item = HourPoint>>(points: I) -> Self {
        let mut packed: Vec<Packed> = points.into_iter().map(Packed::of).collect();
        packed.shrink_to_fit();
        Self(Arc::new(packed))
    }
}

impl Extend<HourPoint> for HourSeries {
    fn extend<I: IntoIterator<Item = HourPoint>>(&mut self, points: I) {
        let points = points.into_iter().map(Packed::of);
        let own = Arc::make_mut(&mut self.0);
        // A day at a time, and tens of thousands of series: room that is never used would be as much again.
        own.reserve_exact(points.size_hint().0);
        own.extend(points);
    }
}

impl fmt::Debug for HourSeries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Serialize for HourSeries {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for HourSeries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<HourPoint>::deserialize(deserializer)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_come_back_as_they_went_in() {
        let points: Vec<HourPoint> = (0..48)
            .map(|hour| {
                let value = f64::from(hour) * 0.5;
                HourPoint {
                    at_unix_s: 1_763_596_800 + i64::from(hour) * HOUR_S,
                    median: value,
                    p95: value + 1.0,
                    max: value + 2.0,
                }
            })
            .collect();
        let mut series: HourSeries = points[..24].iter().copied().collect();
        let copy = series.clone();
        series.extend(points[24..].iter().copied());
        assert!(series.iter().eq(points.iter().copied()));
        assert_eq!((copy.len(), series.len(), series.is_empty()), (24, 48, false));
        let text = serde_json::to_string(&series).unwrap();
        assert_eq!(serde_json::from_str::<HourSeries>(&text).unwrap(), series);
    }
}
