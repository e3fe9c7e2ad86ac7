//! The first pull request of a repository: what was found, what to expect, and the policy file that it adds. Knows nothing
//! of forges.

use kubeopt_model::pull_request::{Marker, hidden};
use kubeopt_model::{ClusterName, Money};
use serde::Serialize;

use crate::error::ReportError;
use crate::figures;
use crate::templates::Templates;

/// Lines of each list.
const LISTED_MAX: usize = 20;

/// What a repository's first pull request tells.
#[derive(Debug, Clone)]
pub struct OnboardingInput<'a> {
    /// The cluster that was looked at.
    pub cluster: &'a ClusterName,
    /// The path of the policy file that it adds.
    pub file: &'a str,
    /// Entry points with the number of their workloads, sorted.
    pub entries: Vec<(String, usize)>,
    /// What the entry points are rendered with, such as `kustomize`; sorted, each once.
    pub renderers: Vec<String>,
    /// What would be proposed: the group as people call it, containers, and what it changes a month where that is known.
    pub proposals: Vec<(String, usize, Option<Money>)>,
    /// Workloads of which nothing would be proposed.
    pub left: usize,
    /// Most open pull requests.
    pub max_open: u32,
    /// Most new ones an hour.
    pub per_hour: u32,
    /// Who rolls out what is merged: `Flux`.
    pub delivered_by: Option<&'a str>,
    /// The marker that the body carries.
    pub marker: &'a Marker,
}

#[derive(Serialize)]
struct View<'a> {
    file: &'a str,
    cluster: String,
    workloads: String,
    entries_text: String,
    entries: Vec<EntryView>,
    entries_left_out: usize,
    renderers: String,
    proposals_text: String,
    proposals: Vec<ProposalView>,
    proposals_left_out: usize,
    nothing_because: &'static str,
    left_out: usize,
    left_out_text: String,
    max_open: u32,
    per_hour: u32,
    delivered_by: &'a str,
    marker: String,
}

#[derive(Serialize)]
struct EntryView {
    path: String,
    workloads: String,
}

#[derive(Serialize)]
struct ProposalView {
    label: String,
    containers: usize,
    monthly: String,
}

/// Title and body of a repository's first pull request.
///
/// # Errors
/// [`ReportError::Render`] where an operator's own template fails.
pub fn onboarding_text(
    templates: &Templates,
    conventional_title: bool,
    input: &OnboardingInput<'_>,
) -> Result<(String, String), ReportError> {
    let title = match conventional_title {
        true => "chore(rightsizing): switch kubeopt on",
        false => "Switch kubeopt on",
    };
    let workloads: usize = input.entries.iter().map(|(_, workloads)| workloads).sum();
    let entry = |(path, workloads): &(String, usize)| EntryView {
        path: path.clone(),
        workloads: figures::counted(*workloads, "workload"),
    };
    let proposal = |(label, containers, monthly): &(String, usize, Option<Money>)| ProposalView {
        label: label.clone(),
        containers: *containers,
        monthly: monthly.map_or_else(|| "unknown".to_owned(), figures::dollars_short),
    };
    let view = View {
        file: input.file,
        cluster: input.cluster.to_string(),
        workloads: figures::counted(workloads, "workload"),
        entries_text: figures::counted(input.entries.len(), "entry point"),
        entries: input.entries.iter().take(LISTED_MAX).map(entry).collect(),
        entries_left_out: input.entries.len().saturating_sub(LISTED_MAX),
        renderers: input.renderers.join(", "),
        proposals_text: figures::counted(input.proposals.len(), "pull request"),
        proposals: input.proposals.iter().take(LISTED_MAX).map(proposal).collect(),
        proposals_left_out: input.proposals.len().saturating_sub(LISTED_MAX),
        nothing_because: "all values are fine, or there is too little history yet",
        left_out: input.left,
        left_out_text: format!("{} would be", figures::counted(input.left, "workload")),
        max_open: input.max_open,
        per_hour: input.per_hour,
        delivered_by: input.delivered_by.unwrap_or("whatever applies the branch"),
        marker: input.marker.to_html_comment(),
    };
    let body = templates.render("pull-request/onboarding.md.tera", &view)?;
    Ok((title.to_owned(), body.trim().to_owned()))
}
