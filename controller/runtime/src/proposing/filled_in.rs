//! What the cluster fills in: values that pods run with although their template does not say them.
//!
//! Pure. A LimitRange or a webhook does it when a pod is created; Git and the template know nothing of it.

use kubeopt_model::{Bound, ClusterFacts, Field, Resources};

use super::demand::Candidate;

/// The values that all seen pods of a container share and that its template does not set. Pods of an earlier template may
/// run with other values; then nothing is said.
pub(crate) fn filled_in(candidate: &Candidate, facts: &[&ClusterFacts]) -> Resources {
    let id = &candidate.workload.id;
    let pods = facts.iter().filter(|facts| facts.cluster == id.cluster).flat_map(|facts| &facts.pods);
    let running: Vec<&Resources> = pods
        .filter(|pod| pod.workload.as_ref() == Some(id))
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
