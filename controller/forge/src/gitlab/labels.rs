//! Labels on GitLab, which creates those that it does not know.

use gitlab::api::projects::merge_requests::EditMergeRequest;
use kubeopt_model::RepositoryId;

use super::calls::{Calls, built};
use super::{merge_requests, wire};
use crate::asked::{Arranged, Asked, same_label};
use crate::error::ForgeError;

pub(super) async fn arrange(
    calls: &Calls,
    repository: &RepositoryId,
    number: u64,
    asked: &Asked,
) -> Result<Arranged, ForgeError> {
    let project = calls.project(repository).await?;
    let there = merge_requests::find(calls, project, repository, number).await?.labels;
    let mut steps = asked.against(&there, same_label);
    for name in steps.add.clone() {
        if name.contains(',') {
            steps.decline(&name, "GitLab takes a comma for the end of a label");
        }
    }
    if steps.add.is_empty() && steps.remove.is_empty() {
        return Ok(steps.done());
    }
    let mut endpoint = EditMergeRequest::builder();
    endpoint.project(project).merge_request(number);
    for name in &steps.add {
        endpoint.add_label(name.as_str());
    }
    for name in &steps.remove {
        endpoint.remove_label(name.as_str());
    }
    let what = format!("merge request {number} of {repository}");
    let changed: wire::MergeRequest = calls.take(&built(endpoint.build())?, &what).await?;
    for name in steps.add.clone() {
        if !changed.labels.iter().any(|other| same_label(other, &name)) {
            steps.decline(&name, "the forge did not put this label");
        }
    }
    Ok(steps.done())
}
