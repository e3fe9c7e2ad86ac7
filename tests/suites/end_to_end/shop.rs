//! What the end-to-end test deploys: a repository with a plain folder and a kustomize overlay, and a fortnight of usage.

use k8s_openapi::api::core::v1::Pod;
use kubeopt_tests::usage::{Container, Shape, Usage};

pub(super) const NAMESPACE: &str = "shop";

const MIB: f64 = 1024.0 * 1024.0;

const DAY_S: i64 = 86_400;

/// A plain folder: `web` asks for far too much, its sidecar for what it needs.
const WEB: &str = r#"# The web shop. Owner: team shop.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
spec:
  replicas: 2
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
      - name: web
        image: registry.example/web:1
        resources:
          requests:
            cpu: "1"        # sized by hand in 2024
            memory: 2Gi
          limits:
            memory: 2Gi
      - name: proxy
        image: registry.example/proxy:1
        resources:
          requests: {cpu: 120m, memory: 128Mi}
"#;

/// Asks for far too much as well, and its owners said hands off.
const QUEUE: &str = r"apiVersion: apps/v1
kind: Deployment
metadata: {name: queue, namespace: shop}
spec:
  replicas: 1
  selector: {matchLabels: {app: queue}}
  template:
    metadata: {labels: {app: queue}}
    spec:
      containers:
      - name: queue
        image: registry.example/queue:1
        resources: {requests: {cpu: 2, memory: 4Gi}}
";

const BASE: &str = r"apiVersion: apps/v1
kind: Deployment
metadata:
  name: cart
spec:
  replicas: 2
  selector:
    matchLabels: {app: cart}
  template:
    metadata:
      labels: {app: cart}
    spec:
      containers:
      - name: cart
        image: registry.example/cart:1
        resources:
          requests:
            cpu: 200m
            memory: 256Mi
";

const OVERLAY: &str = r"namespace: shop
resources:
- ../../base
patches:
- path: resources.yaml
";

const PATCH: &str = r"apiVersion: apps/v1
kind: Deployment
metadata:
  name: cart
spec:
  template:
    spec:
      containers:
      - name: cart
        resources:
          requests:
            cpu: 800m   # Black Friday
            memory: 1Gi
";

const POLICY: &str = r"extends: kubeopt:balanced
pullRequests: {groupBy: single, labels: [rightsizing]}
overrides:
- match: {namespace: shop, kind: Deployment, name: queue}
  enabled: false
";

/// The repository (path, text).
pub(super) const FILES: [(&str, &str); 8] = [
    (".kubeopt.yaml", POLICY),
    ("README.md", "What runs in the shop.\n"),
    ("apps/plain/web.yaml", WEB),
    ("apps/plain/queue.yaml", QUEUE),
    ("apps/cart/base/kustomization.yaml", "resources: [cart.yaml]\n"),
    ("apps/cart/base/cart.yaml", BASE),
    ("apps/cart/overlays/prod/kustomization.yaml", OVERLAY),
    ("apps/cart/overlays/prod/resources.yaml", PATCH),
];

/// Flux Kustomizations (name, path).
pub(super) const ENTRIES: [(&str, &str); 2] =
    [("plain", "./apps/plain"), ("cart", "./apps/cart/overlays/prod")];

/// Deployments and their replicas.
pub(super) const DEPLOYMENTS: [(&str, usize); 3] = [("web", 2), ("queue", 1), ("cart", 2)];

/// What the pull request has to change, and nothing else.
pub(super) const DIFF: &str = r#"diff --git a/apps/cart/overlays/prod/resources.yaml b/apps/cart/overlays/prod/resources.yaml
--- a/apps/cart/overlays/prod/resources.yaml
+++ b/apps/cart/overlays/prod/resources.yaml
@@ -9,5 +9,5 @@ spec:
       - name: cart
         resources:
           requests:
