//! The proof that targets of autoscalers move exactly where requests do: in every entry point that is rendered, an
//! autoscaler of a workload whose request moves has the proposed target, and no other one differs.
//!
//! Must not know how renderings are made.

use std::collections::{BTreeMap, BTreeSet};

use kubeopt_manifest::RenderedTarget;
use kubeopt_model::source::RenderedWorkload;
use kubeopt_model::{
    Bound, Change, ChangedField, ChangedTarget, Field, Problem, RepoPath, TargetChange, Verification,
};

use super::change_set::ChangeSet;
use super::compared::{Compared, REPORT, Touched};
use crate::codes;

/// Proves the targets of one entry point, whose fields `wanted` should change.
///
/// # Errors
/// When a target differs that should not, or stays although its request moves.
pub(super) fn prove_targets(
    entry: &RepoPath,
    wanted: &BTreeMap<ChangedField, &Touched<'_>>,
    compared: &Compared,
) -> Result<(), Problem> {
    let mut expected = BTreeSet::new();
    for target in &compared.targets_before {
        let moving = wanted.iter().find(|(field, touched)| {
            is_share_of(target, field)
                && touched.targets.iter().any(|it| it.target.resource == target.resource)
        });
        let Some((_, touched)) = moving else { continue };
        expected.insert(changed(target, touched.targets).ok_or_else(|| unproven(entry, target))?);
    }
    let found: BTreeSet<ChangedTarget> = compared.targets().cloned().collect();
    match found.symmetric_difference(&expected).next() {
        None => Ok(()),
        Some(other) => Err(differs(entry, other, found.contains(other))),
    }
}

/// Every target that moves shows in some rendering.
///
/// # Errors
/// When one does not: nothing proves it.
pub(super) fn all_targets_show(change_set: &ChangeSet, proofs: &[Verification]) -> Result<(), Problem> {
    let shows = |change: &TargetChange| {
        let mut targets = proofs.iter().flat_map(|proof| &proof.targets);
        targets.any(|it| (it.resource, it.percent) == (change.target.resource, change.percent()))
    };
    let mut targets = change_set.recommendations.iter().flat_map(|recommendation| &recommendation.targets);
    match targets.find(|change| !shows(change)) {
        None => Ok(()),
        Some(change) => {
            let site = &change.target.site;
            let text = format!("no rendering shows the target of HPA `{}`", change.target.scaler);
            Err(Problem::new(codes::TARGET_UNPROVEN, text, REPORT).at(site.file.as_str(), Some(site.line)))
        }
    }
}

/// Whether the field is the request that the target is a share of.
fn is_share_of(target: &RenderedTarget, field: &ChangedField) -> bool {
    field.field == Field { bound: Bound::Request, resource: target.resource }
        && is_same(&target.workload, &field.workload)
}

/// A namespace may be left to the one who applies it.
fn is_same(a: &RenderedWorkload, b: &RenderedWorkload) -> bool {
    let may_be_same = a.namespace.is_none() || b.namespace.is_none() || a.namespace == b.namespace;
    (a.kind, &a.name) == (b.kind, &b.name) && may_be_same
}

/// The target as it should be; none where it is another one than those that move.
fn changed(target: &RenderedTarget, changes: &[TargetChange]) -> Option<ChangedTarget> {
    let before = target.percent()?;
    let is_it =
        |change: &&TargetChange| (change.target.resource, change.target.percent) == (target.resource, before);
    let after = changes.iter().find(is_it)?.after;
    Some(ChangedTarget {
        scaler: target.scaler.clone(),
        workload: target.workload.clone(),
        resource: target.resource,
        percent: Change { before, after },
    })
}

const HELP: &str =
    "give each overlay or release a target of its own, or set request and target together by hand";

fn unproven(entry: &RepoPath, target: &RenderedTarget) -> Problem {
    let text = format!(
        "{entry}: HPA `{}` of {} has another target on {} ({} %), which would not move with the request",
        target.scaler, target.workload, target.resource, target.text
    );
    Problem::new(codes::TARGET_UNPROVEN, text, HELP)
}

fn differs(entry: &RepoPath, target: &ChangedTarget, unexpected: bool) -> Problem {
    let what = if unexpected { "would move as well" } else { "would not move with the request" };
    let text = format!(
        "{entry}: the {} target of HPA `{}` of {} {what}",
        target.resource, target.scaler, target.workload
    );
    Problem::new(codes::TARGET_UNPROVEN, text, HELP)
}
