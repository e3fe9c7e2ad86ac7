//! The connection to one cluster: where the credentials come from and what each call may take.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use kubeopt_model::{ClusterName, Namespace};

use crate::error::ClusterError;

/// A loopback or data-centre API server accepts within milliseconds; 10 s covers a distant one on a bad day and still
/// answers a person who waits.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Set by the kubelet in every pod; its absence means that we do not run in one.
const IN_CLUSTER_VARIABLE: &str = "KUBERNETES_SERVICE_HOST";

/// Where kubelet puts the token of the service account.
const IN_CLUSTER_TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// Which cluster, and how to get there.
#[derive(Debug, Clone)]
pub struct ClusterConnect {
    /// Name in the configuration, the key of everything that is remembered of it.
    pub name: ClusterName,
    /// A kubeconfig file; none is the service account of the pod, or outside of one what kubectl would use.
    pub kubeconfig: Option<PathBuf>,
    /// A context of the kubeconfig; none is its current one.
    pub context: Option<String>,
}

/// A connection to one cluster. Cheap to clone.
#[derive(Clone)]
pub struct Cluster {
    name: ClusterName,
    client: Client,
    /// The same without kube's repetitions, which take minutes where a server behind the API server is gone.
    once: Client,
    namespace: Option<Namespace>,
}

impl Cluster {
    /// Reads the credentials and makes a client; nothing is sent yet ([`Cluster::version`] does).
    ///
    /// # Errors
    /// [`ClusterError::Credentials`] when there are none, or they cannot be used.
    pub async fn connect(wanted: ClusterConnect) -> Result<Self, ClusterError> {
        // A second installation is refused and changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let ClusterConnect { name, kubeconfig, context } = wanted;
        let unusable = |source| ClusterError::Credentials { cluster: name.to_string(), source };
        let mut config = match (kubeconfig, context) {
            (None, None) if runs_in_a_pod() => Config::incluster().map_err(|e| unusable(e.into()))?,
            (file, context) => from_kubeconfig(file.as_deref(), context).await.map_err(unusable)?,
        };
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        let namespace = Namespace::new(config.default_namespace.as_str()).ok();
        let client = Client::try_from(config.clone()).map_err(|e| unusable(e.into()))?;
        config.default_retry = false;
        let once = Client::try_from(config).map_err(|e| unusable(e.into()))?;
        Ok(Self { name, client, once, namespace })
    }

    /// A connection with a client that was made elsewhere.
    pub fn with_client(name: ClusterName, client: Client) -> Self {
        let namespace = Namespace::new(client.default_namespace()).ok();
        Self { name, once: client.clone(), client, namespace }
    }

    /// The name in the configuration.
    pub fn name(&self) -> &ClusterName {
        &self.name
    }

    /// The namespace of the service account, or of the kubeconfig's context.
    pub fn own_namespace(&self) -> Option<&Namespace> {
        self.namespace.as_ref()
    }

    /// Asks the API server for its version, for example `v1.36.3`: shows that it is there and takes the credentials.
    ///
    /// # Errors
    /// [`ClusterError::Unreachable`] with the reason.
    pub async fn version(&self) -> Result<String, ClusterError> {
        let version = self.client.apiserver_version().await.map_err(|e| self.unreachable(e))?;
        Ok(crate::error::shortened(&version.git_version))
    }

    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    /// A client that repeats nothing: a 503 is told at once.
    pub(crate) fn once(&self) -> Client {
        self.once.clone()
    }

    pub(crate) fn unreachable(&self, source: kube::Error) -> ClusterError {
        ClusterError::Unreachable { cluster: self.name.to_string(), source: Box::new(source) }
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster").field("name", &self.name).field("client", &"***").finish()
    }
}

fn runs_in_a_pod() -> bool {
    std::env::var_os(IN_CLUSTER_VARIABLE).is_some() && Path::new(IN_CLUSTER_TOKEN).is_file()
}

type Unusable = Box<dyn std::error::Error + Send + Sync>;

async fn from_kubeconfig(file: Option<&Path>, context: Option<String>) -> Result<Config, Unusable> {
    let kubeconfig = match file {
        Some(file) => Kubeconfig::read_from(file)?,
        None => Kubeconfig::read()?,
    };
    let options = KubeConfigOptions { context, ..KubeConfigOptions::default() };
    Ok(Config::from_custom_kubeconfig(kubeconfig, &options).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(kubeconfig: &Path, context: Option<&str>) -> ClusterConnect {
        ClusterConnect {
            name: ClusterName::new("test").unwrap(),
            kubeconfig: Some(kubeconfig.to_owned()),
            context: context.map(str::to_owned),
        }
    }

    const TWO_CONTEXTS: &str = "
apiVersion: v1
kind: Config
current-context: one
clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]
users: [{name: u, user: {token: very-secret}}]
contexts:
- {name: one, context: {cluster: c, user: u, namespace: payments}}
- {name: two, context: {cluster: c, user: u}}
";

    #[tokio::test]
    async fn takes_the_context_that_is_named_and_shows_no_secret() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kubeconfig");
        std::fs::write(&file, TWO_CONTEXTS).unwrap();
        let one = Cluster::connect(wanted(&file, None)).await.unwrap();
        assert_eq!(one.own_namespace().map(Namespace::as_str), Some("payments"));
        let two = Cluster::connect(wanted(&file, Some("two"))).await.unwrap();
        assert_eq!(two.own_namespace().map(Namespace::as_str), Some("default"));
        assert!(!format!("{one:?}").contains("very-secret"));
        let error = Cluster::connect(wanted(&file, Some("three"))).await.unwrap_err();
        assert_eq!(error.code(), "E-CLU-001");
        assert!(error.problem().text.contains("three"), "{}", error.problem().text);
    }

    #[tokio::test]
    async fn a_missing_kubeconfig_and_a_silent_server_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing");
        assert_eq!(Cluster::connect(wanted(&missing, None)).await.unwrap_err().code(), "E-CLU-001");
        let file = folder.path().join("kubeconfig");
        std::fs::write(&file, TWO_CONTEXTS).unwrap();
        let silent = Cluster::connect(wanted(&file, None)).await.unwrap();
        assert_eq!(silent.version().await.unwrap_err().code(), "E-CLU-002");
    }
}
