//! Requests that nothing in Git sets: created where they are missing, proven, and followed until the cluster runs them.

use kubeopt_history::RecordedState;
use kubeopt_model::pull_request::Marker;
use kubeopt_model::{Amount, Bytes, Field, MilliCores, NoRecommendation, Resources, Timestamp};
use kubeopt_runtime::PassReport;
use kubeopt_runtime::explain::explain;
use kubeopt_runtime::publishing::Sync;
use kubeopt_runtime::scan::scan;

use crate::apps::{API, ASKED, App, DAY_S, WEB, recorded};
use crate::overlays::{EU, US, rendering};
use crate::said::left_code;
use crate::world::{MERGE_S, World};

/// The end of the manifests, from `resources` on.
const SET: &str =
    "        resources:\n          requests:\n            cpu: 400m   # by hand\n            memory: 512Mi\n";

/// The manifest with something else in the place of its requests.
fn manifest(app: &App, resources: &str) -> String {
    let text = app.manifest(ASKED);
    assert!(text.ends_with(SET));
    text.replace(SET, resources)
}

/// A world in which the API says this of its resources, and the cluster runs that.
async fn world(resources: &str, others: &[(&str, &str, &str)]) -> World {
    let text = manifest(&API, resources);
    let path = API.path();
    let files: Vec<_> =
        [("shop", path.as_str(), text.as_str())].into_iter().chain(others.iter().copied()).collect();
    let world = World::with(&[API], &files).await;
    world.apply().await;
    world
}

/// The file of the API as the open pull request has it.
async fn proposed(world: &World) -> String {
    let pull = world.the_open_one(&API).await;
    let changed = world.forge.changed_files(&API.repository_id(), pull.number).await.unwrap();
    assert_eq!(changed.len(), 1);
    String::from_utf8(changed[0].content.after.clone()).unwrap()
}

#[tokio::test]
async fn requests_that_nothing_sets_are_created_whatever_stands_there() {
    let created =
        "        resources:\n          requests:\n            cpu: 120m\n            memory: 320Mi\n";
    for (there, then) in [
        ("", created.to_owned()),
        ("        resources: {}\n", created.to_owned()),
        ("        resources:\n", created.to_owned()),
        (
            "        resources: {limits: {memory: 1Gi}} # for now\n",
            "        resources: {requests: {cpu: 120m, memory: 320Mi}, limits: {memory: 1Gi}} # for now\n".to_owned(),
        ),
        (
            "        resources:\n          requests:\n            cpu: 400m # by hand\n",
            "        resources:\n          requests:\n            cpu: 120m # by hand\n            memory: 320Mi\n".to_owned(),
        ),
    ] {
        let world = world(there, &[]).await;
        let kubeopt = world.controller("a").await;
        let report = world.pass(&kubeopt).await;
        assert_eq!(report.problems(), [], "{there}");
        assert_eq!(proposed(&world).await, manifest(&API, &then), "{there}");
    }
}

