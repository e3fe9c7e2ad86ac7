//! The last `N` values, in order of arrival and of size, so that median, quartiles and deviations cost no sorting.

/// Makes the median absolute deviation of normal values their standard deviation.
const MAD_TO_SIGMA: f64 = 1.4826;

/// A spread below this part of the values' size is rounding: constant series have no outliers by rounding.
const SPREAD_MIN: f64 = 1e-6;

/// Scores end here: a thousandfold step on a constant series is an outlier, not an infinite one.
pub const SCORE_MAX: f64 = 1e6;

/// The last `N` values. Values must be finite.
#[derive(Debug, Clone)]
pub struct Rolling<const N: usize> {
    ring: [f64; N],
    sorted: [f64; N],
    at: usize,
    len: usize,
}

impl<const N: usize> Default for Rolling<N> {
    fn default() -> Self {
        Self { ring: [0.0; N], sorted: [0.0; N], at: 0, len: 0 }
    }
}

impl<const N: usize> Rolling<N> {
    /// Adds a value; the oldest leaves where there are `N`.
    pub fn push(&mut self, value: f64) {
        let leaving = (self.len == N).then(|| self.ring[self.at]);
        self.ring[self.at] = value;
        self.at = (self.at + 1) % N;
        let hole = match leaving {
            Some(old) => self.sorted.partition_point(|v| v.total_cmp(&old).is_lt()),
            None => {
                self.len += 1;
                self.len - 1
            }
        };
        let (before, after) = (&self.sorted[..hole], &self.sorted[(hole + 1).min(self.len)..self.len]);
        let below = before.partition_point(|v| *v <= value);
        let place = if below < hole {
            self.sorted.copy_within(below..hole, below + 1);
            below
        } else {
            let smaller = after.partition_point(|v| *v < value);
            self.sorted.copy_within(hole + 1..hole + 1 + smaller, hole);
            hole + smaller
        };
        self.sorted[place] = value;
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        (self.at, self.len) = (0, 0);
    }

    /// By size.
    pub fn sorted(&self) -> &[f64] {
        &self.sorted[..self.len]
    }

    /// The value at a share `q` of the way up (nearest rank below); 0 where there is none.
    pub fn quantile(&self, q: f64) -> f64 {
        let last = self.len.saturating_sub(1);
        self.sorted().get((q * last as f64) as usize).copied().unwrap_or_default()
    }

    /// The upper median; 0 where there is none.
    pub fn median(&self) -> f64 {
        self.sorted().get(self.len / 2).copied().unwrap_or_default()
    }

    /// The spread of the values as a standard deviation, from the median absolute deviation; above zero.
    pub fn robust_sigma(&self) -> f64 {
        floor(MAD_TO_SIGMA * self.mad(), self.median())
    }

    /// Mean and standard deviation; the deviation is above zero.
    pub fn mean_and_sigma(&self) -> (f64, f64) {
        let count = self.len.max(1) as f64;
        let mean = self.sorted().iter().sum::<f64>() / count;
        let variance = self.sorted().iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / count;
        (mean, floor(variance.sqrt(), mean))
    }

    /// How many standard deviations `value` lies above the mean.
    pub fn z(&self, value: f64) -> f64 {
        let (mean, sigma) = self.mean_and_sigma();
        score(value - mean, sigma)
    }

    /// How many robust standard deviations `value` lies above the median (Hampel).
    pub fn robust_z(&self, value: f64) -> f64 {
        score(value - self.median(), self.robust_sigma())
    }

    /// How many interquartile ranges `value` lies outside of the quartiles, upwards positive; 0 within them. Tukey's
    /// fence is at 1.5, that of far outliers at 3.
    pub fn fences(&self, value: f64) -> f64 {
        let (low, high) = (self.quantile(0.25), self.quantile(0.75));
        let range = floor(high - low, self.median());
        if value > high {
            score(value - high, range)
        } else if value < low {
            score(value - low, range)
        } else {
            0.0
        }
    }

    /// Median of the distances to the median: of those below it and those from it on, both sorted, so many are taken from
    /// below that none of the rest is nearer than any that was taken.
    fn mad(&self) -> f64 {
        let (values, median) = (self.sorted(), self.median());
        let (below, above) = values.split_at(self.len / 2);
        let down = |i: usize| below.len().checked_sub(i + 1).map_or(f64::INFINITY, |at| median - below[at]);
        let up = |i: usize| above.get(i).map_or(f64::INFINITY, |value| value - median);
        if above.is_empty() {
            return 0.0;
        }
        let taken = self.len / 2 + 1;
        let (mut low, mut high) = (taken.saturating_sub(above.len()), below.len().min(taken));
        while low < high {
            let from_below = usize::midpoint(low, high);
            let from_above = taken - from_below;
            if from_above > 0 && up(from_above - 1) > down(from_below) {
                low = from_below + 1;
            } else {
                high = from_below;
            }
        }
        let nearest = |count: usize, distance: &dyn Fn(usize) -> f64| match count {
            0 => 0.0,
            count => distance(count - 1),
        };
        f64::max(nearest(low, &down), nearest(taken - low, &up))
    }
}

/// A spread that may be divided by.
pub(crate) fn floor(spread: f64, size: f64) -> f64 {
    spread.max(SPREAD_MIN * size.abs()).max(f64::MIN_POSITIVE)
}

/// A quotient within [`SCORE_MAX`].
pub(crate) fn score(distance: f64, spread: f64) -> f64 {
    (distance / spread).clamp(-SCORE_MAX, SCORE_MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filled<const N: usize>(values: &[f64]) -> Rolling<N> {
        let mut rolling = Rolling::default();
        values.iter().for_each(|v| rolling.push(*v));
        rolling
    }

    #[test]
    fn scores_are_those_computed_by_hand() {
        let nine: Vec<f64> = (1..=9).map(f64::from).collect();
        let rolling = filled::<9>(&nine);
        assert_eq!((rolling.median(), rolling.quantile(0.25), rolling.quantile(0.75)), (5.0, 3.0, 7.0));
        assert!((rolling.robust_sigma() - 2.0 * 1.4826).abs() < 1e-12);
        assert!((rolling.z(5.0 + 60_f64.sqrt() / 3.0) - 1.0).abs() < 1e-12);
        assert_eq!((rolling.fences(13.0), rolling.fences(-3.0), rolling.fences(4.0)), (1.5, -1.5, 0.0));
    }

    #[test]
    fn a_step_on_a_constant_is_far_out_but_finite() {
        let rolling = filled::<8>(&[5.0; 8]);
        assert_eq!((rolling.robust_z(5.0), rolling.z(5.0), rolling.fences(5.0)), (0.0, 0.0, 0.0));
        assert_eq!(rolling.robust_z(5000.0), SCORE_MAX);
        assert_eq!(filled::<8>(&[0.0; 8]).z(1.0), SCORE_MAX);
        assert_eq!(Rolling::<8>::default().robust_z(0.0), 0.0);
    }

    proptest! {
        #[test]
        fn keeps_the_last_values_sorted_and_their_deviation_exact(
            values in proptest::collection::vec(-50_i32..50, 1..60),
        ) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let rolling = filled::<16>(&values);
            let mut last = values[values.len().saturating_sub(16)..].to_vec();
            last.sort_by(f64::total_cmp);
            prop_assert_eq!(rolling.sorted(), &last[..]);
            let median = last[last.len() / 2];
            let mut distances: Vec<f64> = last.iter().map(|v| (v - median).abs()).collect();
            distances.sort_by(f64::total_cmp);
            prop_assert_eq!(rolling.mad(), distances[distances.len() / 2]);
        }
    }
}
