//! From what each container wants to one value per scalar in Git.
//!
//! A scalar that feeds several containers gets the largest of what they want. A container that may not move (too little
//! history, partial data) holds the scalar at its present value or above; one whose HPA targets the resource holds it
//! exactly. A limit goes only if all that it feeds can do without it. A request that is not there yet is created only if
//! that suits all that would get it.

mod additions;
mod back;
mod demand;

pub use additions::CREATE_REQUEST;
pub use back::{Back, TAKEN_BACK, give_back};
pub use demand::{Demand, SitedField};

use kubeopt_model::recommendation::{Effect, Member, Risk, SiteChange, SiteRemoval};
use kubeopt_model::{
    Amount, Bound, Change, ContainerUsage, Field, NoRecommendation, Reason, Recommendation, Resource,
    Resources, Window,
};

use crate::evidence::Evidence;
use crate::sizing::{Sizing, size};
use demand::{Values, resources_after, site_of};

/// One recommendation for the demand, or the reason that best explains why there is none.
///
/// # Errors
/// [`NoRecommendation`] when no scalar should change.
pub fn recommend(demand: &Demand) -> Result<Recommendation, NoRecommendation> {
    if !demand.policy.enabled {
        let by = demand.policy.set_by.get("enabled").cloned().unwrap_or_else(|| "the policy".to_owned());
        return Err(NoRecommendation::Disabled { by });
    }
    let sizings: Vec<Sizing> = demand.members.iter().map(|member| size(member, &demand.policy)).collect();
    let mut values: Values =
        demand.sites.iter().map(|site| settle_site(site, &demand.members, &sizings)).collect();
    keep_limits_above_requests(demand, &mut values);
    let not_created = additions::keep_within_limits(demand, &sizings, &mut values);
    let (changes, removals) = (changes(demand, &values), removals(demand, &values));
    let additions = additions::additions(demand, &values);
    if changes.is_empty() && removals.is_empty() && additions.is_empty() {
        return Err(why_nothing(demand, &sizings, not_created));
    }
    let members = members(demand, &values, &sizings);
    let risk = risk(demand, &members);
    let left = left(demand, &sizings, not_created);
    let cures_oom = sizings.iter().any(|sizing| sizing.cures_oom);
    let reasons = reasons(demand, &values, sizings);
    Ok(Recommendation {
        repository: demand.repository.clone(),
        members,
        changes,
        removals,
        additions,
        patches: Vec::new(),
        targets: Vec::new(),
        reasons,
        left,
        risk,
        cures_oom,
    })
}

/// The value that satisfies all containers that the scalar feeds; none if all of them can do without it.
fn settle_site(site: &SitedField, members: &[Evidence], sizings: &[Sizing]) -> Option<Amount> {
    if let Some(given) = given_at(site, members) {
        return Some(given);
    }
    if !site.members.is_empty()
        && site.members.iter().all(|index| sizings[*index].removes.contains(&site.field))
    {
        return None;
    }
    let Some(now) = site.value else { return additions::settle(site, sizings) };
    let mut wanted: Option<Amount> = None;
    for index in &site.members {
        let (member, sizing) = (&members[*index], &sizings[*index]);
        let own = match sizing.left_because(site.field) {
            Some(NoRecommendation::ScaledOnThisResource { .. }) => return Some(now),
            Some(_) => Some(now),
            // The live value may be behind Git; then the sizing kept a field that Git sets.
            None => sizing.resources.get(site.field).or_else(|| member.container.resources.get(site.field)),
        };
        wanted = wanted.max(own);
    }
    Some(wanted.unwrap_or(now))
}

/// The value that was given to a scalar; the largest, where it was given several through containers that share it.
fn given_at(site: &SitedField, members: &[Evidence]) -> Option<Amount> {
    let of_member = |index: &usize| {
        let given = members[*index].given.iter().filter(|given| given.field == site.field);
        given.map(|given| given.value).max()
    };
    site.members.iter().filter_map(of_member).max()
}

