//! Values of charts: what is marked wherever they stand, and that each can be edited there and nowhere else.

use kubeopt_manifest::{FileRole, Mark, Marked, edit, mark};
use kubeopt_model::{Amount, FieldEdit, FileSet, RepoPath, Resource};

use crate::path;

/// Marks of one file as `line path=text`, with the code of the refusal if there is one.
fn seen(marked: &Marked) -> Vec<String> {
    let shown = |mark: &Mark| {
        let code = mark.refusal.as_ref().map_or(String::new(), |problem| format!(" {}", problem.code));
        format!("{} {}={}{code}", mark.site.line, mark.site.path, mark.site.text)
    };
    marked.marks.iter().map(shown).collect()
}

fn marked_as(name: &str, text: &str, role: FileRole) -> Marked {
    mark(&FileSet::from([(path(name), text.as_bytes().to_vec())]), &|_| role)
}

/// Every mark that may be edited is edited, with only its own bytes changed, and edited back.
fn edits_are_exact(file: &RepoPath, text: &str, marked: &Marked) {
    for mark in marked.marks.iter().filter(|mark| mark.refusal.is_none()) {
        let other = match mark.field.resource {
            Resource::Cpu => "7m",
            Resource::Memory => "7Mi",
        };
        let set = |bytes: &[u8], site: &kubeopt_model::EditSite, amount: &str| {
            let after = Amount::parse(mark.field.resource, amount).expect("a quantity");
            edit(file, bytes, &[FieldEdit { site: site.clone(), after }])
                .unwrap_or_else(|problem| panic!("{problem}"))
        };
        let edited = set(text.as_bytes(), &mark.site, other);
        let changed: Vec<usize> = text
            .split('\n')
            .zip(String::from_utf8_lossy(&edited).split('\n'))
            .enumerate()
            .filter(|(_, (before, after))| before != after)
            .map(|(at, _)| at + 1)
            .collect();
        assert_eq!(changed, [mark.site.line], "{}", mark.site.path);
        let again = marked_as(file.as_str(), &String::from_utf8_lossy(&edited), FileRole::Values);
        let site =
            again.marks.iter().find(|one| one.site.path == mark.site.path && one.site.line == mark.site.line);
        let site = &site.expect("still there").site;
        let restored = set(&edited, site, &mark.site.text);
        let (restored, before) = (String::from_utf8_lossy(&restored), text);
        let notation = Amount::parse(mark.field.resource, &mark.site.text).map(|amount| amount.to_string());
        let same = notation.is_ok_and(|notation| notation == mark.site.text);
        assert!(!same || restored == before, "{}: {restored}", mark.site.path);
    }
}

fn check(name: &str, text: &str, role: FileRole, expected: &[&str]) {
    let marked = marked_as(name, text, role);
    assert_eq!(seen(&marked), expected, "{name}:\n{text}");
    assert_eq!(marked.unread, [], "{name}");
    edits_are_exact(&path(name), text, &marked);
}

