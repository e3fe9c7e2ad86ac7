//! Patch files of overlays, and the kustomizations that name them.

use std::collections::BTreeMap;

use kubeopt_manifest::{ContainerPatch, closure, extend_patch, patch_text, register_patch, workloads};
use kubeopt_model::source::RenderedWorkload;
use kubeopt_model::{ContainerName, ContainerRole, Field, Namespace, ObjectName, WorkloadKind};

use crate::{amount, path};

fn patch(kind: WorkloadKind, name: &str, container: &str, fields: &[(&str, &str)]) -> ContainerPatch {
    let (namespace, name) =
        name.split_once('/').map_or((None, name), |(namespace, name)| (Some(namespace), name));
    let (container, role) = match container.strip_prefix("init:") {
        Some(container) => (container, ContainerRole::Init),
        None => (container, ContainerRole::Main),
    };
    let fields: BTreeMap<Field, _> =
        fields.iter().map(|(field, text)| (field.parse().expect("a field"), amount(text))).collect();
    ContainerPatch {
        workload: RenderedWorkload {
            kind,
            namespace: namespace.map(|namespace| Namespace::new(namespace).expect("a namespace")),
            name: ObjectName::new(name).expect("a name"),
        },
        container: ContainerName::new(container).expect("a container"),
        role,
        fields,
    }
}

const DEPLOYMENT: WorkloadKind = WorkloadKind::Deployment;

/// Patches of several kinds.
pub(crate) fn some() -> Vec<ContainerPatch> {
    vec![
        patch(
            WorkloadKind::CronJob,
            "pay/report",
            "main",
            &[("limits.memory", "1Gi"), ("requests.memory", "1Gi")],
        ),
        patch(DEPLOYMENT, "web", "123", &[("requests.memory", "64Mi"), ("requests.cpu", "310m")]),
        patch(DEPLOYMENT, "web", "init:on", &[("requests.cpu", "10m")]),
        patch(DEPLOYMENT, "api", "api", &[("limits.cpu", "2000m")]),
    ]
}

const TEXT: &str = "apiVersion: apps/v1
kind: Deployment
metadata:
  name: api
spec:
  template:
    spec:
      containers:
      - name: api
        resources:
          limits:
            cpu: 2000m
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    spec:
      initContainers:
      - name: \"on\"
        resources:
          requests:
            cpu: 10m
      containers:
      - name: \"123\"
        resources:
          requests:
            cpu: 310m
            memory: 64Mi
---
apiVersion: batch/v1
kind: CronJob
metadata:
  name: report
  namespace: pay
spec:
  jobTemplate:
    spec:
      template:
        spec:
          containers:
          - name: main
            resources:
              requests:
                memory: 1Gi
              limits:
                memory: 1Gi
";

#[test]
fn a_patch_file_has_one_document_for_each_workload_whatever_the_order() {
    assert_eq!(patch_text(&some()), Ok(TEXT.to_owned()));
    let mut turned = some();
    turned.reverse();
    assert_eq!(patch_text(&turned), Ok(TEXT.to_owned()));
    let read = workloads(TEXT.as_bytes()).expect("YAML");
    assert_eq!(read.containers.len(), 4);
}

#[test]
fn containers_without_fields_are_named_to_keep_their_places() {
    let containers = [
        patch(DEPLOYMENT, "web", "first", &[]),
        patch(DEPLOYMENT, "web", "second", &[("requests.cpu", "310m")]),
        patch(DEPLOYMENT, "web", "third", &[]),
    ];
    let text = patch_text(&containers).expect("a patch");
    let list = "      containers:\n      - name: first\n      - name: second\n        resources:\n          requests:\n            cpu: 310m\n      - name: third\n";
    assert!(text.ends_with(list), "{text}");
    assert_eq!(extend_patch(&path("p.yaml"), text.as_bytes(), &containers), Ok(text.into_bytes()));
}

