//! The objects that a description of a release refers to: among the same rendered documents, or in the same cluster.

use std::collections::BTreeMap;

use kubeopt_model::ClusterFacts;
use kubeopt_model::cluster::GitOpsKind;
use serde_json::{Value, json};

/// The `data` of a ConfigMap.
pub(super) type ConfigMap = BTreeMap<String, String>;

/// Where objects are looked up. A namespace that is not known matches any.
pub(super) trait Beside {
    /// The `spec` of a Flux source: HelmRepository, HelmChart, GitRepository, OCIRepository, Bucket.
    fn spec(&self, kind: &str, namespace: Option<&str>, name: &str) -> Option<Value>;

    /// The data of a ConfigMap.
    fn config_map(&self, namespace: Option<&str>, name: &str) -> Option<ConfigMap>;
}

/// A cluster shows sources; of its ConfigMaps kubeopt reads none.
impl Beside for ClusterFacts {
    fn spec(&self, kind: &str, namespace: Option<&str>, name: &str) -> Option<Value> {
        let is_it = |own: &str, of: &str| namespace.is_none_or(|asked| asked == own) && of == name;
        let kind = match kind {
            "GitRepository" => {
                let mut repositories = self.git_repositories.iter();
                let found =
                    repositories.find(|found| is_it(found.namespace.as_str(), found.name.as_str()))?;
                return Some(json!({"url": found.url}));
            }
            "HelmRepository" => GitOpsKind::HelmRepository,
            "HelmChart" => GitOpsKind::HelmChart,
            "OCIRepository" => GitOpsKind::OciRepository,
            _ => return None,
        };
        self.gitops(kind)
            .find(|found| is_it(found.namespace.as_str(), found.name.as_str()))
            .map(|found| found.spec.clone())
    }

    fn config_map(&self, _: Option<&str>, _: &str) -> Option<ConfigMap> {
        None
    }
}
