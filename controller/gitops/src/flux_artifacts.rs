//! Flux sources that are made from Git elsewhere: OCIRepositories by the annotations of their artifact, and
//! ExternalArtifacts by the copy rules of their ArtifactGenerator, read backwards
//! (`github.com/fluxcd/source-watcher/docs/spec/v1beta1/artifactgenerators.md`). Pure.

use kubeopt_model::cluster::{GitOpsKind, GitOpsObject};
use kubeopt_model::{ClusterFacts, Namespace, Problem, RepoPath};
use serde_json::Value;

use crate::codes;
use crate::flux_source::{Asked, Found};
use crate::known::Known;
use crate::release::{list, text};
use crate::revision::branch_of;
use crate::unresolved::{pinned, unknown_url};

/// Artifacts that are made of artifacts; nobody stacks more than two.
const STACKED_MAX: usize = 4;

/// An artifact says in its annotations from which repository and branch it was pushed. From which folder nobody says:
/// paths are taken from the root of the repository.
pub(crate) fn oci(known: Known<'_>, asked: &Asked, notes: &mut Vec<String>) -> Result<Found, Problem> {
    let Asked { by, namespace, name, .. } = asked;
    let what = format!("OCIRepository {namespace}/{name}");
    let object = known
        .facts
        .gitops_object(GitOpsKind::OciRepository, namespace.as_str(), name)
        .ok_or_else(|| not_seen(by, &what, "ocirepositories.source.toolkit.fluxcd.io"))?;
    let metadata = object.status.pointer("/artifact/metadata").unwrap_or(&Value::Null);
    let url = text(metadata, "org.opencontainers.image.source").ok_or_else(|| {
        Problem::new(
            codes::ARTIFACT,
            format!("{by} takes its files from {what}, whose artifact does not tell its repository"),
            "push it with `flux push artifact --source=URL --revision=BRANCH@sha1:COMMIT`, which leaves the annotations `org.opencontainers.image.source` and `.revision`",
        )
    })?;
    let revision = text(metadata, "org.opencontainers.image.revision").unwrap_or_default();
    let branch = pushed_from(revision).map_err(|to| pinned(&format!("the artifact of {what}"), &to))?;
    let repository = (known.locate)(url).ok_or_else(|| unknown_url(&what, url))?;
    notes.push(format!(
        "{what} is pushed from {repository}; its paths are taken from the root of the repository, and a merge is rolled out by whatever pushes it"
    ));
    Ok(Found { repository, branch, path: asked.path.clone() })
}

/// The branch of `main@sha1:...`, `main/...` or `refs/heads/main@sha1:...`; none where only a commit is told, which
/// leaves the default branch. A tag is an error.
fn pushed_from(revision: &str) -> Result<Option<String>, String> {
    let is_commit = |text: &str| text.len() >= 40 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let named = match revision.split_once('@') {
        Some((named, _)) => named,
        None => match revision.rsplit_once('/') {
            Some((named, commit)) if is_commit(commit) => named,
            _ => "",
        },
    };
    branch_of(named)
}

/// The path in what the artifact is made of, un-mapped through the rules that copied it there; never one of another
/// artifact of the kind.
pub(crate) fn behind_external(facts: &ClusterFacts, asked: &Asked) -> Result<Asked, Problem> {
    let mut found = behind(facts, asked)?;
    for _ in 1..STACKED_MAX {
        if found.kind == "ExternalArtifact" {
            found = behind(facts, &found)?;
        }
    }
    if found.kind != "ExternalArtifact" {
        return Ok(found);
    }
    Err(unmapped(&found, "it is made of artifacts of artifacts"))
}

/// What the generator copied from.
fn behind(facts: &ClusterFacts, asked: &Asked) -> Result<Asked, Problem> {
    let generator = generator_of(facts, asked).ok_or_else(|| {
        let what = format!("ArtifactGenerator of ExternalArtifact {}/{}", asked.namespace, asked.name);
        not_seen(&asked.by, &what, "artifactgenerators.source.extensions.fluxcd.io")
    })?;
    let artifacts = list(&generator.spec, "artifacts");
    let artifact = artifacts.iter().find(|artifact| text(artifact, "name") == Some(&asked.name));
    let rules = artifact.map(|artifact| list(artifact, "copy")).unwrap_or_default();
    let (alias, path) = unmap(rules, &asked.path).map_err(|why| unmapped(asked, &why))?;
    let sources = list(&generator.spec, "sources");
    let source = sources.iter().find(|source| text(source, "alias") == Some(alias));
    let source = source.ok_or_else(|| unmapped(asked, &format!("no source is called {alias}")))?;
    let namespace = match text(source, "namespace") {
        Some(other) => Namespace::new(other).map_err(|error| unmapped(asked, &error.to_string()))?,
        None => generator.namespace.clone(),
    };
    Ok(Asked {
        by: format!("{} (through ArtifactGenerator {}/{})", asked.by, generator.namespace, generator.name),
        kind: text(source, "kind").unwrap_or_default().to_owned(),
        namespace,
        name: text(source, "name").unwrap_or_default().to_owned(),
        path,
    })
}

