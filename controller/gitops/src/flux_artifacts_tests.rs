//! Tests of artifacts: annotations of OCI artifacts, and copy rules read backwards.

use serde_json::json;

use super::*;
use crate::sources_fixture::{flux_facts, namespace, object, resolve_one, short};

fn from(kind: &str, name: &str, path: &str) -> ClusterFacts {
    let mut facts = flux_facts();
    facts.kustomizations[0].source = (kind.to_owned(), namespace("flux-system"), name.to_owned());
    path.clone_into(&mut facts.kustomizations[0].path);
    facts
}

#[test]
fn an_artifact_of_a_registry_leads_to_the_repository_that_it_was_pushed_from() {
    let source = "https://git.example/acme/gitops";
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let cases = [
        (
            json!({"org.opencontainers.image.source": source, "org.opencontainers.image.revision": format!("main@sha1:{commit}")}),
            Ok("gitops@main deploy kustomize"),
        ),
        (
            json!({"org.opencontainers.image.source": source, "org.opencontainers.image.revision": format!("refs/heads/env/prod@sha1:{commit}")}),
            Ok("gitops@env/prod deploy kustomize"),
        ),
        (
            json!({"org.opencontainers.image.source": source, "org.opencontainers.image.revision": format!("main/{commit}")}),
            Ok("gitops@main deploy kustomize"),
        ),
        (
            json!({"org.opencontainers.image.source": source, "org.opencontainers.image.revision": commit}),
            Ok("gitops deploy kustomize"),
        ),
        (json!({"org.opencontainers.image.source": source}), Ok("gitops deploy kustomize")),
        (
            json!({"org.opencontainers.image.source": source, "org.opencontainers.image.revision": format!("v1.2.3@sha1:{commit}")}),
            Err(codes::SOURCE_PINNED),
        ),
        (
            json!({"org.opencontainers.image.source": "https://other.example/acme/gitops"}),
            Err(codes::REPOSITORY_UNKNOWN),
        ),
        (json!({}), Err(codes::ARTIFACT)),
    ];
    for (metadata, expected) in cases {
        let mut facts = from("OCIRepository", "deploy", "./deploy");
        let mut oci = object(
            GitOpsKind::OciRepository,
            "flux-system",
            "deploy",
            json!({"url": "oci://registry.example/x"}),
        );
        oci.status = json!({"artifact": {"metadata": metadata}});
        facts.gitops_objects = vec![oci];
        let found = resolve_one(&facts, &[]);
        match (found, expected) {
            (Ok(sources), Ok(expected)) => {
                assert_eq!(short(&sources), [expected]);
                assert!(sources.notes.iter().any(|note| note.contains("root of the repository")));
            }
            (Err(problem), Err(code)) => assert_eq!(problem.code, code, "{metadata}"),
            (found, expected) => panic!("{metadata}: {found:?} is not {expected:?}"),
        }
    }
    let unseen = resolve_one(&from("OCIRepository", "deploy", ""), &[]).unwrap_err();
    assert_eq!(unseen.code, codes::ARTIFACT);
}

/// The objects of Flux's own example of a repository (`fluxcd/flux2-kustomize-helm-example`).
fn generated(path: &str, copy: Value) -> ClusterFacts {
    let mut facts = from("ExternalArtifact", "apps", path);
    facts.gitops_objects = vec![
        object(
            GitOpsKind::ExternalArtifact,
            "flux-system",
            "apps",
            json!({"sourceRef": {
            "apiVersion": "source.extensions.fluxcd.io/v1beta1", "kind": "ArtifactGenerator", "name": "generator"}}),
        ),
        object(
            GitOpsKind::ArtifactGenerator,
            "flux-system",
            "generator",
            json!({
            "sources": [{"alias": "monorepo", "kind": "GitRepository", "name": "gitops"},
                {"alias": "other", "kind": "Bucket", "name": "b"}, {"alias": "loop", "kind": "ExternalArtifact", "name": "apps"}],
            "artifacts": [{"name": "other", "copy": []}, {"name": "apps", "copy": copy}]}),
        ),
    ];
    facts
}

#[test]
fn copy_rules_are_read_backwards() {
    let rule = |from: &str, to: &str| json!({"from": from, "to": to});
    let example = json!([
        rule("@monorepo/apps/base/**", "@artifact/base/"),
        rule("@monorepo/apps/production/**", "@artifact/production/")
    ]);
    let whole = json!([rule("@monorepo/**", "@artifact/")]);
    let deep = json!([rule("@monorepo/deploy/prod/**", "@artifact/")]);
    let renamed =
        json!([rule("@monorepo/a/x/**", "@artifact/one/"), rule("@monorepo/b/y/**", "@artifact/two/")]);
    let later = json!([rule("@other/x/**", "@artifact/"), rule("@monorepo/apps/**", "@artifact/apps/")]);
    let cases = [
        (&example, "./production", Ok("apps/production")),
        (&example, "production/web", Ok("apps/production/web")),
        (&example, "./", Ok("apps")),
        (&whole, "clusters/prod", Ok("clusters/prod")),
        (&deep, "./", Ok("deploy/prod")),
        (&deep, "web", Ok("deploy/prod/web")),
        (&renamed, "two", Ok("b/y")),
        (&renamed, "./", Err((codes::ARTIFACT, "no rule"))),
        (&later, "apps/web", Ok("apps/web")),
        (&later, "infra", Err((codes::SOURCE_KIND, "Bucket"))),
        (&example, "staging", Err((codes::ARTIFACT, "no rule copies a folder to staging"))),
    ];
    for (copy, path, expected) in cases {
        match (resolve_one(&generated(path, copy.clone()), &[]), expected) {
            (Ok(sources), Ok(entry)) => assert_eq!(sources.first().entry.as_str(), entry, "{copy} {path}"),
            (Err(problem), Err((code, why))) => {
                assert_eq!(problem.code, code, "{copy} {path}: {problem}");
                assert!(problem.text.contains(why), "{problem}");
            }
            (found, expected) => panic!("{copy} {path}: {found:?} is not {expected:?}"),
        }
    }
}

#[test]
fn rules_that_pick_files_and_artifacts_that_go_round_are_refused() {
    for from in [
        "@monorepo/apps/**/*.yaml",
        "@monorepo/a*/**",
        "@monorepo/apps/web.yaml",
        "monorepo/apps/**",
        "@monorepo/../x/**",
    ] {
        let copy = json!([{"from": from, "to": "@artifact/"}]);
        let problem = resolve_one(&generated("./", copy), &[]).unwrap_err();
        assert_eq!(problem.code, codes::ARTIFACT, "{from}");
    }
    let round = json!([{"from": "@loop/**", "to": "@artifact/"}]);
    assert!(resolve_one(&generated("./", round), &[]).unwrap_err().text.contains("artifacts of artifacts"));
    let unnamed = json!([{"from": "@nobody/**", "to": "@artifact/"}]);
    assert!(
        resolve_one(&generated("./", unnamed), &[]).unwrap_err().text.contains("no source is called nobody")
    );
}

#[test]
fn a_generator_is_found_by_the_name_of_its_artifact_too() {
    let mut facts = generated("./web", json!([{"from": "@monorepo/apps/**", "to": "@artifact/"}]));
    facts.gitops_objects.remove(0);
    assert_eq!(resolve_one(&facts, &[]).unwrap().first().entry.as_str(), "apps/web");
    facts.gitops_objects.clear();
    let problem = resolve_one(&facts, &[]).unwrap_err();
    assert!(problem.help.contains("artifactgenerators"), "{problem}");
}
