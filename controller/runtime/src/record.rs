//! Writes down what a pass did, for `explain`, for people who audit, and for the next pass.

use kubeopt_forge::PullRequest;
use kubeopt_history::{Event, EventFilter, HistoryError};
use kubeopt_model::cost::CapacityCost;
use kubeopt_model::{Problem, RepositoryId};

use crate::edges::Edges;
use crate::pipeline::PassReport;
use crate::proposing::Proposal;
use crate::publishing::{Published, Sync};

/// The kinds of events: a pull request was opened, written anew, merged, shown by the cluster, closed by kubeopt, could not be
/// published; what became of a merge, and what it saved as it was measured.
pub(crate) const OPENED: &str = "opened";
pub(crate) const UPDATED: &str = "updated";
pub(crate) const MERGED: &str = "merged";
pub(crate) const SYNCED: &str = "synced";
pub(crate) const CLOSED: &str = "closed";
pub(crate) const FAILED: &str = "failed";
pub(crate) const OUTCOME: &str = "outcome";
pub(crate) const SAVED: &str = "saved";

/// Begins the kinds of events of findings: `finding-opened`, `finding-worsened`, `finding-resolved`.
const FINDING: &str = "finding";

/// Where the detail of an event keeps what something costs a month: estimated, or measured.
pub(crate) const MONTHLY: &str = "monthly";

impl Edges {
    /// Appends the events of a pass to the journal, and lets go of usage that is older than history keeps. What is done
    /// is done: a store that cannot be written is one more problem of the pass, not the end of it.
    pub(crate) async fn record(&self, report: &mut PassReport) {
        let clusters: Vec<_> = report.seen.clusters.keys().cloned().collect();
        for cluster in clusters {
            let pruned = self.history.prune(&cluster, report.at).await;
            report.seen.problems.extend(pruned.err().map(|error| error.problem()));
        }
        let recorded = match self.news(events(report)).await {
            Ok(news) => self.journal.record(&news).await,
            Err(error) => Err(error),
        };
        report.merges.problems.extend(recorded.err().map(|error| error.problem()));
        let remembered = self.journal.remember_findings(&report.seen.findings.changed).await;
        report.merges.problems.extend(remembered.err().map(|error| error.problem()));
        report.merges.problems.extend(self.journal.take_problems());
    }

    /// Without those that only say again what the last event of their subject said: what waits does so pass after pass.
    async fn news(&self, events: Vec<Event>) -> Result<Vec<Event>, HistoryError> {
        let mut news = Vec::new();
        for event in events {
            if matches!(event.kind.as_str(), "waiting" | "failed") {
                let subject = Some(event.subject.clone());
                let last =
                    self.journal.events(&EventFilter { subject, limit: 1, ..EventFilter::default() }).await?;
                if last.first().is_some_and(|last| last.kind == event.kind && last.detail == event.detail) {
                    continue;
                }
            }
            news.push(event);
        }
        Ok(news)
    }
}

