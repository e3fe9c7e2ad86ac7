//! Who owned pods that are gone, as kube-state-metrics remembers it. Asked only for a slice that holds such pods.

use std::collections::HashMap;

use kubeopt_model::{Window, WorkloadId, WorkloadKind};

use crate::attempt::Tally;
use crate::error::ObserveError;
use crate::owners::PodOwners;
use crate::prometheus::Prometheus;
use crate::scanner::Labels;

/// Most owners that are kept: the pods of a busy day of a large cluster, some 30 MB.
const OWNERS_MAX: usize = 200_000;

/// (namespace, name) -> (kind, name) of the controller.
type Controllers = HashMap<(String, String), (String, String)>;

/// The controllers of a slice's pods, ReplicaSets and Jobs.
#[derive(Debug, Default)]
pub(crate) struct PastOwners {
    pods: Controllers,
    replicasets: Controllers,
    jobs: Controllers,
}

impl PastOwners {
    /// The workload that is sized for this pod, if it is one that still exists.
    pub(crate) fn owner<'o>(
        &self,
        namespace: &str,
        pod: &str,
        owners: &'o PodOwners,
    ) -> Option<&'o WorkloadId> {
        let key = |name: &str| (namespace.to_owned(), name.to_owned());
        let direct = self.pods.get(&key(pod))?;
        // A Job that still exists leads to its CronJob by itself; one that is gone is looked up here.
        let above = match direct.0.as_str() {
            "ReplicaSet" => self.replicasets.get(&key(&direct.1)),
            "Job" => self.jobs.get(&key(&direct.1)),
            _ => None,
        };
        let (kind, name) = above.unwrap_or(direct);
        // Exact kinds only: kube-state-metrics writes them as manifests do.
        let kind = WorkloadKind::ALL.into_iter().find(|known| known.as_str() == kind)?;
        owners.workload(namespace, kind, name)
    }
}

impl Prometheus {
    /// One to three instant queries over the slice. Empty where kube-state-metrics is not scraped.
    pub(crate) async fn past_owners(&self, slice: Window) -> Result<(PastOwners, Tally), ObserveError> {
        let seconds = slice.seconds().max(1);
        let mut past = PastOwners::default();
        let mut sum = Tally::default();
        past.pods = self.controllers(&self.selector.pod_owners(seconds), "pod", slice, &mut sum).await?;
        let has = |kind: &str| past.pods.values().any(|(found, _)| found == kind);
        if has("ReplicaSet") {
            let query = self.selector.replicaset_owners(seconds);
            past.replicasets = self.controllers(&query, "replicaset", slice, &mut sum).await?;
        }
        if past.pods.values().any(|(found, _)| found == "Job") {
            let query = self.selector.job_owners(seconds);
            past.jobs = self.controllers(&query, "job_name", slice, &mut sum).await?;
        }
        Ok((past, sum))
    }

    async fn controllers(
        &self,
        query: &str,
        named_by: &str,
        slice: Window,
        sum: &mut Tally,
    ) -> Result<Controllers, ObserveError> {
        let mut found = Controllers::new();
        let tally = self
            .api
            .instant(query, Some(slice.to_unix_s), &mut |labels, _| {
                if let (Some(entry), true) = (controller(labels, named_by), found.len() < OWNERS_MAX) {
                    found.insert(entry.0, entry.1);
                }
            })
            .await?;
        sum.queries += tally.queries;
        sum.bytes += tally.bytes;
        sum.warnings.extend(tally.warnings);
        Ok(found)
    }
}

fn controller(labels: &Labels, named_by: &str) -> Option<((String, String), (String, String))> {
    let text = |name: &str| labels.get(name).cloned();
    Some(((text("namespace")?, text(named_by)?), (text("owner_kind")?, text("owner_name")?)))
}
