//! ResourceQuotas: a raise that admission would reject for want of quota is refused. All replicas are counted, and all
//! containers of the recommendation; other recommendations are not.

use kubeopt_model::cluster::Quota;
use kubeopt_model::recommendation::Member;
use kubeopt_model::{Amount, Bound, ClusterName, Field, Namespace, Resources};

use crate::guardrails::{Guardrail, Judgement};
use crate::wanted::{Removing, Wanted};

pub(super) const GUARDRAIL: Guardrail =
    Guardrail { name: "quota", about: "no raise exceeds the ResourceQuotas of its namespace", judge };

fn judge(wanted: &Wanted<'_>) -> Judgement {
    if !wanted.raises() {
        return Judgement::Pass;
    }
    for member in &wanted.members {
        let id = &member.container.workload;
        let quotas = wanted.facts(&id.cluster).map_or(&[][..], |facts| &facts.quotas);
        for quota in quotas.iter().filter(|quota| quota.namespace == id.namespace) {
            for bound in touched(wanted, member) {
                let field = Field { bound, resource: wanted.resource() };
                if let Some(text) = exceeded(wanted, quota, field, &id.cluster) {
                    return Judgement::Refuse(text);
                }
            }
        }
    }
    Judgement::Pass
}

/// A limit stays where a quota counts limits: a pod without one would be rejected.
pub(super) fn demands(removing: &Removing<'_>) -> Option<String> {
    let field = removing.field;
    removing.members.iter().find_map(|member| {
        let id = &member.container.workload;
        let quotas = removing.context.facts_of(&id.cluster).map_or(&[][..], |facts| &facts.quotas);
        let counts = |quota: &&Quota| quota.namespace == id.namespace && quota.hard.get(field).is_some();
        let quota = quotas.iter().find(counts)?;
        Some(format!(
            "ResourceQuota {}/{} counts {field}: a pod without it would be rejected",
            quota.namespace, quota.name
        ))
    })
}

/// A limit that stands alone counts as the request too.
fn touched(wanted: &Wanted<'_>, member: &Member) -> Vec<Bound> {
    match wanted.field.bound {
        Bound::Limit if wanted.other_bound(member).is_none() => vec![Bound::Limit, Bound::Request],
        Bound::Limit => vec![Bound::Limit],
        Bound::Request => vec![Bound::Request],
    }
}

fn exceeded(wanted: &Wanted<'_>, quota: &Quota, field: Field, cluster: &ClusterName) -> Option<String> {
    let hard = quota.hard.get(field)?;
    let used = quota.used.get(field).map_or(0, Amount::base);
    let more = growth(wanted, field, cluster, &quota.namespace);
    if i128::from(used) + more <= i128::from(hard.base()) {
        return None;
    }
    let amount = |base: i128| Amount::from_base(field.resource, u64::try_from(base).unwrap_or(u64::MAX));
    Some(format!(
        "ResourceQuota {}/{} allows {field} of {hard}, {} are used: {} more would be rejected",
        quota.namespace,
        quota.name,
        amount(i128::from(used)),
        amount(more.max(0))
    ))
}

/// How much more the namespace would ask for, all replicas of all members together.
fn growth(wanted: &Wanted<'_>, field: Field, cluster: &ClusterName, namespace: &Namespace) -> i128 {
    let here = wanted.recommendation.members.iter().filter(|member| {
        &member.container.workload.cluster == cluster && &member.container.workload.namespace == namespace
    });
    here.map(|member| {
        let base = |resources: &Resources| i128::from(counted(resources, field).map_or(0, Amount::base));
        let each = base(&member.resources.after) - base(&member.resources.before);
        each.saturating_mul(i128::from(member.replicas))
    })
    .fold(0, i128::saturating_add)
}

fn counted(resources: &Resources, field: Field) -> Option<Amount> {
    match field.bound {
        Bound::Request => resources.effective_request(field.resource),
        Bound::Limit => resources.get(field),
    }
}
