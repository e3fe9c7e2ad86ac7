//! Quantiles of the hours that are most like the one to come: the same hours of the last days, the nearer ones counting more;
//! and the hours around them, those of the same kind of day (workday or weekend) counting more.
//!
//! Load that comes in bursts by day seldom comes at the very same hour; what comes at one fixed hour does. Both are told, and
//! the blend takes what holds on a load.

use kubeopt_lstm::QUANTILES;

use crate::hours::DAY;
use crate::offsets::in_order;
use crate::shape::{DayAhead, HORIZON, Quantiles};

/// Which hours are alike, and how much each counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Alike {
    /// Days that are looked back over.
    days: usize,
    /// How much a day counts beside the one after it.
    fading: f32,
    /// Hours before and after the same hour, and how much they count beside it.
    near: &'static [(isize, f32)],
    /// How much a day of the other kind counts.
    other_kind: f32,
}

impl Alike {
    /// The very same hours.
    pub const SAME: Self = Self { days: 21, fading: 0.85, near: &[(0, 1.0)], other_kind: 0.1 };
    /// Five hours on both sides.
    pub const AROUND: Self = Self {
        days: 14,
        fading: 0.85,
        near: &[
            (-5, 0.3),
            (-4, 0.4),
            (-3, 0.5),
            (-2, 0.6),
            (-1, 0.8),
            (0, 1.0),
            (1, 0.8),
            (2, 0.6),
            (3, 0.5),
            (4, 0.4),
            (5, 0.3),
        ],
        other_kind: 0.1,
    };

    /// The day after what is past; `from_hour` is its first hour, counted from the epoch. None before there is a day.
    pub fn day_ahead(self, past: &[f32], from_hour: i64) -> Option<DayAhead> {
        if past.len() < DAY {
            return None;
        }
        let mut alike = Vec::with_capacity(self.days * self.near.len());
        Some(std::array::from_fn(|hour| {
            self.gather(past, from_hour, hour, &mut alike);
            quantiles(&mut alike)
        }))
    }

    /// Values and how much they count.
    fn gather(self, past: &[f32], from_hour: i64, hour: usize, into: &mut Vec<(f32, f32)>) {
        into.clear();
        let is_workday = is_workday(from_hour + hour as i64);
        let mut counts = 1.0;
        for back in 1..=self.days.min(past.len() / DAY) {
            let same = past.len() - back * DAY + hour;
            let kind = if is_workday == self::is_workday(from_hour + hour as i64 - (back * DAY) as i64) {
                1.0
            } else {
                self.other_kind
            };
            for (beside, near) in self.near {
                let value = same.checked_add_signed(*beside).and_then(|at| past.get(at));
                into.extend(value.map(|value| (*value, counts * kind * near)));
            }
            counts *= self.fading;
        }
    }
}

/// Monday to Friday, UTC; the epoch was a Thursday.
fn is_workday(hour: i64) -> bool {
    (hour.div_euclid(DAY as i64) + 3).rem_euclid(7) < 5
}

/// Between the middles of what each value counts.
fn quantiles(values: &mut [(f32, f32)]) -> Quantiles {
    values.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
    let all: f32 = values.iter().map(|(_, counts)| counts).sum();
    let mut found = [0.0; QUANTILES.len()];
    let (mut below, mut at) = (0.0, 0);
    let mut last: Option<(f32, f32)> = None;
    for (value, counts) in values.iter() {
        let middle = (below + counts / 2.0) / all;
        while at < QUANTILES.len() && QUANTILES[at] <= middle {
            found[at] = match last {
                Some((before, from)) if middle > from => {
                    before + (value - before) * (QUANTILES[at] - from) / (middle - from)
                }
                Some(_) | None => *value,
            };
            at += 1;
        }
        below += counts;
        last = Some((*value, middle));
    }
    found[at..].fill(last.map_or(0.0, |(value, _)| value));
    in_order(found)
}

/// The days of which there is none: a horizon is a day.
const _: () = assert!(HORIZON == DAY);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_that_count_alike_have_the_quantiles_of_a_list() {
        let mut values: Vec<(f32, f32)> = (0..10).map(|value| (value as f32, 3.0)).collect();
        // Middles at .05, .15 and so on.
        let found = quantiles(&mut values);
        let want = [0.5, 4.5, 8.5, 9.0, 9.0];
        assert!(found.iter().zip(want).all(|(found, want)| (found - want).abs() < 1e-4), "{found:?}");
        assert_eq!(quantiles(&mut [(7.0, 0.2)]), [7.0; 5]);
    }

    #[test]
    fn what_fades_counts_less_and_the_same_hour_is_kept_apart_from_its_neighbours() {
        let at = |hour: usize| match hour {
            hour if hour % DAY == 4 => 100.0,
            hour if hour < 27 * DAY => 50.0,
            _ => 1.0,
        };
        // A Tuesday.
        let past: Vec<f32> = (0..33 * DAY).map(at).collect();
        let same = Alike::SAME.day_ahead(&past, (33 * DAY) as i64).unwrap();
        assert_eq!((same[4], same[5][1]), ([100.0; 5], 1.0));
        let around = Alike::AROUND.day_ahead(&past, (33 * DAY) as i64).unwrap();
        assert!(around[5][4] > 50.0 && around[10][1] < 50.0, "{:?}", around[5]);
        assert_eq!(Alike::SAME.day_ahead(&past[..23], 23), None);
    }

    #[test]
    fn a_weekend_is_foretold_by_weekends() {
        // Days from a Thursday on: 2 and 3 of each week are Saturday and Sunday.
        let busy = |hour: usize| ![2, 3].contains(&(hour / DAY % 7));
        let past: Vec<f32> = (0..30 * DAY).map(|hour| if busy(hour) { 100.0 } else { 1.0 }).collect();
        let saturday = Alike::AROUND.day_ahead(&past, (30 * DAY) as i64).unwrap();
        assert!(saturday[12][1] < 10.0, "{:?}", saturday[12]);
    }
}
