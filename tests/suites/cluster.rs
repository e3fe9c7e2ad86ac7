//! What kubeopt sees of a real API server, under the permissions that the chart gives it, and who acts when there are two.

use std::time::Duration;

use kube::api::{ApiResource, DynamicObject, GroupVersionKind, PostParams};
use kubeopt_api::policy::{Asked, ClusterPolicies, explain_policy};
use kubeopt_cluster::{Leadership, LeaseTiming, Watched, Watches};
use kubeopt_model::{Bytes, ClusterFacts, MilliCores, Namespace, ObjectName, RepoPath, WorkloadId};
use kubeopt_tests::kubernetes::Kubernetes;
use kubeopt_tests::kwok::Kwok;
use kubeopt_tests::{OrFail, servers_enabled, wait};
use serde_json::json;

use crate::chart::{NAMESPACE, RELEASE, connect, install};

const SHOP: &str = r#"apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
  labels: {kustomize.toolkit.fluxcd.io/name: apps, kustomize.toolkit.fluxcd.io/namespace: flux-system}
  annotations: {kubeopt.dev/owner: web-team, example.com/other: "1"}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      initContainers:
      - {name: mesh, image: mesh, restartPolicy: Always, resources: {requests: {cpu: 0.1}}}
      containers:
      - name: web
        image: registry.example/web:1
        resources: {requests: {cpu: "0.5", memory: 256Mi}, limits: {memory: 512Mi}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: shop}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 2
  maxReplicas: 5
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}}]
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: report, namespace: shop}
spec:
  schedule: "0 3 1 1 *"
  jobTemplate:
    spec:
      template:
        spec: {restartPolicy: Never, containers: [{name: report, image: report}]}
---
apiVersion: v1
kind: LimitRange
metadata: {name: bounds, namespace: shop}
spec: {limits: [{type: Container, min: {memory: 16Mi}, max: {cpu: "4"}}]}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: quota, namespace: shop}
spec: {hard: {requests.cpu: "20"}}
"#;

/// Every way of writing a value, and an object with a key that does not exist.
const POLICIES: &str = r#"apiVersion: kubeopt.dev/v1alpha1
kind: RightsizingPolicy
metadata: {name: all}
spec:
  extends: kubeopt:balanced
  enabled: true
  exclude: {namespaces: [kube-*], labels: {tier: system}}
  sizing: {history: 28d, minRuns: 6, minCoverage: 90%, cpu: {quantile: 0.9, floor: 0.5}, memory: {floor: 64Mi}, limits: {cpu: none}}
  changes: {maxDecrease: 40%, minConfidence: 0.5}
  blackouts: [{cron: "0 18 * * FRI", duration: 62h, timezone: Europe/Berlin, reason: weekend}]
  pullRequests: {groupBy: team, maxOpen: 3, reviewers: codeowners, assignees: ["@ann"], draft: true, schedule: ["* 8-16 * * 1-4"]}
  commits: {signoff: true}
  approval: {large: {aboveMonthly: 500 USD, aboveRatio: 50%, approvers: 2}, label: approved}
  autoMerge: {enabled: true, environments: [dev], maxChange: 10%, minConfidence: 0.95, maxRisk: low, requireStatus: [ci]}
  rollout: {order: [dev, staging, prod], soak: 24h, waves: {clusters: [canary, "{eu,us}-*"]}, revertOn: {oomKills: 1}}
  watch: {soak: 2d, freeze: 7d, revert: propose, slo: {promql: avg(up), min: 0.99}}
  notifications: {least: warning, to: [ops]}
  reasoning: false
  overrides: [{match: {namespace: payments, kind: sts}, changes: {maxDecrease: 10%}}]
  allowedOverrides: ["*"]
  environments: [{name: prod, namespaces: [payments]}]
---
apiVersion: kubeopt.dev/v1alpha1
kind: RightsizingPolicy
metadata: {name: slip}
spec: {selectors: {namespaces: [web]}, changes: {maxDecrese: 10%}}
"#;

fn shop<'a>(facts: &'a ClusterFacts, short: &str) -> &'a kubeopt_model::Workload {
    let found = facts.workloads.iter().find(|w| w.id.namespace.as_str() == "shop" && w.id.short() == short);
    found.unwrap_or_else(|| panic!("there is no {short} in {:?}", facts.workloads))
}

