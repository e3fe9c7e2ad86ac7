//! All that a pull request's text is made of.

use jiff::Timestamp;
use kubeopt_model::cost::{Prices, ProposedBill};
use kubeopt_model::explanation::Explanation;
use kubeopt_model::{ClusterName, NoRecommendation, Recommendation, Verification};

/// All that a pull request's text is made of.
#[derive(Debug, Clone, Copy)]
pub struct PullRequestInput<'a> {
    /// The cluster that was looked at.
    pub cluster: &'a ClusterName,
    /// The group's key, kept in the marker.
    pub group: &'a str,
    /// The group as people call it: a namespace, or a path.
    pub label: &'a str,
    /// The branch that it goes to.
    pub base: &'a str,
    /// What changes; never empty. The order is kept, and what comes first keeps its details longest.
    pub recommendations: &'a [Recommendation],
    /// Why the values of each are right, in the same order; none where nothing is said.
    pub explanations: &'a [Option<Explanation>],
    /// What was looked at and left as it is: subject (`payments/deploy/web` or with `/container`), reason.
    pub left_alone: &'a [(String, NoRecommendation)],
    /// What is unusual in usage, as sentences without a full stop, the most urgent first.
    pub findings: &'a [String],
    /// Further sentences about what was seen, without a full stop.
    pub noticed: &'a [String],
    /// The proof of every entry point.
    pub verifications: &'a [Verification],
    /// The prices that the members' costs rest on, or why there are none: a sentence without a full stop.
    pub prices: Result<&'a Prices, &'a str>,
    /// What leaves the bill, alone and with the others that are proposed.
    pub bill: &'a ProposedBill,
    /// The repository's titles follow conventional commits.
    pub conventional_title: bool,
    /// The command that repeats the edit on a checkout.
    pub repeat_command: Option<&'a str>,
    /// Who rolls out what is merged: `Flux`.
    pub delivered_by: Option<&'a str>,
    /// A closed pull request is forgotten when the numbers move by more than this.
    pub reopen_moved_percent: u32,
    /// A closed pull request is forgotten after so many days.
    pub reopen_days: u32,
    /// For so long nothing is proposed for what was taken back, in days.
    pub freeze_days: i64,
    /// Labels that kubeopt sets itself.
    pub labels: &'a [String],
    /// Now.
    pub now: Timestamp,
}
