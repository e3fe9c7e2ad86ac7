//! *Wording*: why a value is right, in words, for the pull request that proposes it. The words are kubeopt's own, or a
//! model's over kubeopt's numbers where they are at hand: a pull request never waits for them. Which values, files and
//! branches there are is decided before, and nothing here can change it.

use kubeopt_model::explanation::Explanation;
use kubeopt_model::pull_request::rollback_of;
use kubeopt_model::recommendation::Member;
use kubeopt_model::{Problem, Recommendation};
use kubeopt_reason::facts::{Period, Season};
use kubeopt_reason::{Circumstances, Explainer as _, Facts, ModelExplainer, Subject, explain};

use crate::edges::Edges;
use crate::outlook::{seasons_of, windows_of};
use crate::pipeline::PassReport;
use crate::proposing::ChangeSet;
use crate::seen::Seen;

/// Hours of a day.
const DAY: usize = 24;

/// Something that a model may be asked to word.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// All that is known.
    pub facts: Facts,
    /// The pull request that it is for, the same while it is open.
    pub pull_request: String,
}

impl Edges {
    /// Why the values of a change set are right: one for each recommendation, none where there is nothing to say. In a model's
    /// words where they are at hand and the policy lets a model word texts. What takes a merge back follows from no usage: its
    /// reasons say all.
    pub(crate) fn explanations(&self, change_set: &ChangeSet, seen: &Seen) -> Vec<Option<Explanation>> {
        if rollback_of(&change_set.group).is_some() {
            return vec![None; change_set.recommendations.len()];
        }
        let model = self.words.as_ref().filter(|_| change_set.policy.reasoning);
        let of = |recommendation: &Recommendation| {
            let facts = facts(recommendation, change_set, seen)?;
            Some(model.map_or_else(|| explain(&facts), |model| model.at_hand(&facts)))
        };
        change_set.recommendations.iter().map(of).collect()
    }
}

/// What a model may be asked about a pass: the recommendations of its proposals whose policy allows it.
pub fn questions(report: &PassReport) -> Vec<Question> {
    let is_asked = |proposal: &&crate::proposing::Proposal| {
        proposal.change_set.policy.reasoning && rollback_of(&proposal.change_set.group).is_none()
    };
    let proposals = report.decided.proposals.iter().filter(is_asked);
    let of = |proposal: &crate::proposing::Proposal| {
        let pull_request = format!("{} {}", proposal.draft.repository, proposal.draft.branch);
        let all = proposal.change_set.recommendations.iter();
        all.filter_map(|recommendation| facts(recommendation, &proposal.change_set, &report.seen))
            .map(|facts| Question { facts, pull_request: pull_request.clone() })
            .collect::<Vec<_>>()
    };
    proposals.flat_map(of).collect()
}

/// Asks a model to word these, one after the other; the next pass has the words. Gives why it did not, once for each reason.
pub async fn ask(model: &ModelExplainer, questions: &[Question]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for Question { facts, pull_request } in questions {
        problems.extend(model.explain(Subject { facts, pull_request }).await.why_not);
    }
    problems.sort();
    problems.dedup();
    problems
}

fn facts(recommendation: &Recommendation, change_set: &ChangeSet, seen: &Seen) -> Option<Facts> {
    Facts::of(recommendation, |member| circumstances(member, change_set, seen))
}

/// What the cluster shows of a container, and what its past tells of its load.
fn circumstances(member: &Member, change_set: &ChangeSet, seen: &Seen) -> Circumstances {
    let id = &member.container;
    let workload = seen.clusters.get(&id.workload.cluster).and_then(|facts| facts.workload(&id.workload));
    let shown =
        workload.and_then(|workload| Some(Circumstances::seen(workload, workload.container(&id.container)?)));
    let season = |(hours, explained): (usize, f64)| Season {
        period: if hours == DAY { Period::Day } else { Period::Week },
        explained,
    };
    Circumstances {
        seasons: seasons_of(&member.usage).into_iter().map(season).collect(),
        windows: windows_of(&member.usage),
        cpu_quantile: change_set.policy.sizing.cpu_quantile,
        ..shown.unwrap_or_default()
    }
}
