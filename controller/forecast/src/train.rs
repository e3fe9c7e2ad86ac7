//! Training: batches by lot, gradients on several threads, early stopping. The same seed, plan and loads give the same
//! weights, whatever the number of threads; a training that was stopped goes on where it was. No clock.

use std::ops::ControlFlow;

use kubeopt_lstm::{Adam, Gradient, Network, QUANTILES, Shape, Step};
use kubeopt_outlook::{Desk, FEATURES, Lesson, Lessons, Lot, Pick, STATICS, TARGETS, picks};

use crate::error::ForecastError;

use crate::split::{LoadPart, Recorded, of_part};

/// Windows whose gradients are added up on one thread; batches are made of these in their order, so that sums of floats do
/// not depend on threads.
const CHUNK: usize = 32;

/// Steps over which the rate rises: Adam's means are noise before.
const WARM_STEPS: usize = 100;

/// Longest gradient: the loss is of order 1, and heavy tails must not throw a network off its way.
const CLIP: f32 = 1.0;

/// Windows that early stopping looks at.
const VALIDATION_WINDOWS: usize = 1536;

/// Weight decay.
const DECAY: f32 = 1e-3;

/// How a network is trained.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// Cells of the LSTM.
    pub hidden: usize,
    /// Batches.
    pub steps: usize,
    /// Windows of a batch.
    pub batch: usize,
    /// Highest rate; it rises at first, and falls as a cosine to the end.
    pub rate: f32,
    /// All the chance there is.
    pub seed: u64,
    /// Steps from one look at the validation part to the next.
    pub look_every: usize,
    /// Looks without a lower loss after which training ends.
    pub patience: usize,
}

impl Default for Plan {
    /// What the model that comes with kubeopt was trained by.
    fn default() -> Self {
        Self { hidden: 40, steps: 3600, batch: 128, rate: 4e-3, seed: 1, look_every: 200, patience: 10 }
    }
}

/// How far training is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Told {
    /// Steps that are done.
    pub step: usize,
    /// Mean loss of the step's windows.
    pub loss: f64,
    /// Loss on the validation part, where it was looked at after this step.
    pub validation_loss: Option<f64>,
}

/// A training between two steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Trainer {
    pub(crate) plan: Plan,
    pub(crate) network: Network,
    pub(crate) adam: Adam,
    pub(crate) step: usize,
    pub(crate) best: Best,
}

/// The best network so far.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Best {
    pub(crate) network: Network,
    pub(crate) loss: f64,
    pub(crate) step: usize,
}

/// What came of a training.
#[derive(Debug, Clone, PartialEq)]
pub struct Trained {
    /// The network with the least validation loss.
    pub network: Network,
    /// That loss.
    pub validation_loss: f64,
    /// After so many steps.
    pub step: usize,
    /// Whether it was stopped from outside, and may go on.
    pub is_interrupted: bool,
}

/// Loads of a part, as lessons are drawn from them.
struct Taught<'a>(Vec<&'a Recorded>);

impl Lessons for Taught<'_> {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn end(&self, at: usize) -> usize {
        self.0[at].cut
    }

    fn weight(&self, at: usize, origin: usize) -> f32 {
        kubeopt_outlook::weight(&self.0[at].load, origin, self.0[at].typical_error)
    }
}

impl Taught<'_> {
    /// Windows by lot.
    fn drawn(&self, count: usize, lot: &mut Lot) -> Vec<Lesson<'_>> {
        let one = |pick: Pick| {
            let own = self.0[pick.at];
            Lesson { load: &own.load, origin: pick.origin, end: own.cut }
        };
        picks(self, count, lot).into_iter().map(one).collect()
    }
}

impl Trainer {
    /// Before the first step.
    pub fn new(plan: Plan) -> Self {
        let shape = Shape {
            features: FEATURES,
            statics: STATICS,
            hidden: plan.hidden.clamp(1, 1024),
            targets: TARGETS,
        };
        let network = Network::seeded(shape, plan.seed);
        let best = Best { network: network.clone(), loss: f64::INFINITY, step: 0 };
        Self { plan, adam: Adam::new(shape.parameters()), network, step: 0, best }
    }

    /// The network as it is after these steps.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Steps that are done.
    pub fn step(&self) -> usize {
        self.step
    }

    /// Trains to the end, or until `told` breaks. It is told after each step.
    ///
    /// # Errors
    /// [`ForecastError::NoLoads`] where a part has no load; [`ForecastError::Model`] where training runs away.
    pub fn run(
        &mut self,
        recorded: &[Recorded],
        threads: usize,
        told: &mut dyn FnMut(&Self, Told) -> ControlFlow<()>,
    ) -> Result<Trained, ForecastError> {
        let train = Taught(of_part(recorded, LoadPart::Train, "train on")?);
        let looked_at = Taught(of_part(recorded, LoadPart::Validate, "stop training by")?);
        let validation = looked_at.drawn(VALIDATION_WINDOWS, &mut Lot::new(self.plan.seed ^ 0x5eed));
        let mut is_interrupted = false;
        while self.step < self.plan.steps && !is_interrupted && !self.is_enough() {
            let mut lot = Lot::of_step(self.plan.seed, self.step);
            let batch = train.drawn(self.plan.batch, &mut lot);
            let gradient = sum_of_chunks(&self.network, &batch, threads)?;
            let step = Step { rate: self.rate(), decay: DECAY, clip: CLIP };
            self.adam.step(self.network.parameters_mut(), &gradient.sum, gradient.known, step)?;
            self.step += 1;
            let looks = self.step.is_multiple_of(self.plan.look_every.max(1)) || self.step == self.plan.steps;
            let validation_loss = if looks { Some(self.look(&validation, threads)?) } else { None };
            let loss = gradient.loss / (gradient.known.max(1) * QUANTILES.len()) as f64;
            is_interrupted = told(self, Told { step: self.step, loss, validation_loss }).is_break();
        }
        Ok(Trained {
            network: self.best.network.clone(),
            validation_loss: self.best.loss,
            step: self.best.step,
            is_interrupted,
        })
    }

