//! From readings of ten seconds to the steps of five minutes that history holds: an hour at a time, 1 kB a container however
//! many readings there are.
//!
//! Pure. It must not know where readings come from.

use std::collections::{HashMap, HashSet};

use kubeopt_model::agents::{CgroupId, GpuUser, NodeGpu, NodePart, NodeReading, NodeSeries};
use kubeopt_model::usage::{OomKill, Signal, UsageSeries};
use kubeopt_model::{Bytes, ContainerId, ContainerName, WorkloadId};

use super::book::{Book, Resolved, plain_id};
use super::gpus::GpuHour;
use super::slots::Slots;
use super::waiting;
use crate::intake::told_apart;
use crate::oom::Points;
use crate::owners::{Machine, Owner, PodOwners};
use crate::source::{STEP_S, Sink, SliceReport};

/// Seconds of an hour.
const HOUR_S: i64 = 3600;

/// Steps of an hour.
const STEPS: usize = (HOUR_S / STEP_S) as usize;

/// Longest time that one reading may speak for: a step. What was read after a longer pause says too little of when it was.
const SPAN_MS_MAX: u32 = STEP_S as u32 * 1000;

/// A node that the cluster does not show. More than any machine has is no measurement: 100,000 cores, 2^60 bytes.
const UNSHOWN: Machine = Machine { cpu_millicores: 1e8, memory_bytes: 1 << 60 };

/// So many times what a node has is no measurement either. Its clock may have been set right within a reading.
const TOO_MUCH: u32 = 2;

/// Kills and starts of one container that are kept of an hour: one in each step.
const EVENTS_MAX: usize = STEPS;

/// A step of a container.
#[derive(Debug, Clone, Copy, Default)]
struct Step {
    cpu_us: u64,
    cpu_ms: u64,
    reading_max: Option<f64>,
    second_max: Option<u32>,
    memory_max: Option<u64>,
}

/// A share of time, or of periods.
#[derive(Debug, Clone, Copy, Default)]
struct Share {
    part: u64,
    all: u64,
}

impl Share {
    fn ratio(self) -> Option<f64> {
        (self.all > 0).then(|| (self.part as f64 / self.all as f64).min(1.0))
    }
}

/// An hour of one container of one pod; a container that was restarted has several cgroups, one after the other.
#[derive(Debug, Clone)]
struct PlaceHour {
    place: Place,
    owner: Option<WorkloadId>,
    steps: [Step; STEPS],
    read: Slots,
    /// The nodes that told of it: one, but of a pod that came back under its name elsewhere.
    nodes: Vec<usize>,
    throttled: Share,
    throttled_us: u64,
    cpu_waited: Share,
    memory_waited: Share,
    kills: Vec<(i64, Option<Bytes>)>,
    starts: Vec<i64>,
    restarts: u32,
    gpus: GpuHour,
}

/// Namespace, pod, container.
type Place = (String, String, ContainerName);

/// Which signals were told of a container of a pod in an hour.
#[derive(Debug, Clone, Default)]
pub(super) struct Told(HashMap<String, Vec<(i64, u16)>>);

/// An hour on its way to history.
#[derive(Debug)]
pub(super) struct HourGather<'o> {
    hour: i64,
    /// The last instant that a reading may be of, in milliseconds since the epoch.
    horizon_ms: i64,
    owners: &'o PodOwners,
    places: Vec<PlaceHour>,
    by_name: HashMap<Place, usize>,
    by_node: HashMap<String, usize>,
    nodes: Vec<NodeHeard>,
    report: SliceReport,
}

/// A node that told of the hour.
#[derive(Debug)]
struct NodeHeard {
    name: String,
    machine: Machine,
    /// When it told of anything.
    heard: Slots,
    /// Where each of its ids goes.
    ids: HashMap<CgroupId, usize>,
    /// Ids of it that no pod has, and those of pods of other nodes.
    nobodys: HashSet<CgroupId>,
    others: HashSet<CgroupId>,
}

/// What an hour told.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) report: SliceReport,
    pub(super) told: Told,
    pub(super) kills: Vec<OomKill>,
    /// Containers that a node told of and that run on another, by node.
    pub(super) of_others: Vec<(String, u64)>,
}

