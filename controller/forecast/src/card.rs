//! The card of a model: what it was trained on, how, how well it does, and the offsets that calibrate it.

use std::ops::Range;

use kubeopt_model::Resource;
use kubeopt_outlook::{HOUR_S, Offsets, schema_hash};
use serde::{Deserialize, Serialize};

use crate::error::ForecastError;
use crate::evaluation::{Evaluation, OUTLOOK, PEAKS, Row};
use crate::split::{Cuts, LoadPart, Recorded};

/// Longest card: the offsets and scores of one take 10 kB.
const CARD_BYTES_MAX: usize = 256 * 1024;

/// What is told of a model beside its weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Card {
    /// SHA-256 of the file of weights.
    pub weights_sha256: String,
    /// SHA-256 of the schema of inputs and targets.
    pub schema_sha256: String,
    /// Numbers in the network.
    pub parameters: usize,
    /// What it was trained on.
    pub data: CardData,
    /// How.
    pub training: CardTraining,
    /// What is added to its quantiles.
    pub offsets: Offsets,
    /// How well it does on what it has not seen, beside the baselines.
    pub scores: Evaluation,
}

/// What a model was trained on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CardData {
    /// Name of the file, without its folder.
    pub name: String,
    /// Loads of each part: trained on, for early stopping, never seen.
    pub loads: [usize; 3],
    /// First hour, in seconds since the epoch.
    pub from_unix_s: i64,
    /// Training ends before, calibration begins.
    pub calibrated_from_unix_s: i64,
    /// Calibration ends before, the test begins.
    pub tested_from_unix_s: i64,
    /// The test ends before.
    pub to_unix_s: i64,
}

/// How a model was trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CardTraining {
    /// Cells of its LSTM.
    pub hidden: usize,
    /// The same seed and data give the same weights.
    pub seed: u64,
    /// Steps that were planned.
    pub steps_planned: usize,
    /// The step whose weights these are: those with the least loss on the loads for early stopping.
    pub step: usize,
    /// That loss.
    pub validation_loss: f64,
}

impl Card {
    /// As JSON, with a line end.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// From JSON.
    ///
    /// # Errors
    /// [`ForecastError::Card`] for what is no card, one of another schema, or one with offsets that cannot be.
    pub fn read(text: &str) -> Result<Self, ForecastError> {
        let refused = |why: String| ForecastError::Card { why };
        if text.len() > CARD_BYTES_MAX {
            return Err(refused(format!("it is longer than {CARD_BYTES_MAX} bytes")));
        }
        let card: Self = serde_json::from_str(text).map_err(|error| refused(error.to_string()))?;
        if card.schema_sha256 != hex(&schema_hash()) {
            return Err(refused("it is of another schema of inputs and targets".to_owned()));
        }
        if !card.offsets.are_valid() {
            return Err(refused("its offsets are no numbers, or too large".to_owned()));
        }
        Ok(card)
    }

    /// How often the bands of its peaks held on loads that training never saw, of a day and of a week.
    pub(crate) fn bands_held(&self, resource: Resource) -> Option<[f32; 2]> {
        let held = PEAKS.map(|target| {
            let is_own = |row: &&Row| {
                (row.resource, &*row.part, &*row.target, &*row.method)
                    == (resource, "unseen", target, OUTLOOK)
            };
            let coverage = self.scores.peaks.iter().find(is_own)?.scores.coverage;
            Some(coverage[2] - coverage[0]).filter(|part| (0.0..=1.0).contains(part))
        });
        let [day, week] = held;
        Some([day?, week?])
    }
}

/// Bytes as text.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl CardData {
    /// Of recorded loads; `name` is what the file is called.
    pub fn of(name: &str, recorded: &[Recorded], cuts: Cuts) -> Self {
        let count = |part| recorded.iter().filter(|own| own.part == part).count();
        let hours = |own: &Recorded| (own.load.hour(0), own.load.hour(own.load.len()));
        let seconds = |hour: i64| hour * HOUR_S;
        Self {
            name: name.to_owned(),
            loads: [LoadPart::Train, LoadPart::Validate, LoadPart::Unseen].map(count),
            from_unix_s: seconds(recorded.iter().map(|own| hours(own).0).min().unwrap_or_default()),
            calibrated_from_unix_s: seconds(cuts.calibrate),
            tested_from_unix_s: seconds(cuts.test),
            to_unix_s: seconds(recorded.iter().map(|own| hours(own).1).max().unwrap_or_default()),
        }
    }

    /// Whether a recording of this name and these hours since the epoch is the one that was trained on, or a longer or shorter
    /// one of the same loads.
    pub fn is_of(&self, name: &str, hours: &Range<i64>) -> bool {
        self.name == name && self.overlaps(hours)
    }

    /// Where a recording of these hours since the epoch is measured: never on weeks that the model was trained or calibrated
    /// on, whatever the recording is called.
    ///
    /// # Errors
    /// [`ForecastError::Overlap`] where it ends before these weeks do.
    pub fn cuts(&self, hours: &Range<i64>) -> Result<Cuts, ForecastError> {
        let own = Cuts::for_recording(hours.start, hours.end);
        if !self.overlaps(hours) {
            return Ok(own);
        }
        let cuts = Cuts {
            calibrate: own.calibrate.max(self.calibrated_from_unix_s.div_euclid(HOUR_S)),
            test: own.test.max(self.tested_from_unix_s.div_euclid(HOUR_S)),
        };
        if cuts.test < hours.end { Ok(cuts) } else { Err(ForecastError::Overlap) }
    }

    fn overlaps(&self, hours: &Range<i64>) -> bool {
        let [from, tested] = [self.from_unix_s, self.tested_from_unix_s].map(|own| own.div_euclid(HOUR_S));
        hours.start < tested && from < hours.end
    }
}

