//! Deployments, StatefulSets, DaemonSets, Jobs, CronJobs and Argo Rollouts.

use std::collections::BTreeMap;

use kubeopt_model::workload::AppliedBy;
use kubeopt_model::{Namespace, ObjectName, Workload, WorkloadKind};

use super::object::{Object, Unreadable, count};
use super::template;
use crate::kinds::Watched;
use crate::seen::{Hints, Owner, Seen};
use crate::wire;

/// Label that kustomize-controller leaves on what it applies, with `/name` and `/namespace`.
const FLUX_KUSTOMIZATION: &str = "kustomize.toolkit.fluxcd.io";
/// Label that helm-controller leaves on what it applies, with `/name` and `/namespace`.
const FLUX_HELM_RELEASE: &str = "helm.toolkit.fluxcd.io";

/// Reads a workload of any kind.
pub(super) fn read(object: Object, kind: Watched) -> Result<Seen, Unreadable> {
    let kind = kind.workload().ok_or(Unreadable::Missing("workload kind"))?;
    let id = object.workload_id(kind)?;
    let spec = match kind {
        WorkloadKind::CronJob => object.part::<wire::CronJobSpec>("spec")?.job_template.spec,
        WorkloadKind::Deployment
        | WorkloadKind::StatefulSet
        | WorkloadKind::DaemonSet
        | WorkloadKind::Job
        | WorkloadKind::Rollout => object.part::<wire::WorkloadSpec>("spec")?,
    };
    let replicas = replicas(&object, kind, &spec)?;
    let Some(template) = spec.template else {
        let borrowed = spec.workload_ref.as_ref();
        let template_of =
            borrowed.and_then(|of| object.refers_to(of.api_version.as_deref(), &of.kind, &of.name));
        return match template_of {
            Some(template_of) => Ok(Seen::Borrower { rollout: id, replicas, template_of }),
            None => Err(Unreadable::Missing("pod template")),
        };
    };
    // Only a Job has the template of what owns it; any other owner is not where sizes are set.
    let owner = match object.owner() {
        Owner::Workload(owner) if (kind, owner.kind) == (WorkloadKind::Job, WorkloadKind::CronJob) => {
            Some(owner)
        }
        Owner::Workload(_) | Owner::ReplicaSet(_) | Owner::Other => None,
    };
    let hints = Hints {
        flux: applied_by(&object.labels)?,
        controller: if owner.is_none() { object.foreign_controller() } else { None },
        marks: object.marks,
    };
    let workload = Workload {
        id,
        replicas,
        containers: template::containers(&template.spec)?,
        scaler: None,
        applied_by: None,
        owner,
        vpa: None,
        labels: object.labels,
        annotations: object.annotations,
    };
    Ok(Seen::Workload(Box::new(workload), Box::new(hints)))
}

fn replicas(object: &Object, kind: WorkloadKind, spec: &wire::WorkloadSpec) -> Result<u32, Unreadable> {
    let number = match kind {
        WorkloadKind::DaemonSet => {
            object.part_or_empty::<wire::DaemonSetStatus>("status")?.desired_number_scheduled.unwrap_or(0)
        }
        WorkloadKind::Job | WorkloadKind::CronJob => spec.parallelism.unwrap_or(1),
        // The API's default.
        WorkloadKind::Deployment | WorkloadKind::StatefulSet | WorkloadKind::Rollout => {
            spec.replicas.unwrap_or(1)
        }
    };
    Ok(count(number))
}

