//! Which hours are there, and which slices are still to be read. Pure.

use kubeopt_model::Window;

use super::{DAY_S, HOUR_S};

/// The slices of `wanted` that `covered` leaves out: whole hours, each within one day of UTC, oldest first.
///
/// The hour that `wanted` ends in is left for later, so that every slice is final when it is read.
pub fn missing(wanted: Window, covered: &[Window]) -> Vec<Window> {
    let from = wanted.from_unix_s.div_euclid(HOUR_S) * HOUR_S;
    let to = wanted.to_unix_s.div_euclid(HOUR_S) * HOUR_S;
    let mut slices: Vec<Window> = Vec::new();
    let mut at = from;
    while at < to {
        if covered.iter().any(|window| window.from_unix_s <= at && at + HOUR_S <= window.to_unix_s) {
            at += HOUR_S;
            continue;
        }
        match slices.last_mut() {
            Some(last) if last.to_unix_s == at && at % DAY_S != 0 => last.to_unix_s = at + HOUR_S,
            _ => slices.push(Window { from_unix_s: at, to_unix_s: at + HOUR_S }),
        }
        at += HOUR_S;
    }
    slices
}

/// Joins hours, given by their starts in ascending order, to windows.
pub(super) fn joined(hours: impl IntoIterator<Item = i64>) -> Vec<Window> {
    let mut windows: Vec<Window> = Vec::new();
    for hour in hours {
        match windows.last_mut() {
            Some(last) if last.to_unix_s == hour => last.to_unix_s = hour + HOUR_S,
            _ => windows.push(Window { from_unix_s: hour, to_unix_s: hour + HOUR_S }),
        }
    }
    windows
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn window(from: i64, to: i64) -> Window {
        Window { from_unix_s: from, to_unix_s: to }
    }

    #[test]
    fn splits_at_midnight_and_leaves_the_running_hour() {
        assert_eq!(
            missing(window(DAY_S - 2 * HOUR_S + 5, DAY_S + HOUR_S + 1800), &[]),
            [window(DAY_S - 2 * HOUR_S, DAY_S), window(DAY_S, DAY_S + HOUR_S)]
        );
    }

    proptest! {
        #[test]
        fn covers_each_missing_hour_once(from in 0_i64..100, hours in 0_i64..100, have in proptest::collection::btree_set(0_i64..200, 0..80)) {
            let covered = joined(have.iter().map(|hour| hour * HOUR_S));
            let slices = missing(window(from * HOUR_S, (from + hours) * HOUR_S), &covered);
            let mut read: Vec<i64> = Vec::new();
            for slice in &slices {
                prop_assert!(slice.seconds() > 0 && slice.from_unix_s.div_euclid(DAY_S) == (slice.to_unix_s - 1).div_euclid(DAY_S));
                read.extend((slice.from_unix_s / HOUR_S)..(slice.to_unix_s / HOUR_S));
            }
            let wanted: Vec<i64> = (from..from + hours).filter(|hour| !have.contains(hour)).collect();
            prop_assert_eq!(read, wanted);
        }
    }
}
