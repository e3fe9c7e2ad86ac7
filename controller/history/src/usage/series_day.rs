//! One day of one series: its samples by bin, its hours, its pods. Two parts of a day make one, exactly.
//!
//! Knows nothing of tables, files and names.

use kubeopt_model::usage::HourPoint;
use kubeopt_signal::Sketch;
use serde::{Deserialize, Serialize};

use super::frame::{PodSpan, ZERO_BIN};
use super::{DAY_S, HOUR_S};

/// Hours of a day.
const HOURS: usize = 24;

/// (bin, count), in the order of bins, each bin once.
pub(super) type Bins = Vec<(i32, u32)>;

/// A day, or the part of it that was read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct SeriesDay {
    bins: Bins,
    highest: Option<(f64, i64)>,
    /// In the order of time; none of signals that are not counted by bin.
    hours: Vec<Hour>,
    /// In the order of pods, each pod once.
    pods: Vec<PodSpan>,
}

/// An hour of all pods together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Hour {
    of_day: u8,
    /// The bin of the median.
    median: i32,
    /// The bin of the 95th percentile.
    p95: i32,
    max: f32,
}

/// A day that is being gathered from rows.
#[derive(Debug)]
pub(super) struct OpenDay {
    day: SeriesDay,
    /// By hour of the day; minus infinity where there is none.
    maxima: [f64; HOURS],
}

impl Default for OpenDay {
    fn default() -> Self {
        Self { day: SeriesDay::default(), maxima: [f64::NEG_INFINITY; HOURS] }
    }
}

impl OpenDay {
    /// Adds an hour of a pod, with its highest sample and the time of that.
    pub(super) fn add_pod(&mut self, span: PodSpan, (max, at): (f64, i64)) {
        match self.day.pods.last_mut() {
            // The hours of a pod stand together.
            Some(last) if last.pod == span.pod => last.absorb(&span),
            _ => self.day.pods.push(span),
        }
        let of_hour = &mut self.maxima[hour_of_day(at)];
        *of_hour = of_hour.max(max);
        self.day.highest = higher(self.day.highest, Some((max, at)));
    }

    /// Adds rows of one slice: (hour, bin, count), in the order of hours and bins. Pods of the day come before.
    pub(super) fn add_rows(&mut self, rows: &[(i64, i32, u32)]) {
        for of_hour in rows.chunk_by(|a, b| a.0 == b.0) {
            let Some((at_unix_s, ..)) = of_hour.first() else { continue };
            let of_day = hour_of_day(*at_unix_s);
            let (median, p95) = (quantile_bin(of_hour, 0.5), quantile_bin(of_hour, 0.95));
            let max = self.maxima[of_day].max(0.0) as f32;
            self.day.hours.push(Hour { of_day: of_day as u8, median, p95, max });
        }
        let bins = summed(rows.iter().map(|(_, bin, count)| (*bin, *count)).collect());
        self.day.bins = merged(&self.day.bins, bins);
    }

    /// Ends the day.
    pub(super) fn end(mut self) -> SeriesDay {
        // Slices of one day stand in its tables as they came.
        self.day.hours.sort_unstable_by_key(|hour| hour.of_day);
        join(&mut self.day.pods);
        self.day
    }
}

impl SeriesDay {
    /// Takes over another part of the same day, which shares no hour with this one.
    pub(super) fn absorb(&mut self, other: Self) {
        self.bins = merged(&self.bins, other.bins);
        self.highest = higher(self.highest, other.highest);
        self.hours.extend(other.hours);
        self.hours.sort_unstable_by_key(|hour| hour.of_day);
        self.pods.extend(other.pods);
        join(&mut self.pods);
    }

    /// All samples by bin.
    pub(super) fn bins(&self) -> &[(i32, u32)] {
        &self.bins
    }

    /// The highest sample and its time, the first of several; none without samples.
    pub(super) fn highest(&self) -> Option<(f64, i64)> {
        self.highest
    }

    /// One span a pod, in the order of pods.
    pub(super) fn pods(&self) -> &[PodSpan] {
        &self.pods
    }

    /// The hours of the day that begins then.
    pub(super) fn hours(&self, day_unix_s: i64) -> impl Iterator<Item = HourPoint> + '_ {
        self.hours.iter().map(move |hour| {
            let max = f64::from(hour.max);
            // The sketch is within one per cent; the maximum bounds it.
            let value = |bin: i32| i16::try_from(bin).map_or(0.0, Sketch::value_of).min(max);
            HourPoint {
                at_unix_s: day_unix_s + i64::from(hour.of_day) * HOUR_S,
                median: value(hour.median),
                p95: value(hour.p95),
                max,
            }
        })
    }
}

/// One span a pod, in the order of pods.
pub(super) fn join(pods: &mut Vec<PodSpan>) {
    if pods.len() < 2 {
        return;
    }
    pods.sort_by_key(|span| span.pod);
    pods.dedup_by(|next, kept| {
        let same = next.pod == kept.pod;
        if same {
            kept.absorb(next);
        }
        same
    });
}

/// The higher of two samples, the earlier of two that are equal.
pub(super) fn higher(one: Option<(f64, i64)>, other: Option<(f64, i64)>) -> Option<(f64, i64)> {
    match (one, other) {
        (Some(a), Some(b)) => Some(if b.0 > a.0 || (b.0 == a.0 && b.1 < a.1) { b } else { a }),
        (one, other) => one.or(other),
    }
}

