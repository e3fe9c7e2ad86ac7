//! What the pages of the local forge hold, and what their forms do: the edge that runtime implements.

use std::borrow::Cow;

use async_trait::async_trait;
use kubeopt_model::Problem;

use crate::token::FormToken;

/// Longest owner and name; what forges allow.
const NAME_CHARS_MAX: usize = 100;

/// One pull request, as its address names it. Owner and name hold only letters, digits, `.`, `_` and `-`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequestAt {
    /// Owner of the repository.
    pub owner: String,
    /// Name of the repository.
    pub name: String,
    /// Number.
    pub number: u64,
}

impl PullRequestAt {
    /// None for what cannot name a repository: nothing of an address reaches a path unchecked.
    pub(crate) fn checked(owner: &str, name: &str, number: u64) -> Option<Self> {
        let is_name = |text: &str| {
            (1..=NAME_CHARS_MAX).contains(&text.len())
                && !text.starts_with('.')
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        };
        (is_name(owner) && is_name(name)).then(|| Self { owner: owner.into(), name: name.into(), number })
    }

    /// The path of its page.
    pub fn path(&self) -> String {
        format!("/{}/{}/pulls/{}", self.owner, self.name, self.number)
    }
}

/// An answer to somebody who looks at pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Page {
    /// HTML.
    Shown(String),
    /// Look there: a path of this server. The answer to a form that was done.
    SeeOther(String),
    /// There is no such thing.
    Missing(Problem),
    /// It was not done, for this reason; the one who asks can change that.
    Refused(Problem),
    /// It was not done, for this reason; the one who asks can do nothing about it.
    Failed(Problem),
}

/// A file that pages need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// `/assets/style.css`
    pub path: &'static str,
    /// `text/css; charset=utf-8`
    pub content_type: &'static str,
    /// The file.
    pub body: Cow<'static, [u8]>,
}

/// The local forge, as its pages see it. Actions run to their end even when the one who asked is gone.
#[async_trait]
pub trait Pages: Send + Sync + 'static {
    /// The list of pull requests.
    async fn index(&self) -> Page;
    /// One pull request; its forms carry `token` in the field `token`.
    async fn pull_request(&self, at: &PullRequestAt, token: &FormToken) -> Page;
    /// Adds a comment.
    async fn comment(&self, at: &PullRequestAt, text: &str) -> Page;
    /// Merges; a draft is refused.
    async fn merge(&self, at: &PullRequestAt) -> Page;
    /// Marks a draft as ready for review.
    async fn mark_ready(&self, at: &PullRequestAt) -> Page;
    /// Closes without a merge.
    async fn close(&self, at: &PullRequestAt) -> Page;
    /// The page that tells of a problem.
    fn problem(&self, heading: &str, problem: &Problem) -> String;
    /// Style sheet and icon.
    fn assets(&self) -> Vec<Asset>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_repositories_are_taken() {
        assert_eq!(
            PullRequestAt::checked("acme", "git.ops_1-x", 7).map(|at| at.path()),
            Some("/acme/git.ops_1-x/pulls/7".to_owned())
        );
        for bad in ["", ".", "..", ".git", "a/b", "a b", "ä", "a\0", &"x".repeat(101)] {
            assert_eq!(PullRequestAt::checked("acme", bad, 1), None, "{bad}");
            assert_eq!(PullRequestAt::checked(bad, "gitops", 1), None, "{bad}");
        }
    }
}
