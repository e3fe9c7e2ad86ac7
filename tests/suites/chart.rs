//! The chart: what Helm makes of it, what it allows kubeopt, and what the API server says to both.

mod agents;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::PostParams;
use kubeopt_api::config::{DatabaseConfig, SandboxLevel};
use kubeopt_cluster::{Cluster, ClusterConnect, Rule};
use kubeopt_model::{ClusterName, Namespace};
use kubeopt_tests::kubernetes::Kubernetes;
use kubeopt_tests::{OrFail, servers, servers_enabled, wait};
use serde::Deserialize as _;
use serde_json::{Value, json};

/// Where the tests install the chart.
pub(crate) const NAMESPACE: &str = "kubeopt-system";
/// The release; also the name of its service account.
pub(crate) const RELEASE: &str = "kubeopt";

/// Every value set to something else than its default.
const FULL: &str = r"
image: {repository: registry.example/kubeopt, tag: v9, pullPolicy: Always}
imagePullSecrets: [{name: registry}]
existingSecret: kubeopt-tokens
kubeconfigSecret: kubeopt-clusters
persistence: {enabled: true, size: 10Gi, storageClassName: fast}
serviceAccount: {create: true, name: bot, annotations: {example.com/role: reader}}
service: {port: 80}
serviceMonitor: {enabled: true, interval: 1m, labels: {release: prometheus}}
resources: {requests: {cpu: 1, memory: 1Gi}, limits: {memory: 2Gi}}
tmpSize: 1Gi
log: {level: debug}
podAnnotations: {example.com/a: b}
podLabels: {team: platform}
nodeSelector: {kubernetes.io/os: linux}
tolerations: [{key: infra, operator: Exists}]
affinity: {nodeAffinity: {}}
";

/// The same of node agents.
const FULL_AGENT: &str = r"
agent:
  enabled: true
  image: {repository: registry.example/kubeopt-agent, tag: v9, pullPolicy: Always}
  port: 9443
  external: {type: NodePort, annotations: {example.com/a: b}, loadBalancerSourceRanges: [203.0.113.0/24]}
  tls: {issuerRef: {name: internal, kind: ClusterIssuer}, dnsNames: [kubeopt.example]}
  tokenAudience: agents.example
  bufferSize: 128Mi
  forecast: false
  training: false
  gpu:
    deviceFiles: false
    dcgmUrl: http://$(NODE_IP):9400/metrics
    dcgmPeers: [{ipBlock: {cidr: 10.0.0.0/16}}]
  networkPolicy: {enabled: true, dns: [{ipBlock: {cidr: 10.0.0.10/32}}]}
  resources: {requests: {cpu: 20m}}
  priorityClassName: system-node-critical
  tolerations: [{key: infra, operator: Exists}]
  nodeSelector: {pool: shop}
  podAnnotations: {example.com/a: b}
  podLabels: {team: platform}
";

/// With node agents.
const AGENTS: &str = "agent: {enabled: true, tls: {secretName: agents-tls}}";

/// With node agents of another cluster too.
const SEVERAL: &str = include_str!("../../examples/agents-several-clusters.yaml");

/// Agents alone, which send to the kubeopt of another cluster.
const AGENTS_ALONE: &str = include_str!("../../examples/agents-other-cluster.yaml");

/// The rendered chart, as `helm template` gives it; `values` is YAML.
pub(crate) fn rendered(values: &str) -> String {
    try_render(values).unwrap_or_else(|error| panic!("helm template failed: {error}"))
}

fn try_render(values: &str) -> Result<String, String> {
    render_for(values, &[])
}

/// With more arguments of `helm template`.
fn render_for(values: &str, more: &[&str]) -> Result<String, String> {
    let folder = tempfile::tempdir().or_fail("make a folder for Helm");
    let file = folder.path().join("values.yaml");
    std::fs::write(&file, values).or_fail("write values");
    let values = file.display().to_string();
    let all = ["template", RELEASE, &chart(), "--namespace", NAMESPACE, "--values", &values];
    helm(folder.path(), &[&all[..], more].concat())
}

