//! What becomes of values that several entry points take from one base, such as a kustomize base under many overlays: one
//! value for all, a patch for each overlay that needs another one, or a question to people. The policy says which.
//!
//! Pure. Decides; how a recommendation becomes patches is the business of [`super::patched`].

use std::collections::{BTreeMap, BTreeSet};

use kubeopt_model::policy::{EffectivePolicy, SharedBase};
use kubeopt_model::{Amount, EditSite, Field, NoRecommendation, Problem, Recommendation, RepoPath, Step};

use super::admitted::Admitted;
use super::demand::Unit;
use super::governed::Governed;
use super::overlay::PATCH_FILE;
use crate::codes;
use crate::tracing::is_in_container;

/// Names in a sentence; a base may feed hundreds of overlays.
const NAMES_MAX: usize = 10;

/// What became of the containers of a unit.
pub(crate) type Became = Result<Admitted, NoRecommendation>;

/// What settling needs of others.
pub(crate) struct Settle<'a> {
    /// Sizes containers under a policy.
    pub(crate) size: &'a dyn Fn(&Unit, &EffectivePolicy) -> Became,
    /// Turns what would be edited in a shared base into patches of one overlay.
    pub(crate) patch: &'a dyn Fn(Admitted, &RepoPath, &Unit) -> Became,
}

impl Governed {
    /// Everything that may be sized, with the policy for it: all containers together, and those of each entry point alone.
    pub(crate) fn sized_under(&self) -> impl Iterator<Item = (&Unit, &EffectivePolicy)> {
        // An entry point's containers are among all of them: rather too many usages are read than too few.
        let alone = self.overlays.values().flatten().map(|policy| (&self.unit, policy));
        std::iter::once((&self.unit, &self.policy)).chain(alone)
    }

    /// The most careful word of all that share.
    fn shared_base(&self) -> SharedBase {
        let alone = self.overlays.values().flatten().map(|policy| policy.changes.shared_base);
        alone.fold(self.policy.changes.shared_base, SharedBase::max)
    }
}

/// The policies of the entry points of a unit, each with its own patch file; none where nothing is shared. `policy_of` is
/// that of some of its containers and one file more.
pub(crate) fn overlay_policies(
    unit: &Unit,
    policy_of: &dyn Fn(&Unit, RepoPath) -> Result<EffectivePolicy, Problem>,
) -> BTreeMap<RepoPath, Result<EffectivePolicy, Problem>> {
    if shared_sites(unit).is_empty() {
        return BTreeMap::new();
    }
    let entries: BTreeSet<&RepoPath> = unit.candidates.iter().map(|candidate| &candidate.entry).collect();
    let policy = |entry: &RepoPath| match entry.join(PATCH_FILE) {
        Ok(file) => policy_of(&of_entry(unit, entry), file),
        Err(invalid) => Err(Problem::new(codes::NOT_PATCHED, invalid.to_string(), "rename the folder")),
    };
    entries.into_iter().map(|entry| (entry.clone(), policy(entry))).collect()
}

/// Settles a unit, of which `all` is what became of it as one: so, or split by entry point where they get values of their
/// own.
pub(crate) fn settle_shared(governed: Governed, all: Became, settle: &Settle<'_>) -> Vec<(Unit, Became)> {
    if governed.overlays.is_empty() {
        return vec![(governed.unit, all)];
    }
    match governed.shared_base() {
        SharedBase::EditBase => vec![(governed.unit, all)],
        SharedBase::Ask => {
            let asked = all.and_then(|admitted| match Shared::of(&admitted.recommendation) {
                Some(shared) => Err(NoRecommendation::NotEditable(shared.asked())),
                None => Ok(admitted),
            });
            vec![(governed.unit, asked)]
        }
        // Values of a chart are no base: they are edited in the highest layer that sets them, for all that it feeds.
        SharedBase::OverlayPatch if !are_in_manifests(&governed.unit) => vec![(governed.unit, all)],
        SharedBase::OverlayPatch => by_overlay(governed, all, settle),
    }
}

/// The containers of one entry point, sized alone.
struct Part {
    entry: RepoPath,
    unit: Unit,
    sized: Became,
}

fn by_overlay(governed: Governed, all: Became, settle: &Settle<'_>) -> Vec<(Unit, Became)> {
    let Governed { unit, policy, overlays } = governed;
    let part = |(entry, policy): (RepoPath, Result<EffectivePolicy, Problem>)| {
        let unit = of_entry(&unit, &entry);
        let policy = policy.map_err(NoRecommendation::NotEditable);
        let sized = policy.and_then(|policy| (settle.size)(&unit, &policy));
        Part { entry, unit, sized }
    };
    let parts: Vec<Part> = overlays.into_iter().map(part).collect();
    if agree(&unit, &all, &parts, &policy) {
        return vec![(unit, all)];
    }
    let became = |Part { entry, unit, sized }: Part| {
        let patched = sized.and_then(|admitted| (settle.patch)(admitted, &entry, &unit));
        (unit, patched)
    };
    parts.into_iter().map(became).collect()
}

/// Whether one value suits all entry points at every shared place: each that a change would reach is live, and what each
/// would have alone is so near that nobody should be bothered for the difference.
fn agree(unit: &Unit, all: &Became, parts: &[Part], policy: &EffectivePolicy) -> bool {
    shared_sites(unit).into_iter().all(|(field, site, feeds)| {
        let together = value_at(all, field, site);
        let is_live = |feed: &RepoPath| parts.iter().any(|part| part.entry == *feed);
        let is_near = |part: &Part| match (together, value_at(&part.sized, field, site)) {
            (together, alone) if together == alone => true,
            (Some(together), Some(alone)) => policy.changes.is_too_small(together, alone),
            (Some(_) | None, _) => false,
        };
        (together == value_now(field, site) || feeds.iter().all(is_live))
            && parts.iter().filter(|part| feeds.contains(&part.entry)).all(is_near)
    })
}

