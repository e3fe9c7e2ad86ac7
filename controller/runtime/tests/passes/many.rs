//! Many at once: passes that start together, and merges that come together.

use std::collections::BTreeSet;

use futures::future::join_all;
use kubeopt_history::RecordedState;
use kubeopt_runtime::publishing::Published;

use crate::apps::{API, App, SITE, repository_id};
use crate::world::World;

/// Passes that start together: as many as fifty webhooks of one push would start.
const PASSES: usize = 50;

/// Workloads of one repository: a policy lets no more than 100 pull requests be open in one.
const EACH: usize = 100;

/// Every workload has a pull request of its own, and nothing makes it wait.
const POLICY: &str = "pullRequests: {groupBy: source, maxOpen: 100, perHour: 100}\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_passes_at_once_open_one_pull_request_and_answer_a_comment_once() {
    let world = World::of(&[API, SITE]).await;
    let mut controllers = Vec::new();
    for number in 0..PASSES {
        controllers.push(world.controller(&format!("c{number}")).await);
    }
    join_all(controllers.iter().map(|kubeopt| world.pass(kubeopt))).await;
    let (api, site) = (world.the_open_one(&API).await, world.the_open_one(&SITE).await);
    assert_eq!((world.pulls("shop").await.len(), world.pulls("site").await.len()), (1, 1));

    let id = API.repository_id();
    let said = world.forge.comment_as(&id, api.number, "alice", "/kubeopt explain api").await.unwrap();
    join_all(controllers.iter().map(|kubeopt| world.pass(kubeopt))).await;
    let end = format!("<!-- kubeopt:reply:{said} -->");
    let comments = world.forge.comments_on(&id, api.number).await.unwrap();
    assert_eq!(comments.iter().filter(|comment| comment.body.ends_with(&end)).count(), 1, "{comments:#?}");
    assert_eq!(world.the_open_one(&API).await.head_oid, api.head_oid);
    assert_eq!(world.the_open_one(&SITE).await.head_oid, site.head_oid);
}

#[tokio::test]
async fn two_hundred_merges_within_a_minute_are_remembered_by_one_pass() {
    let apps: Vec<App> =
        ["left", "right"].iter().flat_map(|of| (0..EACH).map(|number| app(of, number))).collect();
    let files = ["left", "right"].map(|repository| (repository, ".kubeopt.yaml", POLICY));
    let world = World::with(&apps, &files).await;
    let kubeopt = world.controller("a").await;
    let report = world.pass(&kubeopt).await;
    let opened = report.published.iter().filter(|one| matches!(one, Published::Opened(_))).count();
    assert_eq!((opened, report.problems()), (2 * EACH, vec![]));

    for repository in ["left", "right"] {
        for pull in world.pulls(repository).await {
            world.forge.merge(&repository_id(repository), pull.number, "alice").await.unwrap();
        }
    }
    world.advance(60);
    world.apply().await;
    let report = world.pass(&kubeopt).await;
    assert_eq!((report.merges.merges.len(), report.problems()), (2 * EACH, vec![]));
    let records = kubeopt.journal.pull_requests().await.unwrap();
    assert!(records.iter().all(|record| record.state == RecordedState::Synced), "{records:#?}");
    let numbers: BTreeSet<_> = records.iter().map(|record| (&record.repository, record.number)).collect();
    assert_eq!((records.len(), numbers.len()), (2 * EACH, 2 * EACH));

    let report = world.pass(&kubeopt).await;
    assert_eq!((report.published, report.decided.proposals.len()), (vec![], 0));
    for repository in ["left", "right"] {
        assert_eq!(world.pulls(repository).await.len(), EACH, "there is no second one");
    }
}

/// A workload with a folder and a namespace of its own. The few names live as long as the process.
fn app(repository: &'static str, number: usize) -> App {
    let name: &'static str = format!("{repository}-{number:03}").leak();
    App { namespace: name, name, repository, folder: format!("apps/{name}").leak(), ..API }
}
