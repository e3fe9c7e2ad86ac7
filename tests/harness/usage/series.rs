//! The series of one container, named and labelled as kubelets and kube-state-metrics do.

use std::io::{self, Write};

use super::{Container, Usage};

/// A CFS period is a tenth of a second.
const PERIODS_PER_SECOND: f64 = 10.0;

/// Writes every series of a container, series by series.
pub(super) fn write(usage: &Usage, at: usize, out: &mut dyn Write) -> io::Result<()> {
    let container = &usage.containers[at];
    kubelet(usage, at, &kubelet_labels(container, &container.name), out)?;
    if usage.pod_totals {
        // cAdvisor reports the pod's own cgroup beside those of its containers; readers must not count both.
        kubelet(usage, at, &kubelet_labels(container, ""), out)?;
    }
    match container.killed_for_memory_s {
        Some(killed) => killed_for_memory(usage, container, killed, out),
        None => Ok(()),
    }
}

fn kubelet(usage: &Usage, at: usize, labels: &str, out: &mut dyn Write) -> io::Result<()> {
    let container = &usage.containers[at];
    let step = f64::from(usage.step_s);
    let mut seconds = 0.0;
    for time in times(usage, container) {
        writeln!(out, "container_cpu_usage_seconds_total{{{labels},cpu=\"total\"}} {seconds:.6} {time}")?;
        seconds += usage.cpu_cores_at(at, time) * step;
    }
    for time in times(usage, container) {
        let bytes = usage.memory_bytes_at(at, time);
        writeln!(out, "container_memory_working_set_bytes{{{labels}}} {bytes} {time}")?;
    }
    match container.cpu_limit_cores {
        Some(limit) => throttling(usage, at, limit, labels, out),
        None => Ok(()),
    }
}

fn throttling(usage: &Usage, at: usize, limit: f64, labels: &str, out: &mut dyn Write) -> io::Result<()> {
    let container = &usage.containers[at];
    let periods = f64::from(usage.step_s) * PERIODS_PER_SECOND;
    for (number, time) in (0_u32..).zip(times(usage, container)) {
        let all = f64::from(number) * periods;
        writeln!(out, "container_cpu_cfs_periods_total{{{labels}}} {all} {time}")?;
    }
    let mut throttled = 0.0;
    for time in times(usage, container) {
        writeln!(out, "container_cpu_cfs_throttled_periods_total{{{labels}}} {throttled} {time}")?;
        let wanted = usage.cpu_wanted_at(at, time);
        // Of the periods of a step, those in which the quota does not last: the part of the demand above it.
        let share = if wanted > limit { 1.0 - limit / wanted } else { 0.0 };
        throttled += (periods * share).round();
    }
    Ok(())
}

fn killed_for_memory(
    usage: &Usage,
    container: &Container,
    killed: i64,
    out: &mut dyn Write,
) -> io::Result<()> {
    let Container { namespace, pod, name, .. } = container;
    let state = format!(
        "namespace=\"{namespace}\",pod=\"{pod}\",container=\"{name}\",job=\"kube-state-metrics\",\
         instance=\"kube-state-metrics:8080\""
    );
    let kubelet = kubelet_labels(container, name);
    for time in times(usage, container).filter(|time| *time >= killed) {
        writeln!(
            out,
            "kube_pod_container_status_last_terminated_reason{{{state},reason=\"OOMKilled\"}} 1 {time}"
        )?;
    }
    for (family, labels) in
        [("kube_pod_container_status_restarts_total", &state), ("container_oom_events_total", &kubelet)]
    {
        for time in times(usage, container) {
            writeln!(out, "{family}{{{labels}}} {} {time}", u8::from(time >= killed))?;
        }
    }
    Ok(())
}

fn kubelet_labels(container: &Container, name: &str) -> String {
    let Container { namespace, pod, node, image, .. } = container;
    format!(
        "namespace=\"{namespace}\",pod=\"{pod}\",container=\"{name}\",node=\"{node}\",instance=\"{node}:10250\",\
         image=\"{image}\",job=\"kubelet\",metrics_path=\"/metrics/cadvisor\""
    )
}

fn times(usage: &Usage, container: &Container) -> impl Iterator<Item = i64> {
    let (from, to) = usage.lifetime(container);
    (from..to).step_by(usize::try_from(usage.step_s).unwrap_or(1))
}
