//! From what was seen to drafts of pull requests, and the report of one pass.

use std::collections::{BTreeMap, BTreeSet};

use kubeopt_model::policy::{EffectivePolicy, SizingStrategy};
use kubeopt_model::pull_request::{PullRequestDraft, branch_name};
use kubeopt_model::recommendation::Member;
use kubeopt_model::source::KnownFrom;
use kubeopt_model::usage::ContainerPoints;
use kubeopt_model::workload::AppliedBy;
use kubeopt_model::{
    ClusterFacts, ClusterName, ContainerId, ContainerRole, NoRecommendation, Prices, Problem, Recommendation,
    RepositoryId, Timestamp, Verification, Window,
};
use kubeopt_recommend::{Fleet, fleet_of};
use kubeopt_report::{PullRequestInput, describe, uses_conventional_commits};

use super::apart::{Apart, unrendered_apart};
use super::change_set::{Admitted, ChangeSet, edit_all, keep_limit, leave_patched, leave_uncreated};
use super::prove::prove;
use super::wanted::{Governed, Ground, Left, UsageByWindow, Wanted, govern, live_units, locate, want};
use crate::codes;
use crate::edges::Edges;
use crate::located::Sites;
use crate::policy_files::PolicyFiles;
use crate::seen::Seen;

/// The rules that look at points look at 14 days of them at most.
const POINTS_S: i64 = 14 * 86_400;

/// A proven change set with its words: nothing is left to decide.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// What changes.
    pub change_set: ChangeSet,
    /// The proofs.
    pub verifications: Vec<Verification>,
    /// The words.
    pub draft: PullRequestDraft,
}

/// All that a pass decided.
#[derive(Debug, Default)]
pub struct Decided {
    /// Ready to be published.
    pub proposals: Vec<Proposal>,
    /// Recommendations that passed the guardrails, proposed or not.
    pub admitted: Vec<Admitted>,
    /// What is left as it is, and why.
    pub left: Vec<Left>,
    /// What was wrong on the way.
    pub problems: Vec<Problem>,
}

impl Edges {
    /// Sizes every container that Git describes.
    ///
    /// # Errors
    /// When usage history cannot be read.
    pub async fn want(&self, seen: &Seen, sites: &Sites, now: Timestamp) -> Result<Wanted, Problem> {
        let facts: Vec<&ClusterFacts> = seen.clusters.values().collect();
        let (units, mut left) = locate(&facts, sites, &self.bindings);
        let files = PolicyFiles::read(self.operator_policy.as_ref(), sites);
        let (governed, refused) = govern(units, &files);
        left.extend(refused);
        let mut wanted = self.size(governed, seen, sites, now).await?;
        wanted.left.extend(left);
        wanted.problems.extend(files.problems());
        Ok(wanted)
    }

    /// Sizes every container that the cluster shows, without Git.
    ///
    /// # Errors
    /// When usage history cannot be read.
    pub async fn want_live(
        &self,
        seen: &Seen,
        now: Timestamp,
        nowhere: &RepositoryId,
    ) -> Result<Wanted, Problem> {
        let facts: Vec<&ClusterFacts> = seen.clusters.values().collect();
        let no_sites = Sites::default();
        let files = PolicyFiles::read(self.operator_policy.as_ref(), &no_sites);
        let (governed, _) = govern(live_units(&facts, nowhere), &files);
        self.size(governed, seen, &no_sites, now).await
    }

    async fn size(
        &self,
        governed: Vec<Governed>,
        seen: &Seen,
        sites: &Sites,
        now: Timestamp,
    ) -> Result<Wanted, Problem> {
        self.on_ground(governed, seen, sites, now, want).await
    }

