//! The files of a commit, some of them replaced: by marks while tracing, by edits while proving.

use std::collections::BTreeSet;

use kubeopt_gitops::Snapshot;
use kubeopt_model::{FileSet, RepoPath, RepositoryId};

/// A tree to read from. Cheap to make.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    snapshot: &'a Snapshot,
    /// Files that were read before; saves opening the repository over and over.
    held: &'a FileSet,
    instead: &'a FileSet,
}

impl<'a> View<'a> {
    /// The commit, with `instead` in the place of its files; `held` are files of the commit that are in memory.
    pub fn new(snapshot: &'a Snapshot, held: &'a FileSet, instead: &'a FileSet) -> Self {
        Self { snapshot, held, instead }
    }

    /// The repository that is looked at.
    pub fn repository(&self) -> &'a RepositoryId {
        &self.snapshot.repository
    }

    /// One file; none where there is no regular file of that name.
    pub fn bytes(&self, path: &RepoPath) -> Option<Vec<u8>> {
        let kept = self.instead.get(path).or_else(|| self.held.get(path));
        // What cannot be read of the cache is missed here and told when the repository is fetched again.
        kept.cloned().or_else(|| self.snapshot.read(path).ok().flatten())
    }

    /// Those of the named files that are there.
    pub fn files(&self, paths: &BTreeSet<RepoPath>) -> FileSet {
        paths.iter().filter_map(|path| Some((path.clone(), self.bytes(path)?))).collect()
    }

    /// The paths of all files below a folder.
    pub fn below(&self, folder: &RepoPath) -> BTreeSet<RepoPath> {
        self.snapshot.paths().filter(|path| path.is_within(folder)).cloned().collect()
    }

    /// Whether there is a regular file of that name.
    pub fn has(&self, path: &RepoPath) -> bool {
        self.instead.contains_key(path) || self.snapshot.has_file(path)
    }
}
