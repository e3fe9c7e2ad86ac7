//! Packing loses nothing, and no bytes harm it.

use kubeopt_proto::{Batch, ContainerSeries, Message, NodeFinding};
use proptest::prelude::*;

use super::{PackError, pack, unpack};

fn lists(rows: usize) -> impl Strategy<Value = Vec<u64>> {
    prop_oneof![
        Just(Vec::new()),
        any::<u64>().prop_map(move |value| vec![value; rows]),
        prop::collection::vec(any::<u64>(), rows),
    ]
}

fn series() -> impl Strategy<Value = ContainerSeries> {
    let ids = prop_oneof![
        "[0-9a-f]{64}",
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "[a-z0-9-]{1,40}",
        "[0-9a-f]{32}"
    ];
    (ids.clone(), ids, 1usize..8).prop_flat_map(|(pod_uid, container_id, rows)| {
        let smalls = prop::collection::vec(prop::collection::vec(any::<u32>(), rows), 5);
        let larges = prop::collection::vec(lists(rows), 8);
        (smalls, larges, any::<[u64; 5]>(), any::<[u32; 2]>()).prop_map(
            move |(smalls, larges, sums, counts)| ContainerSeries {
                pod_uid: pod_uid.clone(),
                container_id: container_id.clone(),
                seen_unix_ms: sums[0],
                step: smalls[0].clone(),
                span_ms: smalls[1].clone(),
                cpu_used_us: larges[0].clone(),
                cpu_peak_millicores: smalls[2].clone(),
                cfs_periods: smalls[3].clone(),
                cfs_periods_throttled: smalls[4].clone(),
                cpu_throttled_us: larges[1].clone(),
                memory_working_set_bytes: larges[2].clone(),
                memory_anon_bytes: larges[3].clone(),
                memory_peak_bytes: larges[4].clone(),
                cpu_waited_us: larges[5].clone(),
                memory_waited_us: larges[6].clone(),
                io_waited_us: larges[7].clone(),
                oom_kills: counts[0],
                io_read_bytes: sums[1],
                io_written_bytes: sums[2],
                memory_limit_bytes: sums[3],
                cpu_quota_millicores: sums[4],
                pids: counts[1],
            },
        )
    })
}

fn batch() -> impl Strategy<Value = Batch> {
    (prop::collection::vec(series(), 0..4), any::<u64>()).prop_map(|(containers, seq)| Batch {
        boot_id: "b".repeat(32),
        seq,
        begin_unix_ms: 1_795_000_000_000,
        step_ms: 10_000,
        steps: 6,
        findings: vec![NodeFinding { pod_uid: "p".to_owned(), ..NodeFinding::default() }],
        containers,
        ..Batch::default()
    })
}

proptest! {
    #[test]
    fn what_is_packed_comes_out_as_it_was(batch in batch()) {
        let mut bytes = Vec::new();
        pack(&batch, &mut bytes);
        prop_assert_eq!(unpack(&bytes), Ok(batch));
    }

    #[test]
    fn no_bytes_harm(bytes in prop::collection::vec(any::<u8>(), 0..400), cut in 0usize..400, batch in batch()) {
        let _ = unpack(&bytes);
        let mut packed = Vec::new();
        pack(&batch, &mut packed);
        packed.truncate(cut.min(packed.len().saturating_sub(1)));
        prop_assert!(unpack(&packed).is_err());
    }
}

#[test]
fn another_version_is_told_from_damage() {
    assert_eq!(unpack(&[9, 1, 2]), Err(PackError::Version));
    assert_eq!(unpack(&[]), Err(PackError::Damaged));
}

#[test]
fn a_quiet_minute_takes_half_of_protobuf() {
    let mut batch = Batch { step_ms: 10_000, steps: 6, ..Batch::default() };
    batch.containers.push(ContainerSeries {
        pod_uid: "1858680e-b044-4fd5-9dd4-f137e30e2180".to_owned(),
        container_id: "0123456789abcdef".repeat(4),
        step: (0..6).collect(),
        span_ms: vec![10_000, 10_001, 9_999, 10_000, 10_000, 10_002],
        cpu_used_us: vec![20_110, 20_460, 19_990, 20_300, 20_050, 21_000],
        cpu_peak_millicores: vec![0, 0, 4, 0, 0, 0],
        cfs_periods: vec![100; 6],
        cfs_periods_throttled: vec![0; 6],
        cpu_throttled_us: vec![0; 6],
        memory_working_set_bytes: vec![81_264_640; 6],
        memory_anon_bytes: vec![70_112_000; 6],
        memory_peak_bytes: vec![0; 6],
        cpu_waited_us: vec![110, 90, 100, 140, 80, 95],
        memory_waited_us: vec![0; 6],
        io_waited_us: vec![0; 6],
        ..ContainerSeries::default()
    });
    let mut bytes = Vec::new();
    pack(&batch, &mut bytes);
    assert!(bytes.len() * 2 <= batch.encoded_len(), "{} of {} bytes", bytes.len(), batch.encoded_len());
}
