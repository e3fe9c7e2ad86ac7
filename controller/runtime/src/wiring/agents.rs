//! Node agents: the log of what they sent, opened, read back, and made the metrics source of their cluster; and who says
//! whether a token is good.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use kubeopt_agents::{
    AgentConfig, Agents, Bounds, Clock, Doors, ReviewError, Reviewed, Spool, SpoolError, SpoolLimits,
    TlsFiles, TokenReviewer, Tokens,
};
use kubeopt_api::config::ClusterAgents;
use kubeopt_cluster::{Cluster, ReviewedToken};
use kubeopt_model::agents::{NodeHour, NodePart, NodeStanding};
use kubeopt_model::{Problem, Timestamp, Window};
use kubeopt_observe::{MetricsSource, NodeAgents, NodeReader, ObserveError};
use tokio::sync::mpsc;

use crate::codes;

/// Parts of an hour that are read ahead of whoever takes them: a few batches.
const PARTS_AHEAD_MAX: usize = 1024;

/// Who has the folder has the lock.
const LOCK: &str = "lock";

/// Whose cgroups they were, beside what they sent.
const KNOWN_PODS: &str = "pods.json";

/// What people are told of usage that node agents alone tell.
pub(crate) const AGENTS_ONLY: &str = "node agents, every 10 s since they run, none of the past";

/// Node agents of one cluster with an open log.
pub(crate) struct Opened {
    /// How they are listened to.
    pub(crate) config: ClusterAgents,
    /// The server, which does not listen yet.
    pub(crate) agents: Agents,
    /// What they sent, as a metrics source.
    pub(crate) source: Arc<NodeAgents>,
    /// Who hands out models; none where nobody does.
    pub(crate) models: Option<Arc<dyn kubeopt_agents::Models>>,
    /// Held as long as the log is used.
    _lock: File,
}

impl Opened {
    /// With models for its agents.
    pub(crate) fn handing_out(self, models: Option<Arc<dyn kubeopt_agents::Models>>) -> Self {
        Self { models, ..self }
    }
}

/// A log that is open, and that nothing reads yet.
pub(crate) struct Log {
    agents: Agents,
    lock: File,
}

/// Opens the log of a cluster's agents. No two processes write one.
pub(crate) fn open(config: &ClusterAgents) -> Result<Log, Problem> {
    let lock = locked(&config.spool)?;
    let limits = SpoolLimits {
        retention_ms: config.retention_seconds.saturating_mul(1000),
        bytes_max: config.spool_max.0,
    };
    let clock: Clock = Arc::new(|| Timestamp::now().as_millisecond());
    let spool = Spool::open(&config.spool, limits, Arc::clone(&clock)).map_err(|error| error.problem())?;
    Ok(Log { agents: Agents::new(spool, clock), lock })
}

impl Log {
    /// Makes a metrics source of it, alone or beside another one.
    pub(crate) fn read_back(self, config: &ClusterAgents, beside: Option<Box<dyn MetricsSource>>) -> Opened {
        let reader = Box::new(Reader(self.agents.clone()));
        let source = NodeAgents::new(reader, config.retention_seconds, Some(config.spool.join(KNOWN_PODS)));
        let source = match beside {
            Some(beside) => source.beside(beside),
            None => source,
        };
        Opened {
            config: config.clone(),
            agents: self.agents,
            source: Arc::new(source),
            models: None,
            _lock: self.lock,
        }
    }
}

/// What the server needs to know of the world; `cluster` is that of the agents, and reviews their tokens.
pub(crate) fn doors(opened: &Opened, cluster: &Cluster) -> Doors {
    let config = &opened.config;
    let tokens = config.tokens.as_ref().map(|tokens| {
        let reviewer: Box<dyn TokenReviewer> = Box::new(OfCluster(cluster.clone()));
        let accounts = vec![tokens.account.clone()];
        (Tokens { audience: tokens.audience.clone(), accounts }, reviewer)
    });
    Doors {
        tls: TlsFiles {
            certificate: config.cert_file.clone(),
            key: config.key_file.clone(),
            client_ca: config.client_ca_file.clone(),
        },
        tokens,
        models: opened.models.clone(),
        config: AgentConfig::default(),
        trust_domain: config.trust_domain.clone(),
        bounds: Bounds {
            per_address: usize::try_from(config.connections_per_address).unwrap_or(usize::MAX),
            ..Bounds::default()
        },
    }
}