/// The generator that the artifact refers to, else the one in its namespace that makes an artifact of its name.
fn generator_of<'a>(facts: &'a ClusterFacts, asked: &Asked) -> Option<&'a GitOpsObject> {
    let namespace = asked.namespace.as_str();
    let artifact = facts.gitops_object(GitOpsKind::ExternalArtifact, namespace, &asked.name);
    let reference = artifact.and_then(|artifact| artifact.spec.get("sourceRef"));
    if let Some(reference) =
        reference.filter(|reference| text(reference, "kind") == Some("ArtifactGenerator"))
    {
        let of = text(reference, "namespace").unwrap_or(namespace);
        return facts.gitops_object(GitOpsKind::ArtifactGenerator, of, text(reference, "name")?);
    }
    facts.gitops(GitOpsKind::ArtifactGenerator).find(|generator| {
        let makes = |artifact: &Value| text(artifact, "name") == Some(&asked.name);
        generator.namespace.as_str() == namespace && list(&generator.spec, "artifacts").iter().any(makes)
    })
}

/// A rule `@alias/from/**` -> `@artifact/to/`.
struct Rule<'a> {
    alias: &'a str,
    from: RepoPath,
    to: RepoPath,
}

/// The alias and the path there from which `path` was copied. The last rule wins, as later copies overwrite. A path
/// above what the rules fill is found where all rules below it shift their files alike.
fn unmap<'a>(rules: &'a [Value], path: &RepoPath) -> Result<(&'a str, RepoPath), String> {
    let rules: Vec<Rule<'_>> = rules.iter().filter_map(folder_rule).collect();
    if let Some(rule) = rules.iter().rev().find(|rule| path.is_within(&rule.to)) {
        let rest = path.as_str()[rule.to.as_str().len()..].trim_start_matches('/');
        let found = rule.from.join(rest).map_err(|error| error.to_string())?;
        return Ok((rule.alias, found));
    }
    let shifts: Option<Vec<(&str, RepoPath)>> = rules
        .iter()
        .filter(|rule| rule.to.is_within(path))
        .map(|rule| Some((rule.alias, shift(rule)?)))
        .collect();
    let shifts = shifts.unwrap_or_default();
    match shifts.first() {
        Some((alias, base)) if shifts.iter().all(|other| other == &(*alias, base.clone())) => {
            Ok((alias, base.join(path.as_str()).map_err(|error| error.to_string())?))
        }
        Some(_) => Err(format!("{path} is put together from several places")),
        None => Err(format!("no rule copies a folder to {path}")),
    }
}

/// A rule that copies whole folders; one that picks single files cannot be read backwards.
fn folder_rule(rule: &Value) -> Option<Rule<'_>> {
    let (alias, from) = text(rule, "from")?.strip_prefix('@')?.split_once('/')?;
    let from = from.strip_suffix("**").filter(|from| !from.contains(['*', '?', '[', '{']))?;
    let to = text(rule, "to")?.strip_prefix("@artifact")?;
    let to = RepoPath::new(to.trim_start_matches('/')).ok()?;
    Some(Rule { alias, from: RepoPath::new(from).ok()?, to })
}

/// The folder that stands for the artifact's root, where the rule keeps the names of folders: `apps` of
/// `@repo/apps/base/**` -> `@artifact/base/`.
fn shift(rule: &Rule<'_>) -> Option<RepoPath> {
    let base = rule.from.as_str().strip_suffix(rule.to.as_str())?;
    if !base.is_empty() && !base.ends_with('/') && !rule.to.is_root() {
        return None;
    }
    RepoPath::new(base).ok()
}

fn unmapped(asked: &Asked, why: &str) -> Problem {
    Problem::new(
        codes::ARTIFACT,
        format!(
            "{} takes `{}` of ExternalArtifact {}/{}, which cannot be followed to Git: {why}",
            asked.by, asked.path, asked.namespace, asked.name
        ),
        "copy whole folders in the ArtifactGenerator (`@alias/folder/**` to `@artifact/folder/`), or add the namespace to `sources` of the controller's configuration",
    )
}

fn not_seen(by: &str, what: &str, resource: &str) -> Problem {
    Problem::new(
        codes::ARTIFACT,
        format!("{by} takes its files from {what}, which was not seen"),
        format!("check that it exists and that kubeopt may list {resource} in all namespaces"),
    )
}

#[cfg(test)]
#[path = "flux_artifacts_tests.rs"]
mod tests;
