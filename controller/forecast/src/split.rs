//! Which loads are trained on and which hours: nothing that is measured on was ever seen.

use kubeopt_outlook::{DAY, Load};

use crate::error::ForecastError;

/// Days before the cut without which a load is neither trained on nor measured.
const DAYS_MIN: usize = 28;
/// Of these so many must have been measured.
const DAYS_MEASURED_MIN: usize = 21;

/// Which part a machine or container belongs to, by its name alone: it never changes sides when others come or go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LoadPart {
    /// Seven in ten: trained on.
    Train,
    /// One in ten: says when training has gone far enough.
    Validate,
    /// Two in ten: never seen.
    Unseen,
    /// Of another recording than the one that was trained on: nobody knows whether these are the same.
    Other,
}

impl LoadPart {
    /// The part of a name: the first four bytes of its SHA-256, modulo ten.
    pub fn of(name: &str) -> Self {
        let digest = kubeopt_lstm::digest(name.as_bytes());
        let number = digest.iter().take(4).fold(0_u32, |number, byte| (number << 8) | u32::from(*byte));
        match number % 10 {
            0..=6 => Self::Train,
            7 => Self::Validate,
            _ => Self::Unseen,
        }
    }
}

/// The hours of each part, in hours since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cuts {
    /// Training ends before.
    pub calibrate: i64,
    /// Calibration ends before.
    pub test: i64,
}

impl Cuts {
    /// For a recording of so long: the last four weeks and the day that they begin in are not trained on, and 7 days of them
    /// calibrate. Short recordings keep a third.
    pub fn for_recording(from_hour: i64, to_hour: i64) -> Self {
        let third = (to_hour - from_hour).max(0) / 3;
        let calibrate = to_hour - third.min(28 * DAY as i64);
        // Days begin at midnight UTC, so that a file says the same whenever its recording began.
        let calibrate = calibrate.div_euclid(DAY as i64) * DAY as i64;
        Self { calibrate, test: calibrate + 7 * DAY as i64 }
    }
}

/// A load with what belongs to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// Hours.
    pub load: Load,
    /// Its part.
    pub part: LoadPart,
    /// The place at which training ends.
    pub cut: usize,
    /// What "as the day before" is wrong by before the cut; above 0.
    pub typical_error: f32,
}

impl Recorded {
    /// A load that lasts long enough before the cut and is not constant there; none else.
    pub fn of(name: &str, load: Load, cuts: Cuts) -> Option<Self> {
        let cut = load.place(cuts.calibrate)?.min(load.len());
        let lasts = cut >= DAYS_MIN * DAY && load.measured_hours(0, cut) >= DAYS_MEASURED_MIN * DAY;
        let typical_error = load.seasonal_error(0, cut);
        (lasts && typical_error > 0.0).then(|| Self { part: LoadPart::of(name), cut, typical_error, load })
    }
}

/// The loads of a part.
///
/// # Errors
/// [`ForecastError::NoLoads`] where there is none.
pub(crate) fn of_part<'a>(
    recorded: &'a [Recorded],
    part: LoadPart,
    what: &'static str,
) -> Result<Vec<&'a Recorded>, ForecastError> {
    let own: Vec<&Recorded> = recorded.iter().filter(|recorded| recorded.part == part).collect();
    if own.is_empty() { Err(ForecastError::NoLoads { what, have: recorded.len() }) } else { Ok(own) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::made::load;

    #[test]
    fn seven_one_and_two_in_ten_by_name() {
        let count = |part| (0..10_000).filter(|name| LoadPart::of(&name.to_string()) == part).count();
        let found = [LoadPart::Train, LoadPart::Validate, LoadPart::Unseen].map(count);
        assert!((6_800..7_200).contains(&found[0]) && (900..1_100).contains(&found[1]), "{found:?}");
        assert_eq!(found.iter().sum::<usize>(), 10_000);
    }

    #[test]
    fn the_last_weeks_are_kept_from_training_in_whole_days() {
        let cuts = Cuts::for_recording(5, 24 * 90 + 5);
        assert_eq!((cuts.calibrate, cuts.test), (24 * 62, 24 * 69));
        assert_eq!(Cuts::for_recording(0, 24 * 60).calibrate, 24 * 40);
    }

    #[test]
    fn short_and_constant_loads_are_left_out() {
        let cuts = Cuts { calibrate: 28 * 24, test: 35 * 24 };
        let is_kept = |hours: usize, at: fn(usize) -> f64| Recorded::of("a", load(hours, at), cuts).is_some();
        assert!(is_kept(50 * DAY, |hour| (hour % 25) as f64));
        assert!(!is_kept(27 * DAY, |hour| (hour % 25) as f64));
        assert!(!is_kept(50 * DAY, |_| 3.0), "nothing is wrong by a constant");
        assert!(!is_kept(50 * DAY, |hour| if hour < 28 * DAY { 0.0 } else { 9.0 }));
    }
}
