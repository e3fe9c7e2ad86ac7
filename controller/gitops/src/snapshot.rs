//! One commit and its files, read from its trees.
//!
//! Only regular files count. Symbolic links could lead out of the repository, submodules lead to another one, and
//! large files are not manifests: they are listed with the reason, never read.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use git2::{ErrorCode, ObjectType, Odb, Oid, Repository};
use kubeopt_model::{FileSet, RepoPath, RepositoryId};

pub use crate::listing::{FILE_BYTES_MAX, Skipped, SkippedWhy};

use crate::error::GitError;
use crate::listing::{ENTRIES_MAX, Index, too_large};
use crate::smart::Tip;
use crate::{cache, folder, local};

/// Most bytes that [`Snapshot::files`] gives at once.
const FILES_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Commits whose first lines are read: enough to see how a repository writes them.
const SUBJECTS_MAX: usize = 50;

/// Longest first line that is kept.
const SUBJECT_CHARS_MAX: usize = 200;

/// Follows first parents as far as they are there.
fn subjects(repository: &Repository, from: Oid) -> Vec<String> {
    let mut subjects = Vec::new();
    let mut next = repository.find_commit(from).ok();
    while let Some(commit) = next.take().filter(|_| subjects.len() < SUBJECTS_MAX) {
        let line =
            commit.summary().ok().flatten().unwrap_or_default().chars().take(SUBJECT_CHARS_MAX).collect();
        subjects.push(line);
        next = commit.parent(0).ok();
    }
    subjects
}

/// One commit of one branch. Cheap to clone; its methods read from disk and do not wait for anything else.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The repository.
    pub repository: RepositoryId,
    /// The branch, resolved where the default branch was asked for.
    pub branch: String,
    /// The commit, 40 hex digits.
    pub commit: String,
    /// Its tree, 40 hex digits.
    pub tree: String,
    /// First lines of the newest commits, the newest first; of a repository that was fetched without history, one.
    pub subjects: Vec<String>,
    kept: Kept,
    index: Arc<Index>,
}

/// Where the content of the files is.
#[derive(Debug, Clone)]
enum Kept {
    /// In the objects of this repository.
    Objects(PathBuf),
    /// In the files of this folder, as they were when they were listed.
    Folder(PathBuf),
}

impl Snapshot {
    /// Reads the trees of a commit that is there.
    pub(crate) fn load(git_dir: &Path, id: RepositoryId, tip: &Tip) -> Result<Self, GitError> {
        let repository = local::open(git_dir, &id)?;
        let fail = |error: git2::Error| object(&id, &error);
        let commit = Oid::from_str(&tip.commit).map_err(fail)?;
        let tree = repository.find_commit(commit).map_err(fail)?.tree_id();
        let index = Walk::new(&repository, &id)?.run(tree)?;
        Ok(Self {
            branch: tip.branch.clone(),
            commit: tip.commit.clone(),
            tree: tree.to_string(),
            subjects: subjects(&repository, commit),
            kept: Kept::Objects(git_dir.to_owned()),
            index: Arc::new(index),
            repository: id,
        })
    }

    /// Lists a folder of this machine, as if all of it were committed. Its name stands for the repository.
    ///
    /// # Errors
    /// [`GitError::Store`] when it cannot be listed, [`GitError::TooLarge`] beyond the limits of a commit.
    pub fn of_folder(folder: &Path) -> Result<Self, GitError> {
        let id = folder::id(folder);
        let index = folder::list(folder, &id)?;
        let tree = folder::digest(&index);
        Ok(Self {
            branch: String::new(),
            commit: String::new(),
            tree,
            subjects: Vec::new(),
            kept: Kept::Folder(folder.to_owned()),
            index: Arc::new(index),
            repository: id,
        })
    }

    /// All regular files, sorted.
    pub fn paths(&self) -> impl Iterator<Item = &RepoPath> {
        self.index.files.keys()
    }

