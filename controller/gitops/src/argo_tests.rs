//! Tests of Applications: each case is one Application and the sources that come of it.

use kubeopt_model::Source;
use kubeopt_model::release::ValuesLayer;
use serde_json::json;

use super::*;
use crate::sources_fixture::{
    by_application, by_kustomization, flux_facts, object, repository, resolve_one, short,
};

const GITOPS: &str = "https://git.example/acme/gitops";
const CHARTS: &str = "https://git.example/acme/charts.git";

fn facts(spec: Value, status: Value) -> ClusterFacts {
    let mut facts = flux_facts();
    facts.workloads[0].applied_by = Some(by_application("api"));
    let mut application = object(GitOpsKind::Application, "argocd", "api", spec);
    application.status = status;
    facts.gitops_objects = vec![application];
    facts
}

fn sources(spec: Value, status: Value) -> Sources {
    resolve_one(&facts(spec, status), &[]).unwrap()
}

fn first(source: Value, status: Value) -> Source {
    sources(json!({"source": source, "destination": {"namespace": "payments"}}), status).first().clone()
}

fn refused(source: Value) -> String {
    let problem = resolve_one(&facts(json!({"source": source}), json!({})), &[]).unwrap_err();
    assert!(!problem.help.is_empty());
    problem.code
}

#[test]
fn a_source_is_rendered_as_it_says_itself_else_as_argo_cd_found() {
    let at = |extra: Value| {
        let mut source = json!({"repoURL": GITOPS, "path": "apps/api", "targetRevision": "main"});
        source.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        source
    };
    let found = |kind: &str| json!({"sourceType": kind});
    let cases = [
        (at(json!({})), found("Kustomize"), RendererKind::Kustomize),
        (at(json!({})), found("Directory"), RendererKind::Plain),
        (at(json!({})), found("Helm"), RendererKind::Helm),
        (at(json!({"helm": {"values": "a: 1"}})), found("Directory"), RendererKind::Helm),
        (at(json!({"kustomize": {"namePrefix": "x-"}})), json!({}), RendererKind::Kustomize),
        (at(json!({"directory": {"recurse": true}})), found("Kustomize"), RendererKind::Plain),
    ];
    for (source, status, renderer) in cases {
        let made = first(source.clone(), status);
        assert_eq!(made.renderer, renderer, "{source}");
        assert_eq!((made.repository, made.branch.as_deref()), (repository("gitops"), Some("main")));
        assert_eq!(made.entry.as_str(), "apps/api");
        assert_eq!(made.release.is_some(), renderer == RendererKind::Helm);
    }
    // What nobody has said yet is left to the tree, with what each outcome needs.
    let open = first(at(json!({})), json!({}));
    assert!(open.release.is_some() && matches!(open.files, FilesBelow::Directory { recurse: false, .. }));
}

#[test]
fn a_directory_says_which_files_are_manifests() {
    let directory = json!({"recurse": true, "include": "*.yaml", "exclude": "config.yaml", "jsonnet": {}});
    let made = first(json!({"repoURL": GITOPS, "path": ".", "directory": directory}), json!({}));
    assert_eq!(
        made.files,
        FilesBelow::Directory {
            recurse: true,
            include: "*.yaml".to_owned(),
            exclude: "config.yaml".to_owned()
        }
    );
    assert!(made.entry.is_root());
}

#[test]
fn what_an_application_adds_to_a_kustomization_becomes_an_overlay() {
    let kustomize =
        json!({"namePrefix": "x-", "namespace": "other", "images": ["web:2"], "patches": [{"patch": "p"}]});
    let made = first(json!({"repoURL": GITOPS, "path": "apps", "kustomize": kustomize}), json!({}));
    let overlay: Value = serde_yaml::from_str(&made.overlay.unwrap()).unwrap();
    assert_eq!(
        overlay,
        json!({"namePrefix": "x-", "images": [{"name": "web", "newTag": "2"}], "patches": [{"patch": "p"}]})
    );
    assert_eq!(made.target_namespace.unwrap().as_str(), "other");
}

