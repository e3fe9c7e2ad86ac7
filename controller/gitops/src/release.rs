//! Helm releases, from the objects that describe them: HelmReleases of Flux, Applications of Argo CD, templates of
//! ApplicationSets. Pure: reads rendered YAML or objects of a cluster, renders nothing; files of the repository that
//! objects refer to are asked for ([`AtHand`]).
//!
//! The way of a value from low to high is that of the controllers: for Flux `valuesFiles` of the chart, `valuesFrom` in
//! order, `values`, then `valuesFrom` with a `targetPath`; for Argo CD `valueFiles` in order, `values` or
//! `valuesObject`, then `parameters`.

mod application_set;
mod argo;
mod argo_source;
mod at_hand;
mod beside;
mod described;
mod documents;
mod flux;
mod generators;
mod git_generator;
pub(crate) mod overrides;
mod placeholders;

use kubeopt_model::cluster::{GitOpsKind, GitOpsObject};
use kubeopt_model::release::{ChartRef, Origin};
use kubeopt_model::{ClusterFacts, Namespace, Problem, Release, RepoPath};
use serde_json::Value;

use crate::codes;
use beside::Beside;
use documents::Documents;

pub(crate) use argo::release_of_source;
pub(crate) use argo_source::{effective_sources, is_artifact, is_published};
pub use at_hand::AtHand;
pub(crate) use described::{Described, list, text};

/// Releases that one rendering may describe. Each is rendered on its own; a folder of this many is a whole fleet.
const RELEASES_MAX: usize = 2000;

/// Every release that rendered YAML describes, in the order of its documents, and what could not be read. A document
/// that is broken is a problem beside the others.
///
/// Values and sources that are among the same documents are filled in: a ConfigMap of `valuesFrom` is
/// [`ValuesLayer::Inline`], the URL of a HelmRepository is [`Origin::Url`]. What is elsewhere stays named, see
/// [`settle_origins`]. What only files of the repository tell is left out, see [`releases_at_hand`].
pub fn releases(rendered: &[u8]) -> (Vec<Release>, Vec<Problem>) {
    releases_at_hand(rendered, AtHand::nothing())
}

/// The same, with the files of the repository that the objects come from: what an ApplicationSet finds in it, and what
/// files beside a source of Argo CD override.
pub fn releases_at_hand(rendered: &[u8], at_hand: AtHand<'_>) -> (Vec<Release>, Vec<Problem>) {
    let documents = Documents::read(rendered);
    let mut problems = documents.problems.clone();
    let mut found = Vec::new();
    for document in &documents.described {
        let described = Described {
            namespace: document.namespace.as_deref(),
            name: &document.name,
            spec: document.spec(),
        };
        let read = match document.kind.as_str() {
            "HelmRelease" => flux::release(&described, &documents).map(|release| vec![release]),
            "Application" => argo::releases(&described, at_hand),
            "ApplicationSet" => argo::releases_of_set(&described, at_hand).map(|(releases, left)| {
                problems.extend(left.iter().map(|why| unexpanded(&described, why)));
                releases
            }),
            _ => continue,
        };
        match read {
            Ok(releases) => found.extend(releases),
            Err(why) => problems.push(unreadable(&document.kind, &described, &why)),
        }
    }
    if found.len() > RELEASES_MAX {
        let text = format!("{} of {} Helm releases are left out", found.len() - RELEASES_MAX, found.len());
        problems.push(Problem::new(codes::RELEASE, text, "split the folder into several entry points"));
        found.truncate(RELEASES_MAX);
    }
    (found, problems)
}

/// The releases that a live object describes, with sources taken from the same cluster. A HelmRelease gives one, an
/// Application one for each Helm source that says so itself, an ApplicationSet those of what it makes by itself, any other
/// kind none.
///
/// # Errors
/// `E-SRC-117` where its spec cannot be read.
pub fn release_of_object(object: &GitOpsObject, facts: &ClusterFacts) -> Result<Vec<Release>, Problem> {
    let described = Described {
        namespace: Some(object.namespace.as_str()),
        name: object.name.as_str(),
        spec: &object.spec,
    };
    let read = match object.kind {
        GitOpsKind::HelmRelease => flux::release(&described, facts).map(|release| vec![release]),
        GitOpsKind::Application => argo::releases(&described, AtHand::nothing()),
        GitOpsKind::ApplicationSet => {
            argo::releases_of_set(&described, AtHand::nothing()).map(|(releases, _)| releases)
        }
        GitOpsKind::HelmChart
        | GitOpsKind::HelmRepository
        | GitOpsKind::OciRepository
        | GitOpsKind::ExternalArtifact
        | GitOpsKind::ArtifactGenerator
        | GitOpsKind::ArgoSettings => Ok(Vec::new()),
    };
    read.map_err(|why| unreadable(object.kind.as_str(), &described, &why))
}

