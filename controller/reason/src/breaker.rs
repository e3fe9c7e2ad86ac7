//! A server that fails again and again is left alone for a while. Given the time; knows no clock.

use jiff::{SignedDuration, Timestamp};

use crate::error::ReasonError;

/// Failures in a row after which it rests: one is chance, five are an outage.
const FAILURES_MAX: u32 = 5;

/// How long it rests; about as long as outages that anyone notices.
const REST: SignedDuration = SignedDuration::from_mins(10);

/// Longest rest that a server may ask for with `Retry-After`; more would be a way to switch the feature off from outside.
const REST_MAX: SignedDuration = SignedDuration::from_hours(1);

/// Failures in a row, and until when nothing is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Breaker {
    failures: u32,
    until: Option<Timestamp>,
}

impl Breaker {
    /// Whether a question may be asked now. After a rest one may be: if it fails too, the next rest begins.
    ///
    /// # Errors
    /// [`ReasonError::Resting`].
    pub(crate) fn check(&self, now: Timestamp) -> Result<(), ReasonError> {
        match self.until {
            Some(until) if now < until => Err(ReasonError::Resting { until, failures: self.failures }),
            Some(_) | None => Ok(()),
        }
    }

    pub(crate) fn succeeded(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn failed(&mut self, error: &ReasonError, now: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        let asked = match error {
            ReasonError::Busy { retry_after_s: Some(seconds), .. } => {
                let asked = SignedDuration::from_secs(i64::try_from(*seconds).unwrap_or(i64::MAX));
                Some(asked.min(REST_MAX))
            }
            ReasonError::Busy { retry_after_s: None, .. }
            | ReasonError::Net(_)
            | ReasonError::TooSlow { .. }
            | ReasonError::Malformed
            | ReasonError::NotTheShape { .. }
            | ReasonError::Declined { .. }
            | ReasonError::CutOff { .. }
            | ReasonError::Unfit(_)
            | ReasonError::UnfitBefore
            | ReasonError::PullRequestBudget { .. }
            | ReasonError::DayBudget { .. }
            | ReasonError::NamespaceBudget { .. }
            | ReasonError::Resting { .. }
            | ReasonError::Settings { .. } => None,
        };
        let rest = (self.failures >= FAILURES_MAX).then_some(REST).max(asked);
        if let Some(until) = rest.and_then(|rest| now.checked_add(rest).ok()) {
            self.until = Some(until);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    #[test]
    fn five_failures_in_a_row_are_ten_minutes_of_rest() {
        let mut breaker = Breaker::default();
        for _ in 0..4 {
            breaker.failed(&ReasonError::Malformed, at(0));
        }
        assert_eq!(breaker.check(at(0)), Ok(()));
        breaker.failed(&ReasonError::Malformed, at(0));
        assert_eq!(breaker.check(at(599)).map_err(|error| error.code()), Err("E-RSN-012"));
        assert_eq!(breaker.check(at(600)), Ok(()));
        breaker.failed(&ReasonError::Malformed, at(600));
        assert!(breaker.check(at(601)).is_err(), "one failure after a rest is enough");
        breaker.succeeded();
        assert_eq!(breaker.check(at(601)), Ok(()));
    }

    #[test]
    fn a_server_may_ask_for_a_rest_of_an_hour_at_most() {
        let mut breaker = Breaker::default();
        breaker.failed(&ReasonError::Busy { status: 429, retry_after_s: Some(90) }, at(0));
        assert!(breaker.check(at(89)).is_err() && breaker.check(at(90)).is_ok());
        breaker.failed(&ReasonError::Busy { status: 429, retry_after_s: Some(u64::MAX) }, at(100));
        assert!(breaker.check(at(3699)).is_err() && breaker.check(at(3700)).is_ok());
    }
}
