//! What node agents send: a gRPC server that knows who speaks, and a log on disk that holds each batch exactly once.
//!
//! Must not know pods, history or models: what was read comes out as values by pod UID and container id
//! ([`kubeopt_model::agents`]), and who a token belongs to and what is learned are told by traits.

pub mod agents;
pub mod caller;
pub mod codes;
pub mod error;
pub mod models;
pub mod serve;
pub mod spool;
pub mod tally;
pub mod tls;

mod call;
mod certificate;
mod desk;
mod door;
mod listen;
mod readings;
mod service;
mod share;
mod stream;
mod unproven;

pub use agents::{Agents, Figures};
pub use caller::{ReviewError, Reviewed, TokenReviewer, Tokens};
pub use error::{AgentsError, SpoolError};
pub use kubeopt_proto::{
    AgentConfig, GradientUpload, Model, ModelRequest, ModelResponse, TrainPlan, UploadResponse,
};
pub use listen::Bounds;
pub use models::{Models, NoModels, SendAgain};
pub use serve::Doors;
pub use spool::{Clock, HourReader, Spool, SpoolLimits};
pub use tally::Counts;
pub use tls::TlsFiles;
