//! The policy files of branches, as they were read.

use std::collections::BTreeMap;

use kubeopt_api::policy::PolicyFile;
use kubeopt_model::{Problem, RepoPath, RepositoryId};

/// What was read, by repository and base branch.
pub(crate) type BranchFiles = BTreeMap<(RepositoryId, String), ReadFiles>;

/// The policy files of one branch; an error is everything that is wrong with a file.
pub(crate) type ReadFiles = BTreeMap<RepoPath, Result<PolicyFile, Vec<Problem>>>;
