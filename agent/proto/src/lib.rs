//! What node agents and the controller say to each other: the messages of `proto/agent.proto`, both ends of the service,
//! and the check of what the other side sent. Knows no file, no clock, no cluster.
//!
//! The code under `generated` is made by `agent/proto/generate` and kept, so that a build needs no protobuf compiler.
//!
//! ```
//! use kubeopt_proto::{Batch, Message as _, Refusal, check};
//!
//! let sent = Batch { boot_id: "0123456789abcdef".to_owned(), seq: 0, ..Batch::default() };
//! let batch = Batch::decode(sent.encode_to_vec().as_slice()).unwrap();
//! assert_eq!(check(&batch), Err(Refusal::Sequence(0)));
//! ```

mod check;
#[cfg(test)]
mod current_tests;
mod generated;
mod limits;
mod register;

#[cfg(feature = "client")]
pub use generated::client::AgentClient;
pub use generated::messages::{
    Ack, AgentConfig, Batch, CgroupMode, ContainerSeries, FindingKind, FindingSeverity, GpuUse,
    GradientUpload, LoadKind, Model, ModelRequest, ModelResponse, NodeFinding, NodeForecast, RegisterRequest,
    RegisterResponse, TrainPlan, UploadResponse,
};
#[cfg(feature = "server")]
pub use generated::server::{Agent, AgentServer};
pub use prost::Message;

pub use check::{Refusal, check, check_upload, is_gpu_id, is_object_name};
pub use limits::{
    BOOT_ID_BYTES_MAX, CONTAINER_ID_BYTES_MAX, CONTAINERS_MAX, FINDINGS_MAX, FORECASTS_MAX, GPU_ID_BYTES_MAX,
    GPUS_MAX, MESSAGE_BYTES_MAX, NODE_NAME_BYTES_MAX, OBJECT_NAME_BYTES_MAX, POD_UID_BYTES_MAX, PROTOCOL_MAX,
    PROTOCOL_MIN, SPAN_MS_MAX, STEP_MS_MAX, STEP_MS_MIN, STEPS_MAX, WEIGHTS_BYTES_MAX,
};
pub use register::{agree, check_register};
