//! Training on one node: a few epochs over the windows of its own containers, in slices, within a budget of CPU time. What
//! comes of it is how the parameters moved, never hours.
//!
//! Memory is fixed: one network's parameters five times over, and buffers for [`CHUNK`] windows; loads are asked for when a
//! window of theirs is drawn.

use std::borrow::Cow;

use kubeopt_lstm::{Adam, Gradient, Network, QUANTILES, Squares, Step};

use crate::error::OutlookError;
use crate::hours::DAY;
use crate::lessons::{Desk, Lesson, Lessons, Pick, picks, weight};
use crate::load::Load;
use crate::lot::Lot;
use crate::shape::HISTORY_MIN;

/// Windows whose gates are in memory at once.
const CHUNK: usize = 8;

/// Windows that tell the loss before and after.
const LOOKED_AT: usize = 64;

/// Windows of an epoch at most: a node with hundreds of containers learns from a part of them each round.
const WINDOWS_MAX: usize = 4096;

/// Longest gradient, as where a network is trained from the beginning.
const CLIP: f32 = 1.0;

/// Steps over which the rate rises: the optimiser begins anew in each round, and its first means are noise. At most a quarter of
/// all, so that a node with few windows moves too. Fewer where it knows from rounds before how large gradients are.
const WARM_STEPS: usize = 20;
const WARM_STEPS_AFTER: usize = 10;

/// What a plan from elsewhere may ask for.
const EPOCHS_MAX: u32 = 3;
const BATCH_MAX: usize = 256;
const RATE_MAX: f32 = 0.1;

/// How parameters follow a gradient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Descent {
    /// By rate times gradient: what several nodes do in one step adds up to what one would do.
    Plain,
    /// Adam. Where gradients lead it learns anew in each round; how large they are, it may know from the round before.
    Adam,
}

/// What a round asks of a node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LocalPlan {
    /// How often as many windows are drawn as there are days to learn from; 1 to 3.
    pub epochs: u32,
    /// Windows of a batch; 1 to 256.
    pub batch: usize,
    /// How far a parameter goes at most in a step, about; up to 0.1.
    pub rate: f32,
    /// How strongly parameters are held to the base (FedProx, arXiv 1812.06127): `mu` times the way from it is added to the
    /// gradient.
    pub prox_mu: f32,
    /// Longest way from the base in all; a longer one is shortened to it.
    pub clip_norm: f32,
    /// Days to learn from without which a node takes no part.
    pub min_windows: usize,
    /// Windows of an epoch at most; beyond 4,096 none is drawn.
    pub max_windows: usize,
    /// CPU time of it all.
    pub max_cpu_ms: u64,
    /// How parameters follow a gradient.
    pub descent: Descent,
    /// All the chance there is.
    pub seed: u64,
}

/// What came of a node's training.
#[derive(Debug, Clone, PartialEq)]
pub struct LocalUpdate {
    /// The parameters less those of the base.
    pub delta: Vec<f32>,
    /// Windows that were learned from, not counting any twice.
    pub windows: usize,
    /// Mean pinball loss on a part of the node's windows, before and after.
    pub loss_before: f32,
    /// See `loss_before`.
    pub loss_after: f32,
    /// For the next training of this node; no other needs them.
    pub squares: Squares,
}

/// What a call of [`LocalTrainer::step`] led to.
#[derive(Debug, Clone, PartialEq)]
pub enum Slice {
    /// There is more to do.
    More,
    /// Done.
    Done(LocalUpdate),
}

/// The loads of a node, by number. They may be longer, or gone, from slice to slice.
pub trait NodeLoads {
    /// How many.
    fn count(&self) -> usize;
    /// One of them; none where there is nothing of it any more.
    fn load(&self, at: usize) -> Option<Cow<'_, Load>>;
}

impl NodeLoads for [Load] {
    fn count(&self) -> usize {
        self.len()
    }

