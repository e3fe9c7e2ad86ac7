//! What units need, before any guardrail looks at it. The costly part of deciding, and no unit's depends on another's:
//! they are sized side by side.
//!
//! Pure but for the threads.

use kubeopt_model::policy::EffectivePolicy;
use kubeopt_model::{NoRecommendation, Recommendation};
use kubeopt_recommend::{Demand, recommend};

use super::demand::Unit;
use super::governed::Governed;
use super::ground::{Ground, demand_of};
use crate::panics::caught;
use crate::side_by_side::side_by_side;

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

/// Sizes units, each under its own policy; in their order. One that cannot be sized for a fault of kubeopt's own is left with
/// that, and the others go on.
pub(super) fn need_each(governed: &[Governed], ground: &Ground<'_>) -> Vec<Result<Needed, NoRecommendation>> {
    side_by_side(governed, &|governed: &Governed| {
        let name = || name_of(&governed.unit);
        let needed = caught(&name, || need(&governed.unit, &governed.policy, ground));
        needed.unwrap_or_else(|fault| Err(NoRecommendation::NotEditable(fault)))
    })
}

/// The workload of a unit, or the first of several.
pub(super) fn name_of(unit: &Unit) -> String {
    unit.candidates.first().map_or_else(String::new, |first| first.workload.id.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_panics_is_told_by_its_name_and_the_others_go_on() {
        let all: Vec<u32> = (0..20).collect();
        let done = side_by_side(&all, &|number| {
            caught(&|| format!("prod/shop/deploy/api-{number}"), || match number {
                7 => panic!("index out of {}", "bounds"),
                _ => number * 2,
            })
        });
        for (number, done) in all.iter().zip(&done) {
            match done {
                Ok(value) => assert_eq!(*value, number * 2),
                Err(fault) => {
                    assert_eq!((*number, fault.code.as_str()), (7, "E-RUN-012"));
                    assert!(fault.text.contains("prod/shop/deploy/api-7: index out of bounds"), "{fault}");
                }
            }
        }
        assert_eq!(done.iter().filter(|done| done.is_err()).count(), 1);
    }
}
