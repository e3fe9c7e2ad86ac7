//! Environments come one after the other.

use kubeopt_model::Problem;
use kubeopt_runtime::PassReport;
use kubeopt_runtime::publishing::Published;

use crate::apps::{API, App, WEB, quiet_millicores, recorded};
use crate::world::World;

const STAGING: App = App { namespace: "payments-staging", folder: "apps/staging", ..API };
const PROD: App = App { namespace: "payments-prod", folder: "apps/prod", ..API };

const POLICY: &str = "rollout: {order: [staging, prod], soak: 12h}\n";

fn held(report: &PassReport) -> Vec<&Problem> {
    let waiting = report.published.iter().filter_map(|published| match published {
        Published::Waiting(problem) => Some(problem),
        Published::Opened(_) | Published::Updated(_) | Published::Unchanged(_) | Published::Failed(_) => None,
    });
    waiting.collect()
}

#[tokio::test]
async fn what_runs_in_production_waits_until_staging_has_soaked() {
    let world = World::with(&[STAGING, PROD, WEB], &[("shop", ".kubeopt.yaml", POLICY)]).await;
    let kubeopt = world.controller("a").await;
    let report = world.pass(&kubeopt).await;
    let staging = world.the_open_one(&STAGING).await;
    world.the_open_one(&WEB).await;
    assert!(world.pulls_of(&PROD).await.is_empty());
    assert!(held(&report)[0].text.contains("waits for staging in cluster prod"), "{:?}", held(&report));

    world.forge.merge(&STAGING.repository_id(), staging.number, "alice").await.unwrap();
    world.pass(&kubeopt).await;
    assert!(world.pulls_of(&PROD).await.is_empty(), "merged is not run");
    world.apply().await;
    let report = world.pass(&kubeopt).await;
    assert!(held(&report)[0].text.contains("soaks until"), "{:?}", held(&report));
    world.advance(13 * 3600);
    world.pass(&kubeopt).await;
    world.the_open_one(&PROD).await;
}

#[tokio::test]
async fn after_harm_in_staging_production_is_not_asked() {
    let world = World::with(&[STAGING, PROD], &[("shop", ".kubeopt.yaml", POLICY)]).await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let staging = world.the_open_one(&STAGING).await;
    world.forge.merge(&STAGING.repository_id(), staging.number, "alice").await.unwrap();
    world.apply().await;
    world.pass(&kubeopt).await;
    let kill = |hours: i64| kubeopt_model::usage::OomKill {
        container: STAGING.container(),
        at_unix_s: world.now().as_second() + hours * 3600,
        limit: None,
    };
    let oom_kills = vec![kill(2), kill(3)];
    let usage = recorded(&[STAGING, PROD], quiet_millicores);
    world.metrics["prod"].set(kubeopt_observe::RecordedMetrics { oom_kills, ..usage });
    world.advance(13 * 3600);
    let report = world.pass(&kubeopt).await;
    assert!(world.pulls_of(&PROD).await.is_empty(), "{:?}", report.published);
    assert!(held(&report).iter().any(|problem| problem.text.contains("did harm")), "{:?}", held(&report));
}
