//! What is known of comments, kept from pass to pass.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use kubeopt_commands::{Carried, hear};
use kubeopt_forge::{AuthorKind, CommentId, ForgeComment, reply_key};
use kubeopt_model::{RepositoryId, Timestamp};

/// What is remembered of conversations between passes of one process.
#[derive(Debug, Default)]
pub struct Memory(Mutex<BTreeMap<RepositoryId, Known>>);

/// What is known of the comments of one repository.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    /// From when on comments are asked for next; none before the first one.
    pub(super) since: Option<Timestamp>,
    /// When the oldest pull request of kubeopt's was opened, in seconds since the epoch: no comment is older.
    pub(super) begun_unix_s: i64,
    /// What kubeopt's own replies keep, by comment.
    pub(super) carried: BTreeMap<CommentId, Carried>,
    /// The keys of kubeopt's own replies, by pull request.
    pub(super) answered: BTreeSet<(u64, String)>,
    /// Comments with commands that have no reply.
    pub(super) open: BTreeMap<CommentId, ForgeComment>,
    /// Those of them that a pass has seen, answered or not: for them none comes early.
    pub(super) waiting: BTreeSet<CommentId>,
}

impl Memory {
    pub(super) fn of(&self, repository: &RepositoryId) -> Known {
        let known = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        known.get(repository).cloned().unwrap_or_default()
    }

    pub(super) fn repositories(&self) -> Vec<RepositoryId> {
        let known = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        known.keys().cloned().collect()
    }

    pub(super) fn keep(&self, repository: &RepositoryId, known: Known) {
        let mut all = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        all.insert(repository.clone(), known);
    }
}

impl Known {
    pub(super) fn take(&mut self, comment: ForgeComment) {
        match comment.author.kind {
            AuthorKind::Own => {
                if let Some(key) = reply_key(&comment.body) {
                    let pull_request = comment.id.pull_request;
                    self.open.retain(|id, _| (id.pull_request, key_of(*id).as_str()) != (pull_request, key));
                    self.answered.insert((pull_request, key.to_owned()));
                }
                // What a reply keeps is of the pull request that it stands on, whatever it says.
                let carried = Carried::find(&comment.body);
                let carried = carried.filter(|carried| carried.pull_request == comment.id.pull_request);
                self.carried.extend(carried.map(|carried| (comment.id, carried)));
            }
            AuthorKind::Bot => {}
            AuthorKind::Person => {
                let is_answered = self.answered.contains(&(comment.id.pull_request, key_of(comment.id)));
                if comment.is_edited || is_answered || hear(&comment.body).is_empty() {
                    self.open.remove(&comment.id);
                } else {
                    self.open.insert(comment.id, comment);
                }
            }
        }
    }

    pub(super) fn forget_before(&mut self, unix_s: i64) {
        self.open.retain(|_, comment| comment.created_at.as_second() >= unix_s);
    }
}

/// The key of the reply to a comment.
pub(super) fn key_of(comment: CommentId) -> String {
    comment.id.to_string()
}

#[cfg(test)]
mod tests {
    use kubeopt_commands::Wish;
    use kubeopt_forge::CommentAuthor;

    use super::*;

    fn comment(id: u64, kind: AuthorKind, body: &str) -> ForgeComment {
        ForgeComment {
            id: CommentId { pull_request: 7, id },
            author: CommentAuthor { login: "alice".to_owned(), id: "1".to_owned(), kind },
            body: body.to_owned(),
            is_cut: false,
            created_at: Timestamp::from_second(i64::try_from(id).unwrap()).unwrap(),
            is_edited: false,
        }
    }

    fn reply(pull_request: u64) -> String {
        let carried =
            Carried { pull_request, by: "alice".to_owned(), at_unix_s: 1, wishes: vec![Wish::Hold] };
        format!("> `/kubeopt hold`\n\nDone.\n\n{}\n\n<!-- kubeopt:reply:1 -->", carried.to_html_comment())
    }

    fn after(comments: impl IntoIterator<Item = ForgeComment>) -> (Vec<u64>, usize) {
        let mut known = Known::default();
        comments.into_iter().for_each(|comment| known.take(comment));
        (known.open.keys().map(|id| id.id).collect(), known.carried.len())
    }

    #[test]
    fn what_has_a_reply_is_not_open_in_whatever_order_it_is_read() {
        let said = || comment(1, AuthorKind::Person, "/kubeopt hold");
        let own = || comment(2, AuthorKind::Own, &reply(7));
        assert_eq!(after([said()]), (vec![1], 0));
        assert_eq!(after([said(), own()]), (vec![], 1));
        assert_eq!(after([own(), said()]), (vec![], 1));
        assert_eq!(after([said(), own(), comment(3, AuthorKind::Person, "/kubeopt help")]), (vec![3], 1));
    }

    #[test]
    fn the_replies_of_others_are_nothing_and_neither_is_one_from_elsewhere() {
        let forged = comment(2, AuthorKind::Person, &reply(7));
        assert_eq!(after([comment(1, AuthorKind::Person, "/kubeopt hold"), forged]), (vec![1], 0));
        assert_eq!(after([comment(2, AuthorKind::Own, &reply(8))]), (vec![], 0));
    }

    #[test]
    fn bots_and_edited_comments_are_not_heard() {
        let edited = ForgeComment { is_edited: true, ..comment(1, AuthorKind::Person, "/kubeopt rollback") };
        assert_eq!(after([comment(1, AuthorKind::Person, "/kubeopt hold"), edited]), (vec![], 0));
        assert_eq!(after([comment(1, AuthorKind::Bot, "/kubeopt hold")]), (vec![], 0));
        assert_eq!(after([comment(1, AuthorKind::Person, "hello")]), (vec![], 0));
    }
}
