//! The table of 5-minute points: how it is gathered, merged and read. The only place that names its columns.
//!
//! `points`: series, hour, m00, m05, ... m55. One row per series and hour, all pods together; an empty step is NaN. Of
//! CPU, a point is the mean over the pods that have a sample in the step: each pod of the step weighs the same, so that a
//! pod speaks for the time that it lives. Of memory and of restarts, which are counted by the hour and stand in its first
//! step, it is the highest of the pods. Values are rounded to 12 binary digits
//! ([`POINT_ERROR`]), which halves the file; exact maxima stand in the hours (see `frame`).

use std::collections::{BTreeMap, HashMap, HashSet};

use kubeopt_model::usage::Signal;
use polars::prelude::*;

use super::{HOUR_S, STEP_S};
use crate::error::HistoryError;

/// Bound on the relative error of a point against the mean or maximum of its step: 13 binary digits, rounded.
pub const POINT_ERROR: f64 = 1.0 / 8192.0;

/// Steps of an hour.
const STEPS: usize = (HOUR_S / STEP_S) as usize;

/// A column per step.
const MINUTES: [&str; STEPS] =
    ["m00", "m05", "m10", "m15", "m20", "m25", "m30", "m35", "m40", "m45", "m50", "m55"];

/// Bits of a 32-bit float's 23 that are rounded away.
const ROUNDED_BITS: u32 = 11;

/// What the pods of a series did in an hour.
#[derive(Debug, Clone, Copy)]
struct Steps {
    /// Sums of CPU, maxima of memory and of restarts.
    values: [f32; STEPS],
    /// Pods that had a sample.
    pods: [u16; STEPS],
}

/// Points of a slice in the making.
#[derive(Debug, Default)]
pub(super) struct PointRows {
    hours: BTreeMap<u64, HashMap<i64, Steps>>,
}

/// Samples of one pod in one hour, on their way into [`PointRows`].
#[derive(Debug)]
pub(super) struct PodSteps {
    values: [f32; STEPS],
}

impl Default for PodSteps {
    fn default() -> Self {
        Self { values: [f32::NAN; STEPS] }
    }
}

impl PodSteps {
    /// Adds a sample. Of several in a step the highest counts.
    pub(super) fn add(&mut self, at: i64, value: f64) {
        let step = (at.rem_euclid(HOUR_S) / STEP_S) as usize;
        // `max` gives the other where one is no number.
        self.values[step] = self.values[step].max(value as f32);
    }
}

impl PointRows {
    /// Adds what one pod did in an hour.
    pub(super) fn add(&mut self, series: u64, signal: Signal, hour: i64, pod: &PodSteps) {
        let is_mean = signal == Signal::CpuMillicores;
        let nothing = Steps { values: [f32::NAN; STEPS], pods: [0; STEPS] };
        let steps = self.hours.entry(series).or_default().entry(hour).or_insert(nothing);
        for ((kept, pods), value) in steps.values.iter_mut().zip(&mut steps.pods).zip(pod.values) {
            if value.is_nan() {
                continue;
            }
            if is_mean && *pods > 0 {
                *kept += value;
                *pods = pods.saturating_add(1);
            } else {
                // Memory stays at one pod, so that the mean of the step is its maximum.
                *kept = kept.max(value);
                *pods = 1;
            }
        }
    }

    /// As a table, in the order of series and hours.
    pub(super) fn into_table(self) -> Result<DataFrame, HistoryError> {
        let count = self.hours.values().map(HashMap::len).sum();
        let (mut series, mut hours) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let mut minutes: [Vec<f32>; STEPS] = std::array::from_fn(|_| Vec::with_capacity(count));
        for (id, of_series) in self.hours {
            let mut of_series: Vec<(i64, Steps)> = of_series.into_iter().collect();
            of_series.sort_unstable_by_key(|(hour, _)| *hour);
            for (hour, steps) in of_series {
                series.push(id);
                hours.push(hour);
                for (column, (value, pods)) in minutes.iter_mut().zip(steps.values.iter().zip(steps.pods)) {
                    column.push(rounded(value / f32::from(pods.max(1))));
                }
            }
        }
        let mut columns = vec![
            UInt64Chunked::from_vec("series".into(), series).into_column(),
            Int64Chunked::from_vec("hour".into(), hours).into_column(),
        ];
        let named = MINUTES.iter().zip(minutes);
        columns.extend(
            named.map(|(name, values)| Float32Chunked::from_vec((*name).into(), values).into_column()),
        );
        Ok(DataFrame::new(columns)?)
    }
}

/// To the nearest value of 12 binary digits after the first.
fn rounded(value: f32) -> f32 {
    if !value.is_finite() {
        return f32::NAN;
    }
    let half = 1 << (ROUNDED_BITS - 1);
    let bits = value.to_bits().saturating_add(half) >> ROUNDED_BITS << ROUNDED_BITS;
    f32::from_bits(bits)
}

/// The columns, as a file must have them.
pub(super) fn columns() -> Vec<&'static str> {
    ["series", "hour"].into_iter().chain(MINUTES).collect()
}

/// Calls back with series, time and value of each point of these series within the hours that are kept.
pub(super) fn each_point(
    points: &DataFrame,
    series: &HashSet<u64>,
    keep_hour: impl Fn(i64) -> bool,
    mut each: impl FnMut(u64, i64, f64),
) -> Result<(), HistoryError> {
    let ids = points.column("series")?.u64()?;
    let hours = points.column("hour")?.i64()?;
    let minutes: Vec<&Float32Chunked> =
        MINUTES.iter().map(|name| points.column(name)?.f32()).collect::<PolarsResult<_>>()?;
    for (row, (id, hour)) in ids.iter().zip(hours.iter()).enumerate() {
        let (Some(id), Some(hour)) = (id, hour) else { continue };
        if !series.contains(&id) || !keep_hour(hour) {
            continue;
        }
        for (step, column) in (0..).zip(&minutes) {
            if let Some(value) = column.get(row).filter(|value| value.is_finite()) {
                each(id, hour + step * STEP_S, f64::from(value));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rounding_is_within_the_stated_error(value in 0.001_f64..1e13) {
            let got = f64::from(rounded(value as f32));
            prop_assert!((got - value).abs() <= value * (POINT_ERROR + 1e-7), "{got} {value}");
        }
    }

    #[test]
    fn cpu_is_the_mean_of_the_pods_of_a_step_and_memory_the_highest() {
        let mut rows = PointRows::default();
        for (signal, id) in [(Signal::CpuMillicores, 1), (Signal::MemoryBytes, 2)] {
            for (steps, value) in [(12, 100.0), (6, 300.0), (3, 32.0)] {
                let mut pod = PodSteps::default();
                (0..steps).for_each(|step| pod.add(7200 + step * STEP_S, value));
                rows.add(id, signal, 7200, &pod);
            }
        }
        let table = rows.into_table().unwrap();
        let mut found = Vec::new();
        each_point(&table, &HashSet::from([1, 2]), |_| true, |id, at, value| found.push((id, at, value)))
            .unwrap();
        let of =
            |id: u64| found.iter().filter(|(of, ..)| *of == id).map(|(.., value)| *value).collect::<Vec<_>>();
        assert_eq!(of(1), [[144.0; 3].as_slice(), &[200.0; 3], &[100.0; 6]].concat());
        assert_eq!(of(2), [[300.0; 6], [100.0; 6]].concat());
        assert_eq!(found[11].1, 7200 + 3300);
    }
}
