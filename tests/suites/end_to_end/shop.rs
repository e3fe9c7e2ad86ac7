//! What the end-to-end test deploys: a repository with a plain folder and a kustomize overlay, and a fortnight of usage.

use crate::installation::{Marked, Requests, Scene, cart};

pub(super) const NAMESPACE: &str = "shop";

const MIB: f64 = 1024.0 * 1024.0;

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

/// A quantile's values can be told from the usage at a glance.
pub(super) const POLICY: &str = r"extends: kubeopt:balanced
pullRequests: {groupBy: single, labels: [rightsizing]}
overrides:
- match: {namespace: shop, kind: Deployment, name: queue}
  enabled: false
sizing: {strategy: quantile}
";

/// Where it stands.
pub(super) const POLICY_FILE: &str = ".kubeopt.yaml";

/// The repository (path, text).
pub(super) fn files() -> Vec<(&'static str, &'static str)> {
    [(POLICY_FILE, POLICY)].into_iter().chain(files_of_a_stranger()).collect()
}

/// The same before it has a policy.
pub(super) fn files_of_a_stranger() -> Vec<(&'static str, &'static str)> {
    let plain = [
        ("README.md", "What runs in the shop.\n"),
        ("apps/plain/web.yaml", WEB),
        ("apps/plain/queue.yaml", QUEUE),
    ];
    plain.into_iter().chain(cart::FILES).collect()
}

/// Flux Kustomizations (name, path).
pub(super) const ENTRIES: [(&str, &str); 2] = [("plain", "./apps/plain"), ("cart", cart::ENTRY)];

/// What the pull request has to change in the plain folder.
const DIFF: &str = r#"diff --git a/apps/plain/web.yaml b/apps/plain/web.yaml
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

const BODY_PARTS: [&str; 5] = [
    "| `deploy/web` ×2 | web | 1000m → **350m** | 2Gi → **576Mi** | 2Gi |",
    "samples of 4 pods, 100 % of the expected",
    "- `shop/deploy/queue/queue` - switched off by .kubeopt.yaml:5.",
    "- `shop/deploy/web/proxy` - the change would be too small to propose.",
    "- `apps/plain` parsed before and after: 2 fields of 1 container differ, nothing else.",
];

const MARKED: [Marked; 2] = [
    ("shop/deploy/web/web", "requests.cpu", "1", "350m"),
    ("shop/deploy/web/web", "requests.memory", "2Gi", "576Mi"),
];

const REQUESTS_AFTER: [Requests; 3] = [
    ("web", "web", ("350m", "576Mi")),
    ("web", "proxy", ("120m", "128Mi")),
    ("queue", "queue", ("2", "4Gi")),
];

/// What kubeopt has to make of it.
pub(super) fn scene() -> Scene {
    Scene {
        namespace: NAMESPACE,
        deployments: vec![("web", 2), ("queue", 1), cart::DEPLOYMENT],
        usage_of,
        title: "Rightsize shop: 2 workloads",
        diff: format!("{}{DIFF}", cart::DIFF),
        body_parts: cart::BODY_PARTS.into_iter().chain(BODY_PARTS).collect(),
        marked: cart::MARKED.into_iter().chain(MARKED).collect(),
        requests_after: REQUESTS_AFTER.into_iter().chain([cart::REQUESTS_AFTER]).collect(),
    }
}

/// The pull request after people asked for a value and for the cart to be left alone.
const DIFF_AS_ASKED: &str = r#"diff --git a/apps/plain/web.yaml b/apps/plain/web.yaml
--- a/apps/plain/web.yaml
+++ b/apps/plain/web.yaml
@@ -17,8 +17,8 @@ spec:
         image: registry.example/web:1
         resources:
           requests:
-            cpu: "1"        # sized by hand in 2024
-            memory: 2Gi
+            cpu: "500m"        # sized by hand in 2024
+            memory: 576Mi
           limits:
             memory: 2Gi
       - name: proxy
"#;

/// What takes it back.
pub(super) const DIFF_BACK: &str = r#"diff --git a/apps/plain/web.yaml b/apps/plain/web.yaml
--- a/apps/plain/web.yaml
+++ b/apps/plain/web.yaml
@@ -17,8 +17,8 @@ spec:
         image: registry.example/web:1
         resources:
           requests:
-            cpu: "500m"        # sized by hand in 2024
-            memory: 576Mi
+            cpu: "1"        # sized by hand in 2024
+            memory: 2Gi
           limits:
             memory: 2Gi
       - name: proxy
"#;

/// What the repository asks for before anybody merges anything.
pub(super) const REQUESTS_BEFORE: [Requests; 4] = [
    ("web", "web", ("1", "2Gi")),
    ("web", "proxy", ("120m", "128Mi")),
    ("queue", "queue", ("2", "4Gi")),
    ("cart", "cart", ("800m", "1Gi")),
];

/// The same shop, of which people merge what they asked for.
pub(super) fn talked_about() -> Scene {
    let [_, proxy, queue, cart] = REQUESTS_BEFORE;
    Scene {
        diff: DIFF_AS_ASKED.to_owned(),
        requests_after: vec![("web", "web", ("500m", "576Mi")), proxy, queue, cart],
        ..scene()
    }
}

fn usage_of(container: &str) -> (f64, f64) {
    match container {
        "web" => (0.3, 500.0 * MIB),
        "proxy" => (0.1, 100.0 * MIB),
        "cart" => cart::USAGE,
        "queue" => (0.1, 200.0 * MIB),
        other => panic!("the shop has no container {other}"),
    }
}
