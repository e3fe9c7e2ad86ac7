//! What a chart depends on, and where that is: in its folder `charts`, beside it in the repository, or elsewhere. Pure.
//!
//! helm itself would fetch or build what is missing; kubeopt fetches nothing here and tells what is.

use std::collections::BTreeSet;

use kubeopt_model::{FileSet, Problem, RepoPath};
use serde::Deserialize;

use crate::codes;
use crate::nesting::check_nesting;

/// Charts within charts. Public ones reach three.
const DEPTH_MAX: usize = 8;

/// Most files of a chart with all that it depends on. The largest public charts have some 500.
const FILES_MAX: usize = 20_000;

/// A chart that another one depends on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct Dependency {
    /// Name of the chart.
    #[serde(default)]
    pub name: String,
    /// Version or range as written; empty where none is.
    #[serde(default)]
    pub version: String,
    /// Repository as written: `https://...`, `oci://...`, `file://../common`, `@alias`; empty where it lies in `charts`.
    #[serde(default)]
    pub repository: String,
    /// The name under which its values stand, where it is not its own.
    #[serde(default)]
    pub alias: Option<String>,
}

#[derive(Deserialize)]
struct Declared {
    #[serde(default)]
    name: String,
    #[serde(default)]
    dependencies: Option<Vec<Dependency>>,
}

/// The name that a chart gives itself.
///
/// # Errors
/// `E-REN-014` where the folder holds no chart, or its `Chart.yaml` cannot be read.
pub fn chart_name(files: &FileSet, chart: &RepoPath) -> Result<String, Problem> {
    Ok(declared(files, chart)?.name)
}

/// What a chart says it depends on, in `Chart.yaml` or, as old charts do, in `requirements.yaml`.
///
/// # Errors
/// `E-REN-014` where the folder holds no chart, or one of the two cannot be read.
pub fn dependencies(files: &FileSet, chart: &RepoPath) -> Result<Vec<Dependency>, Problem> {
    let mut all = declared(files, chart)?.dependencies.unwrap_or_default();
    if let Some(path) = chart.join("requirements.yaml").ok().filter(|path| files.contains_key(path)) {
        all.extend(read(files, &path)?.dependencies.unwrap_or_default());
    }
    Ok(all)
}

/// What a chart depends on that is neither in its folder `charts` nor beside it in the repository. Whoever has it puts it
/// into the files, at `charts/NAME` of the chart, before rendering.
///
/// # Errors
/// As [`dependencies`].
pub fn missing_dependencies(files: &FileSet, chart: &RepoPath) -> Result<Vec<Dependency>, Problem> {
    let mut all = dependencies(files, chart)?;
    all.retain(|dependency| {
        !is_in_charts(files, chart, dependency) && local_folder(files, chart, dependency).is_none()
    });
    Ok(all)
}

/// Where each file of a chart, with all that it depends on, is laid out, and which file of the set it is.
///
/// # Errors
/// `E-REN-014` as above, `E-REN-015` where a dependency is missing.
pub(crate) fn layout_of(files: &FileSet, chart: &RepoPath) -> Result<Vec<(RepoPath, RepoPath)>, Problem> {
    let mut layout = Vec::new();
    add(files, chart, chart, 0, &mut layout)?;
    Ok(layout)
}

fn add(
    files: &FileSet,
    chart: &RepoPath,
    target: &RepoPath,
    depth: usize,
    layout: &mut Vec<(RepoPath, RepoPath)>,
) -> Result<(), Problem> {
    let all = dependencies(files, chart)?;
    let missing = missing_dependencies(files, chart)?;
    if !missing.is_empty() {
        return Err(not_there(chart, &missing));
    }
    for path in files
        .range(chart.clone()..)
        .map(|(path, _)| path)
        .take_while(|path| path.as_str().starts_with(chart.as_str()))
    {
        let Some(relative) = below(path, chart) else { continue };
        layout.push((joined(target, relative)?, path.clone()));
    }
    if depth >= DEPTH_MAX || layout.len() > FILES_MAX {
        return Err(no_chart(chart, "it holds too many charts or files"));
    }
    let mut added = BTreeSet::new();
    for dependency in all.iter().filter(|dependency| !is_in_charts(files, chart, dependency)) {
        if let Some(folder) = local_folder(files, chart, dependency)
            && added.insert(folder.clone())
        {
            let into = joined(target, &format!("charts/{}", chart_name(files, &folder)?))?;
            add(files, &folder, &into, depth + 1, layout)?;
        }
    }
    Ok(())
}

