//! Tests of source resolution: each case is one set of facts and what comes of it.

use std::collections::BTreeMap;

use kubeopt_model::{ClusterName, ForgeName, WorkloadKind};

use super::*;

fn namespace(text: &str) -> Namespace {
    Namespace::new(text).unwrap()
}

fn name(text: &str) -> ObjectName {
    ObjectName::new(text).unwrap()
}

fn repository() -> RepositoryId {
    RepositoryId {
        forge: ForgeName::new("gitea").unwrap(),
        owner: "acme".to_owned(),
        name: "gitops".to_owned(),
    }
}

fn workload(applied_by: Option<AppliedBy>) -> Workload {
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
    }
}

fn by_flux() -> Option<AppliedBy> {
    Some(AppliedBy::FluxKustomization { namespace: namespace("flux-system"), name: name("apps") })
}

fn flux_facts() -> ClusterFacts {
    let mut facts = ClusterFacts::empty(ClusterName::new("prod").unwrap());
    facts.workloads = vec![workload(by_flux())];
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

fn binding() -> Binding {
    Binding {
        clusters: Vec::new(),
        namespaces: vec![namespace("payments")],
        repository: repository(),
        paths: Vec::new(),
    }
}

fn locate(url: &str) -> Option<RepositoryId> {
    crate::parse_git_url(url).filter(|url| url.host == "git.example").map(|_| repository())
}

fn resolve_one(facts: &ClusterFacts, mappings: &[SourceMapping]) -> Result<Source, Problem> {
    let mut sources = resolve_sources(facts, &[binding()], mappings, &locate);
    assert_eq!(sources.len(), 1);
    sources.remove(0).1
}

#[test]
fn flux_labels_lead_to_repository_branch_and_folder() {
    let source = resolve_one(&flux_facts(), &[]).unwrap();
    assert_eq!(source.repository, repository());
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
        assert!(resolve_one(&facts, &[]).unwrap().entry.is_root(), "{path}");
    }
}

#[test]
fn without_a_reference_flux_follows_master() {
    let mut facts = flux_facts();
    facts.git_repositories[0].reference = GitReference::Default;
    assert_eq!(resolve_one(&facts, &[]).unwrap().branch.as_deref(), Some("master"));
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
        (codes::SOURCE_KIND, |f| f.kustomizations[0].source.0 = "OCIRepository".to_owned()),
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

fn mapping(namespaces: &[&str], path: &str) -> SourceMapping {
    SourceMapping {
        cluster: ClusterName::new("prod").unwrap(),
        namespaces: namespaces.iter().map(|text| namespace(text)).collect(),
        repository: repository(),
        branch: None,
        path: RepoPath::new(path).unwrap(),
        renderer: RendererKind::Plain,
    }
}

#[test]
fn a_mapping_explains_what_no_controller_does_and_the_named_namespace_wins() {
    let mut facts = flux_facts();
    facts.workloads[0].applied_by = None;
    let mappings = [mapping(&[], "all"), mapping(&["legacy"], "legacy"), mapping(&["payments"], "payments")];
    let source = resolve_one(&facts, &mappings).unwrap();
    assert_eq!(source.entry.as_str(), "payments");
    assert_eq!(source.known_from, KnownFrom::Configured);
    assert_eq!(resolve_one(&facts, &mappings[..2]).unwrap().entry.as_str(), "all");
    let problem = resolve_one(&facts, &mappings[1..2]).unwrap_err();
    assert_eq!(problem.code, codes::SOURCE_UNKNOWN);
    assert!(problem.help.contains("namespaces: [payments]"), "{problem}");
}

#[test]
fn owned_workloads_are_left_to_their_owners() {
    let mut facts = flux_facts();
    let mut job = workload(by_flux());
    job.id.kind = WorkloadKind::Job;
    job.owner = Some(facts.workloads[0].id.clone());
    facts.workloads.push(job);
    assert_eq!(resolve_sources(&facts, &[binding()], &[], &locate).len(), 1);
}

#[test]
fn variables_suspension_and_failure_are_noted() {
    let mut facts = flux_facts();
    let source = resolve_one(&facts, &[]).unwrap();
    assert!(source_notes(&facts, &source).is_empty());
    facts.kustomizations[0].substitutes = true;
    facts.kustomizations[0].suspended = true;
    facts.kustomizations[0].not_ready = Some("build failed".to_owned());
    let notes = source_notes(&facts, &source);
    assert!(
        notes[0].contains("postBuild")
            && notes[1].contains("suspended")
            && notes[2].ends_with("build failed")
    );
}