/// Labels are the tenant's to write: what they say is a hint for the search of the source, never a permission.
pub(super) fn applied_by(labels: &BTreeMap<String, String>) -> Result<Option<AppliedBy>, Unreadable> {
    let pair = |prefix: &str| -> Result<Option<(Namespace, ObjectName)>, Unreadable> {
        let (namespace, name) =
            (labels.get(&format!("{prefix}/namespace")), labels.get(&format!("{prefix}/name")));
        match (namespace, name) {
            (Some(namespace), Some(name)) => {
                Ok(Some((Namespace::new(namespace.as_str())?, ObjectName::new(name.as_str())?)))
            }
            (None, _) | (_, None) => Ok(None),
        }
    };
    if let Some((namespace, name)) = pair(FLUX_KUSTOMIZATION)? {
        return Ok(Some(AppliedBy::FluxKustomization { namespace, name }));
    }
    Ok(pair(FLUX_HELM_RELEASE)?.map(|(namespace, name)| AppliedBy::FluxHelmRelease { namespace, name }))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::read::testing::read_json;

    fn workload(kind: Watched, object: Value) -> Workload {
        match read_json(kind, object) {
            Ok(Seen::Workload(workload, _)) => *workload,
            other => panic!("not a workload: {other:?}"),
        }
    }

    fn object(spec: Value, status: Value) -> Value {
        json!({"metadata": {"name": "x", "namespace": "shop"}, "spec": spec, "status": status})
    }

    #[test]
    fn replicas_are_counted_as_each_kind_means_them() {
        let template = json!({"spec": {"containers": [{"name": "app"}]}});
        let cases = [
            (Watched::Deployments, json!({"template": template}), json!({}), 1),
            (Watched::Deployments, json!({"replicas": 6, "template": template}), json!({}), 6),
            (Watched::StatefulSets, json!({"replicas": 0, "template": template}), json!({}), 0),
            (Watched::DaemonSets, json!({"template": template}), json!({"desiredNumberScheduled": 12}), 12),
            (Watched::DaemonSets, json!({"template": template}), Value::Null, 0),
            (Watched::Jobs, json!({"parallelism": 3, "template": template}), json!({}), 3),
            (Watched::CronJobs, json!({"jobTemplate": {"spec": {"template": template}}}), json!({}), 1),
            (Watched::Rollouts, json!({"replicas": 2, "template": template}), json!({}), 2),
        ];
        for (kind, spec, status, replicas) in cases {
            let workload = workload(kind, object(spec, status));
            assert_eq!((workload.replicas, workload.containers.len()), (replicas, 1), "{kind:?}");
            assert_eq!(Some(workload.id.kind), kind.workload());
        }
    }

    #[test]
    fn a_job_knows_its_cron_job_and_flux_labels_say_who_applied() {
        let job = workload(
            Watched::Jobs,
            json!({"metadata": {"name": "report-1", "namespace": "shop", "ownerReferences": [
                    {"apiVersion": "batch/v1", "kind": "CronJob", "name": "report", "uid": "1", "controller": true}]},
                "spec": {"template": {"spec": {"containers": []}}}}),
        );
        assert_eq!(job.owner.unwrap().short(), "cronjob/report");
        let labels = |prefix: &str| {
            let pairs = [
                (format!("{prefix}/name"), "apps".to_owned()),
                (format!("{prefix}/namespace"), "flux".to_owned()),
            ];
            applied_by(&BTreeMap::from(pairs))
        };
        assert!(matches!(labels(FLUX_KUSTOMIZATION), Ok(Some(AppliedBy::FluxKustomization { .. }))));
        assert!(matches!(labels(FLUX_HELM_RELEASE), Ok(Some(AppliedBy::FluxHelmRelease { .. }))));
        assert!(matches!(labels("else"), Ok(None)));
    }

    #[test]
    fn a_rollout_that_refers_to_a_deployment_borrows_its_template() {
        let reference = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"});
        let seen = read_json(
            Watched::Rollouts,
            object(json!({"replicas": 4, "workloadRef": reference}), Value::Null),
        );
        let Ok(Seen::Borrower { replicas, template_of, .. }) = seen else { panic!("{seen:?}") };
        assert_eq!((replicas, template_of.short().as_str()), (4, "deploy/web"));
        let without = read_json(Watched::Rollouts, object(json!({"replicas": 4}), Value::Null));
        assert!(without.unwrap_err().text.contains("no pod template"));
    }
}
