//! Requests that nothing in Git sets: created where that suits every container that gets them, and said so.

use kubeopt_model::recommendation::{Effect, SiteAddition};
use kubeopt_model::workload::{QosClass, qos_class};
use kubeopt_model::{Amount, Bound, Field, NoRecommendation, Reason, Resources};

use super::demand::{Demand, SitedField, Values, resources_after};
use crate::evidence::Evidence;
use crate::sizing::Sizing;

/// The rule that reasons of created requests carry.
pub const CREATE_REQUEST: &str = "create-request";

/// The request that satisfies all containers that would get it; none as soon as one of them may not have it: too little
/// is known of it, an HPA would begin to scale on it, or a limit stands for it.
pub(super) fn settle(site: &SitedField, sizings: &[Sizing]) -> Option<Amount> {
    let wanted = site.members.iter().map(|index| {
        let sizing = &sizings[*index];
        sizing.resources.get(site.field).filter(|_| sizing.left_because(site.field).is_none())
    });
    wanted.collect::<Option<Vec<Amount>>>()?.into_iter().max()
}

/// No created request may end above a limit: it comes down to it where that suits all others that get it, else it is not
/// created, for which the reason is given.
pub(super) fn keep_within_limits(
    demand: &Demand,
    sizings: &[Sizing],
    values: &mut Values,
) -> Vec<(Field, NoRecommendation)> {
    let mut left = Vec::new();
    for (at, site) in demand.sites.iter().enumerate() {
        let (None, Some(value)) = (site.value, values[at]) else { continue };
        let limit_of = |index: usize| {
            resources_after(demand, index, values).get(Field { bound: Bound::Limit, ..site.field })
        };
        let Some(lowest) = site.members.iter().filter_map(|index| limit_of(*index)).min() else { continue };
        if value <= lowest {
            continue;
        }
        let suits = |index: &usize| {
            let wanted = sizings[*index].resources.get(site.field);
            wanted.min(limit_of(*index).or(wanted)) <= Some(lowest)
        };
        values[at] = site.members.iter().all(suits).then_some(lowest);
        if values[at].is_none() {
            let text = format!(
                "not created: one line would give {value} to containers of which one has a limit of {lowest}"
            );
            left.push((site.field, NoRecommendation::Refused { guardrail: CREATE_REQUEST.to_owned(), text }));
        }
    }
    left
}

/// What is created, sorted by place.
pub(super) fn additions(demand: &Demand, values: &Values) -> Vec<SiteAddition> {
    let addition = |(site, value): (&SitedField, &Option<Amount>)| {
        let after = (*value).filter(|_| site.value.is_none())?;
        let mut containers: Vec<_> = site.members.iter().map(|index| demand.members[*index].id()).collect();
        containers.sort();
        let (field, site, feeds) = (site.field, site.site.clone(), site.feeds.clone());
        Some(SiteAddition { field, site, after, feeds, containers })
    };
    let mut additions: Vec<SiteAddition> = demand.sites.iter().zip(values).filter_map(addition).collect();
    additions.sort_by(|a, b| (&a.site.file, a.site.line, a.field).cmp(&(&b.site.file, b.site.line, b.field)));
    additions
}

/// What a member asks for today: as the cluster shows it, with what the pods run with where a request is created.
pub(super) fn filled_in(demand: &Demand, values: &Values, member: usize, before: &mut Resources) {
    let evidence = &demand.members[member];
    for (site, _) in demand
        .sites
        .iter()
        .zip(values)
        .filter(|(site, value)| site.value.is_none() && value.is_some() && site.members.contains(&member))
    {
        if let (None, Some(amount)) =
            (before.effective_request(site.field.resource), evidence.filled_in.get(site.field))
        {
            before.set(site.field.bound, amount);
        }
    }
}

/// One sentence for every created request and container.
pub(super) fn reasons(demand: &Demand, values: &Values, member: usize) -> Vec<Reason> {
    let evidence = &demand.members[member];
    let created = demand.sites.iter().zip(values).filter_map(|(site, value)| {
        let value = (*value).filter(|_| site.value.is_none() && site.members.contains(&member))?;
        Some((site.field, value))
    });
    created
        .map(|(field, value)| Reason {
            rule: CREATE_REQUEST.to_owned(),
            field,
            effect: Effect::Note,
            bound: false,
            text: sentence(demand, values, evidence, field, value),
        })
        .collect()
}

fn sentence(demand: &Demand, values: &Values, evidence: &Evidence, field: Field, value: Amount) -> String {
    let mut text = format!("nothing in Git sets it: {value} is created");
    let limit = Field { bound: Bound::Limit, ..field };
    let now = &evidence.container.resources;
    let cluster_only = now.get(field).or_else(|| {
        evidence.filled_in.get(field).filter(|_| now.effective_request(field.resource).is_none())
    });
    if let Some(there) = cluster_only {
        text.push_str(&format!("; only the cluster says {there}, by a LimitRange, a webhook or a hand"));
    } else if let Some(limit) = now.get(limit) {
        text.push_str(&format!("; until now its limit of {limit} stands for it"));
    }
    let (before, after) = classes(demand, values, evidence);
    if before != after {
        text.push_str(&format!("; the pod's class changes from {before} to {after}"));
    }
    text
}

/// The class of the pod today and with all that is decided together.
fn classes(demand: &Demand, values: &Values, evidence: &Evidence) -> (QosClass, QosClass) {
    let after: Vec<Resources> = evidence
        .workload
        .containers
        .iter()
        .map(|container| {
            let is_it = |other: &Evidence| {
                other.workload.id == evidence.workload.id && other.container.name == container.name
            };
            let member = demand.members.iter().position(is_it);
            member.map_or(container.resources, |index| resources_after(demand, index, values))
        })
        .collect();
    (evidence.workload.qos_class(), qos_class(&after))
}
