//! The few names and numbers of a delivery that are of interest. Everything else is not even looked at.

use std::borrow::Cow;

use serde::Deserialize;

use super::delivery::{Delivery, Hint, HintedRepository, WebhookError, WebhookEvent, WebhookKind};

/// Longest id of a delivery; forges send UUIDs.
const DELIVERY_CHARS_MAX: usize = 100;

/// Longest path of a repository with its groups.
const PATH_CHARS_MAX: usize = 1_000;

/// How the contexts of kubeopt's own statuses begin.
const OWN_CONTEXTS: &str = "kubeopt/";

/// The delivery's id: what it is called when it is sent again.
pub(super) fn delivery_id(kind: WebhookKind, delivery: &Delivery<'_>) -> Result<String, WebhookError> {
    let names: &[&'static str] = match kind {
        WebhookKind::Github => &["x-github-delivery"],
        WebhookKind::Gitea => &["x-forgejo-delivery", "x-gitea-delivery"],
        WebhookKind::Gitlab => &["webhook-id", "idempotency-key", "x-gitlab-event-uuid"],
    };
    for name in names {
        if let Some(id) = delivery.text(name)? {
            let is_id = (1..=DELIVERY_CHARS_MAX).contains(&id.len())
                && id.bytes().all(|byte| byte.is_ascii_graphic());
            return if is_id { Ok(id.to_owned()) } else { Err(malformed("its id is none")) };
        }
    }
    Err(malformed("it has no id"))
}

pub(super) fn read(kind: WebhookKind, delivery: &Delivery<'_>, id: String) -> Result<Hint, WebhookError> {
    let json = json_of(delivery)?;
    match kind {
        WebhookKind::Gitlab => of_gitlab(&json, id),
        WebhookKind::Github => of_github(&json, delivery.text("x-github-event")?, id),
        WebhookKind::Gitea => {
            let event = delivery.text("x-forgejo-event")?;
            let event = if event.is_some() { event } else { delivery.text("x-gitea-event")? };
            of_github(&json, event, id)
        }
    }
}

/// The body, or the field `payload` of a form, which GitHub sends unless it is told otherwise.
fn json_of<'a>(delivery: &Delivery<'a>) -> Result<Cow<'a, [u8]>, WebhookError> {
    let is_form = delivery
        .text("content-type")?
        .is_some_and(|kind| kind.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded"));
    if !is_form {
        return Ok(Cow::Borrowed(delivery.body));
    }
    let text = std::str::from_utf8(delivery.body).map_err(|_| malformed("its form is no text"))?;
    let form = kubeopt_net::Url::parse(&format!("form:?{}", text.trim()))
        .map_err(|_| malformed("its form cannot be read"))?;
    let payload = form.query_pairs().find(|(name, _)| name == "payload");
    let (_, json) = payload.ok_or_else(|| malformed("its form has no payload"))?;
    Ok(Cow::Owned(json.into_owned().into_bytes()))
}

/// GitHub's shape, which Gitea and Forgejo share.
#[derive(Deserialize)]
struct Github {
    repository: Option<GithubRepository>,
    number: Option<u64>,
    pull_request: Option<Numbered>,
    issue: Option<GithubIssue>,
    action: Option<String>,
    /// Of a status: what was checked, and what it came to.
    context: Option<String>,
    state: Option<String>,
    check_run: Option<Checked>,
    check_suite: Option<Checked>,
}

/// A check run, or all those of a suite.
#[derive(Deserialize)]
struct Checked {
    #[serde(default)]
    pull_requests: Vec<Numbered>,
}

#[derive(Deserialize)]
struct GithubRepository {
    id: u64,
    full_name: String,
}

#[derive(Deserialize)]
struct Numbered {
    number: u64,
}

#[derive(Deserialize)]
struct GithubIssue {
    number: u64,
    /// There for a pull request; what it holds differs.
    pull_request: Option<serde::de::IgnoredAny>,
}

