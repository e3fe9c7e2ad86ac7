//! What agents may ask, and what they are told. Each call is of a node; none says so itself.

use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use kubeopt_proto::{
    Ack, Agent, AgentConfig, Batch, GradientUpload, ModelRequest, ModelResponse, Refusal, RegisterRequest,
    RegisterResponse, UploadResponse, check_register, check_upload,
};
use tokio::sync::watch;
use tonic::{Extensions, Request, Response, Status, Streaming};

use crate::agents::Agents;
use crate::call::{Caller, turn_away};
use crate::caller::TurnedAway;
use crate::listen::Peer;
use crate::models::Models;
use crate::tally::is_logged;

/// Answers agents.
pub(crate) struct Service {
    pub(crate) agents: Agents,
    pub(crate) models: Arc<dyn Models>,
    pub(crate) config: AgentConfig,
    pub(crate) ended: watch::Receiver<bool>,
}

/// The node that a call is of, as the door has it.
fn node(extensions: &Extensions) -> Result<Arc<str>, Status> {
    let caller = extensions.get::<Caller>();
    caller.map(|Caller(node)| Arc::clone(node)).ok_or_else(|| Status::internal("a call without a caller"))
}

impl Service {
    fn refuse(&self, node: &str, refusal: &Refusal) -> Status {
        if is_logged(self.agents.spool.tally().turned_away(refusal.reason())) {
            tracing::warn!(node, %refusal, "what an agent said was refused");
        }
        Status::invalid_argument(refusal.to_string())
    }
}

#[async_trait]
impl Agent for Service {
    async fn register(
        &self,
        request: Request<RegisterRequest>,
    ) -> Result<Response<RegisterResponse>, Status> {
        let (_, extensions, asked) = request.into_parts();
        let node = node(&extensions)?;
        let protocol = check_register(&asked).map_err(|refusal| {
            let status = self.refuse(&node, &refusal);
            if !matches!(refusal, Refusal::Protocol { .. }) {
                return status;
            }
            Status::failed_precondition(format!("{refusal}: install agents of the controller's version"))
        })?;
        if asked.node_name != *node {
            let away = TurnedAway::OtherNode;
            let peer = extensions.get::<Peer>();
            return Err(peer.map_or_else(
                || away.status(),
                |peer| turn_away(self.agents.spool.tally(), away, peer, Some(&node)),
            ));
        }
        let mark = self.agents.spool.mark(&node, &asked.boot_id);
        self.agents.desk.registered(&node, asked.agent_version);
        let server_time_unix_ms = u64::try_from((self.agents.now)()).unwrap_or(0);
        Ok(Response::new(RegisterResponse {
            protocol,
            config: Some(self.config),
            server_time_unix_ms,
            acknowledged_seq: mark.seq,
        }))
    }

    type SyncMetricsStream = BoxStream<'static, Result<Ack, Status>>;

    async fn sync_metrics(
        &self,
        request: Request<Streaming<Batch>>,
    ) -> Result<Response<Self::SyncMetricsStream>, Status> {
        let (_, extensions, batches) = request.into_parts();
        let node = node(&extensions)?;
        Ok(Response::new(self.agents.stream(node, batches, self.ended.clone())))
    }

    async fn get_model_update(
        &self,
        request: Request<ModelRequest>,
    ) -> Result<Response<ModelResponse>, Status> {
        let (_, extensions, asked) = request.into_parts();
        let node = node(&extensions)?;
        Ok(Response::new(self.models.update(&node, asked).await))
    }

    async fn upload_gradients(
        &self,
        request: Request<GradientUpload>,
    ) -> Result<Response<UploadResponse>, Status> {
        let (_, extensions, upload) = request.into_parts();
        let node = node(&extensions)?;
        check_upload(&upload).map_err(|refusal| self.refuse(&node, &refusal))?;
        let answer = self.models.upload(&node, upload).await;
        Ok(Response::new(answer.map_err(|again| Status::unavailable(again.to_string()))?))
    }
}
