//! Which mark arrived where in a rendering.
//!
//! The other half of [`crate::mark`]. Knows nothing of how the rendering was made.

use kubeopt_model::source::RenderedWorkload;
use kubeopt_model::workload::ContainerRole;
use kubeopt_model::{ContainerName, Field, Problem};

use crate::mark_index::KnownMarks;
use crate::rendered::{RenderedContainer, workloads};
use crate::transform::Origin;

/// One field that is set in the marked rendering.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// The workload of the rendered document.
    pub workload: RenderedWorkload,
    /// The container.
    pub container: ContainerName,
    /// What it is to its pod.
    pub role: ContainerRole,
    /// The field.
    pub field: Field,
    /// The text of the marked rendering.
    pub text: String,
    /// What set it.
    pub from: Origin,
}

/// All arrivals, and what of the rendering could not be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadBack {
    /// Every container, in the order of the rendering.
    pub containers: Vec<(RenderedWorkload, ContainerName)>,
    /// In the same order, fields in the order of [`Field::ALL`].
    pub arrivals: Vec<Arrival>,
    /// Documents and objects that could not be read.
    pub problems: Vec<Problem>,
}

/// Finds the marks in a rendering of the marked files. Amounts are compared, not texts: a renderer may write the same
/// quantity in another notation. What a template made of a mark (`{}m`, times 1000) is recognised by its digits and by its
/// prime; a sum is not.
///
/// # Errors
/// As [`workloads`].
pub fn read_back(rendered: &[u8], known: &KnownMarks<'_>) -> Result<ReadBack, Problem> {
    let rendered = workloads(rendered)?;
    let arrivals = rendered.containers.iter().flat_map(|container| arrivals(container, known)).collect();
    let named = |container: RenderedContainer| (container.workload, container.container);
    let containers = rendered.containers.into_iter().map(named).collect();
    Ok(ReadBack { containers, arrivals, problems: rendered.problems })
}

fn arrivals(container: &RenderedContainer, known: &KnownMarks<'_>) -> Vec<Arrival> {
    let arrival = |field: Field| {
        let text = container.texts.get(&field)?;
        Some(Arrival {
            workload: container.workload.clone(),
            container: container.container.clone(),
            role: container.role,
            field,
            text: text.clone(),
            from: known.origin(field, text),
        })
    };
    Field::ALL.into_iter().filter_map(arrival).collect()
}

#[cfg(test)]
mod tests {
    use kubeopt_model::{FileSet, RepoPath};

    use super::*;
    use crate::mark::{Marked, mark};
    use crate::role::FileRole;
    use crate::transform::Transform;

    const API: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec: {template: {spec: {containers: [{name: api, resources: {requests: {cpu: 1, memory: 2Gi}, limits: {memory: 2Gi}}}]}}}
";

    fn marked() -> (Marked, String) {
        let path = RepoPath::new("api.yaml").expect("a path");
        let files = FileSet::from([(path.clone(), API.as_bytes().to_vec())]);
        let marked = mark(&files, &|_| FileRole::Manifest);
        let text = String::from_utf8(marked.files[&path].clone()).expect("text");
        (marked, text)
    }

    #[test]
    fn a_plain_manifest_is_its_own_rendering() {
        let (marked, text) = marked();
        let back = read_back(text.as_bytes(), &KnownMarks::of([&marked.index()])).expect("text");
        let seen: Vec<_> = back.arrivals.iter().map(|a| (a.field, a.from.clone())).collect();
        assert_eq!(
            seen,
            [
                (Field::CPU_REQUEST, Origin::Mark(0)),
                (Field::MEMORY_REQUEST, Origin::Mark(1)),
                (Field::MEMORY_LIMIT, Origin::Mark(2)),
            ]
        );
        assert_eq!(marked.marks[2].site.text, "2Gi");
        assert_eq!(marked.marks[2].site.line, 4);
    }

    #[test]
    fn another_notation_is_the_same_mark_and_a_computed_text_is_not() {
        let (marked, text) = marked();
        let other = text.replace("1000003m", "1000.003").replace("1000000003Ki", "x1000000003Ki");
        let back = read_back(other.as_bytes(), &KnownMarks::of([&marked.index()])).expect("text");
        let seen: Vec<_> = back.arrivals.iter().map(|a| a.from.clone()).collect();
        let written = Transform::Affix { before: "x".to_owned(), after: String::new() };
        assert_eq!(seen, [Origin::Mark(0), Origin::Transformed(1, written), Origin::Mark(2)]);
        let plain = read_back(API.as_bytes(), &KnownMarks::of([&marked.index()])).expect("text");
        assert!(plain.arrivals.iter().all(|arrival| arrival.from == Origin::Unmarked));
    }
}