fn of_github(json: &[u8], event: Option<&str>, delivery: String) -> Result<Hint, WebhookError> {
    let found: Github =
        serde_json::from_slice(json).map_err(|_| malformed("it is not the JSON of such an event"))?;
    let action = found.action.as_deref().unwrap_or_default();
    // kubeopt's own statuses would wake it for nothing.
    let is_news = found.state.as_deref().is_some_and(|state| state != "pending")
        && !found.context.as_deref().is_some_and(|context| context.starts_with(OWN_CONTEXTS));
    let issue = found.issue.as_ref().map(|issue| issue.number);
    let checked =
        found.check_run.or(found.check_suite).and_then(|checked| checked.pull_requests.into_iter().next());
    let of_issue = found.issue.filter(|issue| issue.pull_request.is_some()).map(|issue| issue.number);
    let of_pull = found.pull_request.map(|pull| pull.number).or(found.number);
    let (event, number) = match event.ok_or_else(|| malformed("it does not say what it is about"))? {
        "ping" => (WebhookEvent::Ping, None),
        "push" | "create" | "delete" => (WebhookEvent::Push, None),
        "issue_comment" | "pull_request_comment" => match of_issue.or(of_pull) {
            Some(number) => (WebhookEvent::Comment, Some(number)),
            // A comment on an issue.
            None => (WebhookEvent::Other, None),
        },
        "status" if is_news => (WebhookEvent::Check, None),
        "check_run" | "check_suite" if action == "completed" => {
            (WebhookEvent::Check, checked.map(|pull| pull.number))
        }
        "issues" if is_change(action) => (WebhookEvent::Issue, issue),
        // `pull_request`, its reviews, and Gitea's many words for parts of it.
        name if name.starts_with("pull_request") => (WebhookEvent::PullRequest, of_pull),
        _ => (WebhookEvent::Other, None),
    };
    let repository = match found.repository {
        Some(repository) => Some(repository_of(repository.id, &repository.full_name)?),
        None => None,
    };
    Ok(Hint { delivery, event, repository, number })
}

#[derive(Deserialize)]
struct Gitlab {
    object_kind: String,
    project: Option<GitlabProject>,
    object_attributes: Option<GitlabAttributes>,
    merge_request: Option<GitlabRequest>,
}

#[derive(Deserialize)]
struct GitlabProject {
    id: u64,
    path_with_namespace: String,
}

#[derive(Deserialize)]
struct GitlabAttributes {
    iid: Option<u64>,
    /// Of a pipeline: how far it is.
    status: Option<String>,
}

#[derive(Deserialize)]
struct GitlabRequest {
    iid: u64,
}

fn of_gitlab(json: &[u8], delivery: String) -> Result<Hint, WebhookError> {
    let found: Gitlab =
        serde_json::from_slice(json).map_err(|_| malformed("it is not the JSON of such an event"))?;
    let (event, number) = match (found.object_kind.as_str(), found.merge_request) {
        ("push", _) => (WebhookEvent::Push, None),
        ("note", Some(request)) => (WebhookEvent::Comment, Some(request.iid)),
        ("merge_request", _) => {
            (WebhookEvent::PullRequest, found.object_attributes.and_then(|attributes| attributes.iid))
        }
        ("pipeline", request) if found.object_attributes.as_ref().is_some_and(GitlabAttributes::is_over) => {
            (WebhookEvent::Check, request.map(|request| request.iid))
        }
        ("issue", _) => (WebhookEvent::Issue, found.object_attributes.and_then(|attributes| attributes.iid)),
        (_, _) => (WebhookEvent::Other, None),
    };
    let repository = match found.project {
        Some(project) => Some(repository_of(project.id, &project.path_with_namespace)?),
        None => None,
    };
    Ok(Hint { delivery, event, repository, number })
}

impl GitlabAttributes {
    /// Whether a pipeline came to an end.
    fn is_over(&self) -> bool {
        matches!(self.status.as_deref(), Some("success" | "failed" | "canceled" | "skipped"))
    }
}

/// Whether an issue says something else than before.
fn is_change(action: &str) -> bool {
    matches!(action, "opened" | "edited" | "closed" | "reopened" | "deleted" | "transferred")
}

/// What no repository can be called is none.
fn repository_of(id: u64, path: &str) -> Result<HintedRepository, WebhookError> {
    let is_name = |part: &str| {
        !matches!(part, "" | "." | "..")
            && !part.chars().any(|c| c.is_control() || c.is_whitespace() || "\\?#%".contains(c))
    };
    if path.len() > PATH_CHARS_MAX || !path.split('/').all(is_name) {
        return Err(malformed("its repository has no name that could be one"));
    }
    let (owner, name) = path.rsplit_once('/').ok_or_else(|| malformed("its repository has no owner"))?;
    Ok(HintedRepository { id: id.to_string(), owner: owner.to_owned(), name: name.to_owned() })
}

fn malformed(why: &'static str) -> WebhookError {
    WebhookError::Malformed { why }
}
