//! Limits that the policy wants gone and that have to stay all the same: the rest of their recommendation goes on.
//!
//! Pure. Why a limit stays is found by the stages that edit and prove.

use kubeopt_model::recommendation::{Effect, SiteRemoval};
use kubeopt_model::{Bound, Field, NoRecommendation, Recommendation};

/// The recommendation without the removals that `stays` names; the fields are left with the reason. None where nothing
/// would be left of it, or a request would end above the limit.
pub(crate) fn keep_limits(
    recommendation: &Recommendation,
    stays: &dyn Fn(&SiteRemoval) -> bool,
    why: &NoRecommendation,
) -> Option<Recommendation> {
    // Limits of one field and value cannot be told apart in their containers, so they stay together.
    let kept: Vec<_> = recommendation.removals.iter().filter(|removal| stays(removal)).collect();
    let is_kept = |removal: &&SiteRemoval| {
        kept.iter().any(|other| (other.field, other.before) == (removal.field, removal.before))
    };
    let mut without = recommendation.clone();
    for SiteRemoval { field, before, .. } in recommendation.removals.iter().filter(is_kept) {
        for member in &mut without.members {
            let resources = &mut member.resources;
            if resources.before.get(*field) != Some(*before) || resources.after.get(*field).is_some() {
                continue;
            }
            if resources.after.get(Field { bound: Bound::Request, ..*field }) > Some(*before) {
                return None;
            }
            resources.after.set(field.bound, *before);
        }
        without.reasons.retain(|reason| reason.field != *field || reason.effect != Effect::Remove);
        let left = (*field, why.clone());
        if !without.left.contains(&left) {
            without.left.push(left);
        }
    }
    without.removals.retain(|removal| !is_kept(&removal));
    (!kept.is_empty() && !without.is_empty()).then_some(without)
}
