//! From a batch as it is sent to readings as the controller knows them, and back to when it was. Batches were checked before.

use kubeopt_model::agents::{CfsPeriods, CgroupId, NodeReading, NodeSeries};
use kubeopt_model::{Bytes, MilliCores};
use kubeopt_proto::{Batch, ContainerSeries};

use crate::spool::ledger::HOUR_MS;

/// The readings of each container.
pub(crate) fn parts(node: &str, batch: Batch) -> impl Iterator<Item = NodeSeries> {
    let (begin_ms, step_ms) = (batch.begin_unix_ms, batch.step_ms);
    let node = node.to_owned();
    batch.containers.into_iter().map(move |series| {
        let readings = (0..series.step.len()).map(|at| reading(&series, at, begin_ms, step_ms)).collect();
        NodeSeries {
            node: node.clone(),
            seen_unix_ms: (series.seen_unix_ms > 0).then(|| millis(series.seen_unix_ms)),
            oom_kills: series.oom_kills,
            memory_limit: (series.memory_limit_bytes > 0).then_some(Bytes(series.memory_limit_bytes)),
            cpu_quota: (series.cpu_quota_millicores > 0).then_some(MilliCores(series.cpu_quota_millicores)),
            id: CgroupId { pod_uid: series.pod_uid, container_id: series.container_id },
            readings,
        }
    })
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
    let ends = batch.containers.iter().filter_map(|series| series.step.last()).map(|step| end(*step));
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
        let parts: Vec<NodeSeries> = parts("n", batch()).collect();
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
    fn a_batch_reaches_from_its_first_begin_to_its_last_end() {
        assert_eq!(span(&batch()), (1_000_000, 1_040_000));
        let mut late = batch();
        late.containers[0].span_ms[0] = 86_400_000;
        assert_eq!(span(&late), (1_010_000 - HOUR_MS, 1_040_000));
        late.containers.clear();
        assert_eq!(span(&late), (1_000_000, 1_000_000));
    }
}
