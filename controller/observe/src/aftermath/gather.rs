//! Where the series of a window arrive and become hours: the pods of a container together, hour by hour.
//!
//! Sums are kept and not series, so that it takes no more memory however many pods came and went. Pure, apart from the
//! owners that are looked up.

use std::collections::BTreeMap;

use kubeopt_model::outcome::{HOUR_S, HourSigns, NodeSize, SeenImage, WindowSigns};
use kubeopt_model::usage::OomKill;
use kubeopt_model::{ContainerId, ContainerName, Window, WorkloadId};

use super::query::{Part, kept};
use super::{SignsAsked, SignsRead};
use crate::attempt::Tally;
use crate::oom::Points;
use crate::owners::{Owner, PodOwners};
use crate::query::HOURLY_LABEL;
use crate::scanner::Labels;
use crate::slice::SliceReport;

/// Series that wait for their owner: 672 hours each make 20 MB of them.
const HELD_SERIES_MAX: usize = 2000;

/// Most images of a container that are kept; a merge is judged without images long before.
const IMAGES_MAX: usize = 64;

/// Longest text of an image that is kept; registries allow 255 characters for a name.
const IMAGE_CHARS_MAX: usize = 256;

/// Most restarts of a pod within an hour that are believed: one in four seconds.
const RESTARTS_MAX: f64 = 900.0;

/// Most cores of a node that are believed.
const CORES_MAX: f64 = 65_536.0;

/// Sum and number of what makes a mean.
#[derive(Debug, Clone, Copy, Default)]
struct Mean {
    sum: f64,
    count: u32,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.count += 1;
    }

    fn value(self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / f64::from(self.count))
    }
}

/// One hour of one container, all pods together.
#[derive(Debug, Clone, Copy, Default)]
struct Hour {
    ran: f64,
    throttled: f64,
    periods: f64,
    cpu: Mean,
    pressure: Mean,
    cpu_request: Mean,
    memory_request: Mean,
    restarts: Option<u32>,
    counts_ooms: bool,
}

/// One container.
#[derive(Debug, Clone, Default)]
struct Gathered {
    hours: BTreeMap<i64, Hour>,
    images: BTreeMap<String, i64>,
    nodes: BTreeMap<u32, f64>,
}

/// A series whose owner nobody knows yet.
struct Held {
    namespace: String,
    pod: String,
    part: Part,
    labels: Labels,
    points: Points,
}

/// Takes the series of a window.
pub(crate) struct Gathering<'o> {
    window: Window,
    owners: &'o PodOwners,
    containers: BTreeMap<ContainerId, Gathered>,
    held: Vec<Held>,
    report: SliceReport,
}

impl<'o> Gathering<'o> {
    pub(crate) fn new(asked: &SignsAsked, owners: &'o PodOwners) -> Self {
        let containers = asked.containers.iter().map(|id| (id.clone(), Gathered::default())).collect();
        let report = SliceReport::default();
        Self { window: asked.window, owners, containers, held: Vec::new(), report }
    }

    /// Takes one series of an answer.
    pub(crate) fn take(&mut self, labels: &Labels, points: &[(i64, f64)]) {
        let text = |name: &str| labels.get(name).map(String::as_str);
        let (Some(namespace), Some(pod), Some(part)) =
            (text("namespace"), text("pod"), text(HOURLY_LABEL).and_then(Part::of_label))
        else {
            self.report.odd_series += 1;
            return;
        };
        let points = self.usable(points);
        match self.owners.owner(namespace, pod) {
            Owner::Shown(workload) | Owner::Named(workload) => self.give(workload, part, labels, &points),
            Owner::Ambiguous if !self.may_be_asked(namespace, pod) => {}
            Owner::Ambiguous if self.held.len() < HELD_SERIES_MAX => self.held.push(Held {
                namespace: namespace.to_owned(),
                pod: pod.to_owned(),
                part,
                labels: labels.clone(),
                points,
            }),
            Owner::Ambiguous => self.report.unowned_series += 1,
            // The name begins like that of a workload of the merge, and no known workload names its pods so.
            Owner::Unknown | Owner::Nobody => {}
        }
    }

    /// Whether a workload of the merge may name its pods so.
    fn may_be_asked(&self, namespace: &str, pod: &str) -> bool {
        let fits = |id: &ContainerId| {
            id.workload.namespace.as_str() == namespace && pod.starts_with(kept(id.workload.name.as_str()))
        };
        self.containers.keys().any(fits)
    }

