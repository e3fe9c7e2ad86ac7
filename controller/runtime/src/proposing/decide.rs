//! From what was seen to drafts of pull requests, and the report of one pass.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use kubeopt_model::policy::{EffectivePolicy, SizingStrategy};
use kubeopt_model::recommendation::least_confidence;
use kubeopt_model::usage::ContainerPoints;
use kubeopt_model::{
    ClusterFacts, ClusterName, ContainerId, ContainerRole, ContainerUsage, NoRecommendation, Problem,
    Recommendation, RepoPath, RepositoryId, Timestamp, Window,
};
use kubeopt_recommend::{EarlierDays, PastFleets, fleet_of};

use super::admitted::{Admitted, Wanted};
use super::ahead::Ahead;
use super::apart::{Apart, unrendered_apart};
use super::billing::{bill_of, bills};
use super::change_set::{
    ChangeSet, edit_all, group_key, keep_limit, leave_patched, leave_targets, leave_uncreated,
};
use super::demand::Unit;
use super::described::Beside;
use super::filled_in::PodsOf;
use super::governed::Governed;
use super::ground::{EarlierByWindow, Foretold, Ground, UsageByWindow};
use super::left::{Left, leave_members};
use super::owners::AllOwners;
use super::proposal::{Decided, Proposal, Proven, unread};
use super::prove::prove;
use super::taken_back::{taken_back, want_back};
use super::wanted::{govern, govern_back, leave_ignored, live_units, locate, want};
use crate::codes;
use crate::edges::Edges;
use crate::located::Sites;
use crate::orders::AllOrders;
use crate::policy_files::PolicyFiles;
use crate::pricing::PricesByCluster;
use crate::seen::Seen;

/// The rules that look at points look at 14 days of them at most.
const POINTS_S: i64 = 14 * 86_400;

/// What sizing is told from outside.
pub(super) struct Given<'a> {
    /// Facts and usage.
    pub(super) seen: &'a Seen,
    /// The repositories.
    pub(super) sites: &'a Sites,
    /// What people asked for.
    pub(super) orders: &'a AllOrders,
    /// Of whom load is foretold.
    pub(super) foretold: Foretold,
    /// Now.
    pub(super) now: Timestamp,
}

impl Edges {
    /// Sizes every container that Git describes.
    ///
    /// # Errors
    /// When usage history cannot be read.
    pub async fn want(
        &self,
        seen: &Seen,
        sites: &Sites,
        orders: &AllOrders,
        now: Timestamp,
    ) -> Result<Wanted, Problem> {
        let facts: Vec<&ClusterFacts> = seen.clusters.values().collect();
        let (units, mut left) = locate(&facts, sites, &self.bindings);
        let files = PolicyFiles::read(self.operator_policy.as_ref(), &seen.policies, sites);
        let (backs, units, stays) = taken_back(units, orders);
        left.extend(stays);
        let (governed, refused) = govern(units, &files);
        left.extend(refused);
        let (governed, ignored) = leave_ignored(governed, orders);
        left.extend(ignored);
        let governed = self.find_scale_targets(governed, sites, &files).await;
        let given = Given { seen, sites, orders, foretold: Foretold::Proposed, now };
        let mut wanted = self.on_ground(governed, &given, want).await?;
        if !backs.is_empty() {
            let governed = backs.iter().map(|back| govern_back(&back.unit, &files)).collect();
            let back =
                self.on_ground(governed, &given, |governed, ground| want_back(&backs, &governed, ground));
            let back = back.await?;
            wanted.admitted.extend(back.admitted);
            wanted.left.extend(back.left);
        }
        wanted.left.extend(left);
        self.foretelling.end_pass();
        wanted.problems.extend(self.foretelling.refused());
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
        let files = PolicyFiles::read(self.operator_policy.as_ref(), &seen.policies, &no_sites);
        let (governed, _) = govern(live_units(&facts, nowhere), &files);
        let none = AllOrders::default();
        let foretold = Foretold::Raised;
        let given = Given { seen, sites: &no_sites, orders: &none, foretold, now };
        let wanted = self.on_ground(governed, &given, want).await?;
        self.foretelling.end_pass();
        Ok(wanted)
    }

