//! Seeded usage of containers, written as Prometheus would have scraped it from kubelets.
//!
//! ```
//! use kubeopt_tests::usage::{Container, Shape, Usage};
//!
//! let shop = Container::new("shop", "shop-7d9f-abcde", "web")
//!     .cpu(Shape::flat(0.12).daily(0.5).noise(0.1))
//!     .memory(Shape::flat(180.0 * 1024.0 * 1024.0).noise(0.02));
//! let usage = Usage::days_before(14, 1_763_000_000).step_s(60).container(shop);
//! assert_eq!(usage.samples(), 14 * 24 * 60 * 2);
//! ```

mod series;
mod shape;

use crate::lot::mix;
use std::io::{self, Write};

pub use shape::Shape;

/// What promtool holds in memory at a time: about a gigabyte of text.
const PART_SAMPLES_MAX: u64 = 5_000_000;

/// One container of one pod, and what it used while it lived.
#[derive(Clone, Debug)]
pub struct Container {
    pub(crate) namespace: String,
    pub(crate) pod: String,
    pub(crate) name: String,
    pub(crate) node: String,
    pub(crate) image: String,
    pub(crate) cpu_cores: Shape,
    pub(crate) cpu_limit_cores: Option<f64>,
    pub(crate) memory_bytes: Shape,
    pub(crate) killed_for_memory_s: Option<i64>,
    pub(crate) lived_s: Option<(i64, i64)>,
    pub(crate) throttling: bool,
}

impl Container {
    /// A container that uses a tenth of a core and 100 MiB.
    pub fn new(namespace: &str, pod: &str, name: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            pod: pod.to_owned(),
            name: name.to_owned(),
            node: "node-0".to_owned(),
            image: format!("registry.example/{name}:1"),
            cpu_cores: Shape::flat(0.1),
            cpu_limit_cores: None,
            memory_bytes: Shape::flat(100.0 * 1024.0 * 1024.0),
            killed_for_memory_s: None,
            lived_s: None,
            throttling: false,
        }
    }

    /// The node it runs on.
    pub fn node(mut self, node: &str) -> Self {
        node.clone_into(&mut self.node);
        self
    }

    /// Its CPU usage in cores.
    pub fn cpu(mut self, cores: Shape) -> Self {
        self.cpu_cores = cores;
        self
    }

    /// A CPU limit in cores: usage stops there, and periods in which it wanted more are throttled.
    ///
    /// Without a limit no throttling series are written, as a kubelet writes none.
    pub fn cpu_limit(mut self, cores: f64) -> Self {
        self.cpu_limit_cores = Some(cores);
        self.throttling = true;
        self
    }

    /// Its working set in bytes.
    pub fn memory(mut self, bytes: Shape) -> Self {
        self.memory_bytes = bytes;
        self
    }

    /// It is killed for want of memory once, at a time in Unix seconds.
    pub fn killed_for_memory(mut self, unix_s: i64) -> Self {
        self.killed_for_memory_s = Some(unix_s);
        self
    }

    /// Its restarts and kills are counted, and there are none.
    pub fn never_killed(mut self) -> Self {
        self.killed_for_memory_s = Some(i64::MAX);
        self
    }

    /// It has samples from one time to another only (Unix seconds, end excluded).
    pub fn lived(mut self, from_s: i64, to_s: i64) -> Self {
        self.lived_s = Some((from_s, to_s));
        self
    }

    /// How many series it writes.
    fn series(&self) -> u64 {
        2 + if self.throttling { 2 } else { 0 } + if self.killed_for_memory_s.is_some() { 3 } else { 0 }
    }
}

/// Usage of many containers over a time.
#[derive(Clone, Debug)]
pub struct Usage {
    seed: u64,
    start_s: i64,
    end_s: i64,
    step_s: u32,
    pod_totals: bool,
    containers: Vec<Container>,
}

impl Usage {
    /// Usage of the days before a time (Unix seconds; the last sample is one step before it).
    pub fn days_before(days: u32, end_s: i64) -> Self {
        let start_s = end_s - i64::from(days) * 86_400;
        Self { seed: 1, start_s, end_s, step_s: 60, pod_totals: false, containers: Vec::new() }
    }

