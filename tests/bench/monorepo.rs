//! `kubeopt trace` and `set` over a generated monorepo, beside the bare renderer runs that the work needs.
//!
//! The repository is made anew each time: applications with a base and overlays of their own, and charts.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use kubeopt_gitops::Snapshot;
use kubeopt_gitops::render::Renderer;
use kubeopt_model::RepoPath;
use kubeopt_runtime::Tools;
use kubeopt_runtime::offline::{Place, Wanted, prove_set, trace_place};
use kubeopt_runtime::tracing::{Charts, Origins, RepositoryTrace, TreeIndex};
use kubeopt_runtime::wiring::renderer;
use kubeopt_tests::{OrFail, servers};

use crate::say;

/// Overlays of each application.
const OVERLAYS: [&str; 3] = ["dev", "staging", "prod"];

/// Workloads that are edited and proven.
const EDITS: usize = 50;

/// How large the repository is.
pub(crate) struct Size {
    /// Applications, of four kustomizations and nine files each.
    pub(crate) applications: usize,
    /// Charts, of three files each.
    pub(crate) charts: usize,
}

/// Makes the repository, measures, prints a table.
pub(crate) async fn run(size: &Size, program: &Path) {
    let folder = kubeopt_tests::folder("monorepo");
    let root = std::fs::canonicalize(folder.path()).or_fail("find the repository");
    let files = make(&root, size);
    let (kustomize, helm) = (servers::kustomize(), servers::helm());
    let floor = floor(&root, size, &kustomize, &helm);

    let new = || renderer(program, Some(&kustomize), Some(&helm));
    let everything = Place { root: root.clone(), folder: RepoPath::root() };
    let (cold, trace_all) = timed(trace(&everything, &new().await)).await;
    let (indexing, single) = one_workload(&root, &new().await).await;
    let single_floor = floor_of_one(&root, &kustomize);
    let (edits, edit_floor) = edit_all(&root, size, &trace_all, &new().await, &kustomize).await;

    let fields: usize = trace_all.entries.values().flatten().map(|entry| entry.fields.len()).sum();
    say(&format!(
        "{files} YAML files, {} kustomizations, {} charts; {} entry points, {fields} fields traced\n",
        size.applications * (OVERLAYS.len() + 1),
        size.charts,
        trace_all.entries.len()
    ));
    say("| work | bare renderers | kubeopt | ratio |\n|---|---:|---:|---:|");
    row("index and trace everything", Some(floor), cold);
    row("of that, the index: files read, marked, entry points found", None, indexing);
    row("trace one workload from a warm index", Some(single_floor), single);
    row(&format!("edit and prove {EDITS} workloads"), Some(edit_floor), edits);
}

fn row(what: &str, floor: Option<Duration>, own: Duration) {
    let own = own.as_secs_f64();
    let (bare, ratio) = match floor.map(|floor| floor.as_secs_f64()) {
        Some(floor) => (format!("{floor:.2} s"), format!("{:.2}", own / floor)),
        None => ("-".to_owned(), "-".to_owned()),
    };
    say(&format!("| {what} | {bare} | {own:.2} s | {ratio} |"));
}

async fn timed<T>(work: impl Future<Output = T>) -> (Duration, T) {
    let begun = Instant::now();
    let done = work.await;
    (begun.elapsed(), done)
}

async fn trace(place: &Place, renderer: &Renderer) -> RepositoryTrace {
    let charts = Charts::default();
    let tools = Tools { renderer, charts: &charts, origins: Origins::default() };
    trace_place(place, tools).await.or_fail("trace the repository")
}

/// What the index takes, and one entry point with it: three overlays share its base and are traced with it.
async fn one_workload(root: &Path, renderer: &Renderer) -> (Duration, Duration) {
    let charts = Charts::default();
    let tools = Tools { renderer, charts: &charts, origins: Origins::default() };
    let snapshot = Snapshot::of_folder(root).or_fail("list the repository");
    let begun = Instant::now();
    let index = TreeIndex::read(&snapshot).or_fail("read the repository");
    let indexing = begun.elapsed();
    let folder = RepoPath::new("apps/app-0/prod").expect("a literal that is a path");
    let (single, traced) = timed(index.trace(&folder, tools)).await;
    assert_eq!(traced.entries.len(), OVERLAYS.len(), "the overlays of one application");
    (indexing, single)
}

fn floor_of_one(root: &Path, kustomize: &Path) -> Duration {
    let jobs =
        OVERLAYS.map(|overlay| (kustomize, vec!["build".into(), root.join("apps/app-0").join(overlay)]));
    all_bare(&jobs)
}

