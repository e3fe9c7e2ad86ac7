//! What goes into one pull request: recommendations that belong together, edited into files.
//!
//! Pure. A recommendation whose edit is refused is left out with the reason; the others go on.

use std::collections::{BTreeMap, BTreeSet};

use kubeopt_manifest::{
    Creation, create, edit, edit_as_written, edit_targets, extend_patch, register_patch, remove, take_out,
};
use kubeopt_model::policy::{EffectivePolicy, GroupBy};
use kubeopt_model::recommendation::{SiteAddition, SitePatch, SiteRemoval};
use kubeopt_model::{
    Bound, Change, ClusterName, EditSite, EditedFile, FieldEdit, FileSet, NoRecommendation, Problem,
    Recommendation, RepoPath, RepositoryId, TargetEdit,
};

use super::admitted::Admitted;
use super::kept_limits::keep_limits;
use super::not_created::leave_out;
use super::overlay::{beside, container_patches};
use super::scaled::leave_scaled;
use crate::orders::AllOrders;
use crate::pricing::PricesByCluster;

/// One pull request's worth of changes.
#[derive(Debug, Clone)]
pub struct ChangeSet {
    /// Where.
    pub repository: RepositoryId,
    /// The branch that it goes to.
    pub base: String,
    /// The cluster that asks; of several, the first.
    pub cluster: ClusterName,
    /// What makes it one: the key of branch and marker.
    pub group: String,
    /// The group as people call it.
    pub label: String,
    /// The most careful manners of its members.
    pub policy: EffectivePolicy,
    /// What changes; never empty.
    pub recommendations: Vec<Recommendation>,
    /// Files before and after; never empty.
    pub files: Vec<EditedFile>,
}

/// Between a group that was split and the workload; no path that is read has it.
const SPLIT: &str = " :: ";

/// The result of editing: change sets, and what could not be edited.
#[derive(Debug, Clone, Default)]
pub(crate) struct Edited {
    /// In the order of repository and group.
    pub(crate) change_sets: Vec<ChangeSet>,
    /// Recommendations without an edit, with the reason.
    pub(crate) left: Vec<(Recommendation, NoRecommendation)>,
}

/// Gives the bytes of a file on a base branch.
pub(crate) type ReadFile<'a> = &'a dyn Fn(&RepositoryId, &str, &RepoPath) -> Option<Vec<u8>>;

/// Groups recommendations by `group_of` and edits their files. `read` gives the bytes of a file on the base branch.
pub(crate) fn edit_all(
    admitted: Vec<Admitted>,
    read: ReadFile<'_>,
    prices: &PricesByCluster,
    group_of: &dyn Fn(&Admitted) -> String,
) -> Edited {
    let mut groups: BTreeMap<(RepositoryId, String, String), Vec<Admitted>> = BTreeMap::new();
    for each in admitted {
        let key = (each.recommendation.repository.clone(), each.base.clone(), group_of(&each));
        groups.entry(key).or_default().push(each);
    }
    let mut edited = Edited::default();
    for ((repository, base, group), members) in groups {
        edit_group(&mut edited, (repository, base, group), members, read, prices);
    }
    edited
}

fn edit_group(
    edited: &mut Edited,
    (repository, base, group): (RepositoryId, String, String),
    members: Vec<Admitted>,
    read: ReadFile<'_>,
    prices: &PricesByCluster,
) {
    let mut before = FileSet::new();
    let mut after = FileSet::new();
    let (mut recommendations, mut policies) = (Vec::new(), Vec::new());
    for Admitted { recommendation, policy, .. } in members {
        for file in recommendation.files() {
            if !before.contains_key(file)
                && let Some(bytes) = read(&repository, &base, file)
            {
                before.insert(file.clone(), bytes.clone());
                after.insert(file.clone(), bytes);
            }
        }
        match edit_most(&after, recommendation, prices) {
            Ok((recommendation, files)) => {
                after.extend(files);
                recommendations.push(recommendation);
                policies.push(policy);
            }
            Err(left) => edited.left.push(*left),
        }
    }
    let files = differing(before, after);
    let (Some(policy), Some(cluster)) = (super::demand::strictest(policies), first_cluster(&recommendations))
    else {
        return;
    };
    let label = label(&group, &recommendations, &policy);
    edited.change_sets.push(ChangeSet {
        repository,
        base,
        cluster,
        group,
        label,
        policy,
        recommendations,
        files,
    });
}