/// No pod may end with a request above its limit: the limit's scalar is raised, or the request's is held.
fn keep_limits_above_requests(demand: &Demand, values: &mut Values) {
    for resource in [Resource::Cpu, Resource::Memory] {
        for index in 0..demand.members.len() {
            let at = |bound| site_of(demand, index, Field { bound, resource });
            let after = resources_after(demand, index, values);
            let (request, limit) = (
                after.get(Field { bound: Bound::Request, resource }),
                after.get(Field { bound: Bound::Limit, resource }),
            );
            let (Some(request), Some(limit)) = (request, limit) else { continue };
            // A limit is not raised for a request that is created: that one stays within it.
            let is_created = |site: usize| demand.sites[site].value.is_none() && values[site].is_some();
            if request <= limit || at(Bound::Request).is_some_and(is_created) {
                continue;
            }
            match (at(Bound::Limit), at(Bound::Request)) {
                (Some(site), _) => values[site] = values[site].max(Some(request)),
                (None, Some(site)) => values[site] = Some(limit),
                (None, None) => {}
            }
        }
    }
}

fn changes(demand: &Demand, values: &Values) -> Vec<SiteChange> {
    let mut changes: Vec<SiteChange> = demand
        .sites
        .iter()
        .zip(values)
        .filter_map(|(site, value)| Some((site, Change { before: site.value?, after: (*value)? })))
        .filter(|(_, value)| !value.is_none())
        .map(|(site, value)| SiteChange {
            field: site.field,
            site: site.site.clone(),
            value,
            feeds: site.feeds.clone(),
            written: None,
        })
        .collect();
    changes.sort_by(|a, b| (&a.site.file, a.site.line, a.field).cmp(&(&b.site.file, b.site.line, b.field)));
    changes
}

fn removals(demand: &Demand, values: &Values) -> Vec<SiteRemoval> {
    let mut removals: Vec<SiteRemoval> = demand
        .sites
        .iter()
        .zip(values)
        .filter(|(_, value)| value.is_none())
        .filter_map(|(site, _)| Some((site, site.value?)))
        .map(|(site, before)| SiteRemoval {
            field: site.field,
            site: site.site.clone(),
            before,
            feeds: site.feeds.clone(),
        })
        .collect();
    removals.sort_by(|a, b| (&a.site.file, a.site.line, a.field).cmp(&(&b.site.file, b.site.line, b.field)));
    removals
}

fn members(demand: &Demand, values: &Values, sizings: &[Sizing]) -> Vec<Member> {
    let mut members: Vec<Member> = demand
        .members
        .iter()
        .enumerate()
        .filter_map(|(index, evidence)| {
            let usage = usage_of(demand, evidence)?;
            let mut before = evidence.container.resources;
            for site in demand.sites.iter().filter(|site| site.members.contains(&index)) {
                if let Some(value) = site.value {
                    before.set(site.field.bound, value);
                }
            }
            additions::filled_in(demand, values, index, &mut before);
            let resources = Change { before, after: resources_after(demand, index, values) };
            let replicas = evidence.workload.replicas;
            // What it costs is told by the prices of the nodes, which only the caller knows.
            let (cost, timed, terms) = (None, Vec::new(), sizings[index].terms.clone());
            let (container, confidence, foretold) = (evidence.id(), None, evidence.foretold.clone());
            Some(Member { container, replicas, resources, usage, cost, timed, terms, confidence, foretold })
        })
        .collect();
    members.sort_by(|a, b| a.container.cmp(&b.container));
    members
}

/// What a member's values rest on. One whose values were all given needs no sample.
fn usage_of(demand: &Demand, evidence: &Evidence) -> Option<ContainerUsage> {
    let unseen = || {
        let window = Window { from_unix_s: -demand.policy.sizing.history_seconds, to_unix_s: 0 };
        ContainerUsage::unseen(evidence.id(), window)
    };
    evidence.usage.clone().or_else(|| (!evidence.given.is_empty()).then(unseen))
}

