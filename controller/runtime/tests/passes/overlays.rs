//! Overlays: one base that feeds two clusters' worth of workloads gets one recommendation, proven for both.
//!
//! The render child is this test binary itself, called through a script that keeps the test harness' words apart from the
//! child's answer. Where there is neither `KUBEOPT_KUSTOMIZE` nor a kustomize or kubectl on the path, nothing is rendered
//! here; the servers' suite, which builds its own kustomize, renders in any case.

use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};

use kubeopt_forge::PullRequestState;
use kubeopt_gitops::render::{KustomizeBinary, Renderer};
use kubeopt_model::pull_request::Marker;
use kubeopt_model::source::RendererKind;
use kubeopt_model::{Amount, Bound, Field, MilliCores, NoRecommendation};
use kubeopt_runtime::PassReport;
use kubeopt_runtime::edges::Edges;

use crate::apps::{API, ASKED, App, WEB, recorded};
use crate::said::{left, left_code};
use crate::world::World;

/// What the script that stands for kubeopt sets, and nobody else.
const CHILD_VARIABLE: &str = "KUBEOPT_TEST_CHILD";

pub(crate) const EU: App =
    App { namespace: "eu", name: "cart", folder: "overlays/eu", renderer: RendererKind::Kustomize, ..API };
pub(crate) const US: App = App { namespace: "us", folder: "overlays/us", ..EU };

/// Becomes the renderer where the script below calls it, else checks that a child answers nonsense with a problem.
#[test]
fn the_render_child_answers_one_request() {
    if std::env::var_os(CHILD_VARIABLE).is_some() {
        let answer = std::fs::OpenOptions::new().write(true).open("/dev/fd/3").unwrap();
        kubeopt_runtime::render_one(std::io::stdin().lock(), answer.into()).unwrap();
        return;
    }
    let mut answer = tempfile::tempfile().unwrap();
    kubeopt_runtime::render_one(&b"no request"[..], answer.try_clone().unwrap().into()).unwrap();
    let mut text = String::new();
    answer.rewind().unwrap();
    answer.read_to_string(&mut text).unwrap();
    assert!(text.contains("E-REN-"));
}

pub(crate) fn child(folder: &Path) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let script = folder.join("render-child");
    let test = "overlays::the_render_child_answers_one_request";
    let text = format!(
        "#!/bin/sh\nexec 3>&1 >/dev/null\n{CHILD_VARIABLE}=1 exec '{}' --exact {test} --nocapture\n",
        own.display()
    );
    // Another process writes it: what this one has open for writing, a fork of another test would keep open (ETXTBSY).
    let mut writer = std::process::Command::new("/bin/sh")
        .args(["-c", "cat >\"$1\" && chmod 700 \"$1\"", "sh"])
        .arg(&script)
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut writer.stdin.take().unwrap(), text.as_bytes()).unwrap();
    assert!(writer.wait().unwrap().success());
    script
}

/// A controller with a renderer; none where the machine has none.
pub(crate) async fn rendering(world: &World) -> Option<Edges> {
    let mut kubeopt = world.controller("a").await;
    let named = std::env::var_os("KUBEOPT_KUSTOMIZE").map(PathBuf::from);
    let kustomize = KustomizeBinary::find(named.as_deref()).await.ok();
    kubeopt.renderer = Renderer::new(child(world.folder()), Some(kustomize?), None);
    Some(kubeopt)
}

