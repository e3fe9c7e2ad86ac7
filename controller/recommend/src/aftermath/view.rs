//! The hours of both sides of a merge that a look may see.

use kubeopt_model::Change;
use kubeopt_model::outcome::{HOUR_S, HourSigns, Watched};

/// The hours of both sides that a look may see, oldest first.
pub(super) struct View<'a> {
    pub(super) before: Vec<&'a HourSigns>,
    pub(super) after: Vec<&'a HourSigns>,
}

impl<'a> View<'a> {
    pub(super) fn until(watched: &'a Watched, until_unix_s: i64) -> Self {
        let within = |from: i64, to: i64| {
            move |hour: &&HourSigns| {
                hour.at_unix_s >= from
                    && hour.at_unix_s + HOUR_S <= to
                    && hour.replica_hours.is_finite()
                    && hour.replica_hours > 0.0
            }
        };
        let Change { before, after } = &watched.sides;
        let begins = watched.starts_unix_s();
        Self {
            before: before.hours.iter().filter(within(before.window.from_unix_s, begins - HOUR_S)).collect(),
            after: after.hours.iter().filter(within(begins, until_unix_s)).collect(),
        }
    }

    pub(super) fn replica_hours(&self) -> Change<f64> {
        // The sum of nothing is a negative zero, which would be written so.
        let sum = |hours: &[&HourSigns]| 0.0 + hours.iter().map(|hour| hour.replica_hours).sum::<f64>();
        Change { before: sum(&self.before), after: sum(&self.after) }
    }
}
