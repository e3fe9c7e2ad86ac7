//! A container with usage, for the tests of the rules.

use std::collections::BTreeMap;

use kubeopt_model::finding::{Evidence as Seen, Severity};
use kubeopt_model::policy::{EffectivePolicy, SizingStrategy};
use kubeopt_model::quantity::MIB;
use kubeopt_model::usage::{DayUsage, ResourceUsage};
use kubeopt_model::{
    Amount, ClusterName, Container, ContainerId, ContainerName, ContainerRole, ContainerUsage, Coverage,
    Field, Finding, Namespace, ObjectName, Resource, Resources, Window, Workload, WorkloadId, WorkloadKind,
};
use kubeopt_signal::Sketch;

use crate::evidence::Evidence;

/// Seconds of a day.
pub(crate) const DAY: i64 = 86_400;

/// Reads four quantities in the order of [`Field::ALL`]; an empty text leaves the field unset.
pub(crate) fn resources(texts: [&str; 4]) -> Resources {
    let mut resources = Resources::default();
    for (field, text) in Field::ALL.into_iter().zip(texts).filter(|(_, text)| !text.is_empty()) {
        resources.set(field.bound, Amount::parse(field.resource, text).unwrap());
    }
    resources
}

/// What a test varies.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) kind: WorkloadKind,
    pub(crate) name: &'static str,
    pub(crate) resources: Resources,
    pub(crate) cpu_samples: Vec<f64>,
    pub(crate) memory_samples_mebi: Vec<f64>,
    pub(crate) days: i64,
    pub(crate) pods: u64,
    pub(crate) policy: EffectivePolicy,
}

impl Case {
    /// A Deployment that uses a fifth of what it asks for.
    pub(crate) fn serving() -> Self {
        Self {
            kind: WorkloadKind::Deployment,
            name: "api",
            resources: resources(["1", "2", "2Gi", "3Gi"]),
            cpu_samples: (0..100).map(|i| 100.0 + f64::from(i)).collect(),
            memory_samples_mebi: (0..100).map(|i| 300.0 + f64::from(i)).collect(),
            days: 28,
            pods: 6,
            policy: quantile(),
        }
    }

    pub(crate) fn seen_days(mut self, days: i64) -> Self {
        self.days = days;
        self
    }

    pub(crate) fn evidence(&self) -> Evidence {
        let id = WorkloadId {
            cluster: ClusterName::new("prod").unwrap(),
            namespace: Namespace::new("payments").unwrap(),
            kind: self.kind,
            name: ObjectName::new(self.name).unwrap(),
        };
        let container = Container {
            name: ContainerName::new("api").unwrap(),
            role: ContainerRole::Main,
            image: "api:1".to_owned(),
            resources: self.resources,
            java: None,
            gpus: 0,
        };
        let workload = Workload {
            id: id.clone(),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            replicas: 3,
            containers: vec![container.clone()],
            scaler: None,
            applied_by: None,
            owner: None,
            vpa: None,
        };
        let window = Window { from_unix_s: 0, to_unix_s: 28 * DAY };
        let memory: Vec<f64> = self.memory_samples_mebi.iter().map(|mebi| mebi * MIB as f64).collect();
        let usage = ContainerUsage {
            container: ContainerId { workload: id, container: container.name.clone() },
            window,
            seen: Window { from_unix_s: (28 - self.days) * DAY, to_unix_s: 28 * DAY },
            cpu: Some(usage_of(&self.cpu_samples, self.days)),
            memory: Some(usage_of(&memory, self.days)),
            oom_kills: Vec::new(),
            throttled_ratio: None,
            strain: kubeopt_model::usage::Strain::default(),
            startup: kubeopt_model::usage::Startup::default(),
            nodes: None,
            gpus: None,
            pods: self.pods,
            replica_hours: 100.0,
            cpu_hours: Default::default(),
            pod_peaks: Vec::new(),
            memory_hours: Default::default(),
            partial: None,
        };
        Evidence {
            workload,
            container,
            filled_in: Resources::default(),
            usage: Some(usage),
            earlier: None,
            points: None,
            gpu: None,
            foretold: None,
            fleet: None,
            scale_targets: Vec::new(),
            given: Vec::new(),
            lessons: Vec::new(),
            frozen: None,
            leak: None,
        }
    }
}

/// Rules that do not decide what is wanted are tried on wants that a person can compute.
pub(crate) fn quantile() -> EffectivePolicy {
    let mut policy = EffectivePolicy::default();
    policy.sizing.strategy = SizingStrategy::Quantile;
    policy
}

/// Every day has the same samples.
fn usage_of(samples: &[f64], days: i64) -> ResourceUsage {
    let mut sketch = Sketch::default();
    samples.iter().for_each(|sample| sketch.add(*sample, 1));
    let count = samples.len() as u64;
    let max = samples.iter().copied().fold(0.0, f64::max);
    let day = |ago: i64| DayUsage {
        at_unix_s: (28 - ago) * DAY,
        sketch: sketch.clone(),
        max,
        coverage: Coverage { have: count, expected: count },
        partial: false,
    };
    let days = (1..=days).rev().map(day).collect();
    ResourceUsage { sketch, max, max_at_unix_s: 0, coverage: Coverage { have: count, expected: count }, days }
}

/// A leak of this container: open since day 20, without a limit.
pub(crate) fn leak_of(container: ContainerId) -> Finding {
    Finding {
        container,
        resource: Resource::Memory,
        severity: Severity::Medium,
        since_unix_s: 20 * DAY,
        last_unix_s: 28 * DAY,
        evidence: Seen::Leak { bytes_per_hour: 3.1e6, grown_bytes: 1e8, hours: 24, eta_s: None },
        limit: None,
        resolved_unix_s: None,
        told: None,
        silenced: None,
    }
}
