//! From the digests of days to one summary per container over a window.
//!
//! A day goes straight to what is gathered of its series, so that no more than one day is held beside it. Samples count
//! alike, so a pod that lived for minutes weighs minutes.

mod gathered;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use kubeopt_model::usage::{
    CpuPeak, GpuSeen, OomKill, PodPeak, ResourceUsage, SeenByNodes, Signal, Startup, Strain,
};
use kubeopt_model::{ContainerId, ContainerUsage, Coverage, Window, WorkloadKind};

use self::gathered::{Gathered, Kept};
use super::day::Ledger;
use super::digest::Digest;
use super::frame::PodSpan;
use super::rollup::{series_id, steps_between};
use super::{HOUR_S, STEP_S};

/// A summary in the making.
pub(super) struct Summary {
    window: Window,
    wanted: Option<HashSet<ContainerId>>,
    /// Where the series of each container begin in `all`, in the order of [`Signal::ALL`].
    containers: BTreeMap<ContainerId, usize>,
    /// The place of each series in `all`, by its hash.
    places: HashMap<u64, usize>,
    all: Vec<Gathered>,
    oom_kills: HashMap<ContainerId, Vec<OomKill>>,
    covered: BTreeSet<i64>,
    partial: Option<String>,
}

impl Summary {
    /// Over a window, widened to the start of its first hour; of all containers, or of those that are named.
    pub(super) fn new(window: Window, containers: Option<&[ContainerId]>) -> Self {
        let from_unix_s = window.from_unix_s.div_euclid(HOUR_S) * HOUR_S;
        Self {
            window: Window { from_unix_s, ..window },
            wanted: containers.map(|containers| containers.iter().cloned().collect()),
            containers: BTreeMap::new(),
            places: HashMap::new(),
            all: Vec::new(),
            oom_kills: HashMap::new(),
            covered: BTreeSet::new(),
            partial: None,
        }
    }

    /// Takes the hours and kills of a day's ledger, after its names.
    pub(super) fn add_hours(&mut self, ledger: &Ledger) {
        let window = self.window;
        let counts = |at_unix_s: i64| within(window, at_unix_s);
        for (hour, state) in ledger.hours.iter().filter(|(hour, _)| counts(**hour)) {
            self.covered.insert(*hour);
            self.partial = self.partial.take().or_else(|| state.partial.clone());
        }
        for kill in ledger.oom_kills.iter().filter(|kill| counts(kill.at_unix_s)) {
            if self.containers.contains_key(&kill.container) {
                self.oom_kills.entry(kill.container.clone()).or_default().push(kill.clone());
            }
        }
    }

    /// Whether a time lies within the window.
    pub(super) fn counts(&self, at_unix_s: i64) -> bool {
        within(self.window, at_unix_s)
    }

    /// Whether a series is one of a container that is wanted.
    pub(super) fn wants(&self, series: u64) -> bool {
        self.places.contains_key(&series)
    }

    /// Adds the day that begins then, as far as it lies within the window. Days come oldest first.
    pub(super) fn add_day(&mut self, day_unix_s: i64, digest: &Digest, ledger: &Ledger) {
        let partial = !ledger.is_whole();
        for (series, day) in digest.days() {
            if let Some(place) = self.places.get(series) {
                let kept = kept(Signal::ALL[place % Signal::ALL.len()]);
                self.all[*place].add_day((day_unix_s, partial), day, kept);
            }
        }
    }

    /// Takes the containers of a day's ledger that are wanted.
    pub(super) fn add_names(&mut self, ledger: &Ledger) {
        for container in &ledger.containers {
            let is_wanted = self.wanted.as_ref().is_none_or(|wanted| wanted.contains(container));
            // Most containers are there on most days: their names are hashed once.
            if !is_wanted || self.containers.contains_key(container) {
                continue;
            }
            self.containers.insert(container.clone(), self.all.len());
            for signal in Signal::ALL {
                self.places.insert(series_id(container, signal), self.all.len());
                self.all.push(Gathered::default());
            }
        }
    }

