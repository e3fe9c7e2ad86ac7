//! The files of a repository that one kustomize entry point reads, so that rendering gets these and no others.
//!
//! Pure: files come from a lookup function. Renders nothing.

use std::collections::BTreeSet;

use kubeopt_model::{Problem, RepoPath};

use crate::kustomize::{FILE_NAMES, KustomizationFile, is_built_in, is_remote, kustomization};
use crate::refusal::{Refusal, shortened};

/// Files that one entry point reads. The largest public repositories have a few hundred for each.
const FILES_MAX: usize = 10_000;

/// All that an entry point reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Closure {
    /// Files of the repository, kustomizations included.
    pub files: BTreeSet<RepoPath>,
    /// References that kustomize would fetch.
    pub remote: Vec<String>,
    /// Generators, transformers and validators that are programs of their own, by file.
    pub plugins: Vec<String>,
    /// Kustomizations that run Helm.
    pub helm: Vec<RepoPath>,
}

/// Follows a folder's kustomization to every file that it reads. `read` gives the bytes of a regular file, or none.
/// Cycles are followed once; it is for kustomize to refuse them.
///
/// # Errors
/// When a kustomization is missing or unreadable, when a reference leads to nothing or leaves the repository, and when
/// there are more files than are followed.
pub fn closure(
    read: &mut dyn FnMut(&RepoPath) -> Option<Vec<u8>>,
    entry: &RepoPath,
) -> Result<Closure, Problem> {
    match follow(read, entry) {
        (closure, None) => Ok(closure),
        (_, Some(problem)) => Err(problem),
    }
}

/// The files that a folder's kustomization is known to read, also where another of its references leads nowhere: what an
/// entry point that cannot be rendered shares with others.
pub fn known_files(
    read: &mut dyn FnMut(&RepoPath) -> Option<Vec<u8>>,
    entry: &RepoPath,
) -> BTreeSet<RepoPath> {
    follow(read, entry).0.files
}

/// All that can be followed, and the first problem.
fn follow(
    read: &mut dyn FnMut(&RepoPath) -> Option<Vec<u8>>,
    entry: &RepoPath,
) -> (Closure, Option<Problem>) {
    let mut follow = Follow {
        read,
        closure: Closure::default(),
        open: vec![entry.clone()],
        seen: BTreeSet::new(),
        problem: None,
    };
    while let Some(folder) = follow.open.pop() {
        if follow.seen.insert(folder.clone()) {
            let followed = follow.folder(&folder);
            follow.note(followed);
        }
    }
    (follow.closure, follow.problem)
}

struct Follow<'r> {
    read: &'r mut dyn FnMut(&RepoPath) -> Option<Vec<u8>>,
    closure: Closure,
    /// Folders that are still to be followed.
    open: Vec<RepoPath>,
    seen: BTreeSet<RepoPath>,
    /// The first that was found.
    problem: Option<Problem>,
}

impl Follow<'_> {
    /// What a step gave; its problem is kept, and the rest is followed all the same.
    fn note<T>(&mut self, step: Result<T, Problem>) -> Option<T> {
        match step {
            Ok(given) => Some(given),
            Err(problem) => {
                self.problem.get_or_insert(problem);
                None
            }
        }
    }

    fn folder(&mut self, folder: &RepoPath) -> Result<(), Problem> {
        let (file, bytes) = self.kustomization_of(folder).ok_or_else(|| {
            let reason = "there is none".to_owned();
            Refusal::NoKustomization { folder: folder.to_string(), reason }.of_file(folder)
        })?;
        let read = kustomization(&file, &bytes)?;
        self.add(file.clone())?;
        self.references(folder, &file, &read);
        Ok(())
    }

    fn references(&mut self, folder: &RepoPath, file: &RepoPath, read: &KustomizationFile) {
        for reference in read.resources.iter().chain(&read.components) {
            let followed = self.file_or_folder(folder, file, reference);
            self.note(followed);
        }
        for reference in read.patches.iter().chain(&read.generator_files).chain(&read.others) {
            let followed = self.file(folder, file, reference);
            self.note(followed);
        }
        for reference in &read.plugins {
            let followed = self.file_or_folder(folder, file, reference);
            let is_file = self.note(followed).flatten();
            let built_in = is_file.is_some_and(|bytes| is_built_in(&String::from_utf8_lossy(&bytes)));
            if !built_in {
                self.closure.plugins.push(reference.clone());
            }
        }
        if read.inline_plugins {
            self.closure.plugins.push(file.to_string());
        }
        if read.helm {
            self.closure.helm.push(file.clone());
        }
    }

    /// Adds a file and gives its bytes, or opens a folder, or notes what is remote.
    fn file_or_folder(
        &mut self,
        folder: &RepoPath,
        file: &RepoPath,
        reference: &str,
    ) -> Result<Option<Vec<u8>>, Problem> {
        let path = match self.local(folder, file, reference) {
            Ok(path) => path,
            Err(_) if is_remote(reference) => return Ok(self.note_remote(reference)),
            Err(problem) => return Err(problem),
        };
        if let Some(bytes) = (self.read)(&path) {
            self.add(path)?;
            return Ok(Some(bytes));
        }
        if self.kustomization_of(&path).is_some() {
            self.open.push(path);
            return Ok(None);
        }
        if is_remote(reference) {
            return Ok(self.note_remote(reference));
        }
        Err(Refusal::DanglingReference { reference: shortened(reference) }.of_file(file))
    }

    fn file(&mut self, folder: &RepoPath, file: &RepoPath, reference: &str) -> Result<(), Problem> {
        let path = match self.local(folder, file, reference) {
            Ok(path) if (self.read)(&path).is_some() => path,
            Ok(_) | Err(_) if is_remote(reference) => {
                self.note_remote(reference);
                return Ok(());
            }
            Ok(_) => {
                return Err(Refusal::DanglingReference { reference: shortened(reference) }.of_file(file));
            }
            Err(problem) => return Err(problem),
        };
        self.add(path)
    }

    fn local(&self, folder: &RepoPath, file: &RepoPath, reference: &str) -> Result<RepoPath, Problem> {
        folder
            .join(reference)
            .map_err(|_| Refusal::OutsideReference { reference: shortened(reference) }.of_file(file))
    }

    fn note_remote(&mut self, reference: &str) -> Option<Vec<u8>> {
        let reference = shortened(reference);
        if !self.closure.remote.contains(&reference) {
            self.closure.remote.push(reference);
        }
        None
    }

    fn add(&mut self, path: RepoPath) -> Result<(), Problem> {
        if self.closure.files.len() >= FILES_MAX {
            return Err(Refusal::TooManyFiles { limit: FILES_MAX }.of_file(&path));
        }
        self.closure.files.insert(path);
        Ok(())
    }

    fn kustomization_of(&mut self, folder: &RepoPath) -> Option<(RepoPath, Vec<u8>)> {
        FILE_NAMES.iter().find_map(|name| {
            let file = folder.join(name).ok()?;
            let bytes = (self.read)(&file)?;
            Some((file, bytes))
        })
    }
}

