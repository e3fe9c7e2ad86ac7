//! Objects of a cluster and a commit of Git together: what a live Application comes from, traced to its line.
//!
//! The repository is one of Git, so that it holds what a folder cannot.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use kubeopt_gitops::store::{GitStore, Location, Remote};
use kubeopt_gitops::{Snapshot, Sources, resolve_sources};
use kubeopt_model::cluster::{GitOpsKind, GitOpsObject};
use kubeopt_model::workload::AppliedBy;
use kubeopt_model::{
    Binding, ClusterFacts, ClusterName, EditSite, ForgeName, Namespace, ObjectName, RepositoryId, Source,
    TracedField, Workload, WorkloadId, WorkloadKind,
};
use kubeopt_runtime::Tools;
use kubeopt_runtime::tracing::{Charts, Locate, Origins, RepositoryTrace, trace_repository};
use kubeopt_tests::{OrFail, servers_enabled};
use serde_json::{Value, json};

use super::scenario::{Scenario, renderer};

/// What every Application of the scenarios says.
const SHOP: &str = "https://git.example/shop.git";

/// A commit that is in no repository.
const ELSEWHERE: &str = "0123456789abcdef0123456789abcdef01234567";

struct Known;

impl Locate for Known {
    fn locate(&self, url: &str) -> Option<RepositoryId> {
        (url == SHOP).then(shop)
    }
}

fn shop() -> RepositoryId {
    let forge = ForgeName::new("local").expect("a name");
    RepositoryId { forge, owner: "acme".to_owned(), name: "shop".to_owned() }
}

fn namespace(text: &str) -> Namespace {
    Namespace::new(text).expect("a namespace")
}

fn name(text: &str) -> ObjectName {
    ObjectName::new(text).expect("a name")
}

fn by(application: &str) -> AppliedBy {
    AppliedBy::ArgoApplication { namespace: namespace("argocd"), name: name(application) }
}

fn object(kind: GitOpsKind, text: &str, spec: Value, applied_by: Option<AppliedBy>) -> GitOpsObject {
    let (namespace, name) = (namespace("argocd"), name(text));
    GitOpsObject { kind, namespace, name, applied_by, owners: Vec::new(), spec, status: Value::Null }
}

/// An Application of all manifests in a folder.
fn of_folder(path: &str) -> Value {
    json!({"source": {"repoURL": SHOP, "path": path, "targetRevision": "main", "directory": {}}})
}

/// A cluster with these objects, and one Deployment.
fn cluster(objects: Vec<GitOpsObject>, place: &str, deployment: &str, application: &str) -> ClusterFacts {
    let cluster = ClusterName::new("prod").expect("a name");
    let id = WorkloadId {
        cluster: cluster.clone(),
        namespace: namespace(place),
        kind: WorkloadKind::Deployment,
        name: name(deployment),
    };
    let workload = Workload {
        id,
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        replicas: 1,
        containers: Vec::new(),
        scaler: None,
        applied_by: Some(by(application)),
        owner: None,
        vpa: None,
    };
    ClusterFacts { gitops_objects: objects, workloads: vec![workload], ..ClusterFacts::empty(cluster) }
}

/// The `spec` that a file of a folder writes.
fn spec(folder: &Path, file: &str) -> Value {
    let text = std::fs::read_to_string(folder.join(file)).or_fail("read a manifest");
    let manifest: Value = serde_yaml::from_str(&text).or_fail("read YAML");
    manifest["spec"].clone()
}

fn git(folder: &Path, arguments: &[&str]) {
    let identity = ["-c", "user.name=test", "-c", "user.email=test@example.com"];
    let mut command = Command::new("git");
    command.current_dir(folder).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    let status = command.args(identity).args(arguments).status().or_fail("run git");
    assert!(status.success(), "git {arguments:?}");
}

/// All files of a folder as one commit, with submodules at these paths.
async fn committed(folder: &Path, modules: &[&str]) -> Snapshot {
    git(folder, &["init", "-q", "-b", "main"]);
    git(folder, &["add", "-A"]);
    for module in modules {
        git(folder, &["update-index", "--add", "--cacheinfo", &format!("160000,{ELSEWHERE},{module}")]);
    }
    git(folder, &["commit", "-q", "-m", "all"]);
    let cache = kubeopt_tests::folder("cache");
    let store = GitStore::open(cache.path()).or_fail("open a cache");
    let remote = Remote { id: shop(), location: Location::Local(folder.to_owned()) };
    store.fetch(&remote, Some("main")).await.or_fail("read the commit")
}

/// Where the Deployment comes from, and the trace of all of that.
async fn traced(facts: ClusterFacts, snapshot: Snapshot) -> (Sources, RepositoryTrace) {
    let bound =
        Binding { clusters: Vec::new(), namespaces: Vec::new(), repository: shop(), paths: Vec::new() };
    let (_, found) = resolve_sources(&facts, &[bound], &[], &|url| Known.locate(url)).remove(0);
    let found = found.unwrap_or_else(|problem| panic!("{problem}"));
    let sources: Vec<&Source> = found.described_in.iter().chain(&found.candidates).collect();
    let (renderer, charts, facts) = (renderer().await, Charts::default(), [facts]);
    let origins = Origins { facts: &facts, locate: Some(&Known) };
    let tools = Tools { renderer: &renderer, charts: &charts, origins };
    let trace = trace_repository(snapshot, &sources, None, tools).await;
    (found, trace)
}

