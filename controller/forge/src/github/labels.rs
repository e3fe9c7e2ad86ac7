//! Labels on GitHub, which creates those that it does not know.

use kubeopt_model::RepositoryId;

use super::calls::{Calls, InRepository};
use super::{lookup, wire};
use crate::asked::{Arranged, Asked, same_account};
use crate::error::ForgeError;

pub(super) async fn arrange(
    calls: &Calls,
    repository: &RepositoryId,
    number: u64,
    asked: &Asked,
) -> Result<Arranged, ForgeError> {
    let at = calls.of(repository);
    let there = lookup::pull(&at, number).await?.labels;
    let there: Vec<String> = there.into_iter().map(|label| label.name).collect();
    // GitHub's labels are the same in any case.
    let mut steps = asked.against(&there, same_account);
    if !steps.add.is_empty() && add(&at, number, &steps.add).await.is_err() {
        // All or none: the one that it does not take is found by itself.
        for name in steps.add.clone() {
            match add(&at, number, std::slice::from_ref(&name)).await {
                Ok(_) => {}
                Err(error @ (ForgeError::Forbidden { .. } | ForgeError::Refused { .. })) => {
                    steps.decline(&name, error.to_string());
                }
                Err(error) => return Err(error),
            }
        }
    }
    for name in &steps.remove {
        let what = format!("pull request {number} of {repository}");
        at.delete(&["issues", &number.to_string(), "labels", name], None::<&()>, &what).await?;
    }
    Ok(steps.done())
}

/// Puts labels on a pull request; gives all that are there then, sorted.
pub(super) async fn add(
    at: &InRepository<'_>,
    number: u64,
    names: &[String],
) -> Result<Vec<String>, ForgeError> {
    let what = format!("pull request {number} of {}", at.repository);
    let body = wire::AddLabels { labels: names };
    let all: Vec<wire::Label> = at.post(&["issues", &number.to_string(), "labels"], &body, &what).await?;
    let mut all: Vec<String> = all.into_iter().map(|label| label.name).collect();
    all.sort();
    Ok(all)
}