/// What stands at a place once this is merged; none where nothing does.
fn value_at(became: &Became, field: Field, site: &EditSite) -> Option<Amount> {
    let Ok(Admitted { recommendation, .. }) = became else { return value_now(field, site) };
    let Recommendation { changes, removals, additions, .. } = recommendation;
    let changed = changes.iter().find(|change| change.field == field && change.site == *site);
    let added = additions.iter().find(|addition| addition.field == field && addition.site == *site);
    let is_removed = removals.iter().any(|removal| removal.field == field && removal.site == *site);
    match (changed, added) {
        (Some(change), _) => Some(change.value.after),
        (None, Some(addition)) => Some(addition.after),
        (None, None) if is_removed => None,
        (None, None) => value_now(field, site),
    }
}

fn value_now(field: Field, site: &EditSite) -> Option<Amount> {
    Amount::parse(field.resource, &site.text).ok()
}

/// The containers of one entry point.
fn of_entry(unit: &Unit, entry: &RepoPath) -> Unit {
    let own = unit.candidates.iter().filter(|candidate| candidate.entry == *entry);
    Unit { repository: unit.repository.clone(), base: unit.base.clone(), candidates: own.cloned().collect() }
}

/// Every place of a unit that feeds several entry points, once.
fn shared_sites(unit: &Unit) -> BTreeSet<(Field, &EditSite, &Vec<RepoPath>)> {
    let sites = unit.candidates.iter().flat_map(|candidate| &candidate.sites);
    sites.filter(|(_, _, feeds)| feeds.len() > 1).map(|(field, site, feeds)| (*field, site, feeds)).collect()
}

/// Whether every shared place is one of a manifest or of a patch on one, over which an overlay can put a patch.
fn are_in_manifests(unit: &Unit) -> bool {
    shared_sites(unit).into_iter().all(|(_, site, _)| match site.path.0.first() {
        // Operations of a JSON patch are a list.
        Some(Step::Index(_)) => true,
        Some(Step::Key(key)) => key.starts_with("patches") || is_in_container(&site.path),
        None => false,
    })
}

/// What a recommendation would edit although it feeds several entry points.
#[derive(Debug)]
pub(crate) struct Shared<'r> {
    /// The first of the places.
    site: &'r EditSite,
    /// All that they feed.
    pub(crate) feeds: BTreeSet<&'r RepoPath>,
    /// `requests.cpu 230m`
    values: BTreeSet<String>,
}

impl<'r> Shared<'r> {
    /// None where every place feeds one entry point alone.
    pub(crate) fn of(recommendation: &'r Recommendation) -> Option<Self> {
        let Recommendation { changes, removals, additions, .. } = recommendation;
        let changed =
            changes.iter().map(|it| (&it.site, &it.feeds, format!("{} {}", it.field, it.value.after)));
        let removed = removals.iter().map(|it| (&it.site, &it.feeds, format!("no {}", it.field)));
        let created = additions.iter().map(|it| (&it.site, &it.feeds, format!("{} {}", it.field, it.after)));
        let all = changed.chain(removed).chain(created);
        let mut shared = all.filter(|(_, feeds, _)| feeds.len() > 1);
        let (site, feeds, value) = shared.next()?;
        let (mut feeds, mut values): (BTreeSet<&RepoPath>, _) =
            (feeds.iter().collect(), BTreeSet::from([value]));
        for (_, more, value) in shared {
            feeds.extend(more);
            values.insert(value);
        }
        Some(Self { site, feeds, values })
    }

    /// What people are asked.
    pub(crate) fn asked(&self) -> Problem {
        let values = named(self.values.iter().cloned());
        let text = format!("{}; {values} would suit all of them", self.sentence());
        let help = "set changes.sharedBase in .kubeopt.yaml to edit-base or overlay-patch, or set the values in a patch of each overlay; kubeopt then edits that patch";
        self.problem(codes::SHARED, text, help)
    }

    /// Why there is no patch, although the policy wants one: the sentence tells what stands in the way.
    pub(crate) fn not_patched(&self, why: &str) -> Problem {
        let text = format!("{}, and {why}", self.sentence());
        let help = "set the value in a patch of the overlay that needs another one, or changes.sharedBase in .kubeopt.yaml to edit-base";
        self.problem(codes::NOT_PATCHED, text, help)
    }

    fn sentence(&self) -> String {
        let feeds = named(self.feeds.iter().map(ToString::to_string));
        format!("{} feeds {} entry points ({feeds})", self.site.file, self.feeds.len())
    }

    fn problem(&self, code: &str, text: String, help: &str) -> Problem {
        Problem::new(code, text, help).at(self.site.file.as_str(), Some(self.site.line))
    }
}

/// At most ten names, then how many more there are.
fn named(names: impl Iterator<Item = String>) -> String {
    let names: Vec<String> = names.collect();
    let shown: Vec<&str> = names.iter().take(NAMES_MAX).map(String::as_str).collect();
    match names.len() - shown.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_names_are_told_and_the_rest_is_counted() {
        let names = |count: usize| named((0..count).map(|at| format!("n{at}")));
        assert_eq!(names(2), "n0, n1");
        assert!(names(10).ends_with("n8, n9"));
        assert!(names(23).ends_with("n9 and 13 more"), "{}", names(23));
    }
}
