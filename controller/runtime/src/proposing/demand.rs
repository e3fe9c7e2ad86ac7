//! Joins what the cluster runs with what the repositories say: containers that share a scalar become one demand.
//!
//! Pure. A container of which nothing can be edited is left with the reason.

use std::collections::BTreeMap;

use kubeopt_model::gpu::GpuUse;
use kubeopt_model::outcome::Lesson;
use kubeopt_model::policy::{BelowObservedMax, EffectivePolicy, LimitPolicy, SizingStrategy};
use kubeopt_model::usage::ContainerPoints;
use kubeopt_model::{
    Amount, Bound, Container, ContainerId, ContainerUsage, EditSite, Field, Finding, Foretold,
    NoRecommendation, Problem, RepoPath, RepositoryId, Resource, Resources, ScaleTarget, TracedField,
    Workload, WorkloadId,
};
use kubeopt_recommend::{Demand, EarlierDays, Evidence, Fleet, Freeze, GivenValue, SitedField};

use crate::codes;

/// A live workload with the traced fields of its entry point.
#[derive(Debug, Clone)]
pub(crate) struct Located<'a> {
    /// The workload.
    pub(crate) workload: &'a Workload,
    /// The repository.
    pub(crate) repository: &'a RepositoryId,
    /// The branch that pull requests go to.
    pub(crate) base: &'a str,
    /// Its entry point.
    pub(crate) entry: &'a RepoPath,
    /// All fields of its entry point; those of other workloads are passed over.
    pub(crate) fields: &'a [TracedField],
}

/// Where a limit that was removed could be written again.
pub(super) type OpenLimit = (Field, EditSite, Vec<RepoPath>);

/// A container whose fields are located, before its policy and usage are known.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    /// The workload.
    pub(crate) workload: Workload,
    /// The container.
    pub(crate) container: Container,
    /// Fields that may be edited, and requests that nothing sets and that could be created.
    pub(crate) sites: Vec<(Field, EditSite, Vec<RepoPath>)>,
    /// Fields that are set and may not, and requests that may not be created.
    pub(crate) refused: Vec<(Field, Problem)>,
    /// Places where limits that nothing sets could be written; only what is taken back is written there.
    pub(crate) open_limits: Vec<OpenLimit>,
    /// The lines of its workload's targets of autoscalers, or why one does not move; empty where nobody looked.
    pub(crate) scale_targets: Vec<(Resource, Result<ScaleTarget, Problem>)>,
    /// The repository.
    pub(crate) repository: RepositoryId,
    /// The branch that pull requests go to.
    pub(crate) base: String,
    /// The entry point that describes it; the root where no repository was asked.
    pub(crate) entry: RepoPath,
}

impl Candidate {
    /// The key of its usage.
    pub(crate) fn id(&self) -> ContainerId {
        ContainerId { workload: self.workload.id.clone(), container: self.container.name.clone() }
    }
}

/// Candidates that share scalars: one recommendation for all of them.
#[derive(Debug, Clone)]
pub(crate) struct Unit {
    /// The repository.
    pub(crate) repository: RepositoryId,
    /// The branch that pull requests go to.
    pub(crate) base: String,
    /// Never empty.
    pub(crate) candidates: Vec<Candidate>,
}

/// The containers of a located workload. `allowed` is the operator's word on a file for this workload.
pub(crate) fn candidates(
    located: &Located<'_>,
    allowed: &dyn Fn(&RepoPath) -> Result<(), Problem>,
) -> Vec<Candidate> {
    located.workload.containers.iter().map(|container| candidate(located, container, allowed)).collect()
}

