//! What kubeopt tells people who ask: how things stand in their repository, and why a value is what it is.

use kubeopt_commands::Standing;
use kubeopt_forge::{PullRequest, PullRequestState};
use kubeopt_model::selection::Selection;
use kubeopt_model::{ContainerId, RepositoryId};
use kubeopt_report::{Answer, Templates, explained};

use crate::orders::date;
use crate::proposing::{Decided, Proposal};
use crate::publishing::Published;

/// Lines of one kind that are listed.
const LISTED_MAX: usize = 20;

/// Recommendations that one answer explains; a workload has as many containers as that, and rarely more.
const EXPLAINED_MAX: usize = 5;

/// How things stand in a repository, as sentences.
pub(super) fn status(
    repository: &RepositoryId,
    pulls: &[PullRequest],
    standing: &Standing,
    decided: &Decided,
    published: &[Published],
) -> Vec<String> {
    let mut sentences = Vec::new();
    let open: Vec<String> = pulls
        .iter()
        .filter(|pull| pull.state == PullRequestState::Open)
        .map(|pull| match standing.held.get(&pull.number) {
            Some(by) => format!("#{} (held by `{by}`)", pull.number),
            None => format!("#{}", pull.number),
        })
        .collect();
    sentences.push(match open.len() {
        0 => "No pull request of kubeopt is open here.".to_owned(),
        count => format!("Open: {count}, {}.", shortened(open)),
    });
    let own = |proposal: &Proposal| &proposal.draft.repository == repository;
    let waiting = decided.proposals.iter().zip(published).filter(|(proposal, _)| own(proposal));
    let waiting: Vec<String> = waiting
        .filter_map(|(proposal, published)| match published {
            Published::Waiting(problem) | Published::Failed(problem) => {
                Some(format!("Waiting: `{}`, because {}.", proposal.change_set.label, problem.text))
            }
            Published::Opened(_) | Published::Updated(_) | Published::Unchanged(_) => None,
        })
        .collect();
    let left_out = waiting.len().saturating_sub(LISTED_MAX);
    sentences.extend(waiting.into_iter().take(LISTED_MAX));
    if left_out > 0 {
        sentences.push(format!("{left_out} more wait."));
    }
    if let Some(paused) = &standing.paused {
        let until = paused.until_unix_s.and_then(date).map(|date| format!(" until {date}"));
        sentences.push(format!("Paused by `{}`{}.", paused.by, until.unwrap_or_default()));
    }
    let ignored: Vec<String> = standing
        .ignored
        .iter()
        .map(|ignored| format!("`{}` by `{}`", ignored.selection, ignored.by))
        .collect();
    if !ignored.is_empty() {
        sentences.push(format!("Ignored: {}.", shortened(ignored)));
    }
    let given: Vec<String> = standing
        .given
        .iter()
        .map(|given| format!("`{} {}={}` by `{}`", given.selection, given.field, given.value, given.by))
        .collect();
    if !given.is_empty() {
        sentences.push(format!("Set by hand: {}.", shortened(given)));
    }
    sentences
}

fn shortened(mut names: Vec<String>) -> String {
    let more = names.len().saturating_sub(LISTED_MAX);
    names.truncate(LISTED_MAX);
    if more > 0 {
        names.push(format!("and {more} more"));
    }
    names.join(", ")
}

/// Why the containers of one workload have the values that are proposed, or none.
pub(super) fn explain(
    templates: &Templates,
    repository: &RepositoryId,
    selection: &Selection,
    decided: &Decided,
) -> Answer {
    let meant = |id: &ContainerId| selection.means_live(id);
    let own = decided.admitted.iter().map(|admitted| &admitted.recommendation).filter(|recommendation| {
        &recommendation.repository == repository
            && recommendation.members.iter().any(|member| meant(&member.container))
    });
    let found: Vec<_> = own.take(EXPLAINED_MAX).collect();
    let blocks: Vec<String> =
        found.iter().filter_map(|recommendation| explained(templates, recommendation).ok()).collect();
    let mut sentences = Vec::new();
    if found.is_empty() {
        sentences.push(format!("Nothing is proposed for `{selection}`."));
    }
    for left in &decided.left {
        for container in left.containers.iter().filter(|id| meant(id)) {
            sentences.push(format!("`{container}`: {}.", left.why.sentence()));
        }
    }
    sentences.dedup();
    sentences.truncate(LISTED_MAX);
    let block = (!blocks.is_empty()).then(|| blocks.join("\n\n"));
    Answer { said: String::new(), sentences, block }
}
