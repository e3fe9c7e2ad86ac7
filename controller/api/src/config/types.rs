//! The parts of the configuration after all checks. Names refer to something that exists; what is absent has its default.

use std::collections::BTreeMap;
use std::path::PathBuf;

use kubeopt_model::{Bytes, ClusterName, ForgeName};
use rust_decimal::Decimal;
use url::Url;

use crate::config::basic::BasicAuth;

/// One cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct ClusterConfig {
    /// Name.
    pub name: ClusterName,
    /// How it is reached; none is in-cluster.
    pub kubeconfig: Option<KubeconfigFile>,
    /// Where its usage is read; none is the cluster's own metrics-server.
    pub prometheus: Option<PrometheusConfig>,
    /// Prices of its capacity.
    pub prices: PriceConfig,
}

/// A kubeconfig file and the context within it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KubeconfigFile {
    /// File.
    pub file: PathBuf,
    /// Context; none is the current one.
    pub context: Option<String>,
}

/// A server of the Prometheus family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrometheusConfig {
    /// Base address, http or https, without user and password.
    pub url: Url,
    /// File that holds a bearer token; not together with `basic`.
    pub bearer_file: Option<PathBuf>,
    /// User and password.
    pub basic: Option<BasicAuth>,
    /// Credentials of a cloud; not together with the two above.
    pub identity: Option<CloudIdentity>,
    /// Value of the header `X-Scope-OrgID`.
    pub tenant: Option<String>,
    /// Labels that tell this cluster's series from others' in the same server.
    pub cluster_label: BTreeMap<String, String>,
    /// Further parameters of each query; none that kubeopt sets itself.
    pub parameters: BTreeMap<String, String>,
    /// Raw samples are read where the server offers to stream them.
    pub remote_read: bool,
    /// Certificate authorities in PEM.
    pub ca_file: Option<PathBuf>,
    /// Client certificate in PEM; only together with its key.
    pub client_cert_file: Option<PathBuf>,
    /// Key of the client certificate in PEM.
    pub client_key_file: Option<PathBuf>,
    /// Longest time of one query, seconds.
    pub timeout_seconds: i64,
    /// Step of range queries, seconds.
    pub step_seconds: i64,
}

/// Credentials of a cloud for its managed service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CloudIdentity {
    /// Requests are signed with Signature Version 4.
    Aws {
        /// Region of the workspace.
        region: String,
        /// Profile of the shared credentials file; none looks everywhere.
        profile: Option<String>,
        /// Role that is assumed.
        role_arn: Option<String>,
    },
    /// Tokens of Google.
    Google {
        /// Key file of a service account.
        credentials_file: Option<PathBuf>,
    },
    /// Tokens of Microsoft Entra.
    Azure {
        /// Directory.
        tenant_id: Option<String>,
        /// Application, or a managed identity of the machine.
        client_id: Option<String>,
        /// File that holds the application's secret.
        client_secret_file: Option<PathBuf>,
    },
}

/// Whose list prices are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// Amazon Web Services.
    Aws,
    /// Google Cloud.
    Gcp,
    /// Microsoft Azure.
    Azure,
    /// The operator's own; needs both prices.
    Custom,
}

/// Prices of capacity, in US dollars.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PriceConfig {
    /// Whose list prices.
    pub provider: Option<Provider>,
    /// Region of the provider.
    pub region: Option<String>,
    /// Taken off the list price: 0.18 is 18 %. Zero where nothing is said.
    pub discount: Decimal,
    /// Own price of a core and hour.
    pub usd_per_core_hour: Option<Decimal>,
    /// Own price of a GiB and hour.
    pub usd_per_gib_hour: Option<Decimal>,
    /// CSV file of own prices of machines.
    pub file: Option<PathBuf>,
    /// The day that own prices are of, ISO 8601.
    pub date: Option<String>,
    /// What holds for one pool, by its name.
    pub pools: BTreeMap<String, PoolConfig>,
}

/// What holds for the nodes of one pool.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PoolConfig {
    /// Taken off the on-demand price; none is the discount of the cluster.
    pub discount: Option<Decimal>,
    /// Whether nodes that are not needed go away; none is found out.
    pub autoscaled: Option<bool>,
}

/// One forge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgeConfig {
    /// Name, as bindings use it.
    pub name: ForgeName,
    /// What it is, with what it needs.
    pub kind: ForgeKind,
    /// How it is fetched from where that is not over https; never with the embedded forge.
    pub ssh: Option<SshConfig>,
    /// What its webhooks are told from forged ones by; none takes no webhooks. Never with the embedded forge.
    pub webhooks: Option<WebhookConfig>,
}

