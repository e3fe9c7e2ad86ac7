//! Containers that share scalars, and the values of these.

use kubeopt_model::{Amount, EditSite, EffectivePolicy, Field, Problem, RepoPath, RepositoryId, Resources};

use crate::evidence::Evidence;

/// A scalar, the field that it sets, and the containers that it feeds.
#[derive(Debug, Clone)]
pub struct SitedField {
    /// The field.
    pub field: Field,
    /// The scalar in Git.
    pub site: EditSite,
    /// Its present value; none for a request that nothing sets and that could be created there.
    pub value: Option<Amount>,
    /// Entry points that it feeds.
    pub feeds: Vec<RepoPath>,
    /// Indices into [`Demand::members`].
    pub members: Vec<usize>,
}

/// Containers that share scalars, and are therefore decided together.
#[derive(Debug, Clone)]
pub struct Demand {
    /// The repository of the scalars.
    pub repository: RepositoryId,
    /// The containers; never empty.
    pub members: Vec<Evidence>,
    /// The scalars.
    pub sites: Vec<SitedField>,
    /// Fields that are set but may not be edited, with the member they belong to.
    pub refused: Vec<(usize, Field, Problem)>,
    /// The policy of the scalars' paths.
    pub policy: EffectivePolicy,
}

/// The value of each scalar of a demand; none for one that goes, and for one that is not created.
pub(super) type Values = Vec<Option<Amount>>;

pub(super) fn site_of(demand: &Demand, member: usize, field: Field) -> Option<usize> {
    demand.sites.iter().position(|site| site.field == field && site.members.contains(&member))
}

pub(super) fn resources_after(demand: &Demand, member: usize, values: &Values) -> Resources {
    let mut resources = demand.members[member].container.resources;
    for (site, value) in demand.sites.iter().zip(values).filter(|(site, _)| site.members.contains(&member)) {
        match value {
            Some(value) => resources.set(site.field.bound, *value),
            None if site.value.is_some() => resources.unset(site.field),
            None => {}
        }
    }
    resources
}