fn below<'a>(path: &'a RepoPath, folder: &RepoPath) -> Option<&'a str> {
    if folder.is_root() {
        return Some(path.as_str());
    }
    path.as_str().strip_prefix(folder.as_str())?.strip_prefix('/')
}

fn joined(folder: &RepoPath, relative: &str) -> Result<RepoPath, Problem> {
    folder.join(relative).map_err(|invalid| no_chart(folder, &invalid.to_string()))
}

/// As a folder with that name, as a folder whose chart has that name, or as an archive.
fn is_in_charts(files: &FileSet, chart: &RepoPath, dependency: &Dependency) -> bool {
    let Ok(charts) = chart.join("charts") else { return false };
    let within = files.range(charts.clone()..).map(|(path, _)| path);
    within.take_while(|path| path.as_str().starts_with(charts.as_str())).any(|path| {
        let Some(relative) = below(path, &charts) else { return false };
        match relative.split_once('/') {
            None => is_archive_of(relative, &dependency.name),
            Some((folder, "Chart.yaml")) => {
                folder == dependency.name
                    || path.parent().is_some_and(|folder| {
                        chart_name(files, &folder).is_ok_and(|name| name == dependency.name)
                    })
            }
            Some(_) => false,
        }
    })
}

/// `redis-17.1.0.tgz` is an archive of `redis`; `redis-cluster-8.0.0.tgz` is not.
fn is_archive_of(file: &str, name: &str) -> bool {
    let version = file.strip_suffix(".tgz").and_then(|stem| stem.strip_prefix(name)?.strip_prefix('-'));
    version.is_some_and(|version| version.trim_start_matches('v').starts_with(|c: char| c.is_ascii_digit()))
}

/// The folder of a `file://` dependency, if it holds a chart.
fn local_folder(files: &FileSet, chart: &RepoPath, dependency: &Dependency) -> Option<RepoPath> {
    let folder = chart.join(dependency.repository.strip_prefix("file://")?).ok()?;
    // A chart that lies in itself would be laid out without end.
    let holds_it = chart.is_within(&folder);
    (!holds_it && files.contains_key(&folder.join("Chart.yaml").ok()?)).then_some(folder)
}

fn declared(files: &FileSet, chart: &RepoPath) -> Result<Declared, Problem> {
    read(files, &joined(chart, "Chart.yaml")?)
}

fn read(files: &FileSet, path: &RepoPath) -> Result<Declared, Problem> {
    let Some(bytes) = files.get(path) else {
        let folder = path.parent().unwrap_or_default();
        return Err(no_chart(&folder, "the folder has no Chart.yaml"));
    };
    check_nesting(&String::from_utf8_lossy(bytes)).map_err(|why| no_chart(path, &why))?;
    serde_yaml::from_slice(bytes).map_err(|error| no_chart(path, &error.to_string()))
}

fn no_chart(path: &RepoPath, why: &str) -> Problem {
    Problem::new(
        codes::CHART,
        format!("`{path}` is not a chart that can be rendered: {why}"),
        "check the path of the chart with `helm lint`",
    )
    .at(path.to_string(), None)
}

