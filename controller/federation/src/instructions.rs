//! What a round asks of every node, chosen by `kubeopt forecast federate`. It and the controller take it from here, so that what
//! was measured is what runs.

/// Passes over as many windows as a node has days to learn from.
pub const EPOCHS: u32 = 1;

/// Windows of a batch. With 128 a round has so few steps that the optimiser's memory does not reach the rare hours which the
/// .99 quantile is about: its loss stays a fifth above that of one place.
pub const BATCH: u32 = 16;

/// How strongly nodes are held to the base (FedProx, arXiv 1812.06127). The loss is a mean over 26 targets: with 0.01 the pull is
/// as strong as the gradient of the highest quantiles, and the loss 2 % higher.
pub const PROX_MU: f32 = 3e-4;
