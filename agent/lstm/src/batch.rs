//! What a network is run over.

/// Windows that are run at once, step by step.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// Steps of each window.
    pub steps: usize,
    /// Windows.
    pub size: usize,
    /// `[steps, size, features]`, the oldest step first.
    pub inputs: &'a [f32],
    /// `[size, statics]`
    pub statics: &'a [f32],
}
