//! Reviews of pull requests of a local repository; they stand in the pull request's record.

use kubeopt_model::Timestamp;

use super::comments::author;
use super::record::{LocalReview, Record, again, load, store};
use super::records::find;
use super::storage::{Storage, Swap};
use crate::error::ForgeError;
use crate::judgement::{Given, REVIEWS_MAX, Review, Verdict, latest_of_each, too_many};

/// A person reviews the pull request as it is now.
pub(super) fn add(storage: &Storage, number: u64, by: &str, verdict: Verdict) -> Result<(), ForgeError> {
    let head_oid = find(storage, number)?.head_oid;
    change(storage, number, |reviews| {
        if reviews.len() >= REVIEWS_MAX {
            return Err(too_many("reviews", REVIEWS_MAX));
        }
        reviews.push(LocalReview {
            author: by.to_owned(),
            verdict,
            submitted_unix_s: storage.now.as_second(),
            head_oid: head_oid.clone(),
            is_dismissed: false,
        });
        Ok(())
    })
}

/// A person dismisses all that another one said.
pub(super) fn dismiss(storage: &Storage, number: u64, of: &str) -> Result<(), ForgeError> {
    change(storage, number, |reviews| {
        let mut theirs: Vec<_> = reviews.iter_mut().filter(|review| review.author == of).collect();
        if theirs.is_empty() {
            return Err(storage.missing(&format!("a review by `{}`", of.escape_debug())));
        }
        theirs.iter_mut().for_each(|review| review.is_dismissed = true);
        Ok(())
    })
}

pub(super) fn on(storage: &Storage, number: u64) -> Result<Vec<Review>, ForgeError> {
    let (record, _) = load(storage, number)?;
    let given: Result<Vec<Given>, ForgeError> = record.reviews.into_iter().map(given).collect();
    given.map(latest_of_each)
}

fn change(
    storage: &Storage,
    number: u64,
    work: impl Fn(&mut Vec<LocalReview>) -> Result<(), ForgeError>,
) -> Result<(), ForgeError> {
    again("the pull request", || {
        let (mut record, tip): (Record, _) = load(storage, number)?;
        work(&mut record.reviews)?;
        record.updated_unix_s = storage.now.as_second();
        let swap = store(storage, &record, Some(&tip), None, "review")?;
        Ok((swap == Swap::Done).then_some(()))
    })
}

fn given(review: LocalReview) -> Result<Given, ForgeError> {
    let submitted_at = Timestamp::from_second(review.submitted_unix_s)
        .map_err(|error| ForgeError::Malformed { why: format!("the time of a review: {error}") })?;
    Ok(Given {
        review: Review {
            author: author(&review.author),
            verdict: review.verdict,
            submitted_at,
            head_oid: Some(review.head_oid),
        },
        is_dismissed: review.is_dismissed,
        is_gone: false,
    })
}
