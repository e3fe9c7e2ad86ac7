//! The rules of the house, as ARCHITECTURE.md states them: layers, pure crates, homes of heavy libraries, documents that
//! name only what exists. Needs no server.

mod circles;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};

/// Layer of each crate; a crate uses only lower layers, and R1 crates do not use each other.
const LAYERS: &[(&str, u8)] = &[
    ("kubeopt-model", 0),
    ("kubeopt-signal", 0),
    ("kubeopt-sample", 0),
    ("kubeopt-lstm", 0),
    ("kubeopt-buffer", 0),
    ("kubeopt-proto", 0),
    ("kubeopt-outlook", 0),
    ("kubeopt-strategies", 0),
    ("kubeopt-net", 0),
    ("kubeopt-agents", 1),
    ("kubeopt-api", 1),
    ("kubeopt-cluster", 1),
    ("kubeopt-observe", 1),
    ("kubeopt-history", 1),
    ("kubeopt-backtest", 1),
    ("kubeopt-findings", 1),
    ("kubeopt-federation", 1),
    ("kubeopt-forecast", 1),
    ("kubeopt-recommend", 1),
    ("kubeopt-commands", 1),
    ("kubeopt-cost", 1),
    ("kubeopt-policy", 1),
    ("kubeopt-manifest", 1),
    ("kubeopt-gitops", 1),
    ("kubeopt-report", 1),
    ("kubeopt-forge", 1),
    ("kubeopt-reason", 1),
    ("kubeopt-notify", 1),
    ("kubeopt-server", 1),
    ("kubeopt-player", 2),
    ("kubeopt-runtime", 2),
    ("kubeopt-agent", 2),
    ("kubeopt", 3),
];

/// Crates that are values in, values out.
const PURE: &[&str] = &[
    "kubeopt-model",
    "kubeopt-lstm",
    "kubeopt-buffer",
    "kubeopt-sample",
    "kubeopt-outlook",
    "kubeopt-signal",
    "kubeopt-strategies",
    "kubeopt-findings",
    "kubeopt-federation",
    "kubeopt-forecast",
    "kubeopt-backtest",
    "kubeopt-recommend",
    "kubeopt-commands",
    "kubeopt-cost",
    "kubeopt-policy",
    "kubeopt-manifest",
    "kubeopt-report",
];

/// What no pure crate may reach, not even through others.
const IMPURE: &[&str] = &["tokio", "kube", "reqwest", "git2", "sqlx", "tonic", "axum", "polars", "hyper"];

/// Libraries with one home (or two); everyone else asks their crate.
const HOMES: &[(&str, &[&str])] = &[
    ("polars", &["kubeopt-history"]),
    ("sqlx", &["kubeopt-history"]),
    ("kube", &["kubeopt-cluster"]),
    ("git2", &["kubeopt-gitops", "kubeopt-forge"]),
    ("russh", &["kubeopt-gitops"]),
    ("reqwest", &["kubeopt-net"]),
    ("yaml-edit", &["kubeopt-manifest"]),
    ("yaml-rust2", &["kubeopt-manifest", "kubeopt-api"]),
    ("linfa", &["kubeopt-forecast"]),
    ("tera", &["kubeopt-report"]),
    ("resvg", &["kubeopt-backtest"]),
    ("axum", &["kubeopt-server"]),
    ("octocrab", &["kubeopt-forge"]),
    ("prost", &["kubeopt-proto"]),
    ("tonic", &["kubeopt-proto", "kubeopt-agents", "kubeopt-agent"]),
    ("gitlab", &["kubeopt-forge"]),
    ("clap", &["kubeopt", "kubeopt-player"]),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent").to_owned()
}

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .other_options(["--locked", "--filter-platform", "x86_64-unknown-linux-gnu"].map(str::to_owned))
        .exec()
        .expect("cargo metadata of the workspace")
}

/// Normal dependencies by package name, for members and everything below them.
fn dependencies(metadata: &Metadata) -> BTreeMap<String, BTreeSet<String>> {
    let names: BTreeMap<&PackageId, &str> =
        metadata.packages.iter().map(|package| (&package.id, package.name.as_str())).collect();
    let resolve = metadata.resolve.as_ref().expect("a resolved graph");
    let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for node in &resolve.nodes {
        let uses = node
            .deps
            .iter()
            .filter(|dep| dep.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal))
            .map(|dep| names[&dep.pkg].to_owned());
        graph.entry(names[&node.id].to_owned()).or_default().extend(uses);
    }
    graph
}

fn reaches<'a>(graph: &'a BTreeMap<String, BTreeSet<String>>, from: &'a str) -> BTreeSet<&'a str> {
    let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(name) = open.pop() {
        if seen.insert(name) {
            open.extend(graph.get(name).into_iter().flatten().map(String::as_str));
        }
    }
    seen
}

