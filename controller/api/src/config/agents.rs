//! Node agents of the configuration: where the controller listens to them, whom it believes, where it keeps what they sent.

use std::net::SocketAddr;
use std::path::Path;

use kubeopt_model::{Bytes, ClusterName};

use crate::config::cluster_agents::{
    ACCOUNT_HELP, AgentTokens, ClusterAgents, check_account, check_audience, check_domain, check_listen,
    known_cluster,
};
use crate::config::other_agents::{OtherAgents, check_other, tell_shared};
use crate::config::scalars::{elements, file, optional, required};
use crate::config::training::{Training, TrainingConfig, training};
use crate::config::types::ClusterConfig;
use crate::text::values::{Count, Memory, Span};
use crate::text::{At, Fault, Reading, section};

/// All addresses of the pod: agents come from every node.
const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 8443);

/// Twice what an agent holds while it cannot send.
const DEFAULT_RETENTION_SECONDS: i64 = 48 * 3600;

/// As the log of what agents sent has it; `agents` says why.
const DEFAULT_SPOOL_MAX: Bytes = Bytes::mebi(1024);

/// As the agents' server has it by itself.
const DEFAULT_CONNECTIONS_PER_ADDRESS: u32 = 256;

section! {
    /// Node agents. Absent, none are listened to.
    pub(crate) struct Agents {
        /// Address and port of the gRPC server.
        "listen" => listen: String = "0.0.0.0:8443",
        /// Certificate chain of the server in PEM; required.
        "certFile" => cert_file: String = null,
        /// Key of that certificate in PEM; required.
        "keyFile" => key_file: String = null,
        /// Certificate authorities in PEM that agents' own certificates are checked with: such a certificate names its node.
        "clientCaFile" => client_ca_file: String = null,
        /// The SPIFFE trust domain of agents' certificates: a URI `spiffe://DOMAIN/kubeopt-agent/NODE` names the node. Absent,
        /// no URI names one.
        "trustDomain" => trust_domain: String = null,
        /// Audience of the service-account tokens that agents may show; the cluster is asked whether a token is good and of
        /// which node. Absent, tokens are refused.
        "tokenAudience" => token_audience: String = null,
        /// The service account that agents run as, `namespace/name`: a token of another one is refused; required with
        /// `tokenAudience`.
        "serviceAccount" => service_account: String = null,
        /// Name of the cluster whose nodes they are; absent is the first one.
        "cluster" => cluster: String = null,
        /// Folder of what they sent.
        "spool" => spool: String = "/var/lib/kubeopt/agents",
        /// How long it is kept there, from 2h to 14d. An agent that could not send for longer than this adds nothing of the
        /// time before.
        "retention" => retention: Span<{ 2 * 3600 }, { 14 * 86_400 }> = "48h",
        /// Most bytes of that folder; when it is full the oldest hours go.
        "spoolMax" => spool_max: Memory = "1Gi",
        /// Connections of one address at a time, up to 4096: more where many agents come through one load balancer.
        "connectionsPerAddress" => connections_per_address: Count<1, 4_096> = 256,
        /// Training of the network of forecasts on nodes, in rounds. What comes of it is what node agents forecast with.
        "training" => training: Training = {},
        /// Node agents of further clusters, each at an address of its own. They train together.
        "otherClusters" => other_clusters: Vec<At<OtherAgents>> = [],
    }
}

/// How node agents are listened to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentsConfig {
    /// Cluster by cluster; never empty, and the first is that of `agents` itself. No two have a cluster, an address or a folder
    /// in common.
    pub clusters: Vec<ClusterAgents>,
    /// How nodes of all of them train the network of forecasts; none where they do not.
    pub training: Option<TrainingConfig>,
}

