//! The tree of a commit: that of the base, with some files changed. Modes are kept; links are never written over.

use std::collections::{BTreeMap, HashMap};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use kubeopt_model::EditedFile;

use super::calls::InRepository;
use super::wire;
use crate::branch::BranchWrite;
use crate::error::ForgeError;
use crate::git_object::blob_oid;

/// Most text that goes along with the tree itself, in bytes. It saves a write, and so a second, for each file; what is
/// beyond goes before it, one file at a time.
const INLINE_BYTES_MAX: usize = 1024 * 1024;

/// Modes of regular files; everything else is a link, a folder or another repository.
const FILE: &str = "100644";
const EXECUTABLE: &str = "100755";

/// Writes the tree; gives its id.
pub(super) async fn write(
    at: &InRepository<'_>,
    base_tree: &str,
    write: &BranchWrite,
) -> Result<String, ForgeError> {
    let there = entries(at, base_tree, write).await?;
    let mut inline_bytes = 0;
    let mut tree = Vec::new();
    for file in write.changed_files() {
        let path = file.path.as_str();
        let mode = mode(file, there.get(path), &write.base_oid)?;
        let text = std::str::from_utf8(&file.content.after).ok();
        let text = text.filter(|text| inline_bytes + text.len() <= INLINE_BYTES_MAX);
        inline_bytes += text.map_or(0, str::len);
        let sha = match text {
            Some(_) => None,
            None => Some(blob(at, file).await?),
        };
        tree.push(wire::NewEntry { path, mode, kind: "blob", content: text, sha });
    }
    let body = wire::NewTree { base_tree, tree };
    let made: wire::Tree = at.post(&["git", "trees"], &body, &format!("a tree of {}", at.repository)).await?;
    Ok(made.sha)
}

/// The mode to write a file with. The file in the base must be what the edit was made from.
fn mode(file: &EditedFile, there: Option<&wire::Entry>, base_oid: &str) -> Result<&'static str, ForgeError> {
    let differs = || ForgeError::Conflict { what: format!("`{}` is not as it was read", file.path) };
    let Some(there) = there else {
        return if file.content.before.is_empty() { Ok(FILE) } else { Err(differs()) };
    };
    let mode = [FILE, EXECUTABLE].into_iter().find(|mode| *mode == there.mode).ok_or_else(differs)?;
    if there.sha.as_deref() != Some(blob_oid(&file.content.before, base_oid)?.as_str()) {
        return Err(differs());
    }
    Ok(mode)
}

async fn blob(at: &InRepository<'_>, file: &EditedFile) -> Result<String, ForgeError> {
    let body = wire::NewBlob { content: BASE64_STANDARD.encode(&file.content.after), encoding: "base64" };
    let made: wire::Object =
        at.post(&["git", "blobs"], &body, &format!("a file of {}", at.repository)).await?;
    Ok(made.sha)
}

/// The entries of the base at the paths of the write. The whole tree in one call; where GitHub cuts it, beyond 100,000
/// files, the folders on the way one by one.
async fn entries(
    at: &InRepository<'_>,
    base_tree: &str,
    write: &BranchWrite,
) -> Result<HashMap<String, wire::Entry>, ForgeError> {
    let whole = folder(at, base_tree, &[("recursive", "1")]).await?;
    let mut found = HashMap::new();
    if !whole.truncated {
        let mut all: HashMap<String, wire::Entry> =
            whole.tree.into_iter().map(|entry| (entry.path.clone(), entry)).collect();
        for file in write.changed_files() {
            let path = file.path.as_str();
            found.extend(all.remove(path).map(|entry| (path.to_owned(), entry)));
        }
        return Ok(found);
    }
    let mut folders: BTreeMap<String, Vec<wire::Entry>> = BTreeMap::new();
    for file in write.changed_files() {
        let path = file.path.as_str();
        let mut tree = base_tree.to_owned();
        let mut names = path.split('/').peekable();
        while let Some(name) = names.next() {
            if !folders.contains_key(&tree) {
                let listed = folder(at, &tree, &[]).await?;
                if listed.truncated {
                    return Err(ForgeError::TooLarge { what: format!("a folder on the way to `{path}`") });
                }
                folders.insert(tree.clone(), listed.tree);
            }
            let Some(entry) = folders[&tree].iter().find(|entry| entry.path == name).cloned() else { break };
            match (names.peek(), &entry.sha) {
                (Some(_), Some(sha)) if entry.mode == "040000" => tree.clone_from(sha),
                (None, _) => {
                    found.insert(path.to_owned(), entry);
                }
                // A file or a link where a folder should be: what is written below it would take its place.
                (Some(_), _) => {
                    return Err(ForgeError::Conflict { what: format!("a folder of `{path}` is none") });
                }
            }
        }
    }
    Ok(found)
}

async fn folder(at: &InRepository<'_>, tree: &str, query: &[(&str, &str)]) -> Result<wire::Tree, ForgeError> {
    let found = at.find(&["git", "trees", tree], query).await?;
    found.ok_or_else(|| ForgeError::Conflict { what: format!("tree {tree} of {} is gone", at.repository) })
}