/// The change set with the limit at the problem's place left where it is, edited anew. None where that does not help.
pub(crate) fn keep_limit(change_set: &ChangeSet, problem: &Problem) -> Option<ChangeSet> {
    let place = problem.place.as_ref()?;
    let is_there = |removal: &SiteRemoval| {
        removal.site.file.as_str() == place.file && Some(removal.site.line) == place.line
    };
    let why = NoRecommendation::NotEditable(problem.clone());
    let keep = |recommendation: &Recommendation| match recommendation.removals.iter().any(is_there) {
        true => keep_limits(recommendation, &is_there, &why),
        false => Some(recommendation.clone()),
    };
    let kept: Option<Vec<Recommendation>> = change_set.recommendations.iter().map(keep).collect();
    edited_anew(change_set, kept?)
}

/// The change set without the requests that would be created at the problem's place, edited anew, and the recommendations
/// of which nothing is left. None where that does not help.
pub(crate) fn leave_uncreated(
    change_set: &ChangeSet,
    problem: &Problem,
    prices: &PricesByCluster,
) -> Option<(ChangeSet, Vec<Recommendation>)> {
    let place = problem.place.as_ref()?;
    let is_there = |addition: &SiteAddition| {
        addition.site.file.as_str() == place.file && Some(addition.site.line) == place.line
    };
    let why = NoRecommendation::NotEditable(problem.clone());
    let (mut rest, mut gone) = (Vec::new(), Vec::new());
    for recommendation in &change_set.recommendations {
        match leave_out(recommendation, &is_there, &why, prices) {
            Some(without) => rest.push(without),
            None => gone.push(recommendation.clone()),
        }
    }
    if rest.is_empty() {
        return None;
    }
    Some((edited_anew(change_set, rest)?, gone))
}

/// The change set with the targets of autoscalers where they are, and with them the requests that they would have moved
/// with, edited anew; and the recommendations of which nothing is left. None where no target moves, or that is all of it.
pub(crate) fn leave_targets(
    change_set: &ChangeSet,
    problem: &Problem,
    prices: &PricesByCluster,
) -> Option<(ChangeSet, Vec<Recommendation>)> {
    let why = NoRecommendation::NotEditable(problem.clone());
    let (mut rest, mut gone) = (Vec::new(), Vec::new());
    for recommendation in &change_set.recommendations {
        let without = match recommendation.targets.is_empty() {
            true => Some(recommendation.clone()),
            false => leave_scaled(recommendation, &why, prices),
        };
        match without {
            Some(without) => rest.push(without),
            None => gone.push(recommendation.clone()),
        }
    }
    if rest.is_empty() {
        return None;
    }
    Some((edited_anew(change_set, rest)?, gone))
}

/// The change set without the recommendations that patch an overlay, edited anew, and those. None where there are none, or
/// no others.
pub(crate) fn leave_patched(change_set: &ChangeSet) -> Option<(ChangeSet, Vec<Recommendation>)> {
    let is_patched = |recommendation: &Recommendation| !recommendation.patches.is_empty();
    let (gone, rest): (Vec<_>, Vec<_>) = change_set.recommendations.iter().cloned().partition(is_patched);
    if rest.is_empty() {
        return None;
    }
    Some((edited_anew(change_set, rest)?, gone))
}

/// The change set with these of its recommendations alone, edited anew. None where these are all or none of them.
pub(crate) fn only(change_set: &ChangeSet, keeps: impl Fn(&Recommendation) -> bool) -> Option<ChangeSet> {
    let kept: Vec<_> = change_set.recommendations.iter().filter(|one| keeps(one)).cloned().collect();
    if kept.is_empty() { None } else { edited_anew(change_set, kept) }
}

/// The change set with other recommendations on the same files. None where they are the same or cannot be edited.
fn edited_anew(change_set: &ChangeSet, recommendations: Vec<Recommendation>) -> Option<ChangeSet> {
    if recommendations == change_set.recommendations {
        return None;
    }
    let before: FileSet =
        change_set.files.iter().map(|file| (file.path.clone(), file.content.before.clone())).collect();
    let mut after = before.clone();
    for recommendation in &recommendations {
        after.extend(edit_one(&after, recommendation).ok()?);
    }
    Some(ChangeSet { recommendations, files: differing(before, after), ..change_set.clone() })
}

