//! Comments on Gitea and Forgejo: reading the new ones of a repository, writing them, knowing kubeopt's own.

use std::sync::OnceLock;

use kubeopt_model::{RepositoryId, Timestamp};
use kubeopt_net::Method;

use super::calls::{Calls, PAGE_ITEMS};
use super::{lookup, wire};
use crate::conversation::{
    AuthorKind, COMMENTS_MAX, CommentAuthor, CommentId, ForgeComment, Reaction, bounded_body, in_order,
};
use crate::error::ForgeError;
use crate::sticky;

/// Most requests for one list. Pages of 50 reach 10,000 comments; what needs more is not written by people.
const REQUESTS_MAX: usize = 200;

/// Largest answer that holds one comment. A page of 50 is bounded by the client; one beyond this is no command.
const COMMENT_ANSWER_BYTES_MAX: u64 = 1024 * 1024;

/// Most that an answer's two times of a comment differ when nobody changed it: Gitea takes them one after the other,
/// in seconds.
const UNCHANGED_SECONDS_MAX: i64 = 1;

/// kubeopt's own account, once it is known.
#[derive(Debug, Default)]
pub(super) struct OwnAccount(OnceLock<wire::User>);

impl OwnAccount {
    /// Notes whom the forge named as the author of something that was just written.
    pub(super) fn learn(&self, user: Option<wire::User>) {
        if let Some(user) = user {
            let _known = self.0.set(user);
        }
    }

    /// The account, where the token lets us know. `/user` wants the scope `read:user`; without it, whoever the forge
    /// shows as the author of pull requests and issues "created by me" is asked. None only while kubeopt has opened nothing.
    pub(super) async fn find(&self, calls: &Calls) -> Result<Option<wire::User>, ForgeError> {
        if let Some(known) = self.0.get() {
            return Ok(Some(known.clone()));
        }
        let found = match calls.find(calls.address(&["api", "v1", "user"])?).await {
            Ok(user) => user,
            Err(ForgeError::Forbidden { .. }) => first_author(calls).await?,
            Err(error) => return Err(error),
        };
        self.learn(found);
        Ok(self.0.get().cloned())
    }
}

async fn first_author(calls: &Calls) -> Result<Option<wire::User>, ForgeError> {
    let mut url = calls.address(&["api", "v1", "repos", "issues", "search"])?;
    url.query_pairs_mut()
        .append_pair("created", "true")
        .append_pair("state", "all")
        .append_pair("limit", "1");
    let found: Option<Vec<wire::Authored>> = calls.find(url).await?;
    Ok(found.unwrap_or_default().into_iter().find_map(|authored| authored.user))
}

pub(super) async fn since(
    calls: &Calls,
    own: &OwnAccount,
    repository: &RepositoryId,
    since: Timestamp,
) -> Result<Vec<ForgeComment>, ForgeError> {
    let own = own.find(calls).await?.map(|user| user.id);
    let mut url = calls.of_repository(repository, &["issues", "comments"])?;
    // Whole seconds: Gitea's clock of comments knows no others.
    let begin = Timestamp::from_second(since.as_second()).unwrap_or(since);
    url.query_pairs_mut().append_pair("since", &begin.to_string());
    let what = format!("comments of {repository}");
    let (mut found, mut seen) = (Vec::new(), 0);
    let (mut page, mut items) = (1, PAGE_ITEMS);
    for _ in 0..REQUESTS_MAX {
        let bytes_max = (items == 1).then_some(COMMENT_ANSWER_BYTES_MAX);
        match calls.page::<wire::Comment>(&url, page, items, bytes_max, &what).await {
            Ok((comments, total)) => {
                seen += comments.len();
                let is_end = comments.is_empty() || total.is_some_and(|total| seen >= total);
                // The forge's `since` is about changes; what was written before and changed now is not new.
                found.extend(
                    comments
                        .into_iter()
                        .filter(|comment| comment.created_at >= begin)
                        .filter_map(|comment| shown(comment, own)),
                );
                if is_end || found.len() >= COMMENTS_MAX {
                    return Ok(in_order(found));
                }
                page += 1;
            }
            // Somebody wrote more than a page can hold: from here on one at a time, without the endless ones.
            Err(ForgeError::TooLarge { .. }) if items > 1 => (page, items) = (seen + 1, 1),
            Err(ForgeError::TooLarge { .. }) => {
                tracing::warn!(%repository, "a comment is too long to be read and is left out");
                seen += 1;
                page += 1;
            }
            Err(error) => return Err(error),
        }
    }
    if found.is_empty() {
        return Err(ForgeError::TooLarge { what: format!("the list of {what}") });
    }
    Ok(in_order(found))
}

