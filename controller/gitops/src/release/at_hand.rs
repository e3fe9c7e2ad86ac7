//! What can be asked about the repository while its objects are read. Pure: whoever asks gives the answers.

use kubeopt_model::RepoPath;

/// The repository that the objects come from, as far as objects refer to its files.
#[derive(Clone, Copy)]
pub struct AtHand<'a> {
    /// Whether a Git URL is that repository.
    pub is_here: &'a dyn Fn(&str) -> bool,
    /// The paths of its regular files, sorted.
    pub paths: &'a dyn Fn() -> Vec<RepoPath>,
    /// The content of one of them.
    pub bytes: &'a dyn Fn(&RepoPath) -> Option<Vec<u8>>,
}

impl AtHand<'static> {
    /// Objects alone: no URL is here, and there are no files.
    pub fn nothing() -> Self {
        Self { is_here: &|_| false, paths: &Vec::new, bytes: &|_| None }
    }
}