#[test]
fn a_patch_file_grows_to_what_it_would_have_been_at_once() {
    let all = some();
    let mut bytes = Vec::new();
    for one in &all {
        bytes = extend_patch(&path("p.yaml"), &bytes, std::slice::from_ref(one)).expect("extended");
    }
    let read = |bytes: &[u8]| {
        let mut found = workloads(bytes).expect("YAML").containers;
        found.sort_by_key(|one| (one.workload.clone(), one.container.clone()));
        format!("{found:?}")
    };
    assert_eq!(read(&bytes), read(TEXT.as_bytes()));
    let again = extend_patch(&path("p.yaml"), &bytes, &all).expect("again");
    assert_eq!(again, bytes, "nothing more to do");
    assert_eq!(
        extend_patch(&path("p.yaml"), b"", &all).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        Ok(TEXT.to_owned())
    );
}

#[test]
fn an_extended_patch_keeps_its_style_and_all_other_bytes() {
    let before = "# ours\r\napiVersion: apps/v1\r\nkind: Deployment\r\nmetadata: {name: web}\r\nspec:\r\n    template:\r\n        spec:\r\n            containers:\r\n                -   name: a # first\r\n                    resources: {requests: {cpu: '1'}}\r\n";
    let wanted = [
        patch(DEPLOYMENT, "web", "a", &[("requests.cpu", "310m"), ("requests.memory", "1Gi")]),
        patch(DEPLOYMENT, "web", "b", &[("requests.cpu", "20m")]),
        patch(WorkloadKind::Job, "j", "c", &[("limits.memory", "1Gi")]),
    ];
    let after = extend_patch(&path("p.yaml"), before.as_bytes(), &wanted).expect("extended");
    let expected = "# ours\r\napiVersion: apps/v1\r\nkind: Deployment\r\nmetadata: {name: web}\r\nspec:\r\n    template:\r\n        spec:\r\n            containers:\r\n                -   name: a # first\r\n                    resources: {requests: {cpu: '310m', memory: '1Gi'}}\r\n                -   name: b\r\n                    resources:\r\n                        requests:\r\n                            cpu: '20m'\r\n---\r\napiVersion: batch/v1\r\nkind: Job\r\nmetadata:\r\n    name: j\r\nspec:\r\n    template:\r\n        spec:\r\n            containers:\r\n                -   name: c\r\n                    resources:\r\n                        limits:\r\n                            memory: '1Gi'\r\n";
    assert_eq!(String::from_utf8_lossy(&after), expected);
    let init = [patch(DEPLOYMENT, "web", "init:i", &[("requests.cpu", "20m")])];
    let after = extend_patch(&path("p.yaml"), before.as_bytes(), &init).expect("extended");
    let shown = String::from_utf8_lossy(&after).into_owned();
    let list =
        "            initContainers:\r\n                -   name: i\r\n                    resources:\r\n";
    assert!(shown.starts_with(before) && shown.contains(list), "{shown}");
}

#[test]
fn patches_that_contradict_or_would_replace_containers_are_refused() {
    let twice = [
        patch(DEPLOYMENT, "a", "c", &[("requests.cpu", "1m")]),
        patch(DEPLOYMENT, "a", "c", &[("requests.cpu", "2m")]),
    ];
    assert_eq!(patch_text(&twice).expect_err("refused").code, "E-SRC-020");
    let rollout = [patch(WorkloadKind::Rollout, "a", "c", &[("requests.cpu", "1m")])];
    let problem = extend_patch(&path("p.yaml"), b"", &rollout).expect_err("refused");
    assert!(problem.text.contains("Rollout"), "{problem}");
    let generated = extend_patch(&path("p.yaml"), b"# DO NOT EDIT\na: 1\n", &some());
    assert_eq!(generated.expect_err("refused").code, "E-SRC-007");
}

const FILE: &str = "kubeopt-resources.yaml";

