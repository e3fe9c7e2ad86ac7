//! The folders of `tests/scenarios/trace`, and what is done to copies of them.

use std::path::{Path, PathBuf};
use std::process::Command;

use kubeopt_gitops::render::Renderer;
use kubeopt_model::EditSite;
use kubeopt_runtime::Tools;
use kubeopt_runtime::offline::{EntryLines, FieldState, Place, TraceReport, report, trace_place};
use kubeopt_runtime::tracing::{Charts, Origins};
use kubeopt_tests::{OrFail, servers};
use serde_yaml::Value;
use tempfile::TempDir;

use crate::program::binary;

/// One folder.
pub(crate) struct Scenario {
    pub(crate) name: String,
    folder: PathBuf,
}

impl Scenario {
    pub(crate) fn all() -> Vec<Self> {
        let mut names: Vec<String> = std::fs::read_dir(root())
            .or_fail("list the scenarios")
            .map(|entry| entry.or_fail("list the scenarios").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        assert!(names.len() > 20, "only {names:?} were found");
        names.iter().map(|name| Self::named(name)).collect()
    }

    pub(crate) fn named(name: &str) -> Self {
        let folder = root().join(name);
        assert!(folder.join("in").is_dir(), "{} is no scenario", folder.display());
        Self { name: name.to_owned(), folder }
    }

    /// The charts that are given to the command.
    pub(crate) fn charts(&self) -> Vec<(String, PathBuf)> {
        let charts = std::fs::read_dir(self.folder.join("charts")).into_iter().flatten();
        charts.flatten().map(|one| (one.file_name().to_string_lossy().into_owned(), one.path())).collect()
    }

    /// Its files as a repository of their own.
    pub(crate) fn copy(&self) -> TempDir {
        let folder = kubeopt_tests::folder("trace");
        copy(&self.folder.join("in"), folder.path());
        // Where the repository begins.
        std::fs::create_dir(folder.path().join(".git")).or_fail("make a folder");
        folder
    }

    pub(crate) async fn trace(&self) -> TraceReport {
        traced(self.copy().path(), &self.charts()).await
    }

    /// The trace where there is neither a renderer nor a chart from elsewhere.
    pub(crate) async fn trace_in_files(&self) -> TraceReport {
        let (renderer, charts) = (Renderer::new(binary(), None, None), Charts::default());
        let tools = Tools { renderer: &renderer, charts: &charts, origins: Origins::default() };
        let folder = self.copy();
        let place = Place::find(folder.path()).expect("the folder is there");
        let trace = trace_place(&place, tools).await.unwrap_or_else(|problem| panic!("{problem:?}"));
        report(&trace, &place)
    }

    /// What differs from the file of the scenario, unless that is to be written anew.
    pub(crate) fn compare_with(&self, golden: &str, found: &str) -> Option<String> {
        let file = self.folder.join(golden);
        if std::env::var_os("KUBEOPT_BLESS").is_some() {
            if found.is_empty() {
                // Most scenarios have nothing to say here.
                drop(std::fs::remove_file(&file));
            } else {
                std::fs::write(&file, found).or_fail("write a golden file");
            }
            return None;
        }
        let expected = std::fs::read_to_string(&file).unwrap_or_default();
        let only = |these: &str, those: &str, sign: &str| -> Vec<String> {
            these
                .lines()
                .filter(|line| !those.lines().any(|other| other == *line))
                .map(|line| format!("{sign}{line}"))
                .collect()
        };
        (expected != found).then(|| {
            let lines = [only(&expected, found, "-"), only(found, &expected, "+")].concat();
            format!("{}:\n{}", self.name, lines.join("\n"))
        })
    }
}

/// The trace of a folder.
pub(crate) async fn traced(folder: &Path, charts: &[(String, PathBuf)]) -> TraceReport {
    let renderer = renderer().await;
    let charts = Charts::given(charts).expect("the charts can be read");
    let tools = Tools { renderer: &renderer, charts: &charts, origins: Origins::default() };
    let place = Place::find(folder).expect("the folder is there");
    let trace = trace_place(&place, tools)
        .await
        .unwrap_or_else(|problem| panic!("{}: {problem:?}", folder.display()));
    report(&trace, &place)
}

/// The line that sets a field.
pub(crate) fn set_by(state: &FieldState) -> Option<&EditSite> {
    match state {
        FieldState::Set { site } => Some(site),
        FieldState::Creatable { .. } | FieldState::Refused { .. } => None,
    }
}

/// The report without entry points that are plain, and so are their own rendering.
pub(crate) fn unrendered_only(report: &TraceReport) -> String {
    let is_plain = |entry: &&EntryLines| {
        entry.by.as_deref() == Some("parsed") && entry.problems.iter().all(|one| one.code != "E-SRC-210")
    };
    let mut rest = report.clone();
    rest.entries = report.entries.iter().filter(|entry| !is_plain(entry)).cloned().collect();
    if rest.entries.is_empty() { String::new() } else { super::golden::text(&rest) }
}

/// The pinned programs in the full sandbox.
pub(crate) async fn renderer() -> Renderer {
    kubeopt_runtime::wiring::renderer(&binary(), Some(&servers::kustomize()), Some(&servers::helm())).await
}

/// The program, with nothing but a home and the pinned renderers.
pub(crate) fn kubeopt(home: &Path) -> Command {
    let mut command = Command::new(binary());
    command
        .env_clear()
        .env("HOME", home)
        .env("NO_COLOR", "1")
        .env("KUBEOPT_KUSTOMIZE", servers::kustomize())
        .env("KUBEOPT_HELM", servers::helm());
    command
}

/// In which order keys are written.
#[derive(Clone, Copy)]
pub(crate) enum Order {
    Forward,
    Backward,
}

/// Writes every file of values, and every manifest, with its keys in one order.
pub(crate) fn reorder(folder: &Path, order: Order) {
    for entry in std::fs::read_dir(folder).or_fail("list a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            // Templates are no YAML.
            if !path.ends_with("templates") {
                reorder(&path, order);
            }
        } else if path.extension().is_some_and(|ending| ending == "yaml") {
            let text = std::fs::read_to_string(&path).or_fail("read a file");
            let documents: Vec<String> = serde_yaml::Deserializer::from_str(&text)
                .map(|document| {
                    let value = <Value as serde::Deserialize>::deserialize(document).or_fail("read YAML");
                    serde_yaml::to_string(&ordered(value, order)).or_fail("write YAML")
                })
                .collect();
            std::fs::write(&path, documents.join("---\n")).or_fail("write a file");
        }
    }
}

fn ordered(value: Value, order: Order) -> Value {
    match value {
        Value::Mapping(entries) => {
            let entries: Vec<_> =
                entries.into_iter().map(|(key, value)| (key, ordered(value, order))).collect();
            match order {
                Order::Forward => Value::Mapping(entries.into_iter().collect()),
                Order::Backward => Value::Mapping(entries.into_iter().rev().collect()),
            }
        }
        Value::Sequence(items) => {
            Value::Sequence(items.into_iter().map(|item| ordered(item, order)).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Tagged(_) => value,
    }
}

/// The same state, wherever the key stands.
pub(crate) fn forget_line(state: &mut FieldState) {
    match state {
        FieldState::Set { site } | FieldState::Creatable { site } => site.line = 1,
        FieldState::Refused { why } => why.place = None,
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/trace")
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).or_fail("make a folder");
    for entry in std::fs::read_dir(from).or_fail("list a scenario").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target).or_fail("copy a file");
        }
    }
}
