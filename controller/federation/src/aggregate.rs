//! From what single nodes moved to what all of them move: clipping, weights, and means that a few cannot bend.
//!
//! Properties wanted: (A) what comes of it lies, number by number, between what honest nodes sent, as long as fewer than a fifth
//! of all are hostile; (B) who goes another way than most has no part in it at all; (C) one full step on equal data is the
//! step of one place.

use kubeopt_lstm::LstmError;

/// Below so many participants a mean is the will of one of them.
pub const PARTICIPANTS_MIN: usize = 3;

/// From so many on the ends of each coordinate are cut off; below, the median is taken.
const TRIMMED_FROM: usize = 5;

/// Part that is cut off at each end of a coordinate (Yin et al., ICML 2018): as many may be hostile.
const TRIMMED: f64 = 0.2;

/// Beyond so many times the middle distance from the middle of all an upload is left out. Uploads of honest nodes lie within 1.2
/// times, one that is turned round and as long as it may be at 1.6 times or more.
const FAR: f64 = 1.4;

/// A node counts no more than so many times the median: counts are what nodes say of themselves.
const WINDOWS_CAP: f64 = 3.0;

/// What one node brings.
#[derive(Debug, Clone, Copy)]
pub struct Contribution<'a> {
    /// Its parameters less those of its base, clipped.
    pub delta: &'a [f32],
    /// Windows that it says it learned from.
    pub windows: u64,
    /// Versions that were accepted since its base.
    pub staleness: u32,
}

/// How contributions are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Of 3 and 4 the median of each coordinate. From 5 on who lies far from the others is left out; then the mean without a
    /// fifth of all at each end, weighted.
    Robust,
    /// The mean weighted by what nodes say they learned from, as McMahan et al. (AISTATS 2017) have it. For comparison in benches
    /// and tests only: one hostile node decides it.
    Average,
}

/// What all move together; none below [`PARTICIPANTS_MIN`] (of [`Rule::Average`] of nobody).
///
/// # Errors
/// [`LstmError::Length`] where contributions differ in length, [`LstmError::NotFinite`] where one holds what is no number.
pub fn aggregate(rule: Rule, all: &[Contribution<'_>]) -> Result<Option<Vec<f32>>, LstmError> {
    let Some(first) = all.first() else { return Ok(None) };
    for own in all {
        if own.delta.len() != first.delta.len() {
            let (have, want) = (own.delta.len(), first.delta.len());
            return Err(LstmError::Length { what: "an upload", have, want });
        }
        if own.delta.iter().any(|part| !part.is_finite()) {
            return Err(LstmError::NotFinite { what: "an upload" });
        }
    }
    let moved = match (rule, all.len()) {
        (Rule::Average, _) => {
            let weights: Vec<f64> = all.iter().map(|own| own.windows as f64).collect();
            by_column(all, &weights, |column| mean(column))
        }
        (Rule::Robust, ..PARTICIPANTS_MIN) => return Ok(None),
        (Rule::Robust, ..TRIMMED_FROM) => by_column(all, &weights(all), median),
        (Rule::Robust, count) => {
            let near = near(all);
            let cut = (count as f64 * TRIMMED).floor() as usize;
            by_column(&near, &weights(&near), |column| trimmed(column, cut))
        }
    };
    Ok(Some(moved))
}

/// What each brings to one number, and how much it weighs.
type Column = Vec<(f32, f64)>;

fn by_column(all: &[Contribution<'_>], weights: &[f64], each: impl Fn(&mut Column) -> f64) -> Vec<f32> {
    let mut column = Column::with_capacity(all.len());
    let length = all.first().map_or(0, |own| own.delta.len());
    let one = |at: usize| {
        column.clear();
        column.extend(all.iter().zip(weights).map(|(own, weight)| (own.delta[at], *weight)));
        each(&mut column) as f32
    };
    (0..length).map(one).collect()
}

/// Those that do not lie far from the middle of all: more than half, always.
fn near<'a>(all: &[Contribution<'a>]) -> Vec<Contribution<'a>> {
    let centre = by_column(all, &vec![1.0; all.len()], median);
    let distance = |own: &Contribution<'_>| {
        let square = |(part, middle): (&f32, &f32)| (f64::from(*part) - f64::from(*middle)).powi(2);
        own.delta.iter().zip(&centre).map(square).sum::<f64>().sqrt()
    };
    let distances: Vec<f64> = all.iter().map(distance).collect();
    let mut sorted = distances.clone();
    sorted.sort_unstable_by(f64::total_cmp);
    let most = FAR * middle(&sorted);
    all.iter().zip(distances).filter(|(_, distance)| *distance <= most).map(|(own, _)| *own).collect()
}

/// The length of a list.
pub fn norm(delta: &[f32]) -> f64 {
    delta.iter().map(|part| f64::from(*part).powi(2)).sum::<f64>().sqrt()
}

/// A list that is no longer than `most`.
pub fn clipped(delta: &[f32], most: f64) -> Vec<f32> {
    let times = (most / norm(delta).max(most).max(f64::MIN_POSITIVE)) as f32;
    delta.iter().map(|part| part * times).collect()
}

/// By windows, as far as they are believed, and less for an older base.
fn weights(all: &[Contribution<'_>]) -> Vec<f64> {
    let mut windows: Vec<f64> = all.iter().map(|own| own.windows as f64).collect();
    windows.sort_unstable_by(f64::total_cmp);
    let cap = WINDOWS_CAP * middle(&windows);
    let weight = |own: &Contribution<'_>| {
        (own.windows as f64).min(cap).max(1.0) / (1.0 + f64::from(own.staleness)).sqrt()
    };
    all.iter().map(weight).collect()
}

