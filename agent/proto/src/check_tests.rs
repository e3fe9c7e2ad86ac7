//! Batches that cannot be so, one field at a time, and any bytes at all.

use proptest::prelude::*;
use prost::Message as _;

use super::*;

fn fine() -> Batch {
    let series = ContainerSeries {
        pod_uid: "1858680e-b044-4fd5-9dd4-f137e30e2180".to_owned(),
        container_id: "c".repeat(64),
        step: vec![0, 2, 5],
        span_ms: vec![10_000, 20_000, 30_000],
        cpu_used_us: vec![1, 2, 3],
        cfs_periods: vec![100, 200, 300],
        cfs_periods_throttled: vec![0, 200, 3],
        memory_working_set_bytes: vec![1 << 30; 3],
        ..ContainerSeries::default()
    };
    let finding = NodeFinding {
        pod_uid: series.pod_uid.clone(),
        container_id: series.container_id.clone(),
        kind: 3,
        load: 2,
        severity: 4,
        ..NodeFinding::default()
    };
    let forecast = NodeForecast {
        pod_uid: series.pod_uid.clone(),
        container_id: series.container_id.clone(),
        load: 1,
        horizon_hours: 24,
        peak_quantiles: vec![1.0, 2.0, 3.0, 3.0, 4.5],
        ..NodeForecast::default()
    };
    let gpu = GpuUse {
        id: "GPU-604ac76c-d9cf-fef3-62e9-d92044ab6e52/3".to_owned(),
        namespace: "ml".to_owned(),
        pod: "train-0".to_owned(),
        container: "main".to_owned(),
        readings: 2,
        busy_mean_permille: 20,
        busy_max_permille: 40,
        memory_used_max_bytes: 1 << 30,
        memory_total_bytes: 1 << 34,
        ..GpuUse::default()
    };
    Batch {
        boot_id: "0123456789abcdef0123456789abcdef".to_owned(),
        gpus: vec![gpu],
        seq: 7,
        begin_unix_ms: 1_800_000_000_000,
        step_ms: 10_000,
        steps: 6,
        containers: vec![series],
        findings: vec![finding],
        forecasts: vec![forecast],
        ..Batch::default()
    }
}

/// A change and what is said to it.
type Case = (&'static str, fn(&mut Batch));

#[test]
fn what_cannot_be_so_is_refused_with_its_reason() {
    assert_eq!(check(&fine()), Ok(()));
    let cases: [Case; 32] = [
        ("malformed_id", |batch| batch.boot_id.clear()),
        ("malformed_id", |batch| batch.containers[0].pod_uid = "../x".to_owned()),
        ("malformed_id", |batch| batch.containers[0].container_id = "c".repeat(129)),
        ("malformed_id", |batch| batch.findings[0].pod_uid = "a\0".to_owned()),
        ("wrong_digest", |batch| batch.model_sha256 = vec![0; 31]),
        ("wrong_sequence", |batch| batch.seq = 0),
        ("wrong_sequence", |batch| batch.seq = u64::MAX),
        ("out_of_range", |batch| batch.begin_unix_ms = u64::MAX),
        ("out_of_range", |batch| batch.step_ms = 0),
        ("out_of_range", |batch| batch.steps = 0),
        ("out_of_range", |batch| batch.steps = u32::MAX),
        ("out_of_range", |batch| batch.containers[0].span_ms[1] = 0),
        ("out_of_range", |batch| batch.containers[0].cpu_used_us[1] = u64::MAX),
        ("out_of_range", |batch| batch.forecasts[0].horizon_hours = 25),
        ("too_many", |batch| batch.findings = vec![NodeFinding::default(); FINDINGS_MAX + 1]),
        ("wrong_length", |batch| batch.containers[0].span_ms.clear()),
        ("wrong_length", |batch| batch.containers[0].memory_anon_bytes = vec![1; 4]),
        ("wrong_steps", |batch| batch.containers[0].step = vec![0, 2, 2]),
        ("wrong_steps", |batch| batch.containers[0].step = vec![0, 2, 6]),
        ("throttled", |batch| batch.containers[0].cfs_periods_throttled[0] = 101),
        ("container_twice", |batch| batch.containers = vec![batch.containers[0].clone(); 2]),
        ("wrong_quantiles", |batch| batch.forecasts[0].peak_quantiles[2] = f64::NAN),
        ("unknown_kind", |batch| batch.findings[0].kind = 99),
        ("malformed_id", |batch| batch.gpus[0].id.clear()),
        ("malformed_id", |batch| batch.gpus[0].id = "GPU 0".to_owned()),
        ("malformed_id", |batch| batch.gpus[0].container.clear()),
        ("malformed_id", |batch| batch.gpus[0].pod = "a/b".to_owned()),
        ("malformed_id", |batch| batch.gpus[0].container_id = "c".repeat(64)),
        ("out_of_range", |batch| batch.gpus[0].busy_max_permille = 1001),
        ("out_of_range", |batch| batch.gpus[0].busy_mean_permille = 41),
        ("out_of_range", |batch| batch.gpus[0].memory_used_max_bytes = 1 << 35),
        ("too_many", |batch| batch.gpus = vec![batch.gpus[0].clone(); GPUS_MAX + 1]),
    ];
    for (number, (reason, change)) in cases.into_iter().enumerate() {
        let mut batch = fine();
        change(&mut batch);
        let said = check(&batch).map_err(|refusal| refusal.reason());
        assert_eq!(said, Err(reason), "case {number}");
    }
}

#[test]
fn uploads_are_whole_numbers_of_f32() {
    let fine = GradientUpload {
        base_sha256: vec![1; 32],
        nonce: vec![2; 16],
        delta: vec![0; 400],
        ..GradientUpload::default()
    };
    assert_eq!(check_upload(&fine), Ok(()));
    let odd = GradientUpload { delta: vec![0; 401], ..fine.clone() };
    assert_eq!(check_upload(&odd).map_err(|refusal| refusal.reason()), Err("out_of_range"));
    let unsigned = GradientUpload { nonce: Vec::new(), ..fine };
    assert_eq!(check_upload(&unsigned).map_err(|refusal| refusal.reason()), Err("wrong_digest"));
}

proptest! {
    #[test]
    fn any_bytes_are_taken_or_refused(mut bytes in proptest::collection::vec(any::<u8>(), 0..400), at in any::<prop::sample::Index>()) {
        if let Ok(batch) = Batch::decode(bytes.as_slice()) {
            let _ = check(&batch);
        }
        // A good batch with one byte of it changed.
        let mut good = fine().encode_to_vec();
        let place = at.index(good.len());
        good[place] ^= bytes.pop().unwrap_or(1);
        if let Ok(batch) = Batch::decode(good.as_slice()) {
            let _ = check(&batch);
        }
    }
}
