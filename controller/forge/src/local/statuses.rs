//! Statuses of commits of a local repository: `refs/kubeopt/statuses/OID` points to a chain of commits, each of which
//! holds all of them in `statuses.json`.

use git2::{Commit, Oid};

use super::OWN_NAME;
use super::records::{again, read_json};
use super::storage::{Storage, Swap, empty_tree, failed, signature, tree_with};
use crate::error::ForgeError;
use crate::status::Status;

/// Most contexts of one commit; kubeopt itself has two.
const CONTEXTS_MAX: usize = 100;

const FILE: &str = "statuses.json";

pub(super) fn set(storage: &Storage, oid: &str, status: &Status) -> Result<(), ForgeError> {
    let status = status.stored()?;
    let missing = || storage.missing(&format!("commit `{}`", oid.escape_debug()));
    let commit = Oid::from_str(oid).ok().filter(|oid| storage.git.find_commit(*oid).is_ok());
    let commit = commit.ok_or_else(missing)?;
    again("the statuses of the commit", || {
        let (mut all, tip) = load(storage, commit)?;
        match all.binary_search_by(|other| other.context.cmp(&status.context)) {
            Ok(at) if all[at] == status => return Ok(Some(())),
            Ok(at) => all[at] = status.clone(),
            Err(_) if all.len() >= CONTEXTS_MAX => {
                return Err(ForgeError::TooLarge { what: "the list of statuses (more than 100)".to_owned() });
            }
            Err(at) => all.insert(at, status.clone()),
        }
        let swap = store(storage, commit, tip.as_ref(), &all)?;
        Ok((swap == Swap::Done).then_some(()))
    })
}

pub(super) fn of_commit(storage: &Storage, oid: &str) -> Result<Vec<Status>, ForgeError> {
    let Ok(oid) = Oid::from_str(oid) else { return Ok(Vec::new()) };
    load(storage, oid).map(|(all, _)| all)
}

fn reference(oid: Oid) -> String {
    format!("refs/kubeopt/statuses/{oid}")
}

fn load(storage: &Storage, oid: Oid) -> Result<(Vec<Status>, Option<Commit<'_>>), ForgeError> {
    let Some(tip) = storage.target(&reference(oid))? else { return Ok((Vec::new(), None)) };
    let tip = storage.git.find_commit(tip).map_err(failed)?;
    let mut all: Vec<Status> = read_json(storage, &tip.tree().map_err(failed)?, FILE)?;
    all.sort_by(|one, other| one.context.cmp(&other.context));
    Ok((all, Some(tip)))
}

fn store(storage: &Storage, oid: Oid, tip: Option<&Commit<'_>>, all: &[Status]) -> Result<Swap, ForgeError> {
    let json =
        serde_json::to_vec_pretty(all).map_err(|error| ForgeError::Malformed { why: error.to_string() })?;
    let files = [(FILE, json.as_slice())].into_iter();
    let tree = tree_with(&storage.git, &empty_tree(&storage.git)?, files)?;
    let tree = storage.git.find_tree(tree).map_err(failed)?;
    let by = signature(OWN_NAME, "kubeopt@localhost", storage.now.as_second())?;
    let parents: Vec<&Commit<'_>> = tip.into_iter().collect();
    let commit = storage.git.commit(None, &by, &by, "status", &tree, &parents).map_err(failed)?;
    storage.swap(&reference(oid), tip.map(Commit::id), commit)
}
