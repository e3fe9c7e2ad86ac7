//! A trained network with what calibrates it: weights and card together, checked before a number of them is used.

use kubeopt_lstm::{Batch, Network, Weights, digest};
use kubeopt_model::Resource;

use crate::baseline::{DayAhead, Quantiles};
use crate::card::{Card, CardData, hex};
use crate::conformal::{Offsets, in_order};
use crate::error::ForecastError;
use crate::inputs::{FEATURES, HORIZON, STATICS, STEPS, TARGETS, schema_hash, write_inputs};
use crate::load::Load;

/// Windows that are run at once: more do not run faster, and cost room.
const BATCH: usize = 64;

/// A network and its offsets.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    pub(crate) network: Network,
    pub(crate) offsets: Offsets,
    data: Option<CardData>,
    /// Of CPU and memory.
    bands_held: [Option<[f32; 2]>; 2],
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

impl Model {
    /// Of a network and the offsets that calibrate it.
    pub fn of(network: Network, offsets: Offsets) -> Self {
        Self { network, offsets, data: None, bands_held: [None; 2] }
    }

    /// From its two files.
    ///
    /// # Errors
    /// [`ForecastError::Model`] for weights that are cut short, changed, of another schema, or hold what is no number;
    /// [`ForecastError::Card`] for a card of other weights.
    pub fn read(weights: &[u8], card: &str) -> Result<Self, ForecastError> {
        let network = Weights::from_bytes(weights, &schema_hash())?.network;
        let shape = network.shape();
        if (shape.features, shape.statics, shape.targets) != (FEATURES, STATICS, TARGETS) {
            return Err(ForecastError::Card {
                why: "its network has another shape than its schema".to_owned(),
            });
        }
        let card = Card::read(card)?;
        if card.weights_sha256 != hex(&digest(weights)) {
            return Err(ForecastError::Card { why: "it belongs to other weights".to_owned() });
        }
        let bands_held = [Resource::Cpu, Resource::Memory].map(|resource| card.bands_held(resource));
        Ok(Self { network, offsets: card.offsets, data: Some(card.data), bands_held })
    }

