//! Tests of Flux's objects: each case is one set of facts and what comes of it.

use kubeopt_model::cluster::GitOpsKind;
use serde_json::json;

use super::*;
use crate::sources_fixture::{
    by_application, by_kustomization, flux_facts, name, namespace, object, repository, resolve_one, short,
};

#[test]
fn labels_lead_to_repository_branch_and_folder() {
    let sources = resolve_one(&flux_facts(), &[]).unwrap();
    let source = sources.first();
    assert_eq!(source.repository, repository("gitops"));
    assert_eq!(source.branch.as_deref(), Some("main"));
    assert_eq!(source.entry.as_str(), "apps/payments/overlays/prod");
    assert_eq!(source.target_namespace, Some(namespace("payments")));
    assert_eq!(source.overlay.as_deref(), Some("patches: []\n"));
}

#[test]
fn the_root_is_an_entry_point_however_it_is_written() {
    for path in ["", "./", ".", "/"] {
        let mut facts = flux_facts();
        path.clone_into(&mut facts.kustomizations[0].path);
        assert!(resolve_one(&facts, &[]).unwrap().first().entry.is_root(), "{path}");
    }
}

#[test]
fn without_a_reference_flux_follows_master() {
    let mut facts = flux_facts();
    facts.git_repositories[0].reference = GitReference::Default;
    assert_eq!(resolve_one(&facts, &[]).unwrap().first().branch.as_deref(), Some("master"));
}

#[test]
fn each_break_of_the_chain_has_its_own_code_and_help() {
    type Break = fn(&mut ClusterFacts);
    let cases: [(&str, Break); 8] = [
        (codes::SOURCE_PINNED, |f| {
            f.git_repositories[0].reference = GitReference::Pinned("tag v1".to_owned())
        }),
        (codes::SOURCE_HELM, |f| {
            f.workloads[0].applied_by =
                Some(AppliedBy::FluxHelmRelease { namespace: namespace("apps"), name: name("api") });
        }),
        (codes::KUSTOMIZATION_MISSING, |f| f.kustomizations.clear()),
        (codes::GIT_REPOSITORY_MISSING, |f| f.git_repositories.clear()),
        (codes::SOURCE_KIND, |f| f.kustomizations[0].source.0 = "Bucket".to_owned()),
        (codes::REPOSITORY_UNKNOWN, |f| {
            f.git_repositories[0].url = "https://user:hunter2@other.example/acme/gitops".to_owned();
        }),
        (codes::SOURCE_PATH, |f| f.kustomizations[0].path = "../../etc".to_owned()),
        (codes::NOT_BOUND, |f| f.workloads[0].id.namespace = namespace("kube-system")),
    ];
    for (code, break_it) in cases {
        let mut facts = flux_facts();
        break_it(&mut facts);
        let problem = resolve_one(&facts, &[]).unwrap_err();
        assert_eq!(problem.code, code);
        assert!(!problem.help.is_empty() && !problem.to_string().contains("hunter2"), "{problem}");
    }
}

#[test]
fn variables_suspension_and_failure_are_noted() {
    let mut facts = flux_facts();
    let source = resolve_one(&facts, &[]).unwrap();
    assert!(source.notes.is_empty() && source_notes(&facts, source.first()).is_empty());
    facts.kustomizations[0].substitutes = true;
    facts.kustomizations[0].suspended = true;
    facts.kustomizations[0].not_ready = Some("build failed".to_owned());
    let notes = resolve_one(&facts, &[]).unwrap().notes;
    assert!(
        notes[0].contains("postBuild")
            && notes[1].contains("suspended")
            && notes[2].ends_with("build failed")
    );
    assert_eq!(source_notes(&facts, source.first()), notes);
}

fn released(applied_by: Option<AppliedBy>) -> ClusterFacts {
    let mut facts = flux_facts();
    facts.workloads[0].applied_by =
        Some(AppliedBy::FluxHelmRelease { namespace: namespace("payments"), name: name("api") });
    let mut release = object(GitOpsKind::HelmRelease, "payments", "api", json!({"values": {}}));
    release.applied_by = applied_by;
    facts.gitops_objects = vec![release];
    facts
}

#[test]
fn a_helm_release_is_followed_to_the_folder_that_holds_its_manifest() {
    let sources = resolve_one(&released(Some(by_kustomization("apps"))), &[]).unwrap();
    assert_eq!(short(&sources), ["gitops@main apps/payments/overlays/prod kustomize"]);
    assert!(matches!(
        &sources.first().known_from,
        KnownFrom::Applied(AppliedBy::FluxHelmRelease { name, .. }) if name.as_str() == "api"
    ));
    assert_eq!(sources.first().release, None);

    let mut by_argo = released(Some(by_application("apps")));
    by_argo.gitops_objects.push(object(
        GitOpsKind::Application,
        "argocd",
        "apps",
        json!({"source": {"repoURL": "https://git.example/acme/gitops", "path": "releases", "directory": {"recurse": true}}}),
    ));
    let sources = resolve_one(&by_argo, &[]).unwrap();
    assert_eq!(short(&sources), ["gitops releases plain"]);
}

#[test]
fn a_helm_release_that_is_not_in_git_says_why() {
    let outer = AppliedBy::FluxHelmRelease { namespace: namespace("payments"), name: name("umbrella") };
    for (applied_by, why) in [(None, "no label"), (Some(outer), "HelmRelease payments/umbrella made it")] {
        let problem = resolve_one(&released(applied_by), &[]).unwrap_err();
        assert_eq!(problem.code, codes::OBJECT_NOT_IN_GIT);
        assert!(problem.text.contains(why), "{problem}");
    }
}
