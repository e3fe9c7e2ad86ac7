//! The declared fallback: without a renderer, or without the archive of a chart, what files tell by themselves is proposed
//! as a draft that says so, and what they do not tell is left.

use kubeopt_gitops::render::{KustomizeBinary, Renderer};
use kubeopt_model::source::RendererKind;
use serde_json::json;

use crate::apps::{API, ASKED, App, WEB};
use crate::overlays::child;
use crate::published::{FILE, POD, RELEASE, controller, flux, is_not_rendered};
use crate::said::{left, left_code};
use crate::world::World;

const SHOP: App = App { renderer: RendererKind::Kustomize, ..API };

/// The app's folder as an overlay: its manifest as a base, and these files beside.
async fn overlay(kustomization: &str, others: &[(&str, &str)]) -> World {
    let mut files = vec![("shop", "apps/api/kustomization.yaml", kustomization)];
    files.extend(others.iter().map(|(path, text)| ("shop", *path, *text)));
    World::with(&[SHOP, WEB], &files).await
}

#[tokio::test]
async fn without_a_renderer_an_overlay_gets_a_draft_that_says_so() {
    let world = overlay("resources: [api.yaml]\n", &[]).await;
    let kubeopt = world.controller("a").await;
    let report = world.pass(&kubeopt).await;
    is_not_rendered(&report, "apps/api/api.yaml");
    let draft = world.the_open_one(&SHOP).await;
    assert!(draft.is_draft && draft.body.contains("not rendered"), "{}", draft.body);
    assert!(!world.the_open_one(&WEB).await.is_draft, "a plain manifest is its own rendering");

    world.pass(&kubeopt).await;
    assert_eq!(world.the_open_one(&SHOP).await, draft, "nothing has changed");

    // With a renderer the same values are proven, and it is a draft no more.
    let named = std::env::var_os("KUBEOPT_KUSTOMIZE").map(std::path::PathBuf::from);
    let Ok(kustomize) = KustomizeBinary::find(named.as_deref()).await else { return };
    let mut proving = kubeopt;
    proving.renderer = Renderer::new(child(world.folder()), Some(kustomize), None);
    proving.traces = Default::default();
    world.pass(&proving).await;
    let ready = world.the_open_one(&SHOP).await;
    assert_eq!((ready.number, ready.is_draft), (draft.number, false));
    assert!(ready.body.contains("rendered with kustomize") && !ready.body.contains("not rendered"));
}

#[tokio::test]
async fn a_patch_is_edited_before_what_it_patches() {
    let patch = SHOP.manifest(ASKED).replace("replicas: 1\n", "");
    let base = SHOP.manifest(ASKED);
    let files = [
        ("base/kustomization.yaml", "resources: [api.yaml]\n"),
        ("base/api.yaml", base.as_str()),
        ("apps/api/api.yaml", patch.as_str()),
    ];
    let world = overlay("resources: [../../base]\npatches: [{path: api.yaml}]\n", &files).await;
    let report = world.pass(&world.controller("a").await).await;
    is_not_rendered(&report, "apps/api/api.yaml");
    let pull = world.the_open_one(&SHOP).await;
    let changed = world.forge.changed_files(&SHOP.repository_id(), pull.number).await.unwrap();
    let paths: Vec<&str> = changed.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["apps/api/api.yaml"]);
}

#[tokio::test]
async fn without_a_renderer_what_files_do_not_tell_is_left() {
    let aimed = "- {op: replace, path: /spec/template/spec/containers/0/resources/requests/cpu, value: 2}\n- {op: replace, path: /spec/template/spec/containers/0/resources/requests/memory, value: 4Gi}\n";
    let target = "patches: [{path: aimed.yaml, target: {kind: Deployment}}]\n";
    for (more, code) in [("namePrefix: eu-\n", "E-REN-001"), (target, "E-SRC-215")] {
        let kustomization = format!("resources: [api.yaml]\n{more}");
        let world = overlay(&kustomization, &[("apps/api/aimed.yaml", aimed)]).await;
        let report = world.pass(&world.controller("a").await).await;
        assert_eq!(left_code(&report, &SHOP), code, "{:?}", left(&report, &SHOP));
        assert!(world.pulls_of(&SHOP).await.is_empty());
        world.the_open_one(&WEB).await;
    }
}

#[tokio::test]
async fn values_of_a_chart_that_is_not_at_hand_are_found_by_its_layout() {
    let world = crate::published::world(RELEASE).await;
    flux(&world, Some(json!({"url": "https://charts.example"})));
    let (kubeopt, _) = controller(&world, &[]).await;
    let report = world.pass(&kubeopt).await;
    is_not_rendered(&report, FILE);
    let draft = world.the_open_one(&POD).await;
    assert!(draft.is_draft, "{}", draft.body);
    assert!(draft.body.contains("under `charts`"), "it says what would cure it: {}", draft.body);
    let changed = world.forge.changed_files(&POD.repository_id(), draft.number).await.unwrap();
    let after = String::from_utf8(changed[0].content.after.clone()).unwrap();
    assert_eq!(after.lines().count(), RELEASE.lines().count());
    assert!(after.contains("# by hand"), "{after}");

    // The cluster runs something else now: nothing tells whom the values are for.
    crate::published::with_facts(&world, |facts| {
        let live = facts.workloads.iter_mut().find(|workload| workload.id == POD.id()).unwrap();
        let other = kubeopt_model::ContainerName::new("proxy").unwrap();
        live.containers.push(kubeopt_model::Container { name: other, ..live.containers[0].clone() });
    });
    let report = world.pass(&kubeopt).await;
    assert_eq!(left_code(&report, &POD), "E-SRC-210");
}

#[tokio::test]
async fn what_is_proven_does_not_wait_for_what_could_not_be_rendered() {
    let policy = ("shop", ".kubeopt.yaml", "pullRequests: {groupBy: single}\n");
    let files = [policy, ("shop", "apps/api/kustomization.yaml", "resources: [api.yaml]\n")];
    let world = World::with(&[SHOP, WEB], &files).await;
    let report = world.pass(&world.controller("a").await).await;
    let pull = world.the_open_one(&WEB).await;
    assert!(!pull.is_draft, "{}", pull.body);
    let changed = world.forge.changed_files(&WEB.repository_id(), pull.number).await.unwrap();
    let paths: Vec<&str> = changed.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["apps/web/web.yaml"]);
    assert_eq!(left_code(&report, &SHOP), "E-SRC-216");
}
