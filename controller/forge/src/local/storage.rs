//! The bare repositories of a local forge: where they are, how they are made, how their references change.

use std::path::{Path, PathBuf};

use git2::build::TreeUpdateBuilder;
use git2::{Commit, ErrorCode, FileMode, Oid, Repository, RepositoryInitOptions, Signature, Time};
use kubeopt_model::{FileSet, RepositoryId, Timestamp};

use crate::branch::check_branch_name;
use crate::error::ForgeError;
use crate::forge::RepositoryFacts;

/// The login name under which kubeopt itself acts on a local forge.
pub const OWN_NAME: &str = "kubeopt";

/// The key of a repository's own configuration that holds its id: it moves with the folder.
const ID_KEY: &str = "kubeopt.id";

/// The key of a repository's own configuration that switches its issues off.
const ISSUES_KEY: &str = "kubeopt.issues";

/// What became of a change to a reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(super) enum Swap {
    /// It was made.
    Done,
    /// Someone else was faster; nothing was changed.
    Lost,
}

impl Swap {
    /// For those who do not try again.
    pub(super) fn or_conflict(self, reference: &str) -> Result<(), ForgeError> {
        match self {
            Self::Done => Ok(()),
            Self::Lost => {
                Err(ForgeError::Conflict { what: format!("`{reference}` was changed by someone else") })
            }
        }
    }
}

/// One open repository and the instant of the call.
pub(super) struct Storage {
    pub(super) git: Repository,
    pub(super) now: Timestamp,
    id: RepositoryId,
    folder: PathBuf,
}

impl Storage {
    pub(super) fn open(root: &Path, id: &RepositoryId, now: Timestamp) -> Result<Self, ForgeError> {
        let folder = existing_folder(root, id)?;
        let git = Repository::open_bare(&folder).map_err(failed)?;
        Ok(Self { git, now, id: id.clone(), folder })
    }

    pub(super) fn facts(&self) -> Result<RepositoryFacts, ForgeError> {
        facts_of(&self.git, &self.folder)
    }

    /// What an error names when something of this repository is not there.
    pub(super) fn missing(&self, what: &str) -> ForgeError {
        ForgeError::NotFound { what: format!("{what} of {}", self.id) }
    }

    /// Where the local forge's page shows a pull request, relative to its root.
    pub(super) fn page_of(&self, number: u64) -> String {
        format!("/{}/{}/pulls/{number}", self.id.owner, self.id.name)
    }

    /// Where an operator says who may do what.
    pub(super) fn people_file(&self) -> PathBuf {
        self.folder.join("kubeopt-people")
    }

    /// The commit that a reference points to; none when there is no such reference.
    pub(super) fn target(&self, reference: &str) -> Result<Option<Oid>, ForgeError> {
        match self.git.refname_to_id(reference) {
            Ok(oid) => Ok(Some(oid)),
            Err(error) if matches!(error.code(), ErrorCode::NotFound | ErrorCode::InvalidSpec) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// Points a reference at a commit if it is where it is believed to be; `None` means that it must not be there.
    /// libgit2 compares under the reference's lock file, so that two processes cannot both succeed.
    pub(super) fn swap(&self, reference: &str, before: Option<Oid>, after: Oid) -> Result<Swap, ForgeError> {
        let before = before.unwrap_or(Oid::ZERO_SHA1);
        match self.git.reference_matching(reference, after, true, before, "kubeopt") {
            Ok(_) => Ok(Swap::Done),
            Err(error) if is_lost_race(&error) => Ok(Swap::Lost),
            Err(error) => Err(failed(error)),
        }
    }

    /// Adds a commit with these files on top of those of the last one, if nobody else did meanwhile. Such a chain is a
    /// record's history.
    pub(super) fn add_commit(
        &self,
        reference: &str,
        tip: Option<&Commit<'_>>,
        files: &[(String, Vec<u8>)],
        message: &str,
    ) -> Result<Swap, ForgeError> {
        let base = match tip {
            Some(tip) => tip.tree().map_err(failed)?,
            None => empty_tree(&self.git)?,
        };
        let content = files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice()));
        let tree = self.git.find_tree(tree_with(&self.git, &base, content)?).map_err(failed)?;
        let by = signature(OWN_NAME, "kubeopt@localhost", self.now.as_second())?;
        let parents: Vec<&Commit<'_>> = tip.into_iter().collect();
        let commit = self.git.commit(None, &by, &by, message, &tree, &parents).map_err(failed)?;
        self.swap(reference, tip.map(Commit::id), commit)
    }

