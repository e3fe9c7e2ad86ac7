//! From Flux's Kustomizations to repository, branch and folder. Pure.

use kubeopt_model::cluster::{FluxGitRepository, FluxKustomization, GitReference};
use kubeopt_model::source::{FilesBelow, KnownFrom, RendererKind, Source};
use kubeopt_model::workload::AppliedBy;
use kubeopt_model::{ClusterFacts, Namespace, ObjectName, Problem, RepoPath};

use crate::flux_source::{Asked, Found};
use crate::known::{Known, Sources};
use crate::unresolved::{pinned, unknown_url};
use crate::{codes, flux_artifacts};

/// What a reader of the source should know, one sentence each: variables that Flux replaces after rendering, a
/// suspended or failing Kustomization. Empty for sources that no Flux object explains.
pub fn source_notes(facts: &ClusterFacts, source: &Source) -> Vec<String> {
    let KnownFrom::Applied(AppliedBy::FluxKustomization { namespace, name }) = &source.known_from else {
        return Vec::new();
    };
    find_kustomization(facts, namespace, name).map(notes).unwrap_or_default()
}

fn notes(kustomization: &FluxKustomization) -> Vec<String> {
    let FluxKustomization { namespace, name, .. } = kustomization;
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

/// Where the objects of a Kustomization come from.
pub(crate) fn kustomization(
    known: Known<'_>,
    namespace: &Namespace,
    name: &ObjectName,
) -> Result<Sources, Problem> {
    let kustomization = find_kustomization(known.facts, namespace, name).ok_or_else(|| {
        Problem::new(
            codes::KUSTOMIZATION_MISSING,
            format!("the labels name Flux Kustomization {namespace}/{name}, which was not seen"),
            "check that it exists and that kubeopt may list kustomizations.kustomize.toolkit.fluxcd.io in all namespaces",
        )
    })?;
    let (kind, of, source) = &kustomization.source;
    let asked = Asked {
        by: format!("Flux Kustomization {namespace}/{name}"),
        kind: kind.clone(),
        namespace: of.clone(),
        name: source.clone(),
        path: entry(kustomization)?,
    };
    let mut notes = notes(kustomization);
    let found = follow(known, &asked, &mut notes)?;
    let source = Source {
        cluster: known.facts.cluster.clone(),
        repository: found.repository,
        branch: found.branch,
        entry: found.path,
        renderer: RendererKind::Kustomize,
        target_namespace: kustomization.target_namespace.clone(),
        overlay: kustomization.overlay.clone(),
        release: None,
        files: FilesBelow::All,
        known_from: KnownFrom::Applied(AppliedBy::FluxKustomization {
            namespace: namespace.clone(),
            name: name.clone(),
        }),
    };
    Ok(Sources { notes, ..Sources::one(source) })
}

fn find_kustomization<'a>(
    facts: &'a ClusterFacts,
    namespace: &Namespace,
    name: &ObjectName,
) -> Option<&'a FluxKustomization> {
    facts.kustomizations.iter().find(|found| &found.namespace == namespace && &found.name == name)
}

/// Follows a source to Git. Artifacts that are made of artifacts lead through several sources.
fn follow(known: Known<'_>, asked: &Asked, notes: &mut Vec<String>) -> Result<Found, Problem> {
    match asked.kind.as_str() {
        "GitRepository" => git(known, asked),
        "OCIRepository" => flux_artifacts::oci(known, asked, notes),
        "ExternalArtifact" => follow(known, &flux_artifacts::behind_external(known.facts, asked)?, notes),
        _ => Err(Problem::new(
            codes::SOURCE_KIND,
            format!(
                "{} takes its files from {} {}/{}, which does not tell where they are written in Git",
                asked.by, asked.kind, asked.namespace, asked.name
            ),
            "tell where the files are written in Git: add the namespace to `sources` of the controller's configuration, and remove the source reference or point it to a GitRepository",
        )),
    }
}

fn git(known: Known<'_>, asked: &Asked) -> Result<Found, Problem> {
    let Asked { by, namespace, name, .. } = asked;
    let repositories = &known.facts.git_repositories;
    let git = repositories
        .iter()
        .find(|found| &found.namespace == namespace && found.name.as_str() == name)
        .ok_or_else(|| {
            Problem::new(
                codes::GIT_REPOSITORY_MISSING,
                format!("{by} names GitRepository {namespace}/{name}, which was not seen"),
                "check that it exists and that kubeopt may list gitrepositories.source.toolkit.fluxcd.io in all namespaces",
            )
        })?;
    let what = format!("GitRepository {namespace}/{name}");
    let branch = branch(&what, git)?;
    let repository = (known.locate)(&git.url).ok_or_else(|| unknown_url(&what, &git.url))?;
    Ok(Found { repository, branch, path: asked.path.clone() })
}

fn branch(what: &str, git: &FluxGitRepository) -> Result<Option<String>, Problem> {
    match &git.reference {
        // Not the repository's default branch: without `spec.ref`, Flux follows `master`.
        GitReference::Default => Ok(Some(FLUX_DEFAULT_BRANCH.to_owned())),
        GitReference::Branch(branch) => Ok(Some(branch.clone())),
        GitReference::Pinned(to) => Err(pinned(what, to)),
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

#[cfg(test)]
#[path = "flux_tests.rs"]
mod tests;
