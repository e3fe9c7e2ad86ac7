//! The first contact with a repository.

use kubeopt_forge::{PullRequest, PullRequestState};
use kubeopt_model::RepoPath;
use kubeopt_model::pull_request::{Marker, ONBOARDING};
use kubeopt_runtime::edges::Edges;
use kubeopt_runtime::publishing::Published;

use crate::apps::{API, SITE, WEB};
use crate::said::told;
use crate::world::World;

/// A controller that asks before it works anywhere.
async fn stranger(world: &World, name: &str) -> Edges {
    Edges { operator_policy: None, ..world.controller(name).await }
}

impl World {
    /// The one that asks whether kubeopt may work in a repository.
    async fn first(&self, repository: &str) -> PullRequest {
        let is_first = |pull: &PullRequest| Marker::find(&pull.body).unwrap().group == ONBOARDING;
        let mut first: Vec<PullRequest> = self.pulls(repository).await.into_iter().filter(is_first).collect();
        assert_eq!(first.len(), 1, "{first:#?}");
        first.remove(0)
    }
}

#[tokio::test]
async fn a_new_repository_is_asked_once_and_merging_switches_kubeopt_on() {
    let world = World::of(&[API, WEB, SITE]).await;
    let kubeopt = stranger(&world, "a").await;
    let report = world.pass(&kubeopt).await;
    assert!(
        report.published.iter().all(|one| matches!(one, Published::Waiting(_))),
        "{:?}",
        report.published
    );
    told(&report, "E-RUN-023");
    let first = world.first("shop").await;
    assert_eq!((first.state, first.title.as_str()), (PullRequestState::Open, "Switch kubeopt on"));
    for part in [
        "**Merging this switches it on; closing it switches it off**",
        "2 workloads of `prod`",
        "| `payments` | 1 | ",
        "`apps/api`",
    ] {
        assert!(first.body.contains(part), "{part}: {}", first.body);
    }
    world.first("site").await;
    world.advance(3600);
    world.pass(&stranger(&world, "b").await).await;
    assert_eq!(world.pulls("shop").await, std::slice::from_ref(&first), "asked once, whoever asks");

    world.forge.merge(&API.repository_id(), first.number, "alice").await.unwrap();
    let policy = world.snapshot("shop").await.read(&RepoPath::new(".kubeopt.yaml").unwrap()).unwrap();
    assert!(String::from_utf8(policy.unwrap()).unwrap().contains("extends: kubeopt:balanced"));
    let report = world.pass(&kubeopt).await;
    assert_eq!(world.branch(&API, &first.head_branch).await, None, "the merged branch is cleaned up");
    world.the_open_one(&API).await;
    world.the_open_one(&WEB).await;
    let opened = report.published.iter().filter(|one| matches!(one, Published::Opened(_))).count();
    assert_eq!(opened, 2, "the other repository has not said yes");
    let problems: Vec<String> = report.problems().into_iter().map(|problem| problem.code).collect();
    assert_eq!(problems, ["E-RUN-023"]);
}

#[tokio::test]
async fn closing_it_switches_kubeopt_off_until_somebody_says_otherwise() {
    let world = World::of(&[API]).await;
    let kubeopt = stranger(&world, "a").await;
    world.pass(&kubeopt).await;
    let first = world.first("shop").await;
    world.forge.close(&API.repository_id(), first.number).await.unwrap();
    for _ in 0..2 {
        world.advance(86_400);
        let report = world.pass(&kubeopt).await;
        assert!(told(&report, "E-RUN-023").text.contains("switched off"));
        assert_eq!(world.pulls("shop").await.len(), 1);
    }
}

#[tokio::test]
async fn a_repository_with_a_policy_of_its_own_or_earlier_pull_requests_is_no_stranger() {
    let policy = ("shop", "apps/api/.kubeopt.yaml", "sizing: {history: 7d}\n");
    let world = World::with(&[API], &[policy]).await;
    world.pass(&stranger(&world, "a").await).await;
    world.the_open_one(&API).await;
    let world = World::of(&[API]).await;
    world.pass(&world.controller("a").await).await;
    let pull = world.the_open_one(&API).await;
    world.pass(&stranger(&world, "b").await).await;
    assert_eq!(world.the_open_one(&API).await, pull);
}
