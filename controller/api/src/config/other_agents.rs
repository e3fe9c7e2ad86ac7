//! Node agents of further clusters: each has an address, a folder and nodes of its own, and takes the rest from `agents`.

use std::net::SocketAddr;
use std::path::PathBuf;

use kubeopt_model::{Bytes, ClusterName};

use crate::config::cluster_agents::{
    ACCOUNT_HELP, AgentTokens, ClusterAgents, check_account, check_audience, check_domain, check_listen,
    known_cluster,
};
use crate::config::scalars::{file, optional, required};
use crate::config::types::ClusterConfig;
use crate::text::values::{Count, Memory, Span};
use crate::text::{At, Fault, Reading, section};

/// Below the folder of the first cluster.
const SPOOLS: &str = "clusters";

section! {
    /// Node agents of one more cluster. What is absent is as in `agents`, but for `clientCaFile`: an authority that signs for the
    /// nodes of one cluster proves none of another.
    pub(crate) struct OtherAgents {
        /// Name of the cluster whose nodes they are; required.
        "cluster" => cluster: String = null,
        /// Address and port of its gRPC server; required.
        "listen" => listen: String = null,
        /// Certificate chain of the server in PEM, with `keyFile`; absent are both files of `agents`.
        "certFile" => cert_file: String = null,
        /// Key of that certificate in PEM.
        "keyFile" => key_file: String = null,
        /// Certificate authorities in PEM that sign for the nodes of this cluster and of no other; absent, no certificate is
        /// believed.
        "clientCaFile" => client_ca_file: String = null,
        /// The SPIFFE trust domain of agents' certificates; absent is that of `agents`.
        "trustDomain" => trust_domain: String = null,
        /// Audience of the service-account tokens, which this cluster is asked about; absent is that of `agents`.
        "tokenAudience" => token_audience: String = null,
        /// The service account that agents run as there, `namespace/name`; absent is that of `agents`.
        "serviceAccount" => service_account: String = null,
        /// Folder of what they sent; absent is `clusters/NAME` below the folder of `agents`.
        "spool" => spool: String = null,
        /// How long it is kept there, from 2h to 14d; absent is as in `agents`.
        "retention" => retention: Span<{ 2 * 3600 }, { 14 * 86_400 }> = null,
        /// Most bytes of that folder; absent is as in `agents`.
        "spoolMax" => spool_max: Memory = null,
        /// Connections of one address at a time, up to 4096; absent is as in `agents`.
        "connectionsPerAddress" => connections_per_address: Count<1, 4_096> = null,
    }
}

/// What an entry says itself.
pub(crate) struct Own {
    line: usize,
    cluster: ClusterName,
    listen: SocketAddr,
    files: Option<(PathBuf, PathBuf)>,
    client_ca_file: Option<PathBuf>,
    trust_domain: Option<String>,
    audience: Option<String>,
    account: Option<String>,
    spool: Option<PathBuf>,
    retention_seconds: Option<i64>,
    spool_max: Option<Bytes>,
    connections_per_address: Option<u32>,
}

/// One entry by itself; none after a problem was told.
pub(crate) fn check_other(
    section: At<OtherAgents>,
    clusters: &[ClusterConfig],
    reading: &mut Reading<'_>,
) -> Option<Own> {
    let At { value: own, line } = section;
    let path = |key: &str| format!("agents.otherClusters[].{key}");
    let help = "name the cluster of these agents, one of `clusters`";
    let cluster = required(own.cluster, line, &path("cluster"), help, reading);
    let cluster = cluster.and_then(|at| known_cluster(at, clusters, reading));
    let help = "give these agents a port of their own, such as `0.0.0.0:8444`";
    let listen = required(own.listen, line, &path("listen"), help, reading);
    let listen = listen.and_then(|at| check_listen(&at, &path("listen"), reading));
    let files = check_files(own.cert_file, own.key_file, line, reading);
    let trust_domain = optional(own.trust_domain, |at| check_domain(at, &path("trustDomain"), reading));
    let audience = optional(own.token_audience, |at| check_audience(at, &path("tokenAudience"), reading));
    let account = optional(own.service_account, |at| check_account(&at, &path("serviceAccount"), reading));
    Some(Own {
        line,
        cluster: cluster?,
        listen: listen?,
        files: files?,
        client_ca_file: own.client_ca_file.map(file),
        trust_domain: trust_domain?,
        audience: audience?,
        account: account?,
        spool: own.spool.map(file),
        retention_seconds: own.retention.map(|at| at.value.0),
        spool_max: own.spool_max.map(|at| at.value.0),
        connections_per_address: own.connections_per_address.map(|at| at.value.0),
    })
}

