//! Where the series of a slice arrive, whichever query they are of: samples that cannot be are dropped and counted, the
//! start of containers is told apart, and series of pods that nobody knows any more wait for their owner.
//!
//! Knows labels and samples, not HTTP.

use std::collections::HashMap;

use kubeopt_model::usage::{Signal, UsageSeries, Window};
use kubeopt_model::{ContainerId, ContainerName, ObjectName, Timestamp, WorkloadId};

use crate::attempt::Tally;
use crate::oom::Points;
use crate::owners::{Owner, PodOwners};
use crate::query::{CPU_PRESSURE, HOURLY_LABEL, MEMORY_PRESSURE, RESTARTS, THROTTLED};
use crate::scanner::Labels;
use crate::slice::{STARTUP_S, STEP_S, SliceReport};
use crate::source::Sink;

/// Series that wait for their owner: a day of 288 samples each makes 10 MB of them.
const HELD_SERIES_MAX: usize = 2000;

/// How far the server's clock may be ahead of this one.
const CLOCK_SKEW_S: i64 = 120;

/// Starts of one container that are kept of a slice: one an hour, and the hour before.
const STARTS_MAX: usize = 25;

/// Share of a slice's samples that may be dropped before the slice counts as incomplete. A scrape that fails now and then
/// is nothing to wait for; one per cent of a day is a quarter of an hour.
const DROPPED_SHARE_MAX: f64 = 0.01;

/// What a query asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// CPU of each step.
    Cpu,
    /// Memory of each step.
    Memory,
    /// What is told by the hour.
    Hourly,
}

impl Asked {
    /// Seconds between two samples.
    pub(crate) fn step_s(self) -> i64 {
        match self {
            Self::Cpu | Self::Memory => STEP_S,
            Self::Hourly => 3600,
        }
    }

    fn signal(self, labels: &Labels) -> Option<Signal> {
        match self {
            Self::Cpu => Some(Signal::CpuMillicores),
            Self::Memory => Some(Signal::MemoryBytes),
            Self::Hourly => match labels.get(HOURLY_LABEL)?.as_str() {
                THROTTLED => Some(Signal::ThrottledRatio),
                RESTARTS => Some(Signal::Restarts),
                CPU_PRESSURE => Some(Signal::CpuPressure),
                MEMORY_PRESSURE => Some(Signal::MemoryPressure),
                _ => None,
            },
        }
    }
}

/// When containers started, by namespace, pod and container.
#[derive(Debug, Default)]
pub(crate) struct Starts(HashMap<String, Vec<i64>>);

impl Starts {
    /// Adds samples whose values are starts.
    pub(crate) fn add(&mut self, labels: &Labels, points: &[(i64, f64)]) {
        let Some((namespace, pod, container)) = names_of(labels) else { return };
        let starts = self.0.entry(start_key(namespace, pod, &container)).or_default();
        for (_, start) in points.iter().filter(|(_, start)| start.is_finite()) {
            let start = start.floor() as i64;
            if starts.last() != Some(&start) && starts.len() < STARTS_MAX {
                starts.push(start);
            }
        }
    }

    fn of(&self, namespace: &str, pod: &str, container: &ContainerName) -> &[i64] {
        // Without any start, as in most hours, no key is made.
        if self.0.is_empty() {
            return &[];
        }
        self.0.get(&start_key(namespace, pod, container)).map_or(&[], Vec::as_slice)
    }
}

/// Takes the series of a slice.
pub(crate) struct Intake<'o, 's> {
    slice: Window,
    owners: &'o PodOwners,
    starts: Starts,
    sink: Sink<'s>,
    report: SliceReport,
    /// Last instant that a sample may be of.
    horizon: i64,
    held: Vec<(String, ContainerName, Part)>,
    /// Series of CPU, of memory.
    seen: (u64, u64),
}

/// A series without its owner.
struct Part {
    pod: String,
    signal: Signal,
    points: Points,
}

