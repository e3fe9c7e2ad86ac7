//! The contract of a journal, run on every implementation, and what is SQLite's own.

use kubeopt_model::{ForgeName, RepositoryId};
use serde_json::json;

use super::*;

fn key(branch: &str) -> BranchKey {
    let forge = ForgeName::new("gitea").unwrap();
    let repository = RepositoryId { forge, owner: "acme".into(), name: "gitops".into() };
    BranchKey { repository, branch: branch.to_owned() }
}

fn entry(branch: &str, planned_unix_s: i64) -> OutboxEntry {
    OutboxEntry {
        key: key(branch),
        base: "main".into(),
        group: "apps/prod".into(),
        proposal: "0123456789abcdef".into(),
        draft_digest: "d1".into(),
        step: OutboxStep::Planned,
        planned_unix_s,
        moved_unix_s: planned_unix_s,
    }
}

fn event(pass: &str, at_unix_s: i64, subject: &str) -> Event {
    Event { pass: pass.into(), at_unix_s, kind: "recommended".into(), subject: subject.into(), detail: json!({"cpu": "310m"}) }
}

/// What every journal does.
async fn keeps_the_contract(journal: &dyn Journal) {
    outbox_moves_step_by_step(journal).await;
    audit_is_newest_first_and_filtered(journal).await;
    pull_requests_are_replaced(journal).await;
}

async fn outbox_moves_step_by_step(journal: &dyn Journal) {
    let (first, second) = (entry("kubeopt/b", 10), entry("kubeopt/a", 20));
    journal.plan(&second).await.unwrap();
    journal.plan(&first).await.unwrap();
    assert_eq!(journal.outbox().await.unwrap(), [first.clone(), second.clone()]);
    for (step, at) in [
        (OutboxStep::Pushed { oid: "abc".into() }, 30),
        (OutboxStep::Opened { oid: "abc".into(), number: 7 }, 40),
        (OutboxStep::Announced { oid: "abc".into(), number: 7 }, 50),
    ] {
        assert!(journal.advance(&first.key, &step, at).await.unwrap());
        let found = journal.outbox().await.unwrap().remove(0);
        assert_eq!((&found.step, found.moved_unix_s, found.planned_unix_s), (&step, at, 10));
    }
    assert!(journal.outbox().await.unwrap()[0].is_done());
    assert!(!journal.advance(&key("kubeopt/none"), &OutboxStep::Planned, 60).await.unwrap());

    let again = OutboxEntry { proposal: "fedcba9876543210".into(), ..entry("kubeopt/b", 60) };
    journal.plan(&again).await.unwrap();
    assert_eq!(journal.outbox().await.unwrap(), [second.clone(), again.clone()]);
    journal.forget(&again.key).await.unwrap();
    journal.forget(&again.key).await.unwrap();
    assert_eq!(journal.outbox().await.unwrap(), [second]);
}

async fn audit_is_newest_first_and_filtered(journal: &dyn Journal) {
    let hostile = "shop/deploy/api'); DROP TABLE event; --";
    journal.record(&[event("p1", 100, "a"), event("p1", 100, hostile)]).await.unwrap();
    journal.record(&[event("p1", 100, "b"), event("p2", 200, "a")]).await.unwrap();
    journal.record(&[]).await.unwrap();
    let subjects = async |filter: EventFilter| -> Vec<String> {
        journal.events(&filter).await.unwrap().into_iter().map(|event| event.subject).collect()
    };
    assert_eq!(subjects(EventFilter::default()).await, ["a", "b", hostile, "a"]);
    assert_eq!(subjects(EventFilter { since_unix_s: 150, ..EventFilter::default() }).await, ["a"]);
    assert_eq!(subjects(EventFilter { subject: Some(hostile.into()), ..EventFilter::default() }).await, [hostile]);
    assert_eq!(subjects(EventFilter { pass: Some("p1".into()), limit: 1, ..EventFilter::default() }).await, ["b"]);
    assert!(subjects(EventFilter { kind: Some("opened".into()), ..EventFilter::default() }).await.is_empty());

    let long = Event { detail: json!("x".repeat(DETAIL_BYTES_MAX)), ..event("p3", 100 + EVENT_DAYS * 86_400, "long") };
    journal.record(&[long]).await.unwrap();
    let left = journal.events(&EventFilter::default()).await.unwrap();
    assert_eq!(left.iter().map(|event| event.subject.as_str()).collect::<Vec<_>>(), ["long", "a", "b", hostile, "a"]);
    assert!(left[0].detail["leftOut"].is_string());
    journal.record(&[event("p4", 101 + EVENT_DAYS * 86_400, "new")]).await.unwrap();
    assert_eq!(subjects(EventFilter::default()).await, ["new", "long", "a"]);
}

