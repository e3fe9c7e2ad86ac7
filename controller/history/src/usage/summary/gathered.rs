//! What is gathered of one series, day by day: its samples by bin, its days and hours, its pods.
//!
//! Knows nothing of tables and names. A day's rows come in runs of one series, of which a day that was read in several
//! slices has several.

use kubeopt_model::usage::{DayUsage, HourPoint};
use kubeopt_signal::Sketch;

use crate::usage::frame::{PodSpan, ZERO_BIN};
use crate::usage::{DAY_S, HOUR_S};

/// Hours of a day.
const HOURS: usize = 24;

/// (bin, count), in the order of bins, each bin once.
type Bins = Vec<(i32, u32)>;

/// One series over the window.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    bins: Bins,
    highest: Option<(f64, i64)>,
    spans: Vec<PodSpan>,
    days: Vec<DayUsage>,
    hours: Vec<HourPoint>,
    today: Today,
}

/// The day that is being read.
#[derive(Debug)]
struct Today {
    bins: Bins,
    highest: Option<(f64, i64)>,
    /// By hour of the day; minus infinity where there is none.
    maxima: [f64; HOURS],
}

impl Default for Today {
    fn default() -> Self {
        Self { bins: Vec::new(), highest: None, maxima: [f64::NEG_INFINITY; HOURS] }
    }
}

impl Gathered {
    /// Adds an hour of a pod, with its highest sample and the time of that.
    pub(super) fn add_pod(&mut self, span: PodSpan, (max, at): (f64, i64)) {
        match self.spans.last_mut() {
            // The hours of a pod stand together.
            Some(last) if last.pod == span.pod => last.absorb(&span),
            _ => self.spans.push(span),
        }
        let of_hour = &mut self.today.maxima[hour_of_day(at)];
        *of_hour = of_hour.max(max);
        if self.today.highest.is_none_or(|(highest, _)| max > highest) {
            self.today.highest = Some((max, at));
        }
    }

    /// Adds rows of one slice: (hour, bin, count), in the order of hours and bins. Pods of the day come before.
    pub(super) fn add_rows(&mut self, rows: &[(i64, i32, u32)]) {
        for of_hour in rows.chunk_by(|a, b| a.0 == b.0) {
            let Some((at_unix_s, ..)) = of_hour.first().copied() else { continue };
            let max = self.today.maxima[hour_of_day(at_unix_s)].max(0.0);
            // The sketch is within one per cent; the exact maximum bounds it.
            let quantile = |q| quantile(of_hour, q).min(max);
            self.hours.push(HourPoint { at_unix_s, median: quantile(0.5), p95: quantile(0.95), max });
        }
        let bins = summed(rows.iter().map(|(_, bin, count)| (*bin, *count)).collect());
        self.today.bins = merged(&std::mem::take(&mut self.today.bins), bins);
    }

    /// Ends the day, of which so much is kept.
    pub(super) fn end_day(&mut self, kept: Kept) {
        let Some((max, at)) = self.today.highest else { return };
        let today = std::mem::take(&mut self.today);
        if self.highest.is_none_or(|(highest, _)| max > highest) {
            self.highest = Some((max, at));
        }
        let sketch = match kept {
            Kept::Nothing => None,
            Kept::Maxima => Some(Sketch::default()),
            Kept::Sketches => Some(sketch_of(&today.bins)),
        };
        let at_unix_s = at.div_euclid(DAY_S) * DAY_S;
        self.days.extend(sketch.map(|sketch| DayUsage { at_unix_s, sketch, max }));
        self.bins = merged(&std::mem::take(&mut self.bins), today.bins);
        self.join_spans();
    }

    /// One span a pod.
    fn join_spans(&mut self) {
        if self.spans.len() < 2 {
            return;
        }
        self.spans.sort_by_key(|span| span.pod);
        self.spans.dedup_by(|next, kept| {
            let same = next.pod == kept.pod;
            if same {
                kept.absorb(next);
            }
            same
        });
    }

    /// One span a pod, in the order of pods.
    pub(super) fn spans(&self) -> &[PodSpan] {
        &self.spans
    }

    /// The highest sample and its time; none without samples.
    pub(super) fn highest(&self) -> Option<(f64, i64)> {
        self.highest
    }

