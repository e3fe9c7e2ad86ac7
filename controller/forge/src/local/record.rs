//! What is kept of one pull request of a local repository: `refs/kubeopt/pulls/N` points to a chain of commits, each of
//! which holds the whole record: `pull.json` and `comments/K.json`. The chain is the record's history.

use std::time::Duration;

use git2::Commit;
use serde::{Deserialize, Serialize};

use super::storage::{Storage, Swap, failed};
use crate::conversation::Reaction;
use crate::error::ForgeError;
use crate::judgement::Verdict;

/// Longest body or comment in bytes; four times GitHub's 65,536 characters, since a character has up to four bytes.
const TEXT_BYTES_MAX: usize = 256 * 1024;

/// How often a record is tried again that another process changed at the same time.
const TRIES_MAX: u32 = 20;

/// Pause between tries: a reference's lock is held for well below a millisecond.
const TRY_PAUSE: Duration = Duration::from_millis(5);

const PULLS: &str = "refs/kubeopt/pulls/";

/// `pull.json`
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) number: u64,
    pub(super) title: String,
    /// Absent in records of earlier versions, which knew no drafts.
    #[serde(default)]
    pub(super) draft: bool,
    pub(super) body: String,
    pub(super) state: RecordState,
    pub(super) head: String,
    pub(super) head_oid: String,
    pub(super) base: String,
    pub(super) merge_commit: Option<String>,
    pub(super) author: String,
    pub(super) labels: Vec<String>,
    /// Absent, as the assignees, in records of earlier versions.
    #[serde(default)]
    pub(super) reviewers: Vec<String>,
    #[serde(default)]
    pub(super) assignees: Vec<String>,
    /// Oldest first; absent in records of earlier versions.
    #[serde(default)]
    pub(super) reviews: Vec<LocalReview>,
    pub(super) created_unix_s: i64,
    pub(super) updated_unix_s: i64,
    pub(super) comments: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RecordState {
    Open,
    Closed,
    Merged,
}

/// A comment on a pull request of a local forge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comment {
    /// Counted from 1 within its pull request.
    pub id: u64,
    /// Who wrote it.
    pub author: String,
    /// Its text.
    pub body: String,
    /// When, in seconds since the epoch.
    pub created_unix_s: i64,
    /// Whether its text was changed afterwards.
    #[serde(default)]
    pub is_edited: bool,
    /// kubeopt's reactions to it, sorted.
    #[serde(default)]
    pub reactions: Vec<Reaction>,
}

/// A review as the record holds it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct LocalReview {
    pub(super) author: String,
    pub(super) verdict: Verdict,
    pub(super) submitted_unix_s: i64,
    pub(super) head_oid: String,
    pub(super) is_dismissed: bool,
}

/// The numbers of all pull requests, ascending.
pub(super) fn numbers(storage: &Storage) -> Result<Vec<u64>, ForgeError> {
    storage.numbers_under(PULLS)
}

pub(super) fn load(storage: &Storage, number: u64) -> Result<(Record, Commit<'_>), ForgeError> {
    let oid = storage
        .target(&format!("{PULLS}{number}"))?
        .ok_or_else(|| storage.missing(&format!("pull request {number}")))?;
    let tip = storage.git.find_commit(oid).map_err(failed)?;
    let record = read_json(storage, &tip.tree().map_err(failed)?, "pull.json")?;
    Ok((record, tip))
}

/// Adds a commit with the new state to the chain, if nobody else did meanwhile.
pub(super) fn store(
    storage: &Storage,
    record: &Record,
    tip: Option<&Commit<'_>>,
    comment: Option<&Comment>,
    message: &str,
) -> Result<Swap, ForgeError> {
    let json = |error: serde_json::Error| ForgeError::Malformed { why: error.to_string() };
    let mut files = vec![("pull.json".to_owned(), serde_json::to_vec_pretty(record).map_err(json)?)];
    if let Some(comment) = comment {
        let content = serde_json::to_vec_pretty(comment).map_err(json)?;
        files.push((path_of(comment.id), content));
    }
    storage.add_commit(&format!("{PULLS}{}", record.number), tip, &files, message)
}

pub(super) fn read_json<T: for<'de> Deserialize<'de>>(
    storage: &Storage,
    tree: &git2::Tree<'_>,
    path: &str,
) -> Result<T, ForgeError> {
    let entry = tree.get_path(std::path::Path::new(path)).map_err(failed)?;
    let blob = entry.to_object(&storage.git).and_then(|object| object.peel_to_blob()).map_err(failed)?;
    serde_json::from_slice(blob.content())
        .map_err(|error| ForgeError::Malformed { why: format!("{path}: {error}") })
}

pub(super) fn check_text(what: &str, text: &str) -> Result<(), ForgeError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(ForgeError::TooLarge { what: format!("the {what} (more than {TEXT_BYTES_MAX} bytes)") });
    }
    Ok(())
}

/// Repeats work that lost a race for a reference (`None`); it reads afresh each time.
pub(super) fn again<T>(
    what: &str,
    mut work: impl FnMut() -> Result<Option<T>, ForgeError>,
) -> Result<T, ForgeError> {
    for _ in 0..TRIES_MAX {
        if let Some(done) = work()? {
            return Ok(done);
        }
        std::thread::sleep(TRY_PAUSE);
    }
    Err(ForgeError::Conflict { what: format!("{what} is changed by others all the time") })
}

/// Where a comment lies in its record.
pub(super) fn path_of(id: u64) -> String {
    format!("comments/{id}.json")
}
