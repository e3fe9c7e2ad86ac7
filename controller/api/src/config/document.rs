//! The keys of `kubeopt.yaml`. One declaration a mapping: name, type, default and doc line; the JSON Schema and the reader
//! follow from it. What keys mean together is checked elsewhere.

use std::collections::BTreeMap;

use crate::config::agents::Agents;
use crate::config::basic::Basic;
use crate::config::forges::Forge;
use crate::config::identity::{Azure, Google, Sigv4};
use crate::config::notifications::Destination;
use crate::config::reasoning::Reasoning;
use crate::policy::document::PolicyDocument;
use crate::policy::words::Pattern;
use crate::text::tree::{Node, Value};
use crate::text::values::{Memory, Share, Span};
use crate::text::{At, FromNode, Reading, choice, section};

section! {
    /// The configuration of the controller. Secrets are never written here, only the names of files that hold them.
    pub(crate) struct ConfigDocument {
        /// Clusters that are looked at.
        "clusters" => clusters: Vec<At<Cluster>> = [],
        /// Where pull requests are opened.
        "forges" => forges: Vec<At<Forge>> = [],
        /// Which namespaces may be edited where. Nothing is edited without a binding.
        "bindings" => bindings: Vec<At<BindingSection>> = [],
        /// Where workloads come from, for clusters in which no GitOps controller tells.
        "sources" => sources: Vec<At<SourceSection>> = [],
        /// Repositories of charts and registries that may be asked. No chart of another one is fetched.
        "charts" => charts: Vec<At<ChartRepositorySection>> = [],
        /// The least confinement in which kustomize and Helm may run; `--sandbox` and `KUBEOPT_SANDBOX` come before it.
        "sandbox" => sandbox: SandboxWord = "full",
        /// Where state is kept.
        "store" => store: Store = {},
        /// The HTTP server.
        "server" => server: Server = {},
        /// When passes run.
        "passes" => passes: Passes = {},
        /// The operator's policy: guardrails for all repositories, and what repositories may set.
        "policy" => policy: PolicyDocument = {},
        /// Who is told what happens; absent tells nobody.
        "notifications" => notifications: Vec<At<Destination>> = [],
        /// A language model that words texts. It never sees or makes a number.
        "reasoning" => reasoning: Reasoning = {},
        /// What foretells load.
        "forecast" => forecast: ForecastSection = {},
        /// Node agents; absent, none are listened to.
        "agents" => agents: Agents = null,
    }
}

section! {
    /// What foretells load.
    pub(crate) struct ForecastSection {
        /// File of weights that `kubeopt forecast train` wrote, with its card beside it; absent is the network that comes with kubeopt. One that cannot be used is told, and baselines foretell alone.
        "model" => model: String = null,
    }
}

section! {
    /// One cluster.
    pub(crate) struct Cluster {
        /// Name, as pull requests show it; required.
        "name" => name: String = null,
        /// How it is reached; absent is in-cluster.
        "kubeconfig" => kubeconfig: Kubeconfig = null,
        /// Where its usage is read.
        "metrics" => metrics: Metrics = {},
        /// Prices of its capacity; absent are the bundled defaults.
        "prices" => prices: PriceSection = {},
    }
}

section! {
    /// A kubeconfig file.
    pub(crate) struct Kubeconfig {
        /// The file; required.
        "file" => file: String = null,
        /// The context; absent is the current one.
        "context" => context: String = null,
    }
}

section! {
    /// Where usage is read. Where nothing is named, metrics-server is asked.
    pub(crate) struct Metrics {
        /// A server that speaks the HTTP API of Prometheus.
        "prometheus" => prometheus: Prometheus = null,
        /// metrics-server of the cluster, as a last resort: samples from now on, no past.
        "metricsServer" => metrics_server: MetricsServer = null,
    }
}

/// metrics-server of the cluster, as a last resort. There is nothing to set: `{}`.
#[derive(Debug, Clone, Default, PartialEq, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct MetricsServer {}

impl FromNode for MetricsServer {
    fn read(node: &Node, path: &str, reading: &mut Reading<'_>) -> Option<Self> {
        let Value::Mapping(entries) = &node.value else {
            return reading.wrong_type(node, path, "an empty mapping, `{}`");
        };
        for entry in entries {
            reading.unknown_key(entry.line, path, &entry.key, &[]);
        }
        Some(Self {})
    }
}

