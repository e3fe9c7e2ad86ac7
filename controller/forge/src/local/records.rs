//! Pull requests of a local repository: `refs/kubeopt/pulls/N` points to a chain of commits, each of which holds the
//! whole record: `pull.json` and `comments/K.json`. The chain is the record's history.

use std::time::Duration;

use git2::{Commit, Oid};
use serde::{Deserialize, Serialize};

use super::OWN_NAME;
use super::branches;
use super::comments::{Comment, path_of};
use super::merge::merge_commit_of;
use super::reviews::LocalReview;
use super::storage::{Storage, Swap, failed};
use crate::error::ForgeError;
use crate::pull_request::{
    NewPullRequest, PullRequest, PullRequestQuery, PullRequestState, PullRequestUpdate, StateFilter,
    WantedState, stored_title,
};

/// Most pull requests that are read from one repository.
const PULLS_MAX: usize = 5_000;

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
    number: u64,
    title: String,
    /// Absent in records of earlier versions, which knew no drafts.
    #[serde(default)]
    draft: bool,
    body: String,
    state: RecordState,
    head: String,
    head_oid: String,
    pub(super) base: String,
    merge_commit: Option<String>,
    author: String,
    pub(super) labels: Vec<String>,
    /// Absent, as the assignees, in records of earlier versions.
    #[serde(default)]
    pub(super) reviewers: Vec<String>,
    #[serde(default)]
    pub(super) assignees: Vec<String>,
    /// Oldest first; absent in records of earlier versions.
    #[serde(default)]
    pub(super) reviews: Vec<LocalReview>,
    created_unix_s: i64,
    pub(super) updated_unix_s: i64,
    pub(super) comments: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RecordState {
    Open,
    Closed,
    Merged,
}

pub(super) fn open(storage: &Storage, new: &NewPullRequest) -> Result<PullRequest, ForgeError> {
    check_text("body", &new.body)?;
    let head = branches::oid(storage, &new.head)?
        .ok_or_else(|| storage.missing(&format!("branch `{}`", new.head)))?;
    let base = branches::oid(storage, &new.base)?
        .ok_or_else(|| storage.missing(&format!("branch `{}`", new.base)))?;
    if head == base || storage.git.graph_descendant_of(base, head).map_err(failed)? {
        let why = format!("`{}` has nothing that `{}` lacks", new.head, new.base);
        return Err(ForgeError::Refused { why });
    }
    let title = stored_title(&new.title);
    if title.is_empty() {
        return Err(ForgeError::Refused { why: "a pull request needs a title".to_owned() });
    }
    let mut labels = new.labels.clone();
    labels.sort();
    labels.dedup();
    again(new.head.as_str(), || {
        // The number is taken before the look for an existing one: who opens one in between takes this number, and this
        // attempt is lost.
        let number = numbers(storage)?.last().copied().unwrap_or(0) + 1;
        let open = list(storage, &PullRequestQuery::of_branch(&new.head, StateFilter::Open))?;
        if let Some(existing) = open.into_iter().find(|pull| pull.base == new.base) {
            return Ok(Some(existing));
        }
        let now = storage.now.as_second();
        let record = Record {
            number,
            title: title.clone(),
            draft: new.is_draft,
            body: new.body.clone(),
            state: RecordState::Open,
            head: new.head.clone(),
            head_oid: head.to_string(),
            base: new.base.clone(),
            merge_commit: None,
            author: OWN_NAME.to_owned(),
            labels: labels.clone(),
            reviewers: Vec::new(),
            assignees: Vec::new(),
            reviews: Vec::new(),
            created_unix_s: now,
            updated_unix_s: now,
            comments: 0,
        };
        match store(storage, &record, None, None, "open")? {
            Swap::Done => show(storage, record).map(Some),
            Swap::Lost => Ok(None),
        }
    })
}

pub(super) fn find(storage: &Storage, number: u64) -> Result<PullRequest, ForgeError> {
    let (record, _) = load(storage, number)?;
    show(storage, record)
}

