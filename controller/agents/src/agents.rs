//! The agents of a cluster: their log, who is connected, and what is told of both.

use std::sync::Arc;

use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _};
use kubeopt_model::agents::NodeStanding;
use kubeopt_proto::{Ack, Batch};
use tokio::sync::{mpsc, watch};
use tonic::Status;

use crate::desk::Desk;
use crate::spool::{Clock, Spool};
use crate::stream::{ACKS_MAX, NodeStream};
use crate::tally::Counts;

/// The agents of a cluster, as the controller knows them.
#[derive(Clone)]
pub struct Agents {
    pub(crate) spool: Spool,
    pub(crate) desk: Arc<Desk>,
    pub(crate) now: Clock,
}

/// How the server and its log are doing.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// Nodes with an open stream.
    pub connected: usize,
    /// Milliseconds since the end of the newest reading of the connected node that is furthest behind; none without one.
    pub lag_ms: Option<i64>,
    /// Since the process began.
    pub counts: Counts,
    /// Files of the log and their bytes.
    pub log_files: usize,
    /// See there.
    pub log_bytes: u64,
    /// Batches that wait to be written.
    pub waiting: usize,
}

impl Agents {
    /// Over an open log.
    pub fn new(spool: Spool, now: Clock) -> Self {
        Self { spool, desk: Arc::new(Desk::default()), now }
    }

    /// The log.
    pub fn spool(&self) -> &Spool {
        &self.spool
    }

    /// How each node's agent is doing, by name: of nodes that are connected, and of those that
    /// registered or sent something lately.
    pub fn standing(&self) -> Vec<NodeStanding> {
        self.desk.standing(self.spool.nodes(), (self.now)(), self.spool.retention_ms())
    }

    /// For metrics.
    pub fn figures(&self) -> Figures {
        let now_ms = (self.now)();
        let standing = self.standing();
        let connected = standing.iter().filter(|node| node.connected);
        let newest = connected.filter_map(|node| node.newest_unix_ms);
        let (log_files, log_bytes, waiting) = self.spool.size();
        Figures {
            connected: self.desk.connected(),
            lag_ms: newest.map(|newest| now_ms.saturating_sub(newest).max(0)).max(),
            counts: self.spool.tally().read(),
            log_files,
            log_bytes,
            waiting,
        }
    }

    /// Takes what a node sends, whose name was proved, and tells of each batch when it is on disk. It ends with an error where
    /// the node has to begin again, and soon after `ended` becomes true.
    pub fn stream(
        &self,
        node: Arc<str>,
        batches: impl Stream<Item = Result<Batch, Status>> + Send + Unpin + 'static,
        ended: watch::Receiver<bool>,
    ) -> BoxStream<'static, Result<Ack, Status>> {
        let (acks, told) = mpsc::channel(ACKS_MAX);
        let (spool, now) = (self.spool.clone(), Arc::clone(&self.now));
        let stream = NodeStream { seat: self.desk.sit(&node), node, spool, now, ended };
        tokio::spawn(stream.run(batches, acks));
        futures::stream::unfold(told, |mut told| async { told.recv().await.map(|ack| (ack, told)) }).boxed()
    }
}
