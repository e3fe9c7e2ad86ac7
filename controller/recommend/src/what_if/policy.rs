//! Policies that differ in one key.

use kubeopt_model::policy::{
    BelowObservedMax, HpaPolicy, LimitPolicy, OutlookPolicy, SizingStrategy, VpaPolicy,
};
use kubeopt_model::{Bytes, EffectivePolicy, MilliCores};

use crate::evidence::Evidence;

/// Each with the change in words, as a policy file would say it.
pub(super) fn others(evidence: &Evidence, policy: &EffectivePolicy) -> Vec<(String, EffectivePolicy)> {
    let mut tried = Tried { policy, others: Vec::new() };
    tried.strategies(evidence);
    tried.prices();
    tried.bounds();
    tried.limits();
    tried.gates(evidence);
    tried.steps();
    tried.others
}

struct Tried<'a> {
    policy: &'a EffectivePolicy,
    others: Vec<(String, EffectivePolicy)>,
}

impl Tried<'_> {
    fn with(&mut self, change: String, set: impl FnOnce(&mut EffectivePolicy)) {
        let mut other = self.policy.clone();
        set(&mut other);
        if other != *self.policy {
            self.others.push((change, other));
        }
    }

    fn strategies(&mut self, evidence: &Evidence) {
        for strategy in SizingStrategy::ALL {
            if !strategy.needs_points() || evidence.points.is_some() {
                let change = format!("sizing.strategy: {}", strategy.as_str());
                self.with(change, |policy| policy.sizing.strategy = strategy);
            }
        }
        if evidence.workload.scaler.is_some() {
            for word in [HpaPolicy::Leave, HpaPolicy::Together] {
                self.with(format!("sizing.hpa: {}", word.as_str()), |policy| policy.sizing.hpa = word);
            }
        }
        if evidence.workload.vpa.is_some() {
            for word in [VpaPolicy::Avoid, VpaPolicy::Follow, VpaPolicy::HandOver] {
                self.with(format!("sizing.vpa: {}", word.as_str()), |policy| policy.sizing.vpa = word);
            }
        }
    }

    /// Half and double of what the strategy weighs risks by.
    fn prices(&mut self) {
        let sizing = &self.policy.sizing;
        let percent = |factor: f64| format!("{:.0}%", factor * 100.0);
        for factor in [0.5, 2.0] {
            let (cpu, memory) = match sizing.strategy {
                SizingStrategy::Kubeopt => (sizing.cpu_price, sizing.memory_price),
                SizingStrategy::Quantile => (sizing.cpu_margin, sizing.memory_margin),
                SizingStrategy::KrrSimple | SizingStrategy::KrrSimpleLimit | SizingStrategy::Vpa => return,
            };
            let is_price = sizing.strategy == SizingStrategy::Kubeopt;
            let key = if is_price { "price" } else { "margin" };
            let said = |resource: &str, was: f64| {
                format!("sizing.{resource}.{key}: {} instead of {}", percent(was * factor), percent(was))
            };
            self.with(said("cpu", cpu), |policy| {
                let slot =
                    if is_price { &mut policy.sizing.cpu_price } else { &mut policy.sizing.cpu_margin };
                *slot = cpu * factor;
            });
            self.with(said("memory", memory), |policy| {
                let slot =
                    if is_price { &mut policy.sizing.memory_price } else { &mut policy.sizing.memory_margin };
                *slot = memory * factor;
            });
        }
    }

    fn bounds(&mut self) {
        let sizing = &self.policy.sizing;
        let (cpu, memory) = (sizing.cpu_floor, sizing.memory_floor);
        self.with("sizing.belowObservedMax: allow".to_owned(), |policy| {
            policy.sizing.below_observed_max = BelowObservedMax::Allow;
        });
        for word in [OutlookPolicy::Off, OutlookPolicy::Raise] {
            self.with(format!("sizing.outlook: {}", word.as_str()), |policy| policy.sizing.outlook = word);
        }
        self.with(format!("sizing.cpu.floor: 1m instead of {}m", cpu.0), |policy| {
            policy.sizing.cpu_floor = MilliCores(1);
        });
        self.with(format!("sizing.memory.floor: 1Mi instead of {memory}"), |policy| {
            policy.sizing.memory_floor = Bytes::mebi(1);
        });
        self.with("no sizing.cpu.ceiling".to_owned(), |policy| policy.sizing.cpu_ceiling = None);
        self.with("no sizing.memory.ceiling".to_owned(), |policy| policy.sizing.memory_ceiling = None);
    }

    fn limits(&mut self) {
        let words = [(LimitPolicy::Keep, "keep"), (LimitPolicy::Ratio, "ratio"), (LimitPolicy::None, "none")];
        for (limits, word) in words {
            self.with(format!("sizing.limits.cpu: {word}"), |policy| policy.sizing.cpu_limit = limits);
            self.with(format!("sizing.limits.memory: {word}"), |policy| policy.sizing.memory_limit = limits);
        }
    }

    /// What holds back until enough is known.
    fn gates(&mut self, evidence: &Evidence) {
        self.with("enabled: true".to_owned(), |policy| policy.enabled = true);
        self.with("sizing.minCoverage: 0%".to_owned(), |policy| policy.sizing.min_coverage = 0.0);
        let Some(usage) = &evidence.usage else { return };
        let have = usage.seen.seconds();
        if have < self.policy.sizing.min_history_seconds {
            let hours = have / 3600;
            self.with(format!("sizing.minHistory: {hours}h"), |policy| {
                policy.sizing.min_history_seconds = have
            });
        }
        if usage.pods < self.policy.sizing.min_runs {
            let runs = usage.pods;
            self.with(format!("sizing.minRuns: {runs}"), |policy| policy.sizing.min_runs = runs);
        }
    }

    /// How far one pull request may go.
    fn steps(&mut self) {
        self.with("changes.maxIncrease: 10000%".to_owned(), |policy| policy.changes.max_increase = 100.0);
        self.with("changes.maxDecrease: 99%".to_owned(), |policy| policy.changes.max_decrease = 0.99);
        self.with("changes.ignoreBelow: {ratio: 0%, cpu: 0, memory: 0}".to_owned(), |policy| {
            policy.changes.ignore_below_ratio = 0.0;
            policy.changes.ignore_below_cpu = MilliCores(0);
            policy.changes.ignore_below_memory = Bytes(0);
        });
    }
}