    /// Whether series wait for their owner.
    pub(crate) fn holds_any(&self) -> bool {
        !self.held.is_empty()
    }

    /// Gives what waited to those who turn out to be the owners.
    pub(crate) fn release<'p>(&mut self, owner: impl Fn(&str, &str) -> Option<&'p WorkloadId>) {
        for held in std::mem::take(&mut self.held) {
            match owner(&held.namespace, &held.pod) {
                Some(workload) => self.give(workload, held.part, &held.labels, &held.points),
                None => self.report.unowned_series += 1,
            }
        }
    }

    /// Adds what a query took.
    pub(crate) fn account(&mut self, tally: &Tally) {
        self.report.queries += tally.queries;
        self.report.bytes += tally.bytes;
        self.report.odd_series += tally.duplicates;
        if let (None, Some(warning)) = (&self.report.partial, tally.warnings.first()) {
            self.report.partial = Some(format!("the metrics source warned: {warning}"));
        }
    }

    /// Adds what a recording tells of an hour. It tells every restart and every kill there was.
    pub(crate) fn add_recorded(
        &mut self,
        id: &ContainerId,
        at_unix_s: i64,
        add: impl FnOnce(&mut HourSigns),
    ) {
        let Some(gathered) = self.containers.get_mut(id) else { return };
        let within = (self.window.from_unix_s..self.window.to_unix_s).contains(&at_unix_s);
        if !within {
            return;
        }
        let hour = gathered.hours.entry(at_unix_s.div_euclid(HOUR_S) * HOUR_S).or_default();
        let mut told = HourSigns::default();
        add(&mut told);
        hour.ran += told.replica_hours;
        hour.counts_ooms = true;
        hour.restarts = Some(hour.restarts.unwrap_or(0).saturating_add(told.restarts.unwrap_or(0)));
        told.cpu_millicores.into_iter().for_each(|value| hour.cpu.add(value));
        told.cpu_pressure.into_iter().for_each(|value| hour.pressure.add(value));
        if let Some(share) = told.throttled {
            (hour.throttled, hour.periods) = (hour.throttled + share, hour.periods + 1.0);
        }
    }

    /// All containers, with the kills and the bad shares of the objective in their hours.
    pub(crate) fn finish(mut self, kills: &[OomKill], bad_shares: &[(i64, f64)]) -> SignsRead {
        if self.report.partial.is_none() && self.report.unowned_series > 0 {
            self.report.partial = Some(format!(
                "{} series are of pods that are gone and could be of several workloads",
                self.report.unowned_series
            ));
        }
        self.report.partial = self.report.partial.take().or_else(|| unusable(&self.report));
        let (window, partial) = (self.window, self.report.partial.clone());
        let mut killed: BTreeMap<(&ContainerId, i64), u32> = BTreeMap::new();
        for kill in kills {
            // It happened before the moment at which it is first seen.
            let at = (kill.at_unix_s - 1).div_euclid(HOUR_S) * HOUR_S;
            *killed.entry((&kill.container, at)).or_default() += 1;
        }
        let bad: BTreeMap<i64, f64> = bad_shares.iter().copied().collect();
        let containers = self.containers.into_iter().map(|(id, gathered)| {
            let hours = gathered.hours.iter().filter(|(_, hour)| hour.ran > 0.0);
            let hours = hours.map(|(at, hour)| {
                let kills = killed.get(&(&id, *at)).copied();
                hour.signs(*at, kills, bad.get(at).copied())
            });
            let mut signs = WindowSigns {
                window,
                hours: hours.collect(),
                images: gathered
                    .images
                    .into_iter()
                    .map(|(image, first_unix_s)| SeenImage { image, first_unix_s })
                    .collect(),
                nodes: gathered
                    .nodes
                    .into_iter()
                    .map(|(cores, replica_hours)| NodeSize { cores, replica_hours })
                    .collect(),
                partial: partial.clone(),
            };
            signs.images.sort_by(|a, b| (a.first_unix_s, &a.image).cmp(&(b.first_unix_s, &b.image)));
            (id.clone(), signs)
        });
        SignsRead { containers: containers.collect(), problems: Vec::new(), report: self.report }
    }

    /// The samples of the window, stamped with the start of their hour.
    fn usable(&mut self, points: &[(i64, f64)]) -> Points {
        let mut kept = Vec::with_capacity(points.len());
        for (at, value) in points {
            if *at <= self.window.from_unix_s || *at > self.window.to_unix_s {
                self.report.misplaced_samples += 1;
            } else if !value.is_finite() || *value < 0.0 {
                self.report.unusable_samples += 1;
            } else {
                kept.push(((at - 1).div_euclid(HOUR_S) * HOUR_S, *value));
            }
        }
        kept
    }

    fn give(&mut self, workload: &WorkloadId, part: Part, labels: &Labels, points: &Points) {
        if part == Part::NodeCores {
            let mut own =
                self.containers.iter_mut().filter(|(id, _)| id.workload == *workload).map(|(_, own)| own);
            own.by_ref().for_each(|gathered| gathered.add_nodes(points));
            return;
        }
        let Some(container) = labels.get("container").and_then(|name| ContainerName::new(name.as_str()).ok())
        else {
            self.report.odd_series += 1;
            return;
        };
        // Other containers of the same pods are none of the merge.
        let id = ContainerId { workload: workload.clone(), container };
        let Some(gathered) = self.containers.get_mut(&id) else { return };
        self.report.series += 1;
        self.report.samples += points.len() as u64;
        if part == Part::Image {
            gathered.add_image(labels.get("image").map_or("", String::as_str), points);
            return;
        }
        for (at, value) in points {
            gathered.hours.entry(*at).or_default().add(part, *value);
        }
    }
}