#[test]
fn every_crate_stands_in_its_layer() {
    let metadata = metadata();
    let graph = dependencies(&metadata);
    let layers: BTreeMap<&str, u8> = LAYERS.iter().copied().collect();
    let members: BTreeSet<String> = metadata
        .workspace_packages()
        .iter()
        .map(|package| package.name.to_string())
        .filter(|name| name != "kubeopt-tests")
        .collect();
    let listed: BTreeSet<String> = layers.keys().map(|name| (*name).to_owned()).collect();
    assert_eq!(members, listed, "each crate has a layer in this file and a line in ARCHITECTURE.md");
    let mut wrong = Vec::new();
    for member in &members {
        for used in graph[member].iter().filter(|used| layers.contains_key(used.as_str())) {
            let (own, other) = (layers[member.as_str()], layers[used.as_str()]);
            // R0 is one vocabulary; from R1 on a layer does not see itself.
            let fine = other < own || (own == 0 && other == 0) || (member == "kubeopt" && used != "kubeopt");
            if !fine {
                wrong.push(format!("{member} (R{own}) uses {used} (R{other})"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn pure_crates_reach_nothing_impure() {
    let metadata = metadata();
    let graph = dependencies(&metadata);
    for pure in PURE {
        let reached = reaches(&graph, pure);
        let found: Vec<&&str> = IMPURE.iter().filter(|impure| reached.contains(**impure)).collect();
        assert!(found.is_empty(), "{pure} reaches {found:?}");
    }
}

#[test]
fn heavy_libraries_live_in_their_homes() {
    let metadata = metadata();
    let graph = dependencies(&metadata);
    for (library, homes) in HOMES {
        let users: Vec<&str> = LAYERS
            .iter()
            .map(|(name, _)| *name)
            .filter(|name| graph[*name].contains(*library) && !homes.contains(name))
            .collect();
        assert!(users.is_empty(), "{library} belongs to {homes:?}, and {users:?} use it too");
        assert!(
            homes.iter().all(|home| graph[*home].contains(*library)),
            "{library} is not used by {homes:?}"
        );
    }
}

/// Files that git tracks, or would.
fn tracked(pattern: &str) -> Vec<PathBuf> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", pattern])
        .current_dir(root())
        .output()
        .expect("git lists the files of the project");
    let text = String::from_utf8(listed.stdout).expect("paths in UTF-8");
    let files: Vec<PathBuf> =
        text.lines().map(PathBuf::from).filter(|path| root().join(path).exists()).collect();
    assert!(!files.is_empty(), "no file matches {pattern}");
    files
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent: Vec<PathBuf> =
        tracked("*.rs").into_iter().filter(|path| !text(path).starts_with("//!")).collect();
    assert!(silent.is_empty(), "no `//!` on the first line: {silent:#?}");
}

#[test]
fn folders_of_the_runtime_know_each_other_in_one_direction() {
    // Each with what it may name beside itself.
    let folders = [
        ("tracing", &["codes"][..]),
        ("side_by_side", &[]),
        ("foretelling", &["forecast", "panics", "side_by_side"]),
        ("finding", &["edges", "located", "panics", "policy_files", "seen", "side_by_side", "terminal_line"]),
        (
            "proposing",
            &[
                "codes",
                "edges",
                "finding",
                "foretelling",
                "located",
                "orders",
                "outlook",
                "panics",
                "policy_files",
                "pricing",
                "seen",
                "side_by_side",
                "tracing",
            ],
        ),
        (
            "publishing",
            &[
                "codes",
                "edges",
                "located",
                "orders",
                "own_fault",
                "policy_files",
                "proposing",
                "seen",
                "tracing",
            ],
        ),
        ("talking", &["codes", "edges", "located", "orders", "proposing", "publishing", "seen"]),
        ("watching", &["edges", "located", "policy_files", "proposing", "publishing", "seen", "talking"]),
        ("offline", &["codes", "proposing", "tracing"]),
        ("models", &["codes", "edges", "forecast", "own_fault", "terminal_line"]),
    ];
    let mut wrong = Vec::new();
    for (folder, known) in folders {
        for path in tracked(&format!("controller/runtime/src/{folder}*.rs")) {
            for rest in text(&path).split("crate::").skip(1) {
                let named = rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or("");
                if named != folder && !known.contains(&named) {
                    wrong.push(format!("{} names `{named}`", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn files_can_be_read_in_one_sitting() {
    let long: Vec<(PathBuf, usize)> = tracked("*.rs")
        .into_iter()
        .map(|path| (path.clone(), text(&path).lines().count()))
        .filter(|(_, lines)| *lines > 600)
        .collect();
    assert!(long.is_empty(), "over 600 lines: {long:#?}");
}

/// Texts between back-quotes that look like paths of this project.
fn named_paths(document: &str) -> BTreeSet<String> {
    let folders = ["controller", "agent", "tests", "templates", "policies", "charts", "examples", "docs"];
    document
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|name| {
            folders.iter().any(|folder| *name == *folder || name.starts_with(&format!("{folder}/")))
        })
        .filter(|name| !name.contains(char::is_whitespace) && !name.contains(['*', '<', '{']))
        .map(|name| name.trim_end_matches('/').to_owned())
        .collect()
}

#[test]
fn documents_name_only_paths_that_exist() {
    let mut missing = Vec::new();
    let mut named = 0;
    for document in tracked("*.md") {
        for path in named_paths(&text(&document)) {
            named += 1;
            // A README of a folder may speak of its own files.
            let beside = document.parent().map(|folder| root().join(folder).join(&path));
            if !root().join(&path).exists() && !beside.is_some_and(|path| path.exists()) {
                missing.push(format!("{}: {path}", document.display()));
            }
        }
    }
    assert!(named > 20, "only {named} paths were found: the search is broken");
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut broken = Vec::new();
    for document in tracked("*.md") {
        let content = text(&document);
        for target in content.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            let is_local = !file.is_empty() && !file.contains("://") && !file.starts_with("mailto:");
            let from = document.parent().unwrap_or(Path::new(""));
            if is_local
                && !document.to_string_lossy().contains("golden")
                && !root().join(from).join(file).exists()
            {
                broken.push(format!("{}: {target}", document.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn every_crate_is_in_the_architecture() {
    let architecture = text(Path::new("ARCHITECTURE.md"));
    for folder in tracked("*/Cargo.toml").into_iter().filter_map(|path| path.parent().map(Path::to_owned)) {
        let name = folder.to_string_lossy();
        assert!(architecture.contains(&format!("`{name}`")), "ARCHITECTURE.md does not name {name}");
    }
}
