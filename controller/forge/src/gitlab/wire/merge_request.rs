//! A merge request as the pull request that the others see.

use kubeopt_model::RepositoryId;

use super::super::calls::Calls;
use super::MergeRequest;
use crate::draft_title::GITLAB;
use crate::error::ForgeError;
use crate::pull_request::{PullRequest, PullRequestState};

impl MergeRequest {
    pub(in super::super) fn into_pull_request(
        self,
        calls: &Calls,
        repository: &RepositoryId,
    ) -> Result<PullRequest, ForgeError> {
        let state = match self.state.as_str() {
            // `locked` is one that is being merged.
            "opened" | "locked" => PullRequestState::Open,
            "closed" => PullRequestState::Closed,
            "merged" => PullRequestState::Merged,
            _ => {
                let why = format!("merge request {} has an unknown state", self.iid);
                return Err(ForgeError::Malformed { why });
            }
        };
        let head_oid = self.sha.unwrap_or_default();
        // Merged without a commit of its own (fast forward) its last commit is the one on the base.
        let merged = self.merge_commit_sha.or(self.squash_commit_sha).or_else(|| Some(head_oid.clone()));
        let mut labels = self.labels;
        labels.sort();
        // The address is built here: what people are sent to is not for the answer to choose.
        let url = calls.page(repository, &["-", "merge_requests", &self.iid.to_string()])?;
        let (title, is_draft) = GITLAB.read(&self.title);
        Ok(PullRequest {
            number: self.iid,
            title,
            is_draft,
            body: self.description.unwrap_or_default(),
            state,
            head_branch: self.source_branch,
            merge_commit: merged.filter(|oid| state == PullRequestState::Merged && !oid.is_empty()),
            head_oid,
            base: self.target_branch,
            author: self.author.map(|author| author.username).unwrap_or_default(),
            labels,
            created_unix_s: self.created_at.as_second(),
            updated_unix_s: self.updated_at.as_second(),
            url: url.into(),
        })
    }
}
