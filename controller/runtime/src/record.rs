//! Writes down what a pass did, for `explain`, for people who audit, and for the next pass.

use kubeopt_history::{Event, EventFilter, HistoryError};

use crate::edges::Edges;
use crate::pipeline::PassReport;
use crate::publishing::{Published, Sync};

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
    let proposed = report.decided.proposals.iter().map(|proposal| &proposal.draft).zip(&report.published);
    let first = report.first_contacts.iter().map(|(draft, published)| (draft, published));
    for (draft, published) in first.chain(proposed) {
        let (kind, text) = match published {
            Published::Opened(pull) => ("opened", format!("#{} {}", pull.number, pull.title)),
            Published::Updated(pull) => ("updated", format!("#{} {}", pull.number, pull.title)),
            // What did not change is no news.
            Published::Unchanged(_) => continue,
            Published::Waiting(problem) => ("waiting", problem.text.clone()),
            Published::Failed(problem) => ("failed", problem.text.clone()),
        };
        events.push(event(kind, format!("{} {}", draft.repository, draft.branch), text));
    }
    for merge in report.merges.merges.iter().filter(|merge| merge.is_news) {
        let (kind, text) = match merge.sync {
            Sync::Synced => ("synced", "the cluster shows all merged values".to_owned()),
            Sync::Waiting { synced, of } => {
                ("merged", format!("{synced} of {of} merged values show in the cluster"))
            }
        };
        events.push(event(kind, format!("{} #{}", merge.repository, merge.pull.number), text));
    }
    for (repository, number, reason) in &report.merges.closed {
        events.push(event("closed", format!("{repository} #{number}"), reason.clone()));
    }
    for judged in &report.watching.judged {
        for outcome in &judged.outcomes {
            let text = format!("{}: {}", outcome.container, outcome.text);
            let detail = serde_json::json!({ "text": text, "outcome": outcome });
            let subject = format!("{} #{}", judged.repository, judged.number);
            events.push(Event { detail, ..event("outcome", subject, String::new()) });
        }
    }
    for (repository, tick) in &report.boards.ticked {
        events.push(event("ticked", format!("{repository} dashboard"), tick.clone()));
    }
    for (subject, text) in &report.answers.given {
        events.push(event("command", subject.clone(), text.clone()));
    }
    events
}
