//! The containers of a node and what is known of each: walked, read, compared with the reading before.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use kubeopt_outlook::HourRing;
use kubeopt_proto::{ContainerSeries, NodeFinding};
use kubeopt_sample::{
    Cadence, CgroupMode, ContainerId, ContainerPath, Counters, Heat, HotSet, Life, Sample, second_of_pair,
};

use crate::clock::{Clock, Moment};
use crate::files::{Files, Reader};
use crate::findings::Detectors;
use crate::hours::{HOURS_MAX, Hours};
use crate::metrics::{Metrics, add, count};
use crate::series::Series;
use crate::tree::CgroupTree;

/// As many as a batch of the wire may have; eight times the pods of a large node.
const CONTAINERS_MAX: usize = kubeopt_proto::CONTAINERS_MAX;

/// What people set and what integrates anyway is read every sixth step.
const SELDOM_STEPS: u64 = 6;

/// Two readings of CPU are one second's if they are so far apart, in microseconds.
const SECOND_US: std::ops::RangeInclusive<u64> = 500_000..=2_000_000;

/// Hours of containers from before a restart, by id.
pub(crate) type KeptHours = BTreeMap<ContainerId, [HourRing; 2]>;

/// One container.
#[derive(Debug)]
pub(crate) struct Container {
    path: ContainerPath,
    files: Files,
    seen_unix_ms: u64,
    now: Counters,
    /// What the step before read, and when.
    before: Option<(Counters, u64)>,
    /// The last reading of CPU time, for seconds: when, and how much.
    second: Option<(u64, u64)>,
    peak_millicores: u32,
    series: Series,
    detectors: Detectors,
    /// CPU and memory.
    pub(crate) hours: [Hours; 2],
    is_gone: bool,
}

impl Container {
    pub(crate) fn path(&self) -> &ContainerPath {
        &self.path
    }

    /// Its folder, below the root of each tree.
    pub(crate) fn folder(&self) -> &str {
        self.files.path()
    }

    fn note_second(&mut self, at_us: u64, used_us: Option<u64>) {
        let Some(used_us) = used_us else { return };
        if let Some((before_at, before_used)) = self.second.replace((at_us, used_us)) {
            let span = at_us.saturating_sub(before_at);
            let used = used_us.checked_sub(before_used);
            if let Some(used) = used.filter(|_| SECOND_US.contains(&span)) {
                let millicores = used.saturating_mul(1000) / span;
                self.peak_millicores =
                    self.peak_millicores.max(u32::try_from(millicores).unwrap_or(u32::MAX));
            }
        }
    }
}

/// All containers of this node.
#[derive(Debug)]
pub(crate) struct Node {
    tree: CgroupTree,
    reader: Reader,
    found: Vec<(ContainerPath, String)>,
    /// By id.
    containers: Vec<Box<Container>>,
    hot: HotSet<ContainerId>,
    hot_max: usize,
    kept_hours: KeptHours,
    steps: u64,
    /// Seconds of a step.
    seconds: u32,
    is_first_walk: bool,
}

/// A step, as all containers see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    /// In the batch.
    pub(crate) index: u32,
    /// Its end.
    pub(crate) at: Moment,
}

impl Node {
    pub(crate) fn new(tree: CgroupTree, hot_max: usize, seconds: u32, kept_hours: KeptHours) -> Self {
        Self {
            tree,
            reader: Reader::default(),
            found: Vec::new(),
            containers: Vec::new(),
            hot: HotSet::new(hot_max),
            hot_max,
            kept_hours,
            steps: 0,
            seconds,
            is_first_walk: true,
        }
    }

    /// How many are read every second from now on.
    pub(crate) fn set_hot_max(&mut self, hot_max: usize) {
        if hot_max != self.hot_max {
            (self.hot_max, self.hot) = (hot_max, HotSet::new(hot_max));
        }
    }

    pub(crate) fn mode(&self) -> CgroupMode {
        self.tree.mode()
    }

    pub(crate) fn root(&self) -> &Path {
        self.tree.root()
    }

    pub(crate) fn containers(&self) -> &[Box<Container>] {
        &self.containers
    }

    pub(crate) fn container_mut(&mut self, at: usize) -> Option<&mut Container> {
        self.containers.get_mut(at).map(Box::as_mut)
    }

    /// Finds containers that came, and marks those that went.
    pub(crate) fn walk(&mut self, now: Moment, metrics: &Metrics) {
        count(&metrics.walks);
        self.tree.walk(&mut self.found, CONTAINERS_MAX + 1);
        let beyond = self.found.len().saturating_sub(CONTAINERS_MAX);
        metrics.containers_left_out.set(beyond as u64);
        self.found.truncate(CONTAINERS_MAX);
        for container in &mut self.containers {
            let id = container.path.container_id;
            container.is_gone = self.found.binary_search_by_key(&id, |(path, _)| path.container_id).is_err();
        }
        // What was there before the agent began earlier than anyone saw.
        let seen_unix_ms = if self.is_first_walk { 0 } else { now.unix_ms };
        self.is_first_walk = false;
        for (path, folder) in std::mem::take(&mut self.found) {
            let place = self.containers.binary_search_by_key(&path.container_id, |one| one.path.container_id);
            if let Err(at) = place {
                let rings = self.kept_hours.remove(&path.container_id);
                let rings = rings.unwrap_or_else(|| [HourRing::new(HOURS_MAX), HourRing::new(HOURS_MAX)]);
                let container = Container {
                    path,
                    files: Files::new(folder, self.tree.mode()),
                    seen_unix_ms,
                    now: Counters::default(),
                    before: None,
                    second: None,
                    peak_millicores: 0,
                    series: Series::default(),
                    detectors: Detectors::new(),
                    hours: rings.map(Hours::new),
                    is_gone: false,
                };
                self.containers.insert(at, Box::new(container));
            }
        }
        metrics.containers.set(self.containers.len() as u64);
    }

