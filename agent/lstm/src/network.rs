//! A network: its shape and its parameters, run forwards over a batch of windows.

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2};

use crate::activation::{sigmoid, tanh};
use crate::batch::Batch;
use crate::error::LstmError;
use crate::loss::quantiles_of;
use crate::shape::Shape;
use crate::tape::Tape;

/// Forget gates begin open: what was seen is kept until training says otherwise (Jozefowicz et al., ICML 2015).
const FORGET_BIAS: f32 = 1.0;

/// One layer of LSTM and a head.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    shape: Shape,
    parameters: Vec<f32>,
}

impl Network {
    /// A network that has learnt nothing. The same seed gives the same one.
    ///
    /// # Panics
    /// With a shape that [`Shape::check`] refuses.
    pub fn seeded(shape: Shape, seed: u64) -> Self {
        shape.check().expect("the shape was checked");
        let mut random = SplitMix(seed);
        let mut parameters = vec![0.0; shape.parameters()];
        let spread = |inputs: usize| 1.0 / (inputs as f32).sqrt();
        for (range, inputs) in [
            (shape.input_weights(), shape.features + shape.hidden),
            (shape.recurrent_weights(), shape.features + shape.hidden),
            (shape.head_weights(), shape.joined()),
        ] {
            parameters[range].fill_with(|| random.symmetric() * spread(inputs));
        }
        let forget = shape.gate_bias().start + 2 * shape.hidden;
        parameters[forget..forget + shape.hidden].fill(FORGET_BIAS);
        Self { shape, parameters }
    }

    /// A network of these parameters, in the order of the flat list.
    ///
    /// # Errors
    /// [`LstmError`] for a shape that cannot be, a list of another length, or a number that is not finite.
    pub fn of(shape: Shape, parameters: Vec<f32>) -> Result<Self, LstmError> {
        shape.check()?;
        same_length("the list of parameters", parameters.len(), shape.parameters())?;
        if parameters.iter().any(|value| !value.is_finite()) {
            return Err(LstmError::NotFinite { what: "the list of parameters" });
        }
        Ok(Self { shape, parameters })
    }

    /// How large it is.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The flat list.
    pub fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    /// The flat list, to be changed by a training step.
    pub fn parameters_mut(&mut self) -> &mut [f32] {
        &mut self.parameters
    }

    /// The quantiles of each window and target, `[size, targets, 5]`, ascending in the last.
    ///
    /// # Errors
    /// [`LstmError::Length`] where the batch does not fit the shape.
    pub fn quantiles(&self, batch: &Batch<'_>) -> Result<Vec<f32>, LstmError> {
        let mut tape = Tape::default();
        self.run(batch, &mut tape)?;
        Ok(quantiles_of(&tape.raw))
    }

    /// The same with buffers that are kept; `tape` holds all that the way back needs.
    ///
    /// # Errors
    /// [`LstmError::Length`] where the batch does not fit the shape.
    pub fn quantiles_with(&self, batch: &Batch<'_>, tape: &mut Tape) -> Result<Vec<f32>, LstmError> {
        self.run(batch, tape)?;
        Ok(quantiles_of(&tape.raw))
    }

    pub(crate) fn run(&self, batch: &Batch<'_>, tape: &mut Tape) -> Result<(), LstmError> {
        let Shape { features, statics, hidden, .. } = self.shape;
        let Batch { steps, size, inputs, .. } = *batch;
        same_length("the list of inputs", inputs.len(), steps * size * features)?;
        same_length("the list of statics", batch.statics.len(), size * statics)?;
        tape.fit(&self.shape, batch);

        let bias = &self.parameters[self.shape.gate_bias()];
        tape.gates.chunks_exact_mut(4 * hidden).for_each(|row| row.copy_from_slice(bias));
        let weights = matrix(&self.parameters[self.shape.input_weights()], 4 * hidden);
        // All steps at once: the product does not wait for a state.
        let gates = matrix_mut(&mut tape.gates, steps * size);
        multiply_add(matrix(inputs, steps * size), weights.t(), gates);

        let recurrent = matrix(&self.parameters[self.shape.recurrent_weights()], 4 * hidden);
        let each = size * hidden;
        for step in 0..steps {
            let (past, now) = tape.states.split_at_mut((step + 1) * each);
            let gates = &mut tape.gates[step * 4 * each..(step + 1) * 4 * each];
            multiply_add(matrix(&past[step * each..], size), recurrent.t(), matrix_mut(gates, size));
            let (cells_before, cells) = tape.cells.split_at_mut((step + 1) * each);
            let squashed = &mut tape.squashed[step * each..(step + 1) * each];
            for row in 0..size {
                let own = row * hidden..(row + 1) * hidden;
                advance(
                    &mut gates[row * 4 * hidden..(row + 1) * 4 * hidden],
                    &cells_before[step * each..][own.clone()],
                    (&mut cells[own.clone()], &mut squashed[own.clone()], &mut now[own]),
                );
            }
        }
        self.head(batch, tape);
        Ok(())
    }

