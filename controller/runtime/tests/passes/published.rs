//! A chart that a server publishes, what the cluster says of its release, and a controller that may fetch it. Knows no test.
//!
//! The render child is this test binary, as for overlays.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;

use kubeopt_api::Config;
use kubeopt_gitops::render::{HelmBinary, Renderer};
use kubeopt_model::cluster::{FluxGitRepository, FluxKustomization, GitOpsKind, GitOpsObject, GitReference};
use kubeopt_model::workload::AppliedBy;
use kubeopt_model::{ClusterFacts, Namespace, ObjectName};
use kubeopt_runtime::PassReport;
use kubeopt_runtime::edges::Edges;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::apps::{API, App, WEB, quiet_millicores, recorded};
use crate::overlays::child;
use crate::world::World;

/// What the chart makes.
pub(crate) const POD: App = App { namespace: "podinfo", name: "podinfo", folder: "clusters/podinfo", ..API };

/// Where it is described.
pub(crate) const FILE: &str = "clusters/podinfo/release.yaml";

pub(crate) const RELEASE: &str = "apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata:
  name: podinfo
  namespace: podinfo
spec:
  interval: 10m
  chart:
    spec:
      chart: podinfo
      version: 6.x
      sourceRef: {kind: HelmRepository, name: podinfo, namespace: flux-system}
  values:
    replicas: 1
    resources:
      requests:
        cpu: 400m   # by hand
        memory: 512Mi
";

const DEPLOYMENT: &str = "apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
spec:
  replicas: {{ .Values.replicas }}
  selector:
    matchLabels: {app: podinfo}
  template:
    metadata:
      labels: {app: podinfo}
    spec:
      containers:
      - name: main
        image: example/podinfo:{{ .Chart.Version }}
        resources:
          {{- toYaml .Values.resources | nindent 10 }}
";

/// The archive of a version, as `helm package` makes it.
pub(crate) fn archive(version: &str) -> Vec<u8> {
    let chart = format!("apiVersion: v2\nname: podinfo\nversion: {version}\n");
    packed(&[
        ("podinfo/Chart.yaml", &chart),
        ("podinfo/values.yaml", "replicas: 1\nresources: {}\n"),
        ("podinfo/templates/deployment.yaml", DEPLOYMENT),
    ])
}

pub(crate) fn packed(files: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&builder.into_inner().unwrap()).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn digest_of(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

pub(crate) async fn answers(server: &MockServer, at: &str, answer: ResponseTemplate) {
    Mock::given(method("GET")).and(path(at)).respond_with(answer).mount(server).await;
}

/// From now on the server publishes these archives by version, and no others, with these digests.
pub(crate) async fn publish(server: &MockServer, archives: &BTreeMap<&str, (Vec<u8>, String)>) {
    server.reset().await;
    let mut index = "apiVersion: v1\nentries:\n  podinfo:\n".to_owned();
    for (version, (bytes, digest)) in archives {
        index.push_str(&format!(
            "  - {{version: {version}, urls: [podinfo-{version}.tgz], digest: {digest}}}\n"
        ));
        let archive = ResponseTemplate::new(200).set_body_bytes(bytes.clone());
        answers(server, &format!("/podinfo-{version}.tgz"), archive).await;
    }
    answers(server, "/index.yaml", ResponseTemplate::new(200).set_body_string(index)).await;
}

/// The versions with their true digests.
pub(crate) fn true_archives<'v>(versions: &[&'v str]) -> BTreeMap<&'v str, (Vec<u8>, String)> {
    let all = versions.iter().map(|version| (*version, archive(version)));
    all.map(|(version, bytes)| (version, (bytes.clone(), digest_of(&bytes)))).collect()
}

pub(crate) async fn asked(server: &MockServer) -> Vec<String> {
    let requests = server.received_requests().await.unwrap();
    requests.iter().map(|request| request.url.path().to_owned()).collect()
}

pub(crate) fn namespace(text: &str) -> Namespace {
    Namespace::new(text).unwrap()
}

pub(crate) fn name(text: &str) -> ObjectName {
    ObjectName::new(text).unwrap()
}

pub(crate) fn object(kind: GitOpsKind, of: &str, called: &str, spec: Value) -> GitOpsObject {
    let (namespace, name) = (namespace(of), name(called));
    GitOpsObject { kind, namespace, name, applied_by: None, owners: Vec::new(), spec, status: Value::Null }
}

