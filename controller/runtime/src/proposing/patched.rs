//! From a recommendation for one overlay that would edit a shared base to the same values in a patch of the overlay.
//!
//! Decides where each value goes; the text of the patch is made where files are edited.

use kubeopt_gitops::path_allowed;
use kubeopt_model::recommendation::{SiteAddition, SiteChange, SitePatch, SiteRemoval};
use kubeopt_model::{
    Amount, Binding, Change, ContainerRole, EditSite, Field, NoRecommendation, Recommendation, RepoPath,
};

use super::admitted::Admitted;
use super::demand::{Candidate, Unit};
use super::kept_limits::keep_limits;
use super::overlay::{Overlay, Overlays, described};
use super::shared_base::{Became, Shared};
use crate::tracing::RepositoryTrace;

/// The repository that patches go to, and what may be edited.
pub(crate) struct Ground<'a> {
    /// The commit with all of its entry points.
    pub(crate) trace: &'a RepositoryTrace,
    /// The operator's word.
    pub(crate) bindings: &'a [Binding],
    /// What is known of overlays already.
    pub(crate) overlays: &'a Overlays,
}

/// The recommendation for one entry point, with patches in the place of what it would edit in a shared base.
///
/// # Errors
/// When one of those that share cannot have a patch of its own: nothing is patched away from under it.
pub(crate) fn patched(admitted: Admitted, entry: &RepoPath, unit: &Unit, ground: &Ground<'_>) -> Became {
    let Some(shared) = Shared::of(&admitted.recommendation) else { return Ok(admitted) };
    let refuse = |why: &str| NoRecommendation::NotEditable(shared.not_patched(why));
    let cannot = |feed: &&RepoPath| {
        let why = ground.overlays.find(ground.trace, feed).err()?;
        Some(format!("{feed} {why}, so it cannot have a patch of its own"))
    };
    if let Some(why) = shared.feeds.iter().find_map(cannot) {
        return Err(refuse(&why));
    }
    let about = |why: String| refuse(&format!("{entry} {why}"));
    let overlay = ground.overlays.find(ground.trace, entry).map_err(about)?;
    let mut recommendation = without_shared_removals(&admitted.recommendation, &shared)?;
    let (changes, own) =
        std::mem::take(&mut recommendation.changes).into_iter().partition(|change| change.feeds.len() > 1);
    recommendation.changes = own;
    let (additions, own) =
        std::mem::take(&mut recommendation.additions).into_iter().partition(|added| added.feeds.len() > 1);
    recommendation.additions = own;
    for value in values(changes, additions) {
        let patch = patch(value, &overlay, unit, ground.trace).map_err(about)?;
        for file in [&patch.file, &patch.kustomization] {
            allowed(file, unit, ground.bindings)?;
        }
        recommendation.patches.push(patch);
    }
    let by_place = |patch: &SitePatch| (patch.file.clone(), patch.container.clone(), patch.field);
    recommendation.patches.sort_by_key(by_place);
    Ok(Admitted { recommendation, entry: entry.clone(), ..admitted })
}

/// A patch of kubeopt sets values and takes none away: limits of the base stay.
fn without_shared_removals(
    recommendation: &Recommendation,
    shared: &Shared<'_>,
) -> Result<Recommendation, NoRecommendation> {
    let is_shared = |removal: &SiteRemoval| removal.feeds.len() > 1;
    if !recommendation.removals.iter().any(is_shared) {
        return Ok(recommendation.clone());
    }
    let why = shared.not_patched("a limit of it is not removed for one of them alone");
    let why = NoRecommendation::NotEditable(why);
    keep_limits(recommendation, &is_shared, &why).ok_or(why)
}

/// A value that the base would have got.
struct Value {
    field: Field,
    site: EditSite,
    value: Change<Option<Amount>>,
    feeds: Vec<RepoPath>,
}

fn values(changes: Vec<SiteChange>, additions: Vec<SiteAddition>) -> impl Iterator<Item = Value> {
    let changed = changes.into_iter().map(|SiteChange { field, site, value, feeds, .. }| Value {
        field,
        site,
        value: value.map(Some),
        feeds,
    });
    let created = additions.into_iter().map(|SiteAddition { field, site, after, feeds, .. }| Value {
        field,
        site,
        value: Change { before: None, after: Some(after) },
        feeds,
    });
    changed.chain(created)
}

fn patch(
    Value { field, site, value, feeds }: Value,
    overlay: &Overlay<'_>,
    unit: &Unit,
    trace: &RepositoryTrace,
) -> Result<SitePatch, String> {
    let is_fed = |candidate: &&Candidate| {
        candidate.sites.iter().any(|(other, place, _)| *other == field && *place == site)
    };
    let fed: Vec<&Candidate> = unit.candidates.iter().filter(is_fed).collect();
    let Some((of, first)) = described(&trace.snapshot, &site, field).zip(fed.first()) else {
        return Err(format!("takes {field} from {site}, which is in no container of a manifest"));
    };
    let is_main = |role: ContainerRole| role == ContainerRole::Main;
    let role = first.container.role;
    let list = first.workload.containers.iter().filter(|container| is_main(container.role) == is_main(role));
    let mut containers: Vec<_> = fed.iter().map(|candidate| candidate.id()).collect();
    containers.sort();
    Ok(SitePatch {
        field,
        value,
        feeds,
        overlay: first.entry.clone(),
        kustomization: overlay.kustomization.clone(),
        file: overlay.file_for(&of.workload)?,
        list: list.map(|container| container.name.clone()).collect(),
        role,
        workload: of.workload,
        container: of.container,
        base: site,
        containers,
    })
}

/// The operator's word on a file that comes to be edited or made.
fn allowed(file: &RepoPath, unit: &Unit, bindings: &[Binding]) -> Result<(), NoRecommendation> {
    let of_workload = |candidate: &Candidate| {
        let id = &candidate.workload.id;
        path_allowed(bindings, &id.cluster, &id.namespace, &unit.repository, file)
    };
    unit.candidates.iter().try_for_each(of_workload).map_err(NoRecommendation::NotEditable)
}
