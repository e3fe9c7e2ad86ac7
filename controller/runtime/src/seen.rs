//! The first stage: facts of every cluster, and usage that history does not have yet.

use std::collections::{BTreeMap, HashMap};

use kubeopt_api::policy::ClusterPolicies;
use kubeopt_cluster::Watched;
use kubeopt_history::{missing, pod_id};
use kubeopt_model::cluster::Pod;
use kubeopt_model::gpu::{GpuSource, GpuUse};
use kubeopt_model::{
    ClusterFacts, ClusterName, ContainerId, ContainerUsage, Problem, Timestamp, Window, WorkloadKind,
};
use kubeopt_observe::{Emptiness, MetricsSource, PodOwners, Reach, SliceReport};
use kubeopt_policy::PRESETS;

use crate::edges::{ClusterEdge, Edges};
use crate::finding::findings::Findings;
use crate::pricing::{ClusterPrices, PricesByCluster};

const HOUR_S: i64 = 3600;

/// GPUs are looked at over a week: it shows what is idle every day, and what is used at the weekend.
const WEEK_HOURS: i64 = 168;

/// Hours back that node agents may send: they keep a day, and nothing older than two is taken.
const HAND_OVER_S: i64 = 2 * 86_400;

/// What a pass saw.
#[derive(Debug, Default)]
pub struct Seen {
    /// Facts by cluster; a cluster that could not be reached is missing.
    pub clusters: BTreeMap<ClusterName, ClusterFacts>,
    /// Policies that stand in them.
    pub policies: BTreeMap<ClusterName, ClusterPolicies>,
    /// What their capacity costs.
    pub prices: PricesByCluster,
    /// What reading usage took, by cluster.
    pub reports: BTreeMap<ClusterName, SliceReport>,
    /// How busy GPUs are, where containers ask for some and something tells.
    pub gpus: BTreeMap<ContainerId, GpuUse>,
    /// What is unusual; filled by the stage *find*.
    pub findings: Findings,
    /// What could not be seen.
    pub problems: Vec<Problem>,
    /// Clusters whose usage is incomplete, with the reason: nothing is lowered there.
    pub partial: BTreeMap<ClusterName, String>,
    /// Clusters whose usage is sampled moment by moment, with the start of the first hour that is known of them, in seconds
    /// since the epoch.
    pub sampled_since: BTreeMap<ClusterName, i64>,
}

/// Usage of one cluster on its way into history.
struct Reading<'a> {
    cluster: &'a ClusterEdge,
    metrics: &'a dyn MetricsSource,
    owners: PodOwners,
    /// Nothing was ever read of the cluster.
    is_first: bool,
    report: SliceReport,
}

impl Edges {
    /// Looks at every cluster, and reads the usage that history does not cover. A cluster or server that fails leaves a
    /// problem; the others go on.
    pub async fn observe(&self, now: Timestamp) -> Seen {
        let mut seen = Seen::default();
        for cluster in &self.clusters {
            self.progress.stage(&format!("looking at cluster {}", cluster.name), None);
            match cluster.facts.facts().await {
                Ok(mut facts) => {
                    facts.workloads.retain(|workload| self.selection.covers(&workload.id));
                    // A kind that the cluster does not know is nothing to mend; `check` tells it.
                    let missing = |problem: &&Problem| problem.code != kubeopt_cluster::ABSENT;
                    seen.problems.extend(facts.unseen.iter().filter(missing).cloned());
                    let window = Window::ending(now, self.history_seconds);
                    self.read_usage(cluster, &facts, (window, now), &mut seen).await;
                    seen.prices.insert(cluster.name.clone(), ClusterPrices::of(&facts, &cluster.terms));
                    seen.policies.insert(cluster.name.clone(), self.cluster_policies(&facts));
                    seen.gpus.extend(self.gpus(cluster, &facts, now).await);
                    seen.clusters.insert(cluster.name.clone(), facts);
                }
                Err(problem) => seen.problems.push(problem),
            }
        }
        seen
    }

