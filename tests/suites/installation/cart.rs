//! A kustomize base and its overlay, whose patch sets what the base set before: the part that all stories share.

use super::{Marked, Requests};

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

/// The files (path, text).
pub(crate) const FILES: [(&str, &str); 4] = [
    ("apps/cart/base/kustomization.yaml", "resources: [cart.yaml]\n"),
    ("apps/cart/base/cart.yaml", BASE),
    ("apps/cart/overlays/prod/kustomization.yaml", OVERLAY),
    ("apps/cart/overlays/prod/resources.yaml", PATCH),
];

/// The entry point.
pub(crate) const ENTRY: &str = "apps/cart/overlays/prod";

/// The Deployment and its replicas.
pub(crate) const DEPLOYMENT: (&str, usize) = ("cart", 2);

/// Cores and bytes that its container uses.
pub(crate) const USAGE: (f64, f64) = (0.25, 400.0 * 1024.0 * 1024.0);

/// What a pull request has to change here.
pub(crate) const DIFF: &str = r"diff --git a/apps/cart/overlays/prod/resources.yaml b/apps/cart/overlays/prod/resources.yaml
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
";

/// What the body has to say of it.
pub(crate) const BODY_PARTS: [&str; 2] = [
    "| `deploy/cart` ×2 | cart | 800m → **290m** | 1Gi → **464Mi** | - |",
    "- `apps/cart/overlays/prod` rendered with kustomize v5.8.2 before and after: 2 fields of 1 container differ, nothing else.",
];

/// What the marker keeps of it.
pub(crate) const MARKED: [Marked; 2] = [
    ("shop/deploy/cart/cart", "requests.cpu", "800m", "290m"),
    ("shop/deploy/cart/cart", "requests.memory", "1Gi", "464Mi"),
];

/// What it requests after the merge.
pub(crate) const REQUESTS_AFTER: Requests = ("cart", "cart", ("290m", "464Mi"));
