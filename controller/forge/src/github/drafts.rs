//! Drafts on GitHub. After a pull request was opened only the GraphQL API makes one a draft, or ready.

use serde::Deserialize;
use serde_json::json;

use super::calls::InRepository;
use crate::error::ForgeError;

const TO_DRAFT: &str = "mutation($id: ID!) { changed: convertPullRequestToDraft(input: {pullRequestId: $id}) { pullRequest { isDraft } } }";
const TO_READY: &str = "mutation($id: ID!) { changed: markPullRequestReadyForReview(input: {pullRequestId: $id}) { pullRequest { isDraft } } }";

/// `node` is the pull request's global id.
pub(super) async fn set(
    at: &InRepository<'_>,
    node: &str,
    is_draft: bool,
    what: &str,
) -> Result<(), ForgeError> {
    let query = if is_draft { TO_DRAFT } else { TO_READY };
    let answer: Answer = at.query(&json!({"query": query, "variables": {"id": node}}), what).await?;
    let now = answer.changed.and_then(|changed| changed.pull_request).map(|pull| pull.is_draft);
    if now == Some(is_draft) {
        return Ok(());
    }
    Err(ForgeError::Malformed { why: format!("{what} is not what it was made") })
}

#[derive(Deserialize)]
struct Answer {
    changed: Option<Changed>,
}

#[derive(Deserialize)]
struct Changed {
    #[serde(rename = "pullRequest")]
    pull_request: Option<Pull>,
}

#[derive(Deserialize)]
struct Pull {
    #[serde(rename = "isDraft")]
    is_draft: bool,
}