    /// Brings into history what node agents sent since the last pass, for a process that is about to give the lead away: no other
    /// one has what it was told. Nothing where it leads no more. Gives what went wrong.
    pub async fn hand_over(&self, now: Timestamp) -> Vec<Problem> {
        let mut seen = Seen::default();
        for agents in self.agents.iter().filter(|own| own.source.is_ok() && self.permit.may_write()) {
            let Some(cluster) = self.clusters.iter().find(|cluster| cluster.name == agents.cluster) else {
                continue;
            };
            match cluster.facts.facts().await {
                Ok(facts) => {
                    let window = Window::ending(now, HAND_OVER_S);
                    self.read_usage(cluster, &facts, (window, now), &mut seen).await;
                }
                Err(problem) => seen.problems.push(problem),
            }
        }
        seen.problems
    }

    /// Samples the usage of clusters that tell of the moment only; the next pass reads what was sampled.
    pub async fn sample(&self, now: Timestamp) {
        for cluster in &self.clusters {
            if let Some(metrics) = &cluster.metrics
                && let Err(error) = metrics.reach(now).await
            {
                // The next pass asks again, and tells it where it matters.
                tracing::debug!(cluster = %cluster.name, "usage was not sampled: {error}");
            }
            self.recognise_pods(cluster, now).await;
        }
    }

    /// Learns whose the cgroups are that node agents tell of: a pod that comes and goes between two passes is in none of them.
    async fn recognise_pods(&self, cluster: &ClusterEdge, now: Timestamp) {
        let agents = self.agents_of(&cluster.name).map(|agents| &agents.source);
        let Some(Ok(source)) = agents else { return };
        // A cluster that does not answer is told by the next pass.
        if let Ok(facts) = cluster.facts.facts().await {
            source.learn(&PodOwners::from_facts(&facts), now).await;
        }
    }

    /// How busy GPUs are, asked only where a container asks for some: by the source of metrics, and, where that does not know
    /// one, by what node agents left in history. It is advice: what cannot be read is not told.
    async fn gpus(
        &self,
        cluster: &ClusterEdge,
        facts: &ClusterFacts,
        now: Timestamp,
    ) -> BTreeMap<ContainerId, GpuUse> {
        let mut asking = asking_for_gpus(facts);
        if asking.is_empty() {
            return BTreeMap::new();
        }
        let mut known = scraped_gpus(cluster, facts).await;
        asking.retain(|container| !known.contains_key(container));
        if asking.is_empty() {
            return known;
        }
        // The hour that runs is not read beside a server: with the one before it, the week is whole.
        let window = Window::ending(now, (WEEK_HOURS + 2) * HOUR_S);
        match self.history.usage(&cluster.name, window, Some(&asking)).await {
            Ok(usage) => known.extend(usage.into_iter().filter_map(|usage| {
                let seen = usage.gpus?;
                let hours = u32::try_from((seen.known_s / HOUR_S).clamp(0, WEEK_HOURS)).unwrap_or(0);
                let told = GpuUse {
                    container: usage.container.clone(),
                    source: GpuSource::NodeAgents,
                    hours,
                    busy_mean: seen.busy_mean,
                    busy_max: seen.busy_max,
                    memory_max: seen.memory_max,
                };
                Some((usage.container, told))
            })),
            Err(error) => {
                tracing::debug!(cluster = %cluster.name, "GPUs were not read from history: {error}")
            }
        }
        known
    }

    /// The policies of a cluster, as far as they are known. Where nothing is published, ones that nobody may see hold nothing
    /// back: who scans from a laptop has few rights, and no cluster tells them whether there is such a kind.
    fn cluster_policies(&self, facts: &ClusterFacts) -> ClusterPolicies {
        let mut known = self.policies.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let policies = known.entry(facts.cluster.clone()).or_default();
        let unknown = Watched::Policies.unknown_in(facts).filter(|_| !self.forges.is_empty());
        policies.take(&facts.policies, unknown, PRESETS);
        policies.clone()
    }

