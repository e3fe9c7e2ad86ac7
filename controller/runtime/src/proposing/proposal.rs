//! What a pass decided, from proven change sets to proposals with their words.

use kubeopt_model::cost::{BillDelta, ProposedBill};
use kubeopt_model::pull_request::PullRequestDraft;
use kubeopt_model::{NoRecommendation, Problem, Verification};

use super::admitted::Admitted;
use super::change_set::ChangeSet;
use super::left::{Left, leave_members};
use crate::codes;

/// A change set with its proofs.
#[derive(Debug, Clone)]
pub(crate) struct Proven {
    /// What changes.
    pub(crate) change_set: ChangeSet,
    /// The proofs.
    pub(crate) verifications: Vec<Verification>,
}

/// A proven change set with its words: nothing is left to decide.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// What changes.
    pub change_set: ChangeSet,
    /// The proofs.
    pub verifications: Vec<Verification>,
    /// What leaves the bill.
    pub bill: ProposedBill,
    /// The words.
    pub draft: PullRequestDraft,
    /// Owners of its files, who are asked for a review.
    pub owners: Vec<String>,
    /// The least confidence of all its values, 0 to 1; none where one is unknown.
    pub confidence: Option<f64>,
}

/// All that a pass decided.
#[derive(Debug, Default)]
pub struct Decided {
    /// Ready to be published.
    pub proposals: Vec<Proposal>,
    /// Recommendations that passed the guardrails, proposed or not.
    pub admitted: Vec<Admitted>,
    /// What is left as it is, and why.
    pub left: Vec<Left>,
    /// What leaves the bill with all proposals together; none without a proposal.
    pub bill: Option<BillDelta>,
    /// What was wrong on the way.
    pub problems: Vec<Problem>,
}

impl Decided {
    /// A change set that cannot be proposed is left with the reason.
    pub(super) fn give_up(&mut self, change_set: &ChangeSet, problem: Problem) {
        let why = NoRecommendation::NotEditable(problem.clone());
        for recommendation in &change_set.recommendations {
            self.left.extend(leave_members(recommendation, &why));
        }
        self.problems.push(problem);
    }
}

/// The repository of a change set was not read.
pub(crate) fn unread(change_set: &ChangeSet) -> Problem {
    let text = format!("{} was not read in this pass", change_set.repository);
    Problem::new(codes::NOT_PROVEN, text, "the next pass tries again")
}
