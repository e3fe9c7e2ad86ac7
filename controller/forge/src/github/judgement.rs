//! Reviews, checks and merging on GitHub, where a check is a status or a run.

use std::collections::BTreeMap;

use kubeopt_model::RepositoryId;

use super::calls::{Calls, InRepository, Paging};
use super::comments::{GHOST, author};
use super::{access::Own, lookup, wire};
use crate::error::ForgeError;
use crate::judgement::{
    CHECKS_MAX, Check, Given, MergeOrder, REVIEWS_MAX, Review, Verdict, is_oid, latest_of_each, too_many,
    worst_of_each,
};

/// Reviews that are asked for per page: as many of the longest texts as the largest answer holds.
const PAGE_REVIEWS: &str = "30";

/// Statuses and check runs that are asked for per page; the most that GitHub gives.
const PAGE_CHECKS: &str = "100";

pub(super) async fn reviews(
    calls: &Calls,
    repository: &RepositoryId,
    number: u64,
) -> Result<Vec<Review>, ForgeError> {
    let (at, own) = (calls.of(repository), calls.own().await?);
    let what = format!("pull request {number} of {repository}");
    let mut all: Vec<wire::Review> = Vec::new();
    let asked = [("per_page", PAGE_REVIEWS)];
    at.list(&["pulls", &number.to_string(), "reviews"], &asked, &what, |page: Vec<wire::Review>| {
        all.extend(page);
        if all.len() > REVIEWS_MAX { Paging::Enough } else { Paging::More }
    })
    .await?;
    if all.len() > REVIEWS_MAX {
        return Err(too_many(&format!("reviews of {what}"), REVIEWS_MAX));
    }
    Ok(latest_of_each(all.into_iter().filter_map(|review| given(review, &own)).collect()))
}

pub(super) async fn checks(
    calls: &Calls,
    repository: &RepositoryId,
    head_oid: &str,
) -> Result<Vec<Check>, ForgeError> {
    let at = calls.of(repository);
    // A branch's name would do as well for GitHub, and mean another commit tomorrow.
    if !is_oid(head_oid) {
        return Err(ForgeError::NotFound { what: "a commit of this name".to_owned() });
    }
    let what = format!("commit {head_oid} of {repository}");
    let statuses: Vec<wire::Status> =
        all_of(&at, &["commits", head_oid, "status"], &what, |page: wire::CombinedStatus| {
            (page.total_count, page.statuses)
        })
        .await?;
    let runs: Vec<wire::CheckRun> =
        all_of(&at, &["commits", head_oid, "check-runs"], &what, |page: wire::CheckRuns| {
            (page.total_count, page.check_runs)
        })
        .await?;
    // A job that is run again is another run of its suite. The job of another workflow has another suite, and its
    // success would hide nothing of this one.
    let mut latest: BTreeMap<(u64, String), wire::CheckRun> = BTreeMap::new();
    for run in runs {
        let key = (run.suite(), run.name.clone());
        if latest.get(&key).is_none_or(|known| known.id < run.id) {
            latest.insert(key, run);
        }
    }
    let statuses = statuses.into_iter().map(wire::Status::into_check);
    Ok(worst_of_each(statuses.chain(latest.into_values().map(wire::CheckRun::into_check))))
}

pub(super) async fn merge(
    calls: &Calls,
    repository: &RepositoryId,
    number: u64,
    order: &MergeOrder,
) -> Result<String, ForgeError> {
    let order = order.stored()?;
    let at = calls.of(repository);
    let find = async || {
        let found = lookup::pull(&at, number).await?;
        found.into_pull_request(calls, &repository.owner, &repository.name)
    };
    if let Some(merged) = order.merged_already(&find().await?)? {
        return Ok(merged);
    }
    let body = wire::Merge {
        commit_title: &order.title,
        commit_message: &order.message,
        sha: &order.head_oid,
        merge_method: "merge",
    };
    let what = format!("pull request {number} of {repository}");
    let parts = ["pulls", &number.to_string(), "merge"];
    match at.put::<_, wire::Merged>(&parts, &body, &what).await {
        Ok(made) if made.merged => Ok(made.sha),
        Err(error @ (ForgeError::RateLimited { .. } | ForgeError::Unauthorized)) => Err(error),
        // Whatever the answer was, or was not: what stands there counts.
        outcome => order.outcome(outcome.map(drop).map_err(|error| unmerged(number, error)), &find().await?),
    }
}

/// GitHub says with 405 what keeps it from merging, and with 422 what is wrong with the order.
fn unmerged(number: u64, error: ForgeError) -> ForgeError {
    let ForgeError::Refused { why } = error else { return error };
    let said = why.to_ascii_lowercase();
    if said.contains("not mergeable") || said.contains("was modified") {
        return ForgeError::Conflict {
            what: format!("pull request {number} cannot be merged as it is: {why}"),
        };
    }
    if said.contains("draft") {
        return ForgeError::Draft { number };
    }
    ForgeError::MergeBlocked { number, why }
}

/// A list in pages that stands inside of something else, which says how many items it has.
async fn all_of<P: serde::de::DeserializeOwned, T>(
    at: &InRepository<'_>,
    parts: &[&str],
    what: &str,
    items_of: impl Fn(P) -> (usize, Vec<T>),
) -> Result<Vec<T>, ForgeError> {
    let mut all = Vec::new();
    let missing = || ForgeError::NotFound { what: what.to_owned() };
    for number in 1..=CHECKS_MAX {
        let asked = [("per_page", PAGE_CHECKS), ("page", &number.to_string())];
        let page: P = match at.find(parts, &asked).await {
            Ok(Some(page)) => page,
            // 422 is its answer to an id that is no commit's.
            Ok(None) | Err(ForgeError::Refused { .. }) => return Err(missing()),
            Err(error) => return Err(error),
        };
        let (total, items) = items_of(page);
        let is_end = items.is_empty();
        all.extend(items);
        if all.len() >= total {
            return Ok(all);
        }
        if is_end {
            let why = format!("the checks of {what} end after {} of {total}", all.len());
            return Err(ForgeError::Malformed { why });
        }
        if all.len() > CHECKS_MAX {
            break;
        }
    }
    Err(too_many(&format!("checks of {what}"), CHECKS_MAX))
}

/// None for what was not submitted.
fn given(review: wire::Review, own: &Own) -> Option<Given> {
    let is_dismissed = review.state == "DISMISSED";
    let verdict = match review.state.as_str() {
        "APPROVED" => Verdict::Approved,
        "CHANGES_REQUESTED" => Verdict::ChangesRequested,
        // What a dismissed one said is not told any more.
        "COMMENTED" | "DISMISSED" => Verdict::Commented,
        _ => return None,
    };
    Some(Given {
        is_dismissed,
        is_gone: review.user.as_ref().is_none_or(|user| user.login == GHOST),
        review: Review {
            author: author(review.user, own),
            verdict,
            submitted_at: review.submitted_at?,
            head_oid: review.commit_id.filter(|oid| is_oid(oid)),
        },
    })
}
