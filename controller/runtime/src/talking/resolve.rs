//! From what people write to the very workloads of their repository that they mean.

use std::collections::BTreeMap;

use kubeopt_model::selection::Selection;
use kubeopt_model::{ClusterFacts, ContainerName, RepositoryId, Workload};

use crate::located::Sites;

/// Names that a refusal lists.
const LISTED_MAX: usize = 10;

/// The workloads whose source is one repository, by name: what people there may speak of. The same name in several
/// clusters is one.
#[derive(Debug, Default)]
pub(super) struct Workloads<'a>(BTreeMap<String, &'a Workload>);

impl<'a> Workloads<'a> {
    /// Those of a repository.
    pub(super) fn of(
        repository: &RepositoryId,
        facts: impl Iterator<Item = &'a ClusterFacts>,
        sites: &Sites,
    ) -> Self {
        let all = facts.flat_map(|facts| &facts.workloads).filter(|workload| {
            let source = sites.sources.get(&workload.id);
            source.is_some_and(|source| source.as_ref().is_ok_and(|source| &source.repository == repository))
        });
        Self(all.map(|workload| (workload.id.to_string(), workload)).collect())
    }

    /// The one workload, or container of it, that a selection means; the selection then says all of its name.
    ///
    /// # Errors
    /// A sentence without a full stop where it means none or several.
    pub(super) fn one(&self, selection: &Selection) -> Result<Selection, String> {
        let meant: Vec<&Workload> =
            self.0.values().copied().filter(|workload| is_meant(selection, workload)).collect();
        match meant.as_slice() {
            [one] => Ok(Selection::of(&one.id, selection.container())),
            [] => Err(format!("`{selection}` is no workload of this repository")),
            several => {
                let names = several.iter().map(|workload| format!("`{}`", workload.id));
                Err(format!("`{selection}` may be {}; write one of them", listed(names)))
            }
        }
    }

    /// The same, or all of the repository.
    ///
    /// # Errors
    /// As [`Workloads::one`].
    pub(super) fn one_or_all(&self, selection: &Selection) -> Result<Selection, String> {
        if selection.is_wide() { Ok(selection.clone()) } else { self.one(selection) }
    }

    /// The one container that a selection means.
    ///
    /// # Errors
    /// As [`Workloads::one`], and where it leaves open which of several containers is meant.
    pub(super) fn container(&self, selection: &Selection) -> Result<Selection, String> {
        let one = self.one(selection)?;
        if one.container().is_some() {
            return Ok(one);
        }
        let workload = self.0.values().find(|workload| is_meant(&one, workload));
        let names: Vec<&ContainerName> = workload
            .into_iter()
            .flat_map(|workload| workload.containers.iter().map(|container| &container.name))
            .collect();
        match (workload, names.as_slice()) {
            (Some(workload), [only]) => Ok(Selection::of(&workload.id, Some(only))),
            _ => {
                let names = names.iter().map(|name| format!("`{one}/{name}`"));
                Err(format!("`{one}` has several containers: {}; write one of them", listed(names)))
            }
        }
    }
}

fn is_meant(selection: &Selection, workload: &Workload) -> bool {
    workload.containers.iter().any(|container| {
        let id = &workload.id;
        let names = (id.namespace.clone(), id.kind, id.name.clone(), container.name.clone());
        selection.means_named(&names)
    })
}

/// `a, b or c`, at most [`LISTED_MAX`].
fn listed(names: impl ExactSizeIterator<Item = String>) -> String {
    let more = names.len().saturating_sub(LISTED_MAX);
    let mut shown: Vec<String> = names.take(LISTED_MAX).collect();
    if more > 0 {
        shown.push(format!("{more} more"));
    }
    match shown.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => shown.concat(),
    }
}
