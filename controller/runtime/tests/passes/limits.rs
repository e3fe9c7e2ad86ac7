//! Limits that a policy does not want: removed with their key, left where the file's form does not allow it.

use kubeopt_model::{Amount, Bound, MilliCores};

use crate::apps::{API, ASKED, App};
use crate::world::{MERGE_S, World};

const POLICY: &str = "sizing:\n  limits: {cpu: none}\n";

/// The manifest with a CPU limit, as the cluster shows it too.
fn limited(limits: &str) -> String {
    format!("{}          limits: {limits}\n", API.manifest(ASKED))
}

async fn world(limits: &str) -> World {
    let manifest = limited(limits);
    let files =
        [("shop", "apps/api/api.yaml", manifest.as_str()), ("shop", "apps/api/.kubeopt.yaml", POLICY)];
    let world = World::with(&[API], &files).await;
    show_cpu_limit(&world, &API, Some(2000));
    world
}

fn show_cpu_limit(world: &World, app: &App, millicores: Option<u64>) {
    let mut shown = world.shown.lock().unwrap();
    for workload in
        shown.values_mut().flat_map(|facts| &mut facts.workloads).filter(|each| each.id == app.id())
    {
        let resources = &mut workload.containers[0].resources;
        resources.limits.cpu = None;
        if let Some(millicores) = millicores {
            resources.set(Bound::Limit, Amount::Cpu(MilliCores(millicores)));
        }
    }
}

#[tokio::test]
async fn a_limit_that_the_policy_does_not_want_goes_with_its_key_and_stays_away() {
    let world = world("{cpu: 2}  # once meant well").await;
    let kubeopt = world.controller("a").await;
    let report = world.pass(&kubeopt).await;
    assert_eq!(report.problems(), []);
    let pull = world.the_open_one(&API).await;
    assert!(pull.body.contains("`limits.cpu`: `2` → removed"), "{}", pull.body);
    let changed = world.forge.changed_files(&API.repository_id(), pull.number).await.unwrap();
    let after = String::from_utf8(changed[0].content.after.clone()).unwrap();
    assert!(after.contains("# by hand") && !after.contains("limits"), "{after}");

    world.pass(&kubeopt).await;
    assert_eq!(world.the_open_one(&API).await, pull, "said once");

    world.commit_as_proposed(&API, &pull).await;
    world.pass(&kubeopt).await;
    world.advance(MERGE_S);
    let report = world.pass(&kubeopt).await;
    assert_eq!(report.merges.closed.len(), 1, "all of it stands on the base branch");
}

#[tokio::test]
async fn a_limit_that_cannot_be_removed_stays_and_the_requests_are_sized_all_the_same() {
    let world = world("&shared {cpu: 2}").await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let pull = world.the_open_one(&API).await;
    assert!(
        pull.body.contains("`limits.cpu` stays: the limit is not removed: it carries a YAML anchor"),
        "{}",
        pull.body
    );
    let changed = world.forge.changed_files(&API.repository_id(), pull.number).await.unwrap();
    let after = String::from_utf8(changed[0].content.after.clone()).unwrap();
    assert!(after.contains("limits: &shared {cpu: 2}") && !after.contains("cpu: 400m"), "{after}");
}