#[test]
fn what_is_not_rendered_or_followed_has_its_own_code() {
    let with = |key: &str, value: Value| {
        let mut source = json!({"repoURL": GITOPS, "path": "apps"});
        source[key] = value;
        source
    };
    for (source, code) in [
        (with("plugin", json!({"name": "avp"})), codes::SOURCE_PLUGIN),
        (with("directory", json!({"jsonnet": {"tlas": [{"name": "a"}]}})), codes::SOURCE_PLUGIN),
        (with("targetRevision", json!("v1.2.3")), codes::SOURCE_PINNED),
        (with("path", json!("../../etc")), codes::SOURCE_PATH),
        (with("repoURL", json!("https://user:hunter2@other.example/a/b")), codes::REPOSITORY_UNKNOWN),
        (json!({"path": "apps"}), codes::APPLICATION),
        (json!({"repoURL": GITOPS, "ref": "values"}), codes::APPLICATION),
        (Value::Null, codes::APPLICATION),
        (with("kustomize", json!({"patches": ["x".repeat(70_000)]})), codes::APPLICATION),
        (
            json!({"repoURL": "https://charts.example", "chart": "web", "helm": {"values": "a: 1"}}),
            codes::OBJECT_NOT_IN_GIT,
        ),
    ] {
        assert_eq!(
            refused(source.clone()),
            code,
            "{}",
            source.to_string().chars().take(200).collect::<String>()
        );
    }
    let found =
        facts(json!({"source": {"repoURL": GITOPS, "path": "apps"}}), json!({"sourceType": "Plugin"}));
    assert_eq!(resolve_one(&found, &[]).unwrap_err().code, codes::SOURCE_PLUGIN);
    let manifests = facts(
        json!({"source": {"repoURL": "oci://registry.example/apps", "path": "."}}),
        json!({"sourceType": "Kustomize"}),
    );
    assert_eq!(resolve_one(&manifests, &[]).unwrap_err().code, codes::ARTIFACT);
}

#[test]
fn revisions_that_no_pull_request_can_change_are_told_apart_from_branches() {
    for (revision, branch) in [
        ("", None),
        ("HEAD", None),
        ("main", Some("main")),
        ("env/prod", Some("env/prod")),
        ("release-1.2", Some("release-1.2")),
        ("1.2", Some("1.2")),
        ("v2", Some("v2")),
        ("deadbeef-fix", Some("deadbeef-fix")),
        ("feedface", Some("feedface")),
        ("refs/heads/1.2.3", Some("1.2.3")),
    ] {
        assert_eq!(branch_of(revision), Ok(branch.map(str::to_owned)), "{revision}");
    }
    let pinned = [
        "v1.2.3",
        "1.2.3",
        "1.2.3-rc.1",
        "v1.2.3+build",
        "1.*",
        "*",
        ">=1.0.0",
        "~1.2",
        "^1",
        "1.x",
        "1.2.x",
        "0123456789abcdef0123456789abcdef01234567",
        "0a1b2c3",
        "refs/tags/v1",
        "refs/pull/1/head",
    ];
    for revision in pinned {
        assert_eq!(branch_of(revision), Err(revision.to_owned()));
    }
}

#[test]
fn of_several_sources_the_last_wins_and_the_hydrators_dry_side_comes_before_all() {
    let several = json!({"source": {"repoURL": GITOPS, "path": "not/this"}, "sources": [
        {"repoURL": GITOPS, "path": "base"}, {"repoURL": CHARTS, "path": "web"},
        {"repoURL": GITOPS, "path": "top", "targetRevision": "v1.2.3"}, {"repoURL": GITOPS, "ref": "values"}]});
    let found = sources(several.clone(), json!({"sourceTypes": ["Directory", "Helm", "Kustomize", ""]}));
    assert_eq!(short(&found), ["charts web helm", "gitops base plain"]);
    assert!(found.notes[0].contains("pinned to v1.2.3"), "{:?}", found.notes);
    let mut hydrated = several;
    hydrated["sourceHydrator"] = json!({"drySource": {"repoURL": GITOPS, "path": "dry", "targetRevision": "main", "kustomize": {}},
        "syncSource": {"targetBranch": "env/prod", "path": "out"}});
    let found = sources(hydrated, json!({"sourceType": "Directory"}));
    assert_eq!(short(&found), ["gitops@main dry kustomize"]);
    assert!(found.notes[0].contains("never the rendered branch"));
}