fn candidate(
    located: &Located<'_>,
    container: &Container,
    allowed: &dyn Fn(&RepoPath) -> Result<(), Problem>,
) -> Candidate {
    let (mut sites, mut refused, mut open_limits) = (Vec::new(), Vec::new(), Vec::new());
    for field in Field::ALL {
        let traced = located.fields.iter().find(|traced| {
            traced.field == field
                && traced.container == container.name
                && traced.workload.describes(&located.workload.id)
        });
        if let Some(TracedField { site: Ok(site), feeds, .. }) =
            traced.filter(|traced| field.bound == Bound::Limit && is_open(traced))
            && allowed(&site.file).is_ok()
        {
            open_limits.push((field, site.clone(), feeds.clone()));
        }
        // Limits are never created: the places where they could be are of no use here.
        let traced = traced.filter(|traced| field.bound == Bound::Request || !is_open(traced));
        let is_set = container.resources.get(field).is_some();
        match traced {
            Some(TracedField { site: Ok(site), feeds, .. }) => match allowed(&site.file) {
                Ok(()) => sites.push((field, site.clone(), feeds.clone())),
                Err(problem) => refused.push((field, problem)),
            },
            Some(TracedField { site: Err(problem), value, .. })
                if is_set || value.is_some() || field.bound == Bound::Request =>
            {
                refused.push((field, problem.clone()));
            }
            None if is_set => refused.push((field, not_set_in_git(field, container))),
            Some(TracedField { site: Err(_), .. }) | None => {}
        }
    }
    Candidate {
        workload: located.workload.clone(),
        container: container.clone(),
        sites,
        refused,
        open_limits,
        scale_targets: Vec::new(),
        repository: located.repository.clone(),
        base: located.base.to_owned(),
        entry: located.entry.clone(),
    }
}

/// Nothing sets the field; it could be created.
fn is_open(traced: &TracedField) -> bool {
    traced.site.as_ref().is_ok_and(EditSite::is_absent)
}

fn not_set_in_git(field: Field, container: &Container) -> Problem {
    let text = format!("{field} of {} is set in the cluster but not in Git", container.name);
    let help =
        "a LimitRange or a webhook may set it; write it into the manifest and kubeopt will size it there";
    Problem::new(codes::NOT_SET_IN_GIT, text, help)
}

/// Splits candidates into units: two candidates that share a scalar are in the same unit. Order is kept.
pub(crate) fn units(candidates: Vec<Candidate>) -> Vec<Unit> {
    let mut parent: Vec<usize> = (0..candidates.len()).collect();
    let mut by_site: BTreeMap<(&RepositoryId, &str, &EditSite), usize> = BTreeMap::new();
    for (index, candidate) in candidates.iter().enumerate() {
        for (_, site, _) in &candidate.sites {
            let key = (&candidate.repository, candidate.base.as_str(), site);
            let first = *by_site.entry(key).or_insert(index);
            let (a, b) = (root(&mut parent, first), root(&mut parent, index));
            parent[a.max(b)] = a.min(b);
        }
    }
    let roots: Vec<usize> = (0..candidates.len()).map(|index| root(&mut parent, index)).collect();
    let mut units: BTreeMap<usize, Unit> = BTreeMap::new();
    for (candidate, root) in candidates.into_iter().zip(roots) {
        units
            .entry(root)
            .or_insert_with(|| Unit {
                repository: candidate.repository.clone(),
                base: candidate.base.clone(),
                candidates: Vec::new(),
            })
            .candidates
            .push(candidate);
    }
    units.into_values().collect()
}

/// The root of a set, with path halving.
fn root(parent: &mut [usize], mut at: usize) -> usize {
    while parent[at] != at {
        parent[at] = parent[parent[at]];
        at = parent[at];
    }
    at
}

