//! Repositories in a local folder, read where they are.

use std::path::Path;

use git2::{ErrorCode, Repository, RepositoryOpenFlags};
use kubeopt_model::RepositoryId;

use crate::error::GitError;
use crate::smart::Tip;

/// Opens a repository in exactly this folder: parents are not searched.
///
/// # Errors
/// [`GitError::RepositoryNotFound`] where there is none, [`GitError::Store`] where it may not be opened.
pub(crate) fn open(path: &Path, id: &RepositoryId) -> Result<Repository, GitError> {
    let nowhere: [&Path; 0] = [];
    Repository::open_ext(path, RepositoryOpenFlags::NO_SEARCH, nowhere).map_err(|error| {
        if error.code() == ErrorCode::NotFound {
            GitError::RepositoryNotFound(id.clone())
        } else {
            GitError::Store(format!("{}: {}", path.display(), error.message()))
        }
    })
}

/// The newest commit of a branch, or of the branch that HEAD names.
///
/// # Errors
/// As [`open`]; [`GitError::BranchNotFound`], [`GitError::Empty`].
pub(crate) fn find_tip(path: &Path, id: &RepositoryId, branch: Option<&str>) -> Result<Tip, GitError> {
    let repository = open(path, id)?;
    let name = match branch {
        Some(branch) => branch.to_owned(),
        None => default_branch(&repository).ok_or_else(|| GitError::Empty(id.clone()))?,
    };
    let found = repository
        .find_reference(&format!("refs/heads/{name}"))
        .and_then(|reference| reference.peel_to_commit().map(|commit| commit.id()));
    match (found, branch) {
        (Ok(commit), _) => Ok(Tip { branch: name, commit: commit.to_string() }),
        (Err(error), Some(_)) if error.code() == ErrorCode::NotFound => {
            Err(GitError::BranchNotFound { repository: id.clone(), branch: name })
        }
        (Err(error), None) if error.code() == ErrorCode::NotFound => Err(GitError::Empty(id.clone())),
        (Err(error), _) => Err(GitError::Object { repository: id.clone(), why: error.message().to_owned() }),
    }
}

fn default_branch(repository: &Repository) -> Option<String> {
    let head = repository.find_reference("HEAD").ok()?;
    let target = head.symbolic_target().ok().flatten()?;
    target.strip_prefix("refs/heads/").map(str::to_owned)
}