impl<'o, 's> Intake<'o, 's> {
    pub(crate) fn new(slice: Window, owners: &'o PodOwners, starts: Starts, sink: Sink<'s>) -> Self {
        let horizon = slice.to_unix_s.min(Timestamp::now().as_second() + CLOCK_SKEW_S);
        let (report, held) = (SliceReport::default(), Vec::new());
        Self { slice, owners, starts, sink, report, horizon, held, seen: (0, 0) }
    }

    pub(crate) fn slice(&self) -> Window {
        self.slice
    }

    /// Whether there is memory, and no CPU.
    pub(crate) fn has_memory_only(&self) -> bool {
        matches!(self.seen, (0, 1..))
    }

    /// Whether series wait for their owner.
    pub(crate) fn holds_any(&self) -> bool {
        !self.held.is_empty()
    }

    /// Takes one series.
    pub(crate) fn take(&mut self, asked: Asked, labels: &Labels, points: &[(i64, f64)]) {
        match asked {
            Asked::Cpu => self.seen.0 += 1,
            Asked::Memory => self.seen.1 += 1,
            Asked::Hourly => {}
        }
        let (Some((namespace, pod, container)), Some(signal)) = (names_of(labels), asked.signal(labels))
        else {
            self.report.odd_series += 1;
            return;
        };
        let owner = match self.owners.owner(namespace, pod) {
            Owner::Shown(id) | Owner::Named(id) => Some(id),
            Owner::Ambiguous | Owner::Unknown
                if self.owners.knows(namespace) && self.held.len() < HELD_SERIES_MAX =>
            {
                None
            }
            Owner::Ambiguous | Owner::Unknown | Owner::Nobody => {
                self.report.unowned_series += 1;
                return;
            }
        };
        let points = self.usable(signal, asked.step_s(), points);
        if points.is_empty() {
            return;
        }
        let part = Part { pod: pod.to_owned(), signal, points };
        match owner {
            Some(id) => self.give(id, container, part),
            None => self.held.push((namespace.to_owned(), container, part)),
        }
    }

    /// Gives what waited to those who turn out to be the owners.
    pub(crate) fn release<'p>(&mut self, owner: impl Fn(&str, &str) -> Option<&'p WorkloadId>) {
        for (namespace, container, part) in std::mem::take(&mut self.held) {
            match owner(&namespace, &part.pod) {
                Some(id) => self.give(id, container, part),
                None => self.report.unowned_series += 1,
            }
        }
    }

    /// Adds what a query took.
    pub(crate) fn account(&mut self, tally: Tally) {
        self.report.queries += tally.queries;
        self.report.bytes += tally.bytes;
        self.report.odd_series += tally.duplicates;
        if let (None, Some(warning)) = (&self.report.partial, tally.warnings.first()) {
            self.report.partial = Some(format!("the metrics source warned: {warning}"));
        }
    }

    /// What the slice took and gave.
    pub(crate) fn finish(self) -> SliceReport {
        let mut report = self.report;
        report.partial = report.partial.take().or_else(|| missing(self.seen)).or_else(|| dropped(&report));
        report
    }

    /// The samples of the slice, stamped with the start of their step.
    fn usable(&mut self, signal: Signal, step: i64, points: &[(i64, f64)]) -> Points {
        let is_share =
            matches!(signal, Signal::ThrottledRatio | Signal::CpuPressure | Signal::MemoryPressure);
        let mut kept = Vec::with_capacity(points.len());
        for (at, value) in points {
            if *at > self.horizon || at - step < self.slice.from_unix_s {
                self.report.misplaced_samples += 1;
            } else if !value.is_finite() || *value < 0.0 {
                self.report.unusable_samples += 1;
            } else {
                let value = if is_share { value.min(1.0) } else { *value };
                kept.push((at - step, value));
            }
        }
        kept
    }

    fn give(&mut self, id: &WorkloadId, container: ContainerName, part: Part) {
        self.report.series += 1;
        self.report.samples += part.points.len() as u64;
        let container = ContainerId { workload: id.clone(), container };
        // Of Jobs and init containers there is nothing but the start, so all their samples speak.
        let starts = if self.owners.outlives_its_start(&container) {
            self.starts.of(container.workload.namespace.as_str(), &part.pod, &container.container)
        } else {
            &[]
        };
        let (points, startup) = told_apart(starts, part.signal, part.points);
        if let Some((signal, points)) = startup {
            (self.sink)(UsageSeries { container: container.clone(), pod: part.pod.clone(), signal, points });
        }
        if !points.is_empty() {
            (self.sink)(UsageSeries { container, pod: part.pod, signal: part.signal, points });
        }
    }
}

