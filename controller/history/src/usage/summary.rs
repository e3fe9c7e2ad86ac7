//! From the tables of days to one summary per container over a window.
//!
//! Each day is merged into running tables of one row per series and bin, and per series and pod, so that memory does not
//! grow with the length of the window. Samples count alike, so a pod that lived for minutes weighs minutes.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use kubeopt_model::usage::{DayUsage, HourPoint, OomKill, ResourceUsage, Signal, Startup, Strain};
use kubeopt_model::{ContainerId, ContainerUsage, Coverage, Window};
use kubeopt_signal::Sketch;
use polars::prelude::DataFrame;

use super::day::{Ledger, Tables};
use super::frame::{self, By, PodSpan, ZERO_BIN};
use super::rollup::{series_id, steps_between};
use super::{DAY_S, HOUR_S, STEP_S};
use crate::error::HistoryError;

/// A summary in the making.
pub(super) struct Summary {
    window: Window,
    wanted: Option<HashSet<ContainerId>>,
    containers: BTreeMap<ContainerId, Ids>,
    bins: DataFrame,
    pods: DataFrame,
    maxima: HashMap<u64, (f64, i64)>,
    hours: HashMap<u64, Vec<HourPoint>>,
    days: HashMap<u64, Vec<DayUsage>>,
    oom_kills: Vec<OomKill>,
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
            bins: DataFrame::empty(),
            pods: DataFrame::empty(),
            maxima: HashMap::new(),
            hours: HashMap::new(),
            days: HashMap::new(),
            oom_kills: Vec::new(),
            covered: BTreeSet::new(),
            partial: None,
        }
    }

    /// Adds a day. Days come oldest first.
    pub(super) fn add_day(mut self, ledger: &Ledger, tables: Tables) -> Result<Self, HistoryError> {
        let window = self.window;
        let within = |at: i64| (window.from_unix_s..window.to_unix_s).contains(&at);
        for (hour, state) in ledger.hours.iter().filter(|(hour, _)| within(**hour)) {
            self.covered.insert(*hour);
            self.partial = self.partial.take().or_else(|| state.partial.clone());
        }
        let is_wanted =
            |container: &ContainerId| self.wanted.as_ref().is_none_or(|wanted| wanted.contains(container));
        let (mut ids, mut cpu, mut memory) = (HashSet::new(), HashSet::new(), HashSet::new());
        for container in ledger.containers.iter().filter(|container| is_wanted(container)) {
            // Most containers are there on most days: their names are hashed once.
            let own = match self.containers.get(container) {
                Some(own) => *own,
                None => *self.containers.entry(container.clone()).or_insert(Ids::of(container)),
            };
            ids.extend(own.0);
            cpu.insert(own.get(Signal::CpuMillicores));
            memory.insert(own.get(Signal::MemoryBytes));
        }
        let kills =
            ledger.oom_kills.iter().filter(|kill| within(kill.at_unix_s) && is_wanted(&kill.container));
        let kills: Vec<_> = kills.cloned().collect();
        self.oom_kills.extend(kills);

        let counts = |hour: i64| within(hour) && ledger.hours.contains_key(&hour);
        let bins = frame::picked(&tables.bins, counts, Some(&ids))?;
        let pods = frame::picked(&tables.pods, counts, Some(&ids))?;
        drop(tables);
        let mut maxima: HashMap<u64, (f64, i64)> = HashMap::new();
        frame::each_max(&pods, |series, max, at| {
            let highest = maxima.entry(series).or_insert((max, at));
            if max > highest.0 {
                *highest = (max, at);
            }
        })?;
        self.add_hours(&bins, &pods)?;
        let bins_of_day = frame::merged_bins(&bins, By::Series)?;
        self.end_day(&bins_of_day, (&cpu, &memory), maxima)?;
        // The day as read is the largest table of all.
        drop(bins);
        self.bins = frame::merged_bins(&frame::stacked(self.bins, &bins_of_day)?, By::Series)?;
        let pods_of_day = frame::merged_pods(&pods)?;
        drop(pods);
        self.pods = frame::merged_pods(&frame::stacked(self.pods, &pods_of_day)?)?;
        Ok(self)
    }

    /// Takes a day's maxima over, and of CPU its sketches.
    fn end_day(
        &mut self,
        bins: &DataFrame,
        (cpu, memory): (&HashSet<u64>, &HashSet<u64>),
        maxima: HashMap<u64, (f64, i64)>,
    ) -> Result<(), HistoryError> {
        let mut sketches: HashMap<u64, Vec<(i32, u32)>> = HashMap::new();
        frame::each_bin(bins, |series, _, bin, count| {
            if cpu.contains(&series) {
                sketches.entry(series).or_default().push((bin, count));
            }
        })?;
        for (series, (max, at)) in maxima {
            let highest = self.maxima.entry(series).or_insert((max, at));
            if max > highest.0 {
                *highest = (max, at);
            }
            if !cpu.contains(&series) && !memory.contains(&series) {
                continue;
            }
            let sketch = sketches.remove(&series).map(|bins| sketch_of(&bins)).unwrap_or_default();
            let day = DayUsage { at_unix_s: at.div_euclid(DAY_S) * DAY_S, sketch, max };
            self.days.entry(series).or_default().push(day);
        }
        Ok(())
    }

    fn add_hours(&mut self, bins: &DataFrame, pods: &DataFrame) -> Result<(), HistoryError> {
        let mut maxima: HashMap<(u64, i64), f64> = HashMap::new();
        frame::each_max(pods, |series, max, at| {
            let highest = maxima.entry((series, at.div_euclid(HOUR_S) * HOUR_S)).or_insert(max);
            *highest = highest.max(max);
        })?;
        let hours = &mut self.hours;
        let mut end_hour = |(series, at_unix_s): (u64, i64), bins: &[(i32, u32)]| {
            let max = maxima.get(&(series, at_unix_s)).copied().unwrap_or_default();
            // The sketch is within one per cent; the exact maximum bounds it.
            let sketch = sketch_of(bins);
            let quantile = |q| sketch.quantile(q).unwrap_or_default().min(max);
            let (median, p95) = (quantile(0.5), quantile(0.95));
            hours.entry(series).or_default().push(HourPoint { at_unix_s, median, p95, max });
        };
        // An hour comes in one slice, and its bins stand together: one hour is held at a time.
        let (mut open, mut of_hour) = (None, Vec::new());
        frame::each_bin(bins, |series, hour, bin, count| {
            if let Some(ended) = open.replace((series, hour)).filter(|ended| *ended != (series, hour)) {
                end_hour(ended, &of_hour);
                of_hour.clear();
            }
            of_hour.push((bin, count));
        })?;
        if let Some(ended) = open {
            end_hour(ended, &of_hour);
        }
        Ok(())
    }

    /// One summary per container, sorted.
    pub(super) fn finish(mut self) -> Result<Vec<ContainerUsage>, HistoryError> {
        let mut bins: HashMap<u64, Vec<(i32, u32)>> = HashMap::new();
        if self.bins.width() > 0 {
            frame::each_bin(&self.bins, |series, _, bin, count| {
                bins.entry(series).or_default().push((bin, count));
            })?;
        }
        let mut spans: HashMap<u64, Vec<PodSpan>> = HashMap::new();
        if self.pods.width() > 0 {
            for span in frame::pod_spans(&self.pods)? {
                spans.entry(span.series).or_default().push(span);
            }
        }
        for hours in self.hours.values_mut() {
            // Slices of one day stand in its file as they came.
            hours.sort_unstable_by_key(|hour| hour.at_unix_s);
            hours.shrink_to_fit();
        }
        let partial = self.partial.take().or_else(|| self.gap());
        let containers = std::mem::take(&mut self.containers);
        Ok(containers
            .into_iter()
            .filter_map(|(container, ids)| self.container((container, ids), &bins, &spans, partial.clone()))
            .collect())
    }

    fn container(
        &mut self,
        (container, ids): (ContainerId, Ids),
        bins: &HashMap<u64, Vec<(i32, u32)>>,
        spans: &HashMap<u64, Vec<PodSpan>>,
        partial: Option<String>,
    ) -> Option<ContainerUsage> {
        let of = |signal: Signal| spans.get(&ids.get(signal)).map_or(&[][..], Vec::as_slice);
        // A pod's time is all of it, the start too.
        let cpu = joined_by_pod(of(Signal::CpuMillicores), of(Signal::CpuStartupMillicores));
        let memory = of(Signal::MemoryBytes);
        let all = || cpu.iter().chain(memory).chain(of(Signal::ThrottledRatio));
        let first = all().map(|span| span.first).min()?;
        let last = all().map(|span| span.last).max()?;
        let longest = if memory.len() >= cpu.len() { memory } else { &cpu };
        let steps: u64 = longest.iter().map(|span| steps_between(span.first, span.last)).sum();
        let highest = |signal: Signal| self.maxima.get(&ids.get(signal)).map(|(max, _)| *max);
        let startup = Startup {
            cpu_max: highest(Signal::CpuStartupMillicores),
            memory_max: highest(Signal::MemoryStartupBytes),
        };
        let strain = Strain {
            restarts: of(Signal::Restarts).iter().map(|span| span.sum).sum::<f64>().round() as u64,
            cpu_pressure: mean(of(Signal::CpuPressure)),
            memory_pressure: mean(of(Signal::MemoryPressure)),
        };
        let oom_kills = self.oom_kills.iter().filter(|kill| kill.container == container).cloned().collect();
        Some(ContainerUsage {
            window: self.window,
            seen: Window { from_unix_s: first, to_unix_s: (last + STEP_S).min(self.window.to_unix_s) },
            cpu: self.resource(ids.get(Signal::CpuMillicores), bins, &cpu),
            memory: self.resource(ids.get(Signal::MemoryBytes), bins, memory),
            oom_kills,
            throttled_ratio: mean(of(Signal::ThrottledRatio)),
            strain,
            startup,
            pods: longest.len() as u64,
            replica_hours: (steps * STEP_S as u64) as f64 / HOUR_S as f64,
            cpu_hours: self.hours.remove(&ids.get(Signal::CpuMillicores)).unwrap_or_default(),
            memory_hours: self.hours.remove(&ids.get(Signal::MemoryBytes)).unwrap_or_default(),
            partial,
            container,
        })
    }

    fn resource(
        &mut self,
        series: u64,
        bins: &HashMap<u64, Vec<(i32, u32)>>,
        spans: &[PodSpan],
    ) -> Option<ResourceUsage> {
        let (max, max_at_unix_s) = *self.maxima.get(&series)?;
        let have = spans.iter().map(|span| u64::from(span.samples)).sum();
        let expected = spans.iter().map(|span| steps_between(span.first, span.last)).sum();
        let sketch = sketch_of(bins.get(&series)?);
        let days = self.days.remove(&series).unwrap_or_default();
        Some(ResourceUsage { sketch, max, max_at_unix_s, coverage: Coverage { have, expected }, days })
    }

    /// Hours that are missing between hours that are there.
    fn gap(&self) -> Option<String> {
        let (first, last) = (self.covered.first()?, self.covered.last()?);
        let missing = (last - first) / HOUR_S + 1 - self.covered.len() as i64;
        (missing > 0).then(|| format!("{missing} hours of the window have not been read yet"))
    }
}

