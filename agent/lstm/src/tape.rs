//! What a run of a network leaves behind: every gate and state, which the way back needs. Kept between runs, so that nothing
//! is allocated in a loop of batches of one size.

use crate::batch::Batch;
use crate::shape::Shape;

/// Buffers of a run; with 168 steps of 64 windows and 48 cells about 15 MB.
#[derive(Debug, Default, Clone)]
pub struct Tape {
    /// `[steps, size, 4 hidden]`: gates after their activations; on the way back the gradients before them.
    pub(crate) gates: Vec<f32>,
    /// `[steps + 1, size, hidden]`: cells, the first of them 0.
    pub(crate) cells: Vec<f32>,
    /// `[steps, size, hidden]`: tanh of the cells.
    pub(crate) squashed: Vec<f32>,
    /// `[steps + 1, size, hidden]`: states, the first of them 0.
    pub(crate) states: Vec<f32>,
    /// `[size, hidden + statics]`: what the head reads.
    pub(crate) joined: Vec<f32>,
    /// `[size, outputs]`: what the head says, before it is made into quantiles.
    pub(crate) raw: Vec<f32>,
    /// `[size, hidden]` each, for the way back.
    pub(crate) state_gradient: Vec<f32>,
    pub(crate) cell_gradient: Vec<f32>,
}

impl Tape {
    /// Buffers of the right size; those that a run only adds to are 0.
    pub(crate) fn fit(&mut self, shape: &Shape, batch: &Batch<'_>) {
        let (steps, size, hidden) = (batch.steps, batch.size, shape.hidden);
        self.gates.resize(steps * size * 4 * hidden, 0.0);
        self.squashed.resize(steps * size * hidden, 0.0);
        for states in [&mut self.cells, &mut self.states] {
            states.resize((steps + 1) * size * hidden, 0.0);
            states[..size * hidden].fill(0.0);
        }
        self.joined.resize(size * shape.joined(), 0.0);
        self.raw.resize(size * shape.outputs(), 0.0);
        for gradient in [&mut self.state_gradient, &mut self.cell_gradient] {
            gradient.clear();
            gradient.resize(size * hidden, 0.0);
        }
    }
}