#[test]
fn files_of_values_are_marked_by_the_spelling_of_their_keys() {
    check(
        "chart/values.yaml",
        "# größe
replicas: 3
adminResources:
  limits: {cpu: 250m, memory: \"512Mi\"}   # kept
  requests:
    cpu: '1'
    ephemeral-storage: 1Gi
cpuRequest: 100m
worker: {requests_cpu: 2, memLimit: 64Mi, cpuMillis: 200, memoryMb: 512}
jobs:
- resources.limits.cpu: 3
  cpu: {request: 0.5}
targetCPUUtilizationPercentage: 80
cpu: lots
resources: {}
",
        FileRole::Values,
        &[
            "4 adminResources.limits.cpu=250m",
            "4 adminResources.limits.memory=512Mi",
            "6 adminResources.requests.cpu=1",
            "8 cpuRequest=100m",
            "9 worker.requests_cpu=2",
            "9 worker.memLimit=64Mi",
            "9 worker.cpuMillis=200",
            "9 worker.memoryMb=512",
            "11 jobs[0].resources.limits.cpu=3",
            "12 jobs[0].cpu.request=0.5",
        ],
    );
}

#[test]
fn manifests_have_such_candidates_only_where_they_hold_values() {
    let text = "spec: {values: {cpuRequest: 1}, cpuLimit: 2}\nresources: {requests: {cpu: 3}}\ndata: {cpuLimit: 4}\n";
    for (kind, expected) in [
        ("Deployment", vec!["3 resources.requests.cpu=3"]),
        ("HelmRelease", vec!["2 spec.values.cpuRequest=1", "3 resources.requests.cpu=3"]),
        ("ConfigMap", vec!["3 resources.requests.cpu=3", "4 data.cpuLimit=4"]),
    ] {
        let text = format!("kind: {kind}\n{text}");
        check("a.yaml", &text, FileRole::Manifest, &expected);
    }
    check("a.yaml", "cpuRequest: 1\n", FileRole::Manifest, &[]);
}

#[test]
fn helm_releases_are_marked_in_themselves_and_in_every_form_of_patch() {
    check(
        "release.yaml",
        "apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: podinfo}
spec:
  values:
    resources: {requests: {cpu: 100m}}
    redis: {master: {memoryLimit: 64Mi}}
",
        FileRole::Manifest,
        &["6 spec.values.resources.requests.cpu=100m", "7 spec.values.redis.master.memoryLimit=64Mi"],
    );
    check(
        "json.yaml",
        "- {op: replace, path: /spec/values/web/cpuLimit, value: 2}
- op: add
  path: /spec/values
  value:
    webResources: {cpu: 1}
- {op: add, path: /spec/replicas/cpuLimit, value: 1}
",
        FileRole::Manifest,
        &["1 [0].value=2", "5 [1].value.webResources.cpu=1"],
    );
    check(
        "kustomization.yaml",
        "resources: [release.yaml]
patches:
- target: {kind: HelmRelease}
  patch: |
    - op: replace
      path: /spec/values/web/cpuLimit
      value: 2
- patch: |-
    apiVersion: helm.toolkit.fluxcd.io/v2
    kind: HelmRelease
    metadata: {name: podinfo}
    spec: {values: {memRequest: 64Mi}}
",
        FileRole::Manifest,
        &["7 patches[0].patch[0].value=2", "12 patches[1].patch.spec.values.memRequest=64Mi"],
    );
    check(
        "flux.yaml",
        "apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: apps}
spec:
  patches:
  - patch: |
      kind: HelmRelease
      spec:
        values: {memRequest: 64Mi}
",
        FileRole::Manifest,
        &["9 spec.patches[0].patch.spec.values.memRequest=64Mi"],
    );
}

#[test]
fn applications_are_marked_in_objects_texts_and_parameters() {
    check(
        "app.yaml",
        "apiVersion: argoproj.io/v1alpha1
kind: Application
spec:
  sources:
  - helm:
      valuesObject: {api: {cpuRequest: 100m}}
      values: |
        # größe
        api:
          resources:
            limits: {memory: '1Gi'} # kept
      parameters:
      - {name: api.resources.requests.cpu, value: \"2\"}
      - name: list[0].memLimit
        value: 64Mi
        forceString: true
      - {name: replicas, value: \"2\"}
      - {name: cpuRequest, value: \"${CPU}\"}
",
        FileRole::Manifest,
        &[
            "6 spec.sources[0].helm.valuesObject.api.cpuRequest=100m",
            "11 spec.sources[0].helm.values.api.resources.limits.memory=1Gi",
            "13 spec.sources[0].helm.parameters[0].value=2",
            "15 spec.sources[0].helm.parameters[1].value=64Mi",
        ],
    );
    check(
        "set.yaml",
        "kind: ApplicationSet
spec:
  template:
    spec:
      source:
        helm:
          values: |-

            cpuLimit: 1
",
        FileRole::Manifest,
        &["9 spec.template.spec.source.helm.values.cpuLimit=1"],
    );
}

#[test]
fn texts_of_config_maps_hold_values_when_their_key_says_so() {
    check(
        "values.yaml",
        "kind: List
items:
- kind: ConfigMap
  data:
    values.yaml: |
      resources:
        limits:
          cpu: 1
    notes.txt: |
      resources: {limits: {cpu: 1}}
---
kind: ConfigMap
data: {values: 'cpuLimit: 2'}
",
        FileRole::Manifest,
        &[],
    );
    let text = "kind: ConfigMap\r\ndata:\r\n  values.yaml: |\r\n    a: 1\r\n    cpuLimit: 2   # kept\r\n  notes.txt: |\r\n    cpuLimit: 2\r\n";
    check("cm.yaml", text, FileRole::Manifest, &["5 data.values.yaml.cpuLimit=2"]);
}

#[test]
fn single_values_of_config_maps_are_marked_wherever_they_go() {
    check(
        "sizes.yaml",
        "kind: ConfigMap
data:
  cpu: 250m
  api-memory: \"64Mi\"
  replicas: \"3\"
  note: 5m
",
        FileRole::Manifest,
        &["3 data.cpu=250m", "4 data.api-memory=64Mi", "6 data.note=5m"],
    );
}

#[test]
fn elements_of_a_generator_are_values_and_placeholders_are_none() {
    check(
        "set.yaml",
        "kind: ApplicationSet
spec:
  generators:
  - list:
      elements:
      - name: blue
        cpu: 100m
        note: 5 apples
      - {name: green, cpu: \"2\", sizes: {memory: 64Mi}}
  - matrix:
      generators:
      - list: {elements: [{memLimit: 1Gi}]}
  template:
    metadata:
      name: web-{{name}}
    spec:
      source:
        helm:
          parameters:
          - {name: cpuLimit, value: '{{cpu}}'}
          values: |
            cpuLimit: 1
            host: a-{{name}}
            memRequest: {{memory}}
",
        FileRole::Manifest,
        &[
            "7 spec.generators[0].list.elements[0].cpu=100m",
            "9 spec.generators[0].list.elements[1].cpu=2",
            "9 spec.generators[0].list.elements[1].sizes.memory=64Mi",
            "12 spec.generators[1].matrix.generators[0].list.elements[0].memLimit=1Gi",
            "22 spec.template.spec.source.helm.values.cpuLimit=1",
        ],
    );
}

#[test]
fn files_that_override_an_application_are_marked_and_not_edited() {
    let text =
        "helm:\n  parameters:\n  - name: cpuLimit\n    value: 250m\n  valuesObject: {memRequest: 64Mi}\n";
    let marked = marked_as("charts/web/.argocd-source-web.yaml", text, FileRole::Values);
    let expected =
        ["4 helm.parameters[0].value=250m E-SRC-031", "5 helm.valuesObject.memRequest=64Mi E-SRC-031"];
    assert_eq!(seen(&marked), expected);
}

#[test]
fn texts_in_texts_are_followed() {
    check(
        "kustomization.yaml",
        "patches:
- patch: |
    kind: Application
    spec:
      source:
        helm:
          values: |
            cpuLimit: 2
            memRequest: \"64Mi\"
",
        FileRole::Manifest,
        &[
            "8 patches[0].patch.spec.source.helm.values.cpuLimit=2",
            "9 patches[0].patch.spec.source.helm.values.memRequest=64Mi",
        ],
    );
}

#[test]
fn what_is_not_edited_says_why() {
    for (values, code) in [
        (">\n      cpuLimit: 2\n", "E-SRC-019"),
        ("'cpuLimit: 2'\n", "E-SRC-019"),
        ("|\n      cpuLimit: 2\n      ---\n      cpuLimit: 2\n", "E-SRC-019"),
        ("|\n      cpuLimit: 2\n      cpuLimit: 3\n", "E-SRC-008"),
        ("|\n      resources: {limits: {cpu: \"${CPU}\"}}\n", "E-SRC-011"),
        ("|\n      a: &c 2\n      cpuLimit: *c\n", "E-SRC-009"),
        ("|\n      name: a-{{ cluster }}\n      cpuLimit: 2\n", "E-SRC-004"),
        ("&v |\n      cpuLimit: 2\n  other: *v\n", "E-SRC-009"),
    ] {
        let text = format!(
            "kind: Application\nspec:\n  source:\n    helm: {{}}\nspecs:\n  helm:\n    values: {values}"
        );
        let marked = marked_as("app.yaml", &text, FileRole::Manifest);
        let marks = marked.marks.iter().filter_map(|mark| mark.refusal.as_ref());
        let unmarked = marked.unmarked.iter().map(|(_, problem)| problem);
        let codes: Vec<&str> = marks.chain(unmarked).map(|problem| problem.code.as_str()).collect();
        assert!(!codes.is_empty() && codes.iter().all(|one| *one == code), "{codes:?}: {text}");
        for mark in &marked.marks {
            let edit = edit(
                &path("app.yaml"),
                text.as_bytes(),
                &[FieldEdit { site: mark.site.clone(), after: mark.amount }],
            );
            assert_eq!(edit.map_err(|problem| problem.code), Err(code.to_owned()), "{text}");
        }
    }
}

#[test]
fn marks_keep_the_shape_of_what_they_replace() {
    let text = "cpuRequest: 1\ncpuLimit: '2'\nresources: {cpu: 250m, memory: 1.5Gi}\nmemoryMb: \"512\"\nmemLimit: 128M\n";
    let marked = marked_as("values.yaml", text, FileRole::Values);
    let after = String::from_utf8_lossy(&marked.files[&path("values.yaml")]).into_owned();
    let quantities: Vec<_> = marked.marks.iter().map(|mark| mark.quantity.as_str()).collect();
    assert_eq!(quantities, ["100060", "100180", "100220m", "100420Gi", "100460", "100780M"]);
    assert_eq!(
        after,
        "cpuRequest: 100060\ncpuLimit: '100180'\nresources: {cpu: 100220m, memory: 100420Gi}\nmemoryMb: \"100460\"\nmemLimit: 100780M\n"
    );
}

#[test]
fn numbers_keep_their_form_when_they_are_edited() {
    let text = "cpuRequest: 0.5\ncpuLimit: '2'\nresources: {cpu: 250m, memory: 512Mi}\nmemLimit: 134217728\n";
    let file = path("values.yaml");
    let marked = marked_as("values.yaml", text, FileRole::Values);
    let wanted = ["310m", "3", "2", "1Gi", "256Mi"];
    let edits: Vec<FieldEdit> = (marked.marks.iter().zip(wanted))
        .map(|(mark, amount)| FieldEdit {
            site: mark.site.clone(),
            after: Amount::parse(mark.field.resource, amount).expect("a quantity"),
        })
        .collect();
    let edited = edit(&file, text.as_bytes(), &edits).expect("edited");
    assert_eq!(
        String::from_utf8_lossy(&edited),
        "cpuRequest: 0.31\ncpuLimit: '3'\nresources: {cpu: 2000m, memory: 1Gi}\nmemLimit: 268435456\n"
    );
}

#[test]
fn several_values_of_one_text_are_edited_together() {
    let text = "kind: Application\nspec:\n  source:\n    helm:\n      values: |\n        cpuRequest: 1 # one\n        resources: {limits: {cpu: '2', memory: 64Mi}}\n      parameters: [{name: cpuLimit, value: \"3\"}]\n";
    let file = path("app.yaml");
    let marked = marked_as("app.yaml", text, FileRole::Manifest);
    let edits: Vec<FieldEdit> = (marked.marks.iter().zip(["310m", "4", "128Mi", "5"]))
        .map(|(mark, amount)| FieldEdit {
            site: mark.site.clone(),
            after: Amount::parse(mark.field.resource, amount).expect("a quantity"),
        })
        .collect();
    assert_eq!(edits.len(), 4);
    let edited = edit(&file, text.as_bytes(), &edits).expect("edited");
    let expected = text.replace(": 1 #", ": 310m #").replace("'2', memory: 64Mi", "'4', memory: 128Mi");
    assert_eq!(String::from_utf8_lossy(&edited), expected.replace("\"3\"", "\"5\""));
}
