//! From a batch as it is sent to readings as the controller knows them, and back to when it was. Batches were checked before.

use kubeopt_model::agents::{CfsPeriods, CgroupId, GpuUser, NodeGpu, NodePart, NodeReading, NodeSeries};
use kubeopt_model::{Bytes, MilliCores};
use kubeopt_proto::{Batch, ContainerSeries, GpuUse};

use crate::spool::ledger::HOUR_MS;

/// The readings of each container, and what each GPU did.
pub(crate) fn parts(node: &str, batch: Batch) -> impl Iterator<Item = NodePart> {
    let (begin_ms, step_ms) = (batch.begin_unix_ms, batch.step_ms);
    let (of_gpus, times) = (node.to_owned(), (millis(begin_ms), millis(end_ms(&batch))));
    let gpus = batch.gpus.into_iter().map(move |used| NodePart::Gpu(gpu(of_gpus.clone(), used, times)));
    let node = node.to_owned();
    let series = batch.containers.into_iter().map(move |series| {
        let readings = (0..series.step.len()).map(|at| reading(&series, at, begin_ms, step_ms)).collect();
        NodePart::Series(NodeSeries {
            node: node.clone(),
            seen_unix_ms: (series.seen_unix_ms > 0).then(|| millis(series.seen_unix_ms)),
            oom_kills: series.oom_kills,
            memory_limit: (series.memory_limit_bytes > 0).then_some(Bytes(series.memory_limit_bytes)),
            cpu_quota: (series.cpu_quota_millicores > 0).then_some(MilliCores(series.cpu_quota_millicores)),
            id: CgroupId { pod_uid: series.pod_uid, container_id: series.container_id },
            readings,
        })
    });
    series.chain(gpus)
}

/// When the last step of a batch ended.
fn end_ms(batch: &Batch) -> u64 {
    batch.begin_unix_ms + u64::from(batch.steps) * u64::from(batch.step_ms)
}

fn gpu(node: String, used: GpuUse, (from_unix_ms, to_unix_ms): (i64, i64)) -> NodeGpu {
    let share = |permille: u32| f64::from(permille) / 1000.0;
    let busy = (used.readings > 0).then(|| (share(used.busy_mean_permille), share(used.busy_max_permille)));
    let (most, total) = (used.memory_used_max_bytes, used.memory_total_bytes);
    let user = if !used.container_id.is_empty() {
        GpuUser::Cgroup(CgroupId { pod_uid: used.pod_uid, container_id: used.container_id })
    } else if used.pod.is_empty() {
        GpuUser::Unknown
    } else {
        GpuUser::Named(used.namespace, used.pod, used.container)
    };
    let memory_max = (total > 0).then(|| most as f64 / total as f64);
    NodeGpu { node, id: used.id, user, from_unix_ms, to_unix_ms, busy, memory_max }
}

fn reading(series: &ContainerSeries, at: usize, begin_ms: u64, step_ms: u32) -> NodeReading {
    let told = |list: &[u64]| list.get(at).copied();
    let cfs = match (series.cfs_periods.get(at), series.cfs_periods_throttled.get(at)) {
        (Some(all), Some(throttled)) => Some(CfsPeriods {
            all: *all,
            throttled: *throttled,
            throttled_us: told(&series.cpu_throttled_us).unwrap_or(0),
        }),
        (None, _) | (_, None) => None,
    };
    let end_ms = begin_ms + (u64::from(series.step[at]) + 1) * u64::from(step_ms);
    NodeReading {
        at_unix_ms: millis(end_ms),
        span_ms: series.span_ms.get(at).copied().unwrap_or(step_ms),
        cpu_used_us: told(&series.cpu_used_us),
        cpu_peak_millicores: series.cpu_peak_millicores.get(at).copied().filter(|peak| *peak > 0),
        cfs: cfs.filter(|_| series.cpu_quota_millicores > 0 || cfs.is_some_and(|cfs| cfs.all > 0)),
        working_set_bytes: told(&series.memory_working_set_bytes),
        anon_bytes: told(&series.memory_anon_bytes),
        memory_peak_bytes: told(&series.memory_peak_bytes).filter(|peak| *peak > 0),
        cpu_waited_us: told(&series.cpu_waited_us),
        memory_waited_us: told(&series.memory_waited_us),
        io_waited_us: told(&series.io_waited_us),
    }
}

