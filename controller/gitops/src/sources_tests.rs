//! Tests of the order of what tells a source, and of what bindings allow.

use kubeopt_model::source::RendererKind;
use kubeopt_model::{ClusterName, RepoPath, WorkloadKind};

use super::*;
use crate::sources_fixture::{
    binding, by_application, by_kustomization, flux_facts, locate, namespace, repository, resolve_one,
    workload,
};

fn mapping(namespaces: &[&str], path: &str) -> SourceMapping {
    SourceMapping {
        cluster: ClusterName::new("prod").unwrap(),
        namespaces: namespaces.iter().map(|text| namespace(text)).collect(),
        repository: repository("gitops"),
        branch: None,
        path: RepoPath::new(path).unwrap(),
        renderer: RendererKind::Plain,
    }
}

fn applied(applied_by: Option<AppliedBy>) -> ClusterFacts {
    let mut facts = flux_facts();
    facts.workloads[0].applied_by = applied_by;
    facts
}

#[test]
fn a_mapping_explains_what_no_controller_does_and_the_named_namespace_wins() {
    let facts = applied(None);
    let mappings = [mapping(&[], "all"), mapping(&["legacy"], "legacy"), mapping(&["payments"], "payments")];
    let sources = resolve_one(&facts, &mappings).unwrap();
    assert_eq!(sources.first().entry.as_str(), "payments");
    assert_eq!(sources.first().known_from, KnownFrom::Configured);
    assert_eq!(resolve_one(&facts, &mappings[..2]).unwrap().first().entry.as_str(), "all");
    let problem = resolve_one(&facts, &mappings[1..2]).unwrap_err();
    assert_eq!(problem.code, codes::SOURCE_UNKNOWN);
    assert!(problem.help.contains("namespaces: [payments]"), "{problem}");
}

#[test]
fn a_mapping_explains_an_application_that_lives_elsewhere_and_what_an_operator_made() {
    let made = AppliedBy::Object { kind: "Prometheus".to_owned(), name: "k8s".to_owned() };
    for (applied_by, code) in
        [(by_application("elsewhere"), codes::APPLICATION_MISSING), (made, codes::MADE_BY_OBJECT)]
    {
        let facts = applied(Some(applied_by));
        assert_eq!(resolve_one(&facts, &[mapping(&[], "all")]).unwrap().first().entry.as_str(), "all");
        let problem = resolve_one(&facts, &[]).unwrap_err();
        assert_eq!(problem.code, code);
        assert!(!problem.help.is_empty());
    }
    // What Flux says is not overruled.
    let missing = applied(Some(by_kustomization("gone")));
    assert_eq!(resolve_one(&missing, &[mapping(&[], "all")]).unwrap_err().code, codes::KUSTOMIZATION_MISSING);
}

#[test]
fn owned_workloads_are_left_to_their_owners() {
    let mut facts = flux_facts();
    let mut job = workload(Some(by_kustomization("apps")));
    job.id.kind = WorkloadKind::Job;
    job.owner = Some(facts.workloads[0].id.clone());
    facts.workloads.push(job);
    assert_eq!(resolve_sources(&facts, &[binding("gitops", &[])], &[], &locate).len(), 1);
}

#[test]
fn without_a_binding_a_source_is_shown_and_not_edited() {
    let facts = flux_facts();
    let shown = find_sources(&facts, &[], &[], &locate).remove(0).1.unwrap();
    assert_eq!(shown.first().entry.as_str(), "apps/payments/overlays/prod");
    let refused = resolve_sources(&facts, &[], &[], &locate).remove(0).1.unwrap_err();
    assert_eq!(refused.code, codes::NOT_BOUND);
}

#[test]
fn of_several_sources_those_that_no_binding_allows_are_left_out_and_told() {
    let facts = flux_facts();
    let id = facts.workloads[0].id.clone();
    let own = find_sources(&facts, &[], &[], &locate).remove(0).1.unwrap();
    let mut other = own.first().clone();
    other.repository = repository("platform");
    let both = |candidates: Vec<Source>| Sources {
        candidates,
        described_in: Some(other.clone()),
        notes: Vec::new(),
    };
    let bindings = [binding("gitops", &[])];
    let higher = allowed(&id, both(vec![other.clone(), own.first().clone()]), &bindings).unwrap();
    assert_eq!((higher.candidates.len(), higher.described_in, higher.notes.len()), (1, None, 1));
    let lower = allowed(&id, both(vec![own.first().clone(), other.clone()]), &bindings).unwrap();
    assert_eq!((lower.candidates.len(), lower.notes.len()), (1, 0));
    assert_eq!(allowed(&id, both(vec![other.clone()]), &bindings).unwrap_err().code, codes::NOT_BOUND);
}