fn events(report: &PassReport) -> Vec<Event> {
    let at_unix_s = report.at.as_second();
    let event = |kind: &str, subject: String, text: String| Event {
        at_unix_s,
        pass: format!("{at_unix_s}"),
        kind: kind.to_owned(),
        subject,
        detail: serde_json::json!({ "text": text }),
    };
    let mut events = Vec::new();
    let proposed = report.decided.proposals.iter().zip(&report.published);
    let proposed = proposed.map(|(proposal, published)| (&proposal.draft, published, estimate(proposal)));
    let first = report.first_contacts.iter().map(|(draft, published)| (draft, published, None));
    for (draft, published, estimate) in first.chain(proposed) {
        let (kind, text) = match published {
            Published::Opened(pull) => (OPENED, format!("#{} {}", pull.number, pull.title)),
            Published::Updated(pull) => (UPDATED, format!("#{} {}", pull.number, pull.title)),
            // What did not change is no news.
            Published::Unchanged(_) => continue,
            Published::Waiting(problem) => ("waiting", problem.text.clone()),
            Published::Failed(problem) => (FAILED, problem.text.clone()),
        };
        let mut event = event(kind, format!("{} {}", draft.repository, draft.branch), text);
        if let (OPENED | UPDATED, Some(estimate)) = (kind, estimate) {
            event.detail[MONTHLY] = serde_json::json!(estimate);
        }
        events.push(event);
    }
    for merge in report.merges.merges.iter().filter(|merge| merge.is_news) {
        let (kind, text) = match merge.sync {
            Sync::Synced => (SYNCED, "the cluster shows all merged values".to_owned()),
            Sync::Waiting { synced, of } => {
                (MERGED, format!("{synced} of {of} merged values show in the cluster"))
            }
        };
        events.push(event(kind, format!("{} #{}", merge.repository, merge.pull.number), text));
    }
    for (repository, number, reason) in &report.merges.closed {
        events.push(event(CLOSED, format!("{repository} #{number}"), reason.clone()));
    }
    for judged in &report.watching.judged {
        for outcome in &judged.outcomes {
            let text = format!("{}: {}", outcome.container, outcome.text);
            let detail = serde_json::json!({ "text": text, "outcome": outcome });
            let subject = format!("{} #{}", judged.repository, judged.number);
            events.push(Event { detail, ..event(OUTCOME, subject, String::new()) });
        }
    }
    for news in &report.seen.findings.news {
        let kind = format!("{FINDING}-{}", news.turn.as_str());
        let text = news.finding.sentence().replace('`', "");
        let detail = serde_json::json!({ "text": text, "finding": news.finding });
        let subject = news.finding.container.workload.to_string();
        events.push(Event { detail, ..event(&kind, subject, String::new()) });
    }
    for (repository, tick) in &report.boards.ticked {
        events.push(event("ticked", format!("{repository} dashboard"), tick.clone()));
    }
    for (subject, text) in &report.answers.given {
        events.push(event("command", subject.clone(), text.clone()));
    }
    events
}

/// What a proposal is estimated to cost a month; none as soon as a part is unknown.
fn estimate(proposal: &Proposal) -> Option<CapacityCost> {
    proposal.change_set.recommendations.iter().try_fold(CapacityCost::default(), |sum, one| {
        let cost = one.cost()?;
        Some(CapacityCost { before: sum.before + cost.before, after: sum.after + cost.after })
    })
}

impl Edges {
    /// Writes down what a merge saved a month, as it was measured.
    pub(crate) async fn record_saved(
        &self,
        repository: &RepositoryId,
        number: u64,
        measured: Option<CapacityCost>,
        at_unix_s: i64,
    ) -> Result<(), Problem> {
        let event = Event {
            pass: at_unix_s.to_string(),
            at_unix_s,
            kind: SAVED.to_owned(),
            subject: format!("{repository} #{number}"),
            detail: serde_json::json!({ "text": "measured a week after the merge", MONTHLY: measured }),
        };
        self.journal.record(&[event]).await.map_err(|error| error.problem())
    }

    /// What a pull request of kubeopt's own was estimated to cost a month when it was last written; none where the journal does
    /// not know it any more.
    pub(crate) async fn estimate_of(
        &self,
        repository: &RepositoryId,
        pull: &PullRequest,
    ) -> Result<Option<CapacityCost>, Problem> {
        let begins = format!("#{} ", pull.number);
        let mut written: Vec<Event> = Vec::new();
        for kind in [OPENED, UPDATED] {
            let subject = format!("{repository} {}", pull.head_branch);
            let filter =
                EventFilter { subject: Some(subject), kind: Some(kind.to_owned()), ..EventFilter::default() };
            written.extend(self.journal.events(&filter).await.map_err(|error| error.problem())?);
        }
        let is_own =
            |event: &&Event| event.detail["text"].as_str().is_some_and(|text| text.starts_with(&begins));
        let last = written.iter().filter(is_own).max_by_key(|event| event.at_unix_s);
        Ok(last.and_then(|event| serde_json::from_value(event.detail[MONTHLY].clone()).ok()))
    }
}
