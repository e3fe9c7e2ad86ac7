//! Two controllers at once, and one that has lost its leave to write.

use std::sync::atomic::Ordering;

use async_trait::async_trait;
use kubeopt_api::Config;
use kubeopt_model::{ClusterFacts, Problem};
use kubeopt_runtime::controller::{Until, run};
use kubeopt_runtime::edges::FactsSource;
use kubeopt_runtime::publishing::Published;
use tokio::sync::watch;

use crate::apps::{API, SITE};
use crate::said::told;
use crate::world::{MERGE_S, World};

/// Enough for the two to meet in every step; they are started together and share two processors.
const ROUNDS: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_controllers_at_once_open_one_pull_request_with_one_commit() {
    for round in 0..ROUNDS {
        let world = World::of(&[API, SITE]).await;
        let (a, b) = (world.controller("a").await, world.controller("b").await);
        let (first, second) = tokio::join!(world.pass(&a), world.pass(&b));
        for report in [&first, &second] {
            // Whoever came second was told so, or found it done.
            let codes: Vec<String> = report.problems().into_iter().map(|problem| problem.code).collect();
            let expected = ["E-FRG-004", "E-RUN-015"];
            assert!(codes.iter().all(|code| expected.contains(&code.as_str())), "round {round}: {codes:?}");
        }
        let (api, site) = (world.the_open_one(&API).await, world.the_open_one(&SITE).await);
        assert_eq!((world.pulls("shop").await.len(), world.pulls("site").await.len()), (1, 1));

        let (first, second) = tokio::join!(world.pass(&a), world.pass(&b));
        drop((first, second));
        world.advance(600);
        for kubeopt in [&a, &b] {
            let report = world.pass(kubeopt).await;
            let failed = |one: &&Published| matches!(one, Published::Failed(_) | Published::Opened(_));
            assert_eq!(report.published.iter().find(failed), None, "round {round}");
        }
        let again = (world.the_open_one(&API).await, world.the_open_one(&SITE).await);
        assert_eq!((again.0.number, again.1.number), (api.number, site.number), "round {round}");
    }
}

#[tokio::test]
async fn without_leave_nothing_is_written() {
    let world = World::of(&[API, SITE]).await;
    let kubeopt = world.controller("a").await;
    world.leave.0.store(false, Ordering::Relaxed);

    let report = world.pass(&kubeopt).await;
    told(&report, "E-RUN-006");
    assert!(report.published.iter().all(|one| matches!(one, Published::Failed(_))));
    assert!(world.pulls("shop").await.is_empty() && world.pulls("site").await.is_empty());
    for proposal in &report.decided.proposals {
        let app = if proposal.draft.repository == API.repository_id() { API } else { SITE };
        assert_eq!(world.branch(&app, &proposal.draft.branch).await, None);
    }

    world.leave.0.store(true, Ordering::Relaxed);
    assert_eq!(world.pass(&kubeopt).await.problems(), []);
    world.the_open_one(&API).await;
    world.the_open_one(&SITE).await;
}

#[tokio::test]
async fn without_leave_nothing_is_closed_or_deleted_and_nothing_is_claimed() {
    let world = World::of(&[API, SITE]).await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let (merged, obsolete) = (world.the_open_one(&API).await, world.the_open_one(&SITE).await);
    world.forge.merge(&API.repository_id(), merged.number, "alice").await.unwrap();
    world.commit_as_proposed(&SITE, &obsolete).await;
    world.apply().await;
    world.leave.0.store(false, Ordering::Relaxed);

    let report = world.pass(&kubeopt).await;
    told(&report, "E-RUN-006");
    assert_eq!(report.merges.closed, []);
    assert!(world.branch(&API, &merged.head_branch).await.is_some());
    assert_eq!(world.the_open_one(&SITE).await, obsolete);

    world.leave.0.store(true, Ordering::Relaxed);
    world.advance(MERGE_S);
    let report = world.pass(&kubeopt).await;
    assert_eq!(report.merges.closed.len(), 1);
    assert_eq!(world.branch(&API, &merged.head_branch).await, None);
    assert_eq!(world.branch(&SITE, &obsolete.head_branch).await, None);
}

/// Facts that make kubeopt stumble.
struct Stumbling;

#[async_trait]
impl FactsSource for Stumbling {
    async fn facts(&self) -> Result<ClusterFacts, Problem> {
        panic!("a fact that nobody thought of")
    }
}

#[tokio::test]
async fn a_pass_that_panics_fails_and_says_so_and_its_process_goes_on() {
    let world = World::of(&[API]).await;
    let mut kubeopt = world.controller("a").await;
    kubeopt.clusters[0].facts = Box::new(Stumbling);
    let config = Config::parse("server: {listen: \"127.0.0.1:0\"}", "kubeopt.yaml", kubeopt_policy::PRESETS);
    let (_stop, stopped) = watch::channel(false);
    let fault = run(kubeopt, &config.unwrap(), Until::FirstPass, stopped).await.unwrap_err();
    assert_eq!(fault.code, "E-RUN-012");
    assert!(fault.text.ends_with("a pass: a fact that nobody thought of"), "{fault}");
    world.pass(&world.controller("a").await).await;
    world.the_open_one(&API).await;
}
