//! What a rendering says: the resources of every container of every workload.
//!
//! It does not know where a value comes from; that is [`crate::mark`] and [`crate::read_back`].

use std::collections::BTreeMap;

use kubeopt_model::source::RenderedWorkload;
use kubeopt_model::workload::ContainerRole;
use kubeopt_model::{Amount, ContainerName, Field, Problem, Resources};

use crate::guard::duplicate_key;
use crate::pods::containers;
use crate::yaml_text::{Part, read_parts};

/// One container of a rendered workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedContainer {
    /// The workload.
    pub workload: RenderedWorkload,
    /// The container.
    pub container: ContainerName,
    /// What it is to its pod.
    pub role: ContainerRole,
    /// The texts of the fields that are set, as rendered.
    pub texts: BTreeMap<Field, String>,
    /// The amounts of the fields that are set to a quantity.
    pub resources: Resources,
}

/// All that a rendering says, and what of it could not be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rendered {
    /// Containers in the order of the rendering; init containers before the others of their pod.
    pub containers: Vec<RenderedContainer>,
    /// Documents and objects that could not be read, with their lines in the rendering.
    pub problems: Vec<Problem>,
}

/// What problems of rendered text name as their file.
pub(crate) const RENDERED_FILE: &str = "rendered manifests";

/// Reads the containers of Deployments, StatefulSets, DaemonSets, Jobs, CronJobs and Rollouts from a multi-document
/// stream, items of `List`s included. A document that cannot be read is a problem beside the others.
///
/// # Errors
/// When the whole is no UTF-8 text or larger than 64 MiB.
pub fn workloads(yaml: &[u8]) -> Result<Rendered, Problem> {
    let (parts, unread) = read_parts(yaml).map_err(|refusal| refusal.problem())?;
    let mut rendered = Rendered {
        containers: Vec::new(),
        problems: unread
            .into_iter()
            .map(|unread| unread.refusal.problem().at(RENDERED_FILE, Some(unread.line)))
            .collect(),
    };
    for part in parts {
        read_part(&part, &mut rendered);
    }
    Ok(rendered)
}

fn read_part(part: &Part, rendered: &mut Rendered) {
    let stream = &part.stream;
    let (found, mut unread) = containers(stream);
    for root in &stream.documents {
        // The API server's parser takes the last of two equal keys or none: such a document has no certain value.
        unread.extend(duplicate_key(stream, *root).map(|refusal| (refusal, stream.node(*root).at.line)));
    }
    let problem = |(refusal, line): &(crate::refusal::Refusal, usize)| {
        refusal.problem().at(RENDERED_FILE, Some(line + part.lines_before))
    };
    rendered.problems.extend(unread.iter().map(problem));
    for container in found {
        let mut texts = BTreeMap::new();
        let mut resources = Resources::default();
        for field in Field::ALL {
            let Some(spot) = container.field(stream, field) else { continue };
            let Some(text) = stream.scalar(spot.node) else { continue };
            if let Ok(amount) = Amount::parse(field.resource, text) {
                resources.set(field.bound, amount);
            }
            texts.insert(field, text.to_owned());
        }
        rendered.containers.push(RenderedContainer {
            workload: container.workload,
            container: container.name,
            role: container.role,
            texts,
            resources,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CRON: &str = "apiVersion: batch/v1
kind: CronJob
metadata: {name: report, namespace: ops}
spec:
  jobTemplate:
    spec:
      template:
        spec:
          initContainers:
          - name: wait
            resources: {limits: {cpu: 1}}
          - name: proxy
            restartPolicy: Always
          containers:
          - name: main
            resources: {requests: {cpu: \"0.5\", memory: 1Gi}}
";

    #[test]
    fn every_container_is_read_with_its_role_and_amounts() {
        let rendered = workloads(CRON.as_bytes()).expect("text");
        let seen: Vec<_> = rendered.containers.iter().map(|c| (c.container.as_str(), c.role)).collect();
        assert_eq!(
            seen,
            [("wait", ContainerRole::Init), ("proxy", ContainerRole::Sidecar), ("main", ContainerRole::Main)]
        );
        let main = &rendered.containers[2];
        assert_eq!(main.texts[&Field::CPU_REQUEST], "0.5");
        assert_eq!(main.resources.get(Field::CPU_REQUEST).map(Amount::base), Some(500));
        assert_eq!(main.workload.to_string(), "ops/cronjob/report");
    }

    #[test]
    fn items_of_lists_count_and_other_groups_do_not() {
        let item = |api: &str, name: &str| {
            format!(
                "- {{apiVersion: {api}, kind: Deployment, metadata: {{name: {name}}}, spec: {{template: {{spec: {{containers: [{{name: c}}]}}}}}}}}\n"
            )
        };
        let text = format!("kind: List\nitems:\n{}{}", item("apps/v1", "a"), item("example.org/v1", "b"));
        let rendered = workloads(text.as_bytes()).expect("text");
        assert_eq!(rendered.containers.len(), 1);
        assert_eq!(rendered.containers[0].workload.name.as_str(), "a");
    }

    #[test]
    fn a_poisonous_document_is_a_problem_beside_the_others() {
        let text = format!("{CRON}---\na: [\n---\n{}", CRON.replace("report", "other"));
        let rendered = workloads(text.as_bytes()).expect("text");
        assert_eq!(rendered.containers.len(), 6);
        assert_eq!(rendered.problems.len(), 1);
        assert_eq!(rendered.problems[0].code, "E-SRC-005");
    }

    #[test]
    fn names_that_kubernetes_refuses_are_problems() {
        let rendered = workloads(CRON.replace("report", "../x").as_bytes()).expect("text");
        assert_eq!(rendered.containers, vec![]);
        assert_eq!(rendered.problems[0].code, "E-SRC-022");
    }
}