impl<'o> HourGather<'o> {
    /// Of the hour that begins then.
    pub(super) fn new(hour: i64, horizon_unix_s: i64, owners: &'o PodOwners) -> Self {
        Self {
            hour,
            horizon_ms: horizon_unix_s.saturating_mul(1000),
            owners,
            places: Vec::new(),
            by_name: HashMap::new(),
            by_node: HashMap::new(),
            nodes: Vec::new(),
            report: SliceReport::default(),
        }
    }

    /// Takes a part of the hour.
    pub(super) fn add(&mut self, part: NodePart, book: &mut Book) {
        match part {
            NodePart::Series(series) => self.add_series(series, book),
            NodePart::Gpu(gpu) => self.add_gpu(&gpu, book),
        }
    }

    /// Takes what a GPU did, as far as it is of this hour. Of one whose user nobody knows nothing is said.
    fn add_gpu(&mut self, gpu: &NodeGpu, book: &mut Book) {
        if gpu.to_unix_ms > self.horizon_ms {
            self.report.misplaced_samples += 1;
            return;
        }
        let node = self.node(&gpu.node);
        let place = match &gpu.user {
            GpuUser::Unknown => None,
            GpuUser::Cgroup(id) => self.place_of(node, &plain_id(id), None, book),
            GpuUser::Named(namespace, pod, container) => {
                self.place_named(node, (namespace, pod, container), book)
            }
        };
        if let Some(place) = place {
            self.places[place].gpus.take(self.hour, gpu);
        }
    }

    /// Takes the readings of a part of the hour. Those that began in another hour are not of this one.
    fn add_series(&mut self, series: NodeSeries, book: &mut Book) {
        let last_ms = series.readings.last().map(|reading| reading.at_unix_ms);
        let kill = last_ms.filter(|at| series.oom_kills > 0 && *at <= self.horizon_ms);
        let kill = kill.map(|at| at.div_euclid(1000)).filter(|at| self.is_within(*at));
        let spans: Vec<_> = series.readings.iter().map(|reading| self.span(reading)).collect();
        if kill.is_none() && spans.iter().all(Option::is_none) {
            return;
        }
        let node = self.node(&series.node);
        let place = self.place_of(node, &plain_id(&series.id), series.seen_unix_ms, book);
        for (reading, span) in series.readings.iter().zip(spans) {
            let Some((from_ms, to_ms)) = span else { continue };
            self.nodes[node].heard.add(from_ms, to_ms);
            let Some(hour) = place.map(|at| &mut self.places[at]) else { continue };
            hour.read.add(from_ms, to_ms);
            if !hour.nodes.contains(&node) {
                hour.nodes.push(node);
            }
            self.report.unusable_samples += hour.take(from_ms, reading, self.nodes[node].machine);
        }
        if let (Some(place), Some(at)) = (place, kill) {
            let kills = &mut self.places[place].kills;
            if kills.len() < EVENTS_MAX {
                kills.push((at, series.memory_limit));
            }
        }
    }

    /// Hands on what the hour tells of each container of which enough is known: at least that share of the hour.
    pub(super) fn finish(mut self, known_min: f64, sink: Sink<'_>) -> Gathered {
        let owners = self.owners;
        let mut told = Told::default();
        let mut kills = Vec::new();
        let mut places = std::mem::take(&mut self.places);
        places.sort_by(|a, b| a.place.cmp(&b.place));
        for place in places {
            let (namespace, pod, container) = &place.place;
            let owner = match owners.owner(namespace, pod) {
                Owner::Shown(id) | Owner::Named(id) => Some(id.clone()),
                Owner::Ambiguous | Owner::Nobody | Owner::Unknown => place.owner.clone(),
            };
            let Some(workload) = owner else {
                self.report.unowned_series += 1;
                continue;
            };
            let container = ContainerId { workload, container: container.clone() };
            kills.extend(place.kills.iter().map(|(at_unix_s, limit)| OomKill {
                container: container.clone(),
                at_unix_s: *at_unix_s,
                limit: *limit,
            }));
            let mut hand_on = |signal: Signal, points: Points| {
                self.report.series += 1;
                self.report.samples += points.len() as u64;
                told.note(namespace, pod, &container.container, (self.hour, signal));
                sink(UsageSeries { container: container.clone(), pod: pod.clone(), signal, points });
            };
            // Nobody else tells of them hour by hour, so what there is counts.
            place.gpus.points(self.hour).into_iter().for_each(|(signal, points)| hand_on(signal, points));
            let mut heard = Slots::default();
            place.nodes.iter().for_each(|node| heard.join(&self.nodes[*node].heard));
            if place.read.known(&heard) < known_min {
                continue;
            }
            let starts = if owners.outlives_its_start(&container) { &place.starts[..] } else { &[] };
            place.points(self.hour, starts).into_iter().for_each(|(signal, points)| hand_on(signal, points));
        }
        let telling = self.nodes.into_iter().filter(|node| !node.others.is_empty());
        let of_others = telling.map(|node| (node.name, node.others.len() as u64)).collect();
        Gathered { report: self.report, told, kills, of_others }
    }

