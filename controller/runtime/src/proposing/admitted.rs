//! What sizing comes to: recommendations that passed the guardrails.

use kubeopt_model::policy::EffectivePolicy;
use kubeopt_model::{Problem, Recommendation, RepoPath};

use super::left::Left;

/// A recommendation that passed the guardrails, with the policy that it passed them under.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// What is wanted.
    pub recommendation: Recommendation,
    /// Under which policy.
    pub policy: EffectivePolicy,
    /// The branch that pull requests go to.
    pub base: String,
    /// The entry point of its first container.
    pub entry: RepoPath,
    /// What makes its pull request one, where the policy does not say it.
    pub group: Option<String>,
}

/// What is wanted and what is left.
#[derive(Debug, Default)]
pub struct Wanted {
    /// Recommendations that passed every guardrail.
    pub admitted: Vec<Admitted>,
    /// The rest, with reasons.
    pub left: Vec<Left>,
    /// Errors and warnings of the policy files.
    pub problems: Vec<Problem>,
}
