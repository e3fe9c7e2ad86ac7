//! *Watching*: what became of merges once the cluster showed them. Signs of before and after are read and compared; what did
//! harm is ordered to be taken back, and what was found is said below the merged pull request.
//!
//! How signs are read is the business of `observe`, how they are judged that of `recommend`. The forge is the memory: a merge
//! that has its comment is settled. Uses talking.

mod merged;
mod saving;
mod tell;
pub(crate) mod watches;

use std::collections::BTreeSet;

use kubeopt_api::PolicyFile;
use kubeopt_commands::Wish;
use kubeopt_model::outcome::{
    BadSide, Confounder, Objective, Outcome, RevertOn, Settled, Watched, WindowSigns,
};
use kubeopt_model::policy::{EffectivePolicy, RevertMode};
use kubeopt_model::pull_request::rollback_of;
use kubeopt_model::{Change, Problem, RepositoryId, Timestamp};
use kubeopt_observe::{PodOwners, SignsAsked, SignsRead};
use kubeopt_recommend::{bound_from, settle_outcome};

use crate::edges::{ClusterEdge, Edges};
use crate::located::Sites;
use crate::publishing::{Merge, Merges, Sync};
use crate::seen::Seen;
use crate::talking::{Talk, take_back};

use merged::{Changed, changed, policy_of};
pub use watches::Watches;

/// The key of the comment that says what became of a merge.
const OUTCOME: &str = "outcome";

/// What became of one merge.
#[derive(Debug, Clone)]
pub struct Judged {
    /// The repository.
    pub repository: RepositoryId,
    /// The merged pull request.
    pub number: u64,
    /// Container by container.
    pub outcomes: Vec<Outcome>,
    /// What kubeopt keeps in mind of it; none where it did no harm.
    pub harm: Option<Wish>,
}

/// What a pass learned of merges that are watched.
#[derive(Debug, Default)]
pub struct Watching {
    /// Merges whose watch ended in this pass, with harm or without.
    pub judged: Vec<Judged>,
    /// Merges that are watched still.
    pub waiting: Vec<(RepositoryId, u64)>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

/// The policy that a merge is followed under.
pub(crate) fn policy_of_merge(
    operator: Option<&PolicyFile>,
    merge: &Merge,
    seen: &Seen,
    sites: &Sites,
) -> EffectivePolicy {
    policy_of(operator, merge, &changed(&merge.marker, seen), seen, sites)
}

/// What is compared: a merge, over `soak_s` seconds after the cluster showed it.
struct Compared<'a> {
    merge: &'a Merge,
    merges: &'a Merges,
    seen: &'a Seen,
    soak_s: i64,
    now: Timestamp,
}

impl Edges {
    /// Looks at every merge that the cluster shows and that nothing was said about yet. What did harm is added to the orders.
    pub(crate) async fn watch(
        &self,
        seen: &Seen,
        sites: &Sites,
        merges: &Merges,
        talk: &mut Talk,
        now: Timestamp,
    ) -> Watching {
        let mut watching = Watching::default();
        for merge in merges.merges.iter().filter(|merge| merge.sync == Sync::Synced) {
            if rollback_of(&merge.marker.group).is_some()
                || is_told(talk, merge, OUTCOME)
                || self.is_early(merge, now)
            {
                continue;
            }
            match self.judge(merge, merges, seen, sites, now).await {
                Ok((outcomes, policy, problems)) => {
                    watching.problems.extend(problems);
                    self.settle(merge, (outcomes, &policy), talk, &mut watching, now);
                }
                Err(problem) => watching.problems.push(problem),
            }
        }
        watching
    }

    fn is_early(&self, merge: &Merge, now: Timestamp) -> bool {
        let watches = self.watches.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let next = watches.get(&(merge.repository.clone(), merge.pull.number));
        next.is_some_and(|next| now.as_second() < *next)
    }

    /// Reads both sides of a merge and compares them, container by container; what could not be read of it is a problem.
    async fn judge(
        &self,
        merge: &Merge,
        merges: &Merges,
        seen: &Seen,
        sites: &Sites,
        now: Timestamp,
    ) -> Result<(Vec<Outcome>, EffectivePolicy, Vec<Problem>), Problem> {
        let changed = changed(&merge.marker, seen);
        let policy = policy_of(self.operator_policy.as_ref(), merge, &changed, seen, sites);
        let compared = Compared { merge, merges, seen, soak_s: policy.watch.soak_seconds, now };
        let (watched, problems) = self.both_sides(&compared, &changed, objective(&policy)).await?;
        let on = revert_on(&policy);
        let outcomes = watched.iter().map(|one| settle_outcome(one, &on, now.as_second())).collect();
        Ok((outcomes, policy, problems))
    }

    /// What was told of both sides of a merge, container by container, and what could not be read of it. Nothing before an
    /// hour has passed.
    async fn both_sides(
        &self,
        compared: &Compared<'_>,
        changed: &[Changed],
        objective: Option<Objective>,
    ) -> Result<(Vec<Watched>, Vec<Problem>), Problem> {
        let Compared { merge, merges, seen, soak_s, now } = *compared;
        let synced_unix_s = merge.synced_unix_s.unwrap_or(now.as_second());
        let windows = Watched::windows(synced_unix_s, soak_s, now.as_second());
        let (mut watched, mut problems) = (Vec::new(), Vec::new());
        if windows.after.seconds() == 0 {
            return Ok((watched, problems));
        }
        for cluster in &self.clusters {
            let own: Vec<&Changed> =
                changed.iter().filter(|one| one.container.workload.cluster == cluster.name).collect();
            if own.is_empty() {
                continue;
            }
            let sides = read_sides(cluster, &own, &windows, objective.as_ref(), seen).await?;
            // The same is wrong with both sides, mostly.
            problems.extend(sides.after.problems.iter().cloned());
            watched.extend(own.into_iter().map(|one| Watched {
                container: one.container.clone(),
                resources: one.resources,
                synced_unix_s,
                soak_s,
                sides: Change { before: side(&sides.before, one), after: side(&sides.after, one) },
                others: others(one, merge, merges),
            }));
        }
        Ok((watched, problems))
    }

