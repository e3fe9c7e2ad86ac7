//! The network against a plain one in `f64`, its gradients against differences, its files against damage.
#![allow(clippy::unwrap_used, reason = "a test that cannot set its case up has failed")]

mod exchanged;
mod reference;

use kubeopt_lstm::{
    Adam, Batch, Gradient, LstmError, Network, QUANTILES, Shape, Step, Tape, Weights, digest, pinball,
};
use proptest::prelude::*;
use reference::Reference;

const SHAPE: Shape = Shape { features: 3, statics: 2, hidden: 5, targets: 4 };

/// A sequence of numbers that look like chance.
fn numbers(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
    let mut next = || {
        state = state.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
        f32::from((state >> 16) as u16) / 32_768.0 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

struct Case {
    steps: usize,
    size: usize,
    inputs: Vec<f32>,
    statics: Vec<f32>,
    targets: Vec<f32>,
}

impl Case {
    fn new(shape: Shape, steps: usize, size: usize, seed: u32) -> Self {
        let mut targets = numbers(size * shape.targets, seed + 2);
        // One is not known.
        targets[0] = f32::NAN;
        Self {
            steps,
            size,
            inputs: numbers(steps * size * shape.features, seed),
            statics: numbers(size * shape.statics, seed + 1),
            targets,
        }
    }

    fn batch(&self) -> Batch<'_> {
        Batch { steps: self.steps, size: self.size, inputs: &self.inputs, statics: &self.statics }
    }
}

#[test]
fn says_what_the_plain_network_says() {
    let network = Network::seeded(SHAPE, 11);
    let case = Case::new(SHAPE, 9, 3, 1);
    let plain = Reference::of(&network).quantiles(&case.batch());
    let own = network.quantiles(&case.batch()).unwrap();
    assert_eq!(own.len(), 3 * 4 * QUANTILES.len());
    for (own, plain) in own.iter().zip(plain) {
        assert!((f64::from(*own) - plain).abs() < 1e-5, "{own} {plain}");
    }
}

#[test]
fn its_gradients_agree_with_differences() {
    let network = Network::seeded(SHAPE, 3);
    let case = Case::new(SHAPE, 7, 4, 5);
    let mut gradient = Gradient::zero(&SHAPE);
    network.learn(&case.batch(), &case.targets, &mut Tape::default(), &mut gradient).unwrap();
    assert_eq!(gradient.known, 4 * 4 - 1);
    let plain = Reference::of(&network);
    assert!((gradient.loss - plain.loss(&case.batch(), &case.targets)).abs() < 1e-4);
    for at in 0..SHAPE.parameters() {
        const BIT: f64 = 1e-5;
        let by = |bit: f64| plain.with(at, bit).loss(&case.batch(), &case.targets);
        let difference = (by(BIT) - by(-BIT)) / (2.0 * BIT);
        let own = f64::from(gradient.sum[at]);
        assert!((own - difference).abs() < 2e-3 * (1.0 + difference.abs()), "{at}: {own} {difference}");
    }
}

#[test]
fn parts_of_a_batch_add_up_to_the_whole() {
    let network = Network::seeded(SHAPE, 3);
    let case = Case::new(SHAPE, 6, 2, 8);
    let mut whole = Gradient::zero(&SHAPE);
    let mut tape = Tape::default();
    network.learn(&case.batch(), &case.targets, &mut tape, &mut whole).unwrap();
    let mut parts = Gradient::zero(&SHAPE);
    for row in 0..2 {
        let each = SHAPE.features;
        let inputs: Vec<f32> = case
            .inputs
            .chunks_exact(2 * each)
            .flat_map(|step| step[row * each..(row + 1) * each].to_vec())
            .collect();
        let statics = &case.statics[row * SHAPE.statics..(row + 1) * SHAPE.statics];
        let batch = Batch { steps: 6, size: 1, inputs: &inputs, statics };
        let targets = &case.targets[row * SHAPE.targets..(row + 1) * SHAPE.targets];
        let mut part = Gradient::zero(&SHAPE);
        network.learn(&batch, targets, &mut tape, &mut part).unwrap();
        parts.add(&part);
    }
    assert_eq!(parts.known, whole.known);
    assert!((parts.loss - whole.loss).abs() < 1e-4);
    for (part, whole) in parts.sum.iter().zip(&whole.sum) {
        assert!((part - whole).abs() < 1e-4, "{part} {whole}");
    }
}

#[test]
fn learns_what_can_be_learnt_and_its_quantiles_cover_what_they_say() {
    // The target is the sum of a window's inputs, give or take a half, and now and then a lot more.
    let shape = Shape { features: 1, statics: 0, hidden: 8, targets: 1 };
    let case = |seed: u32| {
        let mut case = Case::new(shape, 6, 64, seed);
        let (noise, surprise) = (numbers(64, seed + 17), numbers(64, seed + 9));
        for (row, target) in case.targets.iter_mut().enumerate() {
            let sum: f32 = case.inputs.iter().skip(row).step_by(64).sum();
            *target = sum + noise[row] / 2.0 + if surprise[row] > 0.6 { 2.0 } else { 0.0 };
        }
        case
    };
    let mut network = Network::seeded(shape, 5);
    let mut adam = Adam::new(shape.parameters());
    let (mut tape, mut gradient) = (Tape::default(), Gradient::zero(&shape));
    let step = Step { rate: 0.01, decay: 0.0, clip: 1.0 };
    let mut first = None;
    for at in 0..1500 {
        let case = case(at * 31);
        gradient.clear();
        network.learn(&case.batch(), &case.targets, &mut tape, &mut gradient).unwrap();
        first.get_or_insert(gradient.loss);
        adam.step(network.parameters_mut(), &gradient.sum, gradient.known, step).unwrap();
    }
    assert!(gradient.loss < 0.5 * first.unwrap(), "{} after {first:?}", gradient.loss);
    // A fifth of the targets lies far above: the median says nothing of it, the 95th percentile all.
    let (mut covered, mut all) = ([0; QUANTILES.len()], 0);
    for at in 0..40 {
        let case = case(1_000_000 + at * 31);
        let quantiles = network.quantiles(&case.batch()).unwrap();
        for (quantiles, target) in quantiles.chunks_exact(QUANTILES.len()).zip(&case.targets) {
            all += 1;
            covered.iter_mut().zip(quantiles).for_each(|(n, q)| *n += usize::from(target <= q));
        }
    }
    for (covered, quantile) in covered.iter().zip(QUANTILES) {
        let share = *covered as f32 / all as f32;
        assert!((share - quantile).abs() < 0.06, "{share} instead of {quantile}");
    }
}

#[test]
fn the_same_seed_is_the_same_network_and_another_is_not() {
    assert_eq!(Network::seeded(SHAPE, 1), Network::seeded(SHAPE, 1));
    assert_ne!(Network::seeded(SHAPE, 1), Network::seeded(SHAPE, 2));
}

#[test]
fn a_file_comes_back_and_a_damaged_one_is_refused_with_its_reason() {
    let schema = digest(b"hours");
    let weights = Weights { network: Network::seeded(SHAPE, 1), schema };
    let bytes = weights.to_bytes();
    assert_eq!(Weights::from_bytes(&bytes, &schema), Ok(weights.clone()));
    let why = |bytes: &[u8]| Weights::from_bytes(bytes, &schema).unwrap_err().to_string();
    assert!(why(&bytes[..bytes.len() - 1]).contains("cut short"));
    assert!(why(&[]).contains("cut short"));
    assert!(why(&[7; 500]).contains("no file of weights"));
    let mut changed = bytes.clone();
    changed[200] ^= 1;
    assert!(why(&changed).contains("digest"));
    let other = Weights::from_bytes(&bytes, &digest(b"days")).unwrap_err();
    assert!(other.to_string().contains("another schema"), "{other}");
    let mut huge = bytes.clone();
    huge[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(why(&huge).contains("cannot be"), "{}", why(&huge));
    let mut poisoned = weights.network.parameters().to_vec();
    poisoned[3] = f32::NAN;
    assert_eq!(Network::of(SHAPE, poisoned).unwrap_err().code(), "E-LST-003");
}

#[test]
fn what_does_not_fit_is_refused_and_moves_nothing() {
    let mut network = Network::seeded(SHAPE, 1);
    let batch = Batch { steps: 2, size: 1, inputs: &[0.0; 5], statics: &[0.0; 2] };
    let refused = LstmError::Length { what: "the list of inputs", have: 5, want: 6 };
    assert_eq!(network.quantiles(&batch), Err(refused));
    let before = network.clone();
    let mut gradient = vec![0.0; SHAPE.parameters()];
    gradient[1] = f32::INFINITY;
    let step = Step { rate: 1.0, decay: 0.0, clip: 1.0 };
    let moved = Adam::new(gradient.len()).step(network.parameters_mut(), &gradient, 1, step);
    assert_eq!(moved.unwrap_err().code(), "E-LST-003");
    assert_eq!(network, before);
    let none = Shape { hidden: 0, ..SHAPE };
    assert_eq!(none.check().unwrap_err().code(), "E-LST-001");
}

proptest! {
    #[test]
    fn quantiles_never_cross_and_are_finite(values in prop::collection::vec(-1e6f32..1e6, 12), seed: u64) {
        let network = Network::seeded(SHAPE, seed);
        let statics = [values[0], values[1]];
        let quantiles = network.quantiles(&Batch { steps: 4, size: 1, inputs: &values, statics: &statics }).unwrap();
        for quantiles in quantiles.chunks_exact(QUANTILES.len()) {
            prop_assert!(quantiles.is_sorted() && quantiles.iter().all(|q| q.is_finite()), "{quantiles:?}");
        }
    }

    #[test]
    fn the_pinball_loss_is_least_at_the_quantile(truths in prop::collection::vec(0f32..100.0, 20..60), other in 0f32..100.0) {
        let mut sorted = truths.clone();
        sorted.sort_by(f32::total_cmp);
        let at = sorted[((sorted.len() as f32 * 0.9).ceil() as usize).min(sorted.len()) - 1];
        let sum = |forecast: f32| truths.iter().map(|truth| pinball(0.9, forecast, *truth)).sum::<f32>();
        prop_assert!(sum(at) <= sum(other) + 1e-3);
    }
}
