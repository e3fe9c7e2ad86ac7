//! A mergeable sketch of non-negative values with a bounded relative error.
//!
//! Logarithmic bins as in DDSketch (Masson, Rim, Lee: VLDB 2019): bin `i` holds `(g^(i-1), g^i]` with
//! `g = (1+a)/(1-a)`, so that the bin's middle is within `a` of every value in it. Merging is adding counts, hence exact.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Bound on the relative error of [`Sketch::quantile`].
pub const RELATIVE_ERROR: f64 = 0.01;

/// Values at or below this count as zero: a thousandth of a millicore, a thousandth of a byte.
const ZERO: f64 = 1e-3;

/// Counts by logarithmic bin.
///
/// ```
/// let mut a = kubeopt_signal::Sketch::default();
/// (1..=100).for_each(|v| a.add(f64::from(v), 1));
/// let p95 = a.quantile(0.95).unwrap();
/// assert!((p95 - 95.0).abs() <= 0.011 * 95.0);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sketch {
    zeros: u64,
    /// (bin, count), sorted by bin, counts above zero. Shared by copies, because weeks of them are handed from stage to
    /// stage. A count ends at 4 billion, which is all 5-minute samples of 90 days of 160,000 pods in one bin.
    #[serde(with = "shared")]
    bins: Arc<Vec<(i16, u32)>>,
}

/// Bins as a plain list.
mod shared {
    use std::sync::Arc;

    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    type Bins = Vec<(i16, u32)>;

    pub(super) fn serialize<S: Serializer>(bins: &Arc<Bins>, serializer: S) -> Result<S::Ok, S::Error> {
        bins.as_slice().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<Bins>, D::Error> {
        Bins::deserialize(deserializer).map(Arc::new)
    }
}

impl Sketch {
    /// Rebuilds a sketch from stored bins; bins may come in any order and repeat.
    pub fn from_bins(zeros: u64, bins: impl IntoIterator<Item = (i16, u64)>) -> Self {
        let mut sketch = Self { zeros, bins: Arc::default() };
        for (bin, count) in bins {
            sketch.add_to_bin(bin, count);
        }
        Arc::make_mut(&mut sketch.bins).shrink_to_fit();
        sketch
    }

    /// The bin of a value; none for a value that counts as zero (or is not a number).
    pub fn bin_of(value: f64) -> Option<i16> {
        if value.is_nan() || value <= ZERO {
            return None;
        }
        let bin = (value.ln() / ln_gamma()).ceil();
        Some(bin.clamp(f64::from(i16::MIN), f64::from(i16::MAX)) as i16)
    }

    /// The value that stands for all of a bin, within [`RELATIVE_ERROR`] of each.
    pub fn value_of(bin: i16) -> f64 {
        middle(bin)
    }

    /// Adds `count` times `value`. Negative values and NaN count as zero.
    pub fn add(&mut self, value: f64, count: u64) {
        match Self::bin_of(value) {
            Some(bin) => self.add_to_bin(bin, count),
            None => self.zeros += count,
        }
    }

    fn add_to_bin(&mut self, bin: i16, count: u64) {
        if count == 0 {
            return;
        }
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let bins = Arc::make_mut(&mut self.bins);
        match bins.binary_search_by_key(&bin, |(b, _)| *b) {
            Ok(at) => bins[at].1 = bins[at].1.saturating_add(count),
            Err(at) => bins.insert(at, (bin, count)),
        }
    }

    /// Adds all of another sketch.
    pub fn merge(&mut self, other: &Self) {
        self.zeros += other.zeros;
        for (bin, count) in other.bins.iter() {
            self.add_to_bin(*bin, u64::from(*count));
        }
    }

    /// How many values were added.
    pub fn count(&self) -> u64 {
        self.zeros + self.bins.iter().map(|(_, count)| u64::from(*count)).sum::<u64>()
    }

    /// How many values counted as zero.
    pub fn zeros(&self) -> u64 {
        self.zeros
    }