fn helm(home: &Path, args: &[&str]) -> Result<String, String> {
    let output = Command::new(servers::program("helm", "helm"))
        .args(args)
        .env_clear()
        .env("HOME", home)
        .output()
        .or_fail("run helm");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

fn chart() -> String {
    let folder: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", "charts", "kubeopt"].iter().collect();
    folder.display().to_string()
}

fn documents(yaml: &str) -> Vec<Value> {
    let documents = serde_yaml::Deserializer::from_str(yaml);
    documents
        .map(|document| Value::deserialize(document).or_fail("read rendered YAML"))
        .filter(|v| !v.is_null())
        .collect()
}

fn of_kind<'a>(documents: &'a [Value], kind: &str) -> &'a Value {
    let mut found = documents.iter().filter(|document| document["kind"] == kind);
    let first = found.next().unwrap_or_else(|| panic!("there is no {kind}"));
    assert!(found.next().is_none(), "there are several {kind}");
    first
}

/// Verbs by `where  resource`, one resource at a time, so that two ways of writing the same rules are equal.
type Allowed = BTreeMap<String, BTreeSet<String>>;

fn allow(allowed: &mut Allowed, place: &str, rule: &Rule) {
    for group in &rule.api_groups {
        for resource in &rule.resources {
            let resource = if group.is_empty() { resource.clone() } else { format!("{resource}.{group}") };
            let names = if rule.resource_names.is_empty() {
                String::new()
            } else {
                format!(" {:?}", rule.resource_names)
            };
            allowed
                .entry(format!("{place} {resource}{names}"))
                .or_default()
                .extend(rule.verbs.iter().cloned());
        }
    }
}

/// What the list says of the chart with its default values.
fn golden() -> Allowed {
    listed(|place| !matches!(place, "sampled" | "agents"))
}

/// What the list says where no Prometheus is named.
fn golden_without_prometheus() -> Allowed {
    golden_with("sampled")
}

/// What the list says where this is in use too.
fn golden_with(extra: &str) -> Allowed {
    let all = listed(|place| place == extra || !matches!(place, "sampled" | "agents")).into_iter();
    all.map(|(place, verbs)| (place.replacen(&format!("{extra} "), "cluster ", 1), verbs)).collect()
}

fn listed(is_meant: impl Fn(&str) -> bool) -> Allowed {
    let mut allowed = Allowed::new();
    for line in
        include_str!("../golden/rules.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let parts: Vec<&str> = line.split_whitespace().collect();
        let [place, verbs, resource @ ..] = &parts[..] else { panic!("not a rule: {line}") };
        if is_meant(place) {
            let verbs = verbs.split(',').map(str::to_owned).collect();
            allowed.insert(format!("{place} {}", resource.join(" ")), verbs);
        }
    }
    allowed
}