    async fn read_usage(
        &self,
        cluster: &ClusterEdge,
        facts: &ClusterFacts,
        (window, now): (Window, Timestamp),
        seen: &mut Seen,
    ) {
        let agents = self.agents_of(&cluster.name).map(|agents| &agents.source);
        if let Some(Err(problem)) = agents {
            seen.problems.push(problem.clone());
        }
        let Some(metrics) = &cluster.metrics else {
            if let Some(Err(problem)) = agents {
                seen.partial.insert(cluster.name.clone(), problem.text.clone());
                return;
            }
            let text = format!("no metrics source is configured for cluster {}", cluster.name);
            let help = "name one with --prometheus URL, or under `metrics.prometheus` of kubeopt.yaml";
            seen.problems.push(Problem::new(crate::codes::NOT_CONFIGURED, text, help));
            return;
        };
        let covered = match self.history.covered(&cluster.name).await {
            Ok(covered) => covered,
            Err(error) => {
                seen.problems.push(error.problem());
                return;
            }
        };
        let slices = match metrics.reach(now).await {
            Ok(Reach::Past) => missing(window, &covered),
            Ok(Reach::PastAndAgain(again)) => missing(window, &without(&covered, &again)),
            Ok(Reach::Sampled(sampled)) => {
                let first = covered.iter().chain(&sampled).map(|window| window.from_unix_s).min();
                seen.sampled_since.extend(first.map(|first| (cluster.name.clone(), first)));
                slices_of_samples(window, &covered, sampled)
            }
            Err(error) => {
                let problem = error.problem();
                seen.partial.insert(cluster.name.clone(), problem.text.clone());
                seen.problems.push(problem);
                return;
            }
        };
        let mut reading = Reading {
            cluster,
            metrics: metrics.as_ref(),
            owners: PodOwners::from_facts(facts),
            is_first: covered.is_empty(),
            report: SliceReport::default(),
        };
        self.progress.stage("reading usage", Some(slices.len() as u64));
        for slice in slices {
            if let Err(problem) = self.read_slice(slice, &mut reading).await {
                seen.partial.insert(cluster.name.clone(), problem.text.clone());
                seen.problems.push(problem);
                break;
            }
            if reading.report.empty == Some(Emptiness::NoSuchMetric) {
                // Nothing is scraped: the other slices would be as empty.
                break;
            }
            self.progress.step();
        }
        let report = reading.report;
        seen.problems.extend(self.history.take_problems());
        seen.problems.extend(report.unread.clone());
        if let Some(problem) = shortcoming(&cluster.name, &report) {
            let why = report.partial.clone().unwrap_or_else(|| problem.text.clone());
            seen.partial.entry(cluster.name.clone()).or_insert(why);
            seen.problems.push(problem);
        }
        seen.reports.insert(cluster.name.clone(), report);
    }

    /// Reads one slice into history: all of it, or nothing.
    ///
    /// Emptiness that a wrong setting explains is not stored as the truth: while nothing was ever read it is not stored
    /// at all, later it counts as incomplete. So the hours are read again when the setting is right.
    async fn read_slice(&self, slice: Window, reading: &mut Reading<'_>) -> Result<(), Problem> {
        let Reading { cluster, metrics, owners, is_first, report } = reading;
        let mut rollup = self.history.begin(&cluster.name, slice);
        let read = metrics.read(slice, owners, &mut |series| rollup.add(series)).await;
        let read = read.map_err(|error| error.problem())?;
        let doubted = read.empty.and_then(doubt);
        if doubted.is_some() && *is_first && report.series == 0 {
            report.absorb(&read);
            return Ok(());
        }
        let kills = metrics.oom_kills(slice, owners).await.map_err(|error| error.problem())?;
        let partial = read.partial.clone().or_else(|| doubted.map(|(text, _)| text.to_owned()));
        report.absorb(&read);
        let kept = self.history.append(rollup, partial).await.map_err(|error| error.problem())?;
        report.kept_hours += kept;
        if kept > 0 {
            tracing::warn!(
                cluster = %cluster.name,
                from = slice.from_unix_s,
                hours = kept,
                "what was read again of these hours is less than history has: they stay as they are"
            );
        }
        self.history.remember_oom_kills(&cluster.name, &kills).await.map_err(|error| error.problem())?;
        metrics.stored(slice);
        Ok(())
    }