/// What is known of containers beside Git.
pub(crate) struct Known<'a> {
    /// Usage over the policy's window.
    pub(crate) usage: &'a dyn Fn(&ContainerId) -> Option<ContainerUsage>,
    /// Days before that window, where they were read.
    pub(crate) earlier: &'a dyn Fn(&ContainerId) -> Option<EarlierDays>,
    /// 5-minute points, where they were read.
    pub(crate) points: &'a dyn Fn(&ContainerId) -> Option<ContainerPoints>,
    /// How busy its GPUs are.
    pub(crate) gpu: &'a dyn Fn(&ContainerId) -> Option<GpuUse>,
    /// What load is foretold, where that was asked for.
    pub(crate) foretold: &'a dyn Fn(&ContainerId) -> Option<Foretold>,
    /// What containers request on average.
    pub(crate) fleet: Option<Fleet>,
    /// What pods run with although their template does not say it.
    pub(crate) filled_in: &'a dyn Fn(&Candidate) -> Resources,
    /// What people gave.
    pub(crate) given: &'a dyn Fn(&ContainerId) -> Vec<GivenValue>,
    /// What harm taught of a workload.
    pub(crate) lessons: &'a dyn Fn(&WorkloadId) -> Vec<Lesson>,
    /// What keeps them from being lowered.
    pub(crate) frozen: Option<&'a Freeze>,
    /// A leak that is open.
    pub(crate) leak: &'a dyn Fn(&ContainerId) -> Option<Finding>,
}

/// The demand of a unit under its policy, with what is known of its containers.
///
/// # Errors
/// [`NoRecommendation::NotEditable`] when none of its fields may be edited, [`NoRecommendation::AlreadyRight`] when
/// none is set.
pub(crate) fn demand(
    unit: &Unit,
    policy: EffectivePolicy,
    known: &Known<'_>,
) -> Result<Demand, NoRecommendation> {
    let mut sites: BTreeMap<(Field, EditSite), SitedField> = BTreeMap::new();
    let mut refused = Vec::new();
    for (index, candidate) in unit.candidates.iter().enumerate() {
        for (field, site, feeds) in &candidate.sites {
            let value = match site.text.as_str() {
                // A request that could be created, or a limit that is given back.
                "" => None,
                text => match Amount::parse(field.resource, text) {
                    Ok(value) => Some(value),
                    Err(_) => continue,
                },
            };
            sites
                .entry((*field, site.clone()))
                .or_insert_with(|| SitedField {
                    field: *field,
                    site: site.clone(),
                    value,
                    feeds: feeds.clone(),
                    members: Vec::new(),
                })
                .members
                .push(index);
        }
        refused.extend(candidate.refused.iter().map(|(field, problem)| (index, *field, problem.clone())));
    }
    if sites.is_empty() {
        return Err(match refused.into_iter().next() {
            Some((_, _, problem)) => NoRecommendation::NotEditable(problem),
            None => NoRecommendation::NotEditable(nothing_set()),
        });
    }
    let members = unit
        .candidates
        .iter()
        .map(|candidate| Evidence {
            workload: candidate.workload.clone(),
            container: candidate.container.clone(),
            filled_in: (known.filled_in)(candidate),
            usage: (known.usage)(&candidate.id()),
            earlier: (known.earlier)(&candidate.id()),
            points: (known.points)(&candidate.id()),
            gpu: (known.gpu)(&candidate.id()),
            foretold: (known.foretold)(&candidate.id()),
            fleet: known.fleet,
            scale_targets: candidate.scale_targets.clone(),
            given: (known.given)(&candidate.id()),
            lessons: (known.lessons)(&candidate.workload.id),
            frozen: known.frozen.cloned(),
            leak: (known.leak)(&candidate.id()),
        })
        .collect();
    let sites = sites.into_values().collect();
    Ok(Demand { repository: unit.repository.clone(), members, sites, refused, policy })
}

fn nothing_set() -> Problem {
    let help = "write requests into the manifest once; kubeopt then keeps them right";
    Problem::new(codes::NOTHING_SET, "neither the cluster nor Git sets a request or limit", help)
}

