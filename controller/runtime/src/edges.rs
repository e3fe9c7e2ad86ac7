//! Where the world begins: clusters, metrics, stores, repositories and forges, as one value that a pass is given.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use kubeopt_api::PolicyFile;
use kubeopt_api::policy::ClusterPolicies;
use kubeopt_cost::Terms;
use kubeopt_forge::Forge;
use kubeopt_gitops::render::Renderer;
use kubeopt_gitops::{GitStore, GitUrl, Location, Remote, SshAddress, SshClient, parse_git_url};
use kubeopt_history::{Journal, UsageStore};
use kubeopt_model::policy::DEFAULT_HISTORY_SECONDS;
use kubeopt_model::{
    Binding, ClusterFacts, ClusterName, ForgeName, Namespace, Problem, RepositoryId, SourceMapping,
    WorkloadId,
};
use kubeopt_net::{Client, Url};
use kubeopt_notify::Notifier;
use kubeopt_observe::{MetricsSource, NodeAgents};
use kubeopt_policy::codeowners::Dialect;
use kubeopt_reason::ModelExplainer;
use kubeopt_report::Templates;

use crate::finding::kept::KeptDetectors;
use crate::foretelling::Foretelling;
use crate::progress::{Progress, Quiet};
use crate::proposing::KeptPasts;
use crate::publishing::{NoBoards, WrittenHeads};
use crate::recognised::kept::Recognised;
use crate::talking::{Heads, Memory};
use crate::tracing::{Charts, Locate, Origins, Tools, TraceCache};
use crate::watching::watches::Watches;

/// Where the facts of one cluster come from.
#[async_trait]
pub trait FactsSource: Send + Sync {
    /// What the cluster shows now.
    ///
    /// # Errors
    /// When it cannot be reached at all; a kind that cannot be listed is told within the facts.
    async fn facts(&self) -> Result<ClusterFacts, Problem>;
}

/// May this process write to the outside at this moment?
pub trait Permit: Send + Sync {
    /// Asked right before each write.
    fn may_write(&self) -> bool;
}

/// Nobody else writes: commands that a person runs.
#[derive(Debug, Clone, Copy)]
pub struct Alone;

impl Permit for Alone {
    fn may_write(&self) -> bool {
        true
    }
}

/// One cluster.
pub struct ClusterEdge {
    /// Name.
    pub name: ClusterName,
    /// Facts.
    pub facts: Box<dyn FactsSource>,
    /// Usage; none where nothing is configured.
    pub metrics: Option<Box<dyn MetricsSource>>,
    /// Where usage comes from, for people; no credentials.
    pub metrics_at: String,
    /// What the operator says of prices.
    pub terms: Terms,
}

/// The node agents of one cluster.
pub struct AgentsEdge {
    /// The cluster.
    pub cluster: ClusterName,
    /// What they sent, which is the metrics source of that cluster too; or why it cannot be kept and read.
    pub source: Result<Arc<NodeAgents>, Problem>,
}

/// One forge.
pub struct ForgeEdge {
    /// The forge.
    pub forge: Box<dyn Forge>,
    /// Its host, as it stands in clone URLs; part of branch names.
    pub host: String,
    /// How Git reaches its repositories.
    pub git: GitAccess,
    /// How CODEOWNERS is written there.
    pub code_owners: Dialect,
}

/// Clients to the repositories of a forge whose credentials end.
#[async_trait]
pub trait GitClients: Send + Sync {
    /// A client whose credentials hold for longer than a fetch takes.
    ///
    /// # Errors
    /// When the forge gives no credentials for this repository.
    async fn client(&self, repository: &RepositoryId) -> Result<Client, Problem>;

    /// What came of the requests of all clients since the last call.
    fn take_tally(&self) -> Vec<(Option<u16>, u64)>;
}

