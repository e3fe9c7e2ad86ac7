//! Says below a pull request that a person committed to its branch, so that nobody waits for kubeopt there. Once, however
//! many commits follow.
//!
//! Must not touch the branch or the text.

use kubeopt_forge::{PullRequest, PullRequestState};
use kubeopt_model::pull_request::{Marker, ONBOARDING};
use kubeopt_model::{Problem, RepositoryId};
use kubeopt_report::{Comment, comment_text};

use super::Talk;
use crate::edges::Edges;
use crate::publishing::is_own;

/// The key of the comment.
const EDITED: &str = "edited";

impl Edges {
    /// Looks at the branches that moved since they were last looked at. What fails is tried again by the next pass.
    pub(crate) async fn tell_edited(&self, talk: &Talk) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (repository, pulls) in &talk.pulls {
            let told = talk.told.get(repository);
            let is_told = |pull: &PullRequest| {
                told.is_some_and(|told| told.contains(&(pull.number, EDITED.to_owned())))
            };
            let open = pulls.iter().filter(|pull| pull.state == PullRequestState::Open && proposes(pull));
            for pull in open.filter(|pull| !is_told(pull) && self.open_heads.is_news(repository, pull)) {
                match self.tell_edited_one(repository, pull).await {
                    Ok(()) => self.open_heads.looked_at(repository, pull),
                    Err(problem) => problems.push(problem),
                }
            }
        }
        problems
    }

    async fn tell_edited_one(&self, repository: &RepositoryId, pull: &PullRequest) -> Result<(), Problem> {
        let forge = self.forge(repository)?.forge.as_ref();
        let head = forge.branch(repository, &pull.head_branch).await.map_err(|error| error.problem())?;
        let Some(head) = head.filter(|head| !is_own(head)) else { return Ok(()) };
        let commit = head.oid.chars().take(8).collect();
        let comment = Comment::Edited { commit };
        let text = comment_text(&self.templates, &comment).map_err(|error| error.problem())?;
        self.may_write()?;
        let told = forge.ensure_comment(repository, pull.number, EDITED, &text).await;
        told.map(|_| ()).map_err(|error| error.problem())
    }
}

/// Whether it proposes values; the first contact is a text that people are asked to edit.
fn proposes(pull: &PullRequest) -> bool {
    Marker::find(&pull.body).is_some_and(|marker| marker.group != ONBOARDING)
}
