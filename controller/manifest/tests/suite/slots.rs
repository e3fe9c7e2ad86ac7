//! Where a request or limit could be created, and that a creation at every such place succeeds.

use kubeopt_manifest::{FileRole, Slot, create_texts, slots, slots_at};
use kubeopt_model::{EditSite, FileSet, Problem};

use crate::{field_path, path};

fn found(name: &str, text: &str, role: FileRole) -> Vec<Slot> {
    let files = FileSet::from([(path(name), text.as_bytes().to_vec())]);
    let found = slots(&files, &|_| role).open;
    check(name, text, &found);
    found
}

/// Every slot takes a value, one by one and all at once.
fn check(name: &str, text: &str, found: &[Slot]) {
    let marks: Vec<(EditSite, String)> =
        found.iter().enumerate().map(|(at, slot)| (slot.site.clone(), format!("{}m", at + 1))).collect();
    for one in &marks {
        let made = create_texts(&path(name), text.as_bytes(), std::slice::from_ref(one));
        assert!(
            made.is_ok(),
            "{}: {}",
            one.0.path,
            made.map_or_else(|problem| problem.to_string(), |_| String::new())
        );
    }
    if !marks.is_empty() {
        create_texts(&path(name), text.as_bytes(), &marks).expect("all at once");
    }
}

/// `line document path`, the four fields of one map as one where all are free.
fn shown(found: &[Slot]) -> Vec<String> {
    let one = |slot: &Slot| format!("{} {} {}", slot.site.line, slot.site.document, slot.site.path);
    let mut lines: Vec<String> = Vec::new();
    for four in found.chunk_by(|a, b| map_of(a) == map_of(b)) {
        match four {
            [first, _, _, _] => {
                lines.push(format!("{} {} {}", first.site.line, first.site.document, map_of(first)))
            }
            some => lines.extend(some.iter().map(one)),
        }
    }
    lines
}

fn map_of(slot: &Slot) -> String {
    let text = slot.site.path.to_string();
    text.strip_suffix(&format!(".{}", slot.field)).expect("the field ends the path").to_owned()
}

#[test]
fn every_container_offers_the_fields_that_it_does_not_set() {
    let text = "apiVersion: apps/v1
kind: Deployment
metadata: {name: a}
spec:
  template:
    spec:
      initContainers:
      - name: i
        resources: {limits: {cpu: 1}}
      containers:
      - name: a
        resources:
          {}
          # cpu: 1
      - name: b
        resources:
          requests: {cpu: ~, memory: }
      - name: c
        resources: {requests: {cpu: 1, memory: 1}, limits: {cpu: 1, memory: 1}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: x}
data: {resources: ''}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: c}
spec: {jobTemplate: {spec: {template: {spec: {containers: [{name: d}]}}}}}
";
    assert_eq!(
        shown(&found("a.yaml", text, FileRole::Manifest)),
        [
            "9 1 spec.template.spec.initContainers[0].resources.requests.cpu",
            "9 1 spec.template.spec.initContainers[0].resources.requests.memory",
            "9 1 spec.template.spec.initContainers[0].resources.limits.memory",
            "12 1 spec.template.spec.containers[0].resources",
            "16 1 spec.template.spec.containers[1].resources.limits.cpu",
            "17 1 spec.template.spec.containers[1].resources.requests.memory",
            "16 1 spec.template.spec.containers[1].resources.limits.memory",
            "29 3 spec.jobTemplate.spec.template.spec.containers[0].resources",
        ]
    );
    assert_eq!(found("a.yaml", text, FileRole::Template), []);
    assert_eq!(found(".github/a.yaml", text, FileRole::Manifest), []);
    assert_eq!(found("a.yaml", &format!("# DO NOT EDIT\n{text}"), FileRole::Manifest), []);
}

#[test]
fn shared_and_deleted_containers_offer_nothing() {
    let pod = |container: &str| {
        format!(
            "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {{name: a}}\nspec: {{template: {{spec: {{{container}}}}}}}\n"
        )
    };
    for container in [
        "containers: [&a {name: a}], initContainers: [*a]",
        "containers: &c [{name: a}], initContainers: *c",
        "containers: [{name: a, $patch: delete}]",
        "x: &r {resources: {requests: {cpu: 1}}}, containers: [{name: a, <<: *r}]",
    ] {
        let found = found("a.yaml", &pod(container), FileRole::Manifest);
        assert_eq!(shown(&found), Vec::<String>::new(), "{container}");
    }
}

