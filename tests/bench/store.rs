//! A Prometheus with weeks of generated history, in a folder that the next run may use again.
//!
//! History is loaded in pieces of time, as a server that has run for weeks would hold it: blocks that follow each other,
//! no two of the same time.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use kubeopt_tests::process::{Launch, Process};
use kubeopt_tests::usage::{Container, Shape, Usage};
use kubeopt_tests::{OrFail, port, servers};

use crate::options::Load;
use crate::say;

/// Length of a block: one of the lengths that promtool knows, and about a gigabyte of text for 1,000 containers.
const BLOCK_S: i64 = 54 * 3600;

/// History that ended earlier is made anew: it would leave hours of the window empty.
const KEPT_S: i64 = 3600;

/// A folder of history.
pub(crate) struct Store {
    folder: PathBuf,
    /// Raw samples.
    pub(crate) samples: u64,
}

/// A server on it.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) process: Process,
    log: PathBuf,
}

impl Store {
    /// The history of so many containers: from an earlier run where one is kept, else made.
    pub(crate) async fn make(load: &Load, containers: usize, folder: &Path) -> Self {
        let folder = folder.join(format!("{containers}-containers-{}-days-{}-s", load.days, load.step_s));
        std::fs::create_dir_all(&folder).or_fail("make the folder of a history");
        let now = k8s_openapi::jiff::Timestamp::now().as_second();
        let end_s = now.div_euclid(3600) * 3600;
        let usage = usage(load, containers, end_s);
        let store = Self { folder, samples: usage.samples() };
        let stamp = store.folder.join("ends-at");
        let kept: Option<i64> =
            std::fs::read_to_string(&stamp).ok().and_then(|text| text.trim().parse().ok());
        if kept.is_some_and(|kept| end_s - kept <= KEPT_S) {
            return store;
        }
        let begun = std::time::Instant::now();
        // A folder that was never finished holds whatever an interrupted run left.
        let _none = std::fs::remove_dir_all(store.data());
        store.load(&usage, containers, load.step_s).await;
        std::fs::write(stamp, end_s.to_string()).or_fail("note when a history ends");
        let seconds = begun.elapsed().as_secs();
        say(&format!(
            "made history of {containers} containers: {} raw samples in {seconds} s",
            store.samples
        ));
        store
    }

    async fn load(&self, usage: &Usage, containers: usize, step_s: u32) {
        let (first, last) = usage.range_s();
        let mut counters = vec![Counters::default(); containers];
        let mut from = first;
        while from <= last {
            let to = (from.div_euclid(BLOCK_S) + 1) * BLOCK_S;
            let text = self.folder.join("history.txt");
            let mut out = BufWriter::with_capacity(1 << 20, File::create(&text).or_fail("write history"));
            let times: Vec<i64> = (from..to.min(last + 1)).step_by(step_s as usize).collect();
            for (at, counters) in counters.iter_mut().enumerate() {
                write_container(usage, at, (&times, f64::from(step_s)), counters, &mut out)
                    .or_fail("write history");
            }
            out.write_all(b"# EOF\n").and_then(|()| out.flush()).or_fail("write history");
            Launch::new("promtool", servers::program("prometheus", "promtool"))
                .home(&self.folder)
                .args(["tsdb", "create-blocks-from", "--max-block-duration=54h", "openmetrics", "--quiet"])
                .arg(&text)
                .arg(self.data())
                .run()
                .await;
            std::fs::remove_file(&text).or_fail("remove the loaded history");
            from = to;
        }
    }

    /// Starts a server that notes every query.
    pub(crate) async fn serve(&self) -> Server {
        let log = self.folder.join("queries.log");
        let _none = std::fs::remove_file(&log);
        let settings = self.folder.join("prometheus.yml");
        let text = format!("global:\n  query_log_file: {}\nscrape_configs: []\n", log.display());
        std::fs::write(&settings, text).or_fail("write Prometheus' settings");
        let address = format!("127.0.0.1:{}", port::free());
        let process = Launch::new("prometheus", servers::program("prometheus", "prometheus"))
            .home(&self.folder)
            .flag("--config.file", &settings)
            .flag("--storage.tsdb.path", self.data())
            // Equal lengths switch compaction off: it would take part of the machine while times are measured.
            .args(["--storage.tsdb.min-block-duration=2h", "--storage.tsdb.max-block-duration=2h"])
            .arg("--storage.tsdb.retention.time=90d")
            .flag("--web.listen-address", &address)
            .arg("--log.level=warn")
            .spawn(&self.folder);
        let url = format!("http://{address}");
        process.until_healthy(&format!("{url}/-/ready")).await;
        Server { url, process, log }
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }
}

