//! A bare Git repository, for a fake: real objects with real ids.

use std::path::Path;

use git2::{FileMode, ObjectType, Oid, Repository, Signature, Time};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) struct Git {
    pub(crate) repository: Repository,
    _folder: TempDir,
}

/// Who made a commit, and when.
pub(crate) struct Who {
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) at_unix_s: i64,
}

/// A file that a commit changed.
pub(crate) struct Changed {
    pub(crate) path: String,
    pub(crate) status: &'static str,
    pub(crate) oid: String,
}

impl Git {
    pub(crate) fn new<'a>(branch: &str, files: impl Iterator<Item = (&'a str, &'a [u8])>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let git = Self { repository: Repository::init_bare(folder.path()).unwrap(), _folder: folder };
        let empty = git.repository.treebuilder(None).unwrap().write().unwrap();
        let mut update = git2::build::TreeUpdateBuilder::new();
        for (path, content) in files {
            update.upsert(path, git.repository.blob(content).unwrap(), FileMode::Blob);
        }
        let tree = update.create_updated(&git.repository, &git.repository.find_tree(empty).unwrap()).unwrap();
        let who = Who { name: "Owner".to_owned(), email: "owner@example.org".to_owned(), at_unix_s: 1 };
        let first = git.commit(&tree.to_string(), &[], "first", &who, &who).unwrap();
        git.set(branch, &first);
        git
    }

    pub(crate) fn head(&self, branch: &str) -> Option<String> {
        self.repository.refname_to_id(&format!("refs/heads/{branch}")).ok().map(|oid| oid.to_string())
    }

    pub(crate) fn set(&self, branch: &str, oid: &str) {
        let oid = Oid::from_str(oid).unwrap();
        self.repository.reference(&format!("refs/heads/{branch}"), oid, true, "set").unwrap();
    }

    pub(crate) fn remove(&self, branch: &str) {
        self.repository.find_reference(&format!("refs/heads/{branch}")).unwrap().delete().unwrap();
    }

    /// A tree on top of another: path, mode in octal, and the blob.
    pub(crate) fn tree(&self, base: Option<&str>, entries: &[(String, String, Oid)]) -> Option<String> {
        let base = match base {
            Some(base) => self.tree_of(base)?,
            None => self.repository.treebuilder(None).unwrap().write().unwrap(),
        };
        let mut update = git2::build::TreeUpdateBuilder::new();
        for (path, mode, oid) in entries {
            let mode = match mode.as_str() {
                "100644" => FileMode::Blob,
                "100755" => FileMode::BlobExecutable,
                "120000" => FileMode::Link,
                _ => return None,
            };
            self.repository.find_blob(*oid).ok()?;
            update.upsert(path.as_str(), *oid, mode);
        }
        let base = self.repository.find_tree(base).ok()?;
        update.create_updated(&self.repository, &base).ok().map(|oid| oid.to_string())
    }

    /// The tree of this name, or of this commit.
    pub(crate) fn tree_of(&self, text: &str) -> Option<Oid> {
        let object = self.repository.find_object(Oid::from_str(text).ok()?, None).ok()?;
        object.peel(ObjectType::Tree).ok().map(|tree| tree.id())
    }

    pub(crate) fn commit(
        &self,
        tree: &str,
        parents: &[String],
        message: &str,
        author: &Who,
        committer: &Who,
    ) -> Option<String> {
        let git = &self.repository;
        let tree = git.find_tree(self.tree_of(tree)?).ok()?;
        let parents: Option<Vec<_>> =
            parents.iter().map(|oid| git.find_commit(Oid::from_str(oid).ok()?).ok()).collect();
        let signature = |who: &Who| Signature::new(&who.name, &who.email, &Time::new(who.at_unix_s, 0)).ok();
        let (author, committer) = (signature(author)?, signature(committer)?);
        let parents = parents?;
        let parents: Vec<&git2::Commit<'_>> = parents.iter().collect();
        git.commit(None, &author, &committer, message, &tree, &parents).ok().map(|oid| oid.to_string())
    }

    pub(crate) fn find(&self, oid: &str) -> Option<git2::Commit<'_>> {
        self.repository.find_commit(Oid::from_str(oid).ok()?).ok()
    }

    /// What a commit changed against its first parent.
    pub(crate) fn changed(&self, oid: &str) -> Vec<Changed> {
        let commit = self.find(oid).unwrap();
        let before = commit.parent(0).ok().map(|parent| parent.tree().unwrap());
        let diff =
            self.repository.diff_tree_to_tree(before.as_ref(), Some(&commit.tree().unwrap()), None).unwrap();
        diff.deltas()
            .map(|delta| {
                let made = delta.status();
                let gone = made == git2::Delta::Deleted;
                let status = if gone {
                    "removed"
                } else if made == git2::Delta::Added {
                    "added"
                } else {
                    "modified"
                };
                let path = delta.new_file().path().unwrap().to_str().unwrap().to_owned();
                Changed { path, status, oid: delta.new_file().id().to_string() }
            })
            .collect()
    }

    /// The entries of a tree with path, mode, type and id, with those of its folders when asked for.
    pub(crate) fn entries(&self, tree: Oid, recursive: bool) -> Vec<Value> {
        let mut found = Vec::new();
        let walk = |root: &str, entry: &git2::TreeEntry<'_>| {
            let kind = if entry.kind() == Some(ObjectType::Tree) { "tree" } else { "blob" };
            found.push(json!({
                "path": format!("{root}{}", entry.name().unwrap()), "mode": format!("{:06o}", entry.filemode()),
                "type": kind, "sha": entry.id().to_string(),
            }));
            if recursive { git2::TreeWalkResult::Ok } else { git2::TreeWalkResult::Skip }
        };
        self.repository.find_tree(tree).unwrap().walk(git2::TreeWalkMode::PreOrder, walk).unwrap();
        found
    }

    pub(crate) fn file(&self, branch: &str, path: &str) -> Option<Vec<u8>> {
        let tree = self.find(&self.head(branch)?)?.tree().ok()?;
        let entry = tree.get_path(Path::new(path)).ok()?;
        Some(entry.to_object(&self.repository).ok()?.as_blob()?.content().to_vec())
    }

    /// A person commits a file onto a branch.
    pub(crate) fn push(&self, branch: &str, path: &str, content: &[u8], at_unix_s: i64) -> String {
        let head = self.head(branch).unwrap();
        let blob = self.repository.blob(content).unwrap();
        let tree = self.tree(Some(&head), &[(path.to_owned(), "100644".to_owned(), blob)]).unwrap();
        let who = Who { name: "Person".to_owned(), email: "person@example.org".to_owned(), at_unix_s };
        let oid = self.commit(&tree, &[head], "By hand", &who, &who).unwrap();
        self.set(branch, &oid);
        oid
    }

    /// Merges one branch into another; gives the merge commit.
    pub(crate) fn merge(&self, head: &str, base: &str, at_unix_s: i64) -> String {
        let (ours, theirs) = (self.head(base).unwrap(), head.to_owned());
        let (one, other) = (self.find(&ours).unwrap(), self.find(&theirs).unwrap());
        let mut index = self.repository.merge_commits(&one, &other, None).unwrap();
        let tree = index.write_tree_to(&self.repository).unwrap().to_string();
        let who = Who { name: "Person".to_owned(), email: "person@example.org".to_owned(), at_unix_s };
        let oid = self.commit(&tree, &[ours, theirs], "Merge", &who, &who).unwrap();
        self.set(base, &oid);
        oid
    }

    /// Merges a commit into a branch by a person's order; none where both sides changed the same lines.
    pub(crate) fn land(&self, head: &str, base: &str, message: &str, at_unix_s: i64) -> Option<String> {
        let ours = self.head(base)?;
        let (one, other) = (self.find(&ours)?, self.find(head)?);
        let mut index = self.repository.merge_commits(&one, &other, None).ok()?;
        if index.has_conflicts() {
            return None;
        }
        let tree = index.write_tree_to(&self.repository).ok()?.to_string();
        let who = Who { name: "kubeopt".to_owned(), email: "kubeopt@example.org".to_owned(), at_unix_s };
        let oid = self.commit(&tree, &[ours, head.to_owned()], message, &who, &who)?;
        self.set(base, &oid);
        Some(oid)
    }
}
