//! Tests with a real kustomize: the one that KUBEOPT_KUSTOMIZE names, or one on the path.

use std::path::PathBuf;

use kubeopt_model::source::RendererKind;
use kubeopt_model::{FileSet, Namespace, RepoPath};

use super::*;
use crate::render::protocol::RenderLimits;

async fn binary() -> KustomizeBinary {
    let configured = std::env::var_os("KUBEOPT_KUSTOMIZE").map(PathBuf::from);
    KustomizeBinary::find(configured.as_deref())
        .await
        .expect("install kustomize or kubectl, or let KUBEOPT_KUSTOMIZE name a kustomize binary")
}

const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api}\nspec:\n  template:\n    spec:\n      containers:\n      - {name: api, resources: {requests: {cpu: \"1\"}}}\n";

fn patch(cpu: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: api}}\nspec: {{template: {{spec: {{containers: [{{name: api, resources: {{requests: {{cpu: {cpu}}}}}}}]}}}}}}\n"
    )
}

fn request(entry: &str, files: &[(&str, &str)]) -> RenderRequest {
    RenderRequest {
        kind: RendererKind::Kustomize,
        entry: RepoPath::new(entry).unwrap(),
        files: files
            .iter()
            .map(|(path, text)| (RepoPath::new(path).unwrap(), text.as_bytes().to_vec()))
            .collect::<FileSet>(),
        limits: RenderLimits::default(),
        overlay: None,
        target_namespace: None,
    }
}

#[tokio::test]
async fn an_overlay_is_built_with_its_base_and_files_beside_it() {
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
    let output = run(&request("apps/prod", &tree), &binary().await).unwrap();
    assert!(output.contains("name: prod-api") && output.contains("cpu: 250m"), "{output}");
}

#[tokio::test]
async fn the_flux_objects_patches_and_namespace_come_on_top_of_plain_files() {
    let tree =
        [("apps/api.yaml", DEPLOYMENT), ("apps/notes.md", "none"), ("apps/.sops.yaml", "creation_rules: []")];
    let mut request = request("apps", &tree);
    request.kind = RendererKind::Plain;
    request.overlay =
        Some(format!("patches:\n- patch: |\n    {}\n", patch("70m").trim().replace('\n', "\n    ")));
    request.target_namespace = Some(Namespace::new("payments").unwrap());
    let output = run(&request, &binary().await).unwrap();
    assert!(output.contains("namespace: payments") && output.contains("cpu: 70m"), "{output}");
}

#[tokio::test]
async fn generated_content_cannot_hold_files_of_the_machine() {
    let tree = [
        ("o/kustomization.yaml", "generators: [gen.yaml]"),
        (
            "o/gen.yaml",
            "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: leak}\nfiles: [/etc/hostname]\n",
        ),
    ];
    let problem = run(&request("o", &tree), &binary().await).unwrap_err();
    assert_eq!(problem.code, codes::RENDER_FAILED);
    assert!(problem.text.contains("security"), "{problem}");
}

#[tokio::test]
async fn what_kustomize_reports_is_shown_without_the_place_on_this_machine() {
    let tree = [("o/kustomization.yaml", "resources: [a.yaml]"), ("o/a.yaml", "kind: Deployment\n")];
    let problem = run(&request("o", &tree), &binary().await).unwrap_err();
    assert_eq!(problem.code, codes::RENDER_FAILED);
    assert!(
        !problem.text.contains("kubeopt-render") && !problem.text.contains("command failed"),
        "{problem}"
    );
    assert!(problem.text.contains("a.yaml"), "{problem}");
}

#[tokio::test]
async fn an_output_beyond_the_limit_is_cut_off() {
    let mut request =
        request("o", &[("o/kustomization.yaml", "resources: [a.yaml]"), ("o/a.yaml", DEPLOYMENT)]);
    request.limits.output_bytes = 20;
    assert_eq!(run(&request, &binary().await).unwrap_err().code, codes::RENDER_OUTPUT);
}

#[test]
fn the_prefixes_of_loggers_are_removed() {
    let kubectl = "E1121 18:54:14.010571   19529 run.go:72] \"command failed\" err=\"no \\\"a\\\" there\"\n";
    assert_eq!(clean(kubectl), "no \"a\" there");
    assert_eq!(clean("Error: no \u{1b}[1ma there\n"), "no  [1ma there");
}

#[test]
fn the_end_of_time_and_of_memory_are_told_apart_from_mistakes() {
    let request = request("o", &[]);
    let killed = ExitStatus::from_raw(Signal::XCPU.as_raw());
    assert_eq!(judge(&request, killed, "").code, codes::RENDER_TIME);
    let failed = ExitStatus::from_raw(2 << 8);
    let memory = judge(&request, failed, "runtime: out of memory: cannot allocate 4194304-byte block");
    assert_eq!((memory.code.as_str(), memory.text.contains("2048 MiB")), (codes::RENDER_MEMORY, true));
    assert_eq!(judge(&request, failed, "").text, "kustomize cannot build `o`: exit status: 2");
}
