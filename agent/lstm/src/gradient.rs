//! The way back: gradients through time.

use ndarray::Axis;

use crate::batch::Batch;
use crate::error::LstmError;
use crate::loss::into_gradient;
use crate::network::{Network, matrix, matrix_mut, multiply_add, same_length};
use crate::shape::Shape;
use crate::tape::Tape;

/// What batches add up to: sums, so that batches, threads and nodes can be put together.
#[derive(Debug, Clone, PartialEq)]
pub struct Gradient {
    /// Of the sum of losses, in the order of the flat list.
    pub sum: Vec<f32>,
    /// Sum of the pinball losses of all known targets over their quantiles.
    pub loss: f64,
    /// Targets that were known.
    pub known: usize,
}

impl Gradient {
    /// Nothing yet.
    pub fn zero(shape: &Shape) -> Self {
        Self { sum: vec![0.0; shape.parameters()], loss: 0.0, known: 0 }
    }

    /// Nothing again.
    pub fn clear(&mut self) {
        self.sum.fill(0.0);
        (self.loss, self.known) = (0.0, 0);
    }

    /// With what another part of a batch adds.
    pub fn add(&mut self, other: &Self) {
        self.sum.iter_mut().zip(&other.sum).for_each(|(own, other)| *own += other);
        self.loss += other.loss;
        self.known += other.known;
    }
}

impl Network {
    /// Runs a batch and adds what it says to a gradient. `targets` are `[size, targets]`; those that are not finite are not
    /// known and say nothing.
    ///
    /// # Errors
    /// [`LstmError::Length`] where batch, targets or gradient do not fit the shape.
    pub fn learn(
        &self,
        batch: &Batch<'_>,
        targets: &[f32],
        tape: &mut Tape,
        gradient: &mut Gradient,
    ) -> Result<(), LstmError> {
        let shape = self.shape();
        same_length("the list of targets", targets.len(), batch.size * shape.targets)?;
        same_length("the gradient", gradient.sum.len(), shape.parameters())?;
        self.run(batch, tape)?;
        let (loss, known) = into_gradient(&mut tape.raw, targets);
        gradient.loss += loss;
        gradient.known += known;
        self.head_back(batch, tape, &mut gradient.sum);
        self.steps_back(batch, tape);
        collect(&shape, batch, tape, &mut gradient.sum);
        Ok(())
    }

    /// From the gradient of what the head says to that of its weights and of the last state.
    fn head_back(&self, batch: &Batch<'_>, tape: &mut Tape, sum: &mut [f32]) {
        let shape = self.shape();
        let said = matrix(&tape.raw, batch.size);
        let weights = matrix_mut(&mut sum[shape.head_weights()], shape.outputs());
        multiply_add(said.t(), matrix(&tape.joined, batch.size), weights);
        add_rows(&tape.raw, &mut sum[shape.head_bias()]);
        let weights = matrix(&self.parameters()[shape.head_weights()], shape.outputs());
        // Of the statics no gradient is wanted.
        let (weights, _) = weights.split_at(Axis(1), shape.hidden);
        multiply_add(said, weights, matrix_mut(&mut tape.state_gradient, batch.size));
    }

    /// Turns the gates of each step, the last first, into gradients of what they were before their activations.
    fn steps_back(&self, batch: &Batch<'_>, tape: &mut Tape) {
        let shape = self.shape();
        let (size, hidden) = (batch.size, shape.hidden);
        let each = size * hidden;
        let recurrent = matrix(&self.parameters()[shape.recurrent_weights()], 4 * hidden);
        for step in (0..batch.steps).rev() {
            let gates = &mut tape.gates[step * 4 * each..(step + 1) * 4 * each];
            for row in 0..size {
                let own = row * hidden..(row + 1) * hidden;
                retreat(
                    &mut gates[row * 4 * hidden..(row + 1) * 4 * hidden],
                    &tape.cells[step * each..][own.clone()],
                    &tape.squashed[step * each..][own.clone()],
                    &tape.state_gradient[own.clone()],
                    &mut tape.cell_gradient[own],
                );
            }
            tape.state_gradient.fill(0.0);
            multiply_add(matrix(gates, size), recurrent, matrix_mut(&mut tape.state_gradient, size));
        }
    }
}

/// One step of one window, backwards. `cells` are gradients of the cell after the step, and become those before it.
fn retreat(gates: &mut [f32], before: &[f32], squashed: &[f32], state: &[f32], cells: &mut [f32]) {
    let hidden = before.len();
    let (input, rest) = gates.split_at_mut(hidden);
    let (output, rest) = rest.split_at_mut(hidden);
    let (forget, candidate) = rest.split_at_mut(hidden);
    for at in 0..hidden {
        let (i, o, f, g) = (input[at], output[at], forget[at], candidate[at]);
        let cell = cells[at] + state[at] * o * (1.0 - squashed[at] * squashed[at]);
        output[at] = state[at] * squashed[at] * o * (1.0 - o);
        input[at] = cell * g * i * (1.0 - i);
        forget[at] = cell * before[at] * f * (1.0 - f);
        candidate[at] = cell * i * (1.0 - g * g);
        cells[at] = cell * f;
    }
}

/// The gradients of all weights of the layer, all steps at once.
fn collect(shape: &Shape, batch: &Batch<'_>, tape: &Tape, sum: &mut [f32]) {
    let rows = batch.steps * batch.size;
    let gates = matrix(&tape.gates, rows);
    let weights = matrix_mut(&mut sum[shape.input_weights()], 4 * shape.hidden);
    multiply_add(gates.t(), matrix(batch.inputs, rows), weights);
    let states = matrix(&tape.states[..rows * shape.hidden], rows);
    let weights = matrix_mut(&mut sum[shape.recurrent_weights()], 4 * shape.hidden);
    multiply_add(gates.t(), states, weights);
    add_rows(&tape.gates, &mut sum[shape.gate_bias()]);
}

/// Adds all rows to one.
fn add_rows(rows: &[f32], into: &mut [f32]) {
    for row in rows.chunks_exact(into.len()) {
        into.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
    }
}
