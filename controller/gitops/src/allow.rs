//! What the operator's bindings allow: the rule against confused deputies.
//!
//! A workload's owner may write any label, annotation or path into the cluster; only the bindings, which the operator
//! owns, decide which files kubeopt's credentials may touch for it. Pure.

use std::fmt::Write as _;

use globset::GlobBuilder;
use kubeopt_model::{Binding, ClusterName, Namespace, Problem, RepoPath, RepositoryId};

use crate::codes;

/// Whether workloads of this namespace of this cluster may be edited in this file of this repository.
///
/// # Errors
/// `E-SRC-109` where no binding names the repository for the namespace, `E-SRC-110` where the file is outside the
/// paths of all bindings that do.
pub fn path_allowed(
    bindings: &[Binding],
    cluster: &ClusterName,
    namespace: &Namespace,
    repository: &RepositoryId,
    path: &RepoPath,
) -> Result<(), Problem> {
    let bound = bound(bindings, cluster, namespace, repository)?;
    if bound
        .iter()
        .any(|binding| binding.paths.is_empty() || binding.paths.iter().any(|glob| matches(glob, path)))
    {
        return Ok(());
    }
    let globs: Vec<&str> =
        bound.iter().flat_map(|binding| binding.paths.iter().map(String::as_str)).collect();
    Err(Problem::new(
        codes::PATH_NOT_ALLOWED,
        format!("{path} is outside the paths that are bound to namespace {namespace}: {}", globs.join(", ")),
        format!("add `{path}`, or a glob that covers it, to `paths` of the binding of {repository}"),
    )
    .at(path.as_str(), None))
}

/// Whether a folder that the owner of a workload named may be a source for this namespace: a manifest right in it would
/// be allowed, and it is no place of CI.
///
/// # Errors
/// As [`path_allowed`]; `E-SRC-110` for places of CI too.
pub fn folder_allowed(
    bindings: &[Binding],
    cluster: &ClusterName,
    namespace: &Namespace,
    repository: &RepositoryId,
    folder: &RepoPath,
) -> Result<(), Problem> {
    let manifest = folder.join("kustomization.yaml").unwrap_or_else(|_| folder.clone());
    path_allowed(bindings, cluster, namespace, repository, &manifest)?;
    let ci = folder.as_str().split('/').find(|part| CI_PLACES.iter().any(|ci| part.eq_ignore_ascii_case(ci)));
    match ci {
        Some(part) => Err(Problem::new(
            codes::PATH_NOT_ALLOWED,
            format!("{folder} lies in `{part}`, where CI is configured; kubeopt edits nothing there"),
            "name the folder that holds the manifests",
        )
        .at(folder.as_str(), None)),
        None => Ok(()),
    }
}

/// Folders and files that decide what runs in CI. Whoever can change them can do what CI can.
const CI_PLACES: &[&str] = &[
    ".github",
    ".gitlab",
    ".gitlab-ci.yml",
    ".gitea",
    ".forgejo",
    ".circleci",
    ".woodpecker",
    ".buildkite",
    ".tekton",
    ".travis.yml",
    ".drone.yml",
];

/// The bindings that name the repository for the namespace; at least one.
///
/// # Errors
/// `E-SRC-109` where there is none; its help shows the YAML to add.
pub(crate) fn bound<'a>(
    bindings: &'a [Binding],
    cluster: &ClusterName,
    namespace: &Namespace,
    repository: &RepositoryId,
) -> Result<Vec<&'a Binding>, Problem> {
    let bound: Vec<&Binding> = bindings
        .iter()
        .filter(|binding| &binding.repository == repository && binding.covers(cluster, namespace))
        .collect();
    if !bound.is_empty() {
        return Ok(bound);
    }
    Err(Problem::new(
        codes::NOT_BOUND,
        format!("no binding allows edits of {repository} for namespace {namespace} of cluster {cluster}"),
        format!(
            "if that is wanted, add to `bindings` of the controller's configuration: `{}`",
            binding_yaml(cluster, namespace, repository)
        ),
    ))
}

fn binding_yaml(cluster: &ClusterName, namespace: &Namespace, repository: &RepositoryId) -> String {
    let mut yaml = String::new();
    let _ = write!(
        yaml,
        "- {{clusters: [{cluster}], namespaces: [{namespace}], forge: {}, repository: {repository}, paths: [\"**\"]}}",
        repository.forge
    );
    yaml
}

/// `*` stays within one folder, `**` does not. A glob that cannot be read matches nothing: when in doubt, no.
fn matches(glob: &str, path: &RepoPath) -> bool {
    let glob = glob.strip_prefix("./").unwrap_or(glob);
    GlobBuilder::new(glob)
        .literal_separator(true)
        .build()
        .is_ok_and(|glob| glob.compile_matcher().is_match(path.as_str()))
}

#[cfg(test)]
mod tests {
    use kubeopt_model::ForgeName;

    use super::*;

    fn repository(name: &str) -> RepositoryId {
        RepositoryId {
            forge: ForgeName::new("gitea").unwrap(),
            owner: "acme".to_owned(),
            name: name.to_owned(),
        }
    }

    fn ask(paths: &[&str], namespace: &str, path: &str) -> Result<(), String> {
        let binding = Binding {
            clusters: vec![ClusterName::new("prod").unwrap()],
            namespaces: vec![Namespace::new("payments").unwrap()],
            repository: repository("gitops"),
            paths: paths.iter().map(|&glob| glob.to_owned()).collect(),
        };
        let asked = path_allowed(
            &[binding],
            &ClusterName::new("prod").unwrap(),
            &Namespace::new(namespace).unwrap(),
            &repository("gitops"),
            &RepoPath::new(path).unwrap(),
        );
        asked.map_err(|problem| problem.code)
    }

    #[test]
    fn only_bound_paths_of_bound_namespaces_are_allowed() {
        let outside = Err(codes::PATH_NOT_ALLOWED.to_owned());
        for (paths, namespace, path, want) in [
            (&["apps/payments/**"][..], "payments", "apps/payments/base/api.yaml", Ok(())),
            (&["apps/payments/**"], "payments", "apps/payments-2/api.yaml", outside.clone()),
            (&["apps/*"], "payments", "apps/api.yaml", Ok(())),
            (&["apps/*"], "payments", "apps/deep/api.yaml", outside.clone()),
            (&["a.yaml", "b.yaml"], "payments", "b.yaml", Ok(())),
            (&["./apps/**"], "payments", "apps/api.yaml", Ok(())),
            (&["apps/[**"], "payments", "apps/api.yaml", outside),
            (&[], "payments", "anything/at/all.yaml", Ok(())),
            (&[], "legacy", "apps/api.yaml", Err(codes::NOT_BOUND.to_owned())),
        ] {
            assert_eq!(ask(paths, namespace, path), want, "{paths:?} {namespace} {path}");
        }
    }

    #[test]
    fn the_help_of_a_missing_binding_is_yaml_that_can_be_pasted() {
        let problem = bound(
            &[],
            &ClusterName::new("prod").unwrap(),
            &Namespace::new("payments").unwrap(),
            &repository("gitops"),
        )
        .unwrap_err();
        let yaml = problem.help.split('`').nth(3).unwrap();
        let parsed: Vec<serde_yaml::Mapping> = serde_yaml::from_str(yaml).unwrap();
        assert_eq!(parsed[0]["repository"], "acme/gitops");
        assert_eq!(parsed[0]["namespaces"][0], "payments");
    }
}
