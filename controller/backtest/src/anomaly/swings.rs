//! How much the floor of a series grows within a day by itself: a leak that grows less is hardly told from that by anyone.

/// Hours whose least is the floor.
const FLOOR_HOURS: usize = 3;

const DAY_HOURS: usize = 24;

/// The share of days that grow less than what counts as steep.
const STEEP: f64 = 0.99;

/// Growth of the floor over the day that ends with each hour.
pub(super) struct Swings {
    first_hour: i64,
    grown: Vec<Option<f64>>,
}

impl Swings {
    /// Of samples in the order of time: seconds since the epoch, and bytes.
    pub(super) fn of(samples: impl Iterator<Item = (i64, f64)>) -> Self {
        let mut lowest: Vec<Option<f64>> = Vec::new();
        let mut first_hour = None;
        for (at_unix_s, bytes) in samples {
            let hour = at_unix_s.div_euclid(3600);
            let place = usize::try_from(hour - *first_hour.get_or_insert(hour)).unwrap_or(0);
            if lowest.len() <= place {
                lowest.resize(place + 1, None);
            }
            lowest[place] = Some(lowest[place].map_or(bytes, |low| low.min(bytes)));
        }
        let floor = |hour: usize| {
            lowest[hour]?;
            lowest[hour.saturating_sub(FLOOR_HOURS - 1)..=hour].iter().flatten().copied().reduce(f64::min)
        };
        let floors: Vec<Option<f64>> = (0..lowest.len()).map(floor).collect();
        let grown = |hour: usize| Some(floors[hour]? - floors[hour.checked_sub(DAY_HOURS)?]?);
        Self { first_hour: first_hour.unwrap_or(0), grown: (0..floors.len()).map(grown).collect() }
    }

    /// What one day in a hundred that ended before a moment grew by more than; none before any day has ended.
    pub(super) fn steep_before(&self, at_unix_s: i64) -> Option<f64> {
        let hours = usize::try_from(at_unix_s.div_euclid(3600) - self.first_hour).ok()?.min(self.grown.len());
        let mut grown: Vec<f64> = self.grown[..hours].iter().flatten().copied().collect();
        let at = (grown.len().checked_sub(1)? as f64 * STEEP) as usize;
        let (_, steep, _) = grown.select_nth_unstable_by(at, f64::total_cmp);
        Some(*steep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steep_day_is_the_one_of_a_hundred_that_grew_most() {
        // 10 an hour for a day, once; flat before and after.
        let samples = (0..1000_i64).map(|hour| (hour * 3600, (hour - 500).clamp(0, 24) as f64 * 10.0));
        let swings = Swings::of(samples);
        assert_eq!((swings.steep_before(3600), swings.steep_before(400 * 3600)), (None, Some(0.0)));
        let after = swings.steep_before(600 * 3600);
        assert!(after.is_some_and(|steep| (200.0..=240.0).contains(&steep)), "{after:?}");
    }
}