    fn node(&mut self, name: &str) -> usize {
        if let Some(known) = self.by_node.get(name) {
            return *known;
        }
        self.nodes.push(NodeHeard {
            name: name.to_owned(),
            machine: self.owners.machine(name).unwrap_or(UNSHOWN),
            heard: Slots::default(),
            ids: HashMap::new(),
            nobodys: HashSet::new(),
            others: HashSet::new(),
        });
        self.by_node.insert(name.to_owned(), self.nodes.len() - 1);
        self.nodes.len() - 1
    }

    /// Where a cgroup of a node goes; none where no pod of it has it. Of ids that are made up, few are remembered.
    fn place_of(
        &mut self,
        node: usize,
        id: &CgroupId,
        seen_unix_ms: Option<i64>,
        book: &mut Book,
    ) -> Option<usize> {
        let heard = &mut self.nodes[node];
        if let Some(known) = heard.ids.get(id) {
            return Some(*known);
        }
        let (pod, container) = match book.resolve(&heard.name, id) {
            Resolved::Known(pod, container) => (pod, container),
            Resolved::OtherNode => {
                note_few(&mut heard.others, id);
                return None;
            }
            Resolved::Nobody => {
                if note_few(&mut heard.nobodys, id) {
                    book.miss(&heard.name, id, self.hour);
                    self.report.unowned_series += 1;
                }
                return None;
            }
        };
        let place = (pod.namespace.to_string(), pod.pod.clone(), container.clone());
        let at = enter(&mut self.places, &mut self.by_name, place, pod.owner.as_ref());
        heard.ids.insert(id.clone(), at);
        let replaces = book.sight(id, seen_unix_ms);
        if let Some(start) = seen_unix_ms.map(|ms| ms.div_euclid(1000)) {
            let hour = &mut self.places[at];
            if hour.starts.len() < EVENTS_MAX {
                hour.starts.push(start);
            }
            hour.restarts += u32::from(replaces && (self.hour..self.hour + HOUR_S).contains(&start));
        }
        Some(at)
    }

    /// Where a container goes that a node names; none where no pod of that node is called so.
    fn place_named(
        &mut self,
        node: usize,
        (namespace, pod, container): (&str, &str, &str),
        book: &mut Book,
    ) -> Option<usize> {
        let heard = &mut self.nodes[node];
        match book.resolve_named(&heard.name, (namespace, pod, container)) {
            Resolved::Known(known, container) => {
                let place = (known.namespace.to_string(), known.pod.clone(), container.clone());
                Some(enter(&mut self.places, &mut self.by_name, place, known.owner.as_ref()))
            }
            Resolved::OtherNode => {
                let pod_uid = format!("{namespace}/{pod}");
                note_few(&mut heard.others, &CgroupId { pod_uid, container_id: container.to_owned() });
                None
            }
            Resolved::Nobody => None,
        }
    }

