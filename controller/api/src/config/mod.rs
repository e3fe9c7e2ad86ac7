//! The controller's configuration, `kubeopt.yaml`: clusters, forges, bindings, sources, charts, store, server, and the
//! operator's policy. Secrets are file names here; their content is read by whoever uses them.

mod charts;
mod check;
pub(crate) mod document;
pub(crate) mod identity;
mod metrics;
mod places;
mod prices;
mod scalars;
mod ssh;
mod types;

use kubeopt_model::Problem;

pub use types::{
    BasicAuth, ChartRepositoryConfig, CloudIdentity, ClusterConfig, Config, DatabaseConfig, ForgeConfig,
    ForgeKind, HostKeys, KubeconfigFile, PoolConfig, PriceConfig, PrometheusConfig, Provider, SandboxLevel,
    SshConfig, StoreConfig,
};

use crate::Presets;
use crate::text::{FileKind, Reading};

impl Config {
    /// Reads `kubeopt.yaml`. `file_name` is only for messages.
    ///
    /// # Errors
    /// Every problem of the file, each with its line, the text of the line without secrets, and the next step.
    pub fn parse(text: &str, file_name: &str, presets: Presets<'_>) -> Result<Self, Vec<Problem>> {
        let read = Reading::of(text, file_name, FileKind::Config, |document, reading| {
            check::check(document, presets, reading)
        });
        read.map(|(config, warnings)| Self { warnings, ..config })
    }
}
