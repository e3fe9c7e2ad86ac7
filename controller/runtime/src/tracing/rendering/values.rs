//! The layers of a release's values as texts: inline, from files of the repository, from files of the chart.
//!
//! Must not know what a chart makes of them; starts no renderer.

use std::collections::BTreeSet;

use kubeopt_gitops::release::{has_glob, matching};
use kubeopt_model::release::{FileBase, ValuesLayer};
use kubeopt_model::{Problem, Release, RepoPath};

use super::parts::{Rendering, named};
use crate::codes;
use crate::tracing::charts::ChartFiles;
use crate::tracing::origins::Origins;
use crate::tracing::view::View;

/// The texts of all layers, lowest first. A file that stands for the chart's own values replaces them.
pub(super) fn values(
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