    /// The numbers by which references of a folder are called, ascending.
    pub(super) fn numbers_under(&self, folder: &str) -> Result<Vec<u64>, ForgeError> {
        let mut numbers = Vec::new();
        for reference in self.git.references_glob(&format!("{folder}*")).map_err(failed)? {
            let reference = reference.map_err(failed)?;
            // Anything else under that folder was put there by a person and is none of ours.
            if let Some(number) =
                reference.name().ok().and_then(|name| name.strip_prefix(folder)?.parse().ok())
            {
                numbers.push(number);
            }
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Whether the repository has issues; so it is unless its own configuration says otherwise.
    pub(super) fn has_issues(&self) -> bool {
        self.git.config().and_then(|config| config.get_bool(ISSUES_KEY)).unwrap_or(true)
    }

    /// Switches its issues on or off.
    pub(super) fn switch_issues(&self, are_on: bool) -> Result<(), ForgeError> {
        self.git.config().and_then(|mut config| config.set_bool(ISSUES_KEY, are_on)).map_err(failed)
    }

    /// The repository that this is.
    pub(super) fn id(&self) -> &RepositoryId {
        &self.id
    }

    /// Removes a reference if it is where it is believed to be.
    pub(super) fn remove(&self, reference: &str, before: Oid) -> Result<Swap, ForgeError> {
        let mut found = self.git.find_reference(reference).map_err(failed)?;
        if found.target() != Some(before) {
            return Ok(Swap::Lost);
        }
        match found.delete() {
            Ok(()) => Ok(Swap::Done),
            Err(error) if is_lost_race(&error) => Ok(Swap::Lost),
            Err(error) => Err(failed(error)),
        }
    }

    pub(super) fn signature(
        &self,
        name: &str,
        email: &str,
        at_unix_s: i64,
    ) -> Result<Signature<'static>, ForgeError> {
        signature(name, email, at_unix_s)
    }
}

/// The repositories under a folder, as owner and name, sorted.
pub(super) fn list(root: &Path) -> Result<Vec<(String, String)>, ForgeError> {
    let mut found = Vec::new();
    for owner in names_in(root)? {
        for name in names_in(&root.join(&owner))? {
            if let Some(name) = name.strip_suffix(".git") {
                found.push((owner.clone(), name.to_owned()));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Makes a repository with one commit. It appears under its name only when it is complete.
pub(super) fn create(
    root: &Path,
    (owner, name): (&str, &str),
    files: &FileSet,
    branch: &str,
    now: Timestamp,
) -> Result<RepositoryFacts, ForgeError> {
    check_branch_name(branch)?;
    let folder = folder_of(root, owner, name).ok_or_else(|| ForgeError::Refused {
        why: "an owner or name has characters it cannot have".to_owned(),
    })?;
    if folder.exists() {
        return Err(ForgeError::Refused { why: format!("{owner}/{name} is there already") });
    }
    let making = root.join(owner).join(format!(".making-{name}-{}", std::process::id()));
    let outcome = fill(&making, files, branch, now)
        .and_then(|()| std::fs::rename(&making, &folder).map_err(|error| io_failed(&error)));
    if let Err(error) = outcome {
        // What was half made has a name that nothing reads; removing it is a courtesy that may fail.
        let _left = std::fs::remove_dir_all(&making);
        return Err(error);
    }
    facts_of(&Repository::open_bare(&folder).map_err(failed)?, &folder)
}

/// The folder of a repository that is there.
pub(super) fn existing_folder(root: &Path, id: &RepositoryId) -> Result<PathBuf, ForgeError> {
    folder_of(root, &id.owner, &id.name)
        .filter(|folder| folder.is_dir())
        .ok_or_else(|| ForgeError::NotFound { what: format!("repository {id}") })
}

/// Writes blobs and a tree with these files on top of another tree.
pub(super) fn tree_with<'a>(
    git: &Repository,
    base: &git2::Tree<'_>,
    files: impl Iterator<Item = (&'a str, &'a [u8])>,
) -> Result<Oid, ForgeError> {
    let mut update = TreeUpdateBuilder::new();
    for (path, content) in files {
        let mode = match base.get_path(Path::new(path)) {
            Ok(entry) if entry.filemode() == i32::from(FileMode::BlobExecutable) => FileMode::BlobExecutable,
            Ok(_) | Err(_) => FileMode::Blob,
        };
        update.upsert(path, git.blob(content).map_err(failed)?, mode);
    }
    update.create_updated(git, base).map_err(failed)
}

/// The tree without any file.
pub(super) fn empty_tree(git: &Repository) -> Result<git2::Tree<'_>, ForgeError> {
    let oid = git.treebuilder(None).and_then(|builder| builder.write()).map_err(failed)?;
    git.find_tree(oid).map_err(failed)
}

pub(super) fn signature(name: &str, email: &str, at_unix_s: i64) -> Result<Signature<'static>, ForgeError> {
    Signature::new(name, email, &Time::new(at_unix_s, 0)).map_err(|_| ForgeError::Refused {
        why: "a name or e-mail address cannot stand in a commit".to_owned(),
    })
}

/// What libgit2 said, as an error of the disk.
pub(super) fn failed(error: git2::Error) -> ForgeError {
    ForgeError::Storage { why: error.message().to_owned() }
}

fn is_lost_race(error: &git2::Error) -> bool {
    matches!(error.code(), ErrorCode::Modified | ErrorCode::Locked | ErrorCode::Exists | ErrorCode::NotFound)
}

fn io_failed(error: &std::io::Error) -> ForgeError {
    ForgeError::Storage { why: error.to_string() }
}

fn fill(folder: &Path, files: &FileSet, branch: &str, now: Timestamp) -> Result<(), ForgeError> {
    let mut options = RepositoryInitOptions::new();
    // No template: hooks of the machine have no business in a repository that is written by a bot.
    options.bare(true).no_reinit(true).mkpath(true).external_template(false).initial_head(branch);
    let git = Repository::init_opts(folder, &options).map_err(failed)?;
    let content = files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice()));
    let tree = tree_with(&git, &empty_tree(&git)?, content)?;
    let tree = git.find_tree(tree).map_err(failed)?;
    let by = signature(OWN_NAME, "kubeopt@localhost", now.as_second())?;
    let reference = format!("refs/heads/{branch}");
    let first = git.commit(Some(&reference), &by, &by, "Add the first files", &tree, &[]).map_err(failed)?;
    // Unique for all that matters: the same files at the same nanosecond under the same name are the same repository.
    let id = format!("{}-{}-{}", now.as_nanosecond(), std::process::id(), first);
    git.config().and_then(|mut config| config.set_str(ID_KEY, &id)).map_err(failed)
}

