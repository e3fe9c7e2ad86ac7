//! Models as the server of node agents asks for them.

use std::sync::Arc;

use async_trait::async_trait;
use kubeopt_agents::SendAgain;
use kubeopt_model::{ClusterName, Timestamp};
use kubeopt_proto::{GradientUpload, Model, ModelRequest, ModelResponse, TrainPlan, UploadResponse};

use super::{Given, Learned, Models, Plan, Taken};

/// After a fault of the controller's own a node asks again so many seconds later.
const AFTER_FAULT_S: u32 = 60;

#[async_trait]
impl kubeopt_agents::Models for Models {
    async fn update(&self, node: &str, asked: ModelRequest) -> ModelResponse {
        match self.given(node, &asked.have_sha256, &asked.schema_sha256, Timestamp::now()).await {
            Ok(given) => response(given),
            Err(problem) => {
                tracing::warn!(code = problem.code, help = problem.help, "{}", problem.text);
                ModelResponse { next_poll_s: AFTER_FAULT_S, ..ModelResponse::default() }
            }
        }
    }

    async fn upload(&self, node: &str, upload: GradientUpload) -> Result<UploadResponse, SendAgain> {
        let (Ok(base_sha256), Ok(nonce)) = (upload.base_sha256.try_into(), upload.nonce.try_into()) else {
            let reason = "the digest of the base or the nonce has another length".to_owned();
            return Ok(UploadResponse { accepted: false, reason, next_poll_s: AFTER_FAULT_S });
        };
        let learned = Learned {
            round: upload.round_id,
            base_sha256,
            nonce,
            delta: upload.delta,
            windows: upload.windows,
            loss_before: upload.loss_before,
            loss_after: upload.loss_after,
            cpu_ms: upload.train_cpu_ms,
        };
        match self.take(node, learned, Timestamp::now()).await {
            Ok(Some(Taken { accepted, reason, next_poll_s })) => {
                Ok(UploadResponse { accepted, reason, next_poll_s })
            }
            Ok(None) => Err(SendAgain("this replica of the controller does not lead".to_owned())),
            Err(problem) => {
                tracing::warn!(code = problem.code, help = problem.help, "{}", problem.text);
                Err(SendAgain(format!("the controller could not store it ({})", problem.code)))
            }
        }
    }
}

/// Models for the agents of one more cluster: nodes of two clusters may have one name, so each of these is called
/// `CLUSTER/NODE`. No name of a node has a slash.
pub(crate) struct OfCluster {
    /// For all clusters.
    pub(crate) models: Arc<Models>,
    /// The cluster.
    pub(crate) cluster: ClusterName,
}

impl OfCluster {
    fn name(&self, node: &str) -> String {
        format!("{}/{node}", self.cluster)
    }
}

#[async_trait]
impl kubeopt_agents::Models for OfCluster {
    async fn update(&self, node: &str, asked: ModelRequest) -> ModelResponse {
        kubeopt_agents::Models::update(self.models.as_ref(), &self.name(node), asked).await
    }

    async fn upload(&self, node: &str, upload: GradientUpload) -> Result<UploadResponse, SendAgain> {
        kubeopt_agents::Models::upload(self.models.as_ref(), &self.name(node), upload).await
    }
}

fn response(given: Given) -> ModelResponse {
    let schema = kubeopt_forecast::schema_hash();
    let model = given.model.map(|(version, sha256, weights)| Model {
        version,
        sha256: sha256.to_vec(),
        schema_sha256: schema.to_vec(),
        weights: weights.to_vec(),
    });
    ModelResponse { model, plan: given.plan.map(asked), next_poll_s: given.next_poll_s }
}

fn asked(plan: Plan) -> TrainPlan {
    TrainPlan {
        round_id: plan.round,
        base_sha256: plan.base_sha256.to_vec(),
        local_epochs: plan.local_epochs,
        batch: plan.batch,
        learning_rate: plan.learning_rate,
        prox_mu: plan.prox_mu,
        clip_norm: plan.clip_norm,
        min_windows: plan.min_windows,
        deadline_unix_ms: plan.deadline_unix_ms,
        max_cpu_ms: plan.max_cpu_ms,
    }
}
