//! A network with the offsets that calibrate it, asked about loads: many at once, or one at a time in buffers that are kept.

use kubeopt_lstm::{Batch, LstmError, Network, Tape, Weights};

use crate::error::OutlookError;
use crate::inputs::{Scale, schema_hash, write_inputs};
use crate::load::Load;
use crate::offsets::{Offsets, in_order};
use crate::shape::{DayAhead, FEATURES, HORIZON, Quantiles, STATICS, STEPS, TARGETS};

/// Windows that are run at once: more do not run faster, and cost room.
const BATCH: usize = 64;

/// A network and its offsets.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    network: Network,
    offsets: Offsets,
}

/// What the network says of one load, in its own unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Foretold {
    /// Each hour of the next day.
    pub hours: DayAhead,
    /// The highest of the next day.
    pub peak_day: Quantiles,
    /// The highest of the next week.
    pub peak_week: Quantiles,
    /// By what the highest of the last 28 days is multiplied to hold the peak of a day, and of a week: what other loads have
    /// shown.
    pub above: [Quantiles; 2],
}

/// Buffers of a run, kept between runs: with one window at a time below 100 kB.
#[derive(Debug, Default)]
pub struct Scratch {
    filled: Filled,
    tape: Tape,
}

impl Model {
    /// Of a network and the offsets that calibrate it.
    pub fn of(network: Network, offsets: Offsets) -> Self {
        Self { network, offsets }
    }

    /// With other offsets.
    pub fn calibrated(self, offsets: Offsets) -> Self {
        Self { offsets, ..self }
    }

    /// From a file of weights; nothing calibrates it yet.
    ///
    /// # Errors
    /// [`OutlookError::Model`] for weights that are cut short, changed, of another schema, or hold what is no number;
    /// [`OutlookError::Shape`] for a network that does not fit the schema.
    pub fn read(weights: &[u8]) -> Result<Self, OutlookError> {
        let network = Weights::from_bytes(weights, &schema_hash())?.network;
        let shape = network.shape();
        if (shape.features, shape.statics, shape.targets) != (FEATURES, STATICS, TARGETS) {
            return Err(OutlookError::Shape);
        }
        Ok(Self::of(network, Offsets::none()))
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// What calibrates it.
    pub fn offsets(&self) -> &Offsets {
        &self.offsets
    }

    /// The weights as a file.
    pub fn weights(&self) -> Vec<u8> {
        weights(&self.network)
    }

    /// What comes after each origin, the place of the first hour of a load that is not known; in the order of the windows.
    pub fn foretell(&self, windows: &[(&Load, usize)]) -> Vec<Result<Foretold, OutlookError>> {
        let mut scratch = Scratch::default();
        windows.chunks(BATCH).flat_map(|chunk| self.batch(chunk, &mut scratch)).collect()
    }

    /// What comes after one origin.
    ///
    /// # Errors
    /// [`OutlookError::TooShort`] where fewer than [`crate::HISTORY_MIN`] hours lie before it; [`OutlookError::Model`] where the
    /// network says what is no number.
    pub fn foretell_one(
        &self,
        load: &Load,
        origin: usize,
        scratch: &mut Scratch,
    ) -> Result<Foretold, OutlookError> {
        self.batch(&[(load, origin)], scratch).pop().unwrap_or_else(|| Err(not_finite()))
    }

    fn batch(
        &self,
        windows: &[(&Load, usize)],
        scratch: &mut Scratch,
    ) -> Vec<Result<Foretold, OutlookError>> {
        scratch.filled.fill(windows);
        let said = match self.network.quantiles_with(&scratch.filled.batch(), &mut scratch.tape) {
            Ok(said) => said,
            Err(error) => return windows.iter().map(|_| Err(error.clone().into())).collect(),
        };
        let each = said.chunks_exact(self.network.shape().outputs());
        let scaled = scratch.filled.scales.iter().zip(each);
        let told = windows.iter().zip(scaled);
        told.map(|((load, _), (scale, own))| self.in_unit(load, scale.clone()?, own)).collect()
    }

    fn in_unit(&self, load: &Load, scale: Scale, said: &[f32]) -> Result<Foretold, OutlookError> {
        let of = |target: usize| -> Quantiles {
            let offsets = self.offsets.of(load.resource(), target);
            in_order(std::array::from_fn(|at| {
                scale.unscaled(said[target * offsets.len() + at] + offsets[at])
            }))
        };
        let foretold = Foretold {
            hours: std::array::from_fn(of),
            peak_day: of(HORIZON),
            peak_week: of(HORIZON + 1),
            above: *self.offsets.above(load.resource()),
        };
        // What no number was trained for may come out of what was never seen.
        let all = foretold.hours.as_flattened().iter().chain(&foretold.peak_day).chain(&foretold.peak_week);
        if all.copied().all(f32::is_finite) { Ok(foretold) } else { Err(not_finite()) }
    }
}

/// A network of this schema as a file of weights.
pub fn weights(network: &Network) -> Vec<u8> {
    Weights { network: network.clone(), schema: schema_hash() }.to_bytes()
}

fn not_finite() -> OutlookError {
    OutlookError::Model(LstmError::NotFinite { what: "what the network says" })
}

/// A batch of windows as the network wants it: `[steps, windows, features]`. Windows that are too short are 0.
#[derive(Debug, Default, Clone)]
pub struct Filled {
    inputs: Vec<f32>,
    statics: Vec<f32>,
    window: Vec<f32>,
    /// The scale of each window.
    pub scales: Vec<Result<Scale, OutlookError>>,
}

impl Filled {
    /// Of windows: a load, and the place of its first hour that is not known.
    pub fn of(windows: &[(&Load, usize)]) -> Self {
        let mut filled = Self::default();
        filled.fill(windows);
        filled
    }