#[cfg(test)]
mod tests {
    use kubeopt_model::FileSet;

    use super::*;

    fn path(text: &str) -> RepoPath {
        RepoPath::new(text).expect("a path")
    }

    fn follow(files: &[(&str, &str)], entry: &str) -> Result<Closure, String> {
        let files: FileSet =
            files.iter().map(|(name, text)| (path(name), text.as_bytes().to_vec())).collect();
        closure(&mut |path| files.get(path).cloned(), &path(entry)).map_err(|problem| problem.code)
    }

    #[test]
    fn bases_components_patches_and_generated_files_are_followed() {
        let files = [
            (
                "apps/prod/kustomization.yaml",
                "resources: [../base]\ncomponents: [../c]\npatches: [{path: p.yaml}]\n",
            ),
            ("apps/prod/p.yaml", "kind: Deployment\n"),
            ("apps/prod/unused.yaml", "kind: Deployment\n"),
            (
                "apps/base/kustomization.yml",
                "resources: [a.yaml]\nconfigMapGenerator: [{name: x, files: [k=f]}]\n",
            ),
            ("apps/base/a.yaml", "kind: Deployment\n"),
            ("apps/base/f", "x"),
            ("apps/c/Kustomization", "kind: Component\n"),
        ];
        let closure = follow(&files, "apps/prod").expect("complete");
        let mut expected: Vec<&str> =
            files.iter().map(|(name, _)| *name).filter(|name| !name.ends_with("unused.yaml")).collect();
        expected.sort_unstable();
        let seen: Vec<&str> = closure.files.iter().map(RepoPath::as_str).collect();
        assert_eq!(seen, expected);
        assert_eq!((closure.remote, closure.plugins, closure.helm), (vec![], vec![], vec![]));
    }

    #[test]
    fn cycles_end() {
        let files = [
            ("a/kustomization.yaml", "resources: [../b]\n"),
            ("b/kustomization.yaml", "resources: [../a]\n"),
        ];
        assert_eq!(follow(&files, "a").map(|closure| closure.files.len()), Ok(2));
    }

    #[test]
    fn what_leads_nowhere_or_outside_is_refused() {
        for (text, code) in [
            ("resources: [missing.yaml]\n", "E-SRC-025"),
            ("patches: [{path: missing.yaml}]\n", "E-SRC-025"),
            ("resources: [../../outside]\n", "E-SRC-026"),
            ("resources: [/etc/passwd]\n", "E-SRC-026"),
            ("resources: [../.git/config]\n", "E-SRC-026"),
            ("kind: Deployment\n", "E-SRC-024"),
        ] {
            assert_eq!(follow(&[("a/kustomization.yaml", text)], "a"), Err(code.to_owned()), "{text}");
        }
        assert_eq!(follow(&[], "a").expect_err("nothing there"), "E-SRC-024");
    }

    #[test]
    fn what_leads_nowhere_hides_no_other_file() {
        let files = [
            ("prod/kustomization.yaml", "resources: [missing.yaml, ../base]\n"),
            ("base/kustomization.yaml", "resources: [gone.yaml, a.yaml]\n"),
            ("base/a.yaml", "kind: Deployment\n"),
        ];
        assert_eq!(follow(&files, "prod"), Err("E-SRC-025".to_owned()));
        let held: FileSet = files.iter().map(|(name, text)| (path(name), text.as_bytes().to_vec())).collect();
        let known = known_files(&mut |path| held.get(path).cloned(), &path("prod"));
        assert_eq!(known, held.keys().cloned().collect());
    }

    #[test]
    fn remote_parts_plugins_and_helm_are_told() {
        let text = "resources: ['https://example.org/x.yaml', 'github.com/a/b?ref=v1']\ntransformers: [t.yaml, b.yaml]\nhelmCharts: []\n";
        let files = [
            ("a/kustomization.yaml", text),
            ("a/t.yaml", "apiVersion: example.org/v1\n"),
            ("a/b.yaml", "apiVersion: builtin\n"),
        ];
        let closure = follow(&files, "a").expect("complete");
        assert_eq!(closure.remote, ["https://example.org/x.yaml", "github.com/a/b?ref=v1"]);
        assert_eq!(closure.plugins, ["t.yaml"]);
        assert_eq!(closure.helm, [path("a/kustomization.yaml")]);
    }
}
