//! The two moves that a guardrail has: not below, for what is lowered, and not above, for what is raised. Neither goes past
//! the value that stands now. What is created has none: it is moved up to the one and down to the other.

use kubeopt_model::quantity::MIB;
use kubeopt_model::{Amount, Resource};

use crate::guardrails::guardrail::Judgement;
use crate::wanted::Wanted;

/// A lowered value stays at `low` or above, and so does a created one. A raised one passes: what stands now was below
/// already.
pub(crate) fn at_least(wanted: &Wanted<'_>, low: Amount, why: impl FnOnce() -> String) -> Judgement {
    let (now, after) = (wanted.value.before, wanted.value.after);
    if after >= low || (wanted.raises() && !wanted.creates) {
        return Judgement::Pass;
    }
    if wanted.creates {
        return Judgement::Cap(low.rounded_up(), why());
    }
    // A readable step is nicer than the bare bound, as long as it still lowers something.
    let readable = low.rounded_up();
    let to = if readable < now { readable } else { low };
    if to < now { Judgement::Cap(to, why()) } else { Judgement::Refuse(why()) }
}

/// A raised value stays at `high` or below. A lowered one passes: what stands now was above already.
pub(crate) fn at_most(wanted: &Wanted<'_>, high: Amount, why: impl FnOnce() -> String) -> Judgement {
    let (now, after) = (wanted.value.before, wanted.value.after);
    if !wanted.raises() || after <= high {
        return Judgement::Pass;
    }
    let readable = whole_mebibytes(high);
    let to = if readable > now { readable } else { high };
    if to > now { Judgement::Cap(to, why()) } else { Judgement::Refuse(why()) }
}

/// Memory rounded down to what a person would write.
fn whole_mebibytes(amount: Amount) -> Amount {
    match amount.resource() {
        Resource::Cpu => amount,
        Resource::Memory => Amount::from_base(Resource::Memory, amount.base() / MIB * MIB),
    }
}

/// `amount` times `ppm` millionths, rounded down; exact for every amount.
pub(crate) fn millionths(amount: Amount, ppm: u64) -> u64 {
    let product = u128::from(amount.base()) * u128::from(ppm) / 1_000_000;
    u64::try_from(product).unwrap_or(u64::MAX)
}

/// A factor of the policy in millionths; what is not a number or negative is nothing.
pub(crate) fn ppm(factor: f64) -> u64 {
    // Policy factors are at most 100: far from the end of u64. The cast is saturating.
    (factor * 1e6).round() as u64
}