/// How Git reaches the repositories of a forge.
pub enum GitAccess {
    /// Clone URLs of the forge, through the client that holds its credentials.
    Http {
        /// Base address of the forge.
        base: Url,
        /// The client.
        client: Client,
    },
    /// Clone URLs of the forge, with credentials that are asked for anew before they end.
    Renewed {
        /// Base address of the forge.
        base: Url,
        /// The clients.
        clients: Box<dyn GitClients>,
    },
    /// ssh, with a private key and pinned host keys.
    Ssh {
        /// Below which the repositories are.
        base: SshAddress,
        /// The client.
        client: SshClient,
    },
    /// The folder that a repository's clone URL names.
    Local,
}

/// The policies of each cluster, as they were seen last: a broken one never loosens what it said before.
#[derive(Debug, Default)]
pub struct KnownPolicies(pub(crate) Mutex<BTreeMap<ClusterName, ClusterPolicies>>);

/// Which workloads are looked at.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Namespaces; empty means all.
    pub namespaces: Vec<Namespace>,
}

impl Selection {
    /// Whether the workload is meant.
    pub fn covers(&self, workload: &WorkloadId) -> bool {
        self.namespaces.is_empty() || self.namespaces.contains(&workload.namespace)
    }
}

/// All that a pass reads from and writes to.
pub struct Edges {
    /// Clusters.
    pub clusters: Vec<ClusterEdge>,
    /// Node agents; none where none are listened to.
    pub agents: Vec<AgentsEdge>,
    /// Usage history.
    pub history: Arc<dyn UsageStore>,
    /// Decisions and pull requests.
    pub journal: Arc<dyn Journal>,
    /// Forges by name; empty where nothing is published.
    pub forges: BTreeMap<ForgeName, ForgeEdge>,
    /// Cache of repositories.
    pub git: GitStore,
    /// The way to manifests.
    pub renderer: Renderer,
    /// Charts from outside the repositories.
    pub charts: Charts,
    /// What may be edited.
    pub bindings: Vec<Binding>,
    /// Where workloads come from that no controller explains.
    pub mappings: Vec<SourceMapping>,
    /// The operator's policy.
    pub operator_policy: Option<PolicyFile>,
    /// Words.
    pub templates: Templates,
    /// Which workloads are looked at.
    pub selection: Selection,
    /// Which of them are proposed and shown. History and groups are always of all that is looked at.
    pub shown: Selection,
    /// How much history is read, seconds.
    pub history_seconds: i64,
    /// Traces of earlier passes.
    pub traces: TraceCache,
    /// Policies of clusters, as they were seen last.
    pub policies: KnownPolicies,
    /// How rules did on past days, judged once a day.
    pub kept_pasts: KeptPasts,
    /// Detectors as of the last midnight.
    pub kept_detectors: KeptDetectors,
    /// Who foretells load.
    pub foretelling: Foretelling,
    /// What is remembered of comments.
    pub talk: Memory,
    /// The heads of kubeopt's branches that this process wrote.
    pub heads: WrittenHeads,
    /// Repositories that can have no dashboard.
    pub no_boards: NoBoards,
    /// When watches are looked at next.
    pub watches: Watches,
    /// Whether repositories are still the ones that they were.
    pub recognised: Recognised,
    /// The heads of open pull requests that were looked at.
    pub open_heads: Heads,
    /// Who tells people outside the forge; none where nobody is to be told.
    pub notifier: Option<Arc<Notifier>>,
    /// Who words texts; none where kubeopt's own sentences are all.
    pub words: Option<Arc<ModelExplainer>>,
    /// May it write?
    pub permit: Box<dyn Permit>,
    /// Who is told how far a pass is.
    pub progress: Box<dyn Progress>,
}

impl Locate for Edges {
    fn locate(&self, url: &str) -> Option<RepositoryId> {
        Self::locate(self, url)
    }
}

/// Where a pass keeps what it learns, and the way to manifests: what there is no default for.
pub struct Kept {
    /// Usage history.
    pub history: Box<dyn UsageStore>,
    /// Decisions and pull requests.
    pub journal: Box<dyn Journal>,
    /// Cache of repositories.
    pub git: GitStore,
    /// The way to manifests.
    pub renderer: Renderer,
}