    /// Has something come or gone since the last walk?
    pub(crate) fn wants_a_walk(&self) -> bool {
        self.tree.has_changed()
    }

    /// One second within a step: hot containers, and those whose pair of seconds it is.
    pub(crate) fn second(&mut self, within: u32, clock: &Clock) {
        let (root, mut counters) = (self.tree.root().to_owned(), Counters::default());
        for container in &mut self.containers {
            let id = container.path.container_id;
            let first = second_of_pair(&id, self.steps, self.seconds);
            let is_due = within == first || within == first + 1 || self.hot.is_hot(&id);
            if is_due && !container.is_gone {
                let read = container.files.read(&root, Cadence::Second, &mut self.reader, &mut counters);
                container.is_gone = read.is_err();
                container.note_second(clock.steady_us(), counters.cpu_used_us.filter(|_| read.is_ok()));
                counters.cpu_used_us = None;
            }
        }
    }

    /// The end of a step: everything of every container.
    pub(crate) fn step(
        &mut self,
        step: Step,
        clock: &Clock,
        metrics: &Metrics,
        tell: &mut dyn FnMut(NodeFinding),
    ) {
        let begun = std::time::Instant::now();
        let root = self.tree.root().to_owned();
        let seldom = self.steps.is_multiple_of(SELDOM_STEPS);
        for container in self.containers.iter_mut().filter(|container| !container.is_gone) {
            let cadence = if seldom || container.before.is_none() { Cadence::Seldom } else { Cadence::Step };
            read_one(container, &root, cadence, &mut self.reader, clock);
        }
        let took = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        metrics.collections.note(took);
        for container in &mut self.containers {
            if let Some(heat) = compare(container, step, clock, metrics, tell) {
                self.hot.note(container.path.container_id, heat, step.at.steady_us / 1000);
            }
        }
        self.hot.settle(step.at.steady_us / 1000);
        self.steps += 1;
        metrics.hot_containers.set(self.hot.hot().count() as u64);
        add(&metrics.file_reads, std::mem::take(&mut self.reader.reads));
        add(&metrics.file_errors, std::mem::take(&mut self.reader.errors));
        add(&metrics.values_not_understood, std::mem::take(&mut self.reader.not_understood));
        count(&metrics.steps);
    }

    /// Takes what was seen since the last batch; who is gone has told all.
    pub(crate) fn take_series(&mut self) -> Vec<ContainerSeries> {
        let with_rows = self.containers.iter_mut().filter(|container| !container.series.is_empty());
        let taken = with_rows.map(|one| one.series.take(&one.path, one.seen_unix_ms, &one.now)).collect();
        for gone in self.containers.iter().filter(|container| container.is_gone) {
            self.hot.forget(&gone.path.container_id);
        }
        self.containers.retain(|container| !container.is_gone);
        taken
    }
}

fn read_one(container: &mut Container, root: &Path, cadence: Cadence, reader: &mut Reader, clock: &Clock) {
    if container.files.read(root, cadence, reader, &mut container.now).is_err() {
        container.is_gone = true;
        return;
    }
    let used = container.now.cpu_used_us;
    container.note_second(clock.steady_us(), used);
}

fn compare(
    container: &mut Container,
    step: Step,
    clock: &Clock,
    metrics: &Metrics,
    tell: &mut dyn FnMut(NodeFinding),
) -> Option<Heat> {
    if container.is_gone {
        return None;
    }
    // The reading's own time, which is when its CPU time was read.
    let at_us = container.second.map_or(clock.steady_us(), |(at, _)| at);
    let (before, before_us) = container.before.replace((container.now, at_us))?;
    let span = Duration::from_micros(at_us.saturating_sub(before_us));
    let sample = Sample::between(&before, &container.now, span);
    if sample.life == Life::New {
        count(&metrics.counter_resets);
    }
    let peak = std::mem::take(&mut container.peak_millicores);
    container.series.push(step.index, sample, peak);
    let unix_s = i64::try_from(step.at.unix_ms / 1000).unwrap_or(i64::MAX);
    if let Some(cpu) = sample.cpu_millicores() {
        container.hours[0].push(unix_s, cpu as f64);
    }
    if let Some(bytes) = sample.working_set_bytes {
        container.hours[1].push(unix_s, bytes as f64);
    }
    container.detectors.look(&container.path, step.at.unix_ms, &sample, &container.now, tell);
    Heat::of(&sample, &container.now)
}
