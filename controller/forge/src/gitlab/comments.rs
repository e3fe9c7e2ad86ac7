//! Comments on GitLab, which calls them notes: reading the new ones of a project, writing them, knowing kubeopt's own.

use gitlab::api::common::SortOrder;
use gitlab::api::merge_requests::MergeRequestScope;
use gitlab::api::projects::merge_requests::MergeRequests;
use gitlab::api::projects::merge_requests::notes::awards::{
    CreateMergeRequestNoteAward, MergeRequestNoteAwards,
};
use gitlab::api::projects::merge_requests::notes::{
    CreateMergeRequestNote, EditMergeRequestNote, MergeRequestNotes,
};
use kubeopt_model::{RepositoryId, Timestamp};

use super::calls::{Calls, Paging, built};
use super::quick_actions::disarmed;
use super::{merge_requests, wire};
use crate::conversation::{
    AuthorKind, COMMENTS_MAX, CommentAuthor, CommentId, ForgeComment, Reaction, bounded_body, in_order,
};
use crate::error::ForgeError;
use crate::sticky;

/// Most that the two times of a note differ when nobody changed it: GitLab takes them one after the other.
const UNCHANGED_SECONDS_MAX: i64 = 1;

/// GitLab lists notes by merge request only. A new one changes the time of its merge request, so that those that changed
/// since are asked, the longest unchanged one first.
pub(super) async fn since(
    calls: &Calls,
    repository: &RepositoryId,
    since: Timestamp,
) -> Result<Vec<ForgeComment>, ForgeError> {
    let project = calls.project(repository).await?;
    let own = calls.own().await?;
    let begin = Timestamp::from_second(since.as_second()).unwrap_or(since);
    let mut changed: Vec<(Timestamp, u64)> = Vec::new();
    let endpoint = built(MergeRequests::builder().project(project).scope(MergeRequestScope::All).build())?;
    let text = begin.to_string();
    let what = format!("the list of merge requests of {repository}");
    calls
        .list(&endpoint, &[("updated_after", &text)], &what, |page: Vec<wire::MergeRequest>| {
            changed.extend(page.into_iter().map(|request| (request.updated_at, request.iid)));
            Paging::More
        })
        .await?;
    changed.sort_unstable();
    changed.dedup_by_key(|(_, number)| *number);
    let mut found: Vec<ForgeComment> = Vec::new();
    for (_, number) in changed {
        let what = format!("the list of comments of merge request {number} of {repository}");
        let endpoint = MergeRequestNotes::builder()
            .project(project)
            .merge_request(number)
            .sort(SortOrder::Descending)
            .build();
        calls
            .list(&built(endpoint)?, &[], &what, |page: Vec<wire::Note>| {
                let is_past = page.last().is_some_and(|note| note.created_at < begin);
                let new = page.into_iter().filter(|note| note.created_at >= begin);
                found.extend(new.filter_map(|note| shown(note, number, own)));
                if is_past { Paging::Enough } else { Paging::More }
            })
            .await?;
        // All merge requests are asked before any is cut off: an older note may be in the last one.
        if found.len() > 10 * COMMENTS_MAX {
            return Err(ForgeError::TooLarge { what: format!("the comments of {repository} since {begin}") });
        }
    }
    Ok(in_order(found))
}

pub(super) async fn add(
    calls: &Calls,
    repository: &RepositoryId,
    number: u64,
    body: &str,
) -> Result<u64, ForgeError> {
    let project = calls.project(repository).await?;
    let body = disarmed(body);
    let endpoint =
        CreateMergeRequestNote::builder().project(project).merge_request(number).body(body.as_ref()).build();
    let what = format!("merge request {number} of {repository}");
    let made: wire::Identified = calls.take(&built(endpoint)?, &what).await?;
    Ok(made.id)
}

