//! `kubeopt trace` and `kubeopt set` over real repositories: how many fields a line sets, how many could be created, what
//! is refused and why, and whether any line is not the one that the trace says.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use kubeopt_runtime::Tools;
use kubeopt_runtime::tracing::{Charts, Origins};
use kubeopt_tests::rendered::GivenCharts;
use kubeopt_tests::{OrFail, servers};

use crate::say;
use crate::turn::{Turned, turn_everything};

/// The folder of repositories, and charts that are not among their files.
pub(crate) struct Repositories {
    pub(crate) folder: PathBuf,
    pub(crate) charts: Vec<(String, PathBuf)>,
}

/// Turns every line of every repository. Fails where a line is not what the trace says.
pub(crate) async fn run(repositories: &Repositories, program: &Path) -> ExitCode {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(&repositories.folder)
        .or_fail("list the repositories")
        .map(|entry| entry.or_fail("list the repositories").path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    let charts: GivenCharts = repositories.charts.iter().cloned().collect();
    let mut all = Vec::new();
    for folder in folders {
        let begun = Instant::now();
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let turned = one(&folder, &charts, program).await;
        turned.failed.iter().for_each(|line| say(&format!("refused by set: {name}: {line}")));
        turned.wrong.iter().for_each(|line| say(&format!("WRONG: {name}: {line}")));
        all.push((name, turned, begun.elapsed().as_secs_f64()));
    }
    say(&table(&all));
    if all.iter().all(|(_, turned, _)| turned.wrong.is_empty()) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// In a copy: the lines are really written.
async fn one(folder: &Path, charts: &GivenCharts, program: &Path) -> Turned {
    let copy = kubeopt_tests::folder("turn");
    copy_files(folder, copy.path());
    let given: Vec<(String, PathBuf)> = charts.clone().into_iter().collect();
    let given = Charts::given(&given).expect("the charts that were named can be read");
    let (kustomize, helm) = (servers::kustomize(), servers::helm());
    let renderer = kubeopt_runtime::wiring::renderer(program, Some(&kustomize), Some(&helm)).await;
    let tools = Tools { renderer: &renderer, charts: &given, origins: Origins::default() };
    turn_everything(copy.path(), tools, charts).await
}

/// Regular files and folders; links lead nowhere in a trace.
fn copy_files(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).or_fail("make a folder");
    for entry in std::fs::read_dir(from).or_fail("list a repository") {
        let entry = entry.or_fail("list a repository");
        let kind = entry.file_type().or_fail("look at a file of a repository");
        let target = to.join(entry.file_name());
        if kind.is_dir() {
            copy_files(&entry.path(), &target);
        } else if kind.is_file() {
            std::fs::copy(entry.path(), &target).or_fail("copy a file of a repository");
        }
    }
}

fn table(all: &[(String, Turned, f64)]) -> String {
    let mut lines = vec![
        "\n| repository | entry points | fields set by a line | could be created | refused, by code | entry points not rendered, by code | lines that `set` refuses | wrong lines | time |".to_owned(),
        "|---|---:|---:|---:|---|---|---:|---:|---:|".to_owned(),
    ];
    for (name, turned, seconds) in all {
        lines.push(format!(
            "| {name} | {} | {} | {} | {} | {} | {} | {} | {seconds:.0} s |",
            turned.entries,
            turned.set,
            turned.created,
            counted(&turned.refused),
            counted(&turned.unrendered),
            turned.failed.len(),
            turned.wrong.len()
        ));
    }
    lines.join("\n")
}

/// `E-SRC-016: 48`
fn counted(counts: &BTreeMap<String, usize>) -> String {
    if counts.is_empty() {
        return "-".to_owned();
    }
    let parts: Vec<String> = counts.iter().map(|(code, count)| format!("{code}: {count}")).collect();
    parts.join(", ")
}
