//! The contract of a journal, run on every implementation, and what is SQLite's own.

use kubeopt_model::finding::{Evidence, Severity};
use kubeopt_model::{
    ClusterName, ContainerId, ContainerName, ForgeName, Namespace, ObjectName, RepositoryId, Resource,
    WorkloadId, WorkloadKind,
};
use serde_json::json;

use super::*;

mod models;
mod postgres;

fn repository() -> RepositoryId {
    let forge = ForgeName::new("gitea").unwrap();
    RepositoryId { forge, owner: "acme".into(), name: "gitops".into() }
}

fn entry(branch: &str, at_unix_s: i64) -> OutboxEntry {
    OutboxEntry {
        repository: repository(),
        base: "main".into(),
        branch: branch.into(),
        group: "apps/prod".into(),
        proposal: "0123456789abcdef".into(),
        step: OutboxStep::Planned,
        at_unix_s,
    }
}

fn event(pass: &str, at_unix_s: i64, subject: &str) -> Event {
    Event {
        pass: pass.into(),
        at_unix_s,
        kind: "recommended".into(),
        subject: subject.into(),
        detail: json!({"cpu": "310m"}),
    }
}

/// What every journal does.
async fn keeps_the_contract(journal: &dyn Journal) {
    outbox_moves_step_by_step(journal).await;
    audit_is_newest_first_and_filtered(journal).await;
    pull_requests_are_replaced(journal).await;
    findings_are_replaced_and_forgotten_long_after_their_end(journal).await;
    notices_are_replaced_each_by_itself(journal).await;
    models::models_change_as_one(journal).await;
}

async fn notices_are_replaced_each_by_itself(journal: &dyn Journal) {
    assert_eq!(journal.notices().await.unwrap(), KeptNotices::default());
    let text = |text: &str| Some(text.to_owned());
    let both = KeptNotices { told: text("it's told"), waiting: text("{}") };
    journal.remember_notices(&both).await.unwrap();
    assert_eq!(journal.notices().await.unwrap(), both);
    let one = KeptNotices { told: None, waiting: text("[1]") };
    journal.remember_notices(&one).await.unwrap();
    assert_eq!(journal.notices().await.unwrap(), KeptNotices { waiting: text("[1]"), ..both });
}

async fn outbox_moves_step_by_step(journal: &dyn Journal) {
    let (first, second) = (entry("kubeopt/b", 10), entry("kubeopt/a", 20));
    journal.note(&second).await.unwrap();
    journal.note(&first).await.unwrap();
    assert_eq!(journal.outbox().await.unwrap(), [first.clone(), second.clone()]);
    for (step, at_unix_s) in [
        (OutboxStep::Pushed { oid: "abc".into() }, 11),
        (OutboxStep::Opened { number: 7 }, 12),
        (OutboxStep::Announced, 13),
    ] {
        let moved = OutboxEntry { step, at_unix_s, ..first.clone() };
        journal.note(&moved).await.unwrap();
        assert_eq!(journal.outbox().await.unwrap(), [moved, second.clone()]);
    }
    let again = OutboxEntry { proposal: "fedcba9876543210".into(), ..entry("kubeopt/b", 60) };
    journal.note(&again).await.unwrap();
    assert_eq!(journal.outbox().await.unwrap(), [second.clone(), again.clone()]);
    journal.forget(&again.repository, &again.branch).await.unwrap();
    journal.forget(&again.repository, &again.branch).await.unwrap();
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
    assert_eq!(
        subjects(EventFilter { subject: Some(hostile.into()), ..EventFilter::default() }).await,
        [hostile]
    );
    assert_eq!(
        subjects(EventFilter { pass: Some("p1".into()), limit: 1, ..EventFilter::default() }).await,
        ["b"]
    );
    assert!(subjects(EventFilter { kind: Some("opened".into()), ..EventFilter::default() }).await.is_empty());

    let long = Event {
        detail: json!("x".repeat(DETAIL_BYTES_MAX)),
        ..event("p3", 100 + EVENT_DAYS * 86_400, "long")
    };
    journal.record(&[long]).await.unwrap();
    let left = journal.events(&EventFilter::default()).await.unwrap();
    assert_eq!(
        left.iter().map(|event| event.subject.as_str()).collect::<Vec<_>>(),
        ["long", "a", "b", hostile, "a"]
    );
    assert!(left[0].detail["leftOut"].is_string());
    journal.record(&[event("p4", 101 + EVENT_DAYS * 86_400, "new")]).await.unwrap();
    assert_eq!(subjects(EventFilter::default()).await, ["new", "long", "a"]);

    let found = |at_unix_s, subject| Event {
        kind: "finding-opened".into(),
        ..event("p5", EVENT_DAYS * 86_400 + at_unix_s, subject)
    };
    journal.record(&[found(200, "spike"), found(201 + FINDING_DAYS * 86_400, "leak")]).await.unwrap();
    assert_eq!(subjects(EventFilter::default()).await, ["leak", "new", "long"], "findings come in numbers");
}

async fn pull_requests_are_replaced(journal: &dyn Journal) {
    let mut record = PullRequestRecord {
        repository: repository(),
        number: 7,
        branch: "kubeopt/b".into(),
        state: RecordedState::Open,
        commit: None,
        at_unix_s: 80,
    };
    let other = PullRequestRecord { number: 8, state: RecordedState::Closed, ..record.clone() };
    journal.remember_pull_request(&other).await.unwrap();
    for (state, commit) in [
        (RecordedState::Open, None),
        (RecordedState::Merged, Some("def".to_owned())),
        (RecordedState::Synced, Some("def".to_owned())),
    ] {
        (record.state, record.commit) = (state, commit);
        journal.remember_pull_request(&record).await.unwrap();
        assert_eq!(journal.pull_requests().await.unwrap(), [record.clone(), other.clone()]);
    }
}

