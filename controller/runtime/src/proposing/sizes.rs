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
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get).min(THREADS_MAX);
    let share = governed.len().div_ceil(threads).max(1);
    let one = |part: &[Governed]| -> Vec<_> {
        part.iter().map(|governed| need(&governed.unit, &governed.policy, ground)).collect()
    };
    thread::scope(|scope| {
        let working: Vec<_> = governed.chunks(share).map(|part| scope.spawn(move || one(part))).collect();
        let ended = working.into_iter().map(|thread| match thread.join() {
            Ok(needed) => needed,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        ended.flatten().collect()
    })
}