    /// Usage of containers over the last `seconds`, from history.
    ///
    /// # Errors
    /// When history cannot be read.
    pub async fn usage(
        &self,
        containers: &[ContainerId],
        seconds: i64,
        now: Timestamp,
        seen: &Seen,
    ) -> Result<BTreeMap<ContainerId, ContainerUsage>, Problem> {
        let mut all = BTreeMap::new();
        for cluster in seen.clusters.keys() {
            let own: Vec<ContainerId> =
                containers.iter().filter(|id| &id.workload.cluster == cluster).cloned().collect();
            let window = Window::ending(now, seconds);
            let usage =
                self.history.usage(cluster, window, Some(&own)).await.map_err(|error| error.problem())?;
            let nodes = nodes_of_daemons(seen.clusters.get(cluster));
            all.extend(usage.into_iter().map(|mut usage| {
                usage.partial = usage.partial.take().or_else(|| seen.partial.get(cluster).cloned());
                for peak in &mut usage.pod_peaks {
                    peak.node = nodes.get(&peak.pod).cloned();
                }
                (usage.container.clone(), usage)
            }));
        }
        Ok(all)
    }
}

/// The hours that were sampled, and those between that nobody sampled and nobody can any more: they are read as empty, so
/// that they count as samples that are missing and not as hours that are yet to be read.
fn slices_of_samples(window: Window, covered: &[Window], sampled: Vec<Window>) -> Vec<Window> {
    let known: Vec<Window> = covered.iter().chain(&sampled).copied().collect();
    let first = known.iter().map(|known| known.from_unix_s).min().unwrap_or(window.to_unix_s);
    let since = Window { from_unix_s: window.from_unix_s.max(first), ..window };
    let mut slices = missing(since, &known);
    slices.extend(sampled);
    slices.sort_unstable();
    slices
}

/// Windows of whole hours without the hours of others.
fn without(covered: &[Window], again: &[Window]) -> Vec<Window> {
    let mut left = covered.to_vec();
    for cut in again {
        left = left
            .into_iter()
            .flat_map(|window| {
                [
                    Window { to_unix_s: window.to_unix_s.min(cut.from_unix_s), ..window },
                    Window { from_unix_s: window.from_unix_s.max(cut.to_unix_s), ..window },
                ]
            })
            .filter(|window| window.seconds() > 0)
            .collect();
    }
    left
}

/// The nodes of the pods of DaemonSets, by what history calls them.
fn nodes_of_daemons(facts: Option<&ClusterFacts>) -> HashMap<u64, String> {
    let is_daemon = |pod: &&Pod| pod.workload.as_ref().is_some_and(|id| id.kind == WorkloadKind::DaemonSet);
    let pods = facts.into_iter().flat_map(|facts| &facts.pods).filter(is_daemon);
    pods.filter_map(|pod| Some((pod_id(&pod.namespace, &pod.name), pod.node.clone()?))).collect()
}

/// Containers that ask for GPUs, by the workload that they are sized through.
fn asking_for_gpus(facts: &ClusterFacts) -> Vec<ContainerId> {
    let asking = facts.workloads.iter().flat_map(|workload| {
        let top = workload.owner.as_ref().unwrap_or(&workload.id);
        let of_it = workload.containers.iter().filter(|container| container.gpus > 0);
        of_it.map(|container| ContainerId { workload: top.clone(), container: container.name.clone() })
    });
    let mut asking: Vec<ContainerId> = asking.collect();
    asking.sort_unstable();
    asking.dedup();
    asking
}

