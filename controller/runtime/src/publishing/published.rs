//! What became of a proposal.

use kubeopt_forge::PullRequest;
use kubeopt_model::Problem;

/// What became of a proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Published {
    /// A new pull request.
    Opened(PullRequest),
    /// An open one was brought up to date.
    Updated(PullRequest),
    /// It was open and says the same.
    Unchanged(PullRequest),
    /// Not now, or not these values.
    Waiting(Problem),
    /// It could not be published.
    Failed(Problem),
}