/// A certificate and its key, or neither; none after a problem was told.
fn check_files(
    cert: Option<At<String>>,
    key: Option<At<String>>,
    line: usize,
    reading: &mut Reading<'_>,
) -> Option<Option<(PathBuf, PathBuf)>> {
    match (cert, key) {
        (Some(cert), Some(key)) => Some(Some((file(cert), file(key)))),
        (None, None) => Some(None),
        (Some(_), None) | (None, Some(_)) => {
            let text =
                "an entry of `agents.otherClusters` names one of `certFile` and `keyFile` only".to_owned();
            let help = "name both, or neither for the certificate of `agents`".to_owned();
            reading.refuse(line, Fault::Contradiction { text, help });
            None
        }
    }
}

impl Own {
    /// With what it takes from the first cluster; none after a problem was told.
    pub(crate) fn completed(self, first: &ClusterAgents, reading: &mut Reading<'_>) -> Option<ClusterAgents> {
        let tokens = self.tokens(first, reading)?;
        if self.client_ca_file.is_none() && tokens.is_none() {
            let text = format!(
                "the agents of cluster `{}` have neither `clientCaFile` nor `tokenAudience`: none could prove its node",
                self.cluster
            );
            let help = "set `tokenAudience: kubeopt-agents`, or name the authority of that cluster's nodes; the one of `agents` is not taken for them".to_owned();
            reading.refuse(self.line, Fault::Contradiction { text, help });
            return None;
        }
        let below = || first.spool.join(SPOOLS).join(self.cluster.as_str());
        let (cert_file, key_file) =
            self.files.unwrap_or_else(|| (first.cert_file.clone(), first.key_file.clone()));
        Some(ClusterAgents {
            listen: self.listen,
            cert_file,
            key_file,
            client_ca_file: self.client_ca_file,
            trust_domain: self.trust_domain.or_else(|| first.trust_domain.clone()),
            tokens,
            spool: self.spool.unwrap_or_else(below),
            cluster: self.cluster,
            retention_seconds: self.retention_seconds.unwrap_or(first.retention_seconds),
            spool_max: self.spool_max.unwrap_or(first.spool_max),
            connections_per_address: self.connections_per_address.unwrap_or(first.connections_per_address),
        })
    }

    fn tokens(&self, first: &ClusterAgents, reading: &mut Reading<'_>) -> Option<Option<AgentTokens>> {
        let of_first = first.tokens.as_ref();
        let Some(audience) = self.audience.clone().or_else(|| of_first.map(|own| own.audience.clone()))
        else {
            return Some(None);
        };
        let account = self.account.clone().or_else(|| of_first.map(|own| own.account.clone()));
        if account.is_none() {
            let path = "agents.otherClusters[].serviceAccount".to_owned();
            reading.refuse(self.line, Fault::Missing { path, help: ACCOUNT_HELP.to_owned() });
        }
        Some(Some(AgentTokens { audience, account: account? }))
    }
}

/// Tells what two clusters' agents have in common and must not. `lines` are those of the entries.
pub(crate) fn tell_shared(all: &[ClusterAgents], lines: &[usize], reading: &mut Reading<'_>) {
    for (at, (own, line)) in all.iter().zip(lines).enumerate() {
        for (other, first_line) in all.iter().zip(lines).take(at) {
            let mut refuse = |what: String, help: &str| {
                let text = format!("{what}, as on line {first_line}");
                reading.refuse(*line, Fault::Contradiction { text, help: help.to_owned() });
            };
            if own.cluster == other.cluster {
                let what = format!("agents of cluster `{}` are listened to twice", own.cluster);
                refuse(what, "keep one of the two, or name another cluster of `clusters`");
            }
            if is_one_address(own.listen, other.listen) {
                let what = format!("two clusters' agents have the address {}", own.listen);
                refuse(what, "give each a port of its own: an agent's cluster is known by where it calls");
            }
            if own.cluster != other.cluster && own.spool == other.spool {
                let what = format!("two clusters' agents have the folder {}", own.spool.display());
                refuse(what, "name another folder, or none");
            }
            if own.client_ca_file.is_some() && own.client_ca_file == other.client_ca_file {
                let what = "two clusters' agents have one `clientCaFile`".to_owned();
                refuse(
                    what,
                    "name an authority that signs for the nodes of one cluster: a node could speak for that of the same name in the other",
                );
            }
        }
    }
}

/// Whether one socket cannot be opened beside the other. With port 0 any free one is taken.
fn is_one_address(own: SocketAddr, other: SocketAddr) -> bool {
    let is_one_ip = own.ip() == other.ip() || own.ip().is_unspecified() || other.ip().is_unspecified();
    own.port() != 0 && own.port() == other.port() && is_one_ip
}
