//! Applications whose sources are overridden by files beside them (`.argocd-source.yaml`): rendered with what these say, and
//! known by what the Application alone describes.

use std::collections::{BTreeMap, BTreeSet};

use kubeopt_gitops::Snapshot;
use kubeopt_gitops::argo::with_overrides;
use kubeopt_model::{FileSet, Problem, RepoPath, Source};

use super::discover::Work;
use super::entry_point::{EntryPoint, entry_point};
use super::rendering::Tools;
use super::trace::EntryTrace;

/// Entry points with what was found of them.
type Entries = BTreeMap<EntryPoint, Result<EntryTrace, Problem>>;

/// Those of some sources.
pub(crate) struct Overridden<'a> {
    sources: &'a [&'a Source],
    snapshot: &'a Snapshot,
    tools: Tools<'a>,
    /// By what the Application describes: as it is rendered, or why that is not known.
    rendered: BTreeMap<EntryPoint, Result<EntryPoint, Problem>>,
}

impl<'a> Overridden<'a> {
    /// Looks beside every source.
    pub(crate) fn of(sources: &'a [&'a Source], snapshot: &'a Snapshot, tools: Tools<'a>) -> Self {
        let mut found = Self { sources, snapshot, tools, rendered: BTreeMap::new() };
        found.rendered = found.with(&FileSet::new());
        found
    }

    /// What is rendered in the place of these entry points.
    pub(crate) fn rendered(&self, live: &BTreeSet<EntryPoint>) -> BTreeSet<EntryPoint> {
        let rendered = live.iter().filter_map(|entry| match self.rendered.get(entry) {
            Some(other) => other.clone().ok(),
            None => Some(entry.clone()),
        });
        rendered.collect()
    }

    /// Puts marks into what the files override, so that it is traced to their lines. Gives what stands for what.
    pub(crate) fn mark(&self, work: &mut Work, marked: &FileSet) -> BTreeMap<EntryPoint, EntryPoint> {
        let mut stands_for = BTreeMap::new();
        if self.rendered.is_empty() {
            return stands_for;
        }
        for (described, with_marks) in self.with(marked) {
            let (Some(Ok(rendered)), Ok(with_marks)) = (self.rendered.get(&described), with_marks) else {
                continue;
            };
            if let Some(reads) = work.remove(rendered) {
                work.insert(with_marks.clone(), reads);
                stands_for.insert(with_marks, rendered.clone());
            }
        }
        stands_for
    }

    /// Takes the marks out again.
    pub(crate) fn unmark(entries: &mut Entries, stands_for: BTreeMap<EntryPoint, EntryPoint>) {
        for (with_marks, entry) in stands_for {
            let traced = entries.remove(&with_marks);
            let traced =
                traced.map(|traced| traced.map(|traced| EntryTrace { entry: entry.clone(), ..traced }));
            entries.extend(traced.map(|traced| (entry, traced)));
        }
    }

    /// Says what was found under the names of what the Applications describe.
    pub(crate) fn name(self, entries: &mut Entries, live: &BTreeSet<EntryPoint>) {
        for (described, rendered) in self.rendered {
            let traced = match rendered {
                Ok(rendered) if live.contains(&rendered) => entries.get(&rendered).cloned(),
                Ok(rendered) => entries.remove(&rendered),
                Err(problem) => Some(Err(problem)),
            };
            entries.extend(traced.map(|traced| (described, traced)));
        }
    }

    fn with(&self, instead: &FileSet) -> BTreeMap<EntryPoint, Result<EntryPoint, Problem>> {
        let locate = |url: &str| self.tools.origins.locate.and_then(|locate| locate.locate(url));
        let bytes = |path: &RepoPath| {
            // Most folders have no such file.
            let is_there = self.snapshot.has_file(path);
            let held = || instead.get(path).cloned().or_else(|| self.snapshot.read(path).ok().flatten());
            is_there.then(held).flatten()
        };
        let entry = |source: &Source| entry_point(source, self.snapshot);
        let found = self.sources.iter().filter_map(|source| {
            match with_overrides(source, self.tools.origins.facts, &locate, &bytes) {
                Ok(found) if found == **source => None,
                Ok(found) => Some((entry(source), Ok(entry(&found)))),
                Err(problem) => Some((entry(source), Err(problem))),
            }
        });
        found.collect()
    }
}
