//! The files of a commit, folder by folder: what an edit was made from, and what came of a write.

use std::collections::{BTreeMap, HashMap};

use kubeopt_model::EditedFile;

use super::calls::{Calls, Paging};
use super::endpoints::{CommitDiff, Folder};
use super::wire;
use crate::branch::BranchWrite;
use crate::error::ForgeError;
use crate::git_object::blob_oid;

/// The files in the base must be what the edits were made from; links and folders are never written over.
pub(super) async fn check_before(calls: &Calls, project: u64, write: &BranchWrite) -> Result<(), ForgeError> {
    let there = entries(calls, project, &write.base_oid, write).await?;
    for file in write.changed_files() {
        let is_so = match there.get(file.path.as_str()) {
            None => file.content.before.is_empty(),
            Some(entry) => {
                matches!(entry.mode.as_str(), "100644" | "100755")
                    && entry.id == blob_oid(&file.content.before, &write.base_oid)?
            }
        };
        if !is_so {
            return Err(ForgeError::Conflict { what: format!("`{}` is not as it was read", file.path) });
        }
    }
    Ok(())
}

/// Whether a commit changes the files of the write, to just their content, and nothing else.
pub(super) async fn changes_exactly(
    calls: &Calls,
    project: u64,
    commit: &str,
    write: &BranchWrite,
) -> Result<bool, ForgeError> {
    let mut wanted: BTreeMap<&str, &EditedFile> = BTreeMap::new();
    wanted.extend(write.changed_files().map(|file| (file.path.as_str(), file)));
    let (mut is_exact, mut changed) = (true, 0);
    calls
        .list(&CommitDiff { project, commit }, &[], "the changes of a commit", |page: Vec<wire::Diff>| {
            changed += page.len();
            is_exact &= page.iter().all(|file| {
                !file.renamed_file && !file.deleted_file && wanted.contains_key(file.new_path.as_str())
            });
            if is_exact { Paging::More } else { Paging::Enough }
        })
        .await?;
    if !is_exact || changed != wanted.len() {
        return Ok(false);
    }
    let there = entries(calls, project, commit, write).await?;
    for (path, file) in wanted {
        let wanted = blob_oid(&file.content.after, &write.base_oid)?;
        if there.get(path).is_none_or(|entry| entry.id != wanted) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The entries at the paths of the write.
async fn entries(
    calls: &Calls,
    project: u64,
    commit: &str,
    write: &BranchWrite,
) -> Result<HashMap<String, wire::Entry>, ForgeError> {
    let mut folders: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for file in write.changed_files() {
        let path = file.path.as_str();
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        folders.entry(folder).or_default().push(path);
    }
    let mut found = HashMap::new();
    for (path, files) in folders {
        let what = format!("the folder `{path}`");
        let listed = calls
            .list(&Folder { project, path, commit }, &[], &what, |page: Vec<wire::Entry>| {
                let wanted = page.into_iter().filter(|entry| files.contains(&entry.path.as_str()));
                found.extend(wanted.map(|entry| (entry.path.clone(), entry)));
                Paging::More
            })
            .await;
        match listed {
            // No such folder: its files are all new.
            Ok(()) | Err(ForgeError::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}