#[tokio::test]
async fn one_base_under_two_overlays_gets_one_recommendation_for_both_where_the_policy_says_so() {
    let base = App { folder: "base", ..EU }.manifest(ASKED).replace("  namespace: eu\n", "");
    let files = [
        ("shop", ".kubeopt.yaml", "changes: {sharedBase: edit-base}\n"),
        ("shop", "base/cart.yaml", base.as_str()),
        ("shop", "base/kustomization.yaml", "resources: [cart.yaml]\n"),
        ("shop", "overlays/eu/kustomization.yaml", "namespace: eu\nresources: [../../base]\n"),
        ("shop", "overlays/us/kustomization.yaml", "namespace: us\nresources: [../../base]\n"),
    ];
    let world = World::with(&[WEB], &files).await;
    let world = world.deploy(&[EU, US]);
    // One of the two uses more: the shared value must be enough for it.
    let mut usage = recorded(&[EU, WEB], |_| 100.0);
    usage.series.extend(recorded(&[US], |_| 200.0).series);
    world.metrics["prod"].set(usage);
    let Some(kubeopt) = rendering(&world).await else { return };
    let report = world.pass(&kubeopt).await;
    world.the_open_one(&WEB).await;
    let proposal = report.decided.proposals.iter().find(|one| one.change_set.group == "base").unwrap();
    assert_eq!(proposal.change_set.recommendations.len(), 1, "{:?}", report.decided.left);
    let members: Vec<String> = proposal.change_set.recommendations[0]
        .members
        .iter()
        .map(|member| member.container.to_string())
        .collect();
    assert_eq!(members, ["eu/deploy/cart/main", "us/deploy/cart/main"]);
    let proven: Vec<&str> = proposal.verifications.iter().map(|one| one.entry.as_str()).collect();
    assert_eq!(proven, ["overlays/eu", "overlays/us"]);
    let files: Vec<&str> = proposal.change_set.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(files, ["base/cart.yaml"]);
    let pull = world.the_open_one(&EU).await;
    let marker = Marker::find(&pull.body).unwrap();
    let cpu = marker.fields.iter().find(|field| field.field == "requests.cpu").unwrap();
    assert_eq!(cpu.value.after, "220m", "200m, and 8 % for next week");

    assert_eq!(world.pass(&kubeopt).await.problems(), []);
    assert_eq!(world.the_open_one(&EU).await, pull);
}

/// Nothing waits for the next hour; that overlays get patches of their own is the default.
const PATCHED: &str = "pullRequests: {perHour: 9}\n";

/// A base under two overlays, with a policy and further or other files, and these workloads with the CPU that they use.
async fn shop(policy: &str, others: &[(&str, &str)], live: &[(App, f64)]) -> World {
    let base = App { folder: "base", ..EU }.manifest(ASKED).replace("  namespace: eu\n", "");
    let files = [
        (".kubeopt.yaml", policy),
        ("base/cart.yaml", base.as_str()),
        ("base/kustomization.yaml", "resources: [cart.yaml]\n"),
        ("overlays/eu/kustomization.yaml", "namespace: eu\nresources: [../../base]\n"),
        ("overlays/us/kustomization.yaml", "namespace: us\nresources: [../../base]\n"),
    ];
    let files: Vec<_> = files.iter().chain(others).map(|(path, text)| ("shop", *path, *text)).collect();
    let apps: Vec<App> = live.iter().map(|(app, _)| *app).collect();
    let world = World::with(&[WEB], &files).await.deploy(&apps);
    let mut usage = recorded(&[WEB], |_| 100.0);
    for (app, millicores) in live {
        usage.series.extend(recorded(&[*app], |_| *millicores).series);
    }
    world.metrics["prod"].set(usage);
    world
}

/// The files that the open pull request of an app changes, with their text.
async fn proposed(world: &World, app: &App) -> Vec<(String, String)> {
    let pull = world.the_open_one(app).await;
    let changed = world.forge.changed_files(&app.repository_id(), pull.number).await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    changed.into_iter().map(|file| (file.path.to_string(), text(file.content.after))).collect()
}

/// The entry points that a group's proof names.
fn proven(report: &PassReport, group: &str) -> Vec<String> {
    let proposal = report.decided.proposals.iter().find(|one| one.change_set.group == group).unwrap();
    proposal.verifications.iter().map(|one| one.entry.to_string()).collect()
}

/// Merges the pull request of each app, and lets the cluster run what it said.
async fn merge_and_apply(world: &World, apps: &[App]) {
    for app in apps {
        let pull = world.the_open_one(app).await;
        let fields = Marker::find(&pull.body).unwrap().fields;
        world.forge.merge(&app.repository_id(), pull.number, "alice").await.unwrap();
        let mut shown = world.shown.lock().unwrap();
        let mut workloads = shown.values_mut().flat_map(|facts| &mut facts.workloads);
        let live = workloads.find(|workload| workload.id == app.id()).unwrap();
        for marked in fields {
            let field: Field = marked.field.parse().unwrap();
            let amount = Amount::parse(field.resource, &marked.value.after).unwrap();
            live.containers[0].resources.set(field.bound, amount);
        }
    }
    world.advance(7200);
}

