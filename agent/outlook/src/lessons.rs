//! What a network learns from: windows drawn by lot, and what a batch of them adds to a gradient. The controller and nodes
//! draw and learn alike; who runs the batches, and how parameters move, is theirs.

use kubeopt_lstm::{Gradient, Network, QUANTILES, Tape, pinball};

use crate::error::OutlookError;
use crate::hours::DAY;
use crate::inputs::write_targets;
use crate::load::Load;
use crate::lot::Lot;
use crate::model::Filled;
use crate::shape::{HISTORY_MIN, TARGETS};

/// A window is drawn as often as its loads' losses weigh in scores: by its spread over what is typical of the load, held
/// within these.
const DRAWN_LEAST: f32 = 0.3;
const DRAWN_MOST: f32 = 8.0;

/// A few draws are enough: what is never drawn has a chance of (1 - 0.3 / 8)^200.
const DRAWS_MAX: usize = 200;

/// Loads that windows are drawn from.
pub trait Lessons {
    /// Loads.
    fn count(&self) -> usize;
    /// The place in a load before which hours may be learned from; above [`HISTORY_MIN`] and a day.
    fn end(&self, at: usize) -> usize;
    /// How much a window weighs: see [`weight`].
    fn weight(&self, at: usize, origin: usize) -> f32;
}

/// A window that was drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pick {
    /// Which load.
    pub at: usize,
    /// The place of the first hour that is not known.
    pub origin: usize,
}

/// A window with its load.
#[derive(Debug, Clone, Copy)]
pub struct Lesson<'a> {
    /// Of which load.
    pub load: &'a Load,
    /// The place of the first hour that is not known.
    pub origin: usize,
    /// The place before which the answer is known.
    pub end: usize,
}

/// What the spread of four weeks before an origin is of a load's `typical_error`.
pub fn weight(load: &Load, origin: usize, typical_error: f32) -> f32 {
    let now = load.seasonal_error(origin.saturating_sub(28 * DAY), origin);
    (now / typical_error).clamp(DRAWN_LEAST, DRAWN_MOST)
}

/// Windows by lot.
pub fn picks(lessons: &impl Lessons, count: usize, lot: &mut Lot) -> Vec<Pick> {
    let one = |lot: &mut Lot| {
        let at = lot.below(lessons.count());
        // The least history, and a day to be foretold.
        let room = lessons.end(at).saturating_sub(HISTORY_MIN + DAY);
        Pick { at, origin: HISTORY_MIN + lot.below(room.max(1)) }
    };
    (0..count)
        .map(|_| {
            let mut pick = one(lot);
            for _ in 0..DRAWS_MAX {
                if lot.part() * DRAWN_MOST < lessons.weight(pick.at, pick.origin) {
                    break;
                }
                pick = one(lot);
            }
            pick
        })
        .collect()
}

/// Buffers to learn in, kept between batches; with 8 windows and 40 cells about 0.6 MB.
#[derive(Debug, Default)]
pub struct Desk {
    filled: Filled,
    targets: Vec<f32>,
    tape: Tape,
}

impl Desk {
    /// Adds what windows say to a gradient. Those that are too short say nothing.
    ///
    /// # Errors
    /// [`OutlookError::Model`] where the network is not of this schema.
    pub fn learn(
        &mut self,
        network: &Network,
        lessons: &[Lesson<'_>],
        gradient: &mut Gradient,
    ) -> Result<(), OutlookError> {
        if lessons.is_empty() {
            return Ok(());
        }
        self.fill(lessons);
        Ok(network.learn(&self.filled.batch(), &self.targets, &mut self.tape, gradient)?)
    }

    /// The sum of pinball losses over all quantiles, and targets that are known.
    ///
    /// # Errors
    /// [`OutlookError::Model`] where the network is not of this schema.
    pub fn losses(
        &mut self,
        network: &Network,
        lessons: &[Lesson<'_>],
    ) -> Result<(f64, usize), OutlookError> {
        if lessons.is_empty() {
            return Ok((0.0, 0));
        }
        self.fill(lessons);
        let quantiles = network.quantiles_with(&self.filled.batch(), &mut self.tape)?;
        let known = || {
            quantiles.chunks_exact(QUANTILES.len()).zip(&self.targets).filter(|(_, truth)| truth.is_finite())
        };
        let losses = known().flat_map(|(own, truth)| {
            QUANTILES.iter().zip(own).map(|(part, value)| f64::from(pinball(*part, *value, *truth)))
        });
        Ok((losses.sum(), known().count()))
    }

    fn fill(&mut self, lessons: &[Lesson<'_>]) {
        let windows: Vec<(&Load, usize)> = lessons.iter().map(|own| (own.load, own.origin)).collect();
        self.filled.fill(&windows);
        self.targets.clear();
        self.targets.resize(lessons.len() * TARGETS, f32::NAN);
        let targets = self.targets.chunks_exact_mut(TARGETS);
        for ((lesson, scale), own) in lessons.iter().zip(&self.filled.scales).zip(targets) {
            if let Ok(scale) = scale {
                write_targets(lesson.load, lesson.origin, lesson.end, *scale, own);
            }
        }
    }
}