    fn is_enough(&self) -> bool {
        self.step.saturating_sub(self.best.step)
            >= self.plan.patience.max(1).saturating_mul(self.plan.look_every.max(1))
    }

    fn rate(&self) -> f32 {
        let warm = ((self.step + 1) as f32 / WARM_STEPS as f32).min(1.0);
        let done = self.step as f32 / self.plan.steps.max(1) as f32;
        self.plan.rate * warm * (0.505 + 0.495 * (std::f32::consts::PI * done).cos())
    }

    fn look(&mut self, validation: &[Lesson<'_>], threads: usize) -> Result<f64, ForecastError> {
        let sums = by_chunks(validation, threads, |chunk| Ok(Desk::default().losses(&self.network, chunk)?))?;
        let (loss, known) = sums.into_iter().fold((0.0, 0), |sum, own| (sum.0 + own.0, sum.1 + own.1));
        let loss = loss / (known.max(1) * QUANTILES.len()) as f64;
        if loss < self.best.loss {
            self.best = Best { network: self.network.clone(), loss, step: self.step };
        }
        Ok(loss)
    }
}

fn sum_of_chunks(network: &Network, batch: &[Lesson<'_>], threads: usize) -> Result<Gradient, ForecastError> {
    let parts = by_chunks(batch, threads, |chunk| {
        let mut gradient = Gradient::zero(&network.shape());
        Desk::default().learn(network, chunk, &mut gradient)?;
        Ok(gradient)
    })?;
    let mut sum = Gradient::zero(&network.shape());
    parts.iter().for_each(|part| sum.add(part));
    Ok(sum)
}

/// What becomes of each chunk, in their order, made on so many threads.
fn by_chunks<'a, T: Send>(
    picks: &[Lesson<'a>],
    threads: usize,
    make: impl Fn(&[Lesson<'a>]) -> Result<T, ForecastError> + Sync,
) -> Result<Vec<T>, ForecastError> {
    let chunks: Vec<&[Lesson<'a>]> = picks.chunks(CHUNK).collect();
    crate::threads::in_order(&chunks, threads, |chunk| make(chunk)).into_iter().collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use kubeopt_outlook::DAY;

    use super::*;
    use crate::made::{load, lots};
    use crate::split::Cuts;

    pub(crate) const CUTS: Cuts = Cuts { calibrate: 35 * 24, test: 42 * 24 };

    /// Twelve machines of 56 days with office hours of different heights.
    pub(crate) fn recorded() -> Vec<Recorded> {
        let one = |name: u64| {
            let mut random = lots(name + 1);
            let values: Vec<f64> = (0..56 * DAY)
                .map(|hour| if (9..17).contains(&(hour % DAY)) { 50.0 * (name + 1) as f64 } else { 5.0 } + 20.0 * random())
                .collect();
            let load = load(values.len(), |hour| values[hour]);
            let part =
                [LoadPart::Train, LoadPart::Train, LoadPart::Validate, LoadPart::Unseen][(name % 4) as usize];
            Recorded { part, ..Recorded::of("any", load, CUTS).expect("it lasts long enough") }
        };
        (0..12).map(one).collect()
    }

    pub(crate) fn plan() -> Plan {
        Plan { hidden: 4, steps: 6, batch: 70, look_every: 3, ..Plan::default() }
    }

    fn go_on(_: &Trainer, _: Told) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    #[test]
    fn the_same_seed_gives_the_same_weights_on_one_thread_and_on_three() {
        let recorded = recorded();
        let trained = |seed, threads| {
            Trainer::new(Plan { seed, ..plan() }).run(&recorded, threads, &mut go_on).unwrap()
        };
        let one = trained(1, 1);
        assert_eq!(one, trained(1, 3));
        assert_ne!(one.network, trained(2, 1).network);
    }

    #[test]
    fn training_lowers_the_loss() {
        let recorded = recorded();
        let mut losses = Vec::new();
        let plan = Plan { steps: 60, look_every: 20, rate: 1e-2, ..plan() };
        let trained = Trainer::new(plan).run(&recorded, 2, &mut |_, told| {
            losses.push(told.loss);
            ControlFlow::Continue(())
        });
        let (first, last) = (losses[..5].iter().sum::<f64>(), losses[55..].iter().sum::<f64>());
        assert!(last < 0.6 * first, "{first} {last}");
        assert!(trained.unwrap().validation_loss.is_finite());
    }

    #[test]
    fn without_progress_it_ends_early_with_the_best() {
        let recorded = recorded();
        let plan = Plan { steps: 500, look_every: 1, patience: 2, rate: 0.0, ..plan() };
        let mut trainer = Trainer::new(plan);
        let trained = trainer.run(&recorded, 2, &mut go_on).unwrap();
        assert_eq!((trained.step, trainer.step()), (1, 3));
    }

    #[test]
    fn nothing_to_learn_from_is_told() {
        let unseen: Vec<Recorded> =
            recorded().into_iter().filter(|own| own.part == LoadPart::Unseen).collect();
        let error = Trainer::new(plan()).run(&unseen, 1, &mut go_on).unwrap_err();
        assert_eq!(error, ForecastError::NoLoads { what: "train on", have: 3 });
    }
}