/// The policy that satisfies all of them: the most careful value of each key.
pub(crate) fn strictest(policies: impl IntoIterator<Item = EffectivePolicy>) -> Option<EffectivePolicy> {
    policies.into_iter().reduce(|mut all, other| {
        if all.enabled && !other.enabled {
            all.enabled = false;
            all.set_by.extend(other.set_by.get("enabled").map(|by| ("enabled".to_owned(), by.clone())));
        }
        let (sizing, with) = (&mut all.sizing, &other.sizing);
        sizing.history_seconds = sizing.history_seconds.max(with.history_seconds);
        sizing.min_history_seconds = sizing.min_history_seconds.max(with.min_history_seconds);
        sizing.min_runs = sizing.min_runs.max(with.min_runs);
        // Of two rules none is always the more careful one; kubeopt's own prices what may exceed.
        if sizing.strategy != with.strategy {
            sizing.strategy = SizingStrategy::Kubeopt;
        }
        sizing.vpa = sizing.vpa.max(with.vpa);
        sizing.hpa = sizing.hpa.max(with.hpa);
        sizing.cpu_price = sizing.cpu_price.max(with.cpu_price);
        sizing.memory_price = sizing.memory_price.max(with.memory_price);
        sizing.cpu_quantile = sizing.cpu_quantile.max(with.cpu_quantile);
        sizing.cpu_margin = sizing.cpu_margin.max(with.cpu_margin);
        sizing.cpu_floor = sizing.cpu_floor.max(with.cpu_floor);
        sizing.cpu_ceiling = [sizing.cpu_ceiling, with.cpu_ceiling].into_iter().flatten().min();
        sizing.memory_margin = sizing.memory_margin.max(with.memory_margin);
        sizing.memory_floor = sizing.memory_floor.max(with.memory_floor);
        sizing.memory_ceiling = [sizing.memory_ceiling, with.memory_ceiling].into_iter().flatten().min();
        sizing.min_coverage = sizing.min_coverage.max(with.min_coverage);
        sizing.below_observed_max = more_careful(sizing.below_observed_max, with.below_observed_max);
        sizing.outlook = sizing.outlook.max(with.outlook);
        sizing.cpu_limit = calmer(sizing.cpu_limit, with.cpu_limit);
        sizing.memory_limit = calmer(sizing.memory_limit, with.memory_limit);
        let (changes, with) = (&mut all.changes, &other.changes);
        changes.max_increase = changes.max_increase.min(with.max_increase);
        changes.max_decrease = changes.max_decrease.min(with.max_decrease);
        changes.ignore_below_ratio = changes.ignore_below_ratio.max(with.ignore_below_ratio);
        changes.ignore_below_cpu = changes.ignore_below_cpu.max(with.ignore_below_cpu);
        changes.ignore_below_memory = changes.ignore_below_memory.max(with.ignore_below_memory);
        changes.shared_base = changes.shared_base.max(with.shared_base);
        changes.min_confidence = changes.min_confidence.max(with.min_confidence);
        all.pull_requests = all.pull_requests.and(&other.pull_requests);
        all.commits = all.commits.and(other.commits);
        all.approval = all.approval.and(&other.approval);
        all.auto_merge = all.auto_merge.and(&other.auto_merge);
        all.rollout = all.rollout.and(&other.rollout);
        all.watch = all.watch.and(&other.watch);
        all.notifications = all.notifications.and(&other.notifications);
        all.reasoning &= other.reasoning;
        add_blackouts(&mut all, other);
        all
    })
}

fn more_careful(a: BelowObservedMax, b: BelowObservedMax) -> BelowObservedMax {
    match (a, b) {
        (BelowObservedMax::Allow, BelowObservedMax::Allow) => BelowObservedMax::Allow,
        (BelowObservedMax::Never, _) | (_, BelowObservedMax::Never) => BelowObservedMax::Never,
    }
}

/// What moves a limit least: it stays, it follows its request, it goes.
fn calmer(a: LimitPolicy, b: LimitPolicy) -> LimitPolicy {
    match (a, b) {
        (LimitPolicy::Keep, _) | (_, LimitPolicy::Keep) => LimitPolicy::Keep,
        (LimitPolicy::Ratio, _) | (_, LimitPolicy::Ratio) => LimitPolicy::Ratio,
        (LimitPolicy::None, LimitPolicy::None) => LimitPolicy::None,
    }
}

