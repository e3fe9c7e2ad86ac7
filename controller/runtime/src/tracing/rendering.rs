//! One entry point as it is applied: what its folder renders to, and what each Helm release among that renders to.
//!
//! The same function renders marked files, files as they are, and edited files, so that a trace and its proof see the
//! same thing.

mod own;
mod parts;
mod releases;
mod values;

use std::collections::BTreeSet;

use kubeopt_model::release::{ReleaseKind, ReleaseObject};
use kubeopt_model::workload::AppliedBy;
use kubeopt_model::{Problem, RepoPath};

pub use own::render_request;
pub use parts::{Part, Rendering, Tools};

use self::own::own_part;
use self::parts::of_release;
use self::releases::release_part;
use super::at_hand::{bare_objects, described_releases};
use super::entry_point::EntryPoint;
use super::unrendered::Unrendered;
use super::view::View;

/// Releases of one entry point that are rendered. The largest public repositories have some 80.
const RELEASES_MAX: usize = 500;

/// How many renderings run at once. Renderers are processes of their own: as many as there are processors.
pub(crate) fn at_once() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Renders an entry point that reads these files.
///
/// # Errors
/// When the entry's own manifests cannot be rendered. A release that cannot is a problem of the rendering.
pub(crate) async fn render_entry(
    entry: &EntryPoint,
    reads: &BTreeSet<RepoPath>,
    view: &View<'_>,
    tools: Tools<'_>,
) -> Result<Rendering, Problem> {
    let mut rendering = Rendering { files: reads.clone(), ..Rendering::default() };
    let part = match &entry.release {
        Some(release) => release_part(release, view, tools, &mut rendering).await?,
        None => own_part(entry, view.files(reads), tools, &mut rendering).await?,
    };
    let is_patched = matches!(&part.unrendered, Some(Unrendered::Manifests(own)) if !own.releases_are_whole);
    let (found, problems) = if entry.release.is_some() || is_patched {
        (Vec::new(), Vec::new())
    } else {
        described_releases(&part.yaml, view, tools.origins, &mut rendering.files)
    };
    rendering.problems.extend(problems);
    rendering.parts.push(part);
    let (mut rendered, mut failed): (Vec<ReleaseObject>, Vec<ReleaseObject>) = (Vec::new(), Vec::new());
    for release in found.iter().take(RELEASES_MAX) {
        match release_part(release, view, tools, &mut rendering).await {
            Ok(part) => {
                rendering.parts.push(part);
                rendered.extend(release.object.clone());
            }
            Err(problem) => {
                rendering.problems.push(of_release(problem, release));
                failed.extend(release.object.clone());
            }
        }
    }
    // Of an object with several releases all must show what its values do.
    rendered.retain(|object| !failed.contains(object));
    let own = &mut rendering.parts[0];
    own.bare = bare_objects(&own.yaml, &rendered, view, tools.origins);
    Ok(rendering)
}

/// Whether a problem of a rendering is of the release that made a workload.
pub(crate) fn is_of_release(problem: &Problem, by: &AppliedBy) -> bool {
    let (kind, namespace, name) = match by {
        AppliedBy::FluxHelmRelease { namespace, name } => (ReleaseKind::HelmRelease, namespace, name),
        AppliedBy::ArgoApplication { namespace, name } => (ReleaseKind::Application, namespace, name),
        AppliedBy::FluxKustomization { .. } | AppliedBy::Object { .. } => return false,
    };
    // A manifest may leave the namespace to the one who applies it.
    [Some(namespace.clone()), None].into_iter().any(|namespace| {
        let object = ReleaseObject { kind, namespace, name: name.clone() };
        problem.text.starts_with(&format!("{object}: "))
    })
}
