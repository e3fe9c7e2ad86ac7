//! What is gathered of one series, day by day: its samples by bin, its days and hours, its pods.
//!
//! Knows nothing of tables and names.

use kubeopt_model::Coverage;
use kubeopt_model::usage::{DayUsage, HourSeries};
use kubeopt_signal::Sketch;

use crate::usage::frame::PodSpan;
use crate::usage::rollup::steps_between;
use crate::usage::series_day::{Bins, SeriesDay, higher, join, merged, sketch_of};
use crate::usage::{DAY_S, STEP_S};

/// One series over the window.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    bins: Bins,
    highest: Option<(f64, i64)>,
    spans: Vec<PodSpan>,
    days: Vec<DayUsage>,
    hours: HourSeries,
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

impl Gathered {
    /// Adds the day that begins then, partly read or whole, of which so much is kept. Days come oldest first.
    pub(super) fn add_day(&mut self, (day_unix_s, partial): (i64, bool), day: &SeriesDay, kept: Kept) {
        let Some((max, _)) = day.highest() else { return };
        self.highest = higher(self.highest, day.highest());
        let sketch = match kept {
            Kept::Nothing => None,
            Kept::Maxima => Some(Sketch::default()),
            Kept::Sketches => Some(sketch_of(day.bins())),
        };
        if let Some(sketch) = sketch {
            let coverage = coverage(day.pods());
            self.days.push(DayUsage { at_unix_s: day_unix_s, sketch, max, coverage, partial });
            self.expect_between(day.pods());
        }
        self.bins = merged(&std::mem::take(&mut self.bins), day.bins().to_vec());
        self.hours.extend(day.hours(day_unix_s));
        self.spans.extend_from_slice(day.pods());
        join(&mut self.spans);
    }

    /// A pod that was seen before and is seen again was expected in between: the days that this lies in, the last one among
    /// them, get to know.
    fn expect_between(&mut self, pods: &[PodSpan]) {
        for span in pods {
            let Ok(at) = self.spans.binary_search_by_key(&span.pod, |known| known.pod) else { continue };
            let (from, to) = (self.spans[at].last + STEP_S, span.first);
            if from >= to {
                continue;
            }
            for day in self.days.iter_mut().rev().take_while(|day| day.at_unix_s + DAY_S > from) {
                let missing = to.min(day.at_unix_s + DAY_S) - from.max(day.at_unix_s);
                day.coverage.expected += (missing.max(0) / STEP_S) as u64;
            }
        }
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
    pub(super) fn take_hours(&mut self) -> HourSeries {
        std::mem::take(&mut self.hours)
    }
}

/// Samples there and expected, of each pod from its first to its last of the day.
fn coverage(pods: &[PodSpan]) -> Coverage {
    pods.iter().fold(Coverage::default(), |sum, span| Coverage {
        have: sum.have + u64::from(span.samples),
        expected: sum.expected + steps_between(span.first, span.last),
    })
}