pub(super) fn list(storage: &Storage, query: &PullRequestQuery) -> Result<Vec<PullRequest>, ForgeError> {
    let numbers = numbers(storage)?;
    if numbers.len() > PULLS_MAX {
        return Err(ForgeError::TooLarge {
            what: format!("the list of pull requests (more than {PULLS_MAX})"),
        });
    }
    let mut found = Vec::new();
    for number in numbers {
        let (record, _) = load(storage, number)?;
        if !query.head.matches(&record.head) {
            continue;
        }
        let pull = show(storage, record)?;
        if query.matches(&pull) {
            found.push(pull);
        }
    }
    Ok(found)
}

pub(super) fn update(
    storage: &Storage,
    number: u64,
    update: &PullRequestUpdate,
) -> Result<PullRequest, ForgeError> {
    check_text("body", update.body.as_deref().unwrap_or_default())?;
    again("the pull request", || {
        let (mut record, tip) = load(storage, number)?;
        let pull = show(storage, record.clone())?;
        let needed = update.against(&pull);
        if needed.is_empty() {
            return Ok(Some(pull));
        }
        if needed.state.is_some() && pull.state == PullRequestState::Merged {
            return Err(ForgeError::Conflict { what: format!("pull request {number} is merged") });
        }
        record.head_oid = pull.head_oid;
        if let Some(state) = needed.state {
            record.state = match state {
                WantedState::Open => RecordState::Open,
                WantedState::Closed => RecordState::Closed,
            };
        }
        if let Some(title) = needed.title {
            record.title = title;
        }
        if let Some(is_draft) = needed.is_draft {
            record.draft = is_draft;
        }
        if let Some(body) = needed.body {
            record.body = body;
        }
        record.updated_unix_s = storage.now.as_second();
        match store(storage, &record, Some(&tip), None, "update")? {
            Swap::Done => show(storage, record).map(Some),
            Swap::Lost => Ok(None),
        }
    })
}

/// Notes that a pull request was merged. The branch has been moved before: a stop in between loses nothing, since an
/// open record whose head is in its base shows as merged.
pub(super) fn mark_merged(storage: &Storage, number: u64, merge: Oid) -> Result<(), ForgeError> {
    again("the pull request", || {
        let (mut record, tip) = load(storage, number)?;
        record.head_oid = show(storage, record.clone())?.head_oid;
        record.state = RecordState::Merged;
        record.merge_commit = Some(merge.to_string());
        record.updated_unix_s = storage.now.as_second();
        let swap = store(storage, &record, Some(&tip), None, "merge")?;
        Ok((swap == Swap::Done).then_some(()))
    })
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

/// The record as it stands now: the head moves with its branch, and a head that is in the base is merged, whoever
/// merged it and by whatever means.
fn show(storage: &Storage, record: Record) -> Result<PullRequest, ForgeError> {
    let mut state = match record.state {
        RecordState::Open => PullRequestState::Open,
        RecordState::Closed => PullRequestState::Closed,
        RecordState::Merged => PullRequestState::Merged,
    };
    let (mut head_oid, mut merge_commit) = (record.head_oid, record.merge_commit);
    if state == PullRequestState::Open {
        if let Some(live) = branches::oid(storage, &record.head)? {
            head_oid = live.to_string();
        }
        if let Some(merge) = merge_commit_of(storage, &head_oid, &record.base)? {
            (state, merge_commit) = (PullRequestState::Merged, Some(merge.to_string()));
        }
    }
    Ok(PullRequest {
        url: storage.page_of(record.number),
        number: record.number,
        title: record.title,
        is_draft: record.draft,
        body: record.body,
        state,
        head_branch: record.head,
        head_oid,
        base: record.base,
        merge_commit,
        author: record.author,
        labels: record.labels,
        created_unix_s: record.created_unix_s,
        updated_unix_s: record.updated_unix_s,
    })
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
