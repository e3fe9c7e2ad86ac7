//! Comments on pull requests of a local repository, each a file of its pull request's record.

use kubeopt_model::Timestamp;

use super::record::{Comment, Record, again, check_text, load, numbers, path_of, read_json, store};
use super::storage::{OWN_NAME, Storage, Swap, failed};
use crate::conversation::{
    AuthorKind, CommentAuthor, CommentId, ForgeComment, Reaction, bounded_body, in_order,
};
use crate::error::ForgeError;
use crate::sticky;

/// Most comments on one pull request.
const COMMENTS_MAX: u64 = 1_000;

pub(super) fn add(storage: &Storage, number: u64, author: &str, body: &str) -> Result<u64, ForgeError> {
    check_text("comment", body)?;
    again("the pull request", || {
        let (mut record, tip) = load(storage, number)?;
        let comment = next(storage, &mut record, author, body)?;
        let swap = store(storage, &record, Some(&tip), Some(&comment), "comment")?;
        Ok((swap == Swap::Done).then_some(comment.id))
    })
}

pub(super) fn ensure(storage: &Storage, number: u64, key: &str, body: &str) -> Result<u64, ForgeError> {
    let text = sticky::marked(key, body)?;
    check_text("comment", &text)?;
    again("the pull request", || {
        let (mut record, tip) = load(storage, number)?;
        let own = all(storage, &record, &tip)?.into_iter().filter(|comment| comment.author == OWN_NAME);
        let found = own.into_iter().find(|comment| sticky::is_of_key(&comment.body, key));
        let comment = match found {
            Some(found) if found.body == text => return Ok(Some(found.id)),
            Some(found) => Comment { body: text.clone(), is_edited: true, ..found },
            None => next(storage, &mut record, OWN_NAME, &text)?,
        };
        record.updated_unix_s = storage.now.as_second();
        let swap = store(storage, &record, Some(&tip), Some(&comment), "comment")?;
        Ok((swap == Swap::Done).then_some(comment.id))
    })
}

pub(super) fn react(storage: &Storage, at: CommentId, reaction: Reaction) -> Result<(), ForgeError> {
    change(storage, at, |comment| {
        if let Err(place) = comment.reactions.binary_search(&reaction) {
            comment.reactions.insert(place, reaction);
        }
    })
}

pub(super) fn edit(storage: &Storage, at: CommentId, body: &str) -> Result<(), ForgeError> {
    check_text("comment", body)?;
    change(storage, at, |comment| {
        comment.is_edited = true;
        body.clone_into(&mut comment.body);
    })
}

pub(super) fn on(storage: &Storage, number: u64) -> Result<Vec<Comment>, ForgeError> {
    let (record, tip) = load(storage, number)?;
    all(storage, &record, &tip)
}

pub(super) fn since(storage: &Storage, since: Timestamp) -> Result<Vec<ForgeComment>, ForgeError> {
    let begin_unix_s = since.as_second();
    let mut found = Vec::new();
    for number in numbers(storage)? {
        let (record, tip) = load(storage, number)?;
        if record.updated_unix_s < begin_unix_s {
            continue;
        }
        for comment in all(storage, &record, &tip)? {
            if comment.created_unix_s >= begin_unix_s {
                found.push(shown(number, comment)?);
            }
        }
    }
    Ok(in_order(found))
}

/// The next comment of a record.
fn next(storage: &Storage, record: &mut Record, author: &str, body: &str) -> Result<Comment, ForgeError> {
    if record.comments >= COMMENTS_MAX {
        let what = format!("the list of comments (more than {COMMENTS_MAX})");
        return Err(ForgeError::TooLarge { what });
    }
    let created_unix_s = storage.now.as_second();
    record.comments += 1;
    record.updated_unix_s = created_unix_s;
    Ok(Comment {
        id: record.comments,
        author: author.to_owned(),
        body: body.to_owned(),
        created_unix_s,
        is_edited: false,
        reactions: Vec::new(),
    })
}

/// Changes one comment; nothing is written when it stays as it is.
fn change(storage: &Storage, at: CommentId, work: impl Fn(&mut Comment)) -> Result<(), ForgeError> {
    again("the pull request", || {
        let (mut record, tip) = load(storage, at.pull_request)?;
        if !(1..=record.comments).contains(&at.id) {
            return Err(storage.missing(&format!("comment {} on pull request {}", at.id, at.pull_request)));
        }
        let tree = tip.tree().map_err(failed)?;
        let before: Comment = read_json(storage, &tree, &path_of(at.id))?;
        let mut comment = before.clone();
        work(&mut comment);
        if comment == before {
            return Ok(Some(()));
        }
        record.updated_unix_s = storage.now.as_second();
        let swap = store(storage, &record, Some(&tip), Some(&comment), "comment")?;
        Ok((swap == Swap::Done).then_some(()))
    })
}

fn all(storage: &Storage, record: &Record, tip: &git2::Commit<'_>) -> Result<Vec<Comment>, ForgeError> {
    let tree = tip.tree().map_err(failed)?;
    (1..=record.comments.min(COMMENTS_MAX)).map(|id| read_json(storage, &tree, &path_of(id))).collect()
}

fn shown(number: u64, comment: Comment) -> Result<ForgeComment, ForgeError> {
    let created_at = Timestamp::from_second(comment.created_unix_s)
        .map_err(|error| ForgeError::Malformed { why: format!("the time of a comment: {error}") })?;
    let (body, is_cut) = bounded_body(comment.body);
    Ok(ForgeComment {
        id: CommentId { pull_request: number, id: comment.id },
        author: author(&comment.author),
        body,
        is_cut,
        created_at,
        is_edited: comment.is_edited,
    })
}

/// An account of a local forge.
pub(super) fn author(login: &str) -> CommentAuthor {
    let kind = if login == OWN_NAME { AuthorKind::Own } else { AuthorKind::Person };
    CommentAuthor { login: login.to_owned(), id: login.to_owned(), kind }
}