    /// The filled bins with their counts, sorted.
    pub fn bins(&self) -> &[(i16, u32)] {
        &self.bins
    }

    /// The smallest value `v` such that at least `q` of all values are at or below it (nearest rank), within
    /// [`RELATIVE_ERROR`]; none when empty. `q` is clamped to 0..=1.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let rank = ((q.clamp(0.0, 1.0) * count as f64).ceil() as u64).max(1);
        let mut seen = self.zeros;
        if seen >= rank {
            return Some(0.0);
        }
        for (bin, bin_count) in self.bins.iter() {
            seen += u64::from(*bin_count);
            if seen >= rank {
                return Some(middle(*bin));
            }
        }
        self.bins.last().map(|(bin, _)| middle(*bin))
    }

    /// The share of values above `threshold`, to within one bin.
    pub fn share_above(&self, threshold: f64) -> f64 {
        let count = self.count();
        if count == 0 {
            return 0.0;
        }
        let above: u64 = self
            .bins
            .iter()
            .filter(|(bin, _)| middle(*bin) > threshold)
            .map(|(_, count)| u64::from(*count))
            .sum();
        above as f64 / count as f64
    }
}

fn ln_gamma() -> f64 {
    ((1.0 + RELATIVE_ERROR) / (1.0 - RELATIVE_ERROR)).ln()
}

/// The value within a bin that is relatively equally far from both of its ends.
fn middle(bin: i16) -> f64 {
    let upper = (f64::from(bin) * ln_gamma()).exp();
    upper * (1.0 - RELATIVE_ERROR)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn exact(values: &[f64], q: f64) -> f64 {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let rank = ((q * sorted.len() as f64).ceil() as usize).max(1);
        sorted[rank - 1]
    }

    proptest! {
        #[test]
        fn quantiles_are_within_the_stated_error(
            values in proptest::collection::vec(0.01_f64..1e12, 1..300), q in 0.0_f64..=1.0,
        ) {
            let mut sketch = Sketch::default();
            values.iter().for_each(|v| sketch.add(*v, 1));
            let (got, want) = (sketch.quantile(q).unwrap(), exact(&values, q));
            prop_assert!((got - want).abs() <= want * (RELATIVE_ERROR + 1e-9), "{got} {want}");
        }

        #[test]
        fn merging_equals_adding(
            a in proptest::collection::vec(0.0_f64..1e6, 0..100), b in proptest::collection::vec(0.0_f64..1e6, 0..100),
        ) {
            let sketch = |values: &[f64]| {
                let mut sketch = Sketch::default();
                values.iter().for_each(|v| sketch.add(*v, 1));
                sketch
            };
            let mut merged = sketch(&a);
            merged.merge(&sketch(&b));
            prop_assert_eq!(&merged, &sketch(&[a, b].concat()));
            let rebuilt = Sketch::from_bins(
                merged.zeros(),
                merged.bins().iter().map(|(bin, count)| (*bin, u64::from(*count))),
            );
            prop_assert_eq!(&rebuilt, &merged);
            let text = serde_json::to_string(&merged).unwrap();
            prop_assert_eq!(serde_json::from_str::<Sketch>(&text).unwrap(), merged);
        }
    }

    #[test]
    fn zero_negative_and_nan_count_as_zero() {
        let mut sketch = Sketch::default();
        [0.0, -1.0, f64::NAN].iter().for_each(|v| sketch.add(*v, 1));
        assert_eq!((sketch.count(), sketch.quantile(1.0)), (3, Some(0.0)));
        assert_eq!(Sketch::default().quantile(0.5), None);
    }

    #[test]
    fn share_above_counts_what_lies_higher() {
        let mut sketch = Sketch::default();
        (1..=100).for_each(|v| sketch.add(f64::from(v), 1));
        assert!((sketch.share_above(90.5) - 0.1).abs() < 0.011);
    }
}