    /// Reads what sizing needs, and works on it.
    pub(super) async fn on_ground<T>(
        &self,
        governed: Vec<Governed>,
        seen: &Seen,
        sites: &Sites,
        now: Timestamp,
        work: impl FnOnce(Vec<Governed>, &Ground<'_>) -> T,
    ) -> Result<T, Problem> {
        self.progress.stage("sizing", None);
        let facts: Vec<&ClusterFacts> = seen.clusters.values().collect();
        let usage = self.usage_of(&governed, seen, now).await?;
        let points = self.points_of(&governed, now).await?;
        let earlier = self.earlier_of(&governed, now).await?;
        let prices: BTreeMap<_, Option<Prices>> =
            self.clusters.iter().map(|cluster| (cluster.name.clone(), cluster.prices.clone())).collect();
        let ground = Ground {
            facts: &facts,
            usage: &|id: &ContainerId, seconds| usage.get(&seconds)?.get(id).cloned(),
            earlier: &|id: &ContainerId, policy: &EffectivePolicy| {
                let looks_back = policy.sizing.strategy == SizingStrategy::Kubeopt;
                earlier.get(&policy.sizing.history_seconds).filter(|_| looks_back)?.get(id).cloned()
            },
            points: &points,
            fleet: fleet(&governed, &usage),
            prices: &|cluster| prices.get(cluster).cloned().flatten(),
            sites,
            bindings: &self.bindings,
        };
        Ok(work(governed, &ground))
    }

    /// Points of the containers whose strategy needs them: reading them for all would cost more than sizing them.
    async fn points_of(
        &self,
        governed: &[Governed],
        now: Timestamp,
    ) -> Result<BTreeMap<ContainerId, ContainerPoints>, Problem> {
        let sized = governed.iter().flat_map(Governed::sized_under);
        let need = sized.filter(|(_, policy)| policy.sizing.strategy.needs_points());
        let mut by_cluster: BTreeMap<ClusterName, BTreeSet<ContainerId>> = BTreeMap::new();
        for candidate in need.flat_map(|(unit, _)| &unit.candidates) {
            let cluster = candidate.workload.id.cluster.clone();
            by_cluster.entry(cluster).or_default().insert(candidate.id());
        }
        let window = Window::ending(now, POINTS_S);
        let mut points = BTreeMap::new();
        for (cluster, ids) in by_cluster {
            let ids: Vec<ContainerId> = ids.into_iter().collect();
            let found = self.history.points(&cluster, Some(&ids), window).await;
            let found = found.map_err(|error| error.problem())?;
            points.extend(found.into_iter().map(|points| (points.container.clone(), points)));
        }
        Ok(points)
    }

    async fn usage_of(
        &self,
        governed: &[Governed],
        seen: &Seen,
        now: Timestamp,
    ) -> Result<UsageByWindow, Problem> {
        let mut by_window: BTreeMap<i64, BTreeSet<ContainerId>> = BTreeMap::new();
        for each in governed {
            for (unit, policy) in each.sized_under() {
                let ids = unit.candidates.iter().map(|candidate| candidate.id());
                by_window.entry(policy.sizing.history_seconds).or_default().extend(ids);
            }
        }
        let mut usage = UsageByWindow::new();
        for (seconds, ids) in by_window {
            let ids: Vec<ContainerId> = ids.into_iter().collect();
            usage.insert(seconds, self.usage(&ids, seconds, now, seen).await?);
        }
        Ok(usage)
    }

    /// Edits, proves and describes. A change set that fails a step is left with the reason; the others go on.
    pub async fn decide(&self, wanted: Wanted, sites: &Sites, now: Timestamp) -> Decided {
        let Wanted { admitted, left, problems } = wanted;
        let mut decided = Decided { admitted: admitted.clone(), left, problems, proposals: Vec::new() };
        let edited = edit_all(admitted, &|repository, base, path| sites.read(repository, base, path));
        for (recommendation, why) in edited.left {
            decided.left.extend(leave(&recommendation, &why));
        }
        let shown = |change_set: &ChangeSet| self.shows(&change_set.recommendations);
        let change_sets: Vec<ChangeSet> = edited.change_sets.into_iter().filter(shown).collect();
        decided.left.retain(|left| self.shown.covers(&left.workload));
        self.progress.stage("proving", Some(change_sets.len() as u64));
        for change_set in change_sets {
            let (change_set, proven) = self.prove_most(change_set, sites, &mut decided.left, now).await;
            match proven {
                Ok(proposal) => decided.proposals.push(proposal),
                Err(problem) => {
                    let why = NoRecommendation::NotEditable(problem.clone());
                    for recommendation in &change_set.recommendations {
                        decided.left.extend(leave(recommendation, &why));
                    }
                    decided.problems.push(problem);
                }
            }
            self.progress.step();
        }
        // What was left on the way is not admitted any more.
        let gone: BTreeSet<&ContainerId> = decided.left.iter().flat_map(|left| &left.containers).collect();
        decided.admitted.retain(|one| {
            let mut members = one.recommendation.members.iter();
            members.any(|member| !gone.contains(&member.container))
        });
        decided
    }

    /// Proves a change set; a limit that cannot go stays, a request that cannot be created is not, overlays that cannot be
    /// patched are not, and the rest is proven anew.
    async fn prove_most(
        &self,
        mut change_set: ChangeSet,
        sites: &Sites,
        left: &mut Vec<Left>,
        now: Timestamp,
    ) -> (ChangeSet, Result<Proposal, Problem>) {
        // Every round gives up at least one limit, request, patch or recommendation, so there are no more rounds than
        // those.
        loop {
            let proven = self.prove_and_describe(&change_set, sites, left, now).await;
            let problem = match &proven {
                Err(problem) => problem,
                Ok(proposal) => {
                    let Some(apart) = unrendered_apart(proposal) else { return (change_set, proven) };
                    change_set = leave_all(apart, left);
                    continue;
                }
            };
            let without = match problem.code.as_str() {
                codes::UNCOVERED => keep_limit(&change_set, problem).map(|without| (without, Vec::new())),
                codes::SPILLED => leave_uncreated(&change_set, problem, self.prices_of(&change_set)),
                _ => None,
            };
            let Some((without, gone)) = without.or_else(|| leave_patched(&change_set)) else {
                let Some(apart) = self.unproven_apart(&change_set, sites).await else {
                    return (change_set, proven);
                };
                change_set = leave_all(apart, left);
                continue;
            };
            let why = NoRecommendation::NotEditable(problem.clone());
            left.extend(gone.iter().flat_map(|recommendation| leave(recommendation, &why)));
            change_set = without;
        }
    }

    fn prices_of(&self, change_set: &ChangeSet) -> Option<&Prices> {
        let cluster = self.clusters.iter().find(|cluster| cluster.name == change_set.cluster);
        cluster.and_then(|cluster| cluster.prices.as_ref())
    }

    /// Whether something of a change set was asked for.
    fn shows(&self, recommendations: &[Recommendation]) -> bool {
        let mut members = recommendations.iter().flat_map(|recommendation| &recommendation.members);
        members.any(|member| self.shown.covers(&member.container.workload))
    }

    async fn prove_and_describe(
        &self,
        change_set: &ChangeSet,
        sites: &Sites,
        left: &[Left],
        now: Timestamp,
    ) -> Result<Proposal, Problem> {
        let unread = || {
            let text = format!("{} was not read in this pass", change_set.repository);
            Problem::new(codes::NOT_PROVEN, text, "the next pass tries again")
        };
        let trace = sites.trace(&change_set.repository, &change_set.base).ok_or_else(unread)?;
        let verifications = prove(change_set, trace, self.tools(&sites.objects)).await?;
        let left_alone = left_beside(change_set, left);
        let input = PullRequestInput {
            cluster: &change_set.cluster,
            group: &change_set.group,
            label: &change_set.label,
            base: &change_set.base,
            recommendations: &change_set.recommendations,
            left_alone: &left_alone,
            noticed: &sites.notes,
            verifications: &verifications,
            prices: self.prices_of(change_set),
            conventional_title: uses_conventional_commits(&trace.snapshot.subjects),
            repeat_command: None,
            delivered_by: delivered_by(change_set, sites),
            reopen_moved_percent: change_set.policy.pull_requests.reopen_moved_percent,
            reopen_days: change_set.policy.pull_requests.reopen_days,
            labels: &change_set.policy.pull_requests.labels,
            now,
        };
        let described = describe(&self.templates, &input).map_err(|error| error.problem())?;
        let host = &self.forge(&change_set.repository)?.host;
        let draft = PullRequestDraft {
            repository: change_set.repository.clone(),
            base: change_set.base.clone(),
            base_oid: trace.snapshot.commit.clone(),
            branch: branch_name(host, &change_set.repository, &change_set.base, &change_set.group),
            title: described.title,
            is_draft: verifications.iter().any(|verification| verification.by.not_rendered().is_some()),
            body: described.body,
            commit_message: described.commit_message,
            files: change_set.files.clone(),
            labels: change_set.policy.pull_requests.labels.clone(),
            marker: described.marker,
        };
        Ok(Proposal { change_set: change_set.clone(), verifications, draft })
    }
}

/// How large the containers are that are sized together; init containers do not run beside the others.
fn fleet(governed: &[Governed], usage: &UsageByWindow) -> Option<Fleet> {
    let known = governed.iter().flat_map(|each| {
        let of_window = usage.get(&each.policy.sizing.history_seconds);
        let beside = each.unit.candidates.iter().filter(|it| it.container.role != ContainerRole::Init);
        beside.filter_map(move |it| Some((of_window?.get(&it.id())?, it.workload.replicas)))
    });
    fleet_of(known)
}

/// Who rolls out what is merged, where the cluster tells it.
fn delivered_by(change_set: &ChangeSet, sites: &Sites) -> Option<&'static str> {
    let members = change_set.recommendations.iter().flat_map(|recommendation| &recommendation.members);
    let applied = members.filter_map(|member| sites.sources.get(&member.container.workload)?.as_ref().ok());
    applied.map(|source| &source.known_from).find_map(|known_from| match known_from {
        KnownFrom::Applied(AppliedBy::FluxKustomization { .. } | AppliedBy::FluxHelmRelease { .. }) => {
            Some("Flux")
        }
        KnownFrom::Applied(AppliedBy::ArgoApplication { .. }) => Some("Argo CD"),
        KnownFrom::Applied(AppliedBy::Object { .. }) | KnownFrom::Annotated | KnownFrom::Configured => None,
    })
}

