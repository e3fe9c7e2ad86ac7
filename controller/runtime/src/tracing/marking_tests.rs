//! Which probes wait, and what is certain.

use super::*;

use crate::tracing::discover::kustomize_entry;

const BASE: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec:
  template:
    spec:
      containers:
        - name: main
          image: registry.example/api:1
          resources:
            requests:
              cpu: 500m
";

/// A patch on a workload of this name, which says something of another field.
fn patch(name: &str) -> String {
    BASE.replace("name: api", &format!("name: {name}"))
        .replace("          image: registry.example/api:1\n", "")
        .replace("cpu: 500m", "memory: 1Gi")
}

fn path(text: &str) -> RepoPath {
    RepoPath::new(text).expect("a path")
}

fn files(named: &[(&str, &str)]) -> FileSet {
    named.iter().map(|(name, text)| (path(name), text.as_bytes().to_vec())).collect()
}

fn marks(files: &FileSet) -> Marks {
    Marks::of(files, &|_| FileRole::Manifest)
}

/// Which probes are left out at first, and whether what arrives of the others is certain.
fn plan(files: &FileSet) -> (Vec<String>, bool) {
    let marks = marks(files);
    let reads: BTreeSet<RepoPath> = files.keys().cloned().collect();
    let plan = marks.plan(&kustomize_entry(path("prod")), &reads);
    let shown = |probe: &&Probe| format!("{} {}", probe.slot.site.file, probe.slot.field);
    (plan.covering.iter().map(shown).collect(), plan.is_certain)
}

const OVERLAY: &str = "resources: [../base]\npatches: [{path: patch.yaml}]\n";

#[test]
fn a_probe_in_a_patch_waits_where_another_file_sets_the_field() {
    let of = |name: &str| {
        plan(&files(&[
            ("base/api.yaml", BASE),
            ("prod/kustomization.yaml", OVERLAY),
            ("prod/patch.yaml", &patch(name)),
        ]))
    };
    let both = ["base/api.yaml requests.memory", "prod/patch.yaml requests.cpu"].map(str::to_owned).to_vec();
    assert_eq!(of("api"), (both.clone(), true));
    assert_eq!(of("prod-api"), (both, true), "a prefix may have been added in between");
    assert_eq!(of("worker"), (Vec::new(), true));
}

#[test]
fn nothing_is_certain_where_values_are_set_in_other_ways() {
    let patch = patch("api");
    let operation =
        "- {op: replace, path: /spec/template/spec/containers/0/resources/limits/cpu, value: \"1\"}\n";
    for (name, text, expected) in [
        ("prod/kustomization.yaml", OVERLAY, true),
        ("prod/kustomization.yaml", "patches: [{path: patch.yaml, target: {kind: Deployment}}]\n", false),
        ("prod/kustomization.yaml", "replacements: [{path: r.yaml}]\n", false),
        ("prod/more.yaml", operation, false),
        ("prod/more.yaml", "resources: {limits: {cpu: [\n", false),
        ("prod/more.yaml", "kind: ConfigMap\ndata: {a: b}\n", true),
    ] {
        let mut all = files(&[("base/api.yaml", BASE), ("prod/patch.yaml", &patch)]);
        all.extend(files(&[("prod/kustomization.yaml", OVERLAY)]));
        all.extend(files(&[(name, text)]));
        let (covering, is_certain) = plan(&all);
        assert_eq!(is_certain, expected, "{text}");
        assert!(expected || covering.is_empty(), "{text}");
    }
}

#[test]
fn plain_manifests_cover_nothing_and_charts_are_never_certain() {
    let all = files(&[("a/api.yaml", BASE), ("a/other.yaml", &patch("api"))]);
    let marks = marks(&all);
    let reads: BTreeSet<RepoPath> = all.keys().cloned().collect();
    for (renderer, expected) in [(RendererKind::Plain, true), (RendererKind::Helm, false)] {
        let entry = EntryPoint { renderer, ..kustomize_entry(path("a")) };
        let plan = marks.plan(&entry, &reads);
        assert_eq!((plan.covering.len(), plan.is_certain), (0, expected), "{renderer}");
    }
}

#[test]
fn what_is_left_out_is_in_no_file_and_the_rest_is() {
    let all = files(&[
        ("base/api.yaml", BASE),
        ("prod/kustomization.yaml", OVERLAY),
        ("prod/patch.yaml", &patch("api")),
    ]);
    let marks = marks(&all);
    let reads: BTreeSet<RepoPath> = all.keys().cloned().collect();
    let plan = marks.plan(&kustomize_entry(path("prod")), &reads);
    let without = marks.without(&plan.covering);
    let texts: Vec<String> =
        without.values().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect();
    let is_there = |probe: &Probe| texts.iter().any(|text| text.contains(&probe.mark.quantity));
    let (left_out, kept): (Vec<&Probe>, Vec<&Probe>) =
        marks.probes_of(&reads).partition(|probe| plan.covering.iter().any(|other| other.slot == probe.slot));
    assert_eq!((left_out.len(), kept.len()), (2, 4));
    assert!(left_out.iter().all(|probe| !is_there(probe)));
    assert!(kept.iter().all(|probe| is_there(probe)));
    // Marks of values are there as before.
    assert!(texts.iter().all(|text| !text.contains("500m") && !text.contains("1Gi")));
    let every_probe: Vec<&Probe> = marks.probes_of(&reads).collect();
    let bare = marks.without(&every_probe);
    assert_eq!(bare[&path("base/api.yaml")], marks.values[&path("base/api.yaml")]);
}
