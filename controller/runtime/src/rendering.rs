//! One entry point as it is applied: what its folder renders to, and what each Helm release among that renders to.
//!
//! The same function renders marked files, files as they are, and edited files, so that a trace and its proof see the
//! same thing.

use std::collections::BTreeSet;

use kubeopt_gitops::codes::RENDERER_MISSING;
use kubeopt_gitops::release::{has_glob, matching};
use kubeopt_gitops::render::{HelmArguments, RenderLimits, RenderRequest, Renderer};
use kubeopt_model::edit::ProvenBy;
use kubeopt_model::release::{ChartRef, FileBase, Origin, ReleaseKind, ReleaseObject, ValuesLayer};
use kubeopt_model::source::RendererKind;
use kubeopt_model::workload::AppliedBy;
use kubeopt_model::{FileSet, Namespace, Problem, Release, RepoPath};

use crate::at_hand::{bare_objects, described_releases};
use crate::charts::{ChartFiles, Charts};
use crate::codes;
use crate::origins::Origins;
use crate::trace::EntryPoint;
use crate::unrendered::{Unrendered, by_layout, concatenated, written};
use crate::view::View;

/// Releases of one entry point that are rendered. The largest public repositories have some 80.
const RELEASES_MAX: usize = 500;

/// Charts that a proof names; the others are counted.
const CHARTS_SHOWN: usize = 5;

/// What one entry point renders to.
#[derive(Debug, Clone, Default)]
pub struct Rendering {
    /// The entry's own manifests first, then each release that is among them.
    pub parts: Vec<Part>,
    /// Releases that were not rendered, and what else could not be read; the rest was.
    pub problems: Vec<Problem>,
    /// Every file of the repository that was read.
    pub files: BTreeSet<RepoPath>,
    /// A chart that is not in the repository was read as well.
    pub from_outside: bool,
    /// What the cluster runs told which containers values are for.
    pub asks_cluster: bool,
}

/// Manifests that were made in one go.
#[derive(Debug, Clone)]
pub struct Part {
    /// The release, for manifests of a chart.
    pub release: Option<Release>,
    /// The namespace of objects that name none.
    pub namespace: Option<Namespace>,
    /// YAML documents.
    pub yaml: Vec<u8>,
    /// The same without the values of releases that are parts of their own: what they do shows there.
    pub bare: Vec<u8>,
    /// How.
    pub by: ProvenBy,
    /// The archive of a chart that was fetched: `podinfo 6.5.0 (sha256:0123456789ab)`.
    pub chart: Option<String>,
    /// It is no rendering, and this is what it was read from.
    pub unrendered: Option<Unrendered>,
}

impl Rendering {
    /// How all of it was made that was rendered: `helm v4.3.1, chart podinfo 6.5.0 (sha256:0123456789ab)`. Where its own
    /// manifests were not, that.
    pub fn by(&self) -> ProvenBy {
        if let Some(ProvenBy::NotRendered(why)) = self.parts.first().map(|own| &own.by) {
            return ProvenBy::NotRendered(why.clone());
        }
        let mut programs: Vec<&str> = Vec::new();
        for part in &self.parts {
            if let ProvenBy::Rendered(program) = &part.by
                && !programs.contains(&program.as_str())
            {
                programs.push(program);
            }
        }
        if programs.is_empty() {
            return ProvenBy::Parsed;
        }
        let charts: BTreeSet<&str> = self.parts.iter().filter_map(|part| part.chart.as_deref()).collect();
        ProvenBy::Rendered(programs.join(" and ") + &named_charts(&charts))
    }
}

fn named_charts(charts: &BTreeSet<&str>) -> String {
    let shown: Vec<&str> = charts.iter().take(CHARTS_SHOWN).copied().collect();
    let word = match charts.len() {
        0 => return String::new(),
        1 => "chart",
        _ => "charts",
    };
    let more = match charts.len() - shown.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!(", {word} {}{more}", shown.join(", "))
}

impl Part {
    /// Which object describes it, and the name and namespace of its release.
    pub(crate) fn described(&self) -> Option<(Option<&ReleaseObject>, &str, Option<&Namespace>)> {
        let release = self.release.as_ref()?;
        Some((release.object.as_ref(), release.name.as_str(), release.namespace.as_ref()))
    }
}

/// What rendering needs beside files.
#[derive(Clone, Copy)]
pub struct Tools<'a> {
    /// kustomize and helm.
    pub renderer: &'a Renderer,
    /// Charts that are not in the repository.
    pub charts: &'a Charts,
    /// What is known of places that releases name.
    pub origins: Origins<'a>,
}

