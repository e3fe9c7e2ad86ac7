//! Tests of the check of references: what may be rendered and what may not.

use super::*;

fn files(files: &[(&str, &str)]) -> FileSet {
    files.iter().map(|(path, text)| (RepoPath::new(path).unwrap(), text.as_bytes().to_vec())).collect()
}

/// Checks an overlay at `o` beside a base at `b` and a file at the root.
fn check_overlay(kustomization: &str) -> Result<Checked, String> {
    let tree = files(&[
        ("o/kustomization.yaml", kustomization),
        ("o/x.yaml", "x: 1"),
        ("o/plugin.yaml", "kind: PatchTransformer\npath: x.yaml\n"),
        ("o/url.yaml", "kind: PatchTransformer\npath: \"https:\\u002f/evil.example\"\n"),
        ("o/plugins/kustomization.yaml", "resources: [url.yaml]"),
        ("o/plugins/url.yaml", "path: http://evil.example"),
        ("b/kustomization.yaml", "resources: [y.yaml]"),
        ("b/y.yaml", "y: 1"),
        ("r.yaml", "r: 1"),
        ("empty/notes.txt", ""),
    ]);
    check_files(&tree, "o").map_err(|problem| problem.code)
}

fn check_files(files: &FileSet, entry: &str) -> Result<Checked, Problem> {
    check(Tree { files, instead: &FileSet::new() }, &RepoPath::new(entry).unwrap())
}

#[test]
fn references_within_the_repository_are_followed() {
    let restrictor = |text| check_overlay(text).map(|checked| checked.restrictor);
    for text in [
        "resources: [x.yaml, ../b]",
        "bases: [../b]",
        "patches: [{path: x.yaml}, {patch: 'a: 1'}]",
        "patches: [x.yaml]",
        "patchesStrategicMerge: [x.yaml, \"kind: X\\nmetadata: {}\"]",
        "patchesJson6902: [{path: x.yaml, target: {kind: X}}]",
        "configMapGenerator: [{name: a, files: [x.yaml, k=x.yaml], envs: [x.yaml], literals: [u=https://ok.example]}]",
        "transformers: [plugin.yaml, \"kind: PatchTransformer\\npath: x.yaml\"]",
        "openapi: {path: x.yaml}",
        "",
    ] {
        assert_eq!(restrictor(text), Ok(Restrictor::RootOnly), "{text}");
    }
    for text in ["resources: [../r.yaml]", "configMapGenerator: [{files: [k=../r.yaml]}]"] {
        assert_eq!(restrictor(text), Ok(Restrictor::None), "{text}");
    }
}

#[test]
fn what_leads_out_of_the_repository_is_refused() {
    for text in [
        "resources: ['https://evil.example/x.yaml']",
        "resources: ['github.com/acme/base?ref=v1']",
        "resources: ['git@git.example:acme/base.git']",
        "resources: ['git::https://git.example/acme/base']",
        "resources: ['../../outside']",
        "resources: [/etc/passwd]",
        "components: ['https://evil.example/c']",
        "bases: ['ssh://git.example/a/b']",
        "crds: ['https://evil.example/crd.json']",
        "configMapGenerator: [{name: a, files: ['k=/var/run/secrets/token']}]",
        "secretGenerator: [{name: a, envs: ['../../etc/environment']}]",
        "patches: [{path: 'https://evil.example/p.yaml'}]",
        "replacements: [{path: /etc/passwd}]",
        "openapi: {path: 'https://evil.example'}",
        "a: &a {resources: ['https://evil.example/x.yaml']}\n<<: *a",
        "transformers: [url.yaml]",
        "transformers: ['{kind: X, path: https://evil.example}']",
        "generators: [plugins]",
        "patchesStrategicMerge: ['https://evil.example/a: b']",
        "patchesStrategicMerge: [\"a\\n/../../../../etc/passwd\"]",
        "transformers: ['{/../../../etc/passwd']",
        "transformers: [plugin.yaml]\nresources: [../r.yaml]",
    ] {
        assert_eq!(check_overlay(text), Err(codes::REMOTE_REFERENCE.to_owned()), "{text}");
    }
}

#[test]
fn what_is_not_there_or_not_readable_is_refused() {
    for text in [
        "resources: [!!binary aHR0cHM6Ly94]",
        "resources: [none.yaml]",
        "patches: [{path: none.yaml}]",
        "resources: [../empty]",
    ] {
        assert_eq!(check_overlay(text), Err(codes::REFERENCE_MISSING.to_owned()), "{text}");
    }
    for text in [
        "resources: [",
        "[]",
        "resources: [!include x.yaml]",
        "transformers: [\"path: !!binary aHR0cHM6Ly94\\n\"]",
        "helmCharts: [{name: x}]",
        "resources: [x.yaml]\nresources: [../b]",
        "transformers: [\"<<: {path: x}\\n\"]",
    ] {
        assert_eq!(check_overlay(text), Err(codes::KUSTOMIZATION_UNREADABLE.to_owned()), "{text}");
    }
    let two = files(&[("kustomization.yaml", ""), ("Kustomization", "")]);
    assert_eq!(check_files(&two, "").unwrap_err().code, codes::KUSTOMIZATION_UNREADABLE);
}

#[test]
fn kustomize_sees_exactly_what_was_checked() {
    let checked = check_overlay("a: &a [x.yaml]\nresources: *a # see\n").unwrap();
    let text = String::from_utf8(checked.rewritten[&RepoPath::new("o/kustomization.yaml").unwrap()].clone());
    assert_eq!(text.unwrap(), "a:\n- x.yaml\nresources:\n- x.yaml\n");
}

#[test]
fn only_what_is_referred_to_is_laid_out_unless_a_plugin_may_want_more() {
    let needed = |text| check_overlay(text).unwrap().needed.into_iter().map(String::from).collect::<Vec<_>>();
    let want = ["b/kustomization.yaml", "b/y.yaml", "o/kustomization.yaml", "o/x.yaml"];
    assert_eq!(needed("resources: [../b]\npatches: [{path: x.yaml}]"), want);
    assert_eq!(needed("transformers: [plugin.yaml]").len(), 10);
}

#[test]
fn folders_that_refer_to_each_other_end() {
    let tree = files(&[
        ("a/kustomization.yaml", "resources: [../b]"),
        ("b/kustomization.yaml", "resources: [../a]"),
    ]);
    assert!(check_files(&tree, "a").is_ok());
}
