//! Approvals, checks and merging on GitLab. Its checks are the jobs of pipelines and the statuses of others.

use std::collections::BTreeMap;

use gitlab::api::projects::merge_requests::MergeMergeRequest;
use gitlab::api::projects::merge_requests::approvals::MergeRequestApprovals;
use gitlab::api::projects::repository::commits::CommitStatuses;
use kubeopt_model::{RepositoryId, Timestamp};
use kubeopt_net::{Answer, StatusCode};

use super::calls::{Calls, Paging, built};
use super::comments::author;
use super::endpoints::Reviewers;
use super::{merge_requests, wire};
use crate::error::ForgeError;
use crate::judgement::{
    CHECKS_MAX, Check, Given, MergeOrder, REVIEWS_MAX, Review, Verdict, is_oid, latest_of_each, too_many,
    worst_of_each,
};
use crate::transport::said;

/// Who approved stands in one list, what else people think in that of those who are asked for a review. GitLab tells
/// neither for which head.
pub(super) async fn reviews(
    calls: &Calls,
    repository: &RepositoryId,
    number: u64,
) -> Result<Vec<Review>, ForgeError> {
    let project = calls.project(repository).await?;
    let own = calls.own().await?;
    let request = merge_requests::find(calls, project, repository, number).await?;
    let what = format!("merge request {number} of {repository}");
    let endpoint = built(MergeRequestApprovals::builder().project(project).merge_request(number).build())?;
    let approvals: wire::Approvals = calls.take(&endpoint, &what).await?;
    let asked = Reviewers { project, merge_request: number };
    // Older servers have no such list.
    let asked: Vec<wire::Reviewer> = calls.find(&asked).await?.unwrap_or_default();
    if approvals.approved_by.len() + asked.len() > REVIEWS_MAX {
        return Err(too_many(&format!("reviews of {what}"), REVIEWS_MAX));
    }
    let mut all = Vec::new();
    for approval in approvals.approved_by {
        let at = approval.approved_at.unwrap_or(request.updated_at);
        all.push(given(approval.user, own, Verdict::Approved, at));
    }
    for reviewer in asked {
        // Who asks for changes does so until they approve: where both stand, it is the one that keeps from merging.
        let (verdict, at) = match reviewer.state.as_str() {
            "requested_changes" => (Verdict::ChangesRequested, Timestamp::MAX),
            "reviewed" => (Verdict::Commented, reviewer.created_at.unwrap_or(request.updated_at)),
            _ => continue,
        };
        all.push(given(reviewer.user, own, verdict, at));
    }
    let mut reviews = latest_of_each(all);
    // The time stood for the order alone: GitLab does not tell it.
    for review in reviews.iter_mut().filter(|review| review.submitted_at == Timestamp::MAX) {
        review.submitted_at = request.updated_at;
    }
    reviews.sort_by_key(|review| review.submitted_at);
    Ok(reviews)
}

pub(super) async fn checks(
    calls: &Calls,
    repository: &RepositoryId,
    head_oid: &str,
) -> Result<Vec<Check>, ForgeError> {
    // A branch's name would do as well for GitLab, and mean another commit tomorrow.
    if !is_oid(head_oid) {
        return Err(ForgeError::NotFound { what: "a commit of this name".to_owned() });
    }
    let project = calls.project(repository).await?;
    let what = format!("commit {head_oid} of {repository}");
    let endpoint = built(CommitStatuses::builder().project(project).commit(head_oid).build())?;
    // A pipeline that runs again is a later one of the same branch. One of another branch, or of the merge request, is
    // another one, and its success would hide nothing of this one.
    let mut latest: BTreeMap<(Option<String>, String), wire::Status> = BTreeMap::new();
    let mut is_too_much = false;
    calls
        .list(&endpoint, &[], &what, |page: Vec<wire::Status>| {
            for status in page {
                let key = (status.of.clone(), status.name.clone());
                if latest.get(&key).is_none_or(|known| known.id <= status.id) {
                    latest.insert(key, status);
                }
            }
            is_too_much = latest.len() > CHECKS_MAX;
            if is_too_much { Paging::Enough } else { Paging::More }
        })
        .await?;
    if is_too_much {
        return Err(too_many(&format!("checks of {what}"), CHECKS_MAX));
    }
    Ok(worst_of_each(latest.into_values().map(wire::Status::into_check)))
}

pub(super) async fn merge(
    calls: &Calls,
    repository: &RepositoryId,
    number: u64,
    order: &MergeOrder,
) -> Result<String, ForgeError> {
    let order = order.stored()?;
    let project = calls.project(repository).await?;
    let find = || merge_requests::find(calls, project, repository, number);
    if let Some(merged) = order.merged_already(&find().await?.into_pull_request(calls, repository)?)? {
        return Ok(merged);
    }
    let message = format!("{}\n\n{}", order.title, order.message);
    let endpoint = MergeMergeRequest::builder()
        .project(project)
        .merge_request(number)
        .sha(order.head_oid.as_str())
        .merge_commit_message(message.trim())
        .squash(false)
        .should_remove_source_branch(false)
        .build();
    let answer = calls.answer_to(&built(endpoint)?).await;
    let limited = |error: &ForgeError| matches!(error, ForgeError::RateLimited { .. });
    if let Some(error) = answer.as_ref().err().filter(|error| limited(error)) {
        return Err(error.clone());
    }
    // Whatever the answer was, or was not: what stands there counts.
    let request = find().await?;
    let status = request.detailed_merge_status.clone().unwrap_or_default();
    let what = format!("merge request {number} of {repository}");
    let answered = answer.and_then(|answer| judge(calls, answer, number, &status, &what));
    order.outcome(answered, &request.into_pull_request(calls, repository)?)
}

/// GitLab answers with few words; what keeps it from merging stands in the merge request.
fn judge(calls: &Calls, answer: Answer, number: u64, status: &str, what: &str) -> Result<(), ForgeError> {
    let said = match said(&answer) {
        text if status.is_empty() || status == "mergeable" => text,
        text => format!("{text} ({})", status.escape_debug()),
    };
    match answer.status {
        // The token was good for the read right before.
        StatusCode::UNAUTHORIZED => {
            let why = format!("kubeopt's account may not merge into the base branch: {said}");
            Err(ForgeError::MergeBlocked { number, why })
        }
        StatusCode::METHOD_NOT_ALLOWED | StatusCode::UNPROCESSABLE_ENTITY => Err(match status {
            "draft_status" => ForgeError::Draft { number },
            "unchecked" | "checking" | "preparing" | "approvals_syncing" | "conflict" | "broken_status"
            | "need_rebase" | "commits_status" => ForgeError::Conflict {
                what: format!("merge request {number} cannot be merged as it is: {said}"),
            },
            // Nothing stood in its way, and still Git did not do it.
            "" | "mergeable" if answer.status == StatusCode::UNPROCESSABLE_ENTITY => ForgeError::Conflict {
                what: format!("merge request {number} cannot be merged as it is: {said}"),
            },
            _ => ForgeError::MergeBlocked { number, why: said },
        }),
        _ => calls.judge(answer, what).map(drop),
    }
}

fn given(user: Option<wire::User>, own: &wire::Own, verdict: Verdict, submitted_at: Timestamp) -> Given {
    let is_gone = user.as_ref().is_none_or(|user| user.username == "ghost");
    let review = Review { author: author(user, own), verdict, submitted_at, head_oid: None };
    Given { review, is_dismissed: false, is_gone }
}
