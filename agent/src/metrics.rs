//! What the agent tells of itself, in the text format of Prometheus. Every number has one cell; nothing has labels by pod.

use std::cell::Cell;
use std::fmt::Write;

use crate::durations::Durations;

/// Numbers, each in a cell: everything runs on one thread.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    pub(crate) containers: Cell<u64>,
    pub(crate) containers_left_out: Cell<u64>,
    pub(crate) hot_containers: Cell<u64>,
    pub(crate) steps: Cell<u64>,
    pub(crate) steps_missed: Cell<u64>,
    pub(crate) collections: Durations,
    pub(crate) walks: Cell<u64>,
    pub(crate) file_reads: Cell<u64>,
    pub(crate) file_errors: Cell<u64>,
    pub(crate) values_not_understood: Cell<u64>,
    pub(crate) counter_resets: Cell<u64>,
    pub(crate) wall_clock_jumps: Cell<u64>,
    pub(crate) gpus: Cell<u64>,
    pub(crate) gpu_exporter_failures: Cell<u64>,
    pub(crate) findings: Cell<u64>,
    pub(crate) batches: Cell<u64>,
    pub(crate) batches_sent: Cell<u64>,
    pub(crate) batches_unreadable: Cell<u64>,
    pub(crate) acks_unknown: Cell<u64>,
    pub(crate) connected: Cell<u64>,
    pub(crate) connections: Cell<u64>,
    pub(crate) connections_failed: Cell<u64>,
    pub(crate) model_version: Cell<u64>,
    pub(crate) models_refused: Cell<u64>,
    pub(crate) forecasts: Cell<u64>,
    pub(crate) forecasts_without_model: Cell<u64>,
    pub(crate) forecasts_too_little_history: Cell<u64>,
    pub(crate) trainings: Cell<u64>,
    pub(crate) trainings_skipped: Cell<u64>,
    pub(crate) training_cpu_ms: Cell<u64>,
    pub(crate) last_step_steady_us: Cell<u64>,
}

/// One more.
pub(crate) fn count(cell: &Cell<u64>) {
    add(cell, 1);
}

/// So many more.
pub(crate) fn add(cell: &Cell<u64>, more: u64) {
    cell.set(cell.get().saturating_add(more));
}

/// What the buffer says at the moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BufferFigures {
    pub(crate) bytes: u64,
    pub(crate) waiting: u64,
    pub(crate) counts: kubeopt_buffer::Counts,
}