fn finding(name: &str, last_unix_s: i64) -> Finding {
    let workload = WorkloadId {
        cluster: ClusterName::new("prod").unwrap(),
        namespace: Namespace::new("payments").unwrap(),
        kind: WorkloadKind::Deployment,
        name: ObjectName::new(name).unwrap(),
    };
    Finding {
        container: ContainerId { workload, container: ContainerName::new("app").unwrap() },
        resource: Resource::Memory,
        severity: Severity::High,
        since_unix_s: 100,
        last_unix_s,
        evidence: Evidence::Leak { bytes_per_hour: 3.1e6, grown_bytes: 1e8, hours: 24, eta_s: Some(90_000) },
        limit: None,
        resolved_unix_s: None,
        told: Some(Severity::High),
        silenced: None,
    }
}

async fn findings_are_replaced_and_forgotten_long_after_their_end(journal: &dyn Journal) {
    journal.remember_findings(&[]).await.unwrap();
    let (cache, web) = (finding("cache", 200), finding("web", 200));
    journal.remember_findings(&[web.clone(), cache.clone()]).await.unwrap();
    assert_eq!(journal.findings().await.unwrap(), [cache.clone(), web.clone()]);
    let worse = Finding { severity: Severity::Critical, last_unix_s: 300, ..cache };
    let over = Finding { resolved_unix_s: Some(400), ..web };
    for _ in 0..2 {
        journal.remember_findings(&[worse.clone(), over.clone()]).await.unwrap();
        assert_eq!(journal.findings().await.unwrap(), [worse.clone(), over.clone()]);
        assert_eq!(journal.open_findings().await.unwrap(), std::slice::from_ref(&worse));
    }
    let later = finding("new", 401 + FINDING_DAYS * 86_400);
    journal.remember_findings(std::slice::from_ref(&later)).await.unwrap();
    assert_eq!(journal.findings().await.unwrap(), [worse, later], "what is open is never forgotten");
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
    journal.note(&entry("kubeopt/b", 10)).await.unwrap();
    for name in ["kubeopt.db", "kubeopt.db-wal", "kubeopt.db-shm"] {
        let _some_are_absent = std::fs::remove_file(folder.path().join(name));
    }
    assert!(journal.outbox().await.unwrap().is_empty());
    let problems = journal.take_problems();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].code == "E-HIS-010" && problems[0].text.contains("read from the forge again"));
    journal.note(&entry("kubeopt/c", 20)).await.unwrap();
    journal.close().await;
    let again = SqliteJournal::open(&path).await.unwrap();
    assert_eq!(again.outbox().await.unwrap(), [entry("kubeopt/c", 20)]);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kubeopt.db");
    std::fs::write(&path, "this is not a database, and it is long enough to be looked at".repeat(20))
        .unwrap();
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
    journal.note(&entry("kubeopt/b", 10)).await.unwrap();
    journal.close().await;
    let pool = sqlx::SqlitePool::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    sqlx::query("UPDATE outbox SET step = 'teleported'").execute(&pool).await.unwrap();
    pool.close().await;
    let error = SqliteJournal::open(&path).await.unwrap().outbox().await.unwrap_err();
    assert_eq!(error.code(), "E-HIS-009");
}

#[tokio::test]
async fn a_damaged_database_is_set_aside_when_it_is_opened_and_said_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kubeopt.db");
    let journal = SqliteJournal::open(&path).await.unwrap();
    journal.note(&entry("kubeopt/b", 10)).await.unwrap();
    let events: Vec<Event> = (0..500).map(|number| event("p1", 100, &format!("a-{number}"))).collect();
    journal.record(&events).await.unwrap();
    journal.close().await;
    let sound = SqliteJournal::open(&path).await.unwrap();
    assert!(!sound.was_created() && sound.take_problems().is_empty());
    sound.close().await;

    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 4096].fill(0xff);
    std::fs::write(&path, &bytes).unwrap();
    let journal = SqliteJournal::open(&path).await.unwrap();
    assert!(journal.was_created());
    let problems = journal.take_problems();
    assert_eq!(problems.iter().map(|problem| problem.code.as_str()).collect::<Vec<_>>(), ["E-HIS-013"]);
    assert_eq!(std::fs::read(folder.path().join("kubeopt.db.damaged")).unwrap(), bytes);
    assert!(journal.outbox().await.unwrap().is_empty());
    journal.note(&entry("kubeopt/c", 20)).await.unwrap();
}

#[tokio::test]
async fn a_lock_that_another_process_holds_is_said_and_writing_goes_on_when_it_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kubeopt.db");
    let journal = SqliteJournal::open(&path).await.unwrap();
    let other = sqlx::SqlitePool::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    let mut held = other.acquire().await.unwrap();
    sqlx::query("BEGIN EXCLUSIVE").execute(&mut *held).await.unwrap();
    let error = journal.note(&entry("kubeopt/b", 10)).await.unwrap_err();
    assert_eq!(error.code(), "E-HIS-006");
    sqlx::query("ROLLBACK").execute(&mut *held).await.unwrap();
    journal.note(&entry("kubeopt/b", 10)).await.unwrap();
    assert_eq!(journal.outbox().await.unwrap(), [entry("kubeopt/b", 10)]);
}
