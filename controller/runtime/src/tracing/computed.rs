//! Values that a chart makes of several values, or chooses by one of them: no mark tells, but the files render to
//! something else as they are than with marks.
//!
//! Pure.

use std::collections::BTreeMap;

use kubeopt_manifest::workloads;
use kubeopt_model::source::RenderedWorkload;
use kubeopt_model::{Amount, ContainerName, Field, Problem, RepoPath, TracedField};

use super::rendering::Rendering;
use crate::codes;

/// Whether fields that a chart renders to may be such values: what no line sets, and what a template sets that chooses.
pub(crate) fn may_be_computed(fields: &[TracedField], chooses: &dyn Fn(&RepoPath) -> bool) -> bool {
    fields.iter().any(|field| match &field.site {
        Ok(site) => !site.is_absent() && chooses(&site.file),
        Err(why) => why.code == codes::NOT_IN_GIT,
    })
}

/// Whether the text of a template chooses between values.
pub(crate) fn chooses(template: &[u8]) -> bool {
    template.windows(4).any(|window| window == b"else")
}

/// Compares with the files as they are: a field that says something else there is computed, and has that value.
pub(crate) fn tell_computed(fields: &mut [TracedField], as_is: &Rendering) {
    let amounts = amounts(as_is);
    for field in fields {
        let line = match &field.site {
            Ok(site) if site.is_absent() => continue,
            Ok(site) => Some((site.file.clone(), site.line)),
            Err(why) if why.code == codes::NOT_IN_GIT => None,
            Err(_) => continue,
        };
        let key = (field.workload.clone(), field.container.clone(), field.field);
        let amount = amounts.get(&key).copied();
        if amount == field.value {
            continue;
        }
        let problem = computed(field);
        field.value = amount;
        field.site = Err(match line {
            Some((file, line)) => problem.at(file.as_str(), Some(line)),
            None => problem,
        });
    }
}

type Amounts = BTreeMap<(RenderedWorkload, ContainerName, Field), Amount>;

fn amounts(rendering: &Rendering) -> Amounts {
    let mut amounts = Amounts::new();
    for part in &rendering.parts {
        // What cannot be read is told by the one who reads it for the trace.
        let Ok(rendered) = workloads(&part.yaml) else { continue };
        for container in rendered.containers {
            let mut workload = container.workload;
            workload.namespace = workload.namespace.or_else(|| part.namespace.clone());
            for field in Field::ALL {
                let key = (workload.clone(), container.container.clone(), field);
                amounts.extend(container.resources.get(field).map(|amount| (key, amount)));
            }
        }
    }
    amounts
}

fn computed(field: &TracedField) -> Problem {
    let text = format!(
        "{} of {} is computed: the chart makes it of several values, or chooses it by one of them",
        field.field, field.container
    );
    let help = "give the container a value of its own in the chart's values; kubeopt then edits that line";
    Problem::new(codes::COMPUTED, text, help)
}

#[cfg(test)]
mod tests {
    use kubeopt_model::edit::ProvenBy;
    use kubeopt_model::{EditSite, FieldPath, ObjectName, WorkloadKind};

    use super::*;
    use crate::tracing::rendering::Part;

    fn rendering(cpu: &str) -> Rendering {
        let yaml = format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec: {{template: {{spec: {{containers: [{{name: web, resources: {{requests: {{cpu: {cpu}}}}}}}]}}}}}}\n"
        );
        let part = Part {
            release: None,
            namespace: None,
            bare: Vec::new(),
            yaml: yaml.into_bytes(),
            by: ProvenBy::Parsed,
            chart: None,
            unrendered: None,
        };
        Rendering { parts: vec![part], ..Rendering::default() }
    }

    fn field(cpu: &str, site: Result<EditSite, Problem>) -> TracedField {
        TracedField {
            entry: RepoPath::root(),
            workload: RenderedWorkload {
                kind: WorkloadKind::Deployment,
                namespace: None,
                name: ObjectName::new("web").expect("a name"),
            },
            container: ContainerName::new("web").expect("a name"),
            field: Field::CPU_REQUEST,
            value: Amount::parse(Field::CPU_REQUEST.resource, cpu).ok(),
            site,
            feeds: Vec::new(),
        }
    }

    fn line() -> EditSite {
        let file = RepoPath::new("templates/web.yaml").expect("a path");
        EditSite { file, line: 3, document: 1, path: FieldPath::default(), text: "800m".to_owned() }
    }

    #[test]
    fn what_renders_to_something_else_as_it_is_is_computed() {
        let nowhere = || Err(Problem::new(codes::NOT_IN_GIT, "t", "h"));
        let told = |cpu: &str, site: Result<EditSite, Problem>, as_is: &str| {
            let mut fields = [field(cpu, site)];
            tell_computed(&mut fields, &rendering(as_is));
            let [field] = fields;
            (field.value.map(|value| value.to_string()), field.site.map_err(|why| why.code))
        };
        let computed = || Err(codes::COMPUTED.to_owned());
        assert_eq!(told("200240m", nowhere(), "150m"), (Some("150m".to_owned()), computed()));
        assert_eq!(told("800m", Ok(line()), "250m"), (Some("250m".to_owned()), computed()));
        assert_eq!(told("800m", Ok(line()), "0.8"), (Some("800m".to_owned()), Ok(line())));
        let same = Err(codes::NOT_IN_GIT.to_owned());
        assert_eq!(told("250m", nowhere(), "250m"), (Some("250m".to_owned()), same));
        let other = Err(Problem::new("E-SRC-004", "t", "h"));
        assert_eq!(told("1m", other, "2m"), (Some("1m".to_owned()), Err("E-SRC-004".to_owned())));
    }

    #[test]
    fn only_what_may_be_computed_is_rendered_again() {
        let asked = |site, chooses: bool| may_be_computed(&[field("1", site)], &|_| chooses);
        assert!(asked(Err(Problem::new(codes::NOT_IN_GIT, "t", "h")), false));
        assert!(asked(Ok(line()), true) && !asked(Ok(line()), false));
        assert!(!asked(Ok(EditSite { text: String::new(), ..line() }), true));
        assert!(chooses(b"{{ else }}") && !chooses(b"els"));
    }
}