fn facts_of(git: &Repository, folder: &Path) -> Result<RepositoryFacts, ForgeError> {
    let head = git.find_reference("HEAD").map_err(failed)?;
    let target = head.symbolic_target().map_err(failed)?.unwrap_or_default();
    let default_branch = target.strip_prefix("refs/heads/").unwrap_or("main").to_owned();
    // A repository that a person put there with `git init --bare` has no id; its folder is what it is known by.
    let id = git
        .config()
        .and_then(|config| config.get_string(ID_KEY))
        .unwrap_or_else(|_| folder.display().to_string());
    Ok(RepositoryFacts {
        id,
        default_branch,
        clone_url: folder.display().to_string(),
        archived: false,
        may_write: true,
    })
}

fn folder_of(root: &Path, owner: &str, name: &str) -> Option<PathBuf> {
    let is_name = |text: &str| {
        !text.is_empty()
            && text.len() <= 100
            && !text.starts_with(['.', '-'])
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    };
    (is_name(owner) && is_name(name)).then(|| root.join(owner).join(format!("{name}.git")))
}

/// Names of folders, without hidden ones.
fn names_in(folder: &Path) -> Result<Vec<String>, ForgeError> {
    let entries = std::fs::read_dir(folder).map_err(|error| io_failed(&error))?;
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| io_failed(&error))?;
        let is_folder = entry.file_type().map_err(|error| io_failed(&error))?.is_dir();
        if let (true, Ok(name)) = (is_folder, entry.file_name().into_string())
            && !name.starts_with('.')
        {
            names.push(name);
        }
    }
    Ok(names)
}
