//! Spikes: a run of samples so far from what was expected that two of three classic tests agree, and that it matters.

use crate::finding::Evidence;
use crate::order::{Order, Step};
use crate::rolling::Rolling;
use crate::seasonal::Profile;

/// Samples that are the recent past: four hours at five minutes, eight minutes at ten seconds.
const WINDOW: usize = 48;

/// Samples before anything is judged.
const WARM_UP: usize = 24;

/// Hampel's bound on the residual, the bound of the z-score, and the fence of far outliers.
const HAMPEL_Z: f64 = 4.0;
const CLASSIC_Z: f64 = 3.0;
const FAR_FENCES: f64 = 3.0;

/// From when on a spike is one, and when it matters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpikeRule {
    /// Samples in a row: 3 at ten seconds, 1 at five minutes.
    pub run_min: u16,
    /// The least distance from what was expected, in the unit of the series.
    pub effect_min: f64,
    /// The same as a share of what is requested; none asked where nothing is requested.
    pub effect_of_request_min: f64,
    /// What is requested, in the unit of the series.
    pub request: Option<f64>,
    /// Silence of more seconds is a gap.
    pub gap_s: i64,
}

impl SpikeRule {
    /// For CPU in millicores every five minutes: 50m, and a fifth of the request.
    pub fn cpu_by_5_minutes(request_millicores: Option<f64>) -> Self {
        Self {
            run_min: 1,
            effect_min: 50.0,
            effect_of_request_min: 0.2,
            request: request_millicores,
            gap_s: 3600,
        }
    }

    /// For CPU in millicores every ten seconds: three samples in a row.
    pub fn cpu_by_10_seconds(request_millicores: Option<f64>) -> Self {
        Self { run_min: 3, gap_s: 120, ..Self::cpu_by_5_minutes(request_millicores) }
    }

    fn effect_min(&self) -> f64 {
        let of_request = self.request.map_or(0.0, |request| request * self.effect_of_request_min);
        self.effect_min.max(of_request)
    }
}

/// The spikes of one series. About 1.5 KB.
#[derive(Debug, Clone)]
pub struct SpikeDetector {
    rule: SpikeRule,
    order: Order,
    values: Rolling<WINDOW>,
    residuals: Rolling<WINDOW>,
    profile: Profile,
    run: u16,
}

impl SpikeDetector {
    /// A detector that has seen nothing.
    pub fn new(rule: SpikeRule) -> Self {
        Self {
            rule,
            order: Order::new(rule.gap_s),
            values: Rolling::default(),
            residuals: Rolling::default(),
            profile: Profile::default(),
            run: 0,
        }
    }

    /// Takes a sample; the evidence where it is part of a spike upwards.
    pub fn push(&mut self, at_unix_s: i64, value: f64) -> Option<Evidence> {
        match self.order.admit(at_unix_s, value) {
            Step::Refused => return None,
            Step::Restart => {
                self.values.clear();
                self.residuals.clear();
                self.run = 0;
            }
            Step::Next => {}
        }
        let flat = if self.values.is_empty() { value } else { self.values.median() };
        let expected = self.profile.expected(at_unix_s, flat);
        let residual = value - expected;
        let z = self.residuals.robust_z(residual);
        let far = self.values.len() >= WARM_UP && self.votes(z, value) >= 2;
        let matters = residual >= self.rule.effect_min();
        self.run = if far && matters { self.run.saturating_add(1) } else { 0 };
        self.values.push(value);
        self.residuals.push(residual);
        self.profile.learn(at_unix_s, value, flat);
        (self.run >= self.rule.run_min.max(1)).then_some(Evidence::Spike { observed: value, expected, z })
    }

    fn votes(&self, residual_z: f64, value: f64) -> u8 {
        u8::from(residual_z >= HAMPEL_Z)
            + u8::from(self.values.z(value) >= CLASSIC_Z)
            + u8::from(self.values.fences(value) >= FAR_FENCES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(i: i64) -> f64 {
        (i * 7919 % 97) as f64 / 9.7
    }

    fn found(rule: SpikeRule, step_s: i64, values: impl Iterator<Item = f64>) -> Vec<usize> {
        let mut detector = SpikeDetector::new(rule);
        values
            .enumerate()
            .filter(|(i, v)| detector.push(*i as i64 * step_s, *v).is_some())
            .map(|(i, _)| i)
            .collect()
    }

    #[test]
    fn one_high_bin_of_five_minutes_is_a_spike_and_noise_is_none() {
        let series = |peak: f64| (0..300).map(move |i| if i == 250 { peak } else { 100.0 + noise(i) });
        let rule = SpikeRule::cpu_by_5_minutes(Some(200.0));
        assert_eq!(found(rule, 300, series(400.0)), [250]);
        assert_eq!(found(rule, 300, series(145.0)), [0_usize; 0], "far out, but less than 50m");
        let rule = SpikeRule::cpu_by_5_minutes(Some(2000.0));
        assert_eq!(found(rule, 300, series(400.0)), [0_usize; 0], "less than a fifth of the request");
    }

    #[test]
    fn at_ten_seconds_three_samples_in_a_row_are_a_spike() {
        let rule = SpikeRule::cpu_by_10_seconds(Some(200.0));
        let series = |len: i64| {
            (0..300).map(move |i| if (250..250 + len).contains(&i) { 400.0 } else { 100.0 + noise(i) })
        };
        assert_eq!(found(rule, 10, series(2)), [0_usize; 0]);
        assert_eq!(found(rule, 10, series(4)), [252, 253]);
    }

    #[test]
    fn the_daily_peak_is_no_spike_once_it_is_known() {
        let day = |i: i64| if (i * 300).rem_euclid(86_400) / 3600 == 9 { 600.0 } else { 100.0 };
        let found = found(SpikeRule::cpu_by_5_minutes(None), 300, (0..14 * 288).map(|i| day(i) + noise(i)));
        assert!(found.iter().all(|i| *i < 6 * 288), "{found:?}");
        assert!(!found.is_empty());
    }
}