impl Gathered {
    fn add_image(&mut self, image: &str, points: &Points) {
        let Some(first) = points.iter().map(|(at, _)| *at).min() else { return };
        let image: String = image.chars().filter(|c| !c.is_control()).take(IMAGE_CHARS_MAX).collect();
        if image.is_empty() || (self.images.len() >= IMAGES_MAX && !self.images.contains_key(&image)) {
            return;
        }
        let known = self.images.entry(image).or_insert(first);
        *known = first.min(*known);
    }

    fn add_nodes(&mut self, points: &Points) {
        for (_, cores) in points.iter().filter(|(_, cores)| (1.0..=CORES_MAX).contains(cores)) {
            *self.nodes.entry(cores.round() as u32).or_default() += 1.0;
        }
    }
}

impl Hour {
    fn add(&mut self, part: Part, value: f64) {
        match part {
            Part::Ran => self.ran += value.min(1.0),
            Part::Cpu => self.cpu.add(value),
            Part::ThrottledPeriods => self.throttled += value,
            Part::Periods => self.periods += value,
            Part::CpuPressure => self.pressure.add(value.min(1.0)),
            Part::CountsOoms => self.counts_ooms = true,
            Part::Restarts => {
                let more = value.min(RESTARTS_MAX).round() as u32;
                self.restarts = Some(self.restarts.unwrap_or(0).saturating_add(more));
            }
            Part::CpuRequest => self.cpu_request.add(value),
            Part::MemoryRequest => self.memory_request.add(value),
            // Not of an hour.
            Part::Image | Part::NodeCores => {}
        }
    }

    fn signs(&self, at_unix_s: i64, kills: Option<u32>, objective: Option<f64>) -> HourSigns {
        // Where restarts are told, kube-state-metrics is scraped, and with it the reason of the last termination.
        let is_told = self.counts_ooms || self.restarts.is_some();
        HourSigns {
            at_unix_s,
            replica_hours: self.ran,
            oom_kills: kills.or(is_told.then_some(0)),
            restarts: self.restarts,
            throttled: (self.periods > 0.0).then(|| (self.throttled / self.periods).min(1.0)),
            cpu_pressure: self.pressure.value(),
            objective,
            cpu_millicores: self.cpu.value(),
            requested_cpu_millicores: self.cpu_request.value(),
            requested_memory_bytes: self.memory_request.value(),
        }
    }
}

/// So many samples were dropped that the rest may not tell the truth: one in a hundred, as of usage.
fn unusable(report: &SliceReport) -> Option<String> {
    let dropped = report.unusable_samples + report.misplaced_samples;
    let all = report.samples + dropped;
    (dropped * 100 > all)
        .then(|| format!("{dropped} of {all} samples are no usable numbers or of another time"))
}