impl Edges {
    /// What keeps, and nothing of the world: no cluster, no forge, no binding and no mapping, with the defaults of the rest.
    /// Whoever builds edges names what differs: `Edges { clusters, ..Edges::of(kept) }`.
    pub fn of(kept: Kept) -> Self {
        let Kept { history, journal, git, renderer } = kept;
        Self {
            clusters: Vec::new(),
            agents: Vec::new(),
            history: Arc::from(history),
            journal: Arc::from(journal),
            forges: BTreeMap::new(),
            git,
            renderer,
            charts: Charts::default(),
            bindings: Vec::new(),
            mappings: Vec::new(),
            operator_policy: None,
            templates: Templates::embedded(),
            selection: Selection::default(),
            shown: Selection::default(),
            history_seconds: DEFAULT_HISTORY_SECONDS,
            traces: TraceCache::default(),
            policies: KnownPolicies::default(),
            kept_pasts: KeptPasts::default(),
            kept_detectors: KeptDetectors::default(),
            foretelling: Foretelling::default(),
            talk: Memory::default(),
            heads: WrittenHeads::default(),
            no_boards: NoBoards::default(),
            watches: Watches::default(),
            recognised: Recognised::default(),
            open_heads: Heads::default(),
            notifier: None,
            words: None,
            permit: Box::new(Alone),
            progress: Box::new(Quiet),
        }
    }

    /// What rendering needs, with the objects of clusters that releases name.
    pub fn tools<'a>(&'a self, facts: &'a [ClusterFacts]) -> Tools<'a> {
        let origins = Origins { facts, locate: Some(self) };
        Tools { renderer: &self.renderer, charts: &self.charts, origins }
    }

    /// The node agents of a cluster; none where they are not listened to.
    pub(crate) fn agents_of(&self, cluster: &ClusterName) -> Option<&AgentsEdge> {
        self.agents.iter().find(|agents| &agents.cluster == cluster)
    }

    /// The configured repository that a Git URL of a cluster object means.
    pub fn locate(&self, url: &str) -> Option<RepositoryId> {
        let GitUrl { host, port, owner, name } = parse_git_url(url)?;
        let with_port = port.map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
        // SSH has a port of its own, so the host alone is enough where no forge has the port.
        let named =
            |wanted: &str| self.forges.iter().find(|(_, edge)| edge.host.eq_ignore_ascii_case(wanted));
        let (forge, _) = named(&with_port).or_else(|| {
            self.forges.iter().find(|(_, edge)| {
                edge.host.split(':').next().is_some_and(|own| own.eq_ignore_ascii_case(&host))
                    || matches!(&edge.git, GitAccess::Ssh { base, .. } if base.host.eq_ignore_ascii_case(&host))
            })
        })?;
        Some(RepositoryId { forge: forge.clone(), owner, name })
    }

    /// How to fetch a repository.
    ///
    /// # Errors
    /// When its forge is not configured, or does not know it.
    pub async fn remote(&self, id: &RepositoryId) -> Result<Remote, Problem> {
        let edge = self.forge(id)?;
        let location = match &edge.git {
            GitAccess::Local => {
                let facts = edge.forge.repository(id).await.map_err(|error| error.problem())?;
                Location::Local(facts.clone_url.into())
            }
            GitAccess::Http { base, client } => {
                Location::Http { url: clone_url(base, id), client: client.clone() }
            }
            GitAccess::Renewed { base, clients } => {
                Location::Http { url: clone_url(base, id), client: clients.client(id).await? }
            }
            GitAccess::Ssh { base, client } => {
                Location::Ssh { address: base.repository(&id.owner, &id.name), client: client.clone() }
            }
        };
        Ok(Remote { id: id.clone(), location })
    }

    /// The forge of a repository.
    ///
    /// # Errors
    /// When it is not configured.
    pub fn forge(&self, id: &RepositoryId) -> Result<&ForgeEdge, Problem> {
        self.forges.get(&id.forge).ok_or_else(|| {
            let text = format!("forge `{}` of {id} is not configured", id.forge);
            Problem::new(crate::codes::NOT_CONFIGURED, text, "add it to `forges:` of kubeopt.yaml")
        })
    }
}

fn clone_url(base: &Url, id: &RepositoryId) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{}/{}.git", base.path().trim_end_matches('/'), id.owner, id.name));
    url
}
