//! Rounds from end to end on a small task, with honest and hostile nodes.

use kubeopt_lstm::{Adam, Batch, Gradient, QUANTILES, Shape, Step, Tape};
use kubeopt_outlook::Lot;

use super::*;

pub(super) const SHAPE: Shape = Shape { features: 2, statics: 1, hidden: 5, targets: 2 };
const STEPS: usize = 4;
const ROUNDS: u64 = 80;
const SCHEMA: [u8; 32] = [5; 32];

/// Windows whose answer follows from them, but for noise.
pub(super) struct Windows {
    inputs: Vec<f32>,
    statics: Vec<f32>,
    targets: Vec<f32>,
}

impl Windows {
    pub(super) fn new(count: usize, seed: u64) -> Self {
        let mut lot = Lot::new(seed);
        let mut number = || 2.0 * lot.part() - 1.0;
        let inputs: Vec<f32> = (0..STEPS * count * SHAPE.features).map(|_| number()).collect();
        let statics: Vec<f32> = (0..count).map(|_| number()).collect();
        let last = &inputs[(STEPS - 1) * count * SHAPE.features..];
        let of = |(at, own): (usize, &f32)| {
            let seen = last[at * SHAPE.features];
            [own + 0.5 * seen + 0.3 * number(), 2.0 * own - seen + 0.3 * number()]
        };
        let targets = statics.iter().enumerate().flat_map(of).collect();
        Self { inputs, statics, targets }
    }

    fn batch(&self) -> Batch<'_> {
        Batch { steps: STEPS, size: self.statics.len(), inputs: &self.inputs, statics: &self.statics }
    }

    pub(super) fn gradient(&self, network: &Network) -> Gradient {
        let mut gradient = Gradient::zero(&SHAPE);
        network.learn(&self.batch(), &self.targets, &mut Tape::default(), &mut gradient).unwrap();
        gradient
    }

    /// Coverage as a controller sees it: with an offset fitted on the first half, measured on the other.
    fn score(&self, network: &Network) -> Option<Score> {
        let gradient = self.gradient(network);
        let said = network.quantiles(&self.batch()).unwrap();
        let residuals: Vec<f32> =
            said.chunks(QUANTILES.len()).zip(&self.targets).map(|(own, truth)| truth - own[2]).collect();
        let (first, other) = residuals.split_at(residuals.len() / 2);
        let offset = kubeopt_outlook::quantile(&mut first.to_vec(), 0.9);
        let held = other.iter().filter(|residual| **residual <= offset).count();
        let pinball = gradient.loss / (gradient.known * QUANTILES.len()) as f64;
        Some(Score { pinball, coverage: held as f64 / other.len() as f64 })
    }

    /// What a node makes of a base in a few steps of its own.
    fn learned(&self, base: &Network) -> Vec<f32> {
        let (mut own, mut adam) = (base.clone(), Adam::new(SHAPE.parameters()));
        for _ in 0..8 {
            let gradient = self.gradient(&own);
            let step = Step { rate: 0.01, decay: 0.0, clip: 1.0 };
            adam.step(own.parameters_mut(), &gradient.sum, gradient.known, step).unwrap();
        }
        own.parameters().iter().zip(base.parameters()).map(|(own, base)| own - base).collect()
    }
}

pub(super) fn base() -> Weights {
    Weights { network: Network::seeded(SHAPE, 1), schema: SCHEMA }
}

fn sha256(weights: &Weights) -> [u8; 32] {
    digest(&weights.to_bytes())
}

pub(super) fn federation(base: &Weights) -> Federation {
    Federation::new(Versions::of(sha256(base), Why::Shipped, 0), 3.0)
}

pub(super) fn upload(node: usize, round: u64, base: &Weights, delta: Vec<f32>) -> Upload {
    let mut nonce = [0; 16];
    nonce[..8].copy_from_slice(&(round * 1000 + node as u64).to_le_bytes());
    Upload {
        node: format!("node-{node}"),
        round,
        base_sha256: sha256(base),
        nonce,
        delta,
        windows: 64,
        loss_before: 1.0,
        loss_after: 0.9,
        cpu_ms: 100 * node as u32,
    }
}

