//! `rollback`: opens the pull request that takes a merged one back, now and for a person who asks on the command line.

use kubeopt_forge::{PullRequest, PullRequestState};
use kubeopt_model::pull_request::rollback_group;
use kubeopt_model::{Problem, RepositoryId, Timestamp};

use crate::codes;
use crate::edges::Edges;
use crate::publishing::Published;
use crate::talking::take_back;

/// Takes a merged pull request of kubeopt's own back, as far as its values still stand. `repository` is `owner/name`.
///
/// # Errors
/// When there is no such repository or merged pull request, nothing of it still stands, or it cannot be published.
pub async fn rollback(
    edges: &Edges,
    repository: &str,
    number: u64,
    because: Option<&str>,
    now: Timestamp,
) -> Result<PullRequest, Problem> {
    let seen = edges.observe(now).await;
    let mut sites = edges.sites(&seen).await;
    edges.recognise(&mut sites, now).await;
    let (mut talk, _) = edges.hear_people(&sites, now).await;
    let id = known(talk.pulls.keys(), repository)?;
    let pulls = talk.pulls.get(&id).map_or(&[][..], Vec::as_slice);
    let merged = pulls.iter().find(|pull| pull.number == number && pull.state == PullRequestState::Merged);
    let merged = merged.ok_or_else(|| {
        let text = format!("#{number} of {repository} is no merged pull request of kubeopt's");
        Problem::new(
            codes::NOTHING_TAKEN_BACK,
            text,
            "list what kubeopt merged with kubeopt savings --since 90d",
        )
    })?;
    let why = because.map_or_else(|| "asked for on the command line".to_owned(), str::to_owned);
    let back = take_back(merged, pulls, why).ok_or_else(|| {
        let text =
            format!("#{number} was taken back already, or a person closed the pull request that would");
        Problem::new(
            codes::NOTHING_TAKEN_BACK,
            text,
            "`git revert` the merged commit, as with any other change",
        )
    })?;
    let orders = talk.orders.0.entry(id.clone()).or_default();
    orders.back.retain(|one| one.number != number);
    orders.back.push(back);
    let mut wanted = edges.want(&seen, &sites, &talk.orders, now).await?;
    let group = rollback_group(number);
    wanted
        .admitted
        .retain(|one| one.recommendation.repository == id && one.group.as_deref() == Some(group.as_str()));
    let decided = edges.decide(wanted, &seen, &sites, &talk.orders, now).await;
    let (published, _) = edges.publish(&decided.proposals, &talk.orders, &Default::default(), now).await;
    match published.into_iter().next() {
        Some(Published::Opened(pull) | Published::Updated(pull) | Published::Unchanged(pull)) => Ok(pull),
        Some(Published::Waiting(problem) | Published::Failed(problem)) => Err(problem),
        None => {
            let text = format!("nothing of #{number} still stands in {repository} as it set it");
            let other = decided.problems.into_iter().chain(seen.problems).next();
            let help = other.map_or_else(
                || "nothing to do: somebody changed it since".to_owned(),
                |problem| format!("{}: {}", problem.text, problem.help),
            );
            Err(Problem::new(codes::NOTHING_TAKEN_BACK, text, help))
        }
    }
}

/// The one traced repository of a name.
fn known<'a>(
    mut repositories: impl Iterator<Item = &'a RepositoryId>,
    name: &str,
) -> Result<RepositoryId, Problem> {
    repositories.find(|id| id.to_string() == name).cloned().ok_or_else(|| {
        let text = format!("no workload comes from `{}`", name.chars().take(200).collect::<String>());
        let help = "write OWNER/NAME; kubeopt get sources lists the repositories that workloads come from";
        Problem::new(codes::NOTHING_TAKEN_BACK, text, help)
    })
}