/// Both together.
pub(super) fn merged(one: &[(i32, u32)], other: Bins) -> Bins {
    if one.is_empty() {
        return other;
    }
    let mut all = Vec::with_capacity(one.len() + other.len());
    all.extend_from_slice(one);
    all.extend(other);
    // Two runs that are in order already: a stable sort goes through them once.
    all.sort_by_key(|(bin, _)| *bin);
    add_up(&mut all);
    all.shrink_to_fit();
    all
}

/// A sketch of bins; those that are none of a sketch count as zero.
pub(super) fn sketch_of(bins: &[(i32, u32)]) -> Sketch {
    let zeros = bins.iter().filter(|(bin, _)| *bin == ZERO_BIN).map(|(_, count)| u64::from(*count)).sum();
    let filled = bins.iter().filter_map(|(bin, count)| Some((i16::try_from(*bin).ok()?, u64::from(*count))));
    Sketch::from_bins(zeros, filled)
}

fn hour_of_day(at_unix_s: i64) -> usize {
    (at_unix_s.rem_euclid(DAY_S) / HOUR_S) as usize
}

/// The bin that [`Sketch::quantile`] would name for one hour, without making a sketch of it.
fn quantile_bin(of_hour: &[(i64, i32, u32)], q: f64) -> i32 {
    let count: u64 = of_hour.iter().map(|(.., count)| u64::from(*count)).sum();
    let rank = ((q * count as f64).ceil() as u64).max(1);
    let mut seen = 0;
    let reached = of_hour.iter().find(|(.., count)| {
        seen += u64::from(*count);
        seen >= rank
    });
    reached.or(of_hour.last()).map_or(ZERO_BIN, |(_, bin, _)| *bin)
}

/// In order, each bin once.
fn summed(mut bins: Bins) -> Bins {
    bins.sort_unstable_by_key(|(bin, _)| *bin);
    add_up(&mut bins);
    bins
}

/// Makes one of what stands beside each other for the same bin.
fn add_up(bins: &mut Bins) {
    bins.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 = kept.1.saturating_add(next.1);
        }
        same
    });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bin_of(value: f64) -> i32 {
        Sketch::bin_of(value).map_or(ZERO_BIN, i32::from)
    }

    /// A day of one pod, from its samples of 5 minutes each.
    fn day_of(samples: &[(i64, f64)]) -> SeriesDay {
        let mut open = OpenDay::default();
        let mut rows = Vec::new();
        for (at, value) in samples {
            let span = PodSpan { pod: 7, samples: 1, first: *at, last: *at, sum: *value, max: *value as f32 };
            open.add_pod(span, (*value, *at));
            rows.push((at.div_euclid(HOUR_S) * HOUR_S, bin_of(*value), 1));
        }
        rows.sort_unstable();
        open.add_rows(&rows);
        open.end()
    }

    proptest! {
        #[test]
        fn a_quantile_of_an_hour_is_that_of_its_sketch(
            values in proptest::collection::vec(0.0_f64..1e6, 1..12), q in 0.0_f64..=1.0,
        ) {
            let mut sketch = Sketch::default();
            values.iter().for_each(|value| sketch.add(*value, 1));
            let rows = summed(values.iter().map(|value| (bin_of(*value), 1)).collect());
            let rows: Vec<(i64, i32, u32)> = rows.into_iter().map(|(bin, count)| (0, bin, count)).collect();
            let got = i16::try_from(quantile_bin(&rows, q)).map_or(0.0, Sketch::value_of);
            prop_assert_eq!(Some(got), sketch.quantile(q));
        }

        #[test]
        fn parts_of_a_day_make_the_day(
            values in proptest::collection::vec(0_u32..1_000_000, 288), hours in proptest::collection::btree_set(0_i64..24, 0..24),
        ) {
            // Whole numbers, so that no order of adding changes a sum.
            let samples: Vec<(i64, f64)> = (0..).map(|step| step * 300).zip(values.into_iter().map(f64::from)).collect();
            let (one, other): (Vec<_>, Vec<_>) = samples.iter().copied().partition(|(at, _)| hours.contains(&(at / HOUR_S)));
            let mut joined = day_of(&one);
            joined.absorb(day_of(&other));
            prop_assert_eq!(joined, day_of(&samples));
        }
    }

    #[test]
    fn two_slices_of_a_day_are_one_day() {
        let mut open = OpenDay::default();
        let span = |pod, first| PodSpan { pod, samples: 1, first, last: first, sum: 5.0, max: 5.0 };
        open.add_pod(span(7, 0), (5.0, 0));
        open.add_pod(span(8, 3600), (9.0, 3600));
        open.add_pod(span(7, 3900), (4.0, 3900));
        open.add_rows(&[(3600, 100, 1), (3600, 120, 1)]);
        open.add_rows(&[(0, ZERO_BIN, 1), (0, 100, 2)]);
        let day = open.end();
        let sketch = sketch_of(day.bins());
        assert_eq!((day.highest(), sketch.zeros(), sketch.count()), (Some((9.0, 3600)), 1, 5));
        assert_eq!(
            day.pods().iter().map(|span| (span.pod, span.samples)).collect::<Vec<_>>(),
            [(7, 2), (8, 1)]
        );
        let hours: Vec<(i64, f64)> =
            day.hours(DAY_S).map(|hour| (hour.at_unix_s - DAY_S, hour.max)).collect();
        assert_eq!(hours, [(0, 5.0), (3600, 9.0)]);
    }
}
