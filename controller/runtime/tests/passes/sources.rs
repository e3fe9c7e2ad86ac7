//! Bad days of what stands in Git: unknown sources, repositories that vanish, files that cannot be edited, folders that
//! are not bound, overlays without a renderer.

use kubeopt_model::{Binding, ForgeName};

use crate::apps::{API, ASKED, SITE, WEB, repository_id};
use crate::said::{left_code, told};
use crate::world::World;

/// Five megabytes that Kubernetes would take: a manifest below a very long comment.
fn huge() -> String {
    format!("{}{}", "# a comment of forty characters, repeated\n".repeat(125_000), API.manifest(ASKED))
}

/// What is wrong with the file of [`API`], its text, and how it is said.
fn broken_files() -> Vec<(&'static str, String, &'static str)> {
    let good = API.manifest(ASKED);
    vec![
        ("a template", good.replace("400m", "{{ .Values.cpu }}"), "E-SRC-004"),
        ("no YAML at all", format!("{good}  - [\n"), "E-SRC-005"),
        (
            "a duplicate key",
            good.replace("            cpu: 400m", "            cpu: 400m\n            cpu: 500m"),
            "E-SRC-008",
        ),
        (
            "2 MB",
            format!("{}{good}", "# a comment of forty characters, repeated\n".repeat(50_000)),
            "E-SRC-001",
        ),
        ("5 MB", huge(), "E-SRC-208"),
    ]
}

#[tokio::test]
async fn a_file_that_cannot_be_edited_leaves_its_own_workload_only() {
    for (what, text, code) in broken_files() {
        let world = World::with(&[API, WEB], &[(API.repository, &API.path(), &text)]).await;
        let kubeopt = world.controller("a").await;

        let report = world.pass(&kubeopt).await;
        assert_eq!(left_code(&report, &API), code, "{what}");
        assert!(world.pulls_of(&API).await.is_empty(), "{what}");
        let other = world.the_open_one(&WEB).await;

        world.commit(API.repository, &API.path(), &API.manifest(ASKED)).await;
        world.pass(&kubeopt).await;
        world.the_open_one(&API).await;
        assert_eq!(world.the_open_one(&WEB).await, other, "{what}");
    }
}

#[tokio::test]
async fn a_workload_of_unknown_source_is_left_with_the_line_that_would_tell_it() {
    let world = World::of(&[API, WEB]).await;
    let mut kubeopt = world.controller("a").await;
    let mappings = std::mem::take(&mut kubeopt.mappings);
    kubeopt.mappings = vec![WEB.mapping()];

    let report = world.pass(&kubeopt).await;
    assert_eq!(left_code(&report, &API), "E-SRC-101");
    assert!(report.left_lines().join("\n").contains("namespaces: [payments]"), "{:?}", report.left_lines());
    let other = world.the_open_one(&WEB).await;

    kubeopt.mappings = mappings;
    world.pass(&kubeopt).await;
    world.the_open_one(&API).await;
    assert_eq!(world.the_open_one(&WEB).await, other);
}

#[tokio::test]
async fn a_repository_that_vanishes_and_comes_back_loses_and_doubles_nothing() {
    let world = World::of(&[API, SITE]).await;
    let kubeopt = world.controller("a").await;
    let folder = world.forge.repository_folder(&API.repository_id()).unwrap();
    let away = world.folder().join("away");
    std::fs::rename(&folder, &away).unwrap();

    let report = world.pass(&kubeopt).await;
    told(&report, "E-FRG-003");
    assert_eq!(left_code(&report, &API), "E-FRG-003");
    let other = world.the_open_one(&SITE).await;

    std::fs::rename(&away, &folder).unwrap();
    world.pass(&kubeopt).await;
    let open = world.the_open_one(&API).await;

    std::fs::rename(&folder, &away).unwrap();
    told(&world.pass(&kubeopt).await, "E-FRG-003");
    std::fs::rename(&away, &folder).unwrap();
    assert_eq!(world.pass(&kubeopt).await.problems(), []);
    assert_eq!(world.the_open_one(&API).await, open);
    assert_eq!(world.the_open_one(&SITE).await, other);
}

#[tokio::test]
async fn what_no_binding_allows_is_refused_with_the_reason() {
    let bound = |repository: &str, paths: &[&str]| Binding {
        clusters: vec![],
        namespaces: vec![],
        repository: repository_id(repository),
        paths: paths.iter().map(|&path| path.to_owned()).collect(),
    };
    for (bindings, code) in [
        (vec![bound("shop", &["apps/web/**"])], "E-SRC-110"),
        (vec![Binding { namespaces: vec![WEB.id().namespace], ..bound("shop", &[]) }], "E-SRC-109"),
    ] {
        let world = World::of(&[API, WEB]).await;
        let mut kubeopt = world.controller("a").await;
        let all = std::mem::replace(&mut kubeopt.bindings, bindings);

        let report = world.pass(&kubeopt).await;
        assert_eq!(left_code(&report, &API), code);
        assert!(world.pulls_of(&API).await.is_empty());
        let other = world.the_open_one(&WEB).await;

        kubeopt.bindings = all;
        world.pass(&kubeopt).await;
        world.the_open_one(&API).await;
        assert_eq!(world.the_open_one(&WEB).await, other);
    }
}

#[tokio::test]
async fn a_forge_that_is_not_configured_is_named() {
    let world = World::of(&[API, WEB]).await;
    let mut kubeopt = world.controller("a").await;
    let mut elsewhere = API.repository_id();
    elsewhere.forge = ForgeName::new("gitlab").unwrap();
    let all = std::mem::take(&mut kubeopt.mappings);
    let mut moved = API.mapping();
    moved.repository = elsewhere.clone();
    kubeopt.mappings = vec![moved, WEB.mapping()];
    kubeopt.bindings.push(Binding { repository: elsewhere, ..kubeopt.bindings[0].clone() });

    let report = world.pass(&kubeopt).await;
    told(&report, "E-RUN-008");
    assert_eq!(left_code(&report, &API), "E-RUN-008");
    world.the_open_one(&WEB).await;

    kubeopt.mappings = all;
    world.pass(&kubeopt).await;
    world.the_open_one(&API).await;
}
