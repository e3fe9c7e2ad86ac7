//! The private folder of one rendering: the repository's regular files and nothing else.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::PathBuf;

use kubeopt_model::{Problem, RepoPath};
use tempfile::TempDir;

use crate::codes;

/// Folders that only this user can enter; they are removed when the value goes.
pub(crate) struct Layout {
    home: TempDir,
    /// The repository's files.
    pub(crate) root: PathBuf,
    /// An empty folder: the renderer's home and its whole search path, so that it finds no other program.
    pub(crate) empty: PathBuf,
}

impl Layout {
    /// Makes the folders.
    ///
    /// # Errors
    /// `E-REN-009`.
    pub(crate) fn new() -> Result<Self, Problem> {
        let home = private_folder().map_err(|error| failed(&error))?;
        let (root, empty) = (home.path().join("repository"), home.path().join("empty"));
        for folder in [&root, &empty] {
            private_folders().create(folder).map_err(|error| failed(&error))?;
        }
        Ok(Self { home, root, empty })
    }

    /// Writes the files.
    ///
    /// # Errors
    /// `E-REN-009`, also where one path is a file and a folder.
    pub(crate) fn write<'a>(
        &self,
        files: impl IntoIterator<Item = (&'a RepoPath, &'a [u8])>,
    ) -> Result<(), Problem> {
        for (path, bytes) in files {
            self.write_file(path, bytes).map_err(|error| failed(&error).at(path.as_str(), None))?;
        }
        Ok(())
    }

    /// Where a folder of the repository lies.
    pub(crate) fn folder(&self, path: &RepoPath) -> PathBuf {
        self.root.join(path.as_str())
    }

    /// A file beside the repository, for what the renderer complains about.
    ///
    /// # Errors
    /// `E-REN-009`.
    pub(crate) fn complaints(&self) -> Result<(PathBuf, File), Problem> {
        let path = self.home.path().join("stderr");
        let file = File::create_new(&path).map_err(|error| failed(&error))?;
        Ok((path, file))
    }

    /// The text without the place on this machine, which says nothing to its reader and differs each time.
    pub(crate) fn hide_place(&self, text: &str) -> String {
        let root = self.root.display().to_string();
        let real = self.root.canonicalize().map(|path| path.display().to_string()).unwrap_or(root.clone());
        text.replace(&format!("{real}/"), "")
            .replace(&format!("{root}/"), "")
            .replace(&real, ".")
            .replace(&root, ".")
    }

    /// `RepoPath` holds no `..` and is not absolute; `create_new` follows no link, and there are none.
    fn write_file(&self, path: &RepoPath, bytes: &[u8]) -> std::io::Result<()> {
        let target = self.root.join(path.as_str());
        if let Some(folder) = target.parent() {
            private_folders().recursive(true).create(folder)?;
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&target)?;
        file.write_all(bytes)
    }
}

/// A new folder for temporary files with mode 0700; removed when the value goes.
pub(crate) fn private_folder() -> std::io::Result<TempDir> {
    tempfile::Builder::new().prefix("kubeopt-render-").permissions(Permissions::from_mode(0o700)).tempdir()
}

fn private_folders() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    builder
}

fn failed(error: &std::io::Error) -> Problem {
    Problem::new(
        codes::RENDER_FILES,
        format!("unable to lay the files out for kustomize: {error}"),
        "check that the folder for temporary files (TMPDIR) is writable and not full",
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn write(layout: &Layout, paths: &[&str]) -> Result<(), Problem> {
        let paths: Vec<RepoPath> = paths.iter().map(|path| RepoPath::new(path).unwrap()).collect();
        layout.write(paths.iter().map(|path| (path, &b"text"[..])))
    }

    #[test]
    fn files_are_private_and_gone_afterwards() {
        let layout = Layout::new().unwrap();
        write(&layout, &["a/b.yaml"]).unwrap();
        let path = layout.root.join("a/b.yaml");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "text");
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(
            (mode(layout.home.path()), mode(&layout.root.join("a")), mode(&path)),
            (0o700, 0o700, 0o600)
        );
        assert_eq!(layout.hide_place(&format!("in {}", path.display())), "in a/b.yaml");
        drop(layout);
        assert!(!path.exists());
    }

    #[test]
    fn a_path_that_is_file_and_folder_is_a_problem() {
        let problem = write(&Layout::new().unwrap(), &["a", "a/b"]).unwrap_err();
        assert_eq!(
            (problem.code.as_str(), problem.place.unwrap().file.as_str()),
            (codes::RENDER_FILES, "a/b")
        );
    }
}