/// What was looked at in the same namespaces and left, once per workload and reason.
fn left_beside(change_set: &ChangeSet, left: &[Left]) -> Vec<(String, NoRecommendation)> {
    let namespaces: BTreeSet<_> = change_set
        .recommendations
        .iter()
        .flat_map(|recommendation| &recommendation.members)
        .map(|member| &member.container.workload.namespace)
        .collect();
    let mut beside: Vec<(String, NoRecommendation)> = Vec::new();
    for each in left.iter().filter(|each| namespaces.contains(&each.workload.namespace)) {
        let subject = match each.containers.as_slice() {
            [one] => one.to_string(),
            _ => each.workload.to_string(),
        };
        beside.push((subject, each.why.clone()));
    }
    beside
}

/// What goes on, after what does not is left with its reasons.
fn leave_all(apart: Apart, left: &mut Vec<Left>) -> ChangeSet {
    for (recommendation, problem) in apart.gone {
        left.extend(leave(&recommendation, &NoRecommendation::NotEditable(problem)));
    }
    apart.rest
}

/// Every container of a recommendation that cannot be proposed.
fn leave(recommendation: &Recommendation, why: &NoRecommendation) -> Vec<Left> {
    let one = |member: &Member| Left {
        workload: member.container.workload.clone(),
        containers: vec![member.container.clone()],
        why: why.clone(),
    };
    recommendation.members.iter().map(one).collect()
}
