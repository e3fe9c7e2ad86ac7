//! What a container used, counted as the kernel counts: this is the truth that a reader is compared with.

use crate::block::Block;
use crate::load::Container;

/// The scheduler's period, and the step of all that is simulated, in milliseconds.
pub const PERIOD_MS: u64 = 100;

/// File cache that a container holds beside its working set while its limit leaves room, in bytes.
pub const CACHE_BYTES: u64 = 8 << 20;

const PERIOD_US: u64 = PERIOD_MS * 1000;

/// Work that waits for quota is kept for so many periods' quota, the rest is shed: ten seconds, as long as callers wait.
const BACKLOG_PERIODS: u64 = 100;

/// Above this share of the limit, in percent, a tenth of the time waits for memory.
const CROWDED_PERCENT: u128 = 95;

/// Counters and levels of one container, in the units of the kernel's version 2.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Account {
    /// CPU time, in microseconds.
    pub cpu_used_us: u64,
    /// Periods with a quota in which something ran.
    pub cfs_periods: u64,
    /// Those in which the quota was used up.
    pub cfs_periods_throttled: u64,
    /// Time held back by the quota, in microseconds, summed over the CPUs that the load is wide.
    pub cpu_throttled_us: u64,
    /// Time in which some task waited for CPU, in microseconds.
    pub cpu_waited_us: u64,
    /// Time in which some task waited for memory, in microseconds.
    pub memory_waited_us: u64,
    /// Working set now, in bytes.
    pub working_set_bytes: u64,
    /// File cache beside it, in bytes.
    pub cache_bytes: u64,
    /// The most of both together, in bytes.
    pub memory_peak_bytes: u64,
    /// Kills for lack of memory.
    pub oom_kills: u64,
    /// The most CPU in one period, in millicores, since the account was opened or [`Player::take_peaks`] was called.
    ///
    /// [`Player::take_peaks`]: crate::Player::take_peaks
    pub peak_millicores: u64,
    backlog_us: u64,
    killed_until_ms: u64,
}

impl Account {
    /// One period from `at_ms` on.
    pub(crate) fn pass(&mut self, container: &Container, block: &Block, at_ms: u64) {
        self.run(container.quota_millicores, block.cpu_at(at_ms));
        self.hold(container.limit_bytes, block, at_ms);
    }

    fn run(&mut self, quota_millicores: Option<u64>, wanted_millicores: u64) {
        let width = wanted_millicores.div_ceil(1000).max(1);
        let wanted = wanted_millicores.saturating_mul(PERIOD_MS).saturating_add(self.backlog_us);
        // A load is as wide as it is high: no more threads than it takes, and at least one.
        let could = wanted.min(width.saturating_mul(PERIOD_US));
        let used = match quota_millicores {
            Some(millicores) => {
                let quota = millicores.saturating_mul(PERIOD_MS);
                let used = could.min(quota);
                self.backlog_us = (wanted - used).min(quota.saturating_mul(BACKLOG_PERIODS));
                self.cfs_periods += u64::from(could > 0);
                if could > quota {
                    self.cfs_periods_throttled += 1;
                    self.cpu_throttled_us += width.saturating_mul(PERIOD_US) - quota;
                    self.cpu_waited_us += PERIOD_US - quota / width;
                }
                used
            }
            None => could,
        };
        self.cpu_used_us = self.cpu_used_us.saturating_add(used);
        self.peak_millicores = self.peak_millicores.max(used / PERIOD_MS);
    }

    fn hold(&mut self, limit_bytes: Option<u64>, block: &Block, at_ms: u64) {
        let limit = limit_bytes.unwrap_or(u64::MAX);
        let is_killed = at_ms < self.killed_until_ms;
        if !is_killed && block.memory_bytes > limit {
            self.oom_kills += 1;
            self.memory_peak_bytes = self.memory_peak_bytes.max(limit);
            // It begins again with a quarter, and asks for what it wants when its load changes.
            self.killed_until_ms = block.until_ms;
        }
        let is_killed = at_ms < self.killed_until_ms;
        self.working_set_bytes = if is_killed { limit / 4 } else { block.memory_bytes };
        self.cache_bytes = CACHE_BYTES.min(limit - self.working_set_bytes);
        self.memory_peak_bytes = self.memory_peak_bytes.max(self.memory_bytes());
        let is_crowded = u128::from(self.working_set_bytes) * 100 >= u128::from(limit) * CROWDED_PERCENT;
        self.memory_waited_us += if is_crowded { PERIOD_US / 10 } else { 0 };
    }

    /// Working set and cache, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.working_set_bytes.saturating_add(self.cache_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::{Load, Point};
    use crate::synthetic::ids;

    fn container(quota_millicores: Option<u64>, limit_bytes: Option<u64>) -> Container {
        let (pod_uid, container_id) = ids(1, 1);
        Container { pod_uid, container_id, quota_millicores, limit_bytes, load: Load::Points(Vec::new()) }
    }

    fn played(container: &Container, points: Vec<Point>, periods: u64) -> Account {
        let load = Load::Points(points);
        let mut account = Account::default();
        for at_ms in (0..periods).map(|period| period * PERIOD_MS) {
            account.pass(container, &load.block(at_ms), at_ms);
        }
        account
    }

    fn point(from_ms: u64, cpu_millicores: u64, memory_bytes: u64) -> Point {
        Point { from_ms, cpu_millicores, memory_bytes, burst: None }
    }

    #[test]
    fn without_a_quota_what_is_wanted_is_used() {
        let account = played(&container(None, None), vec![point(0, 1234, 1 << 30)], 100);
        assert_eq!((account.cpu_used_us, account.cfs_periods, account.cpu_waited_us), (12_340_000, 0, 0));
        assert_eq!((account.working_set_bytes, account.memory_bytes()), (1 << 30, (1 << 30) + CACHE_BYTES));
    }

    #[test]
    fn a_burst_over_the_quota_is_held_back_and_made_up_for() {
        // 0.3 s of 2000m at a quota of 500m: 600 ms of work, 50 ms a period, so twelve periods.
        let burst = vec![point(0, 2000, 0), point(300, 0, 0)];
        let account = played(&container(Some(500), None), burst, 50);
        assert_eq!(account.cpu_used_us, 600_000);
        assert_eq!((account.cfs_periods, account.peak_millicores), (12, 500));
        // In three it is two threads wide, of which each stands 75 of 100 ms; then one, which stands 50, but for the last
        // period, in which nothing is left over.
        assert_eq!(account.cfs_periods_throttled, 11);
        assert_eq!(account.cpu_throttled_us, 3 * 150_000 + 8 * 50_000);
        assert_eq!(account.cpu_waited_us, 3 * 75_000 + 8 * 50_000);
    }

    #[test]
    fn more_than_the_limit_is_a_kill_once_a_point() {
        let points = vec![point(0, 0, 90), point(1000, 0, 101), point(2000, 0, 99), point(3000, 0, 200)];
        let account = played(&container(None, Some(100)), points[..2].to_vec(), 20);
        assert_eq!((account.oom_kills, account.working_set_bytes, account.memory_peak_bytes), (1, 25, 100));
        let account = played(&container(None, Some(100)), points, 40);
        assert_eq!((account.oom_kills, account.memory_bytes()), (2, 100));
        assert_eq!(account.memory_waited_us, 10 * 10_000, "one second at 99 of 100");
    }
}
