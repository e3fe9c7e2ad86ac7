//! Once a week people are told what the week came to. The journal remembers when they were told last, so that a restart
//! neither forgets nor doubles it.

use kubeopt_forge::PullRequestState;
use kubeopt_history::{Event, EventFilter};
use kubeopt_model::{ClusterName, Problem};

use crate::edges::Edges;
use crate::noticing::{Days, KINDS, Noticed, digest};
use crate::pipeline::PassReport;
use crate::publishing::Published;

const WEEK_S: i64 = 7 * 86_400;

/// What was estimated when a pull request was opened is looked for so far back; older ones are rarely merged.
const ESTIMATED_S: i64 = 100 * 86_400;

/// The kind of the journal's line that says when people were told last.
const TOLD: &str = "digest";

/// The summary of a week, where one has passed since the last. The first week begins with the first pass.
///
/// # Errors
/// When the journal cannot be read or written; nothing is told then.
pub(super) async fn week_over(
    edges: &Edges,
    report: &PassReport,
    home: &ClusterName,
) -> Result<Option<Noticed>, Problem> {
    let now_unix_s = report.at.as_second();
    let last = EventFilter { kind: Some(TOLD.to_owned()), limit: 1, ..EventFilter::default() };
    let last = edges.journal.events(&last).await.map_err(|error| error.problem())?.pop();
    let since_unix_s = last.as_ref().map_or(now_unix_s, |last| last.at_unix_s);
    if last.is_some() && now_unix_s < since_unix_s + WEEK_S {
        return Ok(None);
    }
    let mut events = Vec::new();
    for kind in KINDS.into_iter().filter(|_| last.is_some()) {
        let since_unix_s = since_unix_s - ESTIMATED_S;
        let filter = EventFilter { since_unix_s, kind: Some(kind.to_owned()), ..EventFilter::default() };
        events.extend(edges.journal.events(&filter).await.map_err(|error| error.problem())?);
    }
    // Noted before it is told: told twice is worse than told a week later.
    let told = Event {
        pass: now_unix_s.to_string(),
        at_unix_s: now_unix_s,
        kind: TOLD.to_owned(),
        subject: "everybody".to_owned(),
        detail: serde_json::json!({ "text": "people were told what the days before came to" }),
    };
    edges.journal.record(&[told]).await.map_err(|error| error.problem())?;
    if last.is_none() {
        return Ok(None);
    }
    let days = Days { events: &events, since_unix_s, at: report.at, open: open(report) };
    Ok(digest(&days, home))
}

/// kubeopt's pull requests that are open after a pass.
fn open(report: &PassReport) -> usize {
    let of_before = report.talk.pulls.values().flatten();
    let of_before = of_before.filter(|pull| pull.state == PullRequestState::Open).count();
    let first = report.first_contacts.iter().map(|(_, published)| published);
    let published = report.published.iter().chain(first);
    let opened = published.filter(|published| matches!(published, Published::Opened(_))).count();
    (of_before + opened).saturating_sub(report.merges.closed.len())
}

#[cfg(test)]
mod tests {
    use kubeopt_gitops::GitStore;
    use kubeopt_gitops::render::Renderer;
    use kubeopt_history::{MemoryUsage, SqliteJournal};
    use kubeopt_model::Timestamp;

    use super::*;
    use crate::edges::Kept;
    use crate::pipeline::pass;
    use crate::record::MERGED;

    const BEGUN: i64 = 1_795_000_000;

    async fn week_at(edges: &Edges, days: i64) -> Option<Noticed> {
        let now = Timestamp::from_second(BEGUN + days * 86_400).unwrap();
        let report = pass(edges, now).await.unwrap();
        week_over(edges, &report, &ClusterName::new("prod").unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn a_week_is_told_once_when_it_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept {
            history: Box::new(MemoryUsage::default()),
            journal: Box::new(SqliteJournal::in_memory().await.unwrap()),
            git: GitStore::open(&folder.path().join("git")).unwrap(),
            renderer: Renderer::new("/nonexistent".into(), None, None),
        };
        let edges = Edges::of(kept);
        assert_eq!(week_at(&edges, 0).await, None, "the first week begins");
        assert_eq!(week_at(&edges, 6).await, None);
        let merged = Event {
            pass: "p".to_owned(),
            at_unix_s: BEGUN + 86_400,
            kind: MERGED.to_owned(),
            subject: "acme/shop #1".to_owned(),
            detail: serde_json::json!({}),
        };
        edges.journal.record(&[merged]).await.unwrap();
        let told = week_at(&edges, 7).await.unwrap();
        assert!(told.notice.title.starts_with("1 of kubeopt's pull requests were merged"), "{told:?}");
        assert_eq!(week_at(&edges, 8).await, None);
        assert_eq!(week_at(&edges, 14).await, None, "nothing happened since");
    }
}
