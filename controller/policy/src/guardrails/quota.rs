//! ResourceQuotas: a raise that admission would reject for want of quota is refused. Pods are counted as the quota counts
//! them, with all replicas, and so is what recommendations that were admitted before in the same pass ask for.

use kubeopt_model::cluster::Quota;
use kubeopt_model::recommendation::Member;
use kubeopt_model::{Amount, Bound, ClusterName, Field};

use crate::guardrails::guardrail::{Guardrail, Judgement};
use crate::promised::growth;
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
    let context = wanted.context;
    let more = growth(wanted.recommendation, context.facts, field, cluster, &quota.namespace);
    let promised = context.promised.more(cluster, &quota.namespace, field);
    // More of a container that another one of its pod outweighs asks for nothing.
    if more <= 0 || i128::from(used) + promised + more <= i128::from(hard.base()) {
        return None;
    }
    let amount = |base: i128| Amount::from_base(field.resource, u64::try_from(base).unwrap_or(u64::MAX));
    let others = match promised {
        0 => String::new(),
        promised => format!(" and {} asked for by other proposals", amount(promised)),
    };
    Some(format!(
        "ResourceQuota {}/{} allows {field} of {hard}, {} are used{others}: {} more would be rejected",
        quota.namespace,
        quota.name,
        amount(i128::from(used)),
        amount(more)
    ))
}
