//! Adam (Kingma and Ba: ICLR 2015) with decoupled weight decay and a bound on the gradient's length.

use crate::error::LstmError;
use crate::network::same_length;

const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.999;
const EPSILON: f32 = 1e-8;

/// What errors call it.
const MEMORY: &str = "the memory of the optimiser";

/// What one step may do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// How far a parameter goes at most, about.
    pub rate: f32,
    /// Part of each parameter that is taken off, times `rate`.
    pub decay: f32,
    /// Longest gradient; a longer one is shortened to it.
    pub clip: f32,
}

/// The memory of an optimiser: means of gradients and of their squares.
#[derive(Debug, Clone, PartialEq)]
pub struct Adam {
    steps: i32,
    /// Steps of trainings before, which squares remember and means do not.
    steps_before: i32,
    mean: Vec<f32>,
    square: Vec<f32>,
}

/// What is left of an optimiser for the next training: how large gradients are, not where they lead.
#[derive(Debug, Clone, PartialEq)]
pub struct Squares {
    steps: i32,
    square: Vec<f32>,
}

impl Squares {
    /// Parameters that it is of.
    pub fn parameters(&self) -> usize {
        self.square.len()
    }

    /// Steps, then means of squares; all little-endian.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(4 * (self.square.len() + 1));
        bytes.extend_from_slice(&self.steps.to_le_bytes());
        self.square.iter().for_each(|own| bytes.extend_from_slice(&own.to_le_bytes()));
        bytes
    }

    /// What [`Squares::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`LstmError::File`] where it ends in the middle of a number; [`LstmError::NotFinite`] where it holds what no training leaves
    /// behind.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LstmError> {
        let (all, left) = bytes.as_chunks::<4>();
        let Some((steps, square)) = all.split_first().filter(|_| left.is_empty()) else {
            return Err(LstmError::File { why: "it ends in the middle of a number".to_owned() });
        };
        Self::of(i32::from_le_bytes(*steps), square.iter().map(|own| f32::from_le_bytes(*own)).collect())
    }

    fn of(steps: i32, square: Vec<f32>) -> Result<Self, LstmError> {
        let is_left_behind = steps >= 0 && square.iter().all(|value| value.is_finite() && *value >= 0.0);
        if is_left_behind { Ok(Self { steps, square }) } else { Err(LstmError::NotFinite { what: MEMORY }) }
    }
}

impl Adam {
    /// For so many parameters.
    pub fn new(parameters: usize) -> Self {
        Self::after(Squares { steps: 0, square: vec![0.0; parameters] })
    }

    /// One that knows from a training before how large gradients are.
    pub fn after(before: Squares) -> Self {
        let Squares { steps, square } = before;
        Self { steps: 0, steps_before: steps, mean: vec![0.0; square.len()], square }
    }

    /// What [`Adam::after`] takes.
    pub fn into_squares(self) -> Squares {
        Squares { steps: self.steps.saturating_add(self.steps_before), square: self.square }
    }

    /// One that goes on: steps done, means of gradients and of their squares.
    ///
    /// # Errors
    /// [`LstmError`] where the lists differ in length, or hold what no training leaves behind.
    pub fn of(steps: i32, mean: Vec<f32>, square: Vec<f32>) -> Result<Self, LstmError> {
        same_length("the list of squares", square.len(), mean.len())?;
        if !mean.iter().all(|value| value.is_finite()) {
            return Err(LstmError::NotFinite { what: MEMORY });
        }
        let Squares { steps, square } = Squares::of(steps, square)?;
        Ok(Self { steps, steps_before: 0, mean, square })
    }

    /// What [`Adam::of`] takes.
    pub fn parts(&self) -> (i32, &[f32], &[f32]) {
        (self.steps, &self.mean, &self.square)
    }

    /// Moves the parameters against a gradient, divided by `known`: the mean over known targets.
    ///
    /// # Errors
    /// [`LstmError::Length`] where lengths differ; [`LstmError::NotFinite`] for a gradient that is not: nothing is moved then.
    pub fn step(
        &mut self,
        parameters: &mut [f32],
        gradient: &[f32],
        known: usize,
        step: Step,
    ) -> Result<(), LstmError> {
        same_length("the list of parameters", parameters.len(), self.mean.len())?;
        same_length("the gradient", gradient.len(), self.mean.len())?;
        let share = 1.0 / known.max(1) as f32;
        let length = gradient.iter().map(|g| f64::from(g * share).powi(2)).sum::<f64>().sqrt();
        if !length.is_finite() {
            return Err(LstmError::NotFinite { what: "the gradient" });
        }
        let scale = share * (f64::from(step.clip) / length.max(f64::from(step.clip))) as f32;
        self.steps = self.steps.saturating_add(1);
        let steps = self.steps.saturating_add(self.steps_before);
        let (first, second) = (1.0 - BETA_1.powi(self.steps), 1.0 - BETA_2.powi(steps));
        let rate = step.rate * (second.sqrt() / first) as f32;
        let (keep_1, keep_2) = (BETA_1 as f32, BETA_2 as f32);
        for (at, parameter) in parameters.iter_mut().enumerate() {
            let g = gradient[at] * scale;
            self.mean[at] = keep_1 * self.mean[at] + (1.0 - keep_1) * g;
            self.square[at] = keep_2 * self.square[at] + (1.0 - keep_2) * g * g;
            *parameter -= rate * self.mean[at] / (self.square[at].sqrt() + EPSILON)
                + step.rate * step.decay * *parameter;
        }
        Ok(())
    }
}
