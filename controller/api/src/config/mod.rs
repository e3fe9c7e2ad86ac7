//! The controller's configuration, `kubeopt.yaml`: clusters, forges, bindings, sources, charts, store, server, who is told,
//! and the operator's policy. Secrets are file names here; their content is read by whoever uses them.

pub(crate) mod agents;
pub(crate) mod basic;
mod charts;
mod check;
mod cluster_agents;
pub(crate) mod document;
pub(crate) mod forges;
pub(crate) mod identity;
mod metrics;
pub(crate) mod notifications;
pub(crate) mod other_agents;
mod places;
mod prices;
pub(crate) mod reasoning;
mod scalars;
pub(crate) mod ssh;
pub(crate) mod training;
mod types;
mod whole;

use kubeopt_model::Problem;

pub use agents::AgentsConfig;
pub use basic::BasicAuth;
pub use cluster_agents::{AgentTokens, ClusterAgents};
pub use notifications::{DestinationConfig, ServiceConfig, ToldKind, ToldSeverity};
pub use reasoning::{ModelConfig, ModelProvider, NamesTold};
pub use training::TrainingConfig;
pub use types::{
    ChartRepositoryConfig, CloudIdentity, ClusterConfig, DatabaseConfig, ForgeConfig, ForgeKind,
    GithubSignIn, HostKeys, KubeconfigFile, PoolConfig, PriceConfig, PrometheusConfig, Provider,
    SandboxLevel, SshConfig, StoreConfig, WebhookConfig,
};
pub use whole::Config;

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
