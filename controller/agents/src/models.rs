//! What is learned and handed out: told by a trait, since neither versions nor rounds are known here.

use async_trait::async_trait;
use kubeopt_proto::{GradientUpload, ModelRequest, ModelResponse, UploadResponse};
use thiserror::Error;

/// How long an agent waits until it asks again where nobody hands out models.
const NO_MODELS_POLL_S: u32 = 3_600;

/// Versions of the model, and rounds of training.
#[async_trait]
pub trait Models: Send + Sync {
    /// What a node should have and train.
    async fn update(&self, node: &str, asked: ModelRequest) -> ModelResponse;

    /// Takes what a node learned, or says why not. Its digests, nonce and length are well-formed; nothing else was checked.
    ///
    /// # Errors
    /// [`SendAgain`] where nothing was decided.
    async fn upload(&self, node: &str, upload: GradientUpload) -> Result<UploadResponse, SendAgain>;
}

/// Nothing was decided about an upload: the node keeps it and sends it again.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}: send it again")]
pub struct SendAgain(pub String);

/// Nobody hands out models.
#[derive(Debug, Clone, Copy)]
pub struct NoModels;

#[async_trait]
impl Models for NoModels {
    async fn update(&self, _node: &str, _asked: ModelRequest) -> ModelResponse {
        ModelResponse { next_poll_s: NO_MODELS_POLL_S, ..ModelResponse::default() }
    }

    async fn upload(&self, _node: &str, _upload: GradientUpload) -> Result<UploadResponse, SendAgain> {
        Ok(UploadResponse {
            accepted: false,
            reason: "no round of training is open".to_owned(),
            next_poll_s: NO_MODELS_POLL_S,
        })
    }
}