#[test]
fn a_chart_in_git_is_a_release_with_what_lies_beside_it() {
    let helm = json!({"releaseName": "web", "valueFiles": ["prod.yaml", "$values/api.yaml", "$far/api.yaml"], "valuesObject": {"a": 1}});
    let found = sources(
        json!({"destination": {"namespace": "payments"}, "sources": [
            {"repoURL": GITOPS, "path": "charts/web", "targetRevision": "main", "helm": helm},
            {"repoURL": "git@git.example:acme/gitops.git", "targetRevision": "main", "ref": "values"},
            {"repoURL": CHARTS, "ref": "far"}]}),
        json!({}),
    );
    let release = found.first().release.clone().unwrap();
    assert_eq!(
        release.chart,
        ChartRef::Folder { origin: Origin::Here, path: RepoPath::new("charts/web").unwrap() }
    );
    let bases: Vec<_> = release
        .values
        .iter()
        .filter_map(
            |layer| if let ValuesLayer::File { base, .. } = layer { Some(base.clone()) } else { None },
        )
        .collect();
    let far = FileBase::Root(Origin::Url(CHARTS.to_owned()));
    assert_eq!(bases, [FileBase::Chart, FileBase::Root(Origin::Here), far]);
    assert_eq!((release.name.as_str(), release.namespace.unwrap().as_str()), ("web", "payments"));
    assert_eq!(release.object.unwrap().to_string(), "Application argocd/api");
}

#[test]
fn files_beside_a_source_override_it() {
    let helm = json!({"parameters": [{"name": "cpu", "value": "1"}], "values": "a: 1"});
    let facts = facts(
        json!({"source": {"repoURL": GITOPS, "path": "charts/web", "targetRevision": "main", "helm": helm}}),
        json!({}),
    );
    let source = resolve_one(&facts, &[]).unwrap().first().clone();
    let with = |files: &[(&str, &str)]| {
        let bytes = |path: &RepoPath| {
            let found = files.iter().find(|(name, _)| *name == path.as_str());
            found.map(|(_, text)| text.as_bytes().to_vec())
        };
        with_overrides(&source, std::slice::from_ref(&facts), &crate::sources_fixture::locate, &bytes)
    };
    assert_eq!(with(&[]), Ok(source.clone()));
    assert_eq!(
        with(&[("charts/web/.argocd-source-other.yaml", "helm: {releaseName: x}")]),
        Ok(source.clone())
    );
    let all =
        ("charts/web/.argocd-source.yaml", "helm: {parameters: [{name: cpu, value: '2'}], releaseName: all}");
    let own =
        ("charts/web/.argocd-source-api.yaml", "helm: {releaseName: own}\nkustomize: {images: [web:2]}");
    let made = with(&[all, own]).unwrap();
    let release = made.release.clone().unwrap();
    let parameters: Vec<&str> = release.parameters.iter().map(|parameter| parameter.value.as_str()).collect();
    assert_eq!((release.name.as_str(), parameters), ("own", vec!["2"]));
    assert_eq!(release.values, [ValuesLayer::Inline("a: 1".to_owned())]);
    assert_eq!(Source { release: source.release.clone(), ..made }, source, "all else stays");

    let problem = with(&[("charts/web/.argocd-source.yaml", "[")]).unwrap_err();
    assert_eq!(problem.code, codes::APPLICATION);
    assert_eq!(problem.place.unwrap().file, "charts/web/.argocd-source.yaml");
}

#[test]
fn another_branch_of_the_same_repository_is_not_here() {
    let found = sources(
        json!({"sources": [
            {"repoURL": GITOPS, "path": "charts/web", "targetRevision": "main", "helm": {"valueFiles": ["$values/api.yaml"]}},
            {"repoURL": "git@git.example:acme/gitops.git", "targetRevision": "env/prod", "ref": "values"}]}),
        json!({}),
    );
    let layer = &found.first().release.as_ref().unwrap().values[0];
    assert!(matches!(layer, ValuesLayer::File { base: FileBase::Root(Origin::Url(_)), .. }), "{layer:?}");
}

#[test]
fn a_published_chart_is_edited_in_the_files_that_another_source_lends() {
    let found = sources(
        json!({"sources": [
            {"repoURL": "https://charts.example", "chart": "web", "targetRevision": "1.2.3",
                "helm": {"valueFiles": ["$values/apps/base.yaml", "$values/apps/prod/api.yaml"]}},
            {"repoURL": GITOPS, "targetRevision": "main", "ref": "values"}]}),
        json!({}),
    );
    assert_eq!(short(&found), ["gitops@main apps/prod helm"]);
    let release = found.first().release.as_ref().unwrap();
    assert!(matches!(&release.chart, ChartRef::Published { name, .. } if name == "web"));
    let here =
        |layer: &ValuesLayer| matches!(layer, ValuesLayer::File { base: FileBase::Root(Origin::Here), .. });
    assert!(release.values.iter().all(here), "{release:?}");
}