    fn head(&self, batch: &Batch<'_>, tape: &mut Tape) {
        let Shape { statics, hidden, .. } = self.shape;
        let last = &tape.states[batch.steps * batch.size * hidden..];
        for (row, joined) in tape.joined.chunks_exact_mut(self.shape.joined()).enumerate() {
            joined[..hidden].copy_from_slice(&last[row * hidden..(row + 1) * hidden]);
            joined[hidden..].copy_from_slice(&batch.statics[row * statics..(row + 1) * statics]);
        }
        let bias = &self.parameters[self.shape.head_bias()];
        tape.raw.chunks_exact_mut(self.shape.outputs()).for_each(|row| row.copy_from_slice(bias));
        let weights = matrix(&self.parameters[self.shape.head_weights()], self.shape.outputs());
        multiply_add(matrix(&tape.joined, batch.size), weights.t(), matrix_mut(&mut tape.raw, batch.size));
    }
}

/// One step of one window: gates are activated in place, then the cell, its tanh and the state follow.
fn advance(gates: &mut [f32], cells_before: &[f32], out: (&mut [f32], &mut [f32], &mut [f32])) {
    let hidden = cells_before.len();
    let (sigmoids, candidates) = gates.split_at_mut(3 * hidden);
    sigmoids.iter_mut().for_each(|gate| *gate = sigmoid(*gate));
    candidates.iter_mut().for_each(|gate| *gate = tanh(*gate));
    let (input, rest) = sigmoids.split_at(hidden);
    let (output, forget) = rest.split_at(hidden);
    let (cells, squashed, states) = out;
    for at in 0..hidden {
        cells[at] = forget[at] * cells_before[at] + input[at] * candidates[at];
    }
    for at in 0..hidden {
        squashed[at] = tanh(cells[at]);
        states[at] = output[at] * squashed[at];
    }
}

pub(crate) fn same_length(what: &'static str, have: usize, want: usize) -> Result<(), LstmError> {
    if have == want { Ok(()) } else { Err(LstmError::Length { what, have, want }) }
}

/// The first rows of a slice, row after row; the slice is a whole number of rows, or longer where only the first are meant.
pub(crate) fn matrix(values: &[f32], rows: usize) -> ArrayView2<'_, f32> {
    let columns = values.len().checked_div(rows).unwrap_or(0);
    ArrayView2::from_shape((rows, columns), &values[..rows * columns]).expect("rows times columns were cut")
}

pub(crate) fn matrix_mut(values: &mut [f32], rows: usize) -> ArrayViewMut2<'_, f32> {
    let columns = values.len().checked_div(rows).unwrap_or(0);
    ArrayViewMut2::from_shape((rows, columns), &mut values[..rows * columns])
        .expect("rows times columns were cut")
}

/// `into += left right`
pub(crate) fn multiply_add(
    left: ArrayView2<'_, f32>,
    right: ArrayView2<'_, f32>,
    mut into: ArrayViewMut2<'_, f32>,
) {
    general_mat_mul(1.0, &left, &right, 1.0, &mut into);
}

/// SplitMix64 (Steele, Lea, Flood: OOPSLA 2014): enough for a beginning.
struct SplitMix(u64);

impl SplitMix {
    /// Uniform from -1 to 1.
    fn symmetric(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        // 24 bits are what an f32 holds.
        (bits >> 40) as f32 / (1 << 23) as f32 - 1.0
    }
}
