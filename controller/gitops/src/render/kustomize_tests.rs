//! Tests with a real child and a real kustomize: the one that KUBEOPT_KUSTOMIZE names, the servers' or one on the path.

use kubeopt_model::Namespace;
use kubeopt_model::source::RendererKind;

use super::testing::{real, request, text};
use crate::codes;

const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api}\nspec:\n  template:\n    spec:\n      containers:\n      - {name: api, resources: {requests: {cpu: \"1\"}}}\n";

fn patch(cpu: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: api}}\nspec: {{template: {{spec: {{containers: [{{name: api, resources: {{requests: {{cpu: {cpu}}}}}}}]}}}}}}\n"
    )
}

#[tokio::test]
async fn an_overlay_is_built_with_its_base_and_files_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let patch = patch("250m");
    let tree = [
        ("apps/base/kustomization.yaml", "resources: [api.yaml]"),
        ("apps/base/api.yaml", DEPLOYMENT),
        ("apps/shared/patch.yaml", patch.as_str()),
        (
            "apps/prod/kustomization.yml",
            "resources: [../base]\npatches: [{path: ../shared/patch.yaml}]\nnamePrefix: prod-\n",
        ),
    ];
    let renderer = real(folder.path()).await;
    let output = text(&renderer, &request(RendererKind::Kustomize, "apps/prod", &tree)).await.unwrap();
    assert!(output.contains("name: prod-api") && output.contains("cpu: 250m"), "{output}");
}

#[tokio::test]
async fn the_flux_objects_patches_and_namespace_come_on_top_of_plain_files() {
    let folder = tempfile::tempdir().unwrap();
    let tree =
        [("apps/api.yaml", DEPLOYMENT), ("apps/notes.md", "none"), ("apps/.sops.yaml", "creation_rules: []")];
    let mut request = request(RendererKind::Plain, "apps", &tree);
    request.overlay =
        Some(format!("patches:\n- patch: |\n    {}\n", patch("70m").trim().replace('\n', "\n    ")));
    request.target_namespace = Some(Namespace::new("payments").unwrap());
    let output = text(&real(folder.path()).await, &request).await.unwrap();
    assert!(output.contains("namespace: payments") && output.contains("cpu: 70m"), "{output}");
}

#[tokio::test]
async fn generated_content_cannot_hold_files_of_the_machine() {
    let folder = tempfile::tempdir().unwrap();
    let tree = [
        ("o/kustomization.yaml", "generators: [gen.yaml]"),
        (
            "o/gen.yaml",
            "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: leak}\nfiles: [/etc/hostname]\n",
        ),
    ];
    let renderer = real(folder.path()).await;
    let problem = text(&renderer, &request(RendererKind::Kustomize, "o", &tree)).await.unwrap_err();
    assert_eq!(problem.code, codes::RENDER_FAILED);
}

#[tokio::test]
async fn what_kustomize_reports_is_shown_without_the_place_on_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    let tree = [("o/kustomization.yaml", "resources: [a.yaml]"), ("o/a.yaml", "kind: Deployment\n")];
    let renderer = real(folder.path()).await;
    let problem = text(&renderer, &request(RendererKind::Kustomize, "o", &tree)).await.unwrap_err();
    assert_eq!(problem.code, codes::RENDER_FAILED);
    assert!(
        !problem.text.contains("kubeopt-render") && !problem.text.contains("command failed"),
        "{problem}"
    );
    assert!(problem.text.contains("a.yaml"), "{problem}");
}

#[tokio::test]
async fn an_output_beyond_the_limit_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let tree = [("o/kustomization.yaml", "resources: [a.yaml]"), ("o/a.yaml", DEPLOYMENT)];
    let mut request = request(RendererKind::Kustomize, "o", &tree);
    request.limits.output_bytes = 20;
    let problem = text(&real(folder.path()).await, &request).await.unwrap_err();
    assert_eq!(problem.code, codes::RENDER_OUTPUT);
}

#[tokio::test]
async fn too_little_memory_is_told_as_that() {
    let folder = tempfile::tempdir().unwrap();
    let tree = [("o/kustomization.yaml", "resources: [a.yaml]"), ("o/a.yaml", DEPLOYMENT)];
    let mut request = request(RendererKind::Kustomize, "o", &tree);
    request.limits.memory_bytes = 512 * 1024 * 1024;
    let problem = text(&real(folder.path()).await, &request).await.unwrap_err();
    assert_eq!(problem.code, codes::RENDER_MEMORY, "{problem}");
}
