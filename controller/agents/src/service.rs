//! What agents may ask, and what they are told. Each call is of a node; none says so itself.

use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use futures::Stream;
use kubeopt_proto::{
    Ack, Agent, AgentConfig, Batch, GradientUpload, ModelRequest, ModelResponse, Refusal, RegisterRequest,
    RegisterResponse, UploadResponse, check_register, check_upload,
};
use tokio::sync::{mpsc, watch};
use tonic::metadata::MetadataMap;
use tonic::{Extensions, Request, Response, Status, Streaming};

use crate::caller::{TokenDoor, TurnedAway};
use crate::desk::Desk;
use crate::listen::{Certificate, Peer};
use crate::models::Models;
use crate::spool::{Clock, Spool};
use crate::stream::{self, ACKS_MAX};

/// Answers agents.
pub(crate) struct Service {
    pub(crate) spool: Spool,
    pub(crate) tokens: Option<TokenDoor>,
    pub(crate) models: Arc<dyn Models>,
    pub(crate) config: AgentConfig,
    pub(crate) now: Clock,
    pub(crate) desk: Arc<Desk>,
    pub(crate) ended: watch::Receiver<bool>,
}

impl Service {
    /// The node that a call is of.
    async fn node(&self, metadata: &MetadataMap, extensions: &Extensions) -> Result<Arc<str>, Status> {
        let peer = extensions.get::<Peer>();
        let said = match peer.map(|peer| &peer.certificate) {
            Some(Certificate::Node(node)) => Ok(Arc::clone(node)),
            Some(Certificate::NamesNoNode) => Err(TurnedAway::NoNodeInCertificate),
            Some(Certificate::None) | None => self.of_token(metadata).await,
        };
        said.map_err(|away| self.turn_away(away, peer, None))
    }

    async fn of_token(&self, metadata: &MetadataMap) -> Result<Arc<str>, TurnedAway> {
        let header = metadata.get("authorization").ok_or(TurnedAway::Nothing)?;
        let door = self.tokens.as_ref().ok_or(TurnedAway::NoTokens)?;
        let token =
            header.to_str().ok().and_then(|text| text.strip_prefix("Bearer ")).ok_or(TurnedAway::Token)?;
        door.node(token.trim()).await
    }

    fn turn_away(&self, away: TurnedAway, peer: Option<&Peer>, node: Option<&str>) -> Status {
        self.spool.tally().turned_away(away.reason());
        let address = peer.map(|peer| peer.address.to_string()).unwrap_or_default();
        let node = node.unwrap_or_default();
        tracing::warn!(address, node, reason = away.reason(), "an agent was turned away");
        away.status()
    }

    fn refuse(&self, node: &str, refusal: &Refusal) -> Status {
        self.spool.tally().turned_away(refusal.reason());
        tracing::warn!(node, %refusal, "what an agent said was refused");
        Status::invalid_argument(refusal.to_string())
    }
}

#[async_trait]
impl Agent for Service {
    async fn register(
        &self,
        request: Request<RegisterRequest>,
    ) -> Result<Response<RegisterResponse>, Status> {
        let (metadata, extensions, asked) = request.into_parts();
        let node = self.node(&metadata, &extensions).await?;
        let protocol = check_register(&asked).map_err(|refusal| {
            let status = self.refuse(&node, &refusal);
            if !matches!(refusal, Refusal::Protocol { .. }) {
                return status;
            }
            Status::failed_precondition(format!("{refusal}: install agents of the controller's version"))
        })?;
        if asked.node_name != *node {
            return Err(self.turn_away(TurnedAway::OtherNode, extensions.get(), Some(&node)));
        }
        let mark = self.spool.mark(&node, &asked.boot_id);
        self.desk.registered(&node, asked.agent_version);
        let server_time_unix_ms = u64::try_from((self.now)()).unwrap_or(0);
        Ok(Response::new(RegisterResponse {
            protocol,
            config: Some(self.config),
            server_time_unix_ms,
            acknowledged_seq: mark.seq,
        }))
    }

    type SyncMetricsStream = Pin<Box<dyn Stream<Item = Result<Ack, Status>> + Send>>;

    async fn sync_metrics(
        &self,
        request: Request<Streaming<Batch>>,
    ) -> Result<Response<Self::SyncMetricsStream>, Status> {
        let (metadata, extensions, batches) = request.into_parts();
        let node = self.node(&metadata, &extensions).await?;
        let (acks, told) = mpsc::channel(ACKS_MAX);
        let stream = stream::NodeStream {
            seat: self.desk.sit(&node),
            node,
            spool: self.spool.clone(),
            now: Arc::clone(&self.now),
            ended: self.ended.clone(),
        };
        tokio::spawn(stream.run(batches, acks));
        let told =
            futures::stream::unfold(told, |mut told| async { told.recv().await.map(|ack| (ack, told)) });
        Ok(Response::new(Box::pin(told)))
    }

    async fn get_model_update(
        &self,
        request: Request<ModelRequest>,
    ) -> Result<Response<ModelResponse>, Status> {
        let (metadata, extensions, asked) = request.into_parts();
        let node = self.node(&metadata, &extensions).await?;
        Ok(Response::new(self.models.update(&node, asked).await))
    }

    async fn upload_gradients(
        &self,
        request: Request<GradientUpload>,
    ) -> Result<Response<UploadResponse>, Status> {
        let (metadata, extensions, upload) = request.into_parts();
        let node = self.node(&metadata, &extensions).await?;
        check_upload(&upload).map_err(|refusal| self.refuse(&node, &refusal))?;
        let answer = self.models.upload(&node, upload).await;
        Ok(Response::new(answer.map_err(|again| Status::unavailable(again.to_string()))?))
    }
}
