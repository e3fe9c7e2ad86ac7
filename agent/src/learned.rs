//! What a training came to, on its way to the controller.

use kubeopt_proto::GradientUpload;

/// Kept until the controller has decided about it, or its round is over: some 200 kB.
#[derive(Debug, Clone)]
pub(crate) struct Learned {
    pub(crate) upload: GradientUpload,
    /// Afterwards nobody takes it.
    pub(crate) deadline_unix_ms: u64,
}