/// As the source of metrics tells it.
async fn scraped_gpus(cluster: &ClusterEdge, facts: &ClusterFacts) -> BTreeMap<ContainerId, GpuUse> {
    let Some(metrics) = &cluster.metrics else { return BTreeMap::new() };
    match metrics.gpu_use(&PodOwners::from_facts(facts)).await {
        Ok(found) => found.into_iter().map(|gpu| (gpu.container.clone(), gpu)).collect(),
        Err(error) => {
            tracing::debug!(cluster = %cluster.name, "GPUs were not read: {error}");
            BTreeMap::new()
        }
    }
}

/// What a reader must know about the usage that was read: that there is none, or that it is incomplete.
fn shortcoming(cluster: &ClusterName, report: &SliceReport) -> Option<Problem> {
    if let Some(why) = &report.partial {
        let text = format!("usage of cluster {cluster} is incomplete: {why}");
        let help = "look at what the metrics source warns of, such as a store that does not answer; until then nothing is lowered, and the hours are read again";
        return Some(Problem::new(crate::codes::USAGE_PARTIAL, text, help));
    }
    let (text, help) = report.empty.and_then(doubt)?;
    Some(Problem::new(crate::codes::USAGE_EMPTY, format!("cluster {cluster}: {text}"), help))
}

/// Emptiness that is more likely a mistake than the truth, with what cures it.
fn doubt(empty: Emptiness) -> Option<(&'static str, &'static str)> {
    match empty {
        Emptiness::NoSuchMetric => Some((
            "the metrics source has no usage of containers at all",
            "let it scrape the kubelets' cAdvisor (`/metrics/cadvisor`), or name the server that does",
        )),
        Emptiness::NothingSelected => Some((
            "the metrics source has usage of containers, but none of this cluster and its namespaces",
            "check `clusterLabel`, the tenant and the namespaces of this metrics source in kubeopt.yaml",
        )),
        // Before the source was set up, or beyond its retention.
        Emptiness::NoDataThen => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600;

    fn hours(from: i64, to: i64) -> Window {
        Window { from_unix_s: from * HOUR, to_unix_s: to * HOUR }
    }

    #[test]
    fn hours_of_which_more_is_known_are_read_again_and_no_others() {
        for (covered, again, left) in [
            (vec![hours(0, 10)], vec![], vec![hours(0, 10)]),
            (
                vec![hours(0, 10)],
                vec![hours(2, 3), hours(5, 7)],
                vec![hours(0, 2), hours(3, 5), hours(7, 10)],
            ),
            (vec![hours(0, 4), hours(6, 8)], vec![hours(3, 7)], vec![hours(0, 3), hours(7, 8)]),
            (vec![hours(0, 4)], vec![hours(9, 10)], vec![hours(0, 4)]),
        ] {
            assert_eq!(without(&covered, &again), left, "{covered:?} {again:?}");
        }
    }

    #[test]
    fn hours_that_nobody_sampled_are_read_as_empty_since_the_first_one_and_never_before() {
        let window = Window { from_unix_s: 0, to_unix_s: 20 * HOUR + 600 };
        let running = hours(20, 21);
        for (covered, sampled, expected) in [
            (vec![], vec![running], vec![running]),
            (vec![hours(10, 20)], vec![running], vec![running]),
            // It is stored already, and stored again with all that is known.
            (vec![hours(10, 21)], vec![hours(19, 21)], vec![hours(19, 21)]),
            (vec![hours(10, 12), hours(14, 15)], vec![running], vec![hours(12, 14), hours(15, 20), running]),
            (vec![hours(10, 12)], vec![], vec![hours(12, 20)]),
            (vec![], vec![], vec![]),
        ] {
            assert_eq!(slices_of_samples(window, &covered, sampled), expected, "{covered:?}");
        }
    }
}