    /// The regular files below a folder, sorted.
    pub fn paths_within(&self, folder: &RepoPath) -> impl Iterator<Item = &RepoPath> {
        // All that begins like the folder stands together; `a-b` is among it for `a`.
        let from = self.index.files.range(folder.clone()..).map(|(path, _)| path);
        let begins = folder.clone();
        let within = folder.clone();
        from.take_while(move |path| path.as_str().starts_with(begins.as_str()))
            .filter(move |path| path.is_within(&within))
    }

    /// What is in the tree and is not read, in the tree's order.
    pub fn skipped(&self) -> &[Skipped] {
        &self.index.skipped
    }

    /// The Git hash of a file or folder; equal hashes are equal content. None where there is no such thing.
    pub fn tree_hash(&self, path: &RepoPath) -> Option<String> {
        self.index.files.get(path).or_else(|| self.index.folders.get(path)).map(Oid::to_string)
    }

    /// The files that are to be kept.
    ///
    /// # Errors
    /// [`GitError::TooLarge`] beyond 256 MiB in all, [`GitError::Object`] for damage.
    pub fn files(&self, keep: impl Fn(&RepoPath) -> bool) -> Result<FileSet, GitError> {
        self.contents(self.index.files.iter().filter(|(path, _)| keep(path)))
    }

    /// Those of the named files that are there.
    ///
    /// # Errors
    /// As [`Self::files`].
    pub fn read_all<'p>(&self, paths: impl IntoIterator<Item = &'p RepoPath>) -> Result<FileSet, GitError> {
        let mut paths = paths.into_iter().filter_map(|path| self.index.files.get_key_value(path)).peekable();
        // Nothing is opened for nothing.
        if paths.peek().is_none() { Ok(FileSet::new()) } else { self.contents(paths) }
    }

    fn contents<'f>(
        &self,
        entries: impl Iterator<Item = (&'f RepoPath, &'f Oid)>,
    ) -> Result<FileSet, GitError> {
        let reader = self.reader()?;
        let odb = reader.odb(&self.repository)?;
        let (mut files, mut bytes) = (FileSet::new(), 0_u64);
        for (path, oid) in entries {
            let content = reader.content(odb.as_ref(), path, *oid, &self.repository)?;
            bytes += content.len() as u64;
            if bytes > FILES_BYTES_MAX {
                return Err(too_large(&self.repository, "256 MiB of files at once"));
            }
            files.insert(path.clone(), content);
        }
        Ok(files)
    }

    /// Whether there is a regular file of that name.
    pub fn has_file(&self, path: &RepoPath) -> bool {
        self.index.files.contains_key(path)
    }

    /// One file; none where there is no regular file of that name.
    ///
    /// # Errors
    /// [`GitError::Object`] for damage.
    pub fn read(&self, path: &RepoPath) -> Result<Option<Vec<u8>>, GitError> {
        let Some(oid) = self.index.files.get(path) else { return Ok(None) };
        let reader = self.reader()?;
        let odb = reader.odb(&self.repository)?;
        reader.content(odb.as_ref(), path, *oid, &self.repository).map(Some)
    }

    fn reader(&self) -> Result<Reader<'_>, GitError> {
        Ok(match &self.kept {
            Kept::Objects(git_dir) => Reader::Objects(local::open(git_dir, &self.repository)?),
            Kept::Folder(folder) => Reader::Folder(folder),
        })
    }
}

/// An opened place of content.
enum Reader<'a> {
    Objects(Repository),
    Folder(&'a Path),
}

impl Reader<'_> {
    fn odb(&self, id: &RepositoryId) -> Result<Option<Odb<'_>>, GitError> {
        match self {
            Self::Objects(repository) => repository.odb().map(Some).map_err(|error| object(id, &error)),
            Self::Folder(_) => Ok(None),
        }
    }

    fn content(
        &self,
        odb: Option<&Odb<'_>>,
        path: &RepoPath,
        oid: Oid,
        id: &RepositoryId,
    ) -> Result<Vec<u8>, GitError> {
        match (self, odb) {
            (Self::Objects(_), Some(odb)) => {
                Ok(odb.read(oid).map_err(|error| object(id, &error))?.data().to_vec())
            }
            (Self::Objects(_), None) => Ok(Vec::new()),
            (Self::Folder(folder), _) => folder::read(folder, path, oid),
        }
    }
}