    /// Reads what sizing needs, and works on it.
    pub(super) async fn on_ground<T>(
        &self,
        governed: Vec<Governed>,
        given: &Given<'_>,
        work: impl FnOnce(Vec<Governed>, &Ground<'_>) -> T,
    ) -> Result<T, Problem> {
        let Given { seen, sites, orders, foretold, now } = *given;
        self.progress.stage("sizing", None);
        let facts: Vec<&ClusterFacts> = seen.clusters.values().collect();
        let usage = self.usage_of(&governed, seen, now).await?;
        let points = self.points_of(&governed, now).await?;
        let earlier = self.earlier_of(&governed, now).await?;
        let pods = PodsOf::of(&facts);
        let known = known(&governed, &usage, &earlier);
        let fleet = fleet_of(known.iter().map(|known| (known.usage, known.replicas)));
        // Only what is proposed looks at past days.
        let past_fleets = LazyLock::new(|| {
            let mut fleets = PastFleets::default();
            known.iter().for_each(|known| fleets.add(known.usage, known.earlier, known.replicas));
            fleets
        });
        let ahead = Ahead::of(&self.foretelling, &usage, &earlier, now);
        let ground = Ground {
            facts: &facts,
            pods: &pods,
            usage: &|id: &ContainerId, seconds| usage.get(&seconds)?.get(id).cloned(),
            earlier: &|id: &ContainerId, policy: &EffectivePolicy| {
                let looks_back = policy.sizing.strategy == SizingStrategy::Kubeopt;
                earlier.get(&policy.sizing.history_seconds).filter(|_| looks_back)?.get(id).cloned()
            },
            points: &points,
            findings: &seen.findings,
            gpus: &seen.gpus,
            foretold: &|id: &ContainerId| ahead.get(id),
            foretell: &|unit: &[&Unit]| ahead.tell(unit),
            foretold_of: foretold,
            fleet,
            fleet_at: &|day_unix_s| past_fleets.at(day_unix_s),
            kept_pasts: &self.kept_pasts,
            prices: &seen.prices,
            sites,
            bindings: &self.bindings,
            orders,
            now_unix_s: now.as_second(),
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
    pub async fn decide(
        &self,
        wanted: Wanted,
        seen: &Seen,
        sites: &Sites,
        orders: &AllOrders,
        now: Timestamp,
    ) -> Decided {
        let Wanted { admitted, left, problems } = wanted;
        let mut decided = Decided { admitted: admitted.clone(), left, problems, ..Decided::default() };
        let read =
            |repository: &RepositoryId, base: &str, path: &RepoPath| sites.read(repository, base, path);
        let (owners, unread) = AllOwners::read(self, sites);
        decided.problems.extend(unread);
        let group = |admitted: &Admitted| group_key(admitted, orders, owners.team(admitted));
        let edited = edit_all(admitted, &read, &seen.prices, &group);
        for (recommendation, why) in edited.left {
            decided.left.extend(leave_members(&recommendation, &why));
        }
        let shown = |change_set: &ChangeSet| self.shows(&change_set.recommendations);
        let change_sets: Vec<ChangeSet> = edited.change_sets.into_iter().filter(shown).collect();
        decided.left.retain(|left| self.shown.covers(&left.workload));
        self.progress.stage("proving", Some(change_sets.len() as u64));
        let mut proven = Vec::new();
        for change_set in change_sets {
            match self.prove_most(change_set, sites, &mut decided.left, &seen.prices).await {
                Ok(one) => proven.push(one),
                Err((change_set, problem)) => decided.give_up(&change_set, problem),
            }
            self.progress.step();
        }
        // Savings do not add up, so what leaves the bill is known once all that is proposed is.
        for (one, bill) in bills(proven, seen) {
            match self.describe(&one, &bill, &Beside { seen, sites, left: &decided.left, now }) {
                Ok(draft) => {
                    let Proven { change_set, verifications } = one;
                    let owners = owners.reviewers(&change_set).unwrap_or_else(|problem| {
                        decided.problems.push(problem);
                        Vec::new()
                    });
                    let confidence = least_confidence(&change_set.recommendations);
                    let proposal = Proposal { change_set, verifications, bill, draft, owners, confidence };
                    decided.proposals.push(proposal);
                }
                Err(problem) => decided.give_up(&one.change_set, problem),
            }
        }
        decided.bill = bill_of(&decided.proposals, seen);
        // What was left on the way is not admitted any more.
        let gone: BTreeSet<&ContainerId> = decided.left.iter().flat_map(|left| &left.containers).collect();
        decided.admitted.retain(|one| {
            let mut members = one.recommendation.members.iter();
            members.any(|member| !gone.contains(&member.container))
        });
        decided
    }

    /// Proves a change set; a limit that cannot go stays, a request that cannot be created is not, one whose target does
    /// not move with it stays, overlays that cannot be patched are not, and the rest is proven anew.
    async fn prove_most(
        &self,
        mut change_set: ChangeSet,
        sites: &Sites,
        left: &mut Vec<Left>,
        prices: &PricesByCluster,
    ) -> Result<Proven, (ChangeSet, Problem)> {
        // Every round gives up at least one limit, request, patch or recommendation, so there are no more rounds than
        // those.
        loop {
            let problem = match self.prove(&change_set, sites).await {
                Err(problem) => problem,
                Ok(proven) => {
                    let Some(apart) = unrendered_apart(&proven) else { return Ok(proven) };
                    change_set = leave_all(apart, left);
                    continue;
                }
            };
            let without = match problem.code.as_str() {
                codes::UNCOVERED => keep_limit(&change_set, &problem).map(|without| (without, Vec::new())),
                codes::SPILLED => leave_uncreated(&change_set, &problem, prices),
                codes::TARGET_UNPROVEN => leave_targets(&change_set, &problem, prices),
                _ => None,
            };
            let Some((without, gone)) = without.or_else(|| leave_patched(&change_set)) else {
                let Some(apart) = self.unproven_apart(&change_set, sites).await else {
                    return Err((change_set, problem));
                };
                change_set = leave_all(apart, left);
                continue;
            };
            let why = NoRecommendation::NotEditable(problem.clone());
            left.extend(gone.iter().flat_map(|recommendation| leave_members(recommendation, &why)));
            change_set = without;
        }
    }

    /// Whether something of a change set was asked for.
    fn shows(&self, recommendations: &[Recommendation]) -> bool {
        let mut members = recommendations.iter().flat_map(|recommendation| &recommendation.members);
        members.any(|member| self.shown.covers(&member.container.workload))
    }

    async fn prove(&self, change_set: &ChangeSet, sites: &Sites) -> Result<Proven, Problem> {
        let trace =
            sites.trace(&change_set.repository, &change_set.base).ok_or_else(|| unread(change_set))?;
        let verifications = prove(change_set, trace, self.tools(&sites.objects)).await?;
        Ok(Proven { change_set: change_set.clone(), verifications })
    }
}

/// A container by which the fleet is measured.
struct Known<'a> {
    usage: &'a ContainerUsage,
    earlier: Option<&'a EarlierDays>,
    replicas: u32,
}

/// The containers that are sized together and were seen; init containers do not run beside the others.
fn known<'a>(
    governed: &[Governed],
    usage: &'a UsageByWindow,
    earlier: &'a EarlierByWindow,
) -> Vec<Known<'a>> {
    let known = governed.iter().flat_map(|each| {
        let seconds = each.policy.sizing.history_seconds;
        let (of_window, before) = (usage.get(&seconds), earlier.get(&seconds));
        let beside = each.unit.candidates.iter().filter(|it| it.container.role != ContainerRole::Init);
        beside.filter_map(move |it| {
            let id = it.id();
            let earlier = before.and_then(|before| before.get(&id));
            Some(Known { usage: of_window?.get(&id)?, earlier, replicas: it.workload.replicas })
        })
    });
    known.collect()
}

/// What goes on, after what does not is left with its reasons.
fn leave_all(apart: Apart, left: &mut Vec<Left>) -> ChangeSet {
    for (recommendation, problem) in apart.gone {
        left.extend(leave_members(&recommendation, &NoRecommendation::NotEditable(problem)));
    }
    apart.rest
}
