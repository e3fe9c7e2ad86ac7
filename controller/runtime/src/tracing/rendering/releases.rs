//! What one Helm release renders to: its chart with all layers of values, or, where the chart or the program is not at
//! hand, what its values say by their layout.
//!
//! Must not know which entry point describes the release.

use kubeopt_gitops::codes::RENDERER_MISSING;
use kubeopt_gitops::render::{HelmArguments, RenderLimits, RenderRequest};
use kubeopt_model::edit::ProvenBy;
use kubeopt_model::release::{ChartRef, Origin};
use kubeopt_model::source::RendererKind;
use kubeopt_model::{Problem, Release};

use super::parts::{Part, Rendering, Tools, named, of_release};
use super::values::values;
use crate::codes;
use crate::tracing::charts::ChartFiles;
use crate::tracing::unrendered::{Unrendered, by_layout};
use crate::tracing::view::View;

/// A release as its chart renders it; where that is not at hand, as its values say by their layout.
pub(super) async fn release_part(
    release: &Release,
    view: &View<'_>,
    tools: Tools<'_>,
    rendering: &mut Rendering,
) -> Result<Part, Problem> {
    let release = &tools.origins.settled(release.clone(), view.repository());
    // Also where it is not to be had: it may be the next time.
    rendering.from_outside |= !matches!(release.chart, ChartRef::Folder { .. });
    let found = tools.charts.find(&release.chart, view, tools.origins).await;
    let chart = match found {
        Ok(chart) => chart,
        Err(problem) => {
            let is_published = matches!(release.chart, ChartRef::Published { .. });
            let may_be_read = is_published && problem.code == codes::CHART_MISSING;
            let part = may_be_read
                .then(|| part_by_layout(release, ChartFiles::none(), &problem, view, tools, rendering));
            return part.flatten().ok_or(problem);
        }
    };
    let told = rendering.problems.len();
    match render_release(release, chart.clone(), view, tools, rendering).await {
        Err(problem) if problem.code == RENDERER_MISSING => {
            // They are told again with what is read in its place.
            rendering.problems.truncate(told);
            let part = part_by_layout(release, chart, &problem, view, tools, rendering);
            if part.is_none() {
                rendering.problems.truncate(told);
            }
            part.ok_or(problem)
        }
        rendered => rendered,
    }
}

/// What values come to by a layout that many charts share.
fn part_by_layout(
    release: &Release,
    mut chart: ChartFiles,
    problem: &Problem,
    view: &View<'_>,
    tools: Tools<'_>,
    rendering: &mut Rendering,
) -> Option<Part> {
    let mut layers = values(release, &mut chart, view, tools.origins, rendering).ok()?;
    let defaults = chart.folder.join("values.yaml").ok()?;
    if let (true, Some(text)) = (chart.in_git, view.bytes(&defaults)) {
        layers.insert(0, String::from_utf8(text).ok()?);
        rendering.files.insert(defaults);
    }
    let running = tools.origins.running(release);
    let found = by_layout(release, &chart_name(release), &layers, &running)?;
    rendering.problems.push(of_release(problem.clone(), release));
    rendering.asks_cluster = true;
    Some(Part {
        release: Some(release.clone()),
        namespace: release.namespace.clone(),
        bare: found.manifests.clone(),
        yaml: found.manifests,
        by: ProvenBy::NotRendered(reason(problem)),
        chart: None,
        unrendered: Some(Unrendered::Values(found.values)),
    })
}

/// Why there is no rendering, as a clause.
fn reason(problem: &Problem) -> String {
    if problem.code == RENDERER_MISSING { "helm was not found".to_owned() } else { problem.text.clone() }
}

/// The name of a chart as far as its release tells.
fn chart_name(release: &Release) -> String {
    let last = |path: &str| path.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
    match &release.chart {
        ChartRef::Folder { path, .. } => path.file_name().to_owned(),
        ChartRef::Published { origin: Origin::Url(url), name, .. } if name.is_empty() => last(url),
        ChartRef::Published { name, .. } => last(name),
        ChartRef::Unknown(_) => release.name.clone(),
    }
}

async fn render_release(
    release: &Release,
    mut chart: ChartFiles,
    view: &View<'_>,
    tools: Tools<'_>,
    rendering: &mut Rendering,
) -> Result<Part, Problem> {
    if let Some(after) = &release.changed_after {
        rendering.problems.push(changed_after(release, after));
    }
    let values = values(release, &mut chart, view, tools.origins, rendering)?;
    if chart.in_git {
        rendering.files.extend(chart.files.keys().cloned());
    }
    let request = RenderRequest {
        kind: RendererKind::Helm,
        entry: chart.folder,
        files: chart.files,
        limits: RenderLimits::default(),
        overlay: None,
        target_namespace: None,
        helm: Some(HelmArguments {
            name: release.name.clone(),
            namespace: release.namespace.clone(),
            values,
            parameters: release.parameters.clone(),
            kube_version: release.capabilities.kube_version.clone(),
            api_versions: release.capabilities.api_versions.clone(),
        }),
    };
    let answer = tools.renderer.render(&request).await?;
    Ok(Part {
        release: Some(release.clone()),
        namespace: release.namespace.clone(),
        bare: answer.output.clone(),
        yaml: answer.output,
        by: answer.by,
        chart: chart.published.map(|chosen| chosen.to_string()),
        unrendered: None,
    })
}

fn changed_after(release: &Release, what: &str) -> Problem {
    let text = format!(
        "{} is changed after the chart is rendered, by {what}, which kubeopt does not run",
        named(release)
    );
    Problem::new(codes::VALUES_ELSEWHERE, text, "keep resources out of what it changes")
}
