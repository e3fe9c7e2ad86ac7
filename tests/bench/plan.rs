//! `kubeopt plan` over real repositories: how much of them is traced and edited, what is refused and why, and whether
//! any byte changes that should not.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use kubeopt_forge::LocalForge;
use kubeopt_gitops::render::{KustomizeBinary, Renderer};
use kubeopt_gitops::{GitStore, Location, Remote};
use kubeopt_history::{MemoryUsage, SqliteJournal};
use kubeopt_model::recommendation::{SiteAddition, SiteChange, SitePatch};
use kubeopt_model::{
    Binding, FileSet, ForgeName, NoRecommendation, RepoPath, RepositoryId, Source, SourceMapping, Timestamp,
};
use kubeopt_runtime::Tools;
use kubeopt_runtime::edges::{ClusterEdge, Edges, Kept};
use kubeopt_runtime::pipeline::{PassReport, plan};
use kubeopt_runtime::pricing::Terms;
use kubeopt_runtime::tracing::{Charts, Origins, RepositoryTrace};
use kubeopt_runtime::wiring::local_edge;
use kubeopt_tests::{OrFail, servers};

use crate::bytes::foreign_change;
use crate::say;
use crate::world::{self, Running};

/// History that is read: all that the world has.
const HISTORY_S: i64 = 14 * 86_400;

/// Figures of one repository.
#[derive(Default)]
struct Figures {
    name: String,
    entries: usize,
    containers: usize,
    traced: usize,
    edited: usize,
    files: usize,
    proofs: usize,
    seconds: f64,
    /// What is refused or left, by code or reason, with its number.
    refused_entries: BTreeMap<String, usize>,
    refused_fields: BTreeMap<String, usize>,
    left: BTreeMap<String, usize>,
    /// What must not be: foreign bytes, proofs that failed.
    wrong: Vec<String>,
}