/// `cpu.request: FILE:LINE` or the code of the reason, for the fields of a Deployment.
fn lines(trace: &RepositoryTrace, source: &Source, deployment: &str) -> Vec<String> {
    let entry = trace.of(source).expect("the source is traced").as_ref();
    let entry = entry.unwrap_or_else(|problem| panic!("{problem}"));
    let of_it = entry.fields.iter().filter(|field| field.workload.name.as_str() == deployment);
    let line = |field: &TracedField| match &field.site {
        Ok(site) if EditSite::is_absent(site) => None,
        Ok(site) => Some(format!("{}: {site}", field.field.spoken())),
        Err(why) => {
            let place = why.place.as_ref().map_or_else(String::new, |place| format!(" at {place}"));
            Some(format!("{}: {}{place}", field.field.spoken(), why.code))
        }
    };
    of_it.filter_map(line).collect()
}

#[tokio::test]
async fn a_live_application_is_rendered_with_what_files_beside_its_chart_override() {
    if !servers_enabled() {
        return;
    }
    let folder = Scenario::named("argo-overrides").copy();
    let blue = spec(folder.path(), "apps/blue.yaml");
    let facts = cluster(vec![object(GitOpsKind::Application, "blue", blue, None)], "blue", "blue", "blue");
    let (found, trace) = traced(facts, committed(folder.path(), &[]).await).await;
    assert_eq!(found.first().entry.as_str(), "charts/podinfo");
    assert_eq!(
        lines(&trace, found.first(), "blue"),
        [
            "cpu.request: E-SRC-031 at charts/podinfo/.argocd-source-blue.yaml:7",
            "memory.request: charts/podinfo/values.yaml:9"
        ]
    );
}

#[tokio::test]
async fn what_an_application_set_made_is_traced_to_its_generator() {
    if !servers_enabled() {
        return;
    }
    let folder = Scenario::named("argo-application-set").copy();
    let helm = json!({"values": "resources: {requests: {cpu: 110m, memory: 32Mi}}"});
    let child = json!({"destination": {"namespace": "blue"},
        "source": {"repoURL": SHOP, "path": "charts/podinfo", "targetRevision": "main", "helm": helm}});
    let mut child = object(GitOpsKind::Application, "podinfo-blue", child, Some(by("elsewhere")));
    child.owners = vec![("ApplicationSet".to_owned(), "by-name".to_owned())];
    let objects = vec![
        object(GitOpsKind::Application, "root", of_folder("sets"), None),
        object(GitOpsKind::ApplicationSet, "by-name", json!({}), Some(by("root"))),
        child,
    ];
    let facts = cluster(objects, "blue", "podinfo-blue", "podinfo-blue");
    let (found, trace) = traced(facts, committed(folder.path(), &[]).await).await;
    let set = found.described_in.expect("the set is written in Git");
    assert_eq!(set.entry.as_str(), "sets");
    assert_eq!(
        lines(&trace, &set, "podinfo-blue"),
        ["cpu.request: sets/by-name.yaml:11", "memory.request: sets/by-name.yaml:32"]
    );
}

#[tokio::test]
async fn links_and_submodules_of_a_commit_are_no_charts_and_no_values() {
    if !servers_enabled() {
        return;
    }
    let folder = Scenario::named("argo-two-releases").copy();
    let chart = folder.path().join("charts/podinfo");
    symlink(chart.join("values.yaml"), chart.join("linked.yaml")).or_fail("make a link");
    let change = |file: &str, from: &str, to: &str| {
        let place = folder.path().join("apps").join(file);
        let text = std::fs::read_to_string(&place).or_fail("read a manifest");
        assert!(text.contains(from), "{text}");
        std::fs::write(&place, text.replace(from, to)).or_fail("write a manifest");
    };
    let good = std::fs::read(folder.path().join("apps/green.yaml")).or_fail("read a manifest");
    std::fs::write(folder.path().join("apps/yellow.yaml"), good).or_fail("write a manifest");
    change("yellow.yaml", "name: green", "name: yellow");
    change("yellow.yaml", "namespace: green", "namespace: yellow");
    change("blue.yaml", "valuesObject:", "valueFiles: [linked.yaml]\n      valuesObject:");
    change("green.yaml", "path: charts/podinfo", "path: modules/podinfo");
    let objects = vec![object(GitOpsKind::Application, "root", of_folder("apps"), None)];
    let facts = cluster(objects, "yellow", "podinfo", "root");
    let (found, trace) = traced(facts, committed(folder.path(), &["modules/podinfo"]).await).await;
    let entry = trace.of(found.first()).and_then(|entry| entry.as_ref().ok()).expect("the folder is traced");
    let said: Vec<String> =
        entry.unread.iter().map(|problem| format!("{} {}", problem.code, problem.text)).collect();
    assert_eq!(
        said,
        [
            "E-SRC-211 Application argocd/blue: Application argocd/blue names the file of values `linked.yaml`, which is not there",
            "E-SRC-210 Application argocd/green: there is no chart in folder `modules/podinfo` of this repository",
        ]
    );
    let places: Vec<&str> = entry
        .fields
        .iter()
        .filter_map(|field| field.workload.namespace.as_ref().map(Namespace::as_str))
        .collect();
    assert!(!places.is_empty() && places.iter().all(|place| *place == "yellow"), "{places:?}");
    assert_eq!(
        lines(&trace, found.first(), "podinfo"),
        ["cpu.request: apps/yellow.yaml:19", "memory.request: charts/podinfo/values.yaml:9"]
    );
}