/// What the hostile nodes, which are the first two, make of what they learned.
fn hostile(round: u64, mut upload: Upload) -> Upload {
    upload.delta.iter_mut().for_each(|part| *part *= -10.0);
    match upload.node.as_str() {
        "node-0" => upload.windows = u64::MAX,
        "node-1" if round.is_multiple_of(2) => upload.delta[3] = f32::NAN,
        _ => {}
    }
    upload
}

/// The loss on data that nobody has, after rounds with so many hostile nodes of ten.
fn after_rounds(hostile_nodes: usize) -> (f64, Federation) {
    let nodes: Vec<Windows> = (0..10).map(|node| Windows::new(128, 100 + node)).collect();
    let (reference, unseen) = (Windows::new(1024, 7), Windows::new(1024, 8));
    let mut head = base();
    let mut federation = federation(&head);
    for round in 1..=ROUNDS {
        federation.open(round * 100, round * 100 + 50, SHAPE.parameters()).unwrap();
        for (node, own) in nodes.iter().enumerate() {
            let honest = upload(node, round, &head, own.learned(&head.network));
            let sent = if node < hostile_nodes { hostile(round, honest) } else { honest };
            federation.upload(round * 100 + 1, sent);
        }
        assert_eq!(federation.due(round * 100 + 50), Next::Close);
        federation.close().unwrap();
        federation.put_together(&head).unwrap();
        let verdict = federation.validate(round * 100 + 60, &head, &mut |own| reference.score(own)).unwrap();
        head = verdict.weights.unwrap_or(head);
    }
    (unseen.score(&head.network).unwrap().pinball, federation)
}

/// The same without any defence but that what is no number is left out.
fn after_plain_rounds(hostile_nodes: usize) -> f64 {
    let nodes: Vec<Windows> = (0..10).map(|node| Windows::new(128, 100 + node)).collect();
    let mut head = base();
    for round in 1..=ROUNDS {
        let sent = nodes.iter().enumerate().map(|(node, own)| {
            let honest = upload(node, round, &head, own.learned(&head.network));
            if node < hostile_nodes { hostile(round, honest) } else { honest }
        });
        let sent: Vec<Upload> = sent.filter(|own| own.delta.iter().all(|part| part.is_finite())).collect();
        let all =
            sent.iter().map(|own| Contribution { delta: &own.delta, windows: own.windows, staleness: 0 });
        let moved = aggregate(Rule::Average, &all.collect::<Vec<_>>()).unwrap().unwrap();
        head.network.parameters_mut().iter_mut().zip(moved).for_each(|(own, by)| *own += by);
    }
    Windows::new(1024, 8).score(&head.network).unwrap().pinball
}

#[test]
fn one_full_step_of_equal_nodes_is_the_step_of_one_place() {
    let base = Network::seeded(SHAPE, 3);
    let nodes: Vec<Windows> = (0..10).map(|node| Windows::new(40, node)).collect();
    let rate = 0.5;
    let step = |gradient: &Gradient| -> Vec<f32> {
        gradient.sum.iter().map(|part| -rate * part / gradient.known as f32).collect()
    };
    let mut all = Gradient::zero(&SHAPE);
    let deltas: Vec<Vec<f32>> = nodes
        .iter()
        .map(|own| {
            let gradient = own.gradient(&base);
            all.add(&gradient);
            step(&gradient)
        })
        .collect();
    let own: Vec<Contribution<'_>> =
        deltas.iter().map(|delta| Contribution { delta, windows: 40, staleness: 0 }).collect();
    let together = aggregate(Rule::Average, &own).unwrap().unwrap();
    for (together, central) in together.iter().zip(step(&all)) {
        assert!((together - central).abs() < 1e-6, "{together} {central}");
    }
}

#[test]
fn two_hostile_of_ten_cost_less_than_two_hundredths_where_plain_averaging_loses_the_model() {
    let (honest, _) = after_rounds(0);
    let (defended, federation) = after_rounds(2);
    let untaught = Windows::new(1024, 8).score(&base().network).unwrap().pinball;
    assert!(honest < 0.5 * untaught, "{honest} {untaught}");
    assert!(defended < 1.02 * honest, "{defended} {honest}");
    let (plain, plain_hostile) = (after_plain_rounds(0), after_plain_rounds(2));
    assert!(plain < 1.1 * honest, "{plain} {honest}");
    assert!(plain_hostile > 2.0 * plain, "{plain_hostile} {plain}");
    assert_eq!(federation.refused(), &BTreeMap::from([(Refusal::NotFinite, ROUNDS / 2)]));
}

