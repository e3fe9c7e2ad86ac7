//! The gate: without enough history nothing moves.

use kubeopt_model::policy::EffectivePolicy;
use kubeopt_model::{ContainerRole, Field, NoRecommendation, Resource};

use super::rule::Rule;
use super::say::Say;
use crate::draft::Draft;
use crate::evidence::Evidence;

pub(super) const RULE: Rule =
    Rule { name: "history", about: "leaves a resource alone until there is enough history", speak };

fn speak(evidence: &Evidence, policy: &EffectivePolicy, _: &Draft) -> Vec<Say> {
    Field::ALL
        .into_iter()
        .filter_map(|field| {
            let why = too_little(evidence, policy, field.resource)?;
            let text = why.sentence();
            Some(Say::Leave(field, why, text))
        })
        .collect()
}

fn too_little(evidence: &Evidence, policy: &EffectivePolicy, resource: Resource) -> Option<NoRecommendation> {
    let Some(usage) = &evidence.usage else { return Some(NoRecommendation::NoUsage) };
    if usage.resource(resource).is_none() {
        return Some(NoRecommendation::NoUsage);
    }
    // What ends is known by its runs, not by the days between them.
    if evidence.workload.id.kind.is_batch() || evidence.container.role == ContainerRole::Init {
        let need = policy.sizing.min_runs;
        return (usage.pods < need).then_some(NoRecommendation::TooFewRuns { have: usage.pods, need });
    }
    let (have_seconds, need_seconds) = (usage.seen.seconds(), policy.sizing.min_history_seconds);
    (have_seconds < need_seconds).then_some(NoRecommendation::TooLittleHistory { have_seconds, need_seconds })
}

#[cfg(test)]
mod tests {
    use kubeopt_model::{ContainerRole, NoRecommendation, WorkloadKind};

    use crate::rules::fixture::{Case, DAY};
    use crate::size;

    #[test]
    fn leaves_everything_alone_below_the_minimum_and_says_what_is_missing() {
        let case = Case::serving().seen_days(3);
        let sizing = size(&case.evidence(), &case.policy);
        assert_eq!(sizing.resources, case.resources);
        assert_eq!(sizing.left.len(), 4);
        let want = NoRecommendation::TooLittleHistory { have_seconds: 3 * DAY, need_seconds: 7 * DAY };
        assert_eq!(sizing.left[0].1, want);
        assert_eq!(want.sentence(), "too little history: 3.0 of 7.0 days");
    }

    #[test]
    fn counts_runs_for_jobs_instead_of_days() {
        let mut case = Case::serving().seen_days(1);
        case.kind = WorkloadKind::CronJob;
        case.pods = 2;
        let left = size(&case.evidence(), &case.policy).left;
        assert_eq!(left[0].1, NoRecommendation::TooFewRuns { have: 2, need: 5 });
        case.pods = 5;
        assert!(size(&case.evidence(), &case.policy).left.is_empty());
    }

    #[test]
    fn an_init_container_is_known_by_its_runs_and_a_native_sidecar_by_its_days() {
        let mut case = Case::serving().seen_days(1);
        case.pods = 2;
        let left = |role, pods| {
            let mut evidence = case.evidence();
            evidence.container.role = role;
            if let Some(usage) = &mut evidence.usage {
                usage.pods = pods;
            }
            size(&evidence, &case.policy).left.into_iter().next().map(|(_, why)| why)
        };
        assert_eq!(left(ContainerRole::Init, 2), Some(NoRecommendation::TooFewRuns { have: 2, need: 5 }));
        assert_eq!(left(ContainerRole::Init, 5), None);
        let too_little = NoRecommendation::TooLittleHistory { have_seconds: DAY, need_seconds: 7 * DAY };
        assert_eq!(left(ContainerRole::Sidecar, 5), Some(too_little));
    }

    #[test]
    fn no_sample_is_not_zero_usage() {
        let case = Case::serving();
        let mut evidence = case.evidence();
        evidence.usage = None;
        let sizing = size(&evidence, &case.policy);
        assert_eq!(sizing.resources, case.resources);
        assert!(sizing.left.iter().all(|(_, why)| *why == NoRecommendation::NoUsage));
    }
}
