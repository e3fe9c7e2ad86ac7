//! Tests of ApplicationSets: one set in, the releases of its Applications out.

use std::collections::BTreeMap;

use kubeopt_model::release::ValuesLayer;
use kubeopt_model::{Problem, Release, RepoPath};

use super::CHILDREN_MAX;
use crate::codes;
use crate::release::{AtHand, releases_at_hand};

const HERE: &str = "https://git.example/acme/shop";

/// Releases and problems of a set with these generators and this source's `helm`, in a repository with these files.
fn expanded(
    head: &str,
    generators: &str,
    helm: &str,
    files: &[(&str, &str)],
) -> (Vec<Release>, Vec<Problem>) {
    let name = if head.contains("goTemplate") { "{{ .name }}" } else { "{{name}}" };
    let yaml = format!(
        "apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {{name: fleet, namespace: argocd}}
spec:
  {head}
  generators: {generators}
  template:
    metadata: {{name: '{name}'}}
    spec:
      destination: {{namespace: shop}}
      source: {{repoURL: '{HERE}', path: charts/web, helm: {helm}}}
"
    );
    let files: BTreeMap<RepoPath, &str> =
        files.iter().map(|(path, text)| (RepoPath::new(path).unwrap(), *text)).collect();
    let at_hand = AtHand {
        is_here: &|url| url == HERE,
        paths: &|| files.keys().cloned().collect(),
        bytes: &|path| files.get(path).map(|text| text.as_bytes().to_vec()),
    };
    releases_at_hand(yaml.as_bytes(), at_hand)
}

/// `name: inline values` of each release.
fn shown(found: &[Release]) -> Vec<String> {
    let values = |release: &Release| match release.values.last() {
        Some(ValuesLayer::Inline(text)) => text.trim().to_owned(),
        Some(ValuesLayer::File { path, .. }) => path.clone(),
        Some(ValuesLayer::Elsewhere { .. }) | None => String::new(),
    };
    found.iter().map(|release| format!("{}: {}", release.name, values(release))).collect()
}

fn all(head: &str, generators: &str, helm: &str, files: &[(&str, &str)]) -> Vec<String> {
    let (found, problems) = expanded(head, generators, helm, files);
    assert_eq!(problems, []);
    assert!(found.iter().all(|release| {
        release.object.as_ref().is_some_and(|object| object.to_string() == "ApplicationSet argocd/fleet")
    }));
    shown(&found)
}

fn left(head: &str, generators: &str, helm: &str) -> String {
    let (found, problems) = expanded(head, generators, helm, &[]);
    assert_eq!(found, []);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems[0].code, codes::UNEXPANDED);
    problems[0].text.clone()
}

#[test]
fn every_element_of_a_list_is_an_application() {
    let list = "[{list: {elements: [{name: blue, cpu: 100m}, {name: green, cpu: 200m, values: {x: y}}]}}]";
    assert_eq!(all("", list, "{values: 'cpu: {{cpu}}'}", &[]), ["blue: cpu: 100m", "green: cpu: 200m"]);
    let list = "[{list: {elements: [{name: blue, of: {cpu: 2}}, {name: green, of: {cpu: 0.5}}]}}]";
    assert_eq!(
        all("goTemplate: true", list, "{valuesObject: {cpu: '{{ .of.cpu }}'}}", &[]),
        ["blue: {\"cpu\":\"2\"}", "green: {\"cpu\":\"0.5\"}"]
    );
    assert_eq!(all("", "[{list: {elements: []}}]", "{}", &[]), [""; 0]);
}

#[test]
fn a_matrix_makes_every_pair_and_its_second_generator_sees_the_first() {
    let matrix = "[{matrix: {generators: [{list: {elements: [{env: dev}, {env: prod}]}},
        {list: {elements: [{name: 'web-{{env}}'}, {name: 'api-{{env}}'}]}}]}}]";
    let found = all("", matrix, "{valueFiles: ['{{env}}.yaml']}", &[]);
    assert_eq!(
        found,
        ["web-dev: dev.yaml", "api-dev: dev.yaml", "web-prod: prod.yaml", "api-prod: prod.yaml"]
    );
}