    /// One summary per container, sorted.
    pub(super) fn finish(mut self) -> Vec<ContainerUsage> {
        let partial = self.partial.take().or_else(|| self.gap());
        let containers = std::mem::take(&mut self.containers);
        containers
            .into_iter()
            .filter_map(|(container, place)| self.container((container, place), partial.clone()))
            .collect()
    }

    fn container(
        &mut self,
        (container, place): (ContainerId, usize),
        partial: Option<String>,
    ) -> Option<ContainerUsage> {
        let own = &mut self.all[place..place + Signal::ALL.len()];
        let of = |signal: Signal| own[signal as usize].spans();
        // A pod's time is all of it, the start too.
        let cpu = joined_by_pod(of(Signal::CpuMillicores), of(Signal::CpuStartupMillicores));
        let memory = of(Signal::MemoryBytes);
        let all = || cpu.iter().chain(memory).chain(of(Signal::ThrottledRatio));
        let first = all().map(|span| span.first).min()?;
        let last = all().map(|span| span.last).max()?;
        let longest = if memory.len() >= cpu.len() { memory } else { &cpu };
        let pods = longest.len() as u64;
        let steps: u64 = longest.iter().map(|span| steps_between(span.first, span.last)).sum();
        let highest = |signal: Signal| own[signal as usize].highest().map(|(max, _)| max);
        let startup = Startup {
            cpu_max: highest(Signal::CpuStartupMillicores),
            memory_max: highest(Signal::MemoryStartupBytes),
        };
        let strain = Strain {
            restarts: of(Signal::Restarts).iter().map(|span| span.sum).sum::<f64>().round() as u64,
            cpu_pressure: mean(of(Signal::CpuPressure)),
            memory_pressure: mean(of(Signal::MemoryPressure)),
        };
        let throttled_ratio = mean(of(Signal::ThrottledRatio));
        let nodes = seen_by_nodes(own);
        let gpus = gpus_seen(own);
        let memory = memory.to_vec();
        let pod_peaks = match container.workload.kind {
            WorkloadKind::DaemonSet => peaks(of(Signal::CpuMillicores), &memory),
            WorkloadKind::Deployment
            | WorkloadKind::StatefulSet
            | WorkloadKind::Job
            | WorkloadKind::CronJob
            | WorkloadKind::Rollout => Vec::new(),
        };
        Some(ContainerUsage {
            window: self.window,
            seen: Window { from_unix_s: first, to_unix_s: (last + STEP_S).min(self.window.to_unix_s) },
            cpu: resource(&mut own[Signal::CpuMillicores as usize], &cpu),
            memory: resource(&mut own[Signal::MemoryBytes as usize], &memory),
            oom_kills: self.oom_kills.remove(&container).unwrap_or_default(),
            throttled_ratio,
            strain,
            startup,
            nodes,
            gpus,
            pods,
            replica_hours: (steps * STEP_S as u64) as f64 / HOUR_S as f64,
            pod_peaks,
            cpu_hours: own[Signal::CpuMillicores as usize].take_hours(),
            memory_hours: own[Signal::MemoryBytes as usize].take_hours(),
            partial,
            container,
        })
    }

    /// Hours that are missing between hours that are there.
    fn gap(&self) -> Option<String> {
        let (first, last) = (self.covered.first()?, self.covered.last()?);
        let missing = (last - first) / HOUR_S + 1 - self.covered.len() as i64;
        (missing > 0).then(|| format!("{missing} hours of the window have not been read yet"))
    }
}

fn within(window: Window, at_unix_s: i64) -> bool {
    (window.from_unix_s..window.to_unix_s).contains(&at_unix_s)
}

/// Days of CPU are asked for their samples, those of memory for the highest.
fn kept(signal: Signal) -> Kept {
    match signal {
        Signal::CpuMillicores => Kept::Sketches,
        Signal::MemoryBytes => Kept::Maxima,
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
        | Signal::GpuMemory => Kept::Nothing,
    }
}

