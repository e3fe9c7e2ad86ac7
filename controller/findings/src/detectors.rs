//! The detectors of one container, fed with its points in their order.

use std::iter::Peekable;

use kubeopt_model::finding::{Evidence, Kind};
use kubeopt_model::usage::ContainerPoints;
use kubeopt_model::{Amount, ContainerId, Finding, Resource, Resources, WorkloadKind};
use kubeopt_signal::{
    DriftDetector, LeakDetector, LimitSample, MemorySample, Patience, SaturationDetector, SpikeDetector,
    SpikeRule, Watch,
};

use crate::life::Growth;
use crate::signs::Signs;

const HOUR_S: i64 = 3600;
const DAY_S: i64 = 24 * HOUR_S;

/// Points come every five minutes and are read by the hour: a missing hour is a gap, a missing point is none.
const GAP_S: i64 = 2 * HOUR_S;

/// A spike is told for so long after it was last seen: a pass an hour later still sees it.
const SPIKE: Patience = Patience { open_after_s: 0, resolve_after_s: 2 * HOUR_S };

/// The verdict of a leak changes with the hour; one that wavers is the same leak.
const LEAK: Patience = Patience { open_after_s: 0, resolve_after_s: 12 * HOUR_S };

/// The verdict of drift changes with the day.
const DRIFT: Patience = Patience { open_after_s: 0, resolve_after_s: DAY_S };

/// Of what is requested, or of the floor where nothing is, by so much the floor rises in a day while a leak goes on; noise
/// moves it by less.
const RISE_MIN: f64 = 0.02;

/// In an hour with a restart, a fall of memory by this share is where it was; where memory does not fall, another pod is the
/// highest, and its memory goes on.
const FALL_MIN: f64 = 0.1;

/// A step that begins within the hour may show the memory of before the restart still: the fall comes up to so much later.
const FALL_LATE_S: i64 = 600;

/// No time that is left is told as more.
const CENTURY_S: f64 = 3.2e9;

/// A quarter of an hour at a limit; less is a burst.
const SATURATION: Patience = Patience { open_after_s: 900, resolve_after_s: 2 * HOUR_S };

/// Which detectors speak of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// It runs on: all of them.
    Lasting,
    /// It runs and ends: what grows from run to run is its input.
    Runs,
}

impl Scope {
    /// Of containers of this kind.
    pub fn of(kind: WorkloadKind) -> Self {
        match kind {
            WorkloadKind::Deployment
            | WorkloadKind::StatefulSet
            | WorkloadKind::DaemonSet
            | WorkloadKind::Rollout => Self::Lasting,
            WorkloadKind::Job | WorkloadKind::CronJob => Self::Runs,
        }
    }
}

/// What a container asks for: findings are judged by it, so that other sizes need other detectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Requests and limits.
    pub resources: Resources,
    /// Which detectors speak.
    pub scope: Scope,
}

impl Sizes {
    fn limit(&self, resource: Resource) -> Option<Amount> {
        match resource {
            Resource::Cpu => self.resources.limits.cpu.map(Amount::Cpu),
            Resource::Memory => self.resources.limits.memory.map(Amount::Memory),
        }
    }

    fn request(&self, resource: Resource) -> Option<f64> {
        self.resources.effective_request(resource).map(|amount| amount.base() as f64)
    }
}

/// The detectors of one container, about 8 KB. What they find depends on nothing but the points that they were fed.
#[derive(Debug, Clone)]
pub struct Detectors {
    sizes: Sizes,
    spike: (SpikeDetector, Watch),
    leak: (LeakDetector, Watch),
    drift: [(DriftDetector, Watch); 2],
    saturation: [(SaturationDetector, Watch); 2],
    /// Floors of memory by day, the latest last, for leaks that are known.
    floors: [Option<f64>; 3],
    day: i64,
    /// Memory as it was last seen.
    latest: f64,
    /// The latest hour with a restart.
    restart: i64,
}

impl Detectors {
    /// Nothing was seen.
    pub fn new(sizes: Sizes) -> Self {
        let drift = || (DriftDetector::default(), Watch::new(DRIFT));
        let saturation = || (SaturationDetector::new(GAP_S), Watch::new(SATURATION));
        let rule = SpikeRule::cpu_by_5_minutes(sizes.request(Resource::Cpu));
        Self {
            sizes,
            spike: (SpikeDetector::new(rule), Watch::new(SPIKE)),
            leak: (LeakDetector::new(GAP_S), Watch::new(LEAK)),
            drift: [drift(), drift()],
            saturation: [saturation(), saturation()],
            floors: [None; 3],
            day: i64::MIN,
            latest: 0.0,
            restart: i64::MIN,
        }
    }