fn not_there(chart: &RepoPath, missing: &[Dependency]) -> Problem {
    let names: Vec<String> = missing
        .iter()
        .take(20)
        .map(|dependency| {
            let Dependency { name, version, repository, .. } = dependency;
            let from = if repository.is_empty() { String::new() } else { format!(" from {repository}") };
            let text = format!("{name} {version}").trim().to_owned() + &from;
            text.escape_debug().take(200).collect()
        })
        .collect();
    Problem::new(
        codes::DEPENDENCIES,
        format!(
            "chart `{chart}` depends on charts that are not in its folder `charts`: {}",
            names.join(", ")
        ),
        "run `helm dependency build` and commit its folder `charts`, or give the archives to kubeopt",
    )
    .at(chart.to_string(), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(list: &[(&str, &str)]) -> FileSet {
        list.iter().map(|(path, text)| (RepoPath::new(path).unwrap(), text.as_bytes().to_vec())).collect()
    }

    fn names(list: &[(&str, &str)]) -> Vec<String> {
        let missing = missing_dependencies(&files(list), &RepoPath::new("web").unwrap()).unwrap();
        missing.into_iter().map(|dependency| dependency.name).collect()
    }

    const WEB: (&str, &str) = (
        "web/Chart.yaml",
        "name: web\ndependencies: [{name: redis, version: 1.x, repository: 'https://charts.example'}, {name: common, repository: 'file://../common'}]\n",
    );

    #[test]
    fn what_is_in_charts_or_beside_the_chart_is_there() {
        assert_eq!(names(&[WEB]), ["redis", "common"]);
        assert_eq!(
            names(&[WEB, ("web/charts/redis-1.2.3.tgz", ""), ("common/Chart.yaml", "name: common")]),
            [""; 0]
        );
        assert_eq!(names(&[WEB, ("web/charts/redis-cluster-1.2.3.tgz", "")]), ["redis", "common"]);
        assert_eq!(names(&[WEB, ("web/charts/r/Chart.yaml", "name: redis")]), ["common"]);
        assert_eq!(
            names(&[("web/Chart.yaml", "{}"), ("web/requirements.yaml", "dependencies: [{name: old}]")]),
            ["old"]
        );
        assert_eq!(names(&[("web/Chart.yaml", "{}"), ("web/requirements.yaml", "{}")]), [""; 0]);
    }

    #[test]
    fn a_missing_one_is_named_with_its_version_and_repository() {
        let problem = layout_of(&files(&[WEB]), &RepoPath::new("web").unwrap()).unwrap_err();
        assert_eq!(problem.code, codes::DEPENDENCIES);
        assert!(
            problem.text.ends_with("redis 1.x from https://charts.example, common from file://../common"),
            "{problem}"
        );
    }

    #[test]
    fn charts_beside_the_chart_are_laid_out_within_it() {
        let set = files(&[
            ("web/Chart.yaml", "dependencies: [{name: common, repository: 'file://../common'}]"),
            ("web/templates/a.yaml", ""),
            ("web-2/Chart.yaml", ""),
            ("common/Chart.yaml", "name: common\ndependencies: [{name: base, repository: 'file://../base'}]"),
            ("base/Chart.yaml", "name: base"),
        ]);
        let layout = layout_of(&set, &RepoPath::new("web").unwrap()).unwrap();
        let targets: Vec<&str> = layout.iter().map(|(target, _)| target.as_str()).collect();
        assert_eq!(
            targets,
            [
                "web/Chart.yaml",
                "web/templates/a.yaml",
                "web/charts/common/Chart.yaml",
                "web/charts/common/charts/base/Chart.yaml"
            ]
        );
    }

    #[test]
    fn charts_that_depend_on_each_other_or_on_themselves_are_refused() {
        let set = files(&[
            ("a/Chart.yaml", "name: a\ndependencies: [{name: b, repository: 'file://../b'}]"),
            ("b/Chart.yaml", "name: b\ndependencies: [{name: a, repository: 'file://../a'}]"),
            ("c/Chart.yaml", "name: c\ndependencies: [{name: c, repository: 'file://.'}]"),
            ("d/Chart.yaml", "name: d\ndependencies: [{name: x, repository: 'file://../../../etc'}]"),
        ]);
        for (chart, code) in [("a", codes::CHART), ("c", codes::DEPENDENCIES), ("d", codes::DEPENDENCIES)] {
            assert_eq!(layout_of(&set, &RepoPath::new(chart).unwrap()).unwrap_err().code, code, "{chart}");
        }
    }

    #[test]
    fn a_folder_without_a_chart_is_a_problem() {
        let deep = "[".repeat(100_000);
        for list in [
            &[][..],
            &[("web/Chart.yaml", "[")],
            &[("web/Chart.yaml", "name: [a]")],
            &[("web/Chart.yaml", deep.as_str())],
            &[("web/Chart.yaml", "name: web"), ("web/requirements.yaml", deep.as_str())],
        ] {
            let problem = layout_of(&files(list), &RepoPath::new("web").unwrap()).unwrap_err();
            assert_eq!(problem.code, codes::CHART);
        }
    }
}
