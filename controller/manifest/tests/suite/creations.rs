//! Keys that are created in every layout that files have: exact bytes, the way back, and what is refused.

use kubeopt_manifest::{create, create_texts, edit, uncreate};
use kubeopt_model::{Amount, EditSite, FieldEdit, MilliCores};

use crate::{path, site};

/// The container that most cases are about.
const POD: &str = "spec.containers[0].resources";

/// Creates and checks all that holds for every creation: again is refused, and the way back gives every byte.
fn created(text: &str, wanted: &[(&str, &str)]) -> Result<String, (String, String)> {
    created_in(1, text, wanted)
}

fn created_in(document: usize, text: &str, wanted: &[(&str, &str)]) -> Result<String, (String, String)> {
    let file = path("apps/in.yaml");
    let texts: Vec<(EditSite, String)> =
        wanted.iter().map(|(place, text)| (site(&file, document, place, ""), (*text).to_owned())).collect();
    let created =
        create_texts(&file, text.as_bytes(), &texts).map_err(|problem| (problem.code, problem.text))?;
    let back = uncreate(&file, &created.bytes, &created.insertions).expect("undone");
    assert_eq!(String::from_utf8_lossy(&back), text, "the way back");
    let again = create_texts(&file, &created.bytes, &texts).expect_err("it is there");
    assert_eq!(again.code, "E-SRC-029", "{again}");
    for (site, (_, wanted)) in created.sites.iter().zip(&texts) {
        let shown = String::from_utf8_lossy(&created.bytes);
        let line = shown.split('\n').nth(site.line - 1).unwrap_or_default();
        assert!(line.contains(wanted.as_str()), "line {} is `{line}`", site.line);
    }
    Ok(String::from_utf8(created.bytes).expect("text"))
}

/// `requests.cpu` below `POD`.
fn pod(field: &str) -> String {
    format!("{POD}.{field}")
}