    fn load(&self, at: usize) -> Option<Cow<'_, Load>> {
        self.get(at).map(Cow::Borrowed)
    }
}

/// A training between two slices.
#[derive(Debug)]
pub struct LocalTrainer {
    plan: LocalPlan,
    base: Network,
    network: Network,
    adam: Adam,
    warm_steps: usize,
    gradient: Gradient,
    desk: Desk,
    known: Vec<Known>,
    lot: Lot,
    /// Days to learn from.
    windows: usize,
    learned: usize,
    looked_at: Vec<Pick>,
    losses: [Sum; 2],
    /// CPU time of the first look, which the last one takes again.
    look_ms: Option<u64>,
}

/// What is remembered of a load.
#[derive(Debug, Clone, Copy)]
struct Known {
    at: usize,
    end: usize,
    typical_error: f32,
}

/// A mean as it grows.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    loss: f64,
    known: usize,
    /// Windows that are in it.
    windows: usize,
}

impl Sum {
    fn mean(self) -> f32 {
        (self.loss / (self.known.max(1) * QUANTILES.len()) as f64) as f32
    }
}

impl LocalPlan {
    /// With what it may ask for; numbers that are none become the least.
    fn held(self) -> Self {
        let positive = |value: f32, most: f32| if value > 0.0 { value.min(most) } else { 0.0 };
        Self {
            epochs: self.epochs.clamp(1, EPOCHS_MAX),
            batch: self.batch.clamp(1, BATCH_MAX),
            rate: positive(self.rate, RATE_MAX),
            prox_mu: positive(self.prox_mu, 1.0),
            clip_norm: positive(self.clip_norm, f32::MAX),
            ..self
        }
    }
}

impl LocalTrainer {
    /// Before the first slice.
    ///
    /// # Errors
    /// [`OutlookError::TooFewWindows`] where the loads have fewer days to learn from than the plan asks for.
    pub fn new(
        base: Network,
        plan: LocalPlan,
        loads: &(impl NodeLoads + ?Sized),
    ) -> Result<Self, OutlookError> {
        let plan = plan.held();
        let known: Vec<Known> =
            (0..loads.count()).filter_map(|at| Known::of(at, loads.load(at)?.as_ref())).collect();
        let windows = known.iter().map(|own| (own.end - HISTORY_MIN) / DAY).sum::<usize>();
        let windows = windows.min(plan.max_windows).min(WINDOWS_MAX);
        if windows < plan.min_windows.max(1) {
            return Err(OutlookError::TooFewWindows { have: windows, need: plan.min_windows.max(1) });
        }
        let mut looking = Lot::new(plan.seed ^ 0x5eed);
        let looked_at = picks(&Drawn { loads, known: &known }, LOOKED_AT.min(windows), &mut looking);
        let shape = base.shape();
        Ok(Self {
            network: base.clone(),
            base,
            adam: Adam::new(shape.parameters()),
            warm_steps: WARM_STEPS,
            gradient: Gradient::zero(&shape),
            desk: Desk::default(),
            known,
            lot: Lot::new(plan.seed),
            windows,
            learned: 0,
            looked_at,
            losses: [Sum::default(); 2],
            look_ms: None,
            plan,
        })
    }

    /// With what a training before left; of a network of another length it says nothing.
    #[must_use]
    pub fn after(mut self, before: Squares) -> Self {
        if before.parameters() == self.network.parameters().len() {
            self.adam = Adam::after(before);
            self.warm_steps = WARM_STEPS_AFTER;
        }
        self
    }