    fn settle(
        &self,
        merge: &Merge,
        (outcomes, policy): (Vec<Outcome>, &EffectivePolicy),
        talk: &mut Talk,
        watching: &mut Watching,
        now: Timestamp,
    ) {
        let key = (merge.repository.clone(), merge.pull.number);
        let harmed: Vec<&Outcome> =
            outcomes.iter().filter(|one| matches!(one.settled, Settled::Revert { .. })).collect();
        let waits = outcomes.iter().filter_map(|one| match one.settled {
            Settled::Wait { until_unix_s, .. } => Some(until_unix_s),
            Settled::Keep | Settled::Revert { .. } | Settled::NothingClaimed { .. } => None,
        });
        let next = if outcomes.is_empty() { Some(now.as_second()) } else { waits.min() };
        if let (Some(next), true) = (next, harmed.is_empty()) {
            let mut watches = self.watches.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            watches.insert(key.clone(), next);
            watching.waiting.push(key);
            return;
        }
        let harm = harmed.first().map(|first| {
            let takes_back = policy.watch.revert != RevertMode::None;
            let why = format!("after the merge, `{}`: {}", first.container, first.text);
            let days = u32::try_from(policy.watch.freeze_seconds / 86_400).unwrap_or(u32::MAX);
            let lessons = harmed.iter().flat_map(|one| bound_from(one, days, now.as_second())).collect();
            if takes_back {
                order_back(merge, &why, talk);
            }
            Wish::Harm { why, lessons, takes_back }
        });
        let (repository, number) = key;
        watching.judged.push(Judged { repository, number, outcomes, harm });
    }
}

/// The stages of this pass take it back already.
fn order_back(merge: &Merge, why: &str, talk: &mut Talk) {
    let pulls = talk.pulls.get(&merge.repository).map_or(&[][..], Vec::as_slice);
    let back = take_back(&merge.pull, pulls, why.to_owned());
    let orders = talk.orders.0.entry(merge.repository.clone()).or_default();
    if !orders.back.iter().any(|one| one.number == merge.pull.number) {
        orders.back.extend(back);
    }
}

/// Whether kubeopt has said this below the pull request.
fn is_told(talk: &Talk, merge: &Merge, key: &str) -> bool {
    let told = talk.told.get(&merge.repository);
    told.is_some_and(|told| told.contains(&(merge.pull.number, key.to_owned())))
}

async fn read_sides(
    cluster: &ClusterEdge,
    own: &[&Changed],
    windows: &Change<kubeopt_model::Window>,
    objective: Option<&Objective>,
    seen: &Seen,
) -> Result<Change<SignsRead>, Problem> {
    let (Some(metrics), Some(facts)) = (&cluster.metrics, seen.clusters.get(&cluster.name)) else {
        return Ok(Change { before: SignsRead::default(), after: SignsRead::default() });
    };
    let owners = PodOwners::from_facts(facts);
    let containers: BTreeSet<_> = own.iter().map(|one| one.container.clone()).collect();
    let asked = |window| SignsAsked { window, containers: containers.clone(), objective: objective.cloned() };
    let before = metrics.window_signs(&asked(windows.before), &owners).await;
    let after = metrics.window_signs(&asked(windows.after), &owners).await;
    Ok(Change {
        before: before.map_err(|error| error.problem())?,
        after: after.map_err(|error| error.problem())?,
    })
}

/// What was told of one container.
fn side(read: &SignsRead, of: &Changed) -> WindowSigns {
    read.containers.get(&of.container).cloned().unwrap_or_default()
}

fn objective(policy: &EffectivePolicy) -> Option<Objective> {
    let query = policy.watch.slo_promql.clone()?;
    Some(Objective { query, bad: BadSide::Rest })
}

fn revert_on(policy: &EffectivePolicy) -> RevertOn {
    let usual = RevertOn::default();
    RevertOn {
        oom_kills: policy.watch.oom_kills.unwrap_or(usual.oom_kills),
        throttled: policy.watch.throttled_points.map_or(usual.throttled, |points| f64::from(points) / 100.0),
        ..usual
    }
}

/// Other pull requests of kubeopt's own that changed the same workload.
fn others(one: &Changed, merge: &Merge, merges: &Merges) -> Vec<Confounder> {
    let workload = format!("{}/", one.container.workload);
    let other = merges.merges.iter().filter(|other| {
        (&other.repository, other.pull.number) != (&merge.repository, merge.pull.number)
            && other.marker.fields.iter().any(|field| field.container.starts_with(&workload))
    });
    other
        .map(|other| Confounder::OtherChange {
            what: format!("#{} of {}", other.pull.number, other.repository),
            at_unix_s: other.synced_unix_s.unwrap_or(other.pull.updated_unix_s),
        })
        .collect()
}
