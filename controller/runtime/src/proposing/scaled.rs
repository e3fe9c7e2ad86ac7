//! Requests whose share an autoscaler keeps, under `sizing.hpa: together`: the line of each target is found before
//! anything is sized, and what moves is decided with it. Both move, or neither.
//!
//! How a target keeps the scale point is the business of the rules.

use std::collections::BTreeMap;

use kubeopt_api::{Subject, effective_policy};
use kubeopt_gitops::path_allowed;
use kubeopt_model::policy::HpaPolicy;
use kubeopt_model::recommendation::Effect;
use kubeopt_model::workload::ScalerTarget;
use kubeopt_model::{
    Bound, ContainerId, EditSite, Field, NoRecommendation, Problem, Reason, Recommendation, RepoPath,
    RepositoryId, Resource, ScaleTarget, Workload, WorkloadId,
};
use kubeopt_policy::{Admission, AdmitContext, admit};
use kubeopt_recommend::{Demand, move_targets};

use super::demand::{Candidate, Unit};
use super::governed::Governed;
use crate::codes;
use crate::edges::Edges;
use crate::located::Sites;
use crate::policy_files::PolicyFiles;
use crate::pricing::{PricesByCluster, price};
use crate::tracing::{EntryPoint, TargetTracer, TracedTarget};

/// The name of the rule that speaks of autoscalers.
const RULE: &str = "scaler";

/// A repository at a commit.
type Commit<'s> = (&'s RepositoryId, &'s str);

/// What was read and rendered so far: files once for a commit, targets once for an entry point.
#[derive(Default)]
struct Known<'s> {
    tracers: BTreeMap<Commit<'s>, Result<TargetTracer<'s>, Problem>>,
    traced: BTreeMap<(Commit<'s>, &'s EntryPoint), Result<Vec<TracedTarget>, Problem>>,
}

impl Edges {
    /// Finds the lines of the targets of every workload whose policy moves them. Where none does, nothing is rendered.
    pub(super) async fn find_scale_targets(
        &self,
        mut governed: Vec<Governed>,
        sites: &Sites,
        files: &PolicyFiles,
    ) -> Vec<Governed> {
        let mut known = Known::default();
        for each in governed.iter_mut().filter(|each| moves_together(each)) {
            for candidate in
                each.unit.candidates.iter_mut().filter(|it| shares(&it.workload).next().is_some())
            {
                let found = self.targets_around(&candidate.workload.id, sites, &mut known).await;
                let may_edit = |site: &EditSite| self.may_edit(candidate, site, files);
                let lines = lines(&candidate.workload, &candidate.entry, found, &may_edit);
                candidate.scale_targets = lines;
            }
        }
        governed
    }

    /// The targets of the entry point that describes a workload, rendered once.
    async fn targets_around<'k, 's>(
        &self,
        workload: &WorkloadId,
        sites: &'s Sites,
        known: &'k mut Known<'s>,
    ) -> Result<&'k [TracedTarget], Problem> {
        let unknown = || not_found(workload, "its entry point was not traced");
        let source =
            sites.sources.get(workload).and_then(|source| source.as_ref().ok()).ok_or_else(unknown)?;
        let trace = sites.trace_of(source).and_then(|trace| trace.as_ref().ok()).ok_or_else(unknown)?;
        let entry = trace.of(source).and_then(|entry| entry.as_ref().ok()).ok_or_else(unknown)?;
        let commit = (&trace.snapshot.repository, trace.snapshot.commit.as_str());
        let key = (commit, &entry.entry);
        if !known.traced.contains_key(&key) {
            let tracer = known.tracers.entry(commit).or_insert_with(|| TargetTracer::read(&trace.snapshot));
            let traced = match tracer {
                Ok(tracer) => tracer.trace(entry, self.tools(&sites.objects)).await,
                Err(problem) => Err(problem.clone()),
            };
            known.traced.insert(key, traced);
        }
        known.traced[&key].as_deref().map_err(Clone::clone)
    }

    /// The operator's word on the file of a target, and that of its own policy.
    fn may_edit(&self, candidate: &Candidate, site: &EditSite, files: &PolicyFiles) -> Result<(), Problem> {
        let (id, repository) = (&candidate.workload.id, &candidate.repository);
        path_allowed(&self.bindings, &id.cluster, &id.namespace, repository, &site.file)?;
        let layers = files.layers(&candidate.workload.id.cluster, repository, &candidate.base, &site.file)?;
        let labels = &candidate.workload.labels;
        let subject =
            Subject { path: &site.file, namespace: &id.namespace, kind: id.kind, name: &id.name, labels };
        let policy = effective_policy(&layers, &subject);
        if policy.enabled && policy.sizing.hpa == HpaPolicy::Together {
            return Ok(());
        }
        let text = format!("the policy of {} does not let its target move", site.file);
        let help = "say `hpa: together` under `sizing` in a .kubeopt.yaml that speaks of that folder too";
        Err(Problem::new(codes::TARGET_STAYS, text, help).at(site.file.as_str(), Some(site.line)))
    }
}

fn moves_together(governed: &Governed) -> bool {
    governed.sized_under().any(|(_, policy)| policy.sizing.hpa == HpaPolicy::Together)
}

/// The targets of a workload that are a share of a request.
fn shares(workload: &Workload) -> impl Iterator<Item = (&str, &ScalerTarget, u32)> {
    workload.scaler.iter().flat_map(|scaler| {
        let shares = scaler.targets.iter().filter_map(|target| Some((target, target.utilization_percent?)));
        shares.map(|(target, percent)| (scaler.name.as_str(), target, percent))
    })
}

/// What is known of the lines of a workload's targets.
type Lines = Vec<(Resource, Result<ScaleTarget, Problem>)>;

