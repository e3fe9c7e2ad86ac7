//! What units need, before any guardrail looks at it. The costly part of deciding, and no unit's depends on another's:
//! they are sized side by side.
//!
//! Pure but for the threads.

use std::num::NonZeroUsize;
use std::thread;

use kubeopt_model::policy::EffectivePolicy;
use kubeopt_model::{NoRecommendation, Recommendation};
use kubeopt_recommend::{Demand, recommend};

use super::demand::Unit;
use super::wanted::{Governed, Ground, demand_of};

/// Threads at most: what comes after is done by one.
const THREADS_MAX: usize = 8;

/// What a unit needs, with what told it.
pub(super) struct Needed {
    pub(super) demand: Demand,
    pub(super) recommendation: Recommendation,
}

/// Sizes one unit.
pub(super) fn need(
    unit: &Unit,
    policy: &EffectivePolicy,
    ground: &Ground<'_>,
) -> Result<Needed, NoRecommendation> {
    let demand = demand_of(unit, policy, ground)?;
    let recommendation = recommend(&demand)?;
    Ok(Needed { demand, recommendation })
}

/// Sizes units, each under its own policy; in their order.
pub(super) fn need_each(governed: &[Governed], ground: &Ground<'_>) -> Vec<Result<Needed, NoRecommendation>> {
    side_by_side(governed, &|governed: &Governed| need(&governed.unit, &governed.policy, ground))
}

/// What comes of each, in their order; on all processors.
pub(super) fn side_by_side<T: Sync, R: Send>(all: &[T], one: &(dyn Fn(&T) -> R + Sync)) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get).min(THREADS_MAX);
    let share = all.len().div_ceil(threads).max(1);
    let part = |part: &[T]| part.iter().map(one).collect::<Vec<R>>();
    let part = &part;
    thread::scope(|scope| {
        let working: Vec<_> = all.chunks(share).map(|chunk| scope.spawn(move || part(chunk))).collect();
        let ended = working.into_iter().map(|thread| match thread.join() {
            Ok(needed) => needed,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        ended.flatten().collect()
    })
}
