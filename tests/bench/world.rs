//! A world around a repository: each of its entry points is applied to a cluster of its own, every workload runs, and
//! every container uses half of what it asks for.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use kubeopt_gitops::Snapshot;
use kubeopt_gitops::entry::is_kustomization;
use kubeopt_gitops::render::Renderer;
use kubeopt_manifest::{KustomizationKind, RenderedContainer, closure, kustomization, workloads};
use kubeopt_model::cluster::{Node, Pod};
use kubeopt_model::source::{KnownFrom, RendererKind};
use kubeopt_model::usage::{Signal, UsageSeries};
use kubeopt_model::{
    Amount, Bytes, ClusterFacts, ClusterName, Container, ContainerId, Field, MilliCores, Namespace, Problem,
    RepoPath, RepositoryId, Source, Timestamp, Workload, WorkloadId, WorkloadKind,
};
use kubeopt_observe::{RecordedMetrics, STEP_S};
use kubeopt_runtime::Tools;
use kubeopt_runtime::edges::FactsSource;
use kubeopt_runtime::tracing::{RepositoryTrace, entry_point, render_request, trace_repository};

/// How much usage there is.
const DAYS: i64 = 15;

/// Runs of a Job or CronJob: one more than the default policy asks for.
const RUNS: i64 = 6;

/// What each container leaves unused, times its request: the default margin of 15 % on top of it gives half.
const USED: f64 = 0.5 / 1.15;

/// The entry points of a repository: kustomizations that no other includes, and folders of manifests that no
/// kustomization reads. Charts are left out.
pub(crate) fn entries(snapshot: &Snapshot, repository: &RepositoryId) -> Vec<Source> {
    let mut read = |path: &RepoPath| snapshot.read(path).ok().flatten();
    let kustomizations: Vec<RepoPath> = snapshot
        .paths()
        .filter(|path| is_kustomization(path))
        .filter(|path| {
            let bytes = read(path).unwrap_or_default();
            kustomization(path, &bytes).is_ok_and(|file| file.kind == KustomizationKind::Kustomization)
        })
        .cloned()
        .collect();
    let mut read_by: BTreeMap<RepoPath, BTreeSet<RepoPath>> = BTreeMap::new();
    for file in &kustomizations {
        let folder = file.parent().unwrap_or_default();
        let files = closure(&mut read, &folder).map(|closure| closure.files).unwrap_or_default();
        read_by.insert(file.clone(), files);
    }
    let is_part =
        |file: &RepoPath| read_by.iter().any(|(other, files)| other != file && files.contains(file));
    let roots = kustomizations.iter().filter(|file| !is_part(file)).filter_map(RepoPath::parent);
    let kustomized: BTreeSet<&RepoPath> = read_by.values().flatten().collect();
    let plain = plain_folders(snapshot, &kustomized);
    let all = roots.map(|path| (path, RendererKind::Kustomize));
    let all = all.chain(plain.into_iter().map(|path| (path, RendererKind::Plain)));
    all.enumerate().map(|(number, (path, renderer))| source(number, path, renderer, repository)).collect()
}

/// Folders that hold workloads which no kustomization reads; of folders in each other, the outer one.
fn plain_folders(snapshot: &Snapshot, kustomized: &BTreeSet<&RepoPath>) -> BTreeSet<RepoPath> {
    let charts: Vec<RepoPath> = snapshot
        .paths()
        .filter(|path| path.file_name() == "Chart.yaml")
        .filter_map(RepoPath::parent)
        .collect();
    let is_yaml = |path: &RepoPath| [".yaml", ".yml"].iter().any(|end| path.as_str().ends_with(end));
    let holds_workloads = |path: &RepoPath| {
        let bytes = snapshot.read(path).ok().flatten().unwrap_or_default();
        workloads(&bytes).is_ok_and(|found| !found.containers.is_empty())
    };
    let folders: BTreeSet<RepoPath> = snapshot
        .paths()
        .filter(|path| is_yaml(path) && !kustomized.contains(path))
        .filter(|path| !charts.iter().any(|chart| path.is_within(chart)))
        .filter(|path| holds_workloads(path))
        .filter_map(RepoPath::parent)
        .collect();
    let is_inner = |folder: &RepoPath| folders.iter().any(|other| other != folder && folder.is_within(other));
    folders.iter().filter(|folder| !is_inner(folder)).cloned().collect()
}

fn source(number: usize, entry: RepoPath, renderer: RendererKind, repository: &RepositoryId) -> Source {
    Source {
        cluster: ClusterName::new(format!("entry-{number}")).expect("a number makes a name"),
        repository: repository.clone(),
        branch: None,
        entry,
        renderer,
        target_namespace: None,
        overlay: None,
        release: None,
        files: kubeopt_model::source::FilesBelow::All,
        known_from: KnownFrom::Configured,
    }
}

/// A cluster that runs one entry point.
pub(crate) struct Running {
    pub(crate) facts: ClusterFacts,
    pub(crate) usage: RecordedMetrics,
}

#[async_trait]
impl FactsSource for Running {
    async fn facts(&self) -> Result<ClusterFacts, Problem> {
        Ok(self.facts.clone())
    }
}

