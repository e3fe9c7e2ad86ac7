//! What the cluster fills in: values that pods run with although their template does not say them.
//!
//! Pure. A LimitRange or a webhook does it when a pod is created; Git and the template know nothing of it.

use std::collections::HashMap;

use kubeopt_model::cluster::Pod;
use kubeopt_model::{Bound, ClusterFacts, Field, Resources, WorkloadId};

use super::demand::Candidate;

/// The pods of each workload, looked up once for each of its containers.
pub(crate) struct PodsOf<'a>(HashMap<&'a WorkloadId, Vec<&'a Pod>>);

impl<'a> PodsOf<'a> {
    /// Of all clusters.
    pub(crate) fn of(facts: &[&'a ClusterFacts]) -> Self {
        let mut pods: HashMap<&WorkloadId, Vec<&Pod>> = HashMap::new();
        for facts in facts {
            for pod in &facts.pods {
                if let Some(workload) = pod.workload.as_ref().filter(|id| id.cluster == facts.cluster) {
                    pods.entry(workload).or_default().push(pod);
                }
            }
        }
        Self(pods)
    }
}

/// The values that all seen pods of a container share and that its template does not set. Pods of an earlier template may
/// run with other values; then nothing is said.
pub(crate) fn filled_in(candidate: &Candidate, pods: &PodsOf<'_>) -> Resources {
    let pods = pods.0.get(&candidate.workload.id).into_iter().flatten();
    let running: Vec<&Resources> = pods
        .filter_map(|pod| pod.running.iter().find(|(name, _)| *name == candidate.container.name))
        .map(|(_, resources)| resources)
        .collect();
    let mut filled = Resources::default();
    let template = &candidate.container.resources;
    for field in Field::ALL {
        let limit = Field { bound: Bound::Limit, ..field };
        // The API server itself gives a container with a limit the same request.
        if template.get(field).is_some() || template.get(limit).is_some() {
            continue;
        }
        let mut values = running.iter().map(|resources| resources.get(field));
        if let Some(Some(value)) = values.next()
            && values.all(|other| other == Some(value))
        {
            filled.set(field.bound, value);
        }
    }
    filled
}
