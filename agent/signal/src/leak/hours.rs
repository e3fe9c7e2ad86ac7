//! The lowest memory of each hour of nine days, and what one day of it shows beside the days before.
//!
//! Knows no verdict: it is asked by the detector, which weighs.

use crate::trend::HOURS;

/// Hours that are kept: the day that is looked at, and the eight days before.
const KEPT: usize = 9 * HOURS;

/// Hours whose least is the floor.
const FLOOR_HOURS: usize = 3;

/// Days before, of which the same hour is usual.
const DAYS_BEFORE: usize = 7;

/// So much from hour to hour is no noise: a quarter of a mebibyte.
const NOISE_MIN: f64 = 262_144.0;

/// A change from hour to hour counts so many times the usual one at most, so that no single one decides.
const CHANGE_MAX: f64 = 2.0;

/// One value for each hour of a day, the latest last.
pub(super) type Minima = [Option<f64>; HOURS];

/// Hourly minima in a ring.
#[derive(Debug, Clone)]
pub(super) struct Hours {
    /// `next` is the oldest; not a number where there was no sample.
    minima: [f32; KEPT],
    next: usize,
    /// Hours that ended since the last restart: no line goes further back.
    alive: usize,
}

impl Default for Hours {
    fn default() -> Self {
        Self { minima: [f32::NAN; KEPT], next: 0, alive: KEPT }
    }
}

impl Hours {
    /// Takes the minimum of the hour that ended; infinite where there was no sample. Of the hours that passed since then
    /// nothing is known.
    pub(super) fn end(&mut self, passed: i64, low: f64) {
        let passed = passed.clamp(1, KEPT as i64) as usize;
        for i in 0..passed {
            self.minima[self.next] = if i == 0 && low.is_finite() { low as f32 } else { f32::NAN };
            self.next = (self.next + 1) % KEPT;
        }
        self.alive = (self.alive + passed).min(KEPT);
    }

    /// From here on it is another run of the same container.
    pub(super) fn restart(&mut self) {
        self.alive = 0;
    }

    /// The minimum of so many hours ago, 0 being the last one that ended.
    fn ago(&self, hours: usize) -> Option<f64> {
        let value = self.minima[(self.next + KEPT - 1 - hours % KEPT) % KEPT];
        (!value.is_nan()).then_some(f64::from(value))
    }

    /// The same, where it is of the run that goes on.
    fn alive(&self, hours: usize) -> Option<f64> {
        self.ago(hours).filter(|_| hours < self.alive)
    }

    /// Of each hour with a sample the least of it and the hours before it.
    pub(super) fn floor(&self) -> Minima {
        std::array::from_fn(|i| {
            let ago = HOURS - 1 - i;
            self.alive(ago)?;
            (ago..ago + FLOOR_HOURS).filter_map(|ago| self.alive(ago)).reduce(f64::min)
        })
    }

    /// What each hour has beyond the median of the same hour on the days before.
    pub(super) fn unusual(&self) -> Minima {
        std::array::from_fn(|i| {
            let ago = HOURS - 1 - i;
            let value = self.alive(ago)?;
            Some(value - self.usual(ago, &|ago| self.ago(ago))?)
        })
    }

    /// The median over the same hour of the days before.
    fn usual(&self, ago: usize, of: &dyn Fn(usize) -> Option<f64>) -> Option<f64> {
        let (mut same, mut count) = ([0.0; DAYS_BEFORE], 0);
        for before in (1..=DAYS_BEFORE).filter_map(|day| of(ago + day * HOURS)) {
            same[count] = before;
            count += 1;
        }
        let same = same.get_mut(..count).filter(|same| !same.is_empty())?;
        same.sort_unstable_by(f64::total_cmp);
        Some(f64::midpoint(same[(count - 1) / 2], same[count / 2]))
    }

    /// How many of the steps between minima of three hours go upwards.
    pub(super) fn rising_blocks(&self) -> f64 {
        let least =
            |from: usize| (from..from + FLOOR_HOURS).filter_map(|ago| self.alive(ago)).reduce(f64::min);
        let blocks: [Option<f64>; HOURS / FLOOR_HOURS] =
            std::array::from_fn(|block| least(HOURS - (block + 1) * FLOOR_HOURS));
        blocks.windows(2).filter(|pair| pair[1] > pair[0] && pair[0].is_some()).count() as f64
    }

    /// The mean change of this floor from hour to hour beyond the median change at the same hour of the days before, each by
    /// the usual change and clipped.
    pub(super) fn drift(&self, floor: &Minima) -> f64 {
        let before = |ago: usize| {
            (ago..ago + FLOOR_HOURS)
                .filter_map(|ago| self.ago(ago))
                .reduce(f64::min)
                .filter(|_| self.ago(ago).is_some())
        };
        let mut floors = [None; KEPT];
        for (ago, floor) in floors.iter_mut().enumerate().take(KEPT - FLOOR_HOURS).skip(HOURS - 1) {
            *floor = before(ago);
        }
        let change = |ago: usize| Some(floors[ago]? - floors[ago + 1]?);
        let (mut sizes, mut count) = ([0.0; DAYS_BEFORE * HOURS], 0);
        for change in (HOURS..HOURS * (1 + DAYS_BEFORE)).filter_map(change) {
            sizes[count] = change.abs();
            count += 1;
        }
        let Some(sizes) = sizes.get_mut(..count).filter(|sizes| !sizes.is_empty()) else { return 0.0 };
        let (_, noise, _) = sizes.select_nth_unstable_by(count / 2, f64::total_cmp);
        let noise = noise.max(NOISE_MIN);
        let (mut sum, mut known) = (0.0, 0_u32);
        for (i, pair) in floor.windows(2).enumerate() {
            let (Some(a), Some(b)) = (pair[0], pair[1]) else { continue };
            let Some(usual) = self.usual(HOURS - 2 - i, &change) else { continue };
            sum += ((b - a - usual) / noise).clamp(-CHANGE_MAX, CHANGE_MAX);
            known += 1;
        }
        sum / f64::from(known.max(1))
    }
}