/// Plans every repository of a folder. Fails where a byte changes that should not, or a proof does not hold.
pub(crate) async fn run(repositories: &Path, program: &Path) -> ExitCode {
    kubeopt_net::install_crypto_provider();
    let kustomize =
        KustomizeBinary::find(Some(&servers::kustomize())).await.expect("the pinned kustomize answers");
    let renderer = Renderer::new(program.to_owned(), Some(kustomize), None);
    let mut folders: Vec<_> = std::fs::read_dir(repositories)
        .or_fail("list the repositories")
        .map(|entry| entry.or_fail("list the repositories").path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    let mut all = Vec::new();
    for folder in folders {
        all.push(one(&folder, &renderer).await);
    }
    say(&table(&all));
    let wrong: Vec<&String> = all.iter().flat_map(|figures| &figures.wrong).collect();
    wrong.iter().for_each(|sentence| say(&format!("WRONG: {sentence}")));
    if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn one(folder: &Path, renderer: &Renderer) -> Figures {
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let scratch = kubeopt_tests::folder("plan");
    let forge = LocalForge::open(scratch.path().join("forge")).or_fail("open a local forge");
    let forge_name = ForgeName::new("local").expect("a literal that is a name");
    let repository =
        RepositoryId { forge: forge_name.clone(), owner: "public".to_owned(), name: name.clone() };
    let mut files = FileSet::new();
    read_files(folder, folder, &mut files);
    let facts = forge.create_repository("public", &name, &files, "main").await.or_fail("make a repository");

    let git = GitStore::open(&scratch.path().join("git")).or_fail("open the cache of repositories");
    let remote = Remote { id: repository.clone(), location: Location::Local(facts.clone_url.into()) };
    let snapshot = git.fetch(&remote, None).await.or_fail("read the repository");
    let sources = world::entries(&snapshot, &repository);
    let now = Timestamp::now();
    let charts = Charts::default();
    let tools = Tools { renderer, charts: &charts, origins: Origins::default() };
    let (trace, running) = world::run(snapshot, &sources, tools, now).await;

    let mut figures = Figures { name, entries: sources.len(), ..Figures::default() };
    count_trace(&mut figures, &trace, &sources);
    let running: Vec<Running> = running.into_iter().flatten().collect();
    let all =
        |running: &Running| running.facts.workloads.iter().map(|one| one.containers.len()).sum::<usize>();
    figures.containers = running.iter().map(all).sum();
    let edges = edges(scratch.path(), &sources, running, renderer, (forge, forge_name)).await;
    let begun = Instant::now();
    let report = plan(&edges, now).await.expect("a plan on recorded usage");
    figures.seconds = begun.elapsed().as_secs_f64();
    count_report(&mut figures, &report);
    figures
}

/// All regular files below a folder.
fn read_files(root: &Path, folder: &Path, files: &mut FileSet) {
    for entry in std::fs::read_dir(folder).or_fail("list a repository") {
        let entry = entry.or_fail("list a repository");
        let kind = entry.file_type().or_fail("look at a file of a repository");
        let path = entry.path();
        if kind.is_dir() {
            read_files(root, &path, files);
        } else if kind.is_file() {
            let relative =
                path.strip_prefix(root).expect("it was found below the root").to_string_lossy().into_owned();
            if let Ok(name) = RepoPath::new(&relative) {
                files.insert(name, std::fs::read(&path).or_fail("read a file of a repository"));
            }
        }
    }
}

async fn edges(
    scratch: &Path,
    sources: &[Source],
    running: Vec<Running>,
    renderer: &Renderer,
    (forge, forge_name): (LocalForge, ForgeName),
) -> Edges {
    let mapping = |source: &Source| SourceMapping {
        cluster: source.cluster.clone(),
        namespaces: Vec::new(),
        repository: source.repository.clone(),
        branch: None,
        path: source.entry.clone(),
        renderer: source.renderer,
    };
    let binding = |source: &Source| Binding {
        clusters: vec![source.cluster.clone()],
        namespaces: Vec::new(),
        repository: source.repository.clone(),
        paths: Vec::new(),
    };
    let cluster = |running: Running| ClusterEdge {
        name: running.facts.cluster.clone(),
        metrics: Some(Box::new(running.usage.clone())),
        facts: Box::new(running),
        metrics_at: "recorded usage".to_owned(),
        terms: Terms::default(),
    };
    let kept = Kept {
        history: Box::new(MemoryUsage::default()),
        journal: Box::new(SqliteJournal::in_memory().await.or_fail("make a journal")),
        git: GitStore::open(&scratch.join("git")).or_fail("open the cache of repositories"),
        renderer: renderer.clone(),
    };
    Edges {
        clusters: running.into_iter().map(cluster).collect(),
        forges: [(forge_name.clone(), local_edge(forge, &forge_name))].into(),
        bindings: sources.iter().map(binding).collect(),
        mappings: sources.iter().map(mapping).collect(),
        history_seconds: HISTORY_S,
        ..Edges::of(kept)
    }
}

/// What the trace of the live entry points says, field by field.
fn count_trace(figures: &mut Figures, trace: &RepositoryTrace, sources: &[Source]) {
    for source in sources {
        let entry = match trace.of(source) {
            Some(Ok(entry)) => entry,
            Some(Err(problem)) => {
                say(&format!("{}: {}: {} ({})", figures.name, source.entry, problem.text, problem.code));
                *figures.refused_entries.entry(problem.code.clone()).or_default() += 1;
                continue;
            }
            None => continue,
        };
        for problem in &entry.unread {
            *figures.refused_entries.entry(format!("{} (a document)", problem.code)).or_default() += 1;
        }
        for field in &entry.fields {
            match &field.site {
                Ok(_) => figures.traced += 1,
                Err(problem) => *figures.refused_fields.entry(problem.code.clone()).or_default() += 1,
            }
        }
    }
}

/// What the plan does, and whether it does nothing else.
fn count_report(figures: &mut Figures, report: &PassReport) {
    for proposal in &report.decided.proposals {
        let changes: Vec<&SiteChange> = proposal
            .change_set
            .recommendations
            .iter()
            .flat_map(|recommendation| &recommendation.changes)
            .collect();
        let recommendations = &proposal.change_set.recommendations;
        let additions: Vec<&SiteAddition> =
            recommendations.iter().flat_map(|recommendation| &recommendation.additions).collect();
        let patches: Vec<&SitePatch> =
            recommendations.iter().flat_map(|recommendation| &recommendation.patches).collect();
        figures.edited += changes.len() + additions.len() + patches.len();
        figures.files += proposal.change_set.files.len();
        figures.proofs += proposal.verifications.len();
        let files = &proposal.change_set.files;
        let foreign = files.iter().filter_map(|file| foreign_change(file, &changes, &additions, &patches));
        figures.wrong.extend(foreign.map(|sentence| format!("{}: {sentence}", figures.name)));
        if proposal.verifications.is_empty() {
            figures.wrong.push(format!("{}: {} was not proven", figures.name, proposal.change_set.group));
        }
    }
    for problem in &report.decided.problems {
        figures.wrong.push(format!("{}: {} ({})", figures.name, problem.text, problem.code));
    }
    for left in &report.decided.left {
        *figures.left.entry(reason(&left.why)).or_default() += left.containers.len();
    }
}

/// A reason in a word, or the code of the problem behind it.
fn reason(why: &NoRecommendation) -> String {
    match why {
        NoRecommendation::NotEditable(problem) | NoRecommendation::NoSource(problem) => problem.code.clone(),
        NoRecommendation::NoUsage => "no usage".to_owned(),
        NoRecommendation::TooLittleHistory { .. } | NoRecommendation::TooFewRuns { .. } => {
            "too little history".to_owned()
        }
        NoRecommendation::ScaledOnThisResource { .. } => "scaled".to_owned(),
        NoRecommendation::Disabled { .. } => "disabled".to_owned(),
        NoRecommendation::AlreadyRight => "already right".to_owned(),
        NoRecommendation::TooSmall => "too small a change".to_owned(),
        NoRecommendation::Refused { guardrail, .. } => format!("guardrail {guardrail}"),
        NoRecommendation::PartialData { .. } => "partial data".to_owned(),
    }
}

fn table(all: &[Figures]) -> String {
    let mut lines = vec![
        "\n| repository | entry points | containers | fields traced | fields refused | edited | files | proofs | containers left | entry points refused | foreign bytes | time |".to_owned(),
        "|---|---:|---:|---:|---|---:|---:|---:|---|---|---:|---:|".to_owned(),
    ];
    for one in all {
        lines.push(format!(
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {:.1} s |",
            one.name,
            one.entries,
            one.containers,
            one.traced,
            counted(&one.refused_fields),
            one.edited,
            one.files,
            one.proofs,
            counted(&one.left),
            counted(&one.refused_entries),
            one.wrong.len(),
            one.seconds
        ));
    }
    lines.join("\n")
}

/// `E-SRC-016: 120, E-SRC-004: 2`
fn counted(counts: &BTreeMap<String, usize>) -> String {
    if counts.is_empty() {
        return "-".to_owned();
    }
    let parts: Vec<String> = counts.iter().map(|(what, count)| format!("{what}: {count}")).collect();
    parts.join(", ")
}