fn lines(
    workload: &Workload,
    entry: &RepoPath,
    found: Result<&[TracedTarget], Problem>,
    may_edit: &dyn Fn(&EditSite) -> Result<(), Problem>,
) -> Lines {
    let mut lines = Lines::new();
    for (scaler, target, _) in shares(workload) {
        let of_target = |traced: &&TracedTarget| {
            traced.target.resource == target.resource
                && traced.target.scaler.as_str() == scaler
                && traced.target.workload.describes(&workload.id)
        };
        let line = |traced: &TracedTarget| {
            let site = traced.site.clone()?;
            may_edit(&site)?;
            let percent = site.text.parse().map_err(|_| not_whole(&site))?;
            Ok(ScaleTarget { scaler: scaler.to_owned(), resource: target.resource, percent, site })
        };
        let before = lines.len();
        match &found {
            Ok(found) => {
                let own = found.iter().filter(of_target);
                lines.extend(own.map(|traced| (target.resource, line(traced))));
            }
            Err(problem) => lines.push((target.resource, Err(problem.clone()))),
        }
        if lines.len() == before {
            let what = format!("{entry} renders to no HPA `{scaler}` of it on {}", target.resource);
            lines.push((target.resource, Err(not_found(&workload.id, &what))));
        }
    }
    lines
}

fn not_whole(site: &EditSite) -> Problem {
    let text = "the target is no whole number of per cent";
    Problem::new(codes::TARGET_STAYS, text, "write it as a number").at(site.file.as_str(), Some(site.line))
}

fn not_found(workload: &WorkloadId, what: &str) -> Problem {
    let text = format!("no line sets the target of {workload}: {what}");
    let help = "keep the HPA in the same folder, chart or overlay as its workload; kubeopt then moves both";
    Problem::new(codes::TARGET_STAYS, text, help)
}

/// The targets of a workload as the cluster alone shows them: what `scan` and `explain` size where nothing is traced.
pub(super) fn live_targets(workload: &Workload) -> Lines {
    let line = |(scaler, target, percent): (&str, &ScalerTarget, u32)| {
        let site = EditSite::live_only(percent.to_string());
        let (scaler, resource) = (scaler.to_owned(), target.resource);
        (resource, Ok(ScaleTarget { scaler, resource, percent, site }))
    };
    shares(workload).map(line).collect()
}

/// The unit with no target that moves, for this reason.
pub(super) fn without_targets(unit: &Unit, why: &str) -> Unit {
    let help = "set request and target together by hand, or say `hpa: leave` under `sizing`";
    let problem = Problem::new(codes::TARGET_STAYS, why, help);
    let mut unit = unit.clone();
    for (_, line) in unit.candidates.iter_mut().flat_map(|candidate| &mut candidate.scale_targets) {
        *line = Err(problem.clone());
    }
    unit
}

/// What was admitted, with the targets that move with its requests. A request that had to grow for that passes the
/// guardrails again.
///
/// # Errors
/// Why some target cannot move, as a clause; nothing of its resource may then move.
pub(super) fn with_targets(
    admitted: Recommendation,
    demand: &Demand,
    context: &AdmitContext<'_>,
) -> Result<Recommendation, String> {
    let found: Vec<(ContainerId, ScaleTarget)> = demand
        .members
        .iter()
        .flat_map(|member| member.scale_targets.iter().map(move |(_, line)| (member.id(), line)))
        .filter_map(|(id, line)| Some((id, line.as_ref().ok()?.clone())))
        .collect();
    if found.is_empty() {
        return Ok(admitted);
    }
    let mut moved = move_targets(admitted.clone(), &found)?;
    if moved.changes != admitted.changes {
        match admit(moved.clone(), context) {
            Admission::Admitted(again) if again.changes == moved.changes => {}
            Admission::Admitted(_) | Admission::Nothing(_) => {
                return Err(
                    "guardrails do not let the request grow so far that its target is whole".to_owned()
                );
            }
        }
    }
    let reasons = moved.targets.iter().map(|target| Reason {
        rule: RULE.to_owned(),
        field: request_of(target.target.resource),
        effect: Effect::Note,
        bound: false,
        text: target.to_string(),
    });
    moved.reasons.extend(reasons);
    Ok(moved)
}

fn request_of(resource: Resource) -> Field {
    Field { bound: Bound::Request, resource }
}

/// The recommendation without what its targets would move with: neither moves, for this reason, and its members are
/// priced anew. None where nothing would be left of it.
pub(super) fn leave_scaled(
    recommendation: &Recommendation,
    why: &NoRecommendation,
    prices: &PricesByCluster,
) -> Option<Recommendation> {
    let mut without = recommendation.clone();
    for target in std::mem::take(&mut without.targets) {
        let resource = target.target.resource;
        without.changes.retain(|change| change.field.resource != resource);
        without.removals.retain(|removal| removal.field.resource != resource);
        without.additions.retain(|addition| addition.field.resource != resource);
        without.patches.retain(|patch| patch.field.resource != resource);
        for field in Field::ALL.into_iter().filter(|field| field.resource == resource) {
            for sides in without.members.iter_mut().map(|member| &mut member.resources) {
                match sides.before.get(field) {
                    Some(before) => sides.after.set(field.bound, before),
                    None => sides.after.unset(field),
                }
            }
        }
        without.reasons.retain(|reason| reason.field.resource != resource);
        let scaler = format!(
            "HPA `{}` on {resource} at {} % stays ({})",
            target.target.scaler,
            target.target.percent,
            why.sentence()
        );
        let left = (request_of(resource), NoRecommendation::ScaledOnThisResource { scaler });
        if !without.left.contains(&left) {
            without.left.push(left);
        }
    }
    price(&mut [&mut without], prices);
    (!without.is_empty()).then_some(without)
}