#[tokio::test]
async fn a_created_request_is_said_in_full_and_followed_until_the_cluster_runs_it() {
    let world = world("        resources: {}\n", &[]).await;
    let kubeopt = world.controller("a").await;
    let report = world.pass(&kubeopt).await;
    let pull = world.the_open_one(&API).await;
    assert!(pull.body.contains("| - → **120m** | - → **320Mi** | - | +$"), "{}", pull.body);
    assert!(pull.body.contains("the pod's class changes from BestEffort to Burstable"), "{}", pull.body);
    let plan = report.plan_text();
    assert!(
        plan.contains("+            cpu: 120m\n") && plan.contains("differ in 2 fields of Deployment"),
        "{plan}"
    );
    let marker = Marker::find(&pull.body).unwrap();
    let marked: Vec<_> = marker
        .fields
        .iter()
        .map(|field| (field.field.as_str(), field.value.before.as_str(), field.value.after.as_str()))
        .collect();
    assert_eq!(marked, [("requests.cpu", "", "120m"), ("requests.memory", "", "320Mi")]);
    let proven = &report.decided.proposals[0].verifications[0].changed;
    assert_eq!(proven[0].value.before, None);
    assert_eq!(proven[0].value.after, Some(Amount::Cpu(MilliCores(120))));

    assert_eq!(world.pass(&kubeopt).await.problems(), []);
    assert_eq!(world.the_open_one(&API).await, pull, "said once");

    world.forge.merge(&API.repository_id(), pull.number, "alice").await.unwrap();
    let report = world.pass(&kubeopt).await;
    assert_eq!(report.merges.merges[0].sync, Sync::Waiting { synced: 0, of: 2 });
    world.apply().await;
    world.advance(600);
    let report = world.pass(&kubeopt).await;
    assert_eq!(report.merges.merges[0].sync, Sync::Synced);
    let records = kubeopt.journal.pull_requests().await.unwrap();
    assert_eq!(records[0].state, RecordedState::Synced);
    assert_eq!(world.pulls_of(&API).await.len(), 1, "what was created is right");
}

#[tokio::test]
async fn a_person_who_creates_the_same_request_makes_the_pull_request_obsolete() {
    let world = world("", &[]).await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let pull = world.the_open_one(&API).await;
    world.commit_as_proposed(&API, &pull).await;
    world.pass(&kubeopt).await;
    world.advance(MERGE_S);
    assert_eq!(world.pass(&kubeopt).await.merges.closed.len(), 1);
}

#[tokio::test]
async fn what_only_the_cluster_sets_is_said_and_is_the_cost_of_today() {
    let world = world("", &[]).await;
    {
        let mut running = Resources::default();
        running.requests.cpu = Some(MilliCores(500));
        let mut shown = world.shown.lock().unwrap();
        let pod = &mut shown.values_mut().next().unwrap().pods[0];
        pod.running = vec![(API.container().container, running)];
    }
    let kubeopt = world.controller("a").await;
    let report = world.pass(&kubeopt).await;
    let member = &report.decided.admitted[0].recommendation.members[0];
    assert_eq!(member.resources.before.requests.cpu, Some(MilliCores(500)));
    assert_eq!(member.resources.before.requests.memory, None);
    let body = world.the_open_one(&API).await.body;
    assert!(body.contains("only the cluster says 500m, by a LimitRange, a webhook or a hand"), "{body}");
    assert!(body.contains("gets `requests.cpu`: not set → `120m`"), "{body}");
}

#[tokio::test]
async fn a_limit_is_never_created_and_one_that_only_the_cluster_sets_is_said() {
    let world =
        world("", &[("shop", "apps/api/.kubeopt.yaml", "sizing:\n  limits: {cpu: ratio, memory: ratio}\n")])
            .await;
    {
        let mut shown = world.shown.lock().unwrap();
        let facts = shown.values_mut().next().unwrap();
        facts.workloads[0].containers[0].resources.limits.memory = Some(Bytes::mebi(1024));
    }
    let kubeopt = world.controller("a").await;
    let report = world.pass(&kubeopt).await;
    let text = proposed(&world).await;
    assert!(text.contains("cpu: 120m") && !text.contains("limits"), "{text}");
    let recommendation = &report.decided.admitted[0].recommendation;
    assert!(recommendation.left.iter().any(|(field, why)| *field == Field::MEMORY_LIMIT
        && matches!(why, NoRecommendation::NotEditable(problem) if problem.text.contains("not in Git"))));
}