/// What a tree's entry is, by its mode.
enum Entry {
    File,
    Folder,
    Symlink,
    Submodule,
}

fn entry_of(mode: i32) -> Entry {
    match mode & 0o170_000 {
        0o040_000 => Entry::Folder,
        0o120_000 => Entry::Symlink,
        0o160_000 => Entry::Submodule,
        _ => Entry::File,
    }
}

struct Walk<'a> {
    repository: &'a Repository,
    odb: Odb<'a>,
    id: &'a RepositoryId,
    filtered: bool,
    entries: usize,
    index: Index,
}

impl<'a> Walk<'a> {
    fn new(repository: &'a Repository, id: &'a RepositoryId) -> Result<Self, GitError> {
        let odb = repository.odb().map_err(|error| object(id, &error))?;
        let filtered = cache::is_filtered(repository);
        Ok(Self { repository, odb, id, filtered, entries: 0, index: Index::default() })
    }

    fn run(mut self, root: Oid) -> Result<Index, GitError> {
        let mut folders = vec![(RepoPath::root(), root)];
        while let Some((path, oid)) = folders.pop() {
            folders.extend(self.read_folder(&path, oid)?);
            self.index.folders.insert(path, oid);
        }
        self.index.skipped.sort();
        Ok(self.index)
    }

    /// Takes in one folder; gives the folders within it.
    fn read_folder(&mut self, folder: &RepoPath, oid: Oid) -> Result<Vec<(RepoPath, Oid)>, GitError> {
        let tree = self.repository.find_tree(oid).map_err(|error| object(self.id, &error))?;
        self.entries += tree.len();
        if self.entries > ENTRIES_MAX {
            return Err(too_large(self.id, &format!("{ENTRIES_MAX} entries")));
        }
        let mut folders = Vec::new();
        for entry in &tree {
            let text = String::from_utf8_lossy(entry.name_bytes());
            let text =
                if folder.is_root() { text.into_owned() } else { format!("{}/{text}", folder.as_str()) };
            let named = std::str::from_utf8(entry.name_bytes()).ok().and_then(|_| RepoPath::new(&text).ok());
            // A name that is normalised away (`.`) would stand for its folder.
            let Some(path) = named.filter(|path| path.as_str() == text) else {
                self.skip(text.escape_default().to_string(), SkippedWhy::Name);
                continue;
            };
            match entry_of(entry.filemode()) {
                Entry::Folder => folders.push((path, entry.id())),
                Entry::Symlink => self.skip(text, SkippedWhy::Symlink),
                Entry::Submodule => self.skip(text, SkippedWhy::Submodule),
                Entry::File if self.is_small(entry.id())? => {
                    self.index.files.insert(path, entry.id());
                }
                Entry::File => self.skip(text, SkippedWhy::TooLarge),
            }
        }
        Ok(folders)
    }

    /// A blob that is not there was left out by the server because of its size.
    fn is_small(&self, oid: Oid) -> Result<bool, GitError> {
        match self.odb.read_header(oid) {
            Ok((bytes, kind)) => Ok(kind == ObjectType::Blob && bytes as u64 <= FILE_BYTES_MAX),
            Err(error) if self.filtered && error.code() == ErrorCode::NotFound => Ok(false),
            Err(error) => Err(object(self.id, &error)),
        }
    }

    fn skip(&mut self, path: String, why: SkippedWhy) {
        self.index.skipped.push(Skipped { path, why });
    }
}

fn object(id: &RepositoryId, error: &git2::Error) -> GitError {
    GitError::Object { repository: id.clone(), why: error.message().to_owned() }
}