    /// What the container asked for when they began.
    pub fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// Takes points that come after those before. What is no number, late or doubled is left out.
    pub fn feed(&mut self, points: &ContainerPoints, signs: &Signs) {
        for (at, value) in &points.cpu {
            self.feed_cpu(*at, *value, signs);
        }
        let mut restarts = points.restarts.iter().copied().peekable();
        for (at, value) in &points.memory {
            self.pass_restarts(&mut restarts, *at);
            self.feed_memory(*at, *value, signs);
        }
    }

    /// Takes the restarts of the hours that have begun.
    fn pass_restarts(&mut self, restarts: &mut Peekable<impl Iterator<Item = i64>>, at: i64) {
        while let Some(hour) = restarts.next_if(|hour| *hour <= at) {
            self.restart = hour;
        }
    }

    /// Takes points of which those before a moment were fed already, without signs: shortage is judged by all of these, and
    /// the rest by the new ones alone.
    pub fn feed_from(&mut self, from_unix_s: i64, points: &ContainerPoints, signs: &Signs) {
        let is_old = |(at, _): &&(i64, f64)| *at < from_unix_s;
        if points.cpu.iter().chain(&points.memory).any(|point| is_old(&point)) {
            let anew = || (SaturationDetector::new(GAP_S), Watch::new(SATURATION));
            self.saturation = [anew(), anew()];
        }
        for (at, value) in points.cpu.iter().filter(is_old) {
            self.feed_cpu_shortage(*at, *value, signs);
        }
        for (at, value) in points.memory.iter().filter(is_old) {
            self.feed_memory_shortage(*at, *value, signs);
        }
        for (at, value) in points.cpu.iter().filter(|point| !is_old(point)) {
            self.feed_cpu(*at, *value, signs);
        }
        let mut restarts = points.restarts.iter().copied().filter(|hour| *hour >= from_unix_s).peekable();
        for (at, value) in points.memory.iter().filter(|point| !is_old(point)) {
            self.pass_restarts(&mut restarts, *at);
            self.feed_memory(*at, *value, signs);
        }
    }

    fn feed_cpu(&mut self, at: i64, value: f64, signs: &Signs) {
        let limit = self.sizes.limit(Resource::Cpu).map(|amount| amount.base() as f64);
        if self.sizes.scope == Scope::Lasting {
            let (detector, watch) = &mut self.spike;
            let found = detector.push(at, value);
            watch.look(at, found.map(|found| (found.severity_at_limit(limit), found)));
            let (detector, watch) = &mut self.drift[0];
            let found = detector.push(at, value);
            watch.look(at, found.map(|found| (found.severity(), found)));
        }
        self.feed_cpu_shortage(at, value, signs);
    }

    fn feed_cpu_shortage(&mut self, at: i64, value: f64, signs: &Signs) {
        let limit = self.sizes.limit(Resource::Cpu).map(|amount| amount.base() as f64);
        let counts = at >= signs.from_unix_s;
        let sample = LimitSample {
            at_unix_s: at,
            throttled_ratio: signs.throttled_ratio.filter(|_| counts),
            pressure_ratio: signs.cpu_pressure.filter(|_| counts),
            used_of_limit: share(value, limit),
        };
        look(&mut self.saturation[0], &sample);
    }

    fn feed_memory(&mut self, at: i64, value: f64, signs: &Signs) {
        let limit = self.sizes.limit(Resource::Memory).map(|amount| amount.base() as f64);
        if self.sizes.scope == Scope::Lasting {
            let sample = MemorySample {
                at_unix_s: at,
                bytes: value,
                limit_bytes: limit,
                request_bytes: self.sizes.request(Resource::Memory),
            };
            let fell = value < (1.0 - FALL_MIN) * self.latest;
            let (detector, watch) = &mut self.leak;
            if fell && (0..HOUR_S + FALL_LATE_S).contains(&at.saturating_sub(self.restart)) {
                detector.restarted(at);
            }
            let found = detector.push(&sample);
            watch.look(at, found.map(|found| (found.severity(), found)));
            let (detector, watch) = &mut self.drift[1];
            let found = detector.push(at, value);
            watch.look(at, found.map(|found| (found.severity(), found)));
            self.note_floor(at, value);
        }
        self.feed_memory_shortage(at, value, signs);
    }

