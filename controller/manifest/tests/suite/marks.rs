//! What is marked, in every form that real repositories use, and what is left alone.

use kubeopt_manifest::{FileRole, KnownMarks, Marked, Origin, mark, read_back};
use kubeopt_model::FileSet;

use crate::path;

fn marked(files: &[(&str, &str)]) -> Marked {
    let files = files.iter().map(|(name, text)| (path(name), text.as_bytes().to_vec())).collect::<FileSet>();
    mark(&files, &|_| FileRole::Manifest)
}

fn text_of(marked: &Marked, name: &str) -> String {
    String::from_utf8(marked.files[&path(name)].clone()).expect("text")
}

/// Marks as `line text refusal`.
fn seen(marked: &Marked) -> Vec<String> {
    let code =
        |mark: &kubeopt_manifest::Mark| mark.refusal.as_ref().map_or("-".to_owned(), |p| p.code.clone());
    marked.marks.iter().map(|mark| format!("{} {} {}", mark.site.line, mark.site.text, code(mark))).collect()
}

#[test]
fn every_form_of_patch_and_custom_resource_is_marked() {
    for (name, text, expected) in [
        (
            "strategic.yaml",
            "kind: Deployment\nspec: {template: {spec: {containers: [{name: a, resources: {limits: {cpu: 1, memory: \"1Gi\"}}}]}}}\n",
            vec!["2 1 -", "2 1Gi -"],
        ),
        (
            "json.yaml",
            "- op: replace\n  path: /spec/template/spec/containers/0/resources/requests/cpu\n  value: 100m\n\
             - {op: add, path: /spec/resources, value: {requests: {memory: 1Mi}}}\n\
             - {op: test, path: /spec/resources/requests/cpu, value: 100m}\n\
             - {op: add, path: /metadata/annotations/a~1resources, value: {requests: {cpu: 1}}}\n",
            vec!["3 100m -", "4 1Mi -"],
        ),
        ("cr.yaml", "kind: Prometheus\nspec: {resources: {requests: {memory: 400Mi}}}\n", vec!["2 400Mi -"]),
        (
            "other.yaml",
            "kind: ResourceQuota\nspec: {hard: {requests.cpu: 4, limits.memory: 8Gi}}\n---\n\
             kind: LimitRange\nspec: {limits: [{default: {cpu: 1}}]}\n---\n\
             kind: VerticalPodAutoscaler\nspec: {resourcePolicy: {containerPolicies: [{maxAllowed: {cpu: 1}}]}}\n",
            vec![],
        ),
        ("delete.yaml", "spec: {resources: {limits: {cpu: null, memory: ~}, requests: {cpu: }}}\n", vec![]),
        (
            "alias.yaml",
            "x: &c 100m\na: {resources: {requests: {cpu: *c}}}\nb: {resources: {requests: {cpu: &d 200m}}}\nc: *d\n",
            vec!["2 *c E-SRC-009", "3 200m E-SRC-009"],
        ),
        ("variable.yaml", "resources: {limits: {cpu: \"${CPU:=100m}\"}}\n", vec!["1 ${CPU:=100m} E-SRC-011"]),
        (
            "claim.yaml",
            "kind: PersistentVolumeClaim\nspec: {resources: {requests: {memory: 1Gi, storage: 1Gi}}}\n",
            vec!["2 1Gi E-SRC-012"],
        ),
        ("twice.yaml", "a: 1\na: 2\nresources: {limits: {cpu: 1}}\n", vec!["3 1 E-SRC-008"]),
        ("generated.yaml", "# DO NOT EDIT\nresources: {limits: {cpu: 1}}\n", vec!["2 1 E-SRC-007"]),
        ("data.json", "{\"resources\": {\"limits\": {\"cpu\": 1}}}\n", vec![]),
    ] {
        let marked = marked(&[(name, text)]);
        assert_eq!(seen(&marked), expected, "{name}");
        assert!(marked.unread.is_empty() && marked.unmarked.is_empty(), "{name}: {marked:?}");
    }
}

#[test]
fn inline_patches_of_a_kustomization_are_marked_line_by_line() {
    let text = "resources: [a.yaml]
patches:
- target: {kind: Deployment}
  patch: |-
    # größer
    - op: replace
      path: /spec/template/spec/containers/0/resources/limits/memory
      value: 1Gi
- patch: |
      kind: Deployment
      spec:
        template:
          spec:
            containers:
            - name: a
              resources:
                requests:
                  cpu: '1'
- patch: '{resources: {limits: {cpu: 3}}}'
";
    let marked = marked(&[("kustomization.yaml", text)]);
    assert_eq!(seen(&marked), ["8 1Gi -", "18 1 -"]);
    assert_eq!(marked.marks[0].site.path.to_string(), "patches[0].patch[0].value");
    let after = text_of(&marked, "kustomization.yaml");
    assert!(after.contains("      value: 1000000003Ki\n"), "{after}");
    assert!(after.contains("                  cpu: '1000003m'\n"), "{after}");
    let codes: Vec<_> =
        marked.unmarked.iter().map(|(site, problem)| (site.line, problem.code.as_str())).collect();
    assert_eq!(codes, [(19, "E-SRC-019")]);
}

#[test]
fn all_other_bytes_stay_and_no_quantity_stands_twice() {
    let text = "# ä\r\nresources:\r\n  limits: {cpu: '1000003m', memory: 1000000003Ki}   # keep\r\n";
    let marked = marked(&[("a.yaml", text), ("b.yaml", text)]);
    let after = text_of(&marked, "b.yaml");
    assert_eq!(after, text.replace("1000003m", "1000005m").replace("1000000003Ki", "1000000005Ki"));
    let mut quantities: Vec<_> = marked.marks.iter().map(|mark| mark.quantity.as_str()).collect();
    quantities.sort_unstable();
    quantities.dedup();
    assert_eq!(quantities.len(), 4);
    assert!(!quantities.contains(&"1000003m"), "it stood in the file before");
}

#[test]
fn what_cannot_be_read_stays_as_it_is_and_is_told() {
    let template = "resources:\n{{- if .Values.x }}\n  limits: {cpu: 1}\n{{- end }}\n";
    let marked = marked(&[("t.yaml", template), ("notes.txt", "resources: {limits: {cpu: 1}}\n")]);
    assert_eq!(text_of(&marked, "t.yaml"), template);
    assert_eq!(marked.marks, vec![]);
    assert_eq!(marked.unread.len(), 1);
    assert_eq!(marked.unread[0].code, "E-SRC-004");
}

#[test]
fn one_value_that_feeds_several_containers_is_seen_at_each() {
    let text = "apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  template:
    spec:
      containers:
      - name: a
        resources: &r
          requests: {cpu: 1}
      - name: b
        resources: *r
";
    let marked = marked(&[("db.yaml", text)]);
    let back = read_back(&marked.files[&path("db.yaml")], &KnownMarks::of([&marked.index()])).expect("text");
    let seen: Vec<_> = back.arrivals.iter().map(|a| (a.container.as_str(), a.from.clone())).collect();
    assert_eq!(seen, [("a", Origin::Mark(0)), ("b", Origin::Mark(0))]);
    assert_eq!(marked.marks[0].refusal.as_ref().map(|problem| problem.code.as_str()), Some("E-SRC-009"));
}

#[test]
fn a_patch_that_several_targets_share_is_marked_once_and_not_edited() {
    let text = "patches:
- &p
  patch: |-
    resources: {limits: {cpu: 1}}
- *p
- *p
";
    let marked = marked(&[("kustomization.yaml", text)]);
    assert_eq!(seen(&marked), ["4 1 E-SRC-009"]);
}
