//! The whole configuration after all checks. Names refer to something that exists; what is absent has its default.

use std::net::SocketAddr;
use std::path::PathBuf;

use kubeopt_model::{Binding, Problem, SourceMapping};

use crate::config::agents::AgentsConfig;
use crate::config::notifications::DestinationConfig;
use crate::config::reasoning::ModelConfig;
use crate::config::types::{ChartRepositoryConfig, ClusterConfig, ForgeConfig, SandboxLevel, StoreConfig};
use crate::policy::PolicyFile;

/// `kubeopt.yaml`.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Clusters; names are unique.
    pub clusters: Vec<ClusterConfig>,
    /// Forges; names are unique.
    pub forges: Vec<ForgeConfig>,
    /// Which namespaces may be edited where.
    pub bindings: Vec<Binding>,
    /// Sources that no GitOps controller tells.
    pub sources: Vec<SourceMapping>,
    /// Repositories of charts that may be asked; addresses are unique.
    pub charts: Vec<ChartRepositoryConfig>,
    /// The least confinement of renderers, where neither flag nor variable says it.
    pub sandbox: SandboxLevel,
    /// Where state is kept.
    pub store: StoreConfig,
    /// Address of the HTTP server.
    pub listen: SocketAddr,
    /// Time from the start of one pass to the start of the next, seconds.
    pub pass_every_seconds: i64,
    /// The operator's policy: the farthest layer.
    pub policy: Option<PolicyFile>,
    /// Who is told what happens; names are unique.
    pub notifications: Vec<DestinationConfig>,
    /// A language model that words texts; none where texts are made by rule.
    pub reasoning: Option<ModelConfig>,
    /// File of weights of the network that foretells load; none is the one that comes with kubeopt.
    pub forecast_model: Option<PathBuf>,
    /// How node agents are listened to; none where they are not.
    pub agents: Option<AgentsConfig>,
    /// Keys that are known but have no effect in this version.
    pub warnings: Vec<Problem>,
}