/// How many renderings run at once. Renderers are processes of their own: as many as there are processors.
pub(crate) fn at_once() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Renders an entry point that reads these files.
///
/// # Errors
/// When the entry's own manifests cannot be rendered. A release that cannot is a problem of the rendering.
pub async fn render_entry(
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

async fn own_part(
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
    let by = ProvenBy::NotRendered(problem.text.clone());
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

/// A release as its chart renders it; where that is not at hand, as its values say by their layout.
async fn release_part(
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
            part_by_layout(release, chart, &problem, view, tools, rendering).ok_or(problem)
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
        by: ProvenBy::NotRendered(problem.text.clone()),
        chart: None,
        unrendered: Some(Unrendered::Values(found.values)),
    })
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

/// The texts of all layers, lowest first. A file that stands for the chart's own values replaces them.
fn values(
    release: &Release,
    chart: &mut ChartFiles,
    view: &View<'_>,
    origins: Origins<'_>,
    rendering: &mut Rendering,
) -> Result<Vec<String>, Problem> {
    let mut texts = Vec::new();
    for layer in &release.values {
        match layer {
            ValuesLayer::Inline(text) => texts.push(text.clone()),
            ValuesLayer::Elsewhere { what, optional: false } => {
                rendering.problems.push(elsewhere(release, what))
            }
            ValuesLayer::Elsewhere { optional: true, .. } => {}
            ValuesLayer::File { base, path, optional, instead_of_defaults } => {
                if *instead_of_defaults && let Ok(defaults) = chart.folder.join("values.yaml") {
                    chart.files.insert(defaults, b"{}\n".to_vec());
                }
                if let FileBase::Root(origin) = base
                    && !origins.may_be_here(origin)
                {
                    rendering
                        .problems
                        .push(elsewhere(release, &format!("file {path} of another repository")));
                    continue;
                }
                let found = read_layer(base, path, chart, view, rendering);
                if found.is_empty() && !optional {
                    return Err(no_values_file(release, path));
                }
                texts.extend(found);
            }
        }
    }
    Ok(texts)
}

/// The texts of a layer's file, or of all that its pattern means, in lexical order.
fn read_layer(
    base: &FileBase,
    path: &str,
    chart: &ChartFiles,
    view: &View<'_>,
    rendering: &mut Rendering,
) -> Vec<String> {
    let from_chart = *base == FileBase::Chart;
    let folder = if from_chart { chart.folder.clone() } else { RepoPath::root() };
    let in_git = chart.in_git || !from_chart;
    let paths = if has_glob(path) {
        let all: BTreeSet<RepoPath> =
            if in_git { view.below(&folder) } else { chart.files.keys().cloned().collect() };
        matching(&folder, path, all)
    } else {
        folder.join(path.trim_start_matches('/')).into_iter().collect()
    };
    let mut texts = Vec::new();
    for path in paths {
        let bytes = if in_git { view.bytes(&path) } else { chart.files.get(&path).cloned() };
        if let Some(text) = bytes.and_then(|bytes| String::from_utf8(bytes).ok()) {
            texts.push(text);
            if in_git {
                rendering.files.insert(path);
            }
        }
    }
    texts
}

fn named(release: &Release) -> String {
    release.object.as_ref().map_or_else(|| format!("release {}", release.name), ToString::to_string)
}

fn of_release(problem: Problem, release: &Release) -> Problem {
    Problem { text: format!("{}: {}", named(release), problem.text), ..problem }
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

fn elsewhere(release: &Release, what: &str) -> Problem {
    let text = format!("{} takes values from {what}, which the repository does not show", named(release));
    let help =
        "values of resources should not come from there; what the repository shows was rendered without it";
    Problem::new(codes::VALUES_ELSEWHERE, text, help)
}

fn no_values_file(release: &Release, path: &str) -> Problem {
    let text = format!("{} names the file of values `{path}`, which is not there", named(release));
    Problem::new(
        codes::VALUES_ELSEWHERE,
        text,
        "check the path; it counts from the chart or from the named source",
    )
}

fn changed_after(release: &Release, what: &str) -> Problem {
    let text = format!(
        "{} is changed after the chart is rendered, by {what}, which kubeopt does not run",
        named(release)
    );
    Problem::new(codes::VALUES_ELSEWHERE, text, "keep resources out of what it changes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_names_its_programs_and_the_first_of_its_charts() {
        let part = |program: &str, chart: Option<&str>| Part {
            release: None,
            namespace: None,
            yaml: Vec::new(),
            bare: Vec::new(),
            by: ProvenBy::Rendered(program.to_owned()),
            chart: chart.map(str::to_owned),
            unrendered: None,
        };
        let by = |parts: Vec<Part>| Rendering { parts, ..Rendering::default() }.by().to_string();
        let own = || part("kustomize v5", None);
        assert_eq!(by(vec![own()]), "rendered with kustomize v5");
        assert_eq!(
            by(vec![own(), part("helm v4", Some("web 1.2 (sha256:0)"))]),
            "rendered with kustomize v5 and helm v4, chart web 1.2 (sha256:0)"
        );
        let names = ["a", "b", "b", "c", "d", "e", "f", "g"];
        assert_eq!(
            by(names.iter().map(|name| part("helm v4", Some(name))).collect()),
            "rendered with helm v4, charts a, b, c, d, e and 2 more"
        );
    }
}