impl Metrics {
    /// All of it as a page.
    pub(crate) fn page(&self, buffer: BufferFigures, model_sha256: &[u8]) -> String {
        let mut page = String::with_capacity(6 * 1024);
        let gauge =
            |page: &mut String, name: &str, help: &str, value: u64| entry(page, name, help, "gauge", value);
        gauge(&mut page, "containers", "Containers that are read.", self.containers.get());
        gauge(
            &mut page,
            "containers_left_out",
            "Containers beyond the most that are read.",
            self.containers_left_out.get(),
        );
        gauge(
            &mut page,
            "hot_containers",
            "Containers that are read every second.",
            self.hot_containers.get(),
        );
        gauge(&mut page, "gpus", "GPUs that the last batch told of, by who uses them.", self.gpus.get());
        self.collections.write(
            &mut page,
            "collection_duration",
            "How long reading all containers of a step took.",
        );
        gauge(&mut page, "buffer_bytes", "Bytes of the buffer on disk.", buffer.bytes);
        gauge(&mut page, "buffer_waiting_batches", "Batches that are not acknowledged.", buffer.waiting);
        gauge(&mut page, "connected", "1 while the controller takes batches.", self.connected.get());
        gauge(
            &mut page,
            "model_version",
            "Version of the model in use; 0 for none.",
            self.model_version.get(),
        );
        let counts = [
            ("steps", "Steps of sampling.", &self.steps),
            ("steps_missed", "Steps that came too late to be one.", &self.steps_missed),
            ("walks", "Walks of the cgroup root.", &self.walks),
            ("file_reads", "Files read.", &self.file_reads),
            ("file_errors", "Files that could not be read.", &self.file_errors),
            (
                "values_not_understood",
                "Values in files that were not understood.",
                &self.values_not_understood,
            ),
            ("counter_resets", "Counters that began anew.", &self.counter_resets),
            ("wall_clock_jumps", "Times that the wall clock was set.", &self.wall_clock_jumps),
            (
                "gpu_exporter_failures",
                "Questions that the DCGM exporter did not answer.",
                &self.gpu_exporter_failures,
            ),
            ("findings", "Findings opened, worsened or ended.", &self.findings),
            ("batches", "Batches kept.", &self.batches),
            ("batches_sent", "Batches sent, again ones included.", &self.batches_sent),
            ("batches_unreadable", "Batches in the buffer that could not be read.", &self.batches_unreadable),
            ("acknowledgements_unknown", "Acknowledgements of what was never sent.", &self.acks_unknown),
            ("connections", "Connections to the controller.", &self.connections),
            ("connections_failed", "Connections that failed or ended.", &self.connections_failed),
            ("models_refused", "Models from the controller that cannot be used.", &self.models_refused),
            ("forecasts", "Forecasts made.", &self.forecasts),
            (
                "forecasts_without_model",
                "Forecasts not made for want of a model.",
                &self.forecasts_without_model,
            ),
            (
                "forecasts_too_little_history",
                "Forecasts not made for want of hours.",
                &self.forecasts_too_little_history,
            ),
            ("trainings", "Trainings that were uploaded.", &self.trainings),
            ("trainings_skipped", "Trainings that were not done.", &self.trainings_skipped),
            ("training_cpu_milliseconds", "CPU time of training.", &self.training_cpu_ms),
        ];
        for (name, help, cell) in counts {
            counter(&mut page, name, help, cell.get());
        }
        counter(
            &mut page,
            "buffer_dropped_batches",
            "Batches dropped: too old, too many, disk full.",
            buffer.counts.dropped,
        );
        counter(&mut page, "buffer_damaged_batches", "Batches lost on disk.", buffer.counts.damaged);
        counter(&mut page, "buffer_disk_errors", "Calls of the disk that failed.", buffer.counts.disk_errors);
        model(&mut page, model_sha256);
        process(&mut page);
        page
    }
}

fn counter(page: &mut String, name: &str, help: &str, value: u64) {
    entry(page, &format!("{name}_total"), help, "counter", value);
}

fn entry(page: &mut String, name: &str, help: &str, kind: &str, value: u64) {
    // Writing to a string does not fail.
    let _ = writeln!(
        page,
        "# HELP kubeopt_agent_{name} {help}\n# TYPE kubeopt_agent_{name} {kind}\nkubeopt_agent_{name} {value}"
    );
}

/// Which model is in use, as the controller names it; no line without one.
fn model(page: &mut String, sha256: &[u8]) {
    if sha256.is_empty() {
        return;
    }
    let digest: String = sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    let _ = writeln!(
        page,
        "# HELP kubeopt_agent_model_info The model in use.\n# TYPE kubeopt_agent_model_info gauge\nkubeopt_agent_model_info{{sha256=\"{digest}\"}} 1"
    );
}

/// The agent's own footprint, by the names that every exporter has.
fn process(page: &mut String) {
    let usage = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let seconds = usage.tv_sec as f64 + usage.tv_nsec as f64 / 1e9;
    let _ = writeln!(
        page,
        "# HELP process_cpu_seconds_total CPU time used.\n# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total {seconds:.3}"
    );
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    for (key, name, help) in [
        ("VmRSS:", "process_resident_memory_bytes", "Resident memory."),
        ("VmHWM:", "process_resident_memory_max_bytes", "The highest resident memory so far."),
    ] {
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        let kib: Option<u64> = line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok());
        if let Some(kib) = kib {
            let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {}", kib * 1024);
        }
    }
}
