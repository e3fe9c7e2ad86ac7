//! The keys that say which workloads are meant, and whether they speak of one. Knows nothing of values.

use std::collections::BTreeMap;

use kubeopt_model::RepoPath;
use kubeopt_model::policy::Environment;

use crate::policy::asked::{Asked, Subject};
use crate::policy::words::{EnvironmentWord, Kind, Pattern};
use crate::text::{At, section};

section! {
    /// Which workloads are meant.
    pub(crate) struct Selectors {
        /// Names or globs of namespaces.
        "namespaces" => namespaces: Vec<Pattern> = [],
        /// Labels of the workload, all of which it must have.
        "labels" => labels: BTreeMap<String, String> = {},
        /// Kinds of workloads.
        "kinds" => kinds: Vec<Kind> = [],
        /// Globs of paths, relative to the folder of this file.
        "paths" => paths: Vec<Pattern> = [],
    }
}

section! {
    /// Which workloads an override is for.
    pub(crate) struct Match {
        /// Name or glob of the namespace.
        "namespace" => namespace: Pattern = null,
        /// Kind of the workload.
        "kind" => kind: Kind = null,
        /// Name or glob of the workload.
        "name" => name: Pattern = null,
        /// Labels that the workload must have.
        "labels" => labels: BTreeMap<String, String> = {},
        /// Environment: `dev`, `staging` or `prod`, as `environments` of the operator, the namespace, labels or folders tell it.
        "environment" => environment: EnvironmentWord = null,
    }
}

section! {
    /// The environment of some workloads; each key that is given must match.
    pub(crate) struct EnvironmentOf {
        /// Which environment.
        "name" => name: EnvironmentWord = null,
        /// Names or globs of namespaces.
        "namespaces" => namespaces: Vec<Pattern> = [],
        /// Globs of paths in the repository.
        "paths" => paths: Vec<Pattern> = [],
    }
}

impl Selectors {
    /// Each key that is given matches. `folder` is that of the policy file.
    pub(crate) fn all_match(&self, asked: Asked<'_>, folder: &RepoPath) -> bool {
        self.keys(asked, folder).into_iter().all(|matched| matched.unwrap_or(true))
    }

    /// At least one key that is given matches.
    pub(crate) fn any_matches(&self, asked: Asked<'_>, folder: &RepoPath) -> bool {
        self.keys(asked, folder).into_iter().any(|matched| matched.unwrap_or(false))
    }

    /// A key is given that only a workload can answer.
    pub(crate) fn depends_on_workload(&self) -> bool {
        self.namespaces.is_some() || self.labels.is_some() || self.kinds.is_some()
    }

    /// Per key: none where it is not given, or where no workload answers it.
    fn keys(&self, asked: Asked<'_>, folder: &RepoPath) -> [Option<bool>; 4] {
        let workload = asked.workload();
        let path = below(asked.path(), folder);
        [
            workload.and_then(|workload| {
                let namespace = workload.namespace.as_str();
                given(&self.namespaces, |patterns| patterns.iter().any(|pattern| pattern.matches(namespace)))
            }),
            workload.and_then(|workload| given(&self.labels, |labels| has_labels(workload, labels))),
            workload.and_then(|workload| {
                given(&self.kinds, |kinds| kinds.iter().any(|kind| kind.0 == workload.kind))
            }),
            given(&self.paths, |patterns| {
                path.is_some_and(|path| patterns.iter().any(|pattern| pattern.matches(path)))
            }),
        ]
    }
}

impl Match {
    /// Each key that is given matches; nothing matches a path alone.
    pub(crate) fn matches(&self, asked: Asked<'_>, environment: Option<Environment>) -> bool {
        let Some(subject) = asked.workload() else { return false };
        [
            given(&self.namespace, |pattern| pattern.matches(subject.namespace.as_str())),
            given(&self.kind, |kind| kind.0 == subject.kind),
            given(&self.name, |pattern| pattern.matches(subject.name.as_str())),
            given(&self.labels, |labels| has_labels(subject, labels)),
            given(&self.environment, |word| environment == Some((*word).into())),
        ]
        .into_iter()
        .all(|matched| matched.unwrap_or(true))
    }

    /// No key is given.
    pub(crate) fn is_empty(&self) -> bool {
        let Self { namespace, kind, name, labels, environment } = self;
        namespace.is_none() && kind.is_none() && name.is_none() && labels.is_none() && environment.is_none()
    }
}

impl EnvironmentOf {
    /// Each key that is given matches; a namespace matches no path alone.
    pub(crate) fn speaks_of(&self, asked: Asked<'_>, folder: &RepoPath) -> bool {
        let workload = asked.workload();
        let namespaces = given(&self.namespaces, |patterns| {
            workload.is_some_and(|it| patterns.iter().any(|pattern| pattern.matches(it.namespace.as_str())))
        });
        let paths = given(&self.paths, |patterns| {
            let path = below(asked.path(), folder);
            path.is_some_and(|path| patterns.iter().any(|pattern| pattern.matches(path)))
        });
        namespaces.unwrap_or(true) && paths.unwrap_or(true)
    }
}

fn given<T>(key: &Option<At<T>>, matches: impl FnOnce(&T) -> bool) -> Option<bool> {
    key.as_ref().map(|at| matches(&at.value))
}

fn has_labels(subject: &Subject<'_>, labels: &BTreeMap<String, String>) -> bool {
    labels.iter().all(|(key, value)| subject.labels.get(key) == Some(value))
}

/// The path seen from a folder; none where it lies elsewhere.
fn below<'p>(path: &'p RepoPath, folder: &RepoPath) -> Option<&'p str> {
    if folder.is_root() {
        return Some(path.as_str());
    }
    path.as_str().strip_prefix(folder.as_str())?.strip_prefix('/')
}
