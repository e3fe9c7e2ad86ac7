//! Comments on GitHub: reading the new ones of a repository, writing them, knowing kubeopt's own.

use kubeopt_model::{RepositoryId, Timestamp};

use super::access::Own;
use super::calls::{Calls, InRepository, Paging};
use super::{lookup, wire};
use crate::conversation::{
    AuthorKind, COMMENTS_MAX, CommentAuthor, CommentId, ForgeComment, Reaction, bounded_body, in_order,
};
use crate::error::ForgeError;
use crate::sticky;

/// Comments that are asked for per page: as many of the longest ones as the largest answer holds.
const PAGE_ITEMS: &str = "30";

pub(super) async fn since(
    calls: &Calls,
    repository: &RepositoryId,
    since: Timestamp,
) -> Result<Vec<ForgeComment>, ForgeError> {
    let (at, own) = (calls.of(repository), calls.own().await?);
    // Whole seconds: GitHub's clock of comments knows no others.
    let begin = Timestamp::from_second(since.as_second()).unwrap_or(since);
    let text = begin.to_string();
    let asked =
        [("since", text.as_str()), ("sort", "created"), ("direction", "asc"), ("per_page", PAGE_ITEMS)];
    let mut found = Vec::new();
    let what = format!("the list of comments of {repository}");
    let read = at
        .list(&["issues", "comments"], &asked, &what, |page: Vec<wire::Comment>| {
            // GitHub's `since` is about changes; what was written before and changed now is not new.
            let new = page.into_iter().filter(|comment| comment.created_at >= begin);
            found.extend(new.filter_map(|comment| shown(comment, &own)));
            if found.len() >= COMMENTS_MAX { Paging::Enough } else { Paging::More }
        })
        .await;
    match read {
        Ok(()) => Ok(in_order(found)),
        // The next call begins at the last one of these.
        Err(ForgeError::TooLarge { .. }) if !found.is_empty() => Ok(in_order(found)),
        Err(ForgeError::NotFound { .. }) => {
            Err(ForgeError::NotFound { what: format!("repository {repository}") })
        }
        Err(error) => Err(error),
    }
}

pub(super) async fn add(
    calls: &Calls,
    repository: &RepositoryId,
    number: u64,
    body: &str,
) -> Result<u64, ForgeError> {
    put(&calls.of(repository), number, body).await
}

pub(super) async fn react(
    calls: &Calls,
    repository: &RepositoryId,
    comment: CommentId,
    reaction: Reaction,
) -> Result<(), ForgeError> {
    let id = comment.id.to_string();
    let what = format!("comment {id} of {repository}");
    // GitHub itself keeps one reaction of a kind for each account.
    let body = wire::NewReaction { content: reaction.word() };
    let parts = ["issues", "comments", &id, "reactions"];
    let _made: wire::Identified = calls.of(repository).post(&parts, &body, &what).await?;
    Ok(())
}

pub(super) async fn ensure(
    calls: &Calls,
    repository: &RepositoryId,
    number: u64,
    key: &str,
    body: &str,
) -> Result<u64, ForgeError> {
    let text = sticky::marked(key, body)?;
    let (at, own) = (calls.of(repository), calls.own().await?);
    lookup::pull(&at, number).await?;
    let mut all: Vec<wire::Comment> = Vec::new();
    let what = format!("the list of comments of pull request {number} of {repository}");
    let is_it = |comment: &wire::Comment| {
        comment.user.as_ref().is_some_and(|user| own.is(user))
            && comment.body.as_deref().is_some_and(|body| sticky::is_of_key(body, key))
    };
    let asked = [("per_page", PAGE_ITEMS)];
    at.list(&["issues", &number.to_string(), "comments"], &asked, &what, |page: Vec<wire::Comment>| {
        all.extend(page.into_iter().filter(is_it));
        Paging::More
    })
    .await?;
    // Two replicas may have made two; the first one is kept up to date by both.
    match all.into_iter().min_by_key(|comment| comment.id) {
        None => put(&at, number, &text).await,
        Some(found) if found.body.as_deref() == Some(&text) => Ok(found.id),
        Some(found) => {
            let id = found.id.to_string();
            let what = format!("comment {id} of {repository}");
            let body = wire::NewComment { body: &text };
            let changed: wire::Identified = at.patch(&["issues", "comments", &id], &body, &what).await?;
            Ok(changed.id)
        }
    }
}

async fn put(at: &InRepository<'_>, number: u64, body: &str) -> Result<u64, ForgeError> {
    let number = number.to_string();
    let what = format!("pull request {number} of {}", at.repository);
    let parts = ["issues", &number, "comments"];
    let made: wire::Identified = at.post(&parts, &wire::NewComment { body }, &what).await?;
    Ok(made.id)
}

/// None for comments on issues, which GitHub lists among them.
fn shown(comment: wire::Comment, own: &Own) -> Option<ForgeComment> {
    // Addresses of the server's choice: nothing but a word and the number at the end is taken from them.
    if !comment.html_url.contains("/pull/") {
        return None;
    }
    let pull_request = comment.issue_url.rsplit('/').next()?.parse().ok()?;
    let (body, is_cut) = bounded_body(comment.body.unwrap_or_default());
    Some(ForgeComment {
        id: CommentId { pull_request, id: comment.id },
        author: author(comment.user, own),
        body,
        is_cut,
        created_at: comment.created_at,
        is_edited: comment.updated_at > comment.created_at,
    })
}

/// The account that GitHub shows for those that are gone, where it shows one.
pub(super) const GHOST: &str = "ghost";

/// An account that is gone has no user, or that of a ghost.
pub(super) fn author(user: Option<wire::User>, own: &Own) -> CommentAuthor {
    let kind = match &user {
        Some(user) if own.is(user) => AuthorKind::Own,
        Some(user) if user.kind == "User" && user.login != GHOST => AuthorKind::Person,
        Some(_) | None => AuthorKind::Bot,
    };
    let user = user.unwrap_or_default();
    CommentAuthor { login: user.login, id: user.id.to_string(), kind }
}