/// The samples that speak for the request, and those of steps in which a start lies or echoes: all of them where nothing
/// started.
///
/// All samples of memory speak too.
pub(crate) fn told_apart(
    starts: &[i64],
    signal: Signal,
    points: Points,
) -> (Points, Option<(Signal, Points)>) {
    let of_start = match signal {
        Signal::CpuMillicores => Signal::CpuStartupMillicores,
        Signal::MemoryBytes => Signal::MemoryStartupBytes,
        Signal::ThrottledRatio
        | Signal::CpuStartupMillicores
        | Signal::MemoryStartupBytes
        | Signal::Restarts
        | Signal::CpuPressure
        | Signal::MemoryPressure
        | Signal::CpuReadingMillicores
        | Signal::CpuSecondMillicores
        | Signal::ThrottledSeconds
        | Signal::GpuBusy
        | Signal::GpuBusyMax
        | Signal::GpuMemory => return (points, None),
    };
    if starts.is_empty() {
        return (points, None);
    }
    let starting = |at: i64| starts.iter().any(|start| at < start + STARTUP_S && start < &(at + STEP_S));
    let startup: Points = points.iter().filter(|(at, _)| starting(*at)).copied().collect();
    if startup.is_empty() {
        return (points, None);
    }
    let rest = if signal == Signal::CpuMillicores {
        points.into_iter().filter(|(at, _)| !starting(*at)).collect()
    } else {
        points
    };
    (rest, Some((of_start, startup)))
}

/// One of the two resources is missing as a whole.
fn missing(seen: (u64, u64)) -> Option<String> {
    let text = match seen {
        (0, 1..) => {
            "there is memory but no CPU: rate() needs two samples within 5 minutes, so the scrape interval may be too long"
        }
        (1.., 0) => "there is CPU but no memory: container_memory_working_set_bytes is not stored",
        _ => return None,
    };
    Some(text.to_owned())
}

/// So many samples were dropped that the rest may not tell the truth.
fn dropped(report: &SliceReport) -> Option<String> {
    let all = report.samples + report.unusable_samples + report.misplaced_samples;
    let too_many = |count: u64| count > 0 && count as f64 > all as f64 * DROPPED_SHARE_MAX;
    if too_many(report.misplaced_samples) {
        let count = report.misplaced_samples;
        return Some(format!(
            "{count} of {all} samples lie in the future or outside of the time that was asked for: a clock may be wrong"
        ));
    }
    let count = report.unusable_samples;
    too_many(count)
        .then(|| format!("{count} of {all} samples are no usable numbers (NaN, infinite or negative)"))
}

/// Labels that name a container; none where they break Kubernetes' rules.
fn names_of(labels: &Labels) -> Option<(&str, &str, ContainerName)> {
    let text = |name: &str| labels.get(name).map(String::as_str);
    let pod = text("pod").filter(|pod| ObjectName::new(*pod).is_ok())?;
    Some((text("namespace")?, pod, ContainerName::new(text("container")?).ok()?))
}

/// No name holds a slash.
fn start_key(namespace: &str, pod: &str, container: &ContainerName) -> String {
    format!("{namespace}/{pod}/{container}")
}
