//! Issues of a local repository: `refs/kubeopt/issues/N` points to a chain of commits, each of which holds the whole issue
//! in `issue.json`.

use git2::Commit;
use kubeopt_model::Timestamp;
use serde::{Deserialize, Serialize};

use super::record::{again, read_json};
use super::storage::{OWN_NAME, Storage, Swap, failed};
use crate::error::ForgeError;
use crate::pull_request::stored_title;
use crate::tracking::{ISSUES_MAX, Issue, IssueUpdate, check_issue, switched_off, too_many};

const ISSUES: &str = "refs/kubeopt/issues/";

const FILE: &str = "issue.json";

/// A box that nobody ticked, and one that somebody did, as Markdown has them.
const UNTICKED: &str = "- [ ] ";
const TICKED: &str = "- [x] ";

/// An issue of a local forge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalIssue {
    /// Its number; issues are counted on their own.
    pub number: u64,
    /// Who opened it.
    pub author: String,
    /// Title.
    pub title: String,
    /// Text.
    pub body: String,
    /// Whether it is open.
    pub is_open: bool,
    /// When it was last changed, in seconds since the epoch.
    pub updated_unix_s: i64,
}

/// All of them, ascending.
pub(super) fn all(storage: &Storage) -> Result<Vec<LocalIssue>, ForgeError> {
    let numbers = numbers(storage)?;
    if numbers.len() > ISSUES_MAX {
        return Err(too_many(storage.id()));
    }
    numbers.into_iter().map(|number| load(storage, number).map(|(issue, _)| issue)).collect()
}

pub(super) fn own(storage: &Storage) -> Result<Vec<Issue>, ForgeError> {
    all(storage)?.into_iter().filter(|issue| issue.author == OWN_NAME).map(shown).collect()
}

pub(super) fn open(storage: &Storage, by: &str, title: &str, body: &str) -> Result<Issue, ForgeError> {
    check_issue(Some(title), Some(body))?;
    again("the list of issues", || {
        let number = numbers(storage)?.last().copied().unwrap_or(0) + 1;
        let issue = LocalIssue {
            number,
            author: by.to_owned(),
            title: stored_title(title),
            body: body.to_owned(),
            is_open: true,
            updated_unix_s: storage.now.as_second(),
        };
        match store(storage, &issue, None)? {
            Swap::Done => shown(issue).map(Some),
            Swap::Lost => Ok(None),
        }
    })
}

pub(super) fn update(storage: &Storage, number: u64, update: &IssueUpdate) -> Result<Issue, ForgeError> {
    change(storage, number, |issue| {
        let needed = update.against(&shown(issue.clone())?)?;
        if let Some(title) = needed.title {
            issue.title = title;
        }
        if let Some(body) = needed.body {
            issue.body = body;
        }
        if let Some(is_open) = needed.is_open {
            issue.is_open = is_open;
        }
        Ok(())
    })
}

/// A person ticks the first box that is not ticked and whose line has this text.
pub(super) fn tick(storage: &Storage, number: u64, text: &str) -> Result<Issue, ForgeError> {
    change(storage, number, |issue| {
        let is_meant = |line: &str| line.trim_start().starts_with(UNTICKED) && line.contains(text);
        let mut is_ticked = false;
        let lines = issue.body.split_inclusive('\n').map(|line| {
            if is_ticked || !is_meant(line) {
                return line.to_owned();
            }
            is_ticked = true;
            line.replacen(UNTICKED, TICKED, 1)
        });
        let body: String = lines.collect();
        if !is_ticked {
            let what = format!("a box that is not ticked with `{}` in issue {number}", text.escape_debug());
            return Err(storage.missing(&what));
        }
        issue.body = body;
        Ok(())
    })
}

/// Changes one issue; nothing is written when it stays as it is.
fn change(
    storage: &Storage,
    number: u64,
    work: impl Fn(&mut LocalIssue) -> Result<(), ForgeError>,
) -> Result<Issue, ForgeError> {
    again("the issue", || {
        let (before, tip) = load(storage, number)?;
        let mut issue = before.clone();
        work(&mut issue)?;
        if issue == before {
            return shown(issue).map(Some);
        }
        issue.updated_unix_s = storage.now.as_second();
        match store(storage, &issue, Some(&tip))? {
            Swap::Done => shown(issue).map(Some),
            Swap::Lost => Ok(None),
        }
    })
}

fn numbers(storage: &Storage) -> Result<Vec<u64>, ForgeError> {
    if !storage.has_issues() {
        return Err(switched_off(storage.id()));
    }
    storage.numbers_under(ISSUES)
}

fn load(storage: &Storage, number: u64) -> Result<(LocalIssue, Commit<'_>), ForgeError> {
    if !storage.has_issues() {
        return Err(switched_off(storage.id()));
    }
    let oid = storage
        .target(&format!("{ISSUES}{number}"))?
        .ok_or_else(|| storage.missing(&format!("issue {number}")))?;
    let tip = storage.git.find_commit(oid).map_err(failed)?;
    let issue = read_json(storage, &tip.tree().map_err(failed)?, FILE)?;
    Ok((issue, tip))
}

fn store(storage: &Storage, issue: &LocalIssue, tip: Option<&Commit<'_>>) -> Result<Swap, ForgeError> {
    let json =
        serde_json::to_vec_pretty(issue).map_err(|error| ForgeError::Malformed { why: error.to_string() })?;
    storage.add_commit(&format!("{ISSUES}{}", issue.number), tip, &[(FILE.to_owned(), json)], "issue")
}

fn shown(issue: LocalIssue) -> Result<Issue, ForgeError> {
    let updated_at = Timestamp::from_second(issue.updated_unix_s)
        .map_err(|error| ForgeError::Malformed { why: format!("the time of an issue: {error}") })?;
    let LocalIssue { number, title, body, is_open, .. } = issue;
    Ok(Issue { number, title, body, is_open, updated_at })
}