async fn pull_requests_are_replaced(journal: &dyn Journal) {
    let merged = SeenState::Merged { oid: "def".into(), at_unix_s: 90, synced_unix_s: None };
    let mut seen = SeenPullRequest {
        repository: key("x").repository,
        number: 7,
        branch: "kubeopt/b".into(),
        base: "main".into(),
        group: "g".into(),
        proposal: "p".into(),
        state: SeenState::Open,
        seen_unix_s: 80,
    };
    let mut other = seen.clone();
    other.number = 8;
    other.state = SeenState::Closed { at_unix_s: 85 };
    journal.remember_pull_request(&other).await.unwrap();
    for state in [
        SeenState::Open,
        merged,
        SeenState::Merged { oid: "def".into(), at_unix_s: 90, synced_unix_s: Some(95) },
    ] {
        seen.state = state;
        journal.remember_pull_request(&seen).await.unwrap();
        assert_eq!(journal.pull_requests().await.unwrap(), [seen.clone(), other.clone()]);
    }
}

#[tokio::test]
async fn a_journal_in_memory_keeps_the_contract() {
    keeps_the_contract(&SqliteJournal::in_memory().await.unwrap()).await;
}

#[tokio::test]
async fn a_journal_on_disk_keeps_the_contract_and_survives_its_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/kubeopt.db");
    let journal = SqliteJournal::open(&path).await.unwrap();
    assert!(journal.was_created());
    keeps_the_contract(&journal).await;
    let before = (journal.outbox().await.unwrap(), journal.pull_requests().await.unwrap());
    // Not closed, as after a kill.
    std::mem::forget(journal);
    let again = SqliteJournal::open(&path).await.unwrap();
    assert!(!again.was_created());
    assert_eq!((again.outbox().await.unwrap(), again.pull_requests().await.unwrap()), before);
}

#[tokio::test]
async fn a_deleted_database_is_made_anew_and_said_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kubeopt.db");
    let journal = SqliteJournal::open(&path).await.unwrap();
    journal.plan(&entry("kubeopt/b", 10)).await.unwrap();
    for name in ["kubeopt.db", "kubeopt.db-wal", "kubeopt.db-shm"] {
        let _some_are_absent = std::fs::remove_file(folder.path().join(name));
    }
    assert!(journal.outbox().await.unwrap().is_empty());
    let problems = journal.take_problems();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].code == "E-HIS-010" && problems[0].text.contains("read from the forge again"));
    journal.plan(&entry("kubeopt/c", 20)).await.unwrap();
    journal.close().await;
    let again = SqliteJournal::open(&path).await.unwrap();
    assert_eq!(again.outbox().await.unwrap(), [entry("kubeopt/c", 20)]);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kubeopt.db");
    std::fs::write(&path, "this is not a database, and it is long enough to be looked at".repeat(20)).unwrap();
    let Err(error) = SqliteJournal::open(&path).await else { panic!("it opened") };
    assert_eq!(error.code(), "E-HIS-005");
    assert!(error.to_string().contains("kubeopt.db"), "{error}");
    assert!(SqliteJournal::open(folder.path().join("kubeopt.db/below")).await.is_err());
}

#[tokio::test]
async fn an_unknown_step_is_said_and_not_guessed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kubeopt.db");
    let journal = SqliteJournal::open(&path).await.unwrap();
    journal.plan(&entry("kubeopt/b", 10)).await.unwrap();
    journal.close().await;
    let pool = sqlx::SqlitePool::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    sqlx::query("UPDATE outbox SET step = 'teleported'").execute(&pool).await.unwrap();
    pool.close().await;
    let error = SqliteJournal::open(&path).await.unwrap().outbox().await.unwrap_err();
    assert_eq!(error.code(), "E-HIS-009");
}
