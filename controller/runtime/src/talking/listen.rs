//! Reads comments: what is new, and what kubeopt answered before.
//!
//! Nothing is written, and no database is asked: a new process reads from the oldest pull request of kubeopt on, a running
//! one what was written since.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use kubeopt_commands::{Carried, hear};
use kubeopt_forge::conversation::COMMENTS_MAX;
use kubeopt_forge::{AuthorKind, CommentId, Forge, ForgeComment, PullRequest, reply_key};
use kubeopt_model::{Problem, RepositoryId, Timestamp};

use crate::codes;
use crate::edges::Edges;
use crate::publishing::own_pull_requests;

/// Calls for comments of one repository in one pass: fifty thousand comments.
const CALLS_MAX: usize = 50;

/// A command that nobody heard for so long is not carried out any more: its author has given up on it.
const HEARD_WITHIN_S: i64 = 14 * 86_400;

/// What is remembered of conversations between passes of one process.
#[derive(Debug, Default)]
pub struct Memory(Mutex<BTreeMap<RepositoryId, Known>>);

/// What is known of the comments of one repository.
#[derive(Debug, Clone, Default)]
struct Known {
    /// From when on comments are asked for next; none before the first one.
    since: Option<Timestamp>,
    /// When the oldest pull request of kubeopt's was opened, in seconds since the epoch: no comment is older.
    begun_unix_s: i64,
    /// What kubeopt's own replies keep, by comment.
    carried: BTreeMap<CommentId, Carried>,
    /// The keys of kubeopt's own replies, by pull request.
    answered: BTreeSet<(u64, String)>,
    /// Comments with commands that have no reply.
    open: BTreeMap<CommentId, ForgeComment>,
    /// Those of them that a pass has seen, answered or not: for them none comes early.
    waiting: BTreeSet<CommentId>,
}

/// What is said in one repository.
#[derive(Debug, Clone)]
pub struct Said {
    /// kubeopt's pull requests, all states.
    pub pulls: Vec<PullRequest>,
    /// What was carried out before.
    pub carried: Vec<Carried>,
    /// Comments with commands that were not answered, oldest first.
    pub open: Vec<ForgeComment>,
    /// The keys of what kubeopt said itself, by pull request.
    pub told: BTreeSet<(u64, String)>,
}

impl Edges {
    /// Reads what is said in a repository.
    ///
    /// # Errors
    /// When the forge does not answer, or has more comments than are read.
    pub(super) async fn listen(&self, repository: &RepositoryId, now: Timestamp) -> Result<Said, Problem> {
        let forge = self.forge(repository)?.forge.as_ref();
        let pulls = own_pull_requests(forge, repository).await?;
        let Some(begun) = pulls.iter().map(|pull| pull.created_unix_s).min() else {
            return Ok(Said { pulls, carried: Vec::new(), open: Vec::new(), told: BTreeSet::new() });
        };
        let mut known = self.talk.of(repository);
        known.begun_unix_s = begun;
        read_on(forge, repository, &mut known).await?;
        known.forget_before(now.as_second() - HEARD_WITHIN_S);
        known.waiting = known.open.keys().copied().collect();
        self.talk.keep(repository, known.clone());
        let mut open: Vec<ForgeComment> = known.open.into_values().collect();
        open.sort_by_key(|comment| (comment.created_at, comment.id));
        let carried = known.carried.into_values().collect();
        Ok(Said { pulls, carried, open, told: known.answered })
    }

    /// Whether people asked for something since the last pass, where kubeopt has pull requests. A forge that does not answer
    /// is asked again by the next pass, which tells it.
    pub(crate) async fn is_asked(&self) -> bool {
        for repository in self.talk.repositories() {
            let mut known = self.talk.of(&repository);
            let Ok(edge) = self.forge(&repository) else { continue };
            if let Err(problem) = read_on(edge.forge.as_ref(), &repository, &mut known).await {
                tracing::debug!(%repository, "comments were not read: {}", problem.text);
                continue;
            }
            let is_asked = known.open.values().any(|comment| !known.waiting.contains(&comment.id));
            known.waiting = known.open.keys().copied().collect();
            self.talk.keep(&repository, known);
            if is_asked {
                return true;
            }
        }
        false
    }
}

/// Asks for comments until there are no more.
async fn read_on(forge: &dyn Forge, repository: &RepositoryId, known: &mut Known) -> Result<(), Problem> {
    for _ in 0..CALLS_MAX {
        let since =
            known.since.or_else(|| Timestamp::from_second(known.begun_unix_s).ok()).unwrap_or_default();
        let comments = forge.comments(repository, since).await.map_err(|error| error.problem())?;
        let (count, last) = (comments.len(), comments.last().map(|comment| comment.created_at));
        comments.into_iter().for_each(|comment| known.take(comment));
        let is_all = count < COMMENTS_MAX || last.is_none_or(|last| last <= since);
        known.since = last.or(known.since);
        if is_all {
            return Ok(());
        }
    }
    let text = format!("{repository} has more than {} comments to read", CALLS_MAX * COMMENTS_MAX);
    Err(Problem::new(codes::CONVERSATION, text, "nothing to do: the next pass reads on from there"))
}

impl Memory {
    fn of(&self, repository: &RepositoryId) -> Known {
        let known = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        known.get(repository).cloned().unwrap_or_default()
    }

    fn repositories(&self) -> Vec<RepositoryId> {
        let known = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        known.keys().cloned().collect()
    }

    fn keep(&self, repository: &RepositoryId, known: Known) {
        let mut all = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        all.insert(repository.clone(), known);
    }
}

impl Known {
    fn take(&mut self, comment: ForgeComment) {
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

    fn forget_before(&mut self, unix_s: i64) {
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