    /// The span of a reading, in milliseconds since the start of the hour; none where it is none of this hour or cannot be.
    fn span(&mut self, reading: &NodeReading) -> Option<(i64, i64)> {
        let begun_ms = reading.at_unix_ms.saturating_sub(i64::from(reading.span_ms));
        if !self.is_within(begun_ms.div_euclid(1000)) {
            return None;
        }
        if reading.at_unix_ms > self.horizon_ms {
            self.report.misplaced_samples += 1;
            return None;
        }
        if !(1..=SPAN_MS_MAX).contains(&reading.span_ms) {
            self.report.unusable_samples += 1;
            return None;
        }
        let start_ms = self.hour * 1000;
        Some((begun_ms - start_ms, reading.at_unix_ms - start_ms))
    }

    fn is_within(&self, unix_s: i64) -> bool {
        (self.hour..self.hour + HOUR_S).contains(&unix_s)
    }
}

impl PlaceHour {
    fn new(place: Place, owner: Option<WorkloadId>) -> Self {
        Self {
            place,
            owner,
            steps: [Step::default(); STEPS],
            read: Slots::default(),
            nodes: Vec::new(),
            throttled: Share::default(),
            throttled_us: 0,
            cpu_waited: Share::default(),
            memory_waited: Share::default(),
            kills: Vec::new(),
            starts: Vec::new(),
            restarts: 0,
            gpus: GpuHour::default(),
        }
    }

    /// Takes a reading of a machine that began so long after the hour; gives how many of its values cannot be.
    fn take(&mut self, from_ms: i64, reading: &NodeReading, machine: Machine) -> u64 {
        let mut unusable = 0;
        let cpu_max = machine.cpu_millicores * f64::from(TOO_MUCH);
        let bytes_max = machine.memory_bytes.saturating_mul(u64::from(TOO_MUCH));
        let Some(step) = self.steps.get_mut((from_ms / (STEP_S * 1000)) as usize) else { return 1 };
        let span_ms = u64::from(reading.span_ms);
        match (reading.cpu_used_us, reading.cpu_millicores()) {
            (Some(used), Some(mean)) if mean <= cpu_max => {
                step.cpu_us += used;
                step.cpu_ms += span_ms;
                step.reading_max = Some(step.reading_max.map_or(mean, |max| max.max(mean)));
                match reading.cpu_peak_millicores {
                    Some(peak) if f64::from(peak) > cpu_max => unusable += 1,
                    peak => step.second_max = step.second_max.max(peak),
                }
            }
            (Some(_), _) => unusable += 1,
            (None, _) => {}
        }
        match reading.working_set_bytes {
            Some(bytes) if bytes <= bytes_max => step.memory_max = step.memory_max.max(Some(bytes)),
            Some(_) => unusable += 1,
            None => {}
        }
        if let Some(cfs) = reading.cfs {
            self.throttled.part += u64::from(cfs.throttled.min(cfs.all));
            self.throttled.all += u64::from(cfs.all);
            // Several processors may be held back at once, but not more than the machine has.
            let us_max = span_ms as f64 * machine.cpu_millicores;
            self.throttled_us = self.throttled_us.saturating_add(cfs.throttled_us.min(us_max as u64));
        }
        for (share, waited) in [
            (&mut self.cpu_waited, reading.cpu_waited_us),
            (&mut self.memory_waited, reading.memory_waited_us),
        ] {
            if let Some(waited) = waited {
                share.part = share.part.saturating_add(waited.min(span_ms * 1000));
                share.all += span_ms * 1000;
            }
        }
        unusable
    }

