//! Values that a person gave: they stand in the place of what the rules say, and of every reason to leave a field alone.
//! Guardrails come after, and hold for them too.

use kubeopt_model::recommendation::{Effect, SET_BY_HAND};
use kubeopt_model::{Amount, Field, Reason};

use crate::evidence::Evidence;
use crate::settle::SitedField;
use crate::sizing::Sizing;

/// A value that a person gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenValue {
    /// The field.
    pub field: Field,
    /// The value, exactly as it shall stand.
    pub value: Amount,
    /// Who gave it and where, as a sentence without a full stop.
    pub text: String,
}

/// Puts given values in the place of what was sized.
pub(crate) fn give(sizing: &mut Sizing, given: &[GivenValue]) {
    for GivenValue { field, value, text } in given {
        sizing.left.retain(|(left, _)| left != field);
        sizing.removes.retain(|removed| removed != field);
        sizing.resources.set(field.bound, *value);
        for earlier in sizing.reasons.iter_mut().filter(|earlier| earlier.field == *field) {
            earlier.bound = false;
        }
        let (rule, effect) = (SET_BY_HAND.to_owned(), Effect::Prefer(*value));
        let reason = Reason { rule, field: *field, effect, bound: true, text: text.clone() };
        sizing.reasons.push(reason);
    }
}

/// The value that was given to a scalar; the largest, where it was given several through containers that share it.
pub(crate) fn given_at(site: &SitedField, members: &[Evidence]) -> Option<Amount> {
    let of_member = |index: &usize| {
        let given = members[*index].given.iter().filter(|given| given.field == site.field);
        given.map(|given| given.value).max()
    };
    site.members.iter().filter_map(of_member).max()
}