fn inline() -> Value {
    json!({"source": {"repoURL": "https://charts.example", "chart": "web", "helm": {"valuesObject": {"a": 1}}}})
}

#[test]
fn a_published_chart_with_inline_values_is_edited_where_the_application_is_written() {
    let mut by_parent = facts(inline(), json!({}));
    by_parent.gitops_objects[0].applied_by = Some(by_application("root"));
    by_parent.gitops_objects.push(object(
        GitOpsKind::Application,
        "argocd",
        "root",
        json!({"source": {"repoURL": GITOPS, "path": "apps", "targetRevision": "main", "directory": {}}}),
    ));
    let found = resolve_one(&by_parent, &[]).unwrap();
    assert_eq!(short(&found), ["gitops@main apps plain"]);
    assert!(
        matches!(&found.first().known_from, KnownFrom::Applied(AppliedBy::ArgoApplication { name, .. }) if name.as_str() == "api")
    );

    let mut by_flux = facts(inline(), json!({}));
    by_flux.gitops_objects[0].applied_by = Some(by_kustomization("apps"));
    assert_eq!(
        short(&resolve_one(&by_flux, &[]).unwrap()),
        ["gitops@main apps/payments/overlays/prod kustomize"]
    );
}

#[test]
fn what_an_application_set_makes_is_edited_in_the_set() {
    let made = |spec: Value| {
        let mut facts = facts(spec, json!({}));
        facts.gitops_objects[0].owners = vec![("ApplicationSet".to_owned(), "fleet".to_owned())];
        facts.gitops_objects[0].applied_by = Some(by_kustomization("apps"));
        resolve_one(&facts, &[])
    };
    let problem = made(inline()).unwrap_err();
    assert_eq!(problem.code, codes::SOURCE_GENERATED);
    assert!(problem.help.contains("ApplicationSet fleet"), "{problem}");
    let chart = json!({"source": {"repoURL": GITOPS, "path": "charts/web", "helm": {"values": "a: 1"}}});
    let found = made(chart).unwrap();
    assert_eq!(
        (found.first().release.as_ref().unwrap().object.as_ref(), found.described_in.as_ref()),
        (None, None)
    );
    assert!(found.notes[0].contains("template or generator"), "{:?}", found.notes);
}

#[test]
fn what_an_application_set_makes_is_written_where_the_set_is() {
    let made = |spec: Value| {
        let mut facts = facts(spec, json!({}));
        facts.gitops_objects[0].owners = vec![("ApplicationSet".to_owned(), "fleet".to_owned())];
        // Whoever claims the child itself does not count.
        facts.gitops_objects[0].applied_by = Some(by_application("other"));
        let mut set = object(GitOpsKind::ApplicationSet, "argocd", "fleet", json!({}));
        set.applied_by = Some(by_kustomization("apps"));
        facts.gitops_objects.push(set);
        resolve_one(&facts, &[]).unwrap()
    };
    assert_eq!(short(&made(inline())), ["gitops@main apps/payments/overlays/prod kustomize"]);
    let chart = json!({"source": {"repoURL": GITOPS, "path": "charts/web", "helm": {"values": "a: 1"}}});
    let found = made(chart);
    assert_eq!(short(&found), ["gitops charts/web helm"]);
    assert_eq!(found.described_in.unwrap().entry.as_str(), "apps/payments/overlays/prod");
}

#[test]
fn the_way_to_an_applications_own_manifest_ends_even_where_it_applies_itself() {
    let spec = json!({"source": {"repoURL": GITOPS, "path": "charts/web", "helm": {"values": "a: 1"}}});
    let mut itself = facts(spec.clone(), json!({}));
    itself.gitops_objects[0].applied_by = Some(by_application("api"));
    let found = resolve_one(&itself, &[]).unwrap();
    assert_eq!(found.described_in.unwrap().entry.as_str(), "charts/web");
    let mut round = facts(inline(), json!({}));
    round.gitops_objects[0].applied_by = Some(by_application("api"));
    assert_eq!(resolve_one(&round, &[]).unwrap_err().code, codes::OBJECT_NOT_IN_GIT);
    let mut by_flux = facts(spec, json!({}));
    by_flux.gitops_objects[0].applied_by = Some(by_kustomization("apps"));
    let found = resolve_one(&by_flux, &[]).unwrap();
    assert_eq!(found.described_in.unwrap().entry.as_str(), "apps/payments/overlays/prod");
}