#[tokio::test]
async fn facts_of_a_real_cluster_are_the_same_listed_and_watched() {
    if !servers_enabled() {
        return;
    }
    let kubernetes = Kubernetes::start().await;
    let kwok = Kwok::start(&kubernetes).await;
    kwok.nodes(&kubernetes, 1, ("4", "16Gi")).await;
    install(&kubernetes).await;
    kubernetes.namespace("shop").await;
    kubernetes.apply(SHOP).await;
    let pods = kubernetes.running_pods("shop", "app=web", 2, wait::RECONCILE).await;
    let victim = pods[0].metadata.name.clone().expect("a pod has a name");
    kubernetes.kill_for_memory("shop", &victim, "web").await;

    let cluster = connect(&kubernetes, NAMESPACE, RELEASE).await;
    let facts = wait::until("the role of the chart to count", wait::RECONCILE, async || {
        let facts = cluster.list_once().await.map_err(|error| error.to_string())?;
        let refused = facts.unseen.iter().find(|problem| problem.code == "E-CLU-003");
        refused.map_or(Ok(facts.clone()), |problem| Err(problem.text.clone()))
    })
    .await;

    let web = shop(&facts, "deploy/web");
    assert_eq!((web.replicas, web.containers.len()), (2, 2));
    assert_eq!(web.containers[1].resources.requests.cpu, Some(MilliCores(500)));
    assert_eq!(web.annotations.keys().collect::<Vec<_>>(), ["kubeopt.dev/owner"]);
    assert!(web.applied_by.is_some());
    let scaler = web.scaler.as_ref().expect("the HPA was joined");
    assert_eq!((scaler.max_replicas, scaler.targets[0].utilization_percent), (5, Some(70)));
    assert_eq!(shop(&facts, "cronjob/report").containers.len(), 1);
    let tops: Vec<_> = facts
        .pods
        .iter()
        .filter(|pod| pod.workload.as_ref().map(WorkloadId::short).as_deref() == Some("deploy/web"))
        .collect();
    assert_eq!(tops.len(), 2);
    let killed = tops.iter().find(|pod| pod.name == victim).expect("the killed pod is seen");
    assert_eq!(killed.oom_kills.iter().map(|kill| kill.limit).collect::<Vec<_>>(), [Some(Bytes::mebi(512))]);
    assert_eq!(facts.nodes.iter().map(|node| node.allocatable_cpu).collect::<Vec<_>>(), [MilliCores(4000)]);
    assert_eq!((facts.limit_ranges.len(), facts.quotas.len()), (1, 1));
    let unseen: Vec<_> = Watched::ALL.into_iter().filter(|kind| kind.is_unseen_in(&facts)).collect();
    let optional: Vec<_> = Watched::ALL.into_iter().filter(|kind| kind.is_optional()).collect();
    assert_eq!(unseen, optional);

    let mut watches = Watches::start(&cluster);
    assert!(watches.wait_until_synced(wait::START).await);
    wait::until("the watched facts to be the listed ones", wait::RECONCILE, async || {
        let listed = cluster.list_once().await.map_err(|error| error.to_string())?;
        let watched = watches.facts();
        let same = watched.workloads == listed.workloads && watched.pods == listed.pods;
        same.then_some(()).ok_or_else(|| format!("{watched:?}\nis not\n{listed:?}"))
    })
    .await;
    let more = json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "registry.example/web:1",
        "resources": {"requests": {"cpu": "120m", "memory": "256Mi"}}}]}}}});
    kubernetes.patch(("apps/v1", "Deployment"), ("shop", "web"), &more).await;
    let arrived = async {
        while shop(&watches.facts(), "deploy/web").containers[1].resources.requests.cpu
            != Some(MilliCores(120))
        {
            watches.changed().await;
        }
    };
    tokio::time::timeout(wait::RECONCILE, arrived).await.or_fail("see the new request");
}

/// Short, so that a lapse is waited for; leases count in whole seconds.
const TIMING: LeaseTiming = LeaseTiming {
    lasts: Duration::from_secs(4),
    renew_within: Duration::from_secs(3),
    retry_every: Duration::from_millis(300),
};