/// The most telling reason: a refusal to edit before a freeze, a freeze before a gate, a gate before "already right".
fn why_nothing(
    demand: &Demand,
    sizings: &[Sizing],
    not_created: Vec<(Field, NoRecommendation)>,
) -> NoRecommendation {
    if demand.sites.is_empty()
        && let Some((_, _, problem)) = demand.refused.first()
    {
        return NoRecommendation::NotEditable(problem.clone());
    }
    // Whatever else is missing: it is for the freeze to end first.
    if let Some(freeze) = demand.members.iter().find_map(|member| member.frozen.as_ref()) {
        return freeze.refusal();
    }
    let requests = [Field::CPU_REQUEST, Field::MEMORY_REQUEST];
    sizings
        .iter()
        .flat_map(|sizing| requests.iter().filter_map(|field| sizing.left_because(*field)))
        .next()
        .cloned()
        .or_else(|| not_created.into_iter().next().map(|(_, why)| why))
        .unwrap_or(NoRecommendation::AlreadyRight)
}

fn left(
    demand: &Demand,
    sizings: &[Sizing],
    not_created: Vec<(Field, NoRecommendation)>,
) -> Vec<(Field, NoRecommendation)> {
    let refused = demand
        .refused
        .iter()
        .map(|(_, field, problem)| (*field, NoRecommendation::NotEditable(problem.clone())));
    let mut left: Vec<(Field, NoRecommendation)> = sizings
        .iter()
        .flat_map(|sizing| sizing.left.iter().cloned())
        .chain(refused)
        .chain(not_created)
        .collect();
    left.sort_by_key(|(field, _)| *field);
    left.dedup();
    left
}

fn reasons(demand: &Demand, values: &Values, sizings: Vec<Sizing>) -> Vec<Reason> {
    let mut reasons: Vec<Reason> = Vec::new();
    for (index, sizing) in sizings.into_iter().enumerate() {
        let settled =
            sizing.reasons.into_iter().filter_map(|reason| as_settled(demand, values, index, reason));
        for reason in settled.chain(additions::reasons(demand, values, index)) {
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
    }
    reasons
}

/// A removal that is not made says so; where the limit is not in Git, the reason stands with the fields that are left.
fn as_settled(demand: &Demand, values: &Values, member: usize, reason: Reason) -> Option<Reason> {
    if reason.effect != Effect::Remove {
        return Some(reason);
    }
    match values[site_of(demand, member, reason.field)?] {
        None => Some(reason),
        Some(value) => {
            let text =
                "stays although the policy wants none: another container that the same line feeds needs it";
            Some(Reason { effect: Effect::AtLeast(value), text: text.to_owned(), ..reason })
        }
    }
}

/// Below this coverage a lowered value is a guess.
const THIN_COVERAGE: f64 = 0.9;
/// Below this many days a weekly rhythm may not have been seen twice.
const SHORT_WINDOW_DAYS: f64 = 14.0;

fn risk(demand: &Demand, members: &[Member]) -> Risk {
    let lowers = |member: &Member, resource| {
        let requests = member.resources.map(|side| side.effective_request(resource));
        requests.after < requests.before
    };
    let mut risk = Risk::Low;
    for member in members {
        // Without a memory limit one container can take what its neighbours on the node need.
        let limits = member.resources.map(|side| side.limits.memory.is_some());
        if limits.before && !limits.after {
            risk = Risk::High;
        }
        for resource in [Resource::Cpu, Resource::Memory].into_iter().filter(|r| lowers(member, *r)) {
            let coverage = member.usage.resource(resource).map_or(0.0, |usage| usage.coverage.ratio());
            let base = |side: Resources| side.effective_request(resource).map_or(0, Amount::base);
            let halves = resource == Resource::Memory
                && base(member.resources.after) * 2 < base(member.resources.before);
            if coverage < THIN_COVERAGE {
                risk = Risk::High;
            } else if halves || member.usage.seen.days() < SHORT_WINDOW_DAYS {
                risk = risk.max(Risk::Medium);
            }
        }
    }
    if demand.members.iter().any(|evidence| evidence.usage.is_none()) { Risk::High } else { risk }
}

#[cfg(test)]
mod additions_tests;
#[cfg(test)]
mod given_tests;
#[cfg(test)]
mod tests;
