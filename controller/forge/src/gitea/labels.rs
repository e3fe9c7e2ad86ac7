//! Labels on Gitea and Forgejo, which know them by ids.

use std::collections::{BTreeMap, BTreeSet};

use kubeopt_model::RepositoryId;
use kubeopt_net::Method;

use super::calls::{Calls, Paging};
use super::{lookup, wire};
use crate::asked::{Arranged, Asked, Declined, same_label};
use crate::error::ForgeError;

/// The color of labels that kubeopt creates.
const LABEL_COLOR: &str = "#1d76db";

pub(super) async fn arrange(
    calls: &Calls,
    repository: &RepositoryId,
    number: u64,
    asked: &Asked,
) -> Result<Arranged, ForgeError> {
    let there = lookup::pull(calls, repository, number).await?.labels.unwrap_or_default();
    let names: Vec<String> = there.iter().map(|label| label.name.clone()).collect();
    let mut steps = asked.against(&names, same_label);
    let (ids, declined) = ids_of(calls, repository, &steps.add).await?;
    for Declined { name, why } in declined {
        steps.decline(&name, why);
    }
    let number = number.to_string();
    let url = calls.of_repository(repository, &["issues", &number, "labels"])?;
    let what = format!("pull request {number} of {repository}");
    if !ids.is_empty() {
        let body = wire::AddLabels { labels: &ids };
        let _all: Vec<wire::Label> = calls.write(Method::POST, url, &body, &what).await?;
    }
    for label in there.iter().filter(|label| steps.remove.contains(&label.name)) {
        let id = label.id.to_string();
        let url = calls.of_repository(repository, &["issues", &number, "labels", &id])?;
        calls.delete(url, &what).await?;
    }
    Ok(steps.done())
}

/// Ids of labels; missing ones are created. A label that may not be created is told: it is no reason to keep a pull
/// request back.
pub(super) async fn ids_of(
    calls: &Calls,
    repository: &RepositoryId,
    names: &[String],
) -> Result<(Vec<u64>, Vec<Declined>), ForgeError> {
    let wanted: BTreeSet<&str> = names.iter().map(String::as_str).filter(|name| !name.is_empty()).collect();
    let (mut ids, mut declined) = (Vec::new(), Vec::new());
    if wanted.is_empty() {
        return Ok((ids, declined));
    }
    let url = calls.of_repository(repository, &["labels"])?;
    let mut known: BTreeMap<String, u64> = BTreeMap::new();
    let what = format!("labels of {repository}");
    calls
        .list(&url, &what, |page: Vec<wire::Label>| {
            known.extend(page.into_iter().map(|label| (label.name, label.id)));
            Paging::More
        })
        .await?;
    for name in wanted {
        if let Some(id) = known.get(name) {
            ids.push(*id);
            continue;
        }
        let label = wire::NewLabel { name, color: LABEL_COLOR, description: "opened or changed by kubeopt" };
        match calls.write::<_, wire::Label>(Method::POST, url.clone(), &label, &what).await {
            Ok(made) => ids.push(made.id),
            Err(error @ (ForgeError::Forbidden { .. } | ForgeError::Refused { .. })) => {
                declined.push(Declined { name: name.to_owned(), why: error.to_string() });
            }
            Err(error) => return Err(error),
        }
    }
    Ok((ids, declined))
}
