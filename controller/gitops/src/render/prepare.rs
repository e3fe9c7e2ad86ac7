//! What a renderer is given: which files lie where, which values, which arguments. Pure.

use kubeopt_model::{FileSet, RepoPath};

/// One rendering, ready to be laid out and run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Prepared {
    /// Where a file is laid out, and which file of the request it is.
    pub(crate) files: Vec<(RepoPath, RepoPath)>,
    /// Content that stands in place of the request's.
    pub(crate) instead: FileSet,
    /// Texts of values, the lowest layer first.
    pub(crate) values: Vec<String>,
    /// Arguments of the program.
    pub(crate) arguments: Vec<String>,
}

impl Prepared {
    /// What is laid out, of the request's files.
    pub(crate) fn contents<'a>(
        &'a self,
        files: &'a FileSet,
    ) -> impl Iterator<Item = (&'a RepoPath, &'a [u8])> {
        self.files.iter().filter_map(|(target, source)| {
            let bytes = self.instead.get(source).or_else(|| files.get(source))?;
            Some((target, bytes.as_slice()))
        })
    }
}
