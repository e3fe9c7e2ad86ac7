//! Requests that cannot be created after all: the rest of their recommendation goes on.
//!
//! Pure. Why one is not created is found by the stage that proves.

use kubeopt_model::recommendation::SiteAddition;
use kubeopt_model::{NoRecommendation, Recommendation};
use kubeopt_recommend::CREATE_REQUEST;

use crate::pricing::{PricesByCluster, price};

/// The recommendation without the additions that `stays_out` names; the fields are left with the reason, and its members
/// priced anew. None where nothing would be left of it.
pub(crate) fn leave_out(
    recommendation: &Recommendation,
    stays_out: &dyn Fn(&SiteAddition) -> bool,
    why: &NoRecommendation,
    prices: &PricesByCluster,
) -> Option<Recommendation> {
    let mut without = recommendation.clone();
    let (out, kept) = without.additions.into_iter().partition::<Vec<_>, _>(|addition| stays_out(addition));
    without.additions = kept;
    for SiteAddition { field, containers, .. } in out {
        for member in without.members.iter_mut().filter(|member| containers.contains(&member.container)) {
            match member.resources.before.get(field) {
                Some(before) => member.resources.after.set(field.bound, before),
                None => member.resources.after.unset(field),
            }
        }
        if without.additions.iter().all(|addition| addition.field != field) {
            without.reasons.retain(|reason| reason.field != field || reason.rule != CREATE_REQUEST);
        }
        let left = (field, why.clone());
        if !without.left.contains(&left) {
            without.left.push(left);
        }
    }
    price(&mut [&mut without], prices);
    (!without.is_empty()).then_some(without)
}
