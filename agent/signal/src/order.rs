//! What may be believed of a sample before its value is looked at: it is a number, it is in order, nothing is missing.

/// Beyond this no value is a usage: a thousand exabytes. Squares of it still fit a float.
const PLAUSIBLE_MAX: f64 = 1e21;

/// After so many samples in a row that lie before the last one, the clock was set back, and theirs is the time.
const BACK_MAX: u8 = 10;

/// How a sample follows the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// In order, within the gap.
    Next,
    /// The first one, or after a gap, or on another clock: what was learnt about the near past is void.
    Restart,
    /// Not a number, implausible, doubled or late: to be ignored.
    Refused,
}

/// Keeps samples in order.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    gap_s: i64,
    last: Option<i64>,
    back: u8,
}

impl Order {
    /// Silence of more than `gap_s` seconds is a gap.
    pub(crate) fn new(gap_s: i64) -> Self {
        Self { gap_s, last: None, back: 0 }
    }

    pub(crate) fn admit(&mut self, at_unix_s: i64, value: f64) -> Step {
        if !value.is_finite() || value.abs() > PLAUSIBLE_MAX {
            return Step::Refused;
        }
        let Some(last) = self.last else {
            self.last = Some(at_unix_s);
            return Step::Restart;
        };
        if at_unix_s <= last {
            self.back = self.back.saturating_add(1);
            if at_unix_s == last || self.back <= BACK_MAX {
                return Step::Refused;
            }
            self.take(at_unix_s);
            return Step::Restart;
        }
        self.take(at_unix_s);
        if at_unix_s.saturating_sub(last) > self.gap_s { Step::Restart } else { Step::Next }
    }

    fn take(&mut self, at_unix_s: i64) {
        self.last = Some(at_unix_s);
        self.back = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_doubled_and_unusable_samples_are_refused_and_a_gap_restarts() {
        let mut order = Order::new(600);
        let cases = [
            (0, 1.0, Step::Restart),
            (300, 1.0, Step::Next),
            (300, 1.0, Step::Refused),
            (200, 1.0, Step::Refused),
            (600, f64::NAN, Step::Refused),
            (600, f64::INFINITY, Step::Refused),
            (600, 1e300, Step::Refused),
            (900, 1.0, Step::Next),
            (1501, 1.0, Step::Restart),
        ];
        for (at, value, step) in cases {
            assert_eq!(order.admit(at, value), step, "{at} {value}");
        }
    }

    #[test]
    fn a_clock_that_was_set_back_is_followed_after_ten_samples() {
        let mut order = Order::new(600);
        order.admit(1_000_000, 1.0);
        let steps: Vec<Step> = (0..12).map(|i| order.admit(i * 300, 1.0)).collect();
        assert!(steps[..10].iter().all(|step| *step == Step::Refused));
        assert_eq!(steps[10..], [Step::Restart, Step::Next]);
    }
}