#[cfg(test)]
mod tests {
    use kubeopt_lstm::digest;
    use kubeopt_outlook::{DAY, Offsets};

    use super::*;
    use crate::model::Model;
    use crate::train::tests::{CUTS, plan, recorded};
    use crate::train::{Trained, Trainer};

    fn written() -> (Vec<u8>, String) {
        let network =
            Trainer::new(plan()).run(&recorded(), 2, &mut |_, _| std::ops::ControlFlow::Break(())).unwrap();
        let model = Model::of(network.network.clone(), Offsets::none());
        let data = CardData::of("traces.parquet", &recorded(), CUTS);
        let card = Card::of(
            &model,
            &Trained { validation_loss: 0.5, ..network },
            &plan(),
            data,
            Evaluation::default(),
        );
        (model.weights(), card.to_json())
    }

    #[test]
    fn a_model_is_read_back_from_its_two_files() {
        let (weights, card) = written();
        let model = Model::read(&weights, &card).unwrap();
        assert_eq!(model.weights(), weights);
        assert!(card.contains("\"loads\": [\n      6,\n      3,\n      3\n    ]"), "{card}");
        let onnx = model.onnx();
        assert!(onnx.windows(13).any(|part| part == b"schema-sha256"));
    }

    #[test]
    fn weights_and_cards_that_are_damaged_or_do_not_belong_together_are_refused() {
        let (weights, card) = written();
        let cut = &weights[..weights.len() - 100];
        let mut changed = weights.clone();
        changed[200] ^= 1;
        let mut nan = weights[..weights.len() - 32].to_vec();
        let last = nan.len() - 4;
        nan[last..].copy_from_slice(&f32::NAN.to_le_bytes());
        nan.extend(digest(&nan));
        let mut schema = weights[..weights.len() - 32].to_vec();
        schema[30] ^= 1;
        schema.extend(digest(&schema));
        let other = card.replace(&hex(&digest(&weights)), &hex(&[7; 32]));
        let above = |first: &str, last: &str| {
            let mut changed: serde_json::Value = serde_json::from_str(&card).unwrap();
            let own = &mut changed["offsets"]["cpu_above"][1];
            own[0] = first.parse::<f64>().unwrap().into();
            own[4] = last.parse::<f64>().unwrap().into();
            changed.to_string()
        };
        let old = card.replace(&hex(&schema_hash()), &hex(&[7; 32]));
        for (weights, card, why) in [
            (cut, &card, "cut short"),
            (&changed[..], &card, "digest"),
            (&nan[..], &card, "not finite"),
            (&schema[..], &card, "another schema"),
            (&weights[..], &other, "other weights"),
            (&weights[..], &old, "another schema"),
            (&weights[..], &"{}".to_owned(), "missing field"),
            (&weights[..], &above("-0.1", "1.0"), "offsets"),
            (&weights[..], &above("1.0", "1e30"), "offsets"),
            (&weights[..], &above("2.0", "1.0"), "offsets"),
        ] {
            let error = Model::read(weights, card).unwrap_err();
            assert!(error.to_string().contains(why), "{why}: {error}");
            assert!(!error.problem().help.is_empty());
        }
    }

    #[test]
    fn weeks_that_were_trained_on_are_not_measured_on_whatever_the_recording_is_called() {
        let day = DAY as i64;
        let data = CardData {
            name: "usage.parquet".to_owned(),
            loads: [7, 1, 2],
            from_unix_s: 0,
            calibrated_from_unix_s: 62 * day * HOUR_S,
            tested_from_unix_s: 69 * day * HOUR_S,
            to_unix_s: 90 * day * HOUR_S,
        };
        let of = |from: i64, to: i64| data.cuts(&(from * day..to * day));
        assert_eq!(of(0, 90), Ok(Cuts { calibrate: 62 * day, test: 69 * day }), "as it was trained");
        assert_eq!(of(0, 72), Ok(Cuts { calibrate: 62 * day, test: 69 * day }), "without its end");
        assert_eq!(of(0, 200), Ok(Cuts { calibrate: 172 * day, test: 179 * day }), "with later weeks");
        assert_eq!(of(100, 190), Ok(Cuts::for_recording(100 * day, 190 * day)), "of later weeks only");
        assert_eq!(of(0, 69), Err(ForecastError::Overlap));
        assert!(!ForecastError::Overlap.problem().help.is_empty());
        assert!(data.is_of("usage.parquet", &(0..80 * day)) && !data.is_of("other.parquet", &(0..80 * day)));
        assert!(!data.is_of("usage.parquet", &(100 * day..190 * day)));
    }
}