/// Edits a recommendation; where a limit cannot be removed, without its removals, and where a target of an autoscaler
/// cannot be set, without what would have moved with it.
fn edit_most(
    files: &FileSet,
    recommendation: Recommendation,
    prices: &PricesByCluster,
) -> Result<(Recommendation, FileSet), Box<(Recommendation, NoRecommendation)>> {
    let edited = |without: Recommendation| Some((edit_one(files, &without).ok()?, without));
    match edit_one(files, &recommendation) {
        Ok(edited) => Ok((recommendation, edited)),
        Err(why) => {
            let kept = keep_limits(&recommendation, &|_| true, &why).and_then(edited);
            let unscaled = || {
                let scaled = Some(&recommendation).filter(|one| !one.targets.is_empty())?;
                leave_scaled(scaled, &why, prices).and_then(edited)
            };
            match kept.or_else(unscaled) {
                Some((edited, without)) => Ok((without, edited)),
                None => Err(Box::new((recommendation, why))),
            }
        }
    }
}

/// The files that an edit changed; of a new one nothing was there.
fn differing(mut before: FileSet, after: FileSet) -> Vec<EditedFile> {
    after
        .into_iter()
        .filter_map(|(path, after)| {
            let content = Change { before: before.remove(&path).unwrap_or_default(), after };
            (!content.is_none()).then_some(EditedFile { path, content })
        })
        .collect()
}

/// All files of one recommendation, edited on top of what was edited before: all of it or nothing.
fn edit_one(files: &FileSet, recommendation: &Recommendation) -> Result<FileSet, NoRecommendation> {
    let mut by_file: BTreeMap<&RepoPath, OfFile<'_>> = BTreeMap::new();
    for change in &recommendation.changes {
        let edit = FieldEdit { site: change.site.clone(), after: change.value.after };
        let of_file = by_file.entry(&change.site.file).or_default();
        match &change.written {
            Some(text) => of_file.edits_as_written.push((edit, text.clone())),
            None => of_file.edits.push(edit),
        }
    }
    for removal in &recommendation.removals {
        let of_file = by_file.entry(&removal.site.file).or_default();
        match removal.field.bound {
            Bound::Limit => of_file.removals.push(removal.site.clone()),
            Bound::Request => of_file.taken_out.push(removal.site.clone()),
        }
    }
    for addition in &recommendation.additions {
        let creation = Creation { site: addition.site.clone(), after: addition.after };
        by_file.entry(&addition.site.file).or_default().creations.push(creation);
    }
    for change in &recommendation.targets {
        let edit = TargetEdit { site: change.target.site.clone(), after: change.after };
        by_file.entry(&change.target.site.file).or_default().targets.push(edit);
    }
    for patch in &recommendation.patches {
        by_file.entry(&patch.file).or_default().patches.push(patch);
        by_file.entry(&patch.kustomization).or_default().named.push(&patch.file);
    }
    let mut edited = FileSet::new();
    for (path, of_file) in by_file {
        let gone = || {
            let text = format!("{path} is no longer on the base branch");
            Problem::new(
                crate::codes::NOT_IN_GIT,
                text,
                "nothing to do: the next pass reads the branch again",
            )
        };
        let bytes = match files.get(path) {
            Some(bytes) => bytes.as_slice(),
            None if of_file.may_be_new() => &[],
            None => return Err(NoRecommendation::NotEditable(gone())),
        };
        edited.insert(path.clone(), of_file.apply(path, bytes).map_err(NoRecommendation::NotEditable)?);
    }
    Ok(edited)
}

/// What one recommendation does to one file.
#[derive(Default)]
struct OfFile<'r> {
    edits: Vec<FieldEdit>,
    targets: Vec<TargetEdit>,
    /// Edits of values that stood there before, as they were written.
    edits_as_written: Vec<(FieldEdit, String)>,
    removals: Vec<EditSite>,
    /// Requests that were created and go again.
    taken_out: Vec<EditSite>,
    creations: Vec<Creation>,
    /// What the file, a patch, comes to set.
    patches: Vec<&'r SitePatch>,
    /// Patch files that the file, a kustomization, comes to name.
    named: Vec<&'r RepoPath>,
}

