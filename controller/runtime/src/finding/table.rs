//! `get findings`: what is unusual, as rows.

use kubeopt_model::finding::{Severity, about, kind_word, severity_word};
use kubeopt_model::{Finding, Problem, Timestamp};
use serde::Serialize;

use crate::edges::Edges;

/// What the columns of the table are called.
pub const HEADERS: [&str; 7] = ["SEVERITY", "KIND", "CONTAINER", "SINCE", "ETA", "STATE", "FINDING"];

/// What is unusual.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FindingTable {
    /// One row a finding: those that are open, the most urgent first; then those that are over, the latest first.
    pub rows: Vec<FindingRow>,
    /// What could not be seen.
    pub problems: Vec<Problem>,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FindingRow {
    /// The cluster.
    pub cluster: String,
    /// `payments/deploy/api/app`
    pub container: String,
    /// `leak`
    pub kind: &'static str,
    /// `high`
    pub severity: &'static str,
    /// `open`, `silenced` or `resolved`.
    pub state: &'static str,
    /// When it was first seen.
    pub since: Option<Timestamp>,
    /// Seconds until the limit is reached.
    pub eta_seconds: Option<i64>,
    /// The sentence.
    pub text: String,
    /// All that is known of it.
    pub finding: Finding,
}

impl FindingTable {
    /// Cells of the table, in the order of [`HEADERS`]. With several clusters the container is told with its own.
    pub fn cells(&self) -> Vec<[String; 7]> {
        let first = self.rows.first().map(|row| row.cluster.as_str());
        let several = self.rows.iter().any(|row| Some(row.cluster.as_str()) != first);
        self.rows.iter().map(|row| row.cells(several)).collect()
    }
}

impl FindingRow {
    fn of(finding: &Finding) -> Self {
        let state = match (finding.is_open(), &finding.silenced) {
            (true, None) => "open",
            (true, Some(_)) => "silenced",
            (false, _) => "resolved",
        };
        Self {
            cluster: finding.container.workload.cluster.to_string(),
            container: finding.container.to_string(),
            kind: kind_word(finding.kind()),
            severity: severity_word(finding.severity),
            state,
            since: Timestamp::from_second(finding.since_unix_s).ok(),
            eta_seconds: finding.eta_s(),
            text: finding.sentence().replace('`', ""),
            finding: finding.clone(),
        }
    }

    fn cells(&self, with_cluster: bool) -> [String; 7] {
        let container = if with_cluster {
            format!("{}: {}", self.cluster, self.container)
        } else {
            self.container.clone()
        };
        let state = match &self.finding.silenced {
            Some(why) if self.finding.is_open() => format!("silenced: {} ({})", why.reason, why.by),
            Some(_) | None => self.state.to_owned(),
        };
        let minutes = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M").to_string();
        [
            self.severity.to_owned(),
            self.kind.to_owned(),
            container,
            self.since.map_or_else(|| "?".to_owned(), minutes),
            self.eta_seconds.map_or_else(|| "-".to_owned(), about),
            state,
            self.text.clone(),
        ]
        .map(|cell| crate::terminal_line(&cell))
    }
}

/// Looks at every cluster and settles what is found with what the journal knows; nothing is written. From the severity `least`
/// on; with `with_resolved` also what is over.
///
/// # Errors
/// When no cluster could be reached.
pub async fn get_findings(
    edges: &Edges,
    least: Severity,
    with_resolved: bool,
    now: Timestamp,
) -> Result<FindingTable, Problem> {
    let mut seen = edges.observe(now).await;
    if seen.clusters.is_empty() && !seen.problems.is_empty() {
        return Err(seen.problems.remove(0));
    }
    let sites = edges.sites_to_find(&seen).await;
    edges.find(&mut seen, &sites, now).await;
    let findings = &seen.findings;
    let mut over: Vec<Finding> = Vec::new();
    if with_resolved {
        let known = edges.journal.findings().await.map_err(|error| error.problem())?;
        let just_now = findings.changed.iter().filter(|finding| !finding.is_open());
        let is_over =
            |one: &Finding| !one.is_open() && findings.open.iter().all(|open| open.key() != one.key());
        over.extend(just_now.cloned().chain(known.into_iter().filter(is_over)));
        over.sort_by_key(|finding| (std::cmp::Reverse(finding.resolved_unix_s), finding.key()));
    }
    let shown = |one: &&Finding| one.severity >= least && edges.shown.covers(&one.container.workload);
    let rows = findings.open.iter().chain(&over).filter(shown).map(FindingRow::of).collect();
    Ok(FindingTable { rows, problems: seen.problems })
}
