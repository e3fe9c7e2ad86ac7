//! What node agents send, as metrics. The numbers are counted elsewhere; here they get their names.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::metrics::register;

/// Name as Prometheus shows it, and what it counts.
pub(crate) const METRICS: &[(&str, &str)] = &[
    ("kubeopt_agents_connected", "Node agents with an open stream"),
    (
        "kubeopt_agents_lag_seconds",
        "Age of the newest reading of the connected agent that is farthest behind; 0 without one",
    ),
    ("kubeopt_agents_batches_total", "Batches of node agents, by what became of them"),
    (
        "kubeopt_agents_refused_total",
        "Calls, batches and containers of node agents that were refused, by reason",
    ),
    (
        "kubeopt_agents_dropped_batches",
        "Batches that agents lost since their buffers were full, as they tell",
    ),
    ("kubeopt_agents_unresolved", "Cgroups that were read and that no pod has, sandboxes of pods among them"),
    (
        "kubeopt_agents_unread_hours_total",
        "Hours of what agents sent that were not read into history, by reason",
    ),
    ("kubeopt_agents_spool_bytes", "Bytes of what agents sent, on disk"),
    (
        "kubeopt_agents_spool_damaged_total",
        "Places of it that cannot be read: at least one batch is lost at each",
    ),
    ("kubeopt_agents_spool_lost_bytes_total", "Bytes of it that went before their time, by cause"),
];

/// How node agents and what they sent are doing. All counts are since the process began.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AgentFigures {
    /// Agents with an open stream.
    pub connected: u64,
    /// Age of the newest reading of the connected agent that is farthest behind, seconds; none without one.
    pub lag_seconds: Option<u64>,
    /// Batches by what became of them: a closed set of words.
    pub batches: BTreeMap<&'static str, u64>,
    /// Refused calls, batches and containers by reason: a closed set of words.
    pub refused: BTreeMap<&'static str, u64>,
    /// Batches that agents lost.
    pub dropped_batches: u64,
    /// Cgroups that no pod has.
    pub unresolved: u64,
    /// Hours that were not read, by reason: a closed set of words.
    pub unread_hours: BTreeMap<&'static str, u64>,
    /// Bytes on disk.
    pub spool_bytes: u64,
    /// Places on disk that cannot be read.
    pub spool_damaged: u64,
    /// Bytes that went before their time, by cause: a closed set of words.
    pub lost_bytes: BTreeMap<&'static str, u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BatchLabels {
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusalLabels {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LossLabels {
    cause: &'static str,
}

/// The metrics themselves.
#[derive(Debug, Default)]
pub(crate) struct AgentMetrics {
    connected: Gauge,
    lag_seconds: Gauge,
    batches: Family<BatchLabels, Counter>,
    refused: Family<RefusalLabels, Counter>,
    dropped_batches: Gauge,
    unresolved: Gauge,
    unread_hours: Family<RefusalLabels, Counter>,
    spool_bytes: Gauge,
    spool_damaged: Counter,
    spool_lost_bytes: Family<LossLabels, Counter>,
}

impl AgentMetrics {
    pub(crate) fn set(&self, figures: &AgentFigures) {
        let shown = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.connected.set(shown(figures.connected));
        self.lag_seconds.set(shown(figures.lag_seconds.unwrap_or(0)));
        self.dropped_batches.set(shown(figures.dropped_batches));
        self.unresolved.set(shown(figures.unresolved));
        self.spool_bytes.set(shown(figures.spool_bytes));
        set_counter(&self.spool_damaged, figures.spool_damaged);
        for (result, number) in &figures.batches {
            set_counter(&self.batches.get_or_create(&BatchLabels { result }), *number);
        }
        for (reason, number) in &figures.refused {
            set_counter(&self.refused.get_or_create(&RefusalLabels { reason }), *number);
        }
        for (reason, number) in &figures.unread_hours {
            set_counter(&self.unread_hours.get_or_create(&RefusalLabels { reason }), *number);
        }
        for (cause, number) in &figures.lost_bytes {
            set_counter(&self.spool_lost_bytes.get_or_create(&LossLabels { cause }), *number);
        }
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        register(registry, "kubeopt_agents_connected", self.connected.clone());
        register(registry, "kubeopt_agents_lag_seconds", self.lag_seconds.clone());
        register(registry, "kubeopt_agents_batches_total", self.batches.clone());
        register(registry, "kubeopt_agents_refused_total", self.refused.clone());
        register(registry, "kubeopt_agents_dropped_batches", self.dropped_batches.clone());
        register(registry, "kubeopt_agents_unresolved", self.unresolved.clone());
        register(registry, "kubeopt_agents_unread_hours_total", self.unread_hours.clone());
        register(registry, "kubeopt_agents_spool_bytes", self.spool_bytes.clone());
        register(registry, "kubeopt_agents_spool_damaged_total", self.spool_damaged.clone());
        register(registry, "kubeopt_agents_spool_lost_bytes_total", self.spool_lost_bytes.clone());
    }
}

/// Who counted tells the whole count each time.
fn set_counter(counter: &Counter, number: u64) {
    counter.inner().store(number, Ordering::Relaxed);
}
