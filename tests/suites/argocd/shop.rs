//! What the tests of Argo CD deploy: charts with values in layers of files, in a file that another source lends and in
//! the Application itself, a kustomize overlay, and the Applications that point at them.

use kubeopt_tests::OrFail;
use kubeopt_tests::argocd::application;
use serde_json::{Value, json};

use crate::installation::{Marked, Requests, Scene, cart};

pub(super) const NAMESPACE: &str = "shop";

/// The Application of Applications.
pub(super) const PARENT: &str = "fleet";

/// The folder of its files.
pub(super) const APPLICATIONS: &str = "apps/argocd";

const MIB: f64 = 1024.0 * 1024.0;

/// A Deployment that needs no node.
pub(super) const DEPLOYMENT: &str = r"apiVersion: apps/v1
kind: Deployment
metadata: {name: $NAME}
spec:
  replicas: 0
  selector: {matchLabels: {app: $NAME}}
  template:
    metadata: {labels: {app: $NAME}}
    spec:
      containers:
      - name: main
        image: registry.example/main:1
        resources: {requests: {cpu: $CPU, memory: 256Mi}}
";

/// Values that the template names one by one.
const API: &str = r"apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}-api
spec:
  replicas: {{ .Values.api.replicas }}
  selector:
    matchLabels: {app: {{ .Release.Name }}-api}
  template:
    metadata:
      labels: {app: {{ .Release.Name }}-api}
    spec:
      containers:
      - name: api
        image: {{ .Values.api.image }}
        resources:
          requests:
            cpu: {{ .Values.api.resources.requests.cpu | quote }}
            memory: {{ .Values.api.resources.requests.memory }}
          {{- with .Values.api.resources.limits }}
          limits:
            {{- toYaml . | nindent 12 }}
          {{- end }}
";

/// Values that the template takes as they are.
const WORKER: &str = r"apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}-worker
spec:
  replicas: {{ .Values.worker.replicas }}
  selector:
    matchLabels: {app: {{ .Release.Name }}-worker}
  template:
    metadata:
      labels: {app: {{ .Release.Name }}-worker}
    spec:
      containers:
      - name: worker
        image: {{ .Values.worker.image }}
        resources:
          {{- toYaml .Values.worker.resources | nindent 10 }}
";

const VALUES: &str = r"# What every environment starts from.
api:
  replicas: 1
  image: registry.example/api:1
  resources:
    requests:
      cpu: 100m
      memory: 128Mi
worker:
  replicas: 2
  image: registry.example/worker:1
  resources: {}
";

const VALUES_PROD: &str = r#"# Production. Owner: team shop.
api:
  replicas: 2
  resources:
    requests:
      cpu: "1"        # sized by hand in 2024
      memory: 2Gi
    limits:
      memory: 2Gi
worker:
  resources:
    requests: {cpu: 800m, memory: 1Gi} # Black Friday
"#;

/// A chart that two Applications render, each with values of its own.
const TOOL: &str = r"apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
spec:
  replicas: 2
  selector:
    matchLabels: {app: {{ .Release.Name }}}
  template:
    metadata:
      labels: {app: {{ .Release.Name }}}
    spec:
      containers:
      - name: {{ .Release.Name }}
        image: registry.example/tool:1
        {{- with .Values.resources }}
        resources:
          {{- toYaml . | nindent 10 }}
        {{- end }}
";

/// Values in a file beside the chart, lent by a source of its own.
const SEARCH: &str = r"resources:
  requests:
    cpu: 800m
    memory: 1Gi
";