    /// All samples of the window; none where they were not counted by bin.
    pub(super) fn sketch(&self) -> Option<Sketch> {
        (!self.bins.is_empty()).then(|| sketch_of(&self.bins))
    }

    /// The days that were kept, oldest first.
    pub(super) fn take_days(&mut self) -> Vec<DayUsage> {
        let mut days = std::mem::take(&mut self.days);
        days.shrink_to_fit();
        days
    }

    /// All hours, oldest first.
    pub(super) fn take_hours(&mut self) -> Vec<HourPoint> {
        let mut hours = std::mem::take(&mut self.hours);
        // Slices of one day stand in its file as they came.
        hours.sort_unstable_by_key(|hour| hour.at_unix_s);
        hours.shrink_to_fit();
        hours
    }
}

/// What is kept of the days of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// Nothing.
    Nothing,
    /// The highest sample of each.
    Maxima,
    /// All samples of each by bin too.
    Sketches,
}

fn hour_of_day(at_unix_s: i64) -> usize {
    (at_unix_s.rem_euclid(DAY_S) / HOUR_S) as usize
}

/// As [`Sketch::quantile`] of one hour, without making a sketch of it.
fn quantile(of_hour: &[(i64, i32, u32)], q: f64) -> f64 {
    let count: u64 = of_hour.iter().map(|(.., count)| u64::from(*count)).sum();
    let rank = ((q * count as f64).ceil() as u64).max(1);
    let mut seen = 0;
    let reached = of_hour.iter().find(|(.., count)| {
        seen += u64::from(*count);
        seen >= rank
    });
    let bin = reached.or(of_hour.last()).and_then(|(_, bin, _)| i16::try_from(*bin).ok());
    bin.map_or(0.0, Sketch::value_of)
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

/// Both together.
fn merged(one: &[(i32, u32)], other: Bins) -> Bins {
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

fn sketch_of(bins: &[(i32, u32)]) -> Sketch {
    let zeros = bins.iter().filter(|(bin, _)| *bin == ZERO_BIN).map(|(_, count)| u64::from(*count)).sum();
    let filled = bins.iter().filter_map(|(bin, count)| Some((i16::try_from(*bin).ok()?, u64::from(*count))));
    Sketch::from_bins(zeros, filled)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_quantile_of_an_hour_is_that_of_its_sketch(
            values in proptest::collection::vec(0.0_f64..1e6, 1..12), q in 0.0_f64..=1.0,
        ) {
            let mut sketch = Sketch::default();
            values.iter().for_each(|value| sketch.add(*value, 1));
            let rows = summed(values.iter().map(|value| (Sketch::bin_of(*value).map_or(ZERO_BIN, i32::from), 1)).collect());
            let rows: Vec<(i64, i32, u32)> = rows.into_iter().map(|(bin, count)| (0, bin, count)).collect();
            prop_assert_eq!(Some(quantile(&rows, q)), sketch.quantile(q));
        }
    }

    #[test]
    fn two_slices_of_a_day_are_one_day() {
        let mut gathered = Gathered::default();
        let span = |pod, first| PodSpan { series: 1, pod, samples: 1, first, last: first, sum: 5.0 };
        gathered.add_pod(span(7, 0), (5.0, 0));
        gathered.add_pod(span(8, 3600), (9.0, 3600));
        gathered.add_pod(span(7, 3900), (4.0, 3900));
        gathered.add_rows(&[(3600, 100, 1), (3600, 120, 1)]);
        gathered.add_rows(&[(0, ZERO_BIN, 1), (0, 100, 2)]);
        gathered.end_day(Kept::Sketches);
        let days = gathered.take_days();
        assert_eq!((days.len(), days[0].max, days[0].sketch.count()), (1, 9.0, 5));
        assert_eq!(gathered.sketch().map(|sketch| (sketch.zeros(), sketch.count())), Some((1, 5)));
        assert_eq!(
            gathered.spans().iter().map(|span| (span.pod, span.samples)).collect::<Vec<_>>(),
            [(7, 2), (8, 1)]
        );
        let hours: Vec<(i64, f64)> =
            gathered.take_hours().iter().map(|hour| (hour.at_unix_s, hour.max)).collect();
        assert_eq!(hours, [(0, 5.0), (3600, 9.0)]);
    }
}
