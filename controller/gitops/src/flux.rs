//! From live workloads to their sources: labels of a GitOps controller, its objects, the operator's mappings. Pure: it
//! sees facts and configuration, never a cluster or a repository.
//!
//! Order: a workload that is owned by another is left out (it is sized through its owner); Flux's labels; then
//! `sources:` of the controller's configuration. Whatever says where a source is, a binding must allow it.

use kubeopt_model::cluster::{FluxGitRepository, FluxKustomization, GitReference};
use kubeopt_model::source::{KnownFrom, RendererKind, Source};
use kubeopt_model::workload::AppliedBy;
use kubeopt_model::{
    Binding, ClusterFacts, Namespace, ObjectName, Problem, RepoPath, RepositoryId, SourceMapping, Workload,
    WorkloadId,
};

use crate::{allow, codes};

/// The source of every workload that is not owned by another, or why it has none; in the order of the facts.
///
/// `locate` tells which configured repository a Git URL is. The renderer of a source from Flux is provisional, because
/// it depends on the tree: see [`crate::entry::settle_renderer`].
pub fn resolve_sources(
    facts: &ClusterFacts,
    bindings: &[Binding],
    mappings: &[SourceMapping],
    locate: &dyn Fn(&str) -> Option<RepositoryId>,
) -> Vec<(WorkloadId, Result<Source, Problem>)> {
    facts
        .workloads
        .iter()
        .filter(|workload| workload.owner.is_none())
        .map(|workload| (workload.id.clone(), resolve(facts, workload, bindings, mappings, locate)))
        .collect()
}

/// What a reader of the source should know, one sentence each: variables that Flux replaces after rendering, a
/// suspended or failing Kustomization. Empty for sources that no Flux object explains.
pub fn source_notes(facts: &ClusterFacts, source: &Source) -> Vec<String> {
    let KnownFrom::Applied(AppliedBy::FluxKustomization { namespace, name }) = &source.known_from else {
        return Vec::new();
    };
    let Some(kustomization) = find_kustomization(facts, namespace, name) else { return Vec::new() };
    let mut notes = Vec::new();
    if kustomization.substitutes {
        notes.push(format!(
            "Flux Kustomization {namespace}/{name} replaces variables after rendering (`postBuild`); values written as a variable are not edited"
        ));
    }
    if kustomization.suspended {
        notes.push(format!("Flux Kustomization {namespace}/{name} is suspended; a merge is not rolled out until it is resumed"));
    }
    if let Some(message) = &kustomization.not_ready {
        notes.push(format!("Flux Kustomization {namespace}/{name} is not ready: {message}"));
    }
    notes
}

fn resolve(
    facts: &ClusterFacts,
    workload: &Workload,
    bindings: &[Binding],
    mappings: &[SourceMapping],
    locate: &dyn Fn(&str) -> Option<RepositoryId>,
) -> Result<Source, Problem> {
    let source = match &workload.applied_by {
        Some(AppliedBy::FluxKustomization { namespace, name }) => from_flux(facts, namespace, name, locate)?,
        Some(AppliedBy::FluxHelmRelease { namespace, name }) => return Err(helm(namespace, name)),
        Some(AppliedBy::ArgoApplication { .. } | AppliedBy::Object { .. }) | None => {
            mapped(workload, mappings).ok_or_else(|| unknown(workload))?
        }
    };
    allow::bound(bindings, &workload.id.cluster, &workload.id.namespace, &source.repository)?;
    Ok(source)
}

/// The first mapping that names the workload's namespace, else the first that covers the whole cluster.
fn mapped(workload: &Workload, mappings: &[SourceMapping]) -> Option<Source> {
    let of_cluster = || mappings.iter().filter(|mapping| mapping.cluster == workload.id.cluster);
    let mapping = of_cluster()
        .find(|mapping| mapping.namespaces.contains(&workload.id.namespace))
        .or_else(|| of_cluster().find(|mapping| mapping.namespaces.is_empty()))?;
    Some(Source {
        cluster: mapping.cluster.clone(),
        repository: mapping.repository.clone(),
        branch: mapping.branch.clone(),
        entry: mapping.path.clone(),
        renderer: mapping.renderer,
        target_namespace: None,
        overlay: None,
        release: None,
        files: kubeopt_model::source::FilesBelow::All,
        known_from: KnownFrom::Configured,
    })
}

