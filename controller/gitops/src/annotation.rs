//! The annotation `kubeopt.dev/source` of a workload: `REPOSITORY PATH [RENDERER]`, for workloads that no GitOps object
//! explains.
//!
//! - REPOSITORY: `owner/name` as a binding names it, or a Git URL.
//! - PATH: a folder from the root of the repository; `.` is the root.
//! - RENDERER: `plain`, `kustomize` or `helm`; without it, `plain`.
//!
//! Example: `kubeopt.dev/source: acme/gitops apps/payments/overlays/prod kustomize`.
//!
//! Whoever may write to a namespace may write this. It is a wish and never a permission: the operator's bindings must
//! allow the repository and the folder for the namespace. Pure.

use kubeopt_model::source::{FilesBelow, KnownFrom, RendererKind, Source};
use kubeopt_model::{Problem, RepoPath, RepositoryId, Workload};

use crate::known::Known;
use crate::unresolved::shown;
use crate::{allow, codes};

/// The key of the annotation.
pub(crate) const KEY: &str = "kubeopt.dev/source";

/// The source that the annotation names.
pub(crate) fn source(known: Known<'_>, workload: &Workload, written: &str) -> Result<Source, Problem> {
    let (repository, path, renderer) = parse(written)?;
    let repository = named(known, workload, repository)?;
    let id = &workload.id;
    allow::folder_allowed(known.bindings, &id.cluster, &id.namespace, &repository, &path)?;
    Ok(Source {
        cluster: id.cluster.clone(),
        repository,
        branch: None,
        entry: path,
        renderer,
        target_namespace: None,
        overlay: None,
        release: None,
        files: FilesBelow::All,
        known_from: KnownFrom::Annotated,
    })
}

fn parse(written: &str) -> Result<(&str, RepoPath, RendererKind), Problem> {
    let mut words = written.split_whitespace();
    let (Some(repository), Some(path), renderer, None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(refused(written, "it is not two or three words"));
    };
    let path = RepoPath::new(path).map_err(|error| refused(written, &error.to_string()))?;
    let renderer = match renderer {
        None | Some("plain") => RendererKind::Plain,
        Some("kustomize") => RendererKind::Kustomize,
        Some("helm") => RendererKind::Helm,
        Some(_) => return Err(refused(written, "the renderer is none of plain, kustomize, helm")),
    };
    Ok((repository, path, renderer))
}

/// The repository, if a binding of the namespace names it. A name without a forge may stand for several.
fn named(known: Known<'_>, workload: &Workload, written: &str) -> Result<RepositoryId, Problem> {
    let id = &workload.id;
    if let Some(located) = (known.locate)(written) {
        return Ok(located);
    }
    let covering = known.bindings.iter().filter(|binding| binding.covers(&id.cluster, &id.namespace));
    let mut bound: Vec<&RepositoryId> = covering
        .map(|binding| &binding.repository)
        .filter(|repository| repository.to_string() == written)
        .collect();
    bound.sort();
    bound.dedup();
    match bound[..] {
        [one] => Ok(one.clone()),
        [] => Err(Problem::new(
            codes::NOT_BOUND,
            format!(
                "annotation {KEY} of {id} names {}, which no binding allows for namespace {}",
                shown(written),
                id.namespace
            ),
            format!(
                "if that is wanted, add to `bindings` of the controller's configuration: `- {{clusters: [{}], namespaces: [{}], repository: OWNER/NAME, paths: [\"FOLDER/**\"]}}`",
                id.cluster, id.namespace
            ),
        )),
        _ => Err(refused(written, "repositories of this name are on several forges; write its URL")),
    }
}

fn refused(written: &str, why: &str) -> Problem {
    Problem::new(
        codes::ANNOTATION,
        format!("annotation {KEY} `{}` cannot be followed: {why}", shown(written)),
        "write it as `REPOSITORY PATH [RENDERER]`, such as `acme/gitops apps/payments/overlays/prod kustomize`",
    )
}

#[cfg(test)]
#[path = "annotation_tests.rs"]
mod tests;