#[test]
fn a_patch_file_is_registered_in_the_style_of_the_kustomization() {
    for (before, after) in [
        ("resources:\n- a\n", "resources:\n- a\npatches:\n- path: kubeopt-resources.yaml\n"),
        (
            "resources:\n  - a\nnamespace: x # y\n# end\n",
            "resources:\n  - a\nnamespace: x # y\npatches:\n  - path: kubeopt-resources.yaml\n# end\n",
        ),
        (
            "resources: [a]\npatches:\n  # first\n  - path: b.yaml # b\n    target:\n      kind: Deployment\n\nimages: []\n",
            "resources: [a]\npatches:\n  # first\n  - path: b.yaml # b\n    target:\n      kind: Deployment\n  - path: kubeopt-resources.yaml\n\nimages: []\n",
        ),
        (
            "patches:\n- patch: |-\n    kind: Deployment\n    # the end of the patch\nresources: [a]\n",
            "patches:\n- patch: |-\n    kind: Deployment\n    # the end of the patch\n- path: kubeopt-resources.yaml\nresources: [a]\n",
        ),
        (
            "patches: [{path: b.yaml}] # c\r\nresources: [a]",
            "patches: [{path: b.yaml}, {path: kubeopt-resources.yaml}] # c\r\nresources: [a]",
        ),
        (
            "patches: [\n  {path: b.yaml}, # c\n]\n",
            "patches: [\n  {path: b.yaml}, # c\n  {path: kubeopt-resources.yaml},\n]\n",
        ),
        (
            "resources:\r\n- a\r\npatches: []\r\n",
            "resources:\r\n- a\r\npatches:\r\n- path: kubeopt-resources.yaml\r\n",
        ),
        ("resources:\n  - a\npatches:\n", "resources:\n  - a\npatches:\n  - path: kubeopt-resources.yaml\n"),
        (
            "patchesStrategicMerge:\n- s.yaml\n- |-\n  kind: Deployment\nresources: [a]\n",
            "patchesStrategicMerge:\n- s.yaml\n- |-\n  kind: Deployment\n- kubeopt-resources.yaml\nresources: [a]\n",
        ),
        (
            "patchesStrategicMerge: [s.yaml]\npatches:\n- path: p.yaml\n",
            "patchesStrategicMerge: [s.yaml]\npatches:\n- path: p.yaml\n- path: kubeopt-resources.yaml\n",
        ),
        (
            "{\"resources\": [\"a\"]}",
            "{\"resources\": [\"a\"], \"patches\": [{\"path\": \"kubeopt-resources.yaml\"}]}",
        ),
        (
            "\u{feff}---\nkind: Component\nresources:\n    -   a",
            "\u{feff}---\nkind: Component\nresources:\n    -   a\npatches:\n    -   path: kubeopt-resources.yaml",
        ),
        ("patches:\n- path: ./kubeopt-resources.yaml\n", "patches:\n- path: ./kubeopt-resources.yaml\n"),
        (
            "patchesStrategicMerge: [kubeopt-resources.yaml]\n",
            "patchesStrategicMerge: [kubeopt-resources.yaml]\n",
        ),
    ] {
        let file = path("apps/kustomization.yaml");
        let seen = register_patch(&file, before.as_bytes(), FILE).expect("registered");
        assert_eq!(String::from_utf8_lossy(&seen), after);
        assert_eq!(register_patch(&file, &seen, FILE).expect("again"), seen, "twice is once");
        let mut read = |wanted: &kubeopt_model::RepoPath| match wanted.as_str() {
            "apps/kustomization.yaml" => Some(seen.clone()),
            _ => Some(b"kind: X\n".to_vec()),
        };
        let files = closure(&mut read, &path("apps"));
        let is_read = format!("{files:?}").contains("apps/kubeopt-resources.yaml");
        assert!(is_read, "the file is followed: {files:?}");
    }
}

#[test]
fn what_is_no_kustomization_and_what_is_outside_is_refused() {
    let register = |text: &str, file: &str| {
        register_patch(&path("kustomization.yaml"), text.as_bytes(), file).expect_err("refused").code
    };
    assert_eq!(register("kind: Deployment\n", FILE), "E-SRC-024");
    assert_eq!(register("", FILE), "E-SRC-024");
    assert_eq!(register("a: 1\n", "../x.yaml"), "E-SRC-026");
    assert_eq!(register("a: 1\n", "https://example.org/x.yaml"), "E-SRC-026");
    assert_eq!(register("a: 1\n", ""), "E-SRC-026");
    assert_eq!(register("a: &p [{path: x}]\npatches: *p\n", FILE), "E-SRC-009");
    assert_eq!(register("patches: text\n", FILE), "E-SRC-030");
    assert_eq!(register("patches: {a: 1}\n", FILE), "E-SRC-030");
    assert_eq!(register("patches:\n- path: {{ .x }}\n", FILE), "E-SRC-004");
    let odd = register_patch(&path("kustomization.yaml"), b"a: 1\n", "1 x.yaml").expect("registered");
    assert_eq!(String::from_utf8_lossy(&odd), "a: 1\npatches:\n- path: \"1 x.yaml\"\n");
}
