//! The text of a pull request: title, body and commit message, within what a forge takes.
//!
//! The order of the body is a contract (one sentence, table, cost, details, what was noticed, what was left alone,
//! proof, how to talk back, marker). Knows nothing of forges, and of no number that is not in its input.

use std::collections::BTreeSet;

use kubeopt_model::Recommendation;
use kubeopt_model::pull_request::{BODY_CHARS_MAX, Marker, rollback_of};
use serde::Serialize;

pub use crate::pull_request_input::PullRequestInput;

use crate::body::{BodyView, body_view};
use crate::cost::CostView;
use crate::details::details;
use crate::error::ReportError;
use crate::figures;
use crate::marker::marker;
use crate::templates::Templates;
use crate::title::title;

/// Room for the line that says what was left out.
const NOTE_CHARS: usize = 300;
/// Most changes that a commit message lists.
const COMMIT_CHANGES_MAX: usize = 50;

/// The words of a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// Title; also the commit's subject.
    pub title: String,
    /// Body, marker included; at most [`BODY_CHARS_MAX`] characters.
    pub body: String,
    /// Message of the one commit.
    pub commit_message: String,
    /// The marker that the body carries.
    pub marker: Marker,
}

/// Writes a pull request.
///
/// # Errors
/// [`ReportError::Nothing`] without a recommendation, [`ReportError::Render`] and [`ReportError::TooLong`] where an
/// operator's own template fails or is too long.
pub fn describe(templates: &Templates, input: &PullRequestInput<'_>) -> Result<Described, ReportError> {
    if input.recommendations.iter().all(|recommendation| recommendation.members.is_empty()) {
        return Err(ReportError::Nothing);
    }
    let marker = marker(input);
    let cost = CostView::of(input);
    let (conventional, workloads) = (input.conventional_title, workload_count(input));
    let takes_back = rollback_of(input.group);
    let title = title(templates, conventional, input.label, workloads, cost.monthly_money, takes_back)?;
    let details = details(templates, input.recommendations, input.explanations)?;
    let body = fit(templates, body_view(input, cost, &marker), details)?;
    let commit_message = commit_message(templates, input, &title, &marker)?;
    Ok(Described { title, body, commit_message, marker })
}

fn workload_count(input: &PullRequestInput<'_>) -> usize {
    let ids: BTreeSet<_> = input
        .recommendations
        .iter()
        .flat_map(|recommendation| &recommendation.members)
        .map(|member| &member.container.workload)
        .collect();
    ids.len()
}

/// Fills the body: rows go when even the text without details is too long, then details come back while they fit.
fn fit(templates: &Templates, mut view: BodyView, details: Vec<String>) -> Result<String, ReportError> {
    let render = |view: &BodyView| templates.render("pull-request/body.md.tera", view);
    let chars = |text: &str| text.chars().count();
    view.details_left_out = details.len();
    let mut bare = chars(&render(&view)?);
    while bare + NOTE_CHARS > BODY_CHARS_MAX && view.shorten(bare + NOTE_CHARS - BODY_CHARS_MAX) {
        bare = chars(&render(&view)?);
    }
    let mut room = if view.is_short_of_rows() { 0 } else { BODY_CHARS_MAX.saturating_sub(bare + NOTE_CHARS) };
    for detail in details {
        let needed = chars(&detail) + 1;
        if needed > room {
            break;
        }
        room -= needed;
        view.details.push(detail);
        view.details_left_out -= 1;
    }
    let body = render(&view)?;
    match chars(&body) {
        chars if chars > BODY_CHARS_MAX => Err(ReportError::TooLong { chars, limit: BODY_CHARS_MAX }),
        _ => Ok(body),
    }
}

#[derive(Serialize)]
struct CommitView<'a> {
    title: &'a str,
    cluster: String,
    days: String,
    changes: Vec<CommitChange>,
    changes_left_out: usize,
    takes_back: Option<u64>,
    proposal: &'a str,
}

#[derive(Serialize)]
struct CommitChange {
    container: String,
    field: String,
    before: String,
    after: String,
    place: String,
}

fn removed(recommendation: &Recommendation) -> impl Iterator<Item = CommitChange> {
    let container =
        recommendation.members.first().map(|member| member.container.to_string()).unwrap_or_default();
    recommendation.removals.iter().map(move |removal| CommitChange {
        container: container.clone(),
        field: removal.field.to_string(),
        before: removal.site.text.clone(),
        after: figures::REMOVED.to_owned(),
        place: removal.site.to_string(),
    })
}

fn created(recommendation: &Recommendation) -> impl Iterator<Item = CommitChange> {
    recommendation.additions.iter().map(|addition| CommitChange {
        container: addition.containers.first().map_or(String::new(), ToString::to_string),
        field: addition.field.to_string(),
        before: figures::NOT_SET.to_owned(),
        after: addition.after.to_string(),
        place: addition.site.to_string(),
    })
}

fn patched(recommendation: &Recommendation) -> impl Iterator<Item = CommitChange> {
    recommendation.patches.iter().map(|patch| CommitChange {
        container: patch.containers.first().map_or(String::new(), ToString::to_string),
        field: patch.field.to_string(),
        before: patch.value.before.map_or(figures::NOT_SET.to_owned(), |before| before.to_string()),
        after: patch.value.after.map_or(figures::REMOVED.to_owned(), |after| after.to_string()),
        place: patch.file.to_string(),
    })
}

fn retargeted(recommendation: &Recommendation) -> impl Iterator<Item = CommitChange> {
    let workload =
        recommendation.members.first().map(|member| member.container.to_string()).unwrap_or_default();
    recommendation.targets.iter().map(move |change| CommitChange {
        container: workload.clone(),
        field: format!("{} target of HPA {}", change.target.resource, change.target.scaler),
        before: format!("{} %", change.target.percent),
        after: format!("{} %", change.after),
        place: change.target.site.to_string(),
    })
}

fn commit_message(
    templates: &Templates,
    input: &PullRequestInput<'_>,
    title: &str,
    marker: &Marker,
) -> Result<String, ReportError> {
    let mut changes: Vec<CommitChange> = input
        .recommendations
        .iter()
        .flat_map(|recommendation| {
            let container = recommendation.members.first().map(|member| member.container.to_string());
            recommendation.changes.iter().map(move |change| CommitChange {
                container: container.clone().unwrap_or_default(),
                field: change.field.to_string(),
                before: change.site.text.clone(),
                after: change.value.after.to_string(),
                place: change.site.to_string(),
            })
        })
        .chain(input.recommendations.iter().flat_map(removed))
        .chain(input.recommendations.iter().flat_map(created))
        .chain(input.recommendations.iter().flat_map(patched))
        .chain(input.recommendations.iter().flat_map(retargeted))
        .collect();
    let changes_left_out = changes.len().saturating_sub(COMMIT_CHANGES_MAX);
    changes.truncate(COMMIT_CHANGES_MAX);
    let view = CommitView {
        title,
        cluster: input.cluster.to_string(),
        days: crate::body::days_seen(input),
        changes,
        changes_left_out,
        takes_back: rollback_of(input.group),
        proposal: &marker.proposal,
    };
    let text = templates.render("pull-request/commit.txt.tera", &view)?;
    Ok(format!("{}\n", text.trim()))
}
