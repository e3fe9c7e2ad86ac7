//! Numbers by lot that a seed decides: SplitMix64 (Steele, Lea, Flood: OOPSLA 2014).

/// A row of numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lot(u64);

impl Lot {
    /// The row of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// One for each step of a work, mixed, since neighbouring states would give the same numbers one place apart.
    pub fn of_step(seed: u64, step: usize) -> Self {
        Self(Self(seed ^ Self(step as u64).next()).next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// From 0 to below a count; 0 of nothing.
    pub fn below(&mut self, count: usize) -> usize {
        (self.next() % count.max(1) as u64) as usize
    }

    /// From 0 to below 1.
    pub fn part(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 24) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_of_neighbouring_steps_have_nothing_in_common() {
        let numbers = |step| {
            let mut lot = Lot::of_step(1, step);
            (0..100).map(|_| lot.next()).collect::<std::collections::BTreeSet<u64>>()
        };
        assert!((0..50).all(|step| numbers(step).is_disjoint(&numbers(step + 1))));
    }
}