fn patch_of(fields: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: cart\nspec:\n  template:\n    spec:\n      containers:\n      - name: main\n        resources:\n{fields}"
    )
}

#[tokio::test]
async fn overlays_that_agree_have_their_base_edited() {
    let world = shop(PATCHED, &[], &[(EU, 100.0), (US, 110.0)]).await;
    let Some(kubeopt) = rendering(&world).await else { return };
    let report = world.pass(&kubeopt).await;
    assert_eq!(report.problems(), []);
    let files: Vec<String> = proposed(&world, &EU).await.into_iter().map(|(path, _)| path).collect();
    assert_eq!(files, ["base/cart.yaml"]);
    assert_eq!(proven(&report, "base"), ["overlays/eu", "overlays/us"]);
}

#[tokio::test]
async fn an_overlay_that_reads_the_base_and_cannot_be_rendered_makes_a_draft_that_names_it() {
    let dangling = "namespace: de\nresources: [../../base, ../gone]\n";
    let plugin = "resources: [../../base]\ngenerators: [own.yaml]\n";
    for text in [dangling, plugin] {
        let elsewhere = "resources: [../gone]\n";
        let others =
            [("overlays/de/kustomization.yaml", text), ("overlays/fr/kustomization.yaml", elsewhere)];
        let world = shop(PATCHED, &others, &[(EU, 100.0), (US, 110.0)]).await;
        let Some(kubeopt) = rendering(&world).await else { return };
        let report = world.pass(&kubeopt).await;
        assert_eq!(proven(&report, "base"), ["overlays/eu", "overlays/us", "overlays/de"]);
        let pull = world.the_open_one(&EU).await;
        assert!(pull.is_draft, "{}", pull.body);
        assert!(pull.body.contains("`overlays/de` reads a file that changes here"), "{}", pull.body);
        assert!(!pull.body.contains("overlays/fr"), "it reads nothing of it: {}", pull.body);
        world.pass(&kubeopt).await;
        assert_eq!(world.the_open_one(&EU).await, pull, "nothing has changed");
    }
}

#[tokio::test]
async fn overlays_that_differ_get_a_patch_each_and_the_base_stays() {
    let world = shop(PATCHED, &[], &[(EU, 100.0), (US, 200.0)]).await;
    let Some(kubeopt) = rendering(&world).await else { return };
    let report = world.pass(&kubeopt).await;
    assert_eq!(report.problems(), []);
    for (app, cpu) in [(EU, "115m"), (US, "220m")] {
        let folder = app.folder;
        let patch =
            patch_of(&format!("          requests:\n            cpu: {cpu}\n            memory: 320Mi\n"));
        let kustomization = format!(
            "namespace: {}\nresources: [../../base]\npatches:\n- path: kubeopt-resources.yaml\n",
            app.namespace
        );
        let files = [
            (format!("{folder}/kubeopt-resources.yaml"), patch),
            (format!("{folder}/kustomization.yaml"), kustomization),
        ];
        assert_eq!(proposed(&world, &app).await, files);
        assert_eq!(proven(&report, folder), [folder], "the other one does not change");
    }
    let body = world.the_open_one(&EU).await.body;
    let said =
        "`overlays/eu/kubeopt-resources.yaml` sets `requests.cpu`: `400m` → `115m`, over `base/cart.yaml:";
    assert!(body.contains(said) && body.contains("which stays: it also feeds `overlays/us`."), "{body}");
    assert!(report.diff().contains("--- /dev/null\n+++ b/overlays/eu/kubeopt-resources.yaml\n"));
    let plan = report.plan_text();
    assert!(
        plan.contains("eu/deploy/cart  acme/shop  overlays/eu/kubeopt-resources.yaml   (kustomize, traced)"),
        "{plan}"
    );

    let pull = world.the_open_one(&EU).await;
    world.pass(&kubeopt).await;
    assert_eq!(world.the_open_one(&EU).await, pull, "said once");

    merge_and_apply(&world, &[EU, US]).await;
    let report = world.pass(&kubeopt).await;
    assert_eq!(report.problems(), []);
    for app in [EU, US] {
        assert_eq!(left(&report, &app), NoRecommendation::AlreadyRight);
        assert_eq!(world.pulls_of(&app).await.len(), 1, "what the patch says is right");
    }
}

