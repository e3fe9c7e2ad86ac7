//! The files of a folder of this machine, listed by the same rules as the trees of a commit.
//!
//! Only regular files count; symbolic links are listed and never followed. What changed since it was listed is told.

use std::io::Read as _;
use std::path::Path;

use git2::{ObjectType, Oid};
use kubeopt_model::{ForgeName, RepoPath, RepositoryId};
use sha2::{Digest as _, Sha256};

use crate::error::GitError;
use crate::listing::{ENTRIES_MAX, FILE_BYTES_MAX, Index, Skipped, SkippedWhy, too_large};

/// What stands for the repository: the folder's own name, on no forge.
pub(crate) fn id(folder: &Path) -> RepositoryId {
    let name = folder.file_name().map_or_else(|| ".".to_owned(), |name| name.to_string_lossy().into_owned());
    let forge = ForgeName::new("folder").expect("a literal that is a name");
    RepositoryId { forge, owner: ".".to_owned(), name }
}

/// Lists all files below.
///
/// # Errors
/// [`GitError::Store`], [`GitError::TooLarge`].
pub(crate) fn list(folder: &Path, id: &RepositoryId) -> Result<Index, GitError> {
    let mut index = Index::default();
    let mut entries = 0;
    let mut open = vec![RepoPath::root()];
    while let Some(at) = open.pop() {
        let place = folder.join(at.as_str());
        let listed = std::fs::read_dir(&place).map_err(|error| io(&place, &error))?;
        for entry in listed {
            let entry = entry.map_err(|error| io(&place, &error))?;
            entries += 1;
            if entries > ENTRIES_MAX {
                return Err(too_large(id, &format!("{ENTRIES_MAX} entries")));
            }
            if entry.file_name() != ".git" {
                add(&entry, &at, &mut index, &mut open)?;
            }
        }
        index.folders.insert(at, Oid::ZERO_SHA1);
    }
    index.skipped.sort();
    Ok(index)
}

fn add(
    entry: &std::fs::DirEntry,
    folder: &RepoPath,
    index: &mut Index,
    open: &mut Vec<RepoPath>,
) -> Result<(), GitError> {
    let name = entry.file_name();
    let text = match folder.as_str() {
        "" => name.to_string_lossy().into_owned(),
        folder => format!("{folder}/{}", name.to_string_lossy()),
    };
    let mut skip = |why| index.skipped.push(Skipped { path: text.escape_default().to_string(), why });
    let named = name.to_str().and_then(|_| RepoPath::new(&text).ok());
    let Some(path) = named.filter(|path| path.as_str() == text) else {
        skip(SkippedWhy::Name);
        return Ok(());
    };
    let facts = entry.metadata().map_err(|error| io(&entry.path(), &error))?;
    if facts.is_dir() && std::fs::symlink_metadata(entry.path().join(".git")).is_ok() {
        // Another repository, checked out here as a submodule or by hand.
        skip(SkippedWhy::Submodule);
    } else if facts.is_dir() {
        open.push(path);
    } else if facts.is_symlink() {
        skip(SkippedWhy::Symlink);
    } else if !facts.is_file() {
        skip(SkippedWhy::Name);
    } else if facts.len() > FILE_BYTES_MAX {
        skip(SkippedWhy::TooLarge);
    } else {
        let hash = hash(&content(&entry.path())?)?;
        index.files.insert(path, hash);
    }
    Ok(())
}

/// One file as it was listed.
///
/// # Errors
/// [`GitError::Store`] also where it has changed since.
pub(crate) fn read(folder: &Path, path: &RepoPath, listed: Oid) -> Result<Vec<u8>, GitError> {
    let place = folder.join(path.as_str());
    let bytes = content(&place)?;
    if hash(&bytes)? == listed {
        return Ok(bytes);
    }
    Err(GitError::Store(format!("{} was changed meanwhile; run the command again", place.display())))
}

/// A hash over names and content.
pub(crate) fn digest(index: &Index) -> String {
    let mut hash = Sha256::new();
    for (path, oid) in &index.files {
        hash.update(path.as_str());
        hash.update([0]);
        hash.update(oid.as_bytes());
    }
    hex::encode(hash.finalize())[..40].to_owned()
}

/// No more than is accepted is read, whatever the file has become since it was measured.
fn content(place: &Path) -> Result<Vec<u8>, GitError> {
    let file = std::fs::File::open(place).map_err(|error| io(place, &error))?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| io(place, &error))?;
    Ok(bytes)
}

fn hash(bytes: &[u8]) -> Result<Oid, GitError> {
    Oid::hash_object(ObjectType::Blob, bytes).map_err(|error| GitError::Store(error.message().to_owned()))
}

fn io(path: &Path, error: &std::io::Error) -> GitError {
    GitError::Store(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Snapshot;

    fn path(text: &str) -> RepoPath {
        RepoPath::new(text).unwrap()
    }

    #[test]
    fn a_folder_is_listed_like_a_commit() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let place = folder.path().join(name);
            std::fs::create_dir_all(place.parent().unwrap()).unwrap();
            std::fs::write(place, text).unwrap();
        };
        write("apps/api.yaml", "a: 1\n");
        write(".git/config", "secret");
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("apps/link.yaml")).unwrap();
        let snapshot = Snapshot::of_folder(folder.path()).unwrap();
        assert_eq!(snapshot.paths().cloned().collect::<Vec<_>>(), [path("apps/api.yaml")]);
        assert_eq!(snapshot.skipped().len(), 1);
        assert_eq!(snapshot.skipped()[0].why, SkippedWhy::Symlink);
        assert_eq!(snapshot.read(&path("apps/api.yaml")).unwrap().unwrap(), b"a: 1\n");
        assert_eq!(snapshot.read(&path("apps/link.yaml")).unwrap(), None);
        write("apps/api.yaml", "a: 2\n");
        assert!(snapshot.read(&path("apps/api.yaml")).is_err(), "a file that changed since it was listed");
        assert_ne!(Snapshot::of_folder(folder.path()).unwrap().tree, snapshot.tree);
    }
}