fn resource(series: &mut Gathered, spans: &[PodSpan]) -> Option<ResourceUsage> {
    let (max, max_at_unix_s) = series.highest()?;
    let have = spans.iter().map(|span| u64::from(span.samples)).sum();
    let expected = spans.iter().map(|span| steps_between(span.first, span.last)).sum();
    let sketch = series.sketch()?;
    let coverage = Coverage { have, expected };
    Some(ResourceUsage { sketch, max, max_at_unix_s, coverage, days: series.take_days() })
}

/// What node agents told; none without one of their steps.
fn seen_by_nodes(own: &[Gathered]) -> Option<SeenByNodes> {
    let of = |signal: Signal| &own[signal as usize];
    let peak = |signal: Signal| {
        of(signal).highest().map(|(millicores, at_unix_s)| CpuPeak { millicores, at_unix_s })
    };
    let samples = |signal: Signal| of(signal).spans().iter().map(|span| u64::from(span.samples)).sum();
    let throttled = of(Signal::ThrottledSeconds).spans();
    Some(SeenByNodes {
        reading: peak(Signal::CpuReadingMillicores)?,
        second: peak(Signal::CpuSecondMillicores),
        steps: Coverage {
            have: samples(Signal::CpuReadingMillicores),
            expected: samples(Signal::CpuMillicores),
        },
        throttled_seconds: (!throttled.is_empty()).then(|| throttled.iter().map(|span| span.sum).sum()),
    })
}

/// What node agents told of GPUs; none without one of their steps.
fn gpus_seen(own: &[Gathered]) -> Option<GpuSeen> {
    let of = |signal: Signal| &own[signal as usize];
    let busy = of(Signal::GpuBusy).spans();
    let first = busy.iter().map(|span| span.first).min()?;
    let last = busy.iter().map(|span| span.last).max()?;
    let steps = Coverage {
        have: busy.iter().map(|span| u64::from(span.samples)).sum(),
        expected: busy.iter().map(|span| steps_between(span.first, span.last)).sum(),
    };
    let highest = |signal: Signal| of(signal).highest().map(|(max, _)| max);
    Some(GpuSeen {
        known_s: ((last - first + STEP_S) as f64 * steps.ratio()) as i64,
        busy_mean: mean(busy)?,
        busy_max: highest(Signal::GpuBusyMax)?,
        memory_max: highest(Signal::GpuMemory),
    })
}

/// Spans of two series of the same pods, one per pod.
fn joined_by_pod(one: &[PodSpan], other: &[PodSpan]) -> Vec<PodSpan> {
    let mut by_pod: BTreeMap<u64, PodSpan> = BTreeMap::new();
    for span in one.iter().chain(other) {
        by_pod.entry(span.pod).and_modify(|kept| kept.absorb(span)).or_insert(*span);
    }
    by_pod.into_values().collect()
}

/// The highest samples of each pod, in the order of pods.
fn peaks(cpu: &[PodSpan], memory: &[PodSpan]) -> Vec<PodPeak> {
    let none = |pod: u64| PodPeak { pod, node: None, cpu_max: None, memory_max: None };
    let mut peaks: BTreeMap<u64, PodPeak> = BTreeMap::new();
    for span in cpu {
        peaks.entry(span.pod).or_insert_with(|| none(span.pod)).cpu_max = Some(f64::from(span.max));
    }
    for span in memory {
        peaks.entry(span.pod).or_insert_with(|| none(span.pod)).memory_max = Some(f64::from(span.max));
    }
    peaks.into_values().collect()
}

/// Mean of all samples; none without any.
fn mean(spans: &[PodSpan]) -> Option<f64> {
    let samples: u64 = spans.iter().map(|span| u64::from(span.samples)).sum();
    let sum: f64 = spans.iter().map(|span| span.sum).sum();
    (samples > 0).then(|| sum / samples as f64)
}