#[test]
fn values_of_charts_offer_their_resources_maps() {
    let text = "resources: {}
api:
  resources:
    limits: {cpu: 1}
  adminResources:
  extraResources: []
  crdResources: {some: thing}
  list:
  - resources: ~
sidecar: {RESOURCES: {claims: []}}
resourcesPreset: small
";
    assert_eq!(
        shown(&found("values.yaml", text, FileRole::Values)),
        [
            "1 1 resources",
            "3 1 api.resources.requests.cpu",
            "3 1 api.resources.requests.memory",
            "4 1 api.resources.limits.memory",
            "5 1 api.adminResources",
            "9 1 api.list[0].resources",
            "10 1 sidecar.RESOURCES",
        ]
    );
    assert_eq!(found("values.yaml", text, FileRole::Manifest), [], "no values by themselves");
}

#[test]
fn releases_and_applications_offer_the_maps_of_their_values() {
    let release = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: r}\nspec:\n  install: {resources: {}}\n  values:\n    a: {resources: {}}\n";
    assert_eq!(shown(&found("r.yaml", release, FileRole::Manifest)), ["7 1 spec.values.a.resources"]);
    let application = "apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: r}
spec:
  source:
    helm:
      valuesObject: {resources: }
  sources:
  - helm:
      values: |
        # none
        a:
          resources: {}
        b: 1
  - helm:
      values: >
        resources: {}
";
    assert_eq!(
        shown(&found("r.yaml", application, FileRole::Manifest)),
        ["7 1 spec.source.helm.valuesObject.resources", "13 1 spec.sources[0].helm.values.a.resources"]
    );
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: v}\ndata:\n  values.yaml: |-\n    resources:\n  other: |\n    resources:\n";
    assert_eq!(shown(&found("m.yaml", map, FileRole::Manifest)), ["6 1 data.values.yaml.resources"]);
    let patches = "patches:\n- patch: |\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: a}\n    spec: {template: {spec: {containers: [{name: a}]}}}\n";
    assert_eq!(
        shown(&found("kustomization.yaml", patches, FileRole::Manifest)),
        ["6 1 patches[0].patch.spec.template.spec.containers[0].resources"]
    );
}

fn offered_at(text: &str, root: &str, offered: &[&str]) -> Result<Vec<String>, Problem> {
    let root = if root.is_empty() { kubeopt_model::FieldPath::default() } else { field_path(root) };
    let offered: Vec<Vec<String>> =
        offered.iter().map(|path| path.split('.').map(str::to_owned).collect()).collect();
    let found = slots_at(&path("v.yaml"), text.as_bytes(), 1, &root, &offered)?;
    check("v.yaml", text, &found);
    Ok(shown(&found))
}

#[test]
fn a_layer_takes_what_the_chart_offers_and_it_does_not_have() {
    for (text, root, expected) in [
        ("", "", vec!["1 1 a.resources", "1 1 resources"]),
        ("# none\n", "", vec!["1 1 a.resources", "1 1 resources"]),
        (
            "a:\n  b: 1\nresources: {requests: {cpu: 1, memory: 1}, limits: {cpu: 1, memory: 1}}\n",
            "",
            vec!["1 1 a.resources"],
        ),
        ("a: 1\n", "", vec!["1 1 resources"]),
        ("spec:\n  values:\n    a:\n", "spec.values", vec!["3 1 a.resources", "2 1 resources"]),
        ("spec:\n  chart: x\n", "spec.values", vec!["1 1 a.resources", "1 1 resources"]),
        (
            "spec:\n  values: |\n    x: 1\n    a: {}\n",
            "spec.values",
            vec!["4 1 a.resources", "3 1 resources"],
        ),
        ("spec:\n  values: >\n    x: 1\n", "spec.values", vec![]),
        ("x: &a {r: 1}\na: *a\n", "", vec!["1 1 resources"]),
    ] {
        let expected: Vec<String> = expected
            .iter()
            .map(|line| {
                if root.is_empty() { (*line).to_owned() } else { line.replace(" 1 ", &format!(" 1 {root}.")) }
            })
            .collect();
        assert_eq!(offered_at(text, root, &["a.resources", "resources"]), Ok(expected), "{text}");
    }
    assert_eq!(offered_at("{{ x }}\n", "", &["resources"]).expect_err("a template").code, "E-SRC-004");
}
