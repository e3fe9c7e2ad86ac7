//! Flux Kustomizations and GitRepositories: where the objects of a cluster come from.

use kubeopt_model::Namespace;
use kubeopt_model::cluster::{FluxGitRepository, FluxKustomization, GitReference};

use super::object::{Object, Unreadable};
use crate::error::shortened;
use crate::seen::Seen;
use crate::wire;

/// Keys of a Kustomization's spec that kustomize-controller merges into the kustomization it builds, and that mean the
/// same there.
const OVERLAY_KEYS: [&str; 5] = ["patches", "components", "images", "namePrefix", "nameSuffix"];

/// An overlay is a handful of patches; one of this size is data that does not belong there.
const OVERLAY_BYTES_MAX: usize = 64 * 1024;

/// The branch that source-controller follows where `spec.ref` names nothing
/// (`github.com/fluxcd/source-controller/api/v1/gitrepository_types.go`).
const FLUX_DEFAULT_BRANCH: &str = "master";

/// Reads a Kustomization.
pub(super) fn read_kustomization(object: &Object) -> Result<Seen, Unreadable> {
    let spec: wire::KustomizationSpec = object.part("spec")?;
    let status: wire::KustomizationStatus = object.part_or_empty("status")?;
    let namespace = object.namespace()?;
    let source = &spec.source_ref;
    let source_namespace = match &source.namespace {
        Some(other) => Namespace::new(other.as_str())?,
        None => namespace.clone(),
    };
    Ok(Seen::Kustomization(Box::new(FluxKustomization {
        overlay: overlay(&spec)?,
        source: (source.kind.clone(), source_namespace, source.name.clone()),
        namespace,
        name: object.name.clone(),
        target_namespace: spec.target_namespace.map(Namespace::new).transpose()?,
        suspended: spec.suspend,
        substitutes: spec.post_build.is_some_and(|value| !value.is_null()),
        applied_revision: status.last_applied_revision,
        not_ready: not_ready(&status.conditions),
        path: spec.path,
    })))
}

/// The spec's own part of the kustomization, as a fragment of `kustomization.yaml`.
fn overlay(spec: &wire::KustomizationSpec) -> Result<Option<String>, Unreadable> {
    let parts: std::collections::BTreeMap<_, _> = OVERLAY_KEYS
        .into_iter()
        .filter_map(|key| spec.rest.get(key).filter(|value| !is_empty(value)).map(|value| (key, value)))
        .collect();
    if parts.is_empty() {
        return Ok(None);
    }
    let yaml = serde_yaml::to_string(&parts).map_err(|_| Unreadable::Missing("overlay that is YAML"))?;
    if yaml.len() > OVERLAY_BYTES_MAX {
        return Err(Unreadable::TooLarge {
            what: "patches and images",
            have: yaml.len(),
            most: OVERLAY_BYTES_MAX,
        });
    }
    Ok(Some(yaml))
}

fn is_empty(value: &serde_json::Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty) || value.as_str() == Some("")
}

fn not_ready(conditions: &[wire::Condition]) -> Option<String> {
    let ready = conditions.iter().find(|condition| condition.kind == "Ready")?;
    let message = ready.message.as_deref().unwrap_or("not ready");
    (ready.status != "True").then(|| shortened(message))
}

/// Reads a GitRepository.
pub(super) fn read_git_repository(object: &Object) -> Result<Seen, Unreadable> {
    let spec: wire::GitRepositorySpec = object.part("spec")?;
    let status: wire::GitRepositoryStatus = object.part_or_empty("status")?;
    Ok(Seen::GitRepository(FluxGitRepository {
        namespace: object.namespace()?,
        name: object.name.clone(),
        url: spec.url,
        reference: reference(spec.reference),
        revision: status.artifact.and_then(|artifact| artifact.revision),
    }))
}

