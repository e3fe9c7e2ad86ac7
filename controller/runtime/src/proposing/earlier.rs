//! Days before the policy's window, for the strategy that looks further back than the window of all bounds.
//!
//! Read week by week, and of each week only what that strategy looks at is kept, so that memory does not grow with the
//! hours of a quarter.

use std::collections::{BTreeMap, BTreeSet};

use kubeopt_model::policy::SizingStrategy;
use kubeopt_model::usage::HourPoint;
use kubeopt_model::{ClusterName, ContainerId, Problem, Timestamp, Window};
use kubeopt_recommend::EarlierDays;

use super::governed::Governed;
use super::ground::EarlierByWindow;
use crate::edges::Edges;

/// How far back kubeopt's own strategy looks, which is also what history keeps.
const LOOKS_BACK_S: i64 = 90 * DAY_S;

/// Hours of the week that are busy again and again are looked for in the last six weeks; so far back forecasts look, too.
const HOURS_S: i64 = 42 * DAY_S;

/// What is read at once.
const STEP_S: i64 = 7 * DAY_S;

const DAY_S: i64 = 86_400;

impl Edges {
    /// Earlier days of all containers that are sized by that strategy, by the length of their window.
    pub(super) async fn earlier_of(
        &self,
        governed: &[Governed],
        now: Timestamp,
    ) -> Result<EarlierByWindow, Problem> {
        let sized = governed.iter().flat_map(Governed::sized_under);
        let look_back = sized.filter(|(_, policy)| policy.sizing.strategy == SizingStrategy::Kubeopt);
        let mut wanted: BTreeMap<(i64, ClusterName), BTreeSet<ContainerId>> = BTreeMap::new();
        for (unit, policy) in look_back {
            for candidate in &unit.candidates {
                let key = (policy.sizing.history_seconds, candidate.workload.id.cluster.clone());
                wanted.entry(key).or_default().insert(candidate.id());
            }
        }
        let mut earlier = EarlierByWindow::new();
        for ((seconds, cluster), ids) in wanted {
            let ids: Vec<ContainerId> = ids.into_iter().collect();
            let found = self.days_before(&cluster, &ids, seconds, now).await?;
            earlier.entry(seconds).or_default().extend(found);
        }
        Ok(earlier)
    }

    async fn days_before(
        &self,
        cluster: &ClusterName,
        ids: &[ContainerId],
        window_s: i64,
        now: Timestamp,
    ) -> Result<BTreeMap<ContainerId, EarlierDays>, Problem> {
        let mut found: BTreeMap<ContainerId, EarlierDays> = BTreeMap::new();
        // The window begins with a whole hour, and a day that it cuts is in two parts.
        let end_s = (now.as_second() - window_s).div_euclid(3600) * 3600;
        let first_s = (now.as_second() - LOOKS_BACK_S).div_euclid(DAY_S) * DAY_S;
        let mut from_unix_s = first_s;
        while from_unix_s < end_s {
            let week = Window { from_unix_s, to_unix_s: (from_unix_s + STEP_S).min(end_s) };
            let usage = self.history.usage(cluster, week, Some(ids)).await;
            for mut usage in usage.map_err(|error| error.problem())? {
                let is_near = |hour: &HourPoint| hour.at_unix_s >= now.as_second() - HOURS_S;
                usage.cpu_hours = usage.cpu_hours.iter().filter(is_near).collect();
                usage.memory_hours = usage.memory_hours.iter().filter(is_near).collect();
                found.entry(usage.container.clone()).or_default().add(usage, end_s);
            }
            from_unix_s = week.to_unix_s;
        }
        Ok(found)
    }
}