/// Node agents; none after a problem was told.
pub(crate) fn check_agents(
    section: At<Agents>,
    clusters: &[ClusterConfig],
    reading: &mut Reading<'_>,
) -> Option<AgentsConfig> {
    let At { value: mut agents, line } = section;
    let others = elements(agents.other_clusters.take());
    let training = training(agents.training.take(), reading);
    let first = check_first(agents, line, clusters, reading);
    let mut lines = vec![line];
    let mut all: Vec<Option<ClusterAgents>> = vec![first];
    for section in others {
        lines.push(section.line);
        let other = check_other(section, clusters, reading);
        // What it takes from the first cannot be told while that one is wrong.
        let whole = all[0].as_ref().and_then(|first| other?.completed(first, reading));
        all.push(whole);
    }
    let all: Vec<ClusterAgents> = all.into_iter().collect::<Option<_>>()?;
    tell_shared(&all, &lines, reading);
    Some(AgentsConfig { clusters: all, training })
}

/// The agents of the first cluster; none after a problem was told.
fn check_first(
    agents: Agents,
    line: usize,
    clusters: &[ClusterConfig],
    reading: &mut Reading<'_>,
) -> Option<ClusterAgents> {
    let help = "name the files: agents are spoken to over TLS only";
    let cert = required(agents.cert_file, line, "agents.certFile", help, reading);
    let key = required(agents.key_file, line, "agents.keyFile", help, reading);
    if agents.client_ca_file.is_none() && agents.token_audience.is_none() {
        let text = "`agents` names neither `clientCaFile` nor `tokenAudience`: no agent could prove its node"
            .to_owned();
        let help = "set `tokenAudience: kubeopt-agents`, as the chart does, or name a certificate authority"
            .to_owned();
        reading.refuse(line, Fault::Contradiction { text, help });
    }
    let listen = match agents.listen {
        None => Some(DEFAULT_LISTEN),
        Some(at) => check_listen(&at, "agents.listen", reading),
    };
    let tokens =
        optional(agents.token_audience, |at| check_tokens(at, agents.service_account, line, reading));
    let trust_domain = optional(agents.trust_domain, |at| check_domain(at, "agents.trustDomain", reading));
    let cluster = cluster(agents.cluster, line, clusters, reading);
    Some(ClusterAgents {
        listen: listen?,
        cert_file: file(cert?),
        key_file: file(key?),
        client_ca_file: agents.client_ca_file.map(file),
        trust_domain: trust_domain?,
        tokens: tokens?,
        cluster: cluster?,
        spool: agents.spool.map_or_else(|| Path::new("/var/lib/kubeopt/agents").to_owned(), file),
        retention_seconds: agents.retention.map_or(DEFAULT_RETENTION_SECONDS, |at| at.value.0),
        spool_max: agents.spool_max.map_or(DEFAULT_SPOOL_MAX, |at| at.value.0),
        connections_per_address: agents
            .connections_per_address
            .map_or(DEFAULT_CONNECTIONS_PER_ADDRESS, |at| at.value.0),
    })
}

/// Which tokens are believed; none after a problem was told.
fn check_tokens(
    audience: At<String>,
    account: Option<At<String>>,
    line: usize,
    reading: &mut Reading<'_>,
) -> Option<AgentTokens> {
    let audience = check_audience(audience, "agents.tokenAudience", reading)?;
    let account = required(account, line, "agents.serviceAccount", ACCOUNT_HELP, reading)?;
    let account = check_account(&account, "agents.serviceAccount", reading)?;
    Some(AgentTokens { audience, account })
}

/// The cluster that is named, else the first.
fn cluster(
    named: Option<At<String>>,
    line: usize,
    clusters: &[ClusterConfig],
    reading: &mut Reading<'_>,
) -> Option<ClusterName> {
    if let Some(at) = named {
        return known_cluster(at, clusters, reading);
    }
    let first = clusters.first().map(|cluster| cluster.name.clone());
    if first.is_none() {
        let help = "describe the cluster of these agents under `clusters`".to_owned();
        reading.refuse(line, Fault::Missing { path: "clusters".to_owned(), help });
    }
    first
}
