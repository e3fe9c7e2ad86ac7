//! The first stage: facts of every cluster, and usage that history does not have yet.

use std::collections::BTreeMap;

use kubeopt_history::missing;
use kubeopt_model::{ClusterFacts, ClusterName, ContainerId, ContainerUsage, Problem, Timestamp, Window};
use kubeopt_observe::{MetricsSource, PodOwners, SliceReport};

use crate::edges::{ClusterEdge, Edges};

/// What a pass saw.
#[derive(Debug, Default)]
pub struct Seen {
    /// Facts by cluster; a cluster that could not be reached is missing.
    pub clusters: BTreeMap<ClusterName, ClusterFacts>,
    /// What reading usage took, by cluster.
    pub reports: BTreeMap<ClusterName, SliceReport>,
    /// What could not be seen.
    pub problems: Vec<Problem>,
    /// Clusters whose usage is incomplete, with the reason: nothing is lowered there.
    pub partial: BTreeMap<ClusterName, String>,
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
                    facts.workloads.retain(|workload| self.selection.covers(workload));
                    seen.problems.extend(facts.unseen.iter().cloned());
                    self.read_usage(cluster, &facts, now, &mut seen).await;
                    seen.clusters.insert(cluster.name.clone(), facts);
                }
                Err(problem) => seen.problems.push(problem),
            }
        }
        seen
    }

    async fn read_usage(&self, cluster: &ClusterEdge, facts: &ClusterFacts, now: Timestamp, seen: &mut Seen) {
        let Some(metrics) = &cluster.metrics else {
            let text = format!("no metrics source is configured for cluster {}", cluster.name);
            let help = "name one with --prometheus URL, or under `metrics.prometheus` of kubeopt.yaml";
            seen.problems.push(Problem::new(crate::codes::NOT_CONFIGURED, text, help));
            return;
        };
        let window = Window::ending(now, self.history_seconds);
        let slices = match self.history.covered(&cluster.name).await {
            Ok(covered) => missing(window, &covered),
            Err(error) => {
                seen.problems.push(error.problem());
                return;
            }
        };
        let mut report = SliceReport::default();
        let owners = PodOwners::from_facts(facts);
        self.progress.stage("reading usage", Some(slices.len() as u64));
        for slice in slices {
            if let Err(problem) = self.read_slice(cluster, metrics.as_ref(), slice, &owners, &mut report).await {
                seen.partial.insert(cluster.name.clone(), problem.text.clone());
                seen.problems.push(problem);
                break;
            }
            self.progress.step();
        }
        seen.problems.extend(self.history.take_problems());
        if let Some(why) = &report.partial {
            seen.partial.entry(cluster.name.clone()).or_insert_with(|| why.clone());
        }
        seen.reports.insert(cluster.name.clone(), report);
    }

    /// Reads one slice into history: all of it, or nothing.
    async fn read_slice(
        &self,
        cluster: &ClusterEdge,
        metrics: &dyn MetricsSource,
        slice: Window,
        owners: &PodOwners,
        report: &mut SliceReport,
    ) -> Result<(), Problem> {
        let mut rollup = self.history.begin(&cluster.name, slice);
        let read = metrics.read(slice, owners, &mut |series| rollup.add(series)).await;
        let read = read.map_err(|error| error.problem())?;
        let kills = metrics.oom_kills(slice, owners).await.map_err(|error| error.problem())?;
        let partial = read.partial.clone();
        report.absorb(&read);
        self.history.append(rollup, partial).await.map_err(|error| error.problem())?;
        self.history.remember_oom_kills(&cluster.name, &kills).await.map_err(|error| error.problem())
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
            let usage = self.history.usage(cluster, window, Some(&own)).await.map_err(|error| error.problem())?;
            all.extend(usage.into_iter().map(|mut usage| {
                usage.partial = usage.partial.take().or_else(|| seen.partial.get(cluster).cloned());
                (usage.container.clone(), usage)
            }));
        }
        Ok(all)
    }
}