section! {
    /// A server that speaks the HTTP API of Prometheus.
    pub(crate) struct Prometheus {
        /// Base address, http or https; required.
        "url" => url: String = null,
        /// File that holds a bearer token.
        "bearerFile" => bearer_file: String = null,
        /// User and password.
        "basic" => basic: Basic = null,
        /// Requests are signed for AWS, as its managed service wants it.
        "sigv4" => sigv4: Sigv4 = null,
        /// Tokens of Google, as its managed service wants them.
        "google" => google: Google = null,
        /// Tokens of Microsoft Entra, as Azure's managed service wants them.
        "azure" => azure: Azure = null,
        /// Value of the header `X-Scope-OrgID`.
        "tenant" => tenant: String = null,
        /// Labels that tell this cluster's series from others' in the same server.
        "clusterLabel" => cluster_label: BTreeMap<String, String> = {},
        /// Further parameters of each query, as the store wants them: `dedup` and `partial_response` of Thanos,
        /// `extra_label` of VictoriaMetrics.
        "parameters" => parameters: BTreeMap<String, String> = {},
        /// CPU and memory by remote read where the server offers to stream it; all else, and where it does not, by query.
        "remoteRead" => remote_read: bool = false,
        /// Certificate authorities in PEM; absent are those of the system.
        "caFile" => ca_file: String = null,
        /// Client certificate in PEM.
        "clientCertFile" => client_cert_file: String = null,
        /// Key of the client certificate in PEM.
        "clientKeyFile" => client_key_file: String = null,
        /// Longest time of one query, from 1s to 10m.
        "timeout" => timeout: Span<1, 600> = "60s",
        /// Step of range queries, from 15s to 1h.
        "step" => step: Span<15, 3600> = "5m",
    }
}

choice! {
    /// Whose list prices are meant.
    pub(crate) enum ProviderWord {
        /// Amazon Web Services.
        "aws" => Aws,
        /// Google Cloud.
        "gcp" => Gcp,
        /// Microsoft Azure.
        "azure" => Azure,
        /// The operator's own.
        "custom" => Custom,
    } later []
}

section! {
    /// Prices of capacity.
    pub(crate) struct PriceSection {
        /// Whose list prices: `aws`, `gcp`, `azure`, or `custom` with both prices below.
        "provider" => provider: ProviderWord = null,
        /// Region of the provider.
        "region" => region: String = null,
        /// Currency of all prices; this version counts in USD.
        "currency" => currency: String = "USD",
        /// Taken off list prices.
        "discount" => discount: Share<0, 99> = "0%",
        /// Own price of a core and hour.
        "cpuPerCoreHour" => cpu_per_core_hour: String = null,
        /// Own price of a GiB and hour.
        "memoryPerGibHour" => memory_per_gib_hour: String = null,
        /// CSV file of own prices of machines, as paid: `instanceType,usdPerHour` (or `usdPerMonth`), and where it matters
        /// `region` and `market`. It comes before all other prices.
        "file" => file: String = null,
        /// The day that own prices are of, as `2026-10-01`; their age is shown.
        "date" => date: String = null,
        /// What holds for one node pool, by its name: the value of its provider's label, else the instance type.
        "pools" => pools: BTreeMap<String, At<PoolSection>> = {},
    }
}

section! {
    /// What holds for the nodes of one pool.
    pub(crate) struct PoolSection {
        /// Taken off the on-demand price of its nodes, of spot nodes too; absent is the discount of the cluster.
        "discount" => discount: Share<0, 99> = null,
        /// Whether nodes that are not needed go away; absent is found out.
        "autoscaled" => autoscaled: bool = null,
    }
}

section! {
    /// Workloads of these namespaces may be edited in these paths of this repository.
    pub(crate) struct BindingSection {
        /// Names of clusters; absent is all.
        "clusters" => clusters: Vec<At<String>> = ["*"],
        /// Namespaces, or `["*"]` for all; required.
        "namespaces" => namespaces: Vec<At<String>> = null,
        /// Name of the forge; absent is the only one.
        "forge" => forge: String = null,
        /// `owner/name`; required.
        "repository" => repository: String = null,
        /// Globs of files that may be edited; absent is all.
        "paths" => paths: Vec<At<Pattern>> = ["**"],
    }
}

