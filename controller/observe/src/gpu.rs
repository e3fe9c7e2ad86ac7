//! How busy GPUs were, from NVIDIA's DCGM exporter: one query for all of them, where it is scraped. Its absence says nothing.

use std::collections::BTreeMap;

use kubeopt_model::gpu::{GpuSource, GpuUse};
use kubeopt_model::{ContainerId, ContainerName};

use crate::error::ObserveError;
use crate::owners::{Owner, PodOwners};
use crate::prometheus::Prometheus;
use crate::query::Selector;
use crate::scanner::Labels;

/// Days that are looked at: a week shows what is idle every day and what is used at the weekend. At a scrape interval of 15 s
/// they are 40,000 samples a device and series, so a thousand devices fit into what Prometheus answers.
const DAYS: u32 = 7;

/// The label that tells what a series is.
const SIGN: &str = "kubeopt_signal";

const MEAN: &str = "gpu-mean";
const MAX: &str = "gpu-max";
const MEMORY: &str = "gpu-memory";

impl Selector {
    /// Mean and highest utilisation and the highest share of memory, by container, over [`DAYS`]; each series carries what
    /// it is in [`SIGN`]. The exporter has a namespace of its own: whose pod uses a device may stand in labels with the
    /// prefix `exported_`, so namespaces are told by the owners and not asked for.
    pub(crate) fn gpu_use(&self) -> String {
        let by = "by (namespace, pod, container, exported_namespace, exported_pod, exported_container)";
        let within = self.of_cluster();
        let range = |metric: &str| format!("{metric}{{{within}}}[{DAYS}d]");
        let (busy, used) = (range("DCGM_FI_DEV_GPU_UTIL"), range("DCGM_FI_DEV_FB_USED"));
        let parts = [
            (MEAN, format!("avg {by} (avg_over_time({busy})) / 100")),
            (MAX, format!("max {by} (max_over_time({busy})) / 100")),
            (
                MEMORY,
                format!(
                    "max {by} (max_over_time({used}) / (DCGM_FI_DEV_FB_USED{{{within}}} + DCGM_FI_DEV_FB_FREE{{{within}}}))"
                ),
            ),
        ];
        let named = parts
            .map(|(name, query)| format!(r#"label_replace({query}, "{SIGN}", "{name}", "namespace", ".*")"#));
        named.join(" or ")
    }
}

impl Prometheus {
    /// One query; nothing where no exporter is scraped.
    pub(crate) async fn read_gpus(&self, owners: &PodOwners) -> Result<Vec<GpuUse>, ObserveError> {
        let mut found = Found::default();
        let query = self.selector.gpu_use();
        self.api
            .instant(&query, None, &mut |labels, points| {
                if let (Some(id), Some((_, value))) = (container_of(labels, owners), points.last()) {
                    found.add(id, labels, *value);
                }
            })
            .await?;
        Ok(found.finish())
    }
}

/// By the labels of the pod that uses the device.
fn container_of(labels: &Labels, owners: &PodOwners) -> Option<ContainerId> {
    let label = |name: &str| {
        let exported = labels.get(&format!("exported_{name}")).filter(|value| !value.is_empty());
        exported.or_else(|| labels.get(name))
    };
    let (namespace, pod) = (label("namespace")?, label("pod")?);
    let (Owner::Shown(workload) | Owner::Named(workload)) = owners.owner(namespace, pod) else { return None };
    let container = ContainerName::new(label("container")?.as_str()).ok()?;
    Some(ContainerId { workload: workload.clone(), container })
}

/// What was told of each container, pod by pod.
#[derive(Default)]
struct Found(BTreeMap<ContainerId, Told>);

#[derive(Default)]
struct Told {
    means: Vec<f64>,
    max: Option<f64>,
    memory: Option<f64>,
}

impl Found {
    fn add(&mut self, id: ContainerId, labels: &Labels, value: f64) {
        // Shares: what is below or above them is no measurement.
        if !(0.0..=1.0).contains(&value) {
            return;
        }
        let told = self.0.entry(id).or_default();
        match labels.get(SIGN).map(String::as_str) {
            Some(MEAN) => told.means.push(value),
            Some(MAX) => told.max = Some(told.max.unwrap_or(0.0).max(value)),
            Some(MEMORY) => told.memory = Some(told.memory.unwrap_or(0.0).max(value)),
            Some(_) | None => {}
        }
    }

    fn finish(self) -> Vec<GpuUse> {
        let gpu_use = |(container, told): (ContainerId, Told)| {
            let busy_max = told.max.filter(|_| !told.means.is_empty())?;
            let busy_mean = told.means.iter().sum::<f64>() / told.means.len() as f64;
            let (source, hours) = (GpuSource::Prometheus, DAYS * 24);
            Some(GpuUse { container, source, hours, busy_mean, busy_max, memory_max: told.memory })
        };
        self.0.into_iter().filter_map(gpu_use).collect()
    }
}
