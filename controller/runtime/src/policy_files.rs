//! The policy layers of every path: the operator's, then `.kubeopt.yaml` from the root to the nearest folder, read from
//! the base branch only.

use std::collections::BTreeMap;
use std::sync::Arc;

use kubeopt_api::Layer;
use kubeopt_api::policy::{ClusterPolicies, OPERATOR_LAYER, POLICY_FILE_NAME, not_allowed, policy_paths};
pub use kubeopt_api::policy::{ExplainedKey, PolicyFile, Said, Standing, keys_named};
use kubeopt_model::{ClusterName, Problem, RepoPath, RepositoryId};

use crate::branch_files::BranchFiles;
use crate::located::Sites;

/// Layers that were read, by repository and base branch.
#[derive(Debug, Default)]
pub struct PolicyFiles {
    operator: Option<PolicyFile>,
    clusters: BTreeMap<ClusterName, ClusterPolicies>,
    read: Arc<BranchFiles>,
}

impl PolicyFiles {
    /// Reads the policy files of every traced branch, once for the same sites; `clusters` are the policies that stand in clusters.
    pub fn read(
        operator: Option<&PolicyFile>,
        clusters: &BTreeMap<ClusterName, ClusterPolicies>,
        sites: &Sites,
    ) -> Self {
        let (operator, clusters) = (operator.cloned(), clusters.clone());
        let read = sites.policy_files.get_or_init(|| Arc::new(of_traces(sites)));
        Self { operator, clusters, read: Arc::clone(read) }
    }

    /// The layers that speak of a path for workloads of a cluster, the farthest first: the configuration, the cluster's
    /// objects, the repository's files.
    ///
    /// # Errors
    /// When one of them cannot be read, its first problem: nothing below it is edited until it is mended. The others are
    /// in [`PolicyFiles::problems`].
    pub fn layers(
        &self,
        cluster: &ClusterName,
        repository: &RepositoryId,
        base: &str,
        path: &RepoPath,
    ) -> Result<Vec<Layer>, Problem> {
        let mut layers = self.operators_of(cluster);
        let Some(read) = self.read.get(&(repository.clone(), base.to_owned())) else { return Ok(layers) };
        for place in policy_paths(path) {
            if let Some(file) = read.get(&place) {
                let file = file.clone().map_err(|problems| first_of(&place, problems))?;
                layers.push(Layer { name: place.to_string(), file });
            }
        }
        Ok(layers)
    }

    /// Errors and warnings of all files that were read, and the keys that the operator does not allow them to set.
    pub fn problems(&self) -> Vec<Problem> {
        let mut operators = self.operators();
        operators.extend(self.clusters.values().flat_map(ClusterPolicies::layers));
        let objects = self.clusters.values().flat_map(ClusterPolicies::problems);
        let files = self.read.values().flatten();
        files
            .flat_map(|(path, file)| match file {
                Ok(file) => {
                    let layer = Layer { name: path.to_string(), file: file.clone() };
                    let mut told = file.warnings().to_vec();
                    told.extend(not_allowed(&operators, &layer));
                    told
                }
                Err(problems) => problems.clone(),
            })
            .chain(objects)
            .collect()
    }

    /// The layers of the configuration and the cluster's objects, which need no repository.
    pub(crate) fn operators_of(&self, cluster: &ClusterName) -> Vec<Layer> {
        let mut layers = self.operators();
        layers.extend(self.clusters.get(cluster).map(ClusterPolicies::layers).unwrap_or_default());
        layers
    }

    fn operators(&self) -> Vec<Layer> {
        let operator = self.operator.iter();
        operator.map(|file| Layer { name: OPERATOR_LAYER.to_owned(), file: file.clone() }).collect()
    }
}

fn of_traces(sites: &Sites) -> BranchFiles {
    let traces = sites.traces.values().flatten();
    let of_trace = traces.map(|trace| {
        let snapshot = &trace.snapshot;
        let paths = snapshot.paths().filter(|path| path.file_name() == POLICY_FILE_NAME);
        let found = paths.map(|path| (path.clone(), parse(path, snapshot.read(path).ok().flatten())));
        ((snapshot.repository.clone(), snapshot.branch.clone()), found.collect())
    });
    of_trace.collect()
}

fn parse(path: &RepoPath, bytes: Option<Vec<u8>>) -> Result<PolicyFile, Vec<Problem>> {
    let text = bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| vec![unreadable(path, "the policy file is not UTF-8 text", "save it as UTF-8")])?;
    PolicyFile::parse(&text, path.as_str(), kubeopt_policy::PRESETS)
}

fn first_of(path: &RepoPath, problems: Vec<Problem>) -> Problem {
    let unsaid = || unreadable(path, "the policy file cannot be read", "report this as a fault of kubeopt");
    problems.into_iter().next().unwrap_or_else(unsaid)
}

fn unreadable(path: &RepoPath, what: &str, help: &str) -> Problem {
    Problem::new(crate::codes::POLICY_FILE, what, help).at(path.as_str(), None)
}
