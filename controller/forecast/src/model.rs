//! A trained network with what calibrates it: weights and card together, checked before a number of them is used.

use kubeopt_lstm::{Network, digest};
use kubeopt_model::Resource;
use kubeopt_outlook::{Foretold, Load, Offsets, SCHEMA, schema_hash};

use crate::card::{Card, CardData, CardTraining, hex};
use crate::error::ForecastError;
use crate::evaluation::Evaluation;
use crate::train::{Plan, Trained};

/// A network and its offsets.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    own: kubeopt_outlook::Model,
    data: Option<CardData>,
    /// Of CPU and memory.
    bands_held: [Option<[f32; 2]>; 2],
}

impl Model {
    /// Of a network and the offsets that calibrate it.
    pub fn of(network: Network, offsets: Offsets) -> Self {
        Self { own: kubeopt_outlook::Model::of(network, offsets), data: None, bands_held: [None; 2] }
    }

    /// From its two files.
    ///
    /// # Errors
    /// [`ForecastError::Model`] for weights that are cut short, changed, of another schema, or hold what is no number;
    /// [`ForecastError::Card`] for a card of other weights.
    pub fn read(weights: &[u8], card: &str) -> Result<Self, ForecastError> {
        let own = kubeopt_outlook::Model::read(weights)?;
        let card = Card::read(card)?;
        if card.weights_sha256 != hex(&digest(weights)) {
            return Err(ForecastError::Card { why: "it belongs to other weights".to_owned() });
        }
        let bands_held = [Resource::Cpu, Resource::Memory].map(|resource| card.bands_held(resource));
        Ok(Self { own: own.calibrated(card.offsets), data: Some(card.data), bands_held })
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
        self.own.network()
    }

    /// What calibrates it.
    pub fn offsets(&self) -> &Offsets {
        self.own.offsets()
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
        self.own.weights()
    }

    /// SHA-256 of the file of weights, as hexadecimal text.
    pub fn digest(&self) -> String {
        hex(&digest(&self.weights()))
    }

    /// The network as ONNX, with the schema as its metadata.
    pub fn onnx(&self) -> Vec<u8> {
        let hash = hex(&schema_hash());
        kubeopt_lstm::onnx(self.network(), &[("schema", SCHEMA), ("schema-sha256", &hash)])
    }

    /// What comes after each origin, the place of the first hour of a load that is not known; in the order of the windows.
    pub fn foretell(&self, windows: &[(&Load, usize)]) -> Vec<Result<Foretold, ForecastError>> {
        let told = self.own.foretell(windows).into_iter();
        told.map(|own| own.map_err(ForecastError::from)).collect()
    }
}

impl Card {
    /// Of what came of a training.
    pub fn of(model: &Model, trained: &Trained, plan: &Plan, data: CardData, scores: Evaluation) -> Self {
        Self {
            weights_sha256: hex(&digest(&model.weights())),
            schema_sha256: hex(&schema_hash()),
            parameters: model.network().shape().parameters(),
            data,
            training: CardTraining {
                hidden: plan.hidden,
                seed: plan.seed,
                steps_planned: plan.steps,
                step: trained.step,
                validation_loss: trained.validation_loss,
            },
            offsets: model.offsets().clone(),
            scores,
        }
    }
}

#[cfg(test)]
mod tests {
    use kubeopt_outlook::{DAY, HISTORY_MIN, OutlookError};

    use super::*;
    use crate::made::load;

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
            matches!(
                found[0],
                Err(ForecastError::Outlook(OutlookError::TooShort { have: 100, need: HISTORY_MIN }))
            ),
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
