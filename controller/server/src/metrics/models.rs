//! Counters of models and rounds of training.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use super::register;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabels {
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WhenLabels {
    when: &'static str,
}

/// Models and rounds.
#[derive(Debug)]
pub struct ModelMetrics {
    versions: Family<StateLabels, Gauge>,
    loss: Family<StateLabels, Gauge<f64, AtomicU64>>,
    rollbacks: Counter,
    rounds: Family<ResultLabels, Counter>,
    participants: Gauge,
    uploads: Family<ResultLabels, Counter>,
    norms: Histogram,
    cpu_seconds: Histogram,
    round_loss: Family<WhenLabels, Gauge<f64, AtomicU64>>,
}

impl ModelMetrics {
    pub(super) fn registered(registry: &mut Registry) -> Self {
        let own = Self {
            versions: Family::default(),
            loss: Family::default(),
            rollbacks: Counter::default(),
            rounds: Family::default(),
            participants: Gauge::default(),
            uploads: Family::default(),
            // From what a step moves to ten times what a round may.
            norms: Histogram::new(exponential_buckets(0.01, 2.0, 14)),
            // From what a node of few containers takes to more than a round may.
            cpu_seconds: Histogram::new(exponential_buckets(0.125, 2.0, 14)),
            round_loss: Family::default(),
        };
        register(registry, "kubeopt_model_version", own.versions.clone());
        register(registry, "kubeopt_model_loss", own.loss.clone());
        register(registry, "kubeopt_model_rollbacks_total", own.rollbacks.clone());
        register(registry, "kubeopt_rounds_total", own.rounds.clone());
        register(registry, "kubeopt_rounds_nodes", own.participants.clone());
        register(registry, "kubeopt_rounds_uploads_total", own.uploads.clone());
        register(registry, "kubeopt_rounds_delta_norm", own.norms.clone());
        register(registry, "kubeopt_rounds_train_cpu_seconds", own.cpu_seconds.clone());
        register(registry, "kubeopt_rounds_loss", own.round_loss.clone());
        own
    }

    /// The version that nodes should have, and the one that some nodes try; 0 for none.
    pub fn set_versions(&self, full: u64, tried: u64) {
        for (state, version) in [("full", full), ("canary", tried)] {
            self.versions
                .get_or_create(&StateLabels { state })
                .set(i64::try_from(version).unwrap_or(i64::MAX));
        }
    }

    /// The loss on the last days of the version that is tried or was made last, and of the one before it.
    pub fn set_losses(&self, newest: f64, before: f64) {
        self.loss.get_or_create(&StateLabels { state: "newest" }).set(newest);
        self.loss.get_or_create(&StateLabels { state: "before" }).set(before);
    }

    /// A version was rolled back.
    pub fn count_rollback(&self) {
        self.rollbacks.inc();
    }

    /// A round ended; `result` is a word of a closed set.
    pub fn count_round(&self, result: &'static str) {
        self.rounds.get_or_create(&ResultLabels { result }).inc();
    }

    /// So many nodes take part in the round that goes on, or took part in the last.
    pub fn set_participants(&self, nodes: u64) {
        self.participants.set(i64::try_from(nodes).unwrap_or(i64::MAX));
    }

    /// A node sent what it learned; `result` is `accepted`, or the reason why it was refused, a word of a closed set.
    pub fn count_upload(&self, result: &'static str) {
        self.uploads.get_or_create(&ResultLabels { result }).inc();
    }

    /// How far what a node learned lies from the base, before it is clipped.
    pub fn observe_norm(&self, norm: f64) {
        self.norms.observe(norm);
    }

    /// A node says that training took so many seconds of CPU.
    pub fn observe_cpu_seconds(&self, seconds: f64) {
        self.cpu_seconds.observe(seconds);
    }

    /// The mean of what participants of a round say of their loss.
    pub fn set_round_losses(&self, before: f64, after: f64) {
        self.round_loss.get_or_create(&WhenLabels { when: "before" }).set(before);
        self.round_loss.get_or_create(&WhenLabels { when: "after" }).set(after);
    }
}
