//! An entry point's own manifests: what its folder renders to, or, where no renderer is at hand, how they are written.
//!
//! Must not know of releases: what these render to is the business of [`super::releases`].

use kubeopt_gitops::codes::RENDERER_MISSING;
use kubeopt_gitops::render::{RenderLimits, RenderRequest};
use kubeopt_model::edit::ProvenBy;
use kubeopt_model::{FileSet, Problem};

use super::parts::{Part, Rendering, Tools};
use crate::tracing::entry_point::EntryPoint;
use crate::tracing::unrendered::{Unrendered, concatenated, written};

/// The part of an entry point that reads these files.
pub(super) async fn own_part(
    entry: &EntryPoint,
    files: FileSet,
    tools: Tools<'_>,
    rendering: &mut Rendering,
) -> Result<Part, Problem> {
    let answer = match tools.renderer.render(&render_request(entry, files.clone())).await {
        Ok(answer) => answer,
        Err(problem) => return written_part(entry, &files, problem, rendering),
    };
    rendering.problems.extend(answer.left_out);
    let namespace = entry.target_namespace.clone();
    Ok(Part {
        release: None,
        namespace,
        bare: answer.output.clone(),
        yaml: answer.output,
        by: answer.by,
        chart: None,
        unrendered: None,
    })
}

/// The manifests as they are written, where no renderer is at hand.
fn written_part(
    entry: &EntryPoint,
    files: &FileSet,
    problem: Problem,
    rendering: &mut Rendering,
) -> Result<Part, Problem> {
    if problem.code != RENDERER_MISSING {
        return Err(problem);
    }
    let Some(written) = written(entry, files) else { return Err(problem) };
    let yaml = concatenated(&written, files);
    let by = ProvenBy::NotRendered("kustomize was not found".to_owned());
    rendering.problems.push(problem);
    Ok(Part {
        release: None,
        namespace: entry.target_namespace.clone().or_else(|| written.namespace.clone()),
        bare: yaml.clone(),
        yaml,
        by,
        chart: None,
        unrendered: Some(Unrendered::Manifests(written)),
    })
}

/// The request that renders an entry point's own manifests from these files.
pub fn render_request(entry: &EntryPoint, files: FileSet) -> RenderRequest {
    RenderRequest {
        kind: entry.renderer,
        entry: entry.path.clone(),
        files,
        limits: RenderLimits::default(),
        overlay: entry.overlay.clone(),
        target_namespace: entry.target_namespace.clone(),
        helm: None,
    }
}