pub(super) async fn react(
    calls: &Calls,
    repository: &RepositoryId,
    comment: CommentId,
    reaction: Reaction,
) -> Result<(), ForgeError> {
    let project = calls.project(repository).await?;
    let own = calls.own().await?;
    let (number, note) = (comment.pull_request, comment.id);
    let what = format!("comment {note} of merge request {number} of {repository}");
    // GitLab answers a second one of a kind as if the comment were not there.
    let there = MergeRequestNoteAwards::builder().project(project).merge_request(number).note(note).build();
    let mut is_there = false;
    calls
        .list(&built(there)?, &[], &what, |page: Vec<wire::Award>| {
            let is_it = |award: &wire::Award| {
                award.name == reaction.word() && award.user.as_ref().is_some_and(|user| user.id == own.id)
            };
            is_there |= page.iter().any(is_it);
            if is_there { Paging::Enough } else { Paging::More }
        })
        .await?;
    if is_there {
        return Ok(());
    }
    let endpoint = CreateMergeRequestNoteAward::builder()
        .project(project)
        .merge_request(number)
        .note(note)
        .name(reaction.word())
        .build();
    calls.take::<wire::Award>(&built(endpoint)?, &what).await.map(drop)
}

pub(super) async fn ensure(
    calls: &Calls,
    repository: &RepositoryId,
    number: u64,
    key: &str,
    body: &str,
) -> Result<u64, ForgeError> {
    let text = sticky::marked(key, &disarmed(body))?;
    let project = calls.project(repository).await?;
    let own = calls.own().await?;
    merge_requests::find(calls, project, repository, number).await?;
    let mut all: Vec<wire::Note> = Vec::new();
    let what = format!("the list of comments of merge request {number} of {repository}");
    let is_it = |note: &wire::Note| {
        note.author.as_ref().is_some_and(|author| author.id == own.id) && sticky::is_of_key(&note.body, key)
    };
    let listed = built(MergeRequestNotes::builder().project(project).merge_request(number).build())?;
    calls
        .list(&listed, &[], &what, |page: Vec<wire::Note>| {
            all.extend(page.into_iter().filter(is_it));
            Paging::More
        })
        .await?;
    // Two replicas may have made two; the first one is kept up to date by both.
    match all.into_iter().min_by_key(|note| note.id) {
        None => add(calls, repository, number, &text).await,
        Some(found) if found.body == text => Ok(found.id),
        Some(found) => {
            let endpoint = EditMergeRequestNote::builder()
                .project(project)
                .merge_request(number)
                .note(found.id)
                .body(text.as_str())
                .build();
            let changed: wire::Identified = calls.take(&built(endpoint)?, &what).await?;
            Ok(changed.id)
        }
    }
}

/// None for what GitLab itself notes, and for remarks on lines of the diff.
fn shown(note: wire::Note, number: u64, own: &wire::Own) -> Option<ForgeComment> {
    if note.system || note.kind.as_deref() == Some("DiffNote") {
        return None;
    }
    let changed_seconds = note.updated_at.as_second() - note.created_at.as_second();
    let (body, is_cut) = bounded_body(note.body);
    Some(ForgeComment {
        id: CommentId { pull_request: number, id: note.id },
        author: author(note.author, own),
        body,
        is_cut,
        created_at: note.created_at,
        is_edited: changed_seconds > UNCHANGED_SECONDS_MAX,
    })
}

pub(super) fn author(user: Option<wire::User>, own: &wire::Own) -> CommentAuthor {
    let kind = match &user {
        Some(user) if user.id == own.id => AuthorKind::Own,
        Some(user) if !is_program(&user.username) => AuthorKind::Person,
        Some(_) | None => AuthorKind::Bot,
    };
    let (login, id) = user.map_or_else(Default::default, |user| (user.username, user.id.to_string()));
    CommentAuthor { login, id, kind }
}

/// The names that GitLab gives to tokens of projects and groups and to its own programs; nobody else can have the former.
fn is_program(username: &str) -> bool {
    let of_token = ["project_", "group_"].iter().any(|start| {
        let rest = username.strip_prefix(start);
        let digits = rest.map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_digit).count());
        digits > 0 && rest.is_some_and(|rest| rest[digits..].starts_with("_bot"))
    });
    of_token || matches!(username, "ghost" | "support-bot" | "alert-bot" | "automation-bot")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_known_by_the_names_that_gitlab_gives_them() {
        for (username, expected) in [
            ("project_12_bot_0a1b", true),
            ("group_7_bot", true),
            ("ghost", true),
            ("project_bot", false),
            ("project_x_bot", false),
            ("ada", false),
            ("", false),
        ] {
            assert_eq!(is_program(username), expected, "{username}");
        }
    }
}