/// A repository with this description of the release beside the plain manifest of [`WEB`], and a cluster that runs both.
pub(crate) async fn world(release: &str) -> World {
    let world = World::with(&[WEB], &[("shop", FILE, release)]).await.deploy(&[POD]);
    world.metrics["prod"].set(recorded(&[POD, WEB], quiet_millicores));
    world
}

pub(crate) fn with_facts(world: &World, change: impl FnOnce(&mut ClusterFacts)) {
    change(world.shown.lock().unwrap().get_mut(&POD.id().cluster).unwrap());
}

/// Flux applies the folder of the release, and its HelmRepository says this.
pub(crate) fn flux(world: &World, source: Option<Value>) {
    with_facts(world, |facts| {
        facts.git_repositories.push(FluxGitRepository {
            namespace: namespace("flux-system"),
            name: name("shop"),
            url: "https://local/acme/shop".to_owned(),
            reference: GitReference::Branch("main".to_owned()),
            revision: None,
        });
        facts.kustomizations.push(FluxKustomization {
            namespace: namespace("flux-system"),
            name: name("apps"),
            path: "./clusters/podinfo".to_owned(),
            source: ("GitRepository".to_owned(), namespace("flux-system"), "shop".to_owned()),
            target_namespace: None,
            suspended: false,
            overlay: None,
            substitutes: false,
            applied_revision: None,
            not_ready: None,
        });
        let source = source.map(|spec| object(GitOpsKind::HelmRepository, "flux-system", "podinfo", spec));
        facts.gitops_objects.extend(source);
    });
    release_of(world, &POD);
}

/// The HelmRelease of an app's name made it, and is applied with its folder.
pub(crate) fn release_of(world: &World, app: &App) {
    let by = AppliedBy::FluxKustomization { namespace: namespace("flux-system"), name: name("apps") };
    with_facts(world, |facts| {
        let release = object(GitOpsKind::HelmRelease, app.namespace, app.name, json!({}));
        facts.gitops_objects.push(GitOpsObject { applied_by: Some(by), ..release });
    });
    let by = AppliedBy::FluxHelmRelease { namespace: namespace(app.namespace), name: name(app.name) };
    applied(world, app, by);
}

pub(crate) fn applied(world: &World, app: &App, by: AppliedBy) {
    with_facts(world, |facts| {
        let live = facts.workloads.iter_mut().find(|workload| workload.id == app.id()).unwrap();
        live.applied_by = Some(by);
    });
}

/// A controller whose operator lists these repositories of charts, and whether it has a helm.
pub(crate) async fn controller(world: &World, listed: &[String]) -> (Edges, bool) {
    let mut kubeopt = world.controller("a").await;
    kubeopt.mappings = vec![WEB.mapping()];
    let folder = world.folder().join("charts");
    let text = format!("charts: [{}]\nstore: {{charts: '{}'}}\n", listed.join(", "), folder.display());
    let config = Config::parse(&text, "kubeopt.yaml", &[]).unwrap();
    kubeopt.charts = kubeopt_runtime::wiring::charts(&config).unwrap();
    let named = std::env::var_os("KUBEOPT_HELM").map(PathBuf::from);
    let helm = HelmBinary::find(named.as_deref()).await.ok();
    let has_helm = helm.is_some();
    kubeopt.renderer = Renderer::new(child(world.folder()), None, helm);
    (kubeopt, has_helm)
}

pub(crate) fn entry(url: &str) -> String {
    format!("{{url: '{url}'}}")
}

/// How the proposal for a file was proven.
pub(crate) fn proven_by(report: &PassReport, file: &str) -> String {
    let changes = |path: &str| path == file;
    let mut proposals = report.decided.proposals.iter();
    let proposal = proposals
        .find(|one| one.change_set.files.iter().any(|file| changes(file.path.as_str())))
        .unwrap_or_else(|| panic!("nothing is proposed for {file}: {:#?}", report.decided.left));
    assert_eq!(proposal.verifications.len(), 1);
    proposal.verifications[0].by.to_string()
}

/// Without helm, the proof says so.
pub(crate) fn is_not_rendered(report: &PassReport, file: &str) {
    let by = proven_by(report, file);
    assert!(by.starts_with("not rendered: "), "{by}");
}

/// The one file of the open pull request, before and after.
pub(crate) async fn changed(world: &World) -> (String, String) {
    let pull = world.the_open_one(&POD).await;
    let mut files = world.forge.changed_files(&POD.repository_id(), pull.number).await.unwrap();
    assert_eq!(files.len(), 1);
    let content = files.remove(0).content;
    (String::from_utf8(content.before).unwrap(), String::from_utf8(content.after).unwrap())
}