pub(super) async fn add(
    calls: &Calls,
    own: &OwnAccount,
    repository: &RepositoryId,
    number: u64,
    body: &str,
) -> Result<u64, ForgeError> {
    let number = number.to_string();
    let url = calls.of_repository(repository, &["issues", &number, "comments"])?;
    let what = format!("pull request {number} of {repository}");
    let made = calls.write(Method::POST, url, &wire::NewComment { body }, &what).await;
    match made {
        Ok(wire::CommentMade { id, user }) => {
            own.learn(user);
            Ok(id)
        }
        // Gitea 1.26 answers 500 for a number that it does not know.
        Err(error @ ForgeError::Server { status: 500 }) => {
            let pull = calls.of_repository(repository, &["pulls", &number])?;
            match calls.find::<wire::Pull>(pull).await {
                Ok(None) => Err(ForgeError::NotFound { what }),
                Ok(Some(_)) | Err(_) => Err(error),
            }
        }
        Err(error) => Err(error),
    }
}

pub(super) async fn react(
    calls: &Calls,
    own: &OwnAccount,
    repository: &RepositoryId,
    comment: CommentId,
    reaction: Reaction,
) -> Result<(), ForgeError> {
    let id = comment.id.to_string();
    let url = calls.of_repository(repository, &["issues", "comments", &id, "reactions"])?;
    let what = format!("comment {id} of {repository}");
    // The forge itself keeps one reaction of a kind for each account.
    let body = wire::NewReaction { content: reaction.word() };
    let made: wire::Authored = calls.write(Method::POST, url, &body, &what).await?;
    own.learn(made.user);
    Ok(())
}

pub(super) async fn ensure(
    calls: &Calls,
    own: &OwnAccount,
    repository: &RepositoryId,
    number: u64,
    key: &str,
    body: &str,
) -> Result<u64, ForgeError> {
    let text = sticky::marked(key, body)?;
    lookup::pull(calls, repository, number).await?;
    // Nothing of kubeopt's own can be there while it does not know itself.
    let Some(known) = own.find(calls).await? else {
        return add(calls, own, repository, number, &text).await;
    };
    match first_of_key(calls, known.id, repository, number, key).await? {
        None => {
            let made = add(calls, own, repository, number, &text).await?;
            // It may have been on its way for long, and another replica has answered meanwhile: the first one stays.
            match first_of_key(calls, known.id, repository, number, key).await? {
                Some(first) if first.id != made => {
                    let id = made.to_string();
                    let url = calls.of_repository(repository, &["issues", "comments", &id])?;
                    calls.delete(url, &format!("comment {id} of {repository}")).await?;
                    Ok(first.id)
                }
                Some(_) | None => Ok(made),
            }
        }
        Some(found) if found.body == text => Ok(found.id),
        Some(found) => {
            let id = found.id.to_string();
            let url = calls.of_repository(repository, &["issues", "comments", &id])?;
            let what = format!("comment {id} of {repository}");
            let body = wire::NewComment { body: &text };
            let changed: wire::CommentMade = calls.write(Method::PATCH, url, &body, &what).await?;
            Ok(changed.id)
        }
    }
}

/// The oldest comment of kubeopt's own with a key.
async fn first_of_key(
    calls: &Calls,
    own_id: i64,
    repository: &RepositoryId,
    number: u64,
    key: &str,
) -> Result<Option<wire::Comment>, ForgeError> {
    let url = calls.of_repository(repository, &["issues", &number.to_string(), "comments"])?;
    let all: Vec<wire::Comment> = calls.find(url).await?.unwrap_or_default();
    let is_it = |comment: &wire::Comment| {
        comment.user.as_ref().is_some_and(|user| user.id == own_id) && sticky::is_of_key(&comment.body, key)
    };
    Ok(all.into_iter().filter(is_it).min_by_key(|comment| comment.id))
}

/// None for comments on issues.
fn shown(comment: wire::Comment, own: Option<i64>) -> Option<ForgeComment> {
    // An address of the server's choice: nothing but the number at its end is taken from it.
    let pull_request = comment.pull_request_url.rsplit('/').next()?.parse().ok()?;
    let changed_seconds = comment.updated_at.as_second() - comment.created_at.as_second();
    let (body, is_cut) = bounded_body(comment.body);
    Some(ForgeComment {
        id: CommentId { pull_request, id: comment.id },
        author: author(comment.user, own),
        body,
        is_cut,
        created_at: comment.created_at,
        is_edited: changed_seconds > UNCHANGED_SECONDS_MAX,
    })
}

/// An account, as far as the forge knows it.
pub(super) fn author(user: Option<wire::User>, own: Option<i64>) -> CommentAuthor {
    let user = user.unwrap_or_default();
    let kind = match user.id {
        id if own == Some(id) => AuthorKind::Own,
        // Ghosts and the forge's own programs have negative ids.
        ..=0 => AuthorKind::Bot,
        _ => AuthorKind::Person,
    };
    CommentAuthor { login: user.login, id: user.id.to_string(), kind }
}
