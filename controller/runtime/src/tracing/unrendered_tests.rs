//! What files tell of a kustomization that nobody renders, and what they do not.

use kubeopt_model::source::FilesBelow;
use kubeopt_model::{ContainerName, FieldPath, ObjectName, WorkloadKind};

use super::*;

const BASE: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api}\nspec: {template: {spec: {containers: [{name: api, resources: {requests: {cpu: 1}}}]}}}\n";

fn path(text: &str) -> RepoPath {
    RepoPath::new(text).unwrap()
}

fn entry() -> EntryPoint {
    EntryPoint {
        path: path("prod"),
        renderer: RendererKind::Kustomize,
        target_namespace: None,
        overlay: None,
        release: None,
        files: FilesBelow::All,
    }
}

/// An overlay in `prod` with a base and two patches, and this kustomization.
fn files(kustomization: &str) -> FileSet {
    let base = "resources: [api.yaml]\n";
    [
        ("prod/kustomization.yaml", kustomization),
        ("prod/cpu.yaml", BASE),
        ("prod/ops.yaml", "- {op: replace, path: /spec/replicas, value: 2}\n"),
        ("base/kustomization.yaml", base),
        ("base/api.yaml", BASE),
        ("base/settings.yaml", "resources: {requests: {cpu: 9}}\n"),
    ]
    .map(|(file, text)| (path(file), text.as_bytes().to_vec()))
    .into()
}

fn names(paths: &BTreeSet<RepoPath>) -> Vec<&str> {
    paths.iter().map(RepoPath::as_str).collect()
}

#[test]
fn manifests_and_patches_by_name_are_told_from_everything_else() {
    let kustomization = "namespace: shop\nresources: [../base]\nconfigMapGenerator: [{name: c, files: [ops.yaml]}]\npatches: [{path: cpu.yaml}, {path: ops.yaml, target: {kind: Deployment}}]\n";
    let written = written(&entry(), &files(kustomization)).unwrap();
    assert_eq!(names(&written.manifests), ["base/api.yaml", "prod/cpu.yaml"]);
    assert_eq!(names(&written.patches), ["prod/cpu.yaml"]);
    assert_eq!(written.namespace.as_ref().map(Namespace::as_str), Some("shop"));
    let text = String::from_utf8(concatenated(&written, &files(kustomization))).unwrap();
    assert_eq!(text.matches("kind: Deployment").count(), 2);
}

#[test]
fn what_changes_names_or_takes_away_is_not_read_without_a_renderer() {
    let plain = "resources: [../base]\npatches: [{path: cpu.yaml}]\n";
    assert!(written(&entry(), &files(plain)).is_some());
    for more in [
        "namePrefix: eu-\n",
        "nameSuffix: -eu\n",
        "replacements: [{path: r.yaml}]\n",
        "transformers: [t.yaml]\n",
    ] {
        assert_eq!(written(&entry(), &files(&format!("{plain}{more}"))), None, "{more}");
    }
    let mut deleting = files(plain);
    deleting.insert(path("prod/cpu.yaml"), format!("{BASE}$patch: delete\n").into_bytes());
    assert_eq!(written(&entry(), &deleting), None);
    let patched = EntryPoint { overlay: Some("patches: []".to_owned()), ..entry() };
    assert_eq!(written(&patched, &files(plain)), None);
}

fn field(file: &str, line: usize) -> TracedField {
    let site = EditSite {
        file: path(file),
        line,
        document: 1,
        path: FieldPath::default(),
        text: if line == 0 { String::new() } else { "1".to_owned() },
    };
    TracedField {
        entry: path("prod"),
        workload: RenderedWorkload {
            kind: WorkloadKind::Deployment,
            namespace: None,
            name: ObjectName::new("api").unwrap(),
        },
        container: ContainerName::new("api").unwrap(),
        field: Field::CPU_REQUEST,
        value: None,
        site: Ok(site),
        feeds: Vec::new(),
    }
}

/// The line that counts, or why none does.
fn winner(fields: Vec<TracedField>, elsewhere: &[Field]) -> Result<String, String> {
    let written = written(&entry(), &files("resources: [../base]\npatches: [{path: cpu.yaml}]\n")).unwrap();
    let elsewhere = elsewhere.iter().map(|of| (*of, field("prod/ops.yaml", 3).site.unwrap())).collect();
    let settled = settled(fields, &written, &elsewhere);
    assert_eq!(settled.len(), 1);
    let site = settled.into_iter().next().unwrap().site;
    site.map(|site| site.file.to_string()).map_err(|problem| problem.text)
}

#[test]
fn a_patch_goes_before_what_it_patches() {
    assert_eq!(winner(vec![field("base/api.yaml", 4)], &[]), Ok("base/api.yaml".to_owned()));
    let both = vec![field("base/api.yaml", 4), field("prod/cpu.yaml", 4)];
    assert_eq!(winner(both, &[]), Ok("prod/cpu.yaml".to_owned()));
}

#[test]
fn where_files_do_not_tell_what_counts_nothing_is_edited() {
    let twice = winner(vec![field("base/api.yaml", 4), field("base/other.yaml", 7)], &[]).unwrap_err();
    assert!(twice.contains("in 2 places (base/api.yaml:4, base/other.yaml:7)"), "{twice}");
    let covered = winner(vec![field("base/api.yaml", 4)], &[Field::CPU_REQUEST]).unwrap_err();
    assert!(covered.contains("may be changed by prod/ops.yaml:3"), "{covered}");
    assert!(winner(vec![field("base/api.yaml", 4)], &[Field::MEMORY_LIMIT]).is_ok());
}