impl Server {
    /// All queries so far, as Prometheus' query log tells them, one JSON object a line.
    pub(crate) fn queries(&self) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}

/// Name of a container's Deployment, two containers each.
pub(crate) fn deployment(container: usize) -> (String, String) {
    let deployment = container / 2;
    (format!("bench-{}", deployment / 50), format!("app-{deployment}"))
}

/// Hash of the ReplicaSet, and the end of the pod's name.
pub(crate) const POD: (&str, &str) = ("7d9f8c6b54", "x7k2p");

/// Names of the two containers of a pod.
pub(crate) const CONTAINERS: [&str; 2] = ["main", "proxy"];

fn usage(load: &Load, containers: usize, end_s: i64) -> Usage {
    let container = |at: usize| {
        let (namespace, app) = deployment(at);
        let pod = format!("{app}-{}-{}", POD.0, POD.1);
        let mebi = 1024.0 * 1024.0;
        let made = Container::new(&namespace, &pod, CONTAINERS[at % 2])
            .cpu(Shape::flat(0.02 * size(at)).daily(0.5).weekend(0.5).noise(0.3).spikes(2.0, 3.0))
            .memory(Shape::flat(30.0 * mebi * size(at)).daily(0.2).noise(0.05));
        match cpu_limit_cores(at) {
            Some(limit) => made.cpu_limit(limit),
            None => made,
        }
    };
    Usage::days_before(load.days, end_s).step_s(load.step_s).containers((0..containers).map(container))
}

/// The CPU limit of a container in cores, which is below its spikes; none for the second of each pod.
fn cpu_limit_cores(container: usize) -> Option<f64> {
    container.is_multiple_of(2).then(|| 0.06 * size(container))
}

/// How large a container is: 1 to 17.
fn size(container: usize) -> f64 {
    (1 + container % 17) as f64
}

/// Where the counters of a container stand.
#[derive(Clone, Default)]
struct Counters {
    cpu_seconds: f64,
    periods: f64,
    throttled: f64,
}

/// A CFS period is a tenth of a second.
const PERIODS_PER_SECOND: f64 = 10.0;

/// Part of the periods that are throttled while a container uses all that its limit lets it.
const THROTTLED: f64 = 0.3;

fn write_container(
    usage: &Usage,
    at: usize,
    (times, step): (&[i64], f64),
    counters: &mut Counters,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    let labels = labels(at);
    let cpu: Vec<f64> = times.iter().map(|time| usage.cpu_cores_at(at, *time)).collect();
    for (time, cores) in times.iter().zip(&cpu) {
        let seconds = counters.cpu_seconds;
        writeln!(out, "container_cpu_usage_seconds_total{{{labels},cpu=\"total\"}} {seconds:.3} {time}")?;
        counters.cpu_seconds += cores * step;
    }
    for time in times {
        let bytes = usage.memory_bytes_at(at, *time);
        writeln!(out, "container_memory_working_set_bytes{{{labels}}} {bytes} {time}")?;
    }
    let Some(limit) = cpu_limit_cores(at) else { return Ok(()) };
    for time in times {
        writeln!(out, "container_cpu_cfs_periods_total{{{labels}}} {} {time}", counters.periods)?;
        counters.periods += step * PERIODS_PER_SECOND;
    }
    for (time, cores) in times.iter().zip(&cpu) {
        writeln!(out, "container_cpu_cfs_throttled_periods_total{{{labels}}} {} {time}", counters.throttled)?;
        let share = if *cores >= limit { THROTTLED } else { 0.0 };
        counters.throttled += (step * PERIODS_PER_SECOND * share).round();
    }
    Ok(())
}

/// The labels that a kubelet's series have in a usual Prometheus.
fn labels(at: usize) -> String {
    let (namespace, app) = deployment(at);
    let (name, node) = (CONTAINERS[at % 2], at % 30);
    format!(
        "namespace=\"{namespace}\",pod=\"{app}-{}-{}\",container=\"{name}\",node=\"node-{node}\",\
         instance=\"node-{node}:10250\",image=\"registry.example/{name}:1\",job=\"kubelet\",\
         metrics_path=\"/metrics/cadvisor\"",
        POD.0, POD.1
    )
}