-            cpu: 800m   # Black Friday
-            memory: 1Gi
+            cpu: 290m   # Black Friday
+            memory: 464Mi
diff --git a/apps/plain/web.yaml b/apps/plain/web.yaml
--- a/apps/plain/web.yaml
+++ b/apps/plain/web.yaml
@@ -17,8 +17,8 @@ spec:
         image: registry.example/web:1
         resources:
           requests:
-            cpu: "1"        # sized by hand in 2024
-            memory: 2Gi
+            cpu: "350m"        # sized by hand in 2024
+            memory: 576Mi
           limits:
             memory: 2Gi
       - name: proxy
"#;

/// What the body has to say: the values, why, what is left alone, and the proof.
pub(super) const BODY_PARTS: [&str; 7] = [
    "| `deploy/cart` ×2 | cart | 800m → **290m** | 1Gi → **464Mi** | - |",
    "| `deploy/web` ×2 | web | 1000m → **350m** | 2Gi → **576Mi** | 2Gi |",
    "samples of 4 pods, 100 % of the expected",
    "- `shop/deploy/queue/queue` - switched off by .kubeopt.yaml:5.",
    "- `shop/deploy/web/proxy` - the change would be too small to propose.",
    "- `apps/cart/overlays/prod` rendered with kustomize v5.8.2 before and after: 2 fields of 1 container differ, nothing else.",
    "- `apps/plain` parsed before and after: 2 fields of 1 container differ, nothing else.",
];

/// What the marker keeps: container, field, before, after.
pub(super) const MARKED: [(&str, &str, &str, &str); 4] = [
    ("shop/deploy/cart/cart", "requests.cpu", "800m", "290m"),
    ("shop/deploy/cart/cart", "requests.memory", "1Gi", "464Mi"),
    ("shop/deploy/web/web", "requests.cpu", "1", "350m"),
    ("shop/deploy/web/web", "requests.memory", "2Gi", "576Mi"),
];

/// Requests (CPU, memory) of each container after the merge.
pub(super) const REQUESTS_AFTER: [(&str, &str, (&str, &str)); 4] = [
    ("web", "web", ("350m", "576Mi")),
    ("web", "proxy", ("120m", "128Mi")),
    ("cart", "cart", ("290m", "464Mi")),
    ("queue", "queue", ("2", "4Gi")),
];

/// Cores and bytes that a container uses, always the same: the values that follow from them do not depend on the day.
fn usage_of(container: &str) -> (f64, f64) {
    match container {
        "web" => (0.3, 500.0 * MIB),
        "proxy" => (0.1, 100.0 * MIB),
        "cart" => (0.25, 400.0 * MIB),
        "queue" => (0.1, 200.0 * MIB),
        other => panic!("the shop has no container {other}"),
    }
}

/// Fourteen days of usage before now: the live pods for the last three, pods of an earlier ReplicaSet before them.
pub(super) fn usage(pods: &[Pod]) -> Usage {
    let now = k8s_openapi::jiff::Timestamp::now().as_second();
    let (begin, rollout) = (now - 14 * DAY_S, now - 3 * DAY_S);
    let mut usage = Usage::days_before(14, now);
    for pod in pods {
        let name = pod.metadata.name.as_deref().expect("a running pod has a name");
        let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
        for container in containers {
            usage = usage
                .container(used(name, &container.name).lived(rollout, now))
                .container(used(&predecessor(name), &container.name).lived(begin, rollout));
        }
    }
    usage
}

fn used(pod: &str, container: &str) -> Container {
    let (cores, bytes) = usage_of(container);
    Container::new(NAMESPACE, pod, container).cpu(Shape::flat(cores)).memory(Shape::flat(bytes))
}

/// A pod of the same Deployment that is gone: another ReplicaSet's hash, the same ending.
fn predecessor(pod: &str) -> String {
    let mut parts: Vec<&str> = pod.rsplitn(3, '-').collect();
    parts.reverse();
    let [deployment, _, ending] = parts[..] else { panic!("{pod} is not named by a Deployment") };
    format!("{deployment}-5d8c7b9f6d-{ending}")
}