    /// The same in buffers that are kept.
    pub fn fill(&mut self, windows: &[(&Load, usize)]) {
        let size = windows.len();
        for (list, length) in [
            (&mut self.inputs, STEPS * size * FEATURES),
            (&mut self.statics, size * STATICS),
            (&mut self.window, STEPS * FEATURES),
        ] {
            list.clear();
            list.resize(length, 0.0);
        }
        self.scales.clear();
        for (at, (load, origin)) in windows.iter().enumerate() {
            let statics = &mut self.statics[at * STATICS..(at + 1) * STATICS];
            let scale = write_inputs(load, *origin, &mut self.window, statics);
            if scale.is_ok() {
                for (step, row) in self.window.chunks_exact(FEATURES).enumerate() {
                    self.inputs[(step * size + at) * FEATURES..][..FEATURES].copy_from_slice(row);
                }
            }
            self.scales.push(scale);
        }
    }

    /// As the network takes it.
    pub fn batch(&self) -> Batch<'_> {
        Batch { steps: STEPS, size: self.scales.len(), inputs: &self.inputs, statics: &self.statics }
    }
}

#[cfg(test)]
mod tests {
    use kubeopt_lstm::Shape;

    use super::*;
    use crate::hours::DAY;
    use crate::load::tests::load;
    use crate::shape::HISTORY_MIN;

    fn model() -> Model {
        let shape = Shape { features: FEATURES, statics: STATICS, hidden: 6, targets: TARGETS };
        Model::of(Network::seeded(shape, 3), Offsets::none())
    }

    #[test]
    fn one_at_a_time_says_what_a_batch_says() {
        let loads = [load(400, |hour| (hour % DAY) as f64), load(300, |hour| (hour % 7) as f64 * 1e4)];
        let (model, mut scratch) = (model(), Scratch::default());
        let windows: Vec<(&Load, usize)> = loads.iter().map(|own| (own, own.len())).collect();
        for (together, (load, origin)) in model.foretell(&windows).into_iter().zip(&windows) {
            assert_eq!(model.foretell_one(load, *origin, &mut scratch), together);
        }
        let short = load(HISTORY_MIN - 1, |_| 1.0);
        assert_eq!(
            model.foretell_one(&short, short.len(), &mut scratch).unwrap_err(),
            OutlookError::TooShort { have: HISTORY_MIN - 1, need: HISTORY_MIN }
        );
    }

    #[test]
    fn weights_come_back_from_their_file_and_others_are_refused() {
        let model = model();
        let bytes = model.weights();
        assert_eq!(Model::read(&bytes), Ok(model));
        assert!(Model::read(&bytes[..bytes.len() - 1]).is_err());
        let other = Network::seeded(Shape { features: 3, statics: 1, hidden: 2, targets: 1 }, 1);
        assert_eq!(Model::read(&weights(&other)), Err(OutlookError::Shape));
    }
}
