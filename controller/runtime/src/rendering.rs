//! One entry point as it is applied: what its folder renders to, and what each Helm release among that renders to.
//!
//! The same function renders marked files, files as they are, and edited files, so that a trace and its proof see the
//! same thing.

use std::collections::BTreeSet;

use kubeopt_gitops::entry::is_kustomization;
use kubeopt_gitops::release::{has_glob, matching};
use kubeopt_gitops::render::{HelmArguments, RenderLimits, RenderRequest, Renderer};
use kubeopt_model::edit::ProvenBy;
use kubeopt_model::release::{FileBase, ReleaseObject, ValuesLayer};
use kubeopt_model::source::RendererKind;
use kubeopt_model::{FileSet, Namespace, Problem, Release, RepoPath};

use crate::at_hand::{bare_objects, described_releases};
use crate::charts::{ChartFiles, Charts};
use crate::codes;
use crate::origins::Origins;
use crate::trace::EntryPoint;
use crate::view::View;

/// Releases of one entry point that are rendered. The largest public repositories have some 80.
const RELEASES_MAX: usize = 500;

/// What one entry point renders to.
#[derive(Debug, Clone, Default)]
pub struct Rendering {
    /// The entry's own manifests first, then each release that is among them.
    pub parts: Vec<Part>,
    /// Releases that were not rendered, and what else could not be read; the rest was.
    pub problems: Vec<Problem>,
    /// Every file of the repository that was read.
    pub files: BTreeSet<RepoPath>,
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
}

impl Rendering {
    /// The part that was made for the same release.
    pub(crate) fn part_like(&self, part: &Part) -> Option<&Part> {
        self.parts.iter().find(|other| other.described() == part.described())
    }

    /// How all of it was made.
    pub fn by(&self) -> ProvenBy {
        let mut programs: Vec<&str> = Vec::new();
        for part in &self.parts {
            if let ProvenBy::Rendered(program) = &part.by
                && !programs.contains(&program.as_str())
            {
                programs.push(program);
            }
        }
        if programs.is_empty() { ProvenBy::Parsed } else { ProvenBy::Rendered(programs.join(" and ")) }
    }
}

impl Part {
    /// Which object describes it, and the name and namespace of its release.
    fn described(&self) -> Option<(Option<&ReleaseObject>, &str, Option<&Namespace>)> {
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
        Some(release) => render_release(release, view, tools, &mut rendering).await?,
        None => own_part(entry, view.files(reads), tools).await?,
    };
    let (found, problems) = if entry.release.is_some() {
        (Vec::new(), Vec::new())
    } else {
        described_releases(&part.yaml, view, tools.origins, &mut rendering.files)
    };
    rendering.problems.extend(problems);
    rendering.parts.push(part);
    let (mut rendered, mut failed): (Vec<ReleaseObject>, Vec<ReleaseObject>) = (Vec::new(), Vec::new());
    for release in found.iter().take(RELEASES_MAX) {
        match render_release(release, view, tools, &mut rendering).await {
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

async fn own_part(entry: &EntryPoint, files: FileSet, tools: Tools<'_>) -> Result<Part, Problem> {
    let answer = tools.renderer.render(&render_request(entry, files)).await?;
    let namespace = entry.target_namespace.clone();
    Ok(Part { release: None, namespace, bare: answer.output.clone(), yaml: answer.output, by: answer.by })
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

async fn render_release(
    release: &Release,
    view: &View<'_>,
    tools: Tools<'_>,
    rendering: &mut Rendering,
) -> Result<Part, Problem> {
    let release = &tools.origins.settled(release.clone(), view.repository());
    let mut chart = tools.charts.find(&release.chart, view, tools.origins)?;
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

/// The kustomization or chart of the folder itself is read by whoever renders it; helps to tell entries from parts.
pub fn is_own_file(file: &RepoPath, folder: &RepoPath) -> bool {
    (is_kustomization(file) || file.file_name() == "Chart.yaml") && file.parent().as_ref() == Some(folder)
}

fn named(release: &Release) -> String {
    release.object.as_ref().map_or_else(|| format!("release {}", release.name), ToString::to_string)
}

fn of_release(problem: Problem, release: &Release) -> Problem {
    Problem { text: format!("{}: {}", named(release), problem.text), ..problem }
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