    /// One batch, or a part of the look before or after. `spent_ms` tells the CPU time of this training so far, all slices
    /// together.
    ///
    /// # Errors
    /// [`OutlookError::OutOfTime`] where the budget ends before anything was learned; [`OutlookError::Model`] where training runs
    /// away. Nothing can be gone on with then.
    pub fn step(
        &mut self,
        loads: &(impl NodeLoads + ?Sized),
        spent_ms: &dyn Fn() -> u64,
    ) -> Result<Slice, OutlookError> {
        if self.losses[0].windows < self.looked_at.len() {
            self.look(0, loads)?;
            return Ok(Slice::More);
        }
        let look_ms = *self.look_ms.get_or_insert_with(spent_ms);
        let is_spent = spent_ms().saturating_add(look_ms) >= self.plan.max_cpu_ms;
        if is_spent && self.learned == 0 {
            return Err(OutlookError::OutOfTime { max_ms: self.plan.max_cpu_ms });
        }
        let all = self.windows * self.plan.epochs as usize;
        if self.learned < all && !(is_spent && self.learned > 0) {
            self.learn(self.plan.batch.min(all - self.learned), loads)?;
            return Ok(Slice::More);
        }
        if self.losses[1].windows < self.looked_at.len() {
            self.look(1, loads)?;
            return Ok(Slice::More);
        }
        Ok(Slice::Done(self.update()))
    }

    /// Windows that were drawn so far; no look counts.
    pub fn learned(&self) -> usize {
        self.learned
    }

    fn look(&mut self, which: usize, loads: &(impl NodeLoads + ?Sized)) -> Result<(), OutlookError> {
        let from = self.losses[which].windows;
        let chunk = &self.looked_at[from..self.looked_at.len().min(from + CHUNK)];
        let loads = taken(chunk, &self.known, loads);
        let (loss, known) = self.desk.losses(&self.network, &lessons(&loads))?;
        let sum = &mut self.losses[which];
        *sum = Sum { loss: sum.loss + loss, known: sum.known + known, windows: from + chunk.len() };
        Ok(())
    }

    fn learn(&mut self, size: usize, loads: &(impl NodeLoads + ?Sized)) -> Result<(), OutlookError> {
        let batch = picks(&Drawn { loads, known: &self.known }, size, &mut self.lot);
        self.gradient.clear();
        for chunk in batch.chunks(CHUNK) {
            let loads = taken(chunk, &self.known, loads);
            self.desk.learn(&self.network, &lessons(&loads), &mut self.gradient)?;
        }
        self.learned += size;
        if self.gradient.known == 0 {
            return Ok(());
        }
        let known = self.gradient.known as f32;
        let pull = self.plan.prox_mu * known;
        let own = self.network.parameters().iter().zip(self.base.parameters());
        self.gradient.sum.iter_mut().zip(own).for_each(|(sum, (own, base))| *sum += pull * (own - base));
        let warm = self.warm();
        let parameters = self.network.parameters_mut();
        match self.plan.descent {
            Descent::Adam => {
                let step = Step { rate: self.plan.rate * warm, decay: 0.0, clip: CLIP };
                self.adam.step(parameters, &self.gradient.sum, self.gradient.known, step)?;
            }
            Descent::Plain => {
                let rate = self.plan.rate / known;
                parameters.iter_mut().zip(&self.gradient.sum).for_each(|(own, sum)| *own -= rate * sum);
            }
        }
        Ok(())
    }

    /// The part of the rate that the step has whose batch was drawn last.
    fn warm(&self) -> f32 {
        let all = (self.windows * self.plan.epochs as usize).div_ceil(self.plan.batch);
        let steps = (all / 4).clamp(1, self.warm_steps);
        (self.learned.div_ceil(self.plan.batch) as f32 / steps as f32).min(1.0)
    }

    fn update(&mut self) -> LocalUpdate {
        let own = self.network.parameters().iter().zip(self.base.parameters());
        let mut delta: Vec<f32> = own.map(|(own, base)| own - base).collect();
        let norm = delta.iter().map(|part| f64::from(*part).powi(2)).sum::<f64>().sqrt();
        let most = f64::from(self.plan.clip_norm);
        if norm > most {
            let times = (most / norm) as f32;
            delta.iter_mut().for_each(|part| *part *= times);
        }
        let [before, after] = self.losses.map(Sum::mean);
        LocalUpdate {
            delta,
            windows: self.learned.min(self.windows),
            loss_before: before,
            loss_after: after,
            squares: std::mem::replace(&mut self.adam, Adam::new(0)).into_squares(),
        }
    }
}

