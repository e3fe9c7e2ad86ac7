//! The days of similar workloads, lent to one that has too few of its own.

use std::collections::BTreeSet;

use kubeopt_model::confidence::StatedConfidence;
use kubeopt_model::{Resource, WorkloadId};

use kubeopt_strategies::{is_likely, lower_bound};

use super::DayCount;

/// Days from which on a workload speaks for itself: each day of the week was seen twice. With fewer, even a rule that never
/// failed would be at most 0.79 sure.
pub const OWN_DAYS_MIN: u32 = 14;

/// Workloads that make a pool. Of a single other one, its whims would be lent with its days.
const WORKLOADS_MIN: usize = 3;

/// The days of similar workloads: one resource, the same cluster, kind and profile. Who is similar is the caller's business.
#[derive(Debug, Clone, Default)]
pub struct Pool {
    count: DayCount,
    workloads: BTreeSet<WorkloadId>,
}

impl Pool {
    /// Adds the days of a container; a workload counts once, and only with a day.
    pub fn add(&mut self, workload: &WorkloadId, count: DayCount) {
        if count.days == 0 {
            return;
        }
        self.count.held = self.count.held.saturating_add(count.held);
        self.count.days = self.count.days.saturating_add(count.days);
        if !self.workloads.contains(workload) {
            self.workloads.insert(workload.clone());
        }
    }

    /// The share of its days that held.
    fn share(&self) -> f64 {
        f64::from(self.count.held) / f64::from(self.count.days.max(1))
    }
}

/// The confidence in a resource's value: by its own days where there are enough of them, else by those of its pool, which
/// its own are among; none where both are too few. Days of its own that the pool hardly explains speak for themselves,
/// however few they are: nothing is made surer than it is.
pub fn state(own: DayCount, resource: Resource, pool: Option<&Pool>) -> Option<StatedConfidence> {
    let stated = |count: DayCount, pooled_workloads| {
        Some(StatedConfidence {
            lower_bound: lower_bound(count.held, count.days)?,
            held_days: count.held,
            days: count.days,
            pooled_workloads,
            resource,
        })
    };
    if own.days >= OWN_DAYS_MIN {
        return stated(own, None);
    }
    let pool = pool?;
    if pool.count.days < OWN_DAYS_MIN || pool.workloads.len() < WORKLOADS_MIN {
        return None;
    }
    if !is_likely(own.held, own.days, pool.share()) {
        return stated(own, None);
    }
    stated(pool.count, u32::try_from(pool.workloads.len()).ok())
}

#[cfg(test)]
mod tests {
    use kubeopt_model::{ClusterName, Namespace, ObjectName, WorkloadKind};

    use super::*;

    fn workload(name: &str) -> WorkloadId {
        WorkloadId {
            cluster: ClusterName::new("prod").unwrap(),
            namespace: Namespace::new("payments").unwrap(),
            kind: WorkloadKind::Deployment,
            name: ObjectName::new(name).unwrap(),
        }
    }

    fn days(held: u32, days: u32) -> DayCount {
        DayCount { held, days }
    }

    fn pool(counts: &[(&str, u32, u32)]) -> Pool {
        let mut pool = Pool::default();
        counts.iter().for_each(|(name, held, of)| pool.add(&workload(name), days(*held, *of)));
        pool
    }

    fn said(own: DayCount, pool: Option<&Pool>) -> Option<String> {
        state(own, Resource::Cpu, pool).map(|stated| stated.to_string())
    }

    #[test]
    fn enough_days_of_its_own_speak_alone() {
        let many = pool(&[("a", 10, 400), ("b", 10, 400), ("c", 10, 400)]);
        assert_eq!(said(days(41, 41), Some(&many)).as_deref(), Some("0.93, 41 of 41 days"));
        assert_eq!(said(days(14, 14), None).as_deref(), Some("0.81, 14 of 14 days"));
    }

    #[test]
    fn few_days_borrow_those_of_similar_workloads_and_say_so() {
        let pool = pool(&[("own", 2, 2), ("a", 200, 208), ("b", 140, 150), ("b", 70, 70)]);
        let wanted = "0.95, 412 of 430 days of 3 similar workloads";
        let found = said(days(2, 2), Some(&pool)).unwrap();
        assert_eq!(found.split_once(','), Some((&found[..4], &wanted[5..])), "{found}");
    }

    #[test]
    fn without_days_and_similar_workloads_nothing_is_known() {
        assert_eq!(said(days(2, 2), None), None);
        assert_eq!(said(days(0, 0), None), None);
        assert_eq!(said(days(2, 2), Some(&pool(&[("own", 2, 2), ("a", 90, 90)]))), None, "one other is none");
        assert_eq!(said(days(2, 2), Some(&pool(&[("own", 2, 2), ("a", 3, 3), ("b", 3, 3)]))), None);
        assert_eq!(said(days(0, 0), Some(&pool(&[("a", 0, 0), ("b", 50, 50), ("c", 50, 50)]))), None);
    }

    #[test]
    fn what_speaks_against_it_is_never_hidden_by_the_others() {
        let pool = pool(&[("own", 3, 10), ("a", 200, 200), ("b", 200, 200)]);
        assert_eq!(said(days(3, 10), Some(&pool)).as_deref(), Some("0.09, 3 of 10 days"));
    }
}
