//! A database that is deleted, between passes or between runs, or that cannot be written: the forge is the truth.

use std::path::Path;

use kubeopt_history::RecordedState;
use kubeopt_runtime::publishing::Published;

use crate::apps::{API, DAY_S, SITE, WEB};
use crate::said::told;
use crate::world::World;

fn delete(database: &Path) {
    for name in ["kubeopt.db", "kubeopt.db-wal", "kubeopt.db-shm"] {
        let _some_are_absent = std::fs::remove_file(database.with_file_name(name));
    }
}

#[tokio::test]
async fn a_database_deleted_between_passes_is_rebuilt_from_the_forge_and_said_so() {
    let world = World::of(&[API, WEB, SITE]).await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let (merged, closed) = (world.the_open_one(&API).await, world.the_open_one(&WEB).await);
    let open = world.the_open_one(&SITE).await;
    world.forge.merge(&API.repository_id(), merged.number, "alice").await.unwrap();
    world.apply().await;
    world.forge.close(&WEB.repository_id(), closed.number).await.unwrap();
    world.pass(&kubeopt).await;
    delete(&world.database("a"));

    world.advance(600);
    let report = world.pass(&kubeopt).await;
    assert!(told(&report, "E-HIS-010").text.contains("audit of past passes is lost"));
    assert!(told(&report, "E-RUN-015").text.contains("read from the forge again"));
    assert_eq!(world.pulls_of(&API).await.len(), 1);
    assert_eq!(world.pulls_of(&WEB).await.len(), 1, "a person's no is remembered");
    assert_eq!(world.the_open_one(&SITE).await, open);
    let mut records: Vec<_> = kubeopt.journal.pull_requests().await.unwrap();
    records.retain(|record| record.repository == API.repository_id());
    let states: Vec<_> = records.iter().map(|record| (record.number, record.state)).collect();
    assert_eq!(states, [(merged.number, RecordedState::Synced), (closed.number, RecordedState::Closed)]);

    world.advance(600);
    let report = world.pass(&kubeopt).await;
    let codes: Vec<_> = report.problems().into_iter().map(|problem| problem.code).collect();
    assert_eq!(codes, ["E-RUN-003"], "it is said once; what waits is the closed one");
}

#[tokio::test]
async fn a_database_deleted_between_runs_doubles_nothing() {
    let world = World::of(&[API, SITE]).await;
    let first = world.controller("a").await;
    world.pass(&first).await;
    let (api, site) = (world.the_open_one(&API).await, world.the_open_one(&SITE).await);
    drop(first);
    delete(&world.database("a"));

    world.advance(DAY_S / 2);
    let second = world.controller("a").await;
    let report = world.pass(&second).await;
    told(&report, "E-RUN-015");
    assert!(
        report.published.iter().all(|one| matches!(one, Published::Unchanged(_))),
        "{:?}",
        report.published
    );
    assert_eq!((world.the_open_one(&API).await, world.the_open_one(&SITE).await), (api, site));
    assert_eq!(world.pass(&second).await.problems(), []);
}

#[tokio::test]
async fn a_database_that_cannot_be_made_anew_is_said_and_written_again_when_it_can() {
    let world = World::of(&[API, SITE]).await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let (api, site) = (world.the_open_one(&API).await, world.the_open_one(&SITE).await);
    // A file in the place of the folder: nothing can be made below it.
    let folder = world.database("a").parent().unwrap().to_owned();
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::write(&folder, "in the way").unwrap();

    let report = world.pass(&kubeopt).await;
    told(&report, "E-HIS-005");
    assert_eq!(
        (world.the_open_one(&API).await, world.the_open_one(&SITE).await),
        (api.clone(), site.clone())
    );

    std::fs::remove_file(&folder).unwrap();
    told(&world.pass(&kubeopt).await, "E-HIS-010");
    assert_eq!(world.pass(&kubeopt).await.problems(), []);
    assert_eq!((world.the_open_one(&API).await, world.the_open_one(&SITE).await), (api, site));
}
