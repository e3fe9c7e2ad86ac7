//! `kubeopt scan`, the real process, against a Prometheus with weeks of history: time, queries, samples, memory.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use kubeopt_tests::OrFail;
use kubeopt_tests::kubernetes::Kubernetes;
use serde_json::Value;

use crate::options::Load;
use crate::store::{Server, Store};
use crate::{cluster, floor, say};

/// How often a running process is looked at. Its highest memory and its time are counters, so that only what changes in
/// its last moment is missed.
const LOOK: Duration = Duration::from_millis(10);

/// Clock ticks of /proc in a second: 100 on every Linux that Rust runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// What one run took.
struct Run {
    wall: Duration,
    cpu_s: f64,
    server_cpu_s: f64,
    peak_bytes: u64,
    queries: Vec<Value>,
    report: Value,
}

/// What all rounds took: the shortest times.
struct Figures {
    containers: usize,
    raw_samples: u64,
    rows: usize,
    samples: u64,
    queries: usize,
    answer_bytes: u64,
    wall: Duration,
    cpu_s: f64,
    server_cpu_s: f64,
    peak_bytes: u64,
    floor: Duration,
}

/// Measures with all containers, and with a tenth of them.
pub(crate) async fn run(load: &Load, program: &Path) {
    let temporary = kubeopt_tests::folder("bench");
    let folder = load.keep.as_deref().unwrap_or(temporary.path());
    let profile =
        if program.components().any(|part| part.as_os_str() == "release") { "release" } else { "dev" };
    say(&format!(
        "kubeopt scan ({profile} profile), {} days of history, one sample in {} s, best of {} rounds",
        load.days, load.step_s, load.rounds
    ));
    let mut all = Vec::new();
    for containers in [load.containers, (load.containers / 10).max(2)] {
        all.push(measure(load, containers, folder, program).await);
    }
    say(&table(&all));
}

async fn measure(load: &Load, containers: usize, folder: &Path, program: &Path) -> Figures {
    let store = Store::make(load, containers, folder).await;
    let server = store.serve().await;
    let kubernetes = cluster::start(containers).await;
    let scratch = kubeopt_tests::folder("scan");
    // The first run warms the page cache for both, and tells the queries.
    let first = scan(load, program, &server, &kubernetes, scratch.path());
    let mut floors = Vec::new();
    let mut runs = Vec::new();
    for round in 1..=load.rounds {
        let floor = floor::replay(&server.url, &first.queries, scratch.path());
        let run = scan(load, program, &server, &kubernetes, scratch.path());
        say(&format!(
            "round {round}, {containers} containers: curl {:.2} s, kubeopt {:.2} s (CPU {:.2} s, Prometheus {:.2} s)",
            floor.wall.as_secs_f64(),
            run.wall.as_secs_f64(),
            run.cpu_s,
            run.server_cpu_s
        ));
        floors.push(floor);
        runs.push(run);
    }
    let best = runs.iter().min_by_key(|run| run.wall).expect("there is at least one round");
    let floor = floors.iter().min_by_key(|floor| floor.wall).expect("there is at least one round");
    Figures {
        containers,
        raw_samples: store.samples,
        rows: best.report["rows"].as_array().map_or(0, Vec::len),
        samples: best.report["metrics"]["samples"].as_u64().unwrap_or_default(),
        queries: best.queries.len(),
        answer_bytes: floor.bytes,
        wall: best.wall,
        cpu_s: best.cpu_s,
        server_cpu_s: best.server_cpu_s,
        peak_bytes: runs.iter().map(|run| run.peak_bytes).max().unwrap_or_default(),
        floor: floor.wall,
    }
}

fn scan(load: &Load, program: &Path, server: &Server, kubernetes: &Kubernetes, folder: &Path) -> Run {
    let before = server.queries().len();
    let server_before = cpu_s(server.process.id());
    let output = folder.join("scan.json");
    let errors = folder.join("scan.err");
    let begun = Instant::now();
    let mut child = Command::new(program)
        .args(["scan", "--quiet", "--output", "json", "--history"])
        .arg(format!("{}d", load.days))
        .args(["--prometheus", &server.url])
        .arg("--kubeconfig")
        .arg(kubernetes.kubeconfig())
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .stdin(Stdio::null())
        .stdout(File::create(&output).or_fail("make a file for the scan"))
        .stderr(File::create(&errors).or_fail("make a file for the scan"))
        .spawn()
        .or_fail("start kubeopt");
    let (mut cpu, mut peak_bytes) = (0.0, 0);
    let status = loop {
        cpu = cpu_s(child.id()).max(cpu);
        peak_bytes = peak_bytes.max(resident_bytes_max(child.id()));
        if let Some(status) = child.try_wait().or_fail("wait for kubeopt") {
            break status;
        }
        std::thread::sleep(LOOK);
    };
    let wall = begun.elapsed();
    let said = std::fs::read_to_string(&errors).unwrap_or_default();
    assert!(status.success(), "kubeopt scan failed ({status}): {said}");
    if !said.trim().is_empty() {
        say(&format!("kubeopt said: {}", said.trim()));
    }
    let json = std::fs::read(&output).or_fail("read the scan");
    Run {
        wall,
        cpu_s: cpu,
        server_cpu_s: cpu_s(server.process.id()) - server_before,
        peak_bytes,
        queries: server.queries().split_off(before),
        report: serde_json::from_slice(&json).or_fail("read the scan"),
    }
}

/// CPU time of a process so far, all threads, user and system.
pub(crate) fn cpu_s(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name of the program, in brackets, may hold blanks; utime and stime are the 12th and 13th field after it.
    let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
    let ticks: f64 =
        after.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    ticks / TICKS_PER_SECOND
}

/// The highest resident set of a process so far; 0 once it has ended.
pub(crate) fn resident_bytes_max(process: u32) -> u64 {
    of_status(process, "VmHWM:")
}

/// The resident set of a process now; 0 once it has ended.
pub(crate) fn resident_bytes(process: u32) -> u64 {
    of_status(process, "VmRSS:")
}

fn of_status(process: u32, key: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    let kib: Option<u64> = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    kib.unwrap_or(0) * 1024
}

fn table(all: &[Figures]) -> String {
    let mut lines = vec![
        "\n| containers | raw samples | queries | samples read | answers | curl | kubeopt | ratio | kubeopt CPU | Prometheus CPU | peak RSS |".to_owned(),
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|".to_owned(),
    ];
    for one in all {
        lines.push(format!(
            "| {} ({} rows) | {} | {} | {} | {:.1} MB | {:.2} s | {:.2} s | {:.2} | {:.2} s | {:.2} s | {:.0} MB |",
            one.containers,
            one.rows,
            one.raw_samples,
            one.queries,
            one.samples,
            one.answer_bytes as f64 / 1e6,
            one.floor.as_secs_f64(),
            one.wall.as_secs_f64(),
            one.wall.as_secs_f64() / one.floor.as_secs_f64(),
            one.cpu_s,
            one.server_cpu_s,
            one.peak_bytes as f64 / 1e6
        ));
    }
    lines.join("\n")
}