impl Known {
    /// None where nothing can be drawn: too short, or constant.
    fn of(at: usize, load: &Load) -> Option<Self> {
        let typical_error = load.seasonal_error(0, load.len());
        let lasts = load.len() > HISTORY_MIN + DAY;
        (lasts && typical_error > 0.0).then_some(Self { at, end: load.len(), typical_error })
    }
}

struct Drawn<'a, L: ?Sized> {
    loads: &'a L,
    known: &'a [Known],
}

impl<L: NodeLoads + ?Sized> Lessons for Drawn<'_, L> {
    fn count(&self) -> usize {
        self.known.len()
    }

    fn end(&self, at: usize) -> usize {
        self.known[at].end
    }

    fn weight(&self, at: usize, origin: usize) -> f32 {
        let Known { at, typical_error, .. } = self.known[at];
        // What is gone is drawn as it comes, and says nothing.
        self.loads.load(at).map_or(f32::INFINITY, |load| weight(&load, origin.min(load.len()), typical_error))
    }
}

/// The loads of windows, as far as they are still there.
fn taken<'a>(
    chunk: &[Pick],
    known: &[Known],
    loads: &'a (impl NodeLoads + ?Sized),
) -> Vec<(Cow<'a, Load>, usize)> {
    chunk.iter().filter_map(|pick| Some((loads.load(known[pick.at].at)?, pick.origin))).collect()
}

