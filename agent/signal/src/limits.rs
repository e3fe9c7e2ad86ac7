//! What happens at limits: saturation that lasts, and kills for lack of memory, which are exact.

use crate::finding::Evidence;
use crate::order::{Order, Step};

/// Saturation is told when it has lasted so long.
const LASTING_S: i64 = 300;

/// From when on a container is saturated: throttled periods of all, time waited for CPU or memory, usage of the limit.
const THROTTLED_MIN: f64 = 0.05;
const PRESSURE_MIN: f64 = 0.10;
const USED_MIN: f64 = 0.90;

/// One look at what a container meets at its limits. Ratios are 0..=1; none where they are not measured.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LimitSample {
    /// When.
    pub at_unix_s: i64,
    /// Throttled periods of all periods since the sample before.
    pub throttled_ratio: Option<f64>,
    /// PSI `some`: share of the time since the sample before in which some task waited.
    pub pressure_ratio: Option<f64>,
    /// Usage of the limit; above 1 where the limit was lowered under it.
    pub used_of_limit: Option<f64>,
}

/// The saturation of one container.
#[derive(Debug, Clone)]
pub struct SaturationDetector {
    order: Order,
    since: Option<i64>,
}

impl SaturationDetector {
    /// Silence of more than `gap_s` seconds ends what lasted.
    pub fn new(gap_s: i64) -> Self {
        Self { order: Order::new(gap_s), since: None }
    }

    /// Takes a sample; the evidence where saturation has lasted five minutes.
    pub fn push(&mut self, sample: &LimitSample) -> Option<Evidence> {
        match self.order.admit(sample.at_unix_s, 0.0) {
            Step::Refused => return None,
            Step::Restart => self.since = None,
            Step::Next => {}
        }
        let throttled_ratio = ratio(sample.throttled_ratio);
        let pressure_ratio = ratio(sample.pressure_ratio);
        let used_of_limit = ratio(sample.used_of_limit);
        let saturated =
            throttled_ratio >= THROTTLED_MIN || pressure_ratio >= PRESSURE_MIN || used_of_limit >= USED_MIN;
        if !saturated {
            self.since = None;
            return None;
        }
        let since = *self.since.get_or_insert(sample.at_unix_s);
        let lasted = sample.at_unix_s.saturating_sub(since) >= LASTING_S;
        lasted.then_some(Evidence::Saturation { throttled_ratio, pressure_ratio, used_of_limit })
    }
}

/// What is not measured, or is no number, does not speak.
fn ratio(measured: Option<f64>) -> f64 {
    const FAR_ABOVE: f64 = 1000.0;
    measured.filter(|ratio| ratio.is_finite()).map_or(0.0, |ratio| ratio.clamp(0.0, FAR_ABOVE))
}

/// Kills for lack of memory, from the kernel's counter.
#[derive(Debug, Clone, Default)]
pub struct KillCounter {
    last: Option<u64>,
}

impl KillCounter {
    /// Takes the counter. A counter that went back began anew with a new container; the first one is only remembered.
    pub fn push(&mut self, total: u64) -> Option<Evidence> {
        let last = self.last.replace(total)?;
        let kills = if total < last { total } else { total - last };
        (kills > 0).then_some(Evidence::OutOfMemory { kills })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Severity;

    #[test]
    fn throttling_is_told_after_five_minutes_and_a_quarter_is_critical() {
        let mut detector = SaturationDetector::new(120);
        let mut push = |at: i64, throttled: f64| {
            let sample =
                LimitSample { at_unix_s: at, throttled_ratio: Some(throttled), ..LimitSample::default() };
            detector.push(&sample).map(|evidence| evidence.severity())
        };
        let told: Vec<_> = (0..=5).map(|minute| push(minute * 60, 0.06)).collect();
        assert_eq!(told[..5], [None; 5]);
        assert_eq!(told[5], Some(Severity::Medium));
        assert_eq!(push(360, 0.3), Some(Severity::Critical));
        assert_eq!(push(420, 0.0), None);
        assert_eq!(push(480, 0.3), None, "it must last again");
    }

    #[test]
    fn what_is_not_measured_does_not_saturate() {
        let mut detector = SaturationDetector::new(120);
        let told = (0..20).filter_map(|minute| {
            detector.push(&LimitSample {
                at_unix_s: minute * 60,
                used_of_limit: Some(f64::NAN),
                ..LimitSample::default()
            })
        });
        assert_eq!(told.count(), 0);
    }

    #[test]
    fn each_kill_is_told_once_also_after_a_restart_of_the_counter() {
        let mut counter = KillCounter::default();
        let told: Vec<u64> = [3, 3, 5, 1, 1]
            .into_iter()
            .filter_map(|total| match counter.push(total) {
                Some(Evidence::OutOfMemory { kills }) => Some(kills),
                _ => None,
            })
            .collect();
        assert_eq!(told, [2, 1]);
    }
}
