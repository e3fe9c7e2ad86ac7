//! The agent's end. Made from agent.proto by agent/proto/generate.

use tonic::codegen::*;
use tonic::codegen::http::Uri;
#[derive(Debug, Clone)]
pub struct AgentClient<T> {
    inner: tonic::client::Grpc<T>,
}
impl<T> AgentClient<T>
where
    T: tonic::client::GrpcService<tonic::body::Body>,
    T::Error: Into<StdError>,
    T::ResponseBody: Body<Data = Bytes> + std::marker::Send + 'static,
    <T::ResponseBody as Body>::Error: Into<StdError> + std::marker::Send,
{
    pub fn new(inner: T) -> Self {
        let inner = tonic::client::Grpc::new(inner);
        Self { inner }
    }
    pub fn with_origin(inner: T, origin: Uri) -> Self {
        let inner = tonic::client::Grpc::with_origin(inner, origin);
        Self { inner }
    }
    pub fn with_interceptor<F>(
        inner: T,
        interceptor: F,
    ) -> AgentClient<InterceptedService<T, F>>
    where
        F: tonic::service::Interceptor,
        T::ResponseBody: Default,
        T: tonic::codegen::Service<
            http::Request<tonic::body::Body>,
            Response = http::Response<
                <T as tonic::client::GrpcService<tonic::body::Body>>::ResponseBody,
            >,
        >,
        <T as tonic::codegen::Service<
            http::Request<tonic::body::Body>,
        >>::Error: Into<StdError> + std::marker::Send + std::marker::Sync,
    {
        AgentClient::new(InterceptedService::new(inner, interceptor))
    }
    /// Compress requests with the given encoding.
    ///
    /// This requires the server to support it otherwise it might respond with an
    /// error.
    #[must_use]
    pub fn send_compressed(mut self, encoding: CompressionEncoding) -> Self {
        self.inner = self.inner.send_compressed(encoding);
        self
    }
    /// Enable decompressing responses.
    #[must_use]
    pub fn accept_compressed(mut self, encoding: CompressionEncoding) -> Self {
        self.inner = self.inner.accept_compressed(encoding);
        self
    }
    /// Limits the maximum size of a decoded message.
    ///
    /// Default: `4MB`
    #[must_use]
    pub fn max_decoding_message_size(mut self, limit: usize) -> Self {
        self.inner = self.inner.max_decoding_message_size(limit);
        self
    }
    /// Limits the maximum size of an encoded message.
    ///
    /// Default: `usize::MAX`
    #[must_use]
    pub fn max_encoding_message_size(mut self, limit: usize) -> Self {
        self.inner = self.inner.max_encoding_message_size(limit);
        self
    }
    /// Says who speaks, agrees on a version, and tells how far this node's batches are stored.
    pub async fn register(
        &mut self,
        request: impl tonic::IntoRequest<super::messages::RegisterRequest>,
    ) -> std::result::Result<tonic::Response<super::messages::RegisterResponse>, tonic::Status> {
        self.inner
            .ready()
            .await
            .map_err(|e| {
                tonic::Status::unknown(format!("Service was not ready: {}", e.into()))
            })?;
        let codec = tonic_prost::ProstCodec::default();
        let path = http::uri::PathAndQuery::from_static(
            "/kubeopt.agent.v1.Agent/Register",
        );
        let mut req = request.into_request();
        req.extensions_mut()
            .insert(GrpcMethod::new("kubeopt.agent.v1.Agent", "Register"));
        self.inner.unary(req, path, codec).await
    }
    /// Batches up, acknowledgements down. What is acknowledged is on the controller's disk.
    pub async fn sync_metrics(
        &mut self,
        request: impl tonic::IntoStreamingRequest<Message = super::messages::Batch>,
    ) -> std::result::Result<
        tonic::Response<tonic::codec::Streaming<super::messages::Ack>>,
        tonic::Status,
    > {
        self.inner
            .ready()
            .await
            .map_err(|e| {
                tonic::Status::unknown(format!("Service was not ready: {}", e.into()))
            })?;
        let codec = tonic_prost::ProstCodec::default();
        let path = http::uri::PathAndQuery::from_static(
            "/kubeopt.agent.v1.Agent/SyncMetrics",
        );
        let mut req = request.into_streaming_request();
        req.extensions_mut()
            .insert(GrpcMethod::new("kubeopt.agent.v1.Agent", "SyncMetrics"));
        self.inner.streaming(req, path, codec).await
    }
    /// The model to forecast with, and what to train on it, if anything.
    pub async fn get_model_update(
        &mut self,
        request: impl tonic::IntoRequest<super::messages::ModelRequest>,
    ) -> std::result::Result<tonic::Response<super::messages::ModelResponse>, tonic::Status> {
        self.inner
            .ready()
            .await
            .map_err(|e| {
                tonic::Status::unknown(format!("Service was not ready: {}", e.into()))
            })?;
        let codec = tonic_prost::ProstCodec::default();
        let path = http::uri::PathAndQuery::from_static(
            "/kubeopt.agent.v1.Agent/GetModelUpdate",
        );
        let mut req = request.into_request();
        req.extensions_mut()
            .insert(GrpcMethod::new("kubeopt.agent.v1.Agent", "GetModelUpdate"));
        self.inner.unary(req, path, codec).await
    }
    /// What a node learned in one round.
    pub async fn upload_gradients(
        &mut self,
        request: impl tonic::IntoRequest<super::messages::GradientUpload>,
    ) -> std::result::Result<tonic::Response<super::messages::UploadResponse>, tonic::Status> {
        self.inner
            .ready()
            .await
            .map_err(|e| {
                tonic::Status::unknown(format!("Service was not ready: {}", e.into()))
            })?;
        let codec = tonic_prost::ProstCodec::default();
        let path = http::uri::PathAndQuery::from_static(
            "/kubeopt.agent.v1.Agent/UploadGradients",
        );
        let mut req = request.into_request();
        req.extensions_mut()
            .insert(GrpcMethod::new("kubeopt.agent.v1.Agent", "UploadGradients"));
        self.inner.unary(req, path, codec).await
    }
}
