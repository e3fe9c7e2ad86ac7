//! What node agents send, as metrics. The numbers are counted elsewhere; here they get their names.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::metrics::register;

/// How the node agents of one cluster and what they sent are doing. All counts are since the process began.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AgentFigures {
    /// They are listened to by this process.
    pub listening: bool,
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
struct ClusterLabels {
    cluster: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BatchLabels {
    cluster: String,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusalLabels {
    cluster: String,
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LossLabels {
    cluster: String,
    cause: &'static str,
}

/// The metrics themselves.
#[derive(Debug, Default)]
pub(crate) struct AgentMetrics {
    listening: Family<ClusterLabels, Gauge>,
    connected: Family<ClusterLabels, Gauge>,
    lag_seconds: Family<ClusterLabels, Gauge>,
    batches: Family<BatchLabels, Counter>,
    refused: Family<RefusalLabels, Counter>,
    dropped_batches: Family<ClusterLabels, Gauge>,
    unresolved: Family<ClusterLabels, Gauge>,
    unread_hours: Family<RefusalLabels, Counter>,
    spool_bytes: Family<ClusterLabels, Gauge>,
    spool_damaged: Family<ClusterLabels, Counter>,
    spool_lost_bytes: Family<LossLabels, Counter>,
}

impl AgentMetrics {
    /// `cluster` is its name in the configuration.
    pub(crate) fn set(&self, cluster: &str, figures: &AgentFigures) {
        let shown = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let of = ClusterLabels { cluster: cluster.to_owned() };
        for (gauge, number) in [
            (&self.listening, u64::from(figures.listening)),
            (&self.connected, figures.connected),
            (&self.lag_seconds, figures.lag_seconds.unwrap_or(0)),
            (&self.dropped_batches, figures.dropped_batches),
            (&self.unresolved, figures.unresolved),
            (&self.spool_bytes, figures.spool_bytes),
        ] {
            gauge.get_or_create(&of).set(shown(number));
        }
        set_counter(&self.spool_damaged.get_or_create(&of), figures.spool_damaged);
        let cluster = || cluster.to_owned();
        for (result, number) in &figures.batches {
            let labels = BatchLabels { cluster: cluster(), result };
            set_counter(&self.batches.get_or_create(&labels), *number);
        }
        for (reason, number) in &figures.refused {
            let labels = RefusalLabels { cluster: cluster(), reason };
            set_counter(&self.refused.get_or_create(&labels), *number);
        }
        for (reason, number) in &figures.unread_hours {
            let labels = RefusalLabels { cluster: cluster(), reason };
            set_counter(&self.unread_hours.get_or_create(&labels), *number);
        }
        for (cause, number) in &figures.lost_bytes {
            let labels = LossLabels { cluster: cluster(), cause };
            set_counter(&self.spool_lost_bytes.get_or_create(&labels), *number);
        }
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        register(registry, "kubeopt_agents_listening", self.listening.clone());
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