/// Runs every entry point that can be rendered; the trace tells why others cannot.
pub(crate) async fn run(
    snapshot: Snapshot,
    sources: &[Source],
    tools: Tools<'_>,
    now: Timestamp,
) -> (RepositoryTrace, Vec<Result<Running, Problem>>) {
    let all: Vec<&Source> = sources.iter().collect();
    let trace = trace_repository(snapshot, &all, None, tools).await;
    let mut running = Vec::new();
    for source in sources {
        running.push(run_one(&trace, source, tools.renderer, now).await);
    }
    (trace, running)
}

async fn run_one(
    trace: &RepositoryTrace,
    source: &Source,
    renderer: &Renderer,
    now: Timestamp,
) -> Result<Running, Problem> {
    let entry = trace.of(source).expect("every source was traced").as_ref().map_err(Clone::clone)?;
    let file = |path: &RepoPath| Some((path.clone(), trace.snapshot.read(path).ok()??));
    let files = entry.files.iter().filter_map(file).collect();
    let rendered = renderer.render(&render_request(&entry_point(source, &trace.snapshot), files)).await?;
    let found = workloads(&rendered.output)?;
    let mut running =
        Running { facts: ClusterFacts::empty(source.cluster.clone()), usage: RecordedMetrics::default() };
    let mut by_workload: BTreeMap<WorkloadId, Vec<Container>> = BTreeMap::new();
    for container in &found.containers {
        by_workload.entry(id(source, container)).or_default().push(Container {
            name: container.container.clone(),
            role: container.role,
            image: String::new(),
            resources: container.resources,
            java: None,
            gpus: 0,
        });
    }
    for (id, containers) in by_workload {
        let spans = spans(&id, now.as_second().div_euclid(3600) * 3600);
        for (number, span) in spans.iter().enumerate() {
            running.facts.pods.push(pod(&id, number));
            containers
                .iter()
                .for_each(|container| use_half(&mut running.usage, &id, container, number, *span));
        }
        running.facts.workloads.push(workload(id, containers));
    }
    running.facts.nodes.push(node());
    Ok(running)
}

fn id(source: &Source, container: &RenderedContainer) -> WorkloadId {
    let namespace = container.workload.namespace.clone();
    WorkloadId {
        cluster: source.cluster.clone(),
        namespace: namespace.unwrap_or_else(|| Namespace::new("default").expect("a literal that is a name")),
        kind: container.workload.kind,
        name: container.workload.name.clone(),
    }
}

fn workload(id: WorkloadId, containers: Vec<Container>) -> Workload {
    Workload {
        id,
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        replicas: 1,
        containers,
        scaler: None,
        applied_by: None,
        owner: None,
        vpa: None,
    }
}

fn pod(id: &WorkloadId, number: usize) -> Pod {
    Pod {
        namespace: id.namespace.clone(),
        name: format!("{}-{number}", id.name),
        workload: Some(id.clone()),
        node: Some("node".to_owned()),
        ready: true,
        started_unix_s: None,
        oom_kills: Vec::new(),
        running: Vec::new(),
        cgroups: kubeopt_model::cluster::PodCgroups::default(),
    }
}

fn node() -> Node {
    Node {
        name: "node".to_owned(),
        instance_type: None,
        region: None,
        allocatable_cpu: MilliCores(64_000),
        allocatable_memory: Bytes::mebi(256 * 1024),
        schedulable: true,
        machine: Default::default(),
    }
}

/// When the pods of a workload live: one all the time, or one after the other for what runs and ends.
fn spans(id: &WorkloadId, end_s: i64) -> Vec<(i64, i64)> {
    let start_s = end_s - DAYS * 86_400;
    match id.kind {
        WorkloadKind::Job | WorkloadKind::CronJob => {
            let length_s = (end_s - start_s) / RUNS / STEP_S * STEP_S;
            (0..RUNS).map(|run| (start_s + run * length_s, start_s + (run + 1) * length_s)).collect()
        }
        WorkloadKind::Deployment
        | WorkloadKind::StatefulSet
        | WorkloadKind::DaemonSet
        | WorkloadKind::Rollout => {
            vec![(start_s, end_s)]
        }
    }
}

fn use_half(
    usage: &mut RecordedMetrics,
    id: &WorkloadId,
    container: &Container,
    number: usize,
    span: (i64, i64),
) {
    let asked = |field: Field, otherwise: f64| {
        container.resources.get(field).map(Amount::base).map_or(otherwise, |base| base as f64)
    };
    let cpu = asked(Field::CPU_REQUEST, 100.0) * USED;
    let memory = asked(Field::MEMORY_REQUEST, 128.0 * 1024.0 * 1024.0) * USED;
    for (signal, value) in [(Signal::CpuMillicores, cpu), (Signal::MemoryBytes, memory)] {
        let times = (span.0..span.1).step_by(usize::try_from(STEP_S).unwrap_or(1));
        usage.series.push(UsageSeries {
            container: ContainerId { workload: id.clone(), container: container.name.clone() },
            pod: format!("{}-{number}", id.name),
            signal,
            points: times.map(|at| (at, value)).collect(),
        });
    }
}
