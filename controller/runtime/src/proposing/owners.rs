//! Who owns files: the CODEOWNERS of each base branch, for groups of pull requests and for reviews.

use std::collections::BTreeMap;

use kubeopt_model::policy::{CodeOwners as OwnersPolicy, GroupBy};
use kubeopt_model::{Problem, Recommendation, RepoPath, RepositoryId};
use kubeopt_policy::codeowners::CodeOwners;

use super::admitted::Admitted;
use super::change_set::ChangeSet;
use crate::edges::Edges;
use crate::located::Sites;

/// The CODEOWNERS of every traced branch that has one.
#[derive(Debug, Default)]
pub(crate) struct AllOwners(BTreeMap<(RepositoryId, String), CodeOwners>);

impl AllOwners {
    /// Reads them from the base branches. What cannot be read is a problem, and nobody is known to own anything there.
    pub(crate) fn read(edges: &Edges, sites: &Sites) -> (Self, Vec<Problem>) {
        let (mut all, mut problems) = (BTreeMap::new(), Vec::new());
        for trace in sites.traces.values().flatten() {
            let snapshot = &trace.snapshot;
            let Ok(edge) = edges.forge(&snapshot.repository) else { continue };
            let places = edge.code_owners.places().iter().filter_map(|place| RepoPath::new(place).ok());
            let found = places.into_iter().find_map(|place| {
                let bytes = snapshot.read(&place).ok().flatten()?;
                Some((place, String::from_utf8_lossy(&bytes).into_owned()))
            });
            let Some((place, text)) = found else { continue };
            match CodeOwners::read(&text, place.as_str(), edge.code_owners) {
                Ok(owners) => {
                    problems.extend(owners.warnings().iter().cloned());
                    all.insert((snapshot.repository.clone(), snapshot.branch.clone()), owners);
                }
                Err(problem) => problems.push(problem),
            }
        }
        (Self(all), problems)
    }

    fn of(&self, repository: &RepositoryId, base: &str) -> Option<&CodeOwners> {
        self.0.get(&(repository.clone(), base.to_owned()))
    }

    /// The team that a recommendation's pull request is for, where the policy groups by team and one owns all its files.
    pub(crate) fn team(&self, admitted: &Admitted) -> Option<String> {
        if admitted.policy.pull_requests.group_by != GroupBy::Team {
            return None;
        }
        let recommendation: &Recommendation = &admitted.recommendation;
        let owners = self.of(&recommendation.repository, &admitted.base)?;
        owners.team_of_all(recommendation.files()).ok().flatten()
    }

    /// Who is asked for a review of a change set: users, then teams.
    ///
    /// # Errors
    /// When the file has more patterns than kubeopt tries.
    pub(crate) fn reviewers(&self, change_set: &ChangeSet) -> Result<Vec<String>, Problem> {
        if change_set.policy.pull_requests.codeowners != OwnersPolicy::Reviewers {
            return Ok(Vec::new());
        }
        let Some(owners) = self.of(&change_set.repository, &change_set.base) else { return Ok(Vec::new()) };
        let found = owners.owners_of(change_set.files.iter().map(|file| &file.path))?;
        Ok(found.users.into_iter().chain(found.teams).collect())
    }
}
