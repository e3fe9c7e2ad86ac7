//! One cached repository on disk: `<name>-<hash>/<generation>.git`.
//!
//! Each fetch of a new commit adds a pack. After [`PACKS_MAX`] of them, or where the quota is used up, a new generation
//! is begun and fetched whole: without the old commits, which nobody needs any more. The one before it stays until the
//! next generation begins, for those who still read it; so there are never more than two.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use git2::{ErrorCode, Oid, Repository, RepositoryInitOptions};
use kubeopt_model::RepositoryId;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use crate::error::GitError;
use crate::smart::{Piece, Tip};

/// Packs of one generation. Looking an object up asks each pack, so that more than some dozens are felt.
const PACKS_MAX: usize = 40;

/// The config key that tells that large blobs are not there.
const FILTERED_KEY: &str = "kubeopt.filtered";

/// What the cache has of a repository before a fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cached {
    /// The bare repository.
    pub(crate) git_dir: PathBuf,
    /// The wanted commit is there.
    pub(crate) has_commit: bool,
    /// A commit that is there and can spare objects.
    pub(crate) have: Option<String>,
    /// Bytes on disk.
    pub(crate) kept_bytes: u64,
}

impl Cached {
    /// Finds the newest generation, or begins one; one of more than `limit_bytes` is left behind.
    ///
    /// # Errors
    /// [`GitError::Store`].
    pub(crate) fn prepare(
        dir: &Path,
        id: &RepositoryId,
        wanted: &Tip,
        limit_bytes: u64,
    ) -> Result<Self, GitError> {
        let home = dir.join(folder_name(id));
        std::fs::create_dir_all(&home).map_err(|error| io(&home, &error))?;
        let newest = generations(&home)?.into_iter().max();
        if let Some(newest) = newest {
            let git_dir = generation_dir(&home, newest);
            // What cannot be opened is left behind: a cache repairs itself.
            if let Ok(repository) = Repository::open_bare(&git_dir) {
                let has_commit = has_commit(&repository, &wanted.commit);
                let kept_bytes = bytes_below(&git_dir);
                if kept_bytes <= limit_bytes && (has_commit || packs(&git_dir) < PACKS_MAX) {
                    let have = have(&repository, &wanted.branch);
                    return Ok(Self { git_dir, has_commit, have, kept_bytes });
                }
            }
        }
        let next = newest.map_or(0, |newest| newest + 1);
        drop_generations_before(&home, newest.unwrap_or(0))?;
        let git_dir = generation_dir(&home, next);
        let mut options = RepositoryInitOptions::new();
        options.bare(true).external_template(false).mkdir(true);
        Repository::init_opts(&git_dir, &options).map_err(|error| store(&git_dir, &error))?;
        let kept_bytes = bytes_below(&git_dir);
        Ok(Self { git_dir, has_commit: false, have: None, kept_bytes })
    }

    /// Notes what has been fetched: the branch's commit, where history ends, and that large blobs are not there.
    ///
    /// # Errors
    /// [`GitError::Store`], also when the pack did not hold the commit.
    pub(crate) fn record(&self, tip: &Tip, shallow: &[String], filtered: bool) -> Result<(), GitError> {
        let fail = |error: git2::Error| store(&self.git_dir, &error);
        self.record_shallow(shallow)?;
        let repository = Repository::open_bare(&self.git_dir).map_err(fail)?;
        let commit = Oid::from_str(&tip.commit).map_err(fail)?;
        if filtered {
            let mut config = repository.config().map_err(fail)?;
            config.set_bool(FILTERED_KEY, true).map_err(fail)?;
        }
        repository.reference(&ref_name(&tip.branch), commit, true, "fetch").map_err(fail)?;
        Ok(())
    }

    /// The file that tells git that the parents of these commits are not missing but were not wanted.
    fn record_shallow(&self, commits: &[String]) -> Result<(), GitError> {
        if commits.is_empty() {
            return Ok(());
        }
        let path = self.git_dir.join("shallow");
        let known = std::fs::read_to_string(&path).unwrap_or_default();
        let mut lines: Vec<&str> = known.lines().chain(commits.iter().map(String::as_str)).collect();
        lines.sort_unstable();
        lines.dedup();
        let mut text = lines.join("\n");
        text.push('\n');
        // Written beside and renamed: a reader sees the old list or the new one.
        let mut file = tempfile::NamedTempFile::new_in(&self.git_dir).map_err(|error| io(&path, &error))?;
        file.write_all(text.as_bytes()).map_err(|error| io(&path, &error))?;
        file.persist(&path).map_err(|error| io(&path, &error.error))?;
        Ok(())
    }
}