/// Secrets of the webhooks of one forge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookConfig {
    /// File that holds the secret.
    pub secret_file: PathBuf,
    /// File that holds the one from before, while it is being changed.
    pub previous_secret_file: Option<PathBuf>,
}

/// As whom kubeopt comes to GitHub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GithubSignIn {
    /// As an account: the file that holds its token.
    Token(PathBuf),
    /// As a GitHub App.
    App {
        /// Its id or its client id.
        id: String,
        /// Its installation; none is found out for each owner.
        installation: Option<u64>,
        /// File that holds its private key in PEM.
        private_key_file: PathBuf,
    },
}

/// Git over ssh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshConfig {
    /// `ssh://user@host[:port][/path]`, without a password.
    pub url: Url,
    /// File that holds the private key.
    pub key_file: PathBuf,
    /// File that holds the passphrase of the private key.
    pub passphrase_file: Option<PathBuf>,
    /// The host keys that are trusted.
    pub known_hosts: HostKeys,
}

/// Where the trusted host keys stand, as lines of `known_hosts`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostKeys {
    /// In the configuration itself.
    Text(String),
    /// In a file.
    File(PathBuf),
}

/// What a forge is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForgeKind {
    /// GitHub, or an Enterprise server.
    Github {
        /// Where people look at it.
        url: Url,
        /// As whom.
        auth: GithubSignIn,
    },
    /// GitLab.
    Gitlab {
        /// Base address.
        url: Url,
        /// File that holds the token.
        token_file: PathBuf,
    },
    /// Gitea.
    Gitea {
        /// Base address.
        url: Url,
        /// File that holds the token.
        token_file: PathBuf,
    },
    /// Forgejo.
    Forgejo {
        /// Base address.
        url: Url,
        /// File that holds the token.
        token_file: PathBuf,
    },
    /// The embedded forge: bare repositories in a folder.
    Local {
        /// The folder.
        path: PathBuf,
    },
}

impl ForgeKind {
    /// Where it is; none for the embedded one.
    pub fn url(&self) -> Option<&Url> {
        match self {
            Self::Github { url, .. }
            | Self::Gitlab { url, .. }
            | Self::Gitea { url, .. }
            | Self::Forgejo { url, .. } => Some(url),
            Self::Local { .. } => None,
        }
    }
}

/// A repository of charts, or a registry, that may be asked for all that is below its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartRepositoryConfig {
    /// As releases name it, without a slash at its end: `https://charts.example/stable`, `oci://registry.example/charts`.
    pub address: String,
    /// Where it is asked: http or https, without user and password.
    pub url: Url,
    /// File that holds a bearer token; not together with `basic`.
    pub bearer_file: Option<PathBuf>,
    /// User and password.
    pub basic: Option<BasicAuth>,
    /// Certificate authorities in PEM.
    pub ca_file: Option<PathBuf>,
}

impl ChartRepositoryConfig {
    /// It is a registry: releases name it with `oci://`.
    pub fn is_registry(&self) -> bool {
        self.address.starts_with("oci://")
    }
}

/// How the programs that render are confined at least.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SandboxLevel {
    /// Landlock and seccomp, or nothing is rendered.
    #[default]
    Full,
    /// What the kernel offers.
    Reduced,
}

/// Where the journal is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseConfig {
    /// A file of SQLite.
    Sqlite(PathBuf),
    /// A database of PostgreSQL.
    Postgres {
        /// `postgres://user@host:5432/database`, without a password.
        url: String,
        /// File that holds the password.
        password_file: Option<PathBuf>,
    },
}

/// Where state is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreConfig {
    /// Where the journal is.
    pub database: DatabaseConfig,
    /// Folder of usage history.
    pub history: PathBuf,
    /// Whole days for which the hours of usage are kept.
    pub hours_kept_days: i64,
    /// Whole days for which points of five minutes are kept; not more than of hours.
    pub points_kept_days: i64,
    /// Folder of git objects.
    pub git: PathBuf,
    /// Folder of charts that were fetched; another one than that of git objects.
    pub charts: PathBuf,
    /// Most bytes of one repository in the folder of git objects.
    pub git_repository_max: Bytes,
    /// Most bytes that one fetch of a repository transfers.
    pub git_pack_max: Bytes,
}
