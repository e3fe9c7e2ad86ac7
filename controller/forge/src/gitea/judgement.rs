//! Reviews, checks and merging on Gitea and Forgejo. Runs of their own actions show as statuses.

use kubeopt_model::RepositoryId;
use kubeopt_net::{Method, StatusCode};

use super::calls::{Calls, PAGE_ITEMS, Paging};
use super::comments::{self, OwnAccount};
use super::{lookup, wire};
use crate::conversation::AuthorKind;
use crate::error::ForgeError;
use crate::judgement::{
    CHECKS_MAX, Check, Given, MergeOrder, REVIEWS_MAX, Review, Verdict, is_oid, latest_of_each, too_many,
    worst_of_each,
};
use crate::pull_request::PullRequest;
use crate::transport::said;

pub(super) async fn reviews(
    calls: &Calls,
    own: &OwnAccount,
    repository: &RepositoryId,
    number: u64,
) -> Result<Vec<Review>, ForgeError> {
    let own = own.find(calls).await?.map(|user| user.id);
    let url = calls.of_repository(repository, &["pulls", &number.to_string(), "reviews"])?;
    let mut all: Vec<wire::PullReview> = Vec::new();
    let what = format!("pull request {number} of {repository}");
    calls
        .list(&url, &what, |page: Vec<wire::PullReview>| {
            all.extend(page);
            if all.len() > REVIEWS_MAX { Paging::Enough } else { Paging::More }
        })
        .await?;
    if all.len() > REVIEWS_MAX {
        return Err(too_many(&format!("reviews of {what}"), REVIEWS_MAX));
    }
    Ok(latest_of_each(all.into_iter().filter_map(|review| given(review, own)).collect()))
}

pub(super) async fn checks(
    calls: &Calls,
    repository: &RepositoryId,
    head_oid: &str,
) -> Result<Vec<Check>, ForgeError> {
    if !is_oid(head_oid) {
        return Err(ForgeError::NotFound { what: "a commit of this name".to_owned() });
    }
    let url = calls.of_repository(repository, &["commits", head_oid, "status"])?;
    let what = format!("commit {head_oid} of {repository}");
    let mut found: Vec<Check> = Vec::new();
    for page in 1..=CHECKS_MAX {
        let (combined, total): (wire::CombinedStatus, _) =
            calls.page_as(&url, page, PAGE_ITEMS, None, &what).await?;
        let statuses = combined.statuses.unwrap_or_default();
        let is_end = statuses.is_empty();
        found.extend(statuses.into_iter().map(wire::Status::into_check));
        if is_end || total.is_some_and(|total| found.len() >= total) {
            return Ok(worst_of_each(found));
        }
        if found.len() > CHECKS_MAX {
            break;
        }
    }
    Err(too_many(&format!("checks of {what}"), CHECKS_MAX))
}

pub(super) async fn merge(
    calls: &Calls,
    repository: &RepositoryId,
    number: u64,
    order: &MergeOrder,
) -> Result<String, ForgeError> {
    let order = order.stored()?;
    if let Some(merged) = order.merged_already(&find(calls, repository, number).await?)? {
        return Ok(merged);
    }
    let outcome = send(calls, repository, number, &order).await;
    if let Err(error @ (ForgeError::RateLimited { .. } | ForgeError::Unauthorized)) = outcome {
        return Err(error);
    }
    // Whatever the answer was, or was not: what stands there counts.
    order.outcome(outcome, &find(calls, repository, number).await?)
}

async fn send(
    calls: &Calls,
    repository: &RepositoryId,
    number: u64,
    order: &MergeOrder,
) -> Result<(), ForgeError> {
    let url = calls.of_repository(repository, &["pulls", &number.to_string(), "merge"])?;
    let body = wire::Merge {
        how: "merge",
        title: &order.title,
        message: &order.message,
        head_commit_id: &order.head_oid,
    };
    let answer = calls.answer_to(Method::POST, url, &body).await?;
    let why = said(&answer);
    match answer.status {
        StatusCode::METHOD_NOT_ALLOWED if why.contains("try again later") => {
            // Gitea compares both sides in the background, and says the same of sides that do not fit.
            let what = format!(
                "pull request {number} is not compared with its base yet, or both changed the same lines"
            );
            Err(ForgeError::Conflict { what })
        }
        StatusCode::METHOD_NOT_ALLOWED if why.contains("Work in progress") => {
            Err(ForgeError::Draft { number })
        }
        StatusCode::METHOD_NOT_ALLOWED => Err(ForgeError::MergeBlocked { number, why }),
        // A hook of the server, or the protection of the branch, when the merge was about to be pushed.
        StatusCode::CONFLICT if why.contains("PushRejected") => Err(ForgeError::MergeBlocked { number, why }),
        _ => calls.judge(answer, &format!("pull request {number} of {repository}")).map(drop),
    }
}

async fn find(calls: &Calls, repository: &RepositoryId, number: u64) -> Result<PullRequest, ForgeError> {
    let found = lookup::pull(calls, repository, number).await?;
    found.into_pull_request(calls, &repository.owner, &repository.name)
}

/// None for what is no review yet, and for teams, which give none.
fn given(review: wire::PullReview, own: Option<i64>) -> Option<Given> {
    let verdict = match review.state.as_str() {
        "APPROVED" => Verdict::Approved,
        "REQUEST_CHANGES" => Verdict::ChangesRequested,
        "COMMENT" => Verdict::Commented,
        // `PENDING`, `REQUEST_REVIEW` and none.
        _ => return None,
    };
    let author = comments::author(review.user, own);
    Some(Given {
        is_dismissed: review.dismissed,
        is_gone: author.kind == AuthorKind::Bot,
        review: Review {
            author,
            verdict,
            submitted_at: review.submitted_at,
            head_oid: Some(review.commit_id).filter(|oid| is_oid(oid)),
        },
    })
}