#[tokio::test]
async fn what_is_patched_once_is_edited_where_it_stands() {
    let world = shop(PATCHED, &[], &[(EU, 100.0), (US, 200.0)]).await;
    let Some(kubeopt) = rendering(&world).await else { return };
    world.pass(&kubeopt).await;
    merge_and_apply(&world, &[EU, US]).await;
    let by_hand =
        patch_of("          requests:\n            cpu: 400m # by hand\n            memory: 320Mi\n");
    world.commit("shop", "overlays/eu/kubeopt-resources.yaml", &by_hand).await;
    let report = world.pass(&kubeopt).await;
    assert_eq!(proven(&report, "overlays/eu"), ["overlays/eu"]);
    let pulls = world.pulls_of(&EU).await;
    let open = pulls.iter().find(|pull| pull.state == PullRequestState::Open).unwrap();
    let changed = world.forge.changed_files(&EU.repository_id(), open.number).await.unwrap();
    let files: Vec<&str> = changed.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(files, ["overlays/eu/kubeopt-resources.yaml"]);
    let text = String::from_utf8(changed[0].content.after.clone()).unwrap();
    assert_eq!(text, by_hand.replace("400m", "115m"));
}

#[tokio::test]
async fn an_overlay_that_nothing_runs_keeps_what_the_base_says() {
    let world = shop(PATCHED, &[], &[(EU, 100.0)]).await;
    let Some(kubeopt) = rendering(&world).await else { return };
    let report = world.pass(&kubeopt).await;
    assert_eq!(report.problems(), []);
    let files: Vec<String> = proposed(&world, &EU).await.into_iter().map(|(path, _)| path).collect();
    assert_eq!(files, ["overlays/eu/kubeopt-resources.yaml", "overlays/eu/kustomization.yaml"]);
    assert_eq!(proven(&report, "overlays/eu"), ["overlays/eu"]);
}

#[tokio::test]
async fn a_limit_is_patched_with_its_request() {
    let base = App { folder: "base", ..EU }.manifest(ASKED).replace("  namespace: eu\n", "");
    let base = format!("{base}          limits:\n            cpu: 800m\n");
    let policy = format!("{PATCHED}sizing: {{limits: {{cpu: ratio}}}}\n");
    let world = shop(&policy, &[("base/cart.yaml", &base)], &[(EU, 100.0), (US, 200.0)]).await;
    for workload in world.shown.lock().unwrap().values_mut().flat_map(|facts| &mut facts.workloads) {
        if workload.id.name == EU.id().name {
            workload.containers[0].resources.set(Bound::Limit, Amount::Cpu(MilliCores(800)));
        }
    }
    let Some(kubeopt) = rendering(&world).await else { return };
    assert_eq!(world.pass(&kubeopt).await.problems(), []);
    let fields = "          requests:\n            cpu: 115m\n            memory: 320Mi\n          limits:\n            cpu: 230m\n";
    assert_eq!(proposed(&world, &EU).await[0].1, patch_of(fields));
}

#[tokio::test]
async fn a_patch_that_the_overlay_has_for_the_workload_is_extended() {
    let patch =
        "kind: Deployment\napiVersion: apps/v1\nmetadata: {name: cart}\nspec:\n  replicas: 2  # for now\n";
    let kustomization = "namespace: eu\nresources: [../../base]\npatches:\n- path: replicas.yaml\n";
    let others = [("overlays/eu/kustomization.yaml", kustomization), ("overlays/eu/replicas.yaml", patch)];
    let world = shop(PATCHED, &others, &[(EU, 100.0), (US, 200.0)]).await;
    let Some(kubeopt) = rendering(&world).await else { return };
    assert_eq!(world.pass(&kubeopt).await.problems(), []);
    let files = proposed(&world, &EU).await;
    let added = "  template:\n    spec:\n      containers:\n      - name: main\n        resources:\n          requests:\n            cpu: 115m\n            memory: 320Mi\n";
    assert_eq!(files, [("overlays/eu/replicas.yaml".to_owned(), format!("{patch}{added}"))]);
}