impl OfFile<'_> {
    /// Only a patch file is made; all others are there.
    fn may_be_new(&self) -> bool {
        self.edits.is_empty()
            && self.targets.is_empty()
            && self.edits_as_written.is_empty()
            && self.removals.is_empty()
            && self.taken_out.is_empty()
            && self.creations.is_empty()
            && self.named.is_empty()
    }

    fn apply(&self, path: &RepoPath, bytes: &[u8]) -> Result<Vec<u8>, Problem> {
        // Edits first: they move no line, so that removals find their places. Creations look for paths, not for lines.
        let mut bytes = if self.edits.is_empty() { bytes.to_vec() } else { edit(path, bytes, &self.edits)? };
        if !self.edits_as_written.is_empty() {
            bytes = edit_as_written(path, &bytes, &self.edits_as_written)?;
        }
        if !self.targets.is_empty() {
            bytes = edit_targets(path, &bytes, &self.targets)?;
        }
        if !self.removals.is_empty() {
            bytes = remove(path, &bytes, &self.removals)?;
        }
        if !self.taken_out.is_empty() {
            bytes = take_out(path, &bytes, &self.taken_out)?;
        }
        if !self.creations.is_empty() {
            bytes = create(path, &bytes, &self.creations)?;
        }
        if !self.patches.is_empty() {
            bytes = extend_patch(path, &bytes, &container_patches(&self.patches, &bytes))?;
        }
        for patch_file in &self.named {
            bytes = register_patch(path, &bytes, &beside(path, patch_file))?;
        }
        Ok(bytes)
    }
}

fn first_cluster(recommendations: &[Recommendation]) -> Option<ClusterName> {
    recommendations
        .iter()
        .flat_map(|each| &each.members)
        .map(|member| member.container.workload.cluster.clone())
        .min()
}

/// What makes a pull request one; `team` owns all its files, where that counts. A scalar that feeds several entry points belongs to the folder of its file.
pub(crate) fn group_key(admitted: &Admitted, orders: &AllOrders, team: Option<String>) -> String {
    if let Some(group) = &admitted.group {
        return group.clone();
    }
    let recommendation = &admitted.recommendation;
    let group = team.unwrap_or_else(|| whole_group(admitted));
    let first = recommendation.members.first().map(|member| &member.container.workload);
    match first.filter(|_| orders.is_split(&recommendation.repository, &admitted.base, &group)) {
        Some(workload) => format!("{group}{SPLIT}{workload}"),
        None => group,
    }
}

/// The group where nobody asked for smaller ones.
fn whole_group(admitted: &Admitted) -> String {
    let recommendation = &admitted.recommendation;
    match admitted.policy.pull_requests.group_by {
        GroupBy::Single => "all".to_owned(),
        GroupBy::Namespace => {
            let namespaces: BTreeSet<&str> = recommendation
                .members
                .iter()
                .map(|member| member.container.workload.namespace.as_str())
                .collect();
            namespaces.into_iter().collect::<Vec<_>>().join("+")
        }
        // What no team owns is grouped by entry point.
        GroupBy::Source | GroupBy::Team => {
            let feeds: BTreeSet<&RepoPath> = recommendation.feeds().collect();
            match feeds.into_iter().collect::<Vec<_>>().as_slice() {
                [entry] => entry.to_string(),
                _ => {
                    let folder = recommendation.sites().next().and_then(|site| site.file.parent());
                    folder.unwrap_or_default().to_string()
                }
            }
        }
    }
}

/// The workload of a group that was split, a namespace where all containers are of one, else the group.
fn label(group: &str, recommendations: &[Recommendation], policy: &EffectivePolicy) -> String {
    if let Some((_, workload)) = group.rsplit_once(SPLIT) {
        return workload.to_owned();
    }
    let namespaces: BTreeSet<&str> = recommendations
        .iter()
        .flat_map(|each| &each.members)
        .map(|member| member.container.workload.namespace.as_str())
        .collect();
    match (policy.pull_requests.group_by, namespaces.into_iter().collect::<Vec<_>>().as_slice()) {
        (_, [namespace]) => (*namespace).to_owned(),
        (GroupBy::Single, _) => "all namespaces".to_owned(),
        (GroupBy::Namespace | GroupBy::Source | GroupBy::Team, _) => group.to_owned(),
    }
}