/// Values in the Application itself.
const MAIL: &str = r"apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: mail, namespace: argocd}
spec:
  project: default
  source:
    repoURL: $URL
    targetRevision: main
    path: apps/tool
    helm:
      valuesObject:
        resources:
          requests:
            cpu: 800m # nobody knows why
            memory: 1Gi
  destination: {server: https://kubernetes.default.svc, namespace: shop}
  syncPolicy: {automated: {prune: true, selfHeal: true}}
";

/// A quantile's values can be told from the usage at a glance.
const POLICY: &str = r"extends: kubeopt:balanced
pullRequests: {groupBy: single, labels: [rightsizing]}
sizing: {strategy: quantile}
";

/// The repository (path, text), apart from its Applications.
pub(super) fn files() -> Vec<(&'static str, &'static str)> {
    let chart = [
        (".kubeopt.yaml", POLICY),
        ("apps/shop/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 0.1.0\n"),
        ("apps/shop/values.yaml", VALUES),
        ("apps/shop/values-prod.yaml", VALUES_PROD),
        ("apps/shop/templates/api.yaml", API),
        ("apps/shop/templates/worker.yaml", WORKER),
        ("apps/tool/Chart.yaml", "apiVersion: v2\nname: tool\nversion: 0.1.0\n"),
        ("apps/tool/values.yaml", "resources: {}\n"),
        ("apps/tool/templates/deployment.yaml", TOOL),
        ("apps/values/search.yaml", SEARCH),
    ];
    chart.into_iter().chain(cart::FILES).collect()
}

/// The Applications that the parent finds in the repository.
pub(super) const CHILDREN: [&str; 4] = ["shop", "cart", "search", "mail"];

/// Their files (path, text).
pub(super) fn applications(clone_url: &str) -> Vec<(String, String)> {
    let source = |more: Value| {
        let mut source = json!({ "repoURL": clone_url, "targetRevision": "main" });
        for (key, value) in more.as_object().into_iter().flatten() {
            source[key] = value.clone();
        }
        source
    };
    let layers = json!({ "valueFiles": ["values.yaml", "values-prod.yaml"] });
    let lent = json!({ "valueFiles": ["$values/apps/values/search.yaml"] });
    let shop = source(json!({ "path": "apps/shop", "helm": layers }));
    let cart = source(json!({ "path": cart::ENTRY }));
    let search =
        json!([source(json!({ "path": "apps/tool", "helm": lent })), source(json!({ "ref": "values" }))]);
    let written = [("shop", shop), ("cart", cart), ("search", search)].map(|(name, source)| {
        let text = serde_yaml::to_string(&application(name, NAMESPACE, &source));
        (format!("{APPLICATIONS}/{name}.yaml"), text.or_fail("write an Application"))
    });
    let mail = (format!("{APPLICATIONS}/mail.yaml"), MAIL.replace("$URL", clone_url));
    written.into_iter().chain([mail]).collect()
}

/// Workload, its folder, what renders it, its Application: as `kubeopt get sources` has to tell them.
pub(super) const SOURCES: [(&str, &str, &str, &str); 5] = [
    ("shop/deploy/cart", cart::ENTRY, "kustomize", "cart"),
    ("shop/deploy/mail", "apps/tool", "helm", "mail"),
    ("shop/deploy/search", "apps/tool", "helm", "search"),
    ("shop/deploy/shop-api", "apps/shop", "helm", "shop"),
    ("shop/deploy/shop-worker", "apps/shop", "helm", "shop"),
];

/// What the pull request has to change in the Application that holds values.
const MAIL_DIFF: &str = r"diff --git a/apps/argocd/mail.yaml b/apps/argocd/mail.yaml
--- a/apps/argocd/mail.yaml
+++ b/apps/argocd/mail.yaml
@@ -11,7 +11,7 @@ spec:
       valuesObject:
         resources:
           requests:
-            cpu: 800m # nobody knows why
-            memory: 1Gi
+            cpu: 290m # nobody knows why
+            memory: 464Mi
   destination: {server: https://kubernetes.default.svc, namespace: shop}
   syncPolicy: {automated: {prune: true, selfHeal: true}}
";

/// What it has to change in files of values.
const DIFF: &str = r#"diff --git a/apps/shop/values-prod.yaml b/apps/shop/values-prod.yaml
--- a/apps/shop/values-prod.yaml
+++ b/apps/shop/values-prod.yaml
@@ -3,10 +3,10 @@ api:
   replicas: 2
   resources:
     requests:
-      cpu: "1"        # sized by hand in 2024
-      memory: 2Gi
+      cpu: "350m"        # sized by hand in 2024
+      memory: 576Mi
     limits:
       memory: 2Gi
 worker:
   resources:
-    requests: {cpu: 800m, memory: 1Gi} # Black Friday
+    requests: {cpu: 290m, memory: 464Mi} # Black Friday
diff --git a/apps/values/search.yaml b/apps/values/search.yaml
--- a/apps/values/search.yaml
+++ b/apps/values/search.yaml
@@ -1,4 +1,4 @@
 resources:
   requests:
-    cpu: 800m
-    memory: 1Gi
+    cpu: 290m
+    memory: 464Mi
"#;

const BODY_PARTS: [&str; 7] = [
    "| `deploy/mail` ×2 | mail | 800m → **290m** | 1Gi → **464Mi** | - |",
    "| `deploy/search` ×2 | search | 800m → **290m** | 1Gi → **464Mi** | - |",
    "| `deploy/shop-api` ×2 | api | 1000m → **350m** | 2Gi → **576Mi** | 2Gi |",
    "| `deploy/shop-worker` ×2 | worker | 800m → **290m** | 1Gi → **464Mi** | - |",
    // Built from its module, Helm does not know its patch version.
    "- `apps/shop` rendered with helm v4.3 before and after: 4 fields of 2 containers differ, nothing else.",
    "- `apps/tool` rendered with helm v4.3 before and after: 2 fields of 1 container differ, nothing else.",
    // All that its Applications render to, with what stands in the folders above.
    "- `apps/argocd` rendered with helm v4.3 before and after: 8 fields of 4 containers differ, nothing else.",
];

const MARKED: [Marked; 8] = [
    ("shop/deploy/mail/mail", "requests.cpu", "800m", "290m"),
    ("shop/deploy/mail/mail", "requests.memory", "1Gi", "464Mi"),
    ("shop/deploy/search/search", "requests.cpu", "800m", "290m"),
    ("shop/deploy/search/search", "requests.memory", "1Gi", "464Mi"),
    ("shop/deploy/shop-api/api", "requests.cpu", "1", "350m"),
    ("shop/deploy/shop-api/api", "requests.memory", "2Gi", "576Mi"),
    ("shop/deploy/shop-worker/worker", "requests.cpu", "800m", "290m"),
    ("shop/deploy/shop-worker/worker", "requests.memory", "1Gi", "464Mi"),
];

const REQUESTS_AFTER: [Requests; 4] = [
    ("shop-api", "api", ("350m", "576Mi")),
    ("shop-worker", "worker", ("290m", "464Mi")),
    ("search", "search", ("290m", "464Mi")),
    ("mail", "mail", ("290m", "464Mi")),
];

/// What kubeopt has to make of it.
pub(super) fn scene() -> Scene {
    Scene {
        namespace: NAMESPACE,
        deployments: vec![("shop-api", 2), ("shop-worker", 2), ("search", 2), ("mail", 2), cart::DEPLOYMENT],
        usage_of,
        title: "Rightsize shop: 5 workloads",
        diff: format!("{MAIL_DIFF}{}{DIFF}", cart::DIFF),
        body_parts: cart::BODY_PARTS.into_iter().chain(BODY_PARTS).collect(),
        marked: cart::MARKED.into_iter().chain(MARKED).collect(),
        requests_after: REQUESTS_AFTER.into_iter().chain([cart::REQUESTS_AFTER]).collect(),
    }
}

fn usage_of(container: &str) -> (f64, f64) {
    match container {
        "api" => (0.3, 500.0 * MIB),
        "worker" | "search" | "mail" => (0.25, 400.0 * MIB),
        "cart" => cart::USAGE,
        other => panic!("the shop has no container {other}"),
    }
}
