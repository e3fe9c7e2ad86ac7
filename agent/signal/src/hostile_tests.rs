//! What every detector must bear: no panic and no number that is not finite, whatever comes in.

use proptest::prelude::*;

use crate::{
    AnomalyScore, DriftDetector, Evidence, EwmaChart, KillCounter, LeakDetector, LimitSample, MemorySample,
    SaturationDetector, SpikeDetector, SpikeRule,
};

/// All detectors over one series.
struct All {
    spike: SpikeDetector,
    chart: EwmaChart,
    leak: LeakDetector,
    drift: DriftDetector,
    saturation: SaturationDetector,
    kills: KillCounter,
    overall: AnomalyScore,
}

impl All {
    fn new() -> Self {
        Self {
            spike: SpikeDetector::new(SpikeRule::cpu_by_5_minutes(Some(1.0))),
            chart: EwmaChart::new(3600),
            leak: LeakDetector::new(3600),
            drift: DriftDetector::default(),
            saturation: SaturationDetector::new(3600),
            kills: KillCounter::default(),
            overall: AnomalyScore::default(),
        }
    }

    fn push(&mut self, at_unix_s: i64, value: f64) -> Vec<Evidence> {
        let memory =
            MemorySample { at_unix_s, bytes: value, limit_bytes: Some(1e9), request_bytes: Some(value) };
        let limits = LimitSample {
            at_unix_s,
            throttled_ratio: Some(value),
            pressure_ratio: None,
            used_of_limit: Some(-value),
        };
        let overall = self.overall.push(at_unix_s, value);
        assert!((0.0..=1.0).contains(&overall), "{overall}");
        let charted = self.chart.push(at_unix_s, value).map(|charted| Evidence::Shift {
            average: charted.average,
            expected: charted.expected,
            sigmas: charted.sigmas,
        });
        [
            self.spike.push(at_unix_s, value),
            charted,
            self.leak.push(&memory),
            self.drift.push(at_unix_s, value),
            self.saturation.push(&limits),
            self.kills.push(value.abs() as u64),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// JSON has no words for what is not finite: it writes null.
fn is_finite(evidence: &Evidence) -> bool {
    let json = serde_json::to_value(evidence).unwrap();
    let fields = json.as_object().unwrap().values().next().unwrap().as_object().unwrap();
    fields.iter().all(|(name, value)| name == "etaS" || value.is_number())
}

fn nasty() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => 0.0..100.0,
        1 => Just(f64::NAN),
        1 => Just(f64::INFINITY),
        1 => Just(f64::MAX),
        1 => Just(-5.0),
        1 => Just(0.0),
        1 => Just(1e21),
        1 => Just(f64::MIN_POSITIVE),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_values_at_any_time_give_finite_evidence(
        samples in proptest::collection::vec((nasty(), prop_oneof![9 => 1_i64..8000, 1 => Just(-90_000), 1 => Just(400_000)]), 1..900),
    ) {
        let (mut all, mut at) = (All::new(), 1_700_000_000_i64);
        for (value, step) in samples {
            at += step;
            let evidence = all.push(at, value);
            prop_assert!(evidence.iter().all(is_finite), "{evidence:?}");
        }
    }
}

#[test]
fn the_ends_of_time_are_borne() {
    let mut all = All::new();
    for at in [i64::MIN, i64::MAX, 0, i64::MIN + 1, i64::MAX - 1] {
        assert!(all.push(at, 1.0).iter().all(is_finite));
    }
}

#[test]
fn constant_and_empty_usage_give_no_finding_and_a_thousandfold_step_a_finite_one() {
    for level in [0.0, 7.0, 1e12] {
        let mut all = All::new();
        let found: usize = (0..5000)
            .map(|i| {
                all.push(i * 300, level)
                    .into_iter()
                    .filter(|e| !matches!(e, Evidence::Shift { .. } | Evidence::Saturation { .. }))
                    .count()
            })
            .sum();
        assert_eq!(found, 0, "{level}");
        let after: Vec<Evidence> = (5000..5100).flat_map(|i| all.push(i * 300, level * 1000.0)).collect();
        assert!(after.iter().all(is_finite));
        assert_eq!(after.iter().any(|e| matches!(e, Evidence::Spike { .. })), level > 0.0, "{level}");
    }
}

#[test]
fn two_points_say_nothing() {
    let mut all = All::new();
    assert_eq!([all.push(0, 0.01), all.push(300, 0.02)].concat(), []);
}