#[test]
fn what_does_not_count_is_told_why_and_counted() {
    let base = base();
    let other = Weights { network: Network::seeded(SHAPE, 2), schema: SCHEMA };
    let mut federation = federation(&base);
    let delta = vec![0.01; SHAPE.parameters()];
    let good = |node: usize, round: u64| upload(node, round, &base, delta.clone());
    assert_eq!(federation.upload(0, good(1, 1)).0, Answer::Refused(Refusal::NoRound));
    federation.open(10, 20, SHAPE.parameters()).unwrap();
    assert!(matches!(federation.open(11, 20, 1), Err(FederationError::Running { round: 1 })));
    assert_eq!(federation.upload(11, good(1, 1)).0, Answer::Accepted);
    assert_eq!(federation.upload(11, good(1, 1)), (Answer::Again, None));
    let second = Upload { nonce: [9; 16], ..good(1, 1) };
    let nan = Upload { loss_after: f32::NAN, ..good(2, 1) };
    let infinite = Upload { delta: vec![f32::INFINITY; delta.len()], ..good(2, 1) };
    let long = Upload { delta: vec![0.0; delta.len() + 1], ..good(2, 1) };
    let idle = Upload { windows: 0, ..good(2, 1) };
    let strange = upload(2, 1, &other, delta.clone());
    for (wrong, why) in [
        (second, Refusal::SecondOfNode),
        (nan, Refusal::NotFinite),
        (infinite, Refusal::NotFinite),
        (long, Refusal::WrongLength),
        (idle, Refusal::NoWindows),
        (strange, Refusal::WrongBase),
        (good(2, 2), Refusal::UnknownRound),
        (good(2, 0), Refusal::UnknownRound),
    ] {
        let (answer, event) = federation.upload(12, wrong);
        assert_eq!(answer, Answer::Refused(why));
        assert!(matches!(event, Some(Event::UploadRefused { why: told, .. }) if told == why));
    }
    assert_eq!(federation.upload(20, good(2, 1)).0, Answer::Refused(Refusal::Late));
    assert_eq!(federation.refused().values().sum::<u64>(), 10);
    assert_eq!(federation.refused()[&Refusal::NotFinite], 2);
    let events = federation.close().unwrap();
    let why = Rejection::TooFew { have: 1, need: 3 };
    assert_eq!(events[1], Event::RoundRejected { round: 1, why });
    federation.open(30, 40, SHAPE.parameters()).unwrap();
    assert_eq!(federation.upload(31, good(1, 1)).0, Answer::Again, "its answer was lost; the round is over");
    assert_eq!(
        federation.upload(31, good(2, 1)).0,
        Answer::Accepted,
        "late, but of a base that still counts"
    );
    let names: std::collections::BTreeSet<&str> = Refusal::ALL.iter().map(|own| own.name()).collect();
    assert_eq!(names.len(), Refusal::ALL.len());
}

pub(super) fn stored_and_read(federation: &Federation) -> Federation {
    postcard::from_bytes(&postcard::to_stdvec(federation).unwrap()).unwrap()
}

#[test]
fn a_restart_anywhere_in_a_round_ends_in_the_same_version() {
    let (base, reference) = (base(), Windows::new(128, 7));
    let run = |restarts: bool| {
        let mut federation = federation(&base);
        let again = |federation: Federation| if restarts { stored_and_read(&federation) } else { federation };
        federation.open(10, 20, SHAPE.parameters()).unwrap();
        for node in 0..6 {
            federation = again(federation);
            let delta = Windows::new(64, node as u64).learned(&base.network);
            assert_eq!(federation.upload(11, upload(node, 1, &base, delta)).0, Answer::Accepted);
        }
        federation.close().unwrap();
        federation = again(federation);
        assert_eq!(federation.due(21), Next::PutTogether);
        federation.put_together(&base).unwrap();
        federation = again(federation);
        assert_eq!(federation.due(21), Next::Validate);
        let verdict = federation.validate(22, &base, &mut |own| reference.score(own)).unwrap();
        (verdict, again(federation))
    };
    let (verdict, federation) = run(false);
    assert_eq!((verdict.clone(), federation.clone()), run(true));
    let weights = verdict.weights.expect("it is better than a network that knows nothing");
    let head = federation.versions().head();
    assert_eq!((head.number, head.parent, head.why), (2, Some(1), Why::Round(1)));
    assert_eq!(head.sha256, hex::encode(sha256(&weights)));
    let report = federation.reports().next().unwrap();
    assert_eq!((report.participants.len(), report.cpu_ms_median), (6, Some(250.0)));
    assert!(serde_json::to_string(&verdict.event).unwrap().contains("\"event\":\"roundAccepted\""));
}

