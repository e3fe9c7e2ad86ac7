//! The chart with node agents: what they may, what they reach, and who reaches kubeopt's port for them.

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kubeopt_tests::kubernetes::Kubernetes;
use kubeopt_tests::{OrFail, servers_enabled, wait};
use serde_json::{Value, json};

use super::{
    AGENTS, AGENTS_ALONE, NAMESPACE, RELEASE, SEVERAL, allow, documents, dry_run, golden_with, install_with,
    of_kind, render_for, rendered, try_render, until_refused,
};

#[test]
fn agents_run_on_all_nodes_with_as_little_as_they_need() {
    if !servers_enabled() {
        return;
    }
    let documents = documents(&rendered(AGENTS));
    let set = of_kind(&documents, "DaemonSet");
    let pod = &set["spec"]["template"]["spec"];
    let [container] = pod["containers"].as_array().map(Vec::as_slice).expect("containers") else {
        panic!("one container: {pod}")
    };
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    assert_eq!(pod["tolerations"], json!([{"operator": "Exists"}]));
    assert_eq!(
        container["securityContext"],
        json!({"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}})
    );
    for shared in ["hostPID", "hostNetwork", "hostIPC"] {
        assert!(pod[shared].is_null(), "{shared}");
    }
    // The node comes in as one folder, read-only; the key of the controller's certificate does not come in.
    let volumes = pod["volumes"].as_array().expect("volumes");
    let host: Vec<&Value> = volumes.iter().filter(|volume| !volume["hostPath"].is_null()).collect();
    assert_eq!(host.len(), 1);
    assert_eq!(host[0]["hostPath"]["path"], "/sys/fs/cgroup");
    let mounts = container["volumeMounts"].as_array().expect("mounts");
    let written: Vec<_> =
        mounts.iter().filter(|mount| mount["readOnly"] != true).map(|mount| &mount["name"]).collect();
    assert_eq!(written, ["buffer"]);
    let secret = volumes.iter().find(|volume| !volume["secret"].is_null()).expect("a Secret");
    assert_eq!(secret["secret"]["items"], json!([{"key": "ca.crt", "path": "ca.crt"}]));
    // Nothing binds a role to its account, and its token is for kubeopt only.
    let account = pod["serviceAccountName"].as_str().expect("an account of its own");
    for binding in documents.iter().filter(|document| document["subjects"].is_array()) {
        assert!(
            binding["subjects"]
                .as_array()
                .expect("subjects")
                .iter()
                .all(|subject| subject["name"] != account)
        );
    }
    let token = volumes.iter().find(|volume| !volume["projected"].is_null()).expect("a token");
    let audience = &token["projected"]["sources"][0]["serviceAccountToken"]["audience"];
    let listening: Value = {
        let text =
            of_kind(&documents, "ConfigMap")["data"]["kubeopt.yaml"].as_str().expect("it holds the file");
        serde_yaml::from_str(text).or_fail("read kubeopt.yaml")
    };
    assert_eq!(&listening["agents"]["tokenAudience"], audience);
    assert_eq!(listening["agents"]["serviceAccount"], format!("{NAMESPACE}/{account}"));
}

#[test]
fn agents_are_those_of_the_cluster_that_the_chart_is_in() {
    if !servers_enabled() {
        return;
    }
    let far = "{name: far, kubeconfig: {file: /etc/kubeopt/clusters/far}}";
    let named = |clusters: &str, more: &str| {
        let rendered = try_render(&format!("{AGENTS}\nconfig: {{clusters: [{clusters}]{more}}}"))?;
        let documents = documents(&rendered);
        let text =
            of_kind(&documents, "ConfigMap")["data"]["kubeopt.yaml"].as_str().expect("it holds the file");
        let config =
            kubeopt_api::Config::parse(text, "kubeopt.yaml", &[]).map_err(|all| all[0].to_string())?;
        Ok::<_, String>(config.agents.expect("agents").clusters[0].cluster.to_string())
    };
    assert_eq!(named(&format!("{far}, {{name: here}}"), "").as_deref(), Ok("here"));
    assert_eq!(named(&format!("{{name: here}}, {far}"), "").as_deref(), Ok("here"));
    assert_eq!(named(&format!("{{name: here}}, {far}"), ", agents: {cluster: far}").as_deref(), Ok("far"));
    let refused = named(far, "").expect_err("no entry is this cluster");
    assert!(refused.contains("config.clusters"), "{refused}");
}

fn named<'a>(documents: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let is_meant = |document: &&Value| document["kind"] == kind && document["metadata"]["name"] == name;
    documents.iter().find(is_meant).unwrap_or_else(|| panic!("there is no {kind} {name}"))
}

/// Arguments of the agents' container.
fn arguments(documents: &[Value]) -> String {
    of_kind(documents, "DaemonSet")["spec"]["template"]["spec"]["containers"][0]["args"].to_string()
}

#[test]
fn agents_of_another_cluster_come_in_at_a_port_of_their_own() {
    if !servers_enabled() {
        return;
    }
    let documents = documents(&rendered(SEVERAL));
    let text = of_kind(&documents, "ConfigMap")["data"]["kubeopt.yaml"].as_str().expect("it holds the file");
    let config = kubeopt_api::Config::parse(text, "kubeopt.yaml", &[])
        .unwrap_or_else(|problems| panic!("{}", problems[0]));
    let agents = config.agents.expect("agents");
    let [here, far] = &agents.clusters[..] else { panic!("two clusters: {agents:?}") };
    assert_eq!((here.cluster.as_str(), far.cluster.as_str()), ("home", "far"));
    assert!(far.spool.starts_with("/var/lib/kubeopt"), "on the volume: {far:?}");
    assert_eq!(far.tokens, here.tokens, "both releases have one name");
    let port = far.listen.port();
    let service = named(&documents, "Service", "kubeopt-agents-external");
    let ports = service["spec"]["ports"].as_array().expect("ports");
    let [of_far] = &ports[..] else { panic!("one cluster: {ports:?}") };
    assert_eq!((&service["spec"]["type"], &of_far["port"]), (&json!("LoadBalancer"), &json!(port)));
    let kubeopt = of_kind(&documents, "Deployment");
    let container = &kubeopt["spec"]["template"]["spec"]["containers"][0];
    let open = container["ports"].as_array().expect("ports").iter();
    let target = open.clone().find(|open| open["name"] == of_far["targetPort"]).expect("the port is open");
    assert_eq!(target["containerPort"], port);
    assert_eq!(open.count(), 3, "people, agents here, agents there");
    let policy = named(&documents, "NetworkPolicy", "kubeopt-agents");
    let rules = policy["spec"]["ingress"].as_array().expect("rules");
    let lets_in =
        |rule: &&Value| rule["ports"].to_string().contains(of_far["name"].as_str().expect("a name"));
    let rule = rules.iter().find(lets_in).expect("a rule for them");
    assert_eq!(rule["from"], Value::Null, "they are known by what they prove");
    // Agents of this cluster send to the port that they had.
    assert!(arguments(&documents).contains("-agents.kubeopt-system.svc:8443"));

    let nowhere = SEVERAL.replace("type: LoadBalancer", "type: ''");
    let refused = try_render(&nowhere).expect_err("nobody says how they come in");
    assert!(refused.contains("agent.external.type"), "{refused}");
    let refused = try_render(&SEVERAL.replace(", listen: \"0.0.0.0:8444\"", "")).expect_err("no port");
    assert!(refused.contains("config.agents.otherClusters"), "{refused}");
}

#[test]
fn a_release_without_kubeopt_has_agents_and_an_account_that_reads() {
    if !servers_enabled() {
        return;
    }
    let documents = documents(&rendered(AGENTS_ALONE));
    let kinds: Vec<&str> = documents.iter().filter_map(|document| document["kind"].as_str()).collect();
    for absent in ["Deployment", "Service", "ConfigMap", "PersistentVolumeClaim", "Role", "Certificate"] {
        assert!(!kinds.contains(&absent), "{kinds:?}");
    }
    assert!(arguments(&documents).contains("--controller=https://kubeopt.example.com:8444"));
    // The kubeopt of the other cluster reads with it, and asks it about tokens.
    let mut allowed = super::Allowed::new();
    let role = super::written_rules(of_kind(&documents, "ClusterRole"));
    role.iter().for_each(|rule| allow(&mut allowed, "cluster", rule));
    let mut expected = golden_with("agents");
    expected.retain(|place, _| place.starts_with("cluster "));
    assert_eq!(allowed, expected);
    let subjects = &of_kind(&documents, "ClusterRoleBinding")["subjects"];
    assert_eq!(subjects[0]["name"], RELEASE);
    named(&documents, "ServiceAccount", RELEASE);
    let policy = of_kind(&documents, "NetworkPolicy");
    let rule = &policy["spec"]["egress"][0];
    let there = json!([{"ipBlock": {"cidr": "203.0.113.7/32"}}]);
    assert_eq!(rule, &json!({"ports": [{"protocol": "TCP", "port": 8444}], "to": there}));
    let wide = AGENTS_ALONE.replace("- ipBlock: {cidr: 203.0.113.7/32}", "[]");
    let widened = super::documents(&rendered(&wide));
    let rule = &of_kind(&widened, "NetworkPolicy")["spec"]["egress"][0];
    assert_eq!(rule, &json!({"ports": [{"protocol": "TCP", "port": 8444}]}), "its port alone");
}

#[test]
fn what_agents_reach_and_who_reaches_their_port_is_limited() {
    if !servers_enabled() {
        return;
    }
    let documents = documents(&rendered(AGENTS));
    let policies = documents.iter().filter(|document| document["kind"] == "NetworkPolicy");
    let (out, into): (Vec<&Value>, Vec<&Value>) =
        policies.partition(|policy| policy["spec"]["policyTypes"] == json!(["Egress"]));
    let agents = &of_kind(&documents, "DaemonSet")["spec"]["selector"];
    let kubeopt = &of_kind(&documents, "Deployment")["spec"]["selector"];
    let [out, into] = [out, into].map(|found| {
        assert_eq!(found.len(), 1, "{found:?}");
        &found[0]["spec"]
    });
    assert_eq!((&out["podSelector"], &into["podSelector"]), (agents, kubeopt));
    let rules = out["egress"].as_array().expect("rules");
    for rule in rules {
        let to = rule["to"].as_array().expect("no rule is for all addresses");
        assert!(!to.is_empty() && to.iter().all(|peer| peer != &json!({})), "{rule}");
    }
    let ingress = into["ingress"].as_array().expect("rules");
    let to_agents_port = ingress.iter().filter(|rule| rule["ports"][0]["port"] == "agents");
    let from: Vec<_> = to_agents_port.map(|rule| &rule["from"]).collect();
    assert_eq!(from, [&json!([{ "podSelector": agents }])]);
    let names =
        of_kind(&documents, "Deployment")["spec"]["template"]["spec"]["containers"][0]["ports"].to_string();
    for rule in ingress {
        let port = rule["ports"][0]["port"].as_str().expect("a port by name");
        assert!(names.contains(&format!("\"name\":\"{port}\"")), "{names} {port}");
    }
}

#[test]
fn an_exporter_of_gpus_is_asked_and_reached_where_it_is_named() {
    if !servers_enabled() {
        return;
    }
    let gpu = "gpu: {dcgmUrl: 'http://$(NODE_IP):9400/metrics', dcgmPeers: [{ipBlock: {cidr: 10.0.0.0/16}}]}";
    let with = format!("agent: {{enabled: true, tls: {{secretName: agents-tls}}, {gpu}}}");
    for (values, asked) in [(AGENTS, false), (with.as_str(), true)] {
        let documents = documents(&rendered(values));
        let pod = &of_kind(&documents, "DaemonSet")["spec"]["template"]["spec"];
        let container = &pod["containers"][0];
        let arguments = container["args"].as_array().expect("arguments");
        assert!(arguments.contains(&json!("--sys-root=/sys")), "{arguments:?}");
        assert_eq!(arguments.contains(&json!("--dcgm-url=http://$(NODE_IP):9400/metrics")), asked);
        let variables = container["env"].as_array().expect("variables");
        let address = json!({"name": "NODE_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}});
        assert_eq!(variables.contains(&address), asked);
        let policies = documents.iter().filter(|document| document["kind"] == "NetworkPolicy");
        let rules: Vec<&Value> =
            policies.filter_map(|policy| policy["spec"]["egress"].as_array()).flatten().collect();
        let to_it = json!({
            "to": [{"ipBlock": {"cidr": "10.0.0.0/16"}}], "ports": [{"protocol": "TCP", "port": 9400}],
        });
        assert_eq!(rules.contains(&&to_it), asked, "{rules:?}");
    }
}

#[test]
fn what_lies_below_the_nodes_folder_is_read_only_where_the_cluster_knows_how() {
    if !servers_enabled() {
        return;
    }
    for (version, expected) in [("1.30.0", Value::Null), ("1.31.0", json!("IfPossible"))] {
        let rendered =
            render_for(AGENTS, &["--kube-version", version]).unwrap_or_else(|error| panic!("{error}"));
        let documents = documents(&rendered);
        let mounts =
            &of_kind(&documents, "DaemonSet")["spec"]["template"]["spec"]["containers"][0]["volumeMounts"];
        let cgroup = mounts.as_array().expect("mounts").iter().find(|mount| mount["name"] == "cgroup");
        let cgroup = cgroup.expect("the node's folder");
        assert_eq!(
            (&cgroup["readOnly"], &cgroup["recursiveReadOnly"]),
            (&json!(true), &expected),
            "{version}"
        );
    }
}

#[test]
fn agents_are_not_taken_for_kubeopt_and_find_it() {
    if !servers_enabled() {
        return;
    }
    let values =
        "agent: {enabled: true, port: 9443, tls: {issuerRef: {name: internal, kind: ClusterIssuer}}}";
    let documents = documents(&rendered(values));
    let agent_labels = &of_kind(&documents, "DaemonSet")["spec"]["template"]["metadata"]["labels"];
    let services = documents.iter().filter(|document| document["kind"] == "Service");
    let mut found = 0;
    for service in services {
        let selector = service["spec"]["selector"].as_object().expect("a selector");
        assert!(!selector.iter().all(|(key, value)| &agent_labels[key] == value), "{service} selects agents");
        found += 1;
    }
    assert_eq!(found, 2);
    let host = format!("{RELEASE}-agents.{NAMESPACE}.svc");
    let arguments =
        of_kind(&documents, "DaemonSet")["spec"]["template"]["spec"]["containers"][0]["args"].to_string();
    assert!(arguments.contains(&format!("--controller=https://{host}:9443")), "{arguments}");
    let certificate = of_kind(&documents, "Certificate");
    assert_eq!(certificate["spec"]["dnsNames"], json!([host]));
    let mounted = of_kind(&documents, "Deployment")["spec"]["template"]["spec"]["volumes"].to_string();
    let secret = certificate["spec"]["secretName"].as_str().expect("a Secret");
    assert!(mounted.contains(secret), "{mounted}");
}

#[tokio::test]
async fn the_nodes_folder_is_all_that_keeps_agents_from_the_restricted_standard() {
    if !servers_enabled() {
        return;
    }
    let kubernetes = Kubernetes::start_api_only().await;
    install_with(&kubernetes, AGENTS).await;
    let documents = documents(&rendered(AGENTS));
    let mut pod = of_kind(&documents, "DaemonSet")["spec"]["template"].clone();
    pod["metadata"]["name"] = json!("kubeopt-agent-0");
    let pod: Pod = serde_json::from_value(pod).or_fail("read the pod");
    let pods: Api<Pod> = Api::namespaced(kubernetes.client().await, NAMESPACE);
    let refused = until_refused(&pods, &pod).await;
    assert!(refused.contains("hostPath"), "{refused}");
    for other in ["allowPrivilegeEscalation", "runAsNonRoot", "seccompProfile", "capabilities", "hostPort"] {
        assert!(!refused.contains(other), "{refused}");
    }
    // What NOTES.txt says.
    let label = json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}});
    kubernetes.patch(("v1", "Namespace"), ("", NAMESPACE), &label).await;
    wait::until("the pod of an agent to be taken", wait::RECONCILE, async || {
        pods.create(&dry_run(), &pod).await.map_err(|refused| refused.to_string())
    })
    .await;
}