/// When the first reading of a batch began and the last was taken, milliseconds since the epoch. A reading that lasted longer
/// than an hour counts as an hour: it says nothing of any one.
pub(crate) fn span(batch: &Batch) -> (i64, i64) {
    let end = |step: u32| millis(batch.begin_unix_ms + (u64::from(step) + 1) * u64::from(batch.step_ms));
    let begins = batch.containers.iter().flat_map(|series| {
        let spans = series.step.iter().zip(&series.span_ms);
        spans.map(move |(step, span)| end(*step) - i64::from(*span).min(HOUR_MS))
    });
    let gpus_end = (!batch.gpus.is_empty()).then(|| millis(end_ms(batch)));
    let ends = batch
        .containers
        .iter()
        .filter_map(|series| series.step.last())
        .map(|step| end(*step))
        .chain(gpus_end);
    let begin = millis(batch.begin_unix_ms);
    (begins.min().unwrap_or(begin), ends.max().unwrap_or(begin))
}

/// Times were checked to lie before the year 10000.
fn millis(unix_ms: u64) -> i64 {
    i64::try_from(unix_ms).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch() -> Batch {
        let series = ContainerSeries {
            pod_uid: "pod".to_owned(),
            container_id: "c".to_owned(),
            step: vec![0, 3],
            span_ms: vec![10_000, 30_000],
            cpu_used_us: vec![1, 2],
            cpu_peak_millicores: vec![0, 900],
            cfs_periods: vec![100, 300],
            cfs_periods_throttled: vec![0, 3],
            cpu_throttled_us: vec![0, 77],
            cpu_quota_millicores: 500,
            ..ContainerSeries::default()
        };
        Batch {
            begin_unix_ms: 1_000_000,
            step_ms: 10_000,
            steps: 6,
            containers: vec![series],
            ..Batch::default()
        }
    }

    #[test]
    fn a_reading_has_its_time_and_what_is_absent_stays_absent() {
        let parts: Vec<NodeSeries> = parts("n", batch()).filter_map(NodePart::series).collect();
        let readings = &parts[0].readings;
        assert_eq!((readings[0].at_unix_ms, readings[0].span_ms), (1_010_000, 10_000));
        assert_eq!((readings[1].at_unix_ms, readings[1].span_ms), (1_040_000, 30_000));
        assert_eq!(readings[0].cpu_peak_millicores, None, "no second of it was watched");
        assert_eq!(readings[1].cpu_peak_millicores, Some(900));
        assert_eq!(readings[1].cfs, Some(CfsPeriods { all: 300, throttled: 3, throttled_us: 77 }));
        assert_eq!((readings[0].working_set_bytes, parts[0].memory_limit), (None, None));
        assert_eq!(parts[0].seen_unix_ms, None);
    }

    #[test]
    fn a_gpu_has_the_time_of_its_batch_and_whoever_is_told_to_use_it() {
        let fine = GpuUse {
            id: "GPU-1".to_owned(),
            readings: 2,
            busy_mean_permille: 20,
            busy_max_permille: 30,
            memory_used_max_bytes: 1 << 30,
            memory_total_bytes: 4 << 30,
            ..GpuUse::default()
        };
        let named = GpuUse {
            namespace: "ml".to_owned(),
            pod: "p".to_owned(),
            container: "c".to_owned(),
            pod_uid: "u".to_owned(),
            ..fine.clone()
        };
        let given = GpuUse { pod_uid: "u".to_owned(), container_id: "x".to_owned(), ..fine.clone() };
        let mute = GpuUse { readings: 0, memory_total_bytes: 0, ..fine.clone() };
        let batch = Batch { gpus: vec![fine, named, given, mute], containers: Vec::new(), ..batch() };
        assert_eq!(span(&batch), (1_000_000, 1_060_000));
        let told: Vec<NodeGpu> = parts("n", batch)
            .map(|part| match part {
                NodePart::Gpu(gpu) => gpu,
                NodePart::Series(series) => panic!("{series:?}"),
            })
            .collect();
        assert!(told.iter().all(|gpu| (gpu.from_unix_ms, gpu.to_unix_ms) == (1_000_000, 1_060_000)));
        let users: Vec<&GpuUser> = told.iter().map(|gpu| &gpu.user).collect();
        let named = GpuUser::Named("ml".to_owned(), "p".to_owned(), "c".to_owned());
        let given = GpuUser::Cgroup(CgroupId { pod_uid: "u".to_owned(), container_id: "x".to_owned() });
        assert_eq!(users, [&GpuUser::Unknown, &named, &given, &GpuUser::Unknown]);
        assert_eq!((told[0].busy, told[0].memory_max), (Some((0.02, 0.03)), Some(0.25)));
        assert_eq!((told[3].busy, told[3].memory_max), (None, None));
    }

    #[test]
    fn a_batch_reaches_from_its_first_begin_to_its_last_end() {
        assert_eq!(span(&batch()), (1_000_000, 1_040_000));
        let mut late = batch();
        late.containers[0].span_ms[0] = 86_400_000;
        assert_eq!(span(&late), (1_010_000 - HOUR_MS, 1_040_000));
        late.containers.clear();
        assert_eq!(span(&late), (1_000_000, 1_000_000));
    }
}
