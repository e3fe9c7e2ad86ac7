//! How surprising a statistic is on the series that it comes from: how rarely it was ever so large.
//!
//! A histogram by size, and beyond its upper part a power law fitted to it (Hill), so that what was never seen has a
//! probability too. Each series thereby sets its own scale: a statistic that often is large must be larger to surprise.

/// Bins, so many for each factor of e, from this size on: a ten-thousandth to seven million.
const BINS: usize = 200;
const BINS_PER_E: f64 = 8.0;
const LEAST: f64 = 1e-4;

/// The upper part of the histogram, whose shape says what lies beyond.
const UPPER: f64 = 0.02;

/// What is taken for granted of the power law, as so many values that exceed by so many bins on average.
const PRIOR: f64 = 8.0;
const PRIOR_EXCESS: f64 = 2.0;

/// The power law is no steeper than that, in bins.
const EXCESS_MIN: f64 = 0.2;

/// Values before anything surprises.
const WARM_UP: u32 = 20;

/// After so many values the oldest count half: three weeks at five minutes.
const MEMORY: u32 = 100_000;

/// Surprises end here; one in 10^30 is none too few.
const SURPRISE_MAX: f64 = 30.0;

/// Bins that are counted together too, so that few are added up.
const BLOCK: usize = 20;

/// The sizes that one statistic had.
#[derive(Debug, Clone)]
pub(crate) struct Tail {
    bins: [u32; BINS],
    blocks: [u32; BINS / BLOCK],
    count: u32,
}

impl Default for Tail {
    fn default() -> Self {
        Self { bins: [0; BINS], blocks: [0; BINS / BLOCK], count: 0 }
    }
}

impl Tail {
    /// Minus the decimal logarithm of the probability of so large a value, from 0 to 30. Then learns it.
    pub(crate) fn surprise(&mut self, size: f64) -> f64 {
        let place = place(size);
        let surprise = if self.count < WARM_UP { 0.0 } else { -self.log10_probability(place) };
        self.learn(place);
        surprise.clamp(0.0, SURPRISE_MAX)
    }

    fn log10_probability(&self, place: f64) -> f64 {
        let whole = f64::from(self.count) + 1.0;
        let bin = (place as usize).min(BINS - 1);
        let at_least = self.at_least(bin);
        if f64::from(at_least) > UPPER * f64::from(self.count) {
            return ((f64::from(at_least) + 0.5) / whole).log10();
        }
        let (mut above, mut excess, mut from) = (0.0, 0.0, BINS);
        while from > 0 && above + f64::from(self.bins[from - 1]) <= UPPER * f64::from(self.count) {
            from -= 1;
            above += f64::from(self.bins[from]);
            excess += f64::from(self.bins[from]) * (from as f64 + 0.5);
        }
        let from = from as f64;
        let mean = (excess - above * from + PRIOR * PRIOR_EXCESS) / (above + PRIOR);
        ((above + 1.0) / whole).log10() - (place - from) / mean.max(EXCESS_MIN) * std::f64::consts::LOG10_E
    }

    /// Values in this bin and above.
    fn at_least(&self, bin: usize) -> u32 {
        let block = bin / BLOCK + 1;
        self.bins[bin..block * BLOCK].iter().sum::<u32>() + self.blocks[block..].iter().sum::<u32>()
    }

    fn learn(&mut self, place: f64) {
        let bin = (place as usize).min(BINS - 1);
        self.bins[bin] += 1;
        self.blocks[bin / BLOCK] += 1;
        self.count += 1;
        if self.count >= MEMORY {
            self.bins.iter_mut().for_each(|bin| *bin /= 2);
            for (block, bins) in self.blocks.iter_mut().zip(self.bins.chunks(BLOCK)) {
                *block = bins.iter().sum();
            }
            self.count = self.bins.iter().sum();
        }
    }
}

/// Where a size lies among the bins, at or above 0.
fn place(size: f64) -> f64 {
    (size.max(LEAST) / LEAST).ln() * BINS_PER_E
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_larger_the_more_surprising_and_never_without_end() {
        let mut tail = Tail::default();
        assert_eq!(tail.surprise(f64::MAX), 0.0, "nothing is known yet");
        let mut tail = Tail::default();
        (0..1000).for_each(|i| {
            tail.surprise(1.0 + f64::from(i % 100) / 100.0);
        });
        let of = |size: f64| tail.clone().surprise(size);
        assert!(of(1.2) < 0.2 && of(1.9) < 1.5, "{} {}", of(1.2), of(1.9));
        assert!(of(3.0) > 2.0 && of(30.0) > of(3.0), "{} {}", of(3.0), of(30.0));
        assert_eq!(of(1e300), SURPRISE_MAX);
    }

    #[test]
    fn old_values_count_less_and_the_counts_stay_bounded() {
        let mut tail = Tail::default();
        (0..3 * MEMORY).for_each(|_| {
            tail.surprise(1.0);
        });
        assert!(tail.count < MEMORY);
    }
}