/// The series of a container, in the order of [`Signal::ALL`].
#[derive(Debug, Clone, Copy)]
struct Ids([u64; Signal::ALL.len()]);

impl Ids {
    fn of(container: &ContainerId) -> Self {
        Self(Signal::ALL.map(|signal| series_id(container, signal)))
    }

    fn get(&self, signal: Signal) -> u64 {
        self.0[signal as usize]
    }
}

/// Spans of two series of the same pods, one per pod.
fn joined_by_pod(one: &[PodSpan], other: &[PodSpan]) -> Vec<PodSpan> {
    let mut by_pod: BTreeMap<u64, PodSpan> = BTreeMap::new();
    for span in one.iter().chain(other) {
        by_pod.entry(span.pod).and_modify(|kept| kept.absorb(span)).or_insert(*span);
    }
    by_pod.into_values().collect()
}

/// Mean of all samples; none without any.
fn mean(spans: &[PodSpan]) -> Option<f64> {
    let samples: u64 = spans.iter().map(|span| u64::from(span.samples)).sum();
    let sum: f64 = spans.iter().map(|span| span.sum).sum();
    (samples > 0).then(|| sum / samples as f64)
}

fn sketch_of(bins: &[(i32, u32)]) -> Sketch {
    let zeros = bins.iter().filter(|(bin, _)| *bin == ZERO_BIN).map(|(_, count)| u64::from(*count)).sum();
    let filled = bins.iter().filter_map(|(bin, count)| Some((i16::try_from(*bin).ok()?, u64::from(*count))));
    Sketch::from_bins(zeros, filled)
}
