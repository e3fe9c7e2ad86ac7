//! What a container's files said when each was last read.

/// A limit as the kernel tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bound {
    /// Set to no limit.
    Unlimited,
    /// In the unit of what it bounds.
    At(u64),
}

impl Bound {
    /// The bound, where there is one.
    #[must_use]
    pub fn at(self) -> Option<u64> {
        match self {
            Self::Unlimited => None,
            Self::At(bound) => Some(bound),
        }
    }
}

/// One container's counters and levels, filled file by file (see [`Counters::read`](crate::StatFile)). Absence means that
/// the kernel did not tell, or told what is not understood; it never means zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// CPU time since the container began, in microseconds.
    pub cpu_used_us: Option<u64>,
    /// Periods of the quota in which something ran.
    pub cfs_periods: Option<u64>,
    /// Those in which the quota was used up.
    pub cfs_periods_throttled: Option<u64>,
    /// Time that tasks were held back by the quota, in microseconds, summed over CPUs.
    pub cpu_throttled_us: Option<u64>,
    /// CPU time per period, in microseconds.
    pub cfs_quota_us: Option<Bound>,
    /// Length of the period, in microseconds.
    pub cfs_period_us: Option<u64>,
    /// All memory charged, with file cache, in bytes.
    pub memory_bytes: Option<u64>,
    /// File cache that can be dropped first, in bytes.
    pub inactive_file_bytes: Option<u64>,
    /// Memory of no file, in bytes.
    pub anon_bytes: Option<u64>,
    /// The most memory that may be charged, in bytes.
    pub memory_limit_bytes: Option<Bound>,
    /// The most memory ever charged, with file cache, in bytes.
    pub memory_peak_bytes: Option<u64>,
    /// Processes killed for lack of memory.
    pub oom_kills: Option<u64>,
    /// Time in which some task waited for CPU, in microseconds.
    pub cpu_waited_us: Option<u64>,
    /// Time in which some task waited for memory, in microseconds.
    pub memory_waited_us: Option<u64>,
    /// Time in which some task waited for IO, in microseconds.
    pub io_waited_us: Option<u64>,
    /// Bytes read from devices, summed over them.
    pub io_read_bytes: Option<u64>,
    /// Bytes written to devices, summed over them.
    pub io_written_bytes: Option<u64>,
    /// Tasks now.
    pub pids: Option<u64>,
}

impl Counters {
    /// Memory in use without what can be dropped first, as the kubelet counts it, in bytes. Absent unless both are told.
    #[must_use]
    pub fn working_set_bytes(&self) -> Option<u64> {
        Some(self.memory_bytes?.saturating_sub(self.inactive_file_bytes?))
    }

    /// The CPU quota in millicores, rounded to the nearest.
    #[must_use]
    pub fn quota_millicores(&self) -> Option<Bound> {
        match self.cfs_quota_us? {
            Bound::Unlimited => Some(Bound::Unlimited),
            Bound::At(quota) => {
                let period = u128::from(self.cfs_period_us.filter(|period| *period > 0)?);
                let millicores = (u128::from(quota) * 1000 + period / 2) / period;
                u64::try_from(millicores).ok().map(Bound::At)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn working_set_is_never_below_zero_and_never_guessed() {
        let told = |memory, inactive| {
            Counters { memory_bytes: memory, inactive_file_bytes: inactive, ..Counters::default() }
                .working_set_bytes()
        };
        assert_eq!(told(Some(100), Some(30)), Some(70));
        assert_eq!(told(Some(30), Some(100)), Some(0));
        assert_eq!(told(Some(100), None), None);
        assert_eq!(told(None, Some(1)), None);
    }

    #[test]
    fn quota_needs_a_period() {
        let told = |quota, period| {
            Counters { cfs_quota_us: Some(quota), cfs_period_us: period, ..Counters::default() }
                .quota_millicores()
        };
        assert_eq!(told(Bound::At(150_000), Some(100_000)), Some(Bound::At(1500)));
        assert_eq!(told(Bound::At(1), Some(3)), Some(Bound::At(333)));
        assert_eq!(told(Bound::At(150_000), None), None);
        assert_eq!(told(Bound::At(150_000), Some(0)), None);
        assert_eq!(told(Bound::Unlimited, None), Some(Bound::Unlimited));
        assert_eq!(told(Bound::At(u64::MAX), Some(1)), None);
    }
}