    /// What the hour tells, by signal.
    fn points(&self, hour: i64, starts: &[i64]) -> Vec<(Signal, Points)> {
        let steps = || (0..).map(|n: i64| hour + n * STEP_S).zip(&self.steps);
        let of = |value: &dyn Fn(&Step) -> Option<f64>| -> Points {
            steps().filter_map(|(at, step)| Some((at, value(step)?))).collect()
        };
        let cpu = of(&|step| (step.cpu_ms > 0).then(|| step.cpu_us as f64 / step.cpu_ms as f64));
        let memory = of(&|step| step.memory_max.map(|bytes| bytes as f64));
        let (cpu, cpu_startup) = told_apart(starts, Signal::CpuMillicores, cpu);
        let (memory, memory_startup) = told_apart(starts, Signal::MemoryBytes, memory);
        // A start is no peak that limits are judged by: these are the steps that speak for the request.
        let speaks = |at: i64| cpu.binary_search_by_key(&at, |(at, _)| *at).is_ok();
        let speaking = |points: Points| points.into_iter().filter(|(at, _)| speaks(*at)).collect::<Points>();
        let reading = speaking(of(&|step| step.reading_max));
        let second = speaking(of(&|step| step.second_max.map(f64::from)));
        let of_hour =
            |value: Option<f64>| -> Points { value.map(|value| (hour, value)).into_iter().collect() };
        let throttled_s = (self.throttled.all > 0).then(|| self.throttled_us as f64 / 1e6);
        let all = [
            (Signal::CpuReadingMillicores, reading),
            (Signal::CpuSecondMillicores, second),
            (Signal::CpuMillicores, cpu),
            (Signal::MemoryBytes, memory),
            (Signal::ThrottledRatio, of_hour(self.throttled.ratio())),
            (Signal::ThrottledSeconds, of_hour(throttled_s)),
            (Signal::CpuPressure, of_hour(self.cpu_waited.ratio())),
            (Signal::MemoryPressure, of_hour(self.memory_waited.ratio())),
            (Signal::Restarts, of_hour((self.restarts > 0).then(|| f64::from(self.restarts)))),
        ];
        let all = all.into_iter().chain(cpu_startup).chain(memory_startup);
        all.filter(|(_, points)| !points.is_empty()).collect()
    }
}

impl Told {
    fn note(&mut self, namespace: &str, pod: &str, container: &ContainerName, (hour, signal): (i64, Signal)) {
        let hours = self.0.entry(key(namespace, pod, container)).or_default();
        match hours.last_mut() {
            Some((last, told)) if *last == hour => *told |= bit(signal),
            _ => hours.push((hour, bit(signal))),
        }
    }

    /// Takes over what was told of another hour.
    pub(super) fn absorb(&mut self, other: Self) {
        for (key, hours) in other.0 {
            self.0.entry(key).or_default().extend(hours);
        }
    }

    /// The points of a series that nobody told before.
    pub(super) fn without(&self, mut series: UsageSeries) -> UsageSeries {
        let namespace = series.container.workload.namespace.as_str();
        if let Some(hours) = self.0.get(&key(namespace, &series.pod, &series.container.container)) {
            let told = |at: i64| {
                let hour = at.div_euclid(HOUR_S) * HOUR_S;
                hours.iter().any(|(of, told)| *of == hour && told & bit(series.signal) != 0)
            };
            series.points.retain(|(at, _)| !told(*at));
        }
        series
    }
}

/// No name holds a slash.
fn key(namespace: &str, pod: &str, container: &ContainerName) -> String {
    format!("{namespace}/{pod}/{container}")
}

/// The start of a container is of the same measurement as the rest of it.
fn bit(signal: Signal) -> u16 {
    let measured = match signal {
        Signal::CpuMillicores | Signal::CpuStartupMillicores => Signal::CpuMillicores,
        Signal::MemoryBytes | Signal::MemoryStartupBytes => Signal::MemoryBytes,
        Signal::ThrottledRatio
        | Signal::Restarts
        | Signal::CpuPressure
        | Signal::MemoryPressure
        | Signal::CpuReadingMillicores
        | Signal::CpuSecondMillicores
        | Signal::ThrottledSeconds
        | Signal::GpuBusy
        | Signal::GpuBusyMax
        | Signal::GpuMemory => signal,
    };
    1 << measured as u16
}

/// The number of a place, which is made where it is new.
fn enter(
    places: &mut Vec<PlaceHour>,
    by_name: &mut HashMap<Place, usize>,
    place: Place,
    owner: Option<&WorkloadId>,
) -> usize {
    *by_name.entry(place.clone()).or_insert_with(|| {
        places.push(PlaceHour::new(place, owner.cloned()));
        places.len() - 1
    })
}

/// Whether it was not there; where there are many, none is.
fn note_few(ids: &mut HashSet<CgroupId>, id: &CgroupId) -> bool {
    ids.len() < waiting::OF_NODE_MAX && ids.insert(id.clone())
}
