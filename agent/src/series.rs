//! What was seen of one container since the last batch: a row for each step, and sums.

use kubeopt_proto::{ContainerSeries, SPAN_MS_MAX};
use kubeopt_sample::{Bound, ContainerPath, Counters, Sample};

/// No amount is told as more; the controller believes none that is.
const AMOUNT_MAX: u64 = 1 << 60;

/// One step of one container.
#[derive(Debug, Clone, Copy)]
struct Row {
    step: u32,
    sample: Sample,
    peak_millicores: u32,
}

/// Rows and sums of one container, kept from batch to batch.
#[derive(Debug, Default)]
pub(crate) struct Series {
    rows: Vec<Row>,
    oom_kills: u64,
    io_read: u64,
    io_written: u64,
}

impl Series {
    /// Takes what a step showed.
    pub(crate) fn push(&mut self, step: u32, sample: Sample, peak_millicores: u32) {
        let taken = self.rows.last().is_some_and(|last| last.step >= step);
        let span_ms = sample.span_us / 1000;
        if taken || span_ms == 0 || span_ms > SPAN_MS_MAX.into() {
            return;
        }
        self.rows.push(Row { step, sample, peak_millicores });
        self.oom_kills = self.oom_kills.saturating_add(sample.oom_kills.unwrap_or(0));
        self.io_read = self.io_read.saturating_add(sample.io_read_bytes.unwrap_or(0));
        self.io_written = self.io_written.saturating_add(sample.io_written_bytes.unwrap_or(0));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// As the wire has it, and begins anew.
    pub(crate) fn take(
        &mut self,
        path: &ContainerPath,
        seen_unix_ms: u64,
        last: &Counters,
    ) -> ContainerSeries {
        let taken = ContainerSeries {
            pod_uid: path.pod_uid.to_string(),
            container_id: path.container_id.to_string(),
            seen_unix_ms,
            step: self.rows.iter().map(|row| row.step).collect(),
            span_ms: self.rows.iter().map(|row| small(row.sample.span_us / 1000)).collect(),
            cpu_used_us: self.column(|sample| sample.cpu_used_us),
            // 0 where no second was watched.
            cpu_peak_millicores: self.all_or_nothing(|row| Some(row.peak_millicores)),
            cfs_periods: self.all_or_nothing(|row| row.sample.cfs_periods.map(small)),
            cfs_periods_throttled: self.all_or_nothing(|row| {
                let periods = row.sample.cfs_periods?;
                row.sample.cfs_periods_throttled.map(|throttled| small(throttled.min(periods)))
            }),
            cpu_throttled_us: self.column(|sample| sample.cpu_throttled_us),
            memory_working_set_bytes: self.column(|sample| sample.working_set_bytes),
            memory_anon_bytes: self.column(|sample| sample.anon_bytes),
            // 0 where the kernel told no new high.
            memory_peak_bytes: self.column(|sample| Some(sample.memory_peak_bytes.unwrap_or(0))),
            cpu_waited_us: self.column(|sample| sample.cpu_waited_us),
            memory_waited_us: self.column(|sample| sample.memory_waited_us),
            io_waited_us: self.column(|sample| sample.io_waited_us),
            oom_kills: small(self.oom_kills),
            io_read_bytes: self.io_read.min(AMOUNT_MAX),
            io_written_bytes: self.io_written.min(AMOUNT_MAX),
            memory_limit_bytes: last.memory_limit_bytes.and_then(Bound::at).unwrap_or(0).min(AMOUNT_MAX),
            cpu_quota_millicores: last.quota_millicores().and_then(Bound::at).unwrap_or(0).min(AMOUNT_MAX),
            pids: small(last.pids.unwrap_or(0)),
        };
        self.rows.clear();
        (self.oom_kills, self.io_read, self.io_written) = (0, 0, 0);
        taken
    }

    fn column(&self, value: impl Fn(&Sample) -> Option<u64>) -> Vec<u64> {
        self.all_or_nothing(|row| value(&row.sample).map(|amount| amount.min(AMOUNT_MAX)))
    }

    /// A value for each row; no column where any is missing.
    fn all_or_nothing<T>(&self, value: impl Fn(&Row) -> Option<T>) -> Vec<T> {
        self.rows.iter().map(value).collect::<Option<Vec<T>>>().unwrap_or_default()
    }
}

fn small(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