/// Every window of both, each with the layer that set it: `blackouts[0]` counts within one policy.
fn add_blackouts(all: &mut EffectivePolicy, other: EffectivePolicy) {
    for (index, blackout) in other.blackouts.into_iter().enumerate() {
        if all.blackouts.contains(&blackout) {
            continue;
        }
        if let Some(by) = other.set_by.get(&format!("blackouts[{index}]")) {
            all.set_by.insert(format!("blackouts[{}]", all.blackouts.len()), by.clone());
        }
        all.blackouts.push(blackout);
    }
}

#[cfg(test)]
mod tests {
    use kubeopt_model::policy::{Blackout, Schedule};

    use super::*;

    fn blackout(cron: &str) -> Blackout {
        Blackout { cron: cron.to_owned(), seconds: 3600, timezone: "UTC".to_owned(), reason: None }
    }

    fn policy(blackouts: &[(&str, &str)]) -> EffectivePolicy {
        let mut policy = EffectivePolicy::default();
        for (index, (cron, by)) in blackouts.iter().enumerate() {
            policy.blackouts.push(blackout(cron));
            policy.set_by.insert(format!("blackouts[{index}]"), (*by).to_owned());
        }
        policy
    }

    #[test]
    fn one_careful_policy_makes_the_whole_unit_careful() {
        let mut bold = EffectivePolicy::default();
        bold.sizing.below_observed_max = BelowObservedMax::Allow;
        bold.sizing.memory_limit = LimitPolicy::None;
        bold.sizing.cpu_limit = LimitPolicy::None;
        let mut fair = bold.clone();
        fair.sizing.cpu_limit = LimitPolicy::Ratio;
        for pair in [[bold.clone(), EffectivePolicy::default()], [EffectivePolicy::default(), bold.clone()]] {
            let strict = strictest(pair).unwrap();
            assert_eq!(strict.sizing.below_observed_max, BelowObservedMax::Never);
            assert_eq!(strict.sizing.memory_limit, LimitPolicy::Keep);
        }
        let strict = strictest([bold, fair]).unwrap();
        assert_eq!(strict.sizing.below_observed_max, BelowObservedMax::Allow);
        assert_eq!(
            (strict.sizing.cpu_limit, strict.sizing.memory_limit),
            (LimitPolicy::Ratio, LimitPolicy::None)
        );
    }

    #[test]
    fn blackouts_of_both_hold_and_each_keeps_its_author() {
        let (root, folder) =
            (policy(&[("0 1 * * *", "root:3")]), policy(&[("0 1 * * *", "root:3"), ("0 2 * * *", "apps:4")]));
        let strict = strictest([root, folder]).unwrap();
        assert_eq!(strict.blackouts, [blackout("0 1 * * *"), blackout("0 2 * * *")]);
        let by = |index: usize| strict.set_by.get(&format!("blackouts[{index}]")).map(String::as_str);
        assert_eq!((by(0), by(1)), (Some("root:3"), Some("apps:4")));
    }

    #[test]
    fn schedules_of_both_must_be_open() {
        let with = |cron: &str| {
            let mut policy = EffectivePolicy::default();
            let schedule = Schedule { crons: vec![cron.to_owned()], timezone: "UTC".to_owned() };
            policy.pull_requests.schedules.push(schedule);
            policy
        };
        let crons = |policies: [EffectivePolicy; 3]| {
            let schedules = strictest(policies).unwrap().pull_requests.schedules;
            schedules.into_iter().flat_map(|schedule| schedule.crons).collect::<Vec<_>>()
        };
        assert_eq!(
            crons([with("* 8 * * *"), EffectivePolicy::default(), with("* 9 * * *")]),
            ["* 8 * * *", "* 9 * * *"]
        );
        assert_eq!(crons([with("* 8 * * *"), with("* 8 * * *"), EffectivePolicy::default()]), ["* 8 * * *"]);
    }
}