fn from_flux(
    facts: &ClusterFacts,
    namespace: &Namespace,
    name: &ObjectName,
    locate: &dyn Fn(&str) -> Option<RepositoryId>,
) -> Result<Source, Problem> {
    let kustomization = find_kustomization(facts, namespace, name).ok_or_else(|| {
        Problem::new(
            codes::KUSTOMIZATION_MISSING,
            format!("the workload's labels name Flux Kustomization {namespace}/{name}, which was not seen"),
            "check that it exists and that kubeopt may list kustomizations.kustomize.toolkit.fluxcd.io in all namespaces",
        )
    })?;
    let git = find_git_repository(facts, kustomization)?;
    let branch = branch(git)?;
    let repository = locate(&git.url).ok_or_else(|| unknown_url(git))?;
    Ok(Source {
        cluster: facts.cluster.clone(),
        repository,
        branch,
        entry: entry(kustomization)?,
        renderer: RendererKind::Kustomize,
        target_namespace: kustomization.target_namespace.clone(),
        overlay: kustomization.overlay.clone(),
        release: None,
        files: kubeopt_model::source::FilesBelow::All,
        known_from: KnownFrom::Applied(AppliedBy::FluxKustomization {
            namespace: namespace.clone(),
            name: name.clone(),
        }),
    })
}

fn find_kustomization<'a>(
    facts: &'a ClusterFacts,
    namespace: &Namespace,
    name: &ObjectName,
) -> Option<&'a FluxKustomization> {
    facts.kustomizations.iter().find(|found| &found.namespace == namespace && &found.name == name)
}

fn find_git_repository<'a>(
    facts: &'a ClusterFacts,
    kustomization: &FluxKustomization,
) -> Result<&'a FluxGitRepository, Problem> {
    let (kind, namespace, name) = &kustomization.source;
    if kind != "GitRepository" {
        return Err(Problem::new(
            codes::SOURCE_KIND,
            format!(
                "Flux Kustomization {}/{} takes its files from {kind} {namespace}/{name}, not from a GitRepository",
                kustomization.namespace, kustomization.name
            ),
            "tell where the files are written in Git: add the namespace to `sources` of the controller's configuration, and remove the source reference or point it to a GitRepository",
        ));
    }
    facts
        .git_repositories
        .iter()
        .find(|found| &found.namespace == namespace && found.name.as_str() == name)
        .ok_or_else(|| {
            Problem::new(
                codes::GIT_REPOSITORY_MISSING,
                format!(
                    "Flux Kustomization {}/{} names GitRepository {namespace}/{name}, which was not seen",
                    kustomization.namespace, kustomization.name
                ),
                "check that it exists and that kubeopt may list gitrepositories.source.toolkit.fluxcd.io in all namespaces",
            )
        })
}

fn branch(git: &FluxGitRepository) -> Result<Option<String>, Problem> {
    match &git.reference {
        // Not the repository's default branch: without `spec.ref`, Flux follows `master`.
        GitReference::Default => Ok(Some(FLUX_DEFAULT_BRANCH.to_owned())),
        GitReference::Branch(branch) => Ok(Some(branch.clone())),
        GitReference::Pinned(to) => Err(Problem::new(
            codes::SOURCE_PINNED,
            format!("GitRepository {}/{} is pinned to {to}", git.namespace, git.name),
            "a pull request needs a branch to go to: let `spec.ref` follow a branch, or change the values where the pinned version is made",
        )),
    }
}

/// What source-controller checks out where `spec.ref` says nothing (documented at `spec.ref.branch`).
const FLUX_DEFAULT_BRANCH: &str = "master";

/// `spec.path` is taken from the artifact's root, whether or not it begins with `./` or `/`.
fn entry(kustomization: &FluxKustomization) -> Result<RepoPath, Problem> {
    RepoPath::new(kustomization.path.trim_start_matches('/')).map_err(|error| {
        Problem::new(
            codes::SOURCE_PATH,
            format!("Flux Kustomization {}/{}: {error}", kustomization.namespace, kustomization.name),
            "write `spec.path` as a path from the root of the repository, without `..`",
        )
    })
}

fn unknown_url(git: &FluxGitRepository) -> Problem {
    // Only what was parsed is shown: the text itself may carry a password.
    let url = crate::giturl::parse_git_url(&git.url)
        .map_or_else(|| "a URL that is not understood".to_owned(), |url| url.to_string());
    Problem::new(
        codes::REPOSITORY_UNKNOWN,
        format!(
            "GitRepository {}/{} is at {url}, which belongs to no configured forge",
            git.namespace, git.name
        ),
        "add the forge of this host to `forges` of the controller's configuration",
    )
}

fn helm(namespace: &Namespace, name: &ObjectName) -> Problem {
    Problem::new(
        codes::SOURCE_HELM,
        format!(
            "applied by Flux HelmRelease {namespace}/{name}, and this version does not render Helm charts"
        ),
        "change the resources in the values of the HelmRelease by hand; `kubeopt scan` shows the recommended numbers",
    )
}

fn unknown(workload: &Workload) -> Problem {
    let WorkloadId { cluster, namespace, .. } = &workload.id;
    Problem::new(
        codes::SOURCE_UNKNOWN,
        "no Flux label tells where the workload comes from, and no entry of `sources` covers its namespace",
        format!(
            "if its manifests are in Git, add to `sources` of the controller's configuration: `- {{cluster: {cluster}, namespaces: [{namespace}], repository: OWNER/NAME, path: FOLDER, renderer: plain}}`"
        ),
    )
}

#[cfg(test)]
#[path = "flux_tests.rs"]
mod tests;
