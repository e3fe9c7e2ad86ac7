//! Pull requests of a local repository, opened, found and changed as their records.

use git2::Oid;

use super::branches;
use super::landed::merge_commit_of;
use super::record::{Record, RecordState, again, check_text, load, numbers, store};
use super::storage::{OWN_NAME, Storage, Swap, failed};
use crate::error::ForgeError;
use crate::pull_request::{
    NewPullRequest, PullRequest, PullRequestQuery, PullRequestState, PullRequestUpdate, StateFilter,
    WantedState, stored_title,
};

/// Most pull requests that are read from one repository.
const PULLS_MAX: usize = 5_000;

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