fn lessons<'a>(taken: &'a [(Cow<'_, Load>, usize)]) -> Vec<Lesson<'a>> {
    let one = |(load, origin): &'a (Cow<'_, Load>, usize)| Lesson { load, origin: *origin, end: load.len() };
    taken.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use kubeopt_lstm::Shape;

    use super::*;
    use crate::load::tests::{load, lots};
    use crate::shape::{FEATURES, STATICS, TARGETS};

    fn loads() -> Vec<Load> {
        let one = |name: u64| {
            let mut random = lots(name);
            let day = |hour: usize| if (9..17).contains(&(hour % DAY)) { 500.0 } else { 50.0 };
            let values: Vec<f64> = (0..30 * DAY).map(|hour| day(hour) + 100.0 * random()).collect();
            load(values.len(), |hour| values[hour])
        };
        (1..4).map(one).collect()
    }

    fn base() -> Network {
        Network::seeded(Shape { features: FEATURES, statics: STATICS, hidden: 4, targets: TARGETS }, 7)
    }

    fn plan() -> LocalPlan {
        LocalPlan {
            epochs: 2,
            batch: 16,
            rate: 3e-3,
            prox_mu: 0.01,
            clip_norm: 10.0,
            min_windows: 20,
            max_windows: 1000,
            max_cpu_ms: 1000,
            descent: Descent::Adam,
            seed: 1,
        }
    }

    /// Each slice takes 10 ms.
    fn run(plan: LocalPlan, loads: &[Load]) -> Result<(LocalUpdate, u64), OutlookError> {
        let mut trainer = LocalTrainer::new(base(), plan, loads)?;
        let spent = Cell::new(0);
        loop {
            let slice = trainer.step(loads, &|| spent.get())?;
            spent.set(spent.get() + 10);
            if let Slice::Done(update) = slice {
                return Ok((update, spent.get()));
            }
        }
    }

    #[test]
    fn a_node_learns_from_its_own_loads_and_a_seed_decides_all() {
        let (update, _) = run(plan(), &loads()).unwrap();
        assert_eq!((update.windows, update.delta.len()), (66, base().parameters().len()));
        assert!(
            update.loss_after < 0.9 * update.loss_before,
            "{update:?}",
            update = (update.loss_before, update.loss_after)
        );
        assert_eq!(run(plan(), &loads()).unwrap().0, update);
        assert_ne!(run(LocalPlan { seed: 2, ..plan() }, &loads()).unwrap().0.delta, update.delta);
    }

    fn length(update: &LocalUpdate) -> f64 {
        update.delta.iter().map(|part| f64::from(*part).powi(2)).sum::<f64>().sqrt()
    }

    #[test]
    fn it_stays_near_the_base_and_never_goes_further_than_asked() {
        let free = run(LocalPlan { prox_mu: 0.0, epochs: 3, ..plan() }, &loads()).unwrap().0;
        let held = run(LocalPlan { prox_mu: 1.0, epochs: 3, ..plan() }, &loads()).unwrap().0;
        assert!(length(&held) < length(&free), "{} {}", length(&held), length(&free));
        let clipped = run(LocalPlan { clip_norm: 0.01, ..plan() }, &loads()).unwrap().0;
        assert!((length(&clipped) - 0.01).abs() < 1e-5, "{}", length(&clipped));
    }

    #[test]
    fn the_budget_ends_it_with_what_was_learned_by_then() {
        let (update, spent) = run(LocalPlan { max_cpu_ms: 200, ..plan() }, &loads()).unwrap();
        assert!(update.windows == 16 * 4 && spent <= 210, "{} {spent}", update.windows);
        let error = run(LocalPlan { max_cpu_ms: 50, ..plan() }, &loads()).unwrap_err();
        assert_eq!(error, OutlookError::OutOfTime { max_ms: 50 });
    }

    #[test]
    fn the_next_training_knows_how_large_gradients_are() {
        let loads = loads();
        let first = run(plan(), &loads).unwrap().0;
        let next = |before: Squares| {
            let mut trainer = LocalTrainer::new(base(), plan(), &loads[..]).unwrap().after(before);
            loop {
                if let Slice::Done(update) = trainer.step(&loads[..], &|| 0).unwrap() {
                    return update;
                }
            }
        };
        let kept = Squares::from_bytes(&first.squares.to_bytes()).unwrap();
        assert_eq!(kept, first.squares);
        let second = next(kept);
        assert_ne!(second.delta, first.delta);
        assert!(second.loss_after < 0.9 * second.loss_before);
        assert!(length(&second) < 3.0 * length(&first), "{} {}", length(&second), length(&first));
        let other = Squares::from_bytes(&first.squares.to_bytes()[..404]).unwrap();
        assert_eq!(next(other), first, "of another network");
    }

    #[test]
    fn too_little_to_learn_from_is_told_and_strange_plans_and_loads_do_no_harm() {
        let short = [load(HISTORY_MIN + DAY, |hour| (hour % 5) as f64), load(900, |_| 3.0)];
        let error = LocalTrainer::new(base(), plan(), &short[..]).unwrap_err();
        assert_eq!(error, OutlookError::TooFewWindows { have: 0, need: 20 });
        let strange = LocalPlan {
            epochs: 0,
            batch: 0,
            rate: f32::NAN,
            prox_mu: f32::INFINITY,
            clip_norm: -1.0,
            ..plan()
        };
        let (update, _) = run(LocalPlan { max_cpu_ms: 10_000, ..strange }, &loads()).unwrap();
        assert!(update.delta.iter().all(|part| *part == 0.0));
    }

    #[test]
    fn containers_that_go_away_between_slices_say_nothing_any_more() {
        let loads = loads();
        let mut trainer = LocalTrainer::new(base(), plan(), &loads[..]).unwrap();
        let mut last = Slice::More;
        for slice in 0..1000 {
            let left = if slice < 10 { &loads[..] } else { &loads[..1] };
            last = trainer.step(left, &|| 0).unwrap();
            if last != Slice::More {
                break;
            }
        }
        assert!(matches!(last, Slice::Done(update) if update.loss_after.is_finite()));
    }
}