fn mean(column: &[(f32, f64)]) -> f64 {
    let (sum, weights) = column.iter().fold((0.0, 0.0), |(sum, weights), (part, weight)| {
        (sum + f64::from(*part) * weight, weights + weight)
    });
    if weights > 0.0 { sum / weights } else { 0.0 }
}

fn median(column: &mut Column) -> f64 {
    column.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
    middle(&column.iter().map(|(part, _)| f64::from(*part)).collect::<Vec<_>>())
}

/// Without so many at each end: as many of those that are left may still be hostile.
fn trimmed(column: &mut Column, cut: usize) -> f64 {
    column.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
    let cut = cut.min(column.len().saturating_sub(1) / 2);
    mean(&column[cut..column.len() - cut])
}

/// The middle of a sorted list; 0 of nothing.
pub(crate) fn middle(sorted: &[f64]) -> f64 {
    match sorted.len() {
        0 => 0.0,
        length => (sorted[(length - 1) / 2] + sorted[length / 2]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn own(delta: &[f32], windows: u64) -> Contribution<'_> {
        Contribution { delta, windows, staleness: 0 }
    }

    #[test]
    fn of_two_nothing_of_three_the_median_of_five_the_mean_without_the_ends() {
        let all = [[1.0, 9.0], [2.0, 8.0], [600.0, 7.0], [4.0, 6.0], [3.0, -500.0]];
        let of = |count: usize| {
            let own: Vec<Contribution<'_>> = all[..count].iter().map(|delta| own(delta, 10)).collect();
            aggregate(Rule::Robust, &own).unwrap()
        };
        assert_eq!(of(2), None);
        assert_eq!(of(3), Some(vec![2.0, 8.0]));
        assert_eq!(of(4), Some(vec![3.0, 7.5]));
        // The third and the fifth lie far from the others.
        assert_eq!(of(5), Some(vec![2.0, 8.0]));
    }

    #[test]
    fn a_count_that_nobody_has_counts_three_times_the_median_and_old_bases_less() {
        let all = [
            own(&[1.0], 100),
            own(&[1.0], 100),
            Contribution { staleness: 3, ..own(&[1.0], 100) },
            own(&[1.0], u64::MAX),
        ];
        assert_eq!(weights(&all), [100.0, 100.0, 50.0, 300.0]);
    }

    #[test]
    fn who_goes_another_way_than_most_has_no_part_in_it() {
        // As nodes differ: what they share is a third of how far each goes.
        let honest = |node: usize| -> Vec<f32> {
            let own = |at: usize| if (at * 7 + node * 13).is_multiple_of(8) { 1.0 } else { 0.0 };
            (0..400).map(|at| 0.12 + own(at)).collect()
        };
        let mut deltas: Vec<Vec<f32>> = (0..8).map(honest).collect();
        let longest = 1.5 * norm(&deltas[0]);
        for node in 8..10 {
            let turned: Vec<f32> = honest(node).iter().map(|part| -10.0 * part).collect();
            deltas.push(clipped(&turned, longest));
        }
        let all: Vec<Contribution<'_>> = deltas.iter().map(|delta| own(delta, 10)).collect();
        let left: Vec<&[f32]> = near(&all).iter().map(|own| own.delta).collect();
        assert_eq!(left, deltas[..8].iter().map(Vec::as_slice).collect::<Vec<_>>());
    }

    #[test]
    fn equal_uploads_are_their_own_mean() {
        let all = [own(&[0.5, -2.0], 10); 7];
        assert_eq!(aggregate(Rule::Robust, &all), Ok(Some(vec![0.5, -2.0])));
    }

    #[test]
    fn lengths_and_numbers_are_checked_again() {
        assert!(aggregate(Rule::Robust, &[own(&[1.0], 1), own(&[1.0, 2.0], 1)]).is_err());
        assert!(aggregate(Rule::Average, &[own(&[f32::NAN], 1)]).is_err());
        assert_eq!(aggregate(Rule::Average, &[]), Ok(None));
    }

    proptest! {
        #[test]
        fn two_of_ten_cannot_bend_a_coordinate_beyond_the_others(
            honest in prop::collection::vec(-1.0_f32..1.0, 8),
            hostile in prop::array::uniform2(prop::num::f32::NORMAL),
            counts in prop::collection::vec(1_u64..1_000_000, 10),
        ) {
            let deltas: Vec<[f32; 1]> = honest.iter().chain(&hostile).map(|part| [*part]).collect();
            let all: Vec<Contribution<'_>> = deltas.iter().zip(&counts).map(|(delta, windows)| own(delta, *windows)).collect();
            let found = aggregate(Rule::Robust, &all).unwrap().unwrap()[0];
            let least = honest.iter().copied().fold(f32::INFINITY, f32::min);
            let most = honest.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            prop_assert!((least - 1e-6..=most + 1e-6).contains(&found), "{} {} {}", least, found, most);
        }

        #[test]
        fn nothing_is_longer_than_it_is_clipped_to(delta in prop::collection::vec(-1e6_f32..1e6, 1..30), most in 0.0_f64..100.0) {
            prop_assert!(norm(&clipped(&delta, most)) <= most * 1.000_01 + 1e-9);
        }
    }
}