    fn feed_memory_shortage(&mut self, at: i64, value: f64, signs: &Signs) {
        let limit = self.sizes.limit(Resource::Memory).map(|amount| amount.base() as f64);
        let counts = at >= signs.from_unix_s;
        let sample = LimitSample {
            at_unix_s: at,
            throttled_ratio: None,
            pressure_ratio: signs.memory_pressure.filter(|_| counts),
            used_of_limit: share(value, limit),
        };
        look(&mut self.saturation[1], &sample);
    }

    fn note_floor(&mut self, at: i64, value: f64) {
        if !value.is_finite() {
            return;
        }
        let day = at.div_euclid(DAY_S);
        if day > self.day {
            // Where a day without samples lies between, what was before says nothing.
            let [_, before, latest] = self.floors;
            let follows = day == self.day.saturating_add(1);
            self.floors = if follows { [before, latest, None] } else { [None; 3] };
            self.day = day;
        }
        if day == self.day {
            self.floors[2] = Some(self.floors[2].map_or(value, |floor| floor.min(value)));
            self.latest = value;
        }
    }

    /// How the floor of memory rose from the last day but one to the last, where it has not fallen since: a leak that is
    /// known goes on, even where the detector, which was not fed its beginning, takes it for usual.
    pub fn growth(&self) -> Option<Growth> {
        let [Some(first), Some(last), today] = self.floors else { return None };
        let least = RISE_MIN * self.sizes.request(Resource::Memory).unwrap_or(first);
        if last - first <= least || today.is_some_and(|today| today < last) {
            return None;
        }
        let bytes_per_hour = (last - first) / 24.0;
        let limit = self.sizes.limit(Resource::Memory);
        let eta = |limit: Amount| {
            let left = (limit.base() as f64 - self.latest).max(0.0);
            (left / bytes_per_hour * HOUR_S as f64).min(CENTURY_S) as i64
        };
        Some(Growth { bytes_per_hour, eta_s: limit.map(eta), limit })
    }

    /// What is open at a moment, in seconds since the epoch.
    pub fn open(mut self, container: &ContainerId, now_unix_s: i64) -> Vec<Finding> {
        let [drift_cpu, drift_memory] = &mut self.drift;
        let [saturation_cpu, saturation_memory] = &mut self.saturation;
        let watches = [
            (Resource::Cpu, &mut self.spike.1),
            (Resource::Memory, &mut self.leak.1),
            (Resource::Cpu, &mut drift_cpu.1),
            (Resource::Memory, &mut drift_memory.1),
            (Resource::Cpu, &mut saturation_cpu.1),
            (Resource::Memory, &mut saturation_memory.1),
        ];
        let sizes = self.sizes;
        let open = watches.into_iter().filter_map(|(resource, watch)| {
            watch.look(now_unix_s, None);
            let found = watch.open()?;
            Some(Finding {
                container: container.clone(),
                resource,
                severity: found.severity,
                since_unix_s: begun(found.since_unix_s, &found.evidence),
                last_unix_s: found.last_unix_s,
                evidence: found.evidence,
                limit: sizes.limit(resource),
                resolved_unix_s: None,
                told: None,
                silenced: None,
            })
        });
        let mut open: Vec<Finding> = open.collect();
        // What leaks moves too: it is told once.
        if open.iter().any(|one| one.kind() == Kind::Leak) {
            open.retain(|one| one.kind() != Kind::Drift || one.resource != Resource::Memory);
        }
        open
    }
}

/// A leak began before the hours that proved it.
fn begun(since_unix_s: i64, evidence: &Evidence) -> i64 {
    match evidence {
        Evidence::Leak { hours, .. } => since_unix_s.saturating_sub(i64::from(*hours) * HOUR_S),
        Evidence::Spike { .. }
        | Evidence::Shift { .. }
        | Evidence::Drift { .. }
        | Evidence::Saturation { .. }
        | Evidence::OutOfMemory { .. } => since_unix_s,
    }
}

fn look((detector, watch): &mut (SaturationDetector, Watch), sample: &LimitSample) {
    let found = detector.push(sample);
    watch.look(sample.at_unix_s, found.map(|found| (found.severity(), found)));
}

fn share(value: f64, limit: Option<f64>) -> Option<f64> {
    limit.filter(|limit| *limit > 0.0).map(|limit| value / limit)
}

#[cfg(test)]
mod tests;