/// Text before, fields and their texts, text after.
type Case = (&'static str, &'static [(&'static str, &'static str)], &'static str);

fn check(cases: &[Case]) {
    for (text, wanted, expected) in cases {
        let wanted: Vec<(String, &str)> = wanted.iter().map(|(field, text)| (pod(field), *text)).collect();
        let wanted: Vec<(&str, &str)> = wanted.iter().map(|(place, text)| (place.as_str(), *text)).collect();
        let seen = created(text, &wanted);
        assert_eq!(
            seen,
            Ok((*expected).to_owned()),
            "\n--- before\n{text}--- after\n{}",
            seen.clone().unwrap_or_default()
        );
    }
}

const ALL: &[(&str, &str)] =
    &[("limits.memory", "1Gi"), ("requests.memory", "512Mi"), ("requests.cpu", "250m"), ("limits.cpu", "2")];
const CPU: &[(&str, &str)] = &[("requests.cpu", "250m")];

#[test]
fn an_absent_key_goes_behind_its_siblings_in_the_indentation_of_the_list() {
    check(&[
        (
            "spec:\n  containers:\n  - name: a\n    image: b\n  - name: c\n",
            ALL,
            "spec:\n  containers:\n  - name: a\n    image: b\n    resources:\n      requests:\n        cpu: 250m\n        memory: 512Mi\n      limits:\n        cpu: 2\n        memory: 1Gi\n  - name: c\n",
        ),
        (
            "spec:\n    containers:\n        -   name: a\n            args:\n                - x\n    z: 1\n",
            CPU,
            "spec:\n    containers:\n        -   name: a\n            args:\n                - x\n            resources:\n                requests:\n                    cpu: 250m\n    z: 1\n",
        ),
        (
            "spec:\n  containers:\n  - name: a # c\n\n    # about nothing\n\nz: 1\n",
            CPU,
            "spec:\n  containers:\n  - name: a # c\n    resources:\n      requests:\n        cpu: 250m\n\n    # about nothing\n\nz: 1\n",
        ),
        (
            "spec:\n  containers:\n  - name: a\n    command:\n    - |\n      x\n      # the last line of the script\n\n  - name: b\n",
            CPU,
            "spec:\n  containers:\n  - name: a\n    command:\n    - |\n      x\n      # the last line of the script\n    resources:\n      requests:\n        cpu: 250m\n\n  - name: b\n",
        ),
        (
            "spec:\n  containers:\n  - command: |+\n      x\n\n  - name: b\n",
            CPU,
            "spec:\n  containers:\n  - command: |+\n      x\n\n    resources:\n      requests:\n        cpu: 250m\n  - name: b\n",
        ),
        (
            "spec:\n  containers:\n  - image: \"a\\\n      b\"\n    name: one\n      two # x",
            CPU,
            "spec:\n  containers:\n  - image: \"a\\\n      b\"\n    name: one\n      two # x\n    resources:\n      requests:\n        cpu: 250m",
        ),
        (
            "spec:\n  containers:\n  - name: \"日本: '\"\n    ü: {a: 'ä'} # ö\n",
            CPU,
            "spec:\n  containers:\n  - name: \"日本: '\"\n    ü: {a: 'ä'} # ö\n    resources:\n      requests:\n        cpu: 250m\n",
        ),
    ]);
}

#[test]
fn an_empty_key_is_filled_where_it_stands_and_comments_stay() {
    check(&[
        (
            "spec:\n  containers:\n  - resources: {}\n    name: a\n",
            CPU,
            "spec:\n  containers:\n  - resources:\n      requests:\n        cpu: 250m\n    name: a\n",
        ),
        (
            "spec:\n  containers:\n  - name: a\n    resources: {} # none yet\n    # requests:\n    #   cpu: 100m\n",
            CPU,
            "spec:\n  containers:\n  - name: a\n    resources: # none yet\n      requests:\n        cpu: 250m\n    # requests:\n    #   cpu: 100m\n",
        ),
        (
            "spec:\n  containers:\n  - name: a\n    resources:\n      {}\n      # We usually recommend not to specify default resources\n      #  cpu: 100m\n",
            ALL,
            "spec:\n  containers:\n  - name: a\n    resources:\n      requests:\n        cpu: 250m\n        memory: 512Mi\n      limits:\n        cpu: 2\n        memory: 1Gi\n      # We usually recommend not to specify default resources\n      #  cpu: 100m\n",
        ),
        (
            "spec:\n  containers:\n  - name: a\n    resources:\n        {} # x\n",
            ALL,
            "spec:\n  containers:\n  - name: a\n    resources:\n        requests: # x\n          cpu: 250m\n          memory: 512Mi\n        limits:\n          cpu: 2\n          memory: 1Gi\n",
        ),
        (
            "spec:\n  containers:\n  - name: a\n    resources:\n      # limits:\n      #   cpu: 100m\n\n  - name: b\n",
            CPU,
            "spec:\n  containers:\n  - name: a\n    resources:\n      requests:\n        cpu: 250m\n      # limits:\n      #   cpu: 100m\n\n  - name: b\n",
        ),
        (
            "spec:\n  containers:\n  - name: a\n    resources: null # x\n",
            CPU,
            "spec:\n  containers:\n  - name: a\n    resources: # x\n      requests:\n        cpu: 250m\n",
        ),
        (
            "spec:\n  containers:\n  - name: a\n    resources:\n      ~\n    b: 1\n",
            CPU,
            "spec:\n  containers:\n  - name: a\n    resources:\n      requests:\n        cpu: 250m\n    b: 1\n",
        ),
        (
            "spec:\n  containers:\n  - name: a\n    resources: # why\n    b: 1\n",
            CPU,
            "spec:\n  containers:\n  - name: a\n    resources: # why\n      requests:\n        cpu: 250m\n    b: 1\n",
        ),
        (
            "spec:\n  containers:\n  - name: a\n    resources:\n      requests:\n        cpu:   # later\n      limits: {}",
            ALL,
            "spec:\n  containers:\n  - name: a\n    resources:\n      requests:\n        cpu: 250m   # later\n        memory: 512Mi\n      limits:\n        cpu: 2\n        memory: 1Gi",
        ),
        (
            "spec:\n  containers:\n  - name: a\n    resources: &r {}\n",
            CPU,
            "spec:\n  containers:\n  - name: a\n    resources: &r\n      requests:\n        cpu: 250m\n",
        ),
    ]);
}

#[test]
fn cpu_stands_before_memory_and_the_bounds_as_the_neighbours_have_them() {
    check(&[
        (
            "spec:\n  containers:\n  - name: a\n    resources:\n      limits:\n        # why\n        memory: 1Gi\n",
            &[("limits.cpu", "1500m"), ("requests.memory", "1Gi"), ("requests.cpu", "5m")],
            "spec:\n  containers:\n  - name: a\n    resources:\n      requests:\n        cpu: 5m\n        memory: 1Gi\n      limits:\n        cpu: 1500m\n        # why\n        memory: 1Gi\n",
        ),
        (
            "spec:\n  containers:\n  - name: a\n    resources:\n      requests:\n        memory: '1Gi'\n  - resources: {limits: {cpu: 1}, requests: {cpu: 1}}\n",
            &[("limits.cpu", "1500m"), ("requests.cpu", "5m")],
            "spec:\n  containers:\n  - name: a\n    resources:\n      limits:\n        cpu: '1500m'\n      requests:\n        cpu: '5m'\n        memory: '1Gi'\n  - resources: {limits: {cpu: 1}, requests: {cpu: 1}}\n",
        ),
        (
            "spec:\n  containers:\n  - name: a\n    resources:\n      requests:\n        ephemeral-storage: 1Gi\n        cpu: \"1\"",
            &[("limits.memory", "1Gi"), ("requests.memory", "1Gi")],
            "spec:\n  containers:\n  - name: a\n    resources:\n      requests:\n        ephemeral-storage: 1Gi\n        cpu: \"1\"\n        memory: \"1Gi\"\n      limits:\n        memory: \"1Gi\"",
        ),
        (
            "spec:\n  containers:\n  - resources:\n      requests:\n        memory: 1Gi # m\n      claims: [{name: x}]\n    # end\n",
            CPU,
            "spec:\n  containers:\n  - resources:\n      requests:\n        cpu: 250m\n        memory: 1Gi # m\n      claims: [{name: x}]\n    # end\n",
        ),
    ]);
}

#[test]
fn braces_stay_braces_on_one_line_and_on_many() {
    check(&[
        (
            "spec: {containers: [{name: a}]}\n",
            ALL,
            "spec: {containers: [{name: a, resources: {requests: {cpu: 250m, memory: 512Mi}, limits: {cpu: 2, memory: 1Gi}}}]}\n",
        ),
        (
            "spec: {containers: [{name: a, resources: {}}]}\n",
            CPU,
            "spec: {containers: [{name: a, resources: {requests: {cpu: 250m}}}]}\n",
        ),
        (
            "spec: {containers: [{resources: , name: a}, {resources: ~}]}\n",
            CPU,
            "spec: {containers: [{resources: {requests: {cpu: 250m}} , name: a}, {resources: ~}]}\n",
        ),
        (
            "spec:\n  containers:\n  - name: a\n    resources: { limits: { memory: 1Gi } } # x\n",
            &[("limits.cpu", "1"), ("requests.cpu", "250m")],
            "spec:\n  containers:\n  - name: a\n    resources: { requests: { cpu: 250m }, limits: { cpu: 1, memory: 1Gi } } # x\n",
        ),
        (
            "spec:\n  containers:\n  - name: a\n    resources: {\n      requests: {memory: 1Gi}, # first\n      claims: [] # last\n    }\n",
            &[("limits.cpu", "1"), ("requests.cpu", "250m")],
            "spec:\n  containers:\n  - name: a\n    resources: {\n      requests: {cpu: 250m, memory: 1Gi}, # first\n      claims: [], # last\n      limits: {cpu: 1}\n    }\n",
        ),
        (
            "spec:\n  containers:\n  - name: a\n    resources: {\n      requests: {\n        cpu: 1,\n      },\n    }\n",
            &[("limits.cpu", "1"), ("requests.memory", "1Gi")],
            "spec:\n  containers:\n  - name: a\n    resources: {\n      requests: {\n        cpu: 1,\n        memory: 1Gi,\n      },\n      limits: {cpu: 1},\n    }\n",
        ),
        (
            "{\n  \"spec\": {\n    \"containers\": [\n      {\n        \"name\": \"a\"\n      }\n    ]\n  }\n}\n",
            CPU,
            "{\n  \"spec\": {\n    \"containers\": [\n      {\n        \"name\": \"a\",\n        \"resources\": {\"requests\": {\"cpu\": \"250m\"}}\n      }\n    ]\n  }\n}\n",
        ),
        (
            "spec: {containers: [{name: a, resources: { # none\n  }}]}\n",
            CPU,
            "spec: {containers: [{name: a, resources: {requests: {cpu: 250m} # none\n  }}]}\n",
        ),
    ]);
}

#[test]
fn line_ends_byte_order_marks_and_open_ends_stay() {
    check(&[
        (
            "\u{feff}spec:\r\n  containers:\r\n  - name: a\r\n  - name: b\r\n",
            CPU,
            "\u{feff}spec:\r\n  containers:\r\n  - name: a\r\n    resources:\r\n      requests:\r\n        cpu: 250m\r\n  - name: b\r\n",
        ),
        (
            "spec:\r\n  containers:\r\n  - name: a",
            CPU,
            "spec:\r\n  containers:\r\n  - name: a\r\n    resources:\r\n      requests:\r\n        cpu: 250m",
        ),
        (
            "spec:\n  containers:\n  - name: a\r\n    resources: {}\r\n    b: 1\n",
            CPU,
            "spec:\n  containers:\n  - name: a\r\n    resources:\r\n      requests:\r\n        cpu: 250m\r\n    b: 1\n",
        ),
        (
            "%YAML 1.2\n---\n# c\nspec:\n  containers:\n  - name: a\n...\n",
            CPU,
            "%YAML 1.2\n---\n# c\nspec:\n  containers:\n  - name: a\n    resources:\n      requests:\n        cpu: 250m\n...\n",
        ),
    ]);
}

#[test]
fn values_are_created_from_the_root_down() {
    for (text, wanted, expected) in [
        ("", "a.b", "a:\n  b: 1\n"),
        ("# values\n", "a.resources.limits.cpu", "# values\na:\n  resources:\n    limits:\n      cpu: 1\n"),
        ("# values", "a.b", "# values\na:\n  b: 1"),
        ("---\n# values\r\n", "a", "---\n# values\r\na: 1\n"),
        ("{}\n", "a.b", "a:\n  b: 1\n"),
        ("--- {}\n", "a.b", "---\na:\n  b: 1\n"),
        ("{}", "a.b", "a:\n  b: 1"),
        ("a: 1\n# end", "on.\"x", "a: 1\n\"on\":\n  \"\\\"x\": 1\n# end"),
        ("a:\n    b: 1\n", "a.c.d", "a:\n    b: 1\n    c:\n        d: 1\n"),
        ("a:\n- b\n-\n  c: 1\n", "a[1].d", "a:\n- b\n-\n  c: 1\n  d: 1\n"),
        ("a: [{b: 1}]\n", "a[0].c.d", "a: [{b: 1, c: {d: 1}}]\n"),
        ("a: [b: 1]\n", "z", "a: [b: 1]\nz: 1\n"),
        ("a: *x\n", "z", "E-SRC-005"),
    ] {
        let seen = created(text, &[(wanted, "1")]).unwrap_or_else(|(code, _)| code);
        assert_eq!(seen, expected, "{text}");
    }
}

#[test]
fn one_document_of_many_is_written_to() {
    let text = "a: 1\n---\n# second\nb: {}\n---\nc: 1\n";
    let seen = created_in(2, text, &[("b.x", "1"), ("d", "2")]);
    assert_eq!(seen, Ok("a: 1\n---\n# second\nb:\n  x: 1\nd: 2\n---\nc: 1\n".to_owned()));
    let pods: String = (0..35).map(|at| format!("---\nname: same\nspec: # {at}\n  x: 1\n")).collect();
    let seen = created_in(20, &pods, &[("spec.w", "2")]).expect("created");
    assert_eq!(seen, pods.replace("# 19\n  x: 1\n", "# 19\n  x: 1\n  w: 2\n"));
}

#[test]
fn text_within_a_block_is_written_to_in_its_indentation() {
    for (text, expected) in [
        (
            "helm:\n  values: |\n    a:\n        b: 1\n    # end\n  z: 1\n",
            "helm:\n  values: |\n    a:\n        b: 1\n        resources:\n            requests:\n                cpu: 250m\n    # end\n  z: 1\n",
        ),
        (
            "helm:\r\n  values: |-\r\n\r\n     a: {}\r\n",
            "helm:\r\n  values: |-\r\n\r\n     a:\r\n       resources:\r\n         requests:\r\n           cpu: 250m\r\n",
        ),
        (
            "helm:\n  values: |\n    b: ü\n    a: {resources: {requests: {memory: 1}}}",
            "helm:\n  values: |\n    b: ü\n    a: {resources: {requests: {cpu: 250m, memory: 1}}}",
        ),
        (
            "helm:\n  values: |\n    a:\n      resources:\n        requests:\n          memory: '1'\n",
            "helm:\n  values: |\n    a:\n      resources:\n        requests:\n          cpu: '250m'\n          memory: '1'\n",
        ),
    ] {
        assert_eq!(
            created(text, &[("helm.values.a.resources.requests.cpu", "250m")]),
            Ok(expected.to_owned())
        );
    }
}

#[test]
fn keys_that_end_at_one_byte_are_nested_as_they_should() {
    let wanted = [("v.z.b", "1"), ("v.a.r.m", "2"), ("v.a.q", "3"), ("v.a.r.c.d", "4")];
    let expected = |indent: &str| {
        let lines =
            ["a:", "  r:", "    c:", "      x: 1", "      d: 4", "    m: 2", "  q: 3", "z:", "  b: 1"];
        lines.map(|line| format!("{indent}{line}\n")).concat()
    };
    let before = "  a:\n    r:\n      c:\n        x: 1\n";
    assert_eq!(created(&format!("v:\n{before}"), &wanted), Ok(format!("v:\n{}", expected("  "))));
    assert_eq!(created(&format!("v: |\n{before}"), &wanted), Ok(format!("v: |\n{}", expected("  "))));
}

#[test]
fn what_must_not_be_written_to_is_refused_with_its_reason() {
    for (text, place, code, part) in [
        ("a: 1\n{{- if .x }}\nb: {}\n{{- end }}\n", "b.c", "E-SRC-004", "template"),
        ("r:\n  {{- toYaml .Values.r | nindent 2 }}\n", "r.c", "E-SRC-004", "template"),
        ("a: {{ .x }}\nb: {}\n", "b.c", "E-SRC-004", "template"),
        ("a: x{{ .x }}\nb: {}\n", "b.c", "E-SRC-004", "template"),
        ("a: 1\nsops:\n  mac: x\n", "b", "E-SRC-006", "SOPS"),
        ("# Code generated by x. DO NOT EDIT.\na: 1\n", "b", "E-SRC-007", "generated"),
        ("a: {}\nb: 1\nb: 2\n", "a.c", "E-SRC-008", "twice"),
        ("a: &x {b: 1}\nc: *x\n", "a.d", "E-SRC-009", "line 2"),
        ("a: &x {b: 1}\nc: *x\n", "c.d", "E-SRC-009", "line 2"),
        ("a: &x {r: {b: 1}}\nc:\n  <<: *x\n", "c.r.d", "E-SRC-010", "merge"),
        ("a: &x {r: {b: 1}}\nq: &y {s: 1}\nc:\n  <<: [*y, *x]\n", "c.r.d", "E-SRC-010", "merge"),
        (
            "kind: PersistentVolumeClaim\nspec: {resources: {}}\n",
            "spec.resources.requests.cpu",
            "E-SRC-012",
            "",
        ),
        ("a: 7\n", "a", "E-SRC-029", "`7`"),
        ("a: {b: 7}\n", "a", "E-SRC-029", "a list or mapping"),
        ("a: 7\n", "a.b", "E-SRC-030", "a value stands"),
        ("a: []\n", "a.b", "E-SRC-030", "different shapes"),
        ("a: []\n", "a[0].b", "E-SRC-030", "no such item"),
        ("a: [1]\n", "a[1].b", "E-SRC-030", "no such item"),
        ("a:\n- \n- 1\n", "a[0].b", "E-SRC-030", "item"),
        ("? a\n: 1\n", "b", "E-SRC-030", "form"),
        ("- &k a: 1\n", "[0].b", "E-SRC-030", "form"),
        ("{a}\n", "a.b", "E-SRC-030", "colon"),
        ("a: |\n  b: 1\n  ---\n  b: 2\n", "a.c", "E-SRC-030", "one document"),
        ("a: >\n  b: 1\n", "a.c", "E-SRC-030", "a value stands"),
        ("a: |\n  {{ x }}: 1\n", "a.c", "E-SRC-004", ""),
        ("---\n---\na: 1\n", "b", "E-SRC-030", "empty"),
    ] {
        match created(text, &[(place, "1")]) {
            Ok(seen) => panic!("{text} became {seen}"),
            Err((seen, reason)) => {
                assert_eq!(seen, code, "{text}: {reason}");
                assert!(reason.contains(part), "{text}: {reason}");
            }
        }
    }
}

#[test]
fn texts_that_are_no_quantities_and_sites_with_a_text_are_refused() {
    let file = path("a.yaml");
    for text in ["", "a b", "1\n", "1: 2", "#", &"1".repeat(65)] {
        let problem = create_texts(&file, b"a: {}\n", &[(site(&file, 1, "a.b", ""), text.to_owned())]);
        assert_eq!(problem.expect_err("refused").code, "E-SRC-013", "{text}");
    }
    let stale = create_texts(&file, b"a: {}\n", &[(site(&file, 1, "a.b", "7"), "1".to_owned())]);
    assert_eq!(stale.expect_err("refused").code, "E-SRC-014");
    let twice = [("a.b", "1"), ("a.b", "2")];
    assert_eq!(created("a: {}\n", &twice).expect_err("refused").0, "E-SRC-020");
    assert_eq!(created("a: {}\n", &[("a.b", "1"), ("a.b", "1")]), Ok("a:\n  b: 1\n".to_owned()));
    assert_eq!(created("", &[("a.b", "1"), ("a.b.c", "1")]).expect_err("refused").0, "E-SRC-030");
}

#[test]
fn a_created_amount_is_edited_and_undone_like_any_other() {
    let file = path("a.yaml");
    let text = "spec:\n  resources:\n    limits: {memory: 1Gi}\n";
    let wanted = site(&file, 1, "spec.resources.limits.cpu", "");
    let made = create_texts(&file, text.as_bytes(), &[(wanted, "250m".to_owned())]).expect("created");
    let after = Amount::Cpu(MilliCores(310));
    let edited =
        edit(&file, &made.bytes, &[FieldEdit { site: made.sites[0].clone(), after }]).expect("edited");
    assert_eq!(
        String::from_utf8_lossy(&edited),
        "spec:\n  resources:\n    limits: {cpu: 310m, memory: 1Gi}\n"
    );
    let problem = uncreate(&file, &edited, &made.insertions).expect_err("edited since");
    assert_eq!(problem.code, "E-SRC-014");
    let back = kubeopt_manifest::remove(&file, &made.bytes, &made.sites).expect("removed");
    assert_eq!(String::from_utf8_lossy(&back), text);
    let moved = format!("# a new head\n{}tail: 1\n", String::from_utf8_lossy(&made.bytes));
    let back = uncreate(&file, moved.as_bytes(), &made.insertions).expect("undone");
    assert_eq!(String::from_utf8_lossy(&back), format!("# a new head\n{text}tail: 1\n"));
}

#[test]
fn amounts_are_written_in_their_usual_notation() {
    let file = path("a.yaml");
    let creation = |place: &str, after| kubeopt_manifest::Creation { site: site(&file, 1, place, ""), after };
    let creations = [
        creation("resources.requests.memory", crate::amount("1184Mi")),
        creation("resources.requests.cpu", crate::amount("2000m")),
    ];
    let after = create(&file, b"resources:\n", &creations).expect("created");
    assert_eq!(
        String::from_utf8_lossy(&after),
        "resources:\n  requests:\n    cpu: 2000m\n    memory: 1184Mi\n"
    );
}
