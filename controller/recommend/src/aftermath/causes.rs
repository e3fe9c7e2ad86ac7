//! Which signs a change can have worsened, and which fields a sign blames. Knows no data.
//!
//! - Less memory, as a limit, kills the container; as a request, it is the one that the kernel picks when the node runs out
//!   (`oom_score_adj` follows the request). Either restarts it.
//! - A lower CPU limit throttles; what is throttled waits, and may miss its probes and be restarted.
//! - A lower CPU request gives way to neighbours: it waits. It is never throttled for that.
//! - An objective may feel any of them.

use kubeopt_model::outcome::Sign;
use kubeopt_model::{Amount, Bound, Change, Field, Resource, Resources};

/// Signs that the change can have worsened, in the order of [`Sign::ALL`]; none where nothing was lowered or taken away.
pub(super) fn relevant_signs(resources: &Change<Resources>) -> Vec<Sign> {
    Sign::ALL.into_iter().filter(|sign| blamed(*sign, resources).next().is_some()).collect()
}

/// Whether kills can be those of a memory limit that the change lowered.
pub(super) fn lowers_memory_limit(resources: &Change<Resources>) -> bool {
    is_lowered(Field::MEMORY_LIMIT, resources)
}

/// The fields that were lowered or taken away and that can have worsened the sign.
pub(super) fn blamed(sign: Sign, resources: &Change<Resources>) -> impl Iterator<Item = Field> {
    let resources = *resources;
    let lowered = move |field: &Field| is_lowered(*field, &resources);
    Field::ALL.into_iter().filter(lowered).filter(move |field| can_worsen(*field, sign))
}

fn can_worsen(field: Field, sign: Sign) -> bool {
    match (sign, field.resource, field.bound) {
        (Sign::Objective | Sign::Restarts, _, _) | (Sign::OomKills, Resource::Memory, _) => true,
        (Sign::Throttling, Resource::Cpu, Bound::Limit) | (Sign::CpuPressure, Resource::Cpu, _) => true,
        (Sign::OomKills, Resource::Cpu, _)
        | (Sign::Throttling, Resource::Cpu, Bound::Request)
        | (Sign::Throttling | Sign::CpuPressure, Resource::Memory, _) => false,
    }
}

/// A limit that goes takes nothing from its own container. A request that goes is the limit then, or nothing.
fn is_lowered(field: Field, resources: &Change<Resources>) -> bool {
    let of = |side: &Resources| match field.bound {
        Bound::Limit => side.get(field),
        Bound::Request => side.effective_request(field.resource),
    };
    let base = |amount: Option<Amount>| amount.map(Amount::base);
    match (base(of(&resources.before)), base(of(&resources.after))) {
        (Some(before), Some(after)) => after < before,
        (Some(_), None) => field.bound == Bound::Request,
        // A limit that was not there takes what exceeds it.
        (None, Some(_)) => field.bound == Bound::Limit,
        (None, None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::fixture::resources;

    #[test]
    fn a_change_is_blamed_for_what_it_can_do_only() {
        use Sign::{CpuPressure, Objective, OomKills, Restarts, Throttling};
        for (before, after, wanted) in [
            (["1", "2", "1Gi", "2Gi"], ["1", "2", "512Mi", "2Gi"], &[OomKills, Restarts, Objective][..]),
            (["1", "2", "1Gi", "2Gi"], ["1", "2", "1Gi", "1Gi"], &[OomKills, Restarts, Objective]),
            (["1", "2", "1Gi", "2Gi"], ["500m", "2", "1Gi", "2Gi"], &[Restarts, CpuPressure, Objective]),
            (
                ["1", "2", "1Gi", "2Gi"],
                ["1", "1", "1Gi", "2Gi"],
                &[Restarts, Throttling, CpuPressure, Objective],
            ),
            (["1", "2", "1Gi", "2Gi"], ["2", "4", "2Gi", "4Gi"], &[]),
            (["1", "2", "1Gi", "2Gi"], ["1", "", "1Gi", ""], &[]),
            // Without a request the limit stands for it.
            (["", "2", "1Gi", ""], ["1", "2", "1Gi", ""], &[Restarts, CpuPressure, Objective]),
            (["1", "", "1Gi", ""], ["1", "", "1Gi", "1Gi"], &[OomKills, Restarts, Objective]),
        ] {
            let change = Change { before: resources(before), after: resources(after) };
            assert_eq!(relevant_signs(&change), wanted, "{before:?} -> {after:?}");
        }
    }

    #[test]
    fn each_sign_blames_the_fields_that_were_lowered() {
        let change = Change {
            before: resources(["1", "2", "1Gi", "2Gi"]),
            after: resources(["500m", "2", "512Mi", "1Gi"]),
        };
        let blamed = |sign| blamed(sign, &change).collect::<Vec<Field>>();
        assert_eq!(blamed(Sign::OomKills), [Field::MEMORY_REQUEST, Field::MEMORY_LIMIT]);
        assert_eq!(blamed(Sign::CpuPressure), [Field::CPU_REQUEST]);
        assert_eq!(blamed(Sign::Throttling), []);
    }
}