/// The manifests of the Applications that an ApplicationSet makes, given as one document; none where it is no such set,
/// or something in it is not expanded.
pub(crate) fn applications_of_set(document: &str, at_hand: AtHand<'_>) -> Option<Vec<Value>> {
    let object = documents::read_value(document).ok()?;
    let made = application_set::made(object.get("spec")?, at_hand);
    let is_whole = made.problems.is_empty() && made.children.iter().all(|child| child.is_whole);
    is_whole.then(|| made.children.into_iter().map(|child| child.manifest).collect())
}

/// The release with every Flux source that the cluster has followed to its URL, its chart and its files of values.
#[must_use]
pub fn settle_origins(mut release: Release, facts: &ClusterFacts) -> Release {
    let namespace = release.object.as_ref().and_then(|object| object.namespace.clone());
    let namespace = namespace.or_else(|| release.namespace.clone());
    let Some((kind, of, name)) = flux_source(&release.chart) else { return release };
    let of = of.or(namespace);
    let asked = flux::Referred {
        kind,
        namespace: of.as_ref().map(Namespace::as_str),
        name,
        chart: match &release.chart {
            ChartRef::Folder { path, .. } => path.as_str().to_owned(),
            ChartRef::Published { name, .. } => name.clone(),
            ChartRef::Unknown(_) => String::new(),
        },
        version: match &release.chart {
            ChartRef::Published { version, .. } => version.clone(),
            ChartRef::Folder { .. } | ChartRef::Unknown(_) => None,
        },
    };
    let (chart, files) = flux::chart_of_source(&asked, facts as &dyn Beside);
    release.chart = chart;
    // A HelmChart that was not among the rendered documents brings its files of values along.
    release.values.splice(0..0, files);
    release
}

/// Whether the path of a file of values stands for several: Argo CD expands `*`, `?` and `[`, in lexical order, in
/// place.
pub fn has_glob(path: &str) -> bool {
    path.contains(['*', '?', '[', '{'])
}

/// The paths below a folder that a pattern means, in lexical order.
pub fn matching(
    folder: &RepoPath,
    pattern: &str,
    paths: impl IntoIterator<Item = RepoPath>,
) -> Vec<RepoPath> {
    let glob = globset::GlobBuilder::new(pattern.trim_start_matches('/')).literal_separator(true).build();
    let Ok(glob) = glob.map(|glob| glob.compile_matcher()) else { return Vec::new() };
    let below = |path: &RepoPath| {
        let relative = path.as_str().get(folder.as_str().len()..)?.trim_start_matches('/').to_owned();
        path.is_within(folder).then_some(relative)
    };
    let mut found: Vec<RepoPath> =
        paths.into_iter().filter(|path| below(path).is_some_and(|path| glob.is_match(path))).collect();
    found.sort();
    found
}

fn flux_source(chart: &ChartRef) -> Option<(String, Option<Namespace>, String)> {
    match chart {
        ChartRef::Folder { origin: Origin::FluxSource(kind, namespace, name), .. }
        | ChartRef::Published { origin: Origin::FluxSource(kind, namespace, name), .. } => {
            Some((kind.clone(), namespace.clone(), name.clone()))
        }
        ChartRef::Folder { .. } | ChartRef::Published { .. } | ChartRef::Unknown(_) => None,
    }
}

fn unreadable(kind: &str, described: &Described<'_>, why: &str) -> Problem {
    let place = described.namespace.map_or_else(String::new, |namespace| format!("{namespace}/"));
    Problem::new(
        codes::RELEASE,
        format!("{kind} {place}{} is left out: {why}", described.name),
        "correct the object in its source; all others are used meanwhile",
    )
}

fn unexpanded(described: &Described<'_>, why: &str) -> Problem {
    let place = described.namespace.map_or_else(String::new, |namespace| format!("{namespace}/"));
    Problem::new(
        codes::UNEXPANDED,
        format!("ApplicationSet {place}{} is not looked at as a whole: {why}", described.name),
        "list the Applications in a generator `list`, or move the values to files in Git that `valueFiles` names; kubeopt edits what it can expand",
    )
}

#[cfg(test)]
#[path = "release_tests.rs"]
mod tests;