#[test]
fn a_round_that_makes_it_worse_or_whose_base_was_taken_back_is_rejected() {
    let (base, reference) = (base(), Windows::new(128, 7));
    let mut federation = federation(&base);
    let round = |federation: &mut Federation, id: u64, head: &Weights, times: f32| {
        federation.open(id * 100, id * 100 + 10, SHAPE.parameters()).unwrap();
        for node in 0..5 {
            let delta = Windows::new(64, node as u64).learned(&head.network);
            let sent = upload(node, id, head, delta.into_iter().map(|part| part * times).collect());
            assert_eq!(federation.upload(id * 100, sent).0, Answer::Accepted);
        }
        federation.close().unwrap();
        assert!(matches!(
            federation.put_together(&Weights { schema: [6; 32], ..head.clone() }),
            Err(FederationError::OtherBase { .. })
        ));
        federation.put_together(head).unwrap();
        federation.validate(id * 100 + 20, head, &mut |own| reference.score(own)).unwrap()
    };
    let verdict = round(&mut federation, 1, &base, -1.0);
    assert!(matches!(verdict.report.rejected, Some(Rejection::Loss { .. })), "{:?}", verdict.report);
    assert_eq!((verdict.weights, federation.versions().all().len()), (None, 1));

    let good = round(&mut federation, 2, &base, 1.0).weights.unwrap();
    federation.open(300, 310, SHAPE.parameters()).unwrap();
    let clip = federation.round().unwrap().clip_norm;
    assert!(clip < 3.0, "what was usual bounds the next: {clip}");
    for node in 0..3 {
        federation.upload(301, upload(node, 3, &good, vec![0.01; SHAPE.parameters()]));
    }
    federation.close().unwrap();
    federation.put_together(&good).unwrap();
    assert!(federation.versions_mut().roll_back(2).is_some());
    let verdict = federation.validate(320, &good, &mut |own| reference.score(own)).unwrap();
    assert_eq!(verdict.report.rejected, Some(Rejection::BaseRolledBack));
    assert_eq!(federation.versions().head().number, 1);
}

#[test]
fn what_is_usual_is_one_number_a_round_and_never_becomes_nothing() {
    let mut federation = federation(&base());
    let mut head = base();
    let mut round = |id: u64, lengths: &[f32]| {
        federation.open(id * 100, id * 100 + 10, SHAPE.parameters()).unwrap();
        let clip_norm = federation.round().unwrap().clip_norm;
        for (node, length) in lengths.iter().enumerate() {
            let each = length / (SHAPE.parameters() as f32).sqrt();
            let sent = upload(node, id, &head, vec![each; SHAPE.parameters()]);
            assert_eq!(federation.upload(id * 100, sent).0, Answer::Accepted);
        }
        federation.close().unwrap();
        federation.put_together(&head).unwrap();
        let is_as_good = &mut |_: &Network| Some(Score { pinball: 1.0, coverage: 0.9 });
        head = federation.validate(id * 100 + 20, &head, is_as_good).unwrap().weights.unwrap();
        clip_norm
    };
    // A third of a large round goes as far as it may, and sends last.
    let crowd: Vec<f32> = (0..100).map(|node| if node < 67 { 0.4 } else { 3.0 }).collect();
    assert_eq!(round(1, &crowd), 3.0);
    for id in 2..9 {
        let clip = round(id, &[0.0; 10]);
        assert!(if id == 2 { (clip - 0.6).abs() < 1e-3 } else { clip >= 0.06 }, "{id} {clip}");
    }
    assert_eq!(round(9, &[0.4; 10]), 0.06, "rounds that moved nothing leave room");
    let widened: Vec<f64> = (10..16).map(|id| round(id, &[0.4; 10])).collect();
    assert!(widened[5] > 0.06, "and it widens again: {widened:?}");
}
