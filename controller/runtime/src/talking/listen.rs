//! Reads comments: what is new, and what kubeopt answered before.
//!
//! Nothing is written, and no database is asked: a new process reads from the oldest pull request of kubeopt on, a running
//! one what was written since.

use std::collections::BTreeSet;

use kubeopt_commands::Carried;
use kubeopt_forge::conversation::COMMENTS_MAX;
use kubeopt_forge::{Forge, ForgeComment, PullRequest};
use kubeopt_model::{Problem, RepositoryId, Timestamp};

use super::memory::Known;
use crate::codes;
use crate::edges::Edges;
use crate::publishing::own_pull_requests;

/// Calls for comments of one repository in one pass: fifty thousand comments.
const CALLS_MAX: usize = 50;

/// A command that nobody heard for so long is not carried out any more: its author has given up on it.
const HEARD_WITHIN_S: i64 = 14 * 86_400;

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