#[test]
fn folders_and_files_of_the_repository_are_found() {
    let files = [
        ("apps/blue/values.yaml", ""),
        ("apps/blue/deep/x.yaml", ""),
        ("apps/green/values.yaml", ""),
        ("apps/skipped/values.yaml", ""),
        ("apps/.hidden/values.yaml", ""),
    ];
    let folders = format!(
        "{{git: {{repoURL: '{HERE}', revision: HEAD, values: {{tier: 'of-{{{{path.basename}}}}'}},
            directories: [{{path: apps/*}}, {{path: apps/skipped, exclude: true}}]}}}}"
    );
    let named = "{list: {elements: [{name: '{{path[1]}}'}]}}";
    let matrix = format!("[{{matrix: {{generators: [{folders}, {named}]}}}}]");
    let found = all("", &matrix, "{valueFiles: ['/{{path}}/values.yaml', '{{values.tier}}']}", &files);
    assert_eq!(found, ["blue: of-blue", "green: of-green"]);

    let files = [
        ("clusters/eu/config.yaml", "name: eu\nsizes: {cpu: 100m}\n"),
        ("clusters/us/config.yaml", "[{name: us-a, sizes: {cpu: 200m}}, {name: us-b, sizes: {cpu: 300m}}]"),
        ("clusters/config.yaml", "name: no\n"),
    ];
    let git = |path: &str| format!("[{{git: {{repoURL: '{HERE}', files: [{{path: '{path}'}}]}}}}]");
    let want = ["eu: cpu: 100m", "us-a: cpu: 200m", "us-b: cpu: 300m"];
    let found = all("", &git("clusters/*/config.yaml"), "{values: 'cpu: {{sizes.cpu}}'}", &files);
    assert_eq!(found, want);
    let helm = "{values: 'cpu: {{ .sizes.cpu }}'}";
    assert_eq!(all("goTemplate: true", &git("clusters/*/config.yaml"), helm, &files), want);
    let (found, problems) = expanded("", &git("clusters/*.yaml"), helm, &files);
    assert!(found.is_empty() && problems[0].text.contains("new globbing"), "{problems:?}");
}

#[test]
fn what_is_not_expanded_is_said() {
    let list = "[{list: {elements: [{name: blue, cpu: 100m}]}}]";
    for (head, generators, helm, why) in [
        ("", "[{clusters: {}}]", "{}", "`clusters` is not expanded"),
        ("", "[{merge: {generators: []}}]", "{}", "`merge` is not expanded"),
        (
            "",
            "[{git: {repoURL: 'https://git.example/acme/other', directories: [{path: '*'}]}}]",
            "{}",
            "another repository",
        ),
        ("", "[{list: {elements: [{name: 1}]}}]", "{}", "`name` of an element is no text"),
        ("", "[{list: {elementsYaml: '[]'}}]", "{}", "elementsYaml"),
        ("", "[{list: {elements: [], template: {metadata: {name: x}}}}]", "{}", "a template of its own"),
        ("", "[{matrix: {generators: [{list: {elements: []}}]}}]", "{}", "made of two"),
        ("", list, "{values: '{{memory}}'}", "`{{memory}}` of its template is not expanded"),
        ("goTemplate: true", list, "{values: '{{ .cpu | quote }}'}", "`{{ .cpu | quote }}` of its template"),
        ("templatePatch: 'x'", list, "{}", "`templatePatch` is not applied"),
    ] {
        let said = left(head, generators, helm);
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn a_set_of_plain_folders_has_nothing_to_expand() {
    let yaml = "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: fleet}\nspec: {generators: [{clusters: {}}], template: {metadata: {name: a}, spec: {source: {repoURL: r, path: p}}}}\n";
    assert_eq!(releases_at_hand(yaml.as_bytes(), AtHand::nothing()), (Vec::new(), Vec::new()));
}

#[test]
fn a_set_that_makes_very_many_is_cut_and_says_so() {
    let elements: Vec<String> = (0..30).map(|at| format!("{{a{at}: x, name: n{at}}}")).collect();
    let list = format!("{{list: {{elements: [{}]}}}}", elements.join(", "));
    let matrix = format!("[{{matrix: {{generators: [{list}, {list}]}}}}]");
    assert!(left("", &matrix, "{}").contains("more than 500 Applications"));
    let elements: Vec<String> = (0..CHILDREN_MAX + 7).map(|at| format!("{{name: n{at}}}")).collect();
    let list = format!("[{{list: {{elements: [{}]}}}}]", elements.join(", "));
    let (found, problems) = expanded("", &list, "{}", &[]);
    assert_eq!(found.len(), CHILDREN_MAX);
    assert!(problems[0].text.contains("it makes 507 Applications"), "{problems:?}");
}

#[test]
fn files_beside_a_source_override_what_an_application_says() {
    let list = "[{list: {elements: [{name: blue}, {name: green}]}}]";
    let files = [
        ("charts/web/.argocd-source.yaml", "helm: {values: 'cpu: 1'}"),
        ("charts/web/.argocd-source-green.yaml", "helm: {values: 'cpu: 2'}"),
    ];
    assert_eq!(all("", list, "{values: 'cpu: 3'}", &files), ["blue: cpu: 1", "green: cpu: 2"]);
}
