//! Statuses and checks of commits of a local repository: `refs/kubeopt/statuses/OID` points to a chain of commits, each of
//! which holds all of them in `statuses.json` and `checks.json`.

use git2::{Commit, Oid};
use serde::Serialize;

use super::record::{again, read_json};
use super::storage::{Storage, Swap, failed};
use crate::error::ForgeError;
use crate::judgement::{Check, CheckOutcome, worst_of_each};
use crate::status::{Status, StatusState};

/// Most contexts of one commit, and most checks; kubeopt itself has two.
const CONTEXTS_MAX: usize = 100;

const FILE: &str = "statuses.json";

/// Absent while nobody set a check.
const CHECKS_FILE: &str = "checks.json";

pub(super) fn set(storage: &Storage, oid: &str, status: &Status) -> Result<(), ForgeError> {
    let status = status.stored()?;
    let commit = commit(storage, oid)?;
    again("the statuses of the commit", || {
        let Found { statuses: mut all, tip, .. } = load(storage, commit)?;
        match all.binary_search_by(|other| other.context.cmp(&status.context)) {
            Ok(at) if all[at] == status => return Ok(Some(())),
            Ok(at) => all[at] = status.clone(),
            Err(_) if all.len() >= CONTEXTS_MAX => return Err(too_many("statuses")),
            Err(at) => all.insert(at, status.clone()),
        }
        let swap = store(storage, commit, tip.as_ref(), FILE, &all)?;
        Ok((swap == Swap::Done).then_some(()))
    })
}

pub(super) fn of_commit(storage: &Storage, oid: &str) -> Result<Vec<Status>, ForgeError> {
    let Ok(oid) = Oid::from_str(oid) else { return Ok(Vec::new()) };
    load(storage, oid).map(|found| found.statuses)
}

/// Sets a check, as a person or a machine of theirs would.
pub(super) fn set_check(storage: &Storage, oid: &str, check: &Check) -> Result<(), ForgeError> {
    let commit = commit(storage, oid)?;
    again("the checks of the commit", || {
        let Found { checks: mut all, tip, .. } = load(storage, commit)?;
        match all.iter().position(|other| other.name == check.name) {
            Some(at) if all[at] == *check => return Ok(Some(())),
            Some(at) => all[at] = check.clone(),
            None if all.len() >= CONTEXTS_MAX => return Err(too_many("checks")),
            None => all.push(check.clone()),
        }
        let swap = store(storage, commit, tip.as_ref(), CHECKS_FILE, &all)?;
        Ok((swap == Swap::Done).then_some(()))
    })
}

/// Statuses and checks together.
pub(super) fn checks(storage: &Storage, oid: &str) -> Result<Vec<Check>, ForgeError> {
    let Found { statuses, checks, .. } = load(storage, commit(storage, oid)?)?;
    let as_check = |status: Status| Check { name: status.context, outcome: outcome_of(status.state) };
    Ok(worst_of_each(statuses.into_iter().map(as_check).chain(checks)))
}

fn outcome_of(state: StatusState) -> CheckOutcome {
    match state {
        StatusState::Pending => CheckOutcome::Pending,
        StatusState::Success => CheckOutcome::Green,
        StatusState::Failure | StatusState::Error => CheckOutcome::Red,
    }
}

fn commit(storage: &Storage, oid: &str) -> Result<Oid, ForgeError> {
    let commit = Oid::from_str(oid).ok().filter(|oid| storage.git.find_commit(*oid).is_ok());
    commit.ok_or_else(|| storage.missing(&format!("commit `{}`", oid.escape_debug())))
}

fn reference(oid: Oid) -> String {
    format!("refs/kubeopt/statuses/{oid}")
}

/// All of a commit, and where they stand.
#[derive(Default)]
struct Found<'a> {
    statuses: Vec<Status>,
    checks: Vec<Check>,
    tip: Option<Commit<'a>>,
}

fn load(storage: &Storage, oid: Oid) -> Result<Found<'_>, ForgeError> {
    let Some(tip) = storage.target(&reference(oid))? else { return Ok(Found::default()) };
    let tip = storage.git.find_commit(tip).map_err(failed)?;
    let tree = tip.tree().map_err(failed)?;
    let has = |file: &str| tree.get_name(file).is_some();
    let mut statuses: Vec<Status> = if has(FILE) { read_json(storage, &tree, FILE)? } else { Vec::new() };
    statuses.sort_by(|one, other| one.context.cmp(&other.context));
    let checks = if has(CHECKS_FILE) { read_json(storage, &tree, CHECKS_FILE)? } else { Vec::new() };
    drop(tree);
    Ok(Found { statuses, checks, tip: Some(tip) })
}

fn store<T: Serialize>(
    storage: &Storage,
    oid: Oid,
    tip: Option<&Commit<'_>>,
    file: &str,
    all: &[T],
) -> Result<Swap, ForgeError> {
    let json =
        serde_json::to_vec_pretty(all).map_err(|error| ForgeError::Malformed { why: error.to_string() })?;
    storage.add_commit(&reference(oid), tip, &[(file.to_owned(), json)], "status")
}

fn too_many(what: &str) -> ForgeError {
    ForgeError::TooLarge { what: format!("the list of {what} (more than {CONTEXTS_MAX})") }
}