choice! {
    /// Who turns files into manifests.
    pub(crate) enum RendererWord {
        /// The files are the manifests.
        "plain" => Plain,
        /// kustomize.
        "kustomize" => Kustomize,
        /// Helm.
        "helm" => Helm,
    } later []
}

section! {
    /// Where workloads come from.
    pub(crate) struct SourceSection {
        /// Name of the cluster; required.
        "cluster" => cluster: String = null,
        /// Namespaces; absent is all.
        "namespaces" => namespaces: Vec<At<String>> = ["*"],
        /// Name of the forge; absent is the one that a binding names for the repository, or the only one.
        "forge" => forge: String = null,
        /// `owner/name`; required.
        "repository" => repository: String = null,
        /// Branch; absent is the default branch.
        "branch" => branch: String = null,
        /// Folder of the entry point; required.
        "path" => path: String = null,
        /// `plain` or `kustomize`. `helm` is not in this version.
        "renderer" => renderer: RendererWord = "plain",
    }
}

section! {
    /// A repository of charts, or a registry.
    pub(crate) struct ChartRepositorySection {
        /// `https://charts.example/stable` or `oci://registry.example/charts`, with all that is below it; required.
        "url" => url: String = null,
        /// File that holds a bearer token.
        "bearerFile" => bearer_file: String = null,
        /// User and password.
        "basic" => basic: Basic = null,
        /// Certificate authorities in PEM; absent are those of the system.
        "caFile" => ca_file: String = null,
        /// The registry is spoken to without TLS, as Helm's `--plain-http` does.
        "plainHttp" => plain_http: bool = false,
    }
}

choice! {
    /// How the programs that render are confined.
    pub(crate) enum SandboxWord {
        /// Landlock and seccomp, or nothing is rendered.
        "full" => Full,
        /// What the kernel offers; every proof then says so.
        "reduced" => Reduced,
    } later []
}

section! {
    /// Where state is kept.
    pub(crate) struct Store {
        /// SQLite file, as a path or as `sqlite:///path`; or `postgres://user@host:5432/database?sslmode=verify-full`.
        "database" => database: String = "/var/lib/kubeopt/kubeopt.db",
        /// File that holds the password for PostgreSQL.
        "databasePasswordFile" => database_password_file: String = null,
        /// Folder of usage history.
        "history" => history: String = "/var/lib/kubeopt/history",
        /// How long the hours of usage are kept, from 7d to 400d. Rules look at 90d at most.
        "hoursKept" => hours_kept: Span<{ 7 * 86_400 }, { 400 * 86_400 }> = "90d",
        /// How long points of five minutes are kept, from 1d to 90d, and not longer than hours.
        "pointsKept" => points_kept: Span<86_400, { 90 * 86_400 }> = "14d",
        /// Folder of git objects.
        "git" => git: String = "/var/lib/kubeopt/git",
        /// Most bytes of one repository in the folder of git objects; one that takes more is refused.
        "gitRepositoryMax" => git_repository_max: Memory = "1Gi",
        /// Most bytes that one fetch of a repository transfers.
        "gitPackMax" => git_pack_max: Memory = "512Mi",
        /// Folder of charts that were fetched; absent is `charts` beside the folder of git objects.
        "charts" => charts: String = "/var/lib/kubeopt/charts",
    }
}

section! {
    /// The HTTP server.
    pub(crate) struct Server {
        /// Address and port.
        "listen" => listen: String = "127.0.0.1:8080",
        /// Sign-in. Not in this version, and refused rather than ignored.
        "auth" => auth: Refused = null,
    }
}

section! {
    /// When passes run.
    pub(crate) struct Passes {
        /// Time from the start of one pass to the start of the next, from 1s to 7d.
        "every" => every: Span<1, { 7 * 86_400 }> = "1h",
    }
}

/// A key that must not be ignored: read as it is, refused by the check.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refused;

impl crate::text::FromNode for Refused {
    fn read(_: &crate::text::tree::Node, _: &str, _: &mut crate::text::Reading<'_>) -> Option<Self> {
        Some(Self)
    }
}
crate::text::values::scalar_schema!([] Refused, "Refused", schemars::json_schema!({"x-kubeopt-later": true}));
