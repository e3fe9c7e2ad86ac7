//! What tests of sources share: one workload, one forge, one binding, and objects written as JSON.

use std::collections::BTreeMap;

use kubeopt_model::cluster::{FluxGitRepository, FluxKustomization, GitOpsKind, GitOpsObject, GitReference};
use kubeopt_model::workload::AppliedBy;
use kubeopt_model::{
    Binding, ClusterFacts, ClusterName, ForgeName, Namespace, ObjectName, Problem, RepositoryId,
    SourceMapping, Workload, WorkloadId, WorkloadKind,
};
use serde_json::Value;

use crate::sources::{Sources, resolve_sources};

pub(crate) fn namespace(text: &str) -> Namespace {
    Namespace::new(text).unwrap()
}

pub(crate) fn name(text: &str) -> ObjectName {
    ObjectName::new(text).unwrap()
}

pub(crate) fn repository(name: &str) -> RepositoryId {
    RepositoryId { forge: ForgeName::new("gitea").unwrap(), owner: "acme".to_owned(), name: name.to_owned() }
}

/// `payments/deploy/api`
pub(crate) fn workload(applied_by: Option<AppliedBy>) -> Workload {
    Workload {
        id: WorkloadId {
            cluster: ClusterName::new("prod").unwrap(),
            namespace: namespace("payments"),
            kind: WorkloadKind::Deployment,
            name: name("api"),
        },
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        replicas: 1,
        containers: Vec::new(),
        scaler: None,
        applied_by,
        owner: None,
        vpa: None,
    }
}

pub(crate) fn by_kustomization(text: &str) -> AppliedBy {
    AppliedBy::FluxKustomization { namespace: namespace("flux-system"), name: name(text) }
}

pub(crate) fn by_application(text: &str) -> AppliedBy {
    AppliedBy::ArgoApplication { namespace: namespace("argocd"), name: name(text) }
}

/// The workload, applied by Flux Kustomization `flux-system/apps` from GitRepository `gitops`.
pub(crate) fn flux_facts() -> ClusterFacts {
    let mut facts = ClusterFacts::empty(ClusterName::new("prod").unwrap());
    facts.workloads = vec![workload(Some(by_kustomization("apps")))];
    facts.kustomizations = vec![FluxKustomization {
        namespace: namespace("flux-system"),
        name: name("apps"),
        path: "./apps/payments/overlays/prod".to_owned(),
        source: ("GitRepository".to_owned(), namespace("flux-system"), "gitops".to_owned()),
        target_namespace: Some(namespace("payments")),
        suspended: false,
        overlay: Some("patches: []\n".to_owned()),
        substitutes: false,
        applied_revision: None,
        not_ready: None,
    }];
    facts.git_repositories = vec![FluxGitRepository {
        namespace: namespace("flux-system"),
        name: name("gitops"),
        url: "http://git.example/acme/gitops.git".to_owned(),
        reference: GitReference::Branch("main".to_owned()),
        revision: None,
    }];
    facts
}

pub(crate) fn object(kind: GitOpsKind, place: &str, text: &str, spec: Value) -> GitOpsObject {
    GitOpsObject {
        kind,
        namespace: namespace(place),
        name: name(text),
        applied_by: None,
        owners: Vec::new(),
        spec,
        status: Value::Null,
    }
}

/// Both repositories for the namespace of the workload, everywhere.
pub(crate) fn bindings() -> Vec<Binding> {
    ["gitops", "charts"].map(|name| binding(name, &[])).into()
}

pub(crate) fn binding(repository_name: &str, paths: &[&str]) -> Binding {
    Binding {
        clusters: Vec::new(),
        namespaces: vec![namespace("payments")],
        repository: repository(repository_name),
        paths: paths.iter().map(|&glob| glob.to_owned()).collect(),
    }
}

/// Every repository of `git.example` is configured.
pub(crate) fn locate(url: &str) -> Option<RepositoryId> {
    let url = crate::parse_git_url(url).filter(|url| url.host == "git.example")?;
    Some(RepositoryId { owner: url.owner, ..repository(&url.name) })
}

pub(crate) fn resolve_one(facts: &ClusterFacts, mappings: &[SourceMapping]) -> Result<Sources, Problem> {
    let mut sources = resolve_sources(facts, &bindings(), mappings, &locate);
    assert_eq!(sources.len(), 1);
    sources.remove(0).1
}

/// Sources as short texts: `repository@branch entry renderer`.
pub(crate) fn short(sources: &Sources) -> Vec<String> {
    let one = |source: &kubeopt_model::Source| {
        let branch = source.branch.as_deref().map_or(String::new(), |branch| format!("@{branch}"));
        format!("{}{branch} {} {}", source.repository.name, source.entry, source.renderer)
    };
    sources.candidates.iter().map(one).collect()
}
