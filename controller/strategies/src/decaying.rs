//! A histogram whose samples count half after each half-life, as the recommender of VPA keeps it.
//!
//! Buckets, the decay and the way a percentile is read out follow `pkg/recommender/util` of
//! kubernetes/autoscaler (`histogram.go`, `histogram_options.go`, `decaying_histogram.go`): a percentile is the *end* of
//! the first bucket that reaches it, which is up to one bucket more than the samples.

/// How values are put into buckets.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Buckets {
    /// The first is `first` wide, each next one wider by `ratio`.
    Exponential { first: f64, ratio: f64, max: f64 },
    /// All are `width` wide.
    Linear { width: f64, max: f64 },
}

impl Buckets {
    /// How many there are; the last has no upper end.
    pub(crate) fn count(self) -> usize {
        let last = match self {
            Self::Exponential { first, ratio, max } => (max * (ratio - 1.0) / first + 1.0).ln() / ratio.ln(),
            Self::Linear { width, max } => max / width,
        };
        last.ceil() as usize + 1
    }

    fn of(self, value: f64) -> usize {
        let bucket = match self {
            Self::Exponential { first, ratio, .. } => {
                if value < first {
                    return 0;
                }
                (value * (ratio - 1.0) / first + 1.0).ln() / ratio.ln()
            }
            Self::Linear { width, .. } => value / width,
        };
        (bucket.max(0.0) as usize).min(self.count() - 1)
    }

    fn start(self, bucket: usize) -> f64 {
        match self {
            Self::Exponential { first, ratio, .. } => {
                first * (ratio.powi(bucket as i32) - 1.0) / (ratio - 1.0)
            }
            Self::Linear { width, .. } => bucket as f64 * width,
        }
    }
}

/// Weights by bucket.
#[derive(Debug, Clone)]
pub(crate) struct Decaying {
    buckets: Buckets,
    half_life_days: f64,
    weights: Vec<f64>,
}

impl Decaying {
    pub(crate) fn new(buckets: Buckets, half_life_days: f64) -> Self {
        Self { buckets, half_life_days, weights: vec![0.0; buckets.count()] }
    }

    /// Adds a sample of this age; a negative age is one whose span ends later than now.
    pub(crate) fn add(&mut self, value: f64, age_days: f64) {
        let bucket = self.buckets.of(value);
        if let Some(weight) = self.weights.get_mut(bucket) {
            *weight += (-age_days / self.half_life_days).exp2();
        }
    }

    /// The end of the first bucket with which the share `p` of all weight is reached; none without samples.
    pub(crate) fn percentile(&self, p: f64) -> Option<f64> {
        let total: f64 = self.weights.iter().sum();
        let highest = self.weights.iter().rposition(|weight| *weight > 0.0)?;
        let mut sum = 0.0;
        let reached = self.weights.iter().position(|weight| {
            sum += weight;
            // Sums of the same weights in another order differ in their last digits.
            sum >= p * total * (1.0 - 1e-12)
        });
        let bucket = reached.unwrap_or(highest).min(highest);
        let last = self.weights.len() - 1;
        Some(self.buckets.start(if bucket < last { bucket + 1 } else { bucket }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CPU_CORES: Buckets = Buckets::Exponential { first: 0.01, ratio: 1.05, max: 1000.0 };
    const MEMORY_BYTES: Buckets = Buckets::Exponential { first: 1e7, ratio: 1.05, max: 1e12 };

    #[test]
    fn both_of_vpas_schemes_have_176_buckets_whose_starts_follow_its_formula() {
        assert_eq!((CPU_CORES.count(), MEMORY_BYTES.count()), (176, 176));
        // 0.01, then 0.01 * (1 + 1.05), then 0.01 * (1 + 1.05 + 1.05^2)
        for (bucket, start) in [(0, 0.0), (1, 0.01), (2, 0.0205), (3, 0.031525)] {
            assert!((CPU_CORES.start(bucket) - start).abs() < 1e-12, "{bucket}");
        }
    }

    #[test]
    fn a_value_falls_into_the_bucket_that_starts_at_or_below_it() {
        for (value, bucket) in [(0.0, 0), (0.009, 0), (0.0101, 1), (0.03, 2), (0.032, 3), (1e9, 175)] {
            assert_eq!(CPU_CORES.of(value), bucket, "{value}");
        }
    }

    #[test]
    fn a_percentile_is_the_end_of_its_bucket() {
        let mut histogram = Decaying::new(CPU_CORES, 1.0);
        assert_eq!(histogram.percentile(0.9), None);
        histogram.add(0.0, 0.0);
        assert_eq!(
            histogram.percentile(0.9),
            Some(0.01),
            "the smallest target is the end of the first bucket"
        );
        let mut coarse = Decaying::new(Buckets::Linear { width: 100.0, max: 100_000.0 }, 1.0);
        coarse.add(120.0, 0.0);
        assert_eq!(coarse.percentile(0.99), Some(200.0));
    }

    #[test]
    fn a_sample_counts_half_after_a_half_life() {
        let mut histogram = Decaying::new(CPU_CORES, 1.0);
        (0..9).for_each(|_| histogram.add(0.005, 0.0));
        // Nine against two halves: 9 of 10 lie in the first bucket.
        (0..2).for_each(|_| histogram.add(5.0, 1.0));
        assert_eq!(histogram.percentile(0.9), Some(0.01));
        histogram.add(5.0, 3.0);
        assert!(histogram.percentile(0.9).unwrap() > 5.0);
    }
}