/// The order in which source-controller looks: commit, name, semver, tag, branch.
fn reference(written: wire::GitRef) -> GitReference {
    let wire::GitRef { branch, tag, semver, name, commit } = written;
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    if let Some(commit) = given(commit) {
        return GitReference::Pinned(commit);
    }
    if let Some(name) = given(name) {
        return match name.strip_prefix("refs/heads/") {
            Some(branch) => GitReference::Branch(branch.to_owned()),
            None => GitReference::Pinned(name),
        };
    }
    if let Some(pinned) = given(semver).or_else(|| given(tag)) {
        return GitReference::Pinned(pinned);
    }
    GitReference::Branch(given(branch).unwrap_or_else(|| FLUX_DEFAULT_BRANCH.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::kinds::Watched;
    use crate::read::testing::read_json;

    fn kustomization(spec: Value, status: Value) -> FluxKustomization {
        let object =
            json!({"metadata": {"name": "apps", "namespace": "flux-system"}, "spec": spec, "status": status});
        match read_json(Watched::Kustomizations, object) {
            Ok(Seen::Kustomization(kustomization)) => *kustomization,
            other => panic!("not a kustomization: {other:?}"),
        }
    }

    #[test]
    fn a_kustomization_tells_its_source_and_what_it_adds() {
        let seen = kustomization(
            json!({"path": "./apps/prod", "sourceRef": {"kind": "GitRepository", "name": "gitops"}, "interval": "5m",
                "patches": [{"patch": "- op: remove\n  path: /x", "target": {"kind": "Deployment"}}], "images": [],
                "postBuild": {"substitute": {"cpu": "1"}}, "targetNamespace": "shop"}),
            json!({"lastAppliedRevision": "main@sha1:1", "conditions": [{"type": "Ready", "status": "False", "message": "boom"}]}),
        );
        assert_eq!(
            (seen.source.0.as_str(), seen.source.1.as_str(), seen.source.2.as_str()),
            ("GitRepository", "flux-system", "gitops")
        );
        let overlay = seen.overlay.unwrap();
        assert!(overlay.starts_with("patches:\n") && !overlay.contains("images"), "{overlay}");
        assert!(seen.substitutes && !seen.suspended);
        assert_eq!(seen.not_ready.as_deref(), Some("boom"));
        assert_eq!(seen.target_namespace.as_ref().map(Namespace::as_str), Some("shop"));
        let plain = kustomization(
            json!({"sourceRef": {"kind": "Bucket", "name": "b", "namespace": "other"}}),
            Value::Null,
        );
        assert_eq!((plain.overlay, plain.substitutes, plain.not_ready), (None, false, None));
        assert_eq!((plain.path.as_str(), plain.source.1.as_str()), ("", "other"));
    }

    #[test]
    fn an_overlay_beyond_its_limit_is_quarantined() {
        let patch = "x".repeat(OVERLAY_BYTES_MAX);
        let object = json!({"metadata": {"name": "apps", "namespace": "flux-system"},
            "spec": {"sourceRef": {"kind": "GitRepository", "name": "g"}, "patches": [{"patch": patch}]}});
        assert!(
            read_json(Watched::Kustomizations, object).unwrap_err().text.contains("patches and images take")
        );
    }

    #[test]
    fn references_are_read_in_the_order_of_source_controller() {
        let cases = [
            (json!({}), GitReference::Branch("master".to_owned())),
            (json!({"branch": "main"}), GitReference::Branch("main".to_owned())),
            (json!({"branch": "main", "tag": "v1"}), GitReference::Pinned("v1".to_owned())),
            (json!({"tag": "v1", "semver": ">=1"}), GitReference::Pinned(">=1".to_owned())),
            (json!({"name": "refs/heads/env/prod"}), GitReference::Branch("env/prod".to_owned())),
            (json!({"name": "refs/pull/1/head"}), GitReference::Pinned("refs/pull/1/head".to_owned())),
            (json!({"branch": "main", "commit": "abc"}), GitReference::Pinned("abc".to_owned())),
        ];
        for (written, expected) in cases {
            assert_eq!(reference(serde_json::from_value(written).unwrap()), expected);
        }
    }
}
