//! What an installation of Argo CD consists of, apart from its processes: kinds, settings and a project.

use super::NAMESPACE;
use crate::kubernetes::Kubernetes;
use crate::{OrFail, servers};

/// The kinds, by their file in the module.
const KINDS: [&str; 3] = ["application-crd.yaml", "applicationset-crd.yaml", "appproject-crd.yaml"];

/// Settings as the upstream manifests have them, without the lists that only spare load.
const SETTINGS: &str = r"apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-cm, namespace: argocd, labels: {app.kubernetes.io/part-of: argocd}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-rbac-cm, namespace: argocd, labels: {app.kubernetes.io/part-of: argocd}}
---
apiVersion: v1
kind: Secret
metadata: {name: argocd-secret, namespace: argocd, labels: {app.kubernetes.io/part-of: argocd}}
stringData: {server.secretkey: harness}
---
apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata: {name: default, namespace: argocd}
spec:
  sourceRepos: ['*']
  destinations: [{server: '*', namespace: '*'}]
  clusterResourceWhitelist: [{group: '*', kind: '*'}]
";

pub(super) async fn apply(kubernetes: &Kubernetes) {
    let folder = servers::folder("argocd").join("manifests/crds");
    for file in KINDS {
        let yaml = std::fs::read_to_string(folder.join(file)).or_fail("read one of Argo CD's kinds");
        kubernetes.apply(&yaml).await;
    }
    kubernetes.namespace(NAMESPACE).await;
    kubernetes.apply(SETTINGS).await;
}
