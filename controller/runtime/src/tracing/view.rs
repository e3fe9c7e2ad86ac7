//! The files of a commit, some of them replaced: by marks while tracing, by edits while proving.

use std::collections::BTreeSet;

use kubeopt_gitops::Snapshot;
use kubeopt_model::{FileSet, RepoPath, RepositoryId};

/// A tree to read from. Cheap to make.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    snapshot: &'a Snapshot,
    /// The first that has a file gives it.
    instead: &'a [&'a FileSet],
}

impl<'a> View<'a> {
    /// The commit, with what `instead` has in the place of its files; the first of these goes before the next. Files of
    /// the commit that are in memory may be among them, which saves opening the repository over and over.
    pub fn new(snapshot: &'a Snapshot, instead: &'a [&'a FileSet]) -> Self {
        Self { snapshot, instead }
    }

    /// The repository that is looked at.
    pub fn repository(&self) -> &'a RepositoryId {
        &self.snapshot.repository
    }

    /// One file; none where there is no regular file of that name.
    pub fn bytes(&self, path: &RepoPath) -> Option<Vec<u8>> {
        // What cannot be read of the cache is missed here and told when the repository is fetched again.
        self.held(path).cloned().or_else(|| self.snapshot.read(path).ok().flatten())
    }

    /// Those of the named files that are there.
    pub fn files(&self, paths: &BTreeSet<RepoPath>) -> FileSet {
        let (held, rest): (Vec<&RepoPath>, Vec<&RepoPath>) =
            paths.iter().partition(|path| self.held(path).is_some());
        let mut files = self.snapshot.read_all(rest).unwrap_or_default();
        files.extend(held.into_iter().filter_map(|path| Some((path.clone(), self.held(path)?.clone()))));
        files
    }

    /// The paths of all files below a folder.
    pub fn below(&self, folder: &RepoPath) -> BTreeSet<RepoPath> {
        self.snapshot.paths_within(folder).cloned().collect()
    }

    /// Whether there is a regular file of that name.
    pub fn has(&self, path: &RepoPath) -> bool {
        self.held(path).is_some() || self.snapshot.has_file(path)
    }

    fn held(&self, path: &RepoPath) -> Option<&'a Vec<u8>> {
        self.instead.iter().find_map(|files| files.get(path))
    }
}