#[tokio::test]
async fn nothing_is_created_without_enough_history_nor_in_a_file_that_may_not_be_edited() {
    let few_days = "sizing:\n  minHistory: 20d\n";
    let young = world("", &[("shop", "apps/api/.kubeopt.yaml", few_days)]).await;
    let kubeopt = young.controller("a").await;
    let report = young.pass(&kubeopt).await;
    let why = &report.decided.left.iter().find(|left| left.workload == API.id()).unwrap().why;
    assert!(matches!(why, NoRecommendation::TooLittleHistory { .. }), "{why:?}");
    assert!(young.pulls_of(&API).await.is_empty());

    let generated = format!("# Code generated by a tool. DO NOT EDIT.\n{}", manifest(&API, ""));
    let world = World::with(&[API, WEB], &[("shop", &API.path(), &generated)]).await;
    world.apply().await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    assert!(world.pulls_of(&API).await.is_empty());
    world.the_open_one(&WEB).await;
}

#[tokio::test]
async fn a_scan_and_an_explanation_show_what_would_be_created() {
    let world = world("", &[]).await;
    let kubeopt = world.controller("a").await;
    let scan = scan(&kubeopt, world.now(), &|| 0.0).await.unwrap();
    assert_eq!(scan.report.rows[0].cells()[2..4], ["- → 120m", "- → 320Mi"]);
    let explained = explain(&kubeopt, &"payments/deploy/api".parse().unwrap(), world.now()).await.unwrap();
    let text = explained.to_string();
    assert!(text.contains("requests.cpu: not set → 120m"), "{text}");
    assert!(text.contains("create-request"), "{text}");
}

#[tokio::test]
async fn an_explanation_ends_with_what_would_change_the_outcome_each_computed_anew() {
    let world = World::of(&[API]).await;
    let kubeopt = world.controller("a").await;
    let explained = explain(&kubeopt, &"payments/deploy/api".parse().unwrap(), world.now()).await.unwrap();
    let json = serde_json::to_value(&explained).unwrap();
    let container = &json["containers"][0];
    assert_eq!(container["terms"].as_array().map(Vec::len), Some(2), "{container}");
    let what_if = &explained.containers[0].what_if;
    assert!(what_if.iter().all(|one| one.now != one.then), "{what_if:?}");
    let told = |change: &str| what_if.iter().any(|one| one.change.contains(change));
    assert!(told("more cpu in every sample") && told("one day whose highest sample is"), "{what_if:?}");
    let text = explained.to_string();
    assert!(text.contains("  would change the outcome:\n"), "{text}");
}

#[tokio::test]
async fn an_explanation_of_what_is_left_says_what_the_rules_said() {
    let world = World::of(&[API]).await;
    let kubeopt = world.controller("a").await;
    let early = Timestamp::from_second(world.now().as_second() - 6 * DAY_S).unwrap();
    let explained = explain(&kubeopt, &"payments/deploy/api".parse().unwrap(), early).await.unwrap();
    let container = &explained.containers[0];
    assert!(container.why_not.is_some() && container.usage.is_some());
    assert!(container.reasons.iter().any(|reason| reason.rule == "history"), "{:?}", container.reasons);
    assert!(container.what_if.iter().any(|one| one.change.starts_with("sizing.minHistory: ")));
}

/// An overlay for each of two workloads on one base without requests, and the cluster that runs both.
async fn overlays(eu: &str) -> World {
    let base = manifest(&App { folder: "base", ..EU }, "").replace("  namespace: eu\n", "");
    let patch = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: cart}\nspec:\n  template:\n    spec:\n      containers:\n      - name: main\n        resources:\n          limits:\n            cpu: 2\n";
    let files = [
        ("shop", "base/cart.yaml", base.as_str()),
        ("shop", "base/kustomization.yaml", "resources: [cart.yaml]\n"),
        ("shop", "overlays/eu/kustomization.yaml", eu),
        ("shop", "overlays/eu/limits.yaml", patch),
        ("shop", "overlays/us/kustomization.yaml", "namespace: us\nresources: [../../base]\n"),
    ];
    let world = World::with(&[WEB], &files).await.deploy(&[EU, US]);
    for workload in world.shown.lock().unwrap().values_mut().flat_map(|facts| &mut facts.workloads) {
        if workload.id.name == EU.id().name {
            workload.containers[0].resources = Resources::default();
        }
    }
    let mut usage = recorded(&[EU, WEB], |_| 100.0);
    usage.series.extend(recorded(&[US], |_| 200.0).series);
    world.metrics["prod"].set(usage);
    world
}