/// Edits one workload after the other in a trace that is there; the floor is two renderings of each.
async fn edit_all(
    root: &Path,
    size: &Size,
    trace: &RepositoryTrace,
    renderer: &Renderer,
    kustomize: &Path,
) -> (Duration, Duration) {
    let charts = Charts::default();
    let tools = Tools { renderer, charts: &charts, origins: Origins::default() };
    let numbers = 0..EDITS.min(size.applications);
    let wanted = ["cpu.request=310m".parse::<Wanted>().expect("a literal that is a field and its value")];
    let begun = Instant::now();
    for number in numbers.clone() {
        let folder = RepoPath::new(&format!("apps/app-{number}/prod")).expect("a made-up path");
        let place = Place { root: root.to_owned(), folder };
        let selection = format!("app-{number}").parse().or_fail("read a selection");
        let proven = prove_set(trace, &place, &selection, &wanted, tools).await.or_fail("prove an edit");
        assert_eq!(proven.files.len(), 1, "one file is edited");
    }
    let own = begun.elapsed();
    let side = |number| (kustomize, vec!["build".into(), root.join(format!("apps/app-{number}/prod"))]);
    let jobs: Vec<Job<'_>> = numbers.flat_map(|number| [side(number), side(number)]).collect();
    (own, all_bare(&jobs))
}

/// A program and its arguments.
type Job<'a> = (&'a Path, Vec<PathBuf>);

/// Every entry point rendered once by the bare programs.
fn floor(root: &Path, size: &Size, kustomize: &Path, helm: &Path) -> Duration {
    let mut jobs: Vec<Job<'_>> = Vec::new();
    for number in 0..size.applications {
        for overlay in OVERLAYS {
            jobs.push((kustomize, vec!["build".into(), root.join(format!("apps/app-{number}/{overlay}"))]));
        }
    }
    for number in 0..size.charts {
        jobs.push((helm, vec!["template".into(), root.join(format!("charts/chart-{number}"))]));
    }
    all_bare(&jobs)
}

/// Runs them, as many at once as kubeopt runs.
fn all_bare(jobs: &[Job<'_>]) -> Duration {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _thread in 0..threads {
            scope.spawn(|| {
                while let Some((program, arguments)) =
                    jobs.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
                {
                    bare(program, arguments);
                }
            });
        }
    });
    begun.elapsed()
}

fn bare(program: &Path, arguments: &[PathBuf]) {
    let status = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .or_fail("run a bare renderer");
    assert!(status.success(), "{} failed on {arguments:?}", program.display());
}

/// Writes the repository; gives the number of its YAML files.
fn make(root: &Path, size: &Size) -> usize {
    let mut files = 0;
    let mut write = |path: String, text: String| {
        let place = root.join(path);
        std::fs::create_dir_all(place.parent().expect("a file lies in a folder")).or_fail("make a folder");
        std::fs::write(place, text).or_fail("write a file");
        files += 1;
    };
    for number in 0..size.applications {
        let app = format!("apps/app-{number}");
        write(
            format!("{app}/base/kustomization.yaml"),
            "resources: [deployment.yaml, service.yaml]\n".to_owned(),
        );
        write(format!("{app}/base/deployment.yaml"), deployment(number));
        write(format!("{app}/base/service.yaml"), service(number));
        for overlay in OVERLAYS {
            let text =
                format!("namespace: {overlay}\nresources: [../base]\npatches:\n  - path: resources.yaml\n");
            write(format!("{app}/{overlay}/kustomization.yaml"), text);
            write(format!("{app}/{overlay}/resources.yaml"), patch(number));
        }
    }
    for number in 0..size.charts {
        let chart = format!("charts/chart-{number}");
        write(
            format!("{chart}/Chart.yaml"),
            format!("apiVersion: v2\nname: chart-{number}\nversion: 0.1.0\n"),
        );
        write(format!("{chart}/values.yaml"), VALUES.to_owned());
        write(format!("{chart}/templates/deployment.yaml"), template(number));
    }
    files
}

const VALUES: &str = "resources:\n  requests:\n    cpu: 100m\n    memory: 128Mi\n";

fn deployment(number: usize) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata:
  name: app-{number}
spec:
  selector: {{matchLabels: {{app: app-{number}}}}}
  template:
    metadata: {{labels: {{app: app-{number}}}}}
    spec:
      containers:
        - name: main
          image: registry.example/app:1
          resources:
            requests:
              cpu: 500m
              memory: 512Mi
            limits:
              memory: 1Gi
"
    )
}

fn service(number: usize) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: app-{number}}}\nspec:\n  selector: {{app: app-{number}}}\n  ports: [{{port: 80}}]\n"
    )
}

fn patch(number: usize) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata:
  name: app-{number}
spec:
  template:
    spec:
      containers:
        - name: main
          resources:
            requests:
              cpu: 250m
"
    )
}

fn template(number: usize) -> String {
    let name = format!("chart-{number}");
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
spec:
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      containers:
        - name: main
          image: registry.example/chart:1
          resources: {{{{- toYaml .Values.resources | nindent 12 }}}}
"
    )
}