#[tokio::test]
async fn nothing_is_patched_away_from_under_one_that_is_the_base_itself() {
    const ALL: App = App { namespace: "all", folder: "base", ..EU };
    let world = shop(PATCHED, &[], &[(EU, 100.0), (US, 200.0), (ALL, 300.0)]).await;
    let Some(kubeopt) = rendering(&world).await else { return };
    let report = world.pass(&kubeopt).await;
    for app in [EU, US, ALL] {
        assert_eq!(left_code(&report, &app), "E-SRC-214");
        assert!(world.pulls_of(&app).await.is_empty());
    }
    let said = left(&report, &EU).sentence();
    let sentence = "base/cart.yaml feeds 3 entry points (base, overlays/eu, overlays/us), and base is a part of overlays/eu";
    assert!(said.starts_with(sentence), "{said}");
}

#[tokio::test]
async fn an_overlay_whose_own_policy_says_no_is_left_and_the_other_is_patched() {
    let others = [("overlays/eu/.kubeopt.yaml", "enabled: false\n")];
    let world = shop(PATCHED, &others, &[(EU, 100.0), (US, 200.0)]).await;
    let Some(kubeopt) = rendering(&world).await else { return };
    let report = world.pass(&kubeopt).await;
    let by = "overlays/eu/.kubeopt.yaml:1".to_owned();
    assert_eq!(left(&report, &EU), NoRecommendation::Disabled { by });
    assert_eq!(proven(&report, "overlays/us"), ["overlays/us"]);
}

#[tokio::test]
async fn a_patch_is_made_only_where_the_operator_allows_its_file() {
    let world = shop(PATCHED, &[], &[(EU, 100.0), (US, 200.0)]).await;
    let Some(mut kubeopt) = rendering(&world).await else { return };
    kubeopt.bindings[0].paths = vec!["base/**".to_owned(), "overlays/us/**".to_owned()];
    let report = world.pass(&kubeopt).await;
    assert_eq!(left_code(&report, &EU), "E-SRC-110");
    assert!(world.pulls_of(&EU).await.is_empty());
    assert_eq!(proven(&report, "overlays/us"), ["overlays/us"]);
}

#[tokio::test]
async fn a_policy_that_asks_leaves_the_base_and_names_all_that_it_feeds() {
    let world = shop("changes: {sharedBase: ask}\n", &[], &[(EU, 100.0), (US, 200.0)]).await;
    let Some(kubeopt) = rendering(&world).await else { return };
    let report = world.pass(&kubeopt).await;
    for app in [EU, US] {
        assert_eq!(left_code(&report, &app), "E-SRC-213");
        assert!(world.pulls_of(&app).await.is_empty());
    }
    assert_eq!(
        left(&report, &EU).sentence(),
        "base/cart.yaml feeds 2 entry points (overlays/eu, overlays/us); requests.cpu 220m, requests.memory 320Mi would suit all of them (E-SRC-213)"
    );
    world.the_open_one(&WEB).await;
}

#[tokio::test]
async fn one_change_that_cannot_be_proven_does_not_keep_the_others() {
    let text = App { folder: "overlays/eu", ..EU }.manifest(ASKED);
    let other = App { name: "tea", ..EU };
    let others = other.manifest(ASKED);
    // What is asked for shows in an annotation too.
    let copied = "replacements:\n- source: {kind: Deployment, name: cart, fieldPath: 'spec.template.spec.containers.0.resources.requests.cpu'}\n  targets:\n  - select: {kind: Deployment, name: tea}\n    fieldPaths: [metadata.annotations.cpu-of-cart]\n    options: {create: true}\n";
    let kustomization = format!("resources: [cart.yaml, tea.yaml]\n{copied}");
    let files = [
        ("shop", "overlays/eu/kustomization.yaml", kustomization.as_str()),
        ("shop", "overlays/eu/cart.yaml", text.as_str()),
        ("shop", "overlays/eu/tea.yaml", others.as_str()),
    ];
    let world = World::with(&[WEB], &files).await.deploy(&[EU, other]);
    world.metrics["prod"].set(recorded(&[EU, other, WEB], |_| 100.0));
    let Some(kubeopt) = rendering(&world).await else { return };
    let report = world.pass(&kubeopt).await;
    assert_eq!(left_code(&report, &EU), "E-SRC-023", "{:?}", left(&report, &EU));
    let pull = world.the_open_one(&other).await;
    let changed = world.forge.changed_files(&other.repository_id(), pull.number).await.unwrap();
    let paths: Vec<&str> = changed.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["overlays/eu/tea.yaml"]);
}