    /// Usage of the days before now.
    pub fn days_before_now(days: u32) -> Self {
        Self::days_before(days, k8s_openapi::jiff::Timestamp::now().as_second())
    }

    /// Another seed gives other noise of the same shape.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The time between two samples in seconds; 60 unless told.
    pub fn step_s(mut self, step_s: u32) -> Self {
        self.step_s = step_s.max(1);
        self
    }

    /// Adds a container.
    pub fn container(mut self, container: Container) -> Self {
        self.containers.push(container);
        self
    }

    /// Adds containers.
    pub fn containers(mut self, containers: impl IntoIterator<Item = Container>) -> Self {
        self.containers.extend(containers);
        self
    }

    /// Also writes, as cAdvisor does, each container's figures a second time for its pod, under `container=""`.
    pub fn with_pod_totals(mut self) -> Self {
        self.pod_totals = true;
        self
    }

    /// The first and the last time of the samples, in Unix seconds.
    pub fn range_s(&self) -> (i64, i64) {
        (self.start_s, self.end_s - i64::from(self.step_s))
    }

    /// How many samples will be written.
    pub fn samples(&self) -> u64 {
        self.containers.iter().map(|container| self.samples_of(container)).sum()
    }

    /// The CPU that a container uses in the step that begins at a time, in cores.
    pub fn cpu_cores_at(&self, container: usize, unix_s: i64) -> f64 {
        self.cpu_wanted_at(container, unix_s)
            .min(self.containers[container].cpu_limit_cores.unwrap_or(f64::MAX))
    }

    /// The working set of a container at a time, in bytes.
    pub fn memory_bytes_at(&self, container: usize, unix_s: i64) -> f64 {
        let shape = &self.containers[container].memory_bytes;
        shape.at(self.key(container, 1), unix_s, self.step_s).round()
    }

    fn cpu_wanted_at(&self, container: usize, unix_s: i64) -> f64 {
        self.containers[container].cpu_cores.at(self.key(container, 0), unix_s, self.step_s)
    }

    fn key(&self, container: usize, resource: u64) -> u64 {
        mix(mix(self.seed, u64::try_from(container).unwrap_or(u64::MAX)), resource)
    }

    fn samples_of(&self, container: &Container) -> u64 {
        let (from, to) = self.lifetime(container);
        let steps = u64::try_from((to - from) / i64::from(self.step_s)).unwrap_or(0);
        steps * container.series() * if self.pod_totals { 2 } else { 1 }
    }

    /// When a container's samples begin and end, on the steps of the whole.
    fn lifetime(&self, container: &Container) -> (i64, i64) {
        let step = i64::from(self.step_s);
        let (from, to) = container.lived_s.unwrap_or((self.start_s, self.end_s));
        let on_step =
            |time: i64| self.start_s + (time.clamp(self.start_s, self.end_s) - self.start_s) / step * step;
        (on_step(from), on_step(to))
    }

    /// The containers in groups that promtool can hold in memory.
    pub(crate) fn parts(&self) -> Vec<Part<'_>> {
        let mut parts = Vec::new();
        let (mut from, mut samples) = (0, 0);
        for (at, container) in self.containers.iter().enumerate() {
            let more = self.samples_of(container);
            if at > from && samples + more > PART_SAMPLES_MAX {
                parts.push(Part { usage: self, range: from..at });
                (from, samples) = (at, 0);
            }
            samples += more;
        }
        parts.push(Part { usage: self, range: from..self.containers.len() });
        parts
    }

    /// Writes everything as one OpenMetrics text, without its last line, `# EOF`.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        Part { usage: self, range: 0..self.containers.len() }.write(out)
    }
}

/// Some of the containers of a [`Usage`].
pub(crate) struct Part<'u> {
    usage: &'u Usage,
    range: std::ops::Range<usize>,
}

impl Part<'_> {
    pub(crate) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        self.range.clone().try_for_each(|container| series::write(self.usage, container, out))
    }
}