fn written_rules(role: &Value) -> Vec<Rule> {
    let texts = |rule: &Value, key: &str| -> Vec<String> {
        rule[key].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let rules = role["rules"].as_array().expect("a role has rules");
    rules
        .iter()
        .map(|rule| Rule {
            verbs: texts(rule, "verbs"),
            api_groups: texts(rule, "apiGroups"),
            resources: texts(rule, "resources"),
            resource_names: texts(rule, "resourceNames"),
            urls: texts(rule, "nonResourceURLs"),
        })
        .collect()
}

#[test]
fn chart_renders_with_default_and_with_all_values() {
    if !servers_enabled() {
        return;
    }
    let kinds = |values| -> BTreeSet<String> {
        let documents = documents(&rendered(values));
        documents.iter().map(|document| document["kind"].as_str().unwrap_or("?").to_owned()).collect()
    };
    let expected = [
        "ClusterRole",
        "ClusterRoleBinding",
        "ConfigMap",
        "Deployment",
        "PersistentVolumeClaim",
        "Role",
        "RoleBinding",
        "Service",
        "ServiceAccount",
    ];
    let expected: BTreeSet<String> = expected.into_iter().map(str::to_owned).collect();
    assert_eq!(kinds(""), expected);
    let mut with_monitor = expected.clone();
    with_monitor.insert("ServiceMonitor".to_owned());
    assert_eq!(kinds(FULL), with_monitor);

    let documents = documents(&rendered(FULL));
    let pod = &of_kind(&documents, "Deployment")["spec"]["template"];
    assert_eq!(pod["spec"]["serviceAccountName"], "bot");
    assert_eq!(pod["spec"]["containers"][0]["image"], "registry.example/kubeopt:v9");
    assert_eq!(pod["metadata"]["labels"]["team"], "platform");
    let mounts = pod["spec"]["containers"][0]["volumeMounts"].as_array().expect("there are mounts");
    let paths: BTreeSet<_> = mounts.iter().filter_map(|mount| mount["mountPath"].as_str()).collect();
    assert!(
        paths.is_superset(&BTreeSet::from(["/etc/kubeopt/secrets", "/etc/kubeopt/clusters"])),
        "{paths:?}"
    );
    with_monitor.extend(["DaemonSet", "NetworkPolicy", "Certificate"].map(str::to_owned));
    assert_eq!(kinds(&format!("{FULL}{FULL_AGENT}")), with_monitor);
    let folder = tempfile::tempdir().or_fail("make a folder for Helm");
    let report =
        helm(folder.path(), &["lint", "--strict", &chart()]).unwrap_or_else(|error| panic!("{error}"));
    assert!(report.contains("0 chart(s) failed"), "{report}");
}

#[test]
fn chart_writes_a_configuration_that_kubeopt_reads() {
    if !servers_enabled() {
        return;
    }
    let documents = documents(&rendered(""));
    let text = of_kind(&documents, "ConfigMap")["data"]["kubeopt.yaml"].as_str().expect("it holds the file");
    let config = kubeopt_api::Config::parse(text, "kubeopt.yaml", &[])
        .unwrap_or_else(|problems| panic!("{}", problems[0]));
    assert_eq!(config.listen.to_string(), "0.0.0.0:8080", "probes and the Service come from outside the pod");
    let in_volume = |path: &Path| path.starts_with("/var/lib/kubeopt");
    assert!(
        matches!(&config.store.database, DatabaseConfig::Sqlite(path) if in_volume(path)),
        "{:?}",
        config.store
    );
    assert!(config.bindings.is_empty(), "nothing may be edited before somebody says so");
    assert!(config.charts.is_empty(), "nothing may be fetched before somebody says so");
    assert_eq!(config.sandbox, SandboxLevel::Full);
}

#[test]
fn chart_hands_on_which_repositories_of_charts_may_be_asked() {
    if !servers_enabled() {
        return;
    }
    let values = "config: {charts: [{url: 'oci://registry.example/charts', basic: {username: robot, passwordFile: /etc/kubeopt/secrets/registry}}], sandbox: reduced}";
    let documents = documents(&rendered(values));
    let text = of_kind(&documents, "ConfigMap")["data"]["kubeopt.yaml"].as_str().expect("it holds the file");
    let config = kubeopt_api::Config::parse(text, "kubeopt.yaml", &[])
        .unwrap_or_else(|problems| panic!("{}", problems[0]));
    assert_eq!(config.charts[0].address, "oci://registry.example/charts");
    assert_eq!(config.sandbox, SandboxLevel::Reduced);
    // Where the chart mounts a volume.
    assert!(config.store.charts.starts_with("/var/lib/kubeopt"), "{:?}", config.store);
}

#[test]
fn chart_turns_away_values_that_it_does_not_know() {
    if !servers_enabled() {
        return;
    }
    let cases = [
        ("replicaCount: 2", "replicaCount"),
        ("persistence: {size: big}", "size"),
        ("config: {server: {listen: '0.0.0.0:9999'}}", "listen"),
        ("image: {repository: ''}", "repository"),
        ("config: {charts: [{url: charts.example}]}", "url"),
        ("config: {sandbox: none}", "sandbox"),
        ("agent: {enabled: true}", "agent.tls.secretName"),
        ("agent: {bufferSize: lots}", "bufferSize"),
        ("agent: {hostPID: true}", "hostPID"),
        ("agent: {networkPolicy: {dns: []}}", "dns"),
        ("agent: {gpu: {dcgmUrl: 'https://dcgm:9400/metrics'}}", "dcgmUrl"),
        ("agent: {gpu: {dcgmUrl: 'http://dcgm/metrics'}}", "dcgmUrl"),
        ("agent: {gpu: {dcgmPeers: [{}]}}", "dcgmPeers"),
        ("controller: {enabled: false}", "agent.enabled"),
        ("{controller: {enabled: false}, agent: {enabled: true}}", "agent.controller"),
        ("{controller: {enabled: false}, agent: {enabled: true, controller: 'a:1'}}", "agent.tls.secretName"),
        ("{agent: {enabled: true, controller: 'a:1', tls: {secretName: s}}}", "agent.controller"),
        ("agent: {controller: 'https://a:1'}", "controller"),
        ("agent: {external: {type: Public}}", "type"),
    ];
    for (values, key) in cases {
        let error = try_render(values).expect_err(values);
        assert!(error.contains(key), "{values}: {error}");
    }
}

#[test]
fn chart_allows_what_the_golden_list_says_and_nothing_else() {
    if !servers_enabled() {
        return;
    }
    let own_metrics = "config: {clusters: [{name: in-cluster, metrics: {metricsServer: {}}}]}";
    let unnamed = "config: {clusters: [{name: in-cluster}]}";
    let elsewhere = "config: {clusters: [{name: far, kubeconfig: {file: /etc/kubeopt/clusters/far}}]}";
    for (values, expected) in [
        ("", golden()),
        (elsewhere, golden()),
        (own_metrics, golden_without_prometheus()),
        (unnamed, golden_without_prometheus()),
        (AGENTS, golden_with("agents")),
        (SEVERAL, golden_with("agents")),
    ] {
        assert_eq!(allowed_by(&documents(&rendered(values))), expected, "{values}");
    }
}

/// What the roles of a rendered chart allow.
fn allowed_by(documents: &[Value]) -> Allowed {
    let cluster = written_rules(of_kind(documents, "ClusterRole"));
    for rule in &cluster {
        let is_question = rule.resources == ["tokenreviews"] && rule.verbs == ["create"];
        assert!(rule.reads_only() || is_question, "a cluster-wide rule writes: {rule}");
        assert!(
            !rule
                .resources
                .iter()
                .any(|resource| resource.contains('/') || resource == "secrets" || resource == "*")
        );
    }
    let mut allowed = Allowed::new();
    cluster.iter().for_each(|rule| allow(&mut allowed, "cluster", rule));
    written_rules(of_kind(documents, "Role")).iter().for_each(|rule| allow(&mut allowed, "own", rule));
    allowed
}

#[tokio::test]
async fn api_server_takes_the_chart_and_grants_what_the_golden_list_says() {
    if !servers_enabled() {
        return;
    }
    let kubernetes = Kubernetes::start_api_only().await;
    install(&kubernetes).await;
    kubernetes.namespace("shop").await;
    until_granted_as_listed(&kubernetes, "shop").await;
}

/// Waits until the API server grants the chart's account what the golden list says: in its own namespace all of it,
/// in another one what the list says of the whole cluster.
pub(crate) async fn until_granted_as_listed(kubernetes: &Kubernetes, other: &str) {
    let cluster = connect(kubernetes, NAMESPACE, RELEASE).await;
    let own = golden();
    let elsewhere: Allowed = own
        .iter()
        .filter(|(place, _)| place.starts_with("cluster "))
        .map(|(place, verbs)| (place.clone(), verbs.clone()))
        .collect();
    for (namespace, expected) in [(NAMESPACE, own), (other, elsewhere)] {
        // A new role takes a moment to reach the authorizer.
        wait::until("the granted rules to be those of the list", wait::RECONCILE, async || {
            let granted = granted(&cluster, namespace, &expected).await;
            if granted == expected { Ok(()) } else { Err(format!("in {namespace}: {granted:#?}")) }
        })
        .await;
    }
}

/// What the API server grants, without what it grants everybody: questions about oneself.
async fn granted(cluster: &Cluster, namespace: &str, expected: &Allowed) -> Allowed {
    let namespace = Namespace::new(namespace).or_fail("name a namespace");
    let reviewed = cluster.review_rules(&namespace).await.or_fail("review the rules");
    assert_eq!(reviewed.incomplete, None);
    let mut allowed = Allowed::new();
    for rule in &reviewed.rules {
        let about_oneself = rule
            .api_groups
            .iter()
            .all(|group| group.starts_with("authorization.") || group.starts_with("authentication."));
        if about_oneself {
            assert!(
                rule.resources.iter().all(|resource| resource.starts_with("selfsubject"))
                    || !rule.urls.is_empty(),
                "{rule}"
            );
            continue;
        }
        // The answer does not say whether a rule is from the cluster's role or the namespace's; the list does.
        let mut one = Allowed::new();
        allow(&mut one, "own", rule);
        for (place, verbs) in one {
            let resource = place.trim_start_matches("own ");
            let place =
                if expected.contains_key(&place) { place.clone() } else { format!("cluster {resource}") };
            allowed.entry(place).or_default().extend(verbs);
        }
    }
    allowed
}

#[tokio::test]
async fn api_server_takes_the_pod_where_the_restricted_standard_is_enforced() {
    if !servers_enabled() {
        return;
    }
    let kubernetes = Kubernetes::start_api_only().await;
    install(&kubernetes).await;
    let documents = documents(&rendered(FULL.replace("name: bot,", "name: kubeopt,").as_str()));
    let template = &of_kind(&documents, "Deployment")["spec"]["template"];
    let container = &template["spec"]["containers"][0];
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    assert_eq!(container["args"], json!(["run", "--config", "/etc/kubeopt/kubeopt.yaml"]));

    let pods: Api<Pod> = Api::namespaced(kubernetes.client().await, NAMESPACE);
    let mut pod = template.clone();
    pod["metadata"]["name"] = json!("kubeopt-0");
    let restricted: Pod = serde_json::from_value(pod.clone()).or_fail("read the pod");
    pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = json!(true);
    let lax: Pod = serde_json::from_value(pod).or_fail("read the pod");
    let refused = until_refused(&pods, &lax).await;
    assert!(refused.contains("PodSecurity"), "{refused}");
    // The standard is enforced by now.
    pods.create(&dry_run(), &restricted).await.or_fail("create the pod of the chart");
}

fn dry_run() -> PostParams {
    PostParams { dry_run: true, ..PostParams::default() }
}

/// Why the API server refuses a pod. Admission sees labels of a namespace a moment after they were written.
async fn until_refused(pods: &Api<Pod>, pod: &Pod) -> String {
    wait::until("the pod to be refused", wait::RECONCILE, async || match pods.create(&dry_run(), pod).await {
        Ok(_) => Err("it was taken".to_owned()),
        Err(refused) => Ok(refused.to_string()),
    })
    .await
}

/// Applies the chart with its default values, into a namespace that enforces the restricted standard.
pub(crate) async fn install(kubernetes: &Kubernetes) {
    install_with(kubernetes, "").await;
}

/// The same with values of its own.
pub(crate) async fn install_with(kubernetes: &Kubernetes, values: &str) {
    kubernetes.namespace(NAMESPACE).await;
    let enforce = json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}});
    kubernetes.patch(("v1", "Namespace"), ("", NAMESPACE), &enforce).await;
    kubernetes.apply(&rendered(values)).await;
}

/// A connection of kubeopt's, as a service account.
pub(crate) async fn connect(kubernetes: &Kubernetes, namespace: &str, account: &str) -> Cluster {
    let kubeconfig = kubernetes.service_account_kubeconfig(namespace, account).await;
    let name = ClusterName::new("test").or_fail("name a cluster");
    let wanted = ClusterConnect { name, kubeconfig: Some(kubeconfig), context: None };
    Cluster::connect(wanted).await.or_fail("connect to the cluster")
}