    /// The model that comes with kubeopt.
    ///
    /// # Errors
    /// As [`Model::read`]; a test says that there is none.
    pub fn shipped() -> Result<Self, ForecastError> {
        Self::read(include_bytes!("../model/outlook.weights"), include_str!("../model/outlook.json"))
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// What calibrates it.
    pub fn offsets(&self) -> &Offsets {
        &self.offsets
    }

    /// What it was trained on, as its card says; none before it has one.
    pub fn data(&self) -> Option<&CardData> {
        self.data.as_ref()
    }

    /// How often the highest of a day, and of a week, was above the .1 quantile of the outlook and not above the .9 quantile, on
    /// loads that training never saw: part from 0 to 1, as the card says. None where that was not measured.
    pub fn bands_held(&self, resource: Resource) -> Option<[f32; 2]> {
        match resource {
            Resource::Cpu => self.bands_held[0],
            Resource::Memory => self.bands_held[1],
        }
    }

    /// The weights as a file.
    pub fn weights(&self) -> Vec<u8> {
        Weights { network: self.network.clone(), schema: schema_hash() }.to_bytes()
    }

    /// SHA-256 of the file of weights, as hexadecimal text.
    pub fn digest(&self) -> String {
        hex(&digest(&self.weights()))
    }

    /// The network as ONNX, with the schema as its metadata.
    pub fn onnx(&self) -> Vec<u8> {
        let hash = hex(&schema_hash());
        kubeopt_lstm::onnx(&self.network, &[("schema", crate::inputs::SCHEMA), ("schema-sha256", &hash)])
    }

    /// What comes after each origin, the place of the first hour of a load that is not known; in the order of the windows.
    pub fn foretell(&self, windows: &[(&Load, usize)]) -> Vec<Result<Foretold, ForecastError>> {
        windows.chunks(BATCH).flat_map(|chunk| self.batch(chunk)).collect()
    }

    fn batch(&self, windows: &[(&Load, usize)]) -> Vec<Result<Foretold, ForecastError>> {
        let filled = Filled::of(windows);
        let quantiles = match self.network.quantiles(&filled.batch()) {
            Ok(quantiles) => quantiles,
            Err(error) => return windows.iter().map(|_| Err(ForecastError::Model(error.clone()))).collect(),
        };
        let each = quantiles.chunks_exact(self.network.shape().outputs());
        windows
            .iter()
            .zip(filled.scales)
            .zip(each)
            .map(|(((load, _), scale), own)| {
                let scale = scale?;
                let of = |target: usize| -> Quantiles {
                    let offsets = self.offsets.of(load.resource(), target);
                    in_order(std::array::from_fn(|at| {
                        scale.unscaled(own[target * offsets.len() + at] + offsets[at])
                    }))
                };
                let foretold = Foretold {
                    hours: std::array::from_fn(of),
                    peak_day: of(HORIZON),
                    peak_week: of(HORIZON + 1),
                    above: *self.offsets.above(load.resource()),
                };
                // What no number was trained for may come out of what was never seen.
                let all =
                    foretold.hours.as_flattened().iter().chain(&foretold.peak_day).chain(&foretold.peak_week);
                if all.copied().all(f32::is_finite) { Ok(foretold) } else { Err(not_finite()) }
            })
            .collect()
    }
}

fn not_finite() -> ForecastError {
    ForecastError::Model(kubeopt_lstm::LstmError::NotFinite { what: "what the network says" })
}

/// A batch of windows as the network wants it: `[steps, windows, features]`. Windows that are too short are 0.
pub(crate) struct Filled {
    inputs: Vec<f32>,
    statics: Vec<f32>,
    pub(crate) scales: Vec<Result<crate::inputs::Scale, ForecastError>>,
}

impl Filled {
    pub(crate) fn of(windows: &[(&Load, usize)]) -> Self {
        let size = windows.len();
        let mut inputs = vec![0.0; STEPS * size * FEATURES];
        let mut statics = vec![0.0; size * STATICS];
        let mut window = vec![0.0; STEPS * FEATURES];
        let scales = windows.iter().enumerate().map(|(at, (load, origin))| {
            let scale =
                write_inputs(load, *origin, &mut window, &mut statics[at * STATICS..(at + 1) * STATICS])?;
            for (step, row) in window.chunks_exact(FEATURES).enumerate() {
                inputs[(step * size + at) * FEATURES..][..FEATURES].copy_from_slice(row);
            }
            Ok(scale)
        });
        let scales = scales.collect();
        Self { inputs, statics, scales }
    }

    pub(crate) fn batch(&self) -> Batch<'_> {
        Batch { steps: STEPS, size: self.scales.len(), inputs: &self.inputs, statics: &self.statics }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inputs::HISTORY_MIN;
    use crate::load::tests::load;
    use crate::series::DAY;

    #[test]
    fn the_model_that_comes_with_kubeopt_is_whole_and_foretells_strange_loads() {
        let model = Model::shipped().expect("its files belong together");
        for resource in [Resource::Cpu, Resource::Memory] {
            let held = model.bands_held(resource).expect("its card has measured them");
            assert!(held.iter().all(|part| (0.7..0.85).contains(part)), "{held:?}");
        }
        let strange: [fn(usize) -> f64; 4] =
            [|_| 0.0, |_| 5e9, |hour| if hour < 300 { 1.0 } else { 1000.0 }, |hour| (hour % DAY) as f64];
        let loads: Vec<Load> = strange.into_iter().map(|at| load(40 * DAY, at)).collect();
        let windows: Vec<(&Load, usize)> = loads.iter().map(|load| (load, load.len())).collect();
        for foretold in model.foretell(&windows) {
            let foretold = foretold.expect("there is enough history");
            assert!(foretold.hours.iter().all(|hour| hour.is_sorted() && hour[0] >= 0.0), "{foretold:?}");
            assert!(foretold.peak_day.is_sorted() && foretold.peak_week.is_sorted());
        }
    }

    #[test]
    fn a_window_that_is_too_short_is_told_and_the_others_are_foretold() {
        let model = Model::shipped().expect("its files belong together");
        let (short, long) = (load(100, |_| 1.0), load(300, |hour| (hour % DAY) as f64));
        let found = model.foretell(&[(&short, 100), (&long, 300)]);
        assert!(
            matches!(found[0], Err(ForecastError::TooShort { have: 100, need: HISTORY_MIN })),
            "{:?}",
            found[0]
        );
        assert_eq!(
            found[1],
            model.foretell(&[(&long, 300)])[0].clone(),
            "who stands beside it changes nothing"
        );
    }
}
