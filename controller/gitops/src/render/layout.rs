//! The private folder of one rendering: the files that were asked for, those of values, and nothing else.

use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use kubeopt_model::{FileSet, Problem, RepoPath};
use tempfile::TempDir;

use crate::codes;
use crate::render::prepare::Prepared;

/// Most that is laid out: far more than the manifests of any repository, and a chart with its archives.
const BYTES_MAX: usize = 128 * 1024 * 1024;

/// Folders that only this user can enter; they are removed when the value goes.
pub(crate) struct Layout {
    home: TempDir,
    /// The repository's files; the renderer starts here.
    pub(crate) root: PathBuf,
    /// An empty folder: the renderer's home and its whole search path, so that it finds no other program.
    pub(crate) empty: PathBuf,
}

impl Layout {
    /// Makes the folders and writes what was prepared.
    ///
    /// # Errors
    /// `E-REN-009`, also where one path is a file and a folder.
    pub(crate) fn of(prepared: &Prepared, files: &FileSet) -> Result<Self, Problem> {
        let values = prepared.values.iter().map(String::len);
        if prepared.contents(files).map(|(_, bytes)| bytes.len()).chain(values).sum::<usize>() > BYTES_MAX {
            return Err(too_large());
        }
        let home = tempfile::Builder::new()
            .prefix("kubeopt-render-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir()
            .map_err(|error| failed(&error))?;
        let (root, empty, values) =
            (home.path().join("repository"), home.path().join("empty"), home.path().join("values"));
        for folder in [&root, &empty, &values] {
            private_folders().create(folder).map_err(|error| failed(&error))?;
        }
        for (path, bytes) in prepared.contents(files) {
            write(&root.join(path.as_str()), bytes)
                .map_err(|error| failed(&error).at(path.as_str(), None))?;
        }
        for (index, text) in prepared.values.iter().enumerate() {
            write(&values.join(format!("{index}.yaml")), text.as_bytes()).map_err(|error| failed(&error))?;
        }
        Ok(Self { home, root, empty })
    }

    /// All of it.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
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
}

/// A folder of the repository, from where the renderer starts.
pub(crate) fn relative(path: &RepoPath) -> String {
    if path.is_root() { ".".to_owned() } else { format!("./{}", path.as_str()) }
}

/// A file of values, from where the renderer starts.
pub(crate) fn values_file(index: usize) -> String {
    format!("../values/{index}.yaml")
}

/// `RepoPath` holds no `..` and is not absolute; `create_new` follows no link, and there are none.
fn write(target: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = target.parent() {
        private_folders().recursive(true).create(folder)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(target)?;
    file.write_all(bytes)
}

fn private_folders() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    builder
}

fn failed(error: &std::io::Error) -> Problem {
    Problem::new(
        codes::RENDER_FILES,
        format!("unable to lay the files out for the renderer: {error}"),
        "check that the folder for temporary files (TMPDIR) is writable and not full",
    )
}

fn too_large() -> Problem {
    Problem::new(
        codes::RENDER_FILES,
        format!("the files to render are larger than {} MiB", BYTES_MAX / 1024 / 1024),
        "keep large files out of the folder, or split it",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(paths: &[&str], bytes: &[u8]) -> Result<Layout, Problem> {
        let files: FileSet =
            paths.iter().map(|path| (RepoPath::new(path).unwrap(), bytes.to_vec())).collect();
        let prepared = Prepared {
            files: files.keys().map(|path| (path.clone(), path.clone())).collect(),
            values: vec!["a: 1".to_owned()],
            ..Prepared::default()
        };
        Layout::of(&prepared, &files)
    }

    #[test]
    fn files_are_private_and_gone_afterwards() {
        let layout = layout(&["a/b.yaml"], b"text").unwrap();
        let path = layout.root.join("a/b.yaml");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "text");
        assert_eq!(std::fs::read_to_string(layout.root.join(values_file(0))).unwrap(), "a: 1");
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(layout.home()), mode(&layout.root.join("a")), mode(&path)), (0o700, 0o700, 0o600));
        assert_eq!(layout.hide_place(&format!("in {}", path.display())), "in a/b.yaml");
        drop(layout);
        assert!(!path.exists());
    }

    #[test]
    fn a_path_that_is_file_and_folder_is_a_problem_and_so_is_too_much() {
        let problem = layout(&["a", "a/b"], b"text").err().unwrap();
        assert_eq!(
            (problem.code.as_str(), problem.place.unwrap().file.as_str()),
            (codes::RENDER_FILES, "a/b")
        );
        let large = layout(&["a", "b"], &vec![0; BYTES_MAX / 2 + 1]).err().unwrap();
        assert_eq!(large.code, codes::RENDER_FILES);
    }
}
