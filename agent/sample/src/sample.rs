//! Two readings of one container to what happened between them.

use std::time::Duration;

use crate::Counters;

/// More CPUs than Linux can be built for. What was used between two readings is below this many times the time between
/// them, or the counter is wrong.
pub const CORES_MAX: u64 = 8192;

/// Whether the counters went on from the reading before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Life {
    /// They did.
    Same,
    /// One of them fell: they began again from zero, and count what happened since.
    New,
}

/// What happened between two readings. Never negative; absent where one of the readings does not tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Whether the counters went on.
    pub life: Life,
    /// The time between the readings, in microseconds.
    pub span_us: u64,
    /// CPU time used, in microseconds.
    pub cpu_used_us: Option<u64>,
    /// Periods of the quota in which something ran.
    pub cfs_periods: Option<u64>,
    /// Those in which the quota was used up.
    pub cfs_periods_throttled: Option<u64>,
    /// Time that tasks were held back by the quota, in microseconds, summed over CPUs.
    pub cpu_throttled_us: Option<u64>,
    /// Time in which some task waited for CPU, in microseconds.
    pub cpu_waited_us: Option<u64>,
    /// Time in which some task waited for memory, in microseconds.
    pub memory_waited_us: Option<u64>,
    /// Time in which some task waited for IO, in microseconds.
    pub io_waited_us: Option<u64>,
    /// Processes killed for lack of memory.
    pub oom_kills: Option<u64>,
    /// Bytes read from devices.
    pub io_read_bytes: Option<u64>,
    /// Bytes written to devices.
    pub io_written_bytes: Option<u64>,
    /// Memory in use at the end without what can be dropped first, in bytes.
    pub working_set_bytes: Option<u64>,
    /// Memory of no file at the end, in bytes.
    pub anon_bytes: Option<u64>,
    /// The most memory between the readings, with file cache, in bytes: told by the kernel only where it is the most ever.
    pub memory_peak_bytes: Option<u64>,
}

impl Sample {
    /// What happened from `before` to `after`, which were read `span` apart.
    #[must_use]
    pub fn between(before: &Counters, after: &Counters, span: Duration) -> Self {
        let span_us = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        // These only grow while a container lives. Sums over devices fall when a device goes, and a peak can be reset.
        let kept = [
            (before.cpu_used_us, after.cpu_used_us),
            (before.cfs_periods, after.cfs_periods),
            (before.oom_kills, after.oom_kills),
        ];
        let fell = kept.iter().any(|pair| matches!(pair, (Some(before), Some(after)) if after < before));
        let life = if fell { Life::New } else { Life::Same };
        let grown = |before: Option<u64>, after: Option<u64>| match life {
            Life::Same => after?.checked_sub(before?),
            Life::New => before.and(after),
        };
        let most = span_us.saturating_mul(CORES_MAX);
        let within_span = |time: Option<u64>| time.filter(|time| *time <= most);
        Self {
            life,
            span_us,
            cpu_used_us: within_span(grown(before.cpu_used_us, after.cpu_used_us)),
            cfs_periods: grown(before.cfs_periods, after.cfs_periods),
            cfs_periods_throttled: grown(before.cfs_periods_throttled, after.cfs_periods_throttled),
            cpu_throttled_us: within_span(grown(before.cpu_throttled_us, after.cpu_throttled_us)),
            cpu_waited_us: within_span(grown(before.cpu_waited_us, after.cpu_waited_us)),
            memory_waited_us: within_span(grown(before.memory_waited_us, after.memory_waited_us)),
            io_waited_us: within_span(grown(before.io_waited_us, after.io_waited_us)),
            oom_kills: grown(before.oom_kills, after.oom_kills),
            io_read_bytes: grown(before.io_read_bytes, after.io_read_bytes),
            io_written_bytes: grown(before.io_written_bytes, after.io_written_bytes),
            working_set_bytes: after.working_set_bytes(),
            anon_bytes: after.anon_bytes,
            memory_peak_bytes: match (before.memory_peak_bytes, after.memory_peak_bytes, life) {
                (Some(before), Some(after), Life::Same) => (after > before).then_some(after),
                (Some(_), after, Life::New) => after,
                (None, _, _) | (_, None, Life::Same) => None,
            },
        }
    }

    /// CPU used over the time between the readings, in millicores, rounded to the nearest. Absent where no time passed.
    #[must_use]
    pub fn cpu_millicores(&self) -> Option<u64> {
        let (used, span) = (u128::from(self.cpu_used_us?), u128::from(self.span_us));
        if span == 0 {
            return None;
        }
        u64::try_from((used * 1000 + span / 2) / span).ok()
    }
}