/// Where CPU requests are created for the two, which, and for how many containers.
fn created(report: &PassReport) -> Vec<(String, String, usize)> {
    let additions = report
        .decided
        .proposals
        .iter()
        .flat_map(|proposal| &proposal.change_set.recommendations)
        .flat_map(|recommendation| &recommendation.additions);
    additions
        .filter(|addition| addition.field == Field::CPU_REQUEST)
        .map(|addition| {
            (addition.site.file.to_string(), addition.after.to_string(), addition.containers.len())
        })
        .collect()
}

#[tokio::test]
async fn a_base_without_requests_gets_one_for_both_of_its_overlays_where_the_policy_says_so() {
    let world = overlays("namespace: eu\nresources: [../../base]\n").await;
    world.commit("shop", ".kubeopt.yaml", "changes: {sharedBase: edit-base}\n").await;
    let Some(kubeopt) = rendering(&world).await else { return };
    let report = world.pass(&kubeopt).await;
    assert_eq!(report.problems(), []);
    assert_eq!(
        created(&report),
        [("base/cart.yaml".to_owned(), "220m".to_owned(), 2)],
        "200m, and 8 % for next week"
    );
    let proposal = report.decided.proposals.iter().find(|one| one.change_set.group == "base").unwrap();
    let proven: Vec<&str> = proposal.verifications.iter().map(|one| one.entry.as_str()).collect();
    assert_eq!(proven, ["overlays/eu", "overlays/us"]);
}

#[tokio::test]
async fn an_overlay_with_a_patch_gets_its_own_and_the_base_follows_when_that_is_merged() {
    let world = overlays("namespace: eu\nresources: [../../base]\npatches:\n- path: limits.yaml\n").await;
    let Some(kubeopt) = rendering(&world).await else { return };
    let report = world.pass(&kubeopt).await;
    assert_eq!(created(&report), [("overlays/eu/limits.yaml".to_owned(), "115m".to_owned(), 1)]);
    // In the base it would reach the other one as well, which uses half of it.
    assert_eq!(left_code(&report, &US), "E-SRC-212");

    let pull = world.the_open_one(&EU).await;
    world.forge.merge(&EU.repository_id(), pull.number, "alice").await.unwrap();
    world.advance(7200);
    let report = world.pass(&kubeopt).await;
    assert_eq!(created(&report), [("base/cart.yaml".to_owned(), "220m".to_owned(), 1)]);
    let proposal = report.decided.proposals.iter().find(|one| one.change_set.group == "overlays/us").unwrap();
    let proven: Vec<&str> = proposal.verifications.iter().map(|one| one.entry.as_str()).collect();
    assert_eq!(proven, ["overlays/us"], "nothing changes for the other one");
}

#[tokio::test]
async fn overlays_that_need_different_requests_get_them_created_in_patches_of_their_own() {
    let world = overlays("namespace: eu\nresources: [../../base]\n").await;
    world.commit("shop", ".kubeopt.yaml", "pullRequests: {perHour: 9}\n").await;
    let Some(kubeopt) = rendering(&world).await else { return };
    let report = world.pass(&kubeopt).await;
    assert_eq!(report.problems(), []);
    assert_eq!(created(&report), []);
    let pull = world.the_open_one(&EU).await;
    let said =
        "`overlays/eu/kubeopt-resources.yaml` gets `requests.cpu`: not set → `115m`, over `base/cart.yaml:";
    assert!(pull.body.contains(said), "{}", pull.body);
    assert!(pull.body.contains("| - → **115m** |"), "{}", pull.body);
    assert!(world.the_open_one(&US).await.body.contains("| - → **220m** |"));
}
