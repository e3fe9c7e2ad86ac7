//! The controller's end. Made from agent.proto by agent/proto/generate.

use tonic::codegen::*;
/// Generated trait containing gRPC methods that should be implemented for use with AgentServer.
#[async_trait]
pub trait Agent: std::marker::Send + std::marker::Sync + 'static {
    /// Says who speaks, agrees on a version, and tells how far this node's batches are stored.
    async fn register(
        &self,
        request: tonic::Request<super::messages::RegisterRequest>,
    ) -> std::result::Result<tonic::Response<super::messages::RegisterResponse>, tonic::Status>;
    /// Server streaming response type for the SyncMetrics method.
    type SyncMetricsStream: tonic::codegen::tokio_stream::Stream<
            Item = std::result::Result<super::messages::Ack, tonic::Status>,
        >
        + std::marker::Send
        + 'static;
    /// Batches up, acknowledgements down. What is acknowledged is on the controller's disk.
    async fn sync_metrics(
        &self,
        request: tonic::Request<tonic::Streaming<super::messages::Batch>>,
    ) -> std::result::Result<tonic::Response<Self::SyncMetricsStream>, tonic::Status>;
    /// The model to forecast with, and what to train on it, if anything.
    async fn get_model_update(
        &self,
        request: tonic::Request<super::messages::ModelRequest>,
    ) -> std::result::Result<tonic::Response<super::messages::ModelResponse>, tonic::Status>;
    /// What a node learned in one round.
    async fn upload_gradients(
        &self,
        request: tonic::Request<super::messages::GradientUpload>,
    ) -> std::result::Result<tonic::Response<super::messages::UploadResponse>, tonic::Status>;
}
#[derive(Debug)]
pub struct AgentServer<T> {
    inner: Arc<T>,
    accept_compression_encodings: EnabledCompressionEncodings,
    send_compression_encodings: EnabledCompressionEncodings,
    max_decoding_message_size: Option<usize>,
    max_encoding_message_size: Option<usize>,
}
impl<T> AgentServer<T> {
    pub fn new(inner: T) -> Self {
        Self::from_arc(Arc::new(inner))
    }
    pub fn from_arc(inner: Arc<T>) -> Self {
        Self {
            inner,
            accept_compression_encodings: Default::default(),
            send_compression_encodings: Default::default(),
            max_decoding_message_size: None,
            max_encoding_message_size: None,
        }
    }
    pub fn with_interceptor<F>(inner: T, interceptor: F) -> InterceptedService<Self, F>
    where
        F: tonic::service::Interceptor,
    {
        InterceptedService::new(Self::new(inner), interceptor)
    }
    /// Enable decompressing requests with the given encoding.
    #[must_use]
    pub fn accept_compressed(mut self, encoding: CompressionEncoding) -> Self {
        self.accept_compression_encodings.enable(encoding);
        self
    }
    /// Compress responses with the given encoding, if the client supports it.
    #[must_use]
    pub fn send_compressed(mut self, encoding: CompressionEncoding) -> Self {
        self.send_compression_encodings.enable(encoding);
        self
    }
    /// Limits the maximum size of a decoded message.
    ///
    /// Default: `4MB`
    #[must_use]
    pub fn max_decoding_message_size(mut self, limit: usize) -> Self {
        self.max_decoding_message_size = Some(limit);
        self
    }
    /// Limits the maximum size of an encoded message.
    ///
    /// Default: `usize::MAX`
    #[must_use]
    pub fn max_encoding_message_size(mut self, limit: usize) -> Self {
        self.max_encoding_message_size = Some(limit);
        self
    }
}
impl<T, B> tonic::codegen::Service<http::Request<B>> for AgentServer<T>
where
    T: Agent,
    B: Body + std::marker::Send + 'static,
    B::Error: Into<StdError> + std::marker::Send + 'static,
{
    type Response = http::Response<tonic::body::Body>;
    type Error = std::convert::Infallible;
    type Future = BoxFuture<Self::Response, Self::Error>;
    fn poll_ready(
        &mut self,
        _cx: &mut Context<'_>,
    ) -> Poll<std::result::Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }
    fn call(&mut self, req: http::Request<B>) -> Self::Future {
        match req.uri().path() {
            "/kubeopt.agent.v1.Agent/Register" => {
                #[allow(non_camel_case_types)]
                struct RegisterSvc<T: Agent>(pub Arc<T>);
                impl<T: Agent> tonic::server::UnaryService<super::messages::RegisterRequest>
                for RegisterSvc<T> {
                    type Response = super::messages::RegisterResponse;
                    type Future = BoxFuture<
                        tonic::Response<Self::Response>,
                        tonic::Status,
                    >;
                    fn call(
                        &mut self,
                        request: tonic::Request<super::messages::RegisterRequest>,
                    ) -> Self::Future {
                        let inner = Arc::clone(&self.0);
                        let fut = async move {
                            <T as Agent>::register(&inner, request).await
                        };
                        Box::pin(fut)
                    }
                }
                let accept_compression_encodings = self.accept_compression_encodings;
                let send_compression_encodings = self.send_compression_encodings;
                let max_decoding_message_size = self.max_decoding_message_size;
                let max_encoding_message_size = self.max_encoding_message_size;
                let inner = self.inner.clone();
                let fut = async move {
                    let method = RegisterSvc(inner);
                    let codec = tonic_prost::ProstCodec::default();
                    let mut grpc = tonic::server::Grpc::new(codec)
                        .apply_compression_config(
                            accept_compression_encodings,
                            send_compression_encodings,
                        )
                        .apply_max_message_size_config(
                            max_decoding_message_size,
                            max_encoding_message_size,
                        );
                    let res = grpc.unary(method, req).await;
                    Ok(res)
                };
                Box::pin(fut)
            }
            "/kubeopt.agent.v1.Agent/SyncMetrics" => {
                #[allow(non_camel_case_types)]
                struct SyncMetricsSvc<T: Agent>(pub Arc<T>);
                impl<T: Agent> tonic::server::StreamingService<super::messages::Batch>
                for SyncMetricsSvc<T> {
                    type Response = super::messages::Ack;
                    type ResponseStream = T::SyncMetricsStream;
                    type Future = BoxFuture<
                        tonic::Response<Self::ResponseStream>,
                        tonic::Status,
                    >;
                    fn call(
                        &mut self,
                        request: tonic::Request<tonic::Streaming<super::messages::Batch>>,
                    ) -> Self::Future {
                        let inner = Arc::clone(&self.0);
                        let fut = async move {
                            <T as Agent>::sync_metrics(&inner, request).await
                        };
                        Box::pin(fut)
                    }
                }
                let accept_compression_encodings = self.accept_compression_encodings;
                let send_compression_encodings = self.send_compression_encodings;
                let max_decoding_message_size = self.max_decoding_message_size;
                let max_encoding_message_size = self.max_encoding_message_size;
                let inner = self.inner.clone();
                let fut = async move {
                    let method = SyncMetricsSvc(inner);
                    let codec = tonic_prost::ProstCodec::default();
                    let mut grpc = tonic::server::Grpc::new(codec)
                        .apply_compression_config(
                            accept_compression_encodings,
                            send_compression_encodings,
                        )
                        .apply_max_message_size_config(
                            max_decoding_message_size,
                            max_encoding_message_size,
                        );
                    let res = grpc.streaming(method, req).await;
                    Ok(res)
                };
                Box::pin(fut)
            }
            "/kubeopt.agent.v1.Agent/GetModelUpdate" => {
                #[allow(non_camel_case_types)]
                struct GetModelUpdateSvc<T: Agent>(pub Arc<T>);
                impl<T: Agent> tonic::server::UnaryService<super::messages::ModelRequest>
                for GetModelUpdateSvc<T> {
                    type Response = super::messages::ModelResponse;
                    type Future = BoxFuture<
                        tonic::Response<Self::Response>,
                        tonic::Status,
                    >;
                    fn call(
                        &mut self,
                        request: tonic::Request<super::messages::ModelRequest>,
                    ) -> Self::Future {
                        let inner = Arc::clone(&self.0);
                        let fut = async move {
                            <T as Agent>::get_model_update(&inner, request).await
                        };
                        Box::pin(fut)
                    }
                }
                let accept_compression_encodings = self.accept_compression_encodings;
                let send_compression_encodings = self.send_compression_encodings;
                let max_decoding_message_size = self.max_decoding_message_size;
                let max_encoding_message_size = self.max_encoding_message_size;
                let inner = self.inner.clone();
                let fut = async move {
                    let method = GetModelUpdateSvc(inner);
                    let codec = tonic_prost::ProstCodec::default();
                    let mut grpc = tonic::server::Grpc::new(codec)
                        .apply_compression_config(
                            accept_compression_encodings,
                            send_compression_encodings,
                        )
                        .apply_max_message_size_config(
                            max_decoding_message_size,
                            max_encoding_message_size,
                        );
                    let res = grpc.unary(method, req).await;
                    Ok(res)
                };
                Box::pin(fut)
            }
            "/kubeopt.agent.v1.Agent/UploadGradients" => {
                #[allow(non_camel_case_types)]
                struct UploadGradientsSvc<T: Agent>(pub Arc<T>);
                impl<T: Agent> tonic::server::UnaryService<super::messages::GradientUpload>
                for UploadGradientsSvc<T> {
                    type Response = super::messages::UploadResponse;
                    type Future = BoxFuture<
                        tonic::Response<Self::Response>,
                        tonic::Status,
                    >;
                    fn call(
                        &mut self,
                        request: tonic::Request<super::messages::GradientUpload>,
                    ) -> Self::Future {
                        let inner = Arc::clone(&self.0);
                        let fut = async move {
                            <T as Agent>::upload_gradients(&inner, request).await
                        };
                        Box::pin(fut)
                    }
                }
                let accept_compression_encodings = self.accept_compression_encodings;
                let send_compression_encodings = self.send_compression_encodings;
                let max_decoding_message_size = self.max_decoding_message_size;
                let max_encoding_message_size = self.max_encoding_message_size;
                let inner = self.inner.clone();
                let fut = async move {
                    let method = UploadGradientsSvc(inner);
                    let codec = tonic_prost::ProstCodec::default();
                    let mut grpc = tonic::server::Grpc::new(codec)
                        .apply_compression_config(
                            accept_compression_encodings,
                            send_compression_encodings,
                        )
                        .apply_max_message_size_config(
                            max_decoding_message_size,
                            max_encoding_message_size,
                        );
                    let res = grpc.unary(method, req).await;
                    Ok(res)
                };
                Box::pin(fut)
            }
            _ => {
                Box::pin(async move {
                    let mut response = http::Response::new(tonic::body::Body::default());
                    let headers = response.headers_mut();
                    headers
                        .insert(
                            tonic::Status::GRPC_STATUS,
                            (tonic::Code::Unimplemented as i32).into(),
                        );
                    headers
                        .insert(
                            http::header::CONTENT_TYPE,
                            tonic::metadata::GRPC_CONTENT_TYPE,
                        );
                    Ok(response)
                })
            }
        }
    }
}
impl<T> Clone for AgentServer<T> {
    fn clone(&self) -> Self {
        let inner = self.inner.clone();
        Self {
            inner,
            accept_compression_encodings: self.accept_compression_encodings,
            send_compression_encodings: self.send_compression_encodings,
            max_decoding_message_size: self.max_decoding_message_size,
            max_encoding_message_size: self.max_encoding_message_size,
        }
    }
}
/// Generated gRPC service name
pub const SERVICE_NAME: &str = "kubeopt.agent.v1.Agent";
impl<T> tonic::server::NamedService for AgentServer<T> {
    const NAME: &'static str = SERVICE_NAME;
}