/// Indexes a pack as it arrives. Without [`Piece::End`] nothing is kept.
///
/// # Errors
/// [`GitError::Store`] for a pack that is damaged or cannot be written.
pub(crate) fn index_pack(git_dir: &Path, mut pieces: mpsc::Receiver<Piece>) -> Result<(), GitError> {
    let fail = |error: git2::Error| store(git_dir, &error);
    let repository = Repository::open_bare(git_dir).map_err(fail)?;
    let odb = repository.odb().map_err(fail)?;
    let mut writer = odb.packwriter().map_err(fail)?;
    while let Some(piece) = pieces.blocking_recv() {
        match piece {
            Piece::Bytes(bytes) => writer.write_all(&bytes).map_err(|error| io(git_dir, &error))?,
            Piece::End => {
                writer.commit().map_err(fail)?;
                return Ok(());
            }
        }
    }
    Err(GitError::Store("the pack did not arrive completely".to_owned()))
}

/// Removes a repository from the cache; tells whether it held commits of earlier fetches.
///
/// # Errors
/// [`GitError::Store`].
pub(crate) fn remove(dir: &Path, id: &RepositoryId) -> Result<bool, GitError> {
    let home = dir.join(folder_name(id));
    let newest = generations(&home).unwrap_or_default().into_iter().max();
    let held = newest
        .and_then(|newest| Repository::open_bare(generation_dir(&home, newest)).ok())
        .is_some_and(|repository| any_fetched(&repository).is_some());
    remove_folder(&home)?;
    Ok(held)
}

/// Bytes of all files below a folder. Links are not followed; what cannot be read counts nothing.
pub(crate) fn bytes_below(folder: &Path) -> u64 {
    let (mut bytes, mut folders) = (0_u64, vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            match entry.metadata() {
                Ok(facts) if facts.is_dir() => folders.push(entry.path()),
                Ok(facts) => bytes = bytes.saturating_add(facts.len()),
                Err(_) => {}
            }
        }
    }
    bytes
}

/// Whether blobs over the limit were left out when this repository was fetched.
pub(crate) fn is_filtered(repository: &Repository) -> bool {
    repository.config().and_then(|config| config.get_bool(FILTERED_KEY)).unwrap_or(false)
}

/// Readable, and distinct for distinct repositories whatever characters a forge allows in names.
fn folder_name(id: &RepositoryId) -> String {
    let mut hash = Sha256::new();
    for part in [id.forge.as_str(), &id.owner, &id.name] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let safe = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name: String = id.name.chars().map(safe).take(40).collect();
    format!("{name}-{}", &hex::encode(hash.finalize())[..16])
}

/// Hashed: branches `a` and `a/b` may follow each other, but not stand beside each other as files.
fn ref_name(branch: &str) -> String {
    format!("refs/fetched/{}", hex::encode(Sha256::digest(branch)))
}

fn generation_dir(home: &Path, generation: u64) -> PathBuf {
    home.join(format!("{generation}.git"))
}

fn generations(home: &Path) -> Result<Vec<u64>, GitError> {
    let entries = std::fs::read_dir(home).map_err(|error| io(home, &error))?;
    Ok(entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(".git")?.parse().ok())
        .collect())
}

fn drop_generations_before(home: &Path, kept: u64) -> Result<(), GitError> {
    for generation in generations(home)?.into_iter().filter(|generation| *generation < kept) {
        remove_folder(&generation_dir(home, generation))?;
    }
    Ok(())
}

/// A folder that is not there is removed already.
fn remove_folder(folder: &Path) -> Result<(), GitError> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io(folder, &error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn packs(git_dir: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(git_dir.join("objects/pack")) else { return 0 };
    entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path().extension().is_some_and(|e| e == "pack"))
        .count()
}

fn has_commit(repository: &Repository, commit: &str) -> bool {
    Oid::from_str(commit).is_ok_and(|oid| repository.find_commit(oid).is_ok())
}

/// The commit that was last fetched of the branch, else of any branch.
fn have(repository: &Repository, branch: &str) -> Option<String> {
    let of_branch = repository.refname_to_id(&ref_name(branch)).ok();
    of_branch.or_else(|| any_fetched(repository)).map(|commit| commit.to_string())
}

fn any_fetched(repository: &Repository) -> Option<Oid> {
    let mut references = repository.references_glob("refs/fetched/*").ok()?;
    references.find_map(|reference| reference.ok()?.target())
}

fn io(path: &Path, error: &std::io::Error) -> GitError {
    GitError::Store(format!("{}: {error}", path.display()))
}

fn store(path: &Path, error: &git2::Error) -> GitError {
    let text = if error.code() == ErrorCode::Locked { "another process holds it" } else { error.message() };
    GitError::Store(format!("{}: {text}", path.display()))
}
