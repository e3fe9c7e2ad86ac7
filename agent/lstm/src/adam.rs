//! Adam (Kingma and Ba: ICLR 2015) with decoupled weight decay and a bound on the gradient's length.

use crate::error::LstmError;
use crate::network::same_length;

const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.999;
const EPSILON: f32 = 1e-8;

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
    mean: Vec<f32>,
    square: Vec<f32>,
}

impl Adam {
    /// For so many parameters.
    pub fn new(parameters: usize) -> Self {
        Self { steps: 0, mean: vec![0.0; parameters], square: vec![0.0; parameters] }
    }

    /// One that goes on: steps done, means of gradients and of their squares.
    ///
    /// # Errors
    /// [`LstmError`] where the lists differ in length, or hold what no training leaves behind.
    pub fn of(steps: i32, mean: Vec<f32>, square: Vec<f32>) -> Result<Self, LstmError> {
        same_length("the list of squares", square.len(), mean.len())?;
        let is_left_behind = mean.iter().all(|value| value.is_finite())
            && square.iter().all(|value| value.is_finite() && *value >= 0.0)
            && steps >= 0;
        if !is_left_behind {
            return Err(LstmError::NotFinite { what: "the memory of the optimiser" });
        }
        Ok(Self { steps, mean, square })
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
        let (first, second) = (1.0 - BETA_1.powi(self.steps), 1.0 - BETA_2.powi(self.steps));
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