fn locked(folder: &Path) -> Result<File, Problem> {
    let problem = |text: String, help: &str| Problem::new(codes::STORE, text, help);
    let unusable = |error: std::io::Error| {
        let text = format!("unable to use the folder of node agents {}: {error}", folder.display());
        problem(text, "let kubeopt write there, or name another folder as `agents.spool`")
    };
    std::fs::create_dir_all(folder).map_err(unusable)?;
    let file = File::create(folder.join(LOCK)).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(problem(
            format!("another kubeopt listens to node agents with the folder {}", folder.display()),
            "stop the other one, or name another folder as `agents.spool`",
        )),
        Err(std::fs::TryLockError::Error(error)) => Err(unusable(error)),
    }
}

/// The log, read back.
struct Reader(Agents);

#[async_trait]
impl NodeReader for Reader {
    async fn hours(&self) -> Result<Vec<NodeHour>, ObserveError> {
        Ok(self.0.spool().hours())
    }

    async fn read(&self, hour: Window, sink: &mut (dyn FnMut(NodePart) + Send)) -> Result<(), ObserveError> {
        let (parts, mut read) = mpsc::channel(PARTS_AHEAD_MAX);
        let hour = self.0.spool().read(hour);
        let reading = tokio::task::spawn_blocking(move || {
            for part in hour {
                // Who reads has gone where nobody takes it.
                if parts.blocking_send(part).is_err() {
                    return;
                }
            }
        });
        while let Some(part) = read.recv().await {
            sink(part.map_err(|error: SpoolError| unread(&error.problem()))?);
        }
        reading.await.map_err(|stopped| unread(&crate::own_fault(&stopped.to_string())))
    }

    fn standing(&self) -> Vec<NodeStanding> {
        self.0.standing()
    }
}

fn unread(problem: &Problem) -> ObserveError {
    ObserveError::Agents { code: "E-AGT-004", text: problem.text.clone(), help: READ_HELP }
}

/// As the log itself says it.
const READ_HELP: &str = "check the disk; hours that cannot be read are left to other sources of metrics";

/// The API server of the agents' cluster.
struct OfCluster(Cluster);

#[async_trait]
impl TokenReviewer for OfCluster {
    async fn review(&self, token: &str, audiences: &[String]) -> Result<Option<Reviewed>, ReviewError> {
        let Some(audience) = audiences.first() else { return Ok(None) };
        match self.0.review_token(token, audience).await {
            Ok(ReviewedToken::Good(bearer)) => Ok(Some(Reviewed {
                audiences: bearer.audiences,
                account: bearer.user,
                node: bearer.node,
                pod: bearer.pod,
            })),
            Ok(ReviewedToken::Refused(why)) => {
                tracing::debug!("a token was refused: {why}");
                Ok(None)
            }
            Err(error) => Err(ReviewError(error.problem().text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use kubeopt_api::Config;

    use super::*;

    #[tokio::test]
    async fn a_folder_has_one_user_and_nothing_in_it_at_first() {
        let folder = tempfile::tempdir().unwrap();
        let spool = folder.path().join("agents");
        let text = format!(
            "clusters: [{{name: a}}]\nagents: {{certFile: /c, keyFile: /k, clientCaFile: /a, spool: {}}}",
            spool.display()
        );
        let config = Config::parse(&text, "kubeopt.yaml", kubeopt_policy::PRESETS).unwrap().agents.unwrap();
        let config = &config.clusters[0];
        let first = open(config).unwrap().read_back(config, None);
        assert_eq!(first.source.unresolved(), 0);
        let reach = first.source.as_ref().reach(Timestamp::UNIX_EPOCH).await.unwrap();
        assert_eq!(reach, kubeopt_observe::Reach::Sampled(Vec::new()));
        let Err(second) = open(config) else { panic!("it is locked") };
        assert!(second.text.contains("another kubeopt listens"), "{second:?}");
        drop(first);
        assert!(open(config).is_ok());
    }
}