#[tokio::test]
async fn of_two_controllers_one_acts_and_the_other_takes_over() {
    if !servers_enabled() {
        return;
    }
    let kubernetes = Kubernetes::start_api_only().await;
    install(&kubernetes).await;
    let cluster = connect(&kubernetes, NAMESPACE, RELEASE).await;
    let (namespace, lease) = (
        Namespace::new(NAMESPACE).or_fail("name a namespace"),
        ObjectName::new("kubeopt").or_fail("name a lease"),
    );
    let candidate = |name: &str| Leadership::start(&cluster, &namespace, &lease, name, TIMING);
    let within = |what: &'static str| format!("{what} within {} s", wait::RECONCILE.as_secs());

    let first = candidate("first");
    tokio::time::timeout(wait::RECONCILE, first.acquired()).await.or_fail(&within("lead"));
    let second = candidate("second");
    assert!(first.is_leader() && !second.is_leader());

    // In good order: the next one leads without waiting for a lapse.
    first.release().await.or_fail("give the lease away");
    assert!(!first.is_leader());
    tokio::time::timeout(wait::RECONCILE, second.acquired()).await.or_fail(&within("take over"));
    assert!(second.problem().is_none());

    // In no order at all: the lease lapses.
    let third = candidate("third");
    assert!(second.is_leader() && !third.is_leader());
    drop(second);
    tokio::time::timeout(wait::RECONCILE, third.acquired()).await.or_fail(&within("take over after a lapse"));
    let written = kubernetes.get("coordination.k8s.io/v1", "Lease", NAMESPACE, "kubeopt").await;
    let spec = &written.expect("the Lease is there").data["spec"];
    assert!(spec["holderIdentity"].as_str().is_some_and(|holder| holder.starts_with("third_")), "{spec}");
    assert_eq!(spec["leaseTransitions"], 2);

    // Who cannot renew does not lead.
    kubernetes.api_server().kill();
    tokio::time::timeout(wait::RECONCILE, third.lost()).await.or_fail(&within("stop leading"));
    assert!(!third.is_leader());
}

#[tokio::test]
async fn policies_of_a_real_cluster_are_read_as_they_are_written_and_a_slip_is_kept_and_told() {
    if !servers_enabled() {
        return;
    }
    let kubernetes = Kubernetes::start_api_only().await;
    kubernetes.apply(include_str!("../../charts/kubeopt/crds/rightsizingpolicies.yaml")).await;
    install(&kubernetes).await;
    kubernetes.apply(POLICIES).await;
    let kind = ApiResource::from_gvk_with_plural(
        &GroupVersionKind::gvk("kubeopt.dev", "v1alpha1", "RightsizingPolicy"),
        "rightsizingpolicies",
    );
    let api = kube::Api::<DynamicObject>::all_with(kubernetes.client().await, &kind);
    for (spec, told) in [
        (json!({"enabled": "perhaps"}), "spec.enabled"),
        (json!({"changes": {"maxDecrease": 0.4}}), "spec.changes.maxDecrease"),
        (json!({"autoMerge": {"environments": ["qa"]}}), "spec.autoMerge.environments"),
        (json!({"sizing": {"cpu": {"quantile": 0}}}), "spec.sizing.cpu.quantile"),
    ] {
        let wrong = DynamicObject::new("wrong", &kind).data(json!({"spec": spec}));
        let refused = api.create(&PostParams::default(), &wrong).await.expect_err(told);
        assert!(refused.to_string().contains(told), "{refused}");
    }

    let cluster = connect(&kubernetes, NAMESPACE, RELEASE).await;
    let facts = wait::until("the role of the chart to count", wait::RECONCILE, async || {
        let facts = cluster.list_once().await.map_err(|error| error.to_string())?;
        match Watched::Policies.unknown_in(&facts) {
            Some(problem) => Err(problem.text.clone()),
            None => Ok(facts),
        }
    })
    .await;
    let held: Vec<(&str, i64)> =
        facts.policies.iter().map(|policy| (policy.name.as_str(), policy.generation)).collect();
    assert_eq!(held, [("all", 1), ("slip", 1)]);
    let mut policies = ClusterPolicies::default();
    policies.take(&facts.policies, None, kubeopt_policy::PRESETS);
    let told: Vec<String> = policies.problems().into_iter().map(|problem| problem.text).collect();
    assert_eq!(
        told,
        [
            "unknown key `changes.maxDecrese`",
            "RightsizingPolicy/slip is not read: nothing is proposed in what it selects meanwhile",
        ]
    );
    let path = RepoPath::new("apps/api.yaml").or_fail("a path");
    let layers: Vec<_> = policies.layers().into_iter().take(1).collect();
    let policy = explain_policy(&layers, Asked::Path(&path)).policy;
    assert_eq!((policy.changes.max_decrease, policy.approval.approvers, policy.reasoning), (0.4, 2, false));
    assert_eq!(policy.set_by["changes.maxDecrease"], "RightsizingPolicy/all");
}
